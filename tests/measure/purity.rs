use std::path::{Path, PathBuf};

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder of sources");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect()
}

#[test]
fn the_measures_neither_wait_nor_read_a_clock_nor_touch_anything_outside() {
    let forbidden = [
        "tokio",
        "sqlx",
        "reqwest",
        "teloxide",
        "std::fs",
        "std::net",
        "std::io",
        "std::env",
        "std::thread",
        "async ",
        ".await",
        "now()",
        "Clock",
        "crate::store",
        "crate::collect",
        "crate::render",
        "crate::outbound",
        "println!",
        "tracing",
    ];
    let files = sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/measure"));
    assert!(files.len() > 10, "the measures have moved: {files:?}");
    for path in files {
        let text = std::fs::read_to_string(&path).expect("a source file");
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        for (line, word) in code.flat_map(|line| forbidden.map(|word| (line, word))) {
            assert!(!line.contains(word), "{} uses `{word}`: {line}", path.display());
        }
    }
}
