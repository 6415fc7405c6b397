//! The whole gateway: started in order, stopped in reverse, and what happens in between.
//!
//! Start: store, broker connection, workers, listeners. A broker that is away does not stop the start.
//! Stop: readiness goes, open requests finish, what was accepted is refined, what the broker confirmed is
//! settled, the store closes. The time for it is `intake.drain_seconds` for the requests and as much again for
//! the rest; whatever is left then is on disk and goes on at the next start.

use std::{
    fs::{File, TryLockError},
    io,
    net::SocketAddr,
    num::NonZeroU32,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use muara_normalizer::Normalizer;
use secrecy::SecretString;
use tokio::{net::TcpListener, sync::watch, task::JoinSet};
use tokio_util::sync::CancellationToken;

use crate::{
    alarms::{self, Alarms},
    broker::{self, Broker, BrokerState},
    channel::Channels,
    config::{Config, ConfigError},
    egress,
    health::Health,
    intake::Intake,
    media::{self, Media, MediaStartError},
    metrics, poller, refine, relay, replies, retention, silence,
    store::{self, Store, StoreError},
    traces, upkeep,
    web::{
        console::{self, ConsoleState},
        desk,
        ingress::{self, IngressState},
        internal::{self, InternalState},
        open311::{self, Open311State},
        server,
    },
};

/// Why the gateway does not start. All of them are for the operator.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The privacy key cannot be made or read.
    #[error("{0}")]
    Config(#[from] ConfigError),
    /// The store cannot be opened.
    #[error("store: {0}")]
    Store(#[from] StoreError),
    /// Another gateway runs on the same store: both would publish every event.
    #[error("another muara serves from this store (it holds {}); stop it first, or give this one a store of its own", .lock.display())]
    Running {
        /// The file that it has locked.
        lock: PathBuf,
    },
    /// The lock file cannot be made.
    #[error("{}: {source}", .lock.display())]
    Lock {
        /// The file.
        lock: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// An address cannot be listened on.
    #[error("cannot listen on {address} ([listen] {which}): {source}")]
    Listen {
        /// Which listener.
        which: &'static str,
        /// Its address.
        address: SocketAddr,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// Files cannot be kept.
    #[error("media: {0}")]
    Media(#[from] MediaStartError),
    /// Traces cannot be sent.
    #[error("[telemetry] {0}")]
    Traces(#[from] opentelemetry_otlp::ExporterBuildError),
    /// The metrics recorder cannot be installed.
    #[error("metrics: {0}")]
    Metrics(#[from] metrics_exporter_prometheus::BuildError),
}

/// A running gateway.
pub struct Gateway {
    /// The address of the public listener.
    pub public: SocketAddr,
    /// The address of the internal listener.
    pub internal: SocketAddr,
    /// The store.
    pub store: Store,
    /// The broker, if one is configured.
    pub broker: Option<Broker>,
    health: Arc<Health>,
    intake: Intake,
    channels: Arc<ArcSwap<Channels>>,
    draining: watch::Sender<bool>,
    drain: Duration,
    stop: Stop,
    workers: Workers,
    pollers: (CancellationToken, JoinSet<()>),
    senders: (egress::Halt, JoinSet<()>),
    /// Locked while this gateway runs; the system lets go of it however the process ends.
    _lock: File,
}

/// What is told to stop, in the order in which it is told.
#[derive(Default)]
struct Stop {
    public: CancellationToken,
    replies: CancellationToken,
    refine: CancellationToken,
    relay: CancellationToken,
    broker: CancellationToken,
    internal: CancellationToken,
}

struct Workers {
    public: tokio::task::JoinHandle<()>,
    refine: tokio::task::JoinHandle<()>,
    relay: Option<tokio::task::JoinHandle<()>>,
    consumer: Option<tokio::task::JoinHandle<()>>,
    upkeep: tokio::task::JoinHandle<()>,
    watch: tokio::task::JoinHandle<()>,
    silence: tokio::task::JoinHandle<()>,
    alarms: tokio::task::JoinHandle<()>,
    media: tokio::task::JoinHandle<()>,
    retention: tokio::task::JoinHandle<()>,
    internal: tokio::task::JoinHandle<()>,
}

impl Gateway {
    /// Starts everything. Listeners are bound when this returns.
    ///
    /// # Errors
    /// What the operator must mend first; nothing is left running.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let handle = metrics::install()?;
        traces::start(&config.telemetry)?;
        let privacy = config.privacy.key()?;
        let settings = store::Settings::from_url(&config.store.url, &config.base)?;
        let lock = lock(&settings.file)?;
        let public = listen("public", config.listen.public).await?;
        let internal = listen("internal", config.listen.internal).await?;
        let store = Store::open(&settings)?;
        store.interrupted().await?;

        let health = Arc::new(Health::default());
        health.configure(&config.channels);
        health.paused(&store.paused());
        let channels = Arc::new(ArcSwap::from_pointee(config.channels));
        let intake =
            Intake::new(store.clone(), Arc::clone(&health), &config.store, &config.intake, &config.media);
        let files_url = config.media.base_url(address(&internal, config.listen.internal));
        let shared = (store.clone(), Arc::clone(&health), Arc::clone(&channels));
        let media = Arc::new(Media::open(&config.media, &config.base, files_url.clone(), shared)?);
        let normalizer = Arc::new(Normalizer::new(privacy.clone()).with_polygons(config.polygons));
        let stop = Stop::default();
        let (unrouted, watch_unrouted_depth) = watch::channel(0);
        let broker = config.broker.as_ref().map(|settings| {
            let broker = Broker::start(broker_settings(settings), stop.broker.clone());
            tokio::spawn(alarms::watch_broker(broker.clone()));
            tokio::spawn(alarms::watch_unrouted(broker.clone(), unrouted, stop.broker.clone()));
            broker
        });
        if broker.is_none() {
            tracing::info!("No [broker] is configured: events wait in the outbox (`muara outbox tail`).");
        }
        let relay = broker.clone().zip(config.broker.as_ref()).map(|(broker, settings)| {
            let settings = relay::Settings {
                batch: NonZeroU32::new(settings.batch).unwrap_or(NonZeroU32::MIN),
                pace: NonZeroU32::new(settings.messages_per_second),
                attempts: settings.attempts.max(1),
            };
            tokio::spawn(relay::run(store.clone(), broker, settings, stop.relay.clone()))
        });
        let consumed = config.broker.as_ref().filter(|settings| settings.replies).map(|settings| {
            let (state, watch_state) =
                watch::channel(BrokerState::Connecting { since: Timestamp::now(), last_error: None });
            let mut connection = broker_settings(settings);
            connection.connection_name = "muara replies".to_owned();
            connection.names.consumes = true;
            let (store, cancel) = (store.clone(), stop.replies.clone());
            let prefetch = settings.replies_prefetch.max(1);
            let task = tokio::spawn(async move {
                let handle = |body: Vec<u8>| {
                    let store = store.clone();
                    async move { replies::take(&store, &body).await }
                };
                broker::consume(connection, prefetch, handle, state, cancel).await;
            });
            (task, watch_state)
        });
        let (consumer, watch_consumer) = consumed.unzip();
        let clocks = Arc::new(config.clocks);
        let silence = silence::run(
            (store.clone(), Arc::clone(&health), Arc::clone(&channels)),
            config.holidays,
            stop.refine.clone(),
        );
        let rules = refine::Rules {
            normalizer,
            channels: Arc::clone(&channels),
            files_url,
            duplicates: config.duplicates.clone(),
            clocks: Arc::clone(&clocks),
        };
        let refine = refine::run(store.clone(), rules, stop.refine.clone());
        let upkeep = upkeep::run(
            store.clone(),
            intake.clone(),
            Arc::clone(&channels),
            Arc::clone(&health),
            config.store.keep_keys_days,
            config.duplicates.days,
            stop.refine.clone(),
        );

        let alarms = Alarms::default();
        let alarmed = alarms::run(
            alarms.clone(),
            (store.clone(), intake.clone(), broker.clone()),
            config.watch.alarms,
            stop.refine.clone(),
        );

        let drain = Duration::from_secs(config.intake.drain_seconds.into());
        let slow = Duration::from_secs(config.intake.body_timeout_seconds.into());
        let (draining, watch_draining) = watch::channel(false);
        let ingress = IngressState {
            channels: Arc::clone(&channels),
            intake: intake.clone(),
            health: Arc::clone(&health),
            body_timeout: slow,
        };
        let routes = ingress::router(ingress.clone())
            .merge(open311::router(Open311State { ingress, store: store.clone() }))
            .merge(desk::router(desk::DeskState {
                channels: Arc::clone(&channels),
                intake: intake.clone(),
                store: store.clone(),
                session_key: privacy.keyed("desk session", &[]),
                session_hours: config.desk.session_hours,
                secure_cookies: config.desk.secure_cookies,
            }));
        let probes = internal::router(InternalState {
            store: store.clone(),
            intake: intake.clone(),
            health: Arc::clone(&health),
            media: Arc::clone(&media),
            broker: broker.clone(),
            consumer: watch_consumer,
            unrouted: watch_unrouted_depth,
            metrics: handle.clone(),
            draining: watch_draining.clone(),
            started_at: Timestamp::now(),
            alarms: alarms.clone(),
        });
        let console = console::router(ConsoleState {
            channels: Arc::clone(&channels),
            health: Arc::clone(&health),
            store: store.clone(),
            intake: intake.clone(),
            broker: broker.clone(),
            alarms,
            settings: config.console,
            session_key: privacy.keyed("console session", &[]),
            draining: watch_draining,
        });
        tokio::spawn(run_upkeep(handle, stop.internal.clone()));
        let addresses = (address(&public, config.listen.public), address(&internal, config.listen.internal));
        let workers = Workers {
            public: tokio::spawn(server::serve(public, routes, slow, drain, stop.public.clone())),
            refine: tokio::spawn(refine),
            relay,
            consumer,
            upkeep: tokio::spawn(upkeep),
            watch: tokio::spawn(crate::watch::run(store.clone(), clocks, stop.refine.clone())),
            silence: tokio::spawn(silence),
            alarms: tokio::spawn(alarmed),
            retention: tokio::spawn(retention::run(
                store.clone(),
                Arc::clone(&media),
                config.retention,
                stop.refine.clone(),
            )),
            media: tokio::spawn(media::run(media, intake.clone(), stop.refine.clone())),
            internal: tokio::spawn(server::serve(
                internal,
                probes.merge(console),
                slow,
                Duration::from_secs(1),
                stop.internal.clone(),
            )),
        };
        tracing::info!(public = %addresses.0, internal = %addresses.1, "Muara takes messages in on http://{}.", addresses.0);
        let mut gateway = Self {
            public: addresses.0,
            internal: addresses.1,
            store,
            broker,
            health,
            intake,
            channels,
            draining,
            drain,
            stop,
            workers,
            pollers: (CancellationToken::new(), JoinSet::new()),
            senders: (egress::Halt::default(), JoinSet::new()),
            _lock: lock,
        };
        gateway.start_pollers();
        Ok(gateway)
    }

    fn start_pollers(&mut self) {
        let (cancel, mut tasks) = (CancellationToken::new(), JoinSet::new());
        let (halt, mut senders) = (egress::Halt::default(), JoinSet::new());
        for channel in self.channels.load().iter() {
            let channel = Arc::clone(channel);
            let (store, intake, health) = (self.store.clone(), self.intake.clone(), Arc::clone(&self.health));
            let channels = Arc::clone(&self.channels);
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

    async fn stop_pollers(&mut self) {
        self.pollers.0.cancel();
        // a pull that is cut off has not moved its cursor
        while self.pollers.1.join_next().await.is_some() {}
    }

    /// Takes up the channels of a new configuration. Listeners, store, broker and privacy key stay as they are
    /// until a restart.
    pub async fn reload(&mut self, config: Config) {
        self.stop_pollers().await;
        end(&mut self.senders).await;
        self.health.configure(&config.channels);
        self.health.paused(&self.store.paused());
        self.channels.store(Arc::new(config.channels));
        self.start_pollers();
        tracing::info!("The channels are reloaded. Changes of other tables need a restart.");
    }

    /// Stops in reverse: no message that was answered is lost, and it ends within about twice the drain time.
    pub async fn shutdown(mut self) {
        tracing::info!("Shutting down: open requests finish, what was accepted goes its way.");
        self.draining.send_replace(true);
        self.stop.public.cancel();
        self.stop.replies.cancel();
        if let Some(consumer) = self.workers.consumer.take() {
            finish(consumer).await;
        }
        self.stop_pollers().await;
        finish(self.workers.public).await;
        let mut senders = std::mem::take(&mut self.senders);
        let all = async {
            drained(&self.store, self.broker.as_ref()).await;
            // answers to what came last, and the events of those
            senders.0.finish.cancel();
            while senders.1.join_next().await.is_some() {}
            drained(&self.store, self.broker.as_ref()).await;
        };
        if tokio::time::timeout(self.drain, all).await.is_err() {
            let levels = self.store.levels();
            tracing::warn!(
                inbox = levels.inbox,
                outbox = levels.outbox,
                replies = levels.replies,
                "Not all events were confirmed and answers sent in time; they are kept and go on at the next start."
            );
        }
        end(&mut senders).await;
        self.stop.refine.cancel();
        self.stop.relay.cancel();
        finish(self.workers.refine).await;
        finish(self.workers.upkeep).await;
        finish(self.workers.watch).await;
        finish(self.workers.silence).await;
        finish(self.workers.alarms).await;
        finish(self.workers.media).await;
        finish(self.workers.retention).await;
        if let Some(relay) = self.workers.relay {
            finish(relay).await;
        }
        self.stop.broker.cancel();
        if let Some(broker) = &self.broker {
            broker.stopped().await;
        }
        self.store.close().await;
        self.stop.internal.cancel();
        finish(self.workers.internal).await;
        traces::stop().await;
        tracing::info!("Muara has stopped.");
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

async fn finish(task: tokio::task::JoinHandle<()>) {
    if let Err(error) = task.await {
        tracing::error!(%error, "A part of the gateway failed.");
    }
}

/// Commands may use the store of a running gateway, but a second gateway may not.
fn lock(database: &Path) -> Result<File, StartError> {
    let lock = database.with_added_extension("lock");
    let file = File::create(&lock).map_err(|source| StartError::Lock { lock: lock.clone(), source })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StartError::Running { lock }),
        Err(TryLockError::Error(source)) => Err(StartError::Lock { lock, source }),
    }
}

async fn listen(which: &'static str, address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|source| StartError::Listen { which, address, source })
}

/// The address with the port that the system chose, where the configuration says 0.
fn address(listener: &TcpListener, configured: SocketAddr) -> SocketAddr {
    listener.local_addr().unwrap_or(configured)
}

fn broker_settings(config: &crate::config::Broker) -> broker::Settings {
    let mut settings = broker::Settings::new(SecretString::from(config.url.expose()));
    settings.mode = match config.topology {
        crate::config::Topology::Declare => broker::TopologyMode::Declare,
        crate::config::Topology::Check => broker::TopologyMode::Check,
    };
    settings.confirm_timeout = Duration::from_secs(config.confirm_timeout_seconds.into());
    settings
}

/// Histograms grow until they are drained, scraped or not.
async fn run_upkeep(handle: metrics_exporter_prometheus::PrometheusHandle, stop: CancellationToken) {
    let mut tick = tokio::time::interval(Duration::from_secs(5));
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            _ = tick.tick() => handle.run_upkeep(),
        }
    }
}
