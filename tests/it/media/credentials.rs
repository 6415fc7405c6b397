//! Channels whose files lie behind credentials, and files that came inside the message.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use muara::{
    channel::Channels,
    config,
    health::Health,
    intake::Intake,
    media::{self, FetchError, Fetcher, Guard, Media},
    refine::{self, Rules},
    store::{Settings, Store},
};
use muara_connectors::{
    Connector, Decoded, MediaSource, Request, Verified,
    media::{MediaError, MediaRequest},
};
use muara_normalizer::{
    Draft, Normalizer, complaint::AttachmentState, draft::Attachment, identity::PrivacyKey,
};
use muara_tests::postgres::{PostgresServer, leads};
use serde_json::Value;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::{
    photo, sha256,
    vendor::{Answer, Vendor},
};

/// A vendor whose handles are addresses, behind a token.
struct Behind {
    configured: bool,
}

impl MediaSource for Behind {
    fn locate<'a>(&'a self, attachment: &'a Attachment) -> BoxFuture<'a, Result<MediaRequest, MediaError>> {
        let (Attachment::Handle { handle: url, .. } | Attachment::Url { url, .. }) = attachment else {
            panic!("what came inside the message needs no address");
        };
        let token = (axum::http::header::AUTHORIZATION, "Bearer the-token".to_owned().into());
        let request =
            MediaRequest { url: url.clone().into(), headers: vec![token], configured: self.configured };
        Box::pin(std::future::ready(Ok(request)))
    }
}

fn handle(url: &str) -> Attachment {
    Attachment::Handle { handle: url.to_owned(), content_type: None }
}

fn fetcher(allowed: &[&str]) -> Fetcher {
    muara_tests::install_tls_provider();
    let allowed: Vec<_> = allowed.iter().map(|&entry| entry.to_owned()).collect();
    Fetcher::new(Guard::new(&allowed).unwrap(), 1 << 20, Duration::from_secs(10)).unwrap()
}

#[tokio::test]
async fn credentials_stay_with_the_host_they_are_for() {
    let (vendor, elsewhere) = (Vendor::start().await, Vendor::start().await);
    let content = photo("behind a token");
    vendor.file("/here", [Answer::redirect("/there")]);
    vendor.file("/there", [Answer::redirect(&elsewhere.url("/cdn"))]);
    elsewhere.file("/cdn", [Answer::file(&content)]);
    let source = Behind { configured: false };
    let fetched = fetcher(&["127.0.0.1"]).fetch(Some(&source), &handle(&vendor.url("/here"))).await.unwrap();
    assert_eq!(fetched, content);
    for path in ["/here", "/there"] {
        assert_eq!(vendor.headers(path)[0]["authorization"], "Bearer the-token", "{path}");
    }
    assert!(!elsewhere.headers("/cdn")[0].contains_key("authorization"));
}

#[tokio::test]
async fn a_host_that_the_operator_configured_may_be_private_but_not_where_it_sends_us() {
    let (vendor, elsewhere) = (Vendor::start().await, Vendor::start().await);
    vendor.file("/a", [Answer::file(&photo("a"))]);
    vendor.file("/away", [Answer::redirect(&elsewhere.url("/b"))]);
    elsewhere.file("/b", [Answer::file(&photo("b"))]);
    let fetcher = fetcher(&[]);
    let source = Behind { configured: true };
    fetcher.fetch(Some(&source), &handle(&vendor.url("/a"))).await.unwrap();
    let away = fetcher.fetch(Some(&source), &handle(&vendor.url("/away"))).await;
    assert!(matches!(away, Err(FetchError::Private(_))), "{away:?}");
    assert_eq!(elsewhere.asked("/b"), 0);
    let stranger = Behind { configured: false };
    let refused = fetcher.fetch(Some(&stranger), &handle(&vendor.url("/a"))).await;
    assert!(matches!(refused, Err(FetchError::Private(_))), "{refused:?}");
    assert!(matches!(fetcher.fetch(None, &handle("x")).await, Err(FetchError::NoSource)));
}

