//! What the team itself writes at each stage of conversations that end with an order.
//!
//! Only which messages to quote is decided here; their texts are not among the facts. Whoever has them puts them in by
//! [`StageScript::fill`], which refuses what is not fit for others to read.

use serde::{Deserialize, Serialize};

use super::talk::Talk;
use crate::clock::Instant;
use crate::facts::Marks;
use crate::measure::Period;
use crate::measure::conversations::Voice;
use crate::measure::figures::Ground;

/// Messages looked at per stage; most are refused for what they say.
const CANDIDATES: usize = 40;
/// Lines told per stage.
const LINES: usize = 2;
/// Code points of a line: shorter says nothing, longer is not read.
const LENGTHS: std::ops::RangeInclusive<usize> = 12..=140;

/// A stage of a sale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    Greeting,
    Needs,
    Presentation,
    Objection,
    Closing,
}

impl Stage {
    /// In the order of a conversation, with the mark of a message that belongs to it.
    pub const ALL: [(Self, Marks); 5] = [
        (Self::Greeting, Marks::STAGE_GREETING),
        (Self::Needs, Marks::STAGE_NEEDS),
        (Self::Presentation, Marks::STAGE_PRESENTATION),
        (Self::Objection, Marks::STAGE_OBJECTION),
        (Self::Closing, Marks::STAGE_CLOSING),
    ];
}

/// A message that may be quoted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    pub message_id: i64,
    pub chat_id: i64,
}

/// What the team writes at a stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageScript {
    pub stage: Stage,
    /// At most two, of different conversations.
    pub lines: Vec<String>,
}

/// A text with what must not be quoted of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote {
    pub chat_id: i64,
    /// Masked.
    pub text: String,
    /// Whether the mask hid anything.
    pub is_masked: bool,
    /// The customer's full name.
    pub customer_name: String,
}

impl StageScript {
    /// The first quotes that are fit to be read by others. A text with something personal, with a figure (prices and order
    /// numbers are of one customer) or with a part of the customer's name is passed over, not repaired.
    pub fn fill(stage: Stage, quotes: impl IntoIterator<Item = Quote>) -> Self {
        let mut lines: Vec<String> = Vec::new();
        let mut chats = Vec::new();
        for quote in quotes {
            let text = quote.text.split_whitespace().collect::<Vec<_>>().join(" ");
            let is_told = chats.contains(&quote.chat_id) || lines.contains(&text);
            if lines.len() == LINES || is_told || !quote.is_fit(&text) {
                continue;
            }
            chats.push(quote.chat_id);
            lines.push(text);
        }
        Self { stage, lines }
    }
}

impl Quote {
    fn is_fit(&self, text: &str) -> bool {
        let lower = text.to_lowercase();
        let words = || lower.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty());
        // Names bend at their ends: «Мария», «Марии», «Марию».
        let stem =
            |word: &str| word.chars().take(word.chars().count().saturating_sub(1).max(3)).collect::<String>();
        let name = self.customer_name.to_lowercase();
        let names = name.split(|c: char| !c.is_alphabetic()).filter(|part| part.chars().count() >= 3);
        let is_named = names.map(stem).any(|part| words().any(|word| word.starts_with(&part)));
        !self.is_masked
            && !is_named
            && !text.chars().any(|c| c.is_numeric() || "@<>[]".contains(c))
            && LENGTHS.contains(&text.chars().count())
    }
}

/// The messages of each stage in the conversations of `period` that led to an order: those that do nothing but their stage
/// first, then those of conversations with most kinds of question, then the latest.
pub(super) fn candidates(ground: &Ground<'_>, period: &Period) -> Vec<(Stage, Vec<Candidate>)> {
    type Found = (u32, std::cmp::Reverse<u64>, std::cmp::Reverse<Instant>, i64);
    let marks = &ground.inputs.facts.marks;
    let mut found: [Vec<(Found, Candidate)>; 5] = Default::default();
    ground.visit(period.from, period.to, |conversation, tally, linked| {
        if tally.chats == 0 || linked.is_none() {
            return;
        }
        let spin_count = Talk::of(conversation, marks, period.to).spin_count();
        let words = conversation.words_before(period.to);
        for ((at, voice), &message_id) in words.iter().zip(&conversation.word_ids) {
            let Some(said) = marks.get(&message_id).filter(|_| *voice != Voice::Customer) else { continue };
            if *at < period.from {
                continue;
            }
            let stages = Stage::ALL.iter().filter(|(_, mark)| said.any(*mark)).count() as u32;
            let rank = (stages, std::cmp::Reverse(spin_count), std::cmp::Reverse(*at), message_id);
            for (place, _) in Stage::ALL.iter().enumerate().filter(|(_, (_, mark))| said.any(*mark)) {
                found[place].push((rank, Candidate { message_id, chat_id: conversation.chat_id }));
            }
        }
    });
    Stage::ALL
        .iter()
        .zip(found)
        .map(|((stage, _), mut found)| {
            found.sort_unstable_by_key(|(rank, _)| *rank);
            (*stage, found.into_iter().take(CANDIDATES).map(|(_, one)| one).collect())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quote(chat_id: i64, text: &str) -> Quote {
        Quote {
            chat_id, text: text.to_owned(), is_masked: false, customer_name: "Мария Нечаева".to_owned()
        }
    }

    #[test]
    fn only_what_is_of_nobody_in_particular_is_quoted() {
        let unfit = [
            "Здравствуйте, Мария! Чем помочь?",
            "Марии передайте, что чай уже едет",
            "Нечаевой отправили сегодня утром",
            "Итого с доставкой 1 380 рублей",
            "Добрый день",
            "Пишите на [почта], пожалуйста",
        ];
        let fit = "Для кого выбираете чай и какой обычно пьёте?";
        let hidden = Quote {
            is_masked: true, ..quote(7, "Отправим по адресу на Лесную, хорошо?")
        };
        let quotes = unfit.iter().map(|text| quote(1, text)).chain([hidden, quote(2, fit)]);
        assert_eq!(StageScript::fill(Stage::Needs, quotes).lines, [fit]);
    }

    #[test]
    fn at_most_two_lines_of_two_conversations_are_told() {
        let said =
            ["Какой вкус вы любите больше?", "Кому будете дарить этот набор?", "Что пили до этого дома?"];
        let quotes =
            [quote(1, said[0]), quote(1, said[1]), quote(2, said[0]), quote(3, said[1]), quote(4, said[2])];
        assert_eq!(StageScript::fill(Stage::Needs, quotes).lines, [said[0], said[1]]);
    }
}
