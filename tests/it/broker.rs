//! The RabbitMQ side of the gateway against real and scripted brokers.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod connecting;
pub(crate) mod contract;
mod failures;
mod returns;
mod topology;

use std::{collections::BTreeSet, time::Duration};

use muara::broker::{Broker, BrokerState, Outcome, Outgoing, Reconnect, Settings};
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

/// Nothing in these tests takes as long, unless it hangs.
const PATIENCE: Duration = Duration::from_secs(30);
const KEY: &str = "complaint.received.v1.qlue";

/// Settings in a hurry: failures show, and end, soon.
fn settings(url: &str) -> Settings {
    Settings {
        confirm_timeout: Duration::from_secs(10),
        reconnect: Reconnect { first: Duration::from_millis(50), cap: Duration::from_millis(200) },
        ..Settings::new(url.into())
    }
}

/// Starts a broker that stops with the test.
fn start(settings: Settings) -> (Broker, DropGuard) {
    let cancel = CancellationToken::new();
    let broker = Broker::start(settings, cancel.clone());
    (broker, cancel.drop_guard())
}

async fn connected(settings: Settings) -> (Broker, DropGuard) {
    let (broker, guard) = start(settings);
    ready(&broker).await;
    (broker, guard)
}

async fn ready(broker: &Broker) {
    let waiting = timeout(PATIENCE, broker.ready());
    let state = broker.state();
    waiting.await.unwrap_or_else(|_| panic!("not ready: {}", *state.borrow())).unwrap();
}

/// Waits for a state and returns what it says to the operator.
async fn state(broker: &Broker, wanted: fn(&BrokerState) -> bool) -> String {
    let mut state = broker.state();
    let state = timeout(PATIENCE, state.wait_for(wanted)).await.expect("the state never came").unwrap();
    state.to_string()
}

fn failed(state: &BrokerState) -> bool {
    matches!(state, BrokerState::Failed { .. })
}

fn batch(count: usize, key: &str) -> Vec<Outgoing> {
    (0..count).map(|number| Outgoing::new(Uuid::now_v7(), key, format!("{{\"number\":{number}}}"))).collect()
}

fn ids(batch: &[Outgoing]) -> BTreeSet<String> {
    batch.iter().map(|message| message.event_id.to_string()).collect()
}

fn count(outcomes: &[Outcome], wanted: fn(&Outcome) -> bool) -> usize {
    outcomes.iter().filter(|outcome| wanted(outcome)).count()
}

fn confirmed(outcome: &Outcome) -> bool {
    *outcome == Outcome::Confirmed
}
