//! The topology: one definition of exchanges, queues and bindings, from which Muara declares or checks.
//!
//! ```text
//! muara.events (topic) ──complaint.#, reply.#──► crm.complaints (quorum) ──rejected or expired──► crm.complaints.dead
//!        └── no binding matches ──► muara.unrouted (fanout) ──► muara.unrouted (quorum)
//! core CRM ──default exchange──► muara.replies (quorum) ──malformed or unknown──► muara.replies.dead (fanout, quorum)
//! ```
//!
//! A message that lands in `muara.unrouted` is confirmed and *not* returned: it is safe, but nobody reads it. Its depth
//! ([`super::Broker::unrouted_depth`]) is an alarm. Arguments follow the RabbitMQ documentation of
//! [quorum queues](https://www.rabbitmq.com/docs/quorum-queues): a delivery limit (3.10 has no default), and
//! at-least-once dead lettering, which takes effect only together with `x-overflow=reject-publish`.

use std::fmt;

use lapin::{
    Channel, Connection, ErrorKind, ExchangeKind,
    options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions},
    protocol::{AMQPErrorKind, AMQPSoftError},
    types::{AMQPValue, FieldTable, ShortString},
};

/// Who owns the topology.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TopologyMode {
    /// Muara declares every object and binding.
    #[default]
    Declare,
    /// Somebody else owns it (the core-CRM team): Muara checks that exchanges and queues exist and declares nothing.
    /// AMQP cannot read arguments or bindings, so a missing binding shows only as messages in the unrouted queue.
    Check,
}

/// Names of the objects, and the delivery limit. Each name stands for the exchange and the queue of that role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topology {
    /// Topic exchange the events are published to.
    pub events: String,
    /// Alternate exchange (fanout) and its queue, for events no binding wanted.
    pub unrouted: String,
    /// Queue the core CRM consumes.
    pub complaints: String,
    /// Dead letter exchange (fanout) and its queue, for events the core CRM rejected or failed on too often.
    pub dead: String,
    /// Queue of the core CRM's replies; publishers use the default exchange with this routing key.
    pub replies: String,
    /// Dead letter exchange (fanout) and its queue, for replies that can never be delivered.
    pub replies_dead: String,
    /// Whether the queue of replies belongs to it: on the consumer's connection, so that a fault in it stops no event.
    pub consumes: bool,
    /// How often `replies` delivers one message before dead lettering it. High, since only a lost connection counts:
    /// Muara gives nothing back.
    pub replies_delivery_limit: u16,
    /// How often `complaints` delivers one message before dead lettering it. Default 20, as RabbitMQ 4.
    pub delivery_limit: u16,
}

impl Default for Topology {
    fn default() -> Self {
        Self {
            events: "muara.events".to_owned(),
            unrouted: "muara.unrouted".to_owned(),
            complaints: "crm.complaints".to_owned(),
            dead: "crm.complaints.dead".to_owned(),
            replies: "muara.replies".to_owned(),
            replies_dead: "muara.replies.dead".to_owned(),
            consumes: false,
            replies_delivery_limit: 200,
            delivery_limit: 20,
        }
    }
}

/// Event families the core CRM's queue is bound to.
pub(crate) const COMPLAINT_BINDINGS: [&str; 2] = ["complaint.#", "reply.#"];

pub(crate) struct ExchangeDefinition<'a> {
    pub(crate) name: &'a str,
    pub(crate) kind: ExchangeKind,
    pub(crate) arguments: FieldTable,
}

pub(crate) struct QueueDefinition<'a> {
    pub(crate) name: &'a str,
    pub(crate) arguments: FieldTable,
}

pub(crate) struct BindingDefinition<'a> {
    pub(crate) queue: &'a str,
    pub(crate) exchange: &'a str,
    pub(crate) key: &'a str,
}

/// Everything there is, in the order it must be declared: what others point at comes first.
pub(crate) struct Definition<'a> {
    pub(crate) exchanges: Vec<ExchangeDefinition<'a>>,
    pub(crate) queues: Vec<QueueDefinition<'a>>,
    pub(crate) bindings: Vec<BindingDefinition<'a>>,
}

