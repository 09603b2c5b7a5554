//! Reads Telegram HTML the way Telegram's server does, as far as our dialect goes.
//!
//! Where the server is lenient without loss (a bare `&` or `>`), so is this. Where it refuses, or silently drops
//! something (a link without a usable address), this refuses.

use url::Url;

use super::RenderError;
use super::tree::{Element, LONGEST_HREF, Node, Tree};

/// An element not closed yet, with what it holds so far.
struct Open {
    element: Element,
    at: usize,
    nodes: Vec<Node>,
}

pub(super) fn parse(html: &str) -> Result<Tree, RenderError> {
    let mut root: Vec<Node> = Vec::new();
    let mut open: Vec<Open> = Vec::new();
    let mut at = 0;
    while at < html.len() {
        let rest = &html[at..];
        let nodes = open.last_mut().map_or(&mut root, |open| &mut open.nodes);
        if let Some(closing) = rest.strip_prefix("</") {
            let end = closing.find('>').ok_or_else(|| fault(at, "an end tag is not finished"))?;
            let name = closing[..end].trim_end();
            let Some(done) = open.pop() else {
                return Err(fault(at, &format!("</{name}> closes nothing")));
            };
            if !name.eq_ignore_ascii_case(done.element.tag()) {
                return Err(fault(at, &format!("</{name}> stands where </{}> must", done.element.tag())));
            }
            if !done.nodes.is_empty() {
                let nodes = open.last_mut().map_or(&mut root, |open| &mut open.nodes);
                nodes.push(Node::Marked(done.element, done.nodes));
            }
            at += 2 + end + 1;
        } else if rest.starts_with('<') {
            let (element, length) = start_tag(rest, at)?;
            may_stand_in(&element, &open, at)?;
            open.push(Open { element, at, nodes: Vec::new() });
            at += length;
        } else {
            let length = rest.find('<').unwrap_or(rest.len());
            let text = decode(&rest[..length], at)?;
            match nodes.last_mut() {
                Some(Node::Text(before)) => before.push_str(&text),
                _ => nodes.push(Node::Text(text)),
            }
            at += length;
        }
    }
    match open.pop() {
        Some(open) => Err(fault(open.at, &format!("<{}> is never closed", open.element.tag()))),
        None => Ok(Tree { nodes: root }),
    }
}

fn fault(at: usize, what: &str) -> RenderError {
    RenderError::Markup(format!("{what} (byte {at})"))
}

/// The element of a start tag and the length of the tag in bytes.
fn start_tag(rest: &str, at: usize) -> Result<(Element, usize), RenderError> {
    let unfinished = || fault(at, "a start tag is not finished");
    let name_end = rest[1..].find(|c: char| c == '>' || c.is_ascii_whitespace()).ok_or_else(unfinished)? + 1;
    let name = rest[1..name_end].to_ascii_lowercase();
    let mut attributes: Vec<(String, String)> = Vec::new();
    let mut cursor = name_end;
    loop {
        let tail = &rest[cursor..];
        let skipped = tail.len() - tail.trim_start_matches(|c: char| c.is_ascii_whitespace()).len();
        cursor += skipped;
        let tail = &rest[cursor..];
        if tail.starts_with('>') {
            cursor += 1;
            break;
        }
        let key_end = tail
            .find(|c: char| c == '=' || c == '>' || c.is_ascii_whitespace())
            .filter(|&end| end > 0)
            .ok_or_else(unfinished)?;
        let key = tail[..key_end].to_ascii_lowercase();
        cursor += key_end;
        let Some(value) = rest[cursor..].strip_prefix('=') else {
            attributes.push((key, String::new()));
            continue;
        };
        let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''));
        let quote = quote.ok_or_else(|| fault(at, &format!("the value of `{key}` must stand in quotes")))?;
        let end = value[1..].find(quote).ok_or_else(unfinished)?;
        attributes.push((key, decode(&value[1..=end], at)?));
        cursor += 1 + end + 2;
    }
    Ok((element(&name, &attributes, at)?, cursor))
}

fn element(name: &str, attributes: &[(String, String)], at: usize) -> Result<Element, RenderError> {
    let element = match name {
        "b" => Element::Bold,
        "i" => Element::Italic,
        "u" => Element::Underline,
        "s" => Element::Strike,
        "code" => Element::Code,
        "pre" => Element::Pre,
        "tg-spoiler" => Element::Spoiler,
        "blockquote" => Element::Quote { expandable: !attributes.is_empty() },
        "a" => {
            let href = attributes.iter().find(|(key, _)| key == "href");
            let href = href.map(|(_, value)| value.as_str()).unwrap_or_default();
            if !is_usable_address(href) {
                return Err(fault(at, "<a> needs a full http, https or tg address"));
            }
            Element::Link { href: href.to_owned() }
        }
        other => return Err(fault(at, &format!("<{other}> is not in the dialect"))),
    };
    let known = match element {
        Element::Link { .. } => "href",
        Element::Quote { .. } => "expandable",
        _ => "",
    };
    match attributes.iter().find(|(key, _)| key != known) {
        Some((key, _)) => Err(fault(at, &format!("<{name}> takes no `{key}`"))),
        None => Ok(element),
    }
}

/// Whether Telegram makes a link of the address instead of silently dropping it.
pub(super) fn is_usable_address(href: &str) -> bool {
    href.chars().count() <= LONGEST_HREF
        && !href.chars().any(|c| c.is_whitespace() || c.is_control())
        && Url::parse(href).is_ok_and(|url| matches!(url.scheme(), "http" | "https" | "tg") && url.has_host())
}

