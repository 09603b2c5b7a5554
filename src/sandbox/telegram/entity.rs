//! Formatting entities: how Telegram stores bold and links beside the text.
//!
//! Offsets and lengths are UTF-16 units. The rules of [`tidy`] (what may stand inside what, what is cut, what is dropped
//! beyond a hundred) are TDLib's; addresses, hashtags and names are not recognised by themselves.

use std::cmp::Reverse;

use serde_json::{Value, json};

/// Telegram's core keeps this many formatting entities of a message and drops the rest without a word.
pub const ENTITY_LIMIT: usize = 100;

/// A stretch of a message's text with a meaning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entity {
    /// UTF-16 units from the beginning of the text.
    pub offset: usize,
    /// UTF-16 units; never 0 in a stored message.
    pub length: usize,
    pub kind: EntityKind,
}

/// What a stretch of text is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntityKind {
    Bold,
    Italic,
    Underline,
    Strikethrough,
    Spoiler,
    Code,
    Pre {
        language: Option<String>,
    },
    /// `text_link`: words that lead to an address.
    Link {
        url: String,
    },
    /// `text_mention`: a person without a username.
    Mention {
        user_id: i64,
    },
    Blockquote {
        expandable: bool,
    },
    CustomEmoji {
        id: String,
    },
    /// `date_time`: a moment that every reader sees in his own zone.
    Time {
        unix: i64,
        format: String,
    },
    BotCommand,
}

impl EntityKind {
    /// Kinds that may overlap anything but code: Telegram cuts them where another entity begins or ends.
    pub fn is_splittable(&self) -> bool {
        matches!(self, Self::Bold | Self::Italic | Self::Underline | Self::Strikethrough | Self::Spoiler)
    }

    /// Kinds that mean something even over blanks: they carry more than their text shows.
    pub fn has_hidden_data(&self) -> bool {
        matches!(self, Self::Link { .. } | Self::Mention { .. } | Self::CustomEmoji { .. })
    }

    fn is_code(&self) -> bool {
        matches!(self, Self::Code | Self::Pre { .. })
    }

    fn is_quote(&self) -> bool {
        matches!(self, Self::Blockquote { .. })
    }

    /// TDLib's order among entities that cover the same text.
    fn priority(&self) -> u8 {
        match self {
            Self::Blockquote { .. } => 0,
            Self::Pre { .. } => 10,
            Self::Code => 20,
            Self::Link { .. } | Self::Mention { .. } => 49,
            Self::BotCommand | Self::Time { .. } => 50,
            Self::Bold => 90,
            Self::Italic => 91,
            Self::Underline => 92,
            Self::Strikethrough => 93,
            Self::Spoiler => 94,
            Self::CustomEmoji { .. } => 99,
        }
    }

    fn tags(&self) -> (String, &'static str) {
        match self {
            Self::Bold => ("<b>".into(), "</b>"),
            Self::Italic => ("<i>".into(), "</i>"),
            Self::Underline => ("<u>".into(), "</u>"),
            Self::Strikethrough => ("<s>".into(), "</s>"),
            Self::Spoiler => ("<tg-spoiler>".into(), "</tg-spoiler>"),
            Self::Code => ("<code>".into(), "</code>"),
            Self::Pre { language: None } => ("<pre>".into(), "</pre>"),
            Self::Pre { language: Some(language) } => {
                (format!("<pre><code class=\"language-{}\">", escape(language)), "</code></pre>")
            }
            Self::Link { url } => (format!("<a href=\"{}\">", escape(url)), "</a>"),
            Self::Mention { user_id } => (format!("<a href=\"tg://user?id={user_id}\">"), "</a>"),
            Self::Blockquote { expandable: false } => ("<blockquote>".into(), "</blockquote>"),
            Self::Blockquote { expandable: true } => ("<blockquote expandable>".into(), "</blockquote>"),
            Self::CustomEmoji { id } => (format!("<tg-emoji emoji-id=\"{}\">", escape(id)), "</tg-emoji>"),
            Self::Time { unix, format } => {
                (format!("<tg-time unix=\"{unix}\" format=\"{}\">", escape(format)), "</tg-time>")
            }
            Self::BotCommand => (String::new(), ""),
        }
    }
}

