//! A text as the rules read it: words folded, slang spelled out, repetitions taken back, negation marked. For matching
//! only, never for what is shown. The spellings are in `data/slang.txt`, which anyone can read and extend.

use std::{borrow::Cow, sync::LazyLock};

use foldhash::HashMap;

use crate::{
    name::{self, Part},
    stem,
    words::{Gap, Token, Word, hash, words},
};

/// A text with all that the rules ask of it, made once.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// The words as they were written, folded.
    pub words: Vec<Word>,
    /// The words as they were meant, in order. Words that only address somebody (`pak`, `min`, `dong`) are left out.
    pub terms: Vec<Term>,
    /// What each of [`Reading::words`] is of a name.
    pub names: Vec<Part>,
}

/// One word as it was meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// Spelled out: `tdk` is `tidak`, `lubang2` is `lubang`, `bangettt` is `banget`.
    pub text: Token,
    /// Its light stem ([`stem::stem`]).
    pub stem: Token,
    /// The word it stands for, in [`Reading::words`].
    pub word: usize,
    /// A negation (`tidak`, `bukan`, `belum`, `jangan`, `tanpa`) stands up to three words before it in its sentence.
    pub negated: bool,
    /// `sih` or `mah` stands behind it: it is spoken of for contrast, `airnya sih jernih, tapi bau`.
    pub topic: bool,
}

/// Words that turn the meaning of what follows round.
pub const NEGATIONS: [&str; 5] = ["tidak", "bukan", "belum", "jangan", "tanpa"];
/// Words that say that the one before them is only spoken of for contrast.
const TOPIC: [&str; 3] = ["sih", "mah", "teh"];
/// So many bytes of a text are read, the ten pages of a long letter, so that the rules' time has a bound.
const READ: usize = 24_000;
/// So far does a negation reach.
const REACH: usize = 3;

/// What is meant by what is written, by the hash of it.
static SLANG: LazyLock<HashMap<u64, Vec<&'static str>>> = LazyLock::new(|| {
    let lines =
        include_str!("../data/slang.txt").lines().map(str::trim).filter(|line| !line.starts_with('#'));
    let pairs = lines.filter_map(|line| line.split_once('='));
    pairs.map(|(short, meant)| (hash(short.trim()), meant.split_whitespace().collect())).collect()
});

impl Reading {
    /// Reads a text, as far as a rule's time allows.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let end = text.len().min(READ);
        let end = (0..=end).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        Self::of_words(words(text.get(..end).unwrap_or_default()))
    }

    /// Reads words.
    #[must_use]
    pub fn of_words(words: Vec<Word>) -> Self {
        let mut terms: Vec<Term> = Vec::with_capacity(words.len());
        let mut reach = 0;
        for (place, word) in words.iter().enumerate() {
            if matches!(word.gap, Gap::Break | Gap::Dot) {
                reach = 0;
            }
            // an account's name is no word of the sentence
            if word.gap == Gap::At {
                continue;
            }
            let single = unrepeated(&word.folded);
            let meant = SLANG.get(&word.folded.hash()).or_else(|| match &single {
                Cow::Borrowed(_) => None,
                Cow::Owned(single) => SLANG.get(&hash(single)),
            });
            if TOPIC.contains(&word.folded.as_str())
                && let Some(last) = terms.last_mut()
            {
                last.topic = true;
            }
            // `anak-anak`
            if meant.is_none()
                && word.gap == Gap::Hyphen
                && terms.last().is_some_and(|last| last.text == *single || last.text == *stem::stem(&single))
            {
                continue;
            }
            let mut push = |text: Token| {
                let negation = NEGATIONS.contains(&text.as_str());
                terms.push(Term {
                    stem: stem::of(&text),
                    text,
                    word: place,
                    negated: reach > 0 && !negation,
                    topic: false,
                });
                reach = if negation { REACH } else { usize::saturating_sub(reach, 1) };
            };
            match meant {
                Some(meant) => meant.iter().for_each(|word| push(Token::from(*word))),
                None => push(match single {
                    Cow::Borrowed(_) => word.folded.clone(),
                    Cow::Owned(single) => Token::from(single.as_str()),
                }),
            }
            // `pukul 08.00` is an hour, not a blow
            let hour = words
                .get(place + 1)
                .is_some_and(|next| next.folded.starts_with(|c: char| c.is_ascii_digit()));
            if let Some(last) = terms.last_mut().filter(|last| hour && last.text == "pukul") {
                last.stem = Token::from("jam");
            }
        }
        Self { names: name::parts(&words), words, terms }
    }

    /// Whether a sentence or a line begins at this term.
    #[must_use]
    pub fn begins(&self, term: usize) -> bool {
        self.terms.get(term).is_none_or(|term| matches!(self.words[term.word].gap, Gap::Break | Gap::Dot))
    }
}

/// A word without what people add by repeating: `bangettt` is `banget`, `lubang2` and `lubang2nya` are `lubang`.
fn unrepeated(word: &str) -> Cow<'_, str> {
    let bytes = word.as_bytes();
    // most words repeat nothing
    if word.is_ascii()
        && !bytes.contains(&b'2')
        && !bytes.windows(3).any(|three| three[0] == three[1] && three[1] == three[2])
    {
        return Cow::Borrowed(word);
    }
    let mut out = String::with_capacity(word.len());
    let mut run = 0;
    for c in word.chars() {
        run = if out.ends_with(c) { run + 1 } else { 0 };
        // three of a letter are never meant; numbers are
        if run >= 2 && c.is_alphabetic() {
            if run == 2 {
                out.pop();
            }
            continue;
        }
        out.push(c);
    }
    let letters = out.find(|c: char| !c.is_alphabetic()).unwrap_or(out.len());
    let (root, rest) = out.split_at(letters);
    if root.chars().count() >= 2 && matches!(rest, "2" | "2nya" | "2an" | "2kan" | "2in") {
        out.truncate(letters);
    }
    Cow::Owned(out)
}
