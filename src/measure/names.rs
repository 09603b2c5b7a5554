//! Of a customer only the first name leaves the CRM.

/// The first word, if it may be somebody's name: a telephone number, an address or a nickname with digits is not.
pub fn first_name(name: &str) -> String {
    let word = name.split_whitespace().next().unwrap_or_default();
    let word = word.trim_matches(|c: char| c.is_ascii_punctuation() || "«»„“”".contains(c));
    let is_name = word.chars().any(char::is_alphabetic)
        && !name.starts_with('@')
        && !word.chars().any(|c| c.is_numeric() || c == '@');
    if is_name { word.to_owned() } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::first_name;

    #[test]
    fn only_a_first_name_leaves_the_crm() {
        assert_eq!(first_name("  Мария Иванова"), "Мария");
        assert_eq!(first_name("+7 999 123-45-67"), "");
        assert_eq!(first_name("maria@example.com Мария"), "");
        assert_eq!(first_name("79991234567"), "");
        assert_eq!(first_name("«Сергей», опт"), "Сергей");
        assert_eq!(first_name(""), "");
    }
}
