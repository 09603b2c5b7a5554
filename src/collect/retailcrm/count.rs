//! What the CRM itself counts, to hold our own counts against: one request, no facts.

use chrono::TimeDelta;

use super::RetailCrm;
use super::wire::{to_local, v5};
use crate::clock::Instant;
use crate::collect::{CollectError, SOURCE_ORDERS};

impl RetailCrm {
    /// Orders made in `[from, until)` by the CRM's own count. Meant for whole days of the account's zone: the filter of the
    /// API may look at days only. `None` where they are no such days, or the answer does not count.
    ///
    /// # Errors
    /// As any reading of orders.
    pub async fn count_orders(&self, from: Instant, until: Instant) -> Result<Option<u64>, CollectError> {
        let zone = self.account(SOURCE_ORDERS).await?.zone;
        let (first, end) = (to_local(from, zone), to_local(until, zone));
        if !(first.ends_with("00:00:00") && end.ends_with("00:00:00")) {
            return Ok(None);
        }
        // Both ends of the filter are included, and it knows whole seconds.
        let last = to_local(until - TimeDelta::seconds(1), zone);
        let query =
            vec![("limit", "20".to_owned()), ("filter[createdAtFrom]", first), ("filter[createdAtTo]", last)];
        let answer = self.crm.get(self.asker(SOURCE_ORDERS), "/api/v5/orders", &query).await?;
        Ok(v5::pages(&answer).map(|pages| pages.total_count))
    }
}
