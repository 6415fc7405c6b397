//! The same message again: at the same moment, later, and after a restart.

use std::{collections::BTreeSet, sync::Arc};

use muara_tests::{
    gateway::Gateway,
    reports::{Reports, second_shape},
};
use serde_json::json;
use tokio::sync::Barrier;

use super::{SECRET, levels, qlue};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn simultaneous_redeliveries_are_one_row_and_get_one_answer() {
    const ROUNDS: usize = 60;
    const AT_ONCE: usize = 4;
    let gateway = Arc::new(Gateway::launch(&qlue("")).await);
    let reports = Reports::new(SECRET);
    for _ in 0..ROUNDS {
        let (report, barrier) = (reports.next(), Arc::new(Barrier::new(AT_ONCE)));
        let deliveries = (0..AT_ONCE).map(|_| {
            let (gateway, report, barrier) = (Arc::clone(&gateway), report.clone(), Arc::clone(&barrier));
            tokio::spawn(async move {
                barrier.wait().await;
                gateway.accepted("qlue", &report).await.to_string()
            })
        });
        let mut answers = BTreeSet::new();
        for delivery in deliveries.collect::<Vec<_>>() {
            answers.insert(delivery.await.unwrap());
        }
        assert_eq!(answers.len(), 1, "{answers:?}");
    }
    gateway.waiting("inbox", 0).await;
    assert_eq!(levels(&gateway).await["outbox"], ROUNDS);
    let count = |result: &'static str| {
        let gateway = Arc::clone(&gateway);
        async move { gateway.metric("muara_messages_total", &["channel=\"qlue\"", result]).await }
    };
    assert_eq!(count("result=\"accepted\"").await, 60.0);
    assert_eq!(count("result=\"duplicate\"").await, 180.0);
}

#[tokio::test]
async fn a_redelivery_is_known_by_its_id_whatever_else_is_in_it_and_after_a_restart() {
    let mut gateway = Gateway::launch(&qlue("")).await;
    let reports = Reports::new(SECRET);
    let batch = reports.batch(5);
    let first = gateway.accepted("qlue", &batch).await;
    assert_eq!(first["accepted"].as_array().unwrap().len(), 5);
    assert!(gateway.terminate().await.0.success());
    gateway.start().await;
    assert_eq!(gateway.accepted("qlue", &batch).await, first);
    // one of them alone, with other words, twice in one body, between new ones
    let mut changed = second_shape(3);
    changed["description"] = json!("Sudah diperbaiki sebagian.");
    let mixed =
        reports.sign(vec![], &json!({"data": [second_shape(77), changed, changed, second_shape(78)]}));
    let answer = gateway.accepted("qlue", &mixed).await;
    assert_eq!(answer["accepted"][1], first["accepted"][2]);
    assert_eq!(answer["accepted"][2], first["accepted"][2]);
    gateway.waiting("outbox", 7).await;
    // the first delivery counts: what is passed on has its words
    let events = gateway.prints(&["outbox", "tail"]).await;
    assert!(!events.contains("Sudah diperbaiki"));
}

#[tokio::test]
async fn the_same_id_on_another_channel_is_another_message() {
    let other = qlue("").replace("channels.qlue", "channels.qlue_lama");
    let gateway = Gateway::launch(&(qlue("") + &other)).await;
    let report = Reports::new(SECRET).next();
    let (here, there) =
        (gateway.accepted("qlue", &report).await, gateway.accepted("qlue_lama", &report).await);
    assert_ne!(here["accepted"][0]["id"], there["accepted"][0]["id"]);
    gateway.waiting("outbox", 2).await;
}