/// Takes a body that is a draft, and has its files behind a token.
static CONNECTOR: Connector = Connector {
    title: "Behind a token",
    decode: |verified| {
        let draft: Draft = serde_json::from_slice(verified.body()).unwrap();
        Ok(Decoded::draft(draft))
    },
    media: Some(|_| Some(Box::new(Behind { configured: true }))),
    ..Connector::WEBHOOK
};

/// Store, intake and the queue of files, in this process, with a channel of that connector.
struct Rig {
    store: Store,
    health: Arc<Health>,
    channels: Arc<ArcSwap<Channels>>,
    intake: Intake,
    media: Arc<Media>,
    _folder: TempDir,
    stop: tokio_util::sync::DropGuard,
}

impl Rig {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&Settings::new(folder.path().join("muara.db"))).unwrap();
        Self::on(folder, store.clone(), store)
    }

    /// On a store; files are fetched by one that is good for a term.
    fn on(folder: TempDir, store: Store, leading: Store) -> Self {
        muara_tests::install_tls_provider();
        let text = "[channels.web]\nconnector = \"webhook\"\nauth = { scheme = \"open\" }\n\
                    [channels.web.fields]\ntext = \"$.text\"\n";
        let config = config::parse(text, folder.path(), &|_| None).unwrap();
        let mut channels = config.channels;
        channels = channels
            .iter()
            .map(|channel| muara::channel::Channel {
                id: channel.id.clone(),
                title: channel.title.clone(),
                connector_name: "behind",
                connector: &CONNECTOR,
                settings: channel.settings.clone(),
                redelivers: true,
                limits: channel.limits,
                limiter: muara::limits::Limiter::new(&channel.limits),
                replies: channel.replies.clone(),
                disabled: None,
                switched_off: false,
                gather: None,
                publish_not_a_complaint: false,
                silence: muara::config::Silence::default(),
            })
            .collect();
        let health = Arc::new(Health::default());
        health.configure(&channels);
        let channels = Arc::new(ArcSwap::from_pointee(channels));
        let intake =
            Intake::new(store.clone(), Arc::clone(&health), &config.store, &config.intake, &config.media);
        let shared = (Arc::clone(&health), Arc::clone(&channels));
        let media = Media::open(&config.media, folder.path(), "http://files/".to_owned(), shared).unwrap();
        let mut rig = Self {
            store,
            health,
            channels,
            intake,
            media: Arc::new(media),
            _folder: folder,
            stop: CancellationToken::new().drop_guard(),
        };
        rig.fetches(leading);
        rig
    }

    /// Fetches by a store, and no longer by the one before.
    fn fetches(&mut self, leading: Store) {
        let stop = CancellationToken::new();
        tokio::spawn(media::run(leading, Arc::clone(&self.media), self.intake.clone(), stop.clone()));
        self.stop = stop.drop_guard();
    }

    async fn take(&self, attachments: Vec<Attachment>) {
        let draft = Draft { text: "Lampu jalan mati".to_owned(), attachments, ..Draft::default() };
        let body = serde_json::to_vec(&draft).unwrap();
        let request = Request::from_body(Some("application/json"), body.into());
        let channels = self.channels.load();
        let channel = channels.get("web").unwrap();
        self.intake.submit(channel, Verified::before(&request, &channel.settings)).await.unwrap();
    }

    /// The next event, as soon as its files are settled.
    async fn event(&self) -> Value {
        let normalizer = Arc::new(Normalizer::new(PrivacyKey::new(&"k".repeat(32)).unwrap()));
        let refined = async {
            let rules = Rules {
                normalizer,
                channels: Arc::clone(&self.channels),
                files_url: "http://files/".to_owned(),
                duplicates: muara::config::Duplicates::default(),
                clocks: std::sync::Arc::new(muara::watch::Clocks::default()),
            };
            while refine::round(&self.store, &rules, Timestamp::now()).await.unwrap() == 0 {
                self.store.received().notified().await;
            }
        };
        tokio::time::timeout(muara_tests::gateway::PATIENCE, refined).await.expect("the event never came");
        let event = self.store.due(0, 10).await.unwrap().pop().unwrap();
        serde_json::from_slice(&event.body).unwrap()
    }
}

