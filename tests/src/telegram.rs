//! A Bot API on loopback that behaves as Telegram's: an update is there until a later one is asked for, comes only if its
//! kind was asked for, one program at a time may ask, and a webhook excludes asking.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::post,
};
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    sync::{Notify, watch},
    time::{Instant, timeout_at},
};

use crate::gateway::PATIENCE;

/// The token of the only bot there is.
pub const TOKEN: &str = "812345:canary-of-the-token";

#[derive(Default)]
struct Bot {
    updates: BTreeMap<i64, Value>,
    last: i64,
    /// Counts the programs that ask: the newest one wins.
    asker: u64,
    webhook: bool,
    /// What the next calls of a method are refused with.
    refusals: VecDeque<(String, u16, Value)>,
    messages: i64,
}

struct Shared {
    bot: Mutex<Bot>,
    news: Notify,
    sent: watch::Sender<Vec<Value>>,
}

/// The API.
pub struct BotApi {
    address: std::net::SocketAddr,
    shared: Arc<Shared>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for BotApi {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn refuse(code: u16, description: &str) -> Response {
    let body = json!({ "ok": false, "error_code": code, "description": description });
    (StatusCode::from_u16(code).unwrap(), Json(body)).into_response()
}

fn result(result: &Value) -> Response {
    Json(json!({ "ok": true, "result": result })).into_response()
}

async fn call(
    State(shared): State<Arc<Shared>>,
    Path((bot, method)): Path<(String, String)>,
    Json(arguments): Json<Value>,
) -> Response {
    if bot != format!("bot{TOKEN}") {
        return refuse(401, "Unauthorized");
    }
    {
        let mut bot = shared.bot.lock().unwrap();
        if bot.refusals.front().is_some_and(|(refused, ..)| *refused == method) {
            let (_, code, more) = bot.refusals.pop_front().unwrap();
            let mut body = json!({ "ok": false, "error_code": code, "description": "refused by the test" });
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            return (StatusCode::from_u16(code).unwrap(), Json(body)).into_response();
        }
    }
    match method.as_str() {
        "getUpdates" => updates(&shared, &arguments).await,
        "sendMessage" => {
            let number = {
                let mut bot = shared.bot.lock().unwrap();
                bot.messages += 1;
                bot.messages
            };
            shared.sent.send_modify(|sent| sent.push(arguments.clone()));
            result(&json!({ "message_id": number, "chat": { "id": arguments["chat_id"] } }))
        }
        "getFile" if arguments["file_id"] == "too-big" => refuse(400, "Bad Request: file is too big"),
        "getFile" => result(&json!({ "file_id": arguments["file_id"], "file_path": "photos/file_1.jpg" })),
        _ => refuse(404, "Not Found"),
    }
}

async fn updates(shared: &Shared, arguments: &Value) -> Response {
    let offset = arguments["offset"].as_i64().unwrap_or(i64::MIN);
    let asker = {
        let mut bot = shared.bot.lock().unwrap();
        if bot.webhook {
            return refuse(409, "Conflict: can't use getUpdates method while webhook is active");
        }
        bot.updates.retain(|id, _| *id >= offset);
        bot.asker += 1;
        shared.news.notify_waiters();
        bot.asker
    };
    let kinds = arguments["allowed_updates"].as_array().cloned().unwrap_or_default();
    let end = Instant::now() + Duration::from_secs(arguments["timeout"].as_u64().unwrap_or(0));
    loop {
        let news = shared.news.notified();
        let found: Vec<Value> = {
            let bot = shared.bot.lock().unwrap();
            if bot.asker != asker {
                return refuse(409, "Conflict: terminated by other getUpdates request");
            }
            let allowed = |update: &&Value| {
                kinds.is_empty() || kinds.iter().any(|kind| update.get(kind.as_str().unwrap()).is_some())
            };
            bot.updates.values().filter(allowed).take(100).cloned().collect()
        };
        if !found.is_empty() || timeout_at(end, news).await.is_err() {
            return result(&json!(found));
        }
    }
}

impl BotApi {
    /// A bot without updates.
    ///
    /// # Panics
    /// If the system has no sockets.
    pub async fn listen() -> Self {
        let shared = Arc::new(Shared {
            bot: Mutex::default(),
            news: Notify::new(),
            sent: watch::Sender::new(Vec::new()),
        });
        let routes = Router::new().route("/{bot}/{method}", post(call)).with_state(Arc::clone(&shared));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        Self { address, shared, task }
    }

    /// `api_url`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A citizen writes; returns the update's number.
    ///
    /// # Panics
    /// If another thread panicked.
    pub fn writes(&self, text: &str) -> i64 {
        self.happens(|number| {
            json!({ "message": {
                "message_id": number, "date": 1_793_675_400, "text": text,
                "from": { "id": 77, "is_bot": false, "first_name": "Budi" }, "chat": { "id": 77, "type": "private" },
            }})
        })
    }

    /// Anything happens, told by the number of its update.
    ///
    /// # Panics
    /// If another thread panicked.
    pub fn happens(&self, update: impl FnOnce(i64) -> Value) -> i64 {
        let mut bot = self.shared.bot.lock().unwrap();
        bot.last += 1;
        let number = bot.last;
        let mut update = update(number);
        update["update_id"] = json!(number);
        bot.updates.insert(number, update);
        drop(bot);
        self.shared.news.notify_waiters();
        number
    }

    /// As after a week without updates: the next one has any number.
    ///
    /// # Panics
    /// If another thread panicked.
    pub fn numbers_anew(&self, next: i64) {
        self.shared.bot.lock().unwrap().last = next - 1;
    }

    /// The next call of a method is refused with this code and these members.
    ///
    /// # Panics
    /// If another thread panicked.
    pub fn refuses(&self, method: &str, code: u16, more: Value) {
        self.shared.bot.lock().unwrap().refusals.push_back((method.to_owned(), code, more));
    }

    /// A webhook is set, or taken away.
    ///
    /// # Panics
    /// If another thread panicked.
    pub fn webhook(&self, set: bool) {
        self.shared.bot.lock().unwrap().webhook = set;
    }

    /// Updates that nobody has confirmed.
    ///
    /// # Panics
    /// If another thread panicked.
    pub fn pending(&self) -> usize {
        self.shared.bot.lock().unwrap().updates.len()
    }

    /// Waits until so many messages were sent.
    ///
    /// # Panics
    /// If they are not.
    pub async fn sent(&self, count: usize) -> Vec<Value> {
        let mut sent = self.shared.sent.subscribe();
        let wait = sent.wait_for(|sent| sent.len() >= count);
        timeout_at(Instant::now() + PATIENCE, wait).await.expect("not so many messages").unwrap().clone()
    }
}
