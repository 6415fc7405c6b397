//! Qlue's feed: nothing is skipped, whatever the vendor does between two requests.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    extract::{Query, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::get,
};
use muara_connectors::{
    ChannelSettings, Cursor, Item, Page, PullError, Request, Verified, connector::Connector,
};
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};

/// What the vendor has, newest first, and how it answers.
#[derive(Default)]
struct Vendor {
    reports: Vec<Value>,
    page_size: usize,
    /// The highest id ever given.
    highest: u64,
    /// Ids that are given but not published yet.
    held_back: BTreeSet<u64>,
    /// The pages asked for.
    asked: Vec<usize>,
    /// What happens at the vendor's before each answer, last first.
    meanwhile: Vec<Change>,
    /// Beyond the end.
    end: End,
    /// Answers instead of pages.
    trouble: Option<(StatusCode, HeaderMap, String)>,
}

#[derive(Default)]
enum End {
    #[default]
    Empty,
    NotFound,
    LastPageAgain,
}

#[derive(Clone, Debug)]
enum Change {
    Nothing,
    Reported(u64),
    Deleted(usize),
    /// At the top, with an id below those that are there.
    PublishedLate(u64),
}

type Shared = Arc<Mutex<Vendor>>;

fn report(id: u64) -> Value {
    json!({ "id": id, "title": format!("Laporan {id}"), "timestamp": "2026-11-03 10:10:00" })
}

impl Vendor {
    fn with(ids: impl DoubleEndedIterator<Item = u64>, page_size: usize) -> Shared {
        let reports: Vec<_> = ids.rev().map(report).collect();
        let highest = reports.first().map_or(0, |report| report["id"].as_u64().unwrap());
        Arc::new(Mutex::new(Self { reports, page_size, highest, ..Self::default() }))
    }

    fn ids(&self) -> BTreeSet<u64> {
        self.reports.iter().filter_map(|report| report["id"].as_u64()).collect()
    }

    fn change(&mut self, change: &Change) {
        match change {
            Change::Nothing => {}
            Change::Reported(count) => {
                for _ in 0..*count {
                    // every fifth is held back by a moderator
                    self.highest += 1;
                    if self.highest.is_multiple_of(5) {
                        self.held_back.insert(self.highest);
                    } else {
                        self.reports.insert(0, report(self.highest));
                    }
                }
            }
            Change::Deleted(place) => {
                if !self.reports.is_empty() {
                    let place = place % self.reports.len();
                    self.reports.remove(place);
                }
            }
            Change::PublishedLate(back) => {
                let id = self.highest.saturating_sub(*back);
                if self.held_back.remove(&id) {
                    self.reports.insert(0, report(id));
                }
            }
        }
    }

    fn answer(&mut self, page: usize) -> Response {
        self.asked.push(page);
        if let Some(change) = self.meanwhile.pop() {
            self.change(&change);
        }
        if let Some(trouble) = self.trouble.clone() {
            return trouble.into_response();
        }
        let mut pages = self.reports.chunks(self.page_size);
        let found = pages.nth(page - 1);
        let reports = match (found, &self.end) {
            (Some(reports), _) => reports,
            (None, End::Empty) => &[],
            (None, End::NotFound) => return StatusCode::NOT_FOUND.into_response(),
            (None, End::LastPageAgain) => self.reports.chunks(self.page_size).last().unwrap_or_default(),
        };
        json!({ "data": reports }).to_string().into_response()
    }
}

#[derive(Deserialize)]
struct Asked {
    page: usize,
}

async fn serve(vendor: &Shared) -> String {
    muara_tests::install_tls_provider();
    let answer = |State(vendor): State<Shared>, Query(asked): Query<Asked>| async move {
        vendor.lock().unwrap().answer(asked.page)
    };
    let app = Router::new().route("/feed", get(answer)).with_state(vendor.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/feed", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    url
}

fn qlue() -> &'static Connector {
    muara_connectors::find("qlue").unwrap()
}

fn channel(url: &str, more: &str) -> ChannelSettings {
    let table = format!("[pull]\nurl = \"{url}\"\nquery = {{ key = \"rahasia\" }}\n{more}");
    ChannelSettings {
        id: "qlue".parse().unwrap(),
        secret: None,
        auth: qlue().auth.clone(),
        own: (qlue().settings)(table.parse().unwrap()).unwrap(),
    }
}

