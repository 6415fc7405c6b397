//! What the gateway stands on: broker, store, disk; and whether anything waits too long. Raised and withdrawn by itself, said
//! once in the log, shown in `/health` and the console.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    broker::{Broker, BrokerState},
    config::Alarms as Thresholds,
    intake::Intake,
    metrics,
    store::Store,
};

/// Between two looks.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
const MIB: u64 = 1024 * 1024;

/// What may be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Alarm {
    /// The broker takes no events.
    Broker,
    /// The store does not write.
    Store,
    /// The store's disk is nearly full.
    Disk,
    /// A draft is not made a complaint.
    Inbox,
    /// An event is not taken by the broker.
    Outbox,
    /// A message over a limit is not let through.
    Held,
    /// Nobody looks at what could not be understood.
    Quarantine,
}

impl Alarm {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Broker, Self::Store, Self::Disk, Self::Inbox, Self::Outbox, Self::Held, Self::Quarantine];

    /// As metrics name it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Broker => "broker",
            Self::Store => "store",
            Self::Disk => "disk",
            Self::Inbox => "inbox",
            Self::Outbox => "outbox",
            Self::Held => "held",
            Self::Quarantine => "quarantine",
        }
    }

    /// What the operator is to do.
    #[must_use]
    pub fn advice(self) -> &'static str {
        match self {
            Self::Broker => "see to RabbitMQ and the way to it; nothing is lost, events wait in the outbox",
            Self::Store => "see to the disk and its file system; vendors get 503 until it writes again",
            Self::Disk => "enlarge the volume; below store.min_free_disk_mb nothing is taken in any more",
            Self::Inbox => "read the log for what refining says; restart the gateway if it says nothing",
            Self::Outbox => "see `muara outbox stats`, the broker, and broker.messages_per_second",
            Self::Held => "see `muara held list`; raise the limit if the senders are genuine, or release",
            Self::Quarantine => "see `muara quarantine list`; fix the field map or update Muara, then replay",
        }
    }
}

/// An alarm that is raised.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Raised {
    /// Which.
    pub alarm: Alarm,
    /// Since when.
    pub since: Timestamp,
    /// What is wrong, in words.
    pub words: String,
    /// What to do.
    pub advice: &'static str,
}

/// Since when the first of each place waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Oldest {
    /// Of drafts.
    pub inbox: Option<Timestamp>,
    /// Of events.
    pub outbox: Option<Timestamp>,
    /// Of messages over a limit.
    pub held: Option<Timestamp>,
    /// Of what could not be understood.
    pub quarantine: Option<Timestamp>,
}

/// What is seen in one look.
#[derive(Clone, Debug, Default)]
pub struct Sight {
    /// What the broker's connection says while it takes nothing.
    pub broker: Option<String>,
    /// Why the store does not write.
    pub store: Option<String>,
    /// Free bytes on its disk.
    pub disk_free: Option<u64>,
    /// What waits longest.
    pub oldest: Oldest,
}

/// The alarms that are raised. A cheap handle.
#[derive(Clone, Debug, Default)]
pub struct Alarms(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    /// Since when the broker takes nothing.
    broker_away: Option<Timestamp>,
    raised: BTreeMap<Alarm, Raised>,
}

