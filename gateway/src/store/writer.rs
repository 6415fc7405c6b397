//! The one writer: takes all work that waits, does it in one transaction, syncs once, answers everybody.
//!
//! The longer a sync takes, the more work shares the next one; so there is no delay to tune.

use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::Arc,
    time::Instant,
};

use muara_normalizer::{Reference, ids::ReferenceKey};
use rusqlite::{CachedStatement, Connection, Params};
use tokio::sync::{mpsc, oneshot, watch};

use super::{
    Levels, StoreError,
    checkpoint::{self, Checkpointer, Prepared},
    open::classify,
};
use crate::metrics;

/// Pieces of work in one commit at most: bounds how long the first one waits for the last.
const MOST_AT_ONCE: usize = 512;
/// Pieces of work that may wait for the writer; more waits outside, in its callers.
const QUEUE: usize = 4096;
/// The log is copied back into the database when it has this many pages (of 4 KiB).
const CHECKPOINT_PAGES: u32 = 8_000;

/// A piece of work: run in a transaction (perhaps twice), told at the end what became of it.
trait Job: Send {
    fn run(&mut self, db: &Db<'_>) -> rusqlite::Result<()>;
    fn finish(self: Box<Self>, committed: Result<(), StoreError>);
}

struct Work<F, T> {
    work: F,
    done: Option<T>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<F, T> Job for Work<F, T>
where
    T: Send,
    F: FnMut(&Db<'_>) -> rusqlite::Result<T> + Send,
{
    fn run(&mut self, db: &Db<'_>) -> rusqlite::Result<()> {
        self.done = Some((self.work)(db)?);
        Ok(())
    }

    fn finish(self: Box<Self>, committed: Result<(), StoreError>) {
        let Self { done, reply, .. } = *self;
        // whoever asked may have gone away; the work is done all the same
        drop(reply.send(committed.and_then(|()| done.ok_or(StoreError::Closed))));
    }
}

/// What a piece of work writes through: prepared statements, numbers, and the counts of what waits.
pub struct Db<'a> {
    connection: &'a Connection,
    next_serial: Cell<i64>,
    next_event: Cell<i64>,
    change: Cell<Change>,
    references: &'a ReferenceKey,
}

/// How the counts of what waits change by a transaction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) inbox: i64,
    pub(super) held: i64,
    pub(super) outbox: i64,
    pub(super) dead: i64,
    pub(super) quarantined: i64,
    pub(super) replies: i64,
    pub(super) set_aside: i64,
    pub(super) bytes: i64,
    pub(super) confirmed: i64,
}

impl Db<'_> {
    /// The next serial number of a receipt.
    pub(super) fn next_serial(&self) -> i64 {
        self.next_serial.replace(self.next_serial.get() + 1)
    }

    /// The next number of an outbox row.
    pub(super) fn next_event(&self) -> i64 {
        self.next_event.replace(self.next_event.get() + 1)
    }

    /// The reference that stands for a receipt's serial number.
    pub(super) fn reference(&self, serial: i64) -> Reference {
        self.references.reference(serial.unsigned_abs())
    }

    /// Notes that something waits now, or no longer.
    pub(super) fn count(&self, note: impl FnOnce(&mut Change)) {
        let mut change = self.change.get();
        note(&mut change);
        self.change.set(change);
    }

    pub(super) fn prepare(&self, sql: &str) -> rusqlite::Result<CachedStatement<'_>> {
        self.connection.prepare_cached(sql)
    }

    pub(super) fn execute(&self, sql: &str, params: impl Params) -> rusqlite::Result<usize> {
        self.prepare(sql)?.execute(params)
    }
}

/// A size as it is counted.
pub(super) fn size(bytes: &[u8]) -> i64 {
    i64::try_from(bytes.len()).unwrap_or(i64::MAX)
}

/// The handle by which work reaches the writer thread.
pub(super) struct Writer {
    queue: mpsc::Sender<Box<dyn Job>>,
    closing: watch::Sender<bool>,
    closed: watch::Receiver<bool>,
}

impl Writer {
    pub(super) fn start(
        mut connection: Connection,
        file: PathBuf,
        references: ReferenceKey,
        levels: watch::Sender<Levels>,
        failing: watch::Sender<Option<StoreError>>,
    ) -> Result<Self, StoreError> {
        let (queue, work) = mpsc::channel(QUEUE);
        let (closing, close) = watch::channel(false);
        let (ended, closed) = watch::channel(false);
        let path = file.clone();
        let io = move |source| StoreError::Io { path: path.clone(), source: Arc::new(source) };
        let checkpointer = Checkpointer::spawn(&file).map_err(&io)?;
        checkpointer.observe(&mut connection).map_err(|error| classify(error, &file))?;
        let thread = Thread { connection, file, references, checkpointer, levels, failing };
        std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || {
                thread.run(work, &close);
                ended.send_replace(true);
            })
            .map_err(io)?;
        Ok(Self { queue, closing, closed })
    }

    pub(super) async fn run<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&Db<'_>) -> rusqlite::Result<T> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job = Box::new(Work { work, done: None, reply });
        self.queue.send(job).await.map_err(|_| StoreError::Closed)?;
        answer.await.unwrap_or(Err(StoreError::Closed))
    }

    pub(super) async fn close(&self) {
        self.closing.send_replace(true);
        // wakes a writer that waits for work
        drop(self.run(|_| Ok(())).await);
        // an error means that the thread has already ended
        drop(self.closed.clone().wait_for(|ended| *ended).await);
    }
}

