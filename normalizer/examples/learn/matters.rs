//! Learns what the signs of `data/matter_weights.txt` weigh, from labelled complaints and pairs.
//!
//! A logistic regression: each two complaints of a set whose contradictions do not part them are one case, by their signs
//! ([`evidence`]); the weights are those under which the labels are likeliest, held near a person's guess
//! ([`Sign::guess`], `KEEN`), and of the side on which a sign may speak. Wrong links count more than missed ones (`WARY`).
//!
//! Nearly all texts have been looked at by who wrote the patterns, so that all of them are understood, as no new text will
//! be. So each set is read without the patterns that only it has, and with the categories that all others teach.
//! The same texts give the same weights on every machine.

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
    path::Path,
};

use jiff::Timestamp;
use muara_normalizer::{
    Complaint, ComplaintId, Draft, Normalizer, Receipt, category,
    draft::{DraftPlace, SourceTime},
    identity::PrivacyKey,
    ids::ReferenceKey,
    reading::Reading,
    similarity::{
        Apart, Matter, Thresholds, evidence,
        signs::{BY_HAND, COUNT, SIGNS, Sign, Speaks, Weights, probability},
        together,
    },
};

use super::{
    labelled::{self, Labels, Line},
    words,
};

/// How strongly weights are held near the guess.
const KEEN: f64 = 8.0;
/// How much more a wrong link costs than a missed one.
const WARY: f64 = 2.0;
/// Steps of the search; far fewer are needed.
const STEPS: usize = 4_000;
/// Scores from which two might be linked.
const CURVE: [f64; 8] = [0.5, 0.6, 0.65, 0.7, 0.75, 0.8, 0.9, 0.95];
/// Where the search ends: no weight moves by more.
const STILL: f64 = 1e-6;

/// Two complaints of one set: what they have in common, and whether they are one matter.
struct Case {
    /// The signs there are, by place, and how much there is of each.
    signs: Vec<(usize, f64)>,
    same: bool,
    /// Their places in the set, the later first.
    pair: (usize, usize),
}

/// Labelled complaints in order of time.
#[derive(Default)]
struct Set {
    name: String,
    ids: Vec<String>,
    cases: Vec<Case>,
    /// Pairs of one matter that contradictions part: beyond what weights can mend.
    parted: Vec<(usize, usize, Apart)>,
    /// Pairs of which nothing says that they are of one place.
    unplaced: BTreeSet<(usize, usize)>,
    groups: Vec<Option<String>>,
}

/// The file of weights, learned from the sets of a folder.
pub(crate) fn learn_file(folder: &Path, explain: bool) -> Result<String, Box<dyn Error>> {
    let sets = read(folder)?;
    for set in &sets {
        let same = set.cases.iter().filter(|case| case.same).count();
        eprintln!(
            "{:>5}: {same} of one matter, {} of two, {} of one that contradictions part",
            set.name,
            set.cases.len() - same,
            set.parted.len()
        );
        if explain {
            for (new, old, apart) in &set.parted {
                eprintln!("       {} {}: {apart:?}", set.ids[*old], set.ids[*new]);
            }
        }
    }
    let all: Vec<&Case> = sets.iter().flat_map(|set| &set.cases).collect();
    let weights = learn(&all);
    let least = Thresholds::default().score;
    let mut curve = [[0; 3]; CURVE.len()];
    for (place, set) in sets.iter().enumerate() {
        let others: Vec<&Case> = { sets.iter().enumerate() }
            .filter(|(other, _)| *other != place)
            .flat_map(|(_, set)| &set.cases)
            .collect();
        let unseen = learn(&others);
        eprintln!("{:>5}: {}", set.name, shown(set.judge(&unseen, least)));
        for (sums, least) in curve.iter_mut().zip(CURVE) {
            sums.iter_mut().zip(set.judge(&unseen, least)).for_each(|(sum, part)| *sum += part);
        }
        if explain {
            set.explain(&unseen);
        }
    }
    for (sums, least) in curve.into_iter().zip(CURVE) {
        eprintln!("  all, linked from {least:.2}: {}", shown(sums));
    }
    Ok(written(&weights))
}

