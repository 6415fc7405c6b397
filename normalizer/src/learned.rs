//! What words people use for what: how often each stood in labelled complaints of each class, and from that which class a
//! text is likely of (multinomial naive Bayes over the words that a text has at all,
//! <https://nlp.stanford.edu/IR-book/html/htmledition/naive-bayes-text-classification-1.html>).
//!
//! The counts are in `data/category_counts.txt` and `data/noise_counts.txt`, written by `tests/bench/quality --learn` and
//! readable: a line is a word and how many texts of each class have it. They help where the rules have no word or too many.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::{self, Write as _},
    sync::LazyLock,
};

use foldhash::{HashMap, HashSet};

use crate::{category, reading::Reading, region, words::words};

/// So many words of a text are read: whoever says what is the matter says it before.
const READ: usize = 200;
/// What stands in the file for the number of texts of each class.
const TEXTS: &str = "*";

/// What a word counts in a category, or a kind, that never had it.
pub const CATEGORIES_SMOOTHING: f64 = 0.1;
/// The same for kinds.
pub const KINDS_SMOOTHING: f64 = 0.3;

/// For categories (by code).
pub static CATEGORIES: LazyLock<Counts> =
    LazyLock::new(|| Counts::read(include_str!("../data/category_counts.txt"), CATEGORIES_SMOOTHING));
/// For what is a complaint, and what is not ([`COMPLAINT`], [`NOISE`]).
pub static KINDS: LazyLock<Counts> =
    LazyLock::new(|| Counts::read(include_str!("../data/noise_counts.txt"), KINDS_SMOOTHING));
/// The class of complaints in [`KINDS`].
pub const COMPLAINT: &str = "complaint";
/// The class of all else in [`KINDS`].
pub const NOISE: &str = "noise";

/// How often words stood in texts of each class.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    classes: Vec<Class>,
    /// Of each word's hash the classes that have it, and how much likelier each makes it than a class that does not.
    words: HashMap<u64, Vec<(u16, f64)>>,
    /// Of each word in how many of the texts it stands.
    shares: Vec<(String, f64)>,
}

#[derive(Clone, Debug)]
struct Class {
    name: String,
    /// The logarithm of its share of the texts.
    prior: f64,
    /// The logarithm of how likely a word is that it never had.
    unknown: f64,
}

/// How likely a text is of a class.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Likely<'a> {
    /// The class.
    pub class: &'a str,
    /// The natural logarithm of the probability.
    pub log: f64,
}

impl Counts {
    /// Reads a file of counts; `smoothing` is what each word counts in a class that never had it.
    #[must_use]
    pub fn read(file: &str, smoothing: f64) -> Self {
        let mut tally = Tally::default();
        for line in file.lines().filter(|line| !line.starts_with('#')) {
            let mut parts = line.split(' ');
            let Some(word) = parts.next() else { continue };
            for (class, count) in parts.filter_map(|part| part.rsplit_once(':')) {
                tally.add(word, class, count.parse().unwrap_or(0));
            }
        }
        Self::of(&tally, smoothing)
    }

    /// The same of a tally.
    #[must_use]
    pub fn of(tally: &Tally, smoothing: f64) -> Self {
        let number = |count: u32| f64::from(count);
        let texts = tally.0.get(TEXTS).cloned().unwrap_or_default();
        let all = number(texts.values().sum());
        let vocabulary = number(u32::try_from(tally.0.len().saturating_sub(1)).unwrap_or(u32::MAX));
        let mut total: BTreeMap<&str, u32> = BTreeMap::new();
        for (class, count) in tally.words().flat_map(|(_, counts)| counts) {
            *total.entry(class).or_default() += count;
        }
        let classes: Vec<Class> = { texts.iter() }
            .map(|(name, texts)| {
                let words = number(total.get(name.as_str()).copied().unwrap_or(0));
                let unknown = (smoothing / (words + smoothing * vocabulary)).ln();
                Class { name: name.clone(), prior: (number(*texts) / all).ln(), unknown }
            })
            .collect();
        let place = |class: &str| {
            let place = classes.binary_search_by(|known| known.name.as_str().cmp(class)).ok()?;
            u16::try_from(place).ok()
        };
        let words = { tally.words() }
            .map(|(word, counts)| {
                let gain = |count: u32| ((number(count) + smoothing) / smoothing).ln();
                let gains = counts.iter().filter_map(|(class, count)| Some((place(class)?, gain(*count))));
                (hash(START, word), gains.collect())
            })
            .collect();
        let share = |counts: &BTreeMap<String, u32>| number(counts.values().sum()) / all;
        let shares = tally.words().map(|(word, counts)| (word.to_owned(), share(counts))).collect();
        Self { classes, words, shares }
    }

