//! A copy of a text without phones, addresses of any kind, card numbers and surnames.
//!
//! Rules, not statistics: whoever asks why a piece was hidden finds the line. When in doubt it hides; a needlessly hidden word
//! costs a reader a second, a leaked phone costs a customer his peace. It does not hide given names, cities, stations and order numbers.

use std::sync::LazyLock;

use regex::Regex;

use super::lexicon::Lexicon;
use super::names;

/// What was hidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PiiKind {
    Email,
    Link,
    Card,
    Phone,
    /// Street and house, or a post box.
    Address,
    Surname,
}

impl PiiKind {
    /// What stands in the masked text instead.
    #[must_use]
    pub fn replacement(self) -> &'static str {
        match self {
            Self::Email => "[почта]",
            Self::Link => "[ссылка]",
            Self::Card => "[карта]",
            Self::Phone => "[телефон]",
            Self::Address => "[адрес]",
            Self::Surname => "[фамилия]",
        }
    }
}

/// A hidden piece: byte range in the original text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub start: usize,
    pub end: usize,
    pub kind: PiiKind,
}

/// A masked text and what was hidden, in order, without overlaps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mask {
    pub text: String,
    pub spans: Vec<Span>,
}

/// Numbers and links, the surest first: what one rule has taken the next does not touch.
static PATTERNS: LazyLock<Vec<(PiiKind, Regex)>> = LazyLock::new(|| {
    let patterns = [
        (PiiKind::Email, r"(?i)[a-z0-9._%+\-]+@[a-z0-9\-]+(?:\.[a-z0-9\-]+)*\.[a-zа-я]{2,}"),
        (PiiKind::Link, r#"(?i)(?:https?://|www\.)[^\s<>«»"]*[^\s<>«»".,;:!?)\]]"#),
        (
            PiiKind::Link,
            r"(?i)\b(?:[a-z0-9\-]+\.)+(?:com|ru|net|org|su|me|io|shop|online|store|site|pro|info|biz|club|app|link|ly|cc|by|kz|рф)\b(?:/[^\s<>«»]*[^\s<>«».,;:!?)\]])?",
        ),
        (PiiKind::Card, r"\b[2-6]\d{3}(?:[ \u{a0}\-.]?\d{4}){3}\b"),
        (
            PiiKind::Phone,
            r"(?:\+\s?7|\b[78])[ \u{a0}\-.]{0,2}\(?\d{3}\)?[ \u{a0}\-.]{0,2}\d{3}[ \u{a0}\-.]{0,2}\d{2}[ \u{a0}\-.]{0,2}\d{2}\b",
        ),
        (
            PiiKind::Phone,
            r"\+\d{1,3}[ \u{a0}\-.(]{0,2}\d{2,4}[ \u{a0}\-.)]{0,2}\d{2,4}(?:[ \u{a0}\-.]?\d{2,4}){1,3}\b",
        ),
        (
            PiiKind::Phone,
            r"(?:\(9\d{2}\)|\b9\d{2})[ \u{a0}\-.]{0,2}\d{3}[ \u{a0}\-.]{0,2}\d{2}[ \u{a0}\-.]{0,2}\d{2}\b",
        ),
    ];
    compile(&patterns)
});

/// Addresses that a word for «street» gives away, and post boxes.
static STREETS: LazyLock<Vec<(PiiKind, Regex)>> = LazyLock::new(|| {
    let name = r"(?:\d{1,3}-?(?:я|й|ая|ый|го|ой)\s+)?[А-ЯЁа-яё][А-ЯЁа-яё\-]+(?:\s+[А-ЯЁ][А-ЯЁа-яё\-]+){0,2}";
    let word = r"(?i:улица|улице|улицу|улицы|ул|проспекта?|проспекте|просп|пр-т|пр-кт|пр|переулок|переулке|переулка|пер|набережная|набережной|наб|шоссе|ш|бульваре?|б-р|бул|проезде?|пр-д|тупик|тупике|аллея|аллее|аллею|площадь|площади|пл|микрорайон|мкр|деревня|деревне|дер|линия)";
    let house = r"(?i:(?:д|дом)\.?\s*)?№?\s?\d{1,3}(?:\s?[а-гА-Г]\b)?(?:/\d{1,3})?(?:-\d{1,4})?";
    let part = r"(?i:квартира|кв|корпус|корп|к\.|офис|оф|строение|стр|подъезд|под|литера|лит)";
    let tail = format!(
        r"(?:[,\s]\s*(?:{part}\.?\s?\d{{1,4}}[а-я]?\b|\d{{1,2}}\s(?i:подъезд)\b)|,\s\d{{1,3}}(?:$|[,.;]))*"
    );
    let patterns = [
        (PiiKind::Address, r"(?i)\b(?:а/я|абонентский ящик)\s*№?\s*\d+(?:,\s*\d{6})?".to_owned()),
        (PiiKind::Address, format!(r"\b{word}(?:\.\s*|\s+)(?:имени\s+|им\.\s*)?{name},?\s*{house}\b{tail}")),
        (
            PiiKind::Address,
            format!(
                r"\b(?:\d{{1,3}}-?(?:я|й|ая|ый)\s+)?[А-ЯЁ][А-ЯЁа-яё\-]+\s+{word}\b\.?,?\s*{house}\b{tail}"
            ),
        ),
    ];
    compile(&patterns)
});

/// A capitalised name and a house number; [`names::is_street`] judges the name.
static BARE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?x)
        (?P<street>(?:\d{1,3}-(?:я|й|ая|ый)\s+)?[А-ЯЁ][а-яё]+(?:-[А-ЯЁ][а-яё]+)?(?:\s[А-ЯЁ][а-яё]+)?)
        (?P<comma>,?)\s(?P<house>(?:д\.?\s?|дом\s)?\d{1,3}[а-г]?(?:/\d{1,3})?(?:-\d{1,4})?)\b
        (?P<tail>(?:[,\s]\s*(?:(?:квартира|кв|корпус|корп|к\.|офис|оф|строение|стр|подъезд)\.?\s?\d{1,4}[а-я]?\b|\d{1,2}\sподъезд\b))*)",
    )
    .ok()
});

