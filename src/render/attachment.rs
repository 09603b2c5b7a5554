//! Captions of the files that go with a digest.

use super::{Part, format};
use crate::measure::Period;

/// One of the files of a digest.
#[derive(Debug, Clone, Copy)]
pub struct Attached<'a> {
    /// Words of ours, nobody else's.
    pub title: &'static str,
    pub period: &'a Period,
    /// The digest's: the last line shows it, as that of every message.
    pub public_id: &'a str,
    /// From 1.
    pub number: usize,
    pub count: usize,
}

/// Two or three short lines, far below the 1024 code points of a caption.
pub fn caption(file: &Attached<'_>) -> Part {
    let last_on = file.period.to_on.pred_opt().unwrap_or(file.period.to_on);
    let days = format::days(file.period.from_on, last_on);
    let of = if file.count > 1 {
        format!("Вложение {} из {} · ", file.number, file.count)
    } else {
        String::new()
    };
    let (title, id) = (file.title, format!("{of}№{}{}", format::NBSP, file.public_id));
    Part { html: format!("<b>{title}</b>\n{days}\n<i>{id}</i>"), plain: format!("{title}\n{days}\n{id}") }
}
