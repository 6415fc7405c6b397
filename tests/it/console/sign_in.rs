//! Who is let in, for how long, and what of others' making is refused.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use jiff::{SignedDuration, Timestamp};
use muara::{
    config,
    health::Health,
    intake::Intake,
    store::{self, Store},
    web::{
        account::hash_password,
        console::{self, ConsoleState},
        server,
    },
};
use muara_tests::gateway::Gateway;
use reqwest::StatusCode;
use serde_json::json;
use tokio::{net::TcpListener, sync::watch};
use tokio_util::sync::CancellationToken;

use super::{
    audited, config as configured, quarantined,
    visitor::{PASSWORD, USERS, Visitor, users},
};

#[tokio::test]
async fn without_users_the_console_says_how_to_add_one_and_probes_stay_open() {
    let gateway = Gateway::launch("[channels.qlue]\nconnector = \"qlue\"\nsecret = \"s\"\n").await;
    let mut visitor = Visitor::at(&gateway.internal_url(""));
    for path in ["/", "/lists/quarantine", "/sign-in"] {
        assert!(visitor.read(path).await.contains("[console.users.dewi]"), "{path}");
    }
    for path in ["/livez", "/readyz", "/health", "/metrics"] {
        assert_eq!(gateway.get(path).await.0, 200, "{path}");
    }
    assert_eq!(gateway.get("/healthz").await.0, 404, "what is not there is not behind the sign-in");
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_name_are_refused_in_the_same_words() {
    let gateway = Gateway::launch(&configured("\"$.body\"", "")).await;
    let base = gateway.internal_url("");
    let mut pages = Vec::new();
    for (user, password) in [("oki", "salah"), ("nobody", PASSWORD)] {
        let mut visitor = Visitor::at(&base);
        assert_eq!(visitor.sign_in(user, password).await, StatusCode::UNAUTHORIZED);
        assert!(visitor.html.contains("Wrong user name or password."), "{}", visitor.html);
        assert!(!visitor.cookies.contains_key("muara_console"));
        assert_eq!(visitor.open("/").await, StatusCode::SEE_OTHER);
        assert_eq!(visitor.location, "/sign-in?next=%2F");
        pages.push(visitor);
    }
    for _ in 0..4 {
        assert_eq!(Visitor::at(&base).sign_in("oki", "salah").await, StatusCode::UNAUTHORIZED);
    }
    let mut oki = Visitor::at(&base);
    assert_eq!(oki.sign_in("oki", PASSWORD).await, StatusCode::TOO_MANY_REQUESTS, "five guesses are enough");
    assert_eq!(Visitor::at(&base).sign_in("adi", PASSWORD).await, StatusCode::SEE_OTHER);
    assert_eq!(gateway.get("/health").await.0, 200);
}

#[tokio::test]
async fn a_session_survives_a_restart_and_ends_with_a_new_password_and_by_signing_out() {
    let mut gateway = Gateway::launch(&configured("\"$.body\"", "")).await;
    let mut oki = Visitor::signed_in(&gateway.internal_url(""), "oki").await;
    gateway.kill9().await;
    gateway.start().await;
    assert!(oki.read("/").await.contains("oki of the tests"));
    let mut other = oki.clone();
    assert_eq!(other.does("/sign-out", &[]).await, StatusCode::SEE_OTHER);
    assert_eq!(other.open("/flow").await, StatusCode::SEE_OTHER);
    assert_eq!(other.location, "/sign-in?next=%2Fflow");

    gateway.terminate().await;
    let fresh = users(&hash_password("another").unwrap());
    gateway.configure(&configured("\"$.body\"", "").replace(USERS.as_str(), &fresh));
    gateway.start().await;
    assert_eq!(oki.open("/").await, StatusCode::SEE_OTHER);
    assert_eq!(oki.location, "/sign-in?next=%2F&ended=1");
}

/// A console of its own, whose time passes when a test lets it.
pub(crate) async fn with_clock() -> (String, Arc<AtomicI64>, tempfile::TempDir, tokio_util::sync::DropGuard) {
    let folder = tempfile::tempdir().unwrap();
    let text = configured("\"$.body\"", "");
    let config = config::parse(&text, folder.path(), &|_| None).unwrap();
    let store = Store::open(&store::Settings::new(folder.path().join("muara.db"))).unwrap();
    let health = Arc::new(Health::default());
    let intake =
        Intake::new(store.clone(), Arc::clone(&health), &config.store, &config.intake, &config.media);
    let state = ConsoleState {
        alarms: muara::alarms::Alarms::default(),
        channels: Arc::new(ArcSwap::from_pointee(config.channels)),
        health,
        store,
        intake,
        broker: None,
        settings: config.console,
        session_key: [7; 32],
        draining: watch::channel(false).1,
    };
    let ahead = Arc::new(AtomicI64::new(0));
    let (start, passed) = (Timestamp::now(), Arc::clone(&ahead));
    let clock: console::Clock =
        Arc::new(move || start + SignedDuration::from_secs(passed.load(Ordering::Relaxed)));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let stop = CancellationToken::new();
    let second = Duration::from_secs(1);
    let router = console::router_at(state, clock);
    tokio::spawn(server::serve(listener, router, 5 * second, second, stop.clone()));
    (url, ahead, folder, stop.drop_guard())
}

#[tokio::test]
async fn a_session_ends_by_time_and_what_was_being_done_is_not_done() {
    let (url, ahead, _folder, _stop) = with_clock().await;
    let mut adi = Visitor::signed_in(&url, "adi").await;
    ahead.fetch_add(10 * 3600 - 60, Ordering::Relaxed);
    adi.read("/audit").await;
    let csrf = adi.csrf();
    ahead.fetch_add(120, Ordering::Relaxed);
    let request = adi.post("/channels/web/pause").form(&[("csrf", csrf.as_str()), ("reason", "late")]);
    assert_eq!(adi.send(request).await, StatusCode::UNAUTHORIZED);
    assert!(adi.html.contains("Your session has ended. Nothing was done"), "{}", adi.html);
    let request = adi.get("/flow").header("hx-request", "true");
    assert_eq!(adi.send(request).await, StatusCode::UNAUTHORIZED, "a part of a page is no place to sign in");
    assert_eq!(adi.open("/flow?x=1").await, StatusCode::SEE_OTHER);
    assert_eq!(adi.location, "/sign-in?next=%2Fflow%3Fx%3D1&ended=1");
    let to = adi.location.clone();
    assert!(adi.read(&to).await.contains("Your session has ended"));
    let csrf = adi.csrf();
    let form = [("csrf", csrf.as_str()), ("user", "adi"), ("password", PASSWORD), ("next", "/flow?x=1")];
    let request = adi.post("/sign-in").form(&form);
    assert_eq!(adi.send(request).await, StatusCode::SEE_OTHER);
    assert_eq!(adi.location, "/flow?x=1", "back to where it was");
}

#[tokio::test]
async fn a_forged_form_changes_nothing() {
    let gateway = Gateway::launch(&configured("\"$.body\"", "")).await;
    let base = gateway.internal_url("");
    let row = quarantined(&gateway, json!({"id": "a", "isi": "Pohon tumbang"})).await;
    let mut adi = Visitor::signed_in(&base, "adi").await;
    let mut oki = Visitor::signed_in(&base, "oki").await;
    oki.read("/").await;
    let others = oki.csrf();
    for token in ["", "0123456789abcdef0123456789abcdef", &others] {
        let form = [("csrf", token), ("do", "discard"), ("reason", "x"), ("row", &row)];
        let request = adi.post("/lists/quarantine/act").form(&form);
        assert_eq!(adi.send(request).await, StatusCode::FORBIDDEN, "{token}");
    }
    adi.read("/").await;
    let own = adi.csrf();
    let form = [("csrf", own.as_str()), ("do", "discard"), ("reason", "x"), ("row", &row)];
    for (name, value) in [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")] {
        let request = adi.post("/lists/quarantine/act").form(&form).header(name, value);
        assert_eq!(adi.send(request).await, StatusCode::FORBIDDEN, "{name}");
    }
    // a token in the address is none
    let request =
        adi.post(&format!("/lists/quarantine/act?csrf={own}")).form(&[("do", "discard"), ("row", &row)]);
    assert_eq!(adi.send(request).await, StatusCode::FORBIDDEN);
    // nobody, and somebody with a session of their own making
    let mut nobody = Visitor::at(&base);
    let request = nobody.post("/lists/quarantine/act").form(&form);
    assert_eq!(nobody.send(request).await, StatusCode::UNAUTHORIZED);
    let session = adi.cookies["muara_console"].clone();
    let (payload, seal) = session.split_once('.').unwrap();
    let visitor = adi.cookies["muara_console_visitor"].clone();
    for forged in [format!("{payload}A.{seal}"), format!("{payload}."), visitor, "x.y".to_owned()] {
        nobody.cookies.insert("muara_console".to_owned(), forged);
        assert_eq!(nobody.open("/").await, StatusCode::SEE_OTHER);
    }
    assert!(audited(&gateway).await.is_empty());
    gateway.waiting("quarantined", 1).await;
    let request = adi.post("/lists/quarantine/act").form(&form);
    assert_eq!(adi.send(request).await, StatusCode::SEE_OTHER, "the same form of their own page is taken");
    gateway.waiting("quarantined", 0).await;
}

#[tokio::test]
async fn every_page_forbids_what_is_not_ours() {
    let gateway = Gateway::launch(&configured("\"$.body\"", "")).await;
    let adi = Visitor::signed_in(&gateway.internal_url(""), "adi").await;
    for path in ["/", "/sign-in", "/lists/quarantine", "/report", "/nothing-here"] {
        let cookie = format!("muara_console={}", adi.cookies["muara_console"]);
        let answer = adi.get(path).header("cookie", cookie).send().await.unwrap();
        let policy = answer.headers()["content-security-policy"].to_str().unwrap().to_owned();
        assert!(policy.starts_with("default-src 'none'; ") && !policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(answer.headers()["cache-control"], "no-store", "{path}");
        let html = answer.text().await.unwrap();
        for inline in ["<script>", " onclick=", " style=", "<style", "javascript:"] {
            assert!(!html.contains(inline), "{path} has {inline}");
        }
    }
}
