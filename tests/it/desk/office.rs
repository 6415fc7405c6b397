//! Two kelurahan desks and a kecamatan's, served on loopback over a real store.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc, LazyLock, Once,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use jiff::{SignedDuration, Timestamp};
use muara::{
    channel::Channels,
    config,
    health::Health,
    intake::Intake,
    store::{self, Store},
    web::{desk, server},
};
use muara_normalizer::Draft;
use reqwest::{Client, RequestBuilder, Response, StatusCode, header, redirect};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

/// What all officers of the tests type.
pub(crate) const PASSWORD: &str = "rahasia-loket-42";

static HASH: LazyLock<String> = LazyLock::new(|| desk::session::hash_password(PASSWORD).unwrap());

/// The hash of [`PASSWORD`].
pub(crate) fn hash() -> &'static str {
    &HASH
}

/// A running desk.
pub(crate) struct Office {
    pub(crate) url: String,
    pub(crate) store: Store,
    channels: Arc<ArcSwap<Channels>>,
    ahead: Arc<AtomicI64>,
    client: Client,
    folder: tempfile::TempDir,
    _stop: DropGuard,
}

/// The channels; `extra` goes before them.
pub(crate) fn configuration(extra: &str, hash: &str) -> String {
    format!(
        r#"
{extra}
[privacy]
key = "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a"
[channels.kelurahan]
connector = "desk"
title = "Kantor Kelurahan"
[channels.kelurahan.offices.menteng]
name = "Kelurahan Menteng"
region = "31.71.06.1001"
[channels.kelurahan.offices.tebet]
name = "Kelurahan Tebet Barat"
region = "31.74.01.1001"
[channels.kelurahan.officers.siti]
name = "Siti Aminah"
password_hash = "{hash}"
office = "menteng"
[channels.kelurahan.officers.joko]
name = "Joko Prasetyo"
password_hash = "{hash}"
office = "tebet"
[channels.kecamatan]
connector = "desk"
title = "Kantor Kecamatan"
[channels.kecamatan.offices.gambir]
name = "Kecamatan Gambir"
region = "31.71.01"
[channels.kecamatan.officers.rina]
name = "Rina Wati"
password_hash = "{hash}"
office = "gambir"
[channels.tutup]
connector = "desk"
enabled = false
[channels.tutup.offices.a]
name = "Kelurahan Gambir"
region = "31.71.01.1001"
[channels.tutup.officers.a]
name = "A"
password_hash = "{hash}"
office = "a"
[channels.qlue]
connector = "qlue"
secret = "s"
"#
    )
}

fn channels(text: &str, base: &Path) -> config::Config {
    config::parse(text, base, &|_| None).unwrap()
}

impl Office {
    pub(crate) async fn open() -> Self {
        Self::open_with("").await
    }

    /// With some more lines of configuration.
    pub(crate) async fn open_with(extra: &str) -> Self {
        static TLS: Once = Once::new();
        TLS.call_once(|| {
            muara_tests::install_tls_provider();
        });
        let folder = tempfile::tempdir().unwrap();
        let config = channels(&configuration(extra, &HASH), folder.path());
        let store = Store::open(&store::Settings::new(folder.path().join("muara.db"))).unwrap();
        let health = Arc::new(Health::default());
        health.configure(&config.channels);
        let intake = Intake::new(store.clone(), health, &config.store, &config.intake, &config.media);
        let channels = Arc::new(ArcSwap::from_pointee(config.channels));
        let state = desk::DeskState {
            channels: Arc::clone(&channels),
            intake,
            store: store.clone(),
            session_key: [9; 32],
            session_hours: config.desk.session_hours,
            secure_cookies: config.desk.secure_cookies,
        };
        let ahead = Arc::new(AtomicI64::new(0));
        let (start, passed) = (Timestamp::now(), Arc::clone(&ahead));
        // time stands still unless a test lets it pass
        let clock: desk::Clock =
            Arc::new(move || start + SignedDuration::from_secs(passed.load(Ordering::Relaxed)));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let stop = CancellationToken::new();
        let second = Duration::from_secs(1);
        let router = desk::router_at(state, clock);
        tokio::spawn(server::serve(listener, router, 5 * second, second, stop.clone()));
        let client = Client::builder().redirect(redirect::Policy::none()).build().unwrap();
        Self { url, store, channels, ahead, client, folder, _stop: stop.drop_guard() }
    }

