//! kill -9 of the gateway.

use std::time::Duration;

use muara_tests::{
    gateway::Gateway,
    rabbitmq::RabbitNode,
    vendors::{Vendors, all_arrive},
};

use super::{Dice, SECRET, config};

const ROUNDS: usize = 32;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_survives_kills_at_any_moment() {
    let mut dice = Dice::new();
    let vhost = RabbitNode::shared().await.vhost("kills").await;
    // small batches: more of what a kill can fall between
    let config = config(&vhost.url(), "").replace("[broker]", "[broker]\nbatch = 20");
    let mut gateway = Gateway::launch(&config).await;
    let vendors = Vendors::start(&gateway, "qlue", SECRET, 6);
    for _ in 0..ROUNDS {
        vendors.answers(usize::try_from(dice.below(40)).unwrap()).await;
        // the moment itself: anywhere between one answer and some commits, publishes and settlements later
        tokio::time::sleep(Duration::from_micros(dice.below(15_000))).await;
        gateway.kill9().await;
        gateway.start().await;
    }
    vendors.answers(20).await;
    let refused = vendors.refused();
    let answered = vendors.finish().await;
    assert!(refused.contains_key(&0), "no kill fell on an open request: {refused:?}");
    assert_eq!(refused.keys().max(), Some(&0), "a vendor was refused: {refused:?}");
    all_arrive(&gateway, &vhost.url(), &answered).await;
    println!("{ROUNDS} kills, {} reports answered, deliveries that failed: {refused:?}", answered.len());
}
