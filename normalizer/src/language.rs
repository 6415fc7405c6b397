//! Which language a text is in, by its most frequent small words. They are in `data/language_words.txt`, which anyone can
//! read and extend.

use std::sync::LazyLock;

use foldhash::{HashMap, HashSet};

use crate::reading::Reading;

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

/// The words of a text in one reading or the other, by language.
static LANGUAGES: LazyLock<HashMap<&'static str, HashSet<&'static str>>> = LazyLock::new(|| {
    let lines = include_str!("../data/language_words.txt").lines().filter(|line| !line.starts_with('#'));
    let lists = lines.filter_map(|line| line.split_once(':'));
    lists.map(|(code, words)| (code.trim(), words.split_whitespace().collect())).collect()
});

/// ISO 639-1 code (`id`, `en`; `und` for another or none) and how sure that is, 0 to 1.
#[must_use]
pub fn language(reading: &Reading) -> (&'static str, Option<f64>) {
    const NONE: (&str, Option<f64>) = ("und", None);
    let of = |code: &str| {
        let Some(list) = LANGUAGES.get(code) else { return 0_u32 };
        let written = reading.words.iter().take(READ).filter(|word| list.contains(word.folded.as_str()));
        let meant = reading.terms.iter().take(READ).filter(|term| list.contains(term.text.as_str()));
        u32::try_from(written.count().max(meant.count())).unwrap_or(u32::MAX)
    };
    let (indonesian, english, other) = (of("id"), of("en"), of("other"));
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