/// One call by a poller that was just started: all that is remembered is the cursor.
async fn next(channel: &ChannelSettings, cursor: &Cursor) -> Result<Page, PullError> {
    let mut pull = (qlue().pull.unwrap())(channel).unwrap();
    pull.next(cursor).await
}

fn ids(page: &Page) -> Vec<u64> {
    page.drafts().map(|draft| draft.external_id.as_ref().unwrap().as_str().parse().unwrap()).collect()
}

/// Calls until there is nothing more; the ids in the order they came.
async fn poll(channel: &ChannelSettings, cursor: &mut Cursor) -> Vec<u64> {
    let mut taken = Vec::new();
    loop {
        let page = next(channel, cursor).await.unwrap();
        taken.extend(ids(&page));
        *cursor = page.cursor;
        if !page.more {
            return taken;
        }
    }
}

fn sorted(mut ids: Vec<u64>) -> Vec<u64> {
    ids.sort_unstable();
    ids
}

#[tokio::test]
async fn the_first_poll_takes_the_configured_pages_and_the_next_only_what_is_new() {
    let vendor = Vendor::with(1..=50, 5);
    let channel = channel(&serve(&vendor).await, "backfill_pages = 3");
    let mut cursor = Cursor::default();
    let page = next(&channel, &cursor).await.unwrap();
    assert_eq!(ids(&page), [46, 47, 48, 49, 50], "oldest first");
    assert_eq!(sorted(poll(&channel, &mut cursor).await), (36..=50).collect::<Vec<_>>());

    assert_eq!(poll(&channel, &mut cursor).await, [0; 0], "nothing twice");
    vendor.lock().unwrap().change(&Change::Reported(2));
    let taken = poll(&channel, &mut cursor).await;
    assert_eq!(taken, [51, 52]);
    vendor.lock().unwrap().asked.clear();
    assert_eq!(poll(&channel, &mut cursor).await, [0; 0]);
    assert_eq!(vendor.lock().unwrap().asked, [1], "a quiet poll is one request");
}

#[tokio::test]
async fn a_backlog_is_taken_in_steps_that_survive_a_restart() {
    let vendor = Vendor::with(1..=5, 5);
    let channel = channel(&serve(&vendor).await, "");
    let mut cursor = Cursor::default();
    poll(&channel, &mut cursor).await;
    vendor.lock().unwrap().reports.splice(0..0, (6..=1005).rev().map(report));
    let first = next(&channel, &cursor).await.unwrap();
    assert_eq!(ids(&first), [1001, 1002, 1003, 1004, 1005]);
    assert!(first.more);
    // the store could not write: the same cursor gives the same again
    assert_eq!(ids(&next(&channel, &cursor).await.unwrap()), ids(&first));
    assert_eq!(sorted(poll(&channel, &mut cursor).await), (6..=1005).collect::<Vec<_>>());
}

#[tokio::test]
async fn reports_that_come_or_go_between_two_pages_do_not_hide_others() {
    for pause in [Change::Reported(12), Change::Deleted(0)] {
        let vendor = Vendor::with(1..=5, 5);
        let channel = channel(&serve(&vendor).await, "");
        let mut cursor = Cursor::default();
        poll(&channel, &mut cursor).await;
        vendor.lock().unwrap().change(&Change::Reported(40));
        let mut taken = BTreeSet::new();
        for _ in 0..3 {
            let page = next(&channel, &cursor).await.unwrap();
            taken.extend(ids(&page));
            cursor = page.cursor;
        }
        // 17 deletions are more than three pages; the walk must come back for what moved up
        for _ in 0..17 {
            vendor.lock().unwrap().change(&pause);
        }
        taken.extend(poll(&channel, &mut cursor).await);
        taken.extend(poll(&channel, &mut cursor).await);
        let expected = vendor.lock().unwrap().ids();
        let missed: Vec<_> = expected.iter().filter(|id| **id > 5 && !taken.contains(id)).collect();
        assert!(missed.is_empty(), "{pause:?}: {missed:?}");
    }
}

