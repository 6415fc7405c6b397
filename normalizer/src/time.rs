//! Times of the sources: naive ones are Jakarta's (WIB, UTC+7, no daylight saving), incredible ones are not trusted.

use jiff::{
    SignedDuration, Timestamp, civil,
    tz::{self, TimeZone},
};

use crate::{complaint::Flag, draft::SourceTime};

/// Western Indonesian Time, UTC+7.
pub const WIB: tz::Offset = tz::Offset::constant(7);

/// None of the channels existed before 2010 (2010-01-01T00:00:00 WIB).
const EARLIEST: Timestamp = Timestamp::constant(1_262_278_800, 0);
/// Clocks of phones and vendors run ahead by a little.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(5);

/// An instant in UTC, or the flag that says why there is none.
///
/// # Errors
/// The flag: the time is unreadable, in the future of `received_at`, or before 2010.
pub fn credible(time: &SourceTime, received_at: Timestamp) -> Result<Timestamp, Flag> {
    let instant = match time {
        SourceTime::Instant(instant) => *instant,
        SourceTime::Naive(civil) => {
            TimeZone::fixed(WIB).to_timestamp(*civil).map_err(|_| Flag::TimeUnreadable)?
        }
        SourceTime::Unreadable(_) => return Err(Flag::TimeUnreadable),
    };
    if instant > received_at.saturating_add(CLOCK_SKEW).unwrap_or(Timestamp::MAX) {
        Err(Flag::TimeInFuture)
    } else if instant < EARLIEST {
        Err(Flag::TimeTooOld)
    } else {
        Ok(instant)
    }
}

impl SourceTime {
    /// Reads the forms that sources write: RFC 3339, `2026-11-03 10:10:00` (WIB), with `T` or a space,
    /// with or without seconds, and whole seconds or milliseconds since 1970.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let text = text.trim();
        if let Ok(instant) = text.parse::<Timestamp>() {
            return Self::Instant(instant);
        }
        if let Ok(naive) = text.parse::<civil::DateTime>() {
            return Self::Naive(naive);
        }
        match text.parse::<i64>() {
            Ok(number) => Self::unix(number),
            Err(_) => Self::Unreadable(text.to_owned()),
        }
    }

    /// Seconds since 1970, or milliseconds where the number is too large to be seconds: vendors mix the two.
    #[must_use]
    pub fn unix(number: i64) -> Self {
        /// As seconds this is the year 5138; as milliseconds, March 1973.
        const MILLISECONDS_FROM: u64 = 100_000_000_000;
        let instant = if number.unsigned_abs() >= MILLISECONDS_FROM {
            Timestamp::from_millisecond(number)
        } else {
            Timestamp::from_second(number)
        };
        instant.map_or_else(|_| Self::Unreadable(number.to_string()), Self::Instant)
    }
}
