//! Which words of a text belong to a name of a place: they say where, not what.

use std::sync::LazyLock;

use foldhash::HashMap;

use crate::{
    category, region,
    words::{Gap, Token, Word, words},
};

/// What a word is of a name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Part {
    /// None.
    #[default]
    None,
    /// A region's name of one word. It may be a common word (`Tugu`, `Roa`).
    Single,
    /// A word of a name of several, or of a street's.
    Name,
    /// The `Jl.` before it.
    Street,
}

/// So many words of a street's name are one.
const STREET: usize = 3;
/// Of so many words at the beginning it is asked whether capital letters tell anything.
const HEAD: usize = 40;

/// What stands behind the first word of names of regions, and of what is called after something else, by the hash of that word.
static NAMES: LazyLock<HashMap<u64, Vec<Vec<Token>>>> = LazyLock::new(|| {
    let mut names: HashMap<u64, Vec<Vec<Token>>> = HashMap::default();
    for name in region::all().map(|region| region.name.as_str()).chain(category::called()) {
        let mut words = words(name).into_iter().map(|word| word.folded);
        if let Some(first) = words.next() {
            names.entry(first.hash()).or_default().push(words.collect());
        }
    }
    names
});

/// What each word of a text is of a name.
pub(crate) fn parts(words: &[Word]) -> Vec<Part> {
    let mut parts = vec![Part::None; words.len()];
    let mut mark = |from: usize, to: usize, as_part: Part| {
        if let Some(part) = parts.get_mut(from..to) {
            part.fill(as_part);
        }
    };
    let mut single = Vec::new();
    for (at, word) in words.iter().enumerate() {
        for rest in NAMES.get(&word.folded.hash()).into_iter().flatten() {
            let end = at + 1 + rest.len();
            let said = words.get(at + 1..end);
            if rest.is_empty() {
                single.push(at);
            } else if said.is_some_and(|said| said.iter().map(|said| &said.folded).eq(rest)) {
                mark(at, end, Part::Name);
            }
        }
        let written = word.folded.as_str();
        if word.capital && matches!(written, "jl" | "jln" | "jalan" | "gg" | "gang" | "street") {
            let name = words.get(at + 1..).unwrap_or_default().iter().take(STREET);
            let long = name
                .take_while(|word| matches!(word.gap, Gap::Space | Gap::Dot | Gap::Hyphen))
                .take_while(|word| word.capital && !shouted(words))
                .count();
            if long > 0 {
                mark(at, at + 1, Part::Street);
                mark(at + 1, at + 1 + long, Part::Name);
            }
        }
        // an abbreviated street is one of an address
        if matches!(written, "jl" | "jln" | "gg") {
            mark(at, at + 1, Part::Street);
        }
    }
    for at in single {
        if let Some(part @ Part::None) = parts.get_mut(at) {
            *part = Part::Single;
        }
    }
    parts
}

/// Nearly every word begins with a capital letter, so that it tells nothing.
fn shouted(words: &[Word]) -> bool {
    let (all, capital) = { words.iter().take(HEAD) }
        .fold((0, 0), |(all, capital), word| (all + 1, capital + usize::from(word.capital)));
    capital * 10 >= all * 7
}
