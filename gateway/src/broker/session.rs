//! Making a connection that is ready to publish on.

use std::{pin::Pin, sync::Arc};

use futures_util::Stream;
use lapin::{
    Channel, ConnectionProperties, ErrorKind, Event,
    options::ConfirmSelectOptions,
    protocol::{AMQPErrorKind, AMQPHardError},
    uri::AMQPUri,
};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::timeout;

use super::{Settings, socket::Link, state::BrokerError, topology};

/// A connection ready to publish on.
pub(super) struct Session {
    pub(super) link: Link,
    pub(super) channel: Channel,
    /// lapin's listeners share one queue: a second would steal from this.
    pub(super) events: Pin<Box<dyn Stream<Item = Event> + Send>>,
    /// Set once a batch broke off while the broker blocked: the channel is used no more, but the connection is kept
    /// until the broker unblocks it, because only it will be told.
    pub(super) spent: bool,
}

/// Connects, opens a channel in confirm mode and ensures the topology.
pub(super) async fn open(settings: &Settings) -> Result<Session, BrokerError> {
    let mut uri = parse(&settings.url)?;
    if uri.query.heartbeat.is_none() {
        uri.query.heartbeat = u16::try_from(settings.heartbeat.as_secs()).ok();
    }
    let address = address(&uri);
    let properties =
        ConnectionProperties::default().with_connection_name(settings.connection_name.as_str().into());
    let session = bounded(settings, "AMQP handshake", async {
        let link = Link::open(uri, properties).await.map_err(|error| refused(error, address))?;
        let events = Box::pin(link.connection.events_listener());
        let channel = link.connection.create_channel().await.map_err(BrokerError::Lost)?;
        channel.confirm_select(ConfirmSelectOptions::default()).await.map_err(BrokerError::Lost)?;
        Ok(Session { link, channel, events, spent: false })
    })
    .await?;
    ensure_topology(&session.link, settings).await?;
    Ok(session)
}

/// Declares or checks the topology within the connect timeout.
pub(super) async fn ensure_topology(link: &Link, settings: &Settings) -> Result<(), BrokerError> {
    bounded(settings, "exchanges and queues", async {
        Ok(topology::ensure(&link.connection, settings.mode, &settings.names).await?)
    })
    .await
}

/// Runs `work` within the connect timeout.
pub(super) async fn bounded<T>(
    settings: &Settings,
    step: &'static str,
    work: impl Future<Output = Result<T, BrokerError>>,
) -> Result<T, BrokerError> {
    let after = settings.connect_timeout;
    match timeout(after, work).await {
        Ok(result) => result,
        Err(_) => Err(BrokerError::NoAnswer { address: address(&parse(&settings.url)?), after, step }),
    }
}

fn address(uri: &AMQPUri) -> String {
    format!("{}:{}", uri.authority.host, uri.authority.port)
}

/// Parses the URL. The parser's own errors are not shown, since some repeat the URL with its password; and it replaces
/// an IPv6 address by `localhost`, which is put right here.
fn parse(url: &SecretString) -> Result<AMQPUri, BrokerError> {
    let url = url.expose_secret();
    let mut uri: AMQPUri = url.parse().map_err(|_| BrokerError::BadUrl)?;
    let authority = url
        .split_once("://")
        .and_then(|(_, rest)| rest.split(['/', '?', '#']).next())
        .ok_or(BrokerError::BadUrl)?;
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    if let Some((host, _)) = host.strip_prefix('[').and_then(|host| host.split_once(']')) {
        uri.authority.host = host.to_owned();
    }
    Ok(uri)
}

/// Why the handshake failed.
fn refused(error: lapin::Error, address: String) -> BrokerError {
    match error.kind() {
        ErrorKind::IOError(source) => BrokerError::Unreachable { address, source: Arc::clone(source) },
        ErrorKind::ProtocolError(amqp) => {
            let detail = amqp.get_message().to_string();
            match amqp.kind() {
                AMQPErrorKind::Hard(AMQPHardError::NOTALLOWED) => BrokerError::VirtualHost { detail },
                _ if amqp.get_id() == 403 => BrokerError::AccessRefused { detail },
                _ => BrokerError::Lost(error),
            }
        }
        _ => BrokerError::Lost(error),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_ipv6_broker_is_not_taken_for_localhost() {
        let uri = parse(&"amqp://u:p@[2001:db8::5]:5673/v".into()).unwrap();
        assert_eq!(uri.authority.host, "2001:db8::5");
        assert_eq!(uri.authority.port, 5673);
    }

    #[test]
    fn neither_a_bad_url_nor_debug_shows_the_password() {
        let settings = Settings::new("mailto:hunter2".into());
        let error = parse(&settings.url).unwrap_err();
        assert!(error.needs_operator());
        assert!(!format!("{error} {error:?} {settings:?}").contains("hunter2"));
    }
}
