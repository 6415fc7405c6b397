//! What is to be said to citizens, and how each complaint is answered.
//!
//! A reply is one row from the moment it is asked for; its id makes it one however often it is asked for. Its state
//! only moves forward, and every step that the core CRM hears of opens an outbox row in the same transaction.

mod settle;
mod wake;

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use muara_connectors::{Contact, deliver::Occasion};
use muara_normalizer::{
    ChannelId, ComplaintId, Reference, ReplyRequest, Status,
    draft::ReturnAddress,
    event::ReplyReason,
    reply::{Answered, ReplyAttachment},
};
use serde::{Deserialize, Serialize};

use super::{
    Db, Store, StoreError,
    inbox::{Waiting, instant},
    now_ms, report,
    sql::{self, OptionalExtension},
};
use crate::watch;
pub use settle::Attempt;
pub(super) use settle::advance;
pub(super) use wake::Wakes;

/// How a complaint is answered.
#[derive(Clone, Debug)]
pub struct NewCorrespondence {
    /// The connector's own address.
    pub address: Option<ReturnAddress>,
    /// How else the citizen can be reached.
    pub contact: Contact,
    /// Whether the complaint was made in public.
    pub public: bool,
    /// The automatic answer, if there is to be one.
    pub receipt: Option<NewReply>,
}

/// A reply to be put down.
#[derive(Clone, Debug)]
pub struct NewReply {
    /// What makes it the same reply.
    pub id: String,
    /// Why it is sent.
    pub occasion: Occasion,
    /// The channel by which it goes.
    pub channel: ChannelId,
    /// Where to, if it is no answer to a complaint.
    pub address: Option<ReturnAddress>,
    /// What is said.
    pub body: ReplyBody,
}

/// What is said, before a channel puts it into its sentences.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ReplyBody {
    /// The complaint's new status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// The core CRM's words; of an answer to a question Muara's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Files that go with it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<ReplyAttachment>,
    /// The reference whose status a citizen asks for, as typed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asked: Option<String>,
}

/// What became of a reply that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requested {
    /// It is put down and will be sent.
    Queued,
    /// It was put down before: nothing changes.
    Known,
    /// There is no such complaint.
    NoComplaint,
}

/// A complaint's correspondence.
#[derive(Clone, Debug)]
pub struct Correspondence {
    /// The complaint.
    pub complaint: ComplaintId,
    /// Its reference.
    pub reference: Reference,
    /// The channel it came by.
    pub channel: String,
    /// The connector's own address.
    pub address: Option<ReturnAddress>,
    /// How else the citizen can be reached.
    pub contact: Contact,
    /// Whether the complaint was made in public.
    pub public: bool,
    /// When the citizen was last heard.
    pub heard_at: Timestamp,
    /// The core CRM's latest status of it, and since when.
    pub status: Option<(Status, Timestamp)>,
}

/// A reply that is to be sent.
#[derive(Clone, Debug)]
pub struct Due {
    /// Its place in the order.
    pub seq: i64,
    /// What makes it the same reply.
    pub id: String,
    /// Why it is sent.
    pub occasion: Occasion,
    /// Where to; of an answer to a question and of a reply that takes another way.
    pub address: Option<ReturnAddress>,
    /// What is said.
    pub body: ReplyBody,
    /// How often it was tried by this way, and since an operator last put it back.
    pub attempts: u32,
    /// Why the way before did not do, if it is to take another.
    pub other_way: Option<ReplyReason>,
    /// When it was put down.
    pub at: Timestamp,
    /// The complaint that it answers.
    pub correspondence: Option<Correspondence>,
}

/// A reply as operators see it.
#[derive(Clone, Debug, Serialize)]
pub struct Listed {
    /// What makes it the same reply.
    pub id: String,
    /// `receipt`, `reply` or `answer`.
    pub occasion: String,
    /// The complaint it answers.
    pub reference: Option<Reference>,
    /// The channel by which it goes.
    pub channel: String,
    /// How far it came.
    pub state: String,
    /// How often it was tried.
    pub attempts: u32,
    /// Why it waits or failed.
    pub reason: Option<String>,
    /// When it was put down.
    pub at: Timestamp,
    /// When its state changed.
    pub changed_at: Timestamp,
}

/// What waits to be sent by one channel.
#[derive(Clone, Debug)]
pub struct Backlog {
    /// The channel.
    pub channel: String,
    /// How many replies.
    pub waiting: u64,
    /// How long the oldest of them has waited.
    pub oldest: Duration,
}

