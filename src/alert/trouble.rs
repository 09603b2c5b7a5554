//! What makes two findings the same trouble, and which is told first. What a trouble is and how it is said stand with the texts.

pub use crate::render::notices::{Trouble, Vital};

/// How urgent a trouble is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Told once, without a sound, and not in the quiet hours.
    Info,
    /// Joins the morning summary.
    Warn,
    /// Told at once, whatever the hour.
    Page,
}

impl Trouble {
    /// Bounded kind, for the incident row and for telemetry.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::RunFailed { .. } => "run_failed",
            Self::CorrectionFailed { .. } => "correction_failed",
            Self::SourceDown { .. } => "source_down",
            Self::SourceRefused { .. } => "source_refused",
            Self::DeliveryDead { .. } => "delivery_dead",
            Self::DeliveryMaybeLost { .. } => "delivery_maybe_lost",
            Self::DeliveryStuck { .. } => "delivery_stuck",
            Self::TelegramDown { .. } => "telegram_down",
            Self::MarkupRefused { .. } => "markup_refused",
            Self::DeadlineMissed { .. } => "deadline_missed",
            Self::CaughtUp { .. } => "caught_up",
            Self::SlotsSkipped { .. } => "slots_skipped",
            Self::DeadlineAtRisk { .. } => "deadline_at_risk",
            Self::SourceStale { .. } => "source_stale",
            Self::SchemaSurprise { .. } => "schema_surprise",
            Self::PriceUnknown { .. } => "price_unknown",
            Self::QualityDoubtful { .. } => "quality_doubtful",
            Self::Strained { vital: Vital::Disk, .. } => "disk_low",
            Self::Strained { vital: Vital::Memory, .. } => "memory_high",
            Self::Strained { vital: Vital::Clock, .. } => "clock_skew",
            Self::Strained { vital: Vital::Database, .. } => "database_slow",
            Self::Strained { vital: Vital::CrmLimit, .. } => "crm_limit_near",
            Self::StoreTrouble { .. } => "store_trouble",
            Self::Many { .. } => "many",
        }
    }

    /// Stable identity: `run_failed/daily`. Sources behind one access
    /// are one trouble, whether they are down or refuse us.
    pub fn key(&self) -> String {
        match self {
            Self::SourceDown { access, .. } | Self::SourceRefused { access, .. } => {
                format!("source/{access}")
            }
            Self::RunFailed { job, .. } | Self::CorrectionFailed { job, .. } => {
                format!("{}/{job}", self.kind())
            }
            Self::DeadlineMissed { job, run_id, .. }
            | Self::DeadlineAtRisk { job, run_id, .. }
            | Self::CaughtUp { job, run_id, .. } => format!("{}/{job}/{run_id}", self.kind()),
            Self::SlotsSkipped { job, .. } | Self::QualityDoubtful { job, .. } => {
                format!("{}/{job}", self.kind())
            }
            Self::SourceStale { source, .. } | Self::SchemaSurprise { source, .. } => {
                format!("{}/{source}", self.kind())
            }
            // A machine speaks for itself: another worker's word must not end it.
            Self::Strained { host, .. } => format!("{}/{host}", self.kind()),
            Self::DeliveryDead { chat, reason, .. } => format!("{}/{chat}/{reason}", self.kind()),
            Self::DeliveryMaybeLost { chat, .. }
            | Self::DeliveryStuck { chat, .. }
            | Self::MarkupRefused { chat, .. } => format!("{}/{chat}", self.kind()),
            Self::TelegramDown { .. } | Self::PriceUnknown { .. } => self.kind().to_owned(),
            Self::StoreTrouble { reason } => format!("{}/{reason}", self.kind()),
            Self::Many { of, .. } => format!("{}/{of}", self.kind()),
        }
    }

    /// What is told first when not everything can be: the higher the sooner.
    pub fn weight(&self) -> u8 {
        match self {
            Self::TelegramDown { .. } => 9,
            Self::SourceRefused { .. } => 8,
            Self::Many { .. } => 7,
            Self::DeadlineMissed { .. } => 6,
            Self::RunFailed { .. } | Self::StoreTrouble { .. } => 5,
            Self::DeliveryDead { .. } | Self::DeliveryMaybeLost { .. } => 4,
            Self::SourceDown { .. } | Self::DeliveryStuck { .. } => 3,
            Self::SlotsSkipped { .. } | Self::SourceStale { .. } | Self::DeadlineAtRisk { .. } => 3,
            Self::Strained { .. } => 3,
            Self::MarkupRefused { .. } | Self::CorrectionFailed { .. } => 2,
            Self::SchemaSurprise { .. } | Self::PriceUnknown { .. } | Self::QualityDoubtful { .. } => 2,
            Self::CaughtUp { .. } => 1,
        }
    }

    /// How urgent it is. It may change while an incident lasts: the key does not hold it.
    pub fn severity(&self) -> Severity {
        match self {
            Self::CaughtUp { .. } | Self::MarkupRefused { .. } | Self::CorrectionFailed { .. } => {
                Severity::Info
            }
            Self::SchemaSurprise { .. } | Self::PriceUnknown { .. } | Self::QualityDoubtful { .. } => {
                Severity::Warn
            }
            Self::Strained { vital, value, .. } => match vital {
                Vital::Disk if *value <= 3 => Severity::Page,
                Vital::Clock if value.unsigned_abs() >= 60 => Severity::Page,
                _ => Severity::Warn,
            },
            _ => Severity::Page,
        }
    }

    /// It tells of what failed for good, and that must be heard whatever becomes of it.
    pub fn tells_failures(&self) -> bool {
        matches!(
            self,
            Self::RunFailed { .. }
                | Self::CorrectionFailed { .. }
                | Self::DeliveryDead { .. }
                | Self::DeliveryMaybeLost { .. }
                | Self::DeadlineMissed { .. }
                | Self::SourceDown { .. }
                | Self::SourceRefused { .. }
                | Self::CaughtUp { .. }
                | Self::Many { .. }
        )
    }

    /// Both tell the same failed run, be it in other words.
    pub fn is_same_run(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::RunFailed { run_id, .. }, Self::RunFailed { run_id: other, .. }) => run_id == other,
            _ => false,
        }
    }

    /// The chat whose own delivery is in trouble: an incident about the ops chat cannot be told in it.
    pub fn broken_chat(&self) -> Option<&str> {
        match self {
            Self::DeliveryDead { chat, .. }
            | Self::DeliveryMaybeLost { chat, .. }
            | Self::DeliveryStuck { chat, .. } => Some(chat),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Instant;

    #[test]
    fn the_key_names_the_trouble_and_neither_time_nor_count() {
        let dead = |count, last_at| Trouble::DeliveryDead {
            chat: "managers".to_owned(),
            reason: "blocked".to_owned(),
            count,
            public_ids: vec![],
            last_at,
        };
        let early = Instant::UNIX_EPOCH;
        assert_eq!(dead(1, early).key(), "delivery_dead/managers/blocked");
        assert_eq!(dead(1, early).key(), dead(9, early + chrono::TimeDelta::hours(1)).key());
    }

    #[test]
    fn a_trouble_survives_its_way_through_the_store() {
        let trouble = Trouble::SourceRefused {
            access: "retailcrm_api".to_owned(),
            sources: vec!["retailcrm_orders".to_owned()],
            reason: "unauthorized".to_owned(),
            since: Instant::UNIX_EPOCH,
            jobs: vec!["daily".to_owned()],
        };
        let detail = serde_json::to_value(&trouble).unwrap();
        assert_eq!(serde_json::from_value::<Trouble>(detail).unwrap(), trouble);
    }
}
