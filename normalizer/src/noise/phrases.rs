//! The phrases of `data/noise_words.txt`, and how much of each kind a text holds.

use std::sync::LazyLock;

use foldhash::{HashMap, HashSet};

use crate::{
    reading::{NEGATIONS, Term},
    stem,
    words::{Token, hash},
};

/// What a phrase speaks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Section {
    OnlyGreeting,
    OnlyThanks,
    OnlyChatter,
    Filler,
    Sign,
    Where,
    Thanks,
    Done,
    Contrast,
    NoContrast,
    Means,
    Grievance,
    Chatter,
    Advertisement,
    Contact,
    Fraud,
    ChainMessage,
    AutoReply,
    Announcement,
    Asks,
    Asked,
    Told,
}

const SECTIONS: [(&str, Section); 22] = [
    ("only_greeting", Section::OnlyGreeting),
    ("only_thanks", Section::OnlyThanks),
    ("only_chatter", Section::OnlyChatter),
    ("filler", Section::Filler),
    ("sign", Section::Sign),
    ("where", Section::Where),
    ("thanks", Section::Thanks),
    ("done", Section::Done),
    ("contrast", Section::Contrast),
    ("no_contrast", Section::NoContrast),
    ("means", Section::Means),
    ("grievance", Section::Grievance),
    ("chatter", Section::Chatter),
    ("advertisement", Section::Advertisement),
    ("contact", Section::Contact),
    ("fraud", Section::Fraud),
    ("chain_message", Section::ChainMessage),
    ("auto_reply", Section::AutoReply),
    ("announcement", Section::Announcement),
    ("asks", Section::Asks),
    ("asked", Section::Asked),
    ("told", Section::Told),
];
/// So many words may stand where a phrase has `*`.
const GAP: usize = 3;
/// So many greeting words may stand before a beginning that the reading did not tell.
const BEGINNING: usize = 1;

/// How much of each section a text holds.
#[derive(Default)]
pub(super) struct Scores([u32; SECTIONS.len()]);

impl Scores {
    pub(super) fn of(&self, section: Section) -> u32 {
        self.0[section as usize]
    }

    pub(super) fn take(&mut self, section: Section, weight: u32) {
        let score = &mut self.0[section as usize];
        *score = score.saturating_sub(weight);
    }

    pub(super) fn add(&mut self, section: Section, weight: u32) {
        self.0[section as usize] += weight;
    }
}

/// One word of a phrase, by its alternatives.
enum Slot {
    /// Words and stems, by their hashes.
    Words {
        texts: Vec<u64>,
        stems: Vec<u64>,
        number: bool,
        money: bool,
        phone: bool,
    },
    Gap,
}

struct Phrase {
    section: Section,
    weight: u32,
    begins: bool,
    /// It has a negation itself.
    denies: bool,
    slots: Vec<Slot>,
}

/// All of them, found by the first word.
pub(super) struct Phrases {
    all: Vec<Phrase>,
    by_text: HashMap<u64, Vec<usize>>,
    by_stem: HashMap<u64, Vec<usize>>,
    by_number: Vec<usize>,
    by_money: Vec<usize>,
    by_phone: Vec<usize>,
    alone: HashSet<(Section, u64)>,
}

pub(super) fn phrases() -> &'static Phrases {
    static PHRASES: LazyLock<Phrases> =
        LazyLock::new(|| Phrases::read(include_str!("../../data/noise_words.txt")));
    &PHRASES
}

