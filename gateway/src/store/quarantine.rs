//! What could not be understood, kept with its bytes, the reason, and a way to try again after a fix.

use jiff::Timestamp;
use muara_normalizer::{ChannelId, ComplaintId};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{
    Db, Store, StoreError,
    inbox::{Waiting, instant},
    sql::{self, OptionalExtension},
};

/// Bytes on their way into quarantine.
#[derive(Clone, Debug)]
pub struct NewQuarantine {
    /// The row's id (UUIDv7).
    pub id: Uuid,
    /// Why, in words without the citizen's.
    pub reason: String,
    /// The media type of the bytes.
    pub content_type: Option<String>,
    /// The raw bytes.
    pub raw: Vec<u8>,
}

/// At which door a message was turned aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// A verified request or a pulled item, in whole or in part: the raw bytes are the vendor's.
    Decode,
    /// A stored draft: the raw bytes are the draft as JSON.
    Refine,
}

/// A quarantined row.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Quarantined {
    /// Its id.
    pub id: Uuid,
    /// The channel.
    pub channel: String,
    /// When it came first.
    pub at: Timestamp,
    /// At which door it was turned aside.
    pub stage: Stage,
    /// Why.
    pub reason: String,
    /// The media type of the bytes.
    pub content_type: Option<String>,
    /// How often the same bytes came.
    pub seen: u32,
    /// The complaint's id, if it was given one before.
    pub complaint: Option<ComplaintId>,
    /// The raw bytes.
    #[serde(skip)]
    pub raw: Vec<u8>,
}

const COLUMNS: &str = "id, channel, at, stage, reason, content_type, seen, complaint, raw";

impl Store {
    /// Quarantined rows, oldest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn quarantined(
        &self,
        channel: Option<String>,
        most: u32,
    ) -> Result<Vec<Quarantined>, StoreError> {
        self.read(move |connection| {
            let sql = format!(
                "SELECT {COLUMNS} FROM quarantine WHERE ?1 IS NULL OR channel = ?1 ORDER BY at, id LIMIT ?2"
            );
            connection.prepare_cached(&sql)?.query_map((channel, most), quarantined)?.collect()
        })
        .await
    }

    /// One quarantined row.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn quarantined_row(&self, id: Uuid) -> Result<Option<Quarantined>, StoreError> {
        self.read(move |connection| {
            let sql = format!("SELECT {COLUMNS} FROM quarantine WHERE id = ?1");
            connection.prepare_cached(&sql)?.query_row([id], quarantined).optional()
        })
        .await
    }

    /// Removes a quarantined row for good. False if it is not there.
    ///
    /// # Errors
    /// Nothing was changed.
    pub async fn discard(&self, id: Uuid) -> Result<bool, StoreError> {
        self.write(move |db| Ok(remove(db, id)? == 1)).await
    }

    /// Puts a quarantined draft back to be refined again, under its old receipt. False if it is not there.
    ///
    /// # Errors
    /// Nothing was changed.
    pub async fn refine_again(&self, id: Uuid) -> Result<bool, StoreError> {
        let moved = self
            .write(move |db| {
                let moved = db.execute(
                    "INSERT INTO inbox (serial, id, channel, at, draft, held, amends)
                     SELECT serial, complaint, channel, at, raw, 1, amends FROM quarantine
                     WHERE id = ?1 AND serial IS NOT NULL",
                    [id],
                )?;
                if moved == 0 {
                    return Ok(false);
                }
                let bytes: i64 = db
                    .prepare("SELECT length(raw) FROM quarantine WHERE id = ?1")?
                    .query_row([id], |row| row.get(0))?;
                remove(db, id)?;
                db.count(|change| {
                    change.inbox += 1;
                    change.bytes += bytes;
                });
                Ok(true)
            })
            .await?;
        self.shared.received.notify_one();
        Ok(moved)
    }
}

/// Keeps the bytes; equal bytes of the same channel find the first row.
///
/// A replay of a row that still is not understood comes by here too; that is no delivery.
pub(super) fn put(
    db: &Db<'_>,
    channel: &ChannelId,
    at: i64,
    new: &NewQuarantine,
    replayed: bool,
) -> sql::Result<Uuid> {
    let mut digest = Sha256::new();
    digest.update(channel.as_str());
    digest.update([0]);
    digest.update(&new.raw);
    let fingerprint: [u8; 32] = digest.finalize().into();
    let inserted = db.execute(
        "INSERT INTO quarantine (id, channel, at, stage, reason, content_type, raw, fingerprint)
         VALUES (?1, ?2, ?3, 'decode', ?4, ?5, ?6, ?7) ON CONFLICT (fingerprint) DO NOTHING",
        (new.id, channel.as_str(), at, &new.reason, &new.content_type, &new.raw, fingerprint),
    )?;
    if inserted == 1 {
        db.count(|change| change.quarantined += 1);
        return Ok(new.id);
    }
    let sql = "UPDATE quarantine SET seen = seen + ?3, reason = ?2 WHERE fingerprint = ?1 RETURNING id";
    db.prepare(sql)?.query_row((fingerprint, &new.reason, !replayed), |row| row.get(0))
}

/// Keeps a stored draft that could not become a complaint, with its receipt.
pub(super) fn put_draft(db: &Db<'_>, row: &Waiting, reason: &str) -> sql::Result<()> {
    // a change has the id of the complaint that it changes, which may be here itself
    let id = match row.amends {
        Some(_) => Uuid::new_v5(&row.id.0, &row.serial.to_be_bytes()),
        None => row.id.0,
    };
    db.execute(
        "INSERT INTO quarantine
         (id, channel, at, stage, reason, content_type, raw, fingerprint, serial, complaint, amends)
         VALUES (?1, ?2, ?3, 'refine', ?4, 'application/json', ?5, ?6, ?7, ?8, ?9)",
        (
            id,
            &row.channel,
            row.received_at.as_millisecond(),
            reason,
            &row.draft,
            id.as_bytes(),
            row.serial,
            row.id.0,
            row.amends,
        ),
    )?;
    db.count(|change| change.quarantined += 1);
    Ok(())
}

/// Keeps a change of a message that is here itself: nobody may hear of the change before the message. False if its
/// message has gone its way.
pub(super) fn put_beside(db: &Db<'_>, row: &Waiting) -> sql::Result<bool> {
    let Some(target) = row.amends else { return Ok(false) };
    let here: bool = db
        .prepare("SELECT EXISTS (SELECT 1 FROM quarantine WHERE id = ?1 AND serial = ?2)")?
        .query_row((row.id.0, target), |found| found.get(0))?;
    if here {
        put_draft(db, row, "it changes a message that is in quarantine: replay that one first")?;
    }
    Ok(here)
}

pub(super) fn remove(db: &Db<'_>, id: Uuid) -> sql::Result<usize> {
    let removed = db.execute("DELETE FROM quarantine WHERE id = ?1", [id])?;
    db.count(|change| change.quarantined -= i64::try_from(removed).unwrap_or(0));
    Ok(removed)
}

fn quarantined(row: &sql::Row<'_>) -> sql::Result<Quarantined> {
    let stage: String = row.get(3)?;
    Ok(Quarantined {
        id: row.get(0)?,
        channel: row.get(1)?,
        at: instant(row.get(2)?),
        stage: if stage == "refine" { Stage::Refine } else { Stage::Decode },
        reason: row.get(4)?,
        content_type: row.get(5)?,
        seen: row.get(6)?,
        complaint: row.get::<Option<Uuid>>(7)?.map(ComplaintId),
        raw: row.get(8)?,
    })
}
