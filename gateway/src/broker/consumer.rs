//! The consuming side: one queue, one delivery after another, each acknowledged only when it is settled.
//!
//! It has a connection of its own, because the broker may block the publishing one. What can never be handled goes to
//! the dead letter exchange as a copy with the reason in its headers, and only when the broker has confirmed the copy is
//! the original acknowledged. What cannot be handled *now* stays unacknowledged in hand: giving it back would only burn
//! its delivery limit.

use std::time::Duration;

use futures_util::{Stream, StreamExt};
use jiff::Timestamp;
use lapin::{
    BasicProperties, Channel, Confirmation,
    message::Delivery,
    options::{
        BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions,
    },
    types::{AMQPValue, FieldTable},
};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    Settings,
    connection::{CLOSE_TIMEOUT, pauses},
    session::{Session, open},
    state::{BrokerError, BrokerState, report},
};

/// Between two tries of what cannot be handled now.
const TRY_AGAIN: Duration = Duration::from_secs(1);
/// Between two looks at the connection.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// Headers of a dead letter.
pub(crate) const REASON: &str = "x-muara-reason";
pub(crate) const CODE: &str = "x-muara-code";
/// AMQP delivery mode 2: the broker keeps the message on disk.
const PERSISTENT: u8 = 2;

/// What became of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Handled {
    /// Settled: acknowledged.
    Done,
    /// It can never be handled: dead-lettered with this.
    Dead {
        /// One of a closed set, for programs.
        code: &'static str,
        /// In words.
        reason: String,
    },
    /// It cannot be handled now.
    Again,
}

/// Consumes the queue of replies until it is cancelled; reconnects for ever.
pub async fn run<F, H>(
    settings: Settings,
    prefetch: u16,
    handle: F,
    state: watch::Sender<BrokerState>,
    cancel: CancellationToken,
) where
    F: Fn(Vec<u8>) -> H + Send + Sync,
    H: Future<Output = Handled> + Send,
{
    let mut backoff = pauses(settings.reconnect);
    loop {
        let opened = tokio::select! {
            () = cancel.cancelled() => break,
            opened = open(&settings) => opened,
        };
        let error = match opened {
            Err(error) => error,
            Ok(session) => {
                let consumer = Consumer { settings: &settings, handle: &handle, cancel: &cancel };
                state.send_replace(BrokerState::Connected { since: Timestamp::now() });
                let mut settled = false;
                let ended = consumer.consume(session, prefetch, &mut settled).await;
                // a connection that never gets a message done must not knock every half second, each time using up
                // one delivery of all that it holds
                if settled {
                    backoff = pauses(settings.reconnect);
                }
                match ended {
                    Ok(()) => break,
                    Err(error) => error,
                }
            }
        };
        report(&state, "replies of the core CRM are not read", error);
        let pause = backoff.next().unwrap_or(settings.reconnect.cap);
        tokio::select! {
            () = cancel.cancelled() => break,
            () = sleep(pause) => {}
        }
    }
    state.send_replace(BrokerState::Stopped);
}

struct Consumer<'a, F> {
    settings: &'a Settings,
    handle: &'a F,
    cancel: &'a CancellationToken,
}

