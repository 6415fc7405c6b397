//! The clocks that run: rows from a complaint's event to the reply that stops them.

use jiff::Timestamp;
use muara_normalizer::{
    ChannelId, ComplaintId, Event, Reference,
    event::{ClockKind, Overdue},
};

use super::{
    Db, Store, StoreError,
    inbox::{Waiting, instant},
    outbox::{self, NewEvent},
    sql,
};

/// A complaint that is overdue.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Late {
    /// The complaint.
    pub complaint: ComplaintId,
    /// The citizen's code of it.
    pub reference: Reference,
    /// The channel it came by.
    pub channel: String,
    /// What nobody did.
    pub clock: ClockKind,
    /// When it was received.
    pub received_at: Timestamp,
    /// When it was due.
    pub due_at: Timestamp,
    /// How often the core CRM was told.
    pub told: u32,
}

impl Store {
    /// Opens an event for each clock that is due at a time, and lets it be told of `again` later. Returns how many.
    ///
    /// # Errors
    /// Nothing was told.
    pub async fn tell_overdue(
        &self,
        now: Timestamp,
        again: Timestamp,
        most: u32,
    ) -> Result<usize, StoreError> {
        let next = now.as_millisecond();
        let due: bool = self
            .read(move |connection| {
                let sql = "SELECT EXISTS (SELECT 1 FROM clock WHERE next_at <= ?1)";
                connection.prepare_cached(sql)?.query_row([next], |row| row.get(0))
            })
            .await?;
        if !due {
            return Ok(0);
        }
        let told = self.write(move |db| tell(db, now, again, most)).await?;
        self.shared.refined.notify_one();
        Ok(told)
    }

    /// Complaints that are overdue, those first that are longest.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn overdue(&self, now: Timestamp, most: u32) -> Result<Vec<Late>, StoreError> {
        let references = self.shared.references.clone();
        self.read(move |connection| {
            let sql = "SELECT serial, kind, complaint, channel, since, due_at, told FROM clock
                       WHERE due_at <= ?1 ORDER BY due_at, serial LIMIT ?2";
            let late = |row: &sql::Row<'_>| {
                Ok(Late {
                    reference: references.reference(row.get::<i64>(0)?.unsigned_abs()),
                    clock: kind(&row.get::<String>(1)?),
                    complaint: ComplaintId(row.get(2)?),
                    channel: row.get(3)?,
                    received_at: instant(row.get(4)?),
                    due_at: instant(row.get(5)?),
                    told: row.get(6)?,
                })
            };
            connection.prepare_cached(sql)?.query_map((now.as_millisecond(), most), late)?.collect()
        })
        .await
    }

    /// How many complaints were told of, by clock.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn overdue_counts(&self) -> Result<Vec<(ClockKind, u64)>, StoreError> {
        self.read(|connection| {
            let sql = "SELECT count(*) FROM clock WHERE kind = ?1 AND told > 0";
            let mut query = connection.prepare_cached(sql)?;
            let counts = ClockKind::ALL.into_iter().map(|kind| {
                let count: i64 = query.query_row([kind.as_str()], |row| row.get(0))?;
                Ok((kind, count.unsigned_abs()))
            });
            counts.collect()
        })
        .await
    }
}

/// Starts the clocks of a complaint.
pub(super) fn start(db: &Db<'_>, row: &Waiting, clocks: &[(ClockKind, Timestamp)]) -> sql::Result<()> {
    clocks.iter().try_for_each(|(kind, due)| {
        let sql = "INSERT INTO clock VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, 0) ON CONFLICT DO NOTHING";
        let (since, due) = (row.received_at.as_millisecond(), due.as_millisecond());
        db.execute(sql, (row.serial, kind.as_str(), row.id.0, &row.channel, since, due)).map(drop)
    })
}

/// Stops clocks of a complaint.
pub(super) fn stop(db: &Db<'_>, serial: i64, clocks: &[ClockKind]) -> sql::Result<()> {
    clocks.iter().try_for_each(|kind| {
        db.execute("DELETE FROM clock WHERE serial = ?1 AND kind = ?2", (serial, kind.as_str())).map(drop)
    })
}

fn tell(db: &Db<'_>, now: Timestamp, again: Timestamp, most: u32) -> sql::Result<usize> {
    let sql = "SELECT serial, kind, complaint, channel, since, due_at, told FROM clock
               WHERE next_at <= ?1 ORDER BY next_at, serial LIMIT ?2";
    let mut query = db.prepare(sql)?;
    let due = query.query_map((now.as_millisecond(), most), |row| {
        Ok((
            row.get::<i64>(0)?,
            kind(&row.get::<String>(1)?),
            ComplaintId(row.get(2)?),
            row.get::<String>(3)?,
            instant(row.get(4)?),
            instant(row.get(5)?),
            row.get::<u32>(6)?,
        ))
    })?;
    let due = due.collect::<sql::Result<Vec<_>>>()?;
    for (serial, clock, complaint_id, channel, received_at, due_at, told) in &due {
        let sql = "UPDATE clock SET told = told + 1, next_at = ?3 WHERE serial = ?1 AND kind = ?2";
        db.execute(sql, (serial, clock.as_str(), again.as_millisecond()))?;
        let Ok(channel) = channel.parse::<ChannelId>() else { continue };
        let event = Event::overdue(Overdue {
            complaint_id: *complaint_id,
            reference: db.reference(*serial),
            channel,
            clock: *clock,
            received_at: *received_at,
            due_at: *due_at,
            times: told + 1,
            at: now,
        });
        let body = serde_json::to_vec(&event).unwrap_or_default();
        outbox::put(db, *complaint_id, &NewEvent { id: event.id, routing_key: event.routing_key(), body })?;
    }
    Ok(due.len())
}

/// The clock of a name in the store; only this program writes them.
fn kind(name: &str) -> ClockKind {
    ClockKind::ALL.into_iter().find(|kind| kind.as_str() == name).unwrap_or(ClockKind::FollowUp)
}
