//! Rows that have been kept long enough. A complaint is over when nothing of it is under way any more, at any place; the
//! time counts from the last that happened to it.

use std::collections::HashSet;

use jiff::Timestamp;
use uuid::Uuid;

use super::{
    Db, Store, StoreError,
    monthly::first,
    sql::{self, OptionalExtension},
};

/// While more rows than this are on their way, nothing is looked for: they would all have to be read.
const BUSY: i64 = 5000;

/// What is removed of complaints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// How they are answered, what was said, the words as they were written.
    Personal,
    /// Which events there were.
    Published,
    /// Their files.
    Media,
}

/// How far a look at complaints came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Complaints of which something was removed.
    pub removed: u64,
    /// The last that was looked at; none at the end.
    pub last: Option<Uuid>,
}

impl Kept {
    /// The complaints of which there is something, after one and given before another: id and number of the receipt.
    fn candidates(self) -> &'static str {
        match self {
            Self::Personal => {
                "SELECT complaint, serial FROM correspondence WHERE complaint > ?1 AND complaint < ?2
                 ORDER BY complaint LIMIT ?3"
            }
            Self::Published => {
                "SELECT complaint, (SELECT serial FROM correspondence c WHERE c.complaint = p.complaint)
                 FROM published p WHERE complaint > ?1 AND complaint < ?2 GROUP BY complaint
                 ORDER BY complaint LIMIT ?3"
            }
            Self::Media => {
                "SELECT complaint, max(message) FROM media WHERE complaint > ?1 AND complaint < ?2
                 GROUP BY complaint ORDER BY complaint LIMIT ?3"
            }
        }
    }
}

impl Store {
    /// Removes what is kept of complaints to which nothing has happened since a time and of which nothing is under way.
    /// Looks at so many of them, after one.
    ///
    /// # Errors
    /// Nothing was removed.
    pub async fn forget_complaints(
        &self,
        kept: Kept,
        before: Timestamp,
        after: Option<Uuid>,
        most: u32,
    ) -> Result<Swept, StoreError> {
        self.write(move |db| sweep(db, kept, before, after.unwrap_or(Uuid::nil()), most)).await
    }

    /// Forgets lines of the audit log of before a time, the oldest first. Returns how many.
    ///
    /// # Errors
    /// Nothing was forgotten.
    pub async fn forget_audit(&self, before: Timestamp, most: u32) -> Result<u64, StoreError> {
        self.write(move |db| {
            let sql =
                "DELETE FROM audit WHERE seq IN (SELECT seq FROM audit ORDER BY seq LIMIT ?2) AND at < ?1";
            db.execute(sql, (before.as_millisecond(), most)).map(count)
        })
        .await
    }

    /// Forgets which ids are one person's, where nothing has said so since a time. Returns of how many ids.
    ///
    /// # Errors
    /// Nothing was forgotten.
    pub async fn forget_persons(&self, before: Timestamp, most: u32) -> Result<u64, StoreError> {
        self.write(move |db| {
            let sql =
                "DELETE FROM person WHERE id IN (SELECT id FROM person WHERE at < ?1 ORDER BY at LIMIT ?2)";
            db.execute(sql, (before.as_millisecond(), most)).map(count)
        })
        .await
    }

    /// Hashes of files that no complaint has any more.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn unwanted(&self, most: u32) -> Result<Vec<[u8; 32]>, StoreError> {
        self.read(move |connection| {
            let sql = "SELECT sha256 FROM unwanted ORDER BY sha256 LIMIT ?1";
            connection.prepare_cached(sql)?.query_map([most], |row| row.get(0))?.collect()
        })
        .await
    }

    /// Whether a complaint has a file of this hash, after all. Asked of the writer, which tells nobody whose term is over: the
    /// next leader may be keeping the file.
    ///
    /// # Errors
    /// The store fails, or another gateway leads.
    pub async fn is_wanted(&self, sha256: [u8; 32]) -> Result<bool, StoreError> {
        self.write(move |db| {
            let sql = "SELECT EXISTS (SELECT 1 FROM media WHERE sha256 = ?1)";
            db.prepare(sql)?.query_row([sha256], |row| row.get(0))
        })
        .await
    }

    /// A file that was unwanted is removed, or wanted again.
    ///
    /// # Errors
    /// It stays unwanted.
    pub async fn unwanted_is_done(&self, sha256: [u8; 32]) -> Result<(), StoreError> {
        self.write(move |db| db.execute("DELETE FROM unwanted WHERE sha256 = ?1", [sha256]).map(drop)).await
    }
}

