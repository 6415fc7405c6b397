//! The threads on which the rules read: as many as there are processors, and each gives way to whoever answers a request.
//! A draft that waits is safe; a vendor that waits may give up.

use std::{num::NonZeroUsize, sync::LazyLock, thread::available_parallelism};

use tokio::runtime::{Builder, Runtime};

use crate::store::StoreError;

/// Shares that each thread takes, one after the other, so that all end together; and the least rows for which another thread is
/// worth waking.
const SHARES: usize = 4;
const SHARE: usize = 16;
/// How far the threads stand back, in steps of `nice`: they get a quarter of a processor that requests keep busy.
const STAND_BACK: i32 = 6;

/// A runtime for its threads alone: nothing is ever polled on it.
static READERS: LazyLock<std::io::Result<Runtime>> = LazyLock::new(|| {
    Builder::new_current_thread()
        .thread_name("rules")
        .max_blocking_threads(processors())
        // Linux counts niceness by thread. Where it cannot be changed, the threads only compete harder.
        .on_thread_start(|| _ = rustix::process::nice(STAND_BACK))
        .build()
});

fn processors() -> usize {
    available_parallelism().map_or(1, NonZeroUsize::get)
}

/// Gives the rows to the threads, share by share, and returns what became of all, in order.
pub(super) async fn read<T, R, W>(rows: Vec<T>, work: impl Fn(Vec<T>) -> W) -> Result<Vec<R>, StoreError>
where
    R: Send + 'static,
    W: FnOnce() -> Result<Vec<R>, StoreError> + Send + 'static,
{
    let mut shares = Vec::new();
    let share = rows.len().div_ceil(SHARES * processors()).max(SHARE);
    let mut rows = rows.into_iter();
    while rows.len() > 0 {
        let work = work(rows.by_ref().take(share).collect());
        shares.push(match &*READERS {
            Ok(readers) => readers.spawn_blocking(work),
            Err(_) => tokio::task::spawn_blocking(work),
        });
    }
    let mut read = Vec::new();
    for share in shares {
        // a share ends early only when the program does
        read.extend(share.await.map_err(|_| StoreError::Closed)??);
    }
    Ok(read)
}
