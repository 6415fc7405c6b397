//! The core CRM's replies on a real RabbitMQ: from the queue to the vendor, or to the dead letters with a reason.
#![allow(clippy::unwrap_used, clippy::panic)]

use lapin::{
    BasicProperties, Channel, Connection, ConnectionProperties,
    options::{BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions},
    types::AMQPValue,
};
use muara_tests::{
    callbacks::Callbacks,
    consume::{depth, drain},
    gateway::{Gateway, PATIENCE},
    rabbitmq::{RabbitNode, Vhost},
    reports::Reports,
};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::broker::contract;

const SECRET: &str = "a secret that only Qlue knows";
const QUEUE: &str = "muara.replies";

/// The core CRM's side of the queue.
pub(crate) struct Crm {
    _connection: Connection,
    channel: Channel,
    user: &'static str,
}

impl Crm {
    pub(crate) async fn connect(url: &str) -> Self {
        Self::connect_as("guest", url).await
    }

    /// As this user, whose password is its name.
    async fn connect_as(user: &'static str, url: &str) -> Self {
        let url = &url.replace("guest:guest", &format!("{user}:{user}"));
        let connection = Connection::connect(url, ConnectionProperties::default()).await.unwrap();
        let channel = connection.create_channel().await.unwrap();
        channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
        Self { _connection: connection, channel, user }
    }

    /// Says something that nobody needs to hear after ten minutes.
    pub(crate) async fn says(&self, body: &[u8]) {
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let properties = BasicProperties::default().with_delivery_mode(2).with_message_id("m-1".into());
        let properties = properties.with_expiration("600000".into()).with_user_id(self.user.into());
        let confirm =
            self.channel.basic_publish("".into(), QUEUE.into(), options, body, properties).await.unwrap();
        assert!(confirm.await.unwrap().is_ack());
    }

    /// The next dead letter: its reason's code and words, and its body.
    async fn dead_letter(&self) -> (String, String, Vec<u8>) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let got =
                self.channel.basic_get("muara.replies.dead".into(), BasicGetOptions { no_ack: true }).await;
            if let Some(message) = got.unwrap() {
                let headers = message.delivery.properties.headers().clone().unwrap();
                let text = |name: &str| match headers.inner().get(name) {
                    Some(AMQPValue::LongString(text)) => text.to_string(),
                    other => panic!("{name}: {other:?}"),
                };
                assert_eq!(*message.delivery.properties.expiration(), None, "dead letters are kept");
                assert_eq!(message.delivery.properties.message_id().as_ref().unwrap().as_str(), "m-1");
                return (text("x-muara-code"), text("x-muara-reason"), message.delivery.data.clone());
            }
            assert!(Instant::now() < deadline, "no dead letter");
            sleep(std::time::Duration::from_millis(20)).await;
        }
    }
}

pub(crate) fn config(broker: &str, vendor: &Callbacks) -> String {
    format!(
        "[broker]\nurl = \"{broker}\"\n[channels.qlue]\nconnector = \"qlue\"\nsecret = \"{SECRET}\"\n\
         [channels.qlue.callback]\nurl = \"{}\"\n[channels.qlue.replies]\nreceipt = false\n",
        vendor.url("/status")
    )
}

/// Waits until the queue of replies is there and read.
pub(crate) async fn reads_replies(gateway: &Gateway) {
    gateway.healthy_when("reads replies", |health| health["replies"]["state"] == "connected").await;
}

/// A gateway with one complaint in it, which the core CRM has read.
async fn complaint(vhost: &Vhost<'_>, vendor: &Callbacks) -> (Gateway, Value) {
    let gateway = Gateway::launch(&config(&vhost.url(), vendor)).await;
    gateway.broker_is("connected").await;
    reads_replies(&gateway).await;
    gateway.accepted("qlue", &Reports::new(SECRET).next()).await;
    let received = drain(&vhost.url(), "crm.complaints", 1, PATIENCE).await;
    let event: Value = serde_json::from_slice(&received[0].body).unwrap();
    (gateway, event["data"].clone())
}

fn envelope(data: &Value) -> Vec<u8> {
    let envelope = json!({
        "specversion": "1.0", "id": "e-1", "source": "/crm", "type": "reply.requested.v1",
        "datacontenttype": "application/json", "data": data,
    });
    envelope.to_string().into_bytes()
}