pub(super) const CORRESPONDENCE: &str =
    "complaint, serial, channel, address, contact, public, heard_at, status, status_at";

impl Store {
    /// Puts a reply of the core CRM down. Durable when this returns.
    ///
    /// # Errors
    /// Nothing was changed.
    pub async fn request_reply(
        &self,
        request: ReplyRequest,
        answered: Answered,
    ) -> Result<Requested, StoreError> {
        let serial = self.serial(&answered);
        let (requested, channel) =
            self.write(move |db| request_reply(db, &request, &answered, serial)).await?;
        self.shared.replies.wake(&channel);
        Ok(requested)
    }

    /// How a complaint is answered, and how it stands.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn correspondence(&self, of: Answered) -> Result<Option<Correspondence>, StoreError> {
        let (serial, references) = (self.serial(&of), self.shared.references.clone());
        self.read(move |connection| {
            let which = if serial.is_some() { "serial = ?1" } else { "complaint = ?1" };
            let sql = format!("SELECT {CORRESPONDENCE} FROM correspondence WHERE {which}");
            let mut query = connection.prepare_cached(&sql)?;
            let read = |row: &sql::Row<'_>| correspondence(row, 0, &references);
            match (&of, serial) {
                (Answered::Complaint(id), _) => query.query_row([id.0], read),
                (_, serial) => query.query_row([serial], read),
            }
            .optional()
        })
        .await
    }

    fn serial(&self, of: &Answered) -> Option<i64> {
        match of {
            Answered::Complaint(_) => None,
            Answered::Reference(reference) => i64::try_from(self.shared.references.serial(reference)).ok(),
        }
    }

    /// The next replies of a channel that may be sent now, in order. What waits for another attempt holds back what comes
    /// after it about the same complaint, and nothing else.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn due_replies(&self, channel: ChannelId, most: u32) -> Result<Vec<Due>, StoreError> {
        let references = self.shared.references.clone();
        let now = now_ms();
        self.read(move |connection| {
            let sql = "SELECT serial FROM reply WHERE channel = ?1 AND state = 'waiting'
                       AND due_at > 0 AND due_at > ?2";
            let held_back: Vec<Option<i64>> = connection
                .prepare_cached(sql)?
                .query_map((channel.as_str(), now), |row| row.get(0))?
                .collect::<sql::Result<_>>()?;
            let sql = format!(
                "SELECT seq, id, occasion, r.address, body, attempts - before, code, detail, at, r.serial, {}
                 FROM reply r LEFT JOIN correspondence c ON c.serial = r.serial
                 WHERE r.channel = ?1 AND state = 'waiting' AND due_at <= ?2 ORDER BY seq LIMIT ?3",
                CORRESPONDENCE.split(", ").map(|name| format!("c.{name}")).collect::<Vec<_>>().join(", ")
            );
            let mut query = connection.prepare_cached(&sql)?;
            let mut rows = query.query((channel.as_str(), now, most))?;
            let mut due = Vec::new();
            while let Some(row) = rows.next()? {
                let serial: Option<i64> = row.get(9)?;
                if serial.is_none() || !held_back.contains(&serial) {
                    due.push(due_reply(&row, &references)?);
                }
            }
            Ok(due)
        })
        .await
    }

    /// When the next reply of a channel may be sent that may not be sent yet.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn next_reply_at(&self, channel: ChannelId) -> Result<Option<Timestamp>, StoreError> {
        let now = now_ms();
        self.read(move |connection| {
            let sql = "SELECT min(due_at) FROM reply WHERE channel = ?1 AND state = 'waiting'
                       AND due_at > 0 AND due_at > ?2";
            connection
                .prepare_cached(sql)?
                .query_row((channel.as_str(), now), |row| row.get::<Option<i64>>(0))
        })
        .await
        .map(|at| at.map(instant))
    }

    /// Wakes the task that sends a channel's replies.
    #[must_use]
    pub fn reply_wake(&self, channel: &ChannelId) -> Arc<tokio::sync::Notify> {
        self.shared.replies.of(channel.as_str())
    }

    /// How much waits on each channel, and since when; wakes the channels' tasks, as another process (a command) may
    /// have put replies back.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn look_at_replies(&self) -> Result<Vec<Backlog>, StoreError> {
        let now = now_ms();
        let backlogs = self
            .read(move |connection| {
                let sql = "SELECT b.channel, waiting, at FROM reply JOIN (
                             SELECT channel, count(*) AS waiting, min(seq) AS first FROM reply
                             WHERE state = 'waiting' GROUP BY channel) b ON seq = first";
                let backlog = |row: &sql::Row<'_>| {
                    let age = now.saturating_sub(row.get(2)?);
                    Ok(Backlog {
                        channel: row.get(0)?,
                        waiting: row.get::<i64>(1)?.unsigned_abs(),
                        oldest: Duration::from_millis(u64::try_from(age).unwrap_or(0)),
                    })
                };
                connection.prepare_cached(sql)?.query_map([], backlog)?.collect::<sql::Result<Vec<_>>>()
            })
            .await?;
        backlogs.iter().for_each(|backlog| self.shared.replies.wake(&backlog.channel));
        Ok(backlogs)
    }

    /// Replies, newest first: those of one state, or all.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn replies(&self, state: Option<String>, most: u32) -> Result<Vec<Listed>, StoreError> {
        let references = self.shared.references.clone();
        self.read(move |connection| {
            let sql = "SELECT id, occasion, serial, channel, state, attempts, code, detail, at, changed_at FROM reply
                       WHERE ?1 IS NULL OR state = ?1 ORDER BY seq DESC LIMIT ?2";
            let listed = |row: &sql::Row<'_>| {
                let (code, detail): (Option<String>, Option<String>) = (row.get(6)?, row.get(7)?);
                let serial: Option<i64> = row.get(2)?;
                Ok(Listed {
                    id: row.get(0)?,
                    occasion: row.get(1)?,
                    reference: serial.map(|serial| references.reference(serial.unsigned_abs())),
                    channel: row.get(3)?,
                    state: row.get(4)?,
                    attempts: row.get(5)?,
                    reason: code.map(|code| format!("{code}: {}", detail.unwrap_or_default())),
                    at: instant(row.get(8)?),
                    changed_at: instant(row.get(9)?),
                })
            };
            connection.prepare_cached(sql)?.query_map((state, most), listed)?.collect()
        })
        .await
    }
}

