//! Telegram's HTML dialect, read as strictly as the Bot API reads it.
//!
//! The refusals and their byte offsets follow TDLib's `parse_html`: a sender that is tested against this parser learns
//! of broken markup here and not from a manager.

use super::entity::{Entity, EntityKind};
use super::error::ApiError;

const TAGS: [&str; 17] = [
    "a",
    "b",
    "strong",
    "i",
    "em",
    "u",
    "ins",
    "s",
    "strike",
    "del",
    "code",
    "pre",
    "blockquote",
    "tg-spoiler",
    "tg-emoji",
    "tg-time",
    "span",
];

/// A tag that waits for its end.
struct OpenTag {
    name: String,
    argument: String,
    /// `format` of `tg-time`.
    format: String,
    /// UTF-16 units of text before it.
    offset: usize,
    /// Bytes of text before it.
    begin: usize,
}

struct Parser<'a> {
    source: &'a [u8],
    at: usize,
    text: Vec<u8>,
    /// UTF-16 units in `text`.
    units: usize,
    entities: Vec<Entity>,
    open: Vec<OpenTag>,
    /// Language of the `<code class="language-…">` that closed last, if it closed as the entity with this index.
    code_language: Option<(usize, String)>,
    lone_surrogate: bool,
}

/// Text and entities of `source`, not yet normalised.
///
/// # Errors
/// 400 `can't parse entities: …` with TDLib's words and byte offset.
pub fn parse(source: &str) -> Result<(String, Vec<Entity>), ApiError> {
    let mut parser = Parser {
        source: source.as_bytes(),
        at: 0,
        text: Vec::with_capacity(source.len()),
        units: 0,
        entities: Vec::new(),
        open: Vec::new(),
        code_language: None,
        lone_surrogate: false,
    };
    parser.run().map_err(|why| ApiError::bad(&format!("can't parse entities: {why}")))?;
    // Only whole characters are ever copied or decoded, so nothing is replaced here.
    Ok((String::from_utf8_lossy(&parser.text).into_owned(), parser.entities))
}

