//! How what is wrong agrees: subjects, categories and details.

use std::sync::LazyLock;

use foldhash::HashMap;
use jiff::SignedDuration;

use super::{
    Matter,
    concept::{Concept, Sort},
    evidence::{Apart, Evidence},
    half, hash,
    rules::{RULES, Rules},
    signs::Sign,
};
use crate::learned;

/// After so many hours one is soon after another by a third only.
const HOURS: f64 = 3.0;
/// The same of a flood: the water stays for hours, and who lives there tells of it as it falls.
const DAY: f64 = 24.0;
/// After so long a brief trouble is over.
const OVER: SignedDuration = SignedDuration::from_hours(48);

/// How rare categories are among the labelled complaints, by the hash of their code: 0 is all, 1 is one text.
static RARITY: LazyLock<HashMap<u32, f64>> = LazyLock::new(|| {
    let shares: Vec<(u32, f64)> =
        learned::CATEGORIES.texts().map(|(code, share)| (half(hash(code.as_bytes())), share)).collect();
    let least = shares.iter().map(|(_, share)| *share).fold(0.5, f64::min).ln();
    shares.into_iter().map(|(code, share)| (code, share.ln() / least)).collect()
});

/// Kinds of trouble as bits of a number; there are fewer than sixty-four.
type Families = u64;

fn bit(family: u8) -> Families {
    1_u64.checked_shl(u32::from(family)).unwrap_or_default()
}

/// How the suggested categories agree.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Agreement {
    /// Both are best.
    Same,
    /// One's best is among the other's.
    Near,
    /// None is in common.
    Apart,
    /// One has none.
    Unknown,
}

/// How the suggested categories agree.
pub(super) fn categories(new: &[u32], old: &[u32], evidence: &mut Evidence<'_>) -> Agreement {
    let agreement = match (new.first(), old.first()) {
        (Some(one), Some(other)) if one == other => Agreement::Same,
        (Some(one), Some(other)) if new.contains(other) || old.contains(one) => Agreement::Near,
        (Some(_), Some(_)) if new.iter().any(|one| old.contains(one)) => Agreement::Unknown,
        (Some(_), Some(_)) => Agreement::Apart,
        _ => Agreement::Unknown,
    };
    match agreement {
        Agreement::Same => {
            evidence.set(Sign::CategorySame);
            let rare = new.first().and_then(|code| RARITY.get(code)).copied().unwrap_or(1.0);
            evidence.put(Sign::CategoryRare, rare);
        }
        Agreement::Near => evidence.set(Sign::CategoryNear),
        Agreement::Apart => evidence.set(Sign::CategoryApart),
        Agreement::Unknown => {}
    }
    agreement
}

/// The best that two lists of subjects have in common.
#[derive(Clone, Copy)]
struct Best {
    one: u16,
    other: u16,
    families: [u8; 2],
    sign: Sign,
    rank: u8,
}

