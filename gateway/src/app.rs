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
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use muara_normalizer::Normalizer;
use tokio::{net::TcpListener, sync::watch};
use tokio_util::sync::CancellationToken;

use crate::{
    alarms::{self, Alarms},
    broker::{Broker, BrokerState},
    config::{Config, ConfigError},
    health::Health,
    intake::Intake,
    leader::{Leading, Parts, broker_settings, finish},
    media::{Media, MediaStartError},
    metrics, refine, silence,
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
    /// In which term this gateway leads, if it does.
    term: watch::Receiver<Option<u64>>,
    parts: Parts,
    /// What runs while it leads, with its term.
    leading: Option<(u64, Leading)>,
    draining: watch::Sender<bool>,
    drain: Duration,
    stop: Stop,
    workers: Workers,
    /// Of a store in a file. Locked while this gateway runs; the system lets go of it however the process ends.
    _lock: Option<File>,
}

/// What is told to stop, in the order in which it is told.
#[derive(Default)]
struct Stop {
    public: CancellationToken,
    upkeep: CancellationToken,
    broker: CancellationToken,
    internal: CancellationToken,
}

struct Workers {
    public: tokio::task::JoinHandle<()>,
    upkeep: tokio::task::JoinHandle<()>,
    alarms: tokio::task::JoinHandle<()>,
    follows: tokio::task::JoinHandle<()>,
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
        let mut settings = store::Settings::from_url(&config.store.url, &config.base)?;
        settings.stands = true;
        let lock = settings.file().map(lock).transpose()?;
        let public = listen("public", config.listen.public).await?;
        let internal = listen("internal", config.listen.internal).await?;
        let store = Store::open(&settings)?;
        store.interrupted().await?;
        if store.is_shared() {
            store.agree("privacy key", privacy.keyed("print", &[])).await?;
            if !config.media.url.starts_with("s3://") {
                tracing::warn!(
                    "The files of complaints are kept on this machine: other gateways of this store cannot show them. Set media.url to s3://…"
                );
            }
        }

        let health = Arc::new(Health::default());
        health.configure(&config.channels);
        health.paused(&store.paused());
        let channels = Arc::new(ArcSwap::from_pointee(config.channels));
        let intake =
            Intake::new(store.clone(), Arc::clone(&health), &config.store, &config.intake, &config.media);
        let files_url = config.media.base_url(address(&internal, config.listen.internal));
        let shared = (Arc::clone(&health), Arc::clone(&channels));
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
        let (consumer, watch_consumer) = config
            .broker
            .as_ref()
            .filter(|settings| settings.replies)
            .map(|_| watch::channel(BrokerState::Stopped))
            .unzip();
        let clocks = Arc::new(config.clocks);
        let rules = refine::Rules {
            normalizer,
            channels: Arc::clone(&channels),
            files_url,
            duplicates: config.duplicates.clone(),
            clocks: Arc::clone(&clocks),
        };
        let parts = Parts {
            intake: intake.clone(),
            health: Arc::clone(&health),
            channels: Arc::clone(&channels),
            broker: broker.clone().zip(config.broker.clone()),
            consumer,
            rules,
            media: Arc::clone(&media),
            retention: config.retention,
            holidays: config.holidays,
        };
        let upkeep = upkeep::run(
            store.clone(),
            intake.clone(),
            Arc::clone(&channels),
            Arc::clone(&health),
            config.store.keep_keys_days,
            config.duplicates.days,
            stop.upkeep.clone(),
        );

        let alarms = Alarms::default();
        let alarmed = alarms::run(
            alarms.clone(),
            (store.clone(), intake.clone(), broker.clone()),
            config.watch.alarms,
            stop.upkeep.clone(),
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
            upkeep: tokio::spawn(upkeep),
            alarms: tokio::spawn(alarmed),
            follows: tokio::spawn(silence::follow(
                (store.clone(), Arc::clone(&health), Arc::clone(&channels)),
                stop.upkeep.clone(),
            )),
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
            term: store.watch_term(),
            public: addresses.0,
            internal: addresses.1,
            store,
            broker,
            parts,
            draining,
            drain,
            stop,
            workers,
            leading: None,
            _lock: lock,
        };
        gateway.turn().await;
        Ok(gateway)
    }

    /// Waits until the lead has come or gone; [`Gateway::turn`] is to follow.
    pub async fn turned(&mut self) {
        if self.term.changed().await.is_err() {
            // the store is gone, and nothing changes any more
            std::future::pending().await
        }
    }

    /// Begins what only the leader does, or ends it.
    pub async fn turn(&mut self) {
        let term = *self.term.borrow_and_update();
        if self.leading.as_ref().is_some_and(|leading| Some(leading.0) == term) {
            return;
        }
        if let Some((_, leading)) = self.leading.take() {
            tracing::warn!(
                "This gateway leads no more: it takes messages in and leaves the rest to another."
            );
            leading.let_go(&self.parts).await;
            metrics::leads_no_more(self.parts.channels.load().iter().map(|channel| channel.id.as_str()));
        }
        metrics::leads(term.is_some());
        self.leading = term.zip(self.store.leading()).map(|(term, store)| {
            if self.store.is_shared() {
                tracing::info!(term, "This gateway leads: it refines, publishes, pulls and delivers.");
            }
            (term, Leading::start(&self.parts, store))
        });
    }

    /// Takes up the channels of a new configuration. Listeners, store, broker and privacy key stay as they are
    /// until a restart.
    pub async fn reload(&mut self, config: Config) {
        if let Some((_, leading)) = &mut self.leading {
            leading.stop_channels().await;
        }
        self.parts.health.configure(&config.channels);
        self.parts.health.paused(&self.store.paused());
        self.parts.channels.store(Arc::new(config.channels));
        if let Some((_, leading)) = &mut self.leading {
            leading.resume_channels(&self.parts);
        }
        tracing::info!("The channels are reloaded. Changes of other tables need a restart.");
    }

    /// Stops in reverse: no message that was answered is lost, and it ends within about twice the drain time.
    pub async fn shutdown(mut self) {
        tracing::info!("Shutting down: open requests finish, what was accepted goes its way.");
        self.draining.send_replace(true);
        self.stop.public.cancel();
        if let Some((_, leading)) = &mut self.leading {
            leading.stop_taking().await;
        }
        finish(self.workers.public).await;
        if let Some((_, leading)) = self.leading {
            leading.finish(self.drain, self.broker.as_ref()).await;
        }
        self.stop.upkeep.cancel();
        finish(self.workers.upkeep).await;
        finish(self.workers.alarms).await;
        finish(self.workers.follows).await;
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
