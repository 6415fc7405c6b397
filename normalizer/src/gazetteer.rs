//! Regions named in free text: longest match, words before and after, parents that agree. The words are in
//! `data/place_words.txt`, which anyone can read and extend.
//!
//! A bare name that a kecamatan and a kelurahan share means the kecamatan; a name inside a street, a station or a
//! market is no place; where names disagree, fewer levels are said rather than a wrong one.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::LazyLock,
};

use crate::{
    region::{self, Level, Region},
    words::{Gap, Word},
};

/// The most words that a name has.
const LONGEST: usize = 4;

/// What a text says about the region.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Named {
    /// Kelurahan, kecamatan or kota: the lowest that is sure.
    pub region: Option<&'static Region>,
    /// Whether a word of level stood before it (`kel.`), or a parent agreed with it.
    pub stated: bool,
    /// Whether the text also named a region that does not fit.
    pub conflict: bool,
}

impl PartialEq for Region {
    fn eq(&self, other: &Self) -> bool {
        self.code == other.code
    }
}

impl Eq for Region {}

/// The regions that have a name, by level.
#[derive(Clone, Copy, Debug, Default)]
struct Names {
    kelurahan: Option<&'static Region>,
    kecamatan: Option<&'static Region>,
    kota: Option<&'static Region>,
    weak: bool,
}

struct Gazetteer {
    /// By the name's letters without spaces: `pulogadung` is also written `Pulo Gadung`.
    names: HashMap<String, Names>,
    levels: HashMap<&'static str, Level>,
    not_before: HashSet<&'static str>,
    not_after: HashSet<&'static str>,
    place: HashSet<&'static str>,
}

static GAZETTEER: LazyLock<Gazetteer> = LazyLock::new(Gazetteer::read);

fn letters(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

impl Gazetteer {
    fn read() -> Self {
        let mut gazetteer = Self {
            names: HashMap::new(),
            levels: HashMap::new(),
            not_before: HashSet::new(),
            not_after: HashSet::new(),
            place: HashSet::new(),
        };
        let rules = include_str!("../data/place_words.txt").lines().map(str::trim);
        let rules: Vec<(&str, &str)> =
            rules.filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(' ')).collect();
        let shorts: BTreeMap<&str, Vec<&str>> = rules
            .iter()
            .filter(|(rule, _)| *rule == "short")
            .filter_map(|(_, rest)| rest.split_once(' '))
            .fold(BTreeMap::new(), |mut shorts, (short, full)| {
                shorts.entry(full).or_insert_with(Vec::new).push(short);
                shorts
            });
        for region in region::all() {
            let name = region.name.to_lowercase();
            gazetteer.add(&name, region);
            if let Some((first, rest)) = name.split_once(' ') {
                for short in shorts.get(first).into_iter().flatten() {
                    gazetteer.add(&format!("{short} {rest}"), region);
                }
            }
        }
        for (rule, rest) in rules {
            match rule {
                "level" => {
                    if let Some((word, level)) = rest.split_once(' ') {
                        let level = if level == "kecamatan" { Level::Kecamatan } else { Level::Kelurahan };
                        gazetteer.levels.insert(word, level);
                    }
                }
                "not-before" => drop(gazetteer.not_before.insert(rest)),
                "not-after" => drop(gazetteer.not_after.insert(rest)),
                "place" => drop(gazetteer.place.insert(rest)),
                "weak" => {
                    if let Some(names) = gazetteer.names.get_mut(&letters(rest)) {
                        names.weak = true;
                    }
                }
                "kota" => {
                    let Some((name, official)) = rest.split_once(" = ") else { continue };
                    if let Some(kota) = region::all().find(|region| region.name == official) {
                        gazetteer.add(name, kota);
                    }
                }
                _ => {}
            }
        }
        gazetteer
    }

    fn add(&mut self, name: &str, region: &'static Region) {
        let names = self.names.entry(letters(name)).or_default();
        match region.level {
            Level::Kelurahan => names.kelurahan = Some(region),
            Level::Kecamatan => names.kecamatan = Some(region),
            Level::Kota => names.kota = Some(region),
            Level::Provinsi => {}
        }
    }
}

/// A name in the text.
#[derive(Clone, Copy, Debug)]
struct Mention {
    names: Names,
    level: Option<Level>,
    /// A word of place stands before it, or it stands alone between two stops.
    alone: bool,
}

/// How sure a kelurahan is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Strength {
    Weak,
    Bare,
    Agreed,
    Stated,
}

