//! How much a word counts where it stands: as the matter itself, as what is asked for, or only as a place, a name or
//! what is denied.

use std::sync::LazyLock;

use foldhash::HashMap;

use crate::{
    name::Part,
    reading::{NEGATIONS, Reading},
    words::hash,
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

/// The words about words, from the first part of `data/category_words.txt`, by their hashes: the kinds of each as bits.
static SETTING: LazyLock<HashMap<u64, u8>> = LazyLock::new(|| {
    let mut setting = HashMap::default();
    for (name, kind) in [("landmark", BEFORE_LANDMARK), ("part", PART), ("within", WITHIN), ("ask", ASKS)] {
        about_words(name).for_each(|word| *setting.entry(hash(word)).or_default() |= kind);
    }
    setting
});
const BEFORE_LANDMARK: u8 = 1;
const PART: u8 = 1 << 1;
const WITHIN: u8 = 1 << 2;
const ASKS: u8 = 1 << 3;

/// The words of one kind about words.
pub(super) fn about_words(kind: &str) -> impl Iterator<Item = &'static str> {
    let lines = super::weigh::RULES.lines().take_while(|line| !line.starts_with('['));
    let lists = lines.filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(':'));
    let lists = lists.filter(move |(of, _)| *of == kind).flat_map(|(_, list)| list.split(','));
    lists.map(str::trim).filter(|word| !word.is_empty())
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
        let mut weight = vec![1.0; terms.len()];
        let mut negation = vec![1.0; terms.len()];
        // how much longer something goes on
        let (mut landmark, mut within, mut asked) = (0, 0, 0);
        let mut denied: Option<(f64, usize)> = None;
        for (at, term) in terms.iter().enumerate() {
            let text = term.text.as_str();
            let kinds = setting.get(&term.text.hash()).copied().unwrap_or_default();
            let is = |kind: u8| kinds & kind != 0;
            if reading.begins(at) {
                (landmark, within, asked) = (0, 0, 0);
                denied = None;
            }
            let (Some(weight), Some(negation)) = (weight.get_mut(at), negation.get_mut(at)) else { break };
            let part = reading.names.get(term.word).copied().unwrap_or_default();
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
            landmark = if is(BEFORE_LANDMARK) {
                1
            } else if landmark > 0 && is(PART) {
                landmark
            } else {
                usize::saturating_sub(landmark, 1)
            };
            within = if is(WITHIN) { 1 } else { usize::saturating_sub(within, 1) };
            asked = if is(ASKS) { 3 } else { usize::saturating_sub(asked, 1) };
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
