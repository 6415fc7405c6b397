//! The little language of the rules' phrases, and where a text says them.
//!
//! `WORD WORD` the words one after the other · `WORD .. WORD` with up to four others between · `WORD & WORD` near each
//! other in any order · `WORD/WORD` either of them · `=WORD` exactly this form (or with `-nya`); else words meet by their stem. A rule's
//! words are read as a citizen's are, so that both may be slang.

use foldhash::HashMap;

use crate::{
    reading::{NEGATIONS, Reading},
    words::hash,
};

/// So many other words may stand in a `..`.
const GAP: usize = 4;
/// So far apart may the words about a `&` be.
const NEAR: usize = 12;
/// Words of a phrase.
const LONGEST: usize = 10;
/// So many words of a text are read: whoever says what is the matter says it before, and a rule's time has a bound.
pub(crate) const READ: usize = 600;

/// Phrases with what each of them means.
#[derive(Debug)]
pub(crate) struct Phrases<T> {
    /// Words known by their stem and by their exact form, by its hash; one number means one or the other.
    stems: HashMap<u64, u32>,
    exact: HashMap<u64, u32>,
    /// The phrases that may begin with a word, by its number.
    first: Vec<Vec<Begun>>,
    phrases: Vec<Phrase<T>>,
}

/// A phrase that may begin with a word, and the one word that must then be said, too; 0 where there is no such word.
#[derive(Clone, Copy, Debug)]
struct Begun {
    phrase: usize,
    needs: u32,
}

/// One phrase.
#[derive(Debug)]
pub(crate) struct Phrase<T> {
    /// As it stands in the rules.
    pub written: String,
    /// What it means.
    pub load: T,
    /// It has a negation in itself: that its words are negated is what it says.
    pub negates: bool,
    /// How its word is made, if it is one word and not an exact one.
    made: Option<Made>,
    slots: Vec<Slot>,
}

#[derive(Debug)]
struct Slot {
    any: Vec<u32>,
    link: Link,
}

/// How a word is made of its stem. Inflection leaves the sense (`lubang`, `berlubang`); making a noun or a measure of it
/// may not (`lebar`, `pelebaran`, `selebaran`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Made {
    Inflected,
    Se,
    Pe,
    Ke,
    An,
}

impl Made {
    fn of(text: &str, stem: &str) -> Self {
        let word = text.strip_suffix("nya").unwrap_or(text);
        let begins = |prefix: &str| word.starts_with(prefix) && !stem.starts_with(prefix);
        if begins("se") {
            Self::Se
        } else if begins("pe") {
            Self::Pe
        } else if begins("ke") {
            Self::Ke
        } else if word.ends_with("an") && !word.ends_with("kan") && !stem.ends_with("an") {
            Self::An
        } else {
            Self::Inflected
        }
    }
}

/// How a word of a phrase stands to the one before it.
#[derive(Clone, Copy, Debug)]
enum Link {
    Next,
    Gap,
    Near,
}

/// The places of a phrase's words, in its order; a phrase of more than so many words is not read.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Places {
    places: [u16; LONGEST],
    length: usize,
}

impl Places {
    fn push(&mut self, place: usize) {
        if let (Some(next), Ok(place)) = (self.places.get_mut(self.length), u16::try_from(place)) {
            *next = place;
            self.length += 1;
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.length
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.places.iter().take(self.length).map(|place| usize::from(*place))
    }

    pub(crate) fn contains(&self, place: usize) -> bool {
        self.iter().any(|known| known == place)
    }
}

/// A phrase that a text says.
#[derive(Debug)]
pub(crate) struct Hit<'a, T> {
    pub phrase: &'a Phrase<T>,
    /// Its number, in the order of the rules.
    pub number: usize,
    /// The places of its words in [`Reading::terms`], in the order of the phrase.
    pub terms: Places,
    /// Its one word has the same stem but is made otherwise, so that it may mean something else.
    pub loose: bool,
}

impl<T> Default for Phrases<T> {
    fn default() -> Self {
        // number 0 is no word
        Self {
            stems: HashMap::default(),
            exact: HashMap::default(),
            first: vec![Vec::new()],
            phrases: Vec::new(),
        }
    }
}

impl<T: Clone> Phrases<T> {
    /// Adds the phrases of a list, parted by commas.
    pub(crate) fn add(&mut self, list: &str, load: &T) {
        for written in list.split(',').map(str::trim).filter(|written| !written.is_empty()) {
            let slots = self.slots(written);
            let Some(first) = slots.first().filter(|_| slots.len() <= LONGEST) else { continue };
            let needs = match slots.get(1).map(|second| second.any.as_slice()) {
                Some([word]) => *word,
                _ => 0,
            };
            for &word in &first.any {
                if let Some(begun) = self.first.get_mut(word as usize) {
                    begun.push(Begun { phrase: self.phrases.len(), needs });
                }
            }
            let negates = written.split([' ', '/']).any(|word| NEGATIONS.contains(&word));
            let made = match Reading::of(written).terms.as_slice() {
                [word] if slots.len() == 1 && !written.contains(['=', '/']) => {
                    Some(Made::of(&word.text, &word.stem))
                }
                _ => None,
            };
            self.phrases.push(Phrase {
                written: written.to_owned(),
                load: load.clone(),
                negates,
                made,
                slots,
            });
        }
    }

