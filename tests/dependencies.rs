//! What comes in with the dependencies: known licences, one registry, no second TLS. The rules stand in `deny.toml`, which
//! `cargo deny` reads as well; this needs no tool and no network. Known vulnerabilities are `cargo deny check advisories`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

fn rules() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("deny.toml")).unwrap()
}

/// The quoted words of the list that begins after `start`.
fn list(rules: &str, start: &str) -> BTreeSet<String> {
    let rest = rules.split_once(start).unwrap_or_else(|| panic!("deny.toml has no `{start}`")).1;
    let block = rest.split("\n]").next().unwrap_or_default();
    let lines = block.lines().filter(|line| !line.trim_start().starts_with('#'));
    lines.flat_map(|line| line.split('"').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>()).collect()
}

/// Packages that are compiled for Linux, tests and benches included.
fn packages() -> Vec<Value> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--offline"])
        .args(["--filter-platform", "x86_64-unknown-linux-gnu"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let used: BTreeSet<String> = metadata["resolve"]["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| node["id"].as_str().unwrap().to_owned())
        .collect();
    let all = metadata["packages"].as_array().unwrap().iter();
    all.filter(|package| used.contains(package["id"].as_str().unwrap())).cloned().collect()
}

/// Whether an SPDX expression can be met with allowed licences.
fn is_allowed(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let text =
        expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ").replace(" WITH ", "+WITH+");
    let words: Vec<String> = text.split_whitespace().map(|word| word.replace("+WITH+", " WITH ")).collect();
    let mut at = 0;
    any(&words, &mut at, allowed) && at == words.len()
}

fn any(words: &[String], at: &mut usize, allowed: &BTreeSet<String>) -> bool {
    let mut is_met = all(words, at, allowed);
    while words.get(*at).is_some_and(|word| word == "OR") {
        *at += 1;
        is_met |= all(words, at, allowed);
    }
    is_met
}

fn all(words: &[String], at: &mut usize, allowed: &BTreeSet<String>) -> bool {
    let mut is_met = one(words, at, allowed);
    while words.get(*at).is_some_and(|word| word == "AND") {
        *at += 1;
        is_met &= one(words, at, allowed);
    }
    is_met
}

fn one(words: &[String], at: &mut usize, allowed: &BTreeSet<String>) -> bool {
    let word = words.get(*at).cloned().unwrap_or_default();
    *at += 1;
    if word != "(" {
        return allowed.contains(&word);
    }
    let is_met = any(words, at, allowed);
    *at += 1;
    is_met
}

#[test]
fn every_dependency_has_an_allowed_licence_and_comes_from_the_registry() {
    let rules = rules();
    let (allowed, denied) = (list(&rules, "allow = ["), list(&rules, "\ndeny = ["));
    assert!(allowed.contains("MIT") && denied.contains("openssl-sys"), "{allowed:?} {denied:?}");
    let mut wrong = Vec::new();
    let mut seen = BTreeMap::new();
    for package in packages() {
        let (name, version) = (package["name"].as_str().unwrap(), package["version"].as_str().unwrap());
        if name == "svodka" {
            continue;
        }
        *seen.entry(name.to_owned()).or_insert(0) += 1;
        if !package["source"]
            .as_str()
            .is_some_and(|source| source.starts_with("registry+https://github.com/rust-lang/crates.io-index"))
        {
            wrong.push(format!("{name} {version} does not come from crates.io"));
        }
        if denied.contains(name) {
            wrong.push(format!("{name} {version} is denied"));
        }
        let licence = package["license"].as_str().unwrap_or_default();
        if !is_allowed(licence, &allowed) {
            wrong.push(format!("{name} {version} has the licence `{licence}`"));
        }
    }
    assert!(seen.len() > 100, "only {} packages were looked at", seen.len());
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn an_expression_is_met_only_by_what_is_allowed() {
    let allowed: BTreeSet<String> =
        ["MIT", "Apache-2.0 WITH LLVM-exception", "ISC"].map(str::to_owned).into();
    let is_met = |expression| is_allowed(expression, &allowed);
    assert!(is_met("MIT") && is_met("GPL-3.0 OR MIT") && is_met("GPL-3.0/MIT"));
    assert!(is_met("(MIT OR GPL-3.0) AND ISC") && is_met("Apache-2.0 WITH LLVM-exception OR Apache-2.0"));
    assert!(
        !is_met("")
            && !is_met("Apache-2.0")
            && !is_met("MIT AND GPL-3.0")
            && !is_met("(GPL-3.0) OR AGPL-3.0")
    );
}
