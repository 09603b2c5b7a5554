//! What changed between two stored digests: a walk over both snapshots, field by field.
//!
//! Items of a list that carry an identity (`id`, `chat_id`) are matched by it, others by place, so that a manager who
//! moved up the list is not reported as everybody having changed. It explains nothing and rounds nothing.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;

/// One field that differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// Such as `team.current.orders.revenue` or `managers[crm:28].name`.
    pub path: String,
    /// `None`: the field or the item is new.
    pub old: Option<Value>,
    /// `None`: it is gone.
    pub new: Option<Value>,
}

/// Every difference, in the order of the paths; empty when the snapshots are equal.
pub fn changes(old: &Value, new: &Value) -> Vec<Change> {
    let mut found = Vec::new();
    walk("", Some(old), Some(new), &mut found);
    found
}

fn walk(path: &str, old: Option<&Value>, new: Option<&Value>, found: &mut Vec<Change>) {
    match (old, new) {
        (Some(Value::Object(a)), Some(Value::Object(b))) if !is_ratio(old) || !is_ratio(new) => {
            let keys: BTreeSet<_> = a.keys().chain(b.keys()).collect();
            for key in keys {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                walk(&path, a.get(key), b.get(key), found);
            }
        }
        (Some(Value::Array(a)), Some(Value::Array(b))) => {
            let (a, b) = (named(a), named(b));
            let is_in = |items: &[(String, &Value)], name: &str| items.iter().any(|(other, _)| other == name);
            let added: Vec<_> = b.iter().filter(|(name, _)| !is_in(&a, name)).collect();
            for (name, item) in &a {
                let counterpart = b.iter().find(|(other, _)| other == name).map(|(_, item)| *item);
                walk(&format!("{path}[{name}]"), Some(item), counterpart, found);
            }
            for (name, item) in added {
                walk(&format!("{path}[{name}]"), None, Some(item), found);
            }
        }
        (old, new) if is_same(old, new) => {}
        (old, new) => found.push(Change { path: path.to_owned(), old: old.cloned(), new: new.cloned() }),
    }
}

/// Items with their names: what identifies them when that is unique in the list, or else their places.
fn named(items: &[Value]) -> Vec<(String, &Value)> {
    let names: Vec<_> = items.iter().filter_map(identity).collect();
    let is_unique = names.iter().collect::<BTreeSet<_>>().len() == items.len();
    let name = |(place, name)| if is_unique { name } else { place };
    (0..items.len())
        .map(|place| place.to_string())
        .zip(names.into_iter().chain(std::iter::repeat(String::new())))
        .map(name)
        .zip(items)
        .collect()
}

fn identity(item: &Value) -> Option<String> {
    let id = item.get("chat_id").or_else(|| item.get("id"))?;
    Some(match id {
        Value::Null => "none".to_owned(),
        Value::String(text) => text.clone(),
        Value::Object(fields) => {
            fields.values().map(|value| value.to_string().replace('"', "")).collect::<Vec<_>>().join(":")
        }
        other => other.to_string(),
    })
}

/// Databases may write the same number in two ways.
fn is_same(old: Option<&Value>, new: Option<&Value>) -> bool {
    match (old, new) {
        (Some(Value::Number(a)), Some(Value::Number(b))) => a == b || a.as_f64() == b.as_f64(),
        (old, new) => old == new,
    }
}

fn is_ratio(value: Option<&Value>) -> bool {
    let fields = value.and_then(Value::as_object);
    fields.is_some_and(|of| of.len() == 2 && of.contains_key("part") && of.contains_key("whole"))
}

/// The value for a person: amounts in whole units, ratios with their counts, long items shortened.
pub fn readable(path: &str, value: Option<&Value>, currency: &str) -> String {
    /// Characters shown of a whole item that came or went.
    const MOST: usize = 80;
    let Some(value) = value else { return "—".to_owned() };
    if let (true, Some(part), Some(whole)) =
        (is_ratio(Some(value)), value["part"].as_u64(), value["whole"].as_u64())
    {
        let percent = if whole == 0 { 0.0 } else { part as f64 * 100.0 / whole as f64 };
        return format!("{part} of {whole} ({percent:.1} %)");
    }
    let field = path.rsplit('.').next().unwrap_or(path);
    let is_money = ["revenue", "paid_revenue", "average_order", "usual"].contains(&field);
    match value {
        Value::Null => "none".to_owned(),
        Value::Number(number) if is_money => {
            let minor =
                number.as_i64().map_or_else(|| number.as_f64().unwrap_or_default(), |minor| minor as f64);
            format!("{:.2} {currency}", minor / 100.0)
        }
        Value::Number(number)
            if path.contains("weekday.") && (field.ends_with("_ratio") || field == "conversion") =>
        {
            format!("{:.1} %", number.as_f64().unwrap_or_default() * 100.0)
        }
        Value::Number(number) if field.ends_with("_secs") => format!("{number} s"),
        Value::String(text) => text.clone(),
        other => {
            let text = other.to_string();
            match text.char_indices().nth(MOST) {
                Some((end, _)) => format!("{}…", &text[..end]),
                None => text,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn paths(old: &Value, new: &Value) -> Vec<String> {
        changes(old, new).into_iter().map(|change| change.path).collect()
    }

    #[test]
    fn equal_snapshots_have_no_changes_even_when_a_number_is_written_otherwise() {
        let old = json!({"a": 120, "b": [{"id": 1}], "c": null});
        assert_eq!(changes(&old, &json!({"c": null, "b": [{"id": 1}], "a": 120.0})), []);
    }

    #[test]
    fn people_are_matched_by_identity_and_not_by_place() {
        let old = json!({"managers": [{"id": {"crm": 28}, "n": 1}, {"id": null, "n": 2}]});
        let new = json!({"managers": [{"id": null, "n": 2}, {"id": {"crm": 28}, "n": 5}, {"id": {"crm": 9}, "n": 0}]});
        assert_eq!(paths(&old, &new), ["managers[28].n", "managers[9]"]);
        let same = json!([{"id": 1, "n": 1}, {"id": 1, "n": 2}]);
        assert_eq!(paths(&same, &json!([{"id": 1, "n": 1}, {"id": 1, "n": 3}])), ["[1].n"]);
        assert_eq!(paths(&json!(["a", "b"]), &json!(["a"])), ["[1]"]);
    }

    #[test]
    fn money_and_ratios_read_as_people_say_them() {
        let ratio = json!({"part": 3, "whole": 7});
        assert_eq!(readable("team.current.chats.response_ratio", Some(&ratio), "RUB"), "3 of 7 (42.9 %)");
        assert_eq!(readable("team.current.orders.revenue", Some(&json!(138_050)), "RUB"), "1380.50 RUB");
        assert_eq!(readable("team.weekday.conversion", Some(&json!(0.25)), "RUB"), "25.0 %");
        assert_eq!(readable("late_secs", Some(&Value::Null), "RUB"), "none");
        assert_eq!(readable("late_secs", None, "RUB"), "—");
        let change = changes(&json!({"r": {"part": 1, "whole": 2}}), &json!({"r": {"part": 2, "whole": 2}}));
        assert_eq!(change.len(), 1, "a ratio changes as a whole: {change:?}");
    }
}
