//! Tells open pages that something has changed; they ask for what they show again.

use std::{collections::BTreeMap, convert::Infallible, time::Duration};

use axum::{
    Extension,
    extract::State,
    http::StatusCode,
    response::{
        IntoResponse, Response, Sse,
        sse::{Event, KeepAlive},
    },
};
use futures_util::stream;
use jiff::Timestamp;

use super::{Console, Shared, session::SignedIn};
use crate::{alarms::Alarm, health, store::Levels};

/// Changes are told at most so often.
const BEAT: Duration = Duration::from_secs(1);

/// All that a page shows at a glance.
#[derive(PartialEq)]
struct Glance {
    levels: Levels,
    /// Rows that were acted upon in bulk.
    worked: u64,
    broker: Option<String>,
    alarms: Vec<Alarm>,
    channels: BTreeMap<String, (health::State, Option<Timestamp>, Option<Timestamp>)>,
}

impl Console {
    fn glance(&self) -> Glance {
        let channels = self.state.health.report().into_iter().map(|channel| {
            (channel.id.to_string(), (channel.state, channel.last_message_at, channel.last_error_at))
        });
        Glance {
            alarms: self.state.alarms.raised().into_iter().map(|raised| raised.alarm).collect(),
            levels: self.state.store.levels(),
            worked: self.works.worked(),
            broker: self.state.broker.as_ref().map(|broker| broker.state().borrow().to_string()),
            channels: channels.collect(),
        }
    }
}

/// A stream of `change` events, for as long as the session lasts and the gateway runs.
pub(super) async fn stream(State(console): Shared, Extension(who): Extension<SignedIn>) -> Response {
    let mut draining = console.state.draining.clone();
    if *draining.borrow_and_update() {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let seen = console.glance();
    let events = stream::unfold((draining, seen), move |(mut draining, seen)| {
        let (console, expires) = (console.clone(), who.expires);
        async move {
            loop {
                tokio::select! {
                    () = tokio::time::sleep(BEAT) => {}
                    _ = draining.changed() => return None,
                }
                if console.now() >= expires {
                    return None;
                }
                let now = console.glance();
                if now != seen {
                    let event = Event::default().event("change").data("1");
                    return Some((Ok::<_, Infallible>(event), (draining, now)));
                }
            }
        }
    });
    Sse::new(events).keep_alive(KeepAlive::default()).into_response()
}
