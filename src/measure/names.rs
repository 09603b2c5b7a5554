//! What a digest may call a customer.

use crate::text::lexicon::Lexicon;
use crate::text::mask::mask;

/// The first word of a name that is one: no phone, no address of any kind, no surname. Empty when there is none.
pub fn first_name(name: &str) -> String {
    let masked = mask(name, Lexicon::shipped()).text;
    let words = masked.split_whitespace().map(|word| {
        word.trim_matches(|c: char| "«»„“”".contains(c) || (c.is_ascii_punctuation() && !"[]@".contains(c)))
    });
    words.into_iter().find(|word| is_name(word)).unwrap_or_default().to_owned()
}

/// A word of letters. Brackets stand for what was hidden; a dot, a colon or a slash inside is of an address.
fn is_name(word: &str) -> bool {
    word.chars().any(char::is_alphabetic) && !word.chars().any(|c| c.is_numeric() || "@[]./:_\\".contains(c))
}

#[cfg(test)]
mod tests {
    use super::first_name;

    #[test]
    fn only_a_first_name_leaves_the_crm() {
        assert_eq!(first_name("  Мария Иванова"), "Мария");
        assert_eq!(first_name("Иванова Мария"), "Мария");
        assert_eq!(first_name("+7 999 123-45-67"), "");
        assert_eq!(first_name("maria@example.com Мария"), "Мария");
        assert_eq!(first_name("t.me/maria"), "");
        assert_eq!(first_name("79991234567"), "");
        assert_eq!(first_name("«Сергей», опт"), "Сергей");
        assert_eq!(first_name("@maria"), "");
        assert_eq!(first_name(""), "");
    }
}
