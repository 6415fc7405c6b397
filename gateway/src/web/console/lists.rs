//! The rooms where messages stand until somebody looks.

use askama::Template;
use axum::{
    Extension,
    extract::{Path, Query, State},
    http::{HeaderMap, Uri},
    response::Response,
};
use jiff::Timestamp;
use serde::Deserialize;

use super::{Shared, frame::shown, guard::Fault, mask, session::SignedIn, words};
use crate::store::rooms::{Page, Room};

/// Rows on a page.
const ROWS: u32 = 50;

/// A room with its words.
pub(super) struct Kind {
    pub(super) room: Room,
    pub(super) path: &'static str,
    pub(super) title: &'static str,
    /// What stands here, and what to do.
    about: &'static str,
    /// What nothing there means.
    empty: &'static str,
    /// The button that sends rows on their way: what it does, and its label.
    pub(super) act: (&'static str, &'static str),
}

pub(super) static KINDS: [Kind; 5] = [
    Kind {
        room: Room::Quarantine,
        path: "/lists/quarantine",
        title: "Quarantine",
        about: "What could not be understood, with its bytes. Mend the cause (the field map, or an update of Muara), then replay: what is understood goes its way, the rest stays.",
        empty: "Everything that came was understood.",
        act: ("replay", "Replay"),
    },
    Kind {
        room: Room::Held,
        path: "/lists/held",
        title: "Held",
        about: "Messages over a limit. They are let through by themselves when the limit allows; release those that should not wait.",
        empty: "No limit was met.",
        act: ("release", "Release"),
    },
    Kind {
        room: Room::Dead,
        path: "/lists/dead",
        title: "Dead letters",
        about: "Events that the broker would not take after every attempt. See that the queue is bound, then retry.",
        empty: "The broker took every event.",
        act: ("retry", "Retry"),
    },
    Kind {
        room: Room::Aside,
        path: "/lists/aside",
        title: "Not a complaint",
        about: "Thanks, greetings and advertisements by the rules: kept, not published. Let through what is a complaint after all.",
        empty: "Every message was a complaint.",
        act: ("let-through", "Let through"),
    },
    Kind {
        room: Room::Replies,
        path: "/lists/replies",
        title: "Failed replies",
        about: "Answers that did not reach the citizen by any way. Retry when the reason is gone.",
        empty: "Every reply went out.",
        act: ("retry", "Retry"),
    },
];

/// # Errors
/// There is no such room.
pub(super) fn kind(name: &str) -> Result<&'static Kind, Fault> {
    KINDS.iter().find(|kind| kind.path.strip_prefix("/lists/") == Some(name)).ok_or(Fault::NotFound)
}

/// What a list is asked for.
#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    q: String,
    #[serde(default)]
    page: u32,
    /// What was just done, and to how many of how many.
    #[serde(default)]
    did: String,
    #[serde(default)]
    n: usize,
    #[serde(default)]
    of: usize,
}

#[derive(Template)]
#[template(path = "console/list.html")]
struct List<'a> {
    kind: &'static Kind,
    rows: Vec<Line>,
    q: &'a str,
    notice: Option<String>,
    earlier: Option<String>,
    later: Option<String>,
    /// How many match, if not all of them are on this page.
    all: Option<String>,
    csrf: &'a str,
    operates: bool,
    discards: bool,
    /// To write the same page's address into forms.
    page: u32,
}

struct Line {
    key: String,
    channel: String,
    at: String,
    age: String,
    reason: String,
    note: String,
    reference: Option<String>,
    words: String,
}

pub(super) async fn page(
    State(console): Shared,
    Extension(who): Extension<SignedIn>,
    Path(room): Path<String>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Fault> {
    let kind = kind(&room)?;
    let now = console.now();
    let part = Page { after: asked.page.saturating_mul(ROWS), most: ROWS + 1 };
    let mut standing = console.state.store.standing(kind.room, &asked.q, part).await?;
    let more = standing.len() > ROWS as usize;
    standing.truncate(ROWS as usize);
    let all = if more || asked.page > 0 {
        Some(words::number(console.state.store.count_standing(kind.room, &asked.q, Timestamp::MAX).await?))
    } else {
        None
    };
    let rows = standing.into_iter().map(|row| Line {
        words: mask::masked(kind.room, &row),
        key: row.key,
        channel: row.channel,
        at: words::time(row.at),
        age: words::age(row.at, now),
        reason: row.reason,
        note: row.note,
        reference: row.reference.map(|reference| reference.to_string()),
    });
    let link = |page: u32| {
        let query = serde_urlencoded::to_string([("q", asked.q.clone()), ("page", page.to_string())]);
        format!("{}?{}", kind.path, query.unwrap_or_default())
    };
    let list = List {
        kind,
        rows: rows.collect(),
        q: &asked.q,
        notice: notice(&asked),
        earlier: asked.page.checked_sub(1).map(link),
        later: more.then(|| link(asked.page.saturating_add(1))),
        all,
        csrf: &who.csrf,
        operates: who.operates(),
        discards: who.administers() && kind.room == Room::Quarantine,
        page: asked.page,
    };
    shown(&console, &who, (kind.title, kind.path), (&headers, &uri), &list).await
}

fn notice(asked: &Asked) -> Option<String> {
    let what = match asked.did.as_str() {
        "replay" => "Replayed",
        "release" => "Released",
        "let-through" => "Let through",
        "retry" => "Put back to be tried again:",
        "discard" => "Discarded",
        _ => return None,
    };
    let rest = asked.of.saturating_sub(asked.n);
    let left = match (asked.did.as_str(), rest) {
        (_, 0) => String::new(),
        ("replay", _) => format!(" The other {rest}: still not understood, or gone already."),
        _ => format!(" The other {rest}: gone already."),
    };
    Some(format!("{what} {} of {}.{left}", asked.n, words::rows(asked.of)))
}
