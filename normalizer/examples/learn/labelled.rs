//! Labelled complaints, as the sets of tests/fixtures/quality have them.

use std::{error::Error, fs, path::Path};

use jiff::Timestamp;
use serde::Deserialize;

#[derive(Deserialize)]
pub(crate) struct Line {
    pub(crate) id: String,
    pub(crate) channel: String,
    pub(crate) received_at: Timestamp,
    pub(crate) text: String,
    pub(crate) lat: Option<f64>,
    pub(crate) lng: Option<f64>,
    pub(crate) labels: Labels,
}

#[derive(Default, Deserialize)]
pub(crate) struct Labels {
    pub(crate) is_complaint: bool,
    pub(crate) category: Option<String>,
    pub(crate) acceptable_categories: Vec<String>,
    pub(crate) duplicate_group: Option<String>,
}

/// A set of a name, in order of time.
pub(crate) struct Set {
    pub(crate) name: String,
    pub(crate) lines: Vec<Line>,
}

/// The sets of a folder.
pub(crate) fn sets(folder: &Path) -> Result<Vec<Set>, Box<dyn Error>> {
    let mut files = vec![("dev".to_owned(), folder.join("complaints_dev.jsonl"))];
    let mut folders: Vec<_> = fs::read_dir(folder)?.collect::<Result<_, _>>()?;
    folders.sort_by_key(fs::DirEntry::file_name);
    for entry in folders {
        files.push((entry.file_name().to_string_lossy().into_owned(), entry.path().join("complaints.jsonl")));
    }
    let mut sets = Vec::new();
    for (name, file) in files.into_iter().filter(|(_, file)| file.exists()) {
        let lines = fs::read_to_string(file)?.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
        sets.push(Set { name, lines });
    }
    Ok(sets)
}

/// The lines of a table in columns, without remarks.
pub(crate) fn table(file: &Path) -> Result<Vec<Vec<String>>, Box<dyn Error>> {
    let file = fs::read_to_string(file)?;
    let lines = file.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    Ok(lines.map(|line| line.split('\t').map(|column| column.replace("\\n", "\n")).collect()).collect())
}