#[tokio::test]
async fn a_reply_on_the_queue_reaches_the_vendor_and_the_core_crm_hears_of_it() {
    let vhost = RabbitNode::shared().await.vhost("replies").await;
    let vendor = Callbacks::listen().await;
    let (mut gateway, complaint) = complaint(&vhost, &vendor).await;
    let crm = Crm::connect(&vhost.url()).await;
    let reply = json!({"reply_id": "r-1", "complaint_id": complaint["id"], "status": "Proses", "text": "Petugas menuju lokasi"});
    crm.says(&envelope(&reply)).await;
    crm.says(reply.to_string().as_bytes()).await;
    let second = json!({"reply_id": "r-2", "reference": complaint["reference"], "status": "Selesai"});
    crm.says(&envelope(&second)).await;
    let calls = vendor.has(2).await;
    assert_eq!(calls[0].json()["id"], complaint["external"]["id"]);
    assert_eq!(calls[0].json()["status"], "process");
    assert_eq!(calls[1].json()["status"], "complete");
    let told = drain(&vhost.url(), "crm.complaints", 2, PATIENCE).await;
    let told: Vec<Value> = told.iter().map(|event| serde_json::from_slice(&event.body).unwrap()).collect();
    assert!(told.iter().all(|event| event["type"] == "reply.delivered.v1"), "{told:?}");
    assert_eq!(told[0]["data"]["reply_id"], "r-1");
    assert_eq!(depth(&vhost.url(), QUEUE).await, 0);
    assert_eq!(vendor.calls().len(), 2, "one reply however often it is asked for");
    assert_eq!(gateway.health().await["replies"]["state"], "connected");
    let (status, _) = gateway.terminate().await;
    assert!(status.success());
}

#[tokio::test]
async fn what_can_never_be_said_is_dead_lettered_with_its_reason() {
    let vhost = RabbitNode::shared().await.vhost("replies_dead").await;
    let vendor = Callbacks::listen().await;
    let (_gateway, complaint) = complaint(&vhost, &vendor).await;
    // the core CRM has a user of its own, whose name the broker lets nobody else put on a message
    RabbitNode::shared().await.rabbitmqctl(&["add_user", "crm", "crm"]).await;
    vhost.rabbitmqctl(&["set_permissions", "crm", ".*", ".*", ".*"]).await;
    let crm = Crm::connect_as("crm", &vhost.url()).await;
    let other = json!({"specversion": "1.0", "type": "reply.withdrawn.v1", "data": {}}).to_string();
    let unknown = "00000000-0000-7000-8000-000000000000";
    let cases = [
        (b"not JSON".to_vec(), "malformed", "not valid JSON"),
        (other.into_bytes(), "malformed", "reply.withdrawn.v1"),
        (envelope(&json!({"complaint_id": complaint["id"], "text": "x"})), "malformed", "reply_id"),
        (envelope(&json!({"reply_id": "1", "text": "x"})), "malformed", "complaint_id"),
        (envelope(&json!({"reply_id": "1", "complaint_id": complaint["id"]})), "malformed", "nothing to say"),
        (
            envelope(&json!({"reply_id": "1", "reference": "AAAA-AAAA-A", "text": "x"})),
            "malformed",
            "reference",
        ),
        (
            envelope(&json!({"reply_id": "1", "complaint_id": unknown, "text": "x"})),
            "unknown_complaint",
            "no complaint",
        ),
    ];
    for (body, code, words) in cases {
        crm.says(&body).await;
        let (said, reason, dead) = crm.dead_letter().await;
        assert_eq!((said.as_str(), dead), (code, body.clone()), "{reason}");
        assert!(reason.contains(words), "{reason}");
    }
    // and the queue goes on behind them
    let good = json!({"reply_id": "2", "complaint_id": complaint["id"], "text": "Baik"});
    crm.says(&envelope(&good)).await;
    vendor.has(1).await;
}

