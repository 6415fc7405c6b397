//! The RabbitMQ side: one supervised publishing connection, the topology it needs, and batches whose every
//! message is settled by the broker's own word.
//!
//! * [`topology`]: exchanges, queues and bindings, declared or checked from one definition;
//! * [`publisher`]: what is published and what can become of it;
//! * [`Broker`]: the handle; behind it a task that connects, reconnects for ever and publishes one batch at a time.
//!
//! `amqps://` URLs use TLS by rustls with the certificates of the operating system (or of `SSL_CERT_FILE`). The
//! process-wide rustls provider must be installed before the first connection; `main()` does that.
//!
//! lapin logs returned messages whole, at `warn` in `lapin::returned_messages`, and its own view of each failure at
//! `error`. Message bodies are citizens' words: the log filter must keep the target `lapin` off.

mod connection;
pub(crate) mod consumer;
pub mod publisher;
mod session;
mod socket;
mod state;
pub mod topology;

use std::time::Duration;

use secrecy::SecretString;

pub use connection::Broker;
pub use consumer::{Handled, run as consume};
pub use publisher::{InvalidMessage, Outcome, Outgoing, UnknownReason};
pub use state::{BrokerError, BrokerState, Stopped};
pub use topology::{Topology, TopologyError, TopologyFault, TopologyMode};

/// Everything the RabbitMQ side needs to know. [`Settings::new`] fills in the defaults.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `amqp://user:password@host:5672/vhost`, or `amqps://`. Never shown: `Debug` redacts it.
    pub url: SecretString,
    /// Whether Muara declares the topology or only checks that it is there.
    pub mode: TopologyMode,
    /// Names of the exchanges and queues.
    pub names: Topology,
    /// How long one batch may wait for its last confirm. Default 10 s.
    pub confirm_timeout: Duration,
    /// How long TCP, TLS and AMQP handshake together may take, and the topology after it. Default 10 s.
    pub connect_timeout: Duration,
    /// AMQP heartbeat, in whole seconds; a peer silent for twice as long is given up. A `heartbeat` in the URL wins.
    /// Default 20 s.
    pub heartbeat: Duration,
    /// Shown by RabbitMQ in its list of connections. Default `muara`.
    pub connection_name: String,
    /// Pauses between attempts to connect.
    pub reconnect: Reconnect,
    /// How often a standing connection declares or checks the topology anew, so that a queue deleted under it comes
    /// back (or is reported). Default 30 s.
    pub topology_interval: Duration,
}

impl Settings {
    /// Settings for this URL, all else by default.
    #[must_use]
    pub fn new(url: SecretString) -> Self {
        Self {
            url,
            mode: TopologyMode::default(),
            names: Topology::default(),
            confirm_timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(10),
            heartbeat: Duration::from_secs(20),
            connection_name: "muara".to_owned(),
            reconnect: Reconnect::default(),
            topology_interval: Duration::from_secs(30),
        }
    }
}

/// Exponential pauses between attempts to connect, each lengthened at random by up to itself.
#[derive(Clone, Copy, Debug)]
pub struct Reconnect {
    /// First pause. Default 0.5 s.
    pub first: Duration,
    /// Longest pause before the random part. Default 30 s.
    pub cap: Duration,
}

impl Default for Reconnect {
    fn default() -> Self {
        Self { first: Duration::from_millis(500), cap: Duration::from_secs(30) }
    }
}
