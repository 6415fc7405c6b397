//! The broker and the way to it.

use std::collections::BTreeMap;

use muara_tests::{
    chaos::ChaosProxy,
    consume::{delete, depth},
    gateway::Gateway,
    rabbitmq::RabbitNode,
    reports::Reports,
    vendors::{Seen, Vendors, all_arrive, arrive, event_id, take_off},
};
use serde_json::Value;

use super::{Dice, SECRET, config};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_is_killed_and_comes_back_loses_nothing() {
    let node = RabbitNode::launch().await;
    let gateway = Gateway::launch(&config(&node.url(), "")).await;
    gateway.broker_is("connected").await;
    node.flush_queue_directory().await;
    let vendors = Vendors::start(&gateway, "qlue", SECRET, 4);
    for _ in 0..2 {
        vendors.answers(150).await;
        node.kill9();
        gateway.broker_is("connecting").await;
        // the intake does not need the broker
        vendors.answers(150).await;
        assert_eq!(gateway.get("/readyz").await.0, 200);
        node.start().await;
        gateway.broker_is("connected").await;
    }
    assert_eq!(vendors.refused(), BTreeMap::new());
    all_arrive(&gateway, &node.url(), &vendors.finish().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_is_cut_amid_confirms_again_and_again_loses_nothing() {
    let mut dice = Dice::new();
    let node = RabbitNode::shared().await;
    let vhost = node.vhost("cuts").await;
    let proxy = ChaosProxy::start(node.address()).await;
    let gateway = Gateway::launch(&config(&vhost.url_by(proxy.addr()), "")).await;
    let vendors = Vendors::start(&gateway, "qlue", SECRET, 4);
    for _ in 0..10 {
        gateway.broker_is("connected").await;
        // a confirm frame has 21 bytes
        proxy.cut_after_bytes_from_upstream(usize::try_from(1 + dice.below(200)).unwrap());
        gateway.healthy_when("cut off", |health| health["broker"]["state"] != "connected").await;
        vendors.answers(20).await;
    }
    assert_eq!(vendors.refused(), BTreeMap::new());
    all_arrive(&gateway, &vhost.url(), &vendors.finish().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_blocks_is_shown_and_waited_for() {
    let node = RabbitNode::launch().await;
    let gateway = Gateway::launch(&config(&node.url(), "")).await;
    let vendors = Vendors::start(&gateway, "qlue", SECRET, 4);
    vendors.answers(100).await;
    node.rabbitmqctl(&["set_vm_memory_high_watermark", "0.000001"]).await;
    let health = gateway.broker_is("blocked").await;
    assert!(health["broker"]["detail"].as_str().unwrap().contains("low on memory"), "{health}");
    assert_eq!(health["status"], "degraded");
    vendors.answers(200).await;
    gateway.healthy_when("waiting", |health| health["store"]["waiting"]["outbox"].as_u64() > Some(0)).await;
    assert_eq!(gateway.get("/readyz").await.0, 200);

    node.rabbitmqctl(&["set_vm_memory_high_watermark", "absolute", "512MB"]).await;
    gateway.broker_is("connected").await;
    assert_eq!(vendors.refused(), BTreeMap::new());
    all_arrive(&gateway, &node.url(), &vendors.finish().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_that_is_deleted_under_load_sends_events_aside_and_comes_back() {
    let node = RabbitNode::shared().await;
    let vhost = node.vhost("deleted").await;
    let proxy = ChaosProxy::start(node.address()).await;
    let gateway = Gateway::launch(&config(&vhost.url_by(proxy.addr()), "")).await;
    // the queue is there once the gateway is connected
    gateway.broker_is("connected").await;
    let vendors = Vendors::start(&gateway, "qlue", SECRET, 4);
    vendors.answers(100).await;
    // What lies on a queue goes with it, so that is taken off first, while the way to it stands still under load.
    proxy.freeze();
    let mut seen = Seen::new();
    while depth(&vhost.url(), "crm.complaints").await > 0 {
        take_off(&vhost.url(), "crm.complaints", &mut seen).await;
    }
    assert_eq!(delete(&vhost.url(), "crm.complaints").await, 0, "messages were deleted with the queue");
    proxy.thaw();
    vendors.answers(100).await;
    let answered = vendors.finish().await;
    // by itself, within the interval in which the gateway looks after its topology
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(45);
    while !vhost.queues().await.contains(&"crm.complaints".to_owned()) {
        assert!(tokio::time::Instant::now() < deadline, "the queue never came back");
    }
    arrive(&gateway, &vhost.url(), &["muara.unrouted", "crm.complaints"], &answered, seen).await;

    let after = Vendors::start(&gateway, "qlue", SECRET, 1);
    after.answers(5).await;
    // numbered from 1 again: all of them are known, and nothing of them goes out twice
    let again = after.finish().await;
    assert!(again.iter().all(|(id, complaint)| answered[id] == *complaint));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_is_not_there_at_the_start_is_waited_for() {
    let node = RabbitNode::shared().await;
    let vhost = node.vhost("absent").await;
    let proxy = ChaosProxy::start(node.address()).await;
    proxy.refuse().await;
    let gateway = Gateway::launch(&config(&vhost.url_by(proxy.addr()), "")).await;
    let vendors = Vendors::start(&gateway, "qlue", SECRET, 4);
    vendors.answers(50).await;
    let health = gateway.broker_is("connecting").await;
    assert!(health["broker"]["detail"].as_str().unwrap().contains("refused"), "{health}");
    assert_eq!(gateway.get("/readyz").await.0, 200);
    proxy.restore().await;
    gateway.broker_is("connected").await;
    all_arrive(&gateway, &vhost.url(), &vendors.finish().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_broker_events_wait_and_a_later_start_with_one_passes_them_on() {
    let mut gateway = Gateway::launch(&config("", "")).await;
    assert_eq!(gateway.health().await["broker"]["state"], "absent");
    let vendors = Vendors::start(&gateway, "qlue", SECRET, 4);
    vendors.answers(50).await;
    let answered = vendors.finish().await;
    gateway.waiting("outbox", answered.len() as u64).await;
    let tail = gateway.rows(&["outbox", "tail"]).await;
    let printed: BTreeMap<String, String> = tail
        .iter()
        .map(|event| {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            (text(&event["data"]["external"]["id"]), text(&event["id"]))
        })
        .collect();
    let expected: BTreeMap<String, String> =
        answered.iter().map(|(id, complaint)| (id.clone(), event_id(*complaint))).collect();
    assert_eq!(printed, expected);
    assert_eq!(tail.len(), answered.len(), "an event was printed twice");

    assert!(gateway.terminate().await.0.success());
    let vhost = RabbitNode::shared().await.vhost("later").await;
    gateway.configure(&config(&vhost.url(), ""));
    gateway.start().await;
    gateway.broker_is("connected").await;
    all_arrive(&gateway, &vhost.url(), &answered).await;
}

#[tokio::test]
async fn over_the_mark_of_rows_vendors_are_put_off_until_the_broker_takes_some() {
    let node = RabbitNode::shared().await;
    let vhost = node.vhost("mark").await;
    let proxy = ChaosProxy::start(node.address()).await;
    proxy.refuse().await;
    let marks = "[store]\nhigh_water_rows = 25\n[intake]\nretry_after_seconds = 7\n";
    let gateway = Gateway::launch(&config(&vhost.url_by(proxy.addr()), marks)).await;
    let reports = Reports::new(SECRET);
    let mut answered = BTreeMap::new();
    let refused = loop {
        let report = reports.next();
        let response = gateway.post("qlue", &report).await.unwrap();
        if response.status() != 202 {
            break (report, response);
        }
        let answer: Value = response.json().await.unwrap();
        let complaint = serde_json::from_value(answer["accepted"][0]["id"].clone()).unwrap();
        answered.insert(report.ids[0].clone(), complaint);
    };
    let (report, response) = refused;
    assert_eq!(answered.len(), 25);
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["retry-after"], "7");
    assert!(response.text().await.unwrap().contains("high_water_rows"));
    let (status, words) = gateway.get("/readyz").await;
    assert!(status == 503 && words.contains("high_water_rows"), "{status} {words}");
    assert_eq!(gateway.health().await["store"]["state"], "full");

    proxy.restore().await;
    gateway.waiting("inbox", 0).await;
    gateway.waiting("outbox", 0).await;
    assert_eq!(gateway.get("/readyz").await.0, 200);
    let answer = gateway.accepted("qlue", &report).await;
    answered
        .insert(report.ids[0].clone(), serde_json::from_value(answer["accepted"][0]["id"].clone()).unwrap());
    all_arrive(&gateway, &vhost.url(), &answered).await;
}
