//! From the outbox to the broker. A row is settled only by the broker's confirm.

use std::{num::NonZeroU32, time::Duration};

use bytes::Bytes;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use crate::{
    broker::{Broker, Outcome, Outgoing},
    metrics,
    store::{
        Store, StoreError,
        outbox::{Queued, Settlement},
    },
};

/// Events also come due without a wake-up: after a pause, or released by a command of another process.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// The longest pause between two attempts at one event.
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_mins(5);

/// How events are passed on.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Events in one batch.
    pub batch: NonZeroU32,
    /// Messages per second, if paced.
    pub pace: Option<NonZeroU32>,
    /// Refusals after which an event is dead.
    pub attempts: u32,
}

/// Passes events on until it is cancelled; what it has sent by then it settles.
pub async fn run(store: Store, broker: Broker, settings: Settings, cancel: CancellationToken) {
    let mut relay = Relay { batch: settings.batch.get(), pace: None, store, broker, settings };
    if let Some(pace) = settings.pace {
        // a tenth of a second's worth at once, so that the pace is even
        let burst = NonZeroU32::new((pace.get() / 10).max(1)).unwrap_or(NonZeroU32::MIN);
        relay.batch = relay.batch.min(burst.get());
        relay.pace = Some(RateLimiter::direct(Quota::per_second(pace).allow_burst(burst)));
    }
    loop {
        tokio::select! {
            () = cancel.cancelled() => break,
            ready = relay.broker.ready() => if ready.is_err() { break },
        }
        let pause = match relay.round(&cancel).await {
            Ok(Round::More) => continue,
            Ok(Round::Empty | Round::Refused) => LOOK_AGAIN,
            Ok(Round::Unknown) => Duration::from_millis(200),
            Err(error) => {
                tracing::error!(%error, "Events could not be read or settled; it is tried again.");
                LOOK_AGAIN
            }
        };
        tokio::select! {
            () = cancel.cancelled() => break,
            () = relay.store.refined().notified() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

enum Round {
    /// All confirmed; there may be more.
    More,
    /// Nothing was due.
    Empty,
    /// The broker refused some: they have a later time now.
    Refused,
    /// The fate of some is not known: they go again, under the same id.
    Unknown,
}

struct Relay {
    store: Store,
    broker: Broker,
    settings: Settings,
    batch: u32,
    pace: Option<DefaultDirectRateLimiter>,
}

impl Relay {
    async fn round(&mut self, cancel: &CancellationToken) -> Result<Round, StoreError> {
        let rows = self.store.due(0, self.batch).await?;
        let Some(count) = NonZeroU32::new(u32::try_from(rows.len()).unwrap_or(u32::MAX)) else {
            return Ok(Round::Empty);
        };
        if let Some(pace) = &self.pace {
            tokio::select! {
                () = cancel.cancelled() => return Ok(Round::Empty),
                enough = pace.until_n_ready(count) => debug_assert!(enough.is_ok(), "a batch is no larger than the burst"),
            }
        }
        let outgoing = rows
            .iter()
            .map(|row| Outgoing::new(row.id, row.routing_key.clone(), Bytes::from(row.body.clone())));
        let outcomes = self.broker.publish(outgoing.collect()).await;
        let mut round = Round::More;
        let mut settled = Vec::with_capacity(rows.len());
        for (row, outcome) in rows.into_iter().zip(outcomes) {
            match self.settlement(&row, &outcome) {
                None => round = Round::Unknown,
                Some(settlement) => {
                    if !matches!(settlement, Settlement::Confirmed) && matches!(round, Round::More) {
                        round = Round::Refused;
                    }
                    settled.push((row, settlement));
                }
            }
        }
        self.settle(settled).await?;
        Ok(round)
    }

    /// Until the store has written it down, an event that the broker confirmed would be sent again at every
    /// round; so settling is tried again before anything else is sent.
    async fn settle(&self, settled: Vec<(Queued, Settlement)>) -> Result<(), StoreError> {
        if settled.is_empty() {
            return Ok(());
        }
        for _ in 0..4 {
            match self.store.settle(settled.clone()).await {
                Err(error @ (StoreError::DiskFull { .. } | StoreError::Locked)) => {
                    tracing::warn!(%error, "Confirmed events could not be settled yet.");
                    tokio::time::sleep(LOOK_AGAIN).await;
                }
                other => return other,
            }
        }
        self.store.settle(settled).await
    }

    fn settlement(&self, row: &Queued, outcome: &Outcome) -> Option<Settlement> {
        let reason = match outcome {
            Outcome::Confirmed => {
                metrics::published("confirmed", 1);
                tracing::debug!(event = %row.id, "Event {} is confirmed by the broker.", row.id);
                return Some(Settlement::Confirmed);
            }
            Outcome::Unknown(reason) => {
                metrics::published("unknown", 1);
                tracing::debug!(event = %row.id, %reason, "Event {} goes again.", row.id);
                return None;
            }
            Outcome::Returned { code, text } => {
                metrics::published("returned", 1);
                format!("no queue takes it ({code} {text}): is the exchange bound?")
            }
            Outcome::Nacked => {
                metrics::published("nacked", 1);
                "the broker refused it: is the queue full?".to_owned()
            }
            Outcome::Invalid(invalid) => {
                metrics::published("dead", 1);
                return Some(Settlement::Dead { reason: invalid.to_string() });
            }
        };
        if row.attempts + 1 >= self.settings.attempts {
            metrics::published("dead", 1);
            tracing::error!(event = %row.id, attempts = row.attempts + 1, reason, "Event {} is put aside as dead: see `muara outbox list-dead`.", row.id);
            return Some(Settlement::Dead { reason });
        }
        let due_at = Timestamp::now().saturating_add(pause(row.attempts)).unwrap_or(Timestamp::MAX);
        tracing::warn!(event = %row.id, attempts = row.attempts + 1, reason, "Event {} was refused; it goes again at {due_at}.", row.id);
        Some(Settlement::Retry { due_at })
    }
}

/// 1, 2, 4 … seconds, at most five minutes.
fn pause(attempts: u32) -> SignedDuration {
    SignedDuration::from_secs(1 << attempts.min(10)).min(LONGEST_PAUSE)
}
