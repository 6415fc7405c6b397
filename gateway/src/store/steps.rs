//! All that is known of one complaint: where it is, what was told of it, what was answered.

use jiff::Timestamp;
use muara_normalizer::{ComplaintId, Reference, ids::ReferenceKey};
use uuid::Uuid;

use super::{
    Store, StoreError,
    inbox::instant,
    monthly::given_at,
    sql::{self, Connection, OptionalExtension, Row},
};

/// One complaint.
#[derive(Clone, Debug)]
pub struct Dossier {
    /// Number of the receipt.
    pub serial: i64,
    /// Its id, and the citizen's code.
    pub one: Known,
    /// The channel, unless nothing is left that says so.
    pub channel: String,
    /// When it was stored.
    pub received_at: Timestamp,
    /// Where it stands now: `inbox`, `held`, `quarantine` or `set aside`, with the reason; nothing once its event is made.
    pub stands: Option<(&'static str, String)>,
    /// Whether it was made in public.
    pub public: bool,
    /// The core CRM's latest status, and since when.
    pub status: Option<(String, Timestamp)>,
    /// When the citizen was last heard.
    pub heard_at: Option<Timestamp>,
    /// Its events.
    pub events: Vec<Told>,
    /// What was said to the citizen.
    pub replies: Vec<Said>,
    /// Its files.
    pub files: Vec<Kept>,
    /// What it has to do with others: in which way, and the other.
    pub links: Vec<(&'static str, Known)>,
}

/// A complaint as it is named.
#[derive(Clone, Debug)]
pub struct Known {
    /// Its id.
    pub id: ComplaintId,
    /// The citizen's code.
    pub reference: Reference,
}

/// An event.
#[derive(Clone, Debug)]
pub struct Told {
    /// Its type.
    pub kind: String,
    /// When it was made.
    pub at: Timestamp,
    /// When the broker confirmed it.
    pub confirmed_at: Option<Timestamp>,
}

/// A reply.
#[derive(Clone, Debug)]
pub struct Said {
    /// `receipt`, `reply` or `answer`.
    pub occasion: String,
    /// The channel by which it goes.
    pub channel: String,
    /// How far it came.
    pub state: String,
    /// How often it was tried.
    pub attempts: u32,
    /// Why it waits or failed.
    pub reason: String,
    /// When it was put down.
    pub at: Timestamp,
    /// When its state changed.
    pub changed_at: Timestamp,
    /// How far each of its parts came.
    pub parts: Vec<String>,
}

/// A file.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Its number in the complaint.
    pub number: u32,
    /// `pending`, `stored`, `refused`, `gone` or `left`.
    pub state: String,
    /// Since when.
    pub since: Timestamp,
    /// Why not.
    pub reason: String,
    /// Its size.
    pub bytes: Option<u64>,
    /// What it is.
    pub content_type: String,
}

impl Store {
    /// The complaint of a reference or id, or that a message of that reference became part of.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn dossier(&self, text: &str) -> Result<Option<Dossier>, StoreError> {
        let serial = Some(self.serial_of(text.trim())).filter(|serial| *serial >= 0);
        let id = text.trim().parse::<Uuid>().ok();
        let references = self.shared.references.clone();
        self.read(move |connection| {
            let found = match (id, serial) {
                (Some(id), _) => by_id(connection, id)?,
                (None, Some(serial)) => by_serial(connection, serial)?,
                (None, None) => None,
            };
            found.map(|(serial, id)| dossier(connection, &references, serial, id)).transpose()
        })
        .await
    }
}

const PLACES: [(&str, &str, &str); 4] = [
    ("inbox", "inbox", "''"),
    ("held", "held", "reason"),
    ("quarantine", "quarantine", "reason"),
    ("set aside", "set_aside", "reason"),
];

fn by_id(connection: &Connection, id: Uuid) -> sql::Result<Option<(i64, Uuid)>> {
    let sql = "SELECT serial FROM correspondence WHERE complaint = ?1
               UNION ALL SELECT serial FROM inbox WHERE id = ?1 AND amends IS NULL
               UNION ALL SELECT serial FROM held WHERE id = ?1
               UNION ALL SELECT serial FROM quarantine WHERE complaint = ?1 AND amends IS NULL
               UNION ALL SELECT serial FROM set_aside WHERE id = ?1 LIMIT 1";
    let serial = connection.prepare_cached(sql)?.query_row([id], |row| row.get(0)).optional()?;
    Ok(serial.map(|serial| (serial, id)))
}

fn by_serial(connection: &Connection, serial: i64) -> sql::Result<Option<(i64, Uuid)>> {
    let sql = "SELECT serial, complaint FROM correspondence WHERE serial = ?1
               UNION ALL SELECT serial, id FROM inbox WHERE serial = ?1
               UNION ALL SELECT serial, id FROM held WHERE serial = ?1
               UNION ALL SELECT serial, complaint FROM quarantine WHERE serial = ?1
               UNION ALL SELECT serial, id FROM set_aside WHERE serial = ?1
               UNION ALL SELECT complaint, id FROM joined WHERE serial = ?1 LIMIT 1";
    connection.prepare_cached(sql)?.query_row([serial], |row| Ok((row.get(0)?, row.get(1)?))).optional()
}

