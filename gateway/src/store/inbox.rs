//! Accepted drafts: idempotency key and draft in one transaction; only after it a vendor hears 2xx.

mod amend;
mod keys;
mod waiting;

use std::{
    collections::BTreeSet,
    sync::{Arc, atomic::Ordering},
};

use jiff::Timestamp;
use muara_connectors::Cursor;
use muara_normalizer::{
    ChannelId, ComplaintId, IdempotencyKey,
    complaint::NotAComplaint,
    event::ClockKind,
    identity::PersonRef,
    similarity::{Kept, Matter},
};
use uuid::Uuid;

use super::{
    Db, Store, StoreError, gather,
    media::{self, NewFiles},
    outbox::NewEvent,
    quarantine::{self, NewQuarantine},
    reply::{NewCorrespondence, NewReply},
    report::NewReport,
    sql::{self, OptionalExtension},
    writer::size,
};

pub use waiting::{Next, Waiting};
pub(super) use waiting::{WAITING, WAITING_COLUMNS, waiting};

/// One draft on its way in.
#[derive(Clone, Debug)]
pub struct NewMessage {
    /// What makes a redelivery.
    pub key: IdempotencyKey,
    /// The complaint's id, if the message is new.
    pub id: ComplaintId,
    /// The draft as JSON.
    pub draft: Vec<u8>,
    /// Set if the message is over a limit: it is stored, but not refined yet.
    pub hold: Option<Hold>,
    /// Its files.
    pub files: NewFiles,
    /// Whether it may be one of several that are one complaint: it waits for its neighbours.
    pub gather: bool,
}

/// Why and until when a message is held.
#[derive(Clone, Debug)]
pub struct Hold {
    /// The sender's bucket, so that releasing asks the same limiter.
    pub sender: Option<u64>,
    /// When the limiter may let it pass.
    pub release_at: Timestamp,
    /// In words.
    pub reason: &'static str,
}

/// Everything that one request or page brings, stored whole or not at all.
#[derive(Clone, Debug)]
pub struct Intake {
    /// The channel.
    pub channel: ChannelId,
    /// When.
    pub received_at: Timestamp,
    /// The drafts.
    pub messages: Vec<NewMessage>,
    /// Bytes that could not be understood.
    pub quarantine: Vec<NewQuarantine>,
    /// Where the pull stands after this page.
    pub cursor: Option<Cursor>,
    /// Changes of earlier messages.
    pub amendments: Vec<NewAmendment>,
    /// What became of our own messages.
    pub reports: Vec<NewReport>,
    /// Questions to be answered.
    pub inquiries: Vec<NewReply>,
    /// The quarantined row that this is a replay of: closed in the same transaction.
    pub replayed: Option<Uuid>,
}

impl Intake {
    /// An intake that brings nothing yet.
    #[must_use]
    pub fn new(channel: ChannelId, received_at: Timestamp) -> Self {
        Self {
            channel,
            received_at,
            messages: Vec::new(),
            quarantine: Vec::new(),
            cursor: None,
            amendments: Vec::new(),
            reports: Vec::new(),
            inquiries: Vec::new(),
            replayed: None,
        }
    }

    /// Whether there is nothing to be stored.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
            && self.quarantine.is_empty()
            && self.amendments.is_empty()
            && self.reports.is_empty()
            && self.inquiries.is_empty()
            && self.cursor.is_none()
    }
}

/// A change of an earlier message on its way in.
#[derive(Clone, Debug)]
pub struct NewAmendment {
    /// What makes a redelivery.
    pub key: IdempotencyKey,
    /// The key of the message that is changed.
    pub target: IdempotencyKey,
    /// The amendment as JSON.
    pub body: Vec<u8>,
    /// The files of the message as it is now.
    pub files: NewFiles,
    /// The message as it is now: taken as the message itself if that never came.
    pub instead: Option<NewMessage>,
}

/// What a message was answered, the first time and every time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Number of the receipt; the reference stands for it.
    pub serial: i64,
    /// The complaint's id.
    pub id: ComplaintId,
    /// When the first delivery was stored.
    pub received_at: Timestamp,
    /// Whether this was the first delivery.
    pub fresh: bool,
    /// Whether the first delivery was held.
    pub held: bool,
}

/// What became of an intake.
#[derive(Clone, Debug, Default)]
pub struct Taken {
    /// One for each message.
    pub receipts: Vec<Receipt>,
    /// The quarantine rows, one for each; those of a redelivery are those of the first delivery.
    pub quarantined: Vec<Uuid>,
    /// Changes and reports that were new.
    pub amended: usize,
    /// Changes and reports of what was never here.
    pub strangers: usize,
}

/// What refining made of a draft.
#[derive(Clone, Debug)]
pub enum Refined {
    /// A complaint, or more about one.
    Complaint(Box<NewComplaint>),
    /// A change of a complaint, and the citizen's new words if the event masks them.
    Change(NewEvent, Option<String>),
    /// It says what a complaint of its sender said minutes before: number of that one's receipt, and its id.
    Repeated(i64, ComplaintId),
    /// It is no complaint: what it is.
    Aside(NotAComplaint),
    /// It could not become a complaint: the words say why.
    Rejected(String),
}

