//! Messages that are no complaints by the rules: thanks, greetings, advertisements. Kept until an operator has looked, and
//! let through with one command.

use jiff::Timestamp;
use muara_normalizer::ComplaintId;
use uuid::Uuid;

use super::{
    Db, Store, StoreError,
    inbox::{Waiting, instant},
    sql,
};

/// A message that is set aside.
#[derive(Clone, Debug, serde::Serialize)]
pub struct SetAside {
    /// The id that its complaint would have.
    pub id: ComplaintId,
    /// The channel.
    pub channel: String,
    /// When it was stored.
    pub received_at: Timestamp,
    /// What it is taken for.
    pub reason: String,
    /// The draft as JSON.
    #[serde(skip)]
    pub draft: Vec<u8>,
}

impl Store {
    /// Messages that are set aside, newest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn set_aside(
        &self,
        channel: Option<String>,
        reason: Option<String>,
        most: u32,
    ) -> Result<Vec<SetAside>, StoreError> {
        self.read(move |connection| {
            let sql = "SELECT id, channel, at, reason, draft FROM set_aside
                       WHERE (?1 IS NULL OR channel = ?1) AND (?2 IS NULL OR reason = ?2) ORDER BY serial DESC LIMIT ?3";
            let read = |row: &sql::Row<'_>| {
                Ok(SetAside {
                    id: ComplaintId(row.get(0)?),
                    channel: row.get(1)?,
                    received_at: instant(row.get(2)?),
                    reason: row.get(3)?,
                    draft: row.get(4)?,
                })
            };
            connection.prepare_cached(sql)?.query_map((channel, reason, most), read)?.collect()
        })
        .await
    }

    /// Lets messages through that are set aside: one, those of a channel, or all. They are published with their flag.
    /// Pressing twice is safe. Returns how many.
    ///
    /// # Errors
    /// Nothing was changed.
    pub async fn let_through(&self, id: Option<Uuid>, channel: Option<String>) -> Result<usize, StoreError> {
        let moved = self
            .write(move |db| {
                let which = "(?1 IS NULL OR id = ?1) AND (?2 IS NULL OR channel = ?2)";
                let sql = format!(
                    "INSERT INTO inbox (serial, id, channel, at, draft, held, reviewed)
                     SELECT serial, id, channel, at, draft, 1, 1 FROM set_aside WHERE {which}"
                );
                let moved = db.execute(&sql, (id, &channel))?;
                let sql = format!("SELECT coalesce(sum(length(draft)), 0) FROM set_aside WHERE {which}");
                let bytes: i64 = db.prepare(&sql)?.query_row((id, &channel), |row| row.get(0))?;
                db.execute(&format!("DELETE FROM set_aside WHERE {which}"), (id, &channel))?;
                let count = i64::try_from(moved).unwrap_or(i64::MAX);
                db.count(|change| {
                    change.set_aside -= count;
                    change.inbox += count;
                    change.bytes += bytes;
                });
                Ok(moved)
            })
            .await?;
        self.shared.received.notify_one();
        Ok(moved)
    }
}

/// Sets a message aside.
pub(super) fn put(db: &Db<'_>, row: &Waiting, reason: &str) -> sql::Result<()> {
    db.execute(
        "INSERT INTO set_aside VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING",
        (row.serial, row.id.0, &row.channel, row.received_at.as_millisecond(), &row.draft, reason),
    )?;
    db.count(|change| change.set_aside += 1);
    Ok(())
}

/// A message that is set aside was written anew: it goes the way of a new one. False if it is not set aside.
pub(super) fn rewrite(db: &Db<'_>, serial: i64, draft: &[u8]) -> sql::Result<bool> {
    let moved = db.execute(
        "INSERT INTO inbox (serial, id, channel, at, draft) SELECT serial, id, channel, at, ?2 FROM set_aside
         WHERE serial = ?1",
        (serial, draft),
    )?;
    if moved == 0 {
        return Ok(false);
    }
    db.execute("DELETE FROM set_aside WHERE serial = ?1", [serial])?;
    db.count(|change| {
        change.set_aside -= 1;
        change.inbox += 1;
        change.bytes += super::writer::size(draft);
    });
    Ok(true)
}
