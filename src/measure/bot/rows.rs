//! The values of the bot's digest, for trends.

use super::digest::{BotDigest, BotSummary};
use crate::measure::digest::Ratio;
use crate::measure::history::Row;

/// Rows of the subject `bot`; ratios as 0..1, sums in minor units. Nothing of a period that is not known at all.
pub fn bot_rows(digest: &BotDigest) -> Vec<Row> {
    let Some(current) = &digest.current else { return Vec::new() };
    let is_complete = digest.events_coverage.is_complete();
    let row = |(measure, value)| ("bot".to_owned(), measure, value, is_complete);
    let tokens = digest.spending.as_ref().zip(digest.tokens_coverage).map(|(spending, coverage)| {
        let value = Some(spending.tokens_used as f64);
        ("bot".to_owned(), "tokens_used", value, coverage.is_complete())
    });
    values(current).into_iter().map(row).chain(tokens).collect()
}

fn values(of: &BotSummary) -> Vec<(&'static str, Option<f64>)> {
    let ratio = |ratio: Option<Ratio>| ratio.map(Ratio::value);
    vec![
        ("dau_mean", of.dau_mean),
        ("active_users", Some(of.active_users as f64)),
        ("new_users", Some(of.new_users as f64)),
        ("retention_d1", ratio(of.retention_d1)),
        ("retention_d7", ratio(of.retention_d7)),
        ("retention_d30", ratio(of.retention_d30)),
        ("stickiness", of.stickiness),
        ("searches", Some(of.searches as f64)),
        ("searches_empty_ratio", ratio(of.searches_empty_ratio)),
        ("carts_created", Some(of.carts_created as f64)),
        ("gmv", Some(of.gmv.0 as f64)),
        ("average_cart", of.average_cart.map(|money| money.0 as f64)),
        ("carts_per_user", of.carts_per_user),
        ("errors", Some(of.errors as f64)),
        ("error_ratio", ratio(of.error_ratio)),
    ]
}
