//! Which capitalised words are surnames and which are streets.
//!
//! Russian surnames have endings, and in a chat they stand beside a given name, beside a phone, or after a word such as
//! «получатель». A word with the ending alone is not enough: «Корзина» and «Половина» have it too.

use super::lexicon::Lexicon;
use super::mask::{PiiKind, Span, claim};
use super::token::{Token, TokenKind, tokens};

const SURNAME_ENDINGS: [&str; 34] = [
    "ов",
    "ова",
    "ев",
    "ева",
    "ын",
    "ына",
    "ин",
    "ина",
    "кин",
    "ский",
    "ская",
    "цкий",
    "цкая",
    "енко",
    "чук",
    "юк",
    "ук",
    "ых",
    "их",
    "ову",
    "овой",
    "еву",
    "евой",
    "ину",
    "иной",
    "ского",
    "ской",
    "скому",
    "тко",
    "ятко",
    "ян",
    "дзе",
    "швили",
    "зуб",
];
/// Endings that need no help from the neighbours.
const SURE_ENDINGS: [&str; 10] = ["ова", "ева", "ов", "ев", "кина", "кин", "енко", "чук", "ина", "хина"];
const PATRONYMIC_ENDINGS: [&str; 6] = ["ович", "евич", "овна", "евна", "ична", "ьич"];
const STREET_ENDINGS: [&str; 22] = [
    "ая", "яя", "ой", "ую", "ий", "ый", "ого", "его", "ова", "ева", "ина", "ына", "ых", "их", "ов", "ев",
    "ка", "ко", "ло", "го", "ля", "ей",
];

/// Is a capitalised name before a house number a street? With a flat behind it nearly everything is.
pub(super) fn is_street(name: &str, has_flat: bool, lexicon: &Lexicon) -> bool {
    let words = tokens(name);
    let Some(last) = words.iter().rfind(|token| token.kind == TokenKind::Word) else { return false };
    let is_known_otherwise =
        |token: &&Token| lexicon.not_streets.contains(&token.folded) || is_given(token, lexicon);
    if words.iter().filter(|token| token.kind == TokenKind::Word).any(|token| is_known_otherwise(&token)) {
        return false;
    }
    let has_ending = STREET_ENDINGS.iter().any(|ending| last.folded.ends_with(ending));
    // «Мира 12», «Зорге 33», «Гастелло 14»: streets named without an ending are few.
    let is_named = matches!(
        last.folded.as_str(),
        "мира" | "зорге" | "гастелло" | "победы" | "ленина" | "труда" | "космонавтов"
    );
    is_named || (has_flat || has_ending) && last.folded.chars().count() >= 4
}

fn is_given(token: &Token, lexicon: &Lexicon) -> bool {
    lexicon.first_names.contains(&token.folded) || {
        // Dative and accusative of a given name: «Денису», «Вере».
        let nominative = |ending: &str, base: &str| {
            token
                .folded
                .strip_suffix(ending)
                .is_some_and(|stem| lexicon.first_names.contains(&format!("{stem}{base}")))
        };
        nominative("у", "")
            || nominative("ю", "й")
            || nominative("е", "а")
            || nominative("у", "а")
            || nominative("и", "я")
            || nominative("ы", "а")
            || nominative("ю", "я")
            || nominative("а", "")
            || nominative("я", "й")
    }
}

fn is_patronymic(token: &Token) -> bool {
    PATRONYMIC_ENDINGS.iter().any(|ending| token.folded.ends_with(ending)) && token.folded.chars().count() > 6
}

/// Adds the surnames of a text.
pub(super) fn surnames(text: &str, lexicon: &Lexicon, spans: &mut Vec<Span>) {
    let tokens = tokens(text);
    for (at, token) in tokens.iter().enumerate() {
        if is_surname(text, &tokens, at, spans, lexicon) {
            claim(spans, Span { start: token.start, end: token.end, kind: PiiKind::Surname });
        }
    }
}

fn is_surname(text: &str, tokens: &[Token], at: usize, spans: &[Span], lexicon: &Lexicon) -> bool {
    let token = &tokens[at];
    let is_capital =
        |token: &Token| token.kind == TokenKind::Word && text[token.start..].starts_with(char::is_uppercase);
    let is_russian = token.folded.chars().all(|letter| matches!(letter, 'а'..='я' | '-'));
    let has_lower = text[token.start..token.end].chars().any(char::is_lowercase);
    let is_out = !is_capital(token)
        || !is_russian
        || !has_lower
        || token.folded.chars().count() < 4
        || is_given(token, lexicon)
        || is_patronymic(token)
        || lexicon.not_surnames.contains(&token.folded);
    if is_out {
        return false;
    }
    let before = at.checked_sub(1).and_then(|index| tokens.get(index));
    let after = tokens.get(at + 1);
    if before.is_some_and(|other| matches!(other.folded.as_str(), "«" | "\"" | "„")) {
        return false;
    }
    let has = |endings: &[&str]| endings.iter().any(|ending| token.folded.ends_with(ending));
    let is_name = |other: Option<&Token>| {
        other.is_some_and(|other| is_capital(other) && (is_given(other, lexicon) || is_patronymic(other)))
    };
    let is_initial = after.is_some_and(|other| is_capital(other) && other.end - other.start == 2)
        && tokens.get(at + 2).is_none_or(|dot| dot.folded == ".");
    // Without the ending of a surname only a full «Чеботарь Кристина,» counts, not «Администратор Оксана скоро подключится».
    let is_closed = || {
        let is_nominative = after.is_some_and(|name| lexicon.first_names.contains(&name.folded));
        let next = tokens.get(at + 2);
        is_nominative && next.is_none_or(|next| next.kind != TokenKind::Word || is_name(Some(next)))
    };
    let is_beside_name =
        is_name(after) && (has(&SURNAME_ENDINGS) || is_closed()) || is_name(before) && has(&SURNAME_ENDINGS);
    if is_beside_name || is_initial {
        return true;
    }
    let is_cue =
        |other: Option<&Token>| other.is_some_and(|other| lexicon.surname_cues.contains(&other.folded));
    let second_before = at.checked_sub(2).and_then(|index| tokens.get(index));
    let my =
        before.is_some_and(|other| matches!(other.folded.as_str(), "моя" | "на" | "имя" | ":" | "фамилия"));
    if is_cue(before) || my && is_cue(second_before) {
        return true;
    }
    let is_near_number = spans.iter().any(|span| {
        let gap = if span.start >= token.end {
            &text[token.end..span.start]
        } else if span.end <= token.start {
            &text[span.end..token.start]
        } else {
            return false;
        };
        matches!(span.kind, PiiKind::Phone | PiiKind::Address | PiiKind::Email)
            && gap.chars().count() <= 7
            && !gap.contains(['\n', '!', '?'])
    });
    let is_alone = tokens.len() <= 2 || at == 0 && after.is_some_and(|other| other.folded == ",");
    is_near_number && has(&SURNAME_ENDINGS) || has(&SURE_ENDINGS) && is_alone
}