impl Topology {
    pub(crate) fn definition(&self) -> Definition<'_> {
        let text = |value: &str| AMQPValue::LongString(value.into());
        let quorum = ("x-queue-type", text("quorum"));
        let dead_letters = |to: &str, limit: u16| {
            table([
                quorum.clone(),
                ("x-delivery-limit", AMQPValue::LongInt(i32::from(limit))),
                ("x-dead-letter-exchange", text(to)),
                ("x-dead-letter-strategy", text("at-least-once")),
                ("x-overflow", text("reject-publish")),
            ])
        };
        let mut definition = Definition {
            exchanges: vec![
                ExchangeDefinition {
                    name: &self.unrouted,
                    kind: ExchangeKind::Fanout,
                    arguments: FieldTable::default(),
                },
                ExchangeDefinition {
                    name: &self.dead,
                    kind: ExchangeKind::Fanout,
                    arguments: FieldTable::default(),
                },
                ExchangeDefinition {
                    name: &self.events,
                    kind: ExchangeKind::Topic,
                    arguments: table([("alternate-exchange", text(&self.unrouted))]),
                },
            ],
            queues: vec![
                QueueDefinition { name: &self.unrouted, arguments: table([quorum.clone()]) },
                QueueDefinition { name: &self.dead, arguments: table([quorum.clone()]) },
                QueueDefinition {
                    name: &self.complaints,
                    arguments: dead_letters(&self.dead, self.delivery_limit),
                },
            ],
            bindings: [(&self.unrouted, ""), (&self.dead, "")]
                .into_iter()
                .map(|(name, key)| BindingDefinition { queue: name, exchange: name, key })
                .chain(COMPLAINT_BINDINGS.map(|key| BindingDefinition {
                    queue: &self.complaints,
                    exchange: &self.events,
                    key,
                }))
                .collect(),
        };
        if self.consumes {
            definition.exchanges.push(ExchangeDefinition {
                name: &self.replies_dead,
                kind: ExchangeKind::Fanout,
                arguments: FieldTable::default(),
            });
            definition.queues.extend([
                QueueDefinition { name: &self.replies_dead, arguments: table([quorum.clone()]) },
                QueueDefinition {
                    name: &self.replies,
                    arguments: dead_letters(&self.replies_dead, self.replies_delivery_limit),
                },
            ]);
            definition.bindings.push(BindingDefinition {
                queue: &self.replies_dead,
                exchange: &self.replies_dead,
                key: "",
            });
        }
        definition
    }
}

fn table<const N: usize>(entries: [(&str, AMQPValue); N]) -> FieldTable {
    let mut table = FieldTable::default();
    for (key, value) in entries {
        table.insert(key.into(), value);
    }
    table
}

/// One exchange, queue or binding, as an operator would name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Object {
    /// An exchange by name.
    Exchange(String),
    /// A queue by name.
    Queue(String),
    /// The binding of a queue to an exchange.
    Binding {
        /// Queue that is bound.
        queue: String,
        /// Exchange it is bound to.
        exchange: String,
    },
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exchange(name) => write!(f, "exchange \"{name}\""),
            Self::Queue(name) => write!(f, "queue \"{name}\""),
            Self::Binding { queue, exchange } => {
                write!(f, "binding of queue \"{queue}\" to exchange \"{exchange}\"")
            }
        }
    }
}

/// What is wrong with one object; each text says what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TopologyFault {
    /// It exists with another type or other arguments (AMQP 406).
    #[error(
        "{object} exists but differs from what Muara declares ({detail}): delete it so that Muara can declare it anew \
         (a queue's messages go with it, so drain it first), or set broker.topology = \"check\" to use it as it is"
    )]
    Differs {
        /// Which object.
        object: Object,
        /// RabbitMQ's own words.
        detail: String,
    },
    /// It does not exist (AMQP 404).
    #[error(
        "{object} does not exist: have its owner create it, or set broker.topology = \"declare\" to let Muara do so"
    )]
    Missing {
        /// Which object.
        object: Object,
    },
    /// The user may not do this (AMQP 403).
    #[error(
        "the broker refuses access to {object} ({detail}): grant the user of broker.url the permission, \
         or set broker.topology = \"check\" if somebody else declares it"
    )]
    Forbidden {
        /// Which object.
        object: Object,
        /// RabbitMQ's own words.
        detail: String,
    },
    /// Another connection holds it exclusively (AMQP 405).
    #[error("{object} is locked by another connection ({detail}): close that connection")]
    Locked {
        /// Which object.
        object: Object,
        /// RabbitMQ's own words.
        detail: String,
    },
}