    /// Lets time pass at the desk.
    pub(crate) fn pass(&self, seconds: i64) {
        self.ahead.fetch_add(seconds, Ordering::Relaxed);
    }

    /// Takes a new configuration, as after SIGHUP.
    pub(crate) fn reload(&self, hash: &str) {
        let config = channels(&configuration("", hash), self.folder.path());
        self.channels.store(Arc::new(config.channels));
    }

    /// The drafts that wait, oldest first.
    pub(crate) fn drafts(&self) -> Vec<Draft> {
        let database = rusqlite::Connection::open(self.folder.path().join("muara.db")).unwrap();
        let mut rows = database.prepare("SELECT draft FROM inbox ORDER BY serial").unwrap();
        let drafts = rows.query_map((), |row| row.get::<_, Vec<u8>>(0)).unwrap();
        drafts.map(|draft| serde_json::from_slice(&draft.unwrap()).unwrap()).collect()
    }

    /// What came with the drafts and waits to be kept as files.
    pub(crate) fn files(&self) -> Vec<Vec<u8>> {
        let database = rusqlite::Connection::open(self.folder.path().join("muara.db")).unwrap();
        let mut rows =
            database.prepare("SELECT content FROM media_inline ORDER BY complaint, number").unwrap();
        rows.query_map((), |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
    }

    /// A browser without cookies.
    pub(crate) fn browser(&self, channel: &str) -> Browser<'_> {
        Browser { office: self, channel: channel.to_owned(), cookies: BTreeMap::new(), html: String::new() }
    }

    /// A browser with an officer signed in and the form open.
    pub(crate) async fn signed_in(&self, channel: &str, user: &str) -> Browser<'_> {
        let mut browser = self.browser(channel);
        assert_eq!(browser.sign_in(user, PASSWORD).await, StatusCode::SEE_OTHER);
        assert_eq!(browser.open("").await, StatusCode::OK);
        browser
    }
}

/// What a browser remembers.
#[derive(Clone)]
pub(crate) struct Browser<'a> {
    office: &'a Office,
    channel: String,
    /// By name and path.
    pub(crate) cookies: BTreeMap<(String, String), String>,
    /// The page that is open.
    pub(crate) html: String,
}

