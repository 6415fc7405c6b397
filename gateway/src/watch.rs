//! The clocks of complaints: until when somebody must have answered, and who hears of it if nobody did.
//!
//! A clock is a row from the transaction that opens the complaint's event to the reply that stops it; so it survives a
//! restart, and what was due while the gateway was down is told at the next start.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use jiff::{
    SignedDuration, Timestamp, ToSpan,
    civil::{Date, Weekday},
    tz::{Offset, TimeZone},
};
use muara_normalizer::{Status, event::ClockKind};
use tokio_util::sync::CancellationToken;

use crate::{metrics, store::Store, store::StoreError};

/// Between two looks at what is due.
const LOOK_AGAIN: Duration = Duration::from_secs(10);
/// Complaints told of in one commit.
const BATCH: u32 = 500;

/// How long somebody may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clocks {
    /// Hours to the first word; 0 for no such clock.
    pub follow_up_hours: u32,
    /// Days until somebody works on it; 0 for no such clock.
    pub response_days: u32,
    /// Days until it is done; 0 for no such clock.
    pub finish_days: u32,
    /// Hours until it is told again.
    pub repeat_hours: u32,
    /// Which days count.
    pub calendar: Calendar,
}

/// Which days count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Calendar {
    /// All.
    Every,
    /// Monday to Friday, but for holidays.
    Working {
        /// Days on which nobody works.
        holidays: BTreeSet<Date>,
    },
}

impl Default for Clocks {
    /// The first word within 24 hours, work within 3 days, the end within 7.
    fn default() -> Self {
        Self {
            follow_up_hours: 24,
            response_days: 3,
            finish_days: 7,
            repeat_hours: 24,
            calendar: Calendar::Every,
        }
    }
}

impl Clocks {
    /// The clocks that start when a complaint is received, each with the time when it is due.
    #[must_use]
    pub fn start(&self, received_at: Timestamp) -> Vec<(ClockKind, Timestamp)> {
        let hours = SignedDuration::from_hours(self.follow_up_hours.into());
        let first =
            (self.follow_up_hours > 0).then(|| received_at.saturating_add(hours).unwrap_or(received_at));
        let days = |days: u32| (days > 0).then(|| self.calendar.after(received_at, days));
        [
            (ClockKind::FollowUp, first),
            (ClockKind::Response, days(self.response_days)),
            (ClockKind::Finish, days(self.finish_days)),
        ]
        .into_iter()
        .filter_map(|(kind, due)| Some((kind, due?)))
        .collect()
    }

    /// When a complaint that is overdue is told of again.
    #[must_use]
    pub fn again(&self, now: Timestamp) -> Timestamp {
        now.saturating_add(SignedDuration::from_hours(self.repeat_hours.into())).unwrap_or(now)
    }
}

impl Calendar {
    /// The same time of day so many days later, by Jakarta's clocks (WIB, UTC+7, no summer time).
    fn after(&self, from: Timestamp, days: u32) -> Timestamp {
        let wib = TimeZone::fixed(Offset::constant(7));
        let from = from.to_zoned(wib.clone());
        let mut day = from.date();
        let mut left = days;
        while left > 0 {
            let Ok(next) = day.checked_add(1.day()) else { break };
            day = next;
            left -= u32::from(self.counts(day));
        }
        let due = day.to_datetime(from.time()).to_zoned(wib);
        due.map_or_else(|_| from.timestamp(), |due| due.timestamp())
    }

    fn counts(&self, day: Date) -> bool {
        match self {
            Self::Every => true,
            Self::Working { holidays } => {
                !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday) && !holidays.contains(&day)
            }
        }
    }
}

/// The clocks that a reply of the core CRM stops: any word stops the first, work on it the second, the end all.
#[must_use]
pub fn stopped_by(status: Option<&Status>) -> &'static [ClockKind] {
    match status {
        Some(status) if status.is_closed() => &[ClockKind::FollowUp, ClockKind::Response, ClockKind::Finish],
        Some(
            Status::InProgress | Status::LongerWork | Status::AwaitingValidation | Status::FollowUpRejected,
        ) => &[ClockKind::FollowUp, ClockKind::Response],
        _ => &[ClockKind::FollowUp],
    }
}

/// Tells of what is overdue until it is cancelled.
pub async fn run(store: Store, clocks: Arc<Clocks>, cancel: CancellationToken) {
    while !cancel.is_cancelled() {
        match round(&store, &clocks, Timestamp::now()).await {
            Ok(told) if told >= BATCH as usize => continue,
            Ok(_) => {}
            Err(error) => {
                tracing::error!(%error, "Overdue complaints could not be told of; it is tried again.")
            }
        }
        tokio::select! {
            () = cancel.cancelled() => break,
            () = tokio::time::sleep(LOOK_AGAIN) => {}
        }
    }
}

/// Tells of what is overdue at a time; returns of how many.
///
/// # Errors
/// The store cannot be read or written; nothing was told.
pub async fn round(store: &Store, clocks: &Clocks, now: Timestamp) -> Result<usize, StoreError> {
    let told = store.tell_overdue(now, clocks.again(now), BATCH).await?;
    for (kind, count) in store.overdue_counts().await? {
        metrics::overdue(kind.as_str(), count);
    }
    Ok(told)
}
