//! What must outlive a crash beside the messages: it is the pull's cursor, so it is written in the transaction that
//! stores the messages of the same page.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{
    message,
    pdu::{self, HEADER, Segment, Short, Sort},
    settings::Settings,
};
use crate::{
    connector::{Cursor, Item, Page, PullError},
    reject::Reject,
};

/// Parts that wait at once; beyond it the oldest message goes on as it is.
const MOST_PARTS: usize = 1000;
/// PDUs remembered at once.
const MOST_SEEN: usize = 2000;
/// Seconds for which an equal PDU is the same one, though the centre has our answer: it may have come too late for it.
const ANSWERED: i64 = 300;
/// Seconds for which an equal PDU is the same one while it is not known whether the centre has our answer.
const UNANSWERED: i64 = 24 * 60 * 60;

/// Parts of messages, and PDUs that the centre may send once more.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Ledger {
    parts: Vec<Waiting>,
    seen: Vec<Seen>,
}

/// A part of a message that is not complete.
#[derive(Serialize, Deserialize)]
struct Waiting {
    /// When it came, in seconds since 1970.
    at: i64,
    /// Which message it belongs to: one sender's numbers come round again.
    message: u32,
    /// The whole PDU in hexadecimal.
    pdu: String,
}

/// A PDU that is on disk.
#[derive(Serialize, Deserialize)]
struct Seen {
    hash: String,
    at: i64,
    /// Whether the centre has our answer.
    answered: bool,
}

/// What tells PDUs apart: all but the header, whose number changes when it is sent again.
pub(super) fn hash(frame: &[u8]) -> String {
    let body = frame.get(HEADER..).unwrap_or_default();
    hex::encode(&Sha256::digest(body)[..12])
}

impl Ledger {
    pub(super) fn read(cursor: &Cursor) -> Result<Self, PullError> {
        if cursor.0.is_empty() {
            return Ok(Self::default());
        }
        serde_json::from_str(&cursor.0).map_err(|error| PullError::Page(Reject::json(&error)))
    }

    fn write(&self) -> Cursor {
        if self.parts.is_empty() && self.seen.is_empty() {
            return Cursor::default();
        }
        // text and numbers are always JSON
        Cursor(serde_json::to_string(self).unwrap_or_default())
    }

    /// When the next message has waited long enough for its missing parts.
    pub(super) fn due(&self, settings: &Settings) -> Option<i64> {
        self.parts.iter().map(|part| part.at).min().map(|at| at + settings.parts())
    }

    /// The page that the PDUs make, with what waits and what is due. `answered` are those whose answer the centre has.
    pub(super) fn page<'a>(
        mut self,
        frames: impl Iterator<Item = &'a Bytes>,
        answered: &HashSet<String>,
        settings: &Settings,
        now: i64,
    ) -> Page {
        for seen in &mut self.seen {
            seen.answered |= answered.contains(&seen.hash);
        }
        self.seen.retain(|seen| seen.at + if seen.answered { ANSWERED } else { UNANSWERED } > now);
        let mut known: HashSet<String> = self.seen.iter().map(|seen| seen.hash.clone()).collect();
        let mut page = Page { more: true, ..Page::default() };
        for frame in frames {
            let short = pdu::short(frame);
            // a receipt may say the same twice without harm
            if short.as_ref().is_ok_and(|short| short.sort == Sort::Receipt) {
                add(&mut page, std::slice::from_ref(frame), settings);
                continue;
            }
            let hash = hash(frame);
            if !known.insert(hash.clone()) {
                continue;
            }
            self.seen.push(Seen { hash, at: now, answered: false });
            match short.ok().and_then(|short| Some((short.segment?, short))) {
                Some((segment, short)) if short.sort == Sort::Message => {
                    self.wait(frame, &short, segment, now);
                    self.complete(segment, &mut page, settings);
                }
                _ => add(&mut page, std::slice::from_ref(frame), settings),
            }
        }
        while let Some(message) = self.overdue(settings, now) {
            self.release(message, &mut page, settings);
        }
        let surplus = self.seen.len().saturating_sub(MOST_SEEN);
        self.seen.drain(..surplus);
        page.cursor = self.write();
        page
    }

    /// Puts a part to the others of its message.
    fn wait(&mut self, frame: &[u8], short: &Short, segment: Segment, now: i64) {
        let mut candidates: HashMap<u32, bool> = HashMap::new();
        for waiting in &self.parts {
            let Some((other, of)) = waiting.short() else { continue };
            let same = (&other.from, &other.to) == (&short.from, &short.to)
                && (of.reference, of.total) == (segment.reference, segment.total);
            if same {
                *candidates.entry(waiting.message).or_insert(true) &= of.number != segment.number;
            }
        }
        let open = candidates.into_iter().filter(|(_, free)| *free).map(|(message, _)| message).max();
        let next = self.parts.iter().map(|part| part.message).max().map_or(0, |last| last.wrapping_add(1));
        let message = open.unwrap_or(next);
        self.parts.push(Waiting { at: now, message, pdu: hex::encode(frame) });
    }

    /// Lets the message of the part that came last go on, if it was the last one missing.
    fn complete(&mut self, segment: Segment, page: &mut Page, settings: &Settings) {
        let Some(message) = self.parts.last().map(|part| part.message) else { return };
        let there = self.parts.iter().filter(|part| part.message == message).count();
        if there >= usize::from(segment.total) {
            self.release(message, page, settings);
        }
    }

    /// A message that waits no longer.
    fn overdue(&self, settings: &Settings, now: i64) -> Option<u32> {
        let oldest = self.parts.iter().min_by_key(|part| part.at)?;
        let waits = oldest.at + settings.parts() > now && self.parts.len() <= MOST_PARTS;
        (!waits).then_some(oldest.message)
    }

    fn release(&mut self, message: u32, page: &mut Page, settings: &Settings) {
        let mut frames = Vec::new();
        self.parts.retain(|part| {
            if part.message == message {
                frames.extend(hex::decode(&part.pdu).ok());
            }
            part.message != message
        });
        add(page, &frames, settings);
    }
}

impl Waiting {
    fn short(&self) -> Option<(Short, Segment)> {
        let short = pdu::short(&hex::decode(&self.pdu).ok()?).ok()?;
        let segment = short.segment?;
        Some((short, segment))
    }
}

fn add<T: AsRef<[u8]>>(page: &mut Page, frames: &[T], settings: &Settings) {
    match message::read(frames, settings) {
        Ok(Item::Ignored(_)) => {}
        Ok(item) => page.items.push(item),
        Err(reason) => page.rejects.push((message::body(frames), reason)),
    }
}
