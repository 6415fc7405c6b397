//! Messages of a chat that wait with their neighbours until they are one complaint (Enterprise Integration Patterns:
//! aggregator). They stay rows of the inbox all the time, so a restart finds them where they were; a bundle that is closed
//! is one row again, under the number and id of its first message.

use std::collections::HashSet;

use jiff::Timestamp;
use muara_normalizer::{ComplaintId, Draft, aggregate, identity::PersonRef, ids::ReferenceKey};
use uuid::Uuid;

use super::{
    Db, Store, StoreError,
    inbox::{WAITING, WAITING_COLUMNS, Waiting, instant, waiting},
    links, media, original,
    reply::receipt_id,
    sql::{self, Connection, OptionalExtension},
    writer::size,
};

/// A person's latest complaints that a new message is held against.
const MOST_SAID: u32 = 20;

/// `inbox.wait_until` of a message that nobody has looked at.
pub(super) const UNSEEN: i64 = -1;
/// `inbox.wait_until` of a message in a bundle.
pub(super) const IN_BUNDLE: i64 = -2;

/// A bundle that is still gathered.
#[derive(Clone, Debug)]
pub struct Bundle {
    /// Number of its first message's receipt, which is the complaint's.
    pub serial: i64,
    /// Its messages, oldest first.
    pub messages: Vec<Waiting>,
}

/// What a person of a chat said lately.
#[derive(Clone, Debug)]
pub struct Said {
    /// Number of the complaint's receipt.
    pub serial: i64,
    /// When it was last added to.
    pub at: Timestamp,
    /// When they were told its reference.
    pub receipt_at: Option<Timestamp>,
    /// The words.
    pub text: String,
}

/// A bundle whose time has come.
#[derive(Clone, Debug)]
pub struct Due {
    /// The bundle.
    pub bundle: Bundle,
    /// Its channel.
    pub channel: String,
    /// Its sender's complaints, oldest first.
    pub earlier: Vec<Said>,
}

/// What a person of a chat has said that the next message may belong to.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// The reference that stands for the sender.
    pub sender: PersonRef,
    /// Bundles that are still gathered, oldest first.
    pub open: Vec<Bundle>,
    /// Their complaints, oldest first.
    pub earlier: Vec<Said>,
    /// The number of the receipt that the message answers: of one of their messages, or of the complaint that ours was about.
    pub answers: Option<i64>,
}

/// Where a message of a chat goes.
#[derive(Clone, Debug)]
pub struct Gathered {
    /// Number of its receipt.
    pub serial: i64,
    /// Its sender.
    pub sender: PersonRef,
    /// Where it goes.
    pub way: Way,
}

/// Where a message of a chat goes.
#[derive(Clone, Debug)]
pub enum Way {
    /// It begins a bundle.
    Begin {
        /// When that is closed if nothing follows.
        release_at: Timestamp,
        /// Messages of other bundles that go over to it: pictures that were sent just before their words.
        takes: Vec<i64>,
    },
    /// It is part of a bundle.
    Join {
        /// The bundle.
        bundle: i64,
        /// When that is closed if nothing follows.
        release_at: Timestamp,
    },
    /// It continues a complaint that has gone its way.
    FollowUp {
        /// Number of that one's receipt.
        serial: i64,
        /// When.
        at: Timestamp,
        /// What it says.
        text: String,
    },
    /// It goes its way alone.
    Alone,
}