#[tokio::test]
async fn refused_credentials_show_at_the_channel() {
    let vendor = Vendor::start().await;
    vendor.file("/locked", [Answer::status(401)]);
    let rig = Rig::start();
    rig.take(vec![handle(&vendor.url("/locked"))]).await;
    vendor.is_asked("/locked", 1).await;
    let ill = || {
        let channel = rig.health.report().remove(0);
        (channel.state.as_str() == "degraded").then_some(channel)
    };
    let channel = loop {
        match ill() {
            Some(channel) => break channel,
            None => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    };
    assert!(channel.last_error.unwrap().contains("files: the vendor refuses access"));
    assert!(channel.advice.unwrap().contains("credentials"));
    let waits = rig.store.files(None).await.unwrap().remove(0);
    assert_eq!(waits.state.unwrap().as_str(), "pending");
    drop(rig.stop);
}

#[tokio::test]
async fn what_came_inside_a_message_is_kept_beside_what_is_fetched() {
    let vendor = Vendor::start().await;
    let (letter, scan) = (b"%PDF-1.7 a letter".as_slice(), photo("a scan"));
    vendor.file("/scan", [Answer::file(&scan)]);
    let rig = Rig::start();
    let inline = |data: &str| Attachment::Inline {
        name: Some("surat.pdf".to_owned()),
        content_type: Some("application/pdf".to_owned()),
        data: data.to_owned(),
    };
    let encoded = {
        use base64::Engine;
        base64::engine::general_purpose::STANDARD.encode(letter)
    };
    rig.take(vec![inline(&encoded), handle(&vendor.url("/scan")), inline("no base64!")]).await;
    let event = rig.event().await;
    let files = event["data"]["attachments"].as_array().unwrap();
    let of = |index: usize, member: &str| files[index][member].as_str().unwrap_or_default().to_owned();
    assert_eq!((of(0, "state"), of(0, "sha256")), ("stored".to_owned(), sha256(letter)));
    assert_eq!((of(0, "content_type"), of(0, "kind")), ("application/pdf".to_owned(), "file".to_owned()));
    assert_eq!((of(1, "state"), of(1, "sha256")), ("stored".to_owned(), sha256(&scan)));
    assert_eq!((of(1, "kind"), of(2, "state")), ("image".to_owned(), "refused".to_owned()));
    assert!(of(2, "reason").contains("base64"));
    // the content is in the files and nowhere else
    let database = rusqlite::Connection::open(rig.store.file().unwrap()).unwrap();
    let left: i64 = database.query_row("SELECT count(*) FROM media_inline", [], |row| row.get(0)).unwrap();
    let bytes = rig.store.due(0, 10).await.unwrap()[0].body.len();
    assert_eq!((left, rig.store.levels().bytes), (0, bytes as u64));
    assert!(Timestamp::now() > event["time"].as_str().unwrap().parse::<Timestamp>().unwrap());
    drop(rig.stop);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_leader_fetched_that_is_none_any_more_is_left_to_the_next() {
    let vendor = Vendor::start().await;
    vendor.file("/slow", [Answer::file(&photo("slow")).held()]);
    let database = PostgresServer::shared().await.database();
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings::from_url(&database.url(), folder.path()).unwrap();
    let store = Store::open(&Settings { stands: true, ..settings }).unwrap();
    let old = leads(&store).await;
    let mut rig = Rig::on(folder, store.clone(), old);
    rig.take(vec![handle(&vendor.url("/slow"))]).await;
    vendor.is_asked("/slow", 1).await;
    database.cut_off(&store).await;
    vendor.open();
    // it comes, counts for nothing, and is asked for again
    vendor.is_asked("/slow", 2).await;
    let [file] = store.files(None).await.unwrap().try_into().unwrap();
    assert_eq!((file.state, file.attempts), (Some(AttachmentState::Pending), 0));
    rig.fetches(leads(&store).await);
    assert_eq!(rig.event().await["data"]["attachments"][0]["state"], "stored");
}