#[tokio::test]
async fn a_vendor_that_is_down_shows_in_words_and_is_caught_up_with() {
    let vhost = RabbitNode::shared().await.vhost("replies_down").await;
    let vendor = Callbacks::listen().await;
    let (gateway, complaint) = complaint(&vhost, &vendor).await;
    let crm = Crm::connect(&vhost.url()).await;
    vendor.will(401, None);
    for number in 0..5 {
        let reply = json!({"reply_id": number.to_string(), "complaint_id": complaint["id"], "text": number.to_string()});
        crm.says(&envelope(&reply)).await;
    }
    vendor.has(1).await;
    let health = gateway.channel_is("qlue", "failing").await;
    assert!(health["last_error"].as_str().unwrap().contains("HTTP 401"), "{health}");
    assert!(health["advice"].as_str().unwrap().contains("credentials"), "{health}");
    // what comes in is taken as before
    gateway.accepted("qlue", &Reports::new(SECRET).batch(3)).await;
    // the operator renews the secret and reloads
    gateway.hangup().await;
    let calls = vendor.has(6).await;
    let words: Vec<_> =
        calls[1..].iter().map(|call| call.json()["comment"].as_str().unwrap().to_owned()).collect();
    assert!(
        words.iter().enumerate().all(|(n, words)| words.ends_with(&n.to_string())),
        "in order: {words:?}"
    );
    gateway.channel_is("qlue", "healthy").await;
}

#[tokio::test]
async fn replies_of_a_publisher_in_python_are_valid_and_arrive() {
    let vhost = RabbitNode::shared().await.vhost("replies_python").await;
    let vendor = Callbacks::listen().await;
    let (_gateway, complaint) = complaint(&vhost, &vendor).await;
    let replies = [
        json!({"reply_id": "p-1", "complaint_id": complaint["id"], "status": "Koordinasi"}),
        json!({"reply_id": "p-2", "reference": complaint["reference"], "text": "Sudah dicek petugas."}),
        json!({"reply_id": "p-3", "complaint_id": complaint["id"], "status": "Selesai", "text": "Ditambal.",
            "attachments": [{"url": "https://crm.example/sesudah.jpg", "content_type": "image/jpeg"}]}),
    ];
    let lines: String = replies.iter().map(|reply| format!("{reply}\n")).collect();
    let schemas = concat!(env!("CARGO_MANIFEST_DIR"), "/../normalizer/schema");
    let url = vhost.url();
    let arguments = ["--url", &url, "--schemas", schemas];
    let output = contract::python("publisher.py", &arguments, lines.as_bytes()).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let calls = vendor.has(3).await;
    assert_eq!(calls[0].json()["status"], "wait");
    assert!(calls[1].json()["comment"].as_str().unwrap().contains("Sudah dicek petugas."));
    assert!(calls[2].json()["comment"].as_str().unwrap().contains("https://crm.example/sesudah.jpg"));

    let nothing = json!({"reply_id": 4, "complaint_id": "none"}).to_string();
    let output = contract::python("publisher.py", &arguments, nothing.as_bytes()).await;
    assert_eq!(output.status.code(), Some(1), "the schema refuses what the gateway would");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_is_killed_between_replies_loses_none() {
    let node = RabbitNode::launch().await;
    let vendor = Callbacks::listen().await;
    let gateway = Gateway::launch(&config(&node.url(), &vendor)).await;
    gateway.broker_is("connected").await;
    reads_replies(&gateway).await;
    node.flush_queue_directory().await;
    gateway.accepted("qlue", &Reports::new(SECRET).next()).await;
    let received = drain(&node.url(), "crm.complaints", 1, PATIENCE).await;
    let event: Value = serde_json::from_slice(&received[0].body).unwrap();
    let reply = |number: usize| {
        envelope(
            &json!({"reply_id": number, "complaint_id": event["data"]["id"], "text": format!("no {number}")}),
        )
    };
    let mut number = 0;
    for _ in 0..2 {
        let crm = Crm::connect(&node.url()).await;
        for _ in 0..10 {
            crm.says(&reply(number)).await;
            number += 1;
        }
        node.kill9();
        gateway.healthy_when("cut off", |health| health["replies"]["state"] == "connecting").await;
        node.start().await;
        reads_replies(&gateway).await;
    }
    let calls = vendor.has(number).await;
    let words: Vec<_> =
        calls.iter().map(|call| call.json()["comment"].as_str().unwrap().to_owned()).collect();
    assert!(
        words.iter().enumerate().all(|(number, words)| words.ends_with(&format!("no {number}"))),
        "each once and in order: {words:?}"
    );
    assert_eq!(calls.len(), number);
}
