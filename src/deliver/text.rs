//! Last touches to a message: the mark of a repeat, and the plain text when Telegram refused our HTML.

use super::telegram::Text;
use crate::store::outbox::{Action, DeliveryRow};

/// What a message sent again after an unknown outcome says about itself.
pub const REPEAT_MARK: &str = " · повтор";

/// Most code points of one Telegram message.
const LONGEST: usize = 4096;

/// Marks a text as a repeat, on its id line: `№ d-0820-k3f9 (2/3) · повтор`. The mark follows text, never a tag, so HTML
/// stays valid. A text without the id gets a line of its own.
pub fn mark_repeat(text: &str, public_id: &str) -> String {
    let after_id =
        (!public_id.is_empty()).then(|| text.rfind(public_id)).flatten().map(|at| at + public_id.len());
    let Some(at) = after_id else { return format!("{text}\n\nповтор") };
    let at = at + number_length(&text[at..]);
    format!("{}{REPEAT_MARK}{}", &text[..at], &text[at..])
}

/// The text of a delivery, without the mark of a repeat: HTML where it is read and was not refused.
pub fn text_of(row: &DeliveryRow, reads_html: bool, topic: Option<i64>) -> Text {
    let is_html = reads_html && !row.is_plain;
    let body = if is_html { row.html.clone() } else { fit_plain(&row.plain) };
    let reply_to = match row.action {
        Action::Reply { to_message_id } => Some(to_message_id),
        _ => None,
    };
    Text { body, is_html, topic, is_silent: row.is_silent, keyboard: row.keyboard.clone(), reply_to }
}

/// The text as it went to Telegram, as a repeat or the first time.
pub fn last_sent(row: &DeliveryRow, as_repeat: bool) -> Text {
    let text = text_of(row, true, None);
    match as_repeat {
        true => Text { body: mark_repeat(&text.body, &row.public_id), ..text },
        false => text,
    }
}

/// Length in bytes of a part number such as ` (2/3)` at the start of `rest`; 0 when there is none.
fn number_length(rest: &str) -> usize {
    let Some(inner) = rest.trim_start_matches([' ', '\u{a0}']).strip_prefix('(') else { return 0 };
    match inner.split_once(')') {
        Some((number, after)) if number.bytes().all(|b| b.is_ascii_digit() || b == b'/') => {
            rest.len() - after.len()
        }
        _ => 0,
    }
}

/// Cuts a plain text to what one message holds, at the end of a line, keeping its last line (the id). Plain text can be
/// longer than the HTML it stands for, because links show their address.
pub fn fit_plain(plain: &str) -> String {
    // Room for the mark of a repeat.
    let budget = LONGEST - REPEAT_MARK.chars().count();
    if plain.chars().count() <= budget {
        return plain.to_owned();
    }
    let last = plain.lines().next_back().unwrap_or_default();
    let tail: String = format!("\n…\n{last}").chars().take(budget / 2).collect();
    let head: String = plain.chars().take(budget - tail.chars().count()).collect();
    let end = head.rfind('\n').unwrap_or(head.len());
    format!("{}{tail}", &head[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_stands_on_the_id_line_after_the_part_number_and_inside_its_tags() {
        let mark = |text| mark_repeat(text, "d-0820-k3f9");
        assert_eq!(mark("Итоги\n№ d-0820-k3f9"), "Итоги\n№ d-0820-k3f9 · повтор");
        assert_eq!(mark("<i>№ d-0820-k3f9 (2/3)</i>"), "<i>№ d-0820-k3f9 (2/3) · повтор</i>");
        assert_eq!(mark("№\u{a0}d-0820-k3f9\u{a0}(2/3)"), "№\u{a0}d-0820-k3f9\u{a0}(2/3) · повтор");
        assert_eq!(mark("№ d-0820-k3f9 (черновик)"), "№ d-0820-k3f9 · повтор (черновик)");
        assert_eq!(mark("Без номера"), "Без номера\n\nповтор");
        assert_eq!(mark_repeat("Без номера", ""), "Без номера\n\nповтор");
    }

    #[test]
    fn a_plain_text_that_is_too_long_keeps_its_beginning_and_its_id() {
        let long = format!("{}\n№ d-1 (1/2)", "Иванова 12 чатов\n".repeat(400));
        let cut = fit_plain(&long);
        assert!(cut.starts_with("Иванова 12 чатов\n") && cut.ends_with("\n…\n№ d-1 (1/2)"));
        assert!(mark_repeat(&cut, "d-1").chars().count() <= LONGEST);
        assert_eq!(fit_plain("коротко"), "коротко");
        assert!(fit_plain(&"я".repeat(9000)).chars().count() <= LONGEST);
    }
}
