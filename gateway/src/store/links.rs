//! What a message has to do with earlier ones: which it answers, which complaint it became part of.

use jiff::Timestamp;
use muara_normalizer::{
    ChannelId, ComplaintId, ExternalId, IdempotencyKey, Reference, identity::PersonRef, ids::ReferenceKey,
};
use uuid::Uuid;

use super::{
    Db, Store, StoreError, now_ms,
    sql::{self, Connection, OptionalExtension},
};

/// Whom and what a message refers to.
#[derive(Clone, Debug, Default)]
pub struct Referring {
    /// Its sender's references: of the id that stands in the complaint first, then of others that are theirs.
    pub persons: Vec<PersonRef>,
    /// The channel.
    pub channel: String,
    /// The vendor's ids of what it answers, nearest first, and references that it quotes (`ref:` before them).
    pub answering: Vec<String>,
    /// Number of the receipt of the complaint that it continues, if that was found out before.
    pub follows: Option<i64>,
}

/// What is known of what a message refers to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Referred {
    /// The complaint: number of the receipt and id.
    pub complaint: Option<(i64, ComplaintId)>,
    /// The reference that stands for all ids of the sender.
    pub person: Option<PersonRef>,
}

impl Store {
    /// Whom and what messages refer to.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn referred(&self, of: Vec<Referring>) -> Result<Vec<Referred>, StoreError> {
        let references = self.shared.references.clone();
        self.read(move |connection| {
            let each = of.iter().map(|message| {
                let followed = match message.follows {
                    Some(serial) => complaint(connection, serial)?,
                    None => None,
                };
                let complaint = match followed {
                    Some(found) => Some(found),
                    None => answered(connection, &references, &message.channel, &message.answering)?,
                };
                Ok(Referred { complaint, person: person(connection, &message.persons)? })
            });
            each.collect()
        })
        .await
    }

    /// Forgets which messages became part of others before a time.
    ///
    /// # Errors
    /// Nothing was forgotten.
    pub async fn forget_joined(&self, before: Timestamp, most: u32) -> Result<(), StoreError> {
        self.write(move |db| {
            // numbers grow with time
            let sql = "DELETE FROM joined WHERE serial IN (SELECT serial FROM joined ORDER BY serial LIMIT ?2) AND at < ?1";
            db.execute(sql, (before.as_millisecond(), most)).map(drop)
        })
        .await
    }
}

/// The reference that stands for a person: of the first of their ids that is known with another one.
pub(super) fn person(connection: &Connection, ids: &[PersonRef]) -> sql::Result<Option<PersonRef>> {
    let mut query = connection.prepare_cached("SELECT reference FROM person WHERE id = ?1")?;
    for id in ids {
        if let Some(reference) = query.query_row([id], |row| row.get(0)).optional()? {
            return Ok(Some(reference));
        }
    }
    Ok(ids.first().copied())
}

/// Writes down that ids are one person's.
pub(super) fn one_person(db: &Db<'_>, reference: &PersonRef, ids: &[PersonRef]) -> sql::Result<()> {
    if ids.len() < 2 {
        return Ok(());
    }
    ids.iter().try_for_each(|id| {
        let sql = "INSERT INTO person VALUES (?1, ?2, ?3) ON CONFLICT (id) DO UPDATE SET at = ?3";
        db.execute(sql, (id, reference, now_ms())).map(drop)
    })
}

/// The complaint that the first of these ids leads to which leads to any.
pub(super) fn answered(
    connection: &Connection,
    references: &ReferenceKey,
    channel: &str,
    ids: &[String],
) -> sql::Result<Option<(i64, ComplaintId)>> {
    let Ok(channel_id) = channel.parse::<ChannelId>() else { return Ok(None) };
    for id in ids {
        let serial = match id.strip_prefix("ref:") {
            Some(typed) => typed
                .parse::<Reference>()
                .ok()
                .and_then(|reference| i64::try_from(references.serial(&reference)).ok()),
            None => {
                let ours = "SELECT serial FROM reply_part JOIN reply USING (seq)
                            WHERE reply_part.channel = ?1 AND vendor_id = ?2";
                let ours: Option<Option<i64>> =
                    connection.prepare_cached(ours)?.query_row((channel, id), |row| row.get(0)).optional()?;
                match ours {
                    Some(serial) => serial,
                    None => theirs(connection, &channel_id, id)?,
                }
            }
        };
        let Some(serial) = serial else { continue };
        let sql = "SELECT complaint FROM joined WHERE serial = ?1";
        let joined: Option<i64> =
            connection.prepare_cached(sql)?.query_row([serial], |row| row.get(0)).optional()?;
        if let Some(found) = complaint(connection, joined.unwrap_or(serial))? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// The receipt of a citizen's message.
fn theirs(connection: &Connection, channel: &ChannelId, id: &str) -> sql::Result<Option<i64>> {
    let Some(id) = ExternalId::new(id) else { return Ok(None) };
    let key = IdempotencyKey::of_id(channel, &id);
    let sql = "SELECT serial FROM receipt WHERE key = ?1";
    connection.prepare_cached(sql)?.query_row([&key.text], |row| row.get(0)).optional()
}

/// The complaint of this number: one that has gone its way, or that waits for its files, or is still gathered.
fn complaint(connection: &Connection, serial: i64) -> sql::Result<Option<(i64, ComplaintId)>> {
    let sql = "SELECT complaint FROM correspondence WHERE serial = ?1
               UNION ALL SELECT id FROM inbox WHERE serial = ?1 AND amends IS NULL
               UNION ALL SELECT id FROM bundle WHERE serial = ?1 LIMIT 1";
    let id: Option<Uuid> =
        connection.prepare_cached(sql)?.query_row([serial], |row| row.get(0)).optional()?;
    Ok(id.map(|id| (serial, ComplaintId(id))))
}

/// What a message is to another one's complaint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum As {
    /// A part of it.
    Part,
    /// The same said again.
    Repetition,
}

/// Writes down that a message belongs to another one's complaint.
pub(super) fn join(db: &Db<'_>, serial: i64, into: (i64, ComplaintId), is: As) -> sql::Result<()> {
    let sql = "INSERT INTO joined VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING";
    db.execute(sql, (serial, into.0, into.1.0, is == As::Part, now_ms())).map(drop)
}

/// The complaint that a message belongs to if not to itself, and as what.
pub(super) fn joined(db: &Db<'_>, serial: i64) -> sql::Result<Option<((i64, ComplaintId), As)>> {
    let sql = "SELECT complaint, id, part FROM joined WHERE serial = ?1";
    let found = db.prepare(sql)?.query_row([serial], |row| {
        let is = if row.get(2)? { As::Part } else { As::Repetition };
        Ok(((row.get(0)?, ComplaintId(row.get(1)?)), is))
    });
    found.optional()
}

/// Whether a complaint was said in several messages.
pub(super) fn has_parts(db: &Db<'_>, serial: i64) -> sql::Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM joined WHERE complaint = ?1 AND part = 1)";
    db.prepare(sql)?.query_row([serial], |row| row.get(0))
}
