//! The files of complaints: fetched from vendors that are late, slow, gone or hostile, kept once, and told of.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod credentials;
mod hostile;
mod order;
mod s3;
mod vendor;
mod waiting;

use std::path::{Path, PathBuf};

use muara_tests::{gateway::Gateway, reports::Signed};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use vendor::{Answer, Vendor};

const SECRET: &str = "a secret that only Qlue knows";

/// One Qlue channel, whose files may lie on this machine.
fn config(media: &str) -> String {
    let own = "[media]\nallow_private = [\"127.0.0.1\"]\n";
    format!("{own}{media}\n[channels.qlue]\nconnector = \"qlue\"\nsecret = \"{SECRET}\"\n")
}

/// A report with a file, and one without if the address is empty.
fn report(number: u32, url: &str) -> Signed {
    let mut body = json!({
        "id": number,
        "title": format!("Lubang nomor {number}"),
        "description": "Lubang besar di tengah jalan.",
        "timestamp": "2026-11-03 10:10:00",
    });
    if !url.is_empty() {
        body["file"] = json!({"format": "image", "url": url});
    }
    Signed::new(SECRET, vec![number.to_string()], body.to_string().into_bytes())
}

/// Posts a report; returns the complaint's id.
async fn post(gateway: &Gateway, number: u32, url: &str) -> String {
    let answer = gateway.accepted("qlue", &report(number, url)).await;
    answer["accepted"][0]["id"].as_str().unwrap().to_owned()
}

/// A photo: what counts is its beginning.
fn photo(words: &str) -> Vec<u8> {
    [b"\xff\xd8\xff\xe0\0\x10JFIF\0", words.as_bytes()].concat()
}

fn sha256(content: &[u8]) -> String {
    hex::encode(Sha256::digest(content))
}

/// The events that wait in the outbox, as soon as there are so many.
async fn events(gateway: &Gateway, count: usize) -> Vec<Value> {
    gateway.waiting("outbox", u64::try_from(count).unwrap()).await;
    gateway.rows(&["outbox", "tail"]).await
}

/// The one attachment of an event.
fn attachment(event: &Value) -> &Value {
    let attachments = event["data"]["attachments"].as_array().unwrap();
    assert_eq!(attachments.len(), 1, "{event}");
    &attachments[0]
}

/// The path of a file on the internal listener.
fn path(event: &Value) -> String {
    let url = attachment(event)["url"].as_str().unwrap();
    format!("/media/{}", url.split_once("/media/").unwrap().1)
}

/// Holds an event against the published schema of its type.
fn is_valid(event: &Value) {
    let name = event["type"].as_str().unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../normalizer/schema");
    let schema = std::fs::read_to_string(folder.join(format!("{name}.json"))).unwrap();
    let schema = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
    assert!(schema.is_valid(event), "{event}");
}

/// Every file below a folder.
fn kept(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<_> = entries
        .flat_map(|entry| {
            let path = entry.unwrap().path();
            if path.is_dir() { kept(&path) } else { vec![path] }
        })
        .collect();
    files.sort();
    files
}

