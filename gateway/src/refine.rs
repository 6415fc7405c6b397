//! From drafts to events: normalizes what waits in the inbox and opens the outbox rows, in one transaction with
//! closing the inbox rows. A row that a rule fails or panics on is quarantined alone.

mod readers;
mod row;

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use muara_normalizer::{ComplaintId, Normalizer, similarity::Thresholds};
use row::{Step, step};
use tokio_util::sync::CancellationToken;

use crate::{
    channel::Channels,
    config::Duplicates,
    gather, media, metrics,
    store::{
        Store, StoreError,
        inbox::{Next, Refined, Waiting},
        media::File,
    },
    traces,
    watch::Clocks,
};

/// Rows refined in one transaction: whoever waits for the answer to a request waits for such a transaction, too.
const BATCH: u32 = 128;
/// The same when nobody has asked for something to be stored for so long.
const ALONE: u32 = 512;
const QUIET: Duration = Duration::from_millis(50);
/// Batches that may follow each other before those are looked for that came to wait before them: bundles of chats, rows
/// whose files have come.
const AHEAD: u32 = 32;
/// Rows also come without a wake-up: a command of another process released them, or a start found them.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// Complaints that are in memory as what they are about, for the search of like ones: more than Jakarta has in two weeks. Some
/// 700 bytes each.
const IN_MEMORY: usize = 32_768;
/// Longest wait of what complaints are about to be filed in the store, where there is nothing else to do.
const FILE: Duration = Duration::from_secs(600);

/// The rules, and what they need of the running gateway.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The rules.
    pub normalizer: Arc<Normalizer>,
    /// The configured channels.
    pub channels: Arc<ArcSwap<Channels>>,
    /// What addresses of files begin with.
    pub files_url: String,
    /// When complaints are about one matter.
    pub duplicates: Duplicates,
    /// Until when somebody must have answered.
    pub clocks: Arc<Clocks>,
}

/// Refines what waits until it is cancelled.
pub async fn run(store: Store, rules: Rules, cancel: CancellationToken) {
    while let Err(error) = store.recall_matters(IN_MEMORY).await {
        tracing::error!(%error, "The latest complaints could not be read; it is tried again.");
        tokio::select! {
            () = cancel.cancelled() => return,
            () = tokio::time::sleep(LOOK_AGAIN) => {}
        }
    }
    let (mut ahead, mut taken, mut since) = (None, store.taken(), Instant::now());
    while !cancel.is_cancelled() {
        if std::mem::replace(&mut taken, store.taken()) != taken {
            since = Instant::now();
        }
        let most = if since.elapsed() < QUIET { BATCH } else { ALONE };
        match turn(&store, &rules, Timestamp::now(), most, &mut ahead).await {
            Ok(0) => {}
            Ok(_) => continue,
            Err(error) => tracing::error!(%error, "Drafts could not be refined; it is tried again."),
        }
        tokio::select! {
            () = cancel.cancelled() => break,
            () = store.received().notified() => {}
            () = tokio::time::sleep(LOOK_AGAIN) => {
                if let Err(error) = store.file_matters(FILE).await {
                    tracing::error!(%error, "What complaints are about could not be filed; it is tried again.");
                }
            }
        }
    }
}

/// Gathers messages of chats as of `now`, and refines the next rows; returns how many.
///
/// # Errors
/// The store cannot be read or written; nothing was changed.
pub async fn round(store: &Store, rules: &Rules, now: Timestamp) -> Result<usize, StoreError> {
    let (gathered, batch) = begin(store, rules, now, BATCH).await?;
    Ok(gathered + finish(store, rules, batch).await?)
}

/// The same, but under load rows pass through as in a pipeline: while some are written, the rules read those after them,
/// and the ones after these are fetched. What fails is begun anew.
async fn turn(
    store: &Store,
    rules: &Rules,
    now: Timestamp,
    most: u32,
    ahead: &mut Option<Ahead>,
) -> Result<usize, StoreError> {
    let (gathered, batch, fetched) = match ahead.take() {
        Some(Ahead { batch, fetched }) => (0, batch, fetched),
        None => {
            let (gathered, batch) = begin(store, rules, now, most).await?;
            (gathered, batch, None)
        }
    };
    let Some(after) = batch.more_after.filter(|_| batch.number < AHEAD) else {
        return Ok(gathered + finish(store, rules, batch).await?);
    };
    let number = batch.number + 1;
    let fetched = match fetched {
        Some(fetched) => fetched,
        None => fetch(store, store.waiting_after(after, most).await?).await?,
    };
    let later = fetched.more_after;
    let later = async {
        match later {
            Some(after) => fetch(store, store.waiting_after(after, most).await?).await.map(Some),
            None => Ok(None),
        }
    };
    let (done, next, later) = tokio::join!(finish(store, rules, batch), read(store, rules, fetched), later);
    let done = done?;
    *ahead = Some(Ahead { batch: Batch { number, ..next? }, fetched: later? });
    Ok(gathered + done)
}

/// What is under way behind the rows that are being written.
struct Ahead {
    batch: Batch,
    fetched: Option<Fetched>,
}

/// Rows that wait, each with its files.
struct Fetched {
    rows: Vec<(Waiting, Vec<File>)>,
    /// The number after which more rows wait, if there may be more.
    more_after: Option<i64>,
    /// When it was begun, where steps are traced.
    begun: Option<traces::Step>,
}