fn request_reply(
    db: &Db<'_>,
    request: &ReplyRequest,
    answered: &Answered,
    serial: Option<i64>,
) -> sql::Result<(Requested, String)> {
    let found = match answered {
        Answered::Complaint(id) => db
            .prepare("SELECT serial, channel FROM correspondence WHERE complaint = ?1")?
            .query_row([id.0], |row| Ok((row.get(0)?, row.get(1)?))),
        Answered::Reference(_) => db
            .prepare("SELECT serial, channel FROM correspondence WHERE serial = ?1")?
            .query_row([serial], |row| Ok((row.get(0)?, row.get(1)?))),
    };
    let Some((serial, channel)): Option<(i64, String)> = found.optional()? else {
        return Ok((Requested::NoComplaint, String::new()));
    };
    let at = now_ms();
    let body = ReplyBody {
        status: request.status.clone(),
        text: request.text.clone(),
        attachments: request.attachments.clone(),
        asked: None,
    };
    // receipts and answers have ids of their own kind, which no core CRM could take by chance
    let id = format!("reply:{}", request.reply_id);
    if !insert(db, &id, Occasion::Reply, Some(serial), &channel, None, &body, at)? {
        return Ok((Requested::Known, channel));
    }
    super::clock::stop(db, serial, watch::stopped_by(request.status.as_ref()))?;
    super::monthly::replied(db, serial, request.status.as_ref(), at)?;
    Ok((Requested::Queued, channel))
}

/// The id of the automatic answer to a complaint.
#[must_use]
pub fn receipt_id(complaint: ComplaintId) -> String {
    format!("receipt:{complaint}")
}

/// A person whose complaint this is was heard again: an answer may go by the same way for longer.
pub(super) fn heard(db: &Db<'_>, serial: i64, channel: &str, at: Timestamp) -> sql::Result<()> {
    let sql = "UPDATE correspondence SET heard_at = max(heard_at, ?3) WHERE serial = ?1 AND channel = ?2";
    db.execute(sql, (serial, channel, at.as_millisecond())).map(drop)
}

/// Puts an answer to a question down; one that was put down before stays.
pub(super) fn put(db: &Db<'_>, reply: &NewReply, at: i64) -> sql::Result<()> {
    let address = reply.address.as_ref();
    insert(db, &reply.id, reply.occasion, None, reply.channel.as_str(), address, &reply.body, at).map(drop)
}

