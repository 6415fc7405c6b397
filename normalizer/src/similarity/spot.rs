//! How places agree: points, regions, RT and RW, and what stands near.

use super::{
    Matter, Thresholds,
    distance::APART,
    evidence::{Apart, Evidence},
    features::{inside, is_kelurahan},
    rules::RULES,
    signs::Sign,
};

/// Metres across the border of two kelurahan.
const ACROSS: f64 = 60.0;

/// How far from each other one matter may be reported.
#[derive(Clone, Copy, Default)]
pub(super) struct Reach {
    pub(super) metres: f64,
    /// It strikes a neighbourhood, so different streets do not tell two apart.
    pub(super) wide: bool,
    /// But different RW do.
    quarters: bool,
}

/// The wider reach of two kinds of trouble.
pub(super) fn reach(families: [Option<u8>; 2], thresholds: &Thresholds) -> Reach {
    let mut reach: Option<Reach> = None;
    for family in families.into_iter().flatten().filter_map(|family| RULES.family(family)) {
        let metres = thresholds.radii.get(family.name).copied().unwrap_or(thresholds.radius_m);
        let known = reach.get_or_insert_default();
        known.metres = known.metres.max(f64::from(metres));
        known.wide |= family.wide;
        known.quarters |= family.quarters;
    }
    reach.unwrap_or(Reach { metres: f64::from(thresholds.radius_m), ..Reach::default() })
}

/// How points, regions and RWs agree: an error if they are two places; else whether they say that it is one.
pub(super) fn spots(
    new: &Matter,
    old: &Matter,
    reach: Reach,
    evidence: &mut Evidence<'_>,
) -> Result<bool, Apart> {
    if let Some(distance) = evidence.metres {
        if distance > APART * reach.metres {
            return Err(Apart::Far);
        }
        evidence.set(if distance <= reach.metres / 3.0 {
            Sign::MetresBeside
        } else if distance <= reach.metres {
            Sign::MetresWithin
        } else {
            Sign::MetresBeyond
        });
    }
    let known = regions(new, old, reach, evidence)?;
    if new.rw == 0 || old.rw == 0 {
        if new.rw != old.rw {
            evidence.set(if reach.wide { Sign::RwOneWide } else { Sign::RwOne });
        }
        return Ok(known);
    }
    if new.rw != old.rw {
        if !reach.wide || reach.quarters {
            return Err(Apart::Quarter);
        }
        evidence.set(Sign::RwDiffers);
        return Ok(known);
    }
    if new.rt > 0 && old.rt > 0 && new.rt != old.rt {
        evidence.set(if reach.wide { Sign::RtDiffersWide } else { Sign::RtDiffers });
        return Ok(known);
    }
    evidence.set(Sign::Rw);
    if new.rt > 0 && new.rt == old.rt {
        evidence.set(Sign::Rt);
    }
    Ok(known || new.region > 0 && old.region > 0)
}

fn regions(new: &Matter, old: &Matter, reach: Reach, evidence: &mut Evidence<'_>) -> Result<bool, Apart> {
    let (one, other) = (new.region, old.region);
    let (low, high) = (one.min(other), one.max(other));
    if is_kelurahan(one) && one == other {
        evidence.set(if reach.wide { Sign::KelurahanWide } else { Sign::Kelurahan });
        return Ok(true);
    }
    if is_kelurahan(one) && is_kelurahan(other) {
        if evidence.metres.is_none_or(|distance| distance > ACROSS) {
            return Err(Apart::Region);
        }
        evidence.set(Sign::Border);
        return Ok(false);
    }
    if low > 100_000 && one == other {
        evidence.set(Sign::Kecamatan);
        return Ok(true);
    }
    if low == 0 {
        if [new, old].iter().any(|matter| named_after(matter, high)) {
            evidence.set(Sign::NamedAfter);
            return Ok(true);
        }
        evidence.set(Sign::RegionMissing);
        return Ok(false);
    }
    if !inside(high, low) {
        return Err(Apart::Region);
    }
    if one != other {
        evidence.set(Sign::Within);
    }
    Ok(false)
}

/// Whether a matter without a region has a place that is named like a region: `pasar Cengkareng Barat`.
fn named_after(matter: &Matter, region: u32) -> bool {
    let name = RULES.region_name(region).unwrap_or("-");
    matter.region == 0 && matter.names.iter().any(|known| known.text == name)
}

/// How places nearby agree; whether that has been counted, or speaks for one.
pub(super) fn landmarks(new: &Matter, old: &Matter, lax: bool, evidence: &mut Evidence<'_>) -> bool {
    if new.places.is_empty() || old.places.is_empty() {
        return false;
    }
    let rules = &*RULES;
    // a health post's trouble is always at a health post
    let implied = |place: u16| {
        let words = rules.concept(place).map(|concept| concept.words.as_slice()).unwrap_or_default();
        let shared = new.subjects.iter().filter(|subject| old.subjects.contains(subject));
        let name = |family: u8| rules.family(family).map(|family| family.name);
        { shared }.filter_map(|subject| rules.concept(*subject)).any(|subject| {
            subject.words.iter().any(|word| words.contains(word))
                || name(subject.family) == Some("sekolah")
                    && rules.concept(place).is_some_and(|place| place.name.contains("school"))
        })
    };
    let apart = |these: &Matter| -> Vec<u16> {
        these.places.iter().copied().filter(|place| !implied(*place)).collect()
    };
    let (mine, others) = (apart(new), apart(old));
    let any = mine.len() < new.places.len() || others.len() < old.places.len();
    let mut shared = 0_u8;
    for place in mine.iter().copied().filter(|place| others.contains(place)) {
        shared += 1;
        evidence.place.get_or_insert(place);
    }
    if shared > 0 {
        let called = |matter: &Matter| matter.names.iter().any(|name| !name.street);
        // each has a mosque, but of another name
        if !lax && called(new) && called(old) {
            evidence.set(Sign::PlaceNamed);
        }
        evidence.set(Sign::Place);
        if shared > 1 {
            evidence.set(Sign::PlacesMore);
        }
        return true;
    }
    let near = || mine.iter().any(|one| others.iter().any(|other| rules.near(*one, *other)));
    if any && (mine.is_empty() || others.is_empty()) || near() {
        evidence.set(Sign::PlaceImplied);
    } else {
        // counted once
        evidence.set(if lax { Sign::PlacesDifferWide } else { Sign::PlacesDiffer });
    }
    true
}
