//! What the words of a text say about its category: evidence of three strengths, added up for each category.

use std::sync::LazyLock;

use super::{
    MOST,
    context::{Context, STREET},
    descending, suggestion,
};
use crate::{
    complaint::{CategorySource, CategorySuggestion},
    phrase::{Phrases, Places, READ},
    reading::Reading,
};

pub(super) const RULES: &str = include_str!("../../data/category_words.txt");

/// What the three classes of words weigh, and what speaks against a category.
const WEIGHTS: [(&str, f64); 4] = [("strong", 4.0), ("medium", 2.0), ("weak", 0.8), ("against", -2.5)];
/// A word that already counted in a heavier phrase of the category counts so much again.
const AGAIN: f64 = 0.2;
/// A word made otherwise than the rule's counts so much: `pelebaran` is no `selebaran`.
const LOOSE: f64 = 0.15;
/// More than one reason is better than one, but not without end.
const REASONS: usize = 6;
/// The unit of evidence: a category ahead by this much is e times as likely.
const UNIT: f64 = 1.6;
/// How much the evidence must be to be half sure of a category that stands alone.
const DOUBT: f64 = 1.8;
/// The confidence of what only stands near a category that has evidence.
const NEARBY: f64 = 0.03;

/// What a phrase says: how much for which category, by its place in [`Rules::names`].
#[derive(Clone, Copy, Debug)]
struct Load {
    category: usize,
    weight: f64,
}

#[derive(Debug, Default)]
struct Rules {
    names: Vec<&'static str>,
    near: Vec<Vec<&'static str>>,
    phrases: Phrases<Load>,
}

static READ_RULES: LazyLock<Rules> = LazyLock::new(|| {
    let mut rules = Rules::default();
    for line in RULES.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            rules.names.push(name);
            rules.near.push(Vec::new());
        } else if let Some((kind, list)) = line.split_once(':')
            && let Some(category) = rules.names.len().checked_sub(1)
        {
            if kind == "near" {
                let near = list.split(';').map(str::trim).filter(|name| !name.is_empty());
                rules.near.iter_mut().skip(category).for_each(|names| names.extend(near.clone()));
            } else if let Some((_, weight)) = WEIGHTS.iter().find(|(name, _)| *name == kind) {
                rules.phrases.add(list, &Load { category, weight: *weight });
            }
        }
    }
    rules
});

/// One phrase that a text says, with what it counts there.
struct Evidence<'a> {
    number: usize,
    value: f64,
    terms: Places,
    written: &'a str,
}

/// Suggested categories by the words, best first, at most [`MOST`]; none without any evidence.
pub(super) fn weigh(reading: &Reading) -> Vec<CategorySuggestion> {
    let rules = &*READ_RULES;
    let context = Context::of(reading, READ);
    let mut evidence: Vec<(usize, Evidence<'_>)> = Vec::new();
    for hit in rules.phrases.find(reading) {
        let Load { category, weight } = hit.phrase.load;
        let loose = if hit.loose { LOOSE } else { 1.0 };
        let value = weight * loose * counts(&context, &hit.terms, hit.phrase.negates);
        let (number, written) = (hit.number, hit.phrase.written.as_str());
        evidence.push((category, Evidence { number, value, terms: hit.terms, written }));
    }
    evidence.sort_by(|(one, a), (other, b)| {
        let heavier = descending(a.value.abs(), b.value.abs()).then(b.terms.len().cmp(&a.terms.len()));
        one.cmp(other).then(heavier)
    });
    let mut scores: Vec<(usize, f64, Vec<&str>)> = evidence
        .chunk_by(|(one, _), (other, _)| one == other)
        .filter_map(|evidence| {
            let (score, reasons) = sum(evidence.iter().map(|(_, one)| one));
            Some((evidence.first()?.0, score, reasons))
        })
        .filter(|(_, score, _)| *score > 0.0)
        .collect();
    scores.sort_by(|a, b| descending(a.1, b.1));
    let best = scores.first().map_or(0.0, |(_, score, _)| *score);
    let likely = |score: f64| ((score - best) / UNIT).exp();
    let all: f64 = scores.iter().map(|(_, score, _)| likely(*score)).sum::<f64>() + likely(DOUBT);
    let mut suggestions: Vec<CategorySuggestion> = Vec::with_capacity(MOST);
    for (category, score, reasons) in scores.iter().take(MOST) {
        let Some(name) = rules.names.get(*category) else { continue };
        let reasons = reasons.iter().map(|reason| (*reason).to_owned()).collect();
        suggestions.extend(suggestion(name, likely(*score) / all, CategorySource::Rule, reasons));
    }
    for near in scores.iter().filter_map(|(category, ..)| rules.near.get(*category)).take(2).flatten() {
        if suggestions.len() >= MOST {
            break;
        }
        if suggestions.iter().all(|known| known.name != *near) {
            let sure = suggestions.last().map_or(NEARBY, |last| last.confidence.min(NEARBY));
            suggestions.extend(suggestion(near, sure, CategorySource::Rule, Vec::new()));
        }
    }
    suggestions
}

/// How much of its weight a phrase has where it stands: that of its best word, less if one is denied or a street's, and
/// nothing if one is a name's.
fn counts(context: &Context, terms: &Places, negates: bool) -> f64 {
    let of = |values: &[f64], at: usize| values.get(at).copied().unwrap_or(1.0);
    let weights = || terms.iter().map(|at| of(&context.weight, at));
    let least = weights().fold(STREET, f64::min);
    let weight = if least <= 0.0 {
        return least;
    } else if weights().any(|weight| weight.total_cmp(&STREET).is_eq()) {
        STREET
    } else {
        weights().fold(0.0, f64::max)
    };
    if negates {
        return weight;
    }
    terms.iter().map(|at| of(&context.negation, at)).fold(weight, f64::min)
}

/// The evidence for one category added up, the heaviest first; a phrase counts once, and a word in full once.
fn sum<'a>(evidence: impl Iterator<Item = &'a Evidence<'a>>) -> (f64, Vec<&'a str>) {
    let (mut used, mut phrases): (Vec<usize>, Vec<usize>) = (Vec::new(), Vec::new());
    let mut score = 0.0;
    let mut reasons: Vec<&str> = Vec::new();
    for Evidence { number, value, terms, written } in evidence {
        if phrases.contains(number) || *value == 0.0 {
            continue;
        }
        phrases.push(*number);
        let fresh = terms.iter().all(|term| !used.contains(&term));
        score += if fresh { *value } else { *value * AGAIN };
        used.extend(terms.iter());
        if reasons.len() < REASONS && *value > 0.0 && !reasons.contains(written) {
            reasons.push(written);
        }
    }
    (score, reasons)
}