impl Entity {
    /// One past the last UTF-16 unit.
    pub fn end(&self) -> usize {
        self.offset + self.length
    }

    fn meets(&self, other: &Self) -> bool {
        self.offset < other.end() && other.offset < self.end()
    }

    fn inside(&self, other: &Self) -> bool {
        self.offset >= other.offset && self.end() <= other.end()
    }

    /// `MessageEntity` as the Bot API shows it.
    pub fn to_json(&self) -> Value {
        let mut object = match &self.kind {
            EntityKind::Bold => json!({"type": "bold"}),
            EntityKind::Italic => json!({"type": "italic"}),
            EntityKind::Underline => json!({"type": "underline"}),
            EntityKind::Strikethrough => json!({"type": "strikethrough"}),
            EntityKind::Spoiler => json!({"type": "spoiler"}),
            EntityKind::Code => json!({"type": "code"}),
            EntityKind::Pre { language: None } => json!({"type": "pre"}),
            EntityKind::Pre { language: Some(language) } => json!({"type": "pre", "language": language}),
            EntityKind::Link { url } => json!({"type": "text_link", "url": url}),
            EntityKind::Mention { user_id } => {
                let user = json!({"id": user_id, "is_bot": false, "first_name": format!("#{user_id}")});
                json!({"type": "text_mention", "user": user})
            }
            EntityKind::Blockquote { expandable: false } => json!({"type": "blockquote"}),
            EntityKind::Blockquote { expandable: true } => json!({"type": "expandable_blockquote"}),
            EntityKind::CustomEmoji { id } => json!({"type": "custom_emoji", "custom_emoji_id": id}),
            EntityKind::Time { unix, format } => {
                json!({"type": "date_time", "unix_time": unix, "date_time_format": format})
            }
            EntityKind::BotCommand => json!({"type": "bot_command"}),
        };
        object["offset"] = json!(self.offset);
        object["length"] = json!(self.length);
        object
    }

    /// Reads the `entities` argument's items. `None` for a shape or a type that is not known.
    pub fn from_json(value: &Value) -> Option<Self> {
        let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        let number = |key: &str| value.get(key).and_then(Value::as_u64);
        let kind = match value.get("type")?.as_str()? {
            "bold" => EntityKind::Bold,
            "italic" => EntityKind::Italic,
            "underline" => EntityKind::Underline,
            "strikethrough" => EntityKind::Strikethrough,
            "spoiler" => EntityKind::Spoiler,
            "code" => EntityKind::Code,
            "pre" => EntityKind::Pre { language: text("language") },
            "text_link" => EntityKind::Link { url: super::html::checked_link(&text("url")?)? },
            "blockquote" => EntityKind::Blockquote { expandable: false },
            "expandable_blockquote" => EntityKind::Blockquote { expandable: true },
            "custom_emoji" => EntityKind::CustomEmoji { id: text("custom_emoji_id")? },
            "bot_command" => EntityKind::BotCommand,
            _ => return None,
        };
        let (offset, length) =
            (usize::try_from(number("offset")?).ok()?, usize::try_from(number("length")?).ok()?);
        offset.checked_add(length)?;
        Some(Self { offset, length, kind })
    }
}

/// Order in which Telegram lists entities: by place, longer first.
pub fn sort(entities: &mut [Entity]) {
    entities.sort_by_key(|entity| (entity.offset, Reverse(entity.length), entity.kind.priority()));
}