impl Browser<'_> {
    fn address(&self, path: &str) -> String {
        format!("{}/desk/{}{path}", self.office.url, self.channel)
    }

    fn with_cookies(&self, request: RequestBuilder, path: &str) -> RequestBuilder {
        let path = format!("/desk/{}{path}", self.channel);
        let fitting = self.cookies.iter().filter(|((_, prefix), _)| path.starts_with(prefix.as_str()));
        let line: Vec<_> = fitting.map(|((name, _), value)| format!("{name}={value}")).collect();
        if line.is_empty() { request } else { request.header(header::COOKIE, line.join("; ")) }
    }

    /// Sends a request and remembers cookies and page.
    pub(crate) async fn send(&mut self, request: RequestBuilder, path: &str) -> Answer {
        let response = self.with_cookies(request, path).send().await.unwrap();
        self.remember(&response);
        let answer = Answer {
            status: response.status(),
            headers: response.headers().clone(),
            body: response.text().await.unwrap(),
        };
        self.html.clone_from(&answer.body);
        answer
    }

    fn remember(&mut self, response: &Response) {
        for cookie in response.headers().get_all(header::SET_COOKIE) {
            let cookie = cookie.to_str().unwrap();
            let (pair, attributes) = cookie.split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            let path = attributes.split(';').find_map(|a| a.trim().strip_prefix("Path=")).unwrap();
            let key = (name.to_owned(), path.to_owned());
            if attributes.contains("Max-Age=0") {
                self.cookies.remove(&key);
            } else {
                self.cookies.insert(key, value.to_owned());
            }
        }
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.office.client.get(self.address(path))
    }

    pub(crate) fn post(&self, path: &str) -> RequestBuilder {
        self.office.client.post(self.address(path))
    }

    pub(crate) async fn open(&mut self, path: &str) -> StatusCode {
        let request = self.get(path);
        self.send(request, path).await.status
    }

    /// The value of a hidden input of the open page.
    pub(crate) fn hidden(&self, name: &str) -> String {
        let at = self.html.rfind(&format!("name=\"{name}\" value=\"")).map(|at| at + name.len() + 15);
        let rest = &self.html[at.unwrap_or_else(|| panic!("no {name} in {}", self.html))..];
        rest[..rest.find('"').unwrap()].replace("&#38;", "&").replace("&amp;", "&")
    }

    pub(crate) async fn sign_in(&mut self, user: &str, password: &str) -> StatusCode {
        self.try_sign_in(user, password).await.status
    }

    pub(crate) async fn try_sign_in(&mut self, user: &str, password: &str) -> Answer {
        self.open("").await;
        let csrf = self.hidden("csrf");
        let form = [("csrf", csrf.as_str()), ("user", user), ("password", password)];
        let request = self.post("/sign-in").form(&form);
        self.send(request, "/sign-in").await
    }

    /// The form as it would be sent: what the page holds, and these words.
    pub(crate) fn filled(&self, words: &[(&str, &str)]) -> Vec<(String, String)> {
        let mut form: BTreeMap<String, String> = [
            ("name", "Budi Santoso"),
            ("kind", "complaint"),
            ("description", "Jalan berlubang di depan sekolah."),
            ("address", "Jl. Teuku Umar No. 10"),
            ("consent", "1"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        for name in ["csrf", "idempotency_key"] {
            form.insert(name.to_owned(), self.hidden(name));
        }
        for (name, value) in words {
            form.insert((*name).to_owned(), (*value).to_owned());
        }
        form.into_iter().filter(|(_, value)| !value.is_empty()).collect()
    }

    pub(crate) async fn enter(&mut self, words: &[(&str, &str)]) -> Answer {
        let request = self.post("").form(&self.filled(words));
        self.send(request, "").await
    }
}

/// An answer that was read to its end.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: header::HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: impl header::AsHeaderName) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The reference of the receipt that the browser is sent to.
    pub(crate) fn reference(&self) -> String {
        assert_eq!(self.status, StatusCode::SEE_OTHER, "{}", self.body);
        self.header(header::LOCATION).rsplit_once('/').unwrap().1.to_owned()
    }
}

/// A program that uses the JSON API.
pub(crate) struct Program<'a> {
    pub(crate) browser: Browser<'a>,
    pub(crate) csrf: String,
}

impl Office {
    pub(crate) async fn program(&self, channel: &str, user: &str) -> Program<'_> {
        let mut browser = self.browser(channel);
        let request = browser.post("/api/session").json(&json!({ "user": user, "password": PASSWORD }));
        let answer = browser.send(request, "/api/session").await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        let csrf = answer.json()["csrf_token"].as_str().unwrap().to_owned();
        Program { browser, csrf }
    }
}

impl Program<'_> {
    /// A request for an entry, all in order but for its body.
    pub(crate) fn request(&self) -> RequestBuilder {
        self.browser.post("/api/entries").header("x-csrf-token", &self.csrf)
    }

    pub(crate) async fn send(&mut self, request: RequestBuilder) -> Answer {
        self.browser.send(request, "/api/entries").await
    }

    pub(crate) async fn enter(&mut self, entry: &Value) -> Answer {
        let request = self.request().json(entry);
        self.send(request).await
    }
}

/// An entry without fault.
pub(crate) fn entry() -> Value {
    json!({
        "idempotency_key": "0197a9c2-5f6e-7d31-8a40-9b1c2d3e4f50",
        "reporter": { "name": "Budi Santoso", "phone": "0812-3456-7890" },
        "description": "Jalan berlubang di depan sekolah.",
        "place": { "address": "Jl. Teuku Umar No. 10", "rt": "3", "rw": "5" },
        "consent": true,
    })
}
