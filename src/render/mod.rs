//! Words: a digest becomes a report in Russian, a report becomes messages that Telegram accepts.
//!
//! Templates (Askama, `templates/telegram/*.html`) write Telegram HTML; [`tree`] reads it back strictly into a typed
//! tree, so that splitting and escaping cannot produce broken markup. No decision is taken in a template, and
//! [`format`] is the only formatter.

pub mod attachment;
pub mod behaviour;
pub mod bot;
pub mod card;
mod compare;
pub mod correction;
pub mod daily;
pub mod format;
mod known;
pub mod notices;
mod parse;
pub mod quality;
pub mod receipt;
mod sentences;
mod split;
pub mod subjects;
mod team;
pub mod tree;
mod view;
pub mod weekly;

/// A rendered report, not yet cut into messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Short visible id, repeated in the last line of every part.
    pub public_id: String,
    /// Telegram HTML; blocks are separated by blank lines.
    pub html: String,
}

/// One Telegram message of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Telegram HTML, at most 4000 code points and 90 entities after parsing.
    pub html: String,
    /// The same text without markup; links keep their address in parentheses.
    pub plain: String,
}

/// A template or a text of ours is wrong. Never the reader's fault and never a data problem.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    #[error("cannot fill the template: {0}")]
    Template(#[from] askama::Error),
    #[error("the template wrote HTML that Telegram would refuse: {0}")]
    Markup(String),
}
