//! Customers' words without their phones and addresses, before they become part of a digest.

use std::collections::BTreeMap;

use crate::facts::bot::LabelCount;
use crate::text::lexicon::Lexicon;
use crate::text::mask::{PiiKind, mask};

/// Words of customers, masked; what looks the same then is counted together. Most first, then by label.
pub(super) fn words(labels: &[LabelCount]) -> Vec<LabelCount> {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for label in labels {
        let masked = mask(&label.label, Lexicon::shipped()).text;
        let count = counts.entry(masked).or_default();
        *count = count.saturating_add(label.count);
    }
    let mut masked: Vec<LabelCount> =
        counts.into_iter().map(|(label, count)| LabelCount { label, count }).collect();
    masked.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.label.cmp(&b.label)));
    masked
}

/// A word that programs write, such as a source: only a person's own data is hidden. «vk.com» is where people come
/// from, not whom they are.
pub(super) fn tag(tag: &str) -> String {
    let masked = mask(tag, Lexicon::shipped());
    let is_personal = masked
        .spans
        .iter()
        .any(|span| matches!(span.kind, PiiKind::Email | PiiKind::Card | PiiKind::Phone | PiiKind::Address));
    if is_personal { masked.text } else { tag.to_owned() }
}

/// The same for the labels of a list.
pub(super) fn tags(labels: &[LabelCount]) -> Vec<LabelCount> {
    labels.iter().map(|one| LabelCount { label: tag(&one.label), count: one.count }).collect()
}