impl<F, H> Consumer<'_, F>
where
    F: Fn(Vec<u8>) -> H + Send + Sync,
    H: Future<Output = Handled> + Send,
{
    /// Handles deliveries until the connection fails, or politely ends when cancelled.
    async fn consume(&self, session: Session, prefetch: u16, settled: &mut bool) -> Result<(), BrokerError> {
        let Session { link, channel, mut events, .. } = session;
        // whatever is waited for, a connection that is gone ends it: an answer to come may never come
        tokio::select! {
            biased;
            error = lost(&link.connection, &mut events) => return Err(error),
            worked = self.work(&channel, prefetch, settled) => worked?,
        }
        // what was delivered and not settled goes back to the queue with the connection
        timeout(CLOSE_TIMEOUT, async {
            channel.basic_cancel("muara".into(), BasicCancelOptions::default()).await.ok();
            link.connection.close(200, "Muara closes the connection".into()).await.ok();
        })
        .await
        .ok();
        Ok(())
    }

    /// Settles one delivery after another until it is cancelled.
    async fn work(&self, channel: &Channel, prefetch: u16, settled: &mut bool) -> Result<(), BrokerError> {
        channel.basic_qos(prefetch, BasicQosOptions::default()).await.map_err(BrokerError::Lost)?;
        let queue = self.settings.names.replies.as_str().into();
        let (tag, options, arguments) =
            ("muara".into(), BasicConsumeOptions::default(), FieldTable::default());
        let mut deliveries =
            channel.basic_consume(queue, tag, options, arguments).await.map_err(BrokerError::Lost)?;
        loop {
            let delivery = tokio::select! {
                biased;
                () = self.cancel.cancelled() => return Ok(()),
                delivery = deliveries.next() => delivery,
            };
            match delivery {
                Some(Ok(delivery)) => {
                    if !self.settle(channel, delivery).await? {
                        return Ok(());
                    }
                    *settled = true;
                }
                Some(Err(error)) => return Err(BrokerError::Lost(error)),
                // the broker ends a consumer whose queue was deleted: made anew, the connection declares it again
                None => return Err(BrokerError::ConsumerCancelled(self.settings.names.replies.clone())),
            }
        }
    }

    /// Settles one delivery. False if the gateway stops before it is.
    async fn settle(&self, channel: &Channel, delivery: Delivery) -> Result<bool, BrokerError> {
        loop {
            match (self.handle)(delivery.data.clone()).await {
                Handled::Done => break,
                Handled::Dead { code, reason } => {
                    self.dead_letter(channel, &delivery, code, &reason).await?;
                    tracing::warn!(
                        code,
                        reason,
                        "A message on the queue of replies was dead-lettered: see {}.",
                        self.settings.names.replies_dead
                    );
                    break;
                }
                Handled::Again => {
                    tokio::select! {
                        () = self.cancel.cancelled() => return Ok(false),
                        () = sleep(TRY_AGAIN) => {}
                    }
                }
            }
        }
        delivery.acker.ack(BasicAckOptions::default()).await.map_err(BrokerError::Lost)?;
        Ok(true)
    }

    async fn dead_letter(
        &self,
        channel: &Channel,
        delivery: &Delivery,
        code: &str,
        reason: &str,
    ) -> Result<(), BrokerError> {
        let properties = dead(&delivery.properties, code, reason);
        let exchange = self.settings.names.replies_dead.as_str().into();
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let publishing = async {
            channel
                .basic_publish(exchange, delivery.routing_key.clone(), options, &delivery.data, properties)
                .await?
                .await
        };
        // one message at a time: a return hangs on its own confirm
        match timeout(self.settings.confirm_timeout, publishing).await {
            Ok(Ok(Confirmation::Ack(None))) => Ok(()),
            Ok(Ok(Confirmation::NotRequested)) => {
                Err(BrokerError::ConfirmProtocol("the channel gave no confirms"))
            }
            Ok(Ok(_)) => Err(BrokerError::DeadLetter(self.settings.names.replies_dead.clone())),
            Ok(Err(error)) => Err(BrokerError::Lost(error)),
            Err(_) => Err(BrokerError::ConfirmTimeout(self.settings.confirm_timeout)),
        }
    }
}

/// The properties of a dead letter: its own and the reason. Not its time to live, for dead letters are kept; nor its user
/// id, which the broker would close the channel for, since it is not ours.
fn dead(own: &BasicProperties, code: &str, reason: &str) -> BasicProperties {
    let mut headers = own.headers().clone().unwrap_or_default();
    headers.insert(REASON.into(), AMQPValue::LongString(reason.into()));
    headers.insert(CODE.into(), AMQPValue::LongString(code.into()));
    let mut dead = BasicProperties::default().with_headers(headers).with_delivery_mode(PERSISTENT);
    if let Some(value) = own.content_type().clone() {
        dead = dead.with_content_type(value);
    }
    if let Some(value) = own.content_encoding().clone() {
        dead = dead.with_content_encoding(value);
    }
    if let Some(value) = own.correlation_id().clone() {
        dead = dead.with_correlation_id(value);
    }
    if let Some(value) = own.message_id().clone() {
        dead = dead.with_message_id(value);
    }
    if let Some(value) = *own.timestamp() {
        dead = dead.with_timestamp(value);
    }
    if let Some(value) = own.kind().clone() {
        dead = dead.with_type(value);
    }
    if let Some(value) = own.app_id().clone() {
        dead = dead.with_app_id(value);
    }
    dead
}

/// Waits until the connection is gone. It is also looked at by the clock, since one that breaks while it is being set
/// up may tell nobody.
async fn lost(
    connection: &lapin::Connection,
    events: &mut (impl Stream<Item = lapin::Event> + Unpin),
) -> BrokerError {
    let mut look = tokio::time::interval(LOOK_AGAIN);
    loop {
        tokio::select! {
            Some(event) = events.next() => {
                if let lapin::Event::Error(error) = event {
                    return BrokerError::Lost(error);
                }
            }
            _ = look.tick() => {
                if !connection.status().connected() {
                    return BrokerError::BrokeOff;
                }
            }
        }
    }
}