/// The sets as they were read when no rule had been made for their words: without the patterns that are in no other set.
fn read(folder: &Path) -> Result<Vec<Set>, Box<dyn Error>> {
    let categories = words::without(folder)?;
    let mut sets = Vec::new();
    for set in labelled::sets(folder)? {
        let texts: Vec<Text> = set.lines.into_iter().map(Text::of).collect::<Result<_, _>>()?;
        sets.push((set.name, texts));
    }
    // in which sets a pattern is
    let mut known: BTreeMap<u32, BTreeSet<usize>> = BTreeMap::new();
    let mut meet = |place: usize, text: &Text| {
        drop(Matter::by(&text.complaint, &text.reading, |pattern| {
            known.entry(pattern).or_default().insert(place);
            true
        }));
    };
    for (place, (_, texts)) in sets.iter().enumerate() {
        texts.iter().for_each(|text| meet(place, text));
    }
    // what is said of each trouble was not made for any set
    for line in labelled::table(&folder.join("troubles.tsv"))? {
        let text = line.last().map(String::as_str).unwrap_or_default();
        meet(sets.len(), &Text::of(bare(text, "", 0, None)?)?);
    }
    let mut read: Vec<Set> = { sets.into_iter().enumerate() }
        .map(|(place, (name, mut texts))| {
            let counts = categories(&name);
            for Text { complaint, reading, .. } in &mut texts {
                complaint.category = category::with_counts(reading, category::by_rules(reading), &counts);
            }
            let elsewhere = |pattern: u32| {
                known.get(&pattern).is_some_and(|sets| sets.iter().any(|other| *other != place))
            };
            Set::of(name, texts, elsewhere)
        })
        .collect();
    read.push(pairs(folder)?);
    Ok(read)
}

/// Pairs of texts, as one set.
fn pairs(folder: &Path) -> Result<Set, Box<dyn Error>> {
    let mut whole = Set { name: "pairs".to_owned(), ..Set::default() };
    for (number, line) in labelled::table(&folder.join("pairs.tsv"))?.iter().enumerate() {
        let [one, other, told] = line.as_slice() else {
            return Err(format!("three columns: {line:?}").into());
        };
        let group = (told == "same").then(|| number.to_string());
        let text = |text: &str, at: i64| Text::of(bare(text, &number.to_string(), at, group.clone())?);
        let set = Set::of(String::new(), vec![text(one, 0)?, text(other, 30 * 3600)?], |_| true);
        let begin = whole.ids.len();
        whole.ids.extend(set.ids);
        whole.groups.extend(set.groups);
        let parted = set.parted.into_iter().map(|(new, old, apart)| (new + begin, old + begin, apart));
        whole.parted.extend(parted);
        whole.unplaced.extend(set.unplaced.into_iter().map(|(new, old)| (new + begin, old + begin)));
        let moved = |case: Case| Case { pair: (case.pair.0 + begin, case.pair.1 + begin), ..case };
        whole.cases.extend(set.cases.into_iter().map(moved));
    }
    Ok(whole)
}

/// A complaint of which nothing but the text is known, so many seconds after another.
fn bare(text: &str, id: &str, at: i64, group: Option<String>) -> Result<Line, Box<dyn Error>> {
    Ok(Line {
        id: id.to_owned(),
        channel: "jaki".to_owned(),
        received_at: Timestamp::from_second(1_793_000_000 + at)?,
        text: text.to_owned(),
        lat: None,
        lng: None,
        labels: Labels { duplicate_group: group, ..Labels::default() },
    })
}

/// A labelled complaint as the rules read it.
struct Text {
    complaint: Complaint,
    reading: Reading,
    id: String,
    group: Option<String>,
}

