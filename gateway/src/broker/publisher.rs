//! Publishing one batch and settling each of its messages.
//!
//! The batch is pipelined and then awaited as a whole (the *batch barrier*) before any message is settled. This is not
//! for speed alone: lapin queues `basic.return`s per channel and hangs the oldest on whichever confirm completes next,
//! so a confirm may carry the return of *another* message while the returned one looks acknowledged. Only the union of
//! all returns of a batch, matched by `message_id`, tells which messages came back.

use std::{
    collections::{HashMap, HashSet},
    future::{Future, poll_fn},
    pin::Pin,
    task::Poll,
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::{MaybeDone, maybe_done};
use lapin::{
    BasicProperties, Channel, Confirmation,
    message::BasicReturnMessage,
    options::BasicPublishOptions,
    types::{AMQPValue, FieldTable, ShortString},
};
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

/// Content type of every event: CloudEvents 1.0, structured mode, JSON.
pub const CONTENT_TYPE: &str = "application/cloudevents+json";
/// `app_id` of every event.
pub const APP_ID: &str = "muara";
/// AMQP delivery mode 2: the broker keeps the message on disk.
pub(crate) const PERSISTENT: u8 = 2;
/// A routing key is an AMQP short string.
const MAX_ROUTING_KEY: usize = 255;

/// One event on its way to the broker.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// Id of the event; becomes the AMQP `message_id`, by which consumers recognise a repetition.
    pub event_id: Uuid,
    /// `<type>.<channel>`, for instance `complaint.received.v1.qlue`. At most 255 bytes.
    pub routing_key: String,
    /// The CloudEvents envelope as JSON.
    pub body: Bytes,
    /// W3C `traceparent`, sent as a header of that name.
    pub traceparent: Option<String>,
}

impl Outgoing {
    /// An event without trace context.
    #[must_use]
    pub fn new(event_id: Uuid, routing_key: impl Into<String>, body: impl Into<Bytes>) -> Self {
        Self { event_id, routing_key: routing_key.into(), body: body.into(), traceparent: None }
    }
}

/// What became of one message. Only [`Outcome::Confirmed`] settles it; everything else means: publish it again later
/// (under the same id), except [`Outcome::Invalid`], which can never succeed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The broker took it: it is in a queue, replicated and on disk.
    Confirmed,
    /// No queue wanted it and there was no alternate exchange to catch it.
    Returned {
        /// AMQP reply code, 312 (`NO_ROUTE`) as a rule.
        code: u16,
        /// The broker's words.
        text: String,
    },
    /// The broker refused it, for instance because a queue is at its `x-max-length` with `reject-publish`.
    Nacked,
    /// Nobody knows: the message may or may not be in the queue.
    Unknown(UnknownReason),
    /// AMQP cannot carry it; nothing was sent.
    Invalid(InvalidMessage),
}

/// Why the fate of a message is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnknownReason {
    /// There was no connection; nothing was sent.
    #[error("not connected to the broker")]
    NotConnected,
    /// The broker blocks publishers (memory or disk alarm).
    #[error("the broker blocks publishers")]
    Blocked,
    /// No confirm within the timeout.
    #[error("the broker did not confirm in time")]
    Timeout,
    /// The connection or its channel failed before the confirm.
    #[error("the connection failed before the broker confirmed")]
    ConnectionLost,
    /// The batch broke off while returns were still unassigned, so this acknowledgement proves nothing.
    #[error("acknowledged, but the batch broke off before it was clear which message was returned")]
    Ambiguous,
    /// The channel was not in confirm mode.
    #[error("the channel gave no confirms")]
    ConfirmsOff,
    /// The publisher has stopped; nothing was sent.
    #[error("the publisher has stopped")]
    Stopped,
}

/// Why AMQP cannot carry a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMessage {
    /// The routing key is longer than an AMQP short string.
    #[error("the routing key has {0} bytes; AMQP allows {MAX_ROUTING_KEY}")]
    RoutingKeyTooLong(usize),
}

/// A batch that is over.
pub(super) struct Settled {
    /// One per message, in order.
    pub(super) outcomes: Vec<Outcome>,
    /// Why the channel must not be used again: confirms of this batch may still be on their way.
    pub(super) broken: Option<Broken>,
}

/// Why a batch broke off.
pub(super) enum Broken {
    Timeout,
    ConfirmsOff,
    ForeignReturn,
    Connection(lapin::Error),
}

/// How one publish ended, before returns are assigned.
enum Landing {
    Acked { carried: Option<Uuid> },
    Nacked,
    Unknown(UnknownReason),
    Invalid(InvalidMessage),
}

type Flight<'a> = Pin<Box<MaybeDone<Pin<Box<dyn Future<Output = lapin::Result<Confirmation>> + Send + 'a>>>>>;