/// What a message became.
#[derive(Clone, Debug)]
pub struct NewComplaint {
    /// The event for the outbox.
    pub event: NewEvent,
    /// How it is answered, and what is said at once.
    pub answered: Option<NewCorrespondence>,
    /// Number of the receipt of the complaint that it continues.
    pub follows: Option<i64>,
    /// The complaint on the same matter.
    pub duplicate_of: Option<ComplaintId>,
    /// Number of the receipt of the first report of that matter.
    pub first: Option<i64>,
    /// The citizen's words, if the event masks them.
    pub original: Option<String>,
    /// What it is about, if later ones are to be held against it.
    pub matter: Option<Arc<Matter>>,
    /// Until when somebody must have answered.
    pub clocks: Vec<(ClockKind, Timestamp)>,
    /// The reference that stands for the sender, and the ids that the channel proves to be theirs.
    pub persons: Option<(PersonRef, Vec<PersonRef>)>,
}

impl Refined {
    /// The automatic answer, if there is one.
    fn receipt(&self) -> Option<&NewReply> {
        match self {
            Self::Complaint(made) => made.answered.as_ref()?.receipt.as_ref(),
            Self::Change(..) | Self::Repeated(..) | Self::Aside(_) | Self::Rejected(_) => None,
        }
    }
}

impl Store {
    /// Stores everything that a request or page brings. Durable when this returns.
    ///
    /// # Errors
    /// Nothing of it was stored.
    pub async fn take(&self, intake: Intake) -> Result<Taken, StoreError> {
        let fresh = !intake.messages.is_empty() || !intake.amendments.is_empty();
        // a report makes an event, or lets another way be tried
        let replies =
            (!intake.inquiries.is_empty() || !intake.reports.is_empty()).then(|| intake.channel.clone());
        self.shared.taken.fetch_add(1, Ordering::Relaxed);
        let taken = self.write(move |db| take(db, &intake)).await?;
        if fresh {
            self.shared.received.notify_one();
            self.shared.files.notify_one();
        }
        if let Some(channel) = replies {
            self.shared.refined.notify_one();
            self.shared.replies.wake(channel.as_str());
        }
        Ok(taken)
    }

    /// The receipts of messages that were stored before; `None` for each that was not.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn known(
        &self,
        keys: Vec<IdempotencyKey>,
        now: Timestamp,
    ) -> Result<Vec<Option<Receipt>>, StoreError> {
        self.read(move |connection| {
            let mut query = connection.prepare_cached(RECEIPT)?;
            keys.iter().map(|key| find(&mut query, key, now.as_millisecond())).collect()
        })
        .await
    }

    /// Closes inbox rows and opens what was made of them, in one transaction.
    ///
    /// # Errors
    /// Nothing was changed.
    pub async fn refine(&self, refined: Vec<(Waiting, Refined)>) -> Result<(), StoreError> {
        let answering: BTreeSet<String> = refined
            .iter()
            .filter_map(|(_, made)| made.receipt())
            .map(|reply| reply.channel.to_string())
            .collect();
        let part = self.shared.recent.part(refined.len());
        let write = move |db: &Db<'_>| {
            let mut new = Vec::new();
            for (row, made) in &refined {
                // a file that settled meanwhile would never be told of: the row stays for the next round
                if let (Refined::Complaint(..) | Refined::Change(..), Some(settled)) =
                    (made, row.files_settled)
                    && !media::tell(db, row.serial, settled)?
                {
                    continue;
                }
                // a row that is gone was refined before: this run lost a race with itself, not a message
                if db.execute("DELETE FROM inbox WHERE serial = ?1", [row.serial])? == 0 {
                    continue;
                }
                db.count(|change| {
                    change.inbox -= 1;
                    change.bytes -= size(&row.draft);
                });
                if quarantine::put_beside(db, row)? {
                    continue;
                }
                match made {
                    Refined::Complaint(made) => new.extend(put(db, row, made)?),
                    Refined::Change(event, original) => {
                        super::outbox::put(db, row.id, event)?;
                        if let Some(text) = original {
                            super::original::keep(db, row.id, row.serial, row.received_at, text)?;
                        }
                    }
                    Refined::Repeated(serial, id) => {
                        super::links::join(db, row.serial, (*serial, *id), super::links::As::Repetition)?;
                    }
                    Refined::Aside(reason) => super::aside::put(db, row, reason.as_str())?,
                    Refined::Rejected(reason) => quarantine::put_draft(db, row, reason)?,
                }
            }
            part.iter().try_for_each(|part| part.file(db))?;
            Ok((new, part.clone()))
        };
        let (new, filed) = self.write(write).await?;
        self.shared.recent.add(new);
        filed.iter().for_each(|part| self.shared.recent.filed(part));
        self.shared.refined.notify_one();
        answering.iter().for_each(|channel| self.shared.replies.wake(channel));
        Ok(())
    }
}

