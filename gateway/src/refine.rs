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
use muara_normalizer::{
    ComplaintId, Normalizer,
    similarity::{Kept, Thresholds},
};
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
    let mut ahead = None;
    while !cancel.is_cancelled() {
        match turn(&store, &rules, Timestamp::now(), &mut ahead).await {
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
    let (gathered, batch) = begin(store, rules, now).await?;
    Ok(gathered + finish(store, rules, batch).await?.0)
}

/// The same, but under load the rules read the next rows while these are written. What fails is begun anew.
async fn turn(
    store: &Store,
    rules: &Rules,
    now: Timestamp,
    ahead: &mut Option<Batch>,
) -> Result<usize, StoreError> {
    let (gathered, batch) = match ahead.take() {
        Some(batch) => (0, batch),
        None => begin(store, rules, now).await?,
    };
    let Some(after) = batch.more_after.filter(|_| batch.ahead < AHEAD) else {
        return Ok(gathered + finish(store, rules, batch).await?.0);
    };
    let number = batch.ahead + 1;
    let next = async { read(store, rules, store.waiting_after(after, BATCH).await?).await };
    let (done, next) = tokio::join!(finish(store, rules, batch), next);
    let (done, unseen) = done?;
    *ahead = Some(Batch { ahead: number, unseen, ..next? });
    Ok(gathered + done)
}

/// Rows that the rules have read.
#[derive(Default)]
struct Batch {
    rows: Vec<(Waiting, Step)>,
    /// The number after which more rows wait, if there may be more.
    more_after: Option<i64>,
    /// How many batches before it were followed without a look at what waits before them.
    ahead: u32,
    /// The complaints that were written while these were read: the search in the store may not have seen them.
    unseen: Vec<Kept>,
    /// When it was begun, where steps are traced.
    begun: Option<traces::Step>,
}

/// Gathers messages of chats, and reads the next rows.
async fn begin(store: &Store, rules: &Rules, now: Timestamp) -> Result<(usize, Batch), StoreError> {
    let channels = rules.channels.load_full();
    let mut clock = Stages::default();
    let gathered = gather::round(store, &rules.normalizer, &channels, now).await?;
    clock.done("gather");
    let next = store.waiting(BATCH).await?;
    Ok((gathered, read(store, rules, next).await?))
}

/// Reads rows by the rules and searches for what each is like.
async fn read(store: &Store, rules: &Rules, next: Next) -> Result<Batch, StoreError> {
    let mut clock = Stages::default();
    let Next { rows, more_after } = next;
    if rows.is_empty() {
        return Ok(Batch::default());
    }
    let begun = traces::begin();
    let mut files = BTreeMap::<i64, Vec<File>>::new();
    for file in store.files_of(rows.iter().map(|row| row.serial).collect()).await? {
        files.entry(file.serial).or_default().push(file);
    }
    let rows = rows.into_iter().map(|mut row| {
        let files = files.get(&row.serial).map(Vec::as_slice).unwrap_or_default();
        row.files_settled = media::settled(files);
        (row, media::describe(files, &rules.files_url))
    });
    let channels = rules.channels.load_full();
    let rows = readers::read(rows.collect(), |share| {
        let (store, rules, channels) = (store.clone(), rules.clone(), Arc::clone(&channels));
        move || {
            let read = share.into_iter().map(|(row, files)| {
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
    let mut alike = store.alike(&kept, thresholds)?.into_iter();
    for (row, step) in rows {
        if step.may_repeat(row)
            && let (Some(said), Some(alike)) = (step.said(), alike.next())
        {
            said.alike = alike;
        }
    }
    Ok(())
}

/// Holds rows against what was said before, and writes what became of them; returns how many, and the new complaints.
async fn finish(store: &Store, rules: &Rules, batch: Batch) -> Result<(usize, Vec<Kept>), StoreError> {
    let Batch { rows: mut read, unseen, begun, .. } = batch;
    if read.is_empty() {
        return Ok((0, Vec::new()));
    }
    let mut clock = Stages::default();
    let referred =
        store.referred(read.iter().filter_map(|(row, step)| step.referring(row)).collect()).await?;
    let said = read.iter_mut().filter_map(|(_, step)| step.said());
    said.zip(referred).for_each(|(said, referred)| said.refers_to(referred));
    if rules.duplicates.enabled {
        let searched = read.iter_mut().filter_map(|(row, step)| Some((step.kept(row)?, step.alike())));
        let before = store.before(unseen, searched.collect(), rules.duplicates.thresholds()).await?;
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
    let new = store.refine(refined).await?;
    if let Some((begun, steps)) = traced {
        for (id, received_at, channel, result) in steps {
            begun.refined(id, received_at, &channel, result);
        }
    }
    clock.done("write");
    let mut tally = metrics::Tally::default();
    counts.iter().for_each(|(channel, result)| tally.count(channel, result));
    tally.report(metrics::refined);
    Ok((counts.len(), new))
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
