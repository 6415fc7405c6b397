//! The city's complaint categories: what a channel's own label says about them, and what the words say.
//!
//! Both are suggestions with a confidence and reasons, never a decision. The rules are in `data/category_labels.txt`,
//! `data/category_words.txt` and `data/urgent_words.txt`, which anyone can read and extend.

mod context;
mod label;
mod urgent;
mod weigh;

use std::{cmp::Ordering, collections::BTreeMap, sync::LazyLock};

use foldhash::HashMap;

use crate::{
    complaint::{CategorySource, CategorySuggestion},
    learned::{self, Counts, Said},
    reading::Reading,
    text,
};

pub use urgent::urgent;

/// The city's category names by their folded form: sources spell and space them differently.
static CATEGORIES: LazyLock<BTreeMap<String, &'static str>> = LazyLock::new(|| {
    include_str!("../data/categories.txt")
        .lines()
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .map(|name| (text::fold(name), name))
        .collect()
});

/// The codes of the categories by their names as the city writes them.
static CODES: LazyLock<HashMap<&'static str, &'static str>> =
    LazyLock::new(|| CATEGORIES.iter().map(|(code, name)| (*name, code.as_str())).collect());

/// The most suggestions for one complaint, and how many there are of those that are hardly likely.
const MOST: usize = 5;
const UNLIKELY: usize = 3;
const HARDLY: f64 = 0.01;
/// How much the words that were learned count against the rules, which a category that they do not name has so much of.
const LEARNED: f64 = 0.2;
const NO_RULE: f64 = 0.01;
/// How much of a difference makes how much surer, so that of what is 0.8 sure eight of ten are right.
const SHARP: f64 = 1.25;
/// Where no rule says anything so many words must be known, and so likely must a category be.
const LEARNED_WORDS: u32 = 3;
const LEARNED_ALONE: f64 = 0.5;
/// So many words are named as reasons, of a category that is so sure.
const TELLING: usize = 4;
const TOLD: f64 = 0.1;
/// What stands in the place of a category where neither label nor words say anything: code and name.
pub(crate) const OTHER: (&str, &str) = ("other", "Lainnya");

/// Names of places that are made of the words of matters: `taman puring`.
pub(crate) fn called() -> impl Iterator<Item = &'static str> {
    context::about_words("name")
}

/// The city's category names.
pub fn names() -> impl Iterator<Item = &'static str> {
    CATEGORIES.values().copied()
}

/// The city's category with the same name as the channel's label, if there is one.
#[must_use]
pub fn from_label(label: &str) -> Option<CategorySuggestion> {
    suggestion(label, 0.95, CategorySource::Channel, vec![label.to_owned()])
}

/// Suggested categories, best first, at most five: what the channel's own label means, then what the words say. Where
/// both agree the confidence is higher than either's.
///
/// Where there is no evidence at all the one suggestion has the code `other`, which is not in the city's list. `rules` are
/// those [`by_rules`].
#[must_use]
pub fn suggest(
    connector: &str,
    label: Option<&str>,
    reading: &Reading,
    rules: Vec<CategorySuggestion>,
) -> Vec<CategorySuggestion> {
    let mut suggestions = with_counts(reading, rules, &learned::CATEGORIES);
    if let Some(mut stated) = label.and_then(|label| label::meant(connector, label)) {
        if let Some(agreed) = suggestions.iter().position(|rule| rule.code == stated.code) {
            let agreed = suggestions.remove(agreed);
            stated.confidence = rounded(1.0 - (1.0 - stated.confidence) * (1.0 - agreed.confidence));
            stated.reasons.extend(agreed.reasons);
        }
        // the channel was there, so what the words say comes after it, and is not surer
        for rule in &mut suggestions {
            rule.confidence = rounded(rule.confidence.min(stated.confidence) * 0.5);
        }
        suggestions.insert(0, stated);
    }
    if suggestions.is_empty() {
        suggestions.push(CategorySuggestion {
            code: OTHER.0.to_owned(),
            name: OTHER.1.to_owned(),
            confidence: 0.05,
            source: CategorySource::Rule,
            reasons: Vec::new(),
        });
    }
    suggestions.truncate(MOST);
    suggestions
}

/// Suggested categories by the rules alone, best first; none where no rule has a word of the text.
#[must_use]
pub fn by_rules(reading: &Reading) -> Vec<CategorySuggestion> {
    weigh::weigh(reading)
}

/// The suggestions of the rules, moved and completed by what the words were used for before.
#[must_use]
pub fn with_counts(
    reading: &Reading,
    mut rules: Vec<CategorySuggestion>,
    counts: &Counts,
) -> Vec<CategorySuggestion> {
    let likely = counts.likely(&Said::stems(reading));
    if rules.is_empty() && (likely.known < LEARNED_WORDS || likely.surest() <= LEARNED_ALONE) {
        return rules;
    }
    let mut scores: Vec<(usize, f64)> =
        { likely.logs.iter() }.map(|log| NO_RULE.ln() + LEARNED * log).enumerate().collect();
    for rule in &rules {
        if let Some((_, score)) = counts.class(&rule.code).and_then(|class| scores.get_mut(class)) {
            *score += (rule.confidence + NO_RULE).ln() - NO_RULE.ln();
        }
    }
    let first = |a: &(usize, f64), b: &(usize, f64)| descending(a.1, b.1).then(a.0.cmp(&b.0));
    if scores.len() > MOST {
        scores.select_nth_unstable_by(MOST - 1, first);
    }
    let most = scores.len().min(MOST);
    let (best, rest) = scores.split_at_mut(most);
    best.sort_by(first);
    let highest = best.first().map_or(0.0, |(_, score)| *score);
    let weight = |score: &f64| ((score - highest) * SHARP).exp();
    let all: f64 = best.iter().chain(&*rest).map(|(_, score)| weight(score)).sum();
    let mut suggestions = Vec::with_capacity(MOST);
    for (place, (class, score)) in best.iter().enumerate() {
        let (code, confidence) = (counts.name(*class), weight(score) / all);
        if place >= UNLIKELY && confidence < HARDLY {
            break;
        }
        suggestions.extend(match rules.iter().position(|rule| rule.code == code) {
            Some(place) => {
                Some(CategorySuggestion { confidence: rounded(confidence), ..rules.swap_remove(place) })
            }
            None => {
                let told = confidence >= TOLD;
                let reasons = told.then(|| counts.telling(&learned::stems(reading), code, TELLING));
                suggestion(code, confidence, CategorySource::Rule, reasons.unwrap_or_default())
            }
        });
    }
    suggestions
}

/// A suggestion of the category of this name, or code, if the city has it.
fn suggestion(
    name: &str,
    confidence: f64,
    source: CategorySource,
    reasons: Vec<String>,
) -> Option<CategorySuggestion> {
    let of_code = |code: &str| CATEGORIES.get_key_value(code).map(|(code, name)| (code.as_str(), *name));
    let of_name = |name: &str| CODES.get_key_value(name).map(|(name, code)| (*code, *name));
    let (code, name) = of_name(name).or_else(|| of_code(name)).or_else(|| of_code(&text::fold(name)))?;
    let (code, name) = (code.to_owned(), name.to_owned());
    Some(CategorySuggestion { code, name, confidence: rounded(confidence), source, reasons })
}

/// More digits would claim more than is known.
fn rounded(confidence: f64) -> f64 {
    (confidence.clamp(0.0, 0.99) * 1000.0).round() / 1000.0
}

/// Higher values first.
fn descending(a: f64, b: f64) -> Ordering {
    b.total_cmp(&a)
}
