//! The supervisor of the publishing connection.
//!
//! lapin's own recovery is not used: after a failure nothing of a channel's past may survive (a late confirm or return
//! would be taken for one of the next batch), so the whole connection is dropped and a new one made.

use std::{io, time::Duration};

use backon::{BackoffBuilder, ExponentialBuilder};
use futures_util::StreamExt;
use jiff::Timestamp;
use lapin::Event;
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{MissedTickBehavior, interval_at, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    Reconnect, Settings, TopologyMode,
    publisher::{self, Broken, Outcome, Outgoing, UnknownReason},
    session::{Session, bounded, ensure_topology, open},
    state::{BrokerError, BrokerState, Stopped, report},
    topology,
};

/// How long a polite `connection.close` may take before the socket is simply shut.
pub(super) const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);
/// Batches that may queue behind the one being published.
const QUEUED_REQUESTS: usize = 16;

/// Handle to the supervised connection; cheap to clone, all clones share one connection.
#[derive(Clone, Debug)]
pub struct Broker {
    requests: mpsc::Sender<Request>,
    state: watch::Receiver<BrokerState>,
}

#[derive(Debug)]
enum Request {
    Publish { batch: Vec<Outgoing>, answer: oneshot::Sender<Vec<Outcome>> },
    UnroutedDepth { answer: oneshot::Sender<Option<u32>> },
}

impl Request {
    /// Answers without having sent anything. The asker may be gone, which is no failure.
    fn refuse(self, reason: UnknownReason) {
        match self {
            Self::Publish { batch, answer } => answer.send(unknown(batch.len(), reason)).ok(),
            Self::UnroutedDepth { answer } => answer.send(None).ok(),
        };
    }
}

fn unknown(count: usize, reason: UnknownReason) -> Vec<Outcome> {
    vec![Outcome::Unknown(reason); count]
}

impl Broker {
    /// Starts the supervisor on the current tokio runtime. It connects, and reconnects for ever, until `cancel`; then it
    /// lets a batch in flight settle (at most the confirm timeout; a topology pass at most the connect timeout) and
    /// closes within 3 s more. [`Broker::stopped`] tells when.
    #[must_use]
    pub fn start(settings: Settings, cancel: CancellationToken) -> Self {
        let (requests, queue) = mpsc::channel(QUEUED_REQUESTS);
        let (state, watch) =
            watch::channel(BrokerState::Connecting { since: Timestamp::now(), last_error: None });
        let supervisor = Supervisor { settings, cancel, requests: queue, state };
        tokio::spawn(supervisor.run());
        Self { requests, state: watch }
    }

    /// The state now and, by [`watch::Receiver::changed`], its changes.
    #[must_use]
    pub fn state(&self) -> watch::Receiver<BrokerState> {
        self.state.clone()
    }

    /// Waits until publishing makes sense: connected, and not blocked.
    ///
    /// # Errors
    /// [`Stopped`] once the connection is closed for good.
    pub async fn ready(&self) -> Result<(), Stopped> {
        let mut state = self.state.clone();
        let state = state
            .wait_for(|state| matches!(state, BrokerState::Connected { .. } | BrokerState::Stopped))
            .await
            .map_err(|_| Stopped)?;
        match *state {
            BrokerState::Connected { .. } => Ok(()),
            _ => Err(Stopped),
        }
    }

    /// Waits until the connection is closed after cancellation.
    pub async fn stopped(&self) {
        let mut state = self.state.clone();
        // An error means the supervisor is gone, which is what is waited for.
        state.wait_for(|state| matches!(state, BrokerState::Stopped)).await.map(drop).ok();
    }