struct Thread {
    connection: Connection,
    file: PathBuf,
    references: ReferenceKey,
    checkpointer: Checkpointer,
    levels: watch::Sender<Levels>,
    failing: watch::Sender<Option<StoreError>>,
}

impl Thread {
    fn run(self, mut work: mpsc::Receiver<Box<dyn Job>>, close: &watch::Receiver<bool>) {
        while let Some(first) = work.blocking_recv() {
            let mut batch = vec![first];
            while batch.len() < MOST_AT_ONCE
                && let Ok(next) = work.try_recv()
            {
                batch.push(next);
            }
            let start = Instant::now();
            self.commit(batch);
            metrics::store_commit(start.elapsed());
            self.checkpoint();
            if *close.borrow() && work.is_empty() {
                break;
            }
        }
        // what was sent after the last look is refused, not forgotten: its sender gets an error
        work.close();
        while let Ok(job) = work.try_recv() {
            job.finish(Err(StoreError::Closed));
        }
        checkpoint::run(&self.connection, "TRUNCATE");
    }

    fn commit(&self, mut batch: Vec<Box<dyn Job>>) {
        match self.transact(&mut batch) {
            Ok(levels) => {
                self.levels.send_if_modified(|known| std::mem::replace(known, levels) != levels);
                self.failing.send_if_modified(|failing| failing.take().is_some());
                metrics::store_batch(batch.len());
                for job in batch {
                    job.finish(Ok(()));
                }
            }
            // One piece of work may be at fault: each gets a transaction of its own, so that it harms no
            // neighbour. A full disk or a lock is nobody's fault, and each would only wait for it in turn.
            Err(error)
                if batch.len() > 1 && !matches!(error, StoreError::DiskFull { .. } | StoreError::Locked) =>
            {
                for job in batch {
                    self.commit(vec![job]);
                }
            }
            Err(error) => {
                tracing::error!(%error, "Nothing was stored.");
                metrics::store_failure();
                self.failing.send_replace(Some(error.clone()));
                for job in batch {
                    job.finish(Err(error.clone()));
                }
            }
        }
    }

    fn transact(&self, batch: &mut [Box<dyn Job>]) -> Result<Levels, StoreError> {
        let result = catch_unwind(AssertUnwindSafe(|| self.try_transact(batch)));
        let result = result.unwrap_or(Err(rusqlite::Error::InvalidQuery));
        if result.is_err() && !self.connection.is_autocommit() {
            // after a failed COMMIT SQLite may have rolled back by itself
            drop(self.connection.execute_batch("ROLLBACK"));
        }
        result.map_err(|error| classify(error, &self.file))
    }

    fn try_transact(&self, batch: &mut [Box<dyn Job>]) -> rusqlite::Result<Levels> {
        let connection = &self.connection;
        connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let (serial, event) = connection
            .prepare_cached("SELECT next_serial, next_event FROM level")?
            .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let db = Db {
            connection,
            next_serial: Cell::new(serial),
            next_event: Cell::new(event),
            change: Cell::new(Change::default()),
            references: &self.references,
        };
        for job in batch {
            job.run(&db)?;
        }
        let change = db.change.get();
        if change != Change::default() || db.next_serial.get() != serial || db.next_event.get() != event {
            db.execute(
                "UPDATE level SET next_serial = ?1, next_event = ?2, inbox = inbox + ?3, held = held + ?4,
                 outbox = outbox + ?5, dead = dead + ?6, quarantined = quarantined + ?7, bytes = bytes + ?8,
                 replies = replies + ?9, set_aside = set_aside + ?10, confirmed = confirmed + ?11",
                (
                    db.next_serial.get(),
                    db.next_event.get(),
                    change.inbox,
                    change.held,
                    change.outbox,
                    change.dead,
                    change.quarantined,
                    change.bytes,
                    change.replies,
                    change.set_aside,
                    change.confirmed,
                ),
            )?;
        }
        let levels = levels(connection)?;
        connection.prepare_cached("COMMIT")?.execute([])?;
        Ok(levels)
    }

    /// Finishes what the checkpointer has prepared, and lets it prepare more when the log has grown.
    fn checkpoint(&self) {
        match self.checkpointer.state() {
            // All but the last commits is copied and synced: the rest is a moment's work, and the next
            // commit then starts the log from its beginning.
            Prepared::Ready => {
                let start = Instant::now();
                checkpoint::run(&self.connection, "PASSIVE");
                self.checkpointer.set(Prepared::Idle);
                metrics::store_checkpoint(start.elapsed());
            }
            Prepared::Idle if self.checkpointer.pages() >= CHECKPOINT_PAGES => self.checkpointer.start(),
            Prepared::Idle | Prepared::Running => {}
        }
    }
}

/// The counts as they stand in the database.
pub(super) fn levels(connection: &Connection) -> rusqlite::Result<Levels> {
    let sql = "SELECT inbox, held, outbox, dead, quarantined, bytes, replies, set_aside FROM level";
    connection.prepare_cached(sql)?.query_row([], |row| {
        Ok(Levels {
            inbox: count(row, 0)?,
            held: count(row, 1)?,
            outbox: count(row, 2)?,
            dead: count(row, 3)?,
            quarantined: count(row, 4)?,
            bytes: count(row, 5)?,
            replies: count(row, 6)?,
            set_aside: count(row, 7)?,
        })
    })
}

fn count(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(|count| u64::try_from(count).unwrap_or(0))
}
