//! A vendor on loopback that hears how reports stand: it checks what it is sent as the vendor would.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, HeaderName, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
    routing::any,
};
use tokio::{
    net::TcpListener,
    sync::watch,
    time::{Instant, timeout_at},
};

use crate::gateway::PATIENCE;

/// One request that came.
#[derive(Clone, Debug)]
pub struct Call {
    /// `POST`, `PUT` or `PATCH`.
    pub method: Method,
    /// Path and query.
    pub path: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// What it was answered.
    pub status: u16,
}

impl Call {
    /// The body as JSON.
    ///
    /// # Panics
    /// If it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// A header's text.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap_or_default())
    }
}

struct Shared {
    /// What is answered next; 200 when nothing is left.
    answers: Mutex<VecDeque<(u16, HeaderMap, String)>>,
    calls: watch::Sender<Vec<Call>>,
}

/// The vendor; it listens until it is dropped.
pub struct Callbacks {
    address: std::net::SocketAddr,
    shared: Arc<Shared>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Callbacks {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let said = shared.answers.lock().unwrap().pop_front();
    let (status, more, text) = said.unwrap_or((200, HeaderMap::new(), String::new()));
    let path = uri.path_and_query().map(ToString::to_string).unwrap_or_default();
    shared.calls.send_modify(|calls| calls.push(Call { method, path, headers, body, status }));
    let status = StatusCode::from_u16(status).unwrap();
    if status.is_redirection() {
        return (status, [(header::LOCATION, text)]).into_response();
    }
    (status, more, text).into_response()
}

impl Callbacks {
    /// A vendor that takes everything.
    ///
    /// # Panics
    /// If the system has no sockets.
    pub async fn listen() -> Self {
        let shared = Arc::new(Shared { answers: Mutex::default(), calls: watch::Sender::new(Vec::new()) });
        let routes = Router::new().fallback(any(answer)).with_state(Arc::clone(&shared));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        Self { address, shared, task }
    }

    /// An address of it.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The next request is answered with this status, and perhaps `Retry-After` in seconds.
    ///
    /// # Panics
    /// If another thread panicked.
    pub fn will(&self, status: u16, retry_after: Option<u32>) {
        let after = retry_after.map(|seconds| (header::RETRY_AFTER, seconds.into()));
        let answer = (status, after.into_iter().collect(), String::new());
        self.shared.answers.lock().unwrap().push_back(answer);
    }

    /// The next request is answered with this status and these headers.
    ///
    /// # Panics
    /// If a header is none.
    pub fn will_tell(&self, status: u16, headers: &[(&'static str, &str)]) {
        let headers =
            headers.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
        self.shared.answers.lock().unwrap().push_back((status, headers.collect(), String::new()));
    }

    /// The next request is sent on to this path with 302.
    ///
    /// # Panics
    /// If another thread panicked.
    pub fn leads_to(&self, path: &str) {
        self.shared.answers.lock().unwrap().push_back((302, HeaderMap::new(), path.to_owned()));
    }

    /// Where it listens.
    pub fn address(&self) -> std::net::SocketAddr {
        self.address
    }

    /// The next request is answered with this status and JSON.
    ///
    /// # Panics
    /// If another thread panicked.
    pub fn will_say(&self, status: u16, body: &serde_json::Value) {
        self.shared.answers.lock().unwrap().push_back((status, HeaderMap::new(), body.to_string()));
    }

    /// All that came so far.
    pub fn calls(&self) -> Vec<Call> {
        self.shared.calls.borrow().clone()
    }

    /// Waits until so many requests came.
    ///
    /// # Panics
    /// If they do not.
    pub async fn has(&self, count: usize) -> Vec<Call> {
        let mut calls = self.shared.calls.subscribe();
        let wait = calls.wait_for(|calls| calls.len() >= count);
        let calls = timeout_at(Instant::now() + PATIENCE, wait).await;
        calls.unwrap_or_else(|_| panic!("{count} calls never came")).unwrap().clone()
    }
}
