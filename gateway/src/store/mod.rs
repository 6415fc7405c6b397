//! The durable store between the vendors and the broker: SQLite, embedded.
//!
//! Every write goes through one writer thread ([`writer`]), which commits whatever is waiting as one
//! transaction (group commit), so that an fsync is shared by all who wait for it. Reads use connections of
//! their own and never wait for a write. Each table has its room: [`inbox`], [`held`], [`outbox`],
//! [`quarantine`], [`reply`], [`media`], [`gather`], [`links`], [`aside`], [`original`], [`similar`], [`paused`], [`audit`],
//! [`traffic`]. What was kept long enough goes by [`retention`].
//! What operators look for is in [`rooms`], [`steps`] and [`monthly`].

pub mod aside;
pub mod audit;
mod checkpoint;
pub mod clock;
pub mod gather;
pub mod held;
pub mod inbox;
pub mod links;
pub mod listing;
pub mod media;
pub mod monthly;
pub mod open;
pub mod original;
pub mod outbox;
pub mod paused;
pub mod quarantine;
pub mod reply;
pub mod report;
pub mod retention;
pub mod rooms;
pub mod similar;
pub mod steps;
pub mod traffic;
mod writer;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use muara_normalizer::{Reference, ids::ReferenceKey};
use rusqlite::Connection;
use tokio::sync::{Notify, watch};

pub use open::{Settings, SyncMode};
pub use writer::Db;

/// Why the store did not do what was asked. Nothing of the request was written.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk or the quota is full. Goes away when space is freed.
    #[error("the disk is full: free space in {}", .path.display())]
    DiskFull {
        /// Where.
        path: PathBuf,
    },
    /// Another process holds the write lock for too long. Goes away by itself.
    #[error("the database is locked by another process")]
    Locked,
    /// The database file cannot be read or written, or is damaged: the operator must look.
    #[error("the database fails: {0}")]
    Sqlite(Arc<rusqlite::Error>),
    /// The database was written by a newer Muara.
    #[error(
        "the database has schema version {found}, this program knows up to {known}: use the newer program"
    )]
    Newer {
        /// The file's version.
        found: i64,
        /// The newest this program knows.
        known: i64,
    },
    /// The linked SQLite is older than the release that fixed WAL-reset corruption.
    #[error("SQLite {0} is linked; 3.51.3 or newer is needed (older ones can corrupt a WAL database)")]
    OldSqlite(&'static str),
    /// The store's address is of a kind this build does not know.
    #[error("store.url `{0}` is not supported: use sqlite://PATH")]
    Url(String),
    /// The file or its folder cannot be used.
    #[error("cannot use {}: {source}", .path.display())]
    Io {
        /// The path.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: Arc<std::io::Error>,
    },
    /// The store is closing.
    #[error("the store is shutting down")]
    Closed,
}

/// What waits in the store. Exact: kept by the transactions that change it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct Levels {
    /// Drafts that wait to be refined.
    pub inbox: u64,
    /// Drafts held by a limit.
    pub held: u64,
    /// Events that wait for the broker's confirm.
    pub outbox: u64,
    /// Events the broker would not take.
    pub dead: u64,
    /// Bodies and drafts that could not be understood.
    pub quarantined: u64,
    /// Replies that wait to be sent.
    pub replies: u64,
    /// Messages that are no complaints by the rules.
    pub set_aside: u64,
    /// Bytes of all drafts and events that wait.
    pub bytes: u64,
}

/// A cheap handle to the store.
#[derive(Clone, Debug)]
pub struct Store {
    shared: Arc<Shared>,
}

struct Shared {
    writer: writer::Writer,
    readers: Mutex<Vec<Connection>>,
    file: PathBuf,
    references: ReferenceKey,
    levels: watch::Receiver<Levels>,
    failing: watch::Receiver<Option<StoreError>>,
    received: Notify,
    refined: Notify,
    files: Notify,
    /// Rings when a commit has brought replies to send.
    replies: reply::Wakes,
    /// The channels that operators paused.
    paused: watch::Sender<Arc<paused::Paused>>,
    /// Held while table and memory of those are brought together.
    pausing: tokio::sync::Mutex<()>,
    /// Matters that are not filed yet.
    recent: similar::Recent,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("file", &self.file).finish_non_exhaustive()
    }
}

impl Store {
    /// What waits, as of the last commit of this process.
    #[must_use]
    pub fn levels(&self) -> Levels {
        *self.shared.levels.borrow()
    }

    /// Changes of what waits.
    #[must_use]
    pub fn watch_levels(&self) -> watch::Receiver<Levels> {
        self.shared.levels.clone()
    }

    /// Why writing fails, if the last commit failed.
    #[must_use]
    pub fn failing(&self) -> Option<StoreError> {
        self.shared.failing.borrow().clone()
    }

    /// Writes a little, to find out whether a store that failed writes again: while it fails nobody sends
    /// anything that would tell.
    ///
    /// # Errors
    /// It still fails.
    pub async fn probe(&self) -> Result<(), StoreError> {
        let sql = "INSERT INTO meta VALUES ('probe', ?1) ON CONFLICT (name) DO UPDATE SET value = ?1";
        self.write(move |db| db.execute(sql, [now_ms().to_be_bytes()]).map(drop)).await
    }

    /// The database file.
    #[must_use]
    pub fn file(&self) -> &std::path::Path {
        &self.shared.file
    }

    /// The reference that stands for a receipt's serial number.
    #[must_use]
    pub fn reference(&self, serial: i64) -> Reference {
        self.shared.references.reference(serial.unsigned_abs())
    }

    /// Woken when drafts were committed.
    #[must_use]
    pub fn received(&self) -> &Notify {
        &self.shared.received
    }

    /// Woken when events were committed.
    #[must_use]
    pub fn refined(&self) -> &Notify {
        &self.shared.refined
    }

    /// Woken when files are to be fetched.
    #[must_use]
    pub fn files_to_fetch(&self) -> &Notify {
        &self.shared.files
    }

    /// Runs a piece of work in the next commit and waits until it is on disk.
    ///
    /// The work may be run a second time, alone, if a neighbour in the same commit fails; so it must do
    /// all it does through `Db`.
    async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&Db<'_>) -> rusqlite::Result<T> + Send + 'static,
    {
        self.shared.writer.run(work).await
    }

    /// Runs a query on a connection of its own; it sees one state of the store.
    async fn read<T, F>(&self, query: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let store = self.clone();
        let reading = tokio::task::spawn_blocking(move || store.read_here(query));
        reading.await.unwrap_or(Err(StoreError::Closed))
    }

    /// The same on the caller's thread, which waits for the disk.
    fn read_here<T>(&self, query: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        let shared = &self.shared;
        let idle = shared.readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => open::reader(&shared.file)?,
        };
        let result = snapshot(&connection, query).map_err(|error| open::classify(error, &shared.file));
        shared.readers.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        result
    }

    /// Commits what is waiting, stops the writer and truncates the write-ahead log.
    pub async fn close(&self) {
        self.shared.readers.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.shared.writer.close().await;
    }
}

/// Runs a query on one state of the store: all that it reads fits together, and its statements take the locks and look for
/// changed pages once instead of each.
fn snapshot<T>(
    connection: &Connection,
    query: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    let transaction = connection.unchecked_transaction()?;
    let result = query(connection)?;
    transaction.commit()?;
    Ok(result)
}

/// Milliseconds since 1970, as times stand in the store.
pub(crate) fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}
