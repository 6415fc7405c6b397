//! News feeds: asked politely, taken once, and what is written anew is an amendment.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use muara_connectors::{ChannelSettings, Cursor, Item, Page, Pull, PullError};
use muara_normalizer::draft::Change;
use tokio::net::TcpListener;

/// A paper: what it says next; it knows the version that the reader has.
#[derive(Default)]
struct Paper {
    editions: VecDeque<(u16, String)>,
    /// Whether the last request was answered "not modified".
    unmodified: bool,
    asked: usize,
}

type Shared = Arc<Mutex<Paper>>;

async fn edition(State(paper): State<Shared>, headers: HeaderMap) -> Response {
    let mut paper = paper.lock().unwrap();
    paper.asked += 1;
    let (status, document) = paper.editions.front().cloned().unwrap();
    if paper.editions.len() > 1 {
        paper.editions.pop_front();
    }
    let etag = format!("\"{}\"", document.len());
    paper.unmodified = headers.get(header::IF_NONE_MATCH).is_some_and(|known| *known == etag.as_str());
    if paper.unmodified {
        return StatusCode::NOT_MODIFIED.into_response();
    }
    (StatusCode::from_u16(status).unwrap(), [(header::ETAG, etag)], document).into_response()
}

fn rss(entries: &[(&str, &str)]) -> String {
    let items =
        entries.iter().map(|(id, text)| format!("<item><guid>{id}</guid><title>{text}</title></item>"));
    format!(
        "<rss version=\"2.0\"><channel><title>K</title><link>https://koran.example/</link>{}</channel></rss>",
        items.collect::<String>()
    )
}

async fn paper(editions: &[String]) -> (String, Shared) {
    muara_tests::install_tls_provider();
    let editions = editions.iter().map(|document| (200, document.clone())).collect();
    let paper = Arc::new(Mutex::new(Paper { editions, ..Paper::default() }));
    let routes = Router::new().route("/rss", get(edition)).with_state(Arc::clone(&paper));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/rss", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
    (url, paper)
}

fn open(urls: &[&str]) -> Box<dyn Pull> {
    let connector = muara_connectors::find("feed").unwrap();
    let feeds: String = urls.iter().map(|url| format!("[[feeds]]\nurl = \"{url}\"\n")).collect();
    let channel = ChannelSettings {
        id: "media_massa".parse().unwrap(),
        secret: None,
        auth: connector.auth.clone(),
        own: (connector.settings)(format!("max_mb = 1\n{feeds}").parse().unwrap()).unwrap(),
    };
    (connector.pull.unwrap())(&channel).unwrap()
}

fn ids(page: &Page) -> Vec<String> {
    page.drafts().map(|draft| draft.external_id.as_ref().unwrap().as_str().to_owned()).collect()
}

#[tokio::test]
async fn only_what_is_new_is_taken_and_an_edit_is_an_amendment() {
    let (first, second) =
        (rss(&[("2", "Dua"), ("1", "Satu")]), rss(&[("3", "Tiga"), ("2", "Dua diralat"), ("1", "Satu")]));
    let (url, paper) = paper(&[first.clone(), first, second]).await;
    let mut reader = open(&[&url]);
    let page = reader.next(&Cursor::default()).await.unwrap();
    assert_eq!(ids(&page), ["koran.example#1", "koran.example#2"]);
    let again = reader.next(&page.cursor).await.unwrap();
    assert!(paper.lock().unwrap().unmodified, "the vendor is asked only for what is new");
    assert!(again.items.is_empty() && again.cursor == page.cursor);
    let next = reader.next(&again.cursor).await.unwrap();
    assert_eq!(ids(&next), ["koran.example#3"]);
    let [_, ..] = next.items.as_slice() else { panic!("nothing came") };
    let amended = next.items.iter().find_map(|item| match item {
        Item::Amendment(amendment) => Some(amendment),
        _ => None,
    });
    let amended = amended.unwrap();
    assert_eq!(amended.external_id.as_str(), "koran.example#2");
    assert!(
        matches!(&amended.change, Change::Edited { draft } if draft.title.as_deref() == Some("Dua diralat"))
    );
    // a reader that was just started knows as much: all of it is in the cursor
    let page = open(&[&url]).next(&next.cursor).await.unwrap();
    assert!(page.items.is_empty());
}

