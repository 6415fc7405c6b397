//! A vendor's file server that does as it is told, on every address of this machine.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Body,
    extract::State,
    http::{HeaderMap, Request, StatusCode},
    response::Response,
};
use futures_util::StreamExt;
use muara_tests::gateway::PATIENCE;
use tokio::{sync::watch, time::timeout};

/// What one request is answered.
#[derive(Clone)]
pub(super) struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    /// Repeated without an end or a length.
    endless: bool,
    /// Only after the gate is opened.
    held: bool,
}

impl Answer {
    pub(super) fn status(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new(), endless: false, held: false }
    }

    pub(super) fn file(content: &[u8]) -> Self {
        Self { body: content.to_vec(), ..Self::status(200) }
    }

    pub(super) fn redirect(to: &str) -> Self {
        Self::status(302).header("location", to)
    }

    pub(super) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    pub(super) fn endless(self) -> Self {
        Self { endless: true, ..self }
    }

    pub(super) fn held(self) -> Self {
        Self { held: true, ..self }
    }
}

#[derive(Clone)]
pub(super) struct Vendor {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    /// What a path is answered, one after the other; the last for ever.
    files: Mutex<BTreeMap<String, VecDeque<Answer>>>,
    asked: Mutex<BTreeMap<String, Vec<HeaderMap>>>,
    count: watch::Sender<usize>,
    gate: watch::Sender<bool>,
}

impl Vendor {
    pub(super) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("0.0.0.0:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            files: Mutex::default(),
            asked: Mutex::default(),
            count: watch::Sender::new(0),
            gate: watch::Sender::new(false),
        });
        let router = Router::new().fallback(answer).with_state(Arc::clone(&shared));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { port, shared }
    }

    pub(super) fn file<const N: usize>(&self, path: &str, answers: [Answer; N]) {
        self.shared.files.lock().unwrap().insert(path.to_owned(), answers.into());
    }

    pub(super) fn url(&self, path: &str) -> String {
        self.url_at("127.0.0.1", path)
    }

    pub(super) fn url_at(&self, host: &str, path: &str) -> String {
        format!("http://{host}:{}{path}", self.port)
    }

    /// Lets go what is held, and holds nothing any more.
    pub(super) fn open(&self) {
        self.shared.gate.send_replace(true);
    }

    /// How often a path was asked for.
    pub(super) fn asked(&self, path: &str) -> usize {
        self.headers(path).len()
    }

    /// The headers of every request for a path.
    pub(super) fn headers(&self, path: &str) -> Vec<HeaderMap> {
        self.shared.asked.lock().unwrap().get(path).cloned().unwrap_or_default()
    }

    /// Waits until a path was asked for so often.
    pub(super) async fn is_asked(&self, path: &str, count: usize) {
        let mut changes = self.shared.count.subscribe();
        let asked = changes.wait_for(|_| self.asked(path) >= count);
        timeout(PATIENCE, asked).await.expect("nobody asked for the file").unwrap();
    }
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request<Body>) -> Response {
    let path = request.uri().path_and_query().unwrap().to_string();
    shared.asked.lock().unwrap().entry(path.clone()).or_default().push(request.headers().clone());
    shared.count.send_modify(|count| *count += 1);
    let answer = {
        let mut files = shared.files.lock().unwrap();
        files.get_mut(&path).map(|answers| {
            if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() }.unwrap()
        })
    };
    let answer = answer.unwrap_or_else(|| Answer::status(404));
    if answer.held {
        shared.gate.subscribe().wait_for(|open| *open).await.unwrap();
    }
    let mut response = Response::builder().status(StatusCode::from_u16(answer.status).unwrap());
    for (name, value) in answer.headers {
        response = response.header(name, value);
    }
    let body = if answer.endless {
        let chunk = answer.body;
        Body::from_stream(futures_util::stream::repeat(chunk).map(Ok::<_, std::io::Error>))
    } else {
        answer.body.into()
    };
    response.body(body).unwrap()
}
