//! Events that wait for the broker's confirm, and those it would not take.

use bytes::Bytes;
use jiff::Timestamp;
use muara_normalizer::ComplaintId;
use uuid::Uuid;

use super::{
    Db, Store, StoreError,
    inbox::instant,
    now_ms,
    sql::{self, OptionalExtension},
    writer::size,
};

/// An event that was made of a draft.
#[derive(Clone, Debug)]
pub struct NewEvent {
    /// The event's id.
    pub id: Uuid,
    /// `<type>.<channel>`.
    pub routing_key: String,
    /// The envelope as JSON.
    pub body: Vec<u8>,
}

/// An event that waits.
#[derive(Clone, Debug)]
pub struct Queued {
    /// Its place in the outbox.
    pub seq: i64,
    /// The event's id.
    pub id: Uuid,
    /// The complaint it is about.
    pub complaint: ComplaintId,
    /// `<type>.<channel>`.
    pub routing_key: String,
    /// The envelope as JSON.
    pub body: Bytes,
    /// How often the broker refused it.
    pub attempts: u32,
    /// Since when it waits.
    pub at: Timestamp,
}

impl Queued {
    /// The channel it is about: the last word of its routing key.
    #[must_use]
    pub fn channel(&self) -> &str {
        self.routing_key.rsplit('.').next().unwrap_or_default()
    }
}

/// An event that the broker would not take.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Dead {
    /// Its place in the outbox.
    pub seq: i64,
    /// The event's id.
    pub id: Uuid,
    /// The complaint it is about.
    pub complaint: ComplaintId,
    /// `<type>.<channel>`.
    pub routing_key: String,
    /// How often it was tried.
    pub attempts: u32,
    /// The broker's last words.
    pub reason: String,
    /// When it was given up.
    pub at: Timestamp,
}

/// What the broker said to one event.
#[derive(Clone, Debug)]
pub struct Settled {
    seq: i64,
    id: Uuid,
    complaint: ComplaintId,
    attempts: u32,
    bytes: i64,
    said: Settlement,
}

impl Settled {
    /// What the broker said to this event.
    #[must_use]
    pub fn new(event: &Queued, said: Settlement) -> Self {
        let (seq, id, complaint) = (event.seq, event.id, event.complaint);
        Self { seq, id, complaint, attempts: event.attempts + 1, bytes: size(&event.body), said }
    }
}

/// What is to become of an event.
#[derive(Clone, Debug)]
pub enum Settlement {
    /// Confirmed, and not returned: done.
    Confirmed,
    /// Refused: tried again at a later time.
    Retry {
        /// When.
        due_at: Timestamp,
    },
    /// Refused for the last time.
    Dead {
        /// The broker's words.
        reason: String,
    },
}

impl Store {
    /// The next events that are due after a place in the outbox, in order.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn due(&self, after: i64, most: u32) -> Result<Vec<Queued>, StoreError> {
        let now = now_ms();
        self.read(move |connection| {
            let sql = "SELECT seq, id, complaint, routing_key, body, attempts, at FROM outbox
                       WHERE seq > ?1 AND due_at <= ?2 ORDER BY seq LIMIT ?3";
            connection.prepare_cached(sql)?.query_map((after, now, most), queued)?.collect()
        })
        .await
    }

    /// The next events that wait after a place in the outbox, due or not, in order.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn queued(&self, after: i64, most: u32) -> Result<Vec<Queued>, StoreError> {
        self.read(move |connection| {
            let sql = "SELECT seq, id, complaint, routing_key, body, attempts, at FROM outbox
                       WHERE seq > ?1 ORDER BY seq LIMIT ?2";
            connection.prepare_cached(sql)?.query_map((after, most), queued)?.collect()
        })
        .await
    }

    /// When the event was made that has waited longest.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn oldest(&self) -> Result<Option<Timestamp>, StoreError> {
        self.read(|connection| {
            let sql = "SELECT at FROM outbox ORDER BY seq LIMIT 1";
            connection.prepare_cached(sql)?.query_row([], |row| row.get(0)).optional()
        })
        .await
        .map(|at| at.map(instant))
    }

    /// Writes down what the broker said. Until this returns without an error the events stay as they were.
    ///
    /// # Errors
    /// Nothing was changed; ask again, the answer is the same.
    pub async fn settle(&self, settled: Vec<Settled>) -> Result<(), StoreError> {
        self.write(move |db| settled.iter().try_for_each(|event| settle(db, event))).await
    }

    /// Events that the broker would not take, oldest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn dead(&self, most: u32) -> Result<Vec<Dead>, StoreError> {
        self.read(move |connection| {
            let sql = "SELECT seq, id, complaint, routing_key, attempts, reason, at FROM dead ORDER BY seq LIMIT ?1";
            connection.prepare_cached(sql)?.query_map([most], dead)?.collect()
        })
        .await
    }

    /// Puts dead events back into the outbox: the named one, or all. Returns how many.
    ///
    /// # Errors
    /// Nothing was changed.
    pub async fn retry(&self, only: Option<Uuid>) -> Result<usize, StoreError> {
        let moved = self
            .write(move |db| {
                let which = "(?1 IS NULL OR id = ?1)";
                let bytes: i64 = db
                    .prepare(&format!("SELECT coalesce(sum(length(body)), 0) FROM dead WHERE {which}"))?
                    .query_row([only], |row| row.get(0))?;
                let moved = db.execute(
                    &format!(
                        "INSERT INTO outbox SELECT seq, id, complaint, routing_key, body, at, 0, 0 FROM dead WHERE {which}"
                    ),
                    [only],
                )?;
                db.execute(&format!("DELETE FROM dead WHERE {which}"), [only])?;
                let count = i64::try_from(moved).unwrap_or(i64::MAX);
                db.count(|change| {
                    change.dead -= count;
                    change.outbox += count;
                    change.bytes += bytes;
                });
                Ok(moved)
            })
            .await?;
        self.shared.refined.notify_one();
        Ok(moved)
    }
}

