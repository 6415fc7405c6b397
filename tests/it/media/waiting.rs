//! How long an event waits for its files, and what a crash does to them.

use muara_tests::gateway::Gateway;
use serde_json::json;

use super::{
    attachment, config, events, is_valid, kept, path, photo, post, sha256,
    vendor::{Answer, Vendor},
};

#[tokio::test]
async fn an_event_waits_for_its_file_and_others_pass_it() {
    let vendor = Vendor::start().await;
    let content = photo("late");
    // vendors announce a message before its file is there
    vendor.file("/late.jpg", [Answer::status(404), Answer::status(503), Answer::file(&content).held()]);
    let gateway = Gateway::launch(&config("wait_seconds = 600")).await;
    let waits = post(&gateway, 1, &vendor.url("/late.jpg")).await;
    vendor.is_asked("/late.jpg", 1).await;
    let passes = post(&gateway, 2, "").await;
    assert_eq!(events(&gateway, 1).await[0]["subject"], json!(passes));
    vendor.is_asked("/late.jpg", 3).await;
    vendor.open();
    let all = events(&gateway, 2).await;
    assert_eq!(all[1]["subject"], json!(waits));
    let file = attachment(&all[1]);
    assert_eq!((&file["state"], &file["sha256"]), (&json!("stored"), &json!(sha256(&content))));
}

#[tokio::test]
async fn an_event_does_not_wait_longer_and_the_late_file_is_told() {
    let vendor = Vendor::start().await;
    let content = photo("very late");
    vendor.file("/late.jpg?key=s3cr3t", [Answer::file(&content).held()]);
    let gateway = Gateway::launch(&config("wait_seconds = 1")).await;
    post(&gateway, 1, &vendor.url("/late.jpg?key=s3cr3t")).await;
    let event = events(&gateway, 1).await.remove(0);
    let file = attachment(&event);
    assert_eq!(*file, json!({"id": "1", "kind": "image", "url": file["url"], "state": "pending"}));
    let response = gateway.http.get(file["url"].as_str().unwrap()).send().await.unwrap();
    assert_eq!(response.status(), 409);
    assert!(response.headers().contains_key("retry-after"));

    vendor.open();
    let amended = events(&gateway, 2).await.remove(1);
    assert_eq!(amended["type"], "complaint.amended.v1");
    assert_eq!(amended["data"]["complaint_id"], event["subject"]);
    let late = attachment(&amended);
    assert_eq!((&late["url"], &late["id"]), (&file["url"], &json!("1")));
    assert_eq!((&late["state"], &late["sha256"]), (&json!("stored"), &json!(sha256(&content))));
    assert_eq!(gateway.get(&path(&event)).await.0, 200);
    let words = format!("{}{event}{amended}", gateway.log().text());
    assert!(!words.contains("s3cr3t"), "{words}");
    is_valid(&event);
    is_valid(&amended);
}

#[tokio::test]
async fn a_kill_while_files_are_fetched_loses_none_and_keeps_each_once() {
    let vendor = Vendor::start().await;
    let content = photo("of a night of kills");
    for number in 0..6 {
        vendor.file(&format!("/{number}.jpg"), [Answer::file(&content).held()]);
    }
    let mut gateway = Gateway::launch(&config("wait_seconds = 600")).await;
    for number in 0..6 {
        post(&gateway, number, &vendor.url(&format!("/{number}.jpg"))).await;
    }
    vendor.is_asked("/3.jpg", 1).await;
    gateway.kill9().await;
    gateway.start().await;
    // one channel gets half of the eight places
    vendor.is_asked("/3.jpg", 2).await;
    assert_eq!((vendor.asked("/4.jpg"), vendor.asked("/5.jpg")), (0, 0));
    vendor.open();
    gateway.kill9().await;
    // what a kill in the middle of a write leaves
    let hash = sha256(&content);
    let folder = gateway.folder().join("media/sha256").join(&hash[..2]);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(format!("{}#1", &hash[2..])), &content[..5]).unwrap();
    gateway.start().await;
    let events = events(&gateway, 6).await;
    for event in &events {
        assert_eq!(event["type"], "complaint.received.v1");
        assert_eq!(attachment(event)["sha256"], json!(sha256(&content)));
    }
    assert_eq!(kept(&gateway.folder().join("media")).len(), 1);
    assert!(gateway.rows(&["media", "list", "--state", "pending", "--json"]).await.is_empty());
}

#[tokio::test]
async fn a_stop_does_not_wait_for_files() {
    let vendor = Vendor::start().await;
    vendor.file("/a.jpg", [Answer::file(&photo("a")).held()]);
    let mut gateway = Gateway::launch(&config("wait_seconds = 600\n[intake]\ndrain_seconds = 100")).await;
    post(&gateway, 1, &vendor.url("/a.jpg")).await;
    vendor.is_asked("/a.jpg", 1).await;
    // it gives up waiting for the end long before the drain time would have passed
    let (status, _) = gateway.terminate().await;
    assert!(status.success());
    vendor.open();
    gateway.start().await;
    assert_eq!(attachment(&events(&gateway, 1).await[0])["state"], "stored");
}

#[tokio::test]
async fn a_vendor_that_asks_for_a_pause_gets_it() {
    let vendor = Vendor::start().await;
    vendor.file("/busy.jpg", [Answer::status(429).header("retry-after", "3600")]);
    let log = "[log]\nfilter = \"info,muara::media=debug\"";
    let gateway = Gateway::launch(&config(&format!("wait_seconds = 0\n{log}"))).await;
    post(&gateway, 1, &vendor.url("/busy.jpg")).await;
    gateway.log().line(0, "is tried again").await;
    post(&gateway, 2, &vendor.url("/other.jpg")).await;
    let rows = gateway.rows(&["media", "list", "--state", "pending", "--json"]).await;
    let due: jiff::Timestamp = rows[0]["due_at"].as_str().unwrap().parse().unwrap();
    assert!(due.duration_since(jiff::Timestamp::now()) > jiff::SignedDuration::from_mins(50), "{due}");
    // its other files wait as well
    gateway.waiting("outbox", 2).await;
    assert_eq!((vendor.asked("/busy.jpg"), vendor.asked("/other.jpg")), (1, 0));
}