    fn slots(&mut self, written: &str) -> Vec<Slot> {
        let mut slots: Vec<Slot> = Vec::new();
        let mut link = Link::Next;
        for part in written.split_whitespace() {
            match part {
                ".." => link = Link::Gap,
                "&" => link = Link::Near,
                _ if part.contains('/') => {
                    let any = part.split('/').filter_map(|word| self.numbers(word).pop()).collect();
                    slots.push(Slot { any, link: std::mem::replace(&mut link, Link::Next) });
                }
                _ => {
                    for number in self.numbers(part) {
                        slots
                            .push(Slot { any: vec![number], link: std::mem::replace(&mut link, Link::Next) });
                    }
                }
            }
        }
        slots
    }

    /// The numbers of a word, several where slang stands for several; new words get one.
    fn numbers(&mut self, word: &str) -> Vec<u32> {
        let (exact, word) = word.strip_prefix('=').map_or((false, word), |word| (true, word));
        let terms = Reading::of(word).terms;
        let mut numbers = Vec::with_capacity(terms.len());
        for term in terms {
            let next = u32::try_from(self.first.len()).unwrap_or(0);
            let (known, key) =
                if exact { (&mut self.exact, term.text) } else { (&mut self.stems, term.stem) };
            let number = *known.entry(key.hash()).or_insert(next);
            if number == next {
                self.first.push(Vec::new());
            }
            numbers.push(number);
        }
        numbers
    }
}

impl<T> Phrases<T> {
    /// What of the phrases a text says, every place of it, from its beginning on.
    pub(crate) fn find(&self, reading: &Reading) -> Vec<Hit<'_, T>> {
        let number = |known: &HashMap<u64, u32>, word: u64| known.get(&word).copied().unwrap_or(0);
        let said: Vec<[u32; 2]> = reading
            .terms
            .iter()
            .take(READ)
            .map(|term| {
                let exact = number(&self.exact, term.text.hash());
                let bare = || term.text.strip_suffix("nya").map_or(0, |bare| number(&self.exact, hash(bare)));
                [number(&self.stems, term.stem.hash()), if exact > 0 { exact } else { bare() }]
            })
            .collect();
        // the words of the phrases that are said, as bits
        let mut any = vec![0_u64; self.first.len() / 64 + 1];
        for word in said.iter().flatten() {
            any[*word as usize / 64] |= 1 << (word % 64);
        }
        let is_said = |word: &u32| any[*word as usize / 64] >> (word % 64) & 1 == 1;
        let mut hits = Vec::new();
        for (at, words) in said.iter().enumerate() {
            for &word in words.iter().filter(|&&word| word > 0) {
                for &Begun { phrase: number, needs } in self.first.get(word as usize).into_iter().flatten() {
                    // most phrases end here: their second word is not said at all
                    if needs > 0 && !is_said(&needs) {
                        continue;
                    }
                    let Some(phrase) = self.phrases.get(number) else { continue };
                    if !phrase.slots.get(1).is_none_or(|second| second.any.iter().any(is_said)) {
                        continue;
                    }
                    if let Some(terms) = phrase.at(at, &said) {
                        let said = reading.terms.get(at).map(|term| Made::of(&term.text, &term.stem));
                        let loose = phrase.made.is_some() && phrase.made != said;
                        hits.push(Hit { phrase, number, terms, loose });
                    }
                }
            }
        }
        hits
    }
}

impl<T> Phrase<T> {
    /// The places of its words, if it begins at this one.
    fn at(&self, begin: usize, said: &[[u32; 2]]) -> Option<Places> {
        let is = |slot: &Slot, at: usize| {
            said.get(at).is_some_and(|words| words.iter().any(|word| *word > 0 && slot.any.contains(word)))
        };
        let mut terms = Places::default();
        terms.push(begin);
        let mut last = begin;
        for slot in self.slots.iter().skip(1) {
            let next = last + 1;
            let at = match slot.link {
                Link::Next => Some(next).filter(|&at| is(slot, at)),
                Link::Gap => (next..=next + GAP).find(|&at| is(slot, at)),
                Link::Near => (begin.saturating_sub(NEAR)..=begin + NEAR)
                    .filter(|&at| at != begin && is(slot, at))
                    .min_by_key(|at| at.abs_diff(begin)),
            };
            let at = at?;
            terms.push(at);
            last = at;
        }
        Some(terms)
    }
}
