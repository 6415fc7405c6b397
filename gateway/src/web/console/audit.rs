//! Who did what.

use askama::Template;
use axum::{
    Extension,
    extract::{Query, State},
    http::{HeaderMap, Uri},
    response::Response,
};
use serde::Deserialize;

use super::{Shared, frame::shown, guard::Fault, session::SignedIn, words};
use crate::{config::Role, store::rooms::Page};

/// Lines on a page.
const LINES: u32 = 100;

#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    q: String,
    #[serde(default)]
    page: u32,
}

#[derive(Template)]
#[template(path = "console/audit.html")]
struct Audit {
    q: String,
    lines: Vec<Line>,
    earlier: Option<String>,
    later: Option<String>,
}

struct Line {
    at: String,
    who: String,
    role: String,
    what: String,
    target: String,
    reason: String,
    outcome: String,
}

pub(super) async fn page(
    State(console): Shared,
    Extension(who): Extension<SignedIn>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Fault> {
    who.may(Role::Admin)?;
    let q = asked.q.trim().to_owned();
    let page = Page { after: asked.page.saturating_mul(LINES), most: LINES + 1 };
    let mut audited = console.state.store.audited(q.clone(), page).await?;
    let more = audited.len() > LINES as usize;
    audited.truncate(LINES as usize);
    let lines = audited.into_iter().map(|line| Line {
        at: words::time(line.at),
        who: line.who,
        role: line.role,
        what: line.what,
        target: line.target,
        reason: line.reason.unwrap_or_default(),
        outcome: line.outcome.unwrap_or_default(),
    });
    let link = |page: u32| {
        let query = serde_urlencoded::to_string([("q", q.clone()), ("page", page.to_string())]);
        format!("/audit?{}", query.unwrap_or_default())
    };
    let part = Audit {
        lines: lines.collect(),
        earlier: asked.page.checked_sub(1).map(&link),
        later: more.then(|| link(asked.page.saturating_add(1))),
        q: q.clone(),
    };
    shown(&console, &who, ("Audit log", "/audit"), (&headers, &uri), &part).await
}
