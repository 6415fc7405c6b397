//! A light stem of an Indonesian word: enough that `berlubang`, `lubangnya` and `lubang` meet. Both a rule's word and a
//! citizen's word go through it, so a stem need not be a word. Words of which cutting would make another are in
//! `data/stem_words.txt`, which anyone can read and extend.

use std::{borrow::Cow, sync::LazyLock};

use foldhash::HashMap;

use crate::words::Token;

/// What is cut off the end: first the particles and possessives, then the suffixes that make words of words.
const PARTICLES: [&str; 5] = ["nya", "lah", "kah", "pun", "tah"];
const SUFFIXES: [&str; 4] = ["kan", "in", "an", "i"];
/// What is cut off the beginning, longest first, with the letter that the nasal took the place of before a vowel.
const PREFIXES: [(&str, Option<char>); 17] = [
    ("meng", None),
    ("meny", Some('s')),
    ("peng", None),
    ("peny", Some('s')),
    ("mem", Some('p')),
    ("pem", Some('p')),
    ("men", Some('t')),
    ("pen", Some('t')),
    ("ber", None),
    ("ter", None),
    ("per", None),
    ("nge", None),
    ("me", None),
    ("di", None),
    ("ke", None),
    ("se", None),
    ("pe", None),
];
const VOWELS: [char; 5] = ['a', 'e', 'i', 'o', 'u'];
/// A stem has at least so many letters.
const SHORTEST: usize = 4;

/// Words that are not cut, with their stems.
static WORDS: LazyLock<HashMap<&'static str, &'static str>> = LazyLock::new(|| {
    let mut stems = HashMap::default();
    let lines = include_str!("../data/stem_words.txt").lines().filter(|line| !line.starts_with('#'));
    for line in lines {
        match line.split_once('=') {
            Some((stem, words)) => stems.extend(words.split_whitespace().map(|word| (word, stem.trim()))),
            None => stems.extend(line.split_whitespace().map(|word| (word, word))),
        }
    }
    stems
});

/// The stem of a word.
#[must_use]
pub fn of(word: &Token) -> Token {
    match stem(word) {
        Cow::Borrowed(stem) if stem.len() == word.len() && *stem == **word => word.clone(),
        stem => Token::from(&*stem),
    }
}

/// The stem of a folded word.
#[must_use]
pub fn stem(word: &str) -> Cow<'_, str> {
    if !word.is_ascii() || word.bytes().any(|b| b.is_ascii_digit()) {
        return Cow::Borrowed(word);
    }
    if let Some(stem) = WORDS.get(word) {
        return Cow::Borrowed(stem);
    }
    let mut rest = word;
    if let Some(cut) = PARTICLES.iter().find_map(|end| rest.strip_suffix(end)).filter(|cut| cut.len() >= 3) {
        rest = cut;
        if let Some(stem) = WORDS.get(rest) {
            return Cow::Borrowed(stem);
        }
    }
    let cut = SUFFIXES.iter().find_map(|end| rest.strip_suffix(end)).filter(|cut| cut.len() >= SHORTEST);
    // `dicuri` is of `curi`: what would be too short without a prefix has no ending
    if let Some(cut) = cut.filter(|cut| prefix(cut).is_some() || prefix(rest).is_none()) {
        rest = cut;
    }
    let mut stem = Cow::Borrowed(rest);
    for _ in 0..2 {
        let Some((cut, nasal)) = prefix(&stem) else { break };
        stem = match (stem, nasal) {
            (Cow::Borrowed(word), None) => Cow::Borrowed(&word[cut..]),
            (word, nasal) => nasal.into_iter().chain(word[cut..].chars()).collect::<String>().into(),
        };
    }
    stem
}

/// How much is cut off the beginning, and the letter that then stands there again.
fn prefix(word: &str) -> Option<(usize, Option<char>)> {
    let first = word.as_bytes().first();
    let likely = PREFIXES.iter().filter(|(prefix, _)| prefix.as_bytes().first() == first);
    { likely }.find_map(|(prefix, nasal)| {
        let rest = word.strip_prefix(prefix)?;
        let nasal = nasal.filter(|_| rest.starts_with(VOWELS));
        let long = rest.len() + usize::from(nasal.is_some()) >= SHORTEST;
        (long && rest.contains(VOWELS)).then_some((prefix.len(), nasal))
    })
}