    /// All classes, with their share of the texts.
    pub fn texts(&self) -> impl Iterator<Item = (&str, f64)> {
        self.classes.iter().map(|class| (class.name.as_str(), class.prior.exp()))
    }

    /// All words, with the share of the texts that have it.
    pub fn shares(&self) -> impl Iterator<Item = (&str, f64)> {
        self.shares.iter().map(|(word, share)| (word.as_str(), *share))
    }

    /// How likely words are of each class, and how many of them are known at all.
    #[must_use]
    pub fn likely<'a>(&'a self, words: &Said) -> (Vec<Likely<'a>>, usize) {
        let mut logs: Vec<f64> = self.classes.iter().map(|class| class.prior).collect();
        let mut known = 0_u32;
        for gains in words.0.iter().filter_map(|word| self.words.get(word)) {
            known += 1;
            for (class, gain) in gains {
                logs[usize::from(*class)] += gain;
            }
        }
        for (log, class) in logs.iter_mut().zip(&self.classes) {
            *log += f64::from(known) * class.unknown;
        }
        let best = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let all = logs.iter().map(|log| (log - best).exp()).sum::<f64>().ln() + best;
        let likely = { self.classes.iter().zip(logs) }
            .map(|(class, log)| Likely { class: &class.name, log: log - all })
            .collect();
        (likely, usize::try_from(known).unwrap_or(usize::MAX))
    }

    /// How much likelier words are of one class than of another, as the natural logarithm of the ratio; 0 without counts.
    #[must_use]
    pub fn odds(&self, words: &Said, one: &str, other: &str) -> f64 {
        let (likely, _) = self.likely(words);
        let log =
            |class: &str| likely.iter().find(|likely| likely.class == class).map_or(0.0, |likely| likely.log);
        log(one) - log(other)
    }

    /// Of these words those that most make one class likelier than the others, at most so many.
    #[must_use]
    pub fn telling(&self, words: &BTreeSet<String>, class: &str, most: usize) -> Vec<String> {
        let Ok(place) = self.classes.binary_search_by(|known| known.name.as_str().cmp(class)) else {
            return Vec::new();
        };
        let mut telling: Vec<(f64, &String)> = words
            .iter()
            .filter_map(|word| {
                let gains = self.words.get(&hash(START, word))?;
                let own = gains.iter().find(|(known, _)| usize::from(*known) == place)?.1;
                let all: f64 = gains.iter().map(|(_, gain)| gain).sum();
                (own * 2.0 > all).then_some((own, word))
            })
            .collect();
        telling.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
        telling.into_iter().take(most).map(|(_, word)| word.clone()).collect()
    }
}

/// Words with how many texts of each class have them.
#[derive(Clone, Debug, Default)]
pub struct Tally(BTreeMap<String, BTreeMap<String, u32>>);

impl Tally {
    /// Takes a text of a class in.
    pub fn text(&mut self, words: &BTreeSet<String>, class: &str) {
        self.add(TEXTS, class, 1);
        for word in words {
            self.add(word, class, 1);
        }
    }

    /// Leaves out what fewer texts have than so many, if it is a pair of words.
    pub fn prune_pairs(&mut self, least: u32) {
        self.0.retain(|word, counts| !word.contains(PAIR) || counts.values().sum::<u32>() >= least);
    }

    fn add(&mut self, word: &str, class: &str, count: u32) {
        *self.0.entry(word.to_owned()).or_default().entry(class.to_owned()).or_default() += count;
    }