/// Why the topology cannot be used. Retried like any failure; only [`TopologyError::Faults`] needs an operator.
#[derive(Clone, Debug, thiserror::Error)]
pub enum TopologyError {
    /// Objects that are missing or differ, all of them.
    #[error("{}", join(.0))]
    Faults(Vec<TopologyFault>),
    /// The connection failed meanwhile.
    #[error("the connection failed while the topology was set up: {0}")]
    Connection(#[from] lapin::Error),
}

fn join(faults: &[TopologyFault]) -> String {
    let texts: Vec<String> = faults.iter().map(ToString::to_string).collect();
    texts.join("; ")
}

/// Declares or checks the whole topology on channels of its own.
///
/// # Errors
/// All faults found, or the failure of the connection.
pub(super) async fn ensure(
    connection: &Connection,
    mode: TopologyMode,
    names: &Topology,
) -> Result<(), TopologyError> {
    let definition = names.definition();
    let passive = mode == TopologyMode::Check;
    let mut pass = Pass { connection, channel: None, faults: Vec::new() };
    for exchange in definition.exchanges {
        let options = ExchangeDeclareOptions { passive, durable: true, ..ExchangeDeclareOptions::default() };
        let result = pass
            .channel()
            .await?
            .exchange_declare(exchange.name.into(), exchange.kind, options, exchange.arguments)
            .await;
        pass.note(Object::Exchange(exchange.name.to_owned()), result)?;
    }
    for queue in definition.queues {
        let options = QueueDeclareOptions { passive, durable: true, ..QueueDeclareOptions::default() };
        let result =
            pass.channel().await?.queue_declare(queue.name.into(), options, queue.arguments).await.map(drop);
        pass.note(Object::Queue(queue.name.to_owned()), result)?;
    }
    if !passive && pass.faults.is_empty() {
        for binding in definition.bindings {
            let result = pass
                .channel()
                .await?
                .queue_bind(
                    binding.queue.into(),
                    binding.exchange.into(),
                    binding.key.into(),
                    QueueBindOptions::default(),
                    FieldTable::default(),
                )
                .await;
            let object =
                Object::Binding { queue: binding.queue.to_owned(), exchange: binding.exchange.to_owned() };
            pass.note(object, result)?;
        }
    }
    pass.finish().await
}

/// Messages waiting in the unrouted queue.
///
/// # Errors
/// The queue is missing, or the connection failed.
pub(super) async fn unrouted_depth(connection: &Connection, names: &Topology) -> Result<u32, TopologyError> {
    let mut pass = Pass { connection, channel: None, faults: Vec::new() };
    let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    let result = pass
        .channel()
        .await?
        .queue_declare(names.unrouted.as_str().into(), options, FieldTable::default())
        .await;
    let depth = result.as_ref().map_or(0, lapin::Queue::message_count);
    pass.note(Object::Queue(names.unrouted.clone()), result.map(drop))?;
    pass.finish().await?;
    Ok(depth)
}

/// One walk over the definition. RabbitMQ closes the channel on each fault, so the walk opens another and goes on: the
/// operator gets all faults at once.
struct Pass<'a> {
    connection: &'a Connection,
    channel: Option<Channel>,
    faults: Vec<TopologyFault>,
}

impl Pass<'_> {
    async fn channel(&mut self) -> Result<Channel, TopologyError> {
        if let Some(channel) = &self.channel {
            return Ok(channel.clone());
        }
        let channel = self.connection.create_channel().await?;
        self.channel = Some(channel.clone());
        Ok(channel)
    }

    fn note(&mut self, object: Object, result: lapin::Result<()>) -> Result<(), TopologyError> {
        let Err(error) = result else { return Ok(()) };
        let fault = fault(object, &error).ok_or(TopologyError::Connection(error))?;
        self.faults.push(fault);
        self.channel = None;
        Ok(())
    }

    async fn finish(self) -> Result<(), TopologyError> {
        if !self.faults.is_empty() {
            return Err(TopologyError::Faults(self.faults));
        }
        if let Some(channel) = self.channel {
            channel.close(200, ShortString::from("OK")).await?;
        }
        Ok(())
    }
}

fn fault(object: Object, error: &lapin::Error) -> Option<TopologyFault> {
    let ErrorKind::ProtocolError(error) = error.kind() else {
        return None;
    };
    let AMQPErrorKind::Soft(kind) = error.kind() else {
        return None;
    };
    let detail = error.get_message().to_string();
    Some(match kind {
        AMQPSoftError::NOTFOUND => TopologyFault::Missing { object },
        AMQPSoftError::ACCESSREFUSED => TopologyFault::Forbidden { object, detail },
        AMQPSoftError::RESOURCELOCKED => TopologyFault::Locked { object, detail },
        AMQPSoftError::PRECONDITIONFAILED => TopologyFault::Differs { object, detail },
        _ => return None,
    })
}
