//! One of several gateways on a PostgreSQL server leads: it alone refines, publishes, pulls, delivers, watches and removes.
//! All of them take messages in, serve their pages and write.
//!
//! Who leads holds an advisory lock on the very session that it writes by. A session that ends, in whatever way, lets go of it, and
//! nothing can be written by it any more; so a leader that was cut off cannot write what the next one does not know of. What it
//! has still in its queue carries the number of its term and is refused ([`StoreError::NotLeading`]).
//!
//! Each process holds a lock of its own on that session, too, by its number: so the others know whether it lives.
//!
//! Every transaction that writes begins by locking the one row of `level`. So writers take turns as they do with one writer:
//! a number that is given later is committed later.

use std::{collections::BTreeMap, io, sync::mpsc::RecvTimeoutError, time::Duration};

use tokio::sync::{mpsc, watch};

use super::{
    Db, Place, Store, StoreError,
    open::{classify, session},
    sql::{
        self, Connection, Dialect,
        postgres::{Server, Session},
    },
    writer::{Item, Thread, levels},
};

/// Between two looks at the server: as long may it take until a gateway hears of what another wrote, or that nobody leads.
const BEAT: Duration = Duration::from_millis(250);
/// A leader that stands still for so long is none any more.
const STANDS_STILL: Duration = Duration::from_secs(10);

impl Store {
    /// Whether several gateways may have this store.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        matches!(self.shared.place, Place::Server(_))
    }

    /// In which term this gateway leads, if it does. A store in a file has one gateway, which leads from the beginning.
    #[must_use]
    pub fn watch_term(&self) -> watch::Receiver<Option<u64>> {
        self.shared.term.clone()
    }

    /// The store for what only the leader does, if this gateway leads: what is written by it after the term has ended is
    /// refused.
    #[must_use]
    pub fn leading(&self) -> Option<Self> {
        let term = *self.shared.term.borrow();
        term.map(|term| Self { shared: std::sync::Arc::clone(&self.shared), term: Some(term) })
    }

    /// Makes sure that all gateways of this store have the same of something; `print` tells it from others.
    ///
    /// # Errors
    /// [`StoreError::Disagree`] if another gateway has another.
    pub async fn agree(&self, on: &'static str, print: [u8; 32]) -> Result<(), StoreError> {
        let known = self
            .write(move |db| {
                db.execute("INSERT INTO meta VALUES (?1, ?2) ON CONFLICT DO NOTHING", (on, print))?;
                db.prepare("SELECT value FROM meta WHERE name = ?1")?
                    .query_row([on], |row| row.get::<Vec<u8>>(0))
            })
            .await?;
        if known == print { Ok(()) } else { Err(StoreError::Disagree(on)) }
    }

    /// Leaves word of the new messages that this gateway took in, by channel, for the one that leads.
    ///
    /// # Errors
    /// Nothing was written.
    pub async fn leave_arrived(&self, arrived: BTreeMap<String, u32>) -> Result<(), StoreError> {
        self.write(move |db| {
            arrived.iter().filter(|(_, messages)| **messages > 0).try_for_each(|(channel, messages)| {
                let sql = "INSERT INTO arrived VALUES (?1, ?2)
                           ON CONFLICT (channel) DO UPDATE SET messages = arrived.messages + ?2";
                db.execute(sql, (channel, messages)).map(drop)
            })
        })
        .await
    }

    /// Takes up what the gateways left that do not lead.
    ///
    /// # Errors
    /// It stays.
    pub async fn take_arrived(&self) -> Result<BTreeMap<String, u32>, StoreError> {
        if !self.is_shared() {
            return Ok(BTreeMap::new());
        }
        self.write(|db| {
            let sql = "DELETE FROM arrived RETURNING channel, messages";
            db.prepare(sql)?.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        })
        .await
    }
}

/// A session by which a process writes. It says by its number that it lives; shared, as a session that was just cut off may
/// say so for a while yet.
pub(super) fn writing_session(server: &Server, process: i32) -> Result<Session, StoreError> {
    let session = session(server)?;
    session
        .batch(&format!("SELECT pg_advisory_lock_shared(hashtext('muara lives'), {process})"))
        .map_err(|error| classify(error, &Place::Server(server.clone())))?;
    Ok(session)
}

