//! Asks vendors that do not call: one task for each channel with a `pull`, which moves the cursor only in the
//! transaction that stored what it covers.

use std::{sync::Arc, time::Duration};

use backon::{BackoffBuilder, ExponentialBuilder};
use muara_connectors::{Pull, PullError};
use tokio_util::sync::CancellationToken;

use crate::{channel::Channel, health::Health, intake::Intake, metrics, store::Store};

/// Credentials that are refused are tried again so slowly: some vendors lock an account that keeps knocking.
const REFUSED_PAUSE: Duration = Duration::from_mins(5);
/// The longest pause after trouble on the way.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);

/// Pulls one channel until it is cancelled.
pub async fn run(
    channel: Arc<Channel>,
    store: Store,
    intake: Intake,
    health: Arc<Health>,
    cancel: CancellationToken,
) {
    if channel.disabled.is_some() {
        return;
    }
    let mut paused = store.watch_paused();
    let poller = Poller { channel, store, intake, health };
    let id = poller.channel.id.as_str();
    loop {
        tokio::select! {
            () = cancel.cancelled() => return,
            goes_on = paused.wait_for(|paused| !paused.contains_key(id)) => if goes_on.is_err() { return },
        }
        // opened anew after a pause: what was cut off may have stopped anywhere
        let open = poller.channel.connector.pull;
        let Some(pull) = open.and_then(|open| open(&poller.channel.settings)) else { return };
        tokio::select! {
            () = cancel.cancelled() => return,
            () = poller.pull(pull) => return,
            stops = paused.wait_for(|paused| paused.contains_key(id)) => if stops.is_err() { return },
        }
    }
}

struct Poller {
    channel: Arc<Channel>,
    store: Store,
    intake: Intake,
    health: Arc<Health>,
}

impl Poller {
    async fn pull(&self, mut pull: Box<dyn Pull>) {
        let id = &self.channel.id;
        let mut failures = 0;
        let mut backoff = backoff().build();
        loop {
            let pause = match self.page(pull.as_mut()).await {
                Ok(more) => {
                    failures = 0;
                    backoff = self::backoff().build();
                    if more { continue } else { pull.interval() }
                }
                Err(PullFailure::Store(error)) => {
                    tracing::error!(channel = %id, %error, "A page of channel {id} was not stored; it is pulled again.");
                    backoff.next().unwrap_or(LONGEST_PAUSE)
                }
                Err(PullFailure::Full(reason)) => {
                    tracing::warn!(channel = %id, reason, "Channel {id} is not pulled while the store is full.");
                    LONGEST_PAUSE.min(Duration::from_secs(10))
                }
                Err(PullFailure::Vendor(error)) => {
                    failures += 1;
                    metrics::pull(id.as_str(), result(&error));
                    self.health.pull_failed(id, &error, failures);
                    let pause = backoff.next().unwrap_or(LONGEST_PAUSE);
                    match error {
                        PullError::Throttled { retry_after } => {
                            retry_after.unwrap_or(pause).max(pull.interval())
                        }
                        PullError::Refused { .. } => REFUSED_PAUSE,
                        _ => pause,
                    }
                }
            };
            tokio::time::sleep(pause).await;
        }
    }

    async fn page(&self, pull: &mut dyn Pull) -> Result<bool, PullFailure> {
        if let Some(reason) = self.intake.full() {
            return Err(PullFailure::Full(reason));
        }
        let id = &self.channel.id;
        let cursor = self.store.cursor(id.clone()).await.map_err(PullFailure::Store)?;
        let page = pull.next(&cursor).await.map_err(PullFailure::Vendor)?;
        metrics::pull(id.as_str(), "page");
        let more = page.more;
        if !page.items.is_empty() || !page.rejects.is_empty() || page.cursor != cursor {
            self.intake.submit_page(&self.channel, page).await.map_err(PullFailure::Store)?;
        }
        pull.stored().await.map_err(PullFailure::Vendor)?;
        self.health.pulled(id);
        Ok(more)
    }
}

enum PullFailure {
    Vendor(PullError),
    Store(crate::store::StoreError),
    Full(&'static str),
}

/// 1 s, 2 s … five minutes, each with up to as much again by chance, so that channels do not knock together.
fn backoff() -> ExponentialBuilder {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_secs(1))
        .with_max_delay(LONGEST_PAUSE)
        .with_jitter()
        .without_max_times()
}

fn result(error: &PullError) -> &'static str {
    match error {
        PullError::Unreachable(_) => "unreachable",
        PullError::Throttled { .. } => "throttled",
        PullError::Refused { .. } => "refused",
        PullError::Vendor { .. } => "vendor",
        PullError::Page(_) | PullError::TooLarge { .. } => "unreadable",
    }
}
