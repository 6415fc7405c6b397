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

#[tokio::test]
async fn commands_pause_and_resume_a_running_gateway_and_are_written_down() {
    let mut gateway = Gateway::launch(&config("\"$.body\"", "")).await;
    let row = quarantined(&gateway, json!({"id": "b", "isi": "Pohon tumbang menutup jalan"})).await;
    let reason = "the vendor sends everything twice";
    let pause = ["pause", "web", "--reason", reason];
    assert_eq!(gateway.prints(&pause).await, "It is paused.\n");
    gateway.channel_is("web", "paused").await;
    assert!(gateway.prints(&pause).await.contains("was paused already"));
    let report = signed(&[json!({"id": "c", "body": "Lampu jalan mati"})]);
    assert_eq!(gateway.post("web", &report).await.unwrap().status(), 503);
    let user = std::process::Command::new("id").arg("-un").output().unwrap();
    let user = format!("cli:{}", String::from_utf8(user.stdout).unwrap().trim());
    let mut adi = Visitor::signed_in(&gateway.internal_url(""), "adi").await;
    assert!(adi.read("/").await.contains(&format!("Stopped by {user}: {reason}.")), "{}", adi.html);
    gateway.kill9().await;
    gateway.start().await;
    gateway.channel_is("web", "paused").await;
    assert_eq!(gateway.prints(&["resume", "web"]).await, "It goes on.\n");
    gateway.channel_is("web", "starting").await;
    gateway.accepted("web", &report).await;

    gateway.prints(&["quarantine", "replay", "--channel", "web"]).await;
    gateway.prints(&["quarantine", "discard", &row, "--reason", "a test"]).await;
    assert!(!gateway.muara(&["quarantine", "discard", &row, "--reason", "again"]).await.status.success());
    gateway.prints(&["held", "release", "--all"]).await;
    assert!(!gateway.muara(&["pause", "nobody", "--reason", "x"]).await.status.success());
    let by = |what, target, why, outcome| line([&user, what, target, why, outcome]);
    assert_eq!(
        audited(&gateway).await,
        [
            by("pause channel", "web", reason, "done"),
            by("pause channel", "web", reason, "was so already"),
            by("resume channel", "web", "", "done"),
            by("replay", "all of web", "", "0 rows go their way, 1 stay"),
            by("discard", &row, "a test", "done"),
            by("discard", &row, "again", "was gone already"),
            by("release", "all", "", "done: 0"),
        ]
    );
    let log = adi.read("/audit?q=release").await;
    assert!(log.contains(&user) && log.contains("<small>command</small>"), "{log}");
}
