//! Finished complaints, read where their reader would read them: from the queue, or from the outbox without a broker.

use lapin::{
    Connection, ConnectionProperties,
    options::{BasicGetOptions, QueueBindOptions, QueueDeclareOptions},
    types::FieldTable,
};
use serde_json::Value;

use crate::{app::Gateway, broker::Topology, cli::CliError};

/// Where the events go.
pub(super) enum Finished {
    Outbox,
    /// A queue of our own beside the core CRM's, which goes away with the connection.
    Queue {
        channel: Box<lapin::Channel>,
        _open: Box<Connection>,
    },
}

const QUEUE: &str = "muara.demo";

impl Finished {
    pub(super) async fn watch(gateway: &Gateway, url: Option<&str>) -> Result<Self, CliError> {
        let (Some(broker), Some(url)) = (&gateway.broker, url) else { return Ok(Self::Outbox) };
        // the exchange is there once the gateway is connected; a broker that is stopped gives no events to watch
        if broker.ready().await.is_err() {
            return Ok(Self::Outbox);
        }
        let watched = async {
            let connection = Connection::connect(url, ConnectionProperties::default()).await?;
            let channel = connection.create_channel().await?;
            let own =
                QueueDeclareOptions { exclusive: true, auto_delete: true, ..QueueDeclareOptions::default() };
            channel.queue_declare(QUEUE.into(), own, FieldTable::default()).await?;
            let events = Topology::default().events;
            let every = QueueBindOptions::default();
            channel.queue_bind(QUEUE.into(), events.into(), "#".into(), every, FieldTable::default()).await?;
            Ok::<_, lapin::Error>(Self::Queue { channel: Box::new(channel), _open: Box::new(connection) })
        };
        Ok(watched.await.map_err(super::DemoError::from)?)
    }

    /// The first events that came.
    pub(super) async fn first(&self, gateway: &Gateway, count: u32) -> Result<Vec<Value>, CliError> {
        let mut bodies = Vec::new();
        match self {
            Self::Outbox => {
                bodies.extend(gateway.store.due(0, count).await?.into_iter().map(|event| event.body.to_vec()))
            }
            Self::Queue { channel, .. } => {
                for _ in 0..count {
                    let taken = channel.basic_get(QUEUE.into(), BasicGetOptions { no_ack: true }).await;
                    bodies.extend(
                        taken.map_err(super::DemoError::from)?.map(|message| message.delivery.data.clone()),
                    );
                }
            }
        }
        Ok(bodies.iter().filter_map(|body| serde_json::from_slice(body).ok()).collect())
    }
}
