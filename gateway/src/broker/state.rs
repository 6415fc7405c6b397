//! Where the connection stands and why it failed, in the operator's words.

use std::{fmt, io, sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::sync::watch;

use super::topology::TopologyError;

/// Where the connection stands. `Display` gives it in the operator's words.
#[derive(Clone, Debug)]
pub enum BrokerState {
    /// Trying; nothing is published meanwhile.
    Connecting {
        /// When the connection was lost, or the start of the process.
        since: Timestamp,
        /// Why the last attempt or connection failed.
        last_error: Option<Arc<BrokerError>>,
    },
    /// Publishing.
    Connected {
        /// When it was established or last unblocked.
        since: Timestamp,
    },
    /// Connected, but the broker accepts no messages (`connection.blocked`).
    Blocked {
        /// When the broker said so.
        since: Timestamp,
        /// Its reason, for instance `low on memory`.
        reason: String,
    },
    /// Not connected for a reason that will not go away by itself. Tried again all the same.
    Failed {
        /// When this was first seen.
        since: Timestamp,
        /// What is wrong and what to do.
        error: Arc<BrokerError>,
    },
    /// Closed on request.
    Stopped,
}

impl fmt::Display for BrokerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connecting { since, last_error: None } => {
                write!(f, "connecting to the broker since {since}")
            }
            Self::Connecting { since, last_error: Some(error) } => {
                write!(f, "not connected to the broker since {since}, trying again: {error}")
            }
            Self::Connected { since } => write!(f, "connected to the broker since {since}"),
            Self::Blocked { since, reason } => write!(
                f,
                "the broker accepts no messages since {since} ({reason}): free its memory or disk; \
                 publishing goes on by itself"
            ),
            Self::Failed { since, error } => {
                write!(f, "the broker cannot be used since {since}: {error}")
            }
            Self::Stopped => f.write_str("the broker connection is closed"),
        }
    }
}

/// Why there is no usable connection. Every one of them is tried again; [`BrokerError::needs_operator`] tells whether
/// that alone can help.
#[derive(Clone, Debug, thiserror::Error)]
pub enum BrokerError {
    /// The URL cannot be parsed. The text does not repeat it, since it holds a password.
    #[error("broker.url is not a URL like amqp://user:password@host:5672/vhost (or amqps://)")]
    BadUrl,
    /// DNS, TCP or TLS failed.
    #[error("cannot reach the broker at {address}: {source}")]
    Unreachable {
        /// Host and port.
        address: String,
        /// The system's reason.
        source: Arc<io::Error>,
    },
    /// Nothing usable came within the connect timeout.
    #[error("the broker at {address} did not answer within {after:?} ({step})")]
    NoAnswer {
        /// Host and port.
        address: String,
        /// The timeout that passed.
        after: Duration,
        /// What was being waited for.
        step: &'static str,
    },
    /// Wrong user or password (AMQP 403 during the handshake).
    #[error("the broker refuses the user of broker.url ({detail}): check user name and password")]
    AccessRefused {
        /// RabbitMQ's own words.
        detail: String,
    },
    /// No such virtual host, or this user may not use it (AMQP 530).
    #[error(
        "the broker refuses the virtual host of broker.url ({detail}): create it or grant the user access"
    )]
    VirtualHost {
        /// RabbitMQ's own words.
        detail: String,
    },
    /// Exchanges or queues are missing, differ or are out of reach.
    #[error(transparent)]
    Topology(#[from] TopologyError),
    /// A standing connection failed.
    #[error("the connection to the broker failed: {0}")]
    Lost(lapin::Error),
    /// Confirms did not come; the channel was given up, since late ones would be taken for the next batch's.
    #[error("the broker did not confirm a batch within {0:?}")]
    ConfirmTimeout(Duration),
    /// The channel gave no confirms, or a return for a message of no batch: the peer does not behave as RabbitMQ does.
    #[error("the broker broke the protocol of publisher confirms ({0})")]
    ConfirmProtocol(&'static str),
    /// A standing connection is gone, and nobody said why.
    #[error("the connection to the broker broke off without a word")]
    BrokeOff,
    /// The queue that is consumed went away.
    #[error("the broker ended the consuming of queue \"{0}\", as it does when a queue is deleted")]
    ConsumerCancelled(String),
    /// The dead letter exchange did not take what can never be used; that stays on its queue.
    #[error("exchange \"{0}\" takes no dead letters: see that a queue is bound to it and has room")]
    DeadLetter(String),
}

impl BrokerError {
    /// True if trying again cannot help until somebody changes the configuration or the broker.
    #[must_use]
    pub fn needs_operator(&self) -> bool {
        match self {
            Self::BadUrl | Self::AccessRefused { .. } | Self::VirtualHost { .. } => true,
            Self::Topology(error) => matches!(error, TopologyError::Faults(_)),
            Self::Unreachable { .. }
            | Self::NoAnswer { .. }
            | Self::Lost(_)
            | Self::ConfirmTimeout(_)
            | Self::ConfirmProtocol(_)
            | Self::BrokeOff
            | Self::ConsumerCancelled(_)
            | Self::DeadLetter(_) => false,
        }
    }
}

/// The supervisor has ended; nothing will be published any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the broker connection is closed")]
pub struct Stopped;

/// Puts a failure into a connection's state and logs it, unless the very same was reported last.
pub(super) fn report(state: &watch::Sender<BrokerState>, what: &'static str, error: BrokerError) {
    let error = Arc::new(error);
    let text = error.to_string();
    let now = Timestamp::now();
    let (since, known) = match &*state.borrow() {
        BrokerState::Failed { since, error } => (*since, error.to_string() == text),
        BrokerState::Connecting { since, last_error } => {
            let known = last_error.as_ref().is_some_and(|last| last.to_string() == text);
            (*since, known)
        }
        BrokerState::Connected { .. } | BrokerState::Blocked { .. } | BrokerState::Stopped => (now, false),
    };
    if known {
        tracing::debug!(%error, "still: {what}");
    } else if error.needs_operator() {
        tracing::error!(%error, "{what}: the broker cannot be used");
    } else {
        tracing::warn!(%error, "{what}");
    }
    state.send_replace(if error.needs_operator() {
        BrokerState::Failed { since, error }
    } else {
        BrokerState::Connecting { since, last_error: Some(error) }
    });
}