impl Text {
    fn of(line: Line) -> Result<Self, Box<dyn Error>> {
        let reading = Reading::of(&line.text);
        let draft = Draft {
            text: line.text,
            sent_at: Some(SourceTime::Instant(line.received_at)),
            place: DraftPlace { lat: line.lat, lon: line.lng, ..DraftPlace::default() },
            ..Draft::default()
        };
        let receipt = Receipt {
            id: ComplaintId::from_parts(line.received_at, &[0; 10]),
            reference: ReferenceKey::new([0; 16]).reference(1),
            connector: line.channel.clone(),
            channel: line.channel.parse()?,
            received_at: line.received_at,
        };
        let complaint = Normalizer::new(PrivacyKey::throw_away()).normalize(draft, &receipt)?.complaint;
        Ok(Self { complaint, reading, id: line.id, group: line.labels.duplicate_group })
    }
}

impl Set {
    /// The cases of texts, as they are read by the patterns that are known.
    fn of(name: String, texts: Vec<Text>, known: impl Fn(u32) -> bool) -> Self {
        let matters: Vec<Option<Matter>> =
            texts.iter().map(|text| Matter::by(&text.complaint, &text.reading, &known)).collect();
        let thresholds = Thresholds::default();
        let (mut cases, mut parted, mut unplaced) = (Vec::new(), Vec::new(), BTreeSet::new());
        for (new, one) in matters.iter().enumerate() {
            for (old, other) in matters[..new].iter().enumerate() {
                let (Some(one), Some(other)) = (one, other) else { continue };
                let group = |place: usize| texts[place].group.as_ref();
                let same = group(new).is_some() && group(new) == group(old);
                let found = evidence(one, other, &thresholds);
                if matches!(found, Err(Apart::Unplaced)) {
                    unplaced.insert((new, old));
                }
                match found {
                    Ok(evidence) => {
                        let values = evidence.values().into_iter().enumerate();
                        let signs = values.filter(|(_, value)| *value != 0.0).collect();
                        cases.push(Case { signs, same, pair: (new, old) });
                    }
                    Err(apart) if same => parted.push((new, old, apart)),
                    Err(_) => {}
                }
            }
        }
        let (ids, groups) = texts.into_iter().map(|text| (text.id, text.group)).unzip();
        Self { name, ids, cases, parted, unplaced, groups }
    }

    /// Pairs linked rightly, linked wrongly and missed, where each complaint is linked as [`muara_normalizer::similarity::link`]
    /// does it.
    fn judge(&self, weights: &Weights, least: f64) -> [usize; 3] {
        let sums: BTreeMap<(usize, usize), f64> =
            self.cases.iter().map(|case| (case.pair, sum(case, weights))).collect();
        // the first report of what each is about, and those reports
        let mut first: Vec<usize> = Vec::with_capacity(self.ids.len());
        let mut reports: Vec<Vec<usize>> = vec![Vec::new(); self.ids.len()];
        for new in 0..self.ids.len() {
            let each = |old: &usize| match sums.get(&(new, *old)) {
                Some(sum) => Ok(*sum),
                None if self.unplaced.contains(&(new, *old)) => Err(Apart::Unplaced),
                None => Err(Apart::Subject),
            };
            let alike = (0..new).filter(|old| each(old).is_ok_and(|sum| probability(sum) >= least));
            let matters: BTreeSet<usize> = alike.map(|old| first[old]).collect();
            let likely = matters.into_iter().filter_map(|matter| {
                let sum = together(&reports[matter].iter().map(each).collect::<Vec<_>>())?;
                Some((matter, probability(sum)))
            });
            let best = likely
                .filter(|(_, likely)| *likely >= least)
                .reduce(|best, other| if other.1 > best.1 { other } else { best });
            let matter = best.map_or(new, |(matter, _)| matter);
            first.push(matter);
            reports[matter].push(new);
        }
        let mut count = [0; 3];
        for new in 0..self.ids.len() {
            for old in 0..new {
                let same = self.groups[new].is_some() && self.groups[new] == self.groups[old];
                match (first[new] == first[old], same) {
                    (true, true) => count[0] += 1,
                    (true, false) => count[1] += 1,
                    (false, true) => count[2] += 1,
                    (false, false) => {}
                }
            }
        }
        count
    }

