//! RT and RW in free text: `RT.11/RW.2`, `RT 003/05`, `RT/RW 011/002`, `rt 3 rw 5`, `RT05RW03`, `RW 08` alone.
//!
//! `RT @account` is a retweet and has no number.

use crate::{
    gazetteer::Gazetteer,
    words::{Gap, Word},
};

/// Rukun tetangga and rukun warga, three digits each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Neighbourhood {
    /// Rukun tetangga.
    pub rt: Option<String>,
    /// Rukun warga.
    pub rw: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Rt,
    Rw,
    /// `RT/RW`: the numbers of both follow.
    Both,
}

/// What counts instead of a unit's number: `RT 24 jam`, `RW 3 kali`.
const COUNTED: [&str; 14] = [
    "jam", "orang", "org", "kk", "hari", "bulan", "bln", "tahun", "thn", "menit", "kali", "juta", "ribu",
    "rb",
];
/// What joins the numbers of several units of one kind.
const LINKS: [&str; 8] = ["dan", "s", "d", "sd", "sampai", "hingga", "sampe", "atau"];
const NUMERALS: [&str; 12] = [
    "satu", "dua", "tiga", "empat", "lima", "enam", "tujuh", "delapan", "sembilan", "sepuluh", "sebelas",
    "duabelas",
];
const ROMAN: [&str; 15] =
    ["i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii", "xiii", "xiv", "xv"];

/// A unit with its number, and the words that it takes.
struct Numbered {
    unit: Unit,
    number: String,
    begin: usize,
    end: usize,
}

/// The first RT and RW that a text names; none of a kind of which it names several in a row (`RT 1 s/d RT 4`).
#[must_use]
pub fn neighbourhood(words: &[Word]) -> Neighbourhood {
    let numbered = numbered(words);
    Neighbourhood { rt: one(&numbered, Unit::Rt, words), rw: one(&numbered, Unit::Rw, words) }
}

fn one(numbered: &[Numbered], unit: Unit, words: &[Word]) -> Option<String> {
    let mut of_unit = numbered.iter().filter(|found| found.unit == unit);
    let first = of_unit.next()?;
    // `RT 01, 02 RW 03`, `RT 1-4`, `RT 2 dan 3`
    if let Some(next) = words.get(first.end) {
        let number = |place: usize| words.get(place).and_then(digits).is_some();
        let listed = matches!(next.gap, Gap::Hyphen | Gap::Break) && number(first.end) && unit == Unit::Rt;
        let linked = LINKS.contains(&next.folded.as_str())
            && (number(first.end + 1) || (next.folded == "s" && number(first.end + 2)));
        let before_rw = |place: usize| {
            words.get(place..).into_iter().flatten().take(4).any(|word| word.folded.starts_with("rw"))
        };
        if linked || (listed && before_rw(first.end)) {
            return None;
        }
    }
    // summed up on the way, for a text may name thousands
    let (mut between, mut links, mut seen) = (0, 0, first.end);
    let mut others = numbered.iter().peekable();
    for second in of_unit {
        while let Some(other) = others.next_if(|other| other.end <= second.begin) {
            if other.begin >= first.end {
                between += other.end - other.begin;
            }
        }
        let unseen = words.get(seen..second.begin).unwrap_or_default();
        links += unseen.iter().filter(|word| LINKS.contains(&word.folded.as_str())).count();
        seen = seen.max(second.begin);
        let all = second.begin.saturating_sub(first.end);
        // nothing but other units and links stands between the two
        if second.number != first.number && between + links >= all {
            return None;
        }
        if between + links < all {
            break;
        }
    }
    Some(first.number.clone())
}

fn numbered(words: &[Word]) -> Vec<Numbered> {
    let mut found: Vec<Numbered> = Vec::new();
    let mut place = 0;
    while place < words.len() {
        let begin = place;
        let Some((unit, number, after)) = unit(words, place) else {
            place += 1;
            continue;
        };
        place = after;
        let mut push = |unit, number, end| found.push(Numbered { unit, number, begin, end });
        match (unit, number) {
            (Unit::Both, _) => {
                let (rt, rw) = (number_at(words, place), words.get(place + 1));
                let rw = rw.filter(|word| matches!(word.gap, Gap::Slash | Gap::Hyphen | Gap::Space));
                if let Some((rt, rw)) = rt.zip(rw.and_then(digits)) {
                    place += 2;
                    push(Unit::Rt, rt, place);
                    push(Unit::Rw, rw, place);
                }
            }
            (unit, Some(number)) => {
                if let Some((number, rw)) = both_in_one(&number) {
                    push(Unit::Rt, number, place);
                    push(Unit::Rw, rw, place);
                } else if let Some(number) = three(&number) {
                    push(unit, number, place);
                    place = after_slash(words, place, unit, &mut found, begin);
                }
            }
            (unit, None) => {
                if words
                    .get(place)
                    .is_some_and(|word| matches!(word.folded.as_str(), "no" | "nomor" | "nomer"))
                {
                    place += 1;
                }
                let spelled = || {
                    let word = words.get(place).filter(|word| word.gap == Gap::Space)?;
                    let to_rw = words.get(place + 1).is_some_and(|word| word.folded == "rw");
                    let from_rt = found.last().is_some_and(|last| last.unit == Unit::Rt && last.end == begin);
                    spelled(word, to_rw || (unit == Unit::Rw && from_rt))
                };
                if let Some(number) = number_at(words, place).or_else(spelled) {
                    place += 1;
                    found.push(Numbered { unit, number, begin, end: place });
                    place = after_slash(words, place, unit, &mut found, begin);
                }
            }
        }
    }
    found
}

