//! Arguments of a request, whichever way they came.
//!
//! Like the real server, everything becomes flat strings: a JSON number is its own text, an object is its JSON text,
//! a `null` is the word `null`.

use axum::body::Bytes;
use axum::extract::{FromRequest, Multipart};
use axum::http::{Request, header};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::Value;

/// Parameters of one request may weigh this much together; above it the server hangs up.
const PARAMETERS_LIMIT_BYTES: usize = 1024 * 1024;
/// The server counts no further files in a request.
const FILES_LIMIT: usize = 50;

/// A file that came with a multipart request.
#[derive(Debug, Clone)]
pub struct File {
    /// Name of the form field, the target of `attach://…`.
    pub field: String,
    pub name: String,
    pub mime: Option<String>,
    pub content: Bytes,
}

/// Named arguments; the first of two with one name wins, the query string comes first.
#[derive(Debug, Clone, Default)]
pub struct Args {
    values: Vec<(String, Vec<u8>)>,
    pub files: Vec<File>,
}

/// Parameters too heavy or too many files: 413 with an empty body.
#[derive(Debug)]
pub struct TooLarge;

impl Args {
    /// Reads query and body. A body of an unknown type, or broken off, gives what was readable before the defect.
    pub async fn read(query: &str, content_type: &str, body: Bytes) -> Result<Self, TooLarge> {
        let mut args = Self::default();
        args.read_form(query.as_bytes());
        let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match kind.as_str() {
            "application/x-www-form-urlencoded" => args.read_form(&body),
            "application/json" => args.read_json(&body),
            "multipart/form-data" => args.read_multipart(content_type, body).await,
            _ => {}
        }
        let weight: usize = args.values.iter().map(|(name, value)| name.len() + value.len()).sum();
        if weight > PARAMETERS_LIMIT_BYTES || args.files.len() > FILES_LIMIT {
            return Err(TooLarge);
        }
        Ok(args)
    }

    /// The argument as text; `None` when it is absent or no UTF-8.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.utf8(name).ok().filter(|_| self.raw(name).is_some())
    }

    /// The argument as text, empty when absent.
    ///
    /// # Errors
    /// The bytes are no UTF-8.
    pub fn utf8(&self, name: &str) -> Result<&str, std::str::Utf8Error> {
        std::str::from_utf8(self.raw(name).unwrap_or_default())
    }

    /// A whole number, however it was written; `None` when absent or not a number.
    pub fn integer(&self, name: &str) -> Option<i64> {
        self.get(name)?.trim().parse().ok()
    }

    /// `true`, `yes` and `1` are true in any case; everything else, absence included, is false.
    pub fn flag(&self, name: &str) -> bool {
        let word = self.get(name).unwrap_or_default().trim().to_lowercase();
        matches!(word.as_str(), "true" | "yes" | "1")
    }

    /// An argument that holds JSON; `None` when absent, empty or broken.
    pub fn json(&self, name: &str) -> Option<Value> {
        serde_json::from_str(self.get(name)?).ok()
    }

    /// Whether the argument was given at all, empty or not.
    pub fn has(&self, name: &str) -> bool {
        self.raw(name).is_some()
    }

    /// Names of the arguments, in the order they came.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.values.iter().map(|(name, _)| name.as_str())
    }

    fn raw(&self, name: &str) -> Option<&[u8]> {
        self.values.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_slice())
    }

    fn read_form(&mut self, form: &[u8]) {
        for pair in form.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            let mut halves = pair.splitn(2, |byte| *byte == b'=');
            let name = percent_decoded(halves.next().unwrap_or_default());
            let value = percent_decoded(halves.next().unwrap_or_default());
            self.values.push((String::from_utf8_lossy(&name).into_owned(), value));
        }
    }

    fn read_json(&mut self, body: &[u8]) {
        let mut reader = serde_json::Deserializer::from_slice(body);
        // The error is the defect after which the rest is dropped.
        let _ = TopLevel(&mut self.values).deserialize(&mut reader);
    }

    async fn read_multipart(&mut self, content_type: &str, body: Bytes) {
        let request = Request::builder().header(header::CONTENT_TYPE, content_type);
        let Ok(request) = request.body(axum::body::Body::from(body)) else { return };
        let Ok(mut form) = Multipart::from_request(request, &()).await else { return };
        while let Ok(Some(field)) = form.next_field().await {
            let name = field.name().unwrap_or_default().to_owned();
            let file_name = field.file_name().map(str::to_owned);
            let mime = field.content_type().map(str::to_owned);
            let Ok(content) = field.bytes().await else { return };
            match file_name {
                Some(file_name) => self.files.push(File { field: name, name: file_name, mime, content }),
                None => self.values.push((name, content.to_vec())),
            }
        }
    }
}

fn percent_decoded(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        let hex = |at: usize| tail.get(at).and_then(|byte| char::from(*byte).to_digit(16));
        match (first, hex(0), hex(1)) {
            (b'+', ..) => bytes.push(b' '),
            (b'%', Some(high), Some(low)) => {
                bytes.push((high * 16 + low) as u8);
                rest = &tail[2..];
            }
            _ => bytes.push(*first),
        }
    }
    bytes
}

/// Collects the members of a JSON object one by one, so that those before a defect survive it.
struct TopLevel<'a>(&'a mut Vec<(String, Vec<u8>)>);

impl<'de> DeserializeSeed<'de> for TopLevel<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for TopLevel<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("an object of arguments")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while let Some((name, value)) = members.next_entry::<String, Value>()? {
            let text = match value {
                Value::String(text) => text,
                other => other.to_string(),
            };
            self.0.push((name, text.into_bytes()));
        }
        Ok(())
    }
}
