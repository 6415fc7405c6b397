//! Files in an S3 service: a loopback one that wants signed requests.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::{Bytes, to_bytes},
    extract::State,
    http::{Method, Request, StatusCode},
    response::{IntoResponse, Response},
};
use muara_tests::gateway::Gateway;

use super::{
    attachment, config, events, path, photo, post, sha256,
    vendor::{Answer, Vendor},
};

#[derive(Default)]
struct Bucket {
    objects: Mutex<BTreeMap<String, Bytes>>,
    writes: Mutex<Vec<String>>,
    closed: Mutex<bool>,
}

async fn serve(State(bucket): State<Arc<Bucket>>, request: Request<axum::body::Body>) -> Response {
    let signed = {
        let header = |name: &str| {
            request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
        };
        header("authorization").starts_with("AWS4-HMAC-SHA256 Credential=muara/")
            && !header("x-amz-content-sha256").is_empty()
    };
    if !signed || *bucket.closed.lock().unwrap() {
        let error = "<Error><Code>AccessDenied</Code><Message>no</Message></Error>";
        return (StatusCode::FORBIDDEN, error).into_response();
    }
    let key = request.uri().path().to_owned();
    let method = request.method().clone();
    match method {
        Method::PUT => {
            let body = to_bytes(request.into_body(), usize::MAX).await.unwrap();
            bucket.writes.lock().unwrap().push(key.clone());
            bucket.objects.lock().unwrap().insert(key, body);
            [("etag", "\"1\"")].into_response()
        }
        Method::GET | Method::HEAD => match bucket.objects.lock().unwrap().get(&key) {
            Some(content) => {
                let when = "Tue, 03 Nov 2026 10:10:00 GMT";
                ([("etag", "\"1\""), ("last-modified", when)], content.clone()).into_response()
            }
            None => StatusCode::NOT_FOUND.into_response(),
        },
        _ => StatusCode::METHOD_NOT_ALLOWED.into_response(),
    }
}

#[tokio::test]
async fn files_are_kept_in_s3_once_and_wait_while_it_is_closed() {
    let bucket = Arc::new(Bucket { closed: Mutex::new(true), ..Bucket::default() });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().fallback(serve).with_state(Arc::clone(&bucket));
    tokio::spawn(async move { axum::serve(listener, router).await });

    let vendor = Vendor::start().await;
    let content = photo("in the cloud");
    vendor.file("/a.jpg", [Answer::file(&content)]);
    let s3 = format!(
        "wait_seconds = 600\nurl = \"s3://reports/muara\"\n[media.s3]\nendpoint = \"http://{address}\"\n\
         access_key_id = \"muara\"\nsecret_access_key = \"${{env:S3_SECRET}}\"\n"
    );
    let mut gateway = Gateway::new(&config(&s3)).env("S3_SECRET", "an-s3-secret");
    gateway.start().await;
    post(&gateway, 1, &vendor.url("/a.jpg")).await;
    let health = gateway.healthy_when("files failing", |health| health["media"]["state"] == "failing").await;
    assert_eq!(health["status"], "degraded");
    *bucket.closed.lock().unwrap() = false;
    let first = events(&gateway, 1).await.remove(0);
    assert_eq!(attachment(&first)["sha256"], sha256(&content).as_str());
    post(&gateway, 2, &vendor.url("/a.jpg")).await;
    events(&gateway, 2).await;

    let hash = sha256(&content);
    let key = format!("/reports/muara/sha256/{}/{}", &hash[..2], &hash[2..]);
    assert_eq!(*bucket.writes.lock().unwrap(), [key]);
    assert_eq!(gateway.get(&path(&first)).await.0, 200);
    assert_eq!(gateway.health().await["media"]["state"], "healthy");
    assert!(!gateway.log().text().contains("an-s3-secret"));
}
