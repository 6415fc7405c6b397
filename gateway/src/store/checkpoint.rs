//! Copying the write-ahead log back into the database beside the writer, not in its way.
//!
//! A checkpoint of a busy log takes as long as a hundred commits. A second connection does the bulk of it while
//! the writer goes on; what the writer appended meanwhile it copies itself, which is little. Only when the
//! whole log is copied can SQLite start it again from the beginning, so without the second step it would grow
//! for as long as there is load.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicU32, Ordering},
        mpsc,
    },
};

use rusqlite::{Connection, hooks::Wal};

/// How far a checkpoint is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Prepared {
    Idle,
    Running,
    Ready,
}

/// The second connection, on a thread of its own.
pub(super) struct Checkpointer {
    state: Arc<AtomicU8>,
    start: mpsc::Sender<()>,
    pages: Arc<AtomicU32>,
}

impl Checkpointer {
    pub(super) fn spawn(file: &Path) -> io::Result<Self> {
        let state = Arc::new(AtomicU8::new(Prepared::Idle as u8));
        let (start, started) = mpsc::channel::<()>();
        let (shared, file): (_, PathBuf) = (Arc::clone(&state), file.to_owned());
        std::thread::Builder::new().name("store-checkpoint".to_owned()).spawn(move || {
            let mut connection = None;
            while started.recv().is_ok() {
                if connection.is_none() {
                    connection = Connection::open(&file).ok();
                }
                if let Some(connection) = &connection {
                    run(connection, "PASSIVE");
                }
                shared.store(Prepared::Ready as u8, Ordering::Release);
            }
        })?;
        Ok(Self { state, start, pages: Arc::default() })
    }

    /// Counts the pages of the log at each commit of a connection.
    pub(super) fn observe(&self, connection: &mut Connection) -> rusqlite::Result<()> {
        let count = Arc::clone(&self.pages);
        connection.wal_hook(Some(move |_: &mut Wal, pages| {
            count.store(u32::try_from(pages).unwrap_or(0), Ordering::Relaxed);
            Ok(())
        }))
    }

    /// Pages in the log as of the last commit.
    pub(super) fn pages(&self) -> u32 {
        self.pages.load(Ordering::Relaxed)
    }

    pub(super) fn state(&self) -> Prepared {
        match self.state.load(Ordering::Acquire) {
            1 => Prepared::Running,
            2 => Prepared::Ready,
            _ => Prepared::Idle,
        }
    }

    pub(super) fn set(&self, state: Prepared) {
        self.state.store(state as u8, Ordering::Release);
    }

    pub(super) fn start(&self) {
        self.set(Prepared::Running);
        if self.start.send(()).is_err() {
            // the thread is gone: the writer does all of it
            self.set(Prepared::Ready);
        }
    }
}

/// Copies what no reader needs any more. A failure harms nothing: the next one copies it.
pub(super) fn run(connection: &Connection, mode: &str) {
    if let Err(error) = connection.pragma(None, "wal_checkpoint", mode, |_| Ok(())) {
        tracing::warn!(%error, mode, "The write-ahead log could not be copied back; the next time it is tried again.");
    }
}