#[tokio::test]
async fn a_file_is_kept_once_and_served_to_the_core_crm() {
    let vendor = Vendor::start().await;
    let content = photo("the same hole, seen by two");
    // what the vendor calls it does not count, and it may send us on
    vendor.file("/one.html?token=s3cr3t", [Answer::redirect("/moved.jpg")]);
    vendor.file("/moved.jpg", [Answer::file(&content).header("content-type", "text/html")]);
    let gateway = Gateway::launch(&config("")).await;
    let first = post(&gateway, 1, &vendor.url("/one.html?token=s3cr3t")).await;
    let second = post(&gateway, 2, &vendor.url("/moved.jpg")).await;
    let events = events(&gateway, 2).await;
    for event in &events {
        is_valid(event);
        let file = attachment(event);
        let complaint = event["subject"].as_str().unwrap();
        assert!([&first, &second].into_iter().any(|id| id == complaint));
        assert_eq!(
            *file,
            json!({
                "id": "1", "kind": "image", "content_type": "image/jpeg", "bytes": content.len(),
                "sha256": sha256(&content), "url": file["url"], "state": "stored",
            })
        );
        assert!(file["url"].as_str().unwrap().ends_with(&format!("/media/{complaint}/1")));
        let response = gateway.http.get(file["url"].as_str().unwrap()).send().await.unwrap();
        assert_eq!(response.status(), 200);
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(header("content-type"), "image/jpeg");
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert!(header("content-disposition").starts_with("inline; filename="));
        assert_eq!(response.text().await.unwrap().len(), String::from_utf8_lossy(&content).len());
    }
    let hash = sha256(&content);
    let folder = gateway.folder().join("media");
    assert_eq!(kept(&folder), [folder.join("sha256").join(&hash[..2]).join(&hash[2..])]);
    let words = format!("{}{events:?}", gateway.log().text());
    assert!(!words.contains("s3cr3t"), "{words}");
    for strange in ["/media/00000000-0000-7000-8000-000000000000/1", "/media/x/1"] {
        assert!(matches!(gateway.get(strange).await.0, 400 | 404));
    }
    assert_eq!(gateway.get(&format!("/media/{first}/2")).await.0, 404);
    assert!(
        gateway.metric("muara_media_attempts_total", &["result=\"stored\"", "channel=\"qlue\""]).await >= 2.0
    );
}

#[tokio::test]
async fn a_file_that_is_gone_is_told_and_fetched_again_at_the_operators_word() {
    let vendor = Vendor::start().await;
    let content = photo("found again");
    vendor.file("/gone.jpg", [Answer::status(410)]);
    let gateway = Gateway::launch(&config("")).await;
    let complaint = post(&gateway, 1, &vendor.url("/gone.jpg")).await;
    let event = events(&gateway, 1).await.remove(0);
    let file = attachment(&event);
    assert_eq!((&file["state"], &file["kind"]), (&json!("gone"), &json!("image")));
    assert!(file["reason"].as_str().unwrap().contains("removed"), "{file}");
    let (status, words) = gateway.get(&path(&event)).await;
    assert!(status == 410 && words.contains("removed"), "{status} {words}");

    let rows = gateway.rows(&["media", "list", "--state", "gone", "--json"]).await;
    assert_eq!((rows.len(), &rows[0]["complaint"]), (1, &json!(complaint)));
    let words = gateway.prints(&["media", "list"]).await;
    assert!(words.contains(&complaint) && words.contains("gone") && !words.contains("gone.jpg"), "{words}");

    vendor.file("/gone.jpg", [Answer::file(&content)]);
    assert_eq!(gateway.prints(&["media", "retry", &complaint]).await, "1 files are fetched again\n");
    let amended = events(&gateway, 2).await.remove(1);
    assert_eq!(amended["type"], "complaint.amended.v1");
    assert_eq!(
        (&amended["data"]["change"], &amended["data"]["reference"]),
        (&json!("attachments"), &event["data"]["reference"])
    );
    assert_eq!(attachment(&amended)["sha256"], json!(sha256(&content)));
    assert_eq!(gateway.get(&path(&event)).await.0, 200);
    assert!(!gateway.muara(&["media", "retry", &complaint]).await.status.success());
}

#[tokio::test]
async fn a_gateway_that_may_not_fetch_leaves_files_where_they_are() {
    let vendor = Vendor::start().await;
    let gateway = Gateway::launch(&config("fetch = false")).await;
    post(&gateway, 1, &vendor.url("/a.jpg")).await;
    let event = events(&gateway, 1).await.remove(0);
    assert_eq!(*attachment(&event), json!({"id": "1", "kind": "image", "url": vendor.url("/a.jpg")}));
    assert_eq!(vendor.asked("/a.jpg"), 0);
}
