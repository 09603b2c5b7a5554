//! What the templates see: strings, ready to be read. Everything that depends on the numbers is decided before.

use askama::Template;

/// The daily digest, block by block in the order of the text.
#[derive(Debug, Template)]
#[template(path = "telegram/daily.html")]
pub(super) struct DailyView {
    /// `четверг, 20 августа`, after «за».
    pub day: String,
    /// What happened, one sentence.
    pub news: String,
    /// What to do about it.
    pub action: Option<String>,
    pub late: Option<String>,
    pub team: Block,
    pub waiting: WaitingView,
    pub orders: Block,
    /// A line on conversations and one on orders each.
    pub managers: Vec<ManagerView>,
    /// All in one line each.
    pub more_managers: Vec<ManagerView>,
    pub channels: Vec<String>,
    pub warnings: Vec<String>,
    /// How much of the day is known, and how to read the numbers.
    pub coverage: Vec<String>,
}

/// Lines under a name.
#[derive(Debug, Default)]
pub(super) struct Block {
    /// Stands in parentheses after the name.
    pub remark: Option<String>,
    pub lines: Vec<String>,
}

/// Who waits for an answer now.
#[derive(Debug)]
pub(super) struct WaitingView {
    /// A heading over the people, or the whole sentence when there are none to name.
    pub title: String,
    pub people: Vec<PersonView>,
    /// `и ещё 14`.
    pub rest: Option<String>,
}

/// One conversation that waits.
#[derive(Debug)]
pub(super) struct PersonView {
    pub name: String,
    /// Address of the chat in the CRM.
    pub link: Option<String>,
    pub details: String,
}

/// One manager.
#[derive(Debug)]
pub(super) struct ManagerView {
    pub name: String,
    /// Never empty.
    pub lines: Vec<String>,
}