impl Parser<'_> {
    /// The byte at `at`, 0 beyond the end: TDLib reads zero-terminated strings, and its loops stop at the zero.
    fn byte(&self, at: usize) -> u8 {
        self.source.get(at).copied().unwrap_or(0)
    }

    fn slice(&self, from: usize, to: usize) -> String {
        String::from_utf8_lossy(self.source.get(from..to).unwrap_or_default()).into_owned()
    }

    fn skip_while(&mut self, keep: impl Fn(u8) -> bool) {
        while self.at < self.source.len() && keep(self.byte(self.at)) {
            self.at += 1;
        }
    }

    fn run(&mut self) -> Result<(), String> {
        while self.at < self.source.len() {
            match self.byte(self.at) {
                b'&' => self.reference(),
                b'<' if self.byte(self.at + 1) == b'/' => self.end_tag()?,
                b'<' => self.start_tag()?,
                byte => {
                    // Count a character at its first byte; four bytes make a surrogate pair.
                    if byte & 0xC0 != 0x80 {
                        self.units += 1 + usize::from(byte >= 0xF0);
                    }
                    self.text.push(byte);
                    self.at += 1;
                }
            }
        }
        if let Some(tag) = self.open.last() {
            return Err(format!("Can't find end tag corresponding to start tag \"{}\"", tag.name));
        }
        if self.lone_surrogate {
            let why = "Text contains invalid Unicode characters after decoding HTML entities, check for unmatched surrogate code units";
            return Err(why.to_owned());
        }
        Ok(())
    }

    /// `&lt;`, `&#169;`, `&#xA9;`; an ampersand that begins none of these is a letter.
    fn reference(&mut self) {
        let Some((mut code, mut next)) = self.decode(self.at) else {
            self.text.push(b'&');
            self.units += 1;
            self.at += 1;
            return;
        };
        if (0xD800..0xDC00).contains(&code)
            && let Some((low, after)) = self.decode(next)
            && (0xDC00..0xE000).contains(&low)
        {
            (code, next) = (0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00), after);
        }
        self.at = next;
        match char::from_u32(code) {
            Some(letter) => {
                self.units += letter.len_utf16();
                self.text.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
            }
            None => self.lone_surrogate = true,
        }
    }

    /// The code point of a reference that begins at `at`, and the place after it. The semicolon may be missing.
    fn decode(&self, at: usize) -> Option<(u32, usize)> {
        if self.byte(at) != b'&' {
            return None;
        }
        let mut end = at + 1;
        let mut code: u32 = 0;
        if self.byte(end) == b'#' {
            let radix = if self.byte(end + 1) == b'x' { 16 } else { 10 };
            end += if radix == 16 { 2 } else { 1 };
            while let Some(digit) = char::from(self.byte(end)).to_digit(radix) {
                code = code.saturating_mul(radix).saturating_add(digit);
                end += 1;
            }
            if code == 0 || code >= 0x0010_FFFF || end - at >= 10 {
                return None;
            }
        } else {
            while self.byte(end).is_ascii_alphabetic() {
                end += 1;
            }
            code = match &self.source[at + 1..end] {
                b"lt" => '<' as u32,
                b"gt" => '>' as u32,
                b"amp" => '&' as u32,
                b"quot" => '"' as u32,
                _ => return None,
            };
        }
        Some((code, end + usize::from(self.byte(end) == b';')))
    }

    fn start_tag(&mut self) -> Result<(), String> {
        let begin = self.at;
        self.at += 1;
        self.skip_while(|byte| !is_space(byte) && byte != b'>');
        if self.at >= self.source.len() {
            return Err(format!("Unclosed start tag at byte offset {begin}"));
        }
        let name = self.slice(begin + 1, self.at).to_lowercase();
        if !TAGS.contains(&name.as_str()) {
            return Err(format!("Unsupported start tag \"{name}\" at byte offset {begin}"));
        }
        let (mut argument, mut format) = (String::new(), String::new());
        while let Some((attribute, value)) = self.attribute(&name, begin)? {
            match (name.as_str(), attribute.as_str()) {
                ("a", "href") | ("tg-emoji", "emoji-id") | ("tg-time", "unix") => argument = value,
                ("tg-time", "format") => format = value,
                ("code", "class") => {
                    value.strip_prefix("language-").unwrap_or_default().clone_into(&mut argument);
                }
                ("span", "class") => value.strip_prefix("tg-").unwrap_or_default().clone_into(&mut argument),
                ("blockquote", "expandable") => "1".clone_into(&mut argument),
                _ => {}
            }
        }
        // The `>` itself.
        self.at += 1;
        if name == "span" && argument != "spoiler" {
            return Err(format!("Tag \"span\" must have class \"tg-spoiler\" at byte offset {begin}"));
        }
        self.open.push(OpenTag { name, argument, format, offset: self.units, begin: self.text.len() });
        Ok(())
    }

    /// The next attribute with its value (empty when it has none), or `None` at the closing `>`.
    fn attribute(&mut self, tag: &str, begin: usize) -> Result<Option<(String, String)>, String> {
        self.skip_while(is_space);
        if self.byte(self.at) == b'>' {
            return Ok(None);
        }
        let name_at = self.at;
        self.skip_while(|byte| !is_space(byte) && !matches!(byte, b'=' | b'>' | b'/' | b'"' | b'\''));
        if self.at == name_at {
            return Err(format!("Empty attribute name in the tag \"{tag}\" at byte offset {begin}"));
        }
        let name = self.slice(name_at, self.at);
        let unclosed = || format!("Unclosed start tag \"{tag}\" at byte offset {begin}");
        self.skip_while(is_space);
        if self.at >= self.source.len() {
            return Err(unclosed());
        }
        if self.byte(self.at) != b'=' {
            return Ok(Some((name, String::new())));
        }
        self.at += 1;
        self.skip_while(is_space);
        if self.at >= self.source.len() {
            return Err(unclosed());
        }
        let quote = self.byte(self.at);
        let value = if matches!(quote, b'"' | b'\'') { self.quoted(quote) } else { self.bare_word()? };
        if self.at >= self.source.len() {
            return Err(format!("Unclosed start tag at byte offset {begin}"));
        }
        Ok(Some((name, value)))
    }

    fn quoted(&mut self, quote: u8) -> String {
        self.at += 1;
        let mut value = Vec::new();
        while self.at < self.source.len() && self.byte(self.at) != quote {
            if let Some((letter, next)) =
                self.decode(self.at).and_then(|(code, next)| Some((char::from_u32(code)?, next)))
            {
                value.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
                self.at = next;
            } else {
                value.push(self.byte(self.at));
                self.at += 1;
            }
        }
        if self.at < self.source.len() {
            self.at += 1;
        }
        String::from_utf8_lossy(&value).into_owned()
    }

    /// A value without quotes: letters, digits, periods, hyphens.
    fn bare_word(&mut self) -> Result<String, String> {
        let from = self.at;
        self.skip_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'));
        let next = self.byte(self.at);
        // A zero counts as a space: the end of the text is reported by the caller.
        if !is_space(next) && next != b'>' && next != 0 {
            return Err(format!("Unexpected end of name token at byte offset {from}"));
        }
        Ok(self.slice(from, self.at).to_lowercase())
    }

    fn end_tag(&mut self) -> Result<(), String> {
        let begin = self.at;
        let Some(tag) = self.open.pop() else {
            return Err(format!("Unexpected end tag at byte offset {begin}"));
        };
        self.at += 2;
        self.skip_while(|byte| !is_space(byte) && byte != b'>');
        let found = self.slice(begin + 2, self.at).to_lowercase();
        self.skip_while(is_space);
        if self.byte(self.at) != b'>' {
            return Err(format!("Unclosed end tag at byte offset {begin}"));
        }
        self.at += 1;
        if !found.is_empty() && found != tag.name {
            let expected = &tag.name;
            return Err(format!(
                "Unmatched end tag at byte offset {begin}, expected \"</{expected}>\", found \"</{found}>\""
            ));
        }
        if self.units > tag.offset {
            self.close(tag)?;
        }
        Ok(())
    }

    fn close(&mut self, tag: OpenTag) -> Result<(), String> {
        let (offset, length) = (tag.offset, self.units - tag.offset);
        let index = self.entities.len();
        let twin = self.entities.last_mut().filter(|last| (last.offset, last.length) == (offset, length));
        let kind = match tag.name.as_str() {
            "b" | "strong" => EntityKind::Bold,
            "i" | "em" => EntityKind::Italic,
            "u" | "ins" => EntityKind::Underline,
            "s" | "strike" | "del" => EntityKind::Strikethrough,
            "blockquote" => EntityKind::Blockquote { expandable: !tag.argument.is_empty() },
            "tg-emoji" => match tag.argument.parse::<i64>() {
                Ok(id) if id != 0 => EntityKind::CustomEmoji { id: tag.argument },
                _ => return Err("Invalid custom emoji identifier specified".to_owned()),
            },
            "tg-time" => match tag.argument.parse() {
                Ok(unix) => EntityKind::Time { unix, format: tag.format },
                Err(_) => return Err("Invalid date-time specified".to_owned()),
            },
            "a" => {
                let url = if tag.argument.is_empty() {
                    String::from_utf8_lossy(&self.text[tag.begin..]).into_owned()
                } else {
                    tag.argument
                };
                match link(&url) {
                    Some(kind) => kind,
                    None => return Ok(()),
                }
            }
            "pre" => match (twin, self.code_language.take()) {
                (Some(code), Some((at, language))) if at + 1 == index => {
                    code.kind = EntityKind::Pre { language: Some(language) };
                    return Ok(());
                }
                _ => EntityKind::Pre { language: None },
            },
            "code" if tag.argument.is_empty() => EntityKind::Code,
            "code" => match twin {
                Some(Entity { kind: EntityKind::Pre { language: language @ None }, .. }) => {
                    *language = Some(tag.argument);
                    return Ok(());
                }
                _ => {
                    self.code_language = Some((index, tag.argument));
                    EntityKind::Code
                }
            },
            _ => EntityKind::Spoiler,
        };
        self.entities.push(Entity { offset, length, kind });
        Ok(())
    }
}

