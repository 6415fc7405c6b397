//! How the names of streets and other places agree.

use super::{
    Matter, Name, evidence::Evidence, features::word_hash, rules::RULES, signs::Sign, terms::COMPASS,
};
use crate::stem;

/// What has no name but its number, and stands everywhere.
const NUMBERS: [&str; 2] = ["blok ", HOUSE];
const HOUSE: &str = "no ";

fn is_numbered(name: &Name) -> bool {
    NUMBERS.iter().any(|sign| name.text.starts_with(sign))
}

/// How names agree, and whether they have one that says where it is.
pub(super) fn names<'a>(new: &'a Matter, old: &'a Matter, evidence: &mut Evidence<'a>) -> bool {
    let both = new.names.iter().filter(|name| given(name, old));
    let of_old = old.names.iter().filter(|name| given(name, new));
    let mut count = 0_u8;
    for name in both {
        count = count.saturating_add(1);
        evidence.name.get_or_insert(name);
    }
    if count == 0 {
        for name in of_old {
            count = count.saturating_add(1);
            evidence.name.get_or_insert(name);
        }
    }
    let Some(name) = evidence.name else { return false };
    let block = is_numbered(name);
    evidence.set(match name {
        Name { street: true, .. } => Sign::Street,
        // the number of a house says as much
        _ if name.text.starts_with(HOUSE) => Sign::Street,
        _ if block => Sign::Block,
        _ => Sign::Name,
    });
    if count > 1 {
        evidence.set(Sign::NamesMore);
    }
    !block
}

/// What names say against one matter; `lax`: one may well be told of by the names of two places.
pub(super) fn differ(new: &Matter, old: &Matter, lax: bool, evidence: &mut Evidence<'_>) {
    let streets = |matter: &Matter| matter.names.iter().any(|name| name.street);
    if streets(new) && streets(old) {
        evidence.set(if lax { Sign::StreetsDifferWide } else { Sign::StreetsDiffer });
    } else if !new.names.is_empty() && !old.names.is_empty() {
        evidence.set(if lax { Sign::NamesDifferWide } else { Sign::NamesDiffer });
    } else if new.anchored() != old.anchored() && !lax {
        evidence.set(Sign::OneNamed);
    }
}

/// Sets the sign of two that are told apart by a number: two blocks, whatever else they are called.
pub(super) fn numbers(new: &Matter, old: &Matter, evidence: &mut Evidence<'_>) {
    if many(new, old) {
        evidence.set(Sign::NumbersDiffer);
    }
}

/// Whether both name one of many that are told apart by a number, and not the same: two schools, two bus routes.
fn many(new: &Matter, old: &Matter) -> bool {
    let numbered = |name: &&Name| !name.street && (is_numbered(name) || number(&name.text).is_some());
    let split = |name: &'_ Name| name.text.split_once(' ').map(|(sign, number)| (sign.len(), number.len()));
    new.names.iter().filter(numbered).any(|one| {
        let Some((sign, _)) = split(one) else { return false };
        old.names.iter().filter(numbered).any(|other| {
            split(other).is_some_and(|(known, _)| sign == known)
                && one.text.get(..sign) == other.text.get(..sign)
                && one.text != other.text
        })
    })
}

/// Whether a matter names this place too: among its names, or in its words.
fn given(name: &Name, matter: &Matter) -> bool {
    let mut parted = false;
    let listed = matter.names.iter().any(|other| {
        let (mine, others) = (name.text.as_str(), other.text.as_str());
        if two(number(mine), number(others)) || two(side(mine), side(others)) {
            parted |= words(mine).any(|word| words(others).any(|other| word == other));
            return false;
        }
        let (count, other_count) = (words(mine).count(), words(others).count());
        if count == 0 || other_count == 0 {
            // `gang 8` in Kayu Manis is `Kayu Manis VIII`
            let region = RULES.region_name(matter.region).unwrap_or_default();
            let after_region = |text: &str| words(text).all(|word| words(region).any(|part| part == word));
            return number(mine) == number(others) && after_region(mine) && after_region(others);
        }
        let common = || words(mine).filter(|word| words(others).any(|other| alike(word, other)));
        // `Haji Mansyur` and `Haji Naim` share a title only, `Kemanggisan Ilir` and `Kemanggisan Raya` the kelurahan that
        // both are in, `Cipinang Lontar` and `Cipinang Kebembem` what half a dozen kelurahan are called; `Mangga Besar` and
        // `Mangga` are one
        let region = RULES.region_name(matter.region).unwrap_or_default();
        let shared = |word: &str| {
            RULES.titles.contains(word)
                || words(region).any(|part| part == word)
                || RULES.begins_several(word)
        };
        let own = |text: &str| words(text).any(|word| !shared(word));
        let bare = !own(mine) && !own(others);
        common().count() * 2 >= count.min(other_count) && (bare || common().any(|word| !shared(word)))
    });
    if listed || parted {
        return listed;
    }
    // said without a word of place before it: `tikungan pahlawan revolusi`
    let own = || words(&name.text).filter(|word| word.len() > 3 && !RULES.titles.contains(word));
    let rare = |word: &str| matter.words.contains(&word_hash(&stem::stem(word), true));
    let mut numbers = matter.names.iter().filter_map(|other| number(&other.text));
    let mine = number(&name.text);
    own().next().is_some()
        && own().all(|word| said(word, &matter.words))
        && (matter.names.is_empty()
            || own().count() > 1
            || own().all(rare) && mine.is_none_or(|one| numbers.all(|other| other == one)))
}

fn two(one: Option<&str>, other: Option<&str>) -> bool {
    one.is_some() && other.is_some() && one != other
}

fn is_number(word: &&str) -> bool {
    word.starts_with(|c: char| c.is_ascii_digit())
}

/// The words of a name that are no numbers.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(' ').filter(|word| !is_number(word))
}

/// The number in a name.
fn number(text: &str) -> Option<&str> {
    text.split(' ').find(is_number)
}

/// By which of several streets of one name it is called so.
fn side(text: &str) -> Option<&str> {
    words(text).find(|word| COMPASS.contains(word))
}

/// Whether a word is among the words of a matter, whether a rule uses it or not.
fn said(word: &str, words: &[u32]) -> bool {
    let stem = stem::stem(word);
    [false, true].iter().any(|rare| words.binary_search(&word_hash(&stem, *rare)).is_ok())
}

/// Whether two words of a name are the same, give or take one letter in a long one.
fn alike(one: &str, other: &str) -> bool {
    if one == other {
        return true;
    }
    if one.len() < 6 || other.len() < 6 || one.len().abs_diff(other.len()) > 1 {
        return false;
    }
    let front = one.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count();
    let back = one.bytes().rev().zip(other.bytes().rev()).take_while(|(a, b)| a == b).count();
    front + back + 1 >= one.len().max(other.len())
}
