//! A paused channel takes nothing in and sends nothing, also after a restart.

use muara_tests::{callbacks::Callbacks, gateway::Gateway};
use reqwest::StatusCode;
use serde_json::json;

use super::{audited, config, line, quarantined, signed, visitor::Visitor};

#[tokio::test]
async fn a_paused_channel_stands_until_it_is_resumed() {
    let vendor = Callbacks::listen().await;
    let callback = |text: &str| {
        config(text, "") + &format!("[channels.web.callback]\nurl = \"{}\"\n", vendor.url("/status"))
    };
    let mut gateway = Gateway::launch(&callback("\"$.body\"")).await;
    let row = quarantined(&gateway, json!({"id": "b", "isi": "Pohon tumbang menutup jalan"})).await;
    let mut oki = Visitor::signed_in(&gateway.internal_url(""), "oki").await;
    assert_eq!(oki.does("/channels/web/pause", &[]).await, StatusCode::UNPROCESSABLE_ENTITY, "no reason");
    for _ in 0..2 {
        let fields = [("reason", "the vendor sends everything twice")];
        assert_eq!(oki.does("/channels/web/pause", &fields).await, StatusCode::SEE_OTHER);
    }
    gateway.channel_is("web", "paused").await;
    gateway.kill9().await;
    gateway.configure(&callback("{ paths = [\"$.body\", \"$.isi\"] }"));
    gateway.start().await;
    gateway.channel_is("web", "paused").await;
    assert_eq!(gateway.metric("muara_channel_state", &["channel=\"web\"", "state=\"paused\""]).await, 1.0);
    let report = signed(&[json!({"id": "c", "body": "Lampu jalan mati"})]);
    let refused = gateway.post("web", &report).await.unwrap();
    assert_eq!(refused.status(), 503);
    assert!(refused.headers().contains_key("retry-after"));
    let card = oki.read("/").await;
    assert!(card.contains("Stopped by oki: the vendor sends everything twice."), "{card}");

    // what an operator replays meanwhile becomes an event, but its receipt waits
    oki.acts("quarantine", "replay", &[&row], "").await;
    gateway.waiting("outbox", 1).await;
    gateway.waiting("replies", 1).await;
    assert!(vendor.calls().is_empty());
    assert_eq!(oki.does("/channels/web/resume", &[]).await, StatusCode::SEE_OTHER);
    assert_eq!(vendor.has(1).await[0].json()["id"], "b");
    gateway.waiting("replies", 0).await;
    gateway.accepted("web", &report).await;
    gateway.channel_is("web", "healthy").await;
    assert_eq!(
        audited(&gateway).await,
        [
            line(["oki", "pause channel", "web", "the vendor sends everything twice", "done"]),
            line(["oki", "pause channel", "web", "the vendor sends everything twice", "was so already"]),
            line(["oki", "replay", &row, "", "done"]),
            line(["oki", "resume channel", "web", "", "done"]),
        ]
    );
}
