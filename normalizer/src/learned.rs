//! What words people use for what: how often each stood in labelled complaints of each class, and from that which class a
//! text is likely of (multinomial naive Bayes over the words that a text has at all,
//! <https://nlp.stanford.edu/IR-book/html/htmledition/naive-bayes-text-classification-1.html>).
//!
//! The counts are in `data/category_counts.txt` and `data/noise_counts.txt`, written by `tests/bench/quality --learn` and
//! readable: a line is a word and how many texts of each class have it. They help where the rules have no word or too many.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::{self, Write as _},
    ops::Range,
    sync::LazyLock,
};

use foldhash::{HashMap, HashSet};

use crate::{
    name::Part,
    reading::Reading,
    words::{Token, hash, hash_on},
};

/// So many words of a text are read: whoever says what is the matter says it before.
const READ: usize = 200;
/// What stands in the file for the number of texts of each class.
const TEXTS: &str = "*";

const CATEGORY_COUNTS: &str = include_str!("../data/category_counts.txt");
/// What a word counts in a category, or a kind, that never had it.
pub const CATEGORIES_SMOOTHING: f64 = 0.1;
/// The same for kinds.
pub const KINDS_SMOOTHING: f64 = 0.3;

/// For categories (by code).
pub static CATEGORIES: LazyLock<Counts> =
    LazyLock::new(|| Counts::read(CATEGORY_COUNTS, CATEGORIES_SMOOTHING));
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
    /// Where in `gains` those of a word stand, by its hash.
    words: HashMap<u64, Range<u32>>,
    /// Classes that have a word, and how much likelier it makes each than a class that does not.
    gains: Vec<(u16, f32)>,
}

#[derive(Clone, Debug)]
struct Class {
    name: String,
    /// The logarithm of its share of the texts.
    prior: f64,
    /// The logarithm of how likely a word is that it never had.
    unknown: f64,
}

/// How likely words are of each class.
#[derive(Clone, Debug)]
pub struct Likelihood {
    /// The natural logarithms of how likely each class is, in the order of [`Counts::texts`], but for a number that is the
    /// same for all.
    pub logs: Vec<f64>,
    /// How many of the words are known at all.
    pub known: u32,
}

impl Likelihood {
    /// The probability of the likeliest class.
    #[must_use]
    pub fn surest(&self) -> f64 {
        let best = self.logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        1.0 / self.logs.iter().map(|log| (log - best).exp()).sum::<f64>()
    }
}

impl Counts {
    /// Reads a file of counts; `smoothing` is what each word counts in a class that never had it.
    #[must_use]
    pub fn read(file: &str, smoothing: f64) -> Self {
        let texts: BTreeMap<&str, u32> =
            { lines(file) }.filter(|(word, _)| *word == TEXTS).flat_map(|(_, counts)| counts).collect();
        let all = f64::from(texts.values().sum::<u32>());
        let names: Vec<&str> = texts.keys().copied().collect();
        let place = |class: &str| names.binary_search(&class).ok();
        let (mut vocabulary, mut counted, mut total) = (0_u32, 0, vec![0_u32; texts.len()]);
        for (class, count) in words_of(file).inspect(|_| vocabulary += 1).flat_map(|(_, counts)| counts) {
            counted += 1;
            if let Some(place) = place(class) {
                total[place] += count;
            }
        }
        let classes = { texts.iter().zip(total) }
            .map(|((name, texts), total)| {
                let unknown = (smoothing / (f64::from(total) + smoothing * f64::from(vocabulary))).ln();
                Class { name: (*name).to_owned(), prior: (f64::from(*texts) / all).ln(), unknown }
            })
            .collect();
        let mut gains: Vec<(u16, f32)> = Vec::with_capacity(counted);
        let end = |gains: &[_]| u32::try_from(gains.len()).unwrap_or(u32::MAX);
        let words = words_of(file)
            .map(|(word, counts)| {
                let begin = end(&gains);
                gains.extend(counts.filter_map(|(class, count)| {
                    let gain = ((f64::from(count) + smoothing) / smoothing).ln();
                    Some((u16::try_from(place(class)?).ok()?, single(gain)))
                }));
                (hash(word), begin..end(&gains))
            })
            .collect();
        Self { classes, words, gains }
    }

    /// The same of a tally.
    #[must_use]
    pub fn of(tally: &Tally, smoothing: f64) -> Self {
        Self::read(&tally.to_string(), smoothing)
    }

    /// All classes, with their share of the texts.
    pub fn texts(&self) -> impl Iterator<Item = (&str, f64)> {
        self.classes.iter().map(|class| (class.name.as_str(), class.prior.exp()))
    }

    /// Classes that have a word, and how much likelier it makes each than a class that does not; nothing of an unknown word.
    fn gains(&self, word: u64) -> Option<&[(u16, f32)]> {
        let Range { start, end } = self.words.get(&word)?;
        self.gains.get(usize::try_from(*start).ok()?..usize::try_from(*end).ok()?)
    }

    /// How likely words are of each class.
    #[must_use]
    pub fn likely(&self, words: &Said) -> Likelihood {
        let mut logs: Vec<f64> = self.classes.iter().map(|class| class.prior).collect();
        let mut known = 0_u32;
        for gains in words.0.iter().filter_map(|word| self.gains(*word)) {
            known += 1;
            for (class, gain) in gains {
                logs[usize::from(*class)] += f64::from(*gain);
            }
        }
        for (log, class) in logs.iter_mut().zip(&self.classes) {
            *log += f64::from(known) * class.unknown;
        }
        Likelihood { logs, known }
    }