impl Store {
    /// The next messages that are to be gathered, oldest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn to_gather(&self, most: u32) -> Result<Vec<Waiting>, StoreError> {
        self.read(move |connection| {
            let sql = format!("SELECT {WAITING} FROM inbox WHERE wait_until = ?1 ORDER BY serial LIMIT ?2");
            connection.prepare_cached(&sql)?.query_map((UNSEEN, most), waiting)?.collect()
        })
        .await
    }

    /// What each sender has said that their next message may belong to.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn surroundings(&self, of: Vec<Asked>) -> Result<Vec<Surroundings>, StoreError> {
        let references = self.shared.references.clone();
        self.read(move |connection| {
            of.iter().map(|asked| surroundings(connection, &references, asked)).collect()
        })
        .await
    }

    /// Puts messages where they go.
    ///
    /// # Errors
    /// Nothing was changed.
    pub async fn gather(&self, gathered: Vec<Gathered>) -> Result<(), StoreError> {
        self.write(move |db| gathered.iter().try_for_each(|message| put(db, message))).await?;
        self.shared.received.notify_one();
        Ok(())
    }

    /// Bundles whose time has come, with what their senders said before.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn due_bundles(&self, now: Timestamp, most: u32) -> Result<Vec<Due>, StoreError> {
        self.read(move |connection| {
            let sql = "SELECT serial, channel, sender FROM bundle WHERE release_at <= ?1 ORDER BY release_at LIMIT ?2";
            let mut query = connection.prepare_cached(sql)?;
            let mut rows = query.query((now.as_millisecond(), most))?;
            let mut due = Vec::new();
            while let Some(row) = rows.next()? {
                let (bundle, sender) = (bundle(connection, row.get(0)?)?, row.get(2)?);
                due.push(Due { bundle, channel: row.get(1)?, earlier: earlier(connection, &sender)? });
            }
            Ok(due)
        })
        .await
    }

    /// Closes bundles: each is one message from now on, which continues the complaint that stands with it.
    ///
    /// # Errors
    /// Nothing was changed.
    pub async fn close_bundles(&self, bundles: Vec<(i64, Option<i64>)>) -> Result<(), StoreError> {
        self.write(move |db| bundles.iter().try_for_each(|(bundle, follows)| close(db, *bundle, *follows)))
            .await?;
        self.shared.received.notify_one();
        Ok(())
    }

    /// Forgets what people of chats said before a time, so many at most.
    ///
    /// # Errors
    /// Nothing was forgotten.
    pub async fn forget_said(&self, before: Timestamp, most: u32) -> Result<(), StoreError> {
        self.write(move |db| {
            db.execute(
                "DELETE FROM said WHERE (sender, serial) IN
                 (SELECT sender, serial FROM said WHERE at < ?1 ORDER BY at LIMIT ?2)",
                (before.as_millisecond(), most),
            )
            .map(drop)
        })
        .await
    }
}

/// Whose surroundings are asked for.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The sender's references, best first.
    pub sender: Vec<PersonRef>,
    /// The channel.
    pub channel: String,
    /// The vendor's ids of what the message answers, nearest first.
    pub answering: Vec<String>,
}

fn surroundings(
    connection: &Connection,
    references: &ReferenceKey,
    asked: &Asked,
) -> sql::Result<Surroundings> {
    let sender = links::person(connection, &asked.sender)?.unwrap_or_default();
    let sql = "SELECT serial FROM bundle WHERE sender = ?1 ORDER BY serial";
    let bundles: Vec<i64> = connection
        .prepare_cached(sql)?
        .query_map([&sender], |row| row.get(0))?
        .collect::<sql::Result<_>>()?;
    let open = bundles.into_iter().map(|serial| bundle(connection, serial)).collect::<sql::Result<_>>()?;
    let earlier = earlier(connection, &sender)?;
    let answers = links::answered(connection, references, &asked.channel, &asked.answering)?;
    Ok(Surroundings { sender, open, earlier, answers: answers.map(|(serial, _)| serial) })
}

fn bundle(connection: &Connection, serial: i64) -> sql::Result<Bundle> {
    let sql = format!("SELECT {WAITING} FROM inbox WHERE bundle = ?1 ORDER BY serial");
    let mut messages = connection.prepare_cached(&sql)?;
    let messages = messages.query_map([serial], waiting)?.collect::<sql::Result<_>>()?;
    Ok(Bundle { serial, messages })
}

/// A person's latest complaints, oldest first.
fn earlier(connection: &Connection, sender: &PersonRef) -> sql::Result<Vec<Said>> {
    let sql = "SELECT serial, at, text, id FROM said WHERE sender = ?1 ORDER BY at DESC LIMIT ?2";
    let mut said = connection.prepare_cached(sql)?;
    let sql = "SELECT changed_at FROM reply WHERE id = ?1 AND state NOT IN ('waiting', 'failed')";
    let mut told = connection.prepare_cached(sql)?;
    let mut rows = said.query((sender, MOST_SAID))?;
    let mut earlier = Vec::new();
    while let Some(row) = rows.next()? {
        let id = ComplaintId(row.get(3)?);
        let told: Option<i64> = told.query_row([receipt_id(id)], |row| row.get(0)).optional()?;
        earlier.push(Said {
            serial: row.get(0)?,
            at: instant(row.get(1)?),
            receipt_at: told.map(instant),
            text: row.get(2)?,
        });
    }
    earlier.reverse();
    Ok(earlier)
}

