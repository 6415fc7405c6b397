//! Long texts in parts that a vendor takes, and how far a message of several parts has come.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use uuid::Uuid;

use crate::deliver::{DeliverError, Sent};

/// How a vendor measures a text.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Limit {
    /// Characters.
    Chars(usize),
    /// Bytes in UTF-8.
    Bytes(usize),
    /// Units of UTF-16.
    Utf16(usize),
}

impl Limit {
    /// Whether a text is one part.
    pub(crate) fn holds(self, text: &str) -> bool {
        match self {
            Self::Chars(most) => text.chars().count() <= most,
            Self::Bytes(most) => text.len() <= most,
            Self::Utf16(most) => text.encode_utf16().count() <= most,
        }
    }

    /// How many bytes of a text fit, at a border of characters; at least one character.
    fn room(self, text: &str) -> usize {
        let mut ends = text.char_indices().map(|(at, c)| at + c.len_utf8());
        let first = ends.next().unwrap_or(0);
        let room = match self {
            Self::Chars(most) => ends.take(most.saturating_sub(1)).last(),
            Self::Bytes(most) => ends.take_while(|end| *end <= most).last(),
            Self::Utf16(most) => ends.take_while(|end| self.holds(&text[..*end]) || *end <= most / 2).last(),
        };
        room.unwrap_or(first)
    }
}

/// The parts of a message to a citizen; without words there is none.
pub(crate) fn parts(text: &str, limit: Limit) -> Result<Vec<&str>, DeliverError> {
    let parts = split(text, limit);
    if parts.is_empty() {
        return Err(DeliverError::Rejected { answer: "there is nothing to say in it".to_owned() });
    }
    Ok(parts)
}

/// The parts of a text in order: each as long as it may be, ended at a line, else at a word, else anywhere. Nothing
/// but the white space between two parts is left out.
fn split(text: &str, limit: Limit) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = text.trim();
    while !limit.holds(rest) {
        let room = limit.room(rest);
        let piece = &rest[..room];
        // a border just behind the room counts, too
        let ends_here = rest[room..].starts_with(char::is_whitespace);
        // a line's end early in the piece would make one part more for nothing
        let line = piece.rfind('\n').filter(|at| *at > room / 2);
        let word = piece.rfind(char::is_whitespace).filter(|at| *at > 0);
        let end = if ends_here { room } else { line.or(word).unwrap_or(room) };
        let (part, after) = rest.split_at(end);
        parts.push(part.trim_end());
        rest = after.trim_start();
    }
    if !rest.is_empty() {
        parts.push(rest);
    }
    parts
}

/// The parts that the vendor has taken of messages that are not sent to their end: when a pause ends, the citizen does
/// not get the first ones again. After a restart they are sent again: rather twice than never.
#[derive(Debug, Default)]
pub(crate) struct Progress(Mutex<HashMap<Uuid, Taken>>);

/// What was taken of a message.
#[derive(Debug, Default)]
struct Taken {
    /// In what form: its parts are other ones in each.
    form: &'static str,
    parts: usize,
    vendor_ids: Vec<String>,
}

/// More messages than can be under way; a message that is given up is never ended.
const MOST: usize = 1000;

impl Progress {
    fn lock(&self) -> MutexGuard<'_, HashMap<Uuid, Taken>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many parts were taken of a message in this form.
    pub(crate) fn of(&self, message: Uuid, form: &'static str) -> usize {
        self.lock().get(&message).filter(|taken| taken.form == form).map_or(0, |taken| taken.parts)
    }

    /// One more part was taken.
    pub(crate) fn add(&self, message: Uuid, form: &'static str, vendor_id: Option<String>) {
        let mut all = self.lock();
        if all.len() >= MOST {
            all.clear();
        }
        let taken = all.entry(message).or_default();
        if taken.form != form {
            *taken = Taken { form, ..Taken::default() };
        }
        taken.parts += 1;
        taken.vendor_ids.extend(vendor_id);
    }

    /// All parts were taken.
    pub(crate) fn end(&self, message: Uuid) -> Sent {
        Sent { vendor_ids: self.lock().remove(&message).unwrap_or_default().vendor_ids }
    }
}

#[cfg(test)]
mod tests {
    use super::{Limit, split};

    #[test]
    fn parts_end_at_words_and_lose_nothing() {
        let text =
            "Lampu jalan di depan kelurahan sudah diperbaiki petugas.\nTerima kasih atas laporan Anda 🙏🏽";
        for most in 1..80 {
            for limit in [Limit::Chars(most), Limit::Bytes(most)] {
                let parts = split(text, limit);
                let joined: String = parts.concat().split_whitespace().collect();
                assert_eq!(joined, text.split_whitespace().collect::<String>(), "{limit:?}");
                assert!(parts.iter().all(|part| limit.holds(part) || part.chars().count() == 1), "{limit:?}");
            }
        }
        assert_eq!(split("satu dua tiga", Limit::Chars(8)), ["satu dua", "tiga"]);
        assert_eq!(split("satu dua tiga", Limit::Chars(7)), ["satu", "dua", "tiga"]);
    }
}
