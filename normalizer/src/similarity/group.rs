//! The reports of one matter, together. A new one repeats the matter if it agrees with its reports, not with one of them
//! alone: who is like the second report and contradicts the first is likely about something else (in the terms of
//! clustering, the average linkage and not the single one).

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Apart, Likeness, Matter, Thresholds, evidence,
    signs::{WEIGHTS, probability},
};
use crate::ids::ComplaintId;

/// What a report weighs that cannot be of the same matter as the new one.
const CONTRADICTS: f64 = -6.0;
/// So much less than the likest report all together may weigh: the same photo is not outvoted.
const OUTVOTED: f64 = 2.5;

/// So many reports of a matter are compared at most, the newest.
pub const REPORTS: usize = 8;

/// A complaint and what it is about.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    /// Its serial number.
    pub serial: i64,
    /// Its id.
    pub id: ComplaintId,
    /// The serial number of the first report of the same matter: its own, if it repeats none.
    pub first: i64,
    /// What it is about.
    pub matter: Arc<Matter>,
}

/// A complaint that another seems to repeat.
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    /// Its serial number.
    pub serial: i64,
    /// Its id.
    pub id: ComplaintId,
    /// The serial number of the first report of its matter.
    pub first: i64,
    /// How alike the two are, and why.
    pub likeness: Likeness,
}

/// Of complaints that are each alike enough, in order of time, the one to link to: the likest of the matter whose reports
/// are likest together, of equals the oldest. `reports` calls back with the newest [`REPORTS`] of the matter with that first
/// one.
///
/// # Errors
/// What `reports` could not read.
pub fn link<E>(
    new: &Matter,
    alike: Vec<Link>,
    thresholds: &Thresholds,
    mut reports: impl FnMut(i64, &mut dyn FnMut(&Matter)) -> Result<(), E>,
) -> Result<Option<Link>, E> {
    let mut likest: BTreeMap<i64, Link> = BTreeMap::new();
    for link in alike {
        let score = link.likeness.score;
        let known = likest.entry(link.first).or_insert_with(|| link.clone());
        if score > known.likeness.score {
            *known = link;
        }
    }
    // the likest first, of equals the oldest: together none is likelier than its likest alone
    let mut likest: Vec<Link> = likest.into_values().collect();
    likest.sort_by(|one, other| other.likeness.score.total_cmp(&one.likeness.score));
    let mut best: Option<Link> = None;
    for mut link in likest {
        let known = best.as_ref().map_or(0.0, |best| best.likeness.score);
        if known > link.likeness.score {
            break;
        }
        let (first, mut each) = (link.first, Vec::with_capacity(REPORTS));
        reports(first, &mut |report| {
            each.push(evidence(new, report, thresholds).map(|evidence| evidence.sum(&WEIGHTS)));
        })?;
        if each.len() > 1 {
            let Some(sum) = together(&each) else { continue };
            let score = probability(sum);
            if score < thresholds.score {
                continue;
            }
            link.likeness.score = rounded(score);
            link.likeness.reasons.push(format!("{} reports of it were compared", each.len()));
        }
        let score = link.likeness.score;
        if score > known || best.as_ref().is_none_or(|best| score >= known && first < best.first) {
            best = Some(link);
        }
    }
    Ok(best)
}

/// What the reports of a matter weigh together, by what each of them does: their mean. Those do not count of which nothing
/// says that they are of one place with the new one, or that are too old to be compared; nothing if there are no others.
#[must_use]
pub fn together(each: &[Result<f64, Apart>]) -> Option<f64> {
    let silent = |weight: &&Result<f64, Apart>| matches!(weight, Err(Apart::Unplaced | Apart::Late));
    let weights: Vec<f64> = each
        .iter()
        .filter(|weight| !silent(weight))
        .map(|weight| weight.map_or(CONTRADICTS, |sum| sum.max(CONTRADICTS)))
        .collect();
    let most = weights.iter().copied().reduce(f64::max)?;
    let count = u32::try_from(weights.len()).map_or(f64::INFINITY, f64::from);
    Some(f64::max(weights.iter().sum::<f64>() / count, most - OUTVOTED))
}

/// A score as it is shown.
pub(super) fn rounded(score: f64) -> f64 {
    (score * 100.0).round() / 100.0
}
