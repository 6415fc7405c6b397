//! RT and RW in free text: `RT.11/RW.2`, `RT 003/05`, `RT/RW 011/002`, `rt 3 rw 5`, `RW 08` alone.
//!
//! `RT @account` is a retweet and has no number.

use crate::words::{Gap, Word};

/// Rukun tetangga and rukun warga, three digits each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Neighbourhood {
    /// Rukun tetangga.
    pub rt: Option<String>,
    /// Rukun warga.
    pub rw: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Unit {
    Rt,
    Rw,
}

/// The first RT and RW that a text names. Of several of one kind nobody knows which is meant: the first is taken only
/// if all others are equal to it or come with another RW.
#[must_use]
pub fn neighbourhood(words: &[Word]) -> Neighbourhood {
    let mut found = Neighbourhood::default();
    let mut place = 0;
    while place < words.len() {
        let Some((unit, number)) = unit(&words[place]) else {
            place += 1;
            continue;
        };
        place += 1;
        let (number, after) = match number {
            Some(number) => (Some(number), place),
            None => match both(words, place, unit) {
                Some((rt, rw, after)) => {
                    found.rt.get_or_insert(rt);
                    found.rw.get_or_insert(rw);
                    place = after;
                    continue;
                }
                None => number_at(words, place).map_or((None, place), |number| (Some(number), place + 1)),
            },
        };
        let Some(number) = number else { continue };
        place = after;
        match unit {
            Unit::Rw => {
                found.rw.get_or_insert(number);
            }
            Unit::Rt => {
                // `RT 003/05`: the number after the slash is the RW
                let rw = words.get(place).filter(|word| matches!(word.gap, Gap::Slash)).and_then(digits);
                if let Some(rw) = rw {
                    found.rw.get_or_insert(rw);
                    place += 1;
                }
                found.rt.get_or_insert(number);
            }
        }
    }
    found
}

/// `RT`, `RW`, or one of them with its number in the same word.
fn unit(word: &Word) -> Option<(Unit, Option<String>)> {
    if matches!(word.gap, Gap::At | Gap::Hash) {
        return None;
    }
    let (unit, rest) = match word.folded.split_at_checked(2)? {
        ("rt", rest) => (Unit::Rt, rest),
        ("rw", rest) => (Unit::Rw, rest),
        _ => return None,
    };
    if rest.is_empty() { Some((unit, None)) } else { Some((unit, Some(three(rest)?))) }
}

/// `RT/RW 011/002`.
fn both(words: &[Word], place: usize, first: Unit) -> Option<(String, String, usize)> {
    let second = words.get(place)?;
    let (unit, None) = unit(second)? else { return None };
    if first != Unit::Rt || unit != Unit::Rw {
        return None;
    }
    let rt = number_at(words, place + 1)?;
    let rw = words.get(place + 2).filter(|word| matches!(word.gap, Gap::Slash | Gap::Hyphen | Gap::Space));
    Some((rt, digits(rw?)?, place + 3))
}

fn number_at(words: &[Word], place: usize) -> Option<String> {
    let word = words.get(place)?;
    if matches!(word.gap, Gap::Space | Gap::Dot | Gap::Hyphen) || colon(words, place) {
        digits(word)
    } else {
        None
    }
}

/// `RT: 05`.
fn colon(words: &[Word], place: usize) -> bool {
    let Some(before) = place.checked_sub(1).and_then(|before| words.get(before)) else { return false };
    words[place].gap == Gap::Break && words[place].start - before.end <= 2
}

fn digits(word: &Word) -> Option<String> {
    three(&word.folded)
}

fn three(number: &str) -> Option<String> {
    let plain = (1..=3).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit());
    let number: u16 = if plain { number.parse().ok()? } else { return None };
    if number == 0 { None } else { Some(format!("{number:03}")) }
}
