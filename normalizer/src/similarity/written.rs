//! The rules as they are written in the files.

use foldhash::{HashMap, HashSet};

/// The rules of the files: what each is, and the rest of its line.
pub(super) fn lines() -> impl Iterator<Item = (&'static str, &'static str)> {
    let files = [include_str!("../../data/matter_words.txt"), include_str!("../../data/matter_places.txt")];
    let lines = files.into_iter().flat_map(str::lines).map(str::trim);
    lines.filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(' '))
}

/// The words that `@NAME` stands for.
pub(super) fn sets() -> HashMap<&'static str, Vec<&'static str>> {
    let sets = lines().filter(|(rule, _)| *rule == "words").filter_map(|(_, rest)| rest.split_once(' '));
    sets.map(|(name, list)| (name, list.split_whitespace().collect())).collect()
}

/// Keys behind `near` and `apart` that no line has.
pub(super) fn unknown() -> Vec<String> {
    let keys: HashSet<&str> = lines()
        .filter(|(rule, _)| *rule == "subject")
        .flat_map(|(_, rest)| rest.split_whitespace().take(2))
        .chain(
            lines()
                .filter(|(rule, _)| *rule == "place")
                .filter_map(|(_, rest)| rest.split_whitespace().next()),
        )
        .collect();
    lines()
        .filter(|(rule, _)| matches!(*rule, "near" | "apart"))
        .flat_map(|(_, rest)| rest.split_whitespace())
        .filter(|key| !keys.contains(key.trim_start_matches("place:").trim_end_matches('*')))
        .map(str::to_owned)
        .collect()
}

/// The patterns as they are written, each with the number of its concept.
pub(super) fn written() -> impl Iterator<Item = (u16, String)> {
    let alternatives = sets();
    let concepts = lines()
        .filter(|(rule, _)| matches!(*rule, "subject" | "place" | "detail" | "another"))
        .filter_map(|(_, rest)| rest.split('|').nth(2));
    (0..).zip(concepts).flat_map(move |(number, list)| {
        let patterns: Vec<String> =
            list.split(',').flat_map(|pattern| spelled_out(pattern, &alternatives)).collect();
        patterns.into_iter().map(move |pattern| (number, pattern))
    })
}

/// A pattern with each of the words that `@NAME` stands for; behind `-` all of them at once.
pub(super) fn spelled_out(pattern: &str, alternatives: &HashMap<&str, Vec<&str>>) -> Vec<String> {
    let mut patterns = vec![String::new()];
    for word in pattern.split_whitespace() {
        let (mark, name) = word.split_at(word.len() - word.trim_start_matches(['-', '!']).len());
        let set = name.strip_prefix('@').and_then(|name| alternatives.get(name));
        patterns = match set {
            Some(words) if mark == "-" => {
                let all: String = words.iter().map(|word| format!(" -{word}")).collect();
                patterns.into_iter().map(|pattern| pattern + &all).collect()
            }
            Some(words) => patterns
                .iter()
                .flat_map(|pattern| words.iter().map(move |word| format!("{pattern} {mark}{word}")))
                .collect(),
            None => patterns.into_iter().map(|pattern| format!("{pattern} {word}")).collect(),
        };
    }
    patterns
}
