//! How alike two matters are. Points are added for what agrees and taken off for what does not; what cannot both be true
//! of one matter ends it. The points were set by hand on labelled pairs, for few wrong links rather than for many links.

use super::{
    Likeness, Matter, Name, SHINGLES, Thresholds,
    distance::{APART, distance},
    features::{COMPASS, inside, is_kelurahan, word_hash},
    rules::{RULES, Rules, Sort},
};
use crate::stem;

/// So many equal numbers of a MinHash are nearly the same words (an estimated Jaccard similarity of 0.8).
const NEARLY_SAME: usize = SHINGLES * 4 / 5;
/// Metres across the border of two kelurahan.
const ACROSS: f64 = 60.0;
/// What nearly the same words or the same photo score.
const SAME: f64 = 0.95;

/// How alike two are; nothing below the threshold.
#[must_use]
pub fn compare(new: &Matter, old: &Matter, thresholds: &Thresholds) -> Option<Likeness> {
    let apart = new.at.duration_since(old.at).unsigned_abs().as_secs_f64() / 86_400.0;
    let window = f64::from(thresholds.days).max(1.0);
    if apart > window {
        return None;
    }
    if thresholds.too_far(new.point, old.point) {
        return None;
    }
    let metres = new.point.zip(old.point).map(|(one, other)| distance(one, other));
    let rules = &*RULES;
    let equal = new.shingles.iter().zip(&old.shingles).filter(|(one, other)| one == other).count();
    let same_words = new.text == old.text || equal >= NEARLY_SAME;
    let photo = new.photos.iter().any(|photo| old.photos.contains(photo));
    let mut sum = Sum::default();
    let category = agreement(&new.categories, &old.categories);
    let subject = subject(rules, new, old, category, &mut sum);
    if subject.is_none() && !same_words && !photo {
        return None;
    }
    let reach = reach(rules, &subject.unwrap_or_default(), thresholds);
    let wide = reach.wide;
    let close = metres.is_some_and(|metres| metres <= reach.metres);
    let placed = spot(new, old, metres, reach, &mut sum)?;
    let named = common_name(new, old);
    anchor(new, old, named, wide || close, &mut sum);
    // every estate has a block 5
    let told = named.is_some_and(|name| !name.starts_with("blok "));
    if !placed && !told && !close && !same_words && !photo {
        return None;
    }
    let shared = landmarks(rules, new, old, wide || named.is_some(), &mut sum);
    let quarter = new.rw > 0 && new.rw == old.rw;
    let anchored = |matter: &Matter| !matter.names.is_empty() || !matter.places.is_empty();
    details(rules, new, old, &mut sum);
    if !wide && !shared && named.is_none() && !close && !quarter {
        // nothing but kelurahan and subject is the same; worse if both say where exactly
        sum.score -= match (anchored(new), anchored(old)) {
            (true, true) => 0.18,
            (false, false) => 0.09,
            _ => 0.05,
        };
    }
    let overlap = overlap(&new.words, &old.words);
    if overlap >= 0.5 {
        sum.say(format!("{:.0} % of the words that count", overlap * 100.0));
    }
    sum.score += 0.3 * overlap;
    match category {
        Agreement::Same => sum.add(0.06, "same category".to_owned()),
        Agreement::Apart => sum.score -= 0.06,
        Agreement::Near | Agreement::Unknown => {}
    }
    sum.score -= 0.1 * apart / window;
    let mut score = sum.score;
    if same_words {
        score = score.max(SAME);
        sum.say("nearly the same words".to_owned());
    }
    if photo {
        score = score.max(SAME);
        sum.say("same photo".to_owned());
    }
    let score = (score.clamp(0.0, 1.0) * 100.0).round() / 100.0;
    (score >= thresholds.score).then_some(Likeness { score, reasons: sum.reasons })
}

/// Points so far, and why.
#[derive(Default)]
struct Sum {
    score: f64,
    reasons: Vec<String>,
}

