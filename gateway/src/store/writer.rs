//! The one writer: takes all work that waits, does it in one transaction, syncs once, answers everybody.
//!
//! The longer a sync takes, the more work shares the next one; so there is no delay to tune.

use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Instant,
};

use muara_normalizer::{Reference, ids::ReferenceKey};
use tokio::sync::{Notify, mpsc, oneshot, watch};

use super::{
    Levels, StoreError,
    checkpoint::{self, Checkpointer, Prepared},
    lead,
    open::{Place, classify},
    reply::Wakes,
    sql::{self, Connection, Dialect, Params, Row, Statement},
};
use crate::metrics;

/// Pieces of work in one commit at most: bounds how long the first one waits for the last.
const MOST_AT_ONCE: usize = 512;
/// Pieces of work that may wait for the writer; more waits outside, in its callers.
const QUEUE: usize = 4096;
/// The log is copied back into the database when it has this many pages (of 4 KiB).
const CHECKPOINT_PAGES: u32 = 8_000;

/// A piece of work: run in a transaction (perhaps twice), told at the end what became of it.
pub(super) trait Job: Send {
    fn run(&mut self, db: &Db<'_>) -> sql::Result<()>;
    fn finish(self: Box<Self>, committed: Result<(), StoreError>);
    /// The term of leadership in which alone it may be done.
    fn term(&self) -> Option<u64>;
}

/// What the writer is given.
pub(super) enum Item {
    /// Something to be written.
    Job(Box<dyn Job>),
    /// A moment to look after the server, and after what other gateways wrote there.
    Beat,
}

struct Work<F, T> {
    work: F,
    term: Option<u64>,
    done: Option<T>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<F, T> Job for Work<F, T>
where
    T: Send,
    F: FnMut(&Db<'_>) -> sql::Result<T> + Send,
{
    fn run(&mut self, db: &Db<'_>) -> sql::Result<()> {
        self.done = Some((self.work)(db)?);
        Ok(())
    }

    fn finish(self: Box<Self>, committed: Result<(), StoreError>) {
        let Self { done, reply, .. } = *self;
        // whoever asked may have gone away; the work is done all the same
        drop(reply.send(committed.and_then(|()| done.ok_or(StoreError::Closed))));
    }

    fn term(&self) -> Option<u64> {
        self.term
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

    pub(super) fn dialect(&self) -> Dialect {
        self.connection.dialect()
    }

    pub(super) fn prepare(&self, sql: &str) -> sql::Result<Statement<'_>> {
        self.connection.prepare_cached(sql)
    }

    pub(super) fn execute(&self, sql: &str, params: impl Params) -> sql::Result<usize> {
        self.prepare(sql)?.execute(params)
    }
}

/// A size as it is counted.
pub(super) fn size(bytes: &[u8]) -> i64 {
    i64::try_from(bytes.len()).unwrap_or(i64::MAX)
}

/// Who is woken by what is committed, here or by another gateway.
#[derive(Clone, Default)]
pub(super) struct Bells {
    pub(super) received: Arc<Notify>,
    pub(super) refined: Arc<Notify>,
    pub(super) files: Arc<Notify>,
    pub(super) replies: Arc<Wakes>,
}

impl Bells {
    /// Wakes everybody: another gateway wrote something.
    pub(super) fn ring(&self) {
        self.received.notify_one();
        self.refined.notify_one();
        self.files.notify_one();
        self.replies.wake_all();
    }
}

/// The handle by which work reaches the writer thread.
pub(super) struct Writer {
    queue: mpsc::Sender<Item>,
    closing: watch::Sender<bool>,
    closed: watch::Receiver<bool>,
    /// Of a server.
    _beat: Option<lead::Alive>,
}

/// The next numbers of receipt and event.
type Numbers = (i64, i64);

impl Writer {
    pub(super) fn start(thread: Thread) -> Result<Self, StoreError> {
        let (queue, work) = mpsc::channel(QUEUE);
        let (closing, close) = watch::channel(false);
        let (ended, closed) = watch::channel(false);
        let place = thread.place.name();
        let io = move |source| StoreError::Io { path: place.clone().into(), source: Arc::new(source) };
        let beat = match thread.place {
            Place::File(_) => None,
            Place::Server(_) => Some(lead::beat(queue.downgrade()).map_err(&io)?),
        };
        std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || {
                thread.run(work, &close);
                ended.send_replace(true);
            })
            .map_err(io)?;
        Ok(Self { queue, closing, closed, _beat: beat })
    }

    pub(super) async fn run<T, F>(&self, work: F, term: Option<u64>) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&Db<'_>) -> sql::Result<T> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job = Box::new(Work { work, term, done: None, reply });
        self.queue.send(Item::Job(job)).await.map_err(|_| StoreError::Closed)?;
        answer.await.unwrap_or(Err(StoreError::Closed))
    }

