//! Which concepts a text names, and which it denies.

use super::{
    concept::WordId,
    patterns::{Part, Pattern, Patterns},
    rules::Rules,
    spoken::Denial,
    terms::Text,
};

/// Words that say something, between which a pattern may be spread.
const REACH: usize = 5;
/// Occurrences of one word that are looked at.
const SEEN: usize = 6;

/// How words must stand in a text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stand {
    /// As what is.
    Meant,
    /// As what is, or what is not.
    Said,
    /// However it is meant: the pattern says it.
    Frank,
}

impl<'a> Text<'a> {
    fn occurrences(&self, word: WordId) -> impl Iterator<Item = usize> {
        let begin = self.places.partition_point(|(id, _)| *id < word);
        let places = self.places[begin..].iter().take_while(move |(id, _)| *id == word);
        places.map(|(_, place)| *place).take(SEEN)
    }

    /// The concepts that the text names, or denies, in the order of the rules, by the patterns that are known.
    pub(super) fn concepts(&self, rules: &Rules, mut known: impl FnMut(u32) -> bool) -> Vec<u16> {
        let patterns = &rules.patterns;
        let (mut found, mut flatly) = (Vec::new(), Vec::new());
        let mut last = None;
        let denies = self.denied.iter().any(|denial| *denial != Denial::None);
        for (word, _) in &self.places {
            if last == Some(word) {
                continue;
            }
            last = Some(word);
            for (number, pattern) in patterns.beginning(*word, &self.said) {
                if self.meets(rules, pattern, Stand::Meant) {
                    found.extend(known(number).then_some(pattern.concept));
                } else if denies && self.meets(rules, pattern, Stand::Said) && self.denies(rules, pattern) {
                    let denial = rules.denial(pattern.concept).filter(|_| known(number));
                    found.extend(denial);
                    flatly.extend(denial.filter(|_| patterns.parts(pattern).len() == 1));
                }
            }
        }
        found.sort_unstable();
        found.dedup();
        // what it tells of, it does not deny by the way: `tutup got hilang, kaki untung tidak patah`
        let denied: Vec<u16> = found.iter().filter_map(|concept| rules.denial(*concept)).collect();
        found.retain(|concept| flatly.contains(concept) || !denied.contains(concept));
        found
    }

    fn meets(&self, rules: &Rules, pattern: &Pattern, stand: Stand) -> bool {
        let patterns = &rules.patterns;
        let Some((first, others)) = patterns.parts(pattern).split_first() else { return false };
        let said = |part: &Part| patterns.words(part).iter().all(|word| self.said.contains(word));
        let stands = |part: &Part| {
            said(part)
                && (patterns.words(part).len() == 1
                    || self.part(patterns, part, Stand::Frank).next().is_some())
        };
        // a trouble beside a school is none of the school
        let aside = |part: &Part, place: usize| {
            self.beside[place] && !pattern.beside && {
                let kind = rules.kind(pattern.concept);
                patterns.words(part).iter().any(|word| kind.contains(word))
            }
        };
        // most patterns end here: a word of theirs is not said at all
        if !others.iter().all(said) || patterns.without(pattern).iter().any(stands) {
            return false;
        }
        let stand = if pattern.frank { Stand::Frank } else { stand };
        self.part(patterns, first, stand).filter(|begin| !aside(first, *begin)).any(|begin| {
            others.iter().all(|part| {
                let mut places = self.part(patterns, part, stand);
                places.any(|place| {
                    self.steps[place].abs_diff(self.steps[begin]) <= REACH && !aside(part, place)
                })
            })
        })
    }

    /// Whether a word of a pattern is said not to be so, wherever it stands, or its only one not to be there.
    fn denies(&self, rules: &Rules, pattern: &Pattern) -> bool {
        let patterns = &rules.patterns;
        let parts = patterns.parts(pattern);
        // `untung tidak ada murid` does not say that it is no matter of schools
        let definite = rules.concept(pattern.concept).is_some_and(|concept| !concept.vague && !concept.thing);
        let alone = parts.len() == 1 && definite;
        let denied = |place: usize| match self.denied[place] {
            Denial::None => false,
            Denial::Absent => alone,
            Denial::Untrue => true,
        };
        parts.iter().any(|part| {
            let length = patterns.words(part).len();
            let said = |place: usize| (place..(place + length).min(self.terms.len())).any(denied);
            let mut places = self.part(patterns, part, Stand::Said).peekable();
            places.peek().is_some() && places.all(said)
        })
    }

    /// Where a part of a pattern stands.
    fn part<'p>(
        &'p self,
        patterns: &'p Patterns,
        part: &'p Part,
        stand: Stand,
    ) -> impl Iterator<Item = usize> + use<'p, 'a> {
        let words = patterns.words(part);
        let first = words.first().copied().unwrap_or(WordId::MAX);
        self.occurrences(first).filter(move |place| {
            let whole = words.iter().enumerate().skip(1).all(|(offset, word)| {
                [&self.ids, &self.exact].iter().any(|ids| ids.get(place + offset) == Some(&Some(*word)))
            });
            // `juru_parkir` names the word before `parkir` itself
            let void = |at: usize| self.void[at] && (at == *place || !self.part_of[at]);
            let all = |holds: &dyn Fn(usize) -> bool| {
                (*place..(place + words.len()).min(self.terms.len())).all(holds)
            };
            // what a pattern of several words negates itself, it may name
            let spoken = match stand {
                _ if part.negated => self.terms[*place].negated,
                Stand::Frank => true,
                Stand::Meant => all(&|at| !void(at)),
                Stand::Said => all(&|at| self.denied[at] != Denial::None || !void(at)),
            };
            whole && spoken
        })
    }
}