impl Sum {
    fn add(&mut self, points: f64, reason: String) {
        self.score += points;
        self.say(reason);
    }

    fn say(&mut self, reason: String) {
        self.reasons.push(reason);
    }
}

/// How subjects agree: nothing if they are two. With the metres within which one may be reported, and whether it strikes
/// a neighbourhood.
fn subject(
    rules: &Rules,
    new: &Matter,
    old: &Matter,
    category: Agreement,
    sum: &mut Sum,
) -> Option<[Option<u8>; 2]> {
    if new.subjects.is_empty() || old.subjects.is_empty() {
        // too little is known; the words alone must do
        sum.score += match category {
            Agreement::Same => 0.2,
            Agreement::Near => 0.1,
            Agreement::Unknown => 0.0,
            Agreement::Apart => return None,
        };
        let of = |matter: &Matter| Some(rules.concept(*matter.subjects.first()?)?.family);
        return Some([of(new), of(old)]);
    }
    let (mut best, mut points, mut shared) = (None, 0.0, 0);
    // families in which both name something definite, and those in which they agree
    let (mut clashes, mut agreed) = (Vec::new(), Vec::new());
    for one in &new.subjects {
        for other in &old.subjects {
            if rules.apart(*one, *other) {
                return None;
            }
            let (Some(a), Some(b)) = (rules.concept(*one), rules.concept(*other)) else { continue };
            let worth = if one == other {
                match (a.vague, a.common) {
                    _ if a.own => 0.1,
                    (true, true) => 0.18,
                    (true, false) => 0.24,
                    (false, true) => 0.26,
                    (false, false) => 0.46,
                }
            } else if rules.near(*one, *other) {
                0.2
            } else if a.family != b.family {
                continue;
            } else if a.vague || b.vague {
                0.14
            } else {
                clashes.push(a.family);
                continue;
            };
            if worth >= 0.2 && !a.vague {
                agreed.extend([a.family, b.family]);
            }
            shared += usize::from(one == other && !a.vague);
            if worth > points {
                (best, points) = (Some((a, b)), worth);
            }
        }
    }
    let definite = |matter: &Matter| {
        matter.subjects.iter().any(|one| rules.concept(*one).is_some_and(|concept| !concept.vague))
    };
    let Some((one, other)) = best else {
        // the words of different kinds of trouble: one of them may be said beside the matter
        let unsure = !definite(new) || !definite(old);
        let of = |matter: &Matter| Some(rules.concept(*matter.subjects.first()?)?.family);
        let points = match category {
            Agreement::Same if unsure => 0.1,
            _ => return None,
        };
        sum.score += points;
        return Some([of(new), of(old)]);
    };
    // two holes and a speed bump beside one of them are still one matter; a hole and a speed bump are two
    let clash = clashes.iter().any(|family| !agreed.contains(family));
    if clash && agreed.is_empty() {
        return None;
    }
    points += match shared {
        0 | 1 => 0.0,
        2 => 0.08,
        _ => 0.14,
    };
    if clash {
        points -= 0.2;
    }
    // his bill and the water that is off in the whole street
    let own = |these: &Matter, those: &Matter| {
        these.subjects.iter().any(|one| {
            rules.concept(*one).is_some_and(|concept| concept.own && !concept.vague)
                && !those.subjects.contains(one)
        })
    };
    if agreed.is_empty() && (own(new, old) || own(old, new)) {
        return None;
    }
    // each says something definite that the other does not
    let alone = |these: &Matter, those: &Matter| {
        these.subjects.iter().any(|one| {
            let definite = rules.concept(*one).is_some_and(|concept| !concept.vague);
            definite && !those.subjects.iter().any(|other| one == other || rules.near(*one, *other))
        })
    };
    if alone(new, old) && alone(old, new) {
        let wide = rules.family(one.family).is_some_and(|family| family.wide);
        if agreed.is_empty() && !wide {
            return None;
        }
        points -= if wide { 0.04 } else { 0.08 };
    }
    let words = if one.key == other.key {
        format!("same subject: {}", one.name)
    } else {
        format!("{} and {}", one.name, other.name)
    };
    sum.add(points, words);
    Some([Some(one.family), Some(other.family)])
}

