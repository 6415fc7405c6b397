//! What only the gateway does that leads: refining, publishing, pulling, delivering, watching, removing. Of a store in a file
//! that is the one gateway; of several on a PostgreSQL server it is the one whose writer holds the lock (`store/lead.rs`).
//!
//! All of it writes through a handle of the store that is good for one term. Where the lead is lost everything here is
//! stopped at once, and begun anew when it comes back.

use std::{collections::BTreeSet, num::NonZeroU32, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use jiff::{Timestamp, civil::Date};
use secrecy::SecretString;
use tokio::{
    sync::watch,
    task::{JoinHandle, JoinSet},
};
use tokio_util::sync::CancellationToken;

use crate::{
    broker::{self, Broker, BrokerState},
    channel::Channels,
    config, egress,
    health::Health,
    intake::Intake,
    media::{self, Media},
    poller, quota, refine, relay, replies, retention, silence,
    store::Store,
};

/// How long what is stopped at once may take to let go.
const LET_GO: Duration = Duration::from_secs(2);

/// What leading needs, whenever it begins.
pub(crate) struct Parts {
    pub(crate) intake: Intake,
    pub(crate) health: Arc<Health>,
    pub(crate) channels: Arc<ArcSwap<Channels>>,
    pub(crate) broker: Option<(Broker, config::Broker)>,
    /// Where the consumer of replies stands, if they are read.
    pub(crate) consumer: Option<watch::Sender<BrokerState>>,
    pub(crate) rules: refine::Rules,
    pub(crate) media: Arc<Media>,
    pub(crate) retention: config::Retention,
    pub(crate) holidays: BTreeSet<Date>,
}

/// Everything that runs while this gateway leads.
pub(crate) struct Leading {
    /// Good for this term.
    store: Store,
    replies: CancellationToken,
    refine: CancellationToken,
    relay: CancellationToken,
    consumer: Option<JoinHandle<()>>,
    publishes: Option<JoinHandle<()>>,
    workers: Vec<JoinHandle<()>>,
    pollers: (CancellationToken, JoinSet<()>),
    senders: (egress::Halt, JoinSet<()>),
}

impl Leading {
    /// Begins to lead; `store` is good for the term.
    pub(crate) fn start(parts: &Parts, store: Store) -> Self {
        let [replies, refine, relay] = [(); 3].map(|()| CancellationToken::new());
        let publishes = parts.broker.as_ref().map(|(broker, settings)| {
            let settings = relay::Settings {
                batch: NonZeroU32::new(settings.batch).unwrap_or(NonZeroU32::MIN),
                pace: NonZeroU32::new(settings.messages_per_second),
                attempts: settings.attempts.max(1),
            };
            tokio::spawn(relay::run(store.clone(), broker.clone(), settings, relay.clone()))
        });
        let consumer = parts.broker.as_ref().zip(parts.consumer.clone()).map(|((_, settings), state)| {
            state.send_replace(BrokerState::Connecting { since: Timestamp::now(), last_error: None });
            let mut connection = broker_settings(settings);
            connection.connection_name = "muara replies".to_owned();
            connection.names.consumes = true;
            let (store, cancel, prefetch) =
                (store.clone(), replies.clone(), settings.replies_prefetch.max(1));
            tokio::spawn(async move {
                let handle = |body: Vec<u8>| {
                    let store = store.clone();
                    async move { replies::take(&store, &body).await }
                };
                broker::consume(connection, prefetch, handle, state, cancel).await;
            })
        });
        let listens = (store.clone(), Arc::clone(&parts.health), Arc::clone(&parts.channels));
        let clocks = Arc::clone(&parts.rules.clocks);
        let media = Arc::clone(&parts.media);
        let removes =
            retention::run(store.clone(), Arc::clone(&media), parts.retention.clone(), refine.clone());
        let workers = vec![
            tokio::spawn(refine::run(store.clone(), parts.rules.clone(), refine.clone())),
            tokio::spawn(crate::watch::run(store.clone(), clocks, refine.clone())),
            tokio::spawn(quota::run(store.clone(), Arc::clone(&parts.channels), refine.clone())),
            tokio::spawn(silence::run(listens, parts.holidays.clone(), refine.clone())),
            tokio::spawn(media::run(store.clone(), media, parts.intake.clone(), refine.clone())),
            tokio::spawn(removes),
        ];
        let mut leading = Self {
            store,
            replies,
            refine,
            relay,
            consumer,
            publishes,
            workers,
            pollers: (CancellationToken::new(), JoinSet::new()),
            senders: (egress::Halt::default(), JoinSet::new()),
        };
        leading.start_channels(parts);
        leading
    }

    fn start_channels(&mut self, parts: &Parts) {
        let (cancel, mut tasks) = (CancellationToken::new(), JoinSet::new());
        let (halt, mut senders) = (egress::Halt::default(), JoinSet::new());
        let intake = parts.intake.by(self.store.clone());
        for channel in parts.channels.load().iter() {
            let channel = Arc::clone(channel);
            let (store, intake, health) = (self.store.clone(), intake.clone(), Arc::clone(&parts.health));
            let channels = Arc::clone(&parts.channels);
            senders.spawn(egress::run(
                Arc::clone(&channel),
                channels,
                store.clone(),
                Arc::clone(&health),
                halt.clone(),
            ));
            tasks.spawn(poller::run(channel, store, intake, health, cancel.clone()));
        }
        self.pollers = (cancel, tasks);
        self.senders = (halt, senders);
    }

    /// Stops pulling and sending.
    pub(crate) async fn stop_channels(&mut self) {
        self.stop_pollers().await;
        end(&mut self.senders).await;
    }

    /// Pulls and sends by channels that are configured anew.
    pub(crate) fn resume_channels(&mut self, parts: &Parts) {
        self.start_channels(parts);
    }

    async fn stop_pollers(&mut self) {
        self.pollers.0.cancel();
        // a pull that is cut off has not moved its cursor
        while self.pollers.1.join_next().await.is_some() {}
    }

    /// Takes nothing in any more, neither replies of the core CRM nor what is pulled.
    pub(crate) async fn stop_taking(&mut self) {
        self.replies.cancel();
        if let Some(consumer) = self.consumer.take() {
            finish(consumer).await;
        }
        self.stop_pollers().await;
    }

    /// Ends in order: what was accepted goes its way, for as long as there is time.
    pub(crate) async fn finish(mut self, drain: Duration, broker: Option<&Broker>) {
        let mut senders = std::mem::take(&mut self.senders);
        let all = async {
            drained(&self.store, broker).await;
            // answers to what came last, and the events of those
            senders.0.finish.cancel();
            while senders.1.join_next().await.is_some() {}
            drained(&self.store, broker).await;
        };
        if tokio::time::timeout(drain, all).await.is_err() {
            let levels = self.store.levels();
            tracing::warn!(
                inbox = levels.inbox,
                outbox = levels.outbox,
                replies = levels.replies,
                "Not all events were confirmed and answers sent in time; they are kept and go on at the next start."
            );
        }
        end(&mut senders).await;
        self.refine.cancel();
        self.relay.cancel();
        for worker in self.workers {
            finish(worker).await;
        }
        if let Some(publishes) = self.publishes {
            finish(publishes).await;
        }
    }

    /// Ends at once: the term is over, another gateway may do all of this already.
    pub(crate) async fn let_go(mut self, parts: &Parts) {
        [&self.replies, &self.refine, &self.relay, &self.pollers.0, &self.senders.0.now]
            .into_iter()
            .for_each(CancellationToken::cancel);
        let tasks: Vec<_> = self.workers.into_iter().chain(self.consumer).chain(self.publishes).collect();
        let aborts: Vec<_> = tasks.iter().map(JoinHandle::abort_handle).collect();
        let all = async {
            for task in tasks {
                finish(task).await;
            }
            while self.pollers.1.join_next().await.is_some() {}
            while self.senders.1.join_next().await.is_some() {}
        };
        if tokio::time::timeout(LET_GO, all).await.is_err() {
            aborts.iter().for_each(tokio::task::AbortHandle::abort);
            self.pollers.1.abort_all();
            self.senders.1.abort_all();
        }
        if let Some(consumer) = &parts.consumer {
            consumer.send_replace(BrokerState::Stopped);
        }
    }
}

/// Waits until what was accepted is refined and, while the broker takes events, confirmed.
async fn drained(store: &Store, broker: Option<&Broker>) {
    let mut levels = store.watch_levels();
    let takes =
        || broker.is_some_and(|broker| matches!(*broker.state().borrow(), BrokerState::Connected { .. }));
    // what waits for its files is on disk, and goes on at the next start
    loop {
        levels.borrow_and_update();
        // an error means that the store is gone, and there is nothing to wait for
        if store.waiting(1).await.is_ok_and(|next| next.rows.is_empty()) || levels.changed().await.is_err() {
            break;
        }
    }
    if takes() {
        drop(levels.wait_for(|levels| levels.outbox == 0 || !takes()).await);
    }
}

/// Ends the channels' ways back with the attempt that is under way.
async fn end((halt, tasks): &mut (egress::Halt, JoinSet<()>)) {
    halt.now.cancel();
    while tasks.join_next().await.is_some() {}
}

/// Waits for a task's end.
pub(crate) async fn finish(task: JoinHandle<()>) {
    if let Err(error) = task.await {
        tracing::error!(%error, "A part of the gateway failed.");
    }
}

/// The broker's settings as the connection takes them.
pub(crate) fn broker_settings(config: &config::Broker) -> broker::Settings {
    let mut settings = broker::Settings::new(SecretString::from(config.url.expose()));
    settings.mode = match config.topology {
        config::Topology::Declare => broker::TopologyMode::Declare,
        config::Topology::Check => broker::TopologyMode::Check,
    };
    settings.confirm_timeout = Duration::from_secs(config.confirm_timeout_seconds.into());
    settings
}
