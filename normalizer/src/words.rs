//! A text as words for matching: folded, with what stands between them. Never for what is shown.

use unicode_normalization::UnicodeNormalization;

/// One word of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// Lower case, compatibility forms resolved.
    pub folded: String,
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
        if between.contains('@') {
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
                    folded: fold(written),
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

fn fold(written: &str) -> String {
    if written.is_ascii() {
        let mut folded = written.to_ascii_lowercase();
        folded.retain(|c| c != '\'');
        return folded;
    }
    written.nfkc().flat_map(char::to_lowercase).filter(|c| c.is_alphanumeric()).collect()
}
