//! What becomes of events that the broker does not take at once: a pace that is kept, refusals that end.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{collections::BTreeSet, time::Duration};

use muara_tests::{consume, gateway::Gateway, rabbitmq::RabbitNode, reports::Reports};
use serde_json::Value;
use tokio::time::Instant;

const QUEUE: &str = "crm.complaints";
const SECRET: &str = "a secret that only Qlue knows";

fn config(broker: &str, more: &str) -> String {
    format!(
        "[broker]\nurl = \"{broker}\"\n{more}\n[channels.qlue]\nconnector = \"qlue\"\nsecret = \"{SECRET}\"\n"
    )
}

#[tokio::test]
async fn the_core_crm_gets_no_more_a_second_than_it_asked_for() {
    const A_SECOND: u32 = 20;
    const REPORTS: u32 = 60;
    let vhost = RabbitNode::shared().await.vhost("pace").await;
    let pace = format!("messages_per_second = {A_SECOND}");
    let mut gateway = Gateway::launch(&config(&vhost.url(), &pace)).await;
    gateway.broker_is("connected").await;
    let begin = Instant::now();
    gateway.accepted("qlue", &Reports::new(SECRET).batch(REPORTS.into())).await;
    let received = consume::drain(&vhost.url(), QUEUE, 60, Duration::from_secs(30)).await;
    assert_eq!(received.len(), 60);
    // a tenth of a second's worth may come at once; later is no fault of the pace
    let least = Duration::from_secs(1) * (REPORTS - A_SECOND / 10) / A_SECOND;
    assert!(begin.elapsed() >= least, "{REPORTS} came within {:?}", begin.elapsed());
    gateway.terminate().await;
}

#[tokio::test]
async fn an_event_that_is_refused_to_the_end_is_dead_visible_and_can_be_put_back() {
    let vhost = RabbitNode::shared().await.vhost("dead").await;
    let mut gateway = Gateway::launch(&config(&vhost.url(), "attempts = 2")).await;
    gateway.broker_is("connected").await;
    // the queue refuses more than one message (it rejects publishes when it is full)
    vhost
        .rabbitmqctl(&[
            "set_policy",
            "full",
            "^crm.complaints$",
            r#"{"max-length":1}"#,
            "--apply-to",
            "queues",
        ])
        .await;
    let reports = Reports::new(SECRET);
    let mut posted = BTreeSet::new();
    while gateway.health().await["store"]["waiting"]["dead"].as_u64().unwrap() < 2 {
        let answer = gateway.accepted("qlue", &reports.next()).await;
        posted.insert(answer["accepted"][0]["id"].as_str().unwrap().to_owned());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let config = gateway.config();
    let config = config.to_str().unwrap();
    let dead = gateway.rows(&["outbox", "list-dead", "--json", "--config", config]).await;
    assert!(dead.iter().all(|event| event["attempts"] == 2), "{dead:?}");
    assert!(dead[0]["reason"].as_str().unwrap().contains("refused"), "{dead:?}");
    assert!(posted.contains(dead[0]["complaint"].as_str().unwrap()));

    // a queue that refuses lets go when it is read from and below its bound (with no bound at all, 3.10 never does)
    vhost
        .rabbitmqctl(&[
            "set_policy",
            "full",
            "^crm.complaints$",
            r#"{"max-length":1000}"#,
            "--apply-to",
            "queues",
        ])
        .await;
    let mut arrived = BTreeSet::new();
    while arrived != posted {
        let received = consume::drain(&vhost.url(), QUEUE, 1, Duration::from_secs(30)).await;
        assert!(!received.is_empty(), "{} of {} arrived", arrived.len(), posted.len());
        arrived.extend(received.iter().map(|message| {
            let event: Value = serde_json::from_slice(&message.body).unwrap();
            event["subject"].as_str().unwrap().to_owned()
        }));
        gateway.prints(&["outbox", "retry", "--all", "--config", config]).await;
    }
    gateway.terminate().await;
}
