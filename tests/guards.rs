//! Rules of the house that a compiler does not check.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Every file below a folder with the extension.
fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                found.push(path);
            }
        }
    }
    assert!(!found.is_empty(), "no .{extension} files in {folder}: the guard looks at nothing");
    found
}

/// First folder or file name below `src`: the module a file belongs to.
fn module_of(path: &Path) -> String {
    let below = path.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).unwrap();
    below.components().next().unwrap().as_os_str().to_str().unwrap().trim_end_matches(".rs").to_owned()
}

/// The table in the crate documentation: module → what it may use; `None` = everything named beside "but".
fn table() -> BTreeMap<String, (bool, BTreeSet<String>)> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    let rows = text.lines().filter_map(|line| line.strip_prefix("//! | `"));
    rows.map(|row| {
        let (module, uses) = row.split_once("` |").unwrap();
        let uses = uses.trim().trim_end_matches('|').trim();
        let is_all = uses.starts_with("everything");
        let named = uses.trim_start_matches("everything").trim_start_matches(" but ");
        let named =
            named.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect();
        (module.to_owned(), (is_all, named))
    })
    .collect()
}

#[test]
fn modules_use_only_what_the_table_in_the_crate_documentation_lets_them() {
    let table = table();
    let mut wrong = Vec::new();
    for path in files("src", "rs") {
        let module = module_of(&path);
        if module == "lib" || module == "main" {
            continue;
        }
        let (is_all, named) =
            table.get(&module).unwrap_or_else(|| panic!("src/lib.rs has no row for `{module}`"));
        let text = fs::read_to_string(&path).unwrap();
        for piece in text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .flat_map(|line| line.split("crate::").skip(1))
        {
            let used: String = piece.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
            let is_allowed = used == module || (*is_all != named.contains(&used));
            if !used.is_empty() && !is_allowed {
                wrong.push(format!("{}: {module} may not use {used}", path.display()));
            }
        }
        assert!(
            !text.contains("use crate::{\n"),
            "{}: one `use crate::…` a line, so that this guard can read it",
            path.display()
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn measures_neither_wait_nor_read_nor_write() {
    for path in files("src/measure", "rs") {
        let text = fs::read_to_string(&path).unwrap();
        for word in ["tokio", "sqlx", "reqwest", "std::fs", "std::io", "async fn", ".now()", "SystemTime"] {
            assert!(!text.contains(word), "{} mentions {word}", path.display());
        }
    }
}

#[test]
fn the_store_and_the_outside_never_meet() {
    for path in files("src/store", "rs") {
        let text = fs::read_to_string(&path).unwrap();
        assert!(!text.contains("reqwest") && !text.contains("outbound"), "{} talks HTTP", path.display());
    }
    for folder in ["src/collect", "src/deliver", "src/bot"] {
        for path in files(folder, "rs") {
            let text = fs::read_to_string(&path).unwrap();
            // The bot's database is outside: it is spoken to in SQL, but no transaction is opened there either.
            let is_bot_database = path.components().any(|part| part.as_os_str() == "bot_events");
            assert!(
                (is_bot_database || !text.contains("sqlx")) && !text.contains(".begin("),
                "{} holds a transaction",
                path.display()
            );
        }
    }
}

#[test]
fn no_source_file_is_longer_than_four_hundred_lines() {
    for path in files("src", "rs") {
        let count = fs::read_to_string(&path).unwrap().lines().count();
        assert!(
            count <= 400,
            "{} has {count} lines: split it where the text changes subject",
            path.display()
        );
    }
}

#[test]
fn production_code_knows_nothing_of_tests() {
    for path in files("src", "rs") {
        let text = fs::read_to_string(&path).unwrap();
        let lines: Vec<_> = text.lines().map(str::trim).collect();
        for (index, _) in lines.iter().enumerate().filter(|(_, line)| line.contains("cfg(test)")) {
            let is_tests = lines.get(index + 1).is_some_and(|next| next.starts_with("mod tests"));
            assert!(is_tests, "{}:{}: cfg(test) stands only before `mod tests`", path.display(), index + 1);
        }
    }
}

#[test]
fn migrations_have_the_same_numbers_and_names_for_both_databases() {
    let names = |folder| {
        files(folder, "sql").iter().map(|path| path.file_name().unwrap().to_owned()).collect::<BTreeSet<_>>()
    };
    assert_eq!(names("migrations/sqlite"), names("migrations/postgres"));
}

/// The words between double quotes.
fn quoted(text: &str) -> Vec<&str> {
    text.split('"').skip(1).step_by(2).collect()
}

#[test]
fn the_runbook_explains_every_kind_of_incident_and_no_other() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let code = fs::read_to_string(root.join("src/alert/trouble.rs")).unwrap();
    let body = code.split("pub fn kind(").nth(1).and_then(|rest| rest.split("\n    }\n").next());
    let kinds: BTreeSet<&str> = quoted(body.expect("Trouble::kind is there")).into_iter().collect();
    assert!(kinds.len() >= 10, "too few kinds found: {kinds:?}");
    let runbook = fs::read_to_string(root.join("docs/operations.md")).unwrap();
    let sections: Vec<&str> = runbook.split("\n### ").skip(1).collect();
    let explained: BTreeSet<&str> = sections.iter().filter_map(|text| text.split('`').nth(1)).collect();
    assert_eq!(explained, kinds, "docs/operations.md explains each kind of incident in a section of its own");
    for section in sections {
        for what in ["**Means:**", "**By itself:**", "**Do:**"] {
            assert!(section.contains(what), "{what} is missing in {}", section.lines().next().unwrap());
        }
    }
}
