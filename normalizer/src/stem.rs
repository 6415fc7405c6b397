//! A light stem of an Indonesian word: enough that `berlubang`, `lubangnya` and `lubang` meet. Both a rule's word and a
//! citizen's word go through it, so a stem need not be a word.

/// What is cut off the end: first the particles and possessives, then the suffixes that make words of words.
const PARTICLES: [&str; 5] = ["nya", "lah", "kah", "pun", "tah"];
const SUFFIXES: [&str; 4] = ["kan", "in", "an", "i"];
/// What is cut off the beginning, longest first, with the letter that the nasal took the place of before a vowel.
const PREFIXES: [(&str, Option<char>); 17] = [
    ("meng", None),
    ("meny", Some('s')),
    ("peng", None),
    ("peny", Some('s')),
    ("mem", Some('p')),
    ("pem", Some('p')),
    ("men", Some('t')),
    ("pen", Some('t')),
    ("ber", None),
    ("ter", None),
    ("per", None),
    ("nge", None),
    ("me", None),
    ("di", None),
    ("ke", None),
    ("se", None),
    ("pe", None),
];
/// A stem has at least so many letters.
const SHORTEST: usize = 4;

/// The stem of a folded word.
#[must_use]
pub fn stem(word: &str) -> String {
    if !word.is_ascii() || word.bytes().any(|b| b.is_ascii_digit()) {
        return word.to_owned();
    }
    let mut rest = word;
    if let Some(cut) = PARTICLES.iter().find_map(|end| rest.strip_suffix(end)).filter(|cut| cut.len() >= 3) {
        rest = cut;
    }
    if let Some(cut) =
        SUFFIXES.iter().find_map(|end| rest.strip_suffix(end)).filter(|cut| cut.len() >= SHORTEST)
    {
        rest = cut;
    }
    let mut stem = rest.to_owned();
    for _ in 0..2 {
        let Some(shorter) = without_prefix(&stem) else { break };
        stem = shorter;
    }
    stem
}

fn without_prefix(word: &str) -> Option<String> {
    PREFIXES.iter().find_map(|(prefix, nasal)| {
        let rest = word.strip_prefix(prefix)?;
        let vowel = rest.starts_with(['a', 'e', 'i', 'o', 'u']);
        let restored = match nasal {
            Some(letter) if vowel => format!("{letter}{rest}"),
            _ => rest.to_owned(),
        };
        (restored.len() >= SHORTEST && restored.contains(['a', 'e', 'i', 'o', 'u'])).then_some(restored)
    })
}
