//! What the broker would do for a program that only publishes: lapin, confirms in batches, nothing else.

use std::time::{Duration, Instant};

use lapin::{
    BasicProperties, Channel, Confirmation, Connection, ConnectionProperties,
    options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions},
    types::FieldTable,
};
use muara::broker::{Broker, Settings, Topology};
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

use crate::{measure::Meter, table::Row};

/// Messages published before their confirms are awaited.
const BATCH: usize = 500;
const ROUTING_KEY: &str = "complaint.received.v1.qlue";

/// Publishes `warm_up` and then, measured, the rest to a fresh queue that is equal to the core CRM's.
pub(crate) async fn run(name: &str, url: &str, bodies: &[String], warm_up: usize, meter: &Meter) -> Row {
    let topology = declare(url).await;
    let connection = Connection::connect(url, ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
    let (first, measured) = bodies.split_at(warm_up);
    publish(&channel, &topology.events, first).await;
    let used = meter.start(None);
    let start = Instant::now();
    publish(&channel, &topology.events, measured).await;
    let took = start.elapsed();
    let used = meter.since(&used);
    let queued = depth_reaches(url, &topology.complaints, bodies.len()).await;
    assert_eq!(queued, bodies.len(), "messages in the baseline's queue");
    connection.close(200, "OK".into()).await.unwrap();
    Row::baseline(name, measured.len(), took, used)
}

/// Has Muara's own code make exchange and queue, so that their arguments are the same.
async fn declare(url: &str) -> Topology {
    let settings = Settings::new(SecretString::from(url));
    let names = settings.names.clone();
    let stop = CancellationToken::new();
    let broker = Broker::start(settings, stop.clone());
    broker.ready().await.unwrap();
    stop.cancel();
    broker.stopped().await;
    names
}

async fn publish(channel: &Channel, exchange: &str, bodies: &[String]) {
    let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
    let properties =
        BasicProperties::default().with_content_type("application/json".into()).with_delivery_mode(2);
    for batch in bodies.chunks(BATCH) {
        let mut confirms = Vec::with_capacity(batch.len());
        for body in batch {
            let confirm = channel
                .basic_publish(
                    exchange.into(),
                    ROUTING_KEY.into(),
                    options,
                    body.as_bytes(),
                    properties.clone(),
                )
                .await;
            confirms.push(confirm.unwrap());
        }
        for confirm in confirms {
            let confirmation = confirm.await.unwrap();
            assert!(matches!(confirmation, Confirmation::Ack(None)), "the broker refused a message");
        }
    }
}

/// Messages in a queue. The leader of a quorum queue publishes its count with a delay, so a count that is too small is
/// asked again.
pub(crate) async fn depth_reaches(url: &str, queue: &str, expected: usize) -> usize {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let found = depth(url, queue).await;
        if found >= expected || Instant::now() > deadline {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn depth(url: &str, queue: &str) -> usize {
    let connection = Connection::connect(url, ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    let passive = QueueDeclareOptions { passive: true, durable: true, ..QueueDeclareOptions::default() };
    let queue = channel.queue_declare(queue.into(), passive, FieldTable::default()).await.unwrap();
    let count = usize::try_from(queue.message_count()).unwrap();
    connection.close(200, "OK".into()).await.unwrap();
    count
}
