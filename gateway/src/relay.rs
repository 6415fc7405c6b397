//! From the outbox to the broker. A row is settled only by the broker's confirm.

use std::{num::NonZeroU32, time::Duration};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use crate::{
    broker::{Broker, Outcome, Outgoing},
    metrics,
    store::{
        Store, StoreError,
        outbox::{Queued, Settled, Settlement},
    },
    traces,
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
    let mut relay =
        Relay { batch: settings.batch.get(), pace: None, store, broker, settings, unsettled: Vec::new() };
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
    /// What the broker said and the store has not yet written down.
    unsettled: Vec<Settled>,
}

impl Relay {
    async fn round(&mut self, cancel: &CancellationToken) -> Result<Round, StoreError> {
        self.settle().await?;
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
        let spans: Vec<_> = traces::begin()
            .map(|begun| rows.iter().map(|row| begun.publish(row.complaint)).collect())
            .unwrap_or_default();
        let mut outgoing: Vec<_> =
            rows.iter().map(|row| Outgoing::new(row.id, row.routing_key.clone(), row.body.clone())).collect();
        for (message, span) in outgoing.iter_mut().zip(&spans) {
            message.traceparent = Some(span.traceparent());
        }
        let outcomes = self.broker.publish(outgoing).await;
        for ((span, row), outcome) in spans.into_iter().zip(&rows).zip(&outcomes) {
            span.end(row, result(outcome));
        }
        let mut round = Round::More;
        let mut settled = Vec::with_capacity(rows.len());
        let mut tally = metrics::Tally::default();
        for (row, outcome) in rows.iter().zip(&outcomes) {
            tally.count(row.channel(), result(outcome));
            match self.settlement(row, outcome) {
                None => round = Round::Unknown,
                Some(settlement) => {
                    if !matches!(settlement, Settlement::Confirmed) && matches!(round, Round::More) {
                        round = Round::Refused;
                    }
                    settled.push(Settled::new(row, settlement));
                }
            }
        }
        tally.report(metrics::published);
        self.unsettled = settled;
        self.settle().await?;
        Ok(round)
    }

    /// Until the store has written it down, an event that the broker confirmed would be sent again at every
    /// round; so nothing else is sent before that.
    async fn settle(&mut self) -> Result<(), StoreError> {
        if !self.unsettled.is_empty() {
            self.store.settle(self.unsettled.clone()).await?;
            self.unsettled.clear();
        }
        Ok(())
    }

    fn settlement(&self, row: &Queued, outcome: &Outcome) -> Option<Settlement> {
        let reason = match outcome {
            Outcome::Confirmed => {
                tracing::debug!(id = %row.complaint, event = %row.id, "Message {} is confirmed by the broker.", row.complaint);
                return Some(Settlement::Confirmed);
            }
            Outcome::Unknown(reason) => {
                tracing::debug!(id = %row.complaint, event = %row.id, %reason, "Message {} goes again.", row.complaint);
                return None;
            }
            Outcome::Returned { code, text } => {
                format!("no queue takes it ({code} {text}): is the exchange bound?")
            }
            Outcome::Nacked => "the broker refused it: is the queue full?".to_owned(),
            Outcome::Invalid(invalid) => {
                return Some(Settlement::Dead { reason: invalid.to_string() });
            }
        };
        if row.attempts + 1 >= self.settings.attempts {
            tracing::error!(id = %row.complaint, event = %row.id, attempts = row.attempts + 1, reason, "Message {} is put aside as dead: see `muara outbox list-dead`.", row.complaint);
            return Some(Settlement::Dead { reason });
        }
        let due_at = Timestamp::now().saturating_add(pause(row.attempts)).unwrap_or(Timestamp::MAX);
        tracing::warn!(id = %row.complaint, event = %row.id, attempts = row.attempts + 1, reason, "Message {} was refused; it goes again at {due_at}.", row.complaint);
        Some(Settlement::Retry { due_at })
    }
}

fn result(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Confirmed => "confirmed",
        Outcome::Returned { .. } => "returned",
        Outcome::Nacked => "nacked",
        Outcome::Unknown(_) => "unknown",
        Outcome::Invalid(_) => "invalid",
    }
}

/// 1, 2, 4 … seconds, at most five minutes.
fn pause(attempts: u32) -> SignedDuration {
    SignedDuration::from_secs(1 << attempts.min(10)).min(LONGEST_PAUSE)
}