/// Makes entities obey Telegram's rules: quotes do not nest, links and code do not meet each other, nothing is bold
/// inside code, bold is cut at the edges of a link, neighbours of one kind become one.
pub fn tidy(mut entities: Vec<Entity>) -> Vec<Entity> {
    entities.retain(|entity| entity.length > 0);
    sort(&mut entities);
    let (quotes, rest): (Vec<_>, Vec<_>) = entities.into_iter().partition(|entity| entity.kind.is_quote());
    let (soft, solid): (Vec<_>, Vec<_>) = rest.into_iter().partition(|entity| entity.kind.is_splittable());
    let mut kept: Vec<Entity> = Vec::new();
    for quote in quotes {
        if !kept.iter().any(|other| other.meets(&quote)) {
            kept.push(quote);
        }
    }
    for entity in solid {
        let clash = |other: &Entity| other.meets(&entity) && !(other.kind.is_quote() && entity.inside(other));
        if !kept.iter().any(clash) {
            kept.push(entity);
        }
    }
    let mut cuts: Vec<usize> = kept.iter().flat_map(|entity| [entity.offset, entity.end()]).collect();
    let crosses = |a: &Entity, b: &Entity| a.offset < b.offset && b.offset < a.end() && a.end() < b.end();
    if soft.iter().any(|a| soft.iter().any(|b| crosses(a, b))) {
        cuts.extend(soft.iter().flat_map(|entity| [entity.offset, entity.end()]));
    }
    cuts.sort_unstable();
    cuts.dedup();
    let code: Vec<Entity> = kept.iter().filter(|entity| entity.kind.is_code()).cloned().collect();
    for whole in merged(soft) {
        let inner = cuts.iter().copied().filter(|cut| *cut > whole.offset && *cut < whole.end());
        let edges: Vec<usize> = [whole.offset].into_iter().chain(inner).chain([whole.end()]).collect();
        for pair in edges.windows(2) {
            let piece = Entity { offset: pair[0], length: pair[1] - pair[0], kind: whole.kind.clone() };
            if !code.iter().any(|code| code.meets(&piece)) {
                kept.push(piece);
            }
        }
    }
    sort(&mut kept);
    kept
}

/// Joins touching stretches of one kind.
fn merged(soft: Vec<Entity>) -> Vec<Entity> {
    let mut whole: Vec<Entity> = Vec::new();
    for entity in soft {
        match whole.iter_mut().find(|other| other.kind == entity.kind && entity.offset <= other.end()) {
            Some(other) => other.length = other.end().max(entity.end()) - other.offset,
            None => whole.push(entity),
        }
    }
    whole
}

/// Drops what is beyond [`ENTITY_LIMIT`]: links, code and quotes are counted first, custom emoji are not counted.
pub fn cut_to_limit(entities: Vec<Entity>) -> Vec<Entity> {
    let (soft, solid): (Vec<_>, Vec<_>) =
        entities.into_iter().partition(|entity| entity.kind.is_splittable());
    let mut left = ENTITY_LIMIT;
    let mut fits = |entity: &Entity| {
        if matches!(entity.kind, EntityKind::CustomEmoji { .. }) {
            return true;
        }
        let room = left > 0;
        left = left.saturating_sub(1);
        room
    };
    let mut kept: Vec<Entity> = solid.into_iter().filter(|entity| fits(entity)).collect();
    kept.extend(soft.into_iter().filter(|entity| fits(entity)));
    sort(&mut kept);
    kept
}

/// Writes text and entities back as Telegram HTML. Entities that cross are closed and opened again.
pub fn render_html(text: &str, entities: &[Entity]) -> String {
    let mut html = String::with_capacity(text.len() + entities.len() * 16);
    let mut waiting = entities.iter().peekable();
    let mut open: Vec<&Entity> = Vec::new();
    let mut at = 0;
    for letter in text.chars().map(Some).chain([None]) {
        if let Some(first) = open.iter().position(|entity| entity.end() <= at) {
            let reopened: Vec<&Entity> = open.split_off(first);
            for entity in reopened.iter().rev() {
                html.push_str(entity.kind.tags().1);
            }
            for entity in reopened.into_iter().filter(|entity| entity.end() > at) {
                html.push_str(&entity.kind.tags().0);
                open.push(entity);
            }
        }
        let Some(letter) = letter else { break };
        while let Some(entity) = waiting.next_if(|entity| entity.offset <= at) {
            html.push_str(&entity.kind.tags().0);
            open.push(entity);
        }
        push_escaped(&mut html, letter);
        at += letter.len_utf16();
    }
    html
}

fn push_escaped(html: &mut String, letter: char) {
    match letter {
        '&' => html.push_str("&amp;"),
        '<' => html.push_str("&lt;"),
        '>' => html.push_str("&gt;"),
        '"' => html.push_str("&quot;"),
        other => html.push(other),
    }
}

fn escape(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    text.chars().for_each(|letter| push_escaped(&mut html, letter));
    html
}
