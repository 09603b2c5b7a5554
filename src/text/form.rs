//! What a message looks like: place, length, signs, kinds of its sentences, markers.
//!
//! These features are numbered, not hashed: their weights stand in a plain table.

use super::document::{Document, Reading, Sentence};
use super::features::key_of;
use super::token::TokenKind;

/// Numbers given to one kind of feature; no kind has more values.
const KIND: u32 = 128;

/// Features of the form have smaller numbers.
pub const NUMBERS: u32 = 18 * KIND;

/// Key of a numbered feature.
#[must_use]
pub fn key(number: u32) -> u32 {
    key_of(b'#', number, 0)
}

/// Numbers and values of the form of the message at `at`.
pub fn of_message(reading: &Reading, at: usize, mut push: impl FnMut(u32, f32)) {
    let documents = &reading.documents;
    let document = &documents[at];
    let mut flag = |kind: u32, value: usize, weight: f32| push(kind * KIND + value as u32, weight);
    let same =
        |other: Option<&Document>| other.map_or(2, |other| usize::from(other.sender == document.sender));
    let before = at.checked_sub(1).and_then(|index| documents.get(index));
    let after = documents.get(at + 1);
    flag(0, 0, 1.0);
    flag(1, same(before), 0.4);
    flag(2, same(after), 0.4);
    flag(3, at.min(8), 0.3);
    flag(4, (documents.len() - 1 - at).min(5), 0.3);
    flag(5, at * 6 / documents.len(), 0.3);
    let own = documents[..at].iter().filter(|other| other.sender == document.sender).count();
    flag(6, own.min(6), 0.3);
    flag(7, ((document.last - document.first) as usize).min(40).isqrt(), 0.3);
    let signs = document.signs;
    let asks = signs.question_marks > 0;
    let asks_before = |other: Option<&Document>| other.is_some_and(|other| other.signs.question_marks > 0);
    for (number, is) in [
        asks,
        signs.ends_asking,
        signs.question_marks > 1,
        asks_before(before),
        before.is_some_and(|other| other.signs.ends_asking),
        asks_before(after),
        signs.has_number,
        signs.has_long_number,
        signs.has_link,
        signs.shouts,
        signs.smiles,
        signs.is_sad,
    ]
    .into_iter()
    .enumerate()
    {
        if is {
            flag(8, number, 0.5);
        }
    }
    let sentences = reading.sentences_of(document);
    flag(9, sentences.len().min(6), 0.3);
    let mut kinds = 0_usize;
    for sentence in sentences.iter().filter(|sentence| sentence.in_focus) {
        let kind = sentence_kind(reading, *sentence);
        flag(10, kind, 0.8);
        let of_choice =
            if !(kind / 12).is_multiple_of(3) { 0 } else { 1 + usize::from((kind / 3).is_multiple_of(4)) };
        kinds |= 1 << (of_choice + if sentence.asks { 0 } else { 3 });
    }
    flag(11, kinds, 0.5);
    for (kind, markers, weight) in [
        (12, document.markers, 0.6),
        (if asks { 13 } else { 14 }, document.markers, 0.5),
        (15, before.map_or(0, |other| other.markers), 0.3),
        (16, after.map_or(0, |other| other.markers), 0.2),
    ] {
        bits(markers, |bit| flag(kind, bit, weight));
    }
    if let Some(before) = before.filter(|other| other.sender != document.sender)
        && let [sentence] = sentences
    {
        // A bare answer is understood from the kind of the question.
        let words = (sentence.last - sentence.first).min(4) as usize;
        let asked = reading.sentences_of(before).iter().rfind(|other| other.asks);
        let asked = asked.map_or(24, |asked| {
            let kind = sentence_kind(reading, *asked);
            kind / 3 % 12 * 2 + usize::from(kind.is_multiple_of(3))
        });
        flag(17, words * 25 + asked, 0.4);
    }
}

fn bits(mut bits: u64, mut each: impl FnMut(usize)) {
    while bits != 0 {
        each(bits.trailing_zeros() as usize);
        bits &= bits - 1;
    }
}

/// Kind of a sentence: has a question word (at its head, inside, or none), offers a choice, ends in a tag, is short, asks.
fn sentence_kind(reading: &Reading, sentence: Sentence) -> usize {
    let ask = &reading.ask;
    let (mut wh, mut has_or, mut spoken, mut heads) = (0, false, 0, 0);
    let mut last = None;
    let mut comma_before_last = false;
    let mut comma = false;
    for word in reading.words_in(sentence) {
        if word.kind == TokenKind::Mark {
            comma |= word.is_comma;
            continue;
        }
        comma_before_last = comma;
        comma = false;
        spoken += 1;
        let is_filler = word.families & ask.fillers != 0 || word.letters <= 2;
        if word.families & ask.wh != 0 && wh == 0 {
            wh = if heads == 0 { 2 } else { 1 };
        }
        if !is_filler {
            heads += 1;
        }
        has_or |= word.families & ask.or != 0;
        last = Some(word);
    }
    let is_tag = comma_before_last && last.is_some_and(|word| word.families & ask.tag != 0);
    let length = match spoken {
        0..=2 => 0,
        3..=5 => 1,
        _ => 2,
    };
    let choice = usize::from(has_or) + 2 * usize::from(is_tag);
    ((usize::from(sentence.asks) * 3 + wh) * 4 + choice) * 3 + length
}