/// How far from each other one matter may be reported.
#[derive(Clone, Copy, Default)]
struct Reach {
    metres: f64,
    /// It strikes a neighbourhood, so different streets do not tell two apart.
    wide: bool,
    /// But different RW do.
    quarters: bool,
}

/// The wider reach of two kinds of trouble.
fn reach(rules: &Rules, families: &[Option<u8>; 2], thresholds: &Thresholds) -> Reach {
    let mut reach: Option<Reach> = None;
    for family in families.iter().flatten().filter_map(|family| rules.family(*family)) {
        let metres = thresholds.radii.get(family.name).copied().unwrap_or(thresholds.radius_m);
        let known = reach.get_or_insert_default();
        known.metres = known.metres.max(f64::from(metres));
        known.wide |= family.wide;
        known.quarters |= family.quarters;
    }
    reach.unwrap_or(Reach { metres: f64::from(thresholds.radius_m), ..Reach::default() })
}

/// How the suggested categories agree.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Agreement {
    /// Both are best.
    Same,
    /// One's best is among the other's.
    Near,
    /// None is in common.
    Apart,
    /// One has none.
    Unknown,
}

fn agreement(new: &[u32], old: &[u32]) -> Agreement {
    match (new.first(), old.first()) {
        (Some(one), Some(other)) if one == other => Agreement::Same,
        (Some(one), Some(other)) if new.contains(other) || old.contains(one) => Agreement::Near,
        (Some(_), Some(_)) if new.iter().any(|one| old.contains(one)) => Agreement::Unknown,
        (Some(_), Some(_)) => Agreement::Apart,
        _ => Agreement::Unknown,
    }
}

/// How points, regions and RWs agree: nothing if they are two places; else whether they say that it is one.
fn spot(new: &Matter, old: &Matter, distance: Option<f64>, reach: Reach, sum: &mut Sum) -> Option<bool> {
    let Reach { metres, wide, quarters } = reach;
    if let Some(distance) = distance {
        if distance > APART * metres {
            return None;
        }
        let points = if distance <= metres / 3.0 {
            0.18
        } else if distance <= metres {
            0.1
        } else {
            -0.12
        };
        sum.add(points, format!("{distance:.0} m apart"));
    }
    let (one, other) = (new.region, old.region);
    let (low, high) = (one.min(other), one.max(other));
    let mut known = false;
    if is_kelurahan(one) && one == other {
        sum.add(if wide { 0.22 } else { 0.15 }, "same kelurahan".to_owned());
        known = true;
    } else if is_kelurahan(one) && is_kelurahan(other) {
        if distance.is_none_or(|distance| distance > ACROSS) {
            return None;
        }
        sum.say("across the border of two kelurahan".to_owned());
    } else if low > 100_000 && one == other {
        sum.add(0.08, "same kecamatan".to_owned());
        known = true;
    } else if low == 0 && [new, old].iter().any(|matter| named_after(matter, high)) {
        sum.add(0.15, "one names the kelurahan of the other".to_owned());
        known = true;
    } else if low > 0 && !inside(high, low) {
        return None;
    }
    if new.rw > 0 && old.rw > 0 {
        if new.rw != old.rw {
            if !wide || quarters {
                return None;
            }
            sum.score -= 0.12;
        } else if new.rt > 0 && old.rt > 0 && new.rt != old.rt {
            sum.score -= if wide { 0.0 } else { 0.2 };
        } else {
            let rt =
                if new.rt > 0 && new.rt == old.rt { format!("RT {:03} ", new.rt) } else { String::new() };
            sum.add(0.12, format!("both in {rt}RW {:03}", new.rw));
            known |= low > 0;
        }
    }
    Some(known)
}

