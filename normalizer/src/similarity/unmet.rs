//! Whether each pattern of the rules can be met: a rule that nothing meets is one that nobody misses, until it is needed.

use super::{
    rules::RULES,
    terms::Text,
    written::{unknown, written},
};
use crate::reading::Reading;

/// Patterns that a text of nothing but their own words does not meet, each behind its concept in English, and keys that no
/// line has. For who adds rules: the words may be taken for a name, for slang of something else, or be denied by the pattern
/// itself, and a set `@NAME` may be missing.
#[must_use]
pub fn unmet() -> Vec<String> {
    let rules = &*RULES;
    let mut unmet = unknown();
    for (concept, pattern) in written() {
        let words: Vec<String> = pattern.split_whitespace().filter_map(said).collect();
        let reading = Reading::of(&words.join(" "));
        let mut text = Text::read(rules, &reading, &reading.terms);
        text.names(rules, &reading);
        if pattern.contains('@') || !text.concepts(rules, |_| true).contains(&concept) {
            let name = rules.concept(concept).map_or("", |concept| concept.name);
            unmet.push(format!("{name}: {pattern}"));
        }
    }
    unmet
}

/// A word of a pattern as a citizen writes it; nothing if it may not be there.
fn said(word: &str) -> Option<String> {
    if word.starts_with('-') {
        return None;
    }
    let plain = word.trim_start_matches(['!', '=']).replace('_', " ");
    Some(if word.starts_with('!') { format!("tidak {plain}") } else { plain })
}
