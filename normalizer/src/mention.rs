//! What a text says about the region: the words before and after a name, parents that agree, and what is only named to
//! say where it is not.
//!
//! A bare name that a kecamatan and a kelurahan share means the kecamatan; a name inside a street, a station or a
//! market is no place; where names disagree, fewer levels are said rather than a wrong one.

mod around;

use around::{
    after_a_colon, after_a_street, both_levels, follows_unit, goes_on, is_aside, is_unit, is_unlike, is_way,
    is_way_from,
};

pub(crate) use around::is_shortened;

use crate::{
    gazetteer::{Gazetteer, Meaning, Names, Sign},
    region::{self, Level, Region},
    words::{Gap, Word},
};

/// A topic of more letters is no common word: `#PasarBaru`.
const SHORT_TOPIC: usize = 7;
/// The most words between a name and the one that corrects it.
const CORRECTION: usize = 8;
/// The most words that a street is called by behind the region that it is named after: `galur sari`, `kalibaru timur 4`.
const SUFFIX: usize = 2;

/// What a text says about the region.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Named {
    /// Kelurahan, kecamatan or kota: the lowest that is sure.
    pub region: Option<&'static Region>,
    /// Whether a word of level stood before it (`kel.`), or a parent agreed with it.
    pub stated: bool,
    /// A region above it that the text also names.
    pub agrees: Option<&'static Region>,
    /// A region that the text also names and that does not fit.
    pub against: Option<&'static Region>,
}

/// A name in the text.
#[derive(Clone, Copy, Debug)]
struct Mention {
    /// Its first word, and the first after it.
    words: (usize, usize),
    names: Names,
    level: Option<Level>,
    evidence: Evidence,
    /// Of where somebody lives or goes to.
    aside: bool,
}

/// What says that a name is a place's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Evidence {
    None,
    /// It stands alone between two stops.
    Alone,
    /// A word of place stands before it.
    Words,
    /// An RT or RW stands beside it.
    Unit,
}

/// How sure a kelurahan is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Strength {
    Weak,
    /// A weak name that stands alone: it may be somebody's signature.
    Alone,
    Bare,
    /// It has an RT or RW.
    Housed,
    Agreed,
    Stated,
}

