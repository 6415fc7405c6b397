//! What each channel brought: by month for the city's evaluation, by hour for what is usual.

use std::collections::BTreeMap;

use jiff::Timestamp;
use muara_normalizer::{ComplaintId, Status, time::WIB};
use uuid::Uuid;

use super::{Db, Store, StoreError, inbox::instant, sql};

/// A channel's complaints of some time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Brought {
    /// Complaints, without those that continue others.
    pub received: u64,
    /// Those on a matter that somebody else had reported.
    pub duplicates: u64,
    /// Those that were answered by the core CRM, by a reply that went out.
    pub answered: u64,
    /// Those that had a first reply of the core CRM, by the days it took.
    pub first: Spread,
    /// Those that are done, by the days it took.
    pub done: Spread,
    /// Those that ended without being done: refused, or handled with another one.
    pub refused: u64,
}

/// Complaints by the days that something took, in the classes of the city's evaluation. Days are Jakarta's calendar days:
/// what is done on the day it was received took none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spread {
    /// At most 7 days.
    pub week: u64,
    /// 8 to 14 days.
    pub fortnight: u64,
    /// More than 14 days.
    pub longer: u64,
    /// How long all of them took together, in milliseconds.
    pub taken_ms: u64,
}

impl Spread {
    /// One more, from one time to another.
    pub fn add(&mut self, from: Timestamp, to: Timestamp) {
        let day = |at: Timestamp| (at.as_second() + i64::from(WIB.seconds())).div_euclid(86_400);
        match day(to) - day(from) {
            ..=7 => self.week += 1,
            8..=14 => self.fortnight += 1,
            _ => self.longer += 1,
        }
        self.taken_ms += u64::try_from(to.as_millisecond() - from.as_millisecond()).unwrap_or(0);
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> u64 {
        self.week + self.fortnight + self.longer
    }

    /// How long they took in the middle, in tenths of an hour; none of none.
    #[must_use]
    pub fn mean_tenths(&self) -> Option<u64> {
        (self.taken_ms / 360_000).checked_div(self.all())
    }
}

impl std::ops::Add for Spread {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            week: self.week + other.week,
            fortnight: self.fortnight + other.fortnight,
            longer: self.longer + other.longer,
            taken_ms: self.taken_ms + other.taken_ms,
        }
    }
}

impl Brought {
    /// Those that nobody has ended yet.
    #[must_use]
    pub fn open(&self) -> u64 {
        self.received.saturating_sub(self.done.all() + self.refused)
    }

    /// Those without a reply of the core CRM.
    #[must_use]
    pub fn silent(&self) -> u64 {
        self.received.saturating_sub(self.first.all())
    }
}

impl std::iter::Sum for Brought {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, one| Self {
            received: sum.received + one.received,
            duplicates: sum.duplicates + one.duplicates,
            answered: sum.answered + one.answered,
            first: sum.first + one.first,
            done: sum.done + one.done,
            refused: sum.refused + one.refused,
        })
    }
}

/// Writes down what a reply of the core CRM says of how a complaint stands.
pub(super) fn replied(db: &Db<'_>, serial: i64, status: Option<&Status>, at: i64) -> sql::Result<()> {
    let first = "UPDATE correspondence SET first_reply_at = ?2 WHERE serial = ?1 AND first_reply_at IS NULL";
    db.execute(first, (serial, at))?;
    let Some(status) = status else { return Ok(()) };
    let stands = "UPDATE correspondence SET status = ?2, status_at = ?3 WHERE serial = ?1";
    db.execute(stands, (serial, status.name(), at))?;
    let reopened = "UPDATE correspondence SET closed_at = NULL, done_at = NULL WHERE serial = ?1";
    let done =
        "UPDATE correspondence SET closed_at = coalesce(closed_at, ?2), done_at = coalesce(done_at, ?2)
                WHERE serial = ?1";
    let refused =
        "UPDATE correspondence SET closed_at = coalesce(closed_at, ?2), done_at = NULL WHERE serial = ?1";
    match status {
        Status::Done => db.execute(done, (serial, at)),
        closed if closed.is_closed() => db.execute(refused, (serial, at)),
        // nobody here knows what it means
        Status::Other(_) => Ok(0),
        _ => db.execute(reopened, (serial,)),
    }
    .map(drop)
}