/// How names agree; `lax`: one matter may well be told of by the names of two places.
fn anchor(new: &Matter, old: &Matter, named: Option<&str>, lax: bool, sum: &mut Sum) {
    if let Some(name) = named {
        sum.add(0.25, format!("both name `{name}`"));
        return;
    }
    let streets = |matter: &Matter| matter.names.iter().any(|name| name.street);
    let anchored = |matter: &Matter| !matter.names.is_empty() || !matter.places.is_empty();
    if many(new, old) {
        sum.score -= 0.4;
    } else if streets(new) && streets(old) {
        sum.score -= if lax { 0.1 } else { 0.4 };
    } else if !new.names.is_empty() && !old.names.is_empty() {
        sum.score -= if lax { 0.05 } else { 0.2 };
    } else if anchored(new) != anchored(old) && !lax {
        // one says where exactly, the other may mean any other place
        sum.score -= 0.06;
    }
}

/// Whether both name one of many that are told apart by a number, and not the same: two schools, two bus routes.
fn many(new: &Matter, old: &Matter) -> bool {
    let numbered = |name: &&Name| !name.street && parts(&name.text).1.is_some();
    let all = |matter: &'_ Matter| -> Vec<(String, String)> {
        let names = matter.names.iter().filter(numbered);
        names
            .filter_map(|name| name.text.split_once(' '))
            .map(|(a, b)| (a.to_owned(), b.to_owned()))
            .collect()
    };
    let (one, other) = (all(new), all(old));
    one.iter().any(|(sign, number)| other.iter().any(|(known, another)| sign == known && number != another))
}

/// Whether a matter without a region has a place that is named like a region: `pasar Cengkareng Barat`.
fn named_after(matter: &Matter, region: u32) -> bool {
    let name = RULES.region_name(region).unwrap_or("-");
    matter.region == 0 && matter.names.iter().any(|known| known.text == name)
}

/// A name that both give.
fn common_name<'a>(new: &'a Matter, old: &'a Matter) -> Option<&'a str> {
    let found = new.names.iter().find(|name| names(name, old));
    found.or_else(|| old.names.iter().find(|name| names(name, new))).map(|name| name.text.as_str())
}

/// Whether a matter names this place too: among its names, or in its words.
fn names(name: &Name, matter: &Matter) -> bool {
    let (words, number) = parts(&name.text);
    let side = |words: &[&str]| words.iter().copied().find(|word| COMPASS.contains(word)).map(str::to_owned);
    let mut parted = false;
    let listed = matter.names.iter().any(|other| {
        let (others, other_number) = parts(&other.text);
        let differ =
            |one: Option<&str>, other: Option<&str>| one.is_some() && other.is_some() && one != other;
        if differ(number, other_number) || differ(side(&words).as_deref(), side(&others).as_deref()) {
            parted |= words.iter().any(|word| others.contains(word));
            return false;
        }
        if words.is_empty() || others.is_empty() {
            return words.is_empty() && others.is_empty() && number == other_number;
        }
        let shared = words.iter().filter(|word| others.iter().any(|other| alike(word, other))).count();
        // `Haji Mansyur` and `Haji Naim` share a title only; `Mangga Besar` and `Mangga` are one
        let own = |words: &[&str]| words.iter().filter(|word| !RULES.titles.contains(**word)).count();
        let bare = own(&words) == 0 && own(&others) == 0;
        let mut common = words.iter().filter(|word| others.iter().any(|other| alike(word, other)));
        shared * 2 >= words.len().min(others.len())
            && (bare || common.any(|word| !RULES.titles.contains(*word)))
    });
    if listed || parted {
        return listed;
    }
    // said without a word of place before it: `tikungan pahlawan revolusi`
    let own: Vec<&str> =
        words.iter().copied().filter(|word| word.len() > 3 && !RULES.titles.contains(word)).collect();
    let rare = |word: &&str| matter.words.contains(&word_hash(&stem::stem(word), true));
    let mut numbers = matter.names.iter().filter_map(|other| parts(&other.text).1);
    !own.is_empty()
        && own.iter().all(|word| said(word, &matter.words))
        && (matter.names.is_empty()
            || own.len() > 1
            || own.iter().all(rare) && number.is_none_or(|one| numbers.all(|other| other == one)))
}

