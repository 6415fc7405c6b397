//! What each channel brought: by month for the city's evaluation, by hour for what is usual.

use std::collections::BTreeMap;

use jiff::Timestamp;
use muara_normalizer::ComplaintId;
use uuid::Uuid;

use super::{Store, StoreError};

/// A channel's complaints of some time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Brought {
    /// Complaints, without those that continue others.
    pub received: u64,
    /// Those on a matter that somebody else had reported.
    pub duplicates: u64,
    /// Those that were answered by the core CRM, by a reply that went out.
    pub answered: u64,
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
            let sql = "SELECT channel, count(*), sum(duplicate_of IS NOT NULL), sum(EXISTS (
                         SELECT 1 FROM reply WHERE reply.serial = correspondence.serial AND occasion = 'reply'
                         AND state IN ('sent', 'delivered', 'read')))
                       FROM correspondence WHERE complaint >= ?1 AND complaint < ?2 AND continues IS NULL GROUP BY channel";
            let mut query = connection.prepare_cached(sql)?;
            let rows = query.query_map((first(from), first(to)), |row| {
                let count = |column| row.get::<_, i64>(column).map(i64::unsigned_abs);
                let brought =
                    Brought { received: count(1)?, duplicates: count(2)?, answered: count(3)? };
                Ok((row.get(0)?, brought))
            })?;
            rows.collect()
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
            let count = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs()));
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
                Ok((row.get::<_, i64>(0)?.unsigned_abs(), row.get::<_, i64>(1)?.unsigned_abs()))
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
            connection.prepare_cached(sql)?.query_row([], |row| row.get::<_, Option<i64>>(0))
        })
        .await
        .map(|at| at.map(super::inbox::instant))
    }
}

/// The time at which an id was given.
pub(crate) fn given_at(id: Uuid) -> Timestamp {
    let at = id.get_timestamp().map(|at| {
        let (seconds, nanoseconds) = at.to_unix();
        seconds * 1000 + u64::from(nanoseconds / 1_000_000)
    });
    super::inbox::instant(at.and_then(|ms| i64::try_from(ms).ok()).unwrap_or_default())
}

/// Ids sort by the time they were given: none of that time sorts before this one.
fn first(at: Timestamp) -> Uuid {
    ComplaintId::from_parts(at, &[0; 10]).0
}