/// A flat as a bare number behind the house: «Гагарина 55, 12».
static FLAT: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^,\s\d{1,3}(?P<end>$|[,.;\n])").ok());

fn compile<S: AsRef<str>>(patterns: &[(PiiKind, S)]) -> Vec<(PiiKind, Regex)> {
    patterns.iter().filter_map(|(kind, pattern)| Some((*kind, Regex::new(pattern.as_ref()).ok()?))).collect()
}

/// Masks a text. A text without personal data comes back unchanged, with no spans.
#[must_use]
pub fn mask(text: &str, lexicon: &Lexicon) -> Mask {
    let mut spans: Vec<Span> = Vec::new();
    for (kind, pattern) in PATTERNS.iter() {
        for found in
            pattern.find_iter(text).filter(|found| !is_inside_number(text, found.start(), found.end()))
        {
            claim(&mut spans, Span { start: found.start(), end: found.end(), kind: *kind });
        }
    }
    for (kind, pattern) in STREETS.iter() {
        for found in pattern.find_iter(text) {
            let piece = found.as_str().trim_end_matches([',', '.', ';', ' ', '\n']);
            let span = Span { start: found.start(), end: found.start() + piece.len(), kind: *kind };
            if !is_amount(&text[span.end..], lexicon) {
                claim(&mut spans, span);
            }
        }
    }
    bare_addresses(text, lexicon, &mut spans);
    names::surnames(text, lexicon, &mut spans);
    spans.sort_unstable_by_key(|span| span.start);
    Mask { text: replaced(text, &spans), spans }
}

fn bare_addresses(text: &str, lexicon: &Lexicon, spans: &mut Vec<Span>) {
    let Some(pattern) = BARE.as_ref() else { return };
    let mut from = 0;
    while let Some(found) = pattern.captures_at(text, from) {
        let (Some(whole), Some(street)) = (found.get(0), found.name("street")) else { return };
        from = street.end();
        let has_tail = found.name("tail").is_some_and(|tail| !tail.is_empty());
        let mut end = whole.end();
        if let Some(flat) = FLAT.as_ref().and_then(|flat| flat.captures(&text[end..])) {
            let stop = flat.name("end").map_or(0, |stop| stop.as_str().len());
            end += flat.get(0).map_or(0, |flat| flat.len()) - stop;
        }
        let is_quoted = text[..street.start()].ends_with(['«', '"', '„', '“']);
        let has_flat = has_tail
            || end > whole.end()
            || found.name("house").is_some_and(|house| house.as_str().contains('-'));
        let is_house = !is_amount(&text[end..], lexicon) && !is_quoted;
        if is_house && names::is_street(street.as_str(), has_flat, lexicon) {
            let span = Span { start: street.start(), end, kind: PiiKind::Address };
            if claim(spans, span) {
                from = end;
            }
        }
    }
}

