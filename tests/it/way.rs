//! The whole way of a message, with nothing replaced: a vendor's request or an officer's browser, the program, a real
//! RabbitMQ, and at its end a consumer.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::time::Duration;

use muara_tests::{consume, gateway::Gateway, rabbitmq::RabbitNode, reports::Reports};
use serde_json::{Value, json};

use crate::{
    broker::contract,
    desk::office::{self, PASSWORD},
    desk_browser::{Chromium, SCREEN},
};

const QUEUE: &str = "crm.complaints";
const PATIENCE: Duration = Duration::from_secs(20);

fn config(broker: &str) -> String {
    let extra = format!("[broker]\nurl = \"{broker}\"\n[desk]\nsecure_cookies = false\n");
    let letters = r#"
[channels.media_massa]
connector = "webhook"
secret = "token"
auth = { scheme = "header_token", header = "Authorization", prefix = "Bearer " }
items = "$.letters[*]"
[channels.media_massa.fields]
external_id = "$.no"
text = { path = "$.html", transforms = ["html_to_text"] }
phone = "$.phone"
sent_at = { path = "$.printed", transforms = [{ local_time = "%d/%m/%Y %H.%M" }] }
"#;
    office::configuration(&extra, office::hash()) + letters
}

#[tokio::test]
async fn an_entry_at_the_desk_in_chromium_reaches_the_core_crm() {
    let vhost = RabbitNode::shared().await.vhost("desk").await;
    let mut gateway = Gateway::launch(&config(&vhost.url())).await;
    let url = gateway.url("/desk/kelurahan");
    let chromium = Chromium::open(SCREEN, true).await;
    chromium.sign_in(&url, PASSWORD).await;
    let reference = chromium.enter("form-filled-for-the-crm").await;
    drop(chromium);

    let received = consume::drain(&vhost.url(), QUEUE, 1, PATIENCE).await;
    assert_eq!(received.len(), 1);
    let event: Value = serde_json::from_slice(&received[0].body).unwrap();
    let complaint = &event["data"];
    assert_eq!(
        complaint["reference"],
        json!(reference),
        "the citizen holds the reference that the CRM reads"
    );
    assert_eq!(
        complaint["channel"],
        json!({"id": "kelurahan", "connector": "desk", "office": "Kelurahan Menteng"})
    );
    assert_eq!(
        complaint["description"],
        "Jalan berlubang di depan sekolah, sudah dua motor jatuh minggu ini."
    );
    assert_eq!(complaint["location"]["kelurahan"]["code"], "31.71.06.1001");
    assert_eq!(complaint["location"]["rt"], "003");
    assert_eq!(complaint["category"][0]["name"], "Jalan");
    let text = String::from_utf8_lossy(&received[0].body);
    assert!(!text.contains("3456") && !text.contains("7890"), "the phone stays in the gateway: {text}");
    gateway.terminate().await;
}

#[tokio::test]
async fn every_message_is_valid_to_a_consumer_in_python() {
    let vhost = RabbitNode::shared().await.vhost("contract").await;
    let mut gateway = Gateway::launch(&config(&vhost.url())).await;
    let reports = Reports::new("s");
    let mut sent = 0;
    for _ in 0..8 {
        gateway.accepted("qlue", &reports.next()).await;
        sent += 1;
    }
    gateway.accepted("qlue", &reports.batch(20)).await;
    sent += 20;
    // as bad as a report may be and still be one
    let odd = json!({"data": [
        {"id": 900_001, "description": "\u{feff}Lampu\u{200b} mati\r\n\r\n\r\ndan gelap \u{202e}"},
        {"id": "900002", "title": "Hanya judul", "timestamp": "1999-01-01 00:00:00", "location": {"lat": 0, "lng": 0}},
        {"id": 900_003, "file": {"url": "https:\\/\\/qlue.example\\/foto.jpg"}, "timestamp": "kemarin"},
        {"id": 900_004, "description": "Pohon tumbang", "location": {"lat": 106.8456, "lng": -6.2088}},
        {"id": 900_005, "description": "Banjir di luar kota", "timestamp": "2099-01-01 00:00:00", "location": {"lat": 48.1, "lng": 11.5}},
    ]});
    gateway.accepted("qlue", &reports.sign(Vec::new(), &odd)).await;
    sent += 5;
    let letters = json!({"letters": [
        {"no": "1", "html": "<p>Sampah &amp; bau</p>", "phone": "0812-3456-7890", "printed": "03/11/2026 10.10"},
        {"no": "2", "html": "<p>Got mampet</p>"},
    ]});
    let response = muara_tests::gateway::client()
        .post(gateway.url("/in/media_massa"))
        .bearer_auth("token")
        .json(&letters)
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 202);
    sent += 2;

    let schemas = concat!(env!("CARGO_MANIFEST_DIR"), "/../normalizer/schema");
    let output = contract::consume(&vhost.url(), schemas, sent).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(summary["checked"], sent);
    gateway.terminate().await;
}