impl Phrases {
    fn read(file: &'static str) -> Self {
        let mut phrases = Self {
            all: Vec::new(),
            by_text: HashMap::default(),
            by_stem: HashMap::default(),
            by_number: Vec::new(),
            by_money: Vec::new(),
            by_phone: Vec::new(),
            alone: HashSet::default(),
        };
        let mut section = Section::Filler;
        for line in file.lines().map(str::trim).filter(|line| !line.starts_with('#') && !line.is_empty()) {
            if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                section =
                    SECTIONS.iter().find(|(known, _)| *known == name).map_or(section, |(_, found)| *found);
                continue;
            }
            let mut words = line.split_whitespace();
            let weight = words.next().and_then(|weight| weight.parse().ok()).unwrap_or(0);
            let words: Vec<_> = words.collect();
            let begins = words.first().is_some_and(|word| word.starts_with('^'));
            let slots: Vec<_> = words.iter().map(|word| Slot::read(word.trim_start_matches('^'))).collect();
            let denies = words.iter().any(|word| word.split('|').any(|one| NEGATIONS.contains(&one)));
            phrases.add(Phrase { section, weight, begins, denies, slots });
        }
        phrases
    }

    fn add(&mut self, phrase: Phrase) {
        let place = self.all.len();
        if let Some(Slot::Words { texts, stems, number, money, phone }) = phrase.slots.first() {
            for text in texts {
                self.by_text.entry(*text).or_default().push(place);
                if phrase.slots.len() == 1 {
                    self.alone.insert((phrase.section, *text));
                }
            }
            for stem in stems {
                self.by_stem.entry(*stem).or_default().push(place);
            }
            if *number {
                self.by_number.push(place);
            }
            if *money {
                self.by_money.push(place);
            }
            if *phone {
                self.by_phone.push(place);
            }
        }
        self.all.push(phrase);
    }

    /// Whether a word by itself is one of the section's.
    pub(super) fn has(&self, section: Section, word: &Token) -> bool {
        self.alone.contains(&(section, word.hash()))
    }

    /// What a text holds; it begins at the term `begin`.
    pub(super) fn scores(&self, terms: &[Term], begin: usize) -> Scores {
        let mut scores = Scores::default();
        let mut seen = vec![false; self.all.len()];
        for (at, term) in terms.iter().enumerate() {
            let lists = [
                self.by_text.get(&term.text.hash()),
                self.by_stem.get(&term.stem.hash()),
                is_number(&term.text).then_some(&self.by_number),
                is_money(&term.text).then_some(&self.by_money),
                is_phone(&term.text).then_some(&self.by_phone),
            ];
            for place in lists.into_iter().flatten().flatten().copied() {
                let phrase = &self.all[place];
                let beginning = !phrase.begins || at <= begin + BEGINNING;
                if !seen[place] && beginning && phrase.fits(&terms[at..]) {
                    seen[place] = true;
                    scores.add(phrase.section, phrase.weight);
                }
            }
        }
        scores
    }
}

impl Phrase {
    /// Whether it stands at the beginning of these terms, by the first of which it was found.
    fn fits(&self, terms: &[Term]) -> bool {
        let (Some((first, after)), Some((_, rest))) = (terms.split_first(), self.slots.split_first()) else {
            return false;
        };
        // something wrong that is denied is nothing wrong
        if matches!(self.section, Section::Grievance | Section::Contrast) && first.negated {
            return false;
        }
        // `petugasnya tidak ramah` is no thanks
        let spoilt = matches!(self.section, Section::Thanks | Section::Done) && !self.denies;
        let denied = spoilt && rest.is_empty() && first.negated;
        !denied && fit(rest, after, spoilt)
    }
}

/// Whether the words stand at the beginning of these terms; `spoilt`: not where the last of them is denied.
fn fit(slots: &[Slot], terms: &[Term], spoilt: bool) -> bool {
    let Some((slot, rest)) = slots.split_first() else { return true };
    match slot {
        Slot::Gap => (0..=GAP.min(terms.len())).any(|skip| fit(rest, &terms[skip..], spoilt)),
        Slot::Words { .. } => terms.split_first().is_some_and(|(term, after)| {
            let denied = spoilt && rest.is_empty() && term.negated;
            slot.holds(term) && !denied && fit(rest, after, spoilt)
        }),
    }
}

impl Slot {
    fn read(word: &'static str) -> Self {
        if word == "*" {
            return Self::Gap;
        }
        let (mut texts, mut stems) = (Vec::new(), Vec::new());
        let (mut number, mut money, mut phone) = (false, false, false);
        for one in word.split('|') {
            match one.strip_prefix('~') {
                Some(word) => {
                    stems.push(hash(&stem::stem(word)));
                }
                None if one == "#" => number = true,
                None if one == "$" => money = true,
                None if one == "@" => phone = true,
                None => {
                    texts.push(hash(one));
                }
            }
        }
        Self::Words { texts, stems, number, money, phone }
    }

    fn holds(&self, term: &Term) -> bool {
        match self {
            Self::Gap => false,
            Self::Words { texts, stems, number, money, phone } => {
                texts.contains(&term.text.hash())
                    || stems.contains(&term.stem.hash())
                    || (*number && is_number(&term.text))
                    || (*money && is_money(&term.text))
                    || (*phone && is_phone(&term.text))
            }
        }
    }
}

fn is_number(word: &str) -> bool {
    word.bytes().next().is_some_and(|b| b.is_ascii_digit())
}

/// `50rb`, `1jt`, `rp`, `rp50000`.
fn is_money(word: &str) -> bool {
    let unit = word.trim_start_matches(|c: char| c.is_ascii_digit());
    word == "rp"
        || word.strip_prefix("rp").is_some_and(|amount| amount.bytes().all(|b| b.is_ascii_digit()))
        || (unit.len() < word.len()
            && matches!(unit, "rb" | "rban" | "ribu" | "jt" | "jtan" | "juta" | "k" | "m" | "jutaan"))
}

/// How a phone number begins, whether in one piece or in groups.
fn is_phone(word: &str) -> bool {
    word.len() >= 4
        && word.starts_with(['0', '6'])
        && word.bytes().all(|b| b.is_ascii_digit())
        && (word.starts_with("08") || word.starts_with("628") || word.starts_with("021"))
}