/// `RT 003/05`: the number after the slash is the RW.
fn after_slash(words: &[Word], place: usize, unit: Unit, found: &mut Vec<Numbered>, begin: usize) -> usize {
    let rw = words.get(place).filter(|word| unit == Unit::Rt && word.gap == Gap::Slash).and_then(digits);
    let Some(number) = rw else { return place };
    found.push(Numbered { unit: Unit::Rw, number, begin, end: place + 1 });
    place + 1
}

/// `RT`, `RW`, both, or one of them with its number in the same word, and the place after it.
fn unit(words: &[Word], place: usize) -> Option<(Unit, Option<String>, usize)> {
    let word = words.get(place)?;
    if matches!(word.gap, Gap::At | Gap::Hash) {
        return None;
    }
    // `r.t.`
    if word.folded == "r" {
        let second = words.get(place + 1).filter(|word| word.gap == Gap::Dot)?;
        let unit = match second.folded.as_str() {
            "t" => Unit::Rt,
            "w" => Unit::Rw,
            _ => return None,
        };
        return Some((unit, None, place + 2));
    }
    if word.folded == "rtrw" {
        return Some((Unit::Both, None, place + 1));
    }
    let (unit, rest) = match word.folded.split_at_checked(2)? {
        ("rt", rest) => (Unit::Rt, rest),
        ("rw", rest) => (Unit::Rw, rest),
        _ => return None,
    };
    if rest.is_empty() {
        let pair = words.get(place + 1).is_some_and(|next| {
            next.folded == "rw" && matches!(next.gap, Gap::Slash | Gap::Space | Gap::Hyphen | Gap::Dot)
        });
        if unit == Unit::Rt && pair {
            return Some((Unit::Both, None, place + 2));
        }
        return Some((unit, None, place + 1));
    }
    (three(rest).is_some() || both_in_one(rest).is_some()).then(|| (unit, Some(rest.to_owned()), place + 1))
}

/// `05rw03` of `RT05RW03`.
fn both_in_one(rest: &str) -> Option<(String, String)> {
    let (rt, rw) = rest.split_once("rw")?;
    Some((three(rt)?, three(rw)?))
}

fn number_at(words: &[Word], place: usize) -> Option<String> {
    let word = words.get(place)?;
    let counted = words
        .get(place + 1)
        .is_some_and(|next| next.gap == Gap::Space && COUNTED.contains(&next.folded.as_str()))
        // `RW 4 Kali Anyar`
        && Gazetteer::get().longest(words, place + 1).is_none_or(|(length, _)| length < 2);
    if (matches!(word.gap, Gap::Space | Gap::Dot | Gap::Hyphen) && !counted) || colon(words, place) {
        digits(word)
    } else {
        None
    }
}

/// `RT: 05`.
fn colon(words: &[Word], place: usize) -> bool {
    let Some(before) = place.checked_sub(1).and_then(|before| words.get(before)) else { return false };
    words[place].gap == Gap::Break && words[place].start - before.end <= 3
}

fn digits(word: &Word) -> Option<String> {
    three(&word.folded)
}

/// `RW XI`, and `RT tiga RW lima`, in which both are spelled.
fn spelled(word: &Word, pair: bool) -> Option<String> {
    let of = |names: &[&str]| names.iter().position(|name| word.folded == *name);
    let roman = of(&ROMAN).filter(|_| word.capital);
    let number = roman.or_else(|| of(&NUMERALS).filter(|_| pair))?;
    Some(format!("{:03}", number + 1))
}

fn three(number: &str) -> Option<String> {
    let plain = (1..=3).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit() || b == b'o');
    // people type the letter O for a nought
    let number: u16 = if plain { number.replace('o', "0").parse().ok()? } else { return None };
    if number == 0 { None } else { Some(format!("{number:03}")) }
}