#[tokio::test]
async fn the_last_seen_report_may_be_gone_and_an_older_one_published_late() {
    let vendor = Vendor::with((1..=30).map(|number| number * 2), 5);
    let channel = channel(&serve(&vendor).await, "backfill_pages = 1");
    let mut cursor = Cursor::default();
    assert_eq!(poll(&channel, &mut cursor).await, [52, 54, 56, 58, 60]);
    {
        let mut vendor = vendor.lock().unwrap();
        // all that was seen is deleted, three come in, and above them one with an id below
        vendor.reports.drain(..5);
        vendor.highest = 66;
        vendor.held_back.insert(57);
        vendor.reports.splice(0..0, [report(55), report(66), report(64), report(62)]);
    }
    let taken = poll(&channel, &mut cursor).await;
    for id in [62, 64, 66, 55] {
        assert!(taken.contains(&id), "{id} of {taken:?}");
    }
    vendor.lock().unwrap().change(&Change::PublishedLate(9));
    assert!(poll(&channel, &mut cursor).await.contains(&57));
}

#[tokio::test]
async fn a_feed_without_pages_or_without_an_end_is_still_left() {
    for end in [End::Empty, End::NotFound, End::LastPageAgain] {
        for size in [3, 100] {
            let vendor = Vendor::with(1..=7, size);
            if size == 100 {
                vendor.lock().unwrap().end = End::LastPageAgain;
            } else if matches!(end, End::NotFound) {
                vendor.lock().unwrap().end = End::NotFound;
            }
            let channel = channel(&serve(&vendor).await, "backfill_pages = 1000");
            assert_eq!(sorted(poll(&channel, &mut Cursor::default()).await), (1..=7).collect::<Vec<_>>());
        }
    }
}

#[tokio::test]
async fn a_bad_report_is_handed_over_once_with_bytes_that_decode_reads_alone() {
    let vendor = Vendor::with(1..=2, 5);
    let bad = json!({ "title": "tanpa nomor" });
    vendor.lock().unwrap().reports.insert(1, bad);
    let channel = channel(&serve(&vendor).await, "");
    let mut cursor = Cursor::default();
    let page = next(&channel, &cursor).await.unwrap();
    assert_eq!(ids(&page), [1, 2]);
    let [(bytes, reason)] = page.rejects.as_slice() else { panic!("{:?}", page.rejects) };
    let request = Request::from_body(Some("application/json"), bytes.clone());
    let decoded = (qlue().decode)(&Verified::before(&request, &channel)).unwrap();
    assert!(
        matches!(decoded.items.as_slice(), [Item::Rejected { index: 0, reason: again }] if again == reason),
        "{decoded:?}"
    );
    cursor = page.cursor;
    cursor = next(&channel, &cursor).await.unwrap().cursor;
    vendor.lock().unwrap().change(&Change::Reported(1));
    let page = next(&channel, &cursor).await.unwrap();
    assert_eq!((ids(&page), page.rejects.len()), (vec![3], 0), "known by its bytes");
    // the vendor mends it
    vendor.lock().unwrap().reports[2]["id"] = json!(77);
    assert!(poll(&channel, &mut cursor).await.contains(&77));
}

