//! kill -9 of the gateway, and an outage of the vendor, while citizens are answered.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use muara_tests::{
    callbacks::{Call, Callbacks},
    chaos::ChaosProxy,
    consume::{depth, drain},
    gateway::{Gateway, PATIENCE},
    rabbitmq::{RabbitNode, Vhost},
    reports::Reports,
};
use serde_json::{Value, json};

use super::{Dice, SECRET};
use crate::replies::{Crm, reads_replies};

const ROUNDS: usize = 12;
const COMPLAINTS: usize = 20;
const REPLIES: usize = 300;

/// A channel that answers by callback as fast as it can.
fn channel(id: &str, vendor: &str) -> String {
    format!(
        "[channels.{id}]\nconnector = \"qlue\"\nsecret = \"{SECRET}\"\n\
         limits = {{ outgoing = {{ per_minute = 60000, burst = 1000 }} }}\n\
         [channels.{id}.callback]\nurl = \"{vendor}\"\n[channels.{id}.replies]\nreceipt = false\n"
    )
}

/// The ids of complaints that the core CRM has read.
async fn complaints(gateway: &Gateway, vhost: &Vhost<'_>, id: &str, count: usize) -> Vec<Value> {
    gateway.accepted(id, &Reports::new(SECRET).batch(count as u64)).await;
    let received = drain(&vhost.url(), "crm.complaints", count, PATIENCE).await;
    received
        .iter()
        .map(|message| {
            let event: Value = serde_json::from_slice(&message.body).unwrap();
            assert_eq!(event["type"], "complaint.received.v1");
            event["data"]["id"].clone()
        })
        .collect()
}

fn number(call: &Call) -> usize {
    let body = call.json();
    body["comment"].as_str().unwrap().rsplit(' ').next().unwrap().parse().unwrap()
}

/// What the core CRM was told: the number of each reply, with the id of the event that told it.
async fn told(vhost: &Vhost<'_>) -> BTreeMap<usize, BTreeSet<String>> {
    let mut told: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
    let count = depth(&vhost.url(), "crm.complaints").await;
    for message in drain(&vhost.url(), "crm.complaints", count, PATIENCE).await {
        let event: Value = serde_json::from_slice(&message.body).unwrap();
        assert_eq!(event["type"], "reply.delivered.v1", "{event}");
        let number = event["data"]["reply_id"].as_str().unwrap().parse().unwrap();
        told.entry(number).or_default().insert(message.message_id);
    }
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_reply_reaches_its_vendor_through_kills_at_any_moment() {
    let mut dice = Dice::new();
    let vhost = RabbitNode::shared().await.vhost("reply_kills").await;
    let vendor = Callbacks::listen().await;
    let config = format!("[broker]\nurl = \"{}\"\n{}", vhost.url(), channel("qlue", &vendor.url("/status")));
    let mut gateway = Gateway::launch(&config).await;
    reads_replies(&gateway).await;
    let complaints = complaints(&gateway, &vhost, "qlue", COMPLAINTS).await;
    let url = vhost.url();
    let asked = tokio::spawn(async move {
        let crm = Crm::connect(&url).await;
        for number in 0..REPLIES {
            let reply = json!({
                "reply_id": number.to_string(),
                "complaint_id": complaints[number % COMPLAINTS],
                "text": format!("Balasan nomor {number}"),
            });
            crm.says(reply.to_string().as_bytes()).await;
        }
    });
    for _ in 0..ROUNDS {
        let more = usize::try_from(dice.below(15)).unwrap();
        vendor.has((vendor.calls().len() + more).min(REPLIES)).await;
        // the moment itself: between the queue, the store, the vendor's answer and its settlement
        tokio::time::sleep(Duration::from_micros(dice.below(15_000))).await;
        gateway.kill9().await;
        gateway.start().await;
    }
    asked.await.unwrap();
    // the queue first: what is on it is not yet in the store
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while told_or_waiting(&gateway, &vhost).await {
        assert!(tokio::time::Instant::now() < deadline, "replies still wait:\n{}", gateway.log().text());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    gateway.waiting("outbox", 0).await;

    let mut given: BTreeMap<usize, (String, Value)> = BTreeMap::new();
    let mut latest: BTreeMap<usize, usize> = BTreeMap::new();
    let calls = vendor.calls();
    for call in &calls {
        let this = (call.header("idempotency-key").to_owned(), call.json());
        let number = number(call);
        if let Some(before) = given.get(&number) {
            assert_eq!(*before, this, "a reply that comes again is the same, under the same id");
            continue;
        }
        let before = latest.insert(number % COMPLAINTS, number);
        assert!(before < Some(number), "{number} came after {before:?}");
        given.insert(number, this);
    }
    assert_eq!(given.keys().copied().collect::<Vec<_>>(), (0..REPLIES).collect::<Vec<_>>());
    let told = told(&vhost).await;
    assert_eq!(told.len(), REPLIES, "the core CRM hears of every one");
    assert!(told.values().all(|ids| ids.len() == 1), "under one id each");
    assert_eq!(depth(&vhost.url(), "muara.replies.dead").await, 0);
    println!("{ROUNDS} kills, {REPLIES} replies, {} came twice", calls.len() - REPLIES);
}

/// Whether any reply is still on its way to the vendor.
async fn told_or_waiting(gateway: &Gateway, vhost: &Vhost<'_>) -> bool {
    let waiting = gateway.health().await["store"]["waiting"]["replies"].as_u64().unwrap();
    let listing = vhost.rabbitmqctl(&["list_queues", "--no-table-headers", "name", "messages"]).await;
    waiting > 0 || !listing.lines().any(|line| line == "muara.replies\t0")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vendor_that_is_away_is_named_waited_for_and_caught_up_with_and_others_are_not_held_up() {
    let vhost = RabbitNode::shared().await.vhost("vendor_away").await;
    let (away, there) = (Callbacks::listen().await, Callbacks::listen().await);
    let proxy = ChaosProxy::start(away.address()).await;
    let config = format!(
        "[broker]\nurl = \"{}\"\n{}{}",
        vhost.url(),
        channel("away", &format!("http://{}/status", proxy.addr())),
        channel("there", &there.url("/status"))
    );
    let gateway = Gateway::launch(&config).await;
    reads_replies(&gateway).await;
    let of_away = complaints(&gateway, &vhost, "away", 3).await;
    let of_there = complaints(&gateway, &vhost, "there", 3).await;
    proxy.refuse().await;
    let crm = Crm::connect(&vhost.url()).await;
    for number in 0..30 {
        for (id, complaints) in [("a", &of_away), ("t", &of_there)] {
            let reply = json!({
                "reply_id": format!("{id}{number}"), "complaint_id": complaints[number % 3],
                "text": format!("Balasan nomor {number}"),
            });
            crm.says(reply.to_string().as_bytes()).await;
        }
    }
    assert_eq!(there.has(30).await.iter().map(number).collect::<Vec<_>>(), (0..30).collect::<Vec<_>>());
    let health = gateway.channel_is("away", "failing").await;
    assert!(health["last_error"].as_str().unwrap().contains("cannot be reached"), "{health}");
    assert!(health["advice"].as_str().unwrap().contains("answers wait"), "{health}");
    assert_eq!(gateway.channel_health("there").await["state"], "healthy");
    gateway.waiting("replies", 30).await;
    assert_eq!(away.calls().len(), 0);

    proxy.restore().await;
    assert_eq!(away.has(30).await.iter().map(number).collect::<Vec<_>>(), (0..30).collect::<Vec<_>>());
    gateway.channel_is("away", "healthy").await;
    gateway.waiting("replies", 0).await;
}