/// Remembers what a person of a chat said.
fn remember(
    db: &Db<'_>,
    sender: &PersonRef,
    (serial, id): (i64, Uuid),
    at: Timestamp,
    text: &str,
) -> sql::Result<()> {
    let sql = "INSERT INTO said VALUES (?1, ?2, ?3, ?4, substr(?5, 1, 4000)) ON CONFLICT DO NOTHING";
    db.execute(sql, (sender, serial, id, at.as_millisecond(), text)).map(drop)
}

/// A message that is not yet refined was written anew (`Some`) or taken back. Returns the complaint that it belongs to,
/// or nothing if it has gone its way.
pub(super) fn rewrite(
    db: &Db<'_>,
    serial: i64,
    draft: Option<&[u8]>,
) -> sql::Result<Option<(i64, ComplaintId)>> {
    let sql = "SELECT id, bundle, length(draft) FROM inbox WHERE serial = ?1 AND wait_until < 0";
    let row = db
        .prepare(sql)?
        .query_row([serial], |row| Ok((row.get::<Uuid>(0)?, row.get::<Option<i64>>(1)?, row.get::<i64>(2)?)));
    let Some((id, bundle, length)) = row.optional()? else { return Ok(None) };
    let of_bundle = "SELECT id FROM bundle WHERE serial = ?1";
    let complaint = match bundle {
        Some(bundle) => (bundle, db.prepare(of_bundle)?.query_row([bundle], |row| row.get(0))?),
        None => (serial, id),
    };
    media::forget(db, serial)?;
    match draft {
        Some(draft) => {
            db.execute("UPDATE inbox SET draft = ?2, files_until = 0 WHERE serial = ?1", (serial, draft))?;
            db.count(|change| change.bytes += size(draft) - length);
        }
        None => {
            db.execute("DELETE FROM inbox WHERE serial = ?1", [serial])?;
            db.count(|change| {
                change.inbox -= 1;
                change.bytes -= length;
            });
            db.execute(
                "DELETE FROM bundle WHERE serial = ?1 AND NOT EXISTS (SELECT 1 FROM inbox WHERE bundle = ?1)",
                [bundle],
            )?;
        }
    }
    Ok(Some((complaint.0, ComplaintId(complaint.1))))
}

fn put(db: &Db<'_>, message: &Gathered) -> sql::Result<()> {
    let Gathered { serial, sender, way } = message;
    let (bundle, release_at) = match way {
        Way::Alone => return go(db, *serial, None),
        Way::FollowUp { serial: first, at, text } => {
            let sql = "UPDATE said SET at = max(at, ?3), text = substr(text || '\n' || ?4, 1, 4000)
                       WHERE sender = ?1 AND serial = ?2";
            db.execute(sql, (sender, first, at.as_millisecond(), text))?;
            return go(db, *serial, Some(*first));
        }
        Way::Begin { release_at, takes } => {
            // one that was taken back meanwhile begins nothing
            db.execute(
                "INSERT INTO bundle SELECT serial, id, channel, ?2, ?3 FROM inbox
                 WHERE serial = ?1 AND wait_until = ?4",
                (serial, sender, release_at.as_millisecond(), UNSEEN),
            )?;
            take_over(db, *serial, takes)?;
            (*serial, release_at)
        }
        Way::Join { bundle, release_at } => (*bundle, release_at),
    };
    let sql = "SELECT id FROM bundle WHERE serial = ?1";
    // a bundle that was emptied meanwhile takes nothing: the message is looked at again
    let Some(id): Option<Uuid> = db.prepare(sql)?.query_row([bundle], |row| row.get(0)).optional()? else {
        return Ok(());
    };
    let sql = "UPDATE inbox SET wait_until = ?3, bundle = ?2 WHERE serial = ?1 AND wait_until = ?4";
    if db.execute(sql, (serial, bundle, IN_BUNDLE, UNSEEN))? == 0 || *serial == bundle {
        return Ok(());
    }
    let sql = "UPDATE bundle SET release_at = ?2 WHERE serial = ?1";
    db.execute(sql, (bundle, release_at.as_millisecond()))?;
    links::join(db, *serial, (bundle, ComplaintId(id)), links::As::Part)?;
    media::hand_over(db, *serial, (bundle, ComplaintId(id)))
}

