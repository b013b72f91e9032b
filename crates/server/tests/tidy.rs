//! The house rules that a program can check: which way imports go, that files say what they are for, that rules have tests.
#![allow(clippy::unwrap_used)]

use std::{
    fs,
    path::{Path, PathBuf},
};

const LONGEST_FILE: usize = 500;

/// Words that a folder's code must not hold, with the one place where they may be, if any.
const BORDERS: &[(&str, &[&str], &str)] = &[
    ("crates/engine/src", &["store::memory", "rusqlite", "axum", "socketioxide", "serde", "std::fs", "std::net"], ""),
    ("crates/engine/src", &["yrs::", "use yrs"], "crates/engine/src/replica"),
    ("crates/store/src", &["axum", "socketioxide", "yrs::"], ""),
    ("crates/server/src", &["socketioxide"], "crates/server/src/live/"),
    ("crates/server/src", &["rusqlite", "yrs::"], ""),
    ("crates/server/src/http", &["crate::live", "super::live"], ""),
    ("crates/server/src/live", &["crate::http"], ""),
];

#[test]
fn imports_go_one_way() {
    for (folder, words, except) in BORDERS {
        for (path, text) in sources(&[folder], &["rs"]) {
            if !except.is_empty() && path.starts_with(except) {
                continue;
            }
            for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")) {
                let found = words.iter().find(|word| line.contains(*word));
                assert_eq!(found, None, "{path}:{}: {line}", number + 1);
            }
        }
    }
}

#[test]
fn every_file_says_what_it_is_for_and_stays_short() {
    for (path, text) in sources(&["crates", "web/src", "e2e/src", "e2e/test", "fuzz"], &["rs", "ts", "tsx", "mjs"]) {
        let first = text.lines().find(|line| !line.starts_with("#!") && !line.trim().is_empty()).unwrap_or_default();
        assert!(first.starts_with("//") || first.starts_with("/*"), "{path} does not open with its job");
        let lines = text.lines().count();
        assert!(lines <= LONGEST_FILE, "{path} has {lines} lines: it has more than one job");
    }
}

/// Each rule of the specification is borne by a test, but for those of several nodes, which are still to come.
#[test]
fn every_rule_has_a_test() {
    let spec = fs::read_to_string(root().join("docs/spec.md")).unwrap();
    let rules: Vec<&str> = spec.lines().filter_map(|line| line.strip_prefix("| ")?.split(" |").next()).collect();
    let rules = rules.into_iter().filter(|id| is_rule(id) && !id.starts_with('N'));
    let tests: String = sources(&["crates", "web/src", "e2e/test"], &["rs", "ts"])
        .into_iter()
        .filter(|(path, text)| path.contains("/test") || path.ends_with(".test.ts") || text.contains("#[cfg(test)]"))
        .map(|(_, text)| text)
        .collect();
    let words: std::collections::BTreeSet<String> =
        tests.split(|c: char| !c.is_ascii_alphanumeric()).map(str::to_ascii_uppercase).collect();
    let bare: Vec<&str> = rules.filter(|id| !words.contains(*id)).collect();
    assert!(bare.is_empty(), "no test bears {bare:?}");
}

fn is_rule(id: &str) -> bool {
    let mut letters = id.chars();
    letters.next().is_some_and(|c| c.is_ascii_uppercase()) && id.len() > 1 && letters.all(|c| c.is_ascii_digit())
}

/// The files below these folders that have one of these endings, with their paths from the root.
fn sources(folders: &[&str], endings: &[&str]) -> Vec<(String, String)> {
    let (mut found, mut left) = (Vec::new(), folders.iter().map(|folder| root().join(folder)).collect::<Vec<_>>());
    while let Some(path) = left.pop() {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            if !["node_modules", "target", "dist", "fixtures", "corpus", "artifacts", ".results"].contains(&&*name) {
                left.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            }
        } else if path.extension().is_some_and(|ending| endings.iter().any(|wanted| ending == *wanted)) {
            let from_root = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
            found.push((from_root, fs::read_to_string(&path).unwrap()));
        }
    }
    found.sort();
    found
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}
