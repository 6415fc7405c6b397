//! Complaints that nobody answered in their time.

use askama::Template;
use axum::{
    Extension,
    extract::State,
    http::{HeaderMap, Uri},
    response::Response,
};

use super::{Shared, frame::shown, guard::Fault, session::SignedIn, words};

/// Complaints that are listed; the longest overdue come first.
const MOST: u32 = 500;

#[derive(Template)]
#[template(path = "console/overdue.html")]
struct Overdue {
    lines: Vec<Line>,
    more: bool,
}

struct Line {
    reference: String,
    id: String,
    channel: String,
    clock: &'static str,
    received: String,
    due: String,
    late: String,
    told: u32,
}

pub(super) async fn page(
    State(console): Shared,
    Extension(who): Extension<SignedIn>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Fault> {
    let now = console.now();
    let late = console.state.store.overdue(now, MOST).await?;
    let more = late.len() >= MOST as usize;
    let lines = late.into_iter().map(|late| Line {
        reference: late.reference.to_string(),
        id: late.complaint.to_string(),
        channel: late.channel,
        clock: late.clock.as_str(),
        received: words::time(late.received_at),
        due: words::time(late.due_at),
        late: words::age(late.due_at, now),
        told: late.told,
    });
    let part = Overdue { lines: lines.collect(), more };
    shown(&console, &who, ("Overdue", "/overdue"), (&headers, &uri), &part).await
}
