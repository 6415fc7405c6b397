//! X's API on loopback by X's own rules: `since_id` and `pagination_token`, limits in headers, signatures of OAuth 1.0a.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt::Write,
    sync::{Arc, Mutex},
};

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::{HeaderMap, HeaderValue, StatusCode, Uri},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use serde_json::{Value, json};
use sha1::Sha1;
use tokio::sync::watch;

pub(super) const OWN: &str = "44904009";
pub(super) const BEARER: &str = "x-test-bearer";
pub(super) const CONSUMER_KEY: &str = "x-test-consumer-key";
pub(super) const CONSUMER_SECRET: &str = "x-test-consumer-secret";
pub(super) const TOKEN: &str = "44904009-x-test-token";
pub(super) const TOKEN_SECRET: &str = "x-test-token-secret";

/// What X has and how it answers.
#[derive(Default)]
pub(super) struct X {
    /// Mentions by id.
    pub(super) posts: BTreeMap<u64, Value>,
    /// Direct messages to the city by id.
    pub(super) inbox: BTreeMap<u64, Value>,
    /// The queries of the messages asked for.
    pub(super) asked_messages: Vec<HashMap<String, String>>,
    /// No request for messages is left.
    pub(super) spares_messages: bool,
    /// No page has more.
    pub(super) page_posts: usize,
    /// The queries of the mentions asked for.
    pub(super) asked: Vec<HashMap<String, String>>,
    /// How many requests are left, and when the window ends.
    pub(super) left: Option<(i64, Timestamp)>,
    /// Page tokens are not known any more.
    pub(super) forgets_tokens: bool,
    /// Answers instead of everything else: status and body.
    pub(super) trouble: Option<(u16, Value)>,
    /// Who takes no direct messages, and how X says so.
    pub(super) closed: BTreeMap<String, Value>,
    /// Posts that are gone.
    pub(super) gone: BTreeSet<String>,
    /// Direct messages as they were sent: recipient and text.
    pub(super) messages: Vec<(String, String)>,
    /// How many direct messages were sent.
    pub(super) sent: watch::Sender<usize>,
    /// Answers in public: post and text.
    pub(super) replies: Vec<(String, String)>,
    /// Nonces of requests that were signed.
    nonces: BTreeSet<String>,
}

/// A handle on it.
#[derive(Clone)]
pub(super) struct Fake {
    pub(super) url: String,
    state: Arc<Mutex<X>>,
}

impl Fake {
    pub(super) async fn start() -> Self {
        muara_tests::install_tls_provider();
        let state = Arc::new(Mutex::new(X { page_posts: 100, ..X::default() }));
        let app = Router::new()
            .route("/2/users/{id}/mentions", get(mentions))
            .route("/2/dm_conversations/with/{user}/messages", post(message))
            .route("/2/dm_events", get(messages))
            .route("/2/tweets", post(reply))
            .route("/2/media/{key}", get(media))
            .with_state(state.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, state }
    }

    pub(super) fn with<T>(&self, change: impl FnOnce(&mut X) -> T) -> T {
        change(&mut self.state.lock().unwrap())
    }

    pub(super) fn mentioned(&self, ids: impl Iterator<Item = u64>) {
        self.with(|x| x.posts.extend(ids.map(|id| (id, mention(id)))));
    }
}

pub(super) fn mention(id: u64) -> Value {
    json!({
        "id": id.to_string(), "author_id": "77001234", "conversation_id": id.to_string(),
        "created_at": "2026-11-03T03:10:00.000Z", "text": format!("@DKIJakarta lampu jalan mati di tiang {id}"),
    })
}

type Shared = Arc<Mutex<X>>;

fn limits(x: &X) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let Some((left, reset)) = x.left {
        headers.insert("x-rate-limit-limit", HeaderValue::from_static("180"));
        headers.insert("x-rate-limit-remaining", left.max(0).into());
        headers.insert("x-rate-limit-reset", reset.as_second().into());
    }
    headers
}

