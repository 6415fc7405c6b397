//! The files of complaints: what is to be fetched, what became of it, and what the core CRM must hear of it.

use jiff::Timestamp;
use muara_normalizer::{
    AttachmentRef, ChannelId, ComplaintId, Event,
    complaint::{AttachmentKind, AttachmentState},
    draft::Attachment,
    event::{Amended, AmendedChange},
};

use super::{
    Db, Store, StoreError,
    inbox::instant,
    now_ms,
    outbox::{self, NewEvent},
    sql::{self, OptionalExtension},
    writer::size,
};

/// A file on its way in.
#[derive(Clone, Debug)]
pub struct NewFile {
    /// The attachment, without what came inside the message.
    pub source: Attachment,
    /// What came inside the message.
    pub content: Option<Vec<u8>>,
    /// Why it is refused at once.
    pub refused: Option<String>,
    /// It stays at the vendor's.
    pub left: bool,
}

/// The files of one message.
#[derive(Clone, Debug, Default)]
pub struct NewFiles {
    /// In the vendor's order.
    pub files: Vec<NewFile>,
    /// Until when the event waits for them.
    pub wait_until: Option<Timestamp>,
}

/// A file of a complaint.
#[derive(Clone, Debug)]
pub struct File {
    /// The complaint.
    pub complaint: ComplaintId,
    /// Its number within the complaint, counted from 1.
    pub number: u32,
    /// The inbox row that brought it.
    pub serial: i64,
    /// The serial of the complaint itself.
    pub message: i64,
    /// The channel.
    pub channel: String,
    /// The attachment as the vendor describes it.
    pub source: Attachment,
    /// How far it is; none of a file that stays at the vendor's.
    pub state: Option<AttachmentState>,
    /// Since when it is tried.
    pub since: Timestamp,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried next.
    pub due_at: Timestamp,
    /// Why it is not there, or not yet.
    pub reason: Option<String>,
    /// The content's hash.
    pub sha256: Option<[u8; 32]>,
    /// The content's size.
    pub bytes: Option<u64>,
    /// What the content is.
    pub content_type: Option<String>,
}

impl File {
    /// As it stands in an event; `base` is what addresses begin with.
    #[must_use]
    pub fn describe(&self, base: &str) -> AttachmentRef {
        let said = AttachmentRef::of(self.source.clone(), self.number);
        if self.state.is_none() {
            return said;
        }
        let settled = matches!(self.state, Some(AttachmentState::Refused | AttachmentState::Gone));
        AttachmentRef {
            kind: self.content_type.as_deref().map_or(said.kind, AttachmentKind::of),
            content_type: self.content_type.clone().or(said.content_type),
            bytes: self.bytes,
            sha256: self.sha256.map(hex::encode),
            url: Some(format!("{base}{}/{}", self.complaint, self.number)),
            state: self.state,
            // why a pending one is not there yet is the operator's affair
            reason: self.reason.clone().filter(|_| settled),
            ..said
        }
    }
}

/// What became of an attempt.
#[derive(Clone, Debug)]
pub enum Fetched {
    /// It is kept.
    Stored {
        /// The content's hash.
        sha256: [u8; 32],
        /// Its size.
        bytes: u64,
        /// What it is.
        content_type: String,
    },
    /// It is not kept: why.
    Refused(String),
    /// It will not come: why.
    Gone(String),
    /// It is tried again.
    Later {
        /// When.
        due_at: Timestamp,
        /// Why.
        reason: String,
    },
}

/// The state of a file that stays at the vendor's.
const LEFT: &str = "left";

const COLUMNS: &str = "complaint, number, serial, message, channel, source, state, since, attempts, due_at, reason, \
                       sha256, bytes, content_type";

