//! The citizens' words as they were written, where events show them masked. They never leave the gateway.

use jiff::Timestamp;
use muara_normalizer::ComplaintId;

use super::{Db, Store, StoreError, inbox::instant, sql};

/// What was written in one message.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Original {
    /// When it was stored.
    pub received_at: Timestamp,
    /// The words.
    pub text: String,
}

impl Store {
    /// What was written in the messages of a complaint, in order; nothing if its event shows it as it is.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn originals(&self, complaint: ComplaintId) -> Result<Vec<Original>, StoreError> {
        self.read(move |connection| {
            let sql = "SELECT at, text FROM original WHERE complaint = ?1 ORDER BY serial";
            let original =
                |row: &sql::Row<'_>| Ok(Original { received_at: instant(row.get(0)?), text: row.get(1)? });
            connection.prepare_cached(sql)?.query_map([complaint.0], original)?.collect()
        })
        .await
    }
}

/// Keeps what a message of a complaint said; what it said before is replaced.
pub(super) fn keep(
    db: &Db<'_>,
    complaint: ComplaintId,
    serial: i64,
    at: Timestamp,
    text: &str,
) -> sql::Result<()> {
    let sql = "INSERT INTO original VALUES (?1, ?2, ?3, ?4) ON CONFLICT (complaint, serial) DO UPDATE SET text = ?4";
    db.execute(sql, (complaint.0, serial, at.as_millisecond(), text)).map(drop)
}

/// Keeps what a complaint said, unless each of its messages is kept already.
pub(super) fn keep_whole(
    db: &Db<'_>,
    complaint: ComplaintId,
    serial: i64,
    at: Timestamp,
    text: &str,
) -> sql::Result<()> {
    let sql = "SELECT EXISTS (SELECT 1 FROM original WHERE complaint = ?1)";
    let kept: bool = db.prepare(sql)?.query_row([complaint.0], |row| row.get(0))?;
    if kept { Ok(()) } else { keep(db, complaint, serial, at, text) }
}

/// Forgets what a message said that its sender took back. Returns what the complaint says now, and of how many messages.
pub(super) fn rewrite(
    db: &Db<'_>,
    complaint: ComplaintId,
    serial: i64,
    text: Option<&str>,
) -> sql::Result<Vec<String>> {
    match text {
        Some(text) => {
            let sql = "UPDATE original SET text = ?3 WHERE complaint = ?1 AND serial = ?2";
            db.execute(sql, (complaint.0, serial, text))?;
        }
        None => {
            db.execute("DELETE FROM original WHERE complaint = ?1 AND serial = ?2", (complaint.0, serial))?;
        }
    }
    let sql = "SELECT text FROM original WHERE complaint = ?1 ORDER BY serial";
    db.prepare(sql)?.query_map([complaint.0], |row| row.get(0))?.collect()
}
