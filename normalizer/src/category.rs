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

/// The most suggestions for one complaint.
const MOST: usize = 5;
/// What stands in the place of a category where neither label nor words say anything: code and name.
pub(crate) const OTHER: (&str, &str) = ("other", "Lainnya");

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
/// Where there is no evidence at all the one suggestion has the code `other`, which is not in the city's list.
#[must_use]
pub fn suggest(connector: &str, label: Option<&str>, reading: &Reading) -> Vec<CategorySuggestion> {
    let mut suggestions = weigh::weigh(reading);
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

/// A suggestion of the category of this name, if the city has it.
fn suggestion(
    name: &str,
    confidence: f64,
    source: CategorySource,
    reasons: Vec<String>,
) -> Option<CategorySuggestion> {
    let (code, name) = match CODES.get_key_value(name) {
        Some((name, code)) => (*code, *name),
        None => CATEGORIES.get_key_value(&text::fold(name)).map(|(code, name)| (code.as_str(), *name))?,
    };
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