    pub(super) async fn close(&self) {
        self.closing.send_replace(true);
        // wakes a writer that waits for work
        drop(self.run(|_| Ok(()), None).await);
        // an error means that the thread has already ended
        drop(self.closed.clone().wait_for(|ended| *ended).await);
    }
}

pub(super) struct Thread {
    pub(super) connection: Connection,
    pub(super) place: Place,
    /// The number of this process among those of a server.
    pub(super) process: i32,
    /// Whether it may lead.
    pub(super) stands: bool,
    pub(super) references: ReferenceKey,
    /// Of a file.
    pub(super) checkpointer: Option<Checkpointer>,
    pub(super) levels: watch::Sender<Levels>,
    pub(super) failing: watch::Sender<Option<StoreError>>,
    /// In which term this process leads.
    pub(super) term: watch::Sender<Option<u64>>,
    /// How many terms it led.
    pub(super) terms: u64,
    pub(super) bells: Bells,
    /// As this process knows them: if they are others, others wrote.
    pub(super) seen: Numbers,
}

impl Thread {
    fn run(mut self, mut work: mpsc::Receiver<Item>, close: &watch::Receiver<bool>) {
        while let Some(first) = work.blocking_recv() {
            let (mut batch, mut beats) = (Vec::new(), false);
            let mut next = Some(first);
            while let Some(item) = next {
                match item {
                    Item::Job(job) => batch.push(job),
                    Item::Beat => beats = true,
                }
                next = if batch.len() < MOST_AT_ONCE { work.try_recv().ok() } else { None };
            }
            if beats {
                self.beat();
            }
            if !batch.is_empty() {
                let start = Instant::now();
                self.commit(batch);
                metrics::store_commit(start.elapsed());
                self.checkpoint();
            }
            if *close.borrow() && work.is_empty() {
                break;
            }
        }
        // what was sent after the last look is refused, not forgotten: its sender gets an error
        work.close();
        while let Ok(item) = work.try_recv() {
            if let Item::Job(job) = item {
                job.finish(Err(StoreError::Closed));
            }
        }
        if let Connection::Sqlite(connection) = &self.connection {
            checkpoint::run(connection, "TRUNCATE");
        }
    }

    fn commit(&mut self, batch: Vec<Box<dyn Job>>) {
        let term = *self.term.borrow();
        let (mut batch, late): (Vec<_>, Vec<_>) =
            batch.into_iter().partition(|job| job.term().is_none_or(|of| Some(of) == term));
        late.into_iter().for_each(|job| job.finish(Err(StoreError::NotLeading)));
        if batch.is_empty() {
            return;
        }
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
            // neighbour. A full disk, a lock or a server that is away is nobody's fault, and each would only wait for it in
            // turn; and of a commit whose answer did not come nobody knows whether it is on disk.
            Err(error)
                if batch.len() > 1
                    && !matches!(
                        error,
                        StoreError::DiskFull { .. } | StoreError::Locked | StoreError::Lost { .. }
                    ) =>
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

    fn transact(&mut self, batch: &mut [Box<dyn Job>]) -> Result<Levels, StoreError> {
        self.begin()?;
        let result = catch_unwind(AssertUnwindSafe(|| self.try_transact(batch)));
        let result = result.unwrap_or(Err(sql::Error::Panicked));
        if result.is_err() {
            self.connection.roll_back();
        }
        let (levels, before, after) = result.map_err(|error| classify(error, &self.place))?;
        if std::mem::replace(&mut self.seen, after) != before {
            self.bells.ring();
        }
        Ok(levels)
    }

    /// The counts after the transaction, and the next numbers before and after it.
    fn try_transact(&self, batch: &mut [Box<dyn Job>]) -> sql::Result<(Levels, Numbers, Numbers)> {
        let connection = &self.connection;
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
        let after = (db.next_serial.get(), db.next_event.get());
        connection.commit()?;
        Ok((levels, (serial, event), after))
    }

    /// Finishes what the checkpointer has prepared, and lets it prepare more when the log has grown.
    fn checkpoint(&self) {
        let (Some(checkpointer), Connection::Sqlite(connection)) = (&self.checkpointer, &self.connection)
        else {
            return;
        };
        match checkpointer.state() {
            // All but the last commits is copied and synced: the rest is a moment's work, and the next
            // commit then starts the log from its beginning.
            Prepared::Ready => {
                let start = Instant::now();
                checkpoint::run(connection, "PASSIVE");
                checkpointer.set(Prepared::Idle);
                metrics::store_checkpoint(start.elapsed());
            }
            Prepared::Idle if checkpointer.pages() >= CHECKPOINT_PAGES => checkpointer.start(),
            Prepared::Idle | Prepared::Running => {}
        }
    }
}

/// The counts as they stand in the database.
pub(super) fn levels(connection: &Connection) -> sql::Result<Levels> {
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

fn count(row: &Row<'_>, column: usize) -> sql::Result<u64> {
    row.get::<i64>(column).map(|count| u64::try_from(count).unwrap_or(0))
}