/// The region that a text names.
#[must_use]
pub fn named(words: &[Word]) -> Named {
    let mentions = without_asides(&with_pairs_joined(words, corrected(words, mentions(words))));
    let kota = mentions.iter().find_map(|mention| mention.names.kota);
    let kecamatan = kecamatan(&mentions, kota);
    let mut best: Option<(Strength, &'static Region)> = None;
    let mut last: Option<&Mention> = None;
    for mention in &mentions {
        let Some(region) = mention.names.kelurahan else { continue };
        // `Jatinegara, Cakung`: the kecamatan named beside it is another one than that of the same name
        let shared = mention
            .names
            .kecamatan
            .is_some_and(|own| own.has(region) || !kecamatan.iter().any(|(_, parent)| parent.has(region)));
        let agreed = kecamatan.iter().any(|(_, parent)| parent.has(region))
            || kota.is_some_and(|kota| kota.has(region));
        let strength = match (mention.level, mention.names.meaning) {
            (Some(Level::Kelurahan), _) => Strength::Stated,
            _ if shared => continue,
            _ if agreed => Strength::Agreed,
            (_, meaning) => match mention.evidence {
                Evidence::Unit => Strength::Housed,
                Evidence::None if meaning != Meaning::Plain => Strength::Weak,
                Evidence::Alone if meaning != Meaning::Plain => Strength::Alone,
                _ => Strength::Bare,
            },
        };
        let within = last.is_some_and(|last| runs_on(words, last, mention));
        if best.is_none_or(|(known, _)| strength > known || within && strength == known) {
            best = Some((strength, region));
            last = Some(mention);
        }
    }
    let fitting = |region: &Region| kecamatan.iter().find(|(_, parent)| parent.has(region));
    let parent = kecamatan
        .iter()
        .find(|(stated, _)| *stated)
        .or_else(|| best.and_then(|(_, region)| fitting(region)))
        .or(kecamatan.first());
    let best = best.filter(|(strength, region)| match strength {
        Strength::Weak => false,
        Strength::Alone => {
            parent.is_none_or(|(_, parent)| parent.has(region)) && kota.is_none_or(|kota| kota.has(region))
        }
        _ => true,
    });
    weigh(best, parent.copied(), kota)
}

/// Whether a name stands right behind the street or house that is called like another region: `bengkel las kalibaru timur utan
/// panjang`, `SD negeri galur sari utan kayu selatan`. What is smaller is said first.
fn runs_on(words: &[Word], street: &Mention, name: &Mention) -> bool {
    let between = words.get(street.words.1..name.words.0).unwrap_or_default();
    let joined = words.get(street.words.1..=name.words.0).unwrap_or_default();
    (1..=SUFFIX).contains(&between.len())
        && joined.iter().all(|word| word.gap == Gap::Space)
        && !between.iter().any(|word| Gazetteer::get().is_sign(word))
}

/// What is passed on of a kelurahan, a kecamatan and a kota that may not fit each other.
fn weigh(
    best: Option<(Strength, &'static Region)>,
    parent: Option<(bool, &'static Region)>,
    kota: Option<&'static Region>,
) -> Named {
    let Some((strength, region)) = best else {
        let Some((stated, parent)) = parent else {
            return Named { region: kota, stated: kota.is_some(), ..Named::default() };
        };
        let (agrees, against) = split(kota, parent);
        return match against {
            Some(kota) if !stated => {
                Named { region: Some(kota), stated: true, against: Some(parent), ..Named::default() }
            }
            _ => Named { region: Some(parent), stated: stated || kota.is_some(), agrees, against },
        };
    };
    let (kecamatan, stranger) = split(parent.map(|(_, parent)| parent), region);
    let (kota_agrees, wrong_kota) = split(kota, region);
    // a bare name against what is stated: only that is sure
    if strength < Strength::Stated {
        let stated = stranger.filter(|_| parent.is_some_and(|(stated, _)| stated)).or(wrong_kota);
        if stated.is_some() {
            return Named { region: stated, stated: true, agrees: None, against: Some(region) };
        }
    }
    Named {
        region: Some(region),
        stated: strength >= Strength::Agreed,
        agrees: kecamatan.or(kota_agrees),
        // a bare kecamatan beside it may be where the reporter lives
        against: stranger.filter(|_| parent.is_some_and(|(stated, _)| stated)).or(wrong_kota),
    }
}

/// A region that may lie above another: one that does, and one that does not.
fn split(
    parent: Option<&'static Region>,
    region: &Region,
) -> (Option<&'static Region>, Option<&'static Region>) {
    (parent.filter(|parent| parent.has(region)), parent.filter(|parent| !parent.has(region)))
}

/// The kecamatan that are named, each with whether a word of level said so.
fn kecamatan(mentions: &[Mention], kota: Option<&Region>) -> Vec<(bool, &'static Region)> {
    // `Kwitang, Senen`: the name before it lies in it
    let follows = |mention: &Mention, region: &Region| {
        mentions.iter().any(|other| {
            other.words.1 == mention.words.0 && other.names.kelurahan.is_some_and(|other| region.has(other))
        })
    };
    let named = mentions.iter().filter_map(|mention| {
        let region = mention.names.kecamatan?;
        match mention.level {
            Some(Level::Kecamatan) => Some((true, region)),
            // `Kel. Menteng` says nothing of the kecamatan beyond its own
            Some(_) if mention.names.kelurahan.is_some() => None,
            None if mention.is_sure()
                || kota.is_some_and(|kota| kota.has(region))
                || follows(mention, region) =>
            {
                Some((false, region))
            }
            None => None,
            _ => Some((false, region)),
        }
    });
    named.collect()
}

impl Mention {
    /// The region that the name stands for by itself.
    fn region(&self) -> Option<&'static Region> {
        let Names { kelurahan, kecamatan, kota, .. } = self.names;
        if self.level == Some(Level::Kelurahan) { kelurahan.or(kecamatan) } else { kecamatan.or(kelurahan) }
            .or(kota)
    }

    fn is_sure(&self) -> bool {
        self.level.is_some() || self.names.meaning == Meaning::Plain || self.evidence != Evidence::None
    }
}

/// Leaves out where people live or go to, if the text names another place.
fn without_asides(mentions: &[Mention]) -> Vec<Mention> {
    let others = |aside: &Mention| {
        mentions.iter().any(|other| {
            let matter = !other.aside
                && other.is_sure()
                && (other.level.is_some() || other.evidence != Evidence::None);
            let related = aside.region().zip(other.region()).is_some_and(|(a, b)| a.has(b) || b.has(a));
            matter && !related
        })
    };
    mentions.iter().filter(|mention| !mention.aside || !others(mention)).copied().collect()
}

/// `di Cipete Selatan, eh salah, Cipete Utara`: the last word is what is meant.
fn corrected(words: &[Word], mentions: Vec<Mention>) -> Vec<Mention> {
    let gazetteer = Gazetteer::get();
    let mut meant: Vec<Mention> = Vec::with_capacity(mentions.len());
    for mention in mentions {
        let between = meant.last().and_then(|last| words.get(last.words.1..mention.words.0));
        let corrects = between.is_some_and(|between| {
            between.len() <= CORRECTION && between.iter().any(|word| gazetteer.sign(word).corrects)
        });
        if corrects && mention.is_sure() {
            // `Kwitang Senen, eh, Kramat`: what the wrong name lies in goes with it
            let wrong = meant.pop();
            let wrong = wrong.as_ref().and_then(Mention::region);
            while wrong.is_some_and(|wrong| related(wrong, meant.last().and_then(Mention::region))) {
                meant.pop();
            }
        }
        meant.push(mention);
    }
    meant
}

fn related(a: &Region, b: Option<&Region>) -> bool {
    b.is_some_and(|b| a.has(b) || b.has(a))
}

/// `Klender dan Pondok Bambu` is what both are part of; `dari Cawang ke Tebet` is a way.
fn with_pairs_joined(words: &[Word], mentions: Vec<Mention>) -> Vec<Mention> {
    let mut joined: Vec<Mention> = Vec::with_capacity(mentions.len());
    for mention in mentions {
        let between = joined.last().and_then(|last| words.get(last.words.1..mention.words.0));
        let apart = joined.last().is_some_and(|last| {
            last.region().zip(mention.region()).is_some_and(|(a, b)| !a.has(b) && !b.has(a))
        });
        let word = between.and_then(|between| match between {
            // `ruas Cawang - Cililitan`
            [] if words[mention.words.0].gap == Gap::Hyphen && apart => Some("dan"),
            [word] => Some(word.folded.as_str()),
            // `dari Klender mau ke Pondok Kopi`
            [.., to] if between.len() == 2 && to.folded == "ke" => Some("ke"),
            [word, level]
                if matches!(level.folded.as_str(), "di" | "kel" | "kelurahan" | "kec" | "kecamatan") =>
            {
                Some(word.folded.as_str())
            }
            _ => None,
        });
        let before = joined
            .last()
            .and_then(|last| last.words.0.checked_sub(1))
            .map_or("", |before| words[before].folded.as_str());
        match (word, joined.last().copied()) {
            (Some("dan" | "dengan" | "serta" | "n"), Some(last)) if last.is_sure() && mention.is_sure() => {
                joined.pop();
                let common = last.region().zip(mention.region()).and_then(|(a, b)| common(a, b));
                let Some(region) = common else { continue };
                let names = match region.level {
                    Level::Kelurahan => Names { kelurahan: Some(region), ..Names::default() },
                    Level::Kecamatan => Names { kecamatan: Some(region), ..Names::default() },
                    _ => Names { kota: Some(region), ..Names::default() },
                };
                let level = last.level.map(|_| region.level);
                joined.push(Mention { words: (last.words.0, mention.words.1), names, level, ..last });
            }
            (Some("ke" | "sampai" | "sampe" | "hingga" | "menuju" | "sd"), Some(_))
                if matches!(before, "dari" | "dr" | "antara") =>
            {
                joined.pop();
            }
            _ => joined.push(mention),
        }
    }
    joined
}

/// The smallest region that both are part of.
fn common(a: &Region, b: &Region) -> Option<&'static Region> {
    [Level::Kelurahan, Level::Kecamatan, Level::Kota]
        .into_iter()
        .filter_map(|level| region::at(&a.code, level))
        .find(|region| region.has(b))
}

fn mentions(words: &[Word]) -> Vec<Mention> {
    let gazetteer = Gazetteer::get();
    let mut mentions = Vec::new();
    let (mut place, mut way) = (0, None);
    while place < words.len() {
        let exact = gazetteer.longest(words, place);
        if let Some((length, names)) = exact {
            let (length, names) = longer(gazetteer, words, place, length).unwrap_or((length, names));
            let from = is_way_from(words, place, place + length);
            let goes =
                from || is_way(gazetteer, words, place) || way.is_some_and(|way| goes_on(words, way, place));
            if goes {
                way = Some(place + length);
            } else if names.meaning != Meaning::Other
                && let Some(mention) = judge(gazetteer, words, (place, place + length), names)
            {
                mentions.push(mention);
            }
            place += length;
        } else if let Some(mention) = slipped(gazetteer, words, place) {
            mentions.push(mention);
            place = mention.words.1;
        } else {
            place += 1;
        }
    }
    mentions
}

/// A name with a slip that is longer than the one that stands there exactly: `Gunung Sahair Selatan` is not `Gunung`.
fn longer(gazetteer: &Gazetteer, words: &[Word], place: usize, exact: usize) -> Option<(usize, Names)> {
    let level = place.checked_sub(1).and_then(|before| gazetteer.sign(&words[before]).level);
    let bare = || level.and_then(|_| gazetteer.slipped(words, place, None));
    gazetteer.slipped(words, place, level).or_else(bare).filter(|(length, _)| *length > exact)
}

/// A name with a slip of the pen, where a name is to be expected.
fn slipped(gazetteer: &Gazetteer, words: &[Word], place: usize) -> Option<Mention> {
    let first = &words[place];
    let letter = first.folded.bytes().next().is_some_and(|b| b.is_ascii_alphabetic());
    if !letter || matches!(first.gap, Gap::At | Gap::Hash) {
        return None;
    }
    let before = place.checked_sub(1).map(|before| &words[before]);
    let sign = before.map_or_else(Sign::default, |word| gazetteer.sign(word));
    let opens = matches!(first.gap, Gap::Break | Gap::Dot);
    let level = sign.level.filter(|_| !opens || first.gap == Gap::Dot || after_a_colon(words, place));
    if (level.is_none() && !opens && !sign.place) || gazetteer.is_sign(first) {
        return None;
    }
    let (length, names) = gazetteer.slipped(words, place, level)?;
    let mention = judge(gazetteer, words, (place, place + length), names)?;
    let happens = words.get(place + length).is_some_and(|word| gazetteer.sign(word).happens || is_unit(word));
    (level.is_some() || mention.evidence != Evidence::None || happens).then_some(mention)
}

/// What the words around a name make of it; nothing if it is the name of something else.
fn judge(gazetteer: &Gazetteer, words: &[Word], range: (usize, usize), names: Names) -> Option<Mention> {
    let (place, end) = range;
    let first = &words[place];
    let near = matches!(first.gap, Gap::Space | Gap::Dot | Gap::Hyphen);
    let before = place.checked_sub(1).map(|before| &words[before]);
    let beside = before.filter(|_| near).map_or_else(Sign::default, |word| gazetteer.sign(word));
    let level = beside.level.or_else(|| {
        before.filter(|_| after_a_colon(words, place)).and_then(|word| gazetteer.sign(word).level)
    });
    let level = if level == Some(Level::Kecamatan) && both_levels(gazetteer, words, place) {
        Some(Level::Kelurahan)
    } else {
        level
    };
    let after = words.get(end);
    let follows =
        after.filter(|word| word.gap.joins()).map_or_else(Sign::default, |word| gazetteer.sign(word));
    let weak = names.meaning != Meaning::Plain;
    if is_unlike(gazetteer, words, place) {
        return None;
    }
    let opens = place == 0 || matches!(first.gap, Gap::Break | Gap::Dot);
    if level.is_none() {
        let sign = if beside.between {
            place.checked_sub(2).map_or_else(Sign::default, |before| gazetteer.sign(&words[before]))
        } else {
            beside
        };
        let under =
            place.checked_sub(2).is_some_and(|two| matches!(words[two].folded.as_str(), "kolong" | "bawah"));
        // the lights of streets: `lampu jalan Klender`
        let lights = place
            .checked_sub(2)
            .is_some_and(|two| words[two].folded == "lampu" && words[place - 1].folded == "jalan");
        // `… dekat kali. Petamburan`: a sentence ended
        let ended = first.gap == Gap::Dot && before.is_some_and(|word| !is_shortened(&word.folded));
        let counted = after.is_some_and(|word| {
            word.gap == Gap::Space && word.folded.bytes().all(|byte| byte.is_ascii_digit())
        });
        let is_another = sign.not_before
            || sign.not_before_one && (end == place + 1 || names.kecamatan.is_some())
            || sign.not_before_weak && (weak || counted || names.kecamatan.is_some());
        let named_so = is_another && !ended && !under && !lights && !after_a_street(gazetteer, words, place);
        if named_so || follows.not_after {
            return None;
        }
        let signed = before.is_some_and(|word| matches!(gazetteer.sign(word), Sign { not_weak: true, .. }));
        if weak && signed {
            return None;
        }
    }
    let closes = after.is_none_or(|word| matches!(word.gap, Gap::Break | Gap::Dot | Gap::At | Gap::Hash));
    // `di Gunung`, not `di tengah` or `DI TENGAH`
    let common = names.meaning == Meaning::Common;
    let named = !common || (first.capital && !opens && !before.is_some_and(|word| word.capital));
    let happens = opens && follows.happens && !common;
    let topic =
        first.gap == Gap::Hash && (names.meaning == Meaning::Weak || first.folded.len() > SHORT_TOPIC);
    let housed = (after.is_some_and(is_unit) && !beside.not_weak && named)
        || (follows_unit(words, place) && (!weak || closes));
    let last = first.capital && after.is_none();
    let evidence = if housed {
        Evidence::Unit
    } else if (beside.place && named) || topic || happens {
        Evidence::Words
    } else if opens && closes && (!common || last) {
        Evidence::Alone
    } else {
        Evidence::None
    };
    Some(Mention { words: range, names, level, evidence, aside: is_aside(gazetteer, words, place) })
}