/// Publishes `batch` and waits until every message is settled or `timeout` has passed.
pub(super) async fn publish(
    channel: &Channel,
    exchange: &ShortString,
    batch: &[Outgoing],
    timeout: Duration,
) -> Settled {
    let deadline = Instant::now() + timeout;
    let timestamp = u64::try_from(jiff::Timestamp::now().as_second()).unwrap_or_default();
    let mut flights: Vec<Result<Flight<'_>, InvalidMessage>> =
        batch.iter().map(|message| launch(channel, exchange, message, timestamp)).collect();
    // The first poll writes the frames into lapin's queue: once through, in order, and the whole batch is on its way.
    poll_fn(|context| {
        for flight in flights.iter_mut().flatten() {
            let _landed_at_once = flight.as_mut().poll(context).is_ready();
        }
        Poll::Ready(())
    })
    .await;

    let mut barrier = Barrier::default();
    let mut landings = Vec::with_capacity(batch.len());
    for flight in flights {
        landings.push(match flight {
            Ok(flight) => barrier.land(flight, deadline).await,
            Err(invalid) => Landing::Invalid(invalid),
        });
    }
    barrier.settle(batch, landings)
}

fn launch<'a>(
    channel: &'a Channel,
    exchange: &ShortString,
    message: &'a Outgoing,
    timestamp: u64,
) -> Result<Flight<'a>, InvalidMessage> {
    let key = ShortString::try_new(message.routing_key.as_str())
        .map_err(|_| InvalidMessage::RoutingKeyTooLong(message.routing_key.len()))?;
    let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
    let properties = properties(message, timestamp);
    let exchange = exchange.clone();
    Ok(Box::pin(maybe_done(Box::pin(async move {
        channel.basic_publish(exchange, key, options, &message.body, properties).await?.await
    }))))
}

fn properties(message: &Outgoing, timestamp: u64) -> BasicProperties {
    let properties = BasicProperties::default()
        .with_content_type(CONTENT_TYPE.into())
        .with_message_id(message.event_id.to_string().into())
        .with_delivery_mode(PERSISTENT)
        .with_timestamp(timestamp)
        .with_app_id(APP_ID.into());
    match &message.traceparent {
        Some(traceparent) => {
            let mut headers = FieldTable::default();
            headers.insert("traceparent".into(), AMQPValue::LongString(traceparent.as_str().into()));
            properties.with_headers(headers)
        }
        None => properties,
    }
}

/// Gathers the returns of a batch until every confirm is in.
#[derive(Default)]
struct Barrier {
    returned: HashMap<Uuid, (u16, String)>,
    nameless_return: bool,
    broken: Option<Broken>,
}

impl Barrier {
    async fn land(&mut self, mut flight: Flight<'_>, deadline: Instant) -> Landing {
        let confirmation = match timeout_at(deadline, flight.as_mut()).await {
            Ok(()) => flight.as_mut().take_output(),
            Err(_) => None,
        };
        let (acked, message) = match confirmation {
            Some(Ok(Confirmation::Ack(message))) => (true, message),
            Some(Ok(Confirmation::Nack(message))) => (false, message),
            Some(Ok(Confirmation::NotRequested)) => {
                self.broken.get_or_insert(Broken::ConfirmsOff);
                return Landing::Unknown(UnknownReason::ConfirmsOff);
            }
            Some(Err(error)) => {
                self.broken.get_or_insert(Broken::Connection(error));
                return Landing::Unknown(UnknownReason::ConnectionLost);
            }
            None => {
                self.broken.get_or_insert(Broken::Timeout);
                return Landing::Unknown(UnknownReason::Timeout);
            }
        };
        let carried = message.and_then(|message| self.note_return(message));
        if acked { Landing::Acked { carried } } else { Landing::Nacked }
    }

    fn note_return(&mut self, message: BasicReturnMessage) -> Option<Uuid> {
        let id = message
            .delivery
            .properties
            .message_id()
            .as_ref()
            .and_then(|id| Uuid::try_parse(id.as_str()).ok());
        match id {
            Some(id) => {
                let text = message.reply_text.to_string();
                self.returned.insert(id, (message.reply_code, text));
            }
            None => self.nameless_return = true,
        }
        id
    }

    fn settle(mut self, batch: &[Outgoing], landings: Vec<Landing>) -> Settled {
        let ids: HashSet<Uuid> = batch.iter().map(|message| message.event_id).collect();
        // A return naming none of our messages means the broker and we disagree about what was sent when. Nothing of
        // the kind is known of RabbitMQ; should it happen, no acknowledgement of this batch is taken at its word.
        let foreign = self.nameless_return || self.returned.keys().any(|id| !ids.contains(id));
        if foreign {
            self.broken.get_or_insert(Broken::ForeignReturn);
        }
        // Each completed confirm takes one return off lapin's queue, and a message's own return precedes its confirm.
        // So after a whole batch the queue is empty. In a broken one, a confirm that carried another message's return
        // may have left its own behind in the queue.
        let broken = self.broken.is_some();
        let outcomes = batch
            .iter()
            .zip(landings)
            .map(|(message, landing)| {
                if let Some((code, text)) = self.returned.get(&message.event_id) {
                    return Outcome::Returned { code: *code, text: text.clone() };
                }
                match landing {
                    Landing::Acked { carried } if foreign || (broken && carried.is_some()) => {
                        Outcome::Unknown(UnknownReason::Ambiguous)
                    }
                    Landing::Acked { .. } => Outcome::Confirmed,
                    Landing::Nacked => Outcome::Nacked,
                    Landing::Unknown(reason) => Outcome::Unknown(reason),
                    Landing::Invalid(invalid) => Outcome::Invalid(invalid),
                }
            })
            .collect();
        Settled { outcomes, broken: self.broken }
    }
}
