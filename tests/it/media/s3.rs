//! Files in an S3 service.

use axum::http::Method;
use muara_tests::{
    gateway::Gateway,
    s3::{self, S3},
};

use super::{
    attachment, config, events, path, photo, post, sha256,
    vendor::{Answer, Vendor},
};

#[tokio::test]
async fn files_are_kept_in_s3_once_and_wait_while_it_is_closed() {
    let bucket = S3::listen().await;
    bucket.close(true);
    let vendor = Vendor::start().await;
    let content = photo("in the cloud");
    vendor.file("/a.jpg", [Answer::file(&content)]);
    let place = format!(
        "wait_seconds = 600\nurl = \"s3://reports/muara\"\n[media.s3]\nendpoint = \"{}\"\n\
         access_key_id = \"{}\"\nsecret_access_key = \"${{env:S3_SECRET}}\"\n",
        bucket.endpoint(),
        s3::ACCESS_KEY
    );
    let mut gateway = Gateway::new(&config(&place)).env("S3_SECRET", s3::SECRET);
    gateway.start().await;
    post(&gateway, 1, &vendor.url("/a.jpg")).await;
    let health = gateway.healthy_when("files failing", |health| health["media"]["state"] == "failing").await;
    assert_eq!(health["status"], "degraded");
    bucket.close(false);
    let first = events(&gateway, 1).await.remove(0);
    assert_eq!(attachment(&first)["sha256"], sha256(&content).as_str());
    post(&gateway, 2, &vendor.url("/a.jpg")).await;
    events(&gateway, 2).await;

    let hash = sha256(&content);
    let key = format!("/reports/muara/sha256/{}/{}", &hash[..2], &hash[2..]);
    assert_eq!(bucket.done(&Method::PUT), [key]);
    assert_eq!(gateway.get(&path(&first)).await.0, 200);
    assert_eq!(gateway.health().await["media"]["state"], "healthy");
    assert!(!gateway.log().text().contains(s3::SECRET));
}