/// Rows that the rules have read.
#[derive(Default)]
struct Batch {
    rows: Vec<(Waiting, Step)>,
    /// The number after which more rows wait, if there may be more.
    more_after: Option<i64>,
    /// How many batches before it were followed without a look at what waits before them.
    number: u32,
    /// When it was begun, where steps are traced.
    begun: Option<traces::Step>,
}

/// Gathers messages of chats, and reads the next rows.
async fn begin(
    store: &Store,
    rules: &Rules,
    now: Timestamp,
    most: u32,
) -> Result<(usize, Batch), StoreError> {
    let channels = rules.channels.load_full();
    let mut clock = Stages::default();
    let gathered = gather::round(store, &rules.normalizer, &channels, now).await?;
    clock.done("gather");
    let next = store.waiting(most).await?;
    Ok((gathered, read(store, rules, fetch(store, next).await?).await?))
}

/// Finds the files of rows.
async fn fetch(store: &Store, Next { rows, more_after }: Next) -> Result<Fetched, StoreError> {
    let begun = if rows.is_empty() { None } else { traces::begin() };
    let mut files = BTreeMap::<i64, Vec<File>>::new();
    for file in store.files_of(rows.iter().map(|row| row.serial).collect()).await? {
        files.entry(file.serial).or_default().push(file);
    }
    let rows = rows.into_iter().map(|row| {
        let files = files.remove(&row.serial).unwrap_or_default();
        (row, files)
    });
    Ok(Fetched { rows: rows.collect(), more_after, begun })
}

/// Reads rows by the rules and searches for what each is like.
async fn read(store: &Store, rules: &Rules, fetched: Fetched) -> Result<Batch, StoreError> {
    let mut clock = Stages::default();
    let Fetched { rows, more_after, begun } = fetched;
    if rows.is_empty() {
        return Ok(Batch::default());
    }
    let channels = rules.channels.load_full();
    let rows = readers::read(rows, |share| {
        let (store, rules, channels) = (store.clone(), rules.clone(), Arc::clone(&channels));
        move || {
            let read = share.into_iter().map(|(mut row, files)| {
                row.files_settled = media::settled(&files);
                let files = media::describe(&files, &rules.files_url);
                let step = step(&row, files, &store, &rules.normalizer, &channels);
                (row, step)
            });
            let mut read: Vec<_> = read.collect();
            if rules.duplicates.enabled {
                search(&store, &rules.duplicates.thresholds(), &mut read)?;
            }
            Ok(read)
        }
    });
    let rows = rows.await?;
    clock.done("read");
    Ok(Batch { rows, more_after, begun, ..Batch::default() })
}

/// Searches the store for what each is like.
fn search(store: &Store, thresholds: &Thresholds, rows: &mut [(Waiting, Step)]) -> Result<(), StoreError> {
    let kept: Vec<_> = rows.iter().filter_map(|(row, step)| step.kept(row)).collect();
    let mut searches = store.alike(&kept, thresholds)?.into_iter();
    for (row, step) in rows {
        if step.may_repeat(row)
            && let (Some(said), Some(search)) = (step.said(), searches.next())
        {
            said.search = search;
        }
    }
    Ok(())
}

/// Holds rows against what was said before, and writes what became of them; returns how many.
async fn finish(store: &Store, rules: &Rules, batch: Batch) -> Result<usize, StoreError> {
    let Batch { rows: mut read, begun, .. } = batch;
    if read.is_empty() {
        return Ok(0);
    }
    let mut clock = Stages::default();
    let referred =
        store.referred(read.iter().filter_map(|(row, step)| step.referring(row)).collect()).await?;
    let said = read.iter_mut().filter_map(|(_, step)| step.said());
    said.zip(referred).for_each(|(said, referred)| said.refers_to(referred));
    if rules.duplicates.enabled {
        let searched = read.iter_mut().filter_map(|(row, step)| Some((step.kept(row)?, step.search())));
        let before = store.before(searched.collect(), rules.duplicates.thresholds()).await?;
        let mut before = before.into_iter();
        for (row, step) in &mut read {
            if step.may_repeat(row)
                && let (Some(said), Some(before)) = (step.said(), before.next())
            {
                said.before = before;
            }
        }
    }
    clock.done("compare");
    let refined: Vec<_> = read
        .into_iter()
        .map(|(row, step)| {
            let made = row::refine(&row, step, rules);
            (row, made)
        })
        .collect();
    let counts: Vec<_> = refined.iter().map(|(row, made)| (row.channel.clone(), row::result(made))).collect();
    let traced = begun.map(|begun| (begun, steps(&refined)));
    store.refine(refined).await?;
    if let Some((begun, steps)) = traced {
        for (id, received_at, channel, result) in steps {
            begun.refined(id, received_at, &channel, result);
        }
    }
    clock.done("write");
    let mut tally = metrics::Tally::default();
    counts.iter().for_each(|(channel, result)| tally.count(channel, result));
    tally.report(metrics::refined);
    Ok(counts.len())
}

/// What is told of each row's step, where steps are traced.
fn steps(refined: &[(Waiting, Refined)]) -> Vec<(ComplaintId, Timestamp, String, &'static str)> {
    let told =
        |(row, made): &(Waiting, Refined)| (row.id, row.received_at, row.channel.clone(), row::result(made));
    refined.iter().map(told).collect()
}

/// Tells how long each stage of a round takes.
struct Stages(Instant);

impl Default for Stages {
    fn default() -> Self {
        Self(Instant::now())
    }
}

impl Stages {
    fn done(&mut self, stage: &'static str) {
        let now = Instant::now();
        metrics::refine_stage(stage, now.duration_since(std::mem::replace(&mut self.0, now)));
    }
}
