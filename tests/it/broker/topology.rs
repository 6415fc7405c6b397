//! Declaring and checking the topology.

use lapin::{
    Connection, ConnectionProperties,
    options::{QueueDeclareOptions, QueueDeleteOptions},
    types::FieldTable,
};
use muara::broker::TopologyMode;
use muara_tests::rabbitmq::RabbitNode;

use super::{KEY, batch, confirmed, connected, failed, ready, settings, start, state};

#[tokio::test]
async fn what_is_declared_passes_the_check_and_a_second_declaration() {
    let vhost = RabbitNode::shared().await.vhost("declare").await;
    let (_first, _guard) = connected(settings(&vhost.url())).await;
    let listing = vhost
        .rabbitmqctl(&["list_queues", "--no-table-headers", "name", "type", "durable", "arguments"])
        .await;
    let complaints = listing.lines().find(|line| line.starts_with("crm.complaints\t")).unwrap();
    for wanted in [
        "quorum",
        "true",
        r#""x-delivery-limit",20"#,
        r#""x-dead-letter-exchange","crm.complaints.dead""#,
        r#""x-dead-letter-strategy","at-least-once""#,
        r#""x-overflow","reject-publish""#,
    ] {
        assert!(complaints.contains(wanted), "{wanted} is not in {complaints}");
    }
    for name in ["muara.unrouted", "crm.complaints.dead"] {
        let quorum = listing.lines().any(|line| line.starts_with(&format!("{name}\tquorum\ttrue")));
        assert!(quorum, "{name} in {listing}");
    }
    let (_second, _guard) = connected(settings(&vhost.url())).await;
    let mut check = settings(&vhost.url());
    check.mode = TopologyMode::Check;
    let (third, _guard) = connected(check).await;
    let outcomes = third.publish(batch(10, KEY)).await;
    assert!(outcomes.iter().all(confirmed), "{outcomes:?}");
}

#[tokio::test]
async fn a_queue_that_differs_is_named_with_what_to_do_and_is_never_touched() {
    let vhost = RabbitNode::shared().await.vhost("differs").await;
    let connection = Connection::connect(&vhost.url(), ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    channel.queue_declare("crm.complaints".into(), options, FieldTable::default()).await.unwrap();

    let (broker, _guard) = start(settings(&vhost.url()));
    let words = state(&broker, failed).await;
    for wanted in [
        "queue \"crm.complaints\"",
        "differs",
        "inequivalent arg",
        "delete it",
        "broker.topology = \"check\"",
    ] {
        assert!(words.contains(wanted), "{wanted} is not in: {words}");
    }
    channel.queue_delete("crm.complaints".into(), QueueDeleteOptions::default()).await.unwrap();
    ready(&broker).await;
    connection.close(200, "OK".into()).await.unwrap();
}

#[tokio::test]
async fn check_names_everything_that_is_missing_and_declares_nothing() {
    let vhost = RabbitNode::shared().await.vhost("check").await;
    let mut check = settings(&vhost.url());
    check.mode = TopologyMode::Check;
    let (broker, _guard) = start(check);
    let words = state(&broker, failed).await;
    for name in ["muara.unrouted", "crm.complaints", "crm.complaints.dead"] {
        assert!(words.contains(&format!("queue \"{name}\" does not exist")), "{words}");
    }
    assert!(words.contains("exchange \"muara.events\" does not exist"), "{words}");
    assert!(words.contains("broker.topology = \"declare\""), "{words}");
    assert_eq!(vhost.queues().await, Vec::<String>::new());
    let exchanges = vhost.rabbitmqctl(&["list_exchanges", "name"]).await;
    assert!(!exchanges.contains("muara") && !exchanges.contains("crm"), "{exchanges}");

    // Its owner declares it; the check passes by itself then.
    let (_owner, _guard) = connected(settings(&vhost.url())).await;
    ready(&broker).await;
}

#[tokio::test]
async fn a_user_without_rights_is_told_which_object_is_out_of_reach() {
    let node = RabbitNode::shared().await;
    let vhost = node.vhost("rights").await;
    node.rabbitmqctl(&["add_user", "reader", "reader"]).await;
    vhost.rabbitmqctl(&["set_permissions", "reader", "^$", "^$", ".*"]).await;
    let url = vhost.url().replace("guest:guest", "reader:reader");
    let (broker, _guard) = start(settings(&url));
    let words = state(&broker, failed).await;
    assert!(words.contains("refuses access to exchange \"muara.events\""), "{words}");
    assert!(words.contains("refuses access to queue \"crm.complaints\""), "{words}");
}
