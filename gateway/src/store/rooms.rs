//! The rooms where messages stand until somebody looks, read as lists: searched, page by page, newest first.

use jiff::Timestamp;
use muara_normalizer::{Reference, ids::ReferenceKey};
use uuid::Uuid;

use super::{
    Store, StoreError,
    inbox::instant,
    sql::{self, Dialect, Key, OptionalExtension, Row},
};
use crate::alarms::Oldest;

/// A room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// What could not be understood.
    Quarantine,
    /// Messages over a limit.
    Held,
    /// Events the broker would not take.
    Dead,
    /// Messages that are no complaints by the rules.
    Aside,
    /// Replies that did not arrive.
    Replies,
}

/// A part of a list.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// Rows before it.
    pub after: u32,
    /// Rows in it, at most.
    pub most: u32,
}

/// Who stands in a room.
#[derive(Clone, Debug)]
pub struct Standing {
    /// What tells it from the others.
    pub key: String,
    /// The channel.
    pub channel: String,
    /// Since when.
    pub at: Timestamp,
    /// Why.
    pub reason: String,
    /// What else is to be known: the stage, the event's type, the attempts.
    pub note: String,
    /// The citizen's code, if there is one.
    pub reference: Option<Reference>,
    /// The media type of the bytes.
    pub content_type: String,
    /// The bytes: a vendor's, a draft's, an event's or a reply's.
    pub body: Vec<u8>,
}

/// What a search looks for: a text, the receipt's number of a reference, the beginning of an id.
struct Sought {
    text: String,
    serial: i64,
    id: String,
}

/// Whether a row is one that is looked for, but for its key.
const MATCHES: &str =
    "?1 = '' OR instr(lower(channel || ' ' || reason || ' ' || note), ?1) > 0 OR serial = ?2
                       OR (?3 <> '' AND lower(hex(key)) LIKE ?3 || '%')";

/// How many bytes of each row a list reads.
const GLANCE: u32 = 2048;

impl Room {
    /// Key, channel, since when, why, note, number of the receipt, media type, bytes.
    fn columns(self, dialect: Dialect) -> &'static str {
        match self {
            Self::Quarantine => {
                "id, channel, at, reason, stage || CASE seen WHEN 1 THEN '' ELSE ', seen ' || seen || ' times' END || ', ' || length(raw) || ' bytes', serial,
                 coalesce(content_type, ''), raw"
            }
            Self::Held if dialect == Dialect::Postgres => {
                "id, channel, at, reason,
                 'asked again ' || to_char(to_timestamp(release_at / 1000) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'),
                 serial, 'application/json', draft"
            }
            Self::Held => {
                "id, channel, at, reason, 'asked again ' || strftime('%Y-%m-%dT%H:%M:%SZ', release_at / 1000, 'unixepoch'),
                 serial, 'application/json', draft"
            }
            Self::Dead => {
                "id, replace(routing_key, rtrim(routing_key, replace(routing_key, '.', '')), ''), at, reason,
                 routing_key || ', attempts: ' || attempts, CAST(NULL AS BIGINT), 'application/json', body"
            }
            Self::Aside => "id, channel, at, reason, '', serial, 'application/json', draft",
            Self::Replies => {
                "id, channel, changed_at, coalesce(code || ': ' || coalesce(detail, ''), ''),
                 occasion || ', attempts: ' || attempts, serial, 'application/json', body"
            }
        }
    }

    fn table(self) -> &'static str {
        match self {
            Self::Quarantine => "quarantine",
            Self::Held => "held",
            Self::Dead => "dead",
            Self::Aside => "set_aside",
            Self::Replies => "(SELECT * FROM reply WHERE state = 'failed') AS failed",
        }
    }

    /// The room as a table with names for its columns.
    fn with(self, dialect: Dialect) -> String {
        let (columns, table) = (self.columns(dialect), self.table());
        format!(
            "WITH room (key, channel, at, reason, note, serial, type, body) AS (SELECT {columns} FROM {table})"
        )
    }

    /// Whether a row is one that is looked for.
    fn matches(self) -> String {
        // the others' keys are found by their beginning
        let key = if self == Self::Replies { " OR key = ?1" } else { "" };
        format!("({MATCHES}{key})")
    }

    /// A key as it stands in its table; before all of them without one.
    fn place(self, key: Option<&str>) -> Key {
        match (self, key) {
            (Self::Replies, key) => Key::Text(key.unwrap_or_default().to_owned()),
            (_, key) => {
                let id = key.and_then(|key| key.parse::<Uuid>().ok());
                Key::Blob(id.map(|id| id.as_bytes().to_vec()).unwrap_or_default())
            }
        }
    }

    fn key(self, row: &Row<'_>) -> sql::Result<String> {
        match self {
            Self::Replies => row.get(0),
            _ => Ok(row.get::<Uuid>(0)?.to_string()),
        }
    }
}

