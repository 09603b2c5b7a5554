//! What the text analysis says of a message, without the text.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One bit per statement about a message; definitions in `docs/metrics.md` and `docs/text-analysis.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Marks(pub u32);

/// Marks by message id. A message that was not analysed (no text, not yet) is not in it.
pub type MarksOf = BTreeMap<i64, Marks>;

impl Marks {
    // Of a manager's message.
    pub const SPIN_S: Self = Self(1);
    pub const SPIN_P: Self = Self(1 << 1);
    pub const SPIN_I: Self = Self(1 << 2);
    pub const SPIN_N: Self = Self(1 << 3);
    pub const NEXT_STEP: Self = Self(1 << 4);
    pub const UPSELL: Self = Self(1 << 5);
    pub const STAGE_GREETING: Self = Self(1 << 6);
    pub const STAGE_NEEDS: Self = Self(1 << 7);
    pub const STAGE_PRESENTATION: Self = Self(1 << 8);
    pub const STAGE_OBJECTION: Self = Self(1 << 9);
    pub const STAGE_CLOSING: Self = Self(1 << 10);
    // Of either side's.
    pub const OPEN_QUESTION: Self = Self(1 << 11);
    pub const CLOSED_QUESTION: Self = Self(1 << 12);
    pub const OTHER_QUESTION: Self = Self(1 << 13);
    // Of a customer's message.
    pub const PRICE: Self = Self(1 << 14);
    pub const AVAILABILITY: Self = Self(1 << 15);
    pub const DELIVERY: Self = Self(1 << 16);
    pub const SIZE: Self = Self(1 << 17);
    pub const BUY: Self = Self(1 << 18);
    pub const PAYMENT: Self = Self(1 << 19);
    pub const COMPLAINT: Self = Self(1 << 20);
    pub const RETURN: Self = Self(1 << 21);
    pub const NEGATIVE: Self = Self(1 << 22);
    pub const POSITIVE: Self = Self(1 << 23);
    pub const OBJECTION: Self = Self(1 << 24);
    /// The optional language model had the last word on the kinds of question (a manager's) or on the tone (a customer's).
    pub const REFINED: Self = Self(1 << 25);

    /// Any kind of question.
    pub const QUESTION: Self = Self(Self::OPEN_QUESTION.0 | Self::CLOSED_QUESTION.0 | Self::OTHER_QUESTION.0);
    /// The customer asks about price, availability, delivery, size, payment, or says he buys (`high_intent_chats`).
    pub const HIGH_INTENT: Self = Self(
        Self::PRICE.0
            | Self::AVAILABILITY.0
            | Self::DELIVERY.0
            | Self::SIZE.0
            | Self::BUY.0
            | Self::PAYMENT.0,
    );

    /// Whether any of `others` is set.
    #[must_use]
    pub fn any(self, others: Self) -> bool {
        self.0 & others.0 != 0
    }

    /// With `others` set as well.
    #[must_use]
    pub fn with(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }
}
