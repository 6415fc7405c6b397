//! X: nothing between two polls is skipped, its limits are respected, and answers go where the citizen takes them.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod deliver;
mod fake;
mod pull;

use base64::{Engine, prelude::BASE64_STANDARD};
use fake::{CONSUMER_SECRET, Fake, OWN};
use hmac::{Hmac, KeyInit, Mac};
use muara_connectors::{ChannelSettings, Connector, SettingsError};
use muara_tests::gateway::{Gateway, PATIENCE};
use serde_json::{Value, json};
use sha2::Sha256;

fn x() -> &'static Connector {
    muara_connectors::find("x").unwrap()
}

fn channel(table: &str) -> ChannelSettings {
    ChannelSettings {
        id: "twitter_dki".parse().unwrap(),
        secret: Some(CONSUMER_SECRET.into()),
        auth: x().auth.clone(),
        own: (x().settings)(table.parse().unwrap()).unwrap(),
    }
}

fn signature(text: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(CONSUMER_SECRET.as_bytes()).unwrap();
    mac.update(text);
    format!("sha256={}", BASE64_STANDARD.encode(mac.finalize().into_bytes()))
}

#[tokio::test]
async fn the_endpoint_proves_itself_and_what_is_pushed_and_polled_is_one_complaint() {
    let fake = Fake::start().await;
    fake.mentioned(1001..=1002);
    let gateway = Gateway::launch(&format!(
        "[channels.twitter_dki]\nconnector = \"x\"\nsecret = \"{CONSUMER_SECRET}\"\nuser_id = \"{OWN}\"\napi_url = \"{}\"\n\
         [channels.twitter_dki.pull]\nbearer_token = \"{}\"\ninterval_seconds = 1\n",
        fake.url,
        fake::BEARER
    ))
    .await;

    // calculated by another HMAC implementation
    let url = gateway.url("/in/twitter_dki?crc_token=kode%20tantangan%2B%2F%3D&nonce=1");
    let answer: Value = gateway.http.get(&url).send().await.unwrap().json().await.unwrap();
    assert_eq!(answer, json!({ "response_token": "sha256=2v8bTE3WoCJI2v1YZ32fdEdzSBRabkCRPamPlB+GoRA=" }));
    let response = gateway.http.get(gateway.url("/in/twitter_dki")).send().await.unwrap();
    assert_eq!(response.status(), 403);

    let post = |body: Value, signed: bool| {
        let body = body.to_string();
        let signature = if signed { signature(body.as_bytes()) } else { signature(b"another body") };
        let request = gateway.http.post(gateway.url("/in/twitter_dki"));
        let request = request.header("x-twitter-webhooks-signature", signature);
        request.header("content-type", "application/json").body(body).send()
    };
    let pushed = |id: u64| json!({ "data": fake::mention(id), "matching_rules": [] });
    assert_eq!(post(pushed(1002), true).await.unwrap().status(), 200);
    assert_eq!(post(pushed(1003), true).await.unwrap().status(), 200);
    assert_eq!(post(pushed(1004), false).await.unwrap().status(), 401);
    // kept, and answered well: X stops calling an endpoint that fails
    assert_eq!(post(json!("apa ini"), true).await.unwrap().status(), 200);
    fake.mentioned(1003..=1005);
    gateway.waiting("outbox", 5).await;
    let mut ids: Vec<String> = gateway
        .rows(&["outbox", "tail"])
        .await
        .iter()
        .map(|event| event["data"]["external"]["id"].as_str().unwrap().to_owned())
        .collect();
    ids.sort();
    assert_eq!(ids, ["1001", "1002", "1003", "1004", "1005"]);
    assert_eq!(gateway.health().await["store"]["waiting"]["quarantined"], 1);
}

#[tokio::test]
async fn a_direct_message_is_answered_with_its_reference_and_a_mention_not_in_public() {
    let fake = Fake::start().await;
    let gateway = Gateway::launch(&format!(
        "[channels.twitter_dki]\nconnector = \"x\"\nsecret = \"{CONSUMER_SECRET}\"\nuser_id = \"{OWN}\"\napi_url = \"{}\"\n\
         [channels.twitter_dki.send]\nconsumer_key = \"{}\"\naccess_token = \"{}\"\naccess_token_secret = \"{}\"\n",
        fake.url,
        fake::CONSUMER_KEY,
        fake::TOKEN,
        fake::TOKEN_SECRET
    ))
    .await;
    let message = json!({ "type": "message_create", "id": "2001", "created_timestamp": "1793675400000",
        "message_create": { "sender_id": "77001234", "target": { "recipient_id": OWN }, "message_data": { "text": "Lampu mati" } } });
    for body in [
        json!({ "data": fake::mention(1001) }),
        json!({ "for_user_id": OWN, "direct_message_events": [message] }),
    ] {
        let body = body.to_string();
        let request = gateway.http.post(gateway.url("/in/twitter_dki"));
        let request = request.header("x-twitter-webhooks-signature", signature(body.as_bytes()));
        let response = request.header("content-type", "application/json").body(body).send().await.unwrap();
        assert_eq!(response.status(), 200);
    }
    let mut sent = fake.with(|x| x.sent.subscribe());
    tokio::time::timeout(PATIENCE, sent.wait_for(|count| *count > 0)).await.expect("no answer").unwrap();
    let events = gateway.rows(&["outbox", "tail"]).await;
    let event = events.iter().find(|event| event["data"]["external"]["id"] == "2001").unwrap();
    let (to, text) = fake.with(|x| x.messages[0].clone());
    assert_eq!(to, "77001234");
    assert!(text.contains(event["data"]["reference"].as_str().unwrap()), "{text}");
    // the mention came first, so its answer would have been sent first
    assert!(fake.with(|x| x.messages.len() == 1 && x.replies.is_empty()));
}

#[test]
fn every_fault_in_the_settings_is_named() {
    let faults = |table: &str| match (x().settings)(table.parse().unwrap()) {
        Ok(_) => Vec::new(),
        Err(errors) => errors.iter().map(SettingsError::to_string).collect::<Vec<_>>(),
    };
    assert!(faults("user_id = \"1\"").is_empty());
    assert!(faults("user_id = \"1\"\n[send]\nuser_token = \"t\"\nreply_by = \"post\"").is_empty());
    let text = faults("user_id = \"@DKIJakarta\"\napi_url = \"x\"\n[pull]\nbearer_token = \"\"\npage_posts = 4\ninterval_seconds = 0").join("\n");
    for key in ["user_id", "api_url", "pull.bearer_token", "pull.page_posts", "pull.interval_seconds"] {
        assert!(text.contains(key), "{key} is not in\n{text}");
    }
    let text = faults("user_id = \"1\"\n[send]\nconsumer_key = \"k\"").join("\n");
    assert!(text.contains("send.access_token: ") && text.contains("send.access_token_secret"), "{text}");
    assert!(!faults("user_id = \"1\"\n[send]\nuser_token = \"t\"\nconsumer_key = \"k\"").is_empty());
    assert!(!faults("user_id = \"1\"\n[pull]\nbearer_token = \"t\"\nmessages = true").is_empty());
    assert!(!faults("user_id = \"1\"\n[send]\nreply_by = \"fax\"\nuser_token = \"t\"").is_empty());
}

#[test]
fn without_the_keys_of_a_direction_it_works_in_the_other() {
    let inbound = channel("user_id = \"1\"");
    assert!((x().pull.unwrap())(&inbound).is_none());
    assert!((x().deliver.unwrap())(&inbound).is_none());
    assert!((x().media.unwrap())(&inbound).is_none());
}
