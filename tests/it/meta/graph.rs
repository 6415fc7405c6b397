//! A Graph API on loopback by Meta's own rules: bearer token, proof of the app's secret, lengths, windows, one private
//! reply for a comment.
#![allow(clippy::unwrap_used)]

use std::{
    collections::{BTreeSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

pub(crate) const TOKEN: &str = "EAAG-meta-test-token";
pub(crate) const SECRET: &str = "meta-app-secret";

/// The fake with its address.
pub(crate) struct Graph {
    pub(crate) url: String,
    shared: Arc<Mutex<Shared>>,
}

/// A request that was well signed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Call {
    pub(crate) path: String,
    pub(crate) body: Value,
}

#[derive(Default)]
struct Shared {
    calls: Vec<Call>,
    /// What the next calls are answered, whatever they ask; `None` lets one through.
    script: VecDeque<Option<Answer>>,
    /// Citizens whose window is closed by Meta's clock.
    closed: BTreeSet<String>,
    /// Comments and posts that got their private reply.
    replied: BTreeSet<String>,
    serial: u32,
    /// What of the app's quota is used, as good answers tell it.
    usage: Option<&'static str>,
}

struct Answer {
    status: StatusCode,
    headers: Vec<(&'static str, String)>,
    body: Value,
}

impl Graph {
    pub(crate) async fn start() -> Self {
        muara_tests::install_tls_provider();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v23.0", listener.local_addr().unwrap());
        let shared = Arc::new(Mutex::new(Shared::default()));
        let told = axum::middleware::map_response_with_state(Arc::clone(&shared), told);
        let app = Router::new().fallback(answer).with_state((url.clone(), Arc::clone(&shared))).layer(told);
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, shared }
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap()
    }

    /// All calls so far, and forgets them.
    pub(crate) fn calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.shared().calls)
    }

    /// The next call gets this answer.
    pub(crate) fn answers(&self, status: u16, headers: &[(&'static str, &str)], body: Value) {
        let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        let status = StatusCode::from_u16(status).unwrap();
        self.shared().script.push_back(Some(Answer { status, headers, body }));
    }

    /// The next call gets this error.
    pub(crate) fn fails(&self, status: u16, code: i64, subcode: Option<i64>) {
        self.answers(status, &[], error(code, subcode));
    }

    /// From now on good answers tell so much of the app's quota is used.
    pub(crate) fn tells(&self, usage: &'static str) {
        self.shared().usage = Some(usage);
    }

    /// The next call is let through.
    pub(crate) fn lets_one_through(&self) {
        self.shared().script.push_back(None);
    }

    /// The citizen's window is closed by Meta's clock.
    pub(crate) fn closes_the_window_of(&self, citizen: &str) {
        self.shared().closed.insert(citizen.to_owned());
    }
}

async fn told(State(shared): State<Arc<Mutex<Shared>>>, mut response: Response) -> Response {
    if let Some(usage) = shared.lock().unwrap().usage.filter(|_| response.status().is_success()) {
        response.headers_mut().insert("x-app-usage", usage.parse().unwrap());
    }
    response
}

fn error(code: i64, subcode: Option<i64>) -> Value {
    let mut error = json!({ "message": "(#1) What Meta says", "type": "OAuthException", "code": code,
        "fbtrace_id": "A1b2" });
    if let Some(subcode) = subcode {
        error["error_subcode"] = subcode.into();
    }
    json!({ "error": error })
}

fn refused(status: StatusCode, code: i64, subcode: Option<i64>) -> Response {
    (status, axum::Json(error(code, subcode))).into_response()
}

async fn answer(
    State((url, shared)): State<(String, Arc<Mutex<Shared>>)>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if headers.get("authorization").is_none_or(|given| given != format!("Bearer {TOKEN}").as_str()) {
        return refused(StatusCode::UNAUTHORIZED, 190, None);
    }
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(TOKEN.as_bytes());
    let proof = format!("appsecret_proof={}", hex::encode(mac.finalize().into_bytes()));
    if uri.query() != Some(proof.as_str()) {
        return refused(StatusCode::BAD_REQUEST, 100, None);
    }
    let path = uri.path().strip_prefix("/v23.0/").unwrap_or_default().to_owned();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let mut shared = shared.lock().unwrap();
    shared.calls.push(Call { path: path.clone(), body: body.clone() });
    if let Some(Some(scripted)) = shared.script.pop_front() {
        let mut response = (scripted.status, axum::Json(scripted.body)).into_response();
        for (name, value) in scripted.headers {
            response.headers_mut().insert(name, value.parse().unwrap());
        }
        return response;
    }
    let answered = match (method, path.split('/').collect::<Vec<_>>().as_slice()) {
        (Method::GET, ["1001"]) => Ok(json!({ "url": format!("{url}/files/1001"), "mime_type": "image/jpeg",
            "id": "1001", "messaging_product": "whatsapp" })),
        (Method::GET, _) => Err((100, Some(33))),
        (Method::POST, [_, "messages"]) if body["messaging_product"] == "whatsapp" => shared.whatsapp(&body),
        (Method::POST, [account, "messages"]) => shared.message(account, &body),
        (Method::POST, [_, "comments" | "replies"]) => shared.comment(&body),
        _ => Err((2500, None)),
    };
    match answered {
        Ok(answer) => axum::Json(answer).into_response(),
        Err((code, subcode)) => refused(StatusCode::BAD_REQUEST, code, subcode),
    }
}

type Answered = Result<Value, (i64, Option<i64>)>;

impl Shared {
    fn next(&mut self) -> u32 {
        self.serial += 1;
        self.serial
    }

    fn whatsapp(&mut self, body: &Value) -> Answered {
        // `to` is a number, `recipient` an id
        let to = body["to"].as_str().or(body["recipient"].as_str()).ok_or((100, None))?;
        if body["to"].as_str().is_some_and(|to| !to.bytes().all(|byte| byte.is_ascii_digit())) {
            return Err((131_026, None));
        }
        match body["type"].as_str() {
            Some("text") => {
                let text = body["text"]["body"].as_str().ok_or((100, None))?;
                if text.is_empty() || text.chars().count() > 4096 {
                    return Err((100, None));
                }
                if self.closed.contains(to) {
                    return Err((131_047, None));
                }
            }
            Some("template") => {
                if body["template"]["name"] != "kabar_laporan" || body["template"]["language"]["code"] != "id"
                {
                    return Err((132_001, None));
                }
                for parameter in
                    body["template"]["components"][0]["parameters"].as_array().ok_or((132_000, None))?
                {
                    let text = parameter["text"].as_str().unwrap_or_default();
                    if text.is_empty() || text.contains(['\n', '\t']) || text.contains("     ") {
                        return Err((132_012, None));
                    }
                    if text.chars().count() > 1024 {
                        return Err((132_005, None));
                    }
                }
            }
            _ => return Err((131_051, None)),
        }
        let id = self.next();
        Ok(json!({ "messaging_product": "whatsapp", "contacts": [{ "input": to, "wa_id": to }],
            "messages": [{ "id": format!("wamid.out{id}") }] }))
    }

    fn message(&mut self, account: &str, body: &Value) -> Answered {
        let text = body["message"]["text"].as_str().ok_or((100, None))?;
        // Instagram's token is asked for as `me`
        let fits = if account == "me" { text.len() <= 1000 } else { text.chars().count() <= 2000 };
        if text.is_empty() || !fits {
            return Err((100, None));
        }
        if let Some(user) = body["recipient"]["id"].as_str() {
            let in_time = match (body["messaging_type"].as_str(), body["tag"].as_str()) {
                (Some("RESPONSE"), None) => !self.closed.contains(user),
                (Some("MESSAGE_TAG"), Some("HUMAN_AGENT")) => true,
                _ => return Err((100, None)),
            };
            if !in_time {
                return Err((10, Some(2_018_278)));
            }
        } else {
            let said = body["recipient"]["comment_id"].as_str().or(body["recipient"]["post_id"].as_str());
            if !self.replied.insert(said.ok_or((100, None))?.to_owned()) {
                return Err((10_900, None));
            }
        }
        let id = self.next();
        Ok(json!({ "recipient_id": "6712345678901234", "message_id": format!("m_out{id}") }))
    }

    fn comment(&mut self, body: &Value) -> Answered {
        body["message"].as_str().filter(|text| !text.is_empty()).ok_or((100, None))?;
        let id = self.next();
        Ok(json!({ "id": format!("comment{id}") }))
    }
}
