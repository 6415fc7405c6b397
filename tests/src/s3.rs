//! An S3 service on loopback with one access key. It takes a request only if it is signed as AWS asks, Signature Version 4:
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html>.

#![allow(clippy::unwrap_used)]

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
    extract::State,
    http::{Method, Request, StatusCode, request::Parts},
    response::{IntoResponse, Response},
};
use hmac::{Hmac, KeyInit, Mac};
use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;

/// The id of the one access key.
pub const ACCESS_KEY: &str = "muara";
/// Its secret.
pub const SECRET: &str = "an-s3-secret";
/// A signature is good for so many seconds before and after.
const SKEW: i64 = 15 * 60;

#[derive(Default)]
struct Shared {
    objects: Mutex<BTreeMap<String, Bytes>>,
    log: Mutex<Vec<(Method, String)>>,
    closed: AtomicBool,
}

/// The service; it listens until it is dropped.
pub struct S3 {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for S3 {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl S3 {
    /// A service with no objects.
    ///
    /// # Panics
    /// If the system has no sockets.
    pub async fn listen() -> Self {
        let shared = Arc::new(Shared::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().fallback(serve).with_state(Arc::clone(&shared));
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, shared, task }
    }

    /// Its address, as the key `endpoint` wants it.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on it refuses everything, or no longer so.
    pub fn close(&self, closed: bool) {
        self.shared.closed.store(closed, Ordering::SeqCst);
    }

    /// The paths of all objects, `/bucket/key`.
    ///
    /// # Panics
    /// If another thread panicked.
    pub fn objects(&self) -> Vec<String> {
        self.shared.objects.lock().unwrap().keys().cloned().collect()
    }

    /// What was done by a method, oldest first.
    ///
    /// # Panics
    /// If another thread panicked.
    pub fn done(&self, method: &Method) -> Vec<String> {
        let log = self.shared.log.lock().unwrap();
        log.iter().filter(|(did, _)| did == method).map(|(_, path)| path.clone()).collect()
    }
}

async fn serve(State(shared): State<Arc<Shared>>, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    if let Err(why) = verify(&parts, &body) {
        return refused("SignatureDoesNotMatch", why);
    }
    if shared.closed.load(Ordering::SeqCst) {
        return refused("AccessDenied", "closed");
    }
    let path = parts.uri.path().to_owned();
    shared.log.lock().unwrap().push((parts.method.clone(), path.clone()));
    let mut objects = shared.objects.lock().unwrap();
    match parts.method {
        Method::PUT => {
            objects.insert(path, body);
            [("etag", "\"1\"")].into_response()
        }
        Method::GET | Method::HEAD => match objects.get(&path) {
            Some(content) => {
                let when = "Tue, 03 Nov 2026 10:10:00 GMT";
                ([("etag", "\"1\""), ("last-modified", when)], content.clone()).into_response()
            }
            None => StatusCode::NOT_FOUND.into_response(),
        },
        // what is not there is deleted
        Method::DELETE => {
            objects.remove(&path);
            StatusCode::NO_CONTENT.into_response()
        }
        _ => StatusCode::METHOD_NOT_ALLOWED.into_response(),
    }
}

fn refused(code: &str, why: &str) -> Response {
    let error = format!("<Error><Code>{code}</Code><Message>{why}</Message></Error>");
    (StatusCode::FORBIDDEN, error).into_response()
}

fn verify(request: &Parts, body: &[u8]) -> Result<(), &'static str> {
    let header = |name: &str| request.headers.get(name).and_then(|value| value.to_str().ok());
    let authorization = header("authorization").and_then(|text| text.strip_prefix("AWS4-HMAC-SHA256 "));
    let authorization = authorization.ok_or("it is not signed")?;
    let part = |name: &str| {
        let mut parts = authorization.split(',').map(str::trim);
        parts.find_map(|part| part.strip_prefix(name)?.strip_prefix('=')).ok_or("a part is missing")
    };
    let (key, scope) = part("Credential")?.split_once('/').ok_or("no scope")?;
    if key != ACCESS_KEY {
        return Err("an unknown key");
    }
    let scopes: Vec<_> = scope.split('/').collect();
    let [day, _region, "s3", "aws4_request"] = scopes[..] else { return Err("another scope") };
    let date = header("x-amz-date").ok_or("no date")?;
    let time = DateTime::strptime("%Y%m%dT%H%M%SZ", date).map_err(|_| "no date")?;
    let time = time.to_zoned(TimeZone::UTC).map_err(|_| "no date")?.timestamp();
    if !date.starts_with(day) || (Timestamp::now().as_second() - time.as_second()).abs() > SKEW {
        return Err("signed at another time");
    }
    let digest = header("x-amz-content-sha256").ok_or("no digest")?;
    if digest != "UNSIGNED-PAYLOAD" && digest != hex::encode(Sha256::digest(body)) {
        return Err("another body was signed");
    }
    let signed = part("SignedHeaders")?;
    let names: Vec<_> = signed.split(';').collect();
    if ["host", "x-amz-content-sha256", "x-amz-date"].iter().any(|name| !names.contains(name)) {
        return Err("a header is not signed");
    }
    let mut query: Vec<_> =
        request.uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()).collect();
    query.sort_unstable();
    let mut canonical = format!("{}\n{}\n{}\n", request.method, request.uri.path(), query.join("&"));
    for name in &names {
        canonical += &format!("{name}:{}\n", header(name).ok_or("a signed header is missing")?.trim());
    }
    canonical += &format!("\n{signed}\n{digest}");
    let text = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", hex::encode(Sha256::digest(canonical)));
    let key = scopes.iter().fold(format!("AWS4{SECRET}").into_bytes(), |key, part| mac(&key, part));
    if part("Signature")? == hex::encode(mac(&key, &text)) { Ok(()) } else { Err("another signature") }
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}