/// Does a price, a unit, a time or a longer number follow, so that the number before is no house?
fn is_amount(rest: &str, lexicon: &Lexicon) -> bool {
    let rest_trimmed = rest.trim_start_matches([' ', '\u{a0}']);
    let word: String = rest_trimmed.chars().take_while(|letter| letter.is_alphabetic()).collect();
    // «12 к 3» is a house and its building, «12 к» are thousands.
    let behind = rest_trimmed[word.len()..].trim_start();
    let is_building =
        matches!(word.as_str(), "к" | "К") && behind.starts_with(|letter: char| letter.is_ascii_digit());
    let is_joined_number = rest.starts_with([':', '%', '₽', '*', '×', '-'])
        || rest.starts_with(['.', ',']) && rest[1..].starts_with(|letter: char| letter.is_ascii_digit());
    let is_thousands = rest.starts_with([' ', '\u{a0}'])
        && rest_trimmed.chars().take_while(char::is_ascii_digit).count() == 3;
    is_joined_number
        || is_thousands
        || rest_trimmed.starts_with(['₽', '%', '$', '€'])
        || !word.is_empty() && !is_building && lexicon.units.contains(&super::token::fold(&word))
}

/// A phone is not cut out of a longer number: tracking and order numbers stay readable.
fn is_inside_number(text: &str, start: usize, end: usize) -> bool {
    let before = text[..start].chars().next_back();
    let after = text[end..].chars().next();
    before.is_some_and(|letter| letter.is_ascii_digit())
        || after.is_some_and(|letter| letter.is_ascii_digit())
}

/// Adds a span unless a surer rule has taken a part of it.
pub(super) fn claim(spans: &mut Vec<Span>, span: Span) -> bool {
    let is_free =
        span.start < span.end && !spans.iter().any(|taken| taken.start < span.end && span.start < taken.end);
    if is_free {
        spans.push(span);
    }
    is_free
}

fn replaced(text: &str, spans: &[Span]) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut from = 0;
    for span in spans {
        masked.push_str(&text[from..span.start]);
        masked.push_str(span.kind.replacement());
        from = span.end;
    }
    masked.push_str(&text[from..]);
    masked
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(text: &str) -> String {
        mask(text, Lexicon::shipped()).text
    }

    #[test]
    fn every_form_of_a_phone_is_hidden_and_a_tracking_number_is_not() {
        for phone in
            ["+7 (900) 000-45-67", "8-900-000-12-16", "89000001234", "8.900.000.17.17", "900 000 12 34"]
        {
            assert_eq!(masked(&format!("тел {phone}.")), "тел [телефон].");
        }
        assert_eq!(masked("трек 80088412345678"), "трек 80088412345678");
        assert_eq!(masked("заказ 1 380 ₽, 12 500 руб"), "заказ 1 380 ₽, 12 500 руб");
    }

    #[test]
    fn links_mails_and_cards_are_hidden_without_the_full_stop_behind_them() {
        assert_eq!(masked("https://pay.example.com/t/1."), "[ссылка].");
        assert_eq!(
            masked("почта a.b@example.com, карта 2200 0000 0000 0017"),
            "почта [почта], карта [карта]"
        );
    }

    #[test]
    fn streets_with_a_house_are_hidden_and_cities_streets_alone_and_sizes_are_not() {
        assert_eq!(masked("ул. Сенная, д. 14, кв. 8"), "[адрес]");
        assert_eq!(masked("Пермь, Кирова 39"), "Пермь, [адрес]");
        assert_eq!(masked("живу на Кирова"), "живу на Кирова");
        assert_eq!(masked("Размер 42 есть, Гретта 38 тоже"), "Размер 42 есть, Гретта 38 тоже");
    }
}
