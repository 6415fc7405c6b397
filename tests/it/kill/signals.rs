//! SIGTERM and SIGHUP under load.

use std::{collections::BTreeMap, time::Duration};

use muara_tests::{
    chaos::ChaosProxy,
    gateway::Gateway,
    rabbitmq::RabbitNode,
    reports::Reports,
    vendors::{Vendors, all_arrive},
};

use super::{SECRET, config};

const DRAIN: &str = "[intake]\ndrain_seconds = 3\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_under_load_ends_in_time_and_loses_nothing() {
    let vhost = RabbitNode::shared().await.vhost("stop").await;
    let mut gateway = Gateway::launch(&config(&vhost.url(), DRAIN)).await;
    gateway.broker_is("connected").await;
    let vendors = Vendors::start(&gateway, "qlue", SECRET, 6);
    for _ in 0..3 {
        vendors.answers(100).await;
        let (status, took) = gateway.terminate().await;
        assert_eq!(status.code(), Some(0), "{}", gateway.log().text());
        assert!(took < Duration::from_secs(10), "{took:?}");
        gateway.start().await;
    }
    let refused = vendors.refused();
    assert_eq!(refused.keys().max(), Some(&0), "an open request was refused: {refused:?}");
    all_arrive(&gateway, &vhost.url(), &vendors.finish().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_while_the_broker_hangs_ends_within_its_bound() {
    let node = RabbitNode::shared().await;
    let vhost = node.vhost("hangs").await;
    let proxy = ChaosProxy::start(node.address()).await;
    let mut gateway = Gateway::launch(&config(&vhost.url_by(proxy.addr()), DRAIN)).await;
    gateway.broker_is("connected").await;
    let vendors = Vendors::start(&gateway, "qlue", SECRET, 4);
    vendors.answers(50).await;
    proxy.freeze();
    vendors.answers(50).await;
    let (status, took) = gateway.terminate().await;
    assert_eq!(status.code(), Some(0), "{}", gateway.log().text());
    // the drain time twice, and the broker's own bound
    assert!(took < Duration::from_secs(15), "{took:?}");
    proxy.thaw();
    gateway.start().await;
    all_arrive(&gateway, &vhost.url(), &vendors.finish().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_takes_up_channels_and_secrets_without_dropping_a_request() {
    let other = |secret: &str| format!("[channels.other]\nconnector = \"qlue\"\nsecret = \"{secret}\"\n");
    let gateway = Gateway::launch(&config("", &other("the old secret"))).await;
    let (old, new) = (Reports::new("the old secret"), Reports::new("the new secret"));
    let vendors = Vendors::start(&gateway, "qlue", SECRET, 4);
    gateway.accepted("other", &old.next()).await;
    assert_eq!(gateway.post("other", &new.next()).await.unwrap().status(), 401);
    assert_eq!(gateway.post("fresh", &new.next()).await.unwrap().status(), 404);

    let fresh = "[channels.fresh]\nconnector = \"qlue\"\nsecret = \"the new secret\"\n";
    gateway.configure(&config("", &format!("{}\n{fresh}", other("the new secret"))));
    for round in 0..3 {
        vendors.answers(30).await;
        let after = gateway.log().len();
        gateway.hangup().await;
        gateway.log().line(after, "The channels are reloaded").await;
        gateway.accepted("fresh", &new.next()).await;
        gateway.accepted("other", &new.next()).await;
        assert_eq!(gateway.post("other", &old.next()).await.unwrap().status(), 401, "round {round}");
    }
    assert_eq!(gateway.channel_health("fresh").await["state"], "healthy");

    // a channel that is gone
    gateway.configure(&config("", fresh));
    let after = gateway.log().len();
    gateway.hangup().await;
    gateway.log().line(after, "The channels are reloaded").await;
    assert_eq!(gateway.post("other", &new.next()).await.unwrap().status(), 404);

    // a wrong configuration, and one that is not even TOML
    for wrong in ["[channels.fresh]\nconnector = \"qlu\"\n", "[channels.fresh\nsecret = \"hunter2\n"] {
        gateway.configure(&config("", wrong));
        let after = gateway.log().len();
        gateway.hangup().await;
        let line = gateway.log().line(after, "not reloaded").await;
        assert!(!line.contains("hunter2"), "{line}");
        gateway.accepted("fresh", &new.next()).await;
    }
    assert_eq!(vendors.refused(), BTreeMap::new());
    vendors.finish().await;
}

#[tokio::test]
async fn a_second_gateway_on_the_same_store_is_refused_until_the_first_is_gone() {
    let mut gateway = Gateway::launch(&config("", "")).await;
    let (status, words) = gateway.fails_to_start().await;
    assert!(!status.success() && words.contains("another muara serves from this store"), "{words}");
    // commands may look at it meanwhile
    gateway.prints(&["outbox", "stats"]).await;
    gateway.kill9().await;
    gateway.start().await;
    gateway.terminate().await;
}