/// Counts the request and refuses it where none is left.
fn counted(x: &mut X) -> Option<Response> {
    if let Some((status, body)) = x.trouble.clone() {
        return Some((StatusCode::from_u16(status).unwrap(), limits(x), Json(body)).into_response());
    }
    let (left, _) = x.left.as_mut()?;
    *left -= 1;
    if *left >= 0 {
        return None;
    }
    let body = json!({ "title": "Too Many Requests", "detail": "Too Many Requests", "type": "about:blank" });
    Some((StatusCode::TOO_MANY_REQUESTS, limits(x), Json(body)).into_response())
}

fn unauthorized() -> Response {
    let body =
        json!({ "title": "Unauthorized", "type": "about:blank", "status": 401, "detail": "Unauthorized" });
    (StatusCode::UNAUTHORIZED, Json(body)).into_response()
}

async fn mentions(
    State(state): State<Shared>,
    Path(user): Path<String>,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    let mut x = state.lock().unwrap();
    x.asked.push(query.clone());
    if headers.get("authorization").and_then(|value| value.to_str().ok()) != Some(&format!("Bearer {BEARER}"))
    {
        return unauthorized();
    }
    if let Some(refused) = counted(&mut x) {
        return refused;
    }
    assert_eq!(user, OWN);
    let since: u64 = query.get("since_id").map_or(0, |id| id.parse().unwrap());
    let below = match query.get("pagination_token") {
        Some(_) if x.forgets_tokens => {
            let body = json!({
                "title": "Invalid Request", "type": "https://api.x.com/2/problems/invalid-request",
                "errors": [{ "message": "The `pagination_token` query parameter value is not valid" }],
            });
            return (StatusCode::BAD_REQUEST, Json(body)).into_response();
        }
        Some(token) => token.strip_prefix("before-").unwrap().parse().unwrap(),
        None => u64::MAX,
    };
    let wanted: usize = query["max_results"].parse().unwrap();
    let size = wanted.min(x.page_posts);
    let found: Vec<_> =
        x.posts.iter().rev().filter(|(id, _)| **id > since && **id < below).take(size + 1).collect();
    let page: Vec<_> = found.iter().take(size).map(|(_, post)| *post).collect();
    if page.is_empty() {
        return (limits(&x), Json(json!({ "meta": { "result_count": 0 } }))).into_response();
    }
    let mut meta = json!({ "result_count": page.len(), "newest_id": page[0]["id"], "oldest_id": page[page.len() - 1]["id"] });
    if found.len() > size {
        meta["next_token"] = format!("before-{}", found[size - 1].0).into();
    }
    let users = json!([{ "id": "77001234", "name": "Budi", "username": "budi_s" }]);
    (limits(&x), Json(json!({ "data": page, "includes": { "users": users }, "meta": meta }))).into_response()
}

async fn messages(
    State(state): State<Shared>,
    Query(query): Query<HashMap<String, String>>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let mut x = state.lock().unwrap();
    if !signed(&mut x, "GET", &uri, &headers) {
        return unauthorized();
    }
    x.asked_messages.push(query.clone());
    if x.spares_messages {
        let reset = HeaderValue::from(Timestamp::now().as_second() + 600);
        return (StatusCode::TOO_MANY_REQUESTS, [("x-rate-limit-reset", reset)]).into_response();
    }
    assert!(!query.contains_key("since_id"), "X knows none here");
    let below = query.get("pagination_token").map_or(u64::MAX, |token| token.parse().unwrap());
    let found: Vec<_> = x.inbox.iter().rev().filter(|(id, _)| **id < below).take(x.page_posts + 1).collect();
    let page: Vec<_> = found.iter().take(x.page_posts).map(|(_, message)| *message).collect();
    let mut meta = json!({ "result_count": page.len() });
    if found.len() > page.len() {
        meta["next_token"] = found[page.len() - 1].0.to_string().into();
    }
    Json(json!({ "data": page, "meta": meta })).into_response()
}

async fn message(
    State(state): State<Shared>,
    Path(user): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    let mut x = state.lock().unwrap();
    if !signed(&mut x, "POST", &uri, &headers) {
        return unauthorized();
    }
    if let Some(refused) = counted(&mut x) {
        return refused;
    }
    if let Some(answer) = x.closed.get(&user) {
        return (StatusCode::FORBIDDEN, Json(answer.clone())).into_response();
    }
    let text = body["text"].as_str().unwrap().to_owned();
    assert!(text.chars().count() <= 10_000);
    x.messages.push((user.clone(), text));
    x.sent.send_modify(|count| *count += 1);
    let id = format!("dm-{}", x.messages.len());
    let data = json!({ "dm_conversation_id": format!("{OWN}-{user}"), "dm_event_id": id });
    (StatusCode::CREATED, Json(json!({ "data": data }))).into_response()
}

