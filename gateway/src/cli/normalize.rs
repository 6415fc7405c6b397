//! `muara normalize --jsonl`: the gateway's rules over lines of standard input.

use std::{
    convert::Infallible,
    io::{BufRead, Write, stdin, stdout},
    sync::Arc,
};

use jiff::Timestamp;
use muara_normalizer::{
    ChannelId, ComplaintId, Draft, Receipt, contact,
    draft::{DraftPlace, SourceTime},
    ids::ReferenceKey,
    similarity::{Index, Kept, Link, Matter, REPORTS, Thresholds, link},
};
use serde::{Deserialize, Serialize};

use super::{CliError, trial::normalizer};

/// One line in. Other members are not read.
#[derive(Deserialize)]
struct Line {
    id: serde_json::Value,
    channel: ChannelId,
    received_at: Timestamp,
    text: String,
    lat: Option<f64>,
    lng: Option<f64>,
}

/// One line out, in the order of the lines in.
#[derive(Serialize)]
struct Made {
    id: serde_json::Value,
    /// Absent where nothing was said; then `error` says so.
    complaint: Option<muara_normalizer::Complaint>,
    found: Found,
    error: Option<String>,
}

/// What the text held of persons, as the gateway finds it to mask it.
#[derive(Default, Serialize)]
struct Found {
    phones: Vec<String>,
    niks: Vec<String>,
    emails: Vec<String>,
}

impl From<contact::Found> for Found {
    fn from(contact::Found { phones, niks, emails, .. }: contact::Found) -> Self {
        Self { phones, niks, emails }
    }
}

/// The complaints before a line.
#[derive(Default)]
struct Earlier {
    all: Index,
    thresholds: Thresholds,
}

impl Earlier {
    /// Adds one. Returns the one that it repeats.
    fn add(&mut self, id: ComplaintId, matter: Matter) -> Option<Link> {
        let serial = i64::try_from(self.all.len()).unwrap_or(i64::MAX);
        let alike = self.all.alike(0, &matter, &self.thresholds);
        let Ok(link) = link(&matter, alike, &self.thresholds, |first, report| {
            self.all.reports(first).take(REPORTS).for_each(|kept| report(&kept.matter));
            Ok::<_, Infallible>(())
        });
        let first = link.as_ref().map_or(serial, |link| link.first);
        self.all.insert(Kept { serial, id, first, matter: Arc::new(matter) });
        link
    }
}

pub(super) fn jsonl() -> Result<(), CliError> {
    let (rules, references) = (normalizer(), ReferenceKey::new([0; 16]));
    let mut earlier = Earlier::default();
    let mut out = std::io::BufWriter::new(stdout().lock());
    for (line, number) in stdin().lock().lines().zip(1..) {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        let line: Line =
            serde_json::from_str(&line).map_err(|source| CliError::Line { line: number, source })?;
        let draft = Draft {
            text: line.text,
            sent_at: Some(SourceTime::Instant(line.received_at)),
            place: DraftPlace { lat: line.lat, lon: line.lng, ..DraftPlace::default() },
            ..Draft::default()
        };
        let serial = u64::try_from(number).unwrap_or(u64::MAX);
        let mut random = [0; 10];
        random[2..].copy_from_slice(&serial.to_be_bytes());
        let receipt = Receipt {
            id: ComplaintId::from_parts(line.received_at, &random),
            reference: references.reference(serial),
            connector: line.channel.to_string(),
            channel: line.channel,
            received_at: line.received_at,
        };
        let (complaint, found, error) = match rules.normalize(draft, &receipt) {
            Ok(mut made) => {
                if let Some(matter) = made.matter
                    && let Some(link) = earlier.add(made.complaint.id, matter)
                {
                    made.complaint.links.repeats(link.id, link.likeness);
                }
                (Some(made.complaint), Found::from(made.found), None)
            }
            Err(error) => (None, Found::default(), Some(error.to_string())),
        };
        serde_json::to_writer(&mut out, &Made { id: line.id, complaint, found, error })
            .map_err(std::io::Error::from)?;
        writeln!(out)?;
    }
    Ok(out.flush()?)
}