/// Writes down how a complaint is answered, and the automatic answer.
pub(super) fn correspond(
    db: &Db<'_>,
    row: &Waiting,
    new: &NewCorrespondence,
    (duplicate_of, continues): (Option<ComplaintId>, Option<i64>),
) -> sql::Result<()> {
    let contact = (new.contact != Contact::default()).then(|| json(&new.contact));
    let at = row.received_at.as_millisecond();
    db.execute(
        "INSERT INTO correspondence
         (serial, complaint, channel, public, address, contact, heard_at, duplicate_of, continues)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT DO NOTHING",
        (
            row.serial,
            row.id.0,
            &row.channel,
            new.public,
            new.address.as_ref().map(json),
            contact,
            at,
            duplicate_of.map(|id| id.0),
            continues,
        ),
    )?;
    if let Some(receipt) = &new.receipt {
        let channel = receipt.channel.as_str();
        insert(db, &receipt.id, receipt.occasion, Some(row.serial), channel, None, &receipt.body, at)?;
    }
    Ok(())
}

#[expect(clippy::too_many_arguments, reason = "one for each column")]
fn insert(
    db: &Db<'_>,
    id: &str,
    occasion: Occasion,
    serial: Option<i64>,
    channel: &str,
    address: Option<&ReturnAddress>,
    body: &ReplyBody,
    at: i64,
) -> sql::Result<bool> {
    let inserted = db.execute(
        "INSERT INTO reply (id, occasion, serial, channel, address, body, state, at, changed_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'waiting', ?7, ?7) ON CONFLICT DO NOTHING",
        (id, name(occasion), serial, channel, address.map(json), json(body), at),
    )?;
    db.count(|change| change.replies += i64::try_from(inserted).unwrap_or(0));
    Ok(inserted == 1)
}

fn due_reply(row: &sql::Row<'_>, references: &muara_normalizer::ids::ReferenceKey) -> sql::Result<Due> {
    let occasion: String = row.get(2)?;
    let (code, detail): (Option<String>, Option<String>) = (row.get(6)?, row.get(7)?);
    Ok(Due {
        seq: row.get(0)?,
        id: row.get(1)?,
        occasion: match occasion.as_str() {
            "receipt" => Occasion::Receipt,
            "answer" => Occasion::Answer,
            _ => Occasion::Reply,
        },
        address: row.get::<Option<Vec<u8>>>(3)?.and_then(|address| serde_json::from_slice(&address).ok()),
        body: serde_json::from_slice(&row.get::<Vec<u8>>(4)?).unwrap_or_default(),
        attempts: row.get(5)?,
        other_way: detail.and_then(|detail| {
            let code = code?.strip_prefix(report::OTHER_WAY)?.to_owned();
            Some(ReplyReason { code, detail })
        }),
        at: instant(row.get(8)?),
        correspondence: match row.get::<Option<i64>>(11)? {
            Some(_) => Some(correspondence(row, 10, references)?),
            None => None,
        },
    })
}

pub(super) fn correspondence(
    row: &sql::Row<'_>,
    first: usize,
    references: &muara_normalizer::ids::ReferenceKey,
) -> sql::Result<Correspondence> {
    let status: Option<String> = row.get(first + 7)?;
    let since: Option<i64> = row.get(first + 8)?;
    let parse = |bytes: Option<Vec<u8>>| bytes.unwrap_or_default();
    Ok(Correspondence {
        complaint: ComplaintId(row.get(first)?),
        reference: references.reference(row.get::<i64>(first + 1)?.unsigned_abs()),
        channel: row.get(first + 2)?,
        address: serde_json::from_slice(&parse(row.get(first + 3)?)).ok(),
        contact: serde_json::from_slice(&parse(row.get(first + 4)?)).unwrap_or_default(),
        public: row.get(first + 5)?,
        heard_at: instant(row.get(first + 6)?),
        status: status.map(|name| (Status::from(name), instant(since.unwrap_or_default()))),
    })
}

/// The occasion as it stands in its column.
fn name(occasion: Occasion) -> &'static str {
    match occasion {
        Occasion::Receipt => "receipt",
        Occasion::Reply => "reply",
        Occasion::Answer => "answer",
    }
}

/// These types always become JSON.
fn json<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}