#[tokio::test]
async fn trouble_at_the_vendor_leaves_the_cursor_and_says_what_it_is() {
    let vendor = Vendor::with(1..=9, 5);
    let url = serve(&vendor).await;
    let channel = channel(&url, "page_bytes = 2000");
    let mut cursor = Cursor::default();
    let trouble = |status: u16, retry_after: &str, body: &str| {
        let mut headers = HeaderMap::new();
        if !retry_after.is_empty() {
            headers.insert("retry-after", retry_after.parse().unwrap());
        }
        vendor.lock().unwrap().trouble =
            Some((StatusCode::from_u16(status).unwrap(), headers, body.to_owned()));
    };
    trouble(429, "120", "");
    let error = next(&channel, &cursor).await.unwrap_err();
    assert!(
        matches!(error, PullError::Throttled { retry_after: Some(pause) } if pause == Duration::from_secs(120))
    );
    let at = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(60);
    trouble(429, &jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&at).unwrap(), "");
    let error = next(&channel, &cursor).await.unwrap_err();
    assert!(
        matches!(error, PullError::Throttled { retry_after: Some(pause) } if (50..=61).contains(&pause.as_secs())),
        "{error:?}"
    );
    trouble(429, "nanti", "");
    assert!(matches!(next(&channel, &cursor).await.unwrap_err(), PullError::Throttled { retry_after: None }));
    for status in [401, 403] {
        trouble(status, "", "");
        assert!(
            matches!(next(&channel, &cursor).await.unwrap_err(), PullError::Refused { answer } if answer == format!("HTTP {status}"))
        );
    }
    trouble(502, "", "");
    assert!(
        matches!(next(&channel, &cursor).await.unwrap_err(), PullError::Vendor { answer } if answer == "HTTP 502")
    );
    trouble(404, "", "");
    assert!(
        matches!(next(&channel, &cursor).await.unwrap_err(), PullError::Vendor { answer } if answer == "HTTP 404")
    );
    for body in ["<html>Maaf</html>", "{\"data\":[{\"id\":1", "[]", "{\"error\":\"x\"}"] {
        trouble(200, "", body);
        assert!(matches!(next(&channel, &cursor).await.unwrap_err(), PullError::Page(_)), "{body}");
    }
    trouble(200, "", &" ".repeat(2001));
    assert!(matches!(next(&channel, &cursor).await.unwrap_err(), PullError::TooLarge { limit: 2000 }));

    // in the middle of a walk, too
    vendor.lock().unwrap().trouble = None;
    cursor = next(&channel, &cursor).await.unwrap().cursor;
    trouble(500, "", "");
    next(&channel, &cursor).await.unwrap_err();
    vendor.lock().unwrap().trouble = None;
    assert_eq!(poll(&channel, &mut cursor).await, [1, 2, 3, 4]);
}

#[tokio::test]
async fn an_unreachable_vendor_is_named_without_the_key_in_its_query() {
    let vendor = Vendor::with(1..=1, 5);
    serve(&vendor).await;
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let channel = channel(&format!("http://{closed}/feed"), "");
    let error = next(&channel, &Cursor::default()).await.unwrap_err();
    assert!(matches!(error, PullError::Unreachable(_)));
    assert!(!format!("{error} {error:?}").contains("rahasia"));
}

/// What happens between two requests: reports come in, or they are deleted.
fn changes() -> impl Strategy<Value = Vec<Change>> {
    let growing = prop_oneof![
        4 => Just(Change::Nothing),
        3 => (1..7u64).prop_map(Change::Reported),
        1 => (1..8u64).prop_map(Change::PublishedLate),
    ];
    let shrinking = prop_oneof![2 => Just(Change::Nothing), 1 => any::<usize>().prop_map(Change::Deleted)];
    prop_oneof![proptest::collection::vec(growing, 0..60), proptest::collection::vec(shrinking, 0..60),]
}

/// What happens between two polls.
fn pauses() -> impl Strategy<Value = Vec<Change>> {
    let change = prop_oneof![
        (1..20u64).prop_map(Change::Reported),
        any::<usize>().prop_map(Change::Deleted),
        (1..8u64).prop_map(Change::PublishedLate),
    ];
    proptest::collection::vec(change, 0..20)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever comes, goes or is late between any two requests: once the vendor is quiet, every report that
    /// it still has was taken.
    #[test]
    fn what_the_vendor_has_is_taken(
        start in 10..30u64,
        page_size in 1..8usize,
        meanwhile in changes(),
        mut pauses in pauses(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let missed = runtime.block_on(async {
            let vendor = Vendor::with(100..100 + start, page_size);
            let channel = channel(&serve(&vendor).await, "backfill_pages = 1000");
            let mut cursor = Cursor::default();
            let mut taken: BTreeSet<_> = poll(&channel, &mut cursor).await.into_iter().collect();
            {
                let mut vendor = vendor.lock().unwrap();
                vendor.change(&Change::Reported(25));
                vendor.meanwhile = meanwhile;
            }
            loop {
                let quiet = vendor.lock().unwrap().meanwhile.is_empty() && pauses.is_empty();
                taken.extend(poll(&channel, &mut cursor).await);
                if quiet {
                    break;
                }
                for change in pauses.drain(..pauses.len().min(3)) {
                    vendor.lock().unwrap().change(&change);
                }
            }
            let there = vendor.lock().unwrap().ids();
            there.difference(&taken).copied().collect::<Vec<_>>()
        });
        prop_assert!(missed.is_empty(), "missed {missed:?}");
    }
}
