//! What the sender tells logs and telemetry: ids, names and reasons, never a text.

use chrono::TimeDelta;
use metrics::{counter, histogram};

use super::decide::Decision;
use super::outcome::{Observed, classify};
use super::telegram::{Answer, NoAnswer};
use crate::store::StoreError;
use crate::store::outbox::DeliveryRow;
use crate::store::reconcile::SweepResult;

/// A delivery was dealt with and that is on record.
pub fn recorded(row: &DeliveryRow, decision: &Decision, took: TimeDelta) {
    let (outcome, reason) = match *decision {
        Decision::Sent { .. } => ("sent", "ok"),
        Decision::Retry { reason, .. } => ("retried", reason),
        Decision::Dead { reason } => ("dead", reason),
        Decision::Unknown { reason, .. } => ("unknown", reason),
    };
    counter!("svodka_deliveries_total", "outcome" => outcome, "reason" => reason).increment(1);
    histogram!("svodka_delivery_duration_seconds").record(took.as_seconds_f64());
    let (id, chat, duration_ms) = (row.id, row.chat.as_str(), took.num_milliseconds());
    match decision {
        Decision::Sent { .. } => {
            tracing::info!(delivery.id = id, chat.name = chat, duration_ms, "delivery {id} is sent");
        }
        Decision::Retry { at, .. } => {
            tracing::warn!(
                delivery.id = id,
                chat.name = chat,
                reason,
                duration_ms,
                "delivery {id} goes again at {at}"
            );
        }
        Decision::Unknown { reason: "unknown_outcome", .. } => {
            tracing::debug!(delivery.id = id, chat.name = chat, "delivery {id} is being looked for");
        }
        Decision::Unknown { settle_at, .. } => {
            tracing::warn!(
                delivery.id = id,
                chat.name = chat,
                reason,
                duration_ms,
                "whether delivery {id} arrived is unknown; looked at again at {settle_at}"
            );
        }
        Decision::Dead { .. } => {
            tracing::error!(delivery.id = id, chat.name = chat, reason, duration_ms, "delivery {id} is dead");
        }
    }
}

/// What Telegram or the network said, where the bounded reason does not say it all.
pub fn told(row: &DeliveryRow, result: &Result<Answer, NoAnswer>) {
    let (id, chat) = (row.id, row.chat.as_str());
    match (result, classify(result)) {
        (Err(error), _) => {
            tracing::debug!(delivery.id = id, chat.name = chat, error = %error, "no answer to delivery {id}");
        }
        (Ok(answer), Observed::Refused { reason: reason @ ("refused" | "forbidden") }) => {
            let status = answer.status;
            tracing::warn!(delivery.id = id, chat.name = chat, reason, status, told = %answer.description, "Telegram refused delivery {id} in words we do not know");
        }
        _ => {}
    }
}

/// A late look for the first copy of a repeat.
pub fn looked_back(row: &DeliveryRow, result: &SweepResult) {
    let (id, chat) = (row.id, row.chat.as_str());
    match result {
        SweepResult::Settled { message_id: Some(_) } => {
            counter!("svodka_repeats_removed_total").increment(1);
            tracing::info!(
                delivery.id = id,
                chat.name = chat,
                "delivery {id} had arrived twice; one copy is deleted"
            );
        }
        SweepResult::Settled { message_id: None } | SweepResult::Again { is_failure: false, .. } => {}
        SweepResult::GivenUp => {
            tracing::warn!(
                delivery.id = id,
                chat.name = chat,
                reason = "maybe_doubled",
                "whether delivery {id} arrived twice cannot be found out or mended"
            );
        }
        SweepResult::Again { at, .. } => {
            tracing::debug!(
                delivery.id = id,
                chat.name = chat,
                "the first copy of delivery {id} is looked for again at {at}"
            );
        }
    }
}

/// Somebody else holds the delivery by now.
pub fn fenced(row: &DeliveryRow) {
    counter!("svodka_deliveries_total", "outcome" => "fenced", "reason" => "fenced").increment(1);
    tracing::debug!(
        delivery.id = row.id,
        chat.name = row.chat.as_str(),
        "delivery {} is no longer ours",
        row.id
    );
}

/// The result of a send could not be written yet.
pub fn record_failed(row: &DeliveryRow, error: &StoreError) {
    tracing::warn!(
        delivery.id = row.id,
        chat.name = row.chat.as_str(),
        reason = error.reason(),
        "cannot record delivery {}, trying again",
        row.id
    );
}
