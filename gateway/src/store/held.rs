//! Messages over a limit: stored, answered, and let through when the limit allows or an operator says so.

use jiff::Timestamp;
use muara_normalizer::ComplaintId;

use super::{Store, StoreError, inbox::instant};

/// A message that is held.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Held {
    /// Number of the receipt.
    #[serde(skip)]
    pub serial: i64,
    /// The complaint's id.
    pub id: ComplaintId,
    /// The channel.
    pub channel: String,
    /// When it was stored.
    pub received_at: Timestamp,
    /// The sender's bucket.
    #[serde(skip)]
    pub sender: Option<u64>,
    /// When the limiter is asked again.
    pub release_at: Timestamp,
    /// In words.
    pub reason: String,
}

impl Store {
    /// Held messages, those first that are to be let through first; with `due_by`, only those due by then.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn held(&self, due_by: Option<Timestamp>, most: u32) -> Result<Vec<Held>, StoreError> {
        let due_by = due_by.map_or(i64::MAX, Timestamp::as_millisecond);
        self.read(move |connection| {
            let sql = "SELECT serial, id, channel, at, sender, release_at, reason FROM held
                       WHERE release_at <= ?1 ORDER BY release_at, serial LIMIT ?2";
            connection.prepare_cached(sql)?.query_map((due_by, most), held)?.collect()
        })
        .await
    }

    /// Lets held messages through to be refined. Those that are no longer held are passed over. Returns how many.
    ///
    /// # Errors
    /// Nothing was changed.
    pub async fn release(&self, serials: Vec<i64>) -> Result<usize, StoreError> {
        let released = self
            .write(move |db| {
                let mut released = 0;
                for serial in &serials {
                    let moved = db.execute(
                        "INSERT INTO inbox (serial, id, channel, at, draft, held)
                         SELECT serial, id, channel, at, draft, 1 FROM held WHERE serial = ?1",
                        [serial],
                    )?;
                    db.execute("DELETE FROM held WHERE serial = ?1", [serial])?;
                    released += moved;
                }
                let count = i64::try_from(released).unwrap_or(i64::MAX);
                db.count(|change| {
                    change.held -= count;
                    change.inbox += count;
                });
                Ok(released)
            })
            .await?;
        self.shared.received.notify_one();
        Ok(released)
    }

    /// Puts off held messages whose limit still does not allow them.
    ///
    /// # Errors
    /// Nothing was changed.
    pub async fn put_off(&self, until: Vec<(i64, Timestamp)>) -> Result<(), StoreError> {
        self.write(move |db| {
            until.iter().try_for_each(|(serial, at)| {
                let sql = "UPDATE held SET release_at = ?2 WHERE serial = ?1";
                db.execute(sql, (serial, at.as_millisecond())).map(drop)
            })
        })
        .await
    }
}

fn held(row: &rusqlite::Row<'_>) -> rusqlite::Result<Held> {
    Ok(Held {
        serial: row.get(0)?,
        id: ComplaintId(row.get(1)?),
        channel: row.get(2)?,
        received_at: instant(row.get(3)?),
        sender: row.get::<_, Option<i64>>(4)?.map(i64::cast_unsigned),
        release_at: instant(row.get(5)?),
        reason: row.get(6)?,
    })
}
