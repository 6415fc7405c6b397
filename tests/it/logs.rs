//! The log's fields are those of gateway/LOGS.md.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            into.push(path);
        }
    }
}

/// The arguments before a macro's message; `rest` begins after its parenthesis.
fn arguments(rest: &str) -> Vec<String> {
    let (mut found, mut current, mut depth) = (Vec::new(), String::new(), 0);
    for sign in rest.chars() {
        match sign {
            // the message: fields come before it
            '"' => return found,
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' if depth == 0 => break,
            ')' | ']' | '}' => depth -= 1,
            _ => {}
        }
        if sign == ',' && depth == 0 {
            found.push(std::mem::take(&mut current));
        } else {
            current.push(sign);
        }
    }
    found.push(current);
    found
}

/// The name of `%error`, `error = %x` or `error`.
fn field(argument: &str) -> &str {
    let name = argument.split_once('=').map_or(argument, |(name, _)| name);
    name.trim().trim_start_matches(['%', '?'])
}

/// Every field that the gateway writes, with where.
fn written() -> BTreeMap<String, String> {
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../gateway/src"), &mut files);
    let mut fields = BTreeMap::new();
    for file in files {
        let source = fs::read_to_string(&file).unwrap();
        for level in ["error", "warn", "info", "debug", "trace"] {
            for (at, call) in source.match_indices(&format!("tracing::{level}!(")) {
                for argument in arguments(&source[at + call.len()..]) {
                    fields.entry(field(&argument).to_owned()).or_insert(file.display().to_string());
                }
            }
        }
    }
    fields
}

#[test]
fn every_field_of_the_log_is_explained_and_no_other() {
    let document =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../gateway/LOGS.md")).unwrap();
    let rows = document.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
    let explained: BTreeSet<_> = rows.map(|(name, _)| name.to_owned()).collect();
    let written = written();
    assert!(written.len() > 20, "{written:?}");
    let missing: Vec<_> = written.iter().filter(|(name, _)| !explained.contains(*name)).collect();
    assert!(missing.is_empty(), "gateway/LOGS.md does not explain {missing:?}");
    let gone: Vec<_> = explained.iter().filter(|name| !written.contains_key(*name)).collect();
    assert!(gone.is_empty(), "gateway/LOGS.md explains what nobody writes: {gone:?}");
}

#[test]
fn fields_are_found_in_all_their_forms() {
    let found = arguments("channel = %a.b(c, d), %error, reason, \"Sentence, {x}.\", y = 1);");
    let found: Vec<_> = found.iter().map(|argument| field(argument)).collect();
    assert_eq!(found, ["channel", "error", "reason"]);
}
