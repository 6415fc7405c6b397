//! How alike two matters are: the signs for and against one matter, weighed by what labelled pairs taught. What cannot
//! both be true of one matter ends it before.

use std::sync::LazyLock;

use foldhash::HashMap;

use super::{
    Likeness, Matter, SHINGLES, Thresholds,
    distance::distance,
    evidence::{Apart, Evidence},
    features::word_hash,
    group::rounded,
    names::{differ, names, numbers},
    signs::{Sign, WEIGHTS, probability},
    spot::{landmarks, reach, spots},
    subject::{categories, details, soon, subjects},
};
use crate::learned;

/// So many equal numbers of a MinHash are nearly the same words (an estimated Jaccard similarity of 0.8).
const NEARLY_SAME: usize = SHINGLES * 4 / 5;

/// So soon (two hours and a half) after each other a brief trouble is told of from all sides.
const NOW: f64 = 0.43;
/// Words that tell less than this together are few.
const FEW: f64 = 4.0;

/// How alike two are; nothing below the threshold.
#[must_use]
pub fn compare(new: &Matter, old: &Matter, thresholds: &Thresholds) -> Option<Likeness> {
    let evidence = evidence(new, old, thresholds).ok()?;
    let score = probability(evidence.sum(&WEIGHTS));
    let likeness = || Likeness { score: rounded(score), reasons: evidence.reasons(new) };
    (score >= thresholds.score).then(likeness)
}

/// What speaks for and against one matter.
///
/// # Errors
/// What is said of the two cannot be true of one.
pub fn evidence<'a>(
    new: &'a Matter,
    old: &'a Matter,
    thresholds: &Thresholds,
) -> Result<Evidence<'a>, Apart> {
    let apart = new.at.duration_since(old.at).unsigned_abs().as_secs_f64() / 86_400.0;
    let window = f64::from(thresholds.days).max(1.0);
    if apart > window {
        return Err(Apart::Late);
    }
    if thresholds.too_far(new.point, old.point) {
        return Err(Apart::Far);
    }
    let metres = new.point.zip(old.point).map(|(one, other)| distance(one, other));
    let mut evidence = Evidence::new(metres);
    let equal = new.shingles.iter().zip(&old.shingles).filter(|(one, other)| one == other).count();
    let photo = new.photos.iter().any(|photo| old.photos.contains(photo));
    let same_words = new.text == old.text || equal >= NEARLY_SAME;
    let category = categories(&new.categories, &old.categories, &mut evidence);
    let families = match subjects(new, old, category, &mut evidence) {
        Ok(families) => families,
        // whatever is said
        Err(_) if same_words || photo => [None, None],
        Err(apart) => return Err(apart),
    };
    let mut reach = reach(families, thresholds);
    // a fire is told of by what stands near the teller
    reach.wide |= evidence.of(Sign::SoonBrief) > NOW;
    let close = metres.is_some_and(|metres| metres <= reach.metres);
    let placed = spots(new, old, reach, &mut evidence)?;
    let told = names(new, old, &mut evidence);
    let named = evidence.name.is_some();
    numbers(new, old, &mut evidence);
    if !named {
        differ(new, old, reach.wide || close, &mut evidence);
    }
    // every estate has a block 5
    if !placed && !told && !close && !same_words && !photo {
        return Err(Apart::Unplaced);
    }
    let shared = landmarks(new, old, reach.wide || named, &mut evidence);
    details(new, old, &mut evidence);
    let quarter = new.rw > 0 && new.rw == old.rw;
    if !reach.wide && !shared && !named && !close && !quarter {
        evidence.set(match (new.anchored(), old.anchored()) {
            (true, true) => Sign::BareBoth,
            (false, false) => Sign::BareNone,
            _ => Sign::BareOne,
        });
    }
    let there =
        [Sign::Street, Sign::Name, Sign::Rt, Sign::MetresBeside].iter().any(|sign| evidence.has(*sign));
    if evidence.has(Sign::SubjectsApart) && there {
        evidence.set(Sign::SubjectsApartThere);
    }
    words(&new.words, &old.words, &mut evidence);
    evidence.put(Sign::Shingles, share(equal, SHINGLES));
    evidence.put(Sign::Late, apart / window);
    evidence.put(Sign::Soon, soon(apart * 24.0));
    if same_words {
        evidence.set(Sign::SameWords);
    }
    if photo {
        evidence.set(Sign::Photo);
    }
    Ok(evidence)
}

impl Matter {
    /// Whether it says where exactly: by a name, or by what stands near.
    pub(super) fn anchored(&self) -> bool {
        !self.names.is_empty() || !self.places.is_empty()
    }
}

/// How much a word of a text tells, by its hash without the lowest bit: the less, the more complaints have it
/// (`idf`, 1 for a word that none of the labelled ones has).
static TELLS: LazyLock<HashMap<u32, f64>> = LazyLock::new(|| {
    let all = learned::shares().map(|(_, share)| share).fold(1.0, f64::min);
    let tells = |share: f64| share.ln() / (all / 2.0).ln();
    learned::shares().map(|(word, share)| (word_hash(word, false), tells(share))).collect()
});

/// How words agree; few words prove little, and those by which rules know a subject have been counted there.
fn words(new: &[u32], old: &[u32], evidence: &mut Evidence<'_>) {
    let known = |word: &u32| word & 1 == 0;
    let tells = |word: &u32| TELLS.get(&(word & !1)).copied().unwrap_or(1.0);
    let weight = |word: &u32| tells(word) * if known(word) { 0.5 } else { 1.5 };
    let total = |words: &[u32]| words.iter().map(weight).sum::<f64>();
    let (mut shared, mut rare) = (0.0, 0.0);
    for word in new.iter().filter(|word| old.binary_search(word).is_ok()) {
        shared += weight(word);
        rare += if known(word) { 0.0 } else { tells(word) };
    }
    let (one, other) = (total(new), total(old));
    evidence.put(Sign::Words, shared / one.min(other).max(FEW));
    evidence.put(Sign::WordsBoth, shared / (one + other - shared).max(FEW));
    evidence.put(Sign::WordsRare, f64::min(rare, 4.0) / 4.0);
    // his name, or his child's
    if evidence.has(Sign::SubjectOwn) {
        evidence.put(Sign::OwnWords, f64::min(rare, 2.0) / 2.0);
    }
}

fn share(part: usize, whole: usize) -> f64 {
    let number = |count: usize| u32::try_from(count).map_or(f64::INFINITY, f64::from);
    number(part) / number(whole)
}