    /// Prints the cases that the weights get wrong, with what weighed most.
    fn explain(&self, weights: &Weights) {
        for case in &self.cases {
            let sum = sum(case, weights);
            if (sum >= 0.0) == case.same {
                continue;
            }
            let parts: Vec<String> = { case.signs.iter() }
                .map(|(place, value)| format!("{} {:+.2}", SIGNS[*place].name(), value * weights[*place]))
                .collect();
            let told = if case.same { "missed" } else { "wrong" };
            let (new, old) = case.pair;
            eprintln!("       {told} {} {}: {sum:.2} = {}", self.ids[old], self.ids[new], parts.join(", "));
        }
    }
}

fn sum(case: &Case, weights: &Weights) -> f64 {
    case.signs.iter().map(|(place, value)| value * weights[*place]).sum()
}

/// The weights under which the cases are likeliest: gradient descent with momentum, from the guess.
fn learn(cases: &[&Case]) -> Weights {
    let by_hand = |place: usize| BY_HAND.contains(&SIGNS[place]);
    let total: f64 = cases.iter().map(|case| if case.same { 1.0 } else { WARY }).sum();
    // the steepest that the slope can change, at most
    let curve = cases
        .iter()
        .map(|case| case.signs.iter().map(|(_, value)| value * value).sum::<f64>())
        .fold(1.0, f64::max);
    let step = 1.0 / (0.25 * curve * WARY + KEEN / total);
    let (mut weights, mut ahead, mut momentum) = (SIGNS.map(Sign::guess), SIGNS.map(Sign::guess), 1.0_f64);
    for _ in 0..STEPS {
        let mut slope = [0.0; COUNT];
        for (place, slope) in slope.iter_mut().enumerate() {
            *slope = KEEN * (ahead[place] - SIGNS[place].guess()) / total;
        }
        // a case that is set by hand teaches nothing
        for case in cases.iter().filter(|case| !case.signs.iter().any(|(place, _)| by_hand(*place))) {
            let likely = probability(sum(case, &ahead));
            let wrong = if case.same { likely - 1.0 } else { WARY * likely };
            for (place, value) in &case.signs {
                slope[*place] += wrong * value / total;
            }
        }
        let mut next = SIGNS.map(Sign::guess);
        for place in (0..COUNT).filter(|place| !by_hand(*place)) {
            let weight = ahead[place] - step * slope[place];
            next[place] = match SIGNS[place].speaks() {
                Speaks::For => weight.max(0.0),
                Speaks::Against => weight.min(0.0),
                Speaks::Either => weight,
            };
        }
        let faster = f64::midpoint(1.0, (1.0 + 4.0 * momentum * momentum).sqrt());
        let moved = next.iter().zip(&weights).map(|(next, weight)| (next - weight).abs()).fold(0.0, f64::max);
        for place in 0..COUNT {
            ahead[place] = next[place] + (momentum - 1.0) / faster * (next[place] - weights[place]);
        }
        (weights, momentum) = (next, faster);
        if moved < STILL {
            break;
        }
    }
    weights
}

fn shown([right, wrong, missed]: [usize; 3]) -> String {
    let share = |part: usize, other: usize| {
        let number = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
        number(part) / number(part + other)
    };
    format!("precision {:.3} recall {:.3}", share(right, wrong), share(right, missed))
}

/// The file.
fn written(weights: &Weights) -> String {
    let mut file = String::from(
        "# How much each sign weighs that two complaints are of one matter. The weights of the signs that there are, are\n\
         # added; 0 stands for a score of 0.5, 2 for 0.88, 4 for 0.98 (from which score two are linked says `[duplicates]`).\n\
         # One sign a line: name, weight, what it is. Learned by `tests/bench/quality --learn`, which writes this file anew\n\
         # (words_same and photo_same are not learned); a weight can also be changed here.\n",
    );
    for sign in SIGNS {
        let line = format!("{:<28}{:>6.2}  # {}\n", sign.name(), weights[sign as usize], sign.about());
        file.push_str(&line);
    }
    file
}
