//! One conversation: what the manager did in it, by the marks of its messages.

use crate::clock::Instant;
use crate::facts::{Marks, MarksOf};
use crate::measure::conversations::{Conversation, Voice};

/// SPIN stages in the order of [`Talk::spin`]: situation, problem, implication, need-payoff.
const SPIN: [Marks; 4] = [Marks::SPIN_S, Marks::SPIN_P, Marks::SPIN_I, Marks::SPIN_N];
/// Sales stages in the order of [`Talk::stages`], with what each adds to the quality score.
const STAGES: [(Marks, u32); 5] = [
    (Marks::STAGE_GREETING, 5),
    (Marks::STAGE_NEEDS, 15),
    (Marks::STAGE_PRESENTATION, 15),
    (Marks::STAGE_OBJECTION, 10),
    (Marks::STAGE_CLOSING, 5),
];

/// How a customer leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    Negative,
    Neutral,
    Positive,
}

/// What to tell about one conversation; the first that applies, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Advice {
    /// No human reply at all.
    NoReply,
    /// The first reply came later than the limit.
    SlowFirstReply,
    /// The customer's last words stand without an answer.
    LeftUnanswered,
    /// No question in the first six replies.
    NoQuestions,
    /// Interest without a next step.
    NoNextStep,
}

/// What was said up to a moment.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Talk {
    pub inbound: u64,
    pub replies: u64,
    /// Messages of both sides with marks: 0 = the analysis has not seen it.
    pub analysed: u64,
    pub open_questions: u64,
    pub closed_questions: u64,
    pub other_questions: u64,
    pub spin: [bool; 4],
    pub stages: [bool; 5],
    pub has_upsell: bool,
    /// The customer asks about price, availability, delivery, size or payment, or says that he buys.
    pub has_intent: bool,
    /// The last human reply offers a next step.
    pub ends_with_step: bool,
    /// Some reply offers one.
    pub has_step: bool,
    pub is_consultation: bool,
    /// A question in the first six replies.
    pub asks_early: bool,
    pub mood: Option<i8>,
}

/// Replies in which a question is expected.
const EARLY_REPLIES: u64 = 6;

impl Talk {
    /// Everything said before `as_of`.
    pub fn of(conversation: &Conversation<'_>, marks: &MarksOf, as_of: Instant) -> Self {
        let mut talk = Self::default();
        let mut opens_with_buying = None;
        let words = conversation.words_before(as_of);
        for ((_, voice), id) in words.iter().zip(&conversation.word_ids) {
            let said = marks.get(id).copied();
            talk.analysed += u64::from(said.is_some());
            let said = said.unwrap_or_default();
            match voice {
                Voice::Customer => {
                    talk.inbound += 1;
                    talk.has_intent |= said.any(Marks::HIGH_INTENT);
                    opens_with_buying.get_or_insert(said.any(Marks::BUY));
                    talk.mood =
                        Some(i8::from(said.any(Marks::POSITIVE)) - i8::from(said.any(Marks::NEGATIVE)));
                }
                Voice::Human(_) => talk.add_reply(said),
            }
        }
        let served_at_once = opens_with_buying == Some(true) && talk.replies < 3;
        talk.is_consultation = talk.messages() >= 5 && talk.questions() >= 2 && !served_at_once;
        talk
    }

    fn add_reply(&mut self, said: Marks) {
        self.replies += 1;
        self.open_questions += u64::from(said.any(Marks::OPEN_QUESTION));
        self.closed_questions += u64::from(said.any(Marks::CLOSED_QUESTION));
        self.other_questions += u64::from(said.any(Marks::OTHER_QUESTION));
        self.asks_early |= self.replies <= EARLY_REPLIES && said.any(Marks::QUESTION);
        self.has_upsell |= said.any(Marks::UPSELL);
        self.ends_with_step = said.any(Marks::NEXT_STEP);
        self.has_step |= self.ends_with_step;
        for (is_used, stage) in self.spin.iter_mut().zip(SPIN) {
            *is_used |= said.any(stage);
        }
        for (is_seen, (stage, _)) in self.stages.iter_mut().zip(STAGES) {
            *is_seen |= said.any(stage);
        }
    }

    /// Messages of both sides.
    pub fn messages(&self) -> u64 {
        self.inbound + self.replies
    }

    /// Questions of the manager.
    pub fn questions(&self) -> u64 {
        self.open_questions + self.closed_questions + self.other_questions
    }

    /// SPIN stages used, 0..=4.
    pub fn spin_count(&self) -> u64 {
        self.spin.iter().filter(|is_used| **is_used).count() as u64
    }

    /// How the customer's last message sounds; `None` without one.
    pub fn mood(&self) -> Option<Mood> {
        self.mood.map(|mood| match mood {
            ..0 => Mood::Negative,
            0 => Mood::Neutral,
            _ => Mood::Positive,
        })
    }

    /// Interest, a reply, and no next step at its end.
    pub fn is_intent_lost(&self) -> bool {
        self.has_intent && self.replies > 0 && !self.has_step
    }

    /// 0..=100: stages 50, length 20, questions 15, speed 10, consultation 5.
    pub fn quality_score(&self, first_response_secs: Option<f64>) -> u32 {
        let stages: u32 = self
            .stages
            .iter()
            .zip(STAGES)
            .filter(|(is_seen, _)| **is_seen)
            .map(|(_, (_, points))| points)
            .sum();
        let length = match self.messages() {
            20.. => 20,
            15.. => 15,
            10.. => 10,
            5.. => 5,
            _ => 0,
        };
        let questions = match self.questions() {
            8.. => 15,
            5.. => 10,
            3.. => 5,
            _ => 0,
        };
        let speed = match first_response_secs {
            Some(secs) if secs <= 60.0 => 10,
            Some(secs) if secs <= 300.0 => 5,
            _ => 0,
        };
        stages + length + questions + speed + if self.is_consultation { 5 } else { 0 }
    }

    /// What to tell about it; `None` when nothing is to be told.
    pub fn advice(&self, is_slow: bool, is_unanswered: bool) -> Option<Advice> {
        Some(match () {
            () if self.inbound > 0 && self.replies == 0 => Advice::NoReply,
            () if is_slow => Advice::SlowFirstReply,
            () if is_unanswered => Advice::LeftUnanswered,
            () if self.analysed == 0 => return None,
            () if !self.asks_early => Advice::NoQuestions,
            () if self.is_intent_lost() => Advice::NoNextStep,
            () => return None,
        })
    }
}
