//! The durable store between the vendors and the broker: SQLite, embedded, or PostgreSQL for several gateways.
//!
//! Every write goes through one writer thread ([`writer`]), which commits whatever is waiting as one
//! transaction (group commit), so that an fsync is shared by all who wait for it. Reads use connections of
//! their own and never wait for a write. The writers of several gateways take turns ([`lead`]), so that whatever holds with
//! one writer holds with many. Statements are written once for both databases ([`sql`]). Each table has its room: [`inbox`], [`held`], [`outbox`],
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
pub mod lead;
pub mod links;
pub mod listing;
pub mod media;
mod migrate;
pub mod monthly;
pub mod open;
pub mod original;
pub mod outbox;
pub mod paused;
pub mod quarantine;
mod quota;
pub mod reply;
pub mod report;
pub mod retention;
pub mod rooms;
pub mod similar;
pub mod sql;
pub mod steps;
pub mod traffic;
mod writer;

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use muara_normalizer::{Reference, ids::ReferenceKey};
use sql::Connection;
use tokio::sync::{Notify, Semaphore, watch};

pub use open::{Place, Settings, SyncMode};
pub use sql::postgres::Server;
pub use writer::Db;

/// Why the store did not do what was asked. Nothing of the request was written.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk or the quota is full. Goes away when space is freed.
    #[error("the disk is full: free space at {place}")]
    DiskFull {
        /// Where.
        place: String,
    },
    /// Another process holds the write lock for too long. Goes away by itself.
    #[error("the database is locked by another process")]
    Locked,
    /// The server cannot be reached, or the connection to it broke: whether the last commit is on disk is not known. It is
    /// opened again at the next write.
    #[error("{place} cannot be reached: {error}")]
    Lost {
        /// Where.
        place: String,
        /// What the client says.
        error: Arc<sql::Error>,
    },
    /// Another gateway leads now, and this write was the leader's to make.
    #[error("another gateway leads now")]
    NotLeading,
    /// The database cannot be read or written, or is damaged: the operator must look.
    #[error("the database fails: {0}")]
    Sql(Arc<sql::Error>),
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
    #[error("store.url `{0}` is not supported: use sqlite://PATH or postgres://USER:PASSWORD@HOST/DATABASE")]
    Url(String),
    /// The address of a server cannot be read. The password is not in it.
    #[error("store.url: {0}")]
    Server(String),
    /// What another gateway of this store agreed on is not what this one has.
    #[error("the other gateways of this store have another {0}: give all of them the same")]
    Disagree(&'static str),
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
    /// Of a leader's handle: the term in which it may write.
    term: Option<u64>,
}

struct Shared {
    writer: writer::Writer,
    readers: Mutex<Vec<Connection>>,
    readers_at_once: Semaphore,
    place: Place,
    /// The number of this process among those of a server.
    process: i32,
    references: ReferenceKey,
    levels: watch::Receiver<Levels>,
    failing: watch::Receiver<Option<StoreError>>,
    /// In which term this process leads, if it does.
    term: watch::Receiver<Option<u64>>,
    received: Arc<Notify>,
    refined: Arc<Notify>,
    files: Arc<Notify>,
    /// Rings when a commit has brought replies to send.
    replies: Arc<reply::Wakes>,
    /// The channels that operators paused.
    paused: watch::Sender<Arc<paused::Paused>>,
    /// Held while table and memory of those are brought together.
    pausing: tokio::sync::Mutex<()>,
    /// The latest matters.
    recent: similar::Recent,
    /// How often something was taken in.
    taken: AtomicU64,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("place", &self.place).finish_non_exhaustive()
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

    /// The database file, if it is one.
    #[must_use]
    pub fn file(&self) -> Option<&std::path::Path> {
        self.shared.place.file()
    }

    /// The reference that stands for a receipt's serial number.
    #[must_use]
    pub fn reference(&self, serial: i64) -> Reference {
        self.shared.references.reference(serial.unsigned_abs())
    }

    /// How often this process took something in: whether somebody waits for an answer now.
    #[must_use]
    pub fn taken(&self) -> u64 {
        self.shared.taken.load(Ordering::Relaxed)
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
        F: FnMut(&Db<'_>) -> sql::Result<T> + Send + 'static,
    {
        self.shared.writer.run(work, self.term).await
    }

    /// Runs a query on a connection of its own; it sees one state of the store.
    async fn read<T, F>(&self, query: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> sql::Result<T> + Send + 'static,
    {
        let _turn = self.shared.readers_at_once.acquire().await.map_err(|_| StoreError::Closed)?;
        let store = self.clone();
        let reading = tokio::task::spawn_blocking(move || store.read_here(query));
        reading.await.unwrap_or(Err(StoreError::Closed))
    }

    /// The same on the caller's thread, which waits for the database.
    fn read_here<T>(&self, query: impl FnOnce(&Connection) -> sql::Result<T>) -> Result<T, StoreError> {
        let shared = &self.shared;
        let idle = shared.readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => open::reader(&shared.place)?,
        };
        let result = connection.snapshot(query).map_err(|error| open::classify(error, &shared.place));
        let mut idle = shared.readers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(StoreError::Lost { .. }) = &result {
            // where one is broken the others are
            idle.clear();
        } else {
            idle.push(connection);
        }
        drop(idle);
        result
    }

    /// Commits what is waiting, stops the writer and truncates the write-ahead log.
    pub async fn close(&self) {
        self.shared.readers.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.shared.writer.close().await;
    }
}

/// Milliseconds since 1970, as times stand in the store.
pub(crate) fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}