    /// Publishes a batch and returns what became of each message, in order. Batches are published one after another.
    ///
    /// Never waits for a connection: without one, or while blocked, every message is at once
    /// [`Outcome::Unknown`]. Wait for [`Broker::ready`] first, and pause before trying again.
    pub async fn publish(&self, batch: Vec<Outgoing>) -> Vec<Outcome> {
        let count = batch.len();
        let (answer, outcomes) = oneshot::channel();
        let request = Request::Publish { batch, answer };
        if self.requests.send(request).await.is_err() {
            return unknown(count, UnknownReason::Stopped);
        }
        outcomes.await.unwrap_or_else(|_| unknown(count, UnknownReason::Stopped))
    }

    /// How many messages wait in the unrouted queue: more than none is an alarm, since nobody reads them.
    /// `None` if it cannot be asked now (not connected, blocked, or the queue is missing).
    pub async fn unrouted_depth(&self) -> Option<u32> {
        let (answer, depth) = oneshot::channel();
        self.requests.send(Request::UnroutedDepth { answer }).await.ok()?;
        depth.await.ok().flatten()
    }
}

struct Supervisor {
    settings: Settings,
    cancel: CancellationToken,
    requests: mpsc::Receiver<Request>,
    state: watch::Sender<BrokerState>,
}

enum End {
    /// Cancelled, or every handle is gone.
    Stop,
    Lost(BrokerError),
}

impl Supervisor {
    async fn run(mut self) {
        let mut pauses = pauses(self.settings.reconnect);
        loop {
            let error = match self.connect().await {
                None => break,
                Some(Ok(session)) => {
                    pauses = self::pauses(self.settings.reconnect);
                    match self.serve(session).await {
                        End::Stop => break,
                        End::Lost(error) => error,
                    }
                }
                Some(Err(error)) => error,
            };
            report(&self.state, "no broker connection", error);
            let pause = pauses.next().unwrap_or(self.settings.reconnect.cap);
            if self.refusing(sleep(pause)).await.is_none() {
                break;
            }
        }
        self.requests.close();
        while let Ok(request) = self.requests.try_recv() {
            request.refuse(UnknownReason::Stopped);
        }
        self.state.send_replace(BrokerState::Stopped);
        tracing::info!("broker connection closed");
    }

    /// Awaits `future`, answering requests meanwhile. `None` if cancelled, or if nobody is left to publish.
    async fn refusing<T>(&mut self, future: impl Future<Output = T>) -> Option<T> {
        tokio::pin!(future);
        loop {
            tokio::select! {
                biased;
                () = self.cancel.cancelled() => return None,
                output = &mut future => return Some(output),
                request = self.requests.recv() => request?.refuse(UnknownReason::NotConnected),
            }
        }
    }

    async fn connect(&mut self) -> Option<Result<Session, BrokerError>> {
        let settings = self.settings.clone();
        self.refusing(async move { open(&settings).await }).await
    }

    /// Publishes on one connection until it ends.
    async fn serve(&mut self, mut session: Session) -> End {
        self.state.send_replace(BrokerState::Connected { since: Timestamp::now() });
        tracing::info!("connected to the broker");
        let period = self.settings.topology_interval;
        let mut recheck = interval_at(tokio::time::Instant::now() + period, period);
        recheck.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let end = loop {
            tokio::select! {
                biased;
                () = self.cancel.cancelled() => break End::Stop,
                event = session.events.next() => {
                    if let Err(error) = self.heed(event, session.spent) {
                        break End::Lost(error);
                    }
                }
                _ = recheck.tick(), if !self.blocked() => {
                    if let Err(error) = ensure_topology(&session.link, &self.settings).await {
                        break End::Lost(error);
                    }
                }
                request = self.requests.recv() => {
                    let Some(request) = request else { break End::Stop };
                    if let Err(error) = self.answer(request, &mut session).await {
                        break End::Lost(error);
                    }
                }
            }
        };
        if matches!(end, End::Stop) {
            let close = session.link.connection.close(200, "Muara closes the connection".into());
            // Whatever comes of it, dropping the link shuts the socket.
            timeout(CLOSE_TIMEOUT, close).await.ok();
        }
        end
    }

