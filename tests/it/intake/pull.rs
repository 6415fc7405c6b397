//! A vendor that is asked for its reports: paging, trouble, and kills between the pages.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    extract::{Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use muara_tests::{
    gateway::{Gateway, PATIENCE},
    reports::second_shape,
};
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    sync::watch,
    time::{Instant, timeout},
};

use super::{levels, qlue};

const PAGE: usize = 10;

/// How a vendor fails at one request.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Throttled(u64),
    Broken,
    Garbage,
    Refused,
}

/// Qlue's feed on loopback, newest report first.
#[derive(Clone)]
struct Vendor(Arc<Shared>);

struct Shared {
    url: String,
    reports: Mutex<Vec<Value>>,
    faults: Mutex<VecDeque<Fault>>,
    /// When it was asked.
    asked: watch::Sender<Vec<Instant>>,
}

#[derive(serde::Deserialize)]
struct Asked {
    page: usize,
}

impl Vendor {
    async fn start(reports: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let vendor = Self(Arc::new(Shared {
            url: format!("http://{}/feed", listener.local_addr().unwrap()),
            reports: Mutex::default(),
            faults: Mutex::default(),
            asked: watch::Sender::new(Vec::new()),
        }));
        vendor.publish(1..=reports);
        let routes = Router::new().route("/feed", get(feed)).with_state(vendor.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        vendor
    }

    fn publish(&self, numbers: std::ops::RangeInclusive<u64>) {
        let mut reports = self.0.reports.lock().unwrap();
        numbers.for_each(|number| reports.insert(0, second_shape(number)));
    }

    fn fails(&self, faults: &[Fault]) {
        self.0.faults.lock().unwrap().extend(faults);
    }

    async fn asked(&self, times: usize) -> Vec<Instant> {
        let mut asked = self.0.asked.subscribe();
        let waiting = asked.wait_for(|asked| asked.len() >= times);
        timeout(PATIENCE, waiting).await.expect("the vendor is not asked").unwrap().clone()
    }

    fn channel(&self) -> String {
        let url = &self.0.url;
        qlue("") + &format!("[channels.qlue.pull]\nurl = \"{url}\"\ninterval_seconds = 1\n")
    }
}

async fn feed(State(vendor): State<Vendor>, Query(asked): Query<Asked>) -> Response {
    vendor.0.asked.send_modify(|all| all.push(Instant::now()));
    match vendor.0.faults.lock().unwrap().pop_front() {
        Some(Fault::Throttled(seconds)) => {
            (StatusCode::TOO_MANY_REQUESTS, [("retry-after", seconds.to_string())]).into_response()
        }
        Some(Fault::Broken) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Some(Fault::Garbage) => "<html>Sedang pemeliharaan</html>".into_response(),
        Some(Fault::Refused) => StatusCode::FORBIDDEN.into_response(),
        None => {
            let reports = vendor.0.reports.lock().unwrap();
            let page: Vec<_> = reports.iter().skip((asked.page - 1) * PAGE).take(PAGE).collect();
            axum::Json(json!({ "data": page })).into_response()
        }
    }
}

/// The external ids of all events, each of which must be there once.
async fn numbers(gateway: &Gateway) -> Vec<u64> {
    let events = gateway.rows(&["outbox", "tail"]).await;
    let mut numbers: Vec<u64> = events
        .iter()
        .map(|event| event["data"]["external"]["id"].as_str().unwrap().parse().unwrap())
        .collect();
    numbers.sort_unstable();
    numbers
}

#[tokio::test]
async fn trouble_at_the_vendor_is_said_in_words_and_caught_up_with() {
    let vendor = Vendor::start(35).await;
    vendor.fails(&[Fault::Throttled(2)]);
    let gateway = Gateway::launch(&vendor.channel()).await;
    let health = gateway.channel_is("qlue", "degraded").await;
    assert!(health["last_error"].as_str().unwrap().contains("429"), "{health}");
    gateway.waiting("outbox", 35).await;
    let asked = vendor.asked(2).await;
    assert!(asked[1] - asked[0] >= Duration::from_secs(2), "Retry-After was not kept");
    gateway.channel_is("qlue", "healthy").await;

    // what comes while the vendor is down is there when it is up
    vendor.fails(&[Fault::Broken, Fault::Garbage]);
    vendor.publish(36..=61);
    let health = gateway.channel_is("qlue", "degraded").await;
    assert!(health["last_error"].as_str().unwrap().contains("500"), "{health}");
    let health = gateway.channel_is("qlue", "failing").await;
    assert!(health["last_error"].as_str().unwrap().contains("cannot be read"), "{health}");
    assert!(health["advice"].is_string());
    gateway.channel_is("qlue", "healthy").await;
    gateway.waiting("outbox", 61).await;
    assert_eq!(numbers(&gateway).await, (1..=61).collect::<Vec<_>>());
    assert_eq!(gateway.metric("muara_pulls_total", &["result=\"throttled\""]).await, 1.0);
    assert_eq!(gateway.metric("muara_pulls_total", &["result=\"unreadable\""]).await, 1.0);

    vendor.fails(&[Fault::Refused]);
    let health = gateway.channel_is("qlue", "failing").await;
    assert!(health["advice"].as_str().unwrap().contains("credentials"), "{health}");
}

#[tokio::test]
async fn a_cursor_moves_only_with_what_it_covers_whenever_the_gateway_is_killed() {
    let vendor = Vendor::start(60).await;
    let mut gateway = Gateway::launch(&vendor.channel()).await;
    for round in 0..6_u64 {
        // somewhere between asking for a page and having stored it
        let asked = vendor.0.asked.borrow().len();
        vendor.asked(asked + 1).await;
        tokio::time::sleep(Duration::from_millis(round * 3)).await;
        gateway.kill9().await;
        let more = 61 + round * 5;
        vendor.publish(more..=more + 4);
        gateway.start().await;
    }
    gateway.waiting("outbox", 90).await;
    assert_eq!(numbers(&gateway).await, (1..=90).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_item_that_is_not_understood_is_quarantined_and_the_pull_goes_on() {
    let vendor = Vendor::start(5).await;
    vendor.0.reports.lock().unwrap().insert(2, json!({"description": "tanpa nomor"}));
    let gateway = Gateway::launch(&vendor.channel()).await;
    gateway.waiting("outbox", 5).await;
    assert_eq!(levels(&gateway).await["quarantined"], 1);
    vendor.publish(6..=7);
    gateway.waiting("outbox", 7).await;
    let rows = gateway.rows(&["quarantine", "list", "--json"]).await;
    assert_eq!(rows.len(), 1);
    let id = rows[0]["id"].as_str().unwrap();
    let raw = gateway.muara(&["quarantine", "export", id]).await.stdout;
    let raw: Value = serde_json::from_slice(&raw).unwrap();
    assert_eq!(raw, json!({"data": [{"description": "tanpa nomor"}]}));
}

#[tokio::test]
async fn nothing_is_pulled_over_the_mark_and_pulling_and_posting_find_each_other() {
    let vendor = Vendor::start(3).await;
    let gateway = Gateway::launch(&(vendor.channel() + "[store]\nhigh_water_rows = 3\n")).await;
    gateway.waiting("outbox", 3).await;
    vendor.publish(4..=4);
    gateway.log().line(0, "is not pulled while the store is full").await;
    assert_eq!(levels(&gateway).await["outbox"], 3);
}
