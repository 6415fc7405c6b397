//! LAPOR!'s feed: every report is taken, the cursor moves only over what was, and trouble is said in words.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{
    collections::HashMap,
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
    ChannelSettings, Cursor, Item, Page, PullError, Reject, Request, SettingsError, Verified,
    connector::Connector,
};
use serde_json::{Value, json};

const TOKEN: &str = "lapor-test-token";

/// What the vendor has, oldest first, and how it answers.
#[derive(Default)]
struct Vendor {
    reports: Vec<Value>,
    page_size: usize,
    /// The cursors asked for.
    asked: Vec<Option<String>>,
    /// Answers instead of pages.
    trouble: Option<(StatusCode, HeaderMap, String)>,
}

type Shared = Arc<Mutex<Vendor>>;

fn report(id: u64) -> Value {
    json!({ "trackingid": id, "text": format!("Laporan {id}"), "created_at": "2026-11-03 10:10:00" })
}

impl Vendor {
    fn with(ids: impl Iterator<Item = u64>, page_size: usize) -> Shared {
        Arc::new(Mutex::new(Self { reports: ids.map(report).collect(), page_size, ..Self::default() }))
    }

    fn answer(&mut self, after: Option<&String>, token: Option<&str>) -> Response {
        self.asked.push(after.cloned());
        if let Some(trouble) = self.trouble.clone() {
            return trouble.into_response();
        }
        if token != Some(TOKEN) {
            return StatusCode::UNAUTHORIZED.into_response();
        }
        let start: usize = after.map_or(0, |after| after.strip_prefix("ke-").unwrap().parse().unwrap());
        let end = (start + self.page_size).min(self.reports.len());
        json!({ "laporan": self.reports[start..end], "next": format!("ke-{end}") })
            .to_string()
            .into_response()
    }
}

async fn serve(vendor: &Shared) -> String {
    muara_tests::install_tls_provider();
    let answer = |State(vendor): State<Shared>,
                  Query(query): Query<HashMap<String, String>>,
                  headers: HeaderMap| async move {
        let token = headers.get("keytoken").and_then(|value| value.to_str().ok());
        vendor.lock().unwrap().answer(query.get("after"), token)
    };
    let app = Router::new().route("/laporan", get(answer)).with_state(vendor.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/laporan", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    url
}

fn lapor() -> &'static Connector {
    muara_connectors::find("lapor").unwrap()
}

fn channel(url: &str, secret: &str) -> ChannelSettings {
    let table = format!("[pull]\nurl = \"{url}\"\npage_bytes = 2000");
    ChannelSettings {
        id: "lapor".parse().unwrap(),
        secret: Some(secret.to_owned().into()),
        auth: lapor().auth.clone(),
        own: (lapor().settings)(table.parse().unwrap()).unwrap(),
    }
}

