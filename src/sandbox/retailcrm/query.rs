//! Query strings as both APIs write them: repeated names and `filter[ids][]`.

use url::form_urlencoded;

/// Decoded parameters in the order sent.
#[derive(Debug, Default)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// Decodes; `filter[ids][0]` counts as `filter[ids][]`. The key is taken out.
    pub fn parse(raw: &str) -> (Self, Option<String>) {
        let mut api_key = None;
        let mut pairs = Vec::new();
        for (name, value) in form_urlencoded::parse(raw.as_bytes()) {
            if name == "apiKey" {
                api_key = Some(value.into_owned());
            } else {
                pairs.push((canonical(&name), value.into_owned()));
            }
        }
        (Self(pairs), api_key)
    }

    /// The last value of a parameter, as PHP takes it.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// All values of a parameter.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// A filter that takes one value: `filter[name]`.
    pub fn filter(&self, name: &str) -> Option<&str> {
        self.get(&format!("filter[{name}]"))
    }

    /// A filter that takes a list: `filter[name][]`; `None` when it was not given.
    pub fn filter_list(&self, name: &str) -> Option<Vec<&str>> {
        let name = format!("filter[{name}][]");
        let values: Vec<&str> =
            self.0.iter().filter(|(other, _)| *other == name).map(|(_, value)| value.as_str()).collect();
        (!values.is_empty()).then_some(values)
    }
}

fn canonical(name: &str) -> String {
    match name.strip_suffix(']').and_then(|rest| rest.rsplit_once('[')) {
        Some((head, index)) if head.ends_with(']') && index.bytes().all(|byte| byte.is_ascii_digit()) => {
            format!("{head}[]")
        }
        _ => name.to_owned(),
    }
}

/// The query string without the key, for the journal.
pub(super) fn without_key(raw: &str) -> String {
    raw.split('&').filter(|pair| !pair.starts_with("apiKey=")).collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indexed_and_encoded_filters_are_the_same_as_plain_ones() {
        let (query, key) = Query::parse("filter%5Bids%5D%5B0%5D=1&filter[ids][]=2&apiKey=secret&page=3");
        assert_eq!(query.filter_list("ids"), Some(vec!["1", "2"]));
        assert_eq!(query.get("page"), Some("3"));
        assert_eq!(key.as_deref(), Some("secret"));
        assert_eq!(without_key("page=3&apiKey=secret"), "page=3");
    }
}
