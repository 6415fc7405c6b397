//! The patterns of the rules, tens of thousands of them, packed so that most are passed over without being looked at.

use std::ops::Range;

use super::concept::{WordId, Words};

/// Words that make a concept out of a text.
#[derive(Debug)]
pub(super) struct Pattern {
    pub(super) concept: u16,
    parts: Range<u32>,
    without: Range<u32>,
    /// It says itself what would make a word of it mean something else: `tidak_ada jpo`, `lumpur sisa banjir`.
    pub(super) frank: bool,
    /// It says itself what the matter is beside: `pagar belakang sekolah`.
    pub(super) beside: bool,
}

/// Words in a row.
#[derive(Debug)]
pub(super) struct Part {
    words: Range<u32>,
    pub(super) negated: bool,
}

/// A pattern that begins with a word, and one more word that it needs, the same if it needs none.
#[derive(Debug)]
struct Begun {
    needs: WordId,
    pattern: u32,
}

/// All patterns, with parts and words in one place each.
#[derive(Debug, Default)]
pub(super) struct Patterns {
    patterns: Vec<Pattern>,
    parts: Vec<Part>,
    words: Vec<WordId>,
    /// By word: where in `begun` the patterns stand that begin with it.
    starts: Vec<u32>,
    begun: Vec<Begun>,
}

fn place(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

fn slice<'a, T>(all: &'a [T], range: &Range<u32>) -> &'a [T] {
    let end = |place: u32| usize::try_from(place).unwrap_or(usize::MAX);
    all.get(end(range.start)..end(range.end)).unwrap_or_default()
}

impl Patterns {
    /// Adds a pattern: words in a row with whether they are negated, words in a row that may not be said, and whether it is
    /// frank, and says what the matter is beside.
    pub(super) fn add(
        &mut self,
        concept: u16,
        parts: &[(Vec<WordId>, bool)],
        without: &[Vec<WordId>],
        (frank, beside): (bool, bool),
    ) {
        let first = place(self.parts.len());
        for (words, negated) in parts {
            let words = self.keep(words);
            self.parts.push(Part { words, negated: *negated });
        }
        let last = place(self.parts.len());
        for words in without.iter().filter(|words| !words.is_empty()) {
            let words = self.keep(words);
            self.parts.push(Part { words, negated: false });
        }
        let without = last..place(self.parts.len());
        self.patterns.push(Pattern { concept, parts: first..last, without, frank, beside });
    }

    fn keep(&mut self, words: &[WordId]) -> Range<u32> {
        let start = place(self.words.len());
        self.words.extend(words);
        start..place(self.words.len())
    }

    /// Makes patterns known by their first word, of which there are so many. Of two words that may stand in any order the
    /// one that fewer patterns have goes first: fewer patterns are then tried on a text that says `air` or `jalan`.
    pub(super) fn index(&mut self, words: usize) {
        let at = |word: WordId| usize::try_from(word).unwrap_or(usize::MAX);
        let mut uses = vec![0_u32; words];
        let said = self.patterns.iter().flat_map(|pattern| slice(&self.parts, &pattern.parts));
        for word in said.filter_map(|part| slice(&self.words, &part.words).first()) {
            uses[at(*word)] += 1;
        }
        let rare = |word: &WordId| uses.get(at(*word)).copied().unwrap_or_default();
        let first = |part: &Part| slice(&self.words, &part.words).first().map_or(0, rare);
        for pattern in &self.patterns {
            let (start, end) = (at(pattern.parts.start), at(pattern.parts.end));
            if let Some([one, other]) = self.parts.get_mut(start..end)
                && first(other) < first(one)
            {
                std::mem::swap(one, other);
            }
        }
        let mut begun: Vec<(WordId, Begun)> = Vec::with_capacity(self.patterns.len());
        for (number, pattern) in self.patterns.iter().enumerate() {
            let mut words = slice(&self.parts, &pattern.parts).iter().flat_map(|part| self.words(part));
            let Some(first) = words.next().copied() else { continue };
            let needs = words.min_by_key(|word| rare(word)).copied().unwrap_or(first);
            begun.push((first, Begun { needs, pattern: place(number) }));
        }
        begun.sort_by_key(|(first, _)| *first);
        self.starts =
            (0..=place(words)).map(|word| place(begun.partition_point(|(first, _)| *first < word))).collect();
        self.begun = begun.into_iter().map(|(_, begun)| begun).collect();
        self.parts.shrink_to_fit();
        self.words.shrink_to_fit();
        self.patterns.shrink_to_fit();
    }

    /// Patterns, with their numbers, that begin with this word and may be in a text that says these.
    pub(super) fn beginning<'a>(
        &'a self,
        word: WordId,
        said: &'a Words,
    ) -> impl Iterator<Item = (u32, &'a Pattern)> {
        let start = |word: WordId| self.starts.get(usize::try_from(word).ok()?).copied();
        let range = start(word).zip(start(word + 1)).map_or(0..0, |(start, end)| start..end);
        let possible = slice(&self.begun, &range).iter().filter(|begun| said.contains(&begun.needs));
        possible.filter_map(|begun| {
            let pattern = self.patterns.get(usize::try_from(begun.pattern).ok()?)?;
            Some((begun.pattern, pattern))
        })
    }

    /// The parts of a pattern.
    pub(super) fn parts(&self, pattern: &Pattern) -> &[Part] {
        slice(&self.parts, &pattern.parts)
    }

    /// The words of a part.
    pub(super) fn words(&self, part: &Part) -> &[WordId] {
        slice(&self.words, &part.words)
    }

    /// What may not be said beside a pattern.
    pub(super) fn without(&self, pattern: &Pattern) -> &[Part] {
        slice(&self.parts, &pattern.without)
    }
}
