//! Telegram HTML as a typed tree: parse strictly, split at block borders, write back.

use super::{Part, RenderError, Report};

/// Cuts a report into messages: parts of at most 4000 code points and 90 entities, each valid HTML, cut at blank lines,
/// else between lines, else between words; every part ends with the id line «№ …» and, when there are several, «(2/3)».
///
/// # Errors
/// [`RenderError::Markup`] when the HTML is not the dialect Telegram reads.
pub fn parts(_report: &Report) -> Result<Vec<Part>, RenderError> {
    todo!()
}
