//! The daily digest in words.

use super::{RenderError, Report};
use crate::measure::digest::DailyDigest;

/// How texts link back to the CRM.
#[derive(Debug, Clone, Default)]
pub struct Links {
    /// CRM base such as `https://shop.retailcrm.ru`; `None` = names without links.
    pub crm_url: Option<String>,
}

/// Renders the digest in Telegram HTML.
///
/// # Errors
/// Only for a fault in the templates; data cannot make it fail.
pub fn render(_digest: &DailyDigest, _links: &Links) -> Result<Report, RenderError> {
    todo!()
}
