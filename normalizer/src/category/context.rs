//! How much a word counts where it stands: as the matter itself, as what is asked for, or only as a place, a name or
//! what is denied.

use std::sync::LazyLock;

use foldhash::{HashMap, HashSet};

use crate::{
    reading::{NEGATIONS, Reading},
    region,
    words::{Gap, words},
};

/// What is said not to be the matter does not count at all, nor does a word of a name.
const NOTHING: f64 = 0.0;
/// The street that an address names: it may be what is broken, too.
pub(super) const STREET: f64 = 0.7;
/// A landmark: `depan minimarket`.
const LANDMARK: f64 = 0.2;
/// Where it happens: `di trotoar`.
const WHERE: f64 = 0.6;
/// What is not there. It may be what is missed (`tidak ada lampu`) or what is well.
const ABSENT: f64 = 0.45;
/// What is asked for, and what the text begins with.
const ASKED: f64 = 1.25;
const BEGIN: f64 = 1.2;
/// So many words are the beginning.
const BEGINNING: usize = 4;
/// So far does a negation reach, as in [`Reading`].
const REACH: usize = 3;

/// The words about words, from the first part of `data/category_words.txt`.
#[derive(Default)]
struct Setting {
    landmark: HashSet<&'static str>,
    part: HashSet<&'static str>,
    within: HashSet<&'static str>,
    ask: HashSet<&'static str>,
    /// Names of regions and of what is called after something else, by their first word.
    names: HashMap<String, Vec<Vec<String>>>,
}

static SETTING: LazyLock<Setting> = LazyLock::new(|| {
    let mut setting = Setting::default();
    for region in region::all() {
        setting.name(&region.name);
    }
    for line in super::weigh::RULES.lines().take_while(|line| !line.starts_with('[')) {
        let Some((kind, list)) = line.split_once(':').filter(|_| !line.starts_with('#')) else { continue };
        let list = list.split(',').map(str::trim).filter(|word| !word.is_empty());
        match kind {
            "landmark" => setting.landmark.extend(list),
            "part" => setting.part.extend(list),
            "within" => setting.within.extend(list),
            "ask" => setting.ask.extend(list),
            "name" => list.for_each(|name| setting.name(name)),
            _ => {}
        }
    }
    setting
});

impl Setting {
    fn name(&mut self, name: &str) {
        let words: Vec<String> = words(name).into_iter().map(|word| word.folded).collect();
        // a single word is a common one too often, and else is in no rule
        if let (Some(first), true) = (words.first(), words.len() > 1) {
            self.names.entry(first.clone()).or_default().push(words);
        }
    }
}

/// What each of a text's first words counts, in the order of [`Reading::terms`].
pub(super) struct Context {
    /// As the matter, 1 as a rule.
    pub weight: Vec<f64>,
    /// Under a negation, 1 where there is none.
    pub negation: Vec<f64>,
}

impl Context {
    pub(super) fn of(reading: &Reading, read: usize) -> Self {
        let setting = &*SETTING;
        let terms = reading.terms.get(..read).unwrap_or(&reading.terms);
        let named = named(reading, setting);
        let mut weight = vec![1.0; terms.len()];
        let mut negation = vec![1.0; terms.len()];
        // how much longer something goes on
        let (mut landmark, mut within, mut asked) = (0, 0, 0);
        let mut denied: Option<(f64, usize)> = None;
        for (at, term) in terms.iter().enumerate() {
            let text = term.text.as_str();
            if reading.begins(at) {
                (landmark, within, asked) = (0, 0, 0);
                denied = None;
            }
            let (Some(weight), Some(negation)) = (weight.get_mut(at), negation.get_mut(at)) else { break };
            let part = named.get(term.word).copied().unwrap_or_default();
            if part == Part::Name {
                *weight = NOTHING;
            } else if part == Part::Street {
                *weight = STREET;
            } else if landmark > 0 {
                *weight = LANDMARK;
            } else if within > 0 {
                *weight = WHERE;
            } else if asked > 0 {
                *weight = ASKED;
            } else if at < BEGINNING {
                *weight = BEGIN;
            }
            if let Some((factor, _)) = denied {
                *negation = factor;
            }
            // `depan pintu masuk taman`: the parts of a landmark do not end it
            landmark = if setting.landmark.contains(text) {
                1
            } else if landmark > 0 && setting.part.contains(text) {
                landmark
            } else {
                usize::saturating_sub(landmark, 1)
            };
            within = if setting.within.contains(text) { 1 } else { usize::saturating_sub(within, 1) };
            asked = if setting.ask.contains(text) { 3 } else { usize::saturating_sub(asked, 1) };
            denied = match text {
                "bukan" => Some((NOTHING, REACH)),
                "tidak" | "belum" | "tanpa" => Some((ABSENT, REACH)),
                // what is not to be done is what is done
                _ if NEGATIONS.contains(&text) => None,
                _ => denied
                    .and_then(|(factor, reach)| Some((factor, reach.checked_sub(1)?)))
                    .filter(|(_, reach)| *reach > 0),
            };
        }
        Self { weight, negation }
    }
}

/// What a word is of a name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Part {
    #[default]
    None,
    Name,
    /// The `Jl.` before it.
    Street,
}

/// Which words of a text belong to a name of several words, or to a street's.
pub(crate) fn names(reading: &Reading) -> Vec<bool> {
    named(reading, &SETTING).into_iter().map(|part| part == Part::Name).collect()
}

/// Which words of a text are parts of names: of a region, of a street (`Jl. Taman Sari`).
fn named(reading: &Reading, setting: &Setting) -> Vec<Part> {
    let words = &reading.words;
    let mut named = vec![Part::None; words.len()];
    let mut mark = |from: usize, to: usize, as_part: Part| {
        if let Some(part) = named.get_mut(from..to) {
            part.fill(as_part);
        }
    };
    for (at, word) in words.iter().enumerate() {
        for name in setting.names.get(&word.folded).into_iter().flatten() {
            let said = words.get(at..at + name.len());
            if said.is_some_and(|said| said.iter().zip(name).all(|(said, name)| said.folded == *name)) {
                mark(at, at + name.len(), Part::Name);
            }
        }
        let street = matches!(word.folded.as_str(), "jl" | "jln" | "jalan" | "gg" | "gang" | "street");
        if street && word.capital {
            let name = words.get(at + 1..).unwrap_or_default();
            let long = name
                .iter()
                .take(3)
                .take_while(|word| matches!(word.gap, Gap::Space | Gap::Dot | Gap::Hyphen))
                .take_while(|word| word.capital && !shouted(reading))
                .count();
            if long > 0 {
                mark(at, at + 1, Part::Street);
                mark(at + 1, at + 1 + long, Part::Name);
            }
        }
        // an abbreviated street is one of an address
        if matches!(word.folded.as_str(), "jl" | "jln" | "gg") {
            mark(at, at + 1, Part::Street);
        }
    }
    named
}

/// Nearly every word begins with a capital letter, so that it tells nothing.
fn shouted(reading: &Reading) -> bool {
    let head = reading.words.iter().take(40);
    let (all, capital) =
        head.fold((0, 0), |(all, capital), word| (all + 1, capital + usize::from(word.capital)));
    capital * 10 >= all * 7
}