fn dossier(
    connection: &Connection,
    references: &ReferenceKey,
    serial: i64,
    id: Uuid,
) -> sql::Result<Dossier> {
    let known = |row: &Row<'_>| {
        Ok(Known {
            id: ComplaintId(row.get(1)?),
            reference: references.reference(row.get::<i64>(0)?.unsigned_abs()),
        })
    };
    let mut dossier = Dossier {
        serial,
        one: Known { id: ComplaintId(id), reference: references.reference(serial.unsigned_abs()) },
        channel: String::new(),
        received_at: given_at(id),
        stands: None,
        public: false,
        status: None,
        heard_at: None,
        events: Vec::new(),
        replies: Vec::new(),
        files: Vec::new(),
        links: Vec::new(),
    };
    for (name, table, reason) in PLACES {
        let sql = format!("SELECT channel, {reason} FROM {table} WHERE serial = ?1");
        let found =
            connection.prepare_cached(&sql)?.query_row([serial], |row| Ok((row.get(0)?, row.get(1)?)));
        if let Some((channel, reason)) = found.optional()? {
            dossier.channel = channel;
            dossier.stands = Some((name, reason));
        }
    }
    let sql = "SELECT channel, public, status, status_at, heard_at FROM correspondence WHERE serial = ?1";
    let mut query = connection.prepare_cached(sql)?;
    let mut rows = query.query([serial])?;
    if let Some(row) = rows.next()? {
        dossier.channel = row.get(0)?;
        dossier.public = row.get(1)?;
        let since: Option<i64> = row.get(3)?;
        dossier.status = row.get::<Option<String>>(2)?.zip(since.map(instant));
        dossier.heard_at = Some(instant(row.get(4)?));
    }
    let sql = "SELECT kind, at, confirmed_at FROM published WHERE complaint = ?1 ORDER BY at";
    let told = |row: &Row<'_>| {
        let confirmed_at = row.get::<Option<i64>>(2)?.map(instant);
        Ok(Told { kind: row.get(0)?, at: instant(row.get(1)?), confirmed_at })
    };
    dossier.events = connection.prepare_cached(sql)?.query_map([id], told)?.collect::<sql::Result<_>>()?;
    dossier.replies = replies(connection, serial)?;
    dossier.files = files(connection, id)?;
    let links = [
        (
            "on the same matter as",
            "SELECT other.serial, other.complaint FROM correspondence AS mine
             JOIN correspondence AS other ON other.complaint = mine.duplicate_of WHERE mine.serial = ?1 AND ?2 IS NOT NULL",
        ),
        (
            "reported again by",
            "SELECT serial, complaint FROM correspondence WHERE duplicate_of = ?2 AND ?1 IS NOT NULL ORDER BY serial LIMIT 100",
        ),
        (
            "continues",
            "SELECT other.serial, other.complaint FROM correspondence AS mine
             JOIN correspondence AS other ON other.serial = mine.continues WHERE mine.serial = ?1 AND ?2 IS NOT NULL",
        ),
        (
            "continued by",
            "SELECT serial, complaint FROM correspondence WHERE continues = ?1 AND ?2 IS NOT NULL ORDER BY serial LIMIT 100",
        ),
    ];
    for (how, sql) in links {
        // each names both parameters, so that one call serves all
        let found = connection
            .prepare_cached(sql)?
            .query_map((serial, id), known)?
            .collect::<sql::Result<Vec<_>>>()?;
        dossier.links.extend(found.into_iter().map(|other| (how, other)));
    }
    Ok(dossier)
}

fn replies(connection: &Connection, serial: i64) -> sql::Result<Vec<Said>> {
    let sql = "SELECT seq, occasion, channel, state, attempts, code, detail, at, changed_at FROM reply
               WHERE serial = ?1 ORDER BY seq";
    let mut parts =
        connection.prepare_cached("SELECT state FROM reply_part WHERE seq = ?1 ORDER BY vendor_id")?;
    let mut query = connection.prepare_cached(sql)?;
    let said = query.query_map([serial], |row| {
        let parts = parts.query_map([row.get::<i64>(0)?], |part| part.get(0))?;
        let (code, detail): (Option<String>, Option<String>) = (row.get(5)?, row.get(6)?);
        Ok(Said {
            occasion: row.get(1)?,
            channel: row.get(2)?,
            state: row.get(3)?,
            attempts: row.get(4)?,
            reason: code.map(|code| format!("{code}: {}", detail.unwrap_or_default())).unwrap_or_default(),
            at: instant(row.get(7)?),
            changed_at: instant(row.get(8)?),
            parts: parts.collect::<sql::Result<_>>()?,
        })
    })?;
    said.collect()
}

fn files(connection: &Connection, id: Uuid) -> sql::Result<Vec<Kept>> {
    let sql = "SELECT number, state, since, reason, bytes, content_type FROM media WHERE complaint = ?1 ORDER BY number";
    let kept = |row: &Row<'_>| {
        Ok(Kept {
            number: row.get(0)?,
            state: row.get(1)?,
            since: instant(row.get(2)?),
            reason: row.get::<Option<String>>(3)?.unwrap_or_default(),
            bytes: row.get::<Option<i64>>(4)?.map(i64::unsigned_abs),
            content_type: row.get::<Option<String>>(5)?.unwrap_or_default(),
        })
    };
    connection.prepare_cached(sql)?.query_map([id], kept)?.collect()
}