impl Store {
    /// Files that are due, those first that are due longest, but for some channels.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn files_due(&self, but: Vec<String>, most: u32) -> Result<Vec<File>, StoreError> {
        self.read(move |connection| {
            let sql = format!(
                "SELECT {COLUMNS} FROM media WHERE state = 'pending' AND due_at <= ?1
                 AND channel NOT IN (SELECT value FROM json_each(?2)) ORDER BY due_at LIMIT ?3"
            );
            let but = serde_json::to_string(&but).unwrap_or_default();
            connection.prepare_cached(&sql)?.query_map((now_ms(), but, most), file)?.collect()
        })
        .await
    }

    /// How many files are still to be fetched.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn files_pending(&self) -> Result<u64, StoreError> {
        let count: i64 = self
            .read(|connection| {
                connection
                    .prepare_cached("SELECT count(*) FROM media WHERE state = 'pending'")?
                    .query_row([], |row| row.get(0))
            })
            .await?;
        Ok(count.unsigned_abs())
    }

    /// The files that these inbox rows brought, in order.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn files_of(&self, serials: Vec<i64>) -> Result<Vec<File>, StoreError> {
        self.read(move |connection| {
            let mut query = connection.prepare_cached(&of_serial())?;
            let mut files = Vec::new();
            for serial in serials {
                for file in query.query_map([serial], file)? {
                    files.push(file?);
                }
            }
            Ok(files)
        })
        .await
    }

    /// One file.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn file_of(&self, complaint: ComplaintId, number: u32) -> Result<Option<File>, StoreError> {
        self.read(move |connection| {
            let sql = format!("SELECT {COLUMNS} FROM media WHERE complaint = ?1 AND number = ?2");
            connection.prepare_cached(&sql)?.query_row((complaint.0, number), file).optional()
        })
        .await
    }

    /// Files in the order of their complaints; with a state, only those.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn files(&self, state: Option<AttachmentState>) -> Result<Vec<File>, StoreError> {
        self.read(move |connection| {
            let sql = format!(
                "SELECT {COLUMNS} FROM media WHERE ?1 IS NULL OR state = ?1 ORDER BY complaint, number"
            );
            let state = state.map(AttachmentState::as_str);
            connection.prepare_cached(&sql)?.query_map([state], file)?.collect()
        })
        .await
    }

    /// What came inside the message, of a file that is not kept yet.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn inline(&self, complaint: ComplaintId, number: u32) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(move |connection| {
            let sql = "SELECT content FROM media_inline WHERE complaint = ?1 AND number = ?2";
            let mut query = connection.prepare_cached(sql)?;
            query.query_row((complaint.0, number), |row| row.get(0)).optional()
        })
        .await
    }

    /// Writes down what became of an attempt: in the same transaction the event that waited may go, or, where an event
    /// has gone already, another one tells what is known now. False if the file was settled by somebody else.
    ///
    /// # Errors
    /// Nothing was changed; the attempt is made again.
    pub async fn fetched(&self, file: File, fetched: Fetched, base: String) -> Result<bool, StoreError> {
        let settled = self.write(move |db| settle(db, &file, &fetched, &base)).await?;
        self.shared.received.notify_one();
        self.shared.refined.notify_one();
        Ok(settled)
    }

    /// Tries files again that are refused, gone or put off: those of a complaint, or all in these states. Files whose
    /// content came inside the message and is gone with it stay. Returns how many.
    ///
    /// # Errors
    /// Nothing was changed.
    pub async fn fetch_again(
        &self,
        complaint: Option<ComplaintId>,
        state: Option<AttachmentState>,
    ) -> Result<usize, StoreError> {
        let (complaint, state) = (complaint.map(|id| id.0), state.map(AttachmentState::as_str));
        let count = self
            .write(move |db| {
                db.execute(
                    "UPDATE media SET state = 'pending', attempts = 0, due_at = 0, since = ?3, reason = NULL
                     WHERE state != 'stored' AND (?1 IS NULL OR complaint = ?1) AND (?2 IS NULL OR state = ?2)
                     AND (json_extract(source, '$.by') != 'inline' OR EXISTS (SELECT 1 FROM media_inline
                          WHERE media_inline.complaint = media.complaint AND media_inline.number = media.number))",
                    (complaint, state, now_ms()),
                )
            })
            .await?;
        self.shared.files.notify_one();
        Ok(count)
    }
}

fn of_serial() -> String {
    format!("SELECT {COLUMNS} FROM media WHERE serial = ?1 ORDER BY number")
}