/// One call by a poller that was just started: all that is remembered is the cursor.
async fn next(channel: &ChannelSettings, cursor: &Cursor) -> Result<Page, PullError> {
    let mut pull = (lapor().pull.unwrap())(channel).unwrap();
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

#[tokio::test]
async fn every_report_is_taken_once_and_in_order_over_a_restart() {
    let vendor = Vendor::with(1..=12, 5);
    let channel = channel(&serve(&vendor).await, TOKEN);
    let mut cursor = Cursor::default();
    let first = next(&channel, &cursor).await.unwrap();
    assert_eq!((ids(&first), first.more), ((1..=5).collect(), true));
    // the store could not write: the same cursor gives the same again
    assert_eq!(poll(&channel, &mut cursor).await, (1..=12).collect::<Vec<_>>());
    assert_eq!(vendor.lock().unwrap().asked[0], None, "the first request has no cursor");

    assert_eq!(poll(&channel, &mut cursor).await, [0; 0], "nothing twice");
    assert_eq!(cursor, Cursor("ke-12".to_owned()), "an empty page moves nothing");
    vendor.lock().unwrap().reports.push(report(13));
    vendor.lock().unwrap().asked.clear();
    assert_eq!(poll(&channel, &mut cursor).await, [13]);
    assert_eq!(vendor.lock().unwrap().asked[0].as_deref(), Some("ke-12"));
}

#[tokio::test]
async fn a_cursor_that_does_not_move_ends_the_poll_and_loses_nothing() {
    let vendor = Vendor::with(1..=1, 5);
    let body = json!({ "laporan": [report(7)], "next": 7 }).to_string();
    vendor.lock().unwrap().trouble = Some((StatusCode::OK, HeaderMap::new(), body));
    let channel = channel(&serve(&vendor).await, TOKEN);
    let page = next(&channel, &Cursor("7".to_owned())).await.unwrap();
    assert_eq!((ids(&page), page.more), (vec![7], false));
}

#[tokio::test]
async fn a_bad_report_is_handed_over_with_bytes_that_decode_reads_alone() {
    let vendor = Vendor::with(1..=2, 5);
    vendor.lock().unwrap().reports.insert(1, json!({ "text": "tanpa nomor" }));
    let channel = channel(&serve(&vendor).await, TOKEN);
    let page = next(&channel, &Cursor::default()).await.unwrap();
    assert_eq!(ids(&page), [1, 2]);
    let [(bytes, reason)] = page.rejects.as_slice() else { panic!("{:?}", page.rejects) };
    assert_eq!(*reason, Reject::missing("trackingid"));
    let request = Request::from_body(Some("application/json"), bytes.clone());
    let decoded = (lapor().decode)(&Verified::before(&request, &channel)).unwrap();
    assert!(
        matches!(decoded.items.as_slice(), [Item::Rejected { index: 0, reason: again }] if again == reason),
        "{decoded:?}"
    );
}

#[tokio::test]
async fn trouble_at_the_vendor_is_told_apart() {
    let vendor = Vendor::with(1..=2, 5);
    let url = serve(&vendor).await;
    let error = next(&channel(&url, "an old token"), &Cursor::default()).await.unwrap_err();
    assert!(matches!(error, PullError::Refused { ref answer } if answer == "HTTP 401"), "{error:?}");

    let channel = channel(&url, TOKEN);
    let trouble = async |status: u16, retry_after: Option<&str>, body: &str| {
        let mut headers = HeaderMap::new();
        if let Some(value) = retry_after {
            headers.insert("retry-after", value.parse().unwrap());
        }
        let status = StatusCode::from_u16(status).unwrap();
        vendor.lock().unwrap().trouble = Some((status, headers, body.to_owned()));
        next(&channel, &Cursor::default()).await.unwrap_err()
    };
    let error = trouble(429, Some("120"), "").await;
    assert!(
        matches!(error, PullError::Throttled { retry_after: Some(pause) } if pause == Duration::from_secs(120))
    );
    assert!(matches!(trouble(503, None, "").await, PullError::Vendor { answer } if answer == "HTTP 503"));
    let without_next = json!({ "laporan": [report(1)] }).to_string();
    for body in ["<html>Maaf</html>", "{\"laporan\":[{", "[]", "{\"error\":\"x\"}", &without_next] {
        let error = trouble(200, None, body).await;
        assert!(matches!(error, PullError::Page(_)), "{body}: {error:?}");
    }
    assert!(matches!(trouble(200, None, &" ".repeat(2001)).await, PullError::TooLarge { limit: 2000 }));
}

#[test]
fn what_is_wrong_in_the_table_is_said_at_once() {
    let table = "[pull]\nurl = \"lapor.go.id\"\ninterval_seconds = 0\npage_bytes = 0";
    let errors = (lapor().settings)(table.parse().unwrap()).err().unwrap();
    let keys: Vec<_> = errors
        .iter()
        .map(|error| match error {
            SettingsError::Value { key, .. } | SettingsError::UnknownKey { key } => key.as_str(),
        })
        .collect();
    assert_eq!(keys, ["pull.url", "pull.interval_seconds", "pull.page_bytes"]);
}
