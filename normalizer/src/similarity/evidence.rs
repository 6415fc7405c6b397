//! What speaks for and against one matter of two complaints, and why they cannot be one.

use super::{
    Matter, Name,
    rules::RULES,
    signs::{COUNT, SHARES, SIGNS, Sign, Weights},
};

const _: () = assert!(SHARES <= 64, "a sign is a bit");
const _: () = assert!(Sign::Start as usize == 0, "always there");

/// Why two complaints are of two matters, whatever else they have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Apart {
    /// More time between them than the window has.
    Late,
    /// More metres between them than their kind of trouble reaches.
    Far,
    /// Two kelurahan, or a kelurahan and a kecamatan that it is not in.
    Region,
    /// Two RW.
    Quarter,
    /// Two troubles.
    Subject,
    /// Nothing says that they are of one place.
    Unplaced,
}

/// What two complaints that may be one have in common, and what not.
#[derive(Clone, Debug)]
pub struct Evidence<'a> {
    /// Bits of the signs that there are, but for those with a share.
    seen: u64,
    shares: [f64; COUNT - SHARES],
    /// Metres between their points.
    pub(super) metres: Option<f64>,
    /// The subjects that agree best.
    pub(super) subject: Option<[u16; 2]>,
    /// A name that both give.
    pub(super) name: Option<&'a Name>,
    /// A kind of place that both give.
    pub(super) place: Option<u16>,
    /// A detail that both give.
    pub(super) detail: Option<u16>,
}

impl Evidence<'_> {
    pub(super) fn new(metres: Option<f64>) -> Self {
        let shares = [0.0; COUNT - SHARES];
        Self { seen: 1, shares, metres, subject: None, name: None, place: None, detail: None }
    }

    /// How much there is of each sign, by its place in [`super::signs::SIGNS`].
    #[must_use]
    pub fn values(&self) -> [f64; COUNT] {
        SIGNS.map(|sign| self.of(sign))
    }

    pub(super) fn set(&mut self, sign: Sign) {
        self.seen |= 1 << sign as u8;
    }

    pub(super) fn put(&mut self, sign: Sign, share: f64) {
        self.shares[sign as usize - SHARES] = share;
    }

    pub(super) fn has(&self, sign: Sign) -> bool {
        self.seen >> sign as u8 & 1 == 1
    }

    pub(super) fn of(&self, sign: Sign) -> f64 {
        let share = (sign as usize).checked_sub(SHARES).and_then(|place| self.shares.get(place));
        share.copied().unwrap_or_else(|| if self.has(sign) { 1.0 } else { 0.0 })
    }

    /// What it weighs.
    #[must_use]
    pub fn sum(&self, weights: &Weights) -> f64 {
        let shares = self.shares.iter().zip(&weights[SHARES..]).map(|(share, weight)| share * weight).sum();
        let (mut sum, mut rest): (f64, u64) = (shares, self.seen);
        // most signs are not there
        while rest != 0 {
            sum += weights[rest.trailing_zeros() as usize];
            rest &= rest - 1;
        }
        sum
    }

    /// Why they seem to be one, in words for an officer.
    pub(super) fn reasons(&self, new: &Matter) -> Vec<String> {
        let rules = &*RULES;
        let concept = |number: u16| rules.concept(number).map_or("", |concept| concept.name);
        let mut reasons = Vec::new();
        if let Some([one, other]) = self.subject {
            reasons.push(if one == other {
                format!("same subject: {}", concept(one))
            } else {
                format!("{} and {}", concept(one), concept(other))
            });
        }
        if let Some(metres) = self.metres {
            reasons.push(format!("{metres:.0} m apart"));
        }
        let plain = [
            (Sign::Kelurahan, "same kelurahan"),
            (Sign::KelurahanWide, "same kelurahan"),
            (Sign::Kecamatan, "same kecamatan"),
            (Sign::NamedAfter, "one names the kelurahan of the other"),
            (Sign::Border, "across the border of two kelurahan"),
        ];
        reasons
            .extend(plain.iter().filter(|(sign, _)| self.has(*sign)).map(|(_, words)| (*words).to_owned()));
        if self.has(Sign::Rw) {
            let rt = if self.has(Sign::Rt) { format!("RT {:03} ", new.rt) } else { String::new() };
            reasons.push(format!("both in {rt}RW {:03}", new.rw));
        }
        reasons.extend(self.name.map(|name| format!("both name `{}`", name.text)));
        let both = self.place.into_iter().chain(self.detail);
        reasons.extend(both.map(|number| format!("both name {}", concept(number))));
        if self.of(Sign::Words) >= 0.5 {
            reasons.push(format!("{:.0} % of the words that count", self.of(Sign::Words) * 100.0));
        }
        let plain = [
            (Sign::CategorySame, "same category"),
            (Sign::SameWords, "nearly the same words"),
            (Sign::Photo, "same photo"),
        ];
        reasons
            .extend(plain.iter().filter(|(sign, _)| self.has(*sign)).map(|(_, words)| (*words).to_owned()));
        reasons
    }
}