/// Opens the rows of a message's files. Returns until when its event waits for them.
pub(super) fn open(
    db: &Db<'_>,
    new: &NewFiles,
    (complaint, serial, message): (ComplaintId, i64, i64),
    channel: &ChannelId,
) -> sql::Result<i64> {
    if new.files.is_empty() {
        return Ok(0);
    }
    // a change brings files beside those of the message
    let sql = "SELECT coalesce(max(number), 0) FROM media WHERE complaint = ?1";
    let last: u32 = db.prepare(sql)?.query_row([complaint.0], |row| row.get(0))?;
    for (file, number) in new.files.iter().zip(last.saturating_add(1)..) {
        let state = match file {
            NewFile { refused: Some(_), .. } => AttachmentState::Refused.as_str(),
            NewFile { left: true, .. } => LEFT,
            _ => AttachmentState::Pending.as_str(),
        };
        db.execute(
            "INSERT INTO media (complaint, number, serial, message, channel, source, state, since, reason)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            (
                complaint.0,
                number,
                serial,
                message,
                channel.as_str(),
                serde_json::to_string(&file.source).unwrap_or_default(),
                state,
                // not when the message came: a replay of an old one begins anew
                now_ms(),
                &file.refused,
            ),
        )?;
        if let Some(content) = &file.content {
            db.execute("INSERT INTO media_inline VALUES (?1, ?2, ?3)", (complaint.0, number, content))?;
            db.count(|change| change.bytes += size(content));
        }
    }
    let waits = new.files.iter().any(|file| file.refused.is_none() && !file.left);
    Ok(new.wait_until.filter(|_| waits).map_or(0, Timestamp::as_millisecond))
}

