//! The way of messages: what waits at which step, and for how long.

use askama::Template;
use axum::{
    Extension,
    extract::State,
    http::{HeaderMap, Uri},
    response::Response,
};
use jiff::Timestamp;

use super::{Shared, frame::shown, guard::Fault, session::SignedIn, words};
use crate::{broker::BrokerState, store::rooms::Room};

#[derive(Template)]
#[template(path = "console/flow.html")]
struct Flow {
    way: Vec<Station>,
    aside: Vec<Station>,
    broker: String,
    broker_well: bool,
    store: String,
    store_well: bool,
    full: Option<&'static str>,
    marks: Vec<Mark>,
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
    let part = Flow {
        way,
        aside,
        broker,
        broker_well,
        store_well: failing.is_none(),
        store: failing.map_or_else(|| "It writes.".to_owned(), |error| error.to_string()),
        full: console.state.intake.full(),
        marks: vec![
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
            Mark {
                name: "Free disk",
                now: words::bytes(free),
                most: format!("at least {}", words::bytes(marks.disk_free)),
                full: hundredths(marks.disk_free, free),
            },
        ],
    };
    shown(&console, &who, ("Flow", "/flow"), (&headers, &uri), &part).await
}

fn hundredths(part: u64, whole: u64) -> u64 {
    part.saturating_mul(100).checked_div(whole).unwrap_or(100).min(100)
}
