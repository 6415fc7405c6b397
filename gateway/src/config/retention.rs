//! `[retention]`: how long what is done is kept.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is done is removed after so many days; 0 keeps it for ever. The days of a complaint count from the last that
/// happened to it. Nothing is removed of a complaint that is under way: a clock runs (see [watch]), a reply or a file waits,
/// or something of it is held, in quarantine, or waits for the broker.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Retention {
    /// How citizens are answered, what was said to them, and their words as they were written. A reference is unknown after.
    pub personal_days: u32,
    /// Which events there were of a complaint, and when the broker took them.
    pub published_days: u32,
    /// The files of complaints.
    pub media_days: u32,
    /// What operators did in the console.
    pub audit_days: u32,
}

impl Default for Retention {
    fn default() -> Self {
        Self { personal_days: 400, published_days: 400, media_days: 400, audit_days: 1095 }
    }
}

impl Retention {
    /// The same in words, for people.
    #[must_use]
    pub fn in_words(&self) -> String {
        let days = |days: u32| if days == 0 { "for ever".to_owned() } else { format!("{days} days") };
        format!(
            "What is done is kept: words and addresses {}, events {}, files {}, the audit log {}.",
            days(self.personal_days),
            days(self.published_days),
            days(self.media_days),
            days(self.audit_days)
        )
    }
}