/// Moves pictures into a bundle that has just begun.
fn take_over(db: &Db<'_>, bundle: i64, takes: &[i64]) -> sql::Result<()> {
    let sql = "SELECT id FROM bundle WHERE serial = ?1";
    let Some(id): Option<Uuid> = db.prepare(sql)?.query_row([bundle], |row| row.get(0)).optional()? else {
        return Ok(());
    };
    for serial in takes {
        let sql = "UPDATE inbox SET bundle = ?2 WHERE serial = ?1 AND wait_until = ?3";
        if db.execute(sql, (serial, bundle, IN_BUNDLE))? == 1 {
            db.execute("DELETE FROM joined WHERE serial = ?1", [serial])?;
            links::join(db, *serial, (bundle, ComplaintId(id)), links::As::Part)?;
            media::hand_over(db, *serial, (bundle, ComplaintId(id)))?;
        }
    }
    Ok(())
}

/// Lets a message go its way alone.
fn go(db: &Db<'_>, serial: i64, follows: Option<i64>) -> sql::Result<()> {
    // what continues a complaint must not overtake it
    let sql = format!(
        "UPDATE inbox SET follows = ?2, wait_until = max({PENDING}, coalesce(
           (SELECT wait_until FROM inbox AS first WHERE first.serial = ?2 AND first.wait_until > 0), 0))
         WHERE serial = ?1 AND wait_until = {UNSEEN}"
    );
    db.execute(&sql, (serial, follows)).map(drop)
}

/// Until when a message waits for its files: not at all if they are all there.
const PENDING: &str =
    "CASE WHEN EXISTS (SELECT 1 FROM media WHERE media.serial = inbox.serial AND state = 'pending')
                       THEN files_until ELSE 0 END";

/// Makes one message of a bundle, in place of its messages.
fn close(db: &Db<'_>, bundle: i64, follows: Option<i64>) -> sql::Result<()> {
    let sql = "DELETE FROM bundle WHERE serial = ?1 RETURNING id, channel, sender";
    let head = db.prepare(sql)?.query_row([bundle], |row| {
        Ok((row.get::<Uuid>(0)?, row.get::<String>(1)?, row.get::<PersonRef>(2)?))
    });
    let Some((id, channel, sender)) = head.optional()? else { return Ok(()) };
    let sql = format!("SELECT {WAITING}, files_until FROM inbox WHERE bundle = ?1 ORDER BY serial");
    let mut query = db.prepare(&sql)?;
    let messages = query.query_map([bundle], |row| Ok((waiting(row)?, row.get::<i64>(WAITING_COLUMNS)?)))?;
    let messages = messages.collect::<sql::Result<Vec<_>>>()?;
    let Some((first, _)) = messages.first() else { return Ok(()) };
    let mut drafts: Vec<(i64, Draft)> = messages
        .iter()
        .filter_map(|(row, _)| Some((row.serial, serde_json::from_slice(&row.draft).ok()?)))
        .collect();
    // a message sent twice is said once
    let mut said = HashSet::new();
    for (_, draft) in &mut drafts {
        if !said.insert(draft.text.trim().to_lowercase()) {
            draft.text.clear();
        }
    }
    let at = first.received_at;
    if messages.len() > 1 {
        for (serial, draft) in drafts.iter().filter(|(_, draft)| !draft.text.is_empty()) {
            original::keep(db, ComplaintId(id), *serial, at, &draft.text)?;
        }
    }
    // what this program wrote it can read; should it not, the one message is quarantined as it is
    let whole = drafts.len() == messages.len();
    let merged = aggregate::merge(drafts.into_iter().map(|(_, draft)| draft).collect());
    let last = messages.last().map_or(at, |(row, _)| row.received_at);
    if follows.is_none() {
        remember(db, &sender, (bundle, id), last, &merged.text)?;
    }
    let draft = if messages.len() > 1 && whole {
        serde_json::to_vec(&merged).unwrap_or_default()
    } else {
        first.draft.clone()
    };
    let before: i64 = messages.iter().map(|(row, _)| size(&row.draft)).sum();
    let files_until = messages.iter().map(|(_, until)| *until).max().unwrap_or_default();
    db.execute("DELETE FROM inbox WHERE bundle = ?1", [bundle])?;
    db.execute(
        "INSERT INTO inbox (serial, id, channel, at, draft, wait_until, files_until, follows)
         VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6, ?7)",
        (bundle, id, channel, at.as_millisecond(), &draft, files_until, follows),
    )?;
    db.count(|change| {
        change.inbox -= i64::try_from(messages.len()).unwrap_or(0) - 1;
        change.bytes += size(&draft) - before;
    });
    // its files are those of all its messages
    db.execute("UPDATE media SET serial = ?1 WHERE complaint = ?2", (bundle, id))?;
    db.execute(&format!("UPDATE inbox SET wait_until = {PENDING} WHERE serial = ?1"), [bundle]).map(drop)
}
