//! A chat whose messages come while the gateway dies again and again: one complaint, of all of them, once.

use std::time::Duration;

use muara_tests::{
    gateway::{Gateway, PATIENCE},
    telegram::{BotApi, TOKEN},
};
use serde_json::json;

use super::Dice;

/// People who write at the same time.
const PEOPLE: i64 = 6;
/// Each says this, a few words a message.
const WORDS: [&str; 4] = [
    "Lampu jalan mati sudah seminggu",
    "di depan sekolah",
    "Kel. Pondok Bambu RT 5 RW 3",
    "mohon segera diperbaiki, gelap sekali",
];

#[tokio::test]
async fn what_is_said_while_the_gateway_dies_is_gathered_whole() {
    let api = BotApi::listen().await;
    let config = format!(
        "[gather]\nquiet_seconds = 12\nlongest_seconds = 600\n[channels.telegram]\nconnector = \"telegram\"\n\
         bot_token = \"{TOKEN}\"\napi_url = \"{}\"\npoll = {{ timeout_seconds = 1 }}\nreplies = {{ receipt = false }}\n",
        api.url()
    );
    let mut dice = Dice::new();
    let mut gateway = Gateway::launch(&config).await;
    for (number, words) in (0..).zip(WORDS) {
        for person in 0..PEOPLE {
            let from =
                json!({ "id": 100 + person, "is_bot": false, "first_name": format!("Warga {person}") });
            let chat = json!({ "id": 100 + person, "type": "private" });
            api.happens(|_| {
                json!({ "message": { "message_id": number + 1, "date": 1_793_675_400 + number, "text": words,
                    "from": from, "chat": chat } })
            });
        }
        tokio::time::sleep(Duration::from_millis(dice.below(400))).await;
        gateway.kill9().await;
        gateway.start().await;
    }
    let complaints = || async {
        let events = gateway.rows(&["outbox", "tail"]).await;
        let data = events.into_iter().map(|event| (event["type"].clone(), event["data"].clone()));
        data.collect::<Vec<_>>()
    };
    let whole = tokio::time::timeout(PATIENCE, async {
        loop {
            let events = complaints().await;
            if events.len() >= usize::try_from(PEOPLE).unwrap() {
                break events;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    let events = whole.await.expect("not everybody was heard");
    let said = WORDS.join("\n");
    let mut people = std::collections::BTreeSet::new();
    for (event_type, complaint) in &events {
        assert_eq!(event_type, "complaint.received.v1");
        assert_eq!(complaint["description"], json!(said));
        people.insert(complaint["reporter"]["ref"].to_string());
    }
    assert_eq!(people.len(), usize::try_from(PEOPLE).unwrap(), "each one's words once");
    gateway.waiting("inbox", 0).await;
    assert_eq!(complaints().await.len(), events.len());
}