#[tokio::test]
async fn what_cannot_be_read_is_kept_once_and_the_next_edition_is_taken() {
    let (url, _paper) = paper(&["<rss>".to_owned(), "<rss>".to_owned(), rss(&[("1", "Satu")])]).await;
    let mut reader = open(&[&url]);
    let page = reader.next(&Cursor::default()).await.unwrap();
    assert_eq!(page.rejects.len(), 1);
    assert_eq!(&page.rejects[0].0[..], b"<rss>");
    let again = reader.next(&page.cursor).await.unwrap();
    assert!(again.rejects.is_empty());
    let mended = reader.next(&again.cursor).await.unwrap();
    assert_eq!(ids(&mended).len(), 1);
}

#[tokio::test]
async fn a_feed_that_fails_does_not_keep_the_others_waiting() {
    let (down, broken) = paper(&[String::new()]).await;
    broken.lock().unwrap().editions = VecDeque::from([(503, String::new())]);
    let (url, _paper) = paper(&[rss(&[("1", "Satu")])]).await;
    let mut reader = open(&[&down, &url]);
    let page = reader.next(&Cursor::default()).await.unwrap();
    assert_eq!(ids(&page).len(), 1);
    assert!(page.more, "the trouble is told as soon as the page is stored, and not hidden by what went well");
    let error = reader.next(&page.cursor).await.unwrap_err();
    assert!(matches!(error, PullError::Vendor { .. }), "{error}");
    assert!(error.to_string().contains("503 of feed 1"), "{error}");
}

#[tokio::test]
async fn a_failing_feed_does_not_make_the_others_be_asked_more_often() {
    let (down, broken) = paper(&[String::new()]).await;
    broken.lock().unwrap().editions = VecDeque::from([(503, String::new())]);
    let (url, paper) = paper(&[rss(&[("1", "Satu")])]).await;
    let mut reader = open(&[&url, &down]);
    let page = reader.next(&Cursor::default()).await.unwrap();
    reader.next(&page.cursor).await.unwrap_err();
    let asked = paper.lock().unwrap().asked;
    // the poller comes again at once; the reader waits for its interval, which here is longer than any test
    let again = tokio::time::timeout(Duration::from_millis(200), reader.next(&page.cursor)).await;
    assert!(again.is_err() && paper.lock().unwrap().asked == asked);
}

#[tokio::test]
async fn a_document_with_empty_entries_is_kept_once() {
    let document = rss(&[("1", "Satu"), ("2", ""), ("3", "")]);
    let (url, _paper) = paper(&[document.clone(), document + " "]).await;
    let mut reader = open(&[&url]);
    let page = reader.next(&Cursor::default()).await.unwrap();
    assert_eq!((ids(&page).len(), page.rejects.len()), (1, 1));
    let again = reader.next(&page.cursor).await.unwrap();
    assert!(again.items.is_empty() && again.rejects.is_empty());
}

#[tokio::test]
async fn a_feed_longer_than_most_is_remembered_whole() {
    let numbers: Vec<String> = (0..1200).map(|number: u32| number.to_string()).collect();
    let entries: Vec<_> = numbers.iter().map(|number| (number.as_str(), "Surat")).collect();
    let document = rss(&entries);
    let (url, _paper) = paper(&[document.clone(), document + " "]).await;
    let mut reader = open(&[&url]);
    let page = reader.next(&Cursor::default()).await.unwrap();
    assert_eq!(ids(&page).len(), 1200);
    assert!(reader.next(&page.cursor).await.unwrap().items.is_empty());
}

#[tokio::test]
async fn a_feed_without_end_is_refused() {
    let (url, _paper) = paper(&[rss(&[("1", &"x".repeat(2 * 1024 * 1024))])]).await;
    let error = open(&[&url]).next(&Cursor::default()).await.unwrap_err();
    assert!(matches!(error, PullError::TooLarge { limit: 1_048_576 }), "{error}");
}
