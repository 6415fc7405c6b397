//! Which file is fetched next: what is due longest, with a bound for all and one for each channel, so that a vendor that
//! hangs holds up its own files only.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::{Duration, Instant},
};

use muara_normalizer::ComplaintId;
use tokio::task::{Id, JoinSet};
use tokio_util::sync::CancellationToken;

use super::{LOOK_AGAIN, Media};
use crate::{
    intake::Intake,
    metrics,
    store::{Store, StoreError},
};

/// Fetches what is due until it is cancelled; an attempt that is cut off then is made again at the next start. What became of
/// one is written by this store, so that none counts that outlived the term of who leads.
pub async fn run(store: Store, media: Arc<Media>, intake: Intake, cancel: CancellationToken) {
    let mut queue = Queue {
        store: store.clone(),
        media,
        intake,
        running: JoinSet::new(),
        taken: HashMap::new(),
        paused: BTreeMap::new(),
    };
    let mut tick = tokio::time::interval(LOOK_AGAIN);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        if let Err(error) = queue.start().await {
            tracing::error!(%error, "Files to fetch could not be read; it is tried again.");
        }
        tokio::select! {
            () = cancel.cancelled() => break,
            Some(ended) = queue.running.join_next_with_id() => queue.ended(ended),
            () = store.files_to_fetch().notified() => {}
            _ = tick.tick() => {
                if let Ok(count) = store.files_pending().await {
                    metrics::media_waiting(count);
                }
            }
        }
    }
}

struct Queue {
    store: Store,
    media: Arc<Media>,
    intake: Intake,
    running: JoinSet<Option<Duration>>,
    /// What each task fetches: complaint, number and channel.
    taken: HashMap<Id, (ComplaintId, u32, String)>,
    /// Channels whose vendor put us off.
    paused: BTreeMap<String, Instant>,
}

impl Queue {
    fn ended(&mut self, ended: Result<(Id, Option<Duration>), tokio::task::JoinError>) {
        let (id, pause) = match ended {
            Ok((id, pause)) => (id, pause),
            Err(error) => {
                tracing::error!(%error, "Fetching a file failed: a fault in Muara; it is tried again.");
                (error.id(), Some(Duration::from_mins(1)))
            }
        };
        if let (Some((_, _, channel)), Some(pause)) = (self.taken.remove(&id), pause) {
            self.paused.insert(channel, Instant::now() + pause);
        }
    }

    /// Starts as many as may run.
    async fn start(&mut self) -> Result<(), StoreError> {
        let parallel = usize::try_from(self.media.settings.parallel).unwrap_or(usize::MAX);
        let each = parallel.div_ceil(2);
        // a pause that a vendor has asked for holds before its next file is begun
        while let Some(ended) = self.running.try_join_next_with_id() {
            self.ended(ended);
        }
        let now = Instant::now();
        self.paused.retain(|_, until| *until > now);
        while self.taken.len() < parallel && !self.intake.disk_low() {
            let mut by_channel = BTreeMap::<&str, usize>::new();
            self.taken.values().for_each(|(_, _, channel)| *by_channel.entry(channel).or_default() += 1);
            let busy = by_channel.into_iter().filter(|(_, count)| *count >= each).map(|(channel, _)| channel);
            let but = busy.chain(self.paused.keys().map(String::as_str)).map(str::to_owned).collect();
            // those that are being fetched are due as well
            let most = u32::try_from(parallel + self.taken.len()).unwrap_or(u32::MAX);
            let due = self.store.files_due(but, most).await?;
            let fresh = due.into_iter().find(|file| {
                !self.taken.values().any(|(id, number, _)| (*id, *number) == (file.complaint, file.number))
            });
            let Some(file) = fresh else { break };
            let what = (file.complaint, file.number, file.channel.clone());
            let (store, media) = (self.store.clone(), Arc::clone(&self.media));
            let task = self.running.spawn(async move { media.work(&store, file).await });
            self.taken.insert(task.id(), what);
        }
        Ok(())
    }
}
