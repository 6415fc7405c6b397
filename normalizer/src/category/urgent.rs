//! Emergencies.

use std::sync::LazyLock;

use crate::{phrase::Phrases, reading::Reading};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Means {
    Danger,
    /// The danger word in it is none: `Dinas Kebakaran`.
    None,
    /// It is over, or it was practice.
    Past,
}

static WORDS: LazyLock<Phrases<Means>> = LazyLock::new(|| {
    let mut phrases = Phrases::default();
    for line in include_str!("../../data/urgent_words.txt").lines().map(str::trim) {
        let Some((kind, list)) = line.split_once(':') else { continue };
        let means = match kind {
            "danger" => Means::Danger,
            "none" => Means::None,
            "past" => Means::Past,
            _ => continue,
        };
        phrases.add(list, &means);
    }
    phrases
});

/// So near must the word of the past stand to the danger.
const NEAR: usize = 6;

/// Whether the words tell of danger in waiting. A danger that is denied (`tidak ada korban`), only part of a name
/// (`Dinas Kebakaran`) or over (`tahun lalu kebakaran`) is none; one that is feared (`jangan sampai kesetrum`) is.
#[must_use]
pub fn urgent(reading: &Reading) -> bool {
    let hits = WORDS.find(reading);
    // who has leaks in his `leher` stands in no water up to it
    let of = |means| hits.iter().filter(move |hit| hit.phrase.load == means && !hit.loose);
    of(Means::Danger).any(|danger| {
        let spoken_for = |term: usize| of(Means::None).any(|none| none.terms.contains(term));
        let over = |term: usize| {
            of(Means::Past).any(|past| past.terms.iter().any(|then| then.abs_diff(term) <= NEAR))
        };
        let denied = |term: usize| denied(reading, term);
        !danger.terms.iter().any(spoken_for)
            && !danger.terms.iter().any(over)
            && (danger.phrase.negates || !danger.terms.iter().any(denied))
    })
}

/// Whether a negation that says that it is not so stands before a word; `jangan sampai` only fears it.
fn denied(reading: &Reading, term: usize) -> bool {
    let Some(at) = reading.terms.get(term) else { return false };
    if !at.negated {
        return false;
    }
    let before = reading.terms.get(term.saturating_sub(3)..term).unwrap_or_default();
    before
        .iter()
        .rev()
        .find(|word| crate::reading::NEGATIONS.contains(&word.text.as_str()))
        .is_some_and(|word| word.text != "jangan")
}
