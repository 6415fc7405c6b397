//! The whole gateway and a centre: kills lose nothing and double nothing.

use muara_tests::gateway::Gateway;
use serde_json::{Value, json};

use super::{
    centre::{Centre, PASSWORD},
    part,
};

async fn launch(centre: &mut Centre) -> Gateway {
    let port = centre.port;
    let gateway = Gateway::launch(&format!(
        "[channels.sms]\nconnector = \"smpp\"\nhost = \"127.0.0.1\"\nport = {port}\nsystem_id = \"muara\"\npassword = \"{PASSWORD}\"\n"
    ))
    .await;
    centre.event("bound").await;
    gateway
}

async fn restart(gateway: &mut Gateway, centre: &mut Centre) {
    gateway.kill9().await;
    centre.event("closed").await;
    gateway.start().await;
    centre.event("bound").await;
}

async fn descriptions(gateway: &Gateway) -> Vec<Value> {
    let rows = gateway.rows(&["outbox", "tail"]).await;
    rows.iter().map(|event| event["data"]["description"].clone()).collect()
}

#[tokio::test]
async fn what_comes_again_after_a_kill_is_one_complaint() {
    let mut centre = Centre::start().await;
    let mut gateway = launch(&mut centre).await;
    gateway.channel_is("sms", "healthy").await;
    let message = json!({ "short_message": "Lampu jalan mati di Jl. Sabang" });
    centre.deliver("satu", message.clone()).await;
    assert_eq!(centre.answered("satu").await, 0);
    centre.deliver("bagian", part(1, 2, "Pohon tumbang ")).await;
    assert_eq!(centre.answered("bagian").await, 0);
    restart(&mut gateway, &mut centre).await;
    centre.deliver("lagi", message).await;
    assert_eq!(centre.answered("lagi").await, 0);
    centre.deliver("sisa", part(2, 2, "di Cikini")).await;
    assert_eq!(centre.answered("sisa").await, 0);
    gateway.waiting("outbox", 2).await;
    assert_eq!(
        descriptions(&gateway).await,
        [json!("Lampu jalan mati di Jl. Sabang"), json!("Pohon tumbang di Cikini")]
    );
}

#[tokio::test]
async fn a_wrong_password_stands_in_the_health() {
    let mut centre = Centre::start().await;
    centre.tell(json!({ "do": "password", "is": "lain" })).await;
    let port = centre.port;
    let gateway = Gateway::launch(&format!(
        "[channels.sms]\nconnector = \"smpp\"\nhost = \"127.0.0.1\"\nport = {port}\nsystem_id = \"muara\"\npassword = \"{PASSWORD}\"\n"
    ))
    .await;
    let channel = gateway.channel_is("sms", "failing").await;
    assert!(channel.to_string().contains("invalid password"), "{channel}");
}
