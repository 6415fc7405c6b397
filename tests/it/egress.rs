//! The way back, without a vendor: a connector whose answers are written down beforehand, over a real store.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod delivery;
mod policy;
mod reports;

use std::{
    collections::VecDeque,
    sync::{Arc, LazyLock, Mutex},
    time::Duration,
};

use arc_swap::ArcSwap;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use muara::{
    channel::{Channel, Channels, PublicPolicy, Replies},
    config::{self, Intake as IntakeSettings, Store as StoreSettings},
    egress::{self, Halt},
    health::Health,
    intake::Intake,
    limits::Limiter,
    refine::{self, Rules},
    store::{Settings, Store, reply::Requested},
};
use muara_connectors::{
    Auth, ChannelSettings, Connector, Contact, Cursor, Deliver, DeliverError, Item, Limits, Outgoing, Page,
    Rate, Sent, settings::OwnSettings,
};
use muara_normalizer::{
    ChannelId, Draft, ExternalId, Normalizer, ReplyRequest,
    draft::{DraftReporter, ReturnAddress},
    identity::PrivacyKey,
};
use muara_tests::gateway::PATIENCE;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep, timeout_at},
};
use tokio_util::sync::CancellationToken;

/// What a vendor says next; when nothing is written down any more it takes every message.
type Answers = VecDeque<Result<Sent, DeliverError>>;

/// A vendor with its answers and all it was given.
pub(crate) struct Vendor {
    answers: Mutex<Answers>,
    taken: watch::Sender<Vec<(Value, Outgoing)>>,
}

impl Vendor {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { answers: Mutex::default(), taken: watch::Sender::new(Vec::new()) })
    }

    pub(crate) fn will(&self, answer: Result<Sent, DeliverError>) {
        self.answers.lock().unwrap().push_back(answer);
    }

    /// Every message that was handed over so far, refused ones among them.
    pub(crate) fn given(&self) -> Vec<(Value, Outgoing)> {
        self.taken.borrow().clone()
    }

    /// Waits until so many messages were handed over.
    pub(crate) async fn has(&self, count: usize) -> Vec<(Value, Outgoing)> {
        let mut taken = self.taken.subscribe();
        let wait = taken.wait_for(|taken| taken.len() >= count);
        let given = timeout_at(Instant::now() + PATIENCE, wait).await.expect("not so many messages").unwrap();
        given.clone()
    }
}

struct Scripted(Arc<Vendor>);

impl Deliver for Scripted {
    fn deliver<'a>(
        &'a self,
        to: &'a ReturnAddress,
        message: &'a Outgoing,
    ) -> BoxFuture<'a, Result<Sent, DeliverError>> {
        let mut number = 0;
        self.0.taken.send_modify(|taken| {
            taken.push((to.0.clone(), message.clone()));
            number = taken.len();
        });
        let said = self.0.answers.lock().unwrap().pop_front();
        Box::pin(std::future::ready(said.unwrap_or_else(|| Ok(Sent::one(format!("v{number}"))))))
    }
}

/// Takes whatever page it is given; delivers by script; has addresses for phone numbers.
static CONNECTOR: LazyLock<Connector> = LazyLock::new(|| Connector {
    title: "Scripted",
    docs: "tests/it/egress.rs",
    auth: Auth::Open,
    limits: Limits { sender: Rate { per_minute: 6, burst: 3 }, ..Limits::DEFAULT },
    deliver: Some(|settings: &ChannelSettings| {
        let vendor = settings.own::<Option<Arc<Vendor>>>()?.clone()?;
        Some(Box::new(Scripted(vendor)) as Box<dyn Deliver>)
    }),
    address: Some(|contact: &Contact, _: &ChannelSettings| {
        Some(ReturnAddress(json!({ "phone": contact.phone.clone()? })))
    }),
    ..Connector::WEBHOOK
});

