//! `[gather]`, `[duplicates]`: which messages are one complaint, and which complaints are about one matter.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use muara_connectors::Connector;
use muara_normalizer::{
    aggregate::Policy,
    similarity::{self, Thresholds},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What one person says in several messages of a chat is one complaint. Each channel may say otherwise in a table
/// `gather` of its own with the same keys.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Gather {
    /// False makes a complaint of each message.
    pub enabled: bool,
    /// Seconds of silence after which what was said is one complaint.
    pub quiet_seconds: u32,
    /// Seconds after the first message at which it is one, silence or not.
    pub longest_seconds: u32,
    /// Seconds after the last message if all is there: words, a place and a photo.
    pub settle_seconds: u32,
    /// Hours in which more about the same matter continues the complaint instead of being another one.
    pub follow_up_hours: u32,
}

impl Default for Gather {
    fn default() -> Self {
        Self {
            enabled: true,
            quiet_seconds: 90,
            longest_seconds: 600,
            settle_seconds: 10,
            follow_up_hours: 24,
        }
    }
}

impl Gather {
    /// How a connector's messages are gathered: not at all where nobody chats.
    #[must_use]
    pub fn policy_of(&self, connector: &Connector) -> Option<Policy> {
        (self.enabled && connector.chat).then(|| self.policy())
    }

    fn policy(&self) -> Policy {
        let seconds = |seconds: u32| SignedDuration::from_secs(seconds.into());
        Policy {
            quiet: seconds(self.quiet_seconds),
            longest: seconds(self.longest_seconds),
            settle: seconds(self.settle_seconds),
            follow_up: SignedDuration::from_hours(self.follow_up_hours.into()),
        }
    }
}

/// Complaints about the same matter are linked, never merged or dropped.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Duplicates {
    /// False links none.
    pub enabled: bool,
    /// Days within which two complaints may be about the same.
    pub days: u16,
    /// How alike they must be, 0 to 1.
    pub score: f64,
    /// Metres within which they must lie, where both say so, for kinds of trouble that are not in `radii`.
    pub radius_m: u32,
    /// Metres for each kind of trouble; its names are those of `family` in the normalizer's `data/matter_words.txt`. A
    /// kind that is left out keeps its default.
    pub radii: BTreeMap<String, u32>,
    /// Hours in which the same person's next words about the same matter continue their complaint.
    pub follow_up_hours: u32,
    /// Minutes in which the same words of the same person are the same message sent twice.
    pub repeat_minutes: u32,
}

impl Default for Duplicates {
    fn default() -> Self {
        let Thresholds { days, score, radius_m, radii } = Thresholds::default();
        Self { enabled: true, days, score, radius_m, radii, follow_up_hours: 24, repeat_minutes: 5 }
    }
}

impl Duplicates {
    /// As the rules ask for it.
    #[must_use]
    pub fn thresholds(&self) -> Thresholds {
        let mut radii = Thresholds::default().radii;
        radii.extend(self.radii.clone());
        Thresholds { days: self.days, score: self.score, radius_m: self.radius_m, radii }
    }

    /// Names in `radii` that are no kind of trouble.
    pub fn unknown(&self) -> impl Iterator<Item = &str> {
        self.radii.keys().map(String::as_str).filter(|name| !similarity::is_kind(name))
    }
}
