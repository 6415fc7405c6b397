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

const SECRET: &str = "a secret that only Qlue knows";
const QUEUE: &str = "muara.replies";

/// The core CRM's side of the queue.
pub(crate) struct Crm {
    _connection: Connection,
    channel: Channel,
}

impl Crm {
    pub(crate) async fn connect(url: &str) -> Self {
        let connection = Connection::connect(url, ConnectionProperties::default()).await.unwrap();
        let channel = connection.create_channel().await.unwrap();
        channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
        Self { _connection: connection, channel }
    }

    pub(crate) async fn says(&self, body: &[u8]) {
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let properties = BasicProperties::default().with_delivery_mode(2).with_message_id("m-1".into());
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

/// A gateway with one complaint in it, which the core CRM has read.
async fn complaint(vhost: &Vhost<'_>, vendor: &Callbacks) -> (Gateway, Value) {
    let gateway = Gateway::launch(&config(&vhost.url(), vendor)).await;
    // its queues are there
    gateway.broker_is("connected").await;
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
    let crm = Crm::connect(&vhost.url()).await;
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
