//! The way of messages: what waits at which step, and for how long.

use std::sync::Arc;

use askama::Template;
use axum::{
    Extension,
    extract::State,
    http::{HeaderMap, Uri},
    response::Response,
};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;

use super::{Console, Shared, frame::shown, guard::Fault, session::SignedIn, words};
use crate::{
    alarms::Raised,
    broker::BrokerState,
    store::{StoreError, rooms::Room},
};

/// Hours of the chart.
const HOURS: usize = 24;
/// They are counted anew after so long.
const COUNTED_ANEW: SignedDuration = SignedDuration::from_secs(30);
/// Height of the highest bar.
const HEIGHT: u64 = 60;
/// Width of each bar with its gap.
const WIDTH: usize = 10;

/// Complaints by hour as they were last counted.
#[derive(Default)]
pub(super) struct Day(Mutex<Option<(Timestamp, Arc<Vec<u64>>)>>);

/// A bar of the chart.
struct Bar {
    x: usize,
    y: u64,
    height: u64,
    title: String,
}

#[derive(Template)]
#[template(path = "console/flow.html")]
struct Flow {
    alarms: Vec<Raised>,
    way: Vec<Station>,
    aside: Vec<Station>,
    broker: String,
    broker_well: bool,
    store: String,
    store_well: bool,
    full: Option<&'static str>,
    marks: Vec<Mark>,
    bars: Vec<Bar>,
    day: String,
}

struct Station {
    name: &'static str,
    count: String,
    /// Since when the oldest waits.
    oldest: Option<String>,
    what: &'static str,
    link: &'static str,
    wrong: bool,
}

struct Mark {
    name: &'static str,
    now: String,
    most: String,
    /// In hundredths, for the bar.
    full: u64,
}

pub(super) async fn page(
    State(console): Shared,
    Extension(who): Extension<SignedIn>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Fault> {
    let now = console.now();
    let store = &console.state.store;
    let levels = store.levels();
    let (received, confirmed) = store.passed().await?;
    let age = |at: Option<Timestamp>| at.map(|at| words::age(at, now));
    let station = |name, count, oldest, what| Station {
        name,
        count: words::number(count),
        oldest,
        what,
        link: "",
        wrong: false,
    };
    let inbox = if levels.inbox > 0 { age(store.oldest_draft().await?) } else { None };
    let way = vec![
        station("Received", received, None, "messages stored since the beginning"),
        station("Inbox", levels.inbox, inbox, "wait to be made complaints"),
        station("Outbox", levels.outbox, age(store.oldest().await?), "events that wait for the broker"),
        station("Confirmed", confirmed, None, "events the broker has taken"),
    ];
    let mut aside = Vec::new();
    for (room, name, count, what, link, wrong) in [
        (Room::Held, "Held", levels.held, "over a limit; let through by themselves", "/lists/held", false),
        (Room::Quarantine, "Quarantine", levels.quarantined, "not understood", "/lists/quarantine", true),
        (
            Room::Aside,
            "Not a complaint",
            levels.set_aside,
            "thanks, greetings, advertisements",
            "/lists/aside",
            false,
        ),
        (Room::Dead, "Dead letters", levels.dead, "the broker would not take them", "/lists/dead", true),
        (
            Room::Replies,
            "Failed replies",
            store.failed_replies().await?,
            "did not reach the citizen",
            "/lists/replies",
            true,
        ),
    ] {
        let oldest = if count > 0 { age(store.standing_since(room).await?) } else { None };
        aside.push(Station { link, wrong: wrong && count > 0, ..station(name, count, oldest, what) });
    }
    let oldest = store.look_at_replies().await?.into_iter().map(|backlog| backlog.oldest).max();
    let oldest = oldest.filter(|_| levels.replies > 0).map(words::duration);
    aside.push(station("Replies", levels.replies, oldest, "wait to be sent to citizens"));

    let (broker_well, broker) = match &console.state.broker {
        None => (true, "No [broker] is configured: events wait in the outbox.".to_owned()),
        Some(broker) => {
            let state = broker.state().borrow().clone();
            (matches!(state, BrokerState::Connected { .. }), state.to_string())
        }
    };
    let failing = store.failing();
    let (marks, free) = console.state.intake.high_water();
    let rows = levels.inbox + levels.held + levels.outbox;
    let hours = console.day.at(&console, now).await?;
    let mut marks_reached = vec![
        Mark {
            name: "Messages that wait",
            now: words::number(rows),
            most: words::number(marks.rows),
            full: hundredths(rows, marks.rows),
        },
        Mark {
            name: "Bytes that wait",
            now: words::bytes(levels.bytes),
            most: words::bytes(marks.bytes),
            full: hundredths(levels.bytes, marks.bytes),
        },
    ];
    // the disk of a server is not ours to look at
    if !store.is_shared() {
        marks_reached.push(Mark {
            name: "Free disk",
            now: words::bytes(free),
            most: format!("at least {}", words::bytes(marks.disk_free)),
            full: hundredths(marks.disk_free, free),
        });
    }
    let part = Flow {
        alarms: console.state.alarms.raised(),
        day: words::number(hours.iter().sum()),
        bars: bars(&hours, now),
        way,
        aside,
        broker,
        broker_well,
        store_well: failing.is_none(),
        store: failing.map_or_else(|| "It writes.".to_owned(), |error| error.to_string()),
        full: console.state.intake.full(),
        marks: marks_reached,
    };
    shown(&console, &who, ("Flow", "/flow"), (&headers, &uri), &part).await
}

impl Day {
    async fn at(&self, console: &Console, now: Timestamp) -> Result<Arc<Vec<u64>>, StoreError> {
        let mut counted = self.0.lock().await;
        if let Some((at, hours)) = &*counted
            && now.duration_since(*at).abs() < COUNTED_ANEW
        {
            return Ok(Arc::clone(hours));
        }
        let hours = Arc::new(console.state.store.came_by_hour(now, HOURS).await?);
        *counted = Some((now, Arc::clone(&hours)));
        Ok(hours)
    }
}

fn bars(hours: &[u64], now: Timestamp) -> Vec<Bar> {
    let most = hours.iter().copied().max().unwrap_or_default().max(1);
    let bar = |(place, count): (usize, &u64)| {
        let ago = i64::try_from(hours.len() - place).unwrap_or_default();
        let from = now.saturating_sub(SignedDuration::from_hours(ago)).unwrap_or(now);
        // what came is to be seen, however little
        let height = (count * HEIGHT).div_ceil(most);
        let title = format!("{} in the hour from {}", words::number(*count), words::time(from));
        Bar { x: place * WIDTH, y: HEIGHT - height, height, title }
    };
    hours.iter().enumerate().map(bar).collect()
}

fn hundredths(part: u64, whole: u64) -> u64 {
    part.saturating_mul(100).checked_div(whole).unwrap_or(100).min(100)
}