async fn reply(
    State(state): State<Shared>,
    uri: Uri,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    let mut x = state.lock().unwrap();
    if !signed(&mut x, "POST", &uri, &headers) {
        return unauthorized();
    }
    if let Some(refused) = counted(&mut x) {
        return refused;
    }
    let text = body["text"].as_str().unwrap().to_owned();
    let post = body["reply"]["in_reply_to_tweet_id"].as_str().unwrap().to_owned();
    let forbidden = |detail: &str| {
        let body = json!({ "title": "Forbidden", "type": "about:blank", "status": 403, "detail": detail });
        (StatusCode::FORBIDDEN, Json(body)).into_response()
    };
    if x.gone.contains(&post) {
        return forbidden("You attempted to reply to a Tweet that is deleted or not visible to you.");
    }
    if x.replies.iter().any(|(_, said)| *said == text) {
        return forbidden("You are not allowed to create a Tweet with duplicate content.");
    }
    x.replies.push((post, text.clone()));
    let id = format!("post-{}", x.replies.len());
    (StatusCode::CREATED, Json(json!({ "data": { "id": id, "text": text } }))).into_response()
}

async fn media(
    State(state): State<Shared>,
    Path(key): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let mut x = state.lock().unwrap();
    if !signed(&mut x, "GET", &uri, &headers) {
        return unauthorized();
    }
    if key != "3_77" {
        return (StatusCode::NOT_FOUND, Json(json!({ "title": "Not Found Error" }))).into_response();
    }
    let url = "https://pbs.twimg.com/media/c.jpg";
    Json(json!({ "data": { "media_key": key, "type": "photo", "url": url } })).into_response()
}

/// Whether a request bears the account's signature (RFC 5849), and is not one that came before.
fn signed(x: &mut X, method: &str, uri: &Uri, headers: &HeaderMap) -> bool {
    let Some(given) =
        headers.get("authorization").and_then(|value| value.to_str().ok()?.strip_prefix("OAuth "))
    else {
        return false;
    };
    let mut fields: BTreeMap<String, String> = given
        .split(", ")
        .map(|field| field.split_once('=').unwrap())
        .map(|(name, text)| (name.to_owned(), decoded(text.trim_matches('"'))))
        .collect();
    let signature = fields.remove("oauth_signature").unwrap();
    assert_eq!(fields["oauth_consumer_key"], CONSUMER_KEY);
    assert_eq!(fields["oauth_token"], TOKEN);
    assert_eq!(fields["oauth_signature_method"], "HMAC-SHA1");
    assert!(x.nonces.insert(fields["oauth_nonce"].clone()), "a nonce was used twice");
    let query: Vec<(String, String)> = uri
        .query()
        .unwrap_or_default()
        .split('&')
        .filter_map(|pair| {
            let (name, text) = pair.split_once('=')?;
            Some((decoded(name), decoded(text)))
        })
        .collect();
    let mut pairs: Vec<_> = fields
        .iter()
        .map(|(n, t)| (n.clone(), t.clone()))
        .chain(query)
        .map(|(n, t)| format!("{}={}", encoded(&n), encoded(&t)))
        .collect();
    pairs.sort();
    let host = headers["host"].to_str().unwrap();
    let base = format!(
        "{method}&{}&{}",
        encoded(&format!("http://{host}{}", uri.path())),
        encoded(&pairs.join("&"))
    );
    let mut mac =
        Hmac::<Sha1>::new_from_slice(format!("{CONSUMER_SECRET}&{TOKEN_SECRET}").as_bytes()).unwrap();
    mac.update(base.as_bytes());
    BASE64_STANDARD.encode(mac.finalize().into_bytes()) == signature
}

fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            other => write!(out, "%{other:02X}").unwrap(),
        }
        out
    })
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        if *first == b'%' {
            bytes.push(u8::from_str_radix(str::from_utf8(&after[..2]).unwrap(), 16).unwrap());
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8(bytes).unwrap()
}
