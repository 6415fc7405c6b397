//! Neither secrets nor citizens' words are in any log line, at any of the doors they come in by.

use muara_tests::{
    gateway::Gateway,
    rabbitmq::RabbitNode,
    reports::{Reports, Signed},
};
use serde_json::json;

/// Whatever must not be seen has this in it.
const CANARY: &str = "kenari";

fn config(broker: &str) -> String {
    format!(
        r#"
[log]
filter = "debug"
[privacy]
key = "{CANARY}-privacy-key-with-at-least-32-bytes"
[broker]
url = "{broker}"
[channels.qlue]
connector = "qlue"
secret = "{CANARY}-qlue-secret"
limits = {{ sender = {{ per_minute = 1, burst = 2 }} }}
[channels.qlue.pull]
url = "http://127.0.0.1:9/feed"
query = {{ key = "{CANARY}-api-key" }}
interval_seconds = 1
[channels.path]
connector = "webhook"
secret = "{CANARY}-path-secret"
auth = {{ scheme = "path_secret" }}
limits = {{ sender = {{ per_minute = 1, burst = 1 }} }}
[channels.path.fields]
text = "$.text"
reporter_id = "$.from"
[channels.token]
connector = "webhook"
secret = "{CANARY}-token"
auth = {{ scheme = "header_token", header = "Authorization", prefix = "Bearer " }}
[channels.token.fields]
text = "$.text"
phone = {{ path = "$.phone", required = false }}
"#
    )
}

/// A report whose every field is a citizen's.
fn told(reports: &Reports, number: u64) -> Signed {
    reports.sign(
        vec![number.to_string()],
        &json!({
            "id": number, "title": format!("{CANARY} judul"), "description": format!("{CANARY} uraian"),
            "url": format!("https://qlue.example/{CANARY}"), "category": CANARY,
            "file": {"url": format!("https://qlue.example/{CANARY}.jpg")},
            "location": {"lat": -6.2, "lng": 106.8, "address": format!("Jalan {CANARY}")},
            "user": {"id": format!("{CANARY}-pelapor"), "name": format!("Ibu {CANARY}")},
        }),
    )
}

#[tokio::test]
async fn no_secret_and_no_words_of_a_citizen_are_in_any_log_line() {
    let node = RabbitNode::shared().await;
    let vhost = node.vhost("secrets").await;
    let password = format!("{CANARY}-password");
    node.rabbitmqctl(&["add_user", "kurir", &password]).await;
    vhost.rabbitmqctl(&["set_permissions", "kurir", ".*", ".*", ".*"]).await;
    let url = vhost.url().replace("guest:guest", &format!("kurir:{password}"));
    let gateway = Gateway::launch(&config(&url)).await;
    gateway.broker_is("connected").await;
    let reports = Reports::new(&format!("{CANARY}-qlue-secret"));

    // taken, taken again, over the limit, forged, not understood in whole and in part
    for number in [1, 1, 2, 3] {
        gateway.post("qlue", &told(&reports, number)).await.unwrap();
    }
    gateway.post("qlue", &told(&Reports::new("a guess"), 4)).await.unwrap();
    let broken = format!("{{\"data\": [{{\"id\": 5, \"description\": \"{CANARY}\", ");
    gateway
        .post("qlue", &Signed::new(&format!("{CANARY}-qlue-secret"), vec![], broken.into()))
        .await
        .unwrap();
    let part =
        json!({"data": [{"id": {"a": CANARY}, "description": CANARY}, {"id": 6, "description": CANARY}]});
    gateway.post("qlue", &reports.sign(vec![], &part)).await.unwrap();
    // by the path, by a token, wrong and right; held
    for (channel, token) in [
        (format!("path/{CANARY}-path-secret"), String::new()),
        (format!("path/{CANARY}-guess"), String::new()),
        ("token".to_owned(), format!("Bearer {CANARY}-token")),
        ("token".to_owned(), format!("Basic {CANARY}-token")),
    ] {
        for number in 0..2 {
            let body =
                json!({"text": format!("{CANARY} {number}"), "from": CANARY, "phone": "0812-3456-7890"});
            let post = gateway.http.post(gateway.url(&format!("/in/{channel}")));
            let post = post.header("authorization", &token).header("content-type", "application/json");
            post.body(body.to_string()).send().await.unwrap();
        }
    }
    gateway.waiting("held", 1).await;
    gateway.waiting("outbox", 0).await;
    // to a queue that is not there, and to an exchange that returns it
    vhost.rabbitmqctl(&["delete_queue", "crm.complaints"]).await;
    vhost.rabbitmqctl(&["delete_queue", "muara.unrouted"]).await;
    gateway.post("qlue", &reports.sign(vec![], &json!({"id": 9, "description": CANARY}))).await.unwrap();
    gateway.log().line(0, "goes again at").await;
    // the connection is closed by the broker, and its user refused
    node.rabbitmqctl(&["change_password", "kurir", "another"]).await;
    node.rabbitmqctl(&["close_all_user_connections", "kurir", "test"]).await;
    gateway.broker_is("failed").await;
    // a wrong configuration
    for wrong in [
        format!("[channels.qlue\nsecret = \"{CANARY}\n"),
        format!("[channels.qlue]\nconnector = \"qlue\"\nsecret = [\"{CANARY}\"]\n"),
        format!("[broker]\nurl = [\"{CANARY}\"]\n"),
        format!("[privacy]\nkey = \"{CANARY}\"\n"),
    ] {
        gateway.configure(&wrong);
        let after = gateway.log().len();
        gateway.hangup().await;
        gateway.log().line(after, "not reloaded").await;
        let check = gateway.muara(&["check"]).await;
        assert!(!String::from_utf8(check.stderr).unwrap().contains(CANARY));
    }
    let shown = [gateway.log().text(), gateway.health().await.to_string(), gateway.get("/metrics").await.1];
    for text in &shown {
        for line in text.lines() {
            assert!(!line.contains(CANARY) && !line.contains("3456"), "{line}");
        }
    }
    assert!(shown[0].contains("\"DEBUG\""), "nothing was logged at this level");
}

#[test]
fn no_secret_is_in_the_debug_form_of_the_configuration() {
    let text = config(&format!("amqp://kurir:{CANARY}@127.0.0.1/%2f"));
    let config = muara::config::parse(&text, std::path::Path::new("."), &|_| None).unwrap();
    for shown in [format!("{config:?}"), format!("{config:#?}")] {
        assert!(!shown.contains(CANARY), "{shown}");
    }
    assert_eq!(config.channels.iter().count(), 3);
}