fn sweep(db: &Db<'_>, kept: Kept, before: Timestamp, after: Uuid, most: u32) -> sql::Result<Swept> {
    let sql = "SELECT inbox + outbox + dead + quarantined FROM level";
    if db.prepare(sql)?.query_row([], |row| row.get::<i64>(0))? > BUSY {
        return Ok(Swept { removed: 0, last: Some(after).filter(|after| !after.is_nil()) });
    }
    let candidates: Vec<(Uuid, Option<i64>)> = db
        .prepare(kept.candidates())?
        .query_map((after, first(before), most), |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<sql::Result<_>>()?;
    let full = candidates.len() == usize::try_from(most).unwrap_or(usize::MAX);
    let last = candidates.last().map(|(id, _)| *id).filter(|_| full);
    let mut over = Vec::new();
    for (id, serial) in candidates {
        if is_over(db, id, serial.unwrap_or(-1), before)? {
            over.push((id, serial.unwrap_or(-1)));
        }
    }
    if over.is_empty() {
        return Ok(Swept { removed: 0, last });
    }
    let (ids, serials) = under_way(db)?;
    over.retain(|(id, serial)| !ids.contains(id) && !serials.contains(serial));
    for (id, serial) in &over {
        remove(db, kept, *id, *serial)?;
    }
    Ok(Swept { removed: count(over.len()), last })
}

/// Whether nothing has happened to a complaint since a time and, as far as its own rows say, nothing will.
fn is_over(db: &Db<'_>, id: Uuid, serial: i64, before: Timestamp) -> sql::Result<bool> {
    let sql = "SELECT NOT EXISTS (SELECT 1 FROM clock WHERE serial = ?2)
        AND NOT EXISTS (SELECT 1 FROM correspondence WHERE serial = ?2 AND (heard_at >= ?3 OR status_at >= ?3))
        AND NOT EXISTS (SELECT 1 FROM correspondence WHERE continues = ?2 AND complaint >= ?4)
        AND NOT EXISTS (SELECT 1 FROM correspondence mine JOIN clock ON clock.serial = mine.continues WHERE mine.serial = ?2)
        AND NOT EXISTS (SELECT 1 FROM correspondence mine JOIN correspondence other ON other.serial = mine.continues
                        WHERE mine.serial = ?2 AND (other.heard_at >= ?3 OR other.status_at >= ?3))
        AND NOT EXISTS (SELECT 1 FROM published WHERE complaint = ?1 AND (at >= ?3 OR confirmed_at >= ?3))
        AND NOT EXISTS (SELECT 1 FROM reply WHERE serial = ?2 AND (state = 'waiting' OR changed_at >= ?3))
        AND NOT EXISTS (SELECT 1 FROM media WHERE complaint = ?1 AND (state = 'pending' OR since >= ?3))
        AND NOT EXISTS (SELECT 1 FROM inbox WHERE serial = ?2) AND NOT EXISTS (SELECT 1 FROM held WHERE serial = ?2)
        AND NOT EXISTS (SELECT 1 FROM set_aside WHERE serial = ?2)
        AND NOT EXISTS (SELECT 1 FROM follower WHERE target = ?2)";
    let row = (id, serial, before.as_millisecond(), first(before));
    db.prepare(sql)?.query_row(row, |row| row.get(0))
}

/// Complaints of which something waits: by id, and by number of the receipt.
fn under_way(db: &Db<'_>) -> sql::Result<(HashSet<Uuid>, HashSet<i64>)> {
    let sql = "SELECT complaint FROM outbox UNION SELECT complaint FROM dead
               UNION SELECT complaint FROM quarantine WHERE complaint IS NOT NULL";
    let ids = db.prepare(sql)?.query_map([], |row| row.get(0))?.collect::<sql::Result<_>>()?;
    let sql = "SELECT amends FROM inbox WHERE amends IS NOT NULL UNION SELECT follows FROM inbox WHERE follows IS NOT NULL
               UNION SELECT bundle FROM inbox WHERE bundle IS NOT NULL
               UNION SELECT serial FROM quarantine WHERE serial IS NOT NULL
               UNION SELECT amends FROM quarantine WHERE amends IS NOT NULL";
    let serials = db.prepare(sql)?.query_map([], |row| row.get(0))?.collect::<sql::Result<_>>()?;
    Ok((ids, serials))
}

fn remove(db: &Db<'_>, kept: Kept, id: Uuid, serial: i64) -> sql::Result<()> {
    match kept {
        Kept::Personal => {
            db.execute(
                "DELETE FROM reply_part WHERE seq IN (SELECT seq FROM reply WHERE serial = ?1)",
                [serial],
            )?;
            db.execute("DELETE FROM reply WHERE serial = ?1", [serial])?;
            db.execute("DELETE FROM original WHERE complaint = ?1", [id])?;
            db.execute("DELETE FROM correspondence WHERE serial = ?1", [serial])?;
        }
        Kept::Published => {
            db.execute("DELETE FROM published WHERE complaint = ?1", [id])?;
        }
        Kept::Media => {
            let sql = "SELECT DISTINCT sha256 FROM media WHERE complaint = ?1 AND sha256 IS NOT NULL";
            let hashes: Vec<[u8; 32]> =
                db.prepare(sql)?.query_map([id], |row| row.get(0))?.collect::<sql::Result<_>>()?;
            db.execute("DELETE FROM media WHERE complaint = ?1", [id])?;
            for sha256 in hashes {
                // the same photo may be another complaint's, too
                let sql = "SELECT 1 FROM media WHERE sha256 = ?1 LIMIT 1";
                if db.prepare(sql)?.query_row([sha256], |_| Ok(())).optional()?.is_none() {
                    db.execute("INSERT INTO unwanted VALUES (?1) ON CONFLICT DO NOTHING", [sha256])?;
                }
            }
        }
    }
    Ok(())
}

fn count(rows: usize) -> u64 {
    u64::try_from(rows).unwrap_or(u64::MAX)
}
