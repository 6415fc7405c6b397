//! The city's complaint categories, and what a channel's own label says about them.

use std::{collections::BTreeMap, sync::LazyLock};

use crate::{
    complaint::{CategorySource, CategorySuggestion},
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
    })
}