/// Gives the files of a message to the complaint that it became part of. Their fetching goes on as it is.
pub(super) fn hand_over(db: &Db<'_>, serial: i64, into: (i64, ComplaintId)) -> sql::Result<()> {
    let sql = "SELECT complaint, number FROM media WHERE serial = ?1 ORDER BY number";
    let files: Vec<(uuid::Uuid, u32)> = db
        .prepare(sql)?
        .query_map([serial], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<sql::Result<_>>()?;
    for (complaint, number) in files {
        let sql = "SELECT coalesce(max(number), 0) + 1 FROM media WHERE complaint = ?1";
        let next: u32 = db.prepare(sql)?.query_row([into.1.0], |row| row.get(0))?;
        db.execute(
            "UPDATE media SET complaint = ?3, number = ?4, message = ?5 WHERE complaint = ?1 AND number = ?2",
            (complaint, number, into.1.0, next, into.0),
        )?;
        db.execute(
            "UPDATE media_inline SET complaint = ?3, number = ?4 WHERE complaint = ?1 AND number = ?2",
            (complaint, number, into.1.0, next),
        )?;
    }
    Ok(())
}

/// Forgets the files of a message that was written anew or taken back before anybody heard of it.
pub(super) fn forget(db: &Db<'_>, serial: i64) -> sql::Result<()> {
    let which = "(complaint, number) IN (SELECT complaint, number FROM media WHERE serial = ?1)";
    let sql = format!("SELECT coalesce(sum(length(content)), 0) FROM media_inline WHERE {which}");
    let bytes: i64 = db.prepare(&sql)?.query_row([serial], |row| row.get(0))?;
    db.execute(&format!("DELETE FROM media_inline WHERE {which}"), [serial])?;
    db.execute("DELETE FROM media WHERE serial = ?1", [serial])?;
    db.count(|change| change.bytes -= bytes);
    Ok(())
}

/// Whether the files that an inbox row brought are still as an event says that is made of it; if so they are told.
pub(super) fn tell(db: &Db<'_>, serial: i64, settled: u32) -> sql::Result<bool> {
    let sql = "SELECT count(*) FROM media WHERE serial = ?1 AND state != 'pending'";
    let now: u32 = db.prepare(sql)?.query_row([serial], |row| row.get(0))?;
    if now != settled {
        return Ok(false);
    }
    db.execute("UPDATE media SET told = 1 WHERE serial = ?1", [serial])?;
    Ok(true)
}

fn settle(db: &Db<'_>, file: &File, fetched: &Fetched, base: &str) -> sql::Result<bool> {
    let key = (file.complaint.0, file.number);
    let (state, reason) = match fetched {
        Fetched::Later { due_at, reason } => {
            let sql = "UPDATE media SET attempts = attempts + 1, due_at = ?3, reason = ?4
                       WHERE complaint = ?1 AND number = ?2 AND state = 'pending'";
            return db.execute(sql, (key.0, key.1, due_at.as_millisecond(), reason)).map(|count| count > 0);
        }
        Fetched::Stored { .. } => (AttachmentState::Stored, None),
        Fetched::Refused(reason) => (AttachmentState::Refused, Some(reason)),
        Fetched::Gone(reason) => (AttachmentState::Gone, Some(reason)),
    };
    let (sha256, bytes, content_type) = match fetched {
        Fetched::Stored { sha256, bytes, content_type } => {
            (Some(sha256), Some(i64::try_from(*bytes).unwrap_or(i64::MAX)), Some(content_type))
        }
        _ => (None, None, None),
    };
    let changed = db.execute(
        "UPDATE media SET attempts = attempts + 1, state = ?3, reason = ?4, sha256 = ?5, bytes = ?6, content_type = ?7
         WHERE complaint = ?1 AND number = ?2 AND state = 'pending'",
        (key.0, key.1, state.as_str(), reason, sha256, bytes, content_type),
    )?;
    if changed == 0 {
        return Ok(false);
    }
    let sql = "SELECT length(content) FROM media_inline WHERE complaint = ?1 AND number = ?2";
    if let Some(inline) = db.prepare(sql)?.query_row(key, |row| row.get::<i64>(0)).optional()? {
        db.execute("DELETE FROM media_inline WHERE complaint = ?1 AND number = ?2", key)?;
        db.count(|change| change.bytes -= inline);
    }
    let pending = "SELECT EXISTS (SELECT 1 FROM media WHERE serial = ?1 AND state = 'pending')";
    if !db.prepare(pending)?.query_row([file.serial], |row| row.get::<bool>(0))? {
        // a change must not overtake its message
        db.execute(
            "UPDATE inbox SET wait_until = 0 WHERE serial = ?1 AND wait_until > 0
             AND NOT EXISTS (SELECT 1 FROM inbox AS message WHERE message.serial = inbox.amends)",
            [file.serial],
        )?;
        db.execute(
            "UPDATE inbox SET wait_until = 0 WHERE wait_until > 0 AND amends = ?1
             AND NOT EXISTS (SELECT 1 FROM media WHERE media.serial = inbox.serial AND state = 'pending')",
            [file.serial],
        )?;
        db.execute("UPDATE held SET wait_until = 0 WHERE serial = ?1 AND wait_until > 0", [file.serial])?;
    }
    let told = "SELECT told FROM media WHERE complaint = ?1 AND number = ?2";
    if db.prepare(told)?.query_row(key, |row| row.get(0))? {
        amend(db, file, base)?;
    }
    Ok(true)
}

/// The event that tells what became of a file after the complaint's own event.
fn amend(db: &Db<'_>, file: &File, base: &str) -> sql::Result<()> {
    // files of a message that was written anew since are no longer the complaint's files
    let newer = "SELECT EXISTS (SELECT 1 FROM media WHERE complaint = ?1 AND serial > ?2)";
    let newer: bool = db.prepare(newer)?.query_row((file.complaint.0, file.serial), |row| row.get(0))?;
    let Ok(channel) = file.channel.parse::<ChannelId>() else { return Ok(()) };
    if newer {
        return Ok(());
    }
    let mut query = db.prepare(&of_serial())?;
    let all = query.query_map([file.serial], self::file)?.collect::<sql::Result<Vec<_>>>()?;
    let now = instant(now_ms());
    let amended = Amended {
        complaint_id: file.complaint,
        reference: db.reference(file.message),
        channel,
        change: AmendedChange::Attachments,
        at: now,
        title: None,
        description: None,
        original: None,
        attachments: Some(all.iter().map(|file| file.describe(base)).collect()),
    };
    // the number is written with the event, so it is the same however often the event is published
    let event = Event::amended(amended, db.next_serial().unsigned_abs(), now);
    let body = serde_json::to_vec(&event).unwrap_or_default();
    outbox::put(db, file.complaint, &NewEvent { id: event.id, routing_key: event.routing_key(), body })
}

fn file(row: &sql::Row<'_>) -> sql::Result<File> {
    let source: String = row.get(5)?;
    let state: String = row.get(6)?;
    Ok(File {
        complaint: ComplaintId(row.get(0)?),
        number: row.get(1)?,
        serial: row.get(2)?,
        message: row.get(3)?,
        channel: row.get(4)?,
        // what this program wrote it can read; should it not, there is nowhere to fetch from
        source: serde_json::from_str(&source)
            .unwrap_or(Attachment::Handle { handle: String::new(), content_type: None }),
        state: match state.as_str() {
            "stored" => Some(AttachmentState::Stored),
            "refused" => Some(AttachmentState::Refused),
            "gone" => Some(AttachmentState::Gone),
            LEFT => None,
            _ => Some(AttachmentState::Pending),
        },
        since: instant(row.get(7)?),
        attempts: row.get(8)?,
        due_at: instant(row.get(9)?),
        reason: row.get(10)?,
        sha256: row.get(11)?,
        bytes: row.get::<Option<i64>>(12)?.map(i64::unsigned_abs),
        content_type: row.get(13)?,
    })
}
