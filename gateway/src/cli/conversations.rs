//! `muara normalize --conversations`: recorded chats grouped into complaints, as the gateway groups what comes in.

use std::io::{BufRead, Write, stdin, stdout};

use muara_normalizer::aggregate::replay::{self, Event, Grouped};
use serde::{Deserialize, Serialize};

use super::CliError;

/// One chat in. Other members are not read.
#[derive(Deserialize)]
struct Line {
    id: serde_json::Value,
    events: Vec<Event>,
}

/// One chat out, in the order of the lines in.
#[derive(Serialize)]
struct Made {
    id: serde_json::Value,
    #[serde(flatten)]
    grouped: Grouped,
}

pub(super) fn jsonl() -> Result<(), CliError> {
    let mut out = std::io::BufWriter::new(stdout().lock());
    for (line, number) in stdin().lock().lines().zip(1..) {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        let line: Line =
            serde_json::from_str(&line).map_err(|source| CliError::Line { line: number, source })?;
        let made = Made { id: line.id, grouped: replay::group(&line.events) };
        serde_json::to_writer(&mut out, &made).map_err(std::io::Error::from)?;
        writeln!(out)?;
    }
    Ok(out.flush()?)
}
