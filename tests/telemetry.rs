//! What the program says to machines is what its documentation says it says.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use svodka::telemetry::{Kind, METRICS};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => sources(&path, found),
            false if path.extension().is_some_and(|kind| kind == "rs") => found.push(path),
            false => {}
        }
    }
}

/// By name: the kind and the labels with which the code counts it.
fn counted() -> BTreeMap<String, (&'static str, BTreeSet<String>)> {
    let mut files = Vec::new();
    sources(&root().join("src"), &mut files);
    let mut counted = BTreeMap::new();
    for path in files {
        let text = fs::read_to_string(&path).unwrap();
        for kind in ["counter", "gauge", "histogram"] {
            for call in text.split(&format!("{kind}!(")).skip(1) {
                let call = call.trim_start();
                let Some(name) = call.strip_prefix('"').and_then(|rest| rest.split('"').next()) else {
                    continue;
                };
                // The call ends before whatever is done with the metric.
                let flat: String = call.chars().take(600).filter(|c| !c.is_whitespace()).collect();
                let ends =
                    [").increment(", ").set(", ").record("].into_iter().filter_map(|end| flat.find(end));
                let end = ends.min().unwrap_or_else(|| panic!("{name} in {} is not counted", path.display()));
                let labels = flat[..end].split(",\"").skip(1).filter_map(|rest| rest.split_once("\"=>"));
                let labels: BTreeSet<String> = labels.map(|(label, _)| label.to_owned()).collect();
                counted.insert(name.to_owned(), (kind, labels));
            }
        }
    }
    counted
}

fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram => "histogram",
    }
}

#[test]
fn every_metric_that_is_counted_is_declared_with_its_labels_and_no_other() {
    let declared: BTreeMap<String, (&str, BTreeSet<String>)> = METRICS
        .iter()
        .map(|metric| {
            let labels = metric.labels.iter().map(|label| (*label).to_owned()).collect();
            (metric.name.to_owned(), (word(metric.kind), labels))
        })
        .collect();
    assert_eq!(counted(), declared);
}

#[test]
fn the_documentation_lists_every_metric_with_kind_and_labels() {
    let text = read("docs/telemetry.md");
    let rows: BTreeMap<&str, Vec<&str>> = text
        .lines()
        .filter(|line| line.starts_with("| `svodka_"))
        .map(|line| line.split('|').map(str::trim).collect::<Vec<_>>())
        .map(|cells| (cells[1].trim_matches('`'), cells))
        .collect();
    let names: BTreeSet<&str> = rows.keys().copied().collect();
    assert_eq!(names, METRICS.iter().map(|metric| metric.name).collect());
    for metric in METRICS {
        let cells = &rows[metric.name];
        let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        let labels = if labels.is_empty() { "–".to_owned() } else { labels.join(", ") };
        assert_eq!((cells[2], cells[3]), (word(metric.kind), labels.as_str()), "{}", metric.name);
        for label in metric.labels {
            assert!(
                text.contains(&format!("| `{label}` |")),
                "the values of {label} are not bounded in words"
            );
        }
    }
}

/// Metrics named in a query.
fn named(query: &str) -> Vec<&str> {
    query
        .split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .filter(|word| word.starts_with("svodka_"))
        .collect()
}

fn assert_known(query: &str) {
    for name in named(query) {
        let is_known = METRICS.iter().any(|metric| match metric.kind {
            Kind::Histogram => {
                ["_bucket", "_sum", "_count"].iter().any(|end| name == format!("{}{end}", metric.name))
            }
            _ => name == metric.name,
        });
        assert!(is_known, "{name} in `{query}` does not exist");
    }
}

#[test]
fn the_dashboard_names_only_metrics_that_exist_and_its_panels_do_not_overlap() {
    let dashboard: Value = serde_json::from_str(&read("docs/telemetry/grafana.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let mut taken = BTreeSet::new();
    let mut query_count = 0;
    for panel in panels {
        let at = |key: &str| panel["gridPos"][key].as_u64().unwrap();
        for x in at("x")..at("x") + at("w") {
            for y in at("y")..at("y") + at("h") {
                assert!(x < 24 && taken.insert((x, y)), "{} lies over another panel", panel["title"]);
            }
        }
        for target in panel["targets"].as_array().unwrap() {
            let query = target["expr"].as_str().unwrap();
            assert!(!named(query).is_empty(), "{query}");
            assert_known(query);
            query_count += 1;
        }
    }
    assert!(query_count >= 15);
    let ids: BTreeSet<u64> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len());
}

#[test]
fn the_alert_rules_parse_and_name_only_metrics_that_exist() {
    let rules: Value = serde_yaml_ng::from_str(&read("docs/telemetry/alerts.yml")).unwrap();
    let rules = rules["groups"][0]["rules"].as_array().unwrap();
    let mut names = BTreeSet::new();
    for rule in rules {
        assert!(names.insert(rule["alert"].as_str().unwrap()));
        let query = rule["expr"].as_str().unwrap();
        assert_known(query);
        let brackets = |open: char, close: char| query.matches(open).count() == query.matches(close).count();
        assert!(brackets('(', ')') && brackets('{', '}') && brackets('[', ']'), "{query}");
        assert!(["page", "warn"].contains(&rule["labels"]["severity"].as_str().unwrap()));
        assert!(!rule["annotations"]["summary"].as_str().unwrap().is_empty());
    }
    assert!(names.len() >= 5 && names.contains("SvodkaGone"));
}
