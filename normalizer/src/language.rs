//! Which language a text is in, by its most frequent small words. They are in `data/language_words.txt`, which anyone can
//! read and extend.

use std::sync::LazyLock;

use foldhash::HashMap;

use crate::{
    reading::Reading,
    words::{Token, hash},
};

/// With fewer known words than this nothing is sure; the certainty grows up to it.
const SURE: f64 = 4.0;
/// So much of the known words must be one language's.
const CONVINCING: f64 = 0.6;
/// So few of a longer text's words may be known until it is another language's.
const KNOWN: f64 = 0.12;
/// A text is read so far; its language shows before.
const READ: usize = 400;
/// Surer than this nobody is by small words alone.
const SUREST: f64 = 0.99;

/// The languages of which words are known; `other` is all the others together.
const CODES: [&str; 3] = ["id", "en", "other"];

/// Of which of [`CODES`] a word is one, by its hash.
static WORDS: LazyLock<HashMap<u64, [bool; CODES.len()]>> = LazyLock::new(|| {
    let mut known: HashMap<u64, [bool; CODES.len()]> = HashMap::default();
    let lines = include_str!("../data/language_words.txt").lines().filter(|line| !line.starts_with('#'));
    for (code, words) in lines.filter_map(|line| line.split_once(':')) {
        let Some(code) = CODES.iter().position(|known| *known == code.trim()) else { continue };
        words.split_whitespace().for_each(|word| known.entry(hash(word)).or_default()[code] = true);
    }
    known
});

/// How many of these words are each language's.
fn count<'a>(words: impl Iterator<Item = &'a Token>) -> [u32; CODES.len()] {
    let mut counts = [0; CODES.len()];
    for of in words.take(READ).filter_map(|word| WORDS.get(&word.hash())) {
        counts.iter_mut().zip(of).for_each(|(count, of)| *count += u32::from(*of));
    }
    counts
}

/// ISO 639-1 code (`id`, `en`; `und` for another or none) and how sure that is, 0 to 1.
#[must_use]
pub fn language(reading: &Reading) -> (&'static str, Option<f64>) {
    const NONE: (&str, Option<f64>) = ("und", None);
    let written = count(reading.words.iter().map(|word| &word.folded));
    let meant = count(reading.terms.iter().map(|term| &term.text));
    // as they were written or as they were meant, whichever tells more
    let [indonesian, english, other] = [0, 1, 2].map(|code: usize| written[code].max(meant[code]));
    let (code, most) = if english > indonesian { ("en", english) } else { ("id", indonesian) };
    let known = f64::from(indonesian) + f64::from(english) + f64::from(other);
    let words =
        u32::try_from(reading.words.iter().take(READ).filter(|word| is_lettered(&word.folded)).count());
    let share = f64::from(most) / known.max(1.0);
    let seen = known / f64::from(words.unwrap_or(u32::MAX)).max(1.0);
    if most == 0 || share < CONVINCING || seen < KNOWN {
        return NONE;
    }
    let confidence = share * (f64::from(most) / SURE).min(1.0).sqrt();
    (code, Some((confidence.min(SUREST) * 100.0).round() / 100.0))
}

fn is_lettered(word: &str) -> bool {
    word.chars().any(char::is_alphabetic)
}
