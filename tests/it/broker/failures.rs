//! Real nodes, and what happens to them.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use lapin::{
    BasicProperties, Channel, Connection, ConnectionProperties,
    options::{
        ExchangeDeclareOptions, ExchangeDeleteOptions, QueueBindOptions, QueueDeclareOptions,
        QueueDeleteOptions,
    },
    types::{AMQPValue, FieldTable},
};
use muara::broker::{BrokerState, Outcome, Outgoing, TopologyMode, UnknownReason};
use muara_tests::{
    chaos::ChaosProxy,
    consume::{drain, drain_ids},
    rabbitmq::RabbitNode,
};
use tokio::time::timeout;

use super::{KEY, PATIENCE, batch, confirmed, connected, count, ids, ready, settings, state};

async fn admin(url: &str) -> (Connection, Channel) {
    let connection = Connection::connect(url, ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    (connection, channel)
}

async fn received(url: &str, queue: &str, count: usize) -> BTreeSet<String> {
    let received = drain(url, queue, count, PATIENCE).await;
    received.into_iter().map(|message| message.message_id).collect()
}

/// Publishes what is not confirmed until all of it is, as the relay does.
async fn insist(broker: &muara::broker::Broker, mut left: Vec<Outgoing>) {
    let begin = Instant::now();
    while !left.is_empty() {
        ready(broker).await;
        let outcomes = broker.publish(left.clone()).await;
        left = unconfirmed(left, &outcomes);
        let first = outcomes.iter().find(|outcome| !confirmed(outcome));
        assert!(begin.elapsed() < PATIENCE || left.is_empty(), "{} left, the first {first:?}", left.len());
    }
}

fn unconfirmed(batch: Vec<Outgoing>, outcomes: &[Outcome]) -> Vec<Outgoing> {
    batch
        .into_iter()
        .zip(outcomes)
        .filter(|(_, outcome)| !confirmed(outcome))
        .map(|(message, _)| message)
        .collect()
}

#[tokio::test]
async fn a_batch_of_a_thousand_is_confirmed_and_arrives_as_promised() {
    let vhost = RabbitNode::shared().await.vhost("thousand").await;
    let (broker, _guard) = connected(settings(&vhost.url())).await;
    let mut events = batch(1000, KEY);
    let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    events[0].traceparent = Some(traceparent.to_owned());
    let outcomes = broker.publish(events.clone()).await;
    assert_eq!(count(&outcomes, confirmed), 1000);

    let received = drain(&vhost.url(), "crm.complaints", 1000, PATIENCE).await;
    let order: Vec<String> = received.iter().map(|m| m.message_id.clone()).collect();
    let published: Vec<String> = events.iter().map(|m| m.event_id.to_string()).collect();
    assert_eq!(order, published);
    let first = &received[0];
    assert_eq!(first.routing_key, KEY);
    assert_eq!(first.body, events[0].body);
    let expected = BasicProperties::default()
        .with_content_type("application/cloudevents+json".into())
        .with_message_id(order[0].as_str().into())
        .with_delivery_mode(2)
        .with_app_id("muara".into())
        .with_timestamp(first.properties.timestamp().unwrap());
    let mut headers = FieldTable::default();
    headers.insert("traceparent".into(), AMQPValue::LongString(traceparent.into()));
    assert_eq!(first.properties, expected.with_headers(headers));
}

#[tokio::test]
async fn an_event_no_binding_wants_waits_in_the_unrouted_queue_and_shows() {
    let vhost = RabbitNode::shared().await.vhost("unrouted").await;
    let (broker, _guard) = connected(settings(&vhost.url())).await;
    assert_eq!(broker.unrouted_depth().await, Some(0));
    let events = batch(1, "weather.changed.v1.bmkg");
    assert_eq!(broker.publish(events.clone()).await, [Outcome::Confirmed]);
    timeout(PATIENCE, async {
        while broker.unrouted_depth().await != Some(1) {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("the depth of the unrouted queue never became 1");
    assert_eq!(received(&vhost.url(), "muara.unrouted", 1).await, ids(&events));
}

#[tokio::test]
async fn without_the_alternate_exchange_unroutable_is_returned_and_then_mended() {
    let vhost = RabbitNode::shared().await.vhost("returned").await;
    let (broker, _guard) = connected(settings(&vhost.url())).await;
    let (connection, channel) = admin(&vhost.url()).await;
    channel.exchange_delete("muara.unrouted".into(), ExchangeDeleteOptions::default()).await.unwrap();
    vhost.rabbitmqctl(&["delete_queue", "muara.unrouted"]).await;

    let mut events = batch(300, KEY);
    for index in (0..300).step_by(10) {
        events[index].routing_key = "nobody.listens".to_owned();
    }
    let outcomes = broker.publish(events.clone()).await;
    for (event, outcome) in events.iter().zip(&outcomes) {
        let returned = matches!(outcome, Outcome::Returned { code: 312, .. });
        assert_eq!(returned, event.routing_key != KEY, "{outcome:?}");
    }
    // A return makes the broker side declare its topology anew: the next attempt is caught.
    insist(&broker, unconfirmed(events.clone(), &outcomes)).await;
    assert_eq!(received(&vhost.url(), "muara.unrouted", 30).await.len(), 30);
    assert_eq!(received(&vhost.url(), "crm.complaints", 270).await.len(), 270);
    connection.close(200, "OK".into()).await.unwrap();
}

#[tokio::test]
async fn a_full_queue_that_rejects_is_a_nack() {
    let vhost = RabbitNode::shared().await.vhost("nack").await;
    let (connection, channel) = admin(&vhost.url()).await;
    let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    for name in ["muara.events", "muara.unrouted", "crm.complaints.dead"] {
        let kind = lapin::ExchangeKind::Topic;
        channel.exchange_declare(name.into(), kind, durable, FieldTable::default()).await.unwrap();
    }
    let mut full = FieldTable::default();
    full.insert("x-max-length".into(), AMQPValue::LongInt(1));
    full.insert("x-overflow".into(), AMQPValue::LongString("reject-publish".into()));
    for (name, arguments) in [
        ("crm.complaints", full),
        ("muara.unrouted", FieldTable::default()),
        ("crm.complaints.dead", FieldTable::default()),
    ] {
        let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        channel.queue_declare(name.into(), options, arguments).await.unwrap();
    }
    channel
        .queue_bind(
            "crm.complaints".into(),
            "muara.events".into(),
            "#".into(),
            QueueBindOptions::default(),
            FieldTable::default(),
        )
        .await
        .unwrap();
    let mut settings = settings(&vhost.url());
    settings.mode = TopologyMode::Check;
    let (broker, _guard) = connected(settings).await;
    let events = batch(1, KEY);
    assert_eq!(broker.publish(events.clone()).await, [Outcome::Confirmed]);
    assert_eq!(broker.publish(batch(2, KEY)).await, [Outcome::Nacked, Outcome::Nacked]);
    // Room again: the connection was never at fault.
    assert_eq!(received(&vhost.url(), "crm.complaints", 1).await, ids(&events));
    assert_eq!(broker.publish(batch(1, KEY)).await, [Outcome::Confirmed]);
    connection.close(200, "OK".into()).await.unwrap();
}

#[tokio::test]
async fn a_node_killed_in_the_middle_of_a_batch_loses_nothing() {
    let node = RabbitNode::launch().await;
    let proxy = ChaosProxy::start(node.address()).await;
    let url = format!("amqp://guest:guest@{}/%2f", proxy.addr());
    let (broker, _guard) = connected(settings(&url)).await;
    // The kill may overtake confirms that are on their way: then nothing is known of any, and it is done again.
    for _ in 0..5 {
        node.flush_queue_directory().await;
        let events = batch(20_000, KEY);
        let publishing = tokio::spawn({
            let (broker, events) = (broker.clone(), events.clone());
            async move { broker.publish(events).await }
        });
        // A confirm frame has 21 bytes: some messages are confirmed by now.
        proxy.upstream_sends(3 * 21).await;
        node.kill9();
        let outcomes = timeout(PATIENCE, publishing).await.unwrap().unwrap();
        let lost = |outcome: &Outcome| *outcome == Outcome::Unknown(UnknownReason::ConnectionLost);
        assert!(count(&outcomes, lost) > 0, "the batch was over before the kill");
        assert_eq!(broker.publish(batch(1, KEY)).await, [Outcome::Unknown(UnknownReason::NotConnected)]);

        node.start().await;
        insist(&broker, unconfirmed(events.clone(), &outcomes)).await;
        // At least once: what was confirmed before the kill is there, and repetitions bear the same id.
        let wanted = ids(&events);
        assert!(drain_ids(&node.url(), "crm.complaints", &wanted, PATIENCE).await == wanted);
        if count(&outcomes, confirmed) > 0 {
            return;
        }
    }
    panic!("nothing was confirmed before the kill, five times");
}

#[tokio::test]
async fn a_connection_cut_in_the_middle_of_a_confirm_leaves_unknown_and_recovers() {
    let node = RabbitNode::shared().await;
    let vhost = node.vhost("cut").await;
    let proxy = ChaosProxy::start(node.address()).await;
    let (broker, _guard) = connected(settings(&vhost.url_by(proxy.addr()))).await;
    // Half of the first confirm frame passes.
    proxy.cut_after_bytes_from_upstream(10);
    let events = batch(500, KEY);
    let outcomes = broker.publish(events.clone()).await;
    let lost = Outcome::Unknown(UnknownReason::ConnectionLost);
    assert!(outcomes.iter().all(|outcome| *outcome == lost), "{outcomes:?}");
    insist(&broker, events.clone()).await;
    let wanted = ids(&events);
    assert!(drain_ids(&vhost.url(), "crm.complaints", &wanted, PATIENCE).await == wanted);
}

#[tokio::test]
async fn a_memory_alarm_shows_as_blocked_and_publishing_goes_on_after_it() {
    let node = RabbitNode::launch().await;
    let mut settings = settings(&node.url());
    settings.confirm_timeout = Duration::from_secs(2);
    let (broker, _guard) = connected(settings).await;
    node.rabbitmqctl(&["set_vm_memory_high_watermark", "0.000001"]).await;
    let blocked = Outcome::Unknown(UnknownReason::Blocked);
    let begin = Instant::now();
    let outcomes = broker.publish(batch(1, KEY)).await;
    assert_eq!(outcomes, std::slice::from_ref(&blocked));
    assert!(begin.elapsed() < Duration::from_secs(5));
    let words = state(&broker, |state| matches!(state, BrokerState::Blocked { .. })).await;
    assert!(words.contains("low on memory"), "{words}");
    // Known to be blocked: no waiting.
    let begin = Instant::now();
    assert_eq!(broker.publish(batch(2, KEY)).await, [blocked.clone(), blocked]);
    assert!(begin.elapsed() < Duration::from_secs(1));
    assert_eq!(broker.unrouted_depth().await, None);

    node.rabbitmqctl(&["set_vm_memory_high_watermark", "absolute", "512MB"]).await;
    insist(&broker, batch(100, KEY)).await;
}

#[tokio::test]
async fn a_deleted_queue_sends_events_to_the_unrouted_one_until_it_is_declared_anew() {
    let vhost = RabbitNode::shared().await.vhost("deleted").await;
    let mut settings = settings(&vhost.url());
    settings.topology_interval = Duration::from_secs(3);
    let (broker, _guard) = connected(settings).await;
    let url = vhost.url();
    let (connection, channel) = admin(&url).await;
    channel.queue_delete("crm.complaints".into(), QueueDeleteOptions::default()).await.unwrap();
    connection.close(200, "OK".into()).await.unwrap();
    let stray = batch(3, KEY);
    let outcomes = broker.publish(stray.clone()).await;
    assert!(outcomes.iter().all(confirmed), "{outcomes:?}");
    assert_eq!(drain_ids(&url, "muara.unrouted", &ids(&stray), PATIENCE).await, ids(&stray));
    timeout(PATIENCE, async { while !vhost.queues().await.contains(&"crm.complaints".to_owned()) {} })
        .await
        .expect("the queue never came back");
    let later = batch(1, KEY);
    insist(&broker, later.clone()).await;
    assert_eq!(received(&url, "crm.complaints", 1).await, ids(&later));
}
