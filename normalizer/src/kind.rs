//! What kind of message it is: a complaint, a wish or a question (the classes of SP4N-LAPOR!). The words are in
//! `data/kind_words.txt`, which anyone can read and extend.

use std::sync::LazyLock;

use crate::{complaint::Kind, phrase::Phrases, reading::Reading};

/// What a phrase speaks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Speaks {
    Wrong,
    Wish,
    Question,
}

static WORDS: LazyLock<Phrases<Speaks>> = LazyLock::new(|| {
    let mut phrases = Phrases::default();
    for line in include_str!("../data/kind_words.txt").lines().map(str::trim) {
        let Some((kind, list)) = line.split_once(':') else { continue };
        let speaks = match kind {
            "wrong" => Speaks::Wrong,
            "wish" => Speaks::Wish,
            "question" => Speaks::Question,
            _ => continue,
        };
        phrases.add(list, &speaks);
    }
    phrases
});

/// What kind of message a text is, where the channel does not say it: a complaint if anything in it is wrong; else a
/// wish or a question if it says so.
#[must_use]
pub fn kind(reading: &Reading) -> Kind {
    said(reading).unwrap_or(Kind::Complaint)
}

/// The same, and nothing where no words tell it.
pub(crate) fn said(reading: &Reading) -> Option<Kind> {
    let hits = WORDS.find(reading);
    let says = |speaks| hits.iter().any(|hit| hit.phrase.load == speaks);
    let wrong = hits.iter().filter(|hit| hit.phrase.load == Speaks::Wrong).any(|hit| {
        let denied = |term: usize| reading.terms.get(term).is_some_and(|term| term.negated);
        hit.phrase.negates || !hit.terms.iter().any(denied)
    });
    if wrong {
        Some(Kind::Complaint)
    } else if says(Speaks::Wish) {
        Some(Kind::Aspiration)
    } else if says(Speaks::Question) {
        Some(Kind::InformationRequest)
    } else {
        None
    }
}