/// How subjects agree; an error if they are two. Gives the kinds of trouble by which the radius is chosen.
pub(super) fn subjects(
    new: &Matter,
    old: &Matter,
    category: Agreement,
    evidence: &mut Evidence<'_>,
) -> Result<[Option<u8>; 2], Apart> {
    let rules = &*RULES;
    let first = |matter: &Matter| Some(rules.concept(*matter.subjects.first()?)?.family);
    if new.subjects.is_empty() || old.subjects.is_empty() {
        // too little is known; the words alone must do
        if category == Agreement::Apart {
            return Err(Apart::Subject);
        }
        evidence.set(Sign::SubjectUnknown);
        return Ok([first(new), first(old)]);
    }
    let (mut best, mut shared) = (None::<Best>, 0_u8);
    // families in which both name something definite, and those in which they agree
    let (mut clashes, mut agreed): (Families, Families) = (0, 0);
    for one in &new.subjects {
        for other in &old.subjects {
            // unless one of them says both
            let both = new.subjects.contains(other) || old.subjects.contains(one);
            if !both && rules.apart(*one, *other) {
                return Err(Apart::Subject);
            }
            let (Some(a), Some(b)) = (rules.concept(*one), rules.concept(*other)) else { continue };
            let (sign, rank) = if one == other {
                same(a)
            } else if rules.near(*one, *other) {
                (Sign::SubjectNear, 4)
            } else if a.family != b.family {
                continue;
            } else if a.vague || b.vague {
                (Sign::SubjectFamily, 2)
            } else {
                clashes |= bit(a.family);
                continue;
            };
            if rank >= 4 && !a.vague {
                agreed |= bit(a.family) | bit(b.family);
            }
            shared += u8::from(one == other && !a.vague);
            if best.is_none_or(|best| rank > best.rank) {
                best = Some(Best { one: *one, other: *other, families: [a.family, b.family], sign, rank });
            }
        }
    }
    let definite = |matter: &Matter| {
        matter.subjects.iter().any(|one| rules.concept(*one).is_some_and(|concept| !concept.vague))
    };
    let Some(best) = best else {
        // the words of different kinds of trouble: one of them may be said beside the matter
        if category != Agreement::Same {
            return Err(Apart::Subject);
        }
        let sure = definite(new) && definite(old);
        evidence.set(if sure { Sign::SubjectsApart } else { Sign::SubjectUnsure });
        return Ok([first(new), first(old)]);
    };
    // two holes and a speed bump beside one of them are still one matter; a hole and a speed bump are two
    let clash = clashes & !agreed != 0;
    let own = |these: &Matter, those: &Matter| {
        these.subjects.iter().any(|one| {
            rules.concept(*one).is_some_and(|concept| concept.own && !concept.vague)
                && !those.subjects.contains(one)
        })
    };
    // the second: his bill, and the water that is off in the whole street
    if agreed == 0 && (clash || own(new, old) || own(old, new)) {
        return Err(Apart::Subject);
    }
    evidence.set(best.sign);
    let wide = rules.family(best.families[0]).is_some_and(|family| family.wide);
    let brief = |subject: u16| rules.concept(subject).is_some_and(|concept| concept.brief);
    if brief(best.one) && brief(best.other) {
        let apart = new.at.duration_since(old.at).abs();
        let hours = apart.as_secs_f64() / 3600.0;
        if wide {
            evidence.put(Sign::SoonWide, (-hours / DAY).exp());
        } else {
            evidence.put(Sign::SoonBrief, soon(hours));
        }
        if apart > OVER {
            evidence.set(Sign::OverLongAgo);
        }
    }
    evidence.put(Sign::SubjectsMore, f64::from(shared.saturating_sub(1).min(2)));
    if clash {
        evidence.set(Sign::SubjectsClash);
    }
    if alone(rules, new, old) && alone(rules, old, new) {
        if agreed == 0 && !wide {
            return Err(Apart::Subject);
        }
        evidence.set(if wide { Sign::SubjectsAloneWide } else { Sign::SubjectsAlone });
    }
    evidence.subject = Some([best.one, best.other]);
    Ok(best.families.map(Some))
}

/// How soon one followed the other: 1 at once, a third after three hours.
pub(super) fn soon(hours: f64) -> f64 {
    (-hours / HOURS).exp()
}

/// What naming the same says, and how it ranks among what two may have in common.
fn same(concept: &Concept) -> (Sign, u8) {
    match (concept.vague, concept.common) {
        _ if concept.own => (Sign::SubjectOwn, 1),
        _ if concept.thing => (Sign::SubjectVague, 5),
        (true, true) => (Sign::SubjectVagueCommon, 3),
        (true, false) => (Sign::SubjectVague, 5),
        (false, true) => (Sign::SubjectCommon, 6),
        (false, false) => (Sign::SubjectRare, 7),
    }
}

/// Whether the first says something definite that the second does not.
fn alone(rules: &Rules, these: &Matter, those: &Matter) -> bool {
    these.subjects.iter().any(|one| {
        let definite = rules.concept(*one).is_some_and(|concept| !concept.vague);
        definite && !those.subjects.iter().any(|other| one == other || rules.near(*one, *other))
    })
}

/// How details agree.
pub(super) fn details(new: &Matter, old: &Matter, evidence: &mut Evidence<'_>) {
    let rules = &*RULES;
    let denies = |these: &Matter, those: &Matter| {
        let mut denials = those.subjects.iter().filter_map(|subject| rules.denial(*subject));
        !these.details.is_empty() && denials.any(|denial| these.details.contains(&denial))
    };
    if denies(new, old) || denies(old, new) {
        evidence.set(Sign::Denied);
    }
    let is_another =
        |detail: &u16| rules.concept(*detail).is_some_and(|concept| concept.sort == Sort::Another);
    if new.details.iter().any(is_another) {
        evidence.set(Sign::Another);
    }
    let sort = |detail: &u16| match rules.concept(*detail).map(|concept| concept.sort) {
        Some(Sort::Detail(sort)) => Some(sort),
        _ => None,
    };
    let of = |matter: &Matter, of: u32| -> Vec<u16> {
        matter.details.iter().copied().filter(|detail| sort(detail) == Some(of)).collect()
    };
    let mut sorts: Vec<u32> = new.details.iter().filter_map(sort).collect();
    sorts.dedup();
    for kind in sorts {
        let (mine, others) = (of(new, kind), of(old, kind));
        match mine.iter().find(|one| others.contains(one)) {
            Some(shared) if rules.concept(*shared).is_some_and(|concept| !concept.common) => {
                evidence.set(Sign::DetailSame);
                evidence.detail = Some(*shared);
            }
            None if !others.is_empty() => evidence.set(Sign::DetailDiffers),
            _ => {}
        }
    }
}
