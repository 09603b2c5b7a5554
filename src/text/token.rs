//! Words of a chat message in their normal form.
//!
//! Customers write without capitals, with «ё» or without, with doubled letters and smiles. Folding makes these the same;
//! the Snowball stem makes the cases of one word the same. Spelling errors are left to the letter n-grams of [`super::features`].

use rust_stemmers::{Algorithm, Stemmer};

/// What kind of token a piece of text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// Letters, possibly with a hyphen inside.
    Word,
    /// Digits; its stem is the count of digits, so that all prices look alike.
    Number,
    /// «?», «!», «)», and the like, one token each.
    Mark,
}

/// One token: where it stood and how it is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Byte range in the original text.
    pub start: usize,
    pub end: usize,
    pub kind: TokenKind,
    /// Lower case, «ё» as «е».
    pub folded: String,
    /// Snowball stem of `folded`; `#3` for a number of three digits.
    pub stem: String,
}

/// Lower case and «ё» → «е».
#[must_use]
pub fn fold(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).map(|letter| if letter == 'ё' { 'е' } else { letter }).collect()
}

/// Stem of a folded word. Latin words are left as they are.
#[must_use]
pub fn stem(folded: &str) -> String {
    let is_russian = folded.chars().any(|letter| matches!(letter, 'а'..='я'));
    if is_russian { Stemmer::create(Algorithm::Russian).stem(folded).into_owned() } else { folded.to_owned() }
}

/// Lower case and «ё» → «е» for one letter; the rare letters that become two keep their first.
fn fold_letter(letter: char) -> char {
    match letter {
        'а'..='я' | 'a'..='z' => letter,
        'А'..='Я' | 'A'..='Z' => char::from_u32(letter as u32 + 32).unwrap_or(letter),
        'ё' | 'Ё' => 'е',
        _ => letter.to_lowercase().next().unwrap_or(letter),
    }
}

/// `char::is_alphabetic` without its table for the letters that are usual here.
fn is_letter(letter: char) -> bool {
    match letter {
        'а'..='я' | 'А'..='Я' | 'a'..='z' | 'A'..='Z' => true,
        '\0'..='\u{a0}' => false,
        _ => letter.is_alphabetic(),
    }
}

/// The tokens of [`tokens`] one by one, folded in `buffer`, without an allocation for each. `after_break` is true for the
/// first token of a new line.
pub fn scan(text: &str, buffer: &mut String, mut each: impl FnMut(&str, TokenKind, bool)) {
    let mut after_break = false;
    let mut letters = text.char_indices().peekable();
    while let Some((_, letter)) = letters.next() {
        let kind = if is_letter(letter) {
            TokenKind::Word
        } else if letter.is_ascii_digit() {
            TokenKind::Number
        } else if letter.is_whitespace() || letter.is_control() {
            after_break |= letter == '\n';
            continue;
        } else {
            TokenKind::Mark
        };
        buffer.clear();
        buffer.push(fold_letter(letter));
        while let Some(&(at, next)) = letters.peek() {
            let goes_on = match kind {
                TokenKind::Word => is_letter(next) || next == '-' && begins_word(&text[at + 1..]),
                TokenKind::Number => next.is_ascii_digit(),
                TokenKind::Mark => false,
            };
            if !goes_on {
                break;
            }
            buffer.push(fold_letter(next));
            letters.next();
        }
        each(buffer, kind, after_break);
        after_break = false;
    }
}

/// Splits a text into tokens, in order. White space and unknown signs are skipped, emoji are marks.
#[must_use]
pub fn tokens(text: &str) -> Vec<Token> {
    let mut found = Vec::new();
    let mut letters = text.char_indices().peekable();
    while let Some((start, letter)) = letters.next() {
        let kind = if letter.is_alphabetic() {
            TokenKind::Word
        } else if letter.is_ascii_digit() {
            TokenKind::Number
        } else if letter.is_whitespace() || letter.is_control() {
            continue;
        } else {
            TokenKind::Mark
        };
        let mut end = start + letter.len_utf8();
        while let Some(&(at, next)) = letters.peek() {
            let goes_on = match kind {
                TokenKind::Word => next.is_alphabetic() || next == '-' && begins_word(&text[at + 1..]),
                TokenKind::Number => next.is_ascii_digit(),
                TokenKind::Mark => false,
            };
            if !goes_on {
                break;
            }
            end = at + next.len_utf8();
            letters.next();
        }
        let folded = fold(&text[start..end]);
        let stem = match kind {
            TokenKind::Word => stem(&folded),
            TokenKind::Number => format!("#{}", folded.len().min(9)),
            TokenKind::Mark => folded.clone(),
        };
        found.push(Token { start, end, kind, folded, stem });
    }
    found
}

fn begins_word(text: &str) -> bool {
    text.chars().next().is_some_and(char::is_alphabetic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_of_a_word_and_spellings_of_yo_have_one_stem() {
        assert_eq!(stem(&fold("Стоимость")), stem(&fold("стоимости")));
        assert_eq!(fold("ЁЛКА"), "елка");
    }

    #[test]
    fn a_message_falls_into_words_numbers_and_marks() {
        let stems: Vec<_> = tokens("Шу-пуэр, 690 ₽?").into_iter().map(|token| token.folded).collect();
        assert_eq!(stems, ["шу-пуэр", ",", "690", "₽", "?"]);
    }
}
