//! From the text of a request to the text that Telegram stores.

use super::args::Args;
use super::entity::{self, Entity};
use super::error::ApiError;
use super::html;

/// Limit of a message's text in code points, after parsing.
pub const TEXT_LIMIT: usize = 4096;
/// Limit of a caption in code points, after parsing.
pub const CAPTION_LIMIT: usize = 1024;
/// Limit of the raw argument in bytes, markup included.
const RAW_LIMIT_BYTES: usize = 32_768;

/// Text with its entities.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Formatted {
    pub text: String,
    pub entities: Vec<Entity>,
}

impl Formatted {
    /// Text without markup.
    pub fn plain(text: &str) -> Self {
        Self { text: text.to_owned(), entities: Vec::new() }
    }

    /// Length in the unit of Telegram's limits.
    pub fn code_points(&self) -> usize {
        self.text.chars().count()
    }
}

/// Reads `text` (or `caption`) by its parse mode. The result is parsed, not yet normalised.
///
/// # Errors
/// In the server's order: encoding, size of the raw text, mode, markup.
pub fn read(args: &Args, name: &str, entities_name: &str) -> Result<Formatted, ApiError> {
    let mode = args.get("parse_mode").unwrap_or_default().to_lowercase();
    let marked = !mode.is_empty() && mode != "none";
    let Ok(raw) = args.utf8(name) else {
        let why = if marked { "text must be encoded in UTF-8" } else { "strings must be encoded in UTF-8" };
        return Err(ApiError::bad(why));
    };
    if raw.len() > RAW_LIMIT_BYTES {
        return Err(ApiError::bad("text is too long"));
    }
    match mode.as_str() {
        "" | "none" => {
            let entities = args.json(entities_name).unwrap_or_default();
            let entities = entities.as_array().into_iter().flatten().filter_map(Entity::from_json).collect();
            Ok(Formatted { text: raw.to_owned(), entities })
        }
        "html" => {
            let (text, entities) = html::parse(raw)?;
            Ok(Formatted { text, entities })
        }
        // The product writes HTML only; the older dialects are refused rather than half understood.
        _ => Err(ApiError::bad("unsupported parse_mode")),
    }
}

/// What Telegram keeps: control characters become spaces, a few invisible ones vanish, white space is trimmed (at the
/// beginning only up to the first entity), entities are tidied and cut to their limit. Empty when nothing is visible.
pub fn normalise(raw: Formatted) -> Formatted {
    let units = raw.text.encode_utf16().count();
    let entities = raw.entities.into_iter().filter(|entity| entity.end() <= units).collect();
    let (text, places) = cleaned(&raw.text);
    let mut entities = entity::tidy(entities);
    for entity in &mut entities {
        let end = places[entity.end()];
        entity.offset = places[entity.offset];
        entity.length = end - entity.offset;
    }
    if !text.chars().any(is_visible) {
        return Formatted::default();
    }
    let blank = |unit: &u16| *unit == u16::from(b' ') || *unit == u16::from(b'\n');
    let units: Vec<u16> = text.encode_utf16().collect();
    entities.retain(|entity| {
        entity.kind.has_hidden_data() || !units[entity.offset..entity.end()].iter().all(blank)
    });
    let text = trim_end(text, &mut entities);
    let text = trim_start(text, &mut entities);
    Formatted { text, entities: entity::cut_to_limit(entities) }
}

/// The text without what Telegram never keeps, and for each old UTF-16 offset (the end included) the new one.
fn cleaned(raw: &str) -> (String, Vec<usize>) {
    let mut text = String::with_capacity(raw.len());
    let mut places = Vec::with_capacity(raw.len() + 1);
    let mut at = 0;
    for letter in raw.chars() {
        places.extend(std::iter::repeat_n(at, letter.len_utf16()));
        let kept = match letter {
            '\r' | '\u{2028}'..='\u{202E}' | '\u{333}' | '\u{33F}' | '\u{30A}' => continue,
            '\n' => '\n',
            '\u{0}'..='\u{1F}' => ' ',
            other => other,
        };
        text.push(kept);
        at += kept.len_utf16();
    }
    places.push(at);
    (text, places)
}

fn trim_end(mut text: String, entities: &mut Vec<Entity>) -> String {
    text.truncate(text.trim_end_matches([' ', '\n']).len());
    let units = text.encode_utf16().count();
    entities.retain(|entity| entity.offset < units);
    for entity in entities.iter_mut() {
        entity.length = entity.length.min(units - entity.offset);
    }
    entities.retain(|entity| entity.length > 0);
    text
}

fn trim_start(text: String, entities: &mut [Entity]) -> String {
    let blank = text.len() - text.trim_start_matches([' ', '\n']).len();
    // Blanks are one byte and one UTF-16 unit each.
    let cut = entities.iter().map(|entity| entity.offset).min().map_or(blank, |first| first.min(blank));
    for entity in entities {
        entity.offset -= cut;
    }
    text[cut..].to_owned()
}

fn is_visible(letter: char) -> bool {
    !letter.is_whitespace()
        && !matches!(letter, '\u{200B}'..='\u{200F}' | '\u{2060}'..='\u{2064}' | '\u{FEFF}')
}
