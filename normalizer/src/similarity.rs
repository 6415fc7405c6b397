//! Whether two complaints are about the same matter: what each is about ([`Matter`], small enough to be kept by the
//! million), and how alike two are ([`compare`]). Never decides more than a link.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{complaint::Complaint, reading::Reading};

/// What a complaint is about, for comparison.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Matter {
    /// When it was sent.
    pub at: Timestamp,
}

/// How alike two must be, and how near.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// Days within which two may be the same.
    pub days: u16,
    /// The score from which they are linked, 0 to 1.
    pub score: f64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { days: 14, score: 0.5 }
    }
}

/// How alike two are.
#[derive(Clone, Debug, PartialEq)]
pub struct Likeness {
    /// 0 to 1.
    pub score: f64,
    /// Why, in words for an officer.
    pub reasons: Vec<String>,
}

impl Matter {
    /// What a complaint is about; nothing if too little is said to compare. `reading` is of title and text.
    #[must_use]
    pub fn of(_complaint: &Complaint, _reading: &Reading) -> Option<Self> {
        None
    }
}

/// How alike two are; nothing below the threshold.
#[must_use]
pub fn compare(_new: &Matter, _old: &Matter, _thresholds: &Thresholds) -> Option<Likeness> {
    None
}
