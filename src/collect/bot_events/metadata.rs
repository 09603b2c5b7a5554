//! The fields of an event's metadata that some figure needs, read in one pass: millions of events bring a dozen fields each, and
//! what nobody asks for is passed over without being kept.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// Fields found, the last one of a name.
pub(super) type Found = Vec<(&'static str, Value)>;

/// The wanted fields of a JSON object; none of `null` and of an empty text. `None` when this is no object.
pub(super) fn read(text: &str, wanted: &'static [&'static str]) -> Option<Found> {
    if text.trim().is_empty() {
        return Some(Found::new());
    }
    match parse(text, wanted)? {
        Shape::Fields(found) => Some(found),
        Shape::Null => Some(Found::new()),
        // Some writers put the JSON into a JSON string.
        Shape::Text(inner) => match parse(&inner, wanted)? {
            Shape::Fields(found) => Some(found),
            Shape::Null => Some(Found::new()),
            _ => None,
        },
        Shape::Other => None,
    }
}

fn parse(text: &str, wanted: &'static [&'static str]) -> Option<Shape> {
    let mut json = serde_json::Deserializer::from_str(text);
    let shape = Wanted(wanted).deserialize(&mut json).ok()?;
    json.end().ok().map(|()| shape)
}

enum Shape {
    Fields(Found),
    Null,
    Text(String),
    Other,
}

struct Wanted(&'static [&'static str]);

impl<'de> DeserializeSeed<'de> for Wanted {
    type Value = Shape;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Shape, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Wanted {
    type Value = Shape;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Shape, A::Error> {
        let mut found = Found::with_capacity(self.0.len());
        while let Some(name) = map.next_key_seed(Name(self.0))? {
            match name {
                Some(name) => {
                    let value = map.next_value()?;
                    found.retain(|(known, _)| *known != name);
                    found.push((name, value));
                }
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(Shape::Fields(found))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Shape, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Shape::Other)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Shape, E> {
        Ok(Shape::Text(text.to_owned()))
    }

    fn visit_unit<E: Error>(self) -> Result<Shape, E> {
        Ok(Shape::Null)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Shape, E> {
        Ok(Shape::Other)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Shape, E> {
        Ok(Shape::Other)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Shape, E> {
        Ok(Shape::Other)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Shape, E> {
        Ok(Shape::Other)
    }
}

/// A key: one of the wanted names, or any other.
struct Name(&'static [&'static str]);

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Option<&'static str>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for Name {
    type Value = Option<&'static str>;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.0.iter().find(|name| **name == key).copied())
    }
}
