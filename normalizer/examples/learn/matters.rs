//! Learns what the signs of `data/matter_weights.txt` weigh, from labelled complaints and pairs.
//!
//! A logistic regression: each two complaints of a set whose contradictions do not part them are one case, by their signs
//! ([`evidence`]); the weights are those under which the labels are likeliest, held near a person's guess
//! ([`Sign::guess`], `KEEN`), and of the side on which a sign may speak. Wrong links count more than missed ones (`WARY`).
//! The same texts give the same weights on every machine.

use std::{collections::BTreeMap, error::Error, fs, path::Path};

use jiff::Timestamp;
use muara_normalizer::{
    ComplaintId, Draft, Normalizer, Receipt,
    draft::{DraftPlace, SourceTime},
    identity::PrivacyKey,
    ids::ReferenceKey,
    similarity::{
        Apart, Matter, Thresholds, evidence,
        signs::{BY_HAND, COUNT, SIGNS, Sign, Speaks, Weights, probability},
    },
};

use super::labelled::{self, Labels, Line};

/// How strongly weights are held near the guess.
const KEEN: f64 = 8.0;
/// How much more a wrong link costs than a missed one.
const WARY: f64 = 4.0;
/// Steps of the search; far fewer are needed.
const STEPS: usize = 4_000;
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
struct Set {
    name: String,
    ids: Vec<String>,
    cases: Vec<Case>,
    /// Pairs of one matter that contradictions part: beyond what weights can mend.
    parted: Vec<(usize, usize, Apart)>,
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
    let (mut before, mut after) = ([0; 3], [0; 3]);
    for (place, set) in sets.iter().enumerate() {
        let others: Vec<&Case> = { sets.iter().enumerate() }
            .filter(|(other, _)| *other != place)
            .flat_map(|(_, set)| &set.cases)
            .collect();
        let unseen = learn(&others);
        let (here, there) = (set.judge(&weights), set.judge(&unseen));
        eprintln!("{:>5}: {}   unseen {}", set.name, shown(here), shown(there));
        for part in 0..3 {
            before[part] += here[part];
            after[part] += there[part];
        }
        if explain {
            set.explain(&unseen);
        }
    }
    eprintln!("  all: {}   unseen {}", shown(before), shown(after));
    Ok(written(&weights))
}

fn read(folder: &Path) -> Result<Vec<Set>, Box<dyn Error>> {
    let mut sets = Vec::new();
    for set in labelled::sets(folder)? {
        sets.push(Set::of(set.name, set.lines)?);
    }
    let pairs = fs::read_to_string(folder.join("pairs.tsv"))?;
    let mut whole = Set {
        name: "pairs".to_owned(),
        ids: Vec::new(),
        cases: Vec::new(),
        parted: Vec::new(),
        groups: Vec::new(),
    };
    for (number, line) in pairs.lines().filter(|line| !line.starts_with('#')).enumerate() {
        let parts: Vec<&str> = line.split('\t').collect();
        let [one, other, told] = parts[..] else { return Err(format!("three columns: {line}").into()) };
        let same = told == "same";
        let line = |text: &str, at: i64| -> Result<Line, Box<dyn Error>> {
            Ok(Line {
                id: format!("{number}"),
                channel: "jaki".to_owned(),
                received_at: Timestamp::from_second(1_793_000_000 + at)?,
                text: text.to_owned(),
                lat: None,
                lng: None,
                labels: Labels { duplicate_group: same.then(|| number.to_string()), ..Labels::default() },
            })
        };
        let set = Set::of(String::new(), vec![line(one, 0)?, line(other, 30 * 3600)?])?;
        let begin = whole.ids.len();
        whole.ids.extend(set.ids);
        whole.groups.extend(set.groups);
        whole
            .parted
            .extend(set.parted.into_iter().map(|(new, old, apart)| (new + begin, old + begin, apart)));
        whole.cases.extend(
            set.cases
                .into_iter()
                .map(|case| Case { pair: (case.pair.0 + begin, case.pair.1 + begin), ..case }),
        );
    }
    sets.push(whole);
    Ok(sets)
}

impl Set {
    fn of(name: String, lines: Vec<Line>) -> Result<Self, Box<dyn Error>> {
        let normalizer = Normalizer::new(PrivacyKey::throw_away());
        let mut matters = Vec::new();
        for line in &lines {
            matters.push(matter(&normalizer, line)?);
        }
        let thresholds = Thresholds::default();
        let (mut cases, mut parted) = (Vec::new(), Vec::new());
        for (new, one) in matters.iter().enumerate() {
            for (old, other) in matters[..new].iter().enumerate() {
                let (Some(one), Some(other)) = (one, other) else { continue };
                let group = |place: usize| lines[place].labels.duplicate_group.as_ref();
                let same = group(new).is_some() && group(new) == group(old);
                match evidence(one, other, &thresholds) {
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
        let ids = lines.iter().map(|line| line.id.clone()).collect();
        let groups = lines.into_iter().map(|line| line.labels.duplicate_group).collect();
        Ok(Self { name, ids, cases, parted, groups })
    }

    /// Pairs linked rightly, linked wrongly and missed, where each complaint is linked with the likeliest before it.
    fn judge(&self, weights: &Weights) -> [usize; 3] {
        let mut best: BTreeMap<usize, (f64, usize)> = BTreeMap::new();
        for case in &self.cases {
            let likely = probability(sum(case, weights));
            let least = Thresholds::default().score;
            let known = best.entry(case.pair.0).or_insert((least, usize::MAX));
            if likely > known.0 || likely >= least && known.1 == usize::MAX {
                *known = (likely, case.pair.1);
            }
        }
        let mut cluster: Vec<usize> = (0..self.ids.len()).collect();
        for (new, (_, old)) in best.into_iter().filter(|(_, (_, old))| *old != usize::MAX) {
            let (one, other) = (cluster[new], cluster[old]);
            cluster.iter_mut().filter(|known| **known == one).for_each(|known| *known = other);
        }
        let mut count = [0; 3];
        for new in 0..self.ids.len() {
            for old in 0..new {
                let same = self.groups[new].is_some() && self.groups[new] == self.groups[old];
                match (cluster[new] == cluster[old], same) {
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

fn matter(normalizer: &Normalizer, line: &Line) -> Result<Option<Matter>, Box<dyn Error>> {
    let draft = Draft {
        text: line.text.clone(),
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
    Ok(normalizer.normalize(draft, &receipt)?.matter)
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