/// The words of a name, and its number.
fn parts(text: &str) -> (Vec<&str>, Option<&str>) {
    let (numbers, words): (Vec<&str>, Vec<&str>) =
        text.split(' ').partition(|word| word.starts_with(|c: char| c.is_ascii_digit()));
    (words, numbers.first().copied())
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

/// How places nearby agree; whether that has been counted, or speaks for one.
fn landmarks(rules: &Rules, new: &Matter, old: &Matter, lax: bool, sum: &mut Sum) -> bool {
    if new.places.is_empty() || old.places.is_empty() {
        return false;
    }
    // a health post's trouble is always at a health post
    let implied = |place: &&u16| {
        let words = rules.concept(**place).map(|concept| concept.words.as_slice()).unwrap_or_default();
        let shared = new.subjects.iter().filter(|subject| old.subjects.contains(subject));
        let name = |family: u8| rules.family(family).map(|family| family.name);
        { shared }.filter_map(|subject| rules.concept(*subject)).any(|subject| {
            subject.words.iter().any(|word| words.contains(word))
                || name(subject.family) == Some("sekolah")
                    && rules.concept(**place).is_some_and(|place| place.name == "a school")
        })
    };
    let near = || new.places.iter().any(|one| old.places.iter().any(|other| rules.near(*one, *other)));
    let common = new.places.iter().filter(|place| old.places.contains(place));
    let (implied, shared): (Vec<&u16>, Vec<&u16>) = common.partition(implied);
    if let Some(first) = shared.first().and_then(|place| rules.concept(**place)) {
        let called = |matter: &Matter| matter.names.iter().any(|name| !name.street);
        // each has a mosque, but of another name
        let points = match shared.len() {
            _ if !lax && called(new) && called(old) => 0.05,
            1 => 0.15,
            _ => 0.2,
        };
        sum.add(points, format!("both name {}", first.name));
        return true;
    }
    if implied.is_empty() && !near() {
        sum.score -= if lax { 0.05 } else { 0.2 };
        // counted once
        return true;
    }
    !implied.is_empty() || near()
}

fn details(rules: &Rules, new: &Matter, old: &Matter, sum: &mut Sum) {
    let sort = |detail: &u16| match rules.concept(*detail).map(|concept| concept.sort) {
        Some(Sort::Detail(sort)) => Some(sort),
        _ => None,
    };
    if let Some(shared) = new.details.iter().find(|one| old.details.contains(one)) {
        if let Some(concept) = rules.concept(*shared).filter(|concept| !concept.common) {
            sum.add(0.1, format!("both name {}", concept.name));
        }
    } else if new.details.iter().any(|one| old.details.iter().any(|other| sort(one) == sort(other))) {
        sum.score -= 0.3;
    }
}

/// Share of the smaller list's words that the other has; few words prove little, and those by which rules know a
/// subject have been counted there.
fn overlap(new: &[u32], old: &[u32]) -> f64 {
    let weight = |word: &u32| if word & 1 == 0 { 0.5 } else { 1.5 };
    let total = |words: &[u32]| words.iter().map(weight).sum::<f64>();
    let shared: f64 = new.iter().filter(|word| old.binary_search(word).is_ok()).map(weight).sum();
    shared / total(new).min(total(old)).max(5.0)
}
