//! Draining a queue the way the core CRM would.

#![allow(clippy::unwrap_used)]

use std::{collections::BTreeSet, time::Duration};

use futures_util::StreamExt;
use lapin::{
    BasicProperties, Connection, ConnectionProperties,
    options::{
        BasicAckOptions, BasicConsumeOptions, BasicQosOptions, QueueDeclareOptions, QueueDeleteOptions,
    },
    types::FieldTable,
};
use tokio::time::{Instant, timeout_at};

/// One consumed message.
#[derive(Clone, Debug)]
pub struct Received {
    /// AMQP `message_id`, empty if absent.
    pub message_id: String,
    /// Key it was routed by.
    pub routing_key: String,
    /// All properties, headers among them.
    pub properties: BasicProperties,
    /// Payload.
    pub body: Vec<u8>,
}

/// Consumes and acknowledges until `count` messages have come or `within` has passed; returns what came.
///
/// # Panics
/// If the queue cannot be consumed.
pub async fn drain(url: &str, queue: &str, count: usize, within: Duration) -> Vec<Received> {
    drain_until(url, queue, within, |received| received.len() >= count).await
}

/// Consumes and acknowledges until every one of `ids` has come at least once or `within` has passed; returns the
/// distinct ids that came.
///
/// # Panics
/// If the queue cannot be consumed.
pub async fn drain_ids(url: &str, queue: &str, ids: &BTreeSet<String>, within: Duration) -> BTreeSet<String> {
    let mut left = ids.clone();
    let received = drain_until(url, queue, within, |received| {
        if let Some(last) = received.last() {
            left.remove(&last.message_id);
        }
        left.is_empty()
    })
    .await;
    received.into_iter().map(|message| message.message_id).collect()
}

/// How many messages lie on a queue.
///
/// # Panics
/// If there is no such queue.
pub async fn depth(url: &str, queue: &str) -> usize {
    let connection = Connection::connect(url, ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    let declared = channel.queue_declare(queue.into(), options, FieldTable::default()).await.unwrap();
    connection.close(200, "OK".into()).await.unwrap();
    declared.message_count() as usize
}

/// Deletes a queue; returns how many messages went with it.
///
/// # Panics
/// If there is no such queue.
pub async fn delete(url: &str, queue: &str) -> u32 {
    let connection = Connection::connect(url, ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    let deleted = channel.queue_delete(queue.into(), QueueDeleteOptions::default()).await.unwrap();
    connection.close(200, "OK".into()).await.unwrap();
    deleted
}

async fn drain_until(
    url: &str,
    queue: &str,
    within: Duration,
    mut enough: impl FnMut(&[Received]) -> bool,
) -> Vec<Received> {
    let deadline = Instant::now() + within;
    let connection = Connection::connect(url, ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    channel.basic_qos(500, BasicQosOptions::default()).await.unwrap();
    let mut consumer = channel
        .basic_consume(
            queue.into(),
            "muara-tests".into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        )
        .await
        .unwrap();
    let mut received = Vec::new();
    while !enough(&received) {
        let Ok(Some(delivery)) = timeout_at(deadline, consumer.next()).await else {
            break;
        };
        let delivery = delivery.unwrap();
        delivery.acker.ack(BasicAckOptions::default()).await.unwrap();
        let message_id =
            delivery.properties.message_id().as_ref().map(ToString::to_string).unwrap_or_default();
        received.push(Received {
            message_id,
            routing_key: delivery.routing_key.to_string(),
            properties: delivery.properties,
            body: delivery.data,
        });
    }
    // The broker answers only after it has taken every acknowledgement before.
    channel.close(200, "OK".into()).await.unwrap();
    connection.close(200, "OK".into()).await.unwrap();
    received
}