impl Alarms {
    /// Those that are raised.
    #[must_use]
    pub fn raised(&self) -> Vec<Raised> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).raised.values().cloned().collect()
    }

    /// Takes up what is seen at a time.
    pub fn look(&self, sight: &Sight, thresholds: &Thresholds, now: Timestamp) {
        let known = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.broker_away = sight.broker.as_ref().map(|_| known.broker_away.unwrap_or(now));
        let mut wrong = BTreeMap::new();
        if let (Some(since), Some(words)) = (known.broker_away, &sight.broker)
            && over(since, SignedDuration::from_mins(thresholds.broker_minutes.into()), now)
        {
            wrong.insert(Alarm::Broker, words.clone());
        }
        if let Some(words) = &sight.store {
            wrong.insert(Alarm::Store, words.clone());
        }
        if let Some(free) = sight.disk_free
            && free < thresholds.disk_free_bytes()
        {
            wrong.insert(Alarm::Disk, format!("the store's disk has {} MiB free", free / MIB));
        }
        let waits = [
            (
                Alarm::Inbox,
                sight.oldest.inbox,
                minutes(thresholds.inbox_minutes),
                "a message waits to be made a complaint",
            ),
            (
                Alarm::Outbox,
                sight.oldest.outbox,
                minutes(thresholds.outbox_minutes),
                "an event waits for the broker",
            ),
            (Alarm::Held, sight.oldest.held, hours(thresholds.held_hours), "a message over a limit waits"),
            (
                Alarm::Quarantine,
                sight.oldest.quarantine,
                hours(thresholds.quarantine_hours),
                "what could not be understood waits for somebody",
            ),
        ];
        for (alarm, since, bound, words) in waits {
            if let Some(since) = since.filter(|since| over(*since, bound, now)) {
                wrong.insert(alarm, format!("{words} since {since}"));
            }
        }
        for alarm in Alarm::ALL {
            let name = alarm.as_str();
            metrics::alarm(name, wrong.contains_key(&alarm));
            match (known.raised.get_mut(&alarm), wrong.remove(&alarm)) {
                (None, Some(words)) => {
                    tracing::warn!(alarm = name, words, "Alarm {name}: {words}; {}.", alarm.advice());
                    let raised = Raised { alarm, since: now, words, advice: alarm.advice() };
                    known.raised.insert(alarm, raised);
                }
                (Some(raised), Some(words)) => raised.words = words,
                (Some(_), None) => {
                    tracing::info!(alarm = name, "Alarm {name} is over.");
                    known.raised.remove(&alarm);
                }
                (None, None) => {}
            }
        }
    }
}

fn minutes(minutes: u32) -> SignedDuration {
    SignedDuration::from_mins(minutes.into())
}

fn hours(hours: u32) -> SignedDuration {
    SignedDuration::from_hours(hours.into())
}

/// Whether something lasts longer than it may; a bound of none is never reached.
fn over(since: Timestamp, bound: SignedDuration, now: Timestamp) -> bool {
    !bound.is_zero() && now.duration_since(since) >= bound
}

/// Looks until it is cancelled.
pub async fn run(
    alarms: Alarms,
    (store, intake, broker): (Store, Intake, Option<Broker>),
    thresholds: Thresholds,
    cancel: CancellationToken,
) {
    metrics::disk_low(thresholds.disk_free_bytes());
    let mut oldest = Oldest::default();
    loop {
        match store.oldest_of_each().await {
            Ok(read) => oldest = read,
            // what was known stays, and the rest is looked at all the same
            Err(error) => tracing::error!(%error, "What waits longest could not be read; it is tried again."),
        }
        let now = Timestamp::now();
        metrics::oldest(&oldest, now);
        alarms.look(&sight(&store, &intake, broker.as_ref(), oldest), &thresholds, now);
        tokio::select! {
            () = cancel.cancelled() => break,
            () = tokio::time::sleep(LOOK_AGAIN) => {}
        }
    }
}

fn sight(store: &Store, intake: &Intake, broker: Option<&Broker>, oldest: Oldest) -> Sight {
    let broker = broker.map(|broker| broker.state().borrow().clone());
    let (_, free) = intake.high_water();
    Sight {
        broker: broker
            .filter(|state| !matches!(state, BrokerState::Connected { .. } | BrokerState::Stopped))
            .map(|state| state.to_string()),
        store: store.failing().map(|error| error.to_string()),
        disk_free: Some(free),
        oldest,
    }
}

/// Says in metrics whether the broker takes events.
pub(crate) async fn watch_broker(broker: Broker) {
    let mut state = broker.state();
    loop {
        metrics::broker_up(matches!(*state.borrow_and_update(), BrokerState::Connected { .. }));
        if state.changed().await.is_err() {
            break;
        }
    }
}

/// Nobody reads the unrouted queue: a message in it is a binding that is missing.
pub(crate) async fn watch_unrouted(broker: Broker, depth: watch::Sender<u32>, stop: CancellationToken) {
    let mut tick = tokio::time::interval(Duration::from_secs(10));
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            _ = tick.tick() => {}
        }
        let Some(now) = broker.unrouted_depth().await else { continue };
        metrics::unrouted(now);
        if depth.send_replace(now) == 0 && now > 0 {
            tracing::error!(
                messages = now,
                "Events reach the broker but no queue: see that crm.complaints is bound to the exchange, then move them out of muara.unrouted."
            );
        }
    }
}
