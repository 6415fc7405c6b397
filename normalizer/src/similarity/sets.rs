//! Sets of words: `@NAME` in a pattern is a word of its own, which stands wherever a text has one of the set.

use foldhash::HashMap;

use super::{concept::WordId, marks::Marks, rules::Rules, terms::BESIDE, written::sets};
use crate::{reading::NEGATIONS, words};

impl Rules {
    /// Makes sets known. Gives those that are to be spelled out, since what their words do to a pattern depends on the word.
    pub(super) fn read_sets(&mut self) -> HashMap<&'static str, Vec<&'static str>> {
        let (spelled, known): (Vec<_>, Vec<_>) = sets()
            .into_iter()
            .partition(|(_, list)| list.iter().any(|word| self.turns(word) || word.starts_with('!')));
        for (name, list) in known {
            let id = self.id(words::hash(&format!("@{name}")));
            let members: Vec<Vec<WordId>> = list.into_iter().map(|word| self.sequence(word)).collect();
            for member in &members {
                let Some((first, rest)) = member.split_first() else { continue };
                self.begins_set.extend([first]);
                self.in_sets.entry(*first).or_default().push((rest.to_vec(), id));
            }
            self.sets.insert(name, id);
            self.members.insert(id, members);
        }
        spelled.into_iter().collect()
    }

    /// Whether a word makes something else of those beside it in a pattern.
    fn turns(&self, word: &str) -> bool {
        word.split('_').any(|word| {
            NEGATIONS.contains(&word)
                || self.marks(words::hash(word)).has(Marks::PAST)
                || BESIDE.iter().any(|beside| word.starts_with(beside))
        })
    }

    /// The sets of which this word is the first, each with the words that must follow.
    pub(super) fn sets_with(&self, word: WordId) -> &[(Vec<WordId>, WordId)] {
        // most words begin none
        let sets = self.begins_set.contains(&word).then(|| self.in_sets.get(&word)).flatten();
        sets.map_or(&[], Vec::as_slice)
    }

    /// The words of a pattern's part: a set is one word.
    pub(super) fn part_words(&mut self, written: &str) -> Vec<WordId> {
        let set = written.strip_prefix('@').and_then(|name| self.sets.get(name));
        set.map(|set| vec![*set]).unwrap_or_else(|| self.sequence(written))
    }

    /// What stands for a part: itself, or the words of its set.
    pub(super) fn members(&self, part: &[WordId]) -> Vec<Vec<WordId>> {
        let set = part.first().and_then(|word| self.members.get(word));
        set.cloned().unwrap_or_else(|| vec![part.to_vec()])
    }
}
