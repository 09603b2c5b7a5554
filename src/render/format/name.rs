//! Names given by strangers, made fit for one line of text.

/// Characters that show nothing, or that turn the text around them.
fn is_hidden(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}'..='\u{200c}' | '\u{200e}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}')
}

/// Characters that only mean something on the one before them, and the joiner of composed emoji.
pub(in crate::render) fn is_attached(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{200d}' | '\u{20e3}' | '\u{fe00}'..='\u{fe0f}' | '\u{1f3fb}'..='\u{1f3ff}')
}

/// A name on one line, without hidden characters, at most `limit` code points with «…» at the cut. `None` when
/// nothing visible is left.
pub fn name(text: &str, limit: usize) -> Option<String> {
    let seen: String = text
        .chars()
        .filter_map(|c| match c {
            c if c.is_control() || c.is_whitespace() => Some(' '),
            c if is_hidden(c) => None,
            c => Some(c),
        })
        .collect();
    let words: Vec<&str> = seen.split(' ').filter(|word| !word.is_empty()).collect();
    let line = words.join(" ");
    if line.chars().all(|c| is_attached(c) || c == ' ') {
        return None;
    }
    if line.chars().count() <= limit {
        return Some(line);
    }
    let mut kept: Vec<char> = line.chars().take(limit.saturating_sub(1)).collect();
    while kept.len() > 1 && kept.last().is_some_and(|&c| c == '\u{200d}' || c == ' ') {
        kept.pop();
    }
    Some(kept.into_iter().chain(['…']).collect())
}

/// `«Опт»`; quotes inside become „lower“ ones.
pub fn quoted(text: &str) -> String {
    format!("«{}»", text.replace('«', "„").replace('»', "“"))
}

/// What people call a kind of channel; a kind we do not know stands for itself.
pub fn channel(kind: &str) -> String {
    match kind {
        "whatsapp" => "WhatsApp",
        "telegram" => "Telegram",
        "instagram" => "Instagram",
        "fbmessenger" => "Facebook",
        "viber" => "Viber",
        "skype" => "Skype",
        "vk" => "ВКонтакте",
        "odnoklassniki" => "Одноклассники",
        "avito" => "Авито",
        "max" => "MAX",
        "ozon" => "Ozon",
        "wildberries" => "Wildberries",
        "yandex_market" => "Яндекс Маркет",
        "mega_market" => "Мегамаркет",
        "drom" => "Дром",
        "youla" => "Юла",
        "yandex_chat" => "Яндекс",
        "consultant" => "Чат на сайте",
        other => return name(other, 24).unwrap_or_else(|| "Канал не указан".to_owned()),
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_visible_line() {
        assert_eq!(name("  Мария \n\t Иванова ", 24).as_deref(), Some("Мария Иванова"));
        assert_eq!(name("\u{202e}Оля\u{200b}", 24).as_deref(), Some("Оля"));
        assert_eq!(name("<b>&\"", 24).as_deref(), Some("<b>&\""));
        for blank in ["", " \u{a0}\n", "\u{3164}", "\u{2800}\u{200d}\u{fe0f}"] {
            assert_eq!(name(blank, 24), None, "{blank:?}");
        }
    }

    #[test]
    fn a_long_name_is_cut_and_says_so() {
        let long = "Александра-Мария Константинопольская";
        assert_eq!(name(long, 24).as_deref(), Some("Александра-Мария Конста…"));
        assert_eq!(name(long, 18).as_deref(), Some("Александра-Мария…"));
        assert_eq!(name("👩\u{200d}👩\u{200d}👧", 3).as_deref(), Some("👩…"));
    }

    #[test]
    fn quotes_inside_quotes_are_lower_ones() {
        assert_eq!(quoted("Чай «Юг»"), "«Чай „Юг“»");
    }

    #[test]
    fn a_channel_is_called_as_people_call_it() {
        assert_eq!(channel("whatsapp"), "WhatsApp");
        assert_eq!(channel("fax"), "fax");
        assert_eq!(channel(""), "Канал не указан");
    }
}
