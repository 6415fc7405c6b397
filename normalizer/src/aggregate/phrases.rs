//! The words of `data/chat_words.txt`, and where a text has them.

use std::sync::LazyLock;

use foldhash::HashMap;

use crate::{reading::Reading, words::Token};

/// What a phrase tells of its message; `data/chat_words.txt` says what each means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    Polite,
    Greeting,
    Thanks,
    Small,
    Blessing,
    Announces,
    Receives,
    Pleads,
    Other,
    Begins,
    Besides,
    Also,
    Still,
    Denies,
    Cancels,
    Stray,
    Laughs,
    Hurries,
    Works,
    Trade,
    GoesOn,
    Outcome,
    Status,
    Asks,
    Questions,
    Grievance,
    File,
    First,
    Second,
    Wrong,
    Beside,
    Address,
    /// One of at most 64 subjects, as a bit.
    Subject(u64),
}

struct Phrase {
    /// The stems after the first.
    rest: Vec<Token>,
    /// The words as they stand, where no other form of them is meant.
    exact: Option<Vec<Token>>,
    sign: Sign,
}

struct Phrases {
    /// By the stem of the first word, longest first.
    by_first: HashMap<u64, Vec<Phrase>>,
    /// For each subject's bit the subjects that go together with it.
    kin: Vec<u64>,
    /// Subjects of which people ask how it is done.
    desk: u64,
}

static PHRASES: LazyLock<Phrases> = LazyLock::new(Phrases::read);

impl Phrases {
    fn read() -> Self {
        let mut subjects: Vec<&str> = Vec::new();
        let mut phrases = Self { by_first: HashMap::default(), kin: vec![0; 64], desk: 0 };
        let lines = include_str!("../../data/chat_words.txt").lines().filter(|line| !line.starts_with('#'));
        for (kind, list) in lines.filter_map(|line| line.split_once(':')) {
            let items = list.split(',').map(str::trim).filter(|item| !item.is_empty());
            let sign = match kind.trim() {
                kind @ ("kin" | "desk") => {
                    let bits: Vec<usize> =
                        items.filter_map(|item| subjects.iter().position(|name| *name == item)).collect();
                    let all = bits.iter().fold(0, |all, bit| all | 1 << bit);
                    if kind == "desk" {
                        phrases.desk |= all;
                        continue;
                    }
                    for bit in bits {
                        phrases.kin[bit] |= all;
                    }
                    continue;
                }
                "polite" => Sign::Polite,
                "greeting" => Sign::Greeting,
                "thanks" => Sign::Thanks,
                "also" => Sign::Also,
                "still" => Sign::Still,
                "denies" => Sign::Denies,
                "cancels" => Sign::Cancels,
                "stray" => Sign::Stray,
                "laughs" => Sign::Laughs,
                "hurries" => Sign::Hurries,
                "works" => Sign::Works,
                "trade" => Sign::Trade,
                "small" => Sign::Small,
                "blessing" => Sign::Blessing,
                "receives" => Sign::Receives,
                "announces" => Sign::Announces,
                "pleads" => Sign::Pleads,
                "other" => Sign::Other,
                "begins" => Sign::Begins,
                "besides" => Sign::Besides,
                "goes-on" => Sign::GoesOn,
                "outcome" => Sign::Outcome,
                "status" => Sign::Status,
                "asks" => Sign::Asks,
                "questions" => Sign::Questions,
                "grievance" => Sign::Grievance,
                "file" => Sign::File,
                "first" => Sign::First,
                "second" => Sign::Second,
                "wrong" => Sign::Wrong,
                "address" => Sign::Address,
                "beside" => Sign::Beside,
                subject => {
                    let Some(name) = subject.strip_prefix("subject ").map(str::trim) else { continue };
                    let bit = subjects.iter().position(|known| *known == name).unwrap_or_else(|| {
                        subjects.push(name);
                        subjects.len() - 1
                    });
                    // a sixty-fifth subject would be no subject
                    Sign::Subject(1_u64.checked_shl(u32::try_from(bit).unwrap_or(64)).unwrap_or(0))
                }
            };
            for item in items {
                let (exactly, item) = item.strip_prefix('=').map_or((false, item), |item| (true, item));
                let terms = Reading::of(item).terms;
                let exact = exactly.then(|| terms.iter().map(|term| term.text.clone()).collect());
                let mut stems = terms.into_iter().map(|term| term.stem);
                if let Some(first) = stems.next() {
                    let phrase = Phrase { rest: stems.collect(), exact, sign };
                    phrases.by_first.entry(first.hash()).or_default().push(phrase);
                }
            }
        }
        for list in phrases.by_first.values_mut() {
            list.sort_by_key(|phrase| std::cmp::Reverse(phrase.rest.len()));
        }
        phrases
    }
}

/// Calls `found` with each sign that a text has, the term it begins at, and how many terms it takes. Of one sign's
/// phrases at one term only the longest is told.
pub(super) fn signs(reading: &Reading, mut found: impl FnMut(Sign, usize, usize)) {
    for (at, term) in reading.terms.iter().enumerate() {
        let Some(list) = PHRASES.by_first.get(&term.stem.hash()) else { continue };
        let mut told: Vec<std::mem::Discriminant<Sign>> = Vec::new();
        for phrase in list {
            let Some(terms) = reading.terms.get(at..=at + phrase.rest.len()) else { continue };
            let fits = match &phrase.exact {
                None => phrase.rest.iter().zip(&terms[1..]).all(|(stem, term)| *stem == term.stem),
                Some(exact) => exact.iter().zip(terms).all(|(word, term)| *word == term.text),
            };
            let kind = std::mem::discriminant(&phrase.sign);
            if fits && !told.contains(&kind) {
                told.push(kind);
                found(phrase.sign, at, phrase.rest.len() + 1);
            }
        }
    }
}

/// The subjects that go together with these, themselves among them.
pub(super) fn kin(subjects: u64) -> u64 {
    let bits = (0..64).filter(|bit| subjects & 1 << bit != 0);
    bits.fold(subjects, |all, bit| all | PHRASES.kin.get(bit).copied().unwrap_or(0))
}

/// Whether all of these are subjects of which people ask how it is done.
pub(super) fn at_desk(subjects: u64) -> bool {
    subjects & !PHRASES.desk == 0
}