/// A gateway without listeners and broker: what comes in is given to it as a page, what goes out lies in the outbox.
pub(crate) struct Office {
    pub(crate) store: Store,
    pub(crate) health: Arc<Health>,
    channels: Arc<ArcSwap<Channels>>,
    intake: Intake,
    normalizer: Arc<Normalizer>,
    tasks: (Halt, JoinSet<()>),
    folder: TempDir,
}

/// A channel of a vendor, or one that cannot send.
pub(crate) fn channel(id: &str, vendor: Option<&Arc<Vendor>>) -> Channel {
    let limits = CONNECTOR.limits;
    let id: ChannelId = id.parse().unwrap();
    Channel {
        title: format!("Kanal {id}"),
        connector_name: "scripted",
        connector: &CONNECTOR,
        settings: ChannelSettings {
            id: id.clone(),
            secret: None,
            auth: Auth::Open,
            own: OwnSettings::new(vendor.cloned()),
        },
        redelivers: true,
        limits,
        limiter: Limiter::new(&limits),
        replies: Replies {
            receipt: false,
            receipt_text: "Nomor laporan Anda {reference} di {channel}.".to_owned(),
            public_receipt: false,
            public: PublicPolicy::Nothing,
            fallback: Vec::new(),
            attempts: 3,
            pace: Rate { per_minute: 0, burst: 0 },
        },
        disabled: None,
        switched_off: false,
        gather: None,
        publish_not_a_complaint: false,
        silence: muara::config::Silence::default(),
        id,
    }
}

pub(crate) fn draft(id: &str) -> Draft {
    Draft {
        external_id: ExternalId::new(id),
        text: format!("Jalan rusak {id}"),
        reporter: DraftReporter {
            id: Some(format!("orang-{id}")),
            phone: Some("0812-3456-7890".to_owned()),
            ..DraftReporter::default()
        },
        return_address: Some(ReturnAddress(json!({ "chat": id }))),
        ..Draft::default()
    }
}

impl Office {
    pub(crate) fn open(channels: impl IntoIterator<Item = Channel>) -> Self {
        let folder = TempDir::new().unwrap();
        let store = Self::store(&folder);
        let channels: Channels = channels.into_iter().collect();
        let health = Arc::new(Health::default());
        health.configure(&channels);
        let intake = Intake::new(
            store.clone(),
            Arc::clone(&health),
            &StoreSettings::default(),
            &IntakeSettings::default(),
            &muara::config::Media { fetch: false, ..muara::config::Media::default() },
        );
        Self {
            store,
            health,
            channels: Arc::new(ArcSwap::from_pointee(channels)),
            intake,
            normalizer: Arc::new(Normalizer::new(PrivacyKey::throw_away())),
            tasks: (Halt::default(), JoinSet::new()),
            folder,
        }
    }

    fn store(folder: &TempDir) -> Store {
        Store::open(&Settings::from_url("sqlite://muara.db", folder.path()).unwrap()).unwrap()
    }

    /// The store as a command opens it beside the gateway.
    pub(crate) fn another_process(&self) -> Store {
        Self::store(&self.folder)
    }

    /// Takes items in as one page of a channel and refines them; returns the ids of the complaints.
    pub(crate) async fn takes(&self, channel: &str, items: Vec<Item>) -> Vec<String> {
        let taken = self.submits(channel, items).await;
        self.refines(Timestamp::now()).await;
        taken
    }

    /// The same, refined as the running gateway does it.
    pub(crate) async fn runs(&self, channel: &str, items: Vec<Item>) -> Vec<String> {
        let taken = self.submits(channel, items).await;
        let end = CancellationToken::new();
        let running = tokio::spawn(refine::run(self.store.clone(), self.rules(), end.clone()));
        self.store.watch_levels().wait_for(|levels| levels.inbox == 0).await.unwrap();
        end.cancel();
        running.await.unwrap();
        taken
    }

