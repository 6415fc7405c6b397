//! Whether two complaints are about the same matter: what each is about ([`Matter`], small enough to be kept by the
//! million), and how alike two are ([`compare`]). Never decides more than a link.
//!
//! Citizens say the same in quite different words, and different things in the same words. So the words are first
//! turned into subjects (`bolong`, `ambles`, `pothole` are one; a speed bump is another), places that stand near, names
//! and details, by the rules in `data/matter_words.txt` and `data/matter_places.txt`. Two that agree in place and
//! subject are alike; two that contradict each other in street, RW, subject or landmark are not.
//!
//! [`evidence`] finds the signs for and against one matter, [`signs`] says what each weighs (`data/matter_weights.txt`,
//! learned from labelled pairs), [`compare`] adds them up.

mod bytes;
mod compare;
mod concept;
mod distance;
mod evidence;
mod features;
mod group;
mod index;
mod marks;
mod met;
mod names;
mod patterns;
mod rules;
mod sets;
pub mod signs;
mod spoken;
mod spot;
mod subject;
mod terms;
mod unmet;
mod written;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{complaint::Links, ids::ComplaintId, words};

pub use compare::{compare, evidence};
pub use evidence::{Apart, Evidence};
pub use group::{Kept, Link, REPORTS, link, together};
pub use index::{Block, CANDIDATES, Index, matter_key, sender_key};
pub use unmet::unmet;

/// What a complaint is about, for comparison. Holds no personal data but the keyed reference of who reported.
#[derive(Clone, Debug, PartialEq)]
pub struct Matter {
    /// When it was sent.
    pub at: Timestamp,
    /// Keyed reference of who reported it ([`crate::complaint::Reporter::reference`]), as bytes.
    pub sender: Option<[u8; 16]>,
    /// Hash of the words without case, spelling and punctuation: equal for a text that is sent twice.
    pub text: u64,
    /// The lowest region that is known: the digits of its Kemendagri code (`3175071002`), 0 for none.
    region: u32,
    /// Millionths of a degree, north and east.
    point: Option<[i32; 2]>,
    /// Number of the RT, 0 for none.
    rt: u16,
    /// Number of the RW, 0 for none.
    rw: u16,
    /// Hashes of the suggested categories' codes, the best first.
    categories: Vec<u32>,
    /// What is wrong.
    subjects: Vec<u16>,
    /// What stands near.
    places: Vec<u16>,
    /// By what two of one subject are told apart.
    details: Vec<u16>,
    /// Names of streets and other places.
    names: Vec<Name>,
    /// Hashes of the words that say something; the lowest bit is set in those that are no rule's.
    words: Vec<u32>,
    /// MinHash of the text's word triples.
    shingles: [u16; SHINGLES],
    /// Beginnings of the SHA-256 of photos.
    photos: Vec<u64>,
}

impl Matter {
    /// Where it is, in millionths of a degree, north and east.
    #[must_use]
    pub fn point(&self) -> Option<[i32; 2]> {
        self.point
    }

    /// Whether it tells of the trouble with this key in `data/matter_words.txt`.
    #[must_use]
    pub fn tells_of(&self, key: &str) -> bool {
        rules::RULES
            .number(half(hash(key.as_bytes())))
            .is_some_and(|subject| self.subjects.contains(&subject))
    }

    /// Whether both are of one place, as far as either says one.
    #[must_use]
    pub fn same_spot(&self, other: &Self) -> bool {
        let spot = |matter: &Self| (matter.region, matter.point, matter.rt, matter.rw);
        spot(self) == spot(other)
    }
}

/// A street's or another place's name.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Name {
    /// It is certainly a street or an alley; so another street is another place.
    street: bool,
    /// Its words, folded.
    text: String,
}

/// Numbers in a MinHash.
const SHINGLES: usize = 16;

/// How alike two must be, and how near.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// Days within which two may be the same.
    pub days: u16,
    /// The score from which they are linked, 0 to 1.
    pub score: f64,
    /// Metres within which they may be the same, where `radii` says nothing else.
    pub radius_m: u32,
    /// The same for kinds of trouble: a flood is reported from afar, a hole from beside it.
    pub radii: BTreeMap<String, u32>,
}

impl Default for Thresholds {
    fn default() -> Self {
        let families = rules::RULES.families.iter().map(|family| (family.name.to_owned(), family.metres));
        let radii = families.filter(|(_, metres)| *metres != RADIUS).collect();
        Self { days: 14, score: 0.75, radius_m: RADIUS, radii }
    }
}

/// Whether this is a kind of trouble that has a radius of its own in [`Thresholds::radii`], or may have one.
#[must_use]
pub fn is_kind(name: &str) -> bool {
    rules::RULES.families.iter().any(|family| family.name == name)
}

/// Metres within which two may be the same if nothing else is said of their kind.
const RADIUS: u32 = 150;

/// How alike two are.
#[derive(Clone, Debug, PartialEq)]
pub struct Likeness {
    /// 0 to 1.
    pub score: f64,
    /// Why, in words for an officer.
    pub reasons: Vec<String>,
}

impl Links {
    /// Says that the complaint seems to repeat another.
    pub fn repeats(&mut self, other: ComplaintId, likeness: Likeness) {
        self.duplicate_of = Some(other);
        self.score = Some(likeness.score);
        self.reasons.extend(likeness.reasons);
    }
}

/// A hash that is the same on every machine and in every release (FNV-1a with a final mix): hashes are stored.
fn hash(bytes: &[u8]) -> u64 {
    mix(words::hash_bytes(bytes))
}

/// Spreads a number over all bits (the end of splitmix64).
fn mix(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// The upper half of a hash.
fn half(hash: u64) -> u32 {
    u32::try_from(hash >> 32).unwrap_or_default()
}