impl Db<'_> {
    /// Whether another process that writes into this store is not at its end. Of a file only the gateway asks, which has it alone.
    pub(super) fn lives(&self, process: i64) -> sql::Result<bool> {
        match self.dialect() {
            Dialect::Sqlite => Ok(false),
            Dialect::Postgres => {
                let sql =
                    "SELECT NOT pg_try_advisory_xact_lock(hashtext('muara lives'), CAST(?1 AS INTEGER))";
                self.prepare(sql)?.query_row([process], |row| row.get(0))
            }
        }
    }
}

/// Gives the writer of a server a moment again and again, until it or what is returned is gone.
pub(super) fn beat(queue: mpsc::WeakSender<Item>) -> io::Result<Alive> {
    let (alive, ended) = std::sync::mpsc::channel();
    let beats = move || {
        while ended.recv_timeout(BEAT) == Err(RecvTimeoutError::Timeout) {
            let Some(queue) = queue.upgrade() else { break };
            match queue.try_send(Item::Beat) {
                // a full queue is looked after without it
                Ok(()) | Err(mpsc::error::TrySendError::Full(_)) => {}
                Err(mpsc::error::TrySendError::Closed(_)) => break,
            }
        }
    };
    std::thread::Builder::new().name("store-beat".to_owned()).spawn(beats)?;
    Ok(alive)
}

/// The beat goes on as long as this is there.
pub(super) type Alive = std::sync::mpsc::Sender<()>;

impl Thread {
    /// Begins a transaction; by a new connection if the old one is at an end, for nothing is lost by that yet.
    pub(super) fn begin(&mut self) -> Result<(), StoreError> {
        self.look_after()?;
        let begun = self.connection.begin().map_err(|error| classify(error, &self.place));
        match begun {
            Err(StoreError::Lost { .. }) => {
                self.look_after()?;
                self.connection.begin().map_err(|error| classify(error, &self.place))
            }
            begun => begun,
        }
    }

    /// Looks whether the server is there, whether nobody leads, and what others wrote.
    pub(super) fn beat(&mut self) {
        let looked =
            self.look_after().and_then(|()| self.look().map_err(|error| classify(error, &self.place)));
        match looked {
            Ok(()) => {
                self.failing.send_if_modified(|failing| {
                    let lost = matches!(failing, Some(StoreError::Lost { .. }));
                    if lost {
                        *failing = None;
                    }
                    lost
                });
            }
            Err(error) => {
                // a session that just ended is no news until it cannot be opened again
                let lost = matches!(error, StoreError::Lost { .. });
                let again = if lost { self.look_after() } else { Err(error) };
                if let Err(error) = again
                    && self.failing.borrow().is_none()
                {
                    tracing::error!(%error, "The store fails; it is tried again.");
                    self.failing.send_replace(Some(error));
                }
            }
        }
    }

    /// Opens the connection anew if it is at an end. With it ends the leadership.
    fn look_after(&mut self) -> Result<(), StoreError> {
        let (Connection::Postgres(old), Place::Server(server)) = (&self.connection, &self.place) else {
            return Ok(());
        };
        if !old.is_closed() {
            return Ok(());
        }
        if self.term.send_replace(None).is_some() {
            tracing::warn!("The connection to the database is lost, and with it the leadership.");
        }
        self.connection = Connection::Postgres(Box::new(writing_session(server, self.process)?));
        tracing::info!("The connection to the database is open again.");
        Ok(())
    }

    fn look(&mut self) -> sql::Result<()> {
        if self.stands && self.term.borrow().is_none() {
            let sql = "SELECT pg_try_advisory_lock(hashtext('muara leads'))";
            if self.connection.prepare_cached(sql)?.query_row([], |row| row.get(0))? {
                if let Connection::Postgres(session) = &self.connection {
                    session.end_if_idle(STANDS_STILL)?;
                }
                self.terms += 1;
                self.term.send_replace(Some(self.terms));
            }
        }
        let sql = "SELECT next_serial, next_event FROM level";
        let now = self.connection.prepare_cached(sql)?.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let levels = levels(&self.connection)?;
        let changed = self.levels.send_if_modified(|known| std::mem::replace(known, levels) != levels);
        if std::mem::replace(&mut self.seen, now) != now || changed {
            self.bells.ring();
        }
        Ok(())
    }
}