fn link(url: &str) -> Option<EntityKind> {
    if let Some(user_id) = url.strip_prefix("tg://user?id=").and_then(|id| id.parse().ok()) {
        return Some(EntityKind::Mention { user_id });
    }
    checked_link(url).map(|url| EntityKind::Link { url })
}

/// The address as Telegram would store it, or `None` when it would show plain text instead: only http, https and tg,
/// and a web address needs a host with a dot (so `localhost` is no link).
pub fn checked_link(url: &str) -> Option<String> {
    let lower = url.to_ascii_lowercase();
    if lower.starts_with("tg://") {
        return Some(url.to_owned());
    }
    let (scheme, rest) = match lower.find("://") {
        Some(3..) if !lower.starts_with("http://") && !lower.starts_with("https://") => return None,
        Some(at) => (&lower[..at], url.get(at + 3..)?),
        None => ("http", url),
    };
    let host_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (host, path) = rest.split_at(host_end);
    let host = host.to_lowercase();
    let bare = host.split(':').next().unwrap_or_default();
    let strange = |letter: char| letter.is_whitespace() || matches!(letter, '@' | '<' | '>' | '"' | '\\');
    if !bare.contains('.') || bare.starts_with('.') || bare.ends_with('.') || host.contains(strange) {
        return None;
    }
    let slash = if path.starts_with('/') { "" } else { "/" };
    Some(format!("{scheme}://{host}{slash}{path}"))
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | 0x0B | 0)
}
