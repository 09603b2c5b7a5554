//! The daily digest from facts.

use std::cmp::Reverse;
use std::time::Duration;

use chrono::TimeDelta;

use super::baseline::{WEEKS, weekday_mean};
use super::behaviour;
use super::chat_lists::chat_lists;
use super::digest::{ChannelBlock, Compared, DailyDigest, ManagerBlock, Summary};
use super::figures::{Figures, Ground};
use super::headline::{Scale, Standing};
use super::waiting::waiting;
use super::{Period, WorkCalendar};
use crate::clock::Instant;
use crate::facts::{CoverageSpan, Facts};

/// Stands for whoever should have been assigned; shown to managers.
pub(super) const NOBODY: &str = "Не назначен";

/// Limits that turn a number into a warning; all configurable.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Thresholds {
    /// `first_response_secs` above this is slow.
    pub slow_first_reply: Duration,
    /// A customer's last word older than this without a reply is a follow-up gap (wall clock).
    pub follow_up_gap: Duration,
    /// Fall of `response_ratio` worth a warning, 0..1.
    pub response_ratio_drop: f64,
    /// `no_reply_chats ÷ inbound_chats` above this is worth a warning, 0..1.
    pub no_reply_ratio: f64,
    /// Team median of the first response above this is worth a warning.
    pub first_response_median: Duration,
    /// An order later than this after the conversation started is not linked to it.
    pub order_link_window: Duration,
    /// Falls of `spin_completeness` and of the share of conversations with questions about difficulties or about the value
    /// of a solution, 0..1, and of `questions_per_chat`, that are worth a warning.
    pub spin_completeness_drop: f64,
    pub spin_stage_drop: f64,
    pub questions_drop: f64,
    /// Less than this is worth a warning by itself: `spin_completeness`, 0..1, and `questions_per_chat`.
    pub spin_completeness_low: f64,
    pub questions_low: f64,
    /// «Ждут ответа сейчас» is shown only when chats are known up to this long before now.
    pub waiting_max_age: Duration,
}

/// Everything the digest is made from.
#[derive(Debug, Clone)]
pub struct DailyInputs<'a> {
    /// Facts from [`DailyInputs::window`] on.
    pub facts: &'a Facts,
    pub period: Period,
    pub slot_at: Instant,
    /// The moment of the run.
    pub now: Instant,
    pub public_id: String,
    pub calendar: &'a WorkCalendar,
    pub thresholds: Thresholds,
    /// What is known of chats and of orders; `None` = never read through.
    pub chats: Option<CoverageSpan>,
    pub orders: Option<CoverageSpan>,
    /// Lateness worth telling, in seconds.
    pub late_secs: Option<i64>,
}

/// The window of facts that the digest of `period` needs: baselines of four weeks and the order link before them.
/// Its end is `now`, because of the list of those who wait now.
pub fn window(period: &Period, thresholds: &Thresholds, now: Instant) -> (Instant, Instant) {
    let first = period.earlier(7 * WEEKS).from;
    let link = TimeDelta::from_std(thresholds.order_link_window).unwrap_or(TimeDelta::MAX);
    (first.checked_sub_signed(link).unwrap_or(first), now)
}

/// Computes the digest.
pub fn daily(inputs: &DailyInputs<'_>) -> DailyDigest {
    let ground = Ground::new(inputs);
    let period = &inputs.period;
    let current = ground.figures(period);
    let previous = ground.figures(&period.earlier(1));
    let weekdays: Vec<Figures> =
        (1..=WEEKS).map(|weeks| ground.figures(&period.earlier(7 * weeks))).collect();
    let waiting = waiting(&ground);

    let compared = |summary: &dyn Fn(&Figures) -> Summary| Compared {
        current: summary(&current),
        previous: summary(&previous),
        weekday: weekday_mean(&whole(&weekdays, summary)),
    };
    let team = compared(&Figures::team);
    let standing = Standing {
        figures: &current,
        current: &team.current,
        previous: &team.previous,
        weekdays: &whole(&weekdays, &Figures::team),
        thresholds: &inputs.thresholds,
        scale: Scale::DAY,
    };
    let headline = standing.headline();
    let warnings = [standing.warnings(), behaviour::warnings(&ground)].concat();

    let waits_for = |id| waiting.iter().flatten().filter(|(holder, _)| *holder == id).count() as u64;
    let mut managers: Vec<ManagerBlock> = current
        .managers
        .keys()
        .map(|&id| ManagerBlock {
            id,
            name: id.map_or_else(|| NOBODY.to_owned(), |id| inputs.facts.directory.name(id)),
            numbers: compared(&|figures| figures.manager(id)),
            waiting_now: waits_for(id),
        })
        .collect();
    managers.sort_by_cached_key(|block| {
        let chats = block.numbers.current.chats.as_ref().map_or(0, |chats| chats.chats);
        (block.id.is_none(), Reverse(chats), block.name.clone(), block.id)
    });

    DailyDigest {
        public_id: inputs.public_id.clone(),
        period: *period,
        day_on: period.from_on,
        slot_at: inputs.slot_at,
        computed_at: inputs.now,
        late_secs: inputs.late_secs,
        chat_coverage: current.chats,
        order_coverage: current.orders,
        chats_known_until: inputs.chats.map(|span| span.until),
        orders_known_until: inputs.orders.map(|span| span.until),
        headline,
        team,
        managers,
        channels: channels(&ground, &current, &previous),
        waiting: waiting.map(|list| list.into_iter().map(|(_, entry)| entry).collect()),
        warnings,
        lists: chat_lists(&ground, &current),
        currency: ground.currency,
    }
}

/// A subject's summaries in those periods, each side only where it was wholly known.
pub(super) fn whole(days: &[Figures], summary: &dyn Fn(&Figures) -> Summary) -> Vec<Summary> {
    days.iter().map(|day| day.whole(summary(day))).collect()
}

pub(super) fn channels(ground: &Ground<'_>, current: &Figures, previous: &Figures) -> Vec<ChannelBlock> {
    let mut blocks: Vec<ChannelBlock> = current
        .channels
        .keys()
        .map(|&id| {
            let channel = id.and_then(|id| ground.channels.get(&id));
            ChannelBlock {
                id,
                kind: channel.map(|channel| channel.kind.clone()).unwrap_or_default(),
                name: channel.and_then(|channel| channel.name.clone()),
                current: current.channel(id),
                previous: previous.channel(id),
            }
        })
        .collect();
    blocks.sort_by_cached_key(|block| {
        let chats = block.current.as_ref().map_or(0, |chats| chats.chats);
        (Reverse(chats), block.kind.clone(), block.name.clone(), block.id)
    });
    blocks
}