impl Store {
    /// Those of a room whose channel or reason holds a text, or whose id or reference it is; newest first. Of their bytes
    /// only the beginning.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn standing(&self, room: Room, text: &str, page: Page) -> Result<Vec<Standing>, StoreError> {
        let sought = self.sought(text);
        let references = self.shared.references.clone();
        self.read(move |connection| {
            let sql = format!(
                "{} SELECT key, channel, at, reason, note, serial, type, substr(body, 1, {GLANCE}) FROM room
                 WHERE {} ORDER BY at DESC, key LIMIT ?4 OFFSET ?5",
                room.with(connection.dialect()),
                room.matches()
            );
            let Sought { text, serial, id } = sought;
            let mut query = connection.prepare_cached(&sql)?;
            let rows = query.query_map((text, serial, id, page.most, page.after), |row| {
                standing(room, row, &references)
            })?;
            rows.collect()
        })
        .await
    }

    /// How many of a room match a text, of those that stood there by a time.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn count_standing(&self, room: Room, text: &str, until: Timestamp) -> Result<u64, StoreError> {
        let Sought { text, serial, id } = self.sought(text);
        self.read(move |connection| {
            let (with, matches) = (room.with(connection.dialect()), room.matches());
            let sql = format!("{with} SELECT count(*) FROM room WHERE {matches} AND at <= ?4");
            let row = (text, serial, id, until.as_millisecond());
            connection.prepare_cached(&sql)?.query_row(row, |row| row.get::<i64>(0))
        })
        .await
        .map(i64::unsigned_abs)
    }

    /// The next keys after one, in their own order, of those that match a text and stood there by a time.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn standing_keys(
        &self,
        room: Room,
        text: &str,
        until: Timestamp,
        after: Option<&str>,
        most: u32,
    ) -> Result<Vec<String>, StoreError> {
        let Sought { text, serial, id } = self.sought(text);
        let after = room.place(after);
        self.read(move |connection| {
            let sql = format!(
                "{} SELECT key FROM room WHERE {} AND at <= ?4 AND key > ?5 ORDER BY key LIMIT ?6",
                room.with(connection.dialect()),
                room.matches()
            );
            let mut query = connection.prepare_cached(&sql)?;
            let row = (text, serial, id, until.as_millisecond(), after, most);
            query.query_map(row, |row| room.key(row))?.collect()
        })
        .await
    }

    fn sought(&self, text: &str) -> Sought {
        let serial = self.serial_of(text);
        let text = text.trim().to_lowercase();
        let id = text.replace('-', "");
        let id = if id.bytes().all(|byte| byte.is_ascii_hexdigit()) { id } else { String::new() };
        Sought { text, serial, id }
    }

    /// The one of a key, with all its bytes.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn standing_at(&self, room: Room, key: &str) -> Result<Option<Standing>, StoreError> {
        let key = room.place(Some(key));
        let references = self.shared.references.clone();
        self.read(move |connection| {
            let sql = format!(
                "{} SELECT key, channel, at, reason, note, serial, type, body FROM room WHERE key = ?1",
                room.with(connection.dialect())
            );
            let mut query = connection.prepare_cached(&sql)?;
            query.query_row([key], |row| standing(room, row, &references)).optional()
        })
        .await
    }

    /// Since when the one stands that came first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn standing_since(&self, room: Room) -> Result<Option<Timestamp>, StoreError> {
        self.read(move |connection| {
            let sql = format!("{} SELECT min(at) FROM room", room.with(connection.dialect()));
            connection.prepare_cached(&sql)?.query_row([], |row| row.get::<Option<i64>>(0))
        })
        .await
        .map(|at| at.map(instant))
    }

    /// Since when the first of each place waits.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn oldest_of_each(&self) -> Result<Oldest, StoreError> {
        self.read(|connection| {
            // rows stand in the order in which they came
            let first = |table: &str, order: &str| {
                let sql = format!("SELECT at FROM {table} ORDER BY {order} LIMIT 1");
                let at = connection.prepare_cached(&sql)?.query_row([], |row| row.get(0)).optional()?;
                Ok::<_, sql::Error>(at.map(instant))
            };
            Ok(Oldest {
                inbox: first("inbox", "serial")?,
                outbox: first("outbox", "seq")?,
                held: first("held", "serial")?,
                quarantine: match connection.dialect() {
                    Dialect::Sqlite => first("quarantine", "rowid")?,
                    Dialect::Postgres => first("quarantine", "at")?,
                },
            })
        })
        .await
    }

    /// How many replies did not arrive.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn failed_replies(&self) -> Result<u64, StoreError> {
        self.read(|connection| {
            let sql = "SELECT count(*) FROM reply WHERE state = 'failed'";
            connection.prepare_cached(sql)?.query_row([], |row| row.get::<i64>(0))
        })
        .await
        .map(i64::unsigned_abs)
    }

    /// Lets the held message of a complaint's id through. False if it is not held.
    ///
    /// # Errors
    /// Nothing was changed.
    pub async fn release_id(&self, id: Uuid) -> Result<bool, StoreError> {
        let serial = self.read(move |connection| {
            let sql = "SELECT serial FROM held WHERE id = ?1";
            connection.prepare_cached(sql)?.query_row([id], |row| row.get(0)).optional()
        });
        match serial.await? {
            Some(serial) => Ok(self.release(vec![serial]).await? == 1),
            None => Ok(false),
        }
    }

    /// The number of the receipt that a reference stands for; one that nothing has if it is no reference.
    pub(super) fn serial_of(&self, text: &str) -> i64 {
        let reference = text.parse::<Reference>().ok();
        reference.and_then(|known| i64::try_from(self.shared.references.serial(&known)).ok()).unwrap_or(-1)
    }
}

fn standing(room: Room, row: &Row<'_>, references: &ReferenceKey) -> sql::Result<Standing> {
    Ok(Standing {
        key: room.key(row)?,
        channel: row.get(1)?,
        at: instant(row.get(2)?),
        reason: row.get(3)?,
        note: row.get(4)?,
        reference: row.get::<Option<i64>>(5)?.map(|serial| references.reference(serial.unsigned_abs())),
        content_type: row.get(6)?,
        body: row.get(7)?,
    })
}
