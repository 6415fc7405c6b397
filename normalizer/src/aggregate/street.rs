//! Names of streets, as far as it takes to tell one from another.

use crate::{reading::Reading, words::Gap};

/// Words that begin many names: what follows tells one from another.
const COMMON: [&str; 44] = [
    "raya",
    "haji",
    "h",
    "kh",
    "letjen",
    "jend",
    "jenderal",
    "mayjen",
    "dr",
    "dokter",
    "prof",
    "kebon",
    "kebun",
    "pasar",
    "taman",
    "pondok",
    "kampung",
    "tanah",
    "duri",
    "kayu",
    "rawa",
    "batu",
    "utan",
    "hutan",
    "pulo",
    "pulau",
    "bukit",
    "muara",
    "tanjung",
    "kali",
    "cempaka",
    "mangga",
    "gunung",
    "kelapa",
    "lapangan",
    "pintu",
    "teluk",
    "gading",
    "pinang",
    "cipinang",
    "tebet",
    "warung",
    "bendungan",
    "kramat",
];
/// What is left out, or shortened, as often as not.
const TITLES: [&str; 9] = ["raya", "haji", "h", "kh", "letjen", "jend", "jenderal", "mayjen", "dr"];
/// What is counted is no number of a street: `Jl Kebon Nanas 3 hari gelap`.
const COUNTED: [&str; 14] = [
    "hari", "minggu", "bulan", "tahun", "jam", "menit", "kali", "meter", "orang", "titik", "lubang", "rumah",
    "motor", "mobil",
];
/// So many words has a name at most.
const LONGEST: usize = 3;

/// The names after `jalan` and `gang` with their numbers, and which terms are of them. `jalan rusak` and `jalan ini`
/// have none: `nameless` are the words that say something else.
pub(super) fn named(reading: &Reading, nameless: &[bool]) -> (Vec<String>, Vec<bool>) {
    let terms = &reading.terms;
    let (mut names, mut of_them) = (Vec::new(), vec![false; terms.len()]);
    for (at, pair) in terms.windows(2).enumerate() {
        let [kind, first] = pair else { continue };
        let capital = reading.words[first.word].capital;
        let street = matches!(kind.text.as_str(), "jalan" | "gang");
        if !street || nameless[at + 1] || !(capital || reading.words[kind.word].folded != "jalan") {
            continue;
        }
        let mut name: Vec<&str> = Vec::new();
        for (place, term) in terms.iter().enumerate().skip(at + 1) {
            let number = term.text.starts_with(|c: char| c.is_ascii_digit());
            if number {
                let counts = terms.get(place + 1).is_some_and(|next| COUNTED.contains(&next.text.as_str()));
                if !counts && !name.is_empty() {
                    name.push(&term.text);
                    of_them[place] = true;
                }
                break;
            }
            let common = name.last().is_none_or(|last| COMMON.contains(last));
            let goes_on = common || (capital && reading.words[term.word].capital);
            let word = &reading.words[term.word];
            let apart = place > at + 1 && matches!(word.gap, Gap::Break | Gap::Dot) && !common;
            if (nameless[place] && !(common && word.capital)) || apart || !goes_on || name.len() == LONGEST {
                break;
            }
            name.push(&term.text);
            of_them[place] = true;
        }
        if !name.is_empty() {
            names.push(name.join(" "));
        }
    }
    (names, of_them)
}

/// Marks the terms that a region's name is written with.
pub(super) fn mark(reading: &Reading, name: &str, named: &mut [bool]) {
    let name = name.to_lowercase();
    let words: Vec<&str> = name.split_whitespace().collect();
    if words.is_empty() {
        return;
    }
    for (at, terms) in reading.terms.windows(words.len()).enumerate() {
        if terms.iter().zip(&words).all(|(term, word)| term.text == *word)
            && let Some(marks) = named.get_mut(at..at + words.len())
        {
            marks.fill(true);
        }
    }
}

/// Whether two names, or numbers, may be of one place: one may be the shorter form of the other.
pub(super) fn agree(one: &str, other: &str) -> bool {
    // but `Kapuk Raya` is no shorter form of `Kapuk Pulo`
    let words = |name: &str| -> Vec<String> {
        name.split(' ').skip_while(|word| TITLES.contains(word)).map(str::to_owned).collect()
    };
    words(one).iter().zip(&words(other)).all(|(one, other)| one == other)
}
