//! What the labels of the channels mean in the city's list.

use std::sync::LazyLock;

use foldhash::HashMap;

use crate::{complaint::CategorySource, complaint::CategorySuggestion, text};

/// A label of a vendor's own, and how surely it means the city's category.
struct Meaning {
    name: &'static str,
    confidence: f64,
}

/// By connector (`*` for any) and folded label.
static LABELS: LazyLock<HashMap<(&'static str, String), Meaning>> = LazyLock::new(|| {
    let lines = include_str!("../../data/category_labels.txt").lines().map(str::trim);
    lines
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| {
            let mut columns = line.split('|').map(str::trim);
            let (connector, label, name) = (columns.next()?, columns.next()?, columns.next()?);
            let confidence = columns.next().and_then(|sure| sure.parse().ok()).unwrap_or(0.9);
            Some(((connector, text::fold(label)), Meaning { name, confidence }))
        })
        .collect()
});

/// The city's category that a label means: the one of its name, else the one that the table gives.
pub(super) fn meant(connector: &str, label: &str) -> Option<CategorySuggestion> {
    super::from_label(label).or_else(|| {
        let folded = text::fold(label);
        let of = |connector| LABELS.get(&(connector, folded.clone()));
        let meaning = of(connector).or_else(|| of("*"))?;
        let reasons = vec![label.to_owned()];
        super::suggestion(meaning.name, meaning.confidence, CategorySource::Channel, reasons)
    })
}