    /// How much likelier words are of one class than of another, as the natural logarithm of the ratio; 0 without counts.
    #[must_use]
    pub fn odds(&self, words: &Said, one: &str, other: &str) -> f64 {
        let likely = self.likely(words);
        let log = |class: &str| self.class(class).map_or(0.0, |place| likely.logs[place]);
        log(one) - log(other)
    }

    /// The place of a class in the order of [`Counts::texts`].
    #[must_use]
    pub fn class(&self, name: &str) -> Option<usize> {
        self.classes.binary_search_by(|known| known.name.as_str().cmp(name)).ok()
    }

    /// The name of the class at a place.
    #[must_use]
    pub fn name(&self, class: usize) -> &str {
        self.classes.get(class).map_or("", |class| &class.name)
    }

    /// Of these words those that most make one class likelier than the others, at most so many.
    #[must_use]
    pub fn telling(&self, words: &BTreeSet<String>, class: &str, most: usize) -> Vec<String> {
        let Some(place) = self.class(class) else { return Vec::new() };
        let mut telling: Vec<(f32, &String)> = words
            .iter()
            .filter_map(|word| {
                let gains = self.gains(hash(word))?;
                let own = gains.iter().find(|(known, _)| usize::from(*known) == place)?.1;
                let all: f32 = gains.iter().map(|(_, gain)| gain).sum();
                (own * 2.0 > all).then_some((own, word))
            })
            .collect();
        telling.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
        telling.into_iter().take(most).map(|(_, word)| word.clone()).collect()
    }
}

/// The lines of a file of counts: a word, and in how many texts of each class it stands.
fn lines(file: &str) -> impl Iterator<Item = (&str, impl Iterator<Item = (&str, u32)>)> {
    // `#` alone begins a remark; `#question` is a word
    let lines = file.lines().filter(|line| !line.starts_with("# ")).filter_map(|line| line.split_once(' '));
    lines.map(|(word, counts)| {
        let counts = counts.split(' ').filter_map(|count| count.rsplit_once(':'));
        (word, counts.filter_map(|(class, count)| Some((class, count.parse().ok()?))))
    })
}

fn words_of(file: &str) -> impl Iterator<Item = (&str, impl Iterator<Item = (&str, u32)>)> {
    lines(file).filter(|(word, _)| *word != TEXTS)
}

/// In which share of the labelled complaints each word stands.
pub(crate) fn shares() -> impl Iterator<Item = (&'static str, f64)> {
    let sum = |counts: &mut dyn Iterator<Item = (&str, u32)>| counts.map(|(_, count)| count).sum::<u32>();
    let all: u32 = { lines(CATEGORY_COUNTS) }
        .filter(|(word, _)| *word == TEXTS)
        .map(|(_, mut counts)| sum(&mut counts))
        .sum();
    words_of(CATEGORY_COUNTS)
        .map(move |(word, mut counts)| (word, f64::from(sum(&mut counts)) / f64::from(all)))
}

/// Half as many digits are more than enough for what was counted.
#[expect(clippy::cast_possible_truncation, reason = "a logarithm of a count is far within")]
fn single(number: f64) -> f32 {
    number as f32
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

/// Between the words of a pair.
const PAIR: &str = "_";

/// What a text says, as the hashes by which [`Counts`] know it: each once, in order.
#[derive(Clone, Debug, Default)]
pub struct Said(Vec<u64>);

impl Said {
    /// The stems of the words; no numbers, no names of places.
    #[must_use]
    pub fn stems(reading: &Reading) -> Self {
        Self::of(said(reading).map(|(stem, _)| stem.hash()).collect())
    }

    /// The same with each two that stand together, and what the writing itself shows.
    #[must_use]
    pub fn stems_and_pairs(reading: &Reading, text: &str) -> Self {
        let mut hashes = Vec::new();
        features(reading, text, |parts| {
            let (first, rest) = parts.split_first().map_or(("", parts), |(first, rest)| (*first, rest));
            hashes.push(rest.iter().fold(hash(first), |state, part| hash_on(state, part)));
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
    said(reading).map(|(stem, _)| stem.to_string()).collect()
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
    let all: Vec<(&str, usize)> = said(reading).map(|(stem, place)| (stem.as_str(), place)).collect();
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

/// English words that say nothing of the matter, by their hashes: few texts are English, so that each of them would seem to
/// tell something.
static EMPTY: LazyLock<HashSet<u64>> = LazyLock::new(|| {
    let line =
        include_str!("../data/language_words.txt").lines().find_map(|line| line.strip_prefix("empty:"));
    line.into_iter().flat_map(str::split_whitespace).map(hash).collect()
});

fn said(reading: &Reading) -> impl Iterator<Item = (&Token, usize)> {
    reading.terms.iter().take(READ).enumerate().filter_map(|(place, term)| {
        // where it is says nothing of what it is
        let named = matches!(reading.names.get(term.word)?, Part::Name | Part::Single);
        let number = term.stem.bytes().any(|byte| byte.is_ascii_digit() || byte == b' ');
        let empty = EMPTY.contains(&term.text.hash());
        (!named && !number && !empty).then_some((&term.stem, place))
    })
}