impl Store {
    /// What channels brought from one time to before another, by channel.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn brought(
        &self,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<BTreeMap<String, Brought>, StoreError> {
        self.read(move |connection| {
            let sql = "SELECT channel, complaint, duplicate_of IS NOT NULL, EXISTS (
                         SELECT 1 FROM reply WHERE reply.serial = correspondence.serial AND occasion = 'reply'
                         AND state IN ('sent', 'delivered', 'read')), first_reply_at, done_at, closed_at IS NOT NULL
                       FROM correspondence WHERE complaint >= ?1 AND complaint < ?2 AND continues IS NULL";
            let mut query = connection.prepare_cached(sql)?;
            let mut rows = query.query((first(from), first(to)))?;
            let mut brought = BTreeMap::<String, Brought>::new();
            while let Some(row) = rows.next()? {
                let channel = row.get_ref(0)?.as_str()?;
                if !brought.contains_key(channel) {
                    brought.insert(channel.to_owned(), Brought::default());
                }
                let Some(one) = brought.get_mut(channel) else { continue };
                let received_at = given_at(row.get(1)?);
                one.received += 1;
                one.duplicates += u64::from(row.get::<bool>(2)?);
                one.answered += u64::from(row.get::<bool>(3)?);
                if let Some(at) = row.get::<Option<i64>>(4)? {
                    one.first.add(received_at, instant(at));
                }
                match row.get::<Option<i64>>(5)? {
                    Some(at) => one.done.add(received_at, instant(at)),
                    None => one.refused += u64::from(row.get::<bool>(6)?),
                }
            }
            Ok(brought)
        })
        .await
    }

    /// How many complaints came from one time to before another, by channel.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn came(&self, from: Timestamp, to: Timestamp) -> Result<BTreeMap<String, u64>, StoreError> {
        self.read(move |connection| {
            let sql = "SELECT channel, count(*) FROM correspondence WHERE complaint >= ?1 AND complaint < ?2
                       GROUP BY channel";
            let mut query = connection.prepare_cached(sql)?;
            let count = |row: &sql::Row<'_>| Ok((row.get(0)?, row.get::<i64>(1)?.unsigned_abs()));
            query.query_map((first(from), first(to)), count)?.collect()
        })
        .await
    }

    /// How many complaints came in each of the last hours before a time, the latest last.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn came_by_hour(&self, now: Timestamp, hours: usize) -> Result<Vec<u64>, StoreError> {
        const HOUR: i64 = 3_600_000;
        self.read(move |connection| {
            let all = i64::try_from(hours).unwrap_or(0).saturating_mul(HOUR);
            let begin = now.as_millisecond().saturating_sub(all);
            let from = Timestamp::from_millisecond(begin).unwrap_or_default();
            // of each row only its id is read, which the index has
            let mut query = connection.prepare_cached(
                "SELECT complaint FROM correspondence WHERE complaint >= ?1 AND complaint < ?2",
            )?;
            let mut rows = query.query((first(from), first(now)))?;
            let mut counts = vec![0; hours];
            while let Some(row) = rows.next()? {
                let at = given_at(row.get(0)?).as_millisecond();
                let hour = usize::try_from((at - begin) / HOUR).unwrap_or(usize::MAX);
                if let Some(count) = counts.get_mut(hour) {
                    *count += 1;
                }
            }
            Ok(counts)
        })
        .await
    }

    /// How many messages were given a number, and how many events the broker confirmed, ever.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn passed(&self) -> Result<(u64, u64), StoreError> {
        self.read(|connection| {
            let sql = "SELECT next_serial - 1, confirmed FROM level";
            connection.prepare_cached(sql)?.query_row([], |row| {
                Ok((row.get::<i64>(0)?.unsigned_abs(), row.get::<i64>(1)?.unsigned_abs()))
            })
        })
        .await
    }

    /// Since when the draft waits that came first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn oldest_draft(&self) -> Result<Option<Timestamp>, StoreError> {
        self.read(|connection| {
            let sql = "SELECT (SELECT at FROM inbox ORDER BY serial LIMIT 1)";
            connection.prepare_cached(sql)?.query_row([], |row| row.get::<Option<i64>>(0))
        })
        .await
        .map(|at| at.map(instant))
    }
}

/// The time at which an id was given.
pub(crate) fn given_at(id: Uuid) -> Timestamp {
    let at = id.get_timestamp().map(|at| {
        let (seconds, nanoseconds) = at.to_unix();
        seconds * 1000 + u64::from(nanoseconds / 1_000_000)
    });
    instant(at.and_then(|ms| i64::try_from(ms).ok()).unwrap_or_default())
}

/// Ids sort by the time they were given: none of that time sorts before this one.
pub(super) fn first(at: Timestamp) -> Uuid {
    ComplaintId::from_parts(at, &[0; 10]).0
}