pub(super) fn put(db: &Db<'_>, complaint: ComplaintId, event: &NewEvent) -> sql::Result<()> {
    let at = now_ms();
    db.execute(
        "INSERT INTO outbox (seq, id, complaint, routing_key, body, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        (db.next_event(), event.id, complaint.0, &event.routing_key, &event.body, at),
    )?;
    let kind = event.routing_key.rsplit_once('.').map_or(event.routing_key.as_str(), |(kind, _)| kind);
    db.execute(
        "INSERT INTO published (complaint, event, kind, at) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
        (complaint.0, event.id, kind, at),
    )?;
    db.count(|change| {
        change.outbox += 1;
        change.bytes += size(&event.body);
    });
    Ok(())
}

fn settle(db: &Db<'_>, event: &Settled) -> sql::Result<()> {
    if let Settlement::Retry { due_at } = &event.said {
        let sql = "UPDATE outbox SET attempts = ?2, due_at = ?3 WHERE seq = ?1";
        return db.execute(sql, (event.seq, event.attempts, due_at.as_millisecond())).map(drop);
    }
    if let Settlement::Dead { reason } = &event.said {
        db.execute(
            "INSERT INTO dead SELECT seq, id, complaint, routing_key, body, ?2, ?3, ?4 FROM outbox WHERE seq = ?1",
            (event.seq, event.attempts, reason, now_ms()),
        )?;
    }
    // an event that is gone was settled before
    if db.execute("DELETE FROM outbox WHERE seq = ?1", [event.seq])? == 1 {
        db.count(|change| {
            change.outbox -= 1;
            change.bytes -= event.bytes;
            change.dead += i64::from(matches!(event.said, Settlement::Dead { .. }));
            change.confirmed += i64::from(matches!(event.said, Settlement::Confirmed));
        });
        if let Settlement::Confirmed = event.said {
            let sql = "UPDATE published SET confirmed_at = ?3 WHERE complaint = ?1 AND event = ?2";
            db.execute(sql, (event.complaint.0, event.id, now_ms()))?;
        }
    }
    Ok(())
}

fn queued(row: &sql::Row<'_>) -> sql::Result<Queued> {
    Ok(Queued {
        seq: row.get(0)?,
        id: row.get(1)?,
        complaint: ComplaintId(row.get(2)?),
        routing_key: row.get(3)?,
        body: row.get::<Vec<u8>>(4)?.into(),
        attempts: row.get(5)?,
        at: instant(row.get(6)?),
    })
}

fn dead(row: &sql::Row<'_>) -> sql::Result<Dead> {
    Ok(Dead {
        seq: row.get(0)?,
        id: row.get(1)?,
        complaint: ComplaintId(row.get(2)?),
        routing_key: row.get(3)?,
        attempts: row.get(4)?,
        reason: row.get(5)?,
        at: instant(row.get(6)?),
    })
}
