//! What single rooms of the rules say of a text, each asked once: others build on it.

use crate::{
    category,
    complaint::{CategorySuggestion, Kind},
    kind, language,
    reading::Reading,
};

/// What is said of a text.
#[derive(Clone, Debug)]
pub struct Sense {
    /// Categories by the rules' words, best first ([`category::by_rules`]).
    pub categories: Vec<CategorySuggestion>,
    /// Whether it tells of danger ([`category::urgent`]).
    pub urgent: bool,
    /// What kind its words tell; nothing where none does.
    pub kind: Option<Kind>,
    /// Its language, and how sure that is ([`language::language`]).
    pub language: (&'static str, Option<f64>),
}

impl Sense {
    /// What is said of a text.
    #[must_use]
    pub fn of(reading: &Reading) -> Self {
        Self {
            categories: category::by_rules(reading),
            urgent: category::urgent(reading),
            kind: kind::said(reading),
            language: language::language(reading),
        }
    }

    /// How sure the rules are of a category.
    pub(crate) fn matter(&self) -> Option<f64> {
        self.categories.first().map(|best| best.confidence)
    }
}
