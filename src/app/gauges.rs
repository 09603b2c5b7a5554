//! Gauges of what stands in the store: how old sources are, what waits in the outbox, when each job last succeeded.
//!
//! With several workers on one database each says the same; whoever looks takes the largest.

use std::collections::BTreeMap;

use crate::clock::Instant;
use crate::store::outbox::DeliveryState;
use crate::store::{Result, Store};

/// Rows looked at; more of them are one trouble anyway.
const MOST: i64 = 1000;

/// Sets the gauges from what stands in the store now.
pub async fn measure(store: &Store, now: Instant) -> Result<()> {
    for row in store.list_sources().await? {
        if let Some(at) = row.last_success_at {
            let age = (now - at).as_seconds_f64();
            metrics::gauge!("svodka_source_age_seconds", "source" => row.name.clone()).set(age);
        }
        if let Some(span) = &row.coverage {
            let age = (now - span.until).as_seconds_f64();
            metrics::gauge!("svodka_source_coverage_age_seconds", "source" => row.name.clone()).set(age);
        }
        let failing = f64::from(u8::from(row.failing_since.is_some()));
        metrics::gauge!("svodka_source_failing", "source" => row.name).set(failing);
    }
    let waiting = [DeliveryState::Pending, DeliveryState::Sending, DeliveryState::Unknown];
    let rows = store.list_deliveries(&waiting, MOST).await?;
    for state in waiting {
        let count = rows.iter().filter(|row| row.state == state).count();
        metrics::gauge!("svodka_outbox_messages", "state" => state.as_str()).set(count as f64);
    }
    let oldest = rows.iter().map(|row| row.created_at).min();
    let age = oldest.map_or(0.0, |at| (now - at).as_seconds_f64());
    metrics::gauge!("svodka_outbox_age_seconds").set(age);
    for run in store.last_successes().await? {
        if let Some(at) = run.finished_at {
            let at = at.timestamp() as f64;
            metrics::gauge!("svodka_job_last_success_timestamp_seconds", "job" => run.job).set(at);
        }
    }
    let mut open: BTreeMap<&str, u32> = BTreeMap::new();
    for row in store.list_open_incidents().await? {
        let way = if row.acknowledged_at.is_some() { "acknowledged" } else { "new" };
        *open.entry(way).or_default() += 1;
    }
    for way in ["acknowledged", "new"] {
        let count = open.get(way).copied().unwrap_or_default();
        metrics::gauge!("svodka_incidents_waiting", "state" => way).set(f64::from(count));
    }
    Ok(())
}