    async fn answer(&self, request: Request, session: &mut Session) -> Result<(), BrokerError> {
        if self.blocked() {
            request.refuse(UnknownReason::Blocked);
            return Ok(());
        }
        let (batch, answer) = match request {
            Request::UnroutedDepth { answer } => {
                let depth = bounded(&self.settings, "the depth of the unrouted queue", async {
                    Ok(topology::unrouted_depth(&session.link.connection, &self.settings.names).await?)
                })
                .await;
                answer.send(depth.as_ref().ok().copied()).ok();
                // lapin reports a missing queue as a connection event, too: made anew, the connection sets it right.
                return depth.map(drop);
            }
            Request::Publish { batch, answer } => (batch, answer),
        };
        let (mut outcomes, broken) = {
            let exchange = self.settings.names.events.as_str().into();
            let publishing =
                publisher::publish(&session.channel, &exchange, &batch, self.settings.confirm_timeout);
            tokio::pin!(publishing);
            let mut failure = None;
            let settled = loop {
                tokio::select! {
                    biased;
                    settled = &mut publishing => break settled,
                    // A failure reaches the confirms too; they are waited for, since some may have been given before.
                    event = session.events.next(), if failure.is_none() => {
                        failure = self.heed(event, false).err();
                    }
                }
            };
            (settled.outcomes, settled.broken)
        };
        let blocked = self.blocked();
        if blocked {
            for outcome in &mut outcomes {
                if *outcome == Outcome::Unknown(UnknownReason::Timeout) {
                    *outcome = Outcome::Unknown(UnknownReason::Blocked);
                }
            }
        }
        let returned = outcomes.iter().any(|outcome| matches!(outcome, Outcome::Returned { .. }));
        // The asker may have given up; its messages are published all the same.
        answer.send(outcomes).ok();
        match broken {
            Some(Broken::Timeout) if blocked => session.spent = true,
            Some(broken) => return Err(self.broken(broken)),
            // Somebody deleted a queue or binding: put it back now, so that the next attempt is not returned again.
            None if returned && self.settings.mode == TopologyMode::Declare => {
                ensure_topology(&session.link, &self.settings).await?;
            }
            None => {}
        }
        Ok(())
    }

    fn broken(&self, broken: Broken) -> BrokerError {
        match broken {
            Broken::Timeout => BrokerError::ConfirmTimeout(self.settings.confirm_timeout),
            Broken::ConfirmsOff => BrokerError::ConfirmProtocol("the channel gave no confirms"),
            Broken::ForeignReturn => {
                BrokerError::ConfirmProtocol("a message was returned that was not in the batch")
            }
            Broken::Connection(error) => BrokerError::Lost(error),
        }
    }

    /// Takes note of one connection event. `Err` if the connection is of no more use.
    fn heed(&self, event: Option<Event>, spent: bool) -> Result<(), BrokerError> {
        let since = Timestamp::now();
        match event {
            Some(Event::ConnectionBlocked(reason)) => {
                tracing::warn!(%reason, "the broker blocks publishers");
                self.state.send_replace(BrokerState::Blocked { since, reason });
            }
            Some(Event::ConnectionUnblocked) => {
                tracing::info!("the broker accepts messages again");
                if spent {
                    return Err(BrokerError::ConfirmTimeout(self.settings.confirm_timeout));
                }
                self.state.send_replace(BrokerState::Connected { since });
            }
            Some(Event::Error(error)) => return Err(BrokerError::Lost(error)),
            None => {
                let error = io::Error::from(io::ErrorKind::ConnectionAborted);
                return Err(BrokerError::Lost(error.into()));
            }
            Some(_) => {}
        }
        Ok(())
    }

    fn blocked(&self) -> bool {
        matches!(*self.state.borrow(), BrokerState::Blocked { .. })
    }
}

pub(super) fn pauses(reconnect: Reconnect) -> impl Iterator<Item = Duration> + Send {
    ExponentialBuilder::default()
        .with_min_delay(reconnect.first)
        .with_max_delay(reconnect.cap)
        .with_jitter()
        .without_max_times()
        .build()
}