    async fn submits(&self, channel: &str, items: Vec<Item>) -> Vec<String> {
        let channel = Arc::clone(self.channels.load().get(channel).unwrap());
        let cursor = Cursor(format!("{:?}", Timestamp::now()));
        let page = Page { items, cursor, ..Page::default() };
        let submitted = self.intake.submit_page(&channel, page).await.unwrap();
        submitted.receipts.iter().map(|receipt| receipt.id.to_string()).collect()
    }

    /// Refines all that is to be refined at a time.
    pub(crate) async fn refines(&self, now: Timestamp) {
        let rules = self.rules();
        while refine::round(&self.store, &rules, now).await.unwrap() > 0 {}
    }

    fn rules(&self) -> Rules {
        Rules {
            normalizer: Arc::clone(&self.normalizer),
            channels: Arc::clone(&self.channels),
            files_url: "http://files/".to_owned(),
            duplicates: muara::config::Duplicates::default(),
            clocks: Arc::new(muara::watch::Clocks::default()),
        }
    }

    /// One complaint.
    pub(crate) async fn complaint(&self, channel: &str, draft: Draft) -> String {
        self.takes(channel, vec![Item::Draft(Box::new(draft))]).await.remove(0)
    }

    /// The core CRM asks for a reply.
    pub(crate) async fn asks(&self, request: Value) -> Requested {
        let request = ReplyRequest::parse(request.to_string().as_bytes()).unwrap();
        let answered = request.answered().unwrap();
        self.store.request_reply(request, answered).await.unwrap()
    }

    /// Starts every channel's task.
    pub(crate) fn sends(&mut self) {
        for channel in self.channels.load().iter() {
            self.tasks.1.spawn(egress::run(
                Arc::clone(channel),
                Arc::clone(&self.channels),
                self.store.clone(),
                Arc::clone(&self.health),
                self.tasks.0.clone(),
            ));
        }
    }

    pub(crate) async fn stops(&mut self) {
        self.tasks.0.now.cancel();
        while self.tasks.1.join_next().await.is_some() {}
        self.tasks.0 = Halt::default();
    }

    /// Every channel's task sends what is due and ends.
    pub(crate) async fn finishes(&mut self) {
        self.tasks.0.finish.cancel();
        while self.tasks.1.join_next().await.is_some() {}
        self.tasks.0 = Halt::default();
    }

    /// The same gateway after a restart on the same store.
    pub(crate) async fn restarts(mut self) -> Self {
        self.stops().await;
        self.store.close().await;
        let store = Self::store(&self.folder);
        let intake = Intake::new(
            store.clone(),
            Arc::clone(&self.health),
            &config::Store::default(),
            &config::Intake::default(),
            &config::Media { fetch: false, ..config::Media::default() },
        );
        Self { store, intake, ..self }
    }

    /// Waits until no reply waits.
    pub(crate) async fn all_settled(&self) {
        let mut levels = self.store.watch_levels();
        let wait = levels.wait_for(|levels| levels.replies == 0);
        timeout_at(Instant::now() + PATIENCE, wait).await.expect("replies wait").unwrap();
    }

    /// The events in the outbox of one type, in order: their data.
    pub(crate) async fn events(&self, event_type: &str) -> Vec<Value> {
        let queued = self.store.queued(0, 1000).await.unwrap();
        let events = queued.iter().map(|event| serde_json::from_slice::<Value>(&event.body).unwrap());
        events.filter(|event| event["type"] == event_type).map(|event| event["data"].clone()).collect()
    }

    /// Waits until a reply is in a state.
    pub(crate) async fn reply_is(&self, id: &str, state: &str) -> muara::store::reply::Listed {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let rows = self.store.replies(None, 1000).await.unwrap();
            let row = rows.into_iter().find(|row| row.id == id).expect("no such reply");
            if row.state == state {
                return row;
            }
            assert!(Instant::now() < deadline, "reply {id} stays {}: {:?}", row.state, row.reason);
            sleep(Duration::from_millis(5)).await;
        }
    }
}
