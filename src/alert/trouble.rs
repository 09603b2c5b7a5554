//! What makes two findings the same trouble, and which is told first. What a trouble is and how it is said stand with the texts.

pub use crate::render::notices::Trouble;

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
            Self::DeadlineMissed { job, run_id, .. } | Self::CaughtUp { job, run_id, .. } => {
                format!("{}/{job}/{run_id}", self.kind())
            }
            Self::DeliveryDead { chat, reason, .. } => format!("{}/{chat}/{reason}", self.kind()),
            Self::DeliveryMaybeLost { chat, .. }
            | Self::DeliveryStuck { chat, .. }
            | Self::MarkupRefused { chat, .. } => format!("{}/{chat}", self.kind()),
            Self::TelegramDown { .. } => self.kind().to_owned(),
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
            Self::MarkupRefused { .. } | Self::CorrectionFailed { .. } => 2,
            Self::CaughtUp { .. } => 1,
        }
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