/// The region that a text names.
#[must_use]
pub fn named(words: &[Word]) -> Named {
    let mentions = mentions(words);
    let kecamatan = kecamatan(&mentions);
    let kota = mentions.iter().find_map(|mention| mention.names.kota);
    let mut best: Option<(Strength, &'static Region)> = None;
    for mention in &mentions {
        let Some(region) = mention.names.kelurahan else { continue };
        let shared = mention.names.kecamatan.is_some();
        let under = |parent: &Region| region.code.as_str().starts_with(parent.code.as_str());
        let agreed = kecamatan.iter().any(|(_, parent)| under(parent)) || kota.is_some_and(under);
        let strength = match mention.level {
            Some(Level::Kelurahan) => Strength::Stated,
            Some(_) => continue,
            None if shared => continue,
            None if agreed => Strength::Agreed,
            None if mention.names.weak && !mention.alone => Strength::Weak,
            None => Strength::Bare,
        };
        if best.is_none_or(|(known, _)| strength > known) {
            best = Some((strength, region));
        }
    }
    let stated = kecamatan.iter().find(|(stated, _)| *stated).or(kecamatan.first());
    let fits = |region: &Region, parent: &Region| region.code.as_str().starts_with(parent.code.as_str());
    match (best.filter(|(strength, _)| *strength > Strength::Weak), stated) {
        (Some((strength, region)), parent) => {
            let stranger = parent.filter(|(_, parent)| !fits(region, parent));
            let wrong_kota = kota.is_some_and(|kota| !fits(region, kota));
            match stranger {
                // a bare name against a stated kecamatan: only the kecamatan is sure
                Some((true, parent)) if strength < Strength::Stated => {
                    Named { region: Some(parent), stated: true, conflict: true }
                }
                _ if wrong_kota && strength < Strength::Stated => {
                    Named { region: kota, stated: true, conflict: true }
                }
                stranger => Named {
                    region: Some(region),
                    stated: strength >= Strength::Agreed,
                    conflict: stranger.is_some_and(|(stated, _)| *stated) || wrong_kota,
                },
            }
        }
        (None, Some((stated, parent))) => {
            let conflict = kota.is_some_and(|kota| !fits(parent, kota));
            if conflict && !stated {
                return Named { region: kota, stated: true, conflict };
            }
            Named { region: Some(parent), stated: *stated || kota.is_some(), conflict }
        }
        (None, None) => Named { region: kota, stated: kota.is_some(), conflict: false },
    }
}

/// The kecamatan that are named, each with whether a word of level said so.
fn kecamatan(mentions: &[Mention]) -> Vec<(bool, &'static Region)> {
    let named = mentions.iter().filter_map(|mention| {
        let region = mention.names.kecamatan?;
        match mention.level {
            Some(Level::Kecamatan) => Some((true, region)),
            // `Kel. Menteng` says nothing of the kecamatan beyond its own
            Some(_) => None,
            None if mention.names.weak && !mention.alone => None,
            None => Some((false, region)),
        }
    });
    named.collect()
}

fn mentions(words: &[Word]) -> Vec<Mention> {
    let gazetteer = &*GAZETTEER;
    let mut mentions = Vec::new();
    let mut place = 0;
    while place < words.len() {
        let Some((length, names)) = longest(gazetteer, words, place) else {
            place += 1;
            continue;
        };
        if let Some(mention) = judge(gazetteer, words, place, length, names) {
            mentions.push(mention);
        }
        place += length;
    }
    mentions
}

/// The longest name that begins at a word.
fn longest(gazetteer: &Gazetteer, words: &[Word], place: usize) -> Option<(usize, Names)> {
    if matches!(words[place].gap, Gap::At | Gap::Hash) {
        return None;
    }
    let rest = &words[place..];
    let joined = rest.iter().skip(1).take_while(|word| word.gap.joins()).count() + 1;
    // an abbreviation's full stop does not part a name: `Kp. Melayu`
    let joined =
        if joined == 1 && rest.get(1).is_some_and(|word| word.gap == Gap::Dot) && rest[0].folded.len() <= 4 {
            2 + rest.iter().skip(2).take_while(|word| word.gap.joins()).count()
        } else {
            joined
        };
    (1..=joined.min(LONGEST)).rev().find_map(|length| {
        let name: String = rest[..length].iter().map(|word| word.folded.as_str()).collect();
        gazetteer.names.get(&name).map(|names| (length, *names))
    })
}

/// What the words around a name make of it; nothing if it is the name of something else.
fn judge(
    gazetteer: &Gazetteer,
    words: &[Word],
    place: usize,
    length: usize,
    names: Names,
) -> Option<Mention> {
    let first = &words[place];
    let near = |word: &Word| matches!(word.gap, Gap::Space | Gap::Dot | Gap::Hyphen);
    let before = place.checked_sub(1).map(|before| &words[before]).filter(|_| near(first));
    let level = before
        .and_then(|word| gazetteer.levels.get(word.folded.as_str()))
        .copied()
        .or_else(|| level_after_a_colon(gazetteer, words, place));
    let after = words.get(place + length);
    if level.is_none() {
        // `Jl. Raya Cilincing`, `Halte Bus Guntur`
        let skip =
            before.is_some_and(|word| matches!(word.folded.as_str(), "raya" | "bus" | "kereta" | "kecil"));
        let sign = if skip { place.checked_sub(2).map(|before| &words[before]) } else { before };
        let under =
            place.checked_sub(2).is_some_and(|two| matches!(words[two].folded.as_str(), "kolong" | "bawah"));
        if sign.is_some_and(|word| gazetteer.not_before.contains(word.folded.as_str())) && !under {
            return None;
        }
        let follows = after.filter(|word| word.gap.joins());
        if follows.is_some_and(|word| gazetteer.not_after.contains(word.folded.as_str())) {
            return None;
        }
    }
    let opens = place == 0 || matches!(first.gap, Gap::Break | Gap::Dot);
    let closes = after.is_none_or(|word| matches!(word.gap, Gap::Break | Gap::Dot | Gap::At | Gap::Hash));
    let of_place = before.is_some_and(|word| gazetteer.place.contains(word.folded.as_str()));
    let next_is_unit = after.is_some_and(|word| matches!(word.folded.as_str(), "rt" | "rw"));
    // "di tengah", "di baru": a place only if it is written like a name
    let alone = (opens && closes) || (of_place && (first.capital || closes)) || (next_is_unit && opens);
    Some(Mention { names, level, alone })
}

/// `Kelurahan: Menteng`.
fn level_after_a_colon(gazetteer: &Gazetteer, words: &[Word], place: usize) -> Option<Level> {
    let before = words.get(place.checked_sub(1)?)?;
    let close = words[place].gap == Gap::Break && words[place].start - before.end <= 2;
    if close { gazetteer.levels.get(before.folded.as_str()).copied() } else { None }
}