fn may_stand_in(element: &Element, open: &[Open], at: usize) -> Result<(), RenderError> {
    let refused = |outer: &Element| match (outer, element) {
        (Element::Code | Element::Pre, _) => true,
        (Element::Link { .. }, Element::Link { .. }) => true,
        (_, Element::Quote { .. }) => matches!(outer, Element::Quote { .. } | Element::Link { .. }),
        _ => false,
    };
    match open.iter().find(|open| refused(&open.element)) {
        Some(open) => {
            Err(fault(at, &format!("<{}> may not stand in <{}>", element.tag(), open.element.tag())))
        }
        None => Ok(()),
    }
}

/// Decodes `&lt; &gt; &amp; &quot;` and numeric entities; anything else after `&` is text.
fn decode(raw: &str, at: usize) -> Result<String, RenderError> {
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(start) = rest.find('&') {
        text.push_str(&rest[..start]);
        let entity = &rest[start + 1..];
        let body = entity.find(|c: char| !c.is_ascii_alphanumeric() && c != '#').unwrap_or(entity.len());
        let decoded = match &entity[..body] {
            "lt" => Some('<'),
            "gt" => Some('>'),
            "amp" => Some('&'),
            "quot" => Some('"'),
            name => numeric(name, at)?,
        };
        match decoded {
            Some(c) => {
                text.push(c);
                let after = &entity[body..];
                rest = after.strip_prefix(';').unwrap_or(after);
            }
            None => {
                text.push('&');
                rest = entity;
            }
        }
    }
    text.push_str(rest);
    Ok(text)
}

fn numeric(name: &str, at: usize) -> Result<Option<char>, RenderError> {
    let code = match name.strip_prefix("#x") {
        Some(hex) => u32::from_str_radix(hex, 16),
        None => name.strip_prefix('#').unwrap_or_default().parse(),
    };
    match code {
        Ok(0) | Err(_) => Ok(None),
        Ok(code @ 0xd800..=0xdfff) => Err(fault(at, &format!("&#{code}; is half a character"))),
        Ok(code) => Ok(char::from_u32(code)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(html: &str) -> String {
        match parse(html) {
            Err(error) => error.to_string(),
            Ok(tree) => panic!("`{html}` was read as {tree:?}"),
        }
    }

    #[test]
    fn the_whole_dialect_is_read_and_written_back_unchanged() {
        let html = "<b>a <i>b</i></b> <u>c</u> <s>d</s> <code>e</code> <pre>f\n  g</pre> \
                    <a href=\"https://shop.example/?a=1&amp;b=2\">h &lt;&amp;&gt; &quot;i&quot;</a> \
                    <blockquote>j <b>k</b></blockquote><blockquote expandable>l</blockquote><tg-spoiler>m</tg-spoiler>";
        let tree = parse(html).unwrap();
        assert_eq!(tree.html(), html);
        assert_eq!(tree.text(), "a b c d e f\n  g h <&> \"i\" j klm");
        assert_eq!(tree.plain(), "a b c d e f\n  g h <&> \"i\" (https://shop.example/?a=1&b=2) j klm");
        assert_eq!(tree.entities(), 12);
    }

    #[test]
    fn what_telegram_refuses_is_refused() {
        let cases = [
            ("<b", "not finished"),
            ("a < 5 > b", "not in the dialect"),
            ("<br>", "not in the dialect"),
            ("<b>x</b", "not finished"),
            ("<b>x", "<b> is never closed"),
            ("x</b>", "</b> closes nothing"),
            ("<b><i>x</b></i>", "</b> stands where </i> must"),
            ("<a href=x>y</a>", "must stand in quotes"),
            ("<a href=\"x", "not finished"),
            ("<a =\"x\">y</a>", "not finished"),
            ("&#xD83D;", "half a character"),
            ("<blockquote><blockquote>x</blockquote></blockquote>", "may not stand in <blockquote>"),
        ];
        for (html, reason) in cases {
            let refusal = refusal(html);
            assert!(refusal.contains(reason), "{html}: {refusal}");
        }
    }

    #[test]
    fn what_telegram_would_silently_drop_is_refused() {
        for html in [
            "<a>x</a>",
            "<a href=\"\">x</a>",
            "<a href=\"/chats/1\">x</a>",
            "<a href=\"javascript:alert(1)\">x</a>",
            "<a href=\"https://a b/\">x</a>",
        ] {
            assert!(refusal(html).contains("needs a full"), "{html}");
        }
        assert!(refusal("<b class=\"x\">y</b>").contains("takes no `class`"));
        assert!(refusal("<code><b>x</b></code>").contains("may not stand in <code>"));
    }

    #[test]
    fn harmless_characters_and_entities_are_text() {
        let text = |html| parse(html).unwrap().text();
        assert_eq!(text("a & b > c &nbsp; &#0; &#1114112;"), "a & b > c &nbsp; &#0; &#1114112;");
        assert_eq!(text("&#60;b&#62;&#38;&#x1F600;&#34;&lt"), "<b>&😀\"<");
        assert_eq!(text("&&amp;"), "&&");
        assert_eq!(text("<B>x</B >"), "x");
        assert_eq!(parse("a<b></b>").unwrap().html(), "a");
    }
}
