//! A text as words for matching: folded, with what stands between them. Never for what is shown.

use std::{fmt, ops::Deref};

use compact_str::CompactString;
use unicode_normalization::UnicodeNormalization;

/// A word's letters with their hash, made once: each room of the rules asks whether it knows the word.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Token {
    hash: u64,
    text: CompactString,
}

impl Token {
    /// The letters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The hash of the letters, the same on every machine.
    #[must_use]
    pub fn hash(&self) -> u64 {
        self.hash
    }
}

impl From<CompactString> for Token {
    fn from(text: CompactString) -> Self {
        Self { hash: hash(&text), text }
    }
}

impl From<&str> for Token {
    fn from(text: &str) -> Self {
        CompactString::from(text).into()
    }
}

impl Deref for Token {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

impl PartialEq<str> for Token {
    fn eq(&self, other: &str) -> bool {
        self.text == other
    }
}

impl PartialEq<&str> for Token {
    fn eq(&self, other: &&str) -> bool {
        self.text == *other
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Where a hash begins (FNV-1a).
const START: u64 = 0xcbf2_9ce4_8422_2325;

/// The hash of a text.
#[must_use]
pub(crate) fn hash(text: &str) -> u64 {
    hash_on(START, text)
}

/// The hash of a text of which one part was hashed before.
#[must_use]
pub(crate) fn hash_on(state: u64, text: &str) -> u64 {
    hash_bytes_on(state, text.as_bytes())
}

/// The hash of bytes.
#[must_use]
pub(crate) fn hash_bytes(bytes: &[u8]) -> u64 {
    hash_bytes_on(START, bytes)
}

fn hash_bytes_on(state: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(state, |state, byte| (state ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// One word of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// Lower case, compatibility forms resolved.
    pub folded: Token,
    /// First byte in the text.
    pub start: usize,
    /// First byte after it.
    pub end: usize,
    /// What stands between the word before and this one.
    pub gap: Gap,
    /// Whether it begins with a capital letter.
    pub capital: bool,
}

/// What stands between two words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gap {
    /// Nothing or white space: the words may be one name.
    Space,
    /// One hyphen.
    Hyphen,
    /// A full stop: an abbreviation's, or a sentence's end.
    Dot,
    /// A slash.
    Slash,
    /// The mark of an account's name.
    At,
    /// The mark of a topic.
    Hash,
    /// A comma, a bracket, a line's end, or anything else that parts.
    Break,
}

impl Gap {
    /// Whether the words on its two sides may be parts of one name.
    #[must_use]
    pub fn joins(self) -> bool {
        matches!(self, Self::Space | Self::Hyphen)
    }

    fn of(between: &str) -> Self {
        // mostly
        if between == " " {
            Self::Space
        } else if between.contains('@') {
            Self::At
        } else if between.contains('#') {
            Self::Hash
        } else if between.contains('\n') {
            Self::Break
        } else {
            match between.trim() {
                "" => Self::Space,
                "-" => Self::Hyphen,
                "." => Self::Dot,
                "/" => Self::Slash,
                _ => Self::Break,
            }
        }
    }
}

/// The words of a text: runs of letters and digits.
#[must_use]
pub fn words(text: &str) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    let mut begin = None;
    let ends = text.char_indices().chain(std::iter::once((text.len(), ' ')));
    for (place, c) in ends {
        // an apostrophe inside a word belongs to it: jum'at; so does the line in an account's name: @kel_klender
        let inside = c.is_alphanumeric()
            || (matches!(c, '\'' | '\u{2019}') && begin.is_some())
            || (c == '_' && begin.is_some_and(|start| text[..start].ends_with('@')));
        match (begin, inside) {
            (None, true) => begin = Some(place),
            (Some(start), false) => {
                let before = words.last().map_or(0, |word| word.end);
                let written = text[start..place].trim_end_matches(['\'', '\u{2019}']);
                words.push(Word {
                    folded: fold(written).into(),
                    start,
                    end: start + written.len(),
                    gap: if words.is_empty() && text[..start].trim().is_empty() {
                        Gap::Break
                    } else {
                        Gap::of(&text[before..start])
                    },
                    capital: written.chars().next().is_some_and(char::is_uppercase),
                });
                begin = None;
            }
            _ => {}
        }
    }
    words
}

fn fold(written: &str) -> CompactString {
    if written.is_ascii() {
        let mut folded = CompactString::from(written);
        folded.make_ascii_lowercase();
        folded.retain(|c| c != '\'');
        return folded;
    }
    written.nfkc().flat_map(char::to_lowercase).filter(|c| c.is_alphanumeric()).collect()
}
