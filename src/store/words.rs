//! The words that stand for enums in tables, logs and replies.

use std::fmt::Display;
use std::str::FromStr;

use super::files::FileKind;
use super::outbox::{DeliveryState, Policy};
use super::runs::{Origin, RunState};
use super::{Result, StoreError};

macro_rules! words {
    ($type:ident { $($variant:ident = $word:literal),+ $(,)? }) => {
        impl $type {
            /// The word that is stored, logged and shown to operators.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl FromStr for $type {
            type Err = String;
            fn from_str(word: &str) -> Result<Self, Self::Err> {
                match word {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(format!("`{word}` is none of {:?}", [$($word),+])),
                }
            }
        }
    };
}

words!(Origin { Cron = "cron", Manual = "manual", Correction = "correction" });
words!(RunState {
    Planned = "planned",
    Running = "running",
    Succeeded = "succeeded",
    Failed = "failed",
    Skipped = "skipped",
});
words!(Policy { AtLeastOnce = "at_least_once", AtMostOnce = "at_most_once" });
words!(FileKind { Photo = "photo", Document = "document" });
words!(DeliveryState {
    Pending = "pending",
    Sending = "sending",
    Sent = "sent",
    Dead = "dead",
    Unknown = "unknown",
});

/// Reads a stored word; one that means nothing is [`StoreError::Inconsistent`].
pub(super) fn parse<T: FromStr<Err = String>>(
    word: &str,
    table: &'static str,
    column: &'static str,
    row: impl Display,
) -> Result<T> {
    word.parse().map_err(|why| StoreError::Inconsistent { table, column, row: row.to_string(), why })
}
