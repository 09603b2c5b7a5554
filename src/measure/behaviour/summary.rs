//! Conversations of one subject, added up.

use serde::{Deserialize, Serialize};

use super::talk::{Mood, Talk};
use crate::measure::digest::Ratio;

/// What was done in the analysed conversations with a human reply; ids as in `docs/metrics.md`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct BehaviourSummary {
    /// Conversations of the period with a human reply.
    pub replied_chats: u64,
    /// Those of them that were analysed: the denominator of everything below.
    pub chats: u64,
    pub questions: u64,
    pub open_questions: u64,
    /// Conversations in which the stage was used: situation, problem, implication, need-payoff.
    pub spin_chats: [u64; 4],
    /// Σ stages used ÷ 4.
    pub spin_stages: u64,
    pub full_spin_chats: u64,
    /// Greeting, needs, presentation, objection, closing.
    pub stage_chats: [u64; 5],
    /// Ending with a next step.
    pub next_step_chats: u64,
    pub upsell_chats: u64,
    pub high_intent_chats: u64,
    pub lost_intent_chats: u64,
    pub consultations: u64,
    /// Σ of the quality scores, 0..=100 each.
    pub quality_points: u64,
    /// How they end: negative, neutral, positive.
    pub moods: [u64; 3],
}

impl BehaviourSummary {
    /// Adds a conversation.
    pub fn add(&mut self, talk: &Talk, first_response_secs: Option<f64>) {
        if talk.replies == 0 {
            return;
        }
        self.replied_chats += 1;
        if talk.analysed == 0 {
            return;
        }
        self.chats += 1;
        self.questions += talk.questions();
        self.open_questions += talk.open_questions;
        for (count, is_used) in self.spin_chats.iter_mut().zip(talk.spin) {
            *count += u64::from(is_used);
        }
        self.spin_stages += talk.spin_count();
        self.full_spin_chats += u64::from(talk.spin_count() == 4);
        for (count, is_seen) in self.stage_chats.iter_mut().zip(talk.stages) {
            *count += u64::from(is_seen);
        }
        self.next_step_chats += u64::from(talk.ends_with_step);
        self.upsell_chats += u64::from(talk.has_upsell);
        self.high_intent_chats += u64::from(talk.has_intent);
        self.lost_intent_chats += u64::from(talk.is_intent_lost());
        self.consultations += u64::from(talk.is_consultation);
        self.quality_points += u64::from(talk.quality_score(first_response_secs));
        if let Some(mood) = talk.mood() {
            let place = match mood {
                Mood::Negative => 0,
                Mood::Neutral => 1,
                Mood::Positive => 2,
            };
            self.moods[place] += 1;
        }
    }

    /// Adds the conversations of another period of the same subject.
    pub fn absorb(&mut self, other: &Self) {
        fn add(left: &mut [u64], right: &[u64]) {
            left.iter_mut().zip(right).for_each(|(left, right)| *left += right);
        }
        let Self {
            replied_chats,
            chats,
            questions,
            open_questions,
            spin_chats,
            spin_stages,
            full_spin_chats,
            stage_chats,
            next_step_chats,
            upsell_chats,
            high_intent_chats,
            lost_intent_chats,
            consultations,
            quality_points,
            moods,
        } = self;
        *replied_chats += other.replied_chats;
        *chats += other.chats;
        *questions += other.questions;
        *open_questions += other.open_questions;
        add(spin_chats, &other.spin_chats);
        *spin_stages += other.spin_stages;
        *full_spin_chats += other.full_spin_chats;
        add(stage_chats, &other.stage_chats);
        *next_step_chats += other.next_step_chats;
        *upsell_chats += other.upsell_chats;
        *high_intent_chats += other.high_intent_chats;
        *lost_intent_chats += other.lost_intent_chats;
        *consultations += other.consultations;
        *quality_points += other.quality_points;
        add(moods, &other.moods);
    }

    /// `questions_per_chat`; `None` without conversations, as the others.
    pub fn questions_per_chat(&self) -> Option<f64> {
        (self.chats > 0).then(|| self.questions as f64 / self.chats as f64)
    }

    /// `open_question_ratio`: of all the manager's questions.
    pub fn open_question_ratio(&self) -> Option<Ratio> {
        Ratio::of(self.open_questions, self.questions)
    }

    /// `spin_s_ratio` … `spin_n_ratio` by place.
    pub fn spin_ratio(&self, stage: usize) -> Option<Ratio> {
        Ratio::of(*self.spin_chats.get(stage)?, self.chats)
    }

    /// `spin_completeness`: stages used ÷ 4, mean over conversations, 0..=1.
    pub fn spin_completeness(&self) -> Option<f64> {
        (self.chats > 0).then(|| self.spin_stages as f64 / (4 * self.chats) as f64)
    }

    /// `next_step_ratio`.
    pub fn next_step_ratio(&self) -> Option<Ratio> {
        Ratio::of(self.next_step_chats, self.chats)
    }

    /// `upsell_ratio`.
    pub fn upsell_ratio(&self) -> Option<Ratio> {
        Ratio::of(self.upsell_chats, self.chats)
    }

    /// Mean `quality_score`, 0..=100.
    pub fn quality(&self) -> Option<f64> {
        (self.chats > 0).then(|| self.quality_points as f64 / self.chats as f64)
    }

    /// Share of conversations that end on a negative note, of those with a customer's words.
    pub fn negative_ratio(&self) -> Option<Ratio> {
        Ratio::of(self.moods[0], self.moods.iter().sum())
    }
}