const RECEIPT: &str = "SELECT serial, id, at, held FROM receipt WHERE key = ?1";

fn find(query: &mut sql::Statement<'_>, key: &IdempotencyKey, now: i64) -> sql::Result<Option<Receipt>> {
    let found = query.query_row([&key.text], |row| {
        Ok((row.get::<i64>(0)?, row.get::<Uuid>(1)?, row.get::<i64>(2)?, row.get(3)?))
    });
    let Some((serial, id, at, held)) = found.optional()? else { return Ok(None) };
    let past =
        key.window.is_some_and(|window| now - at > i64::try_from(window.as_millis()).unwrap_or(i64::MAX));
    let receipt = Receipt { serial, id: ComplaintId(id), received_at: instant(at), fresh: false, held };
    Ok(if past { None } else { Some(receipt) })
}

fn take(db: &Db<'_>, intake: &Intake) -> sql::Result<Taken> {
    let mut taken = Taken::default();
    let at = intake.received_at.as_millisecond();
    for message in &intake.messages {
        taken.receipts.push(match find(&mut db.prepare(RECEIPT)?, &message.key, at)? {
            Some(receipt) => receipt,
            None => accept(db, intake, message, at)?,
        });
    }
    for amendment in &intake.amendments {
        amend::take(db, intake, amendment, at, &mut taken)?;
    }
    for report in &intake.reports {
        if super::report::note(db, intake.channel.as_str(), report, at)? {
            taken.amended += 1;
        } else {
            taken.strangers += 1;
        }
    }
    for inquiry in &intake.inquiries {
        super::reply::put(db, inquiry, at)?;
    }
    for row in &intake.quarantine {
        taken.quarantined.push(quarantine::put(db, &intake.channel, at, row, intake.replayed.is_some())?);
    }
    if let Some(cursor) = &intake.cursor {
        db.execute(
            "INSERT INTO cursor VALUES (?1, ?2, ?3) ON CONFLICT (channel) DO UPDATE SET cursor = ?2, at = ?3",
            (intake.channel.as_str(), &cursor.0, at),
        )?;
    }
    if let Some(id) = intake.replayed {
        // an item that is still not understood keeps the row open
        if !taken.quarantined.contains(&id) {
            quarantine::remove(db, id)?;
        }
    }
    Ok(taken)
}

/// Opens everything that a new complaint brings. Returns what it is about.
fn put(db: &Db<'_>, row: &Waiting, made: &NewComplaint) -> sql::Result<Option<Kept>> {
    super::outbox::put(db, row.id, &made.event)?;
    if let Some(answered) = &made.answered {
        super::reply::correspond(db, row, answered, (made.duplicate_of, made.follows))?;
    }
    super::clock::start(db, row, &made.clocks)?;
    if let Some(first) = made.follows {
        super::reply::heard(db, first, &row.channel, row.received_at)?;
    }
    if let Some(original) = &made.original {
        super::original::keep_whole(db, row.id, row.serial, row.received_at, original)?;
    }
    if let Some((reference, ids)) = &made.persons {
        super::links::one_person(db, reference, ids)?;
    }
    let Some(matter) = made.matter.clone() else { return Ok(None) };
    let first = made.first.unwrap_or(row.serial);
    let kept = Kept { serial: row.serial, id: row.id, first, matter };
    Ok(super::similar::remember(db, &kept)?.then_some(kept))
}

fn accept(db: &Db<'_>, intake: &Intake, message: &NewMessage, at: i64) -> sql::Result<Receipt> {
    let serial = db.next_serial();
    let id = message.id.0;
    // an equal key is here only if its window has passed
    db.execute(
        "INSERT INTO receipt VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (key) DO UPDATE SET serial = ?2, id = ?3, at = ?4, held = ?5",
        (&message.key.text, serial, id, at, message.hold.is_some()),
    )?;
    let channel = intake.channel.as_str();
    let files_until = media::open(db, &message.files, (message.id, serial, serial), &intake.channel)?;
    let wait_until = if message.gather { gather::UNSEEN } else { files_until };
    match &message.hold {
        None => {
            db.execute(
                "INSERT INTO inbox (serial, id, channel, at, draft, wait_until, files_until)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                (serial, id, channel, at, &message.draft, wait_until, files_until),
            )?;
            db.count(|change| change.inbox += 1);
        }
        Some(hold) => {
            let release_at = hold.release_at.as_millisecond();
            db.execute(
                "INSERT INTO held VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                (
                    serial,
                    id,
                    channel,
                    at,
                    &message.draft,
                    hold.sender.map(u64::cast_signed),
                    release_at,
                    hold.reason,
                    files_until,
                ),
            )?;
            db.count(|change| change.held += 1);
        }
    }
    db.count(|change| change.bytes += size(&message.draft));
    let received_at = instant(at);
    Ok(Receipt { serial, id: message.id, received_at, fresh: true, held: message.hold.is_some() })
}

/// A time of the store; what no clock ever wrote reads as 1970.
pub(super) fn instant(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap_or_default()
}
