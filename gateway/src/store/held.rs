//! Messages over a limit: stored, answered, and let through when the limit allows or an operator says so.

use jiff::Timestamp;
use muara_normalizer::ComplaintId;

use super::{
    Db, Store, StoreError,
    inbox::{Intake, Receipt, instant},
    sql,
    writer::size,
};

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
                        "INSERT INTO inbox (serial, id, channel, at, draft, held, wait_until)
                         SELECT serial, id, channel, at, draft, 1, wait_until FROM held WHERE serial = ?1",
                        [serial],
                    )?;
                    db.execute("DELETE FROM held WHERE serial = ?1", [serial])?;
                    released += moved;
                    let_followers_go(db, *serial)?;
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

/// Puts a change of a message aside that is itself held: nobody may hear of the change before the message. False if its
/// message has gone its way.
pub(super) fn follow(
    db: &Db<'_>,
    intake: &Intake,
    body: &[u8],
    target: &Receipt,
    (serial, wait_until): (i64, i64),
) -> sql::Result<bool> {
    let held: bool = db
        .prepare("SELECT EXISTS (SELECT 1 FROM held WHERE serial = ?1)")?
        .query_row([target.serial], |row| row.get(0))?;
    if !held {
        return Ok(false);
    }
    let at = intake.received_at.as_millisecond();
    db.execute(
        "INSERT INTO follower VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        (serial, target.serial, target.id.0, intake.channel.as_str(), at, body, wait_until),
    )?;
    db.count(|change| {
        change.held += 1;
        change.bytes += size(body);
    });
    Ok(true)
}

/// The message of that number is in the inbox now, and the changes of it go after it.
fn let_followers_go(db: &Db<'_>, target: i64) -> sql::Result<()> {
    let moved = db.execute(
        "INSERT INTO inbox (serial, id, channel, at, draft, amends, wait_until)
         SELECT serial, id, channel, at, draft, target,
           max(wait_until, coalesce((SELECT wait_until FROM inbox WHERE serial = ?1), 0))
         FROM follower WHERE target = ?1",
        [target],
    )?;
    if moved > 0 {
        db.execute("DELETE FROM follower WHERE target = ?1", [target])?;
        let count = i64::try_from(moved).unwrap_or(i64::MAX);
        db.count(|change| {
            change.held -= count;
            change.inbox += count;
        });
    }
    Ok(())
}

fn held(row: &sql::Row<'_>) -> sql::Result<Held> {
    Ok(Held {
        serial: row.get(0)?,
        id: ComplaintId(row.get(1)?),
        channel: row.get(2)?,
        received_at: instant(row.get(3)?),
        sender: row.get::<Option<i64>>(4)?.map(i64::cast_unsigned),
        release_at: instant(row.get(5)?),
        reason: row.get(6)?,
    })
}