    fn words(&self) -> impl Iterator<Item = (&str, &BTreeMap<String, u32>)> {
        self.0.iter().filter(|(word, _)| *word != TEXTS).map(|(word, counts)| (word.as_str(), counts))
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (word, counts) in &self.0 {
            f.write_str(word)?;
            for (class, count) in counts {
                write!(f, " {class}:{count}")?;
            }
            f.write_char('\n')?;
        }
        Ok(())
    }
}

/// The regions' names of one word: where it is says nothing of what it is.
static NAMES: LazyLock<HashSet<String>> = LazyLock::new(|| {
    let names = region::all().map(|region| words(&region.name));
    names.filter(|words| words.len() == 1).flatten().map(|word| word.folded).collect()
});

/// Between the words of a pair.
const PAIR: &str = "_";

/// Where a hash begins, and how a text goes on with it: FNV-1a, the same on every machine.
const START: u64 = 0xcbf2_9ce4_8422_2325;

fn hash(state: u64, text: &str) -> u64 {
    text.bytes().fold(state, |state, byte| (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// What a text says, as the hashes by which [`Counts`] know it: each once, in order.
#[derive(Clone, Debug, Default)]
pub struct Said(Vec<u64>);

impl Said {
    /// The stems of the words; no numbers, no names of places.
    #[must_use]
    pub fn stems(reading: &Reading) -> Self {
        Self::of(said(reading).map(|(stem, _)| hash(START, stem)).collect())
    }

    /// The same with each two that stand together, and what the writing itself shows.
    #[must_use]
    pub fn stems_and_pairs(reading: &Reading, text: &str) -> Self {
        let mut hashes = Vec::new();
        features(reading, text, |parts| {
            hashes.push(parts.iter().fold(START, |state, part| hash(state, part)));
        });
        Self::of(hashes)
    }

    fn of(mut hashes: Vec<u64>) -> Self {
        hashes.sort_unstable();
        hashes.dedup();
        Self(hashes)
    }
}

/// The stems of a text's words, each once; no numbers, no names of places.
#[must_use]
pub fn stems(reading: &Reading) -> BTreeSet<String> {
    said(reading).map(|(stem, _)| stem.to_owned()).collect()
}

/// The same with each two that stand together, and what the writing itself shows: numbers, capitals, a question, length.
#[must_use]
pub fn stems_and_pairs(reading: &Reading, text: &str) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    features(reading, text, |parts| {
        words.insert(parts.concat());
    });
    words
}

/// Hands out each feature of a text, in parts that belong together.
fn features(reading: &Reading, text: &str, mut take: impl FnMut(&[&str])) {
    const LENGTHS: [&str; 9] = ["0", "1", "2", "3", "4", "5", "6", "7", "8"];
    let all: Vec<(&str, usize)> = said(reading).collect();
    for (stem, _) in &all {
        take(&[stem]);
    }
    for pair in all.windows(2).filter(|pair| pair[0].1 + 1 == pair[1].1) {
        take(&[pair[0].0, PAIR, pair[1].0]);
    }
    let digits = text.split(|c: char| !c.is_ascii_digit()).map(str::len).max().unwrap_or(0);
    let loud = |word: &&str| word.len() >= 4 && word.bytes().all(|byte| byte.is_ascii_uppercase());
    let shown = [
        (digits >= 4, "#number"),
        (text.contains('?'), "#question"),
        (text.contains("http") || text.contains("www."), "#link"),
        (text.split_whitespace().filter(loud).count() >= 2, "#capitals"),
        (text.chars().any(|c| ('\u{1F300}'..='\u{1FAFF}').contains(&c)), "#picture"),
    ];
    for (_, name) in shown.into_iter().filter(|(shows, _)| *shows) {
        take(&[name]);
    }
    take(&["#length-", LENGTHS[(all.len() / 5).min(LENGTHS.len() - 1)]]);
}

fn said(reading: &Reading) -> impl Iterator<Item = (&str, usize)> {
    let names = category::named(reading);
    reading.terms.iter().take(READ).enumerate().filter_map(move |(place, term)| {
        let word = reading.words.get(term.word)?;
        let named = names.get(term.word) == Some(&true) || NAMES.contains(&word.folded);
        let number = term.stem.bytes().any(|byte| byte.is_ascii_digit() || byte == b' ');
        (!named && !number).then_some((term.stem.as_str(), place))
    })
}
