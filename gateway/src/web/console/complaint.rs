//! One complaint: every step, everything said.

use askama::Template;
use axum::{
    Extension,
    extract::{Path, Query, State},
    http::{HeaderMap, Uri},
    response::{IntoResponse, Redirect, Response},
};
use muara_normalizer::contact;
use serde::Deserialize;

use super::{
    Shared,
    deed::{Act, Deed},
    frame::{shown, shown_once},
    guard::{Fault, Form},
    session::SignedIn,
    words,
};
use crate::store::{original::Original, steps::Dossier};

const PLACE: &str = "/complaints";

#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    q: String,
}

#[derive(Template)]
#[template(path = "console/search.html")]
struct Search<'a> {
    q: &'a str,
    missed: bool,
}

/// The search; what is found is shown on its own page.
pub(super) async fn search(
    State(console): Shared,
    Extension(who): Extension<SignedIn>,
    Query(asked): Query<Asked>,
) -> Result<Response, Fault> {
    let q = asked.q.trim();
    if !q.is_empty()
        && let Some(found) = console.state.store.dossier(q).await?
    {
        return Ok(Redirect::to(&format!("{PLACE}/{}", found.one.id)).into_response());
    }
    let part = Search { q, missed: !q.is_empty() };
    shown_once(&console, &who, ("One complaint", PLACE), &part).await
}

#[derive(Template)]
#[template(path = "console/complaint.html")]
struct Complaint<'a> {
    reference: String,
    id: String,
    channel: String,
    title: String,
    public: bool,
    status: Option<(String, String)>,
    stands: String,
    steps: Vec<Step>,
    replies: Vec<Reply>,
    files: Vec<File>,
    links: Vec<(&'static str, String, String)>,
    words: Vec<(String, String)>,
    csrf: &'a str,
    operates: bool,
}

struct Step {
    at: String,
    what: String,
    note: String,
}

struct Reply {
    at: String,
    changed: String,
    occasion: String,
    channel: String,
    state: String,
    note: String,
}

struct File {
    number: u32,
    state: String,
    since: String,
    note: String,
}

pub(super) async fn page(
    State(console): Shared,
    Extension(who): Extension<SignedIn>,
    Path(id): Path<String>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Fault> {
    let store = &console.state.store;
    let dossier = store.dossier(&id).await?.ok_or(Fault::NotFound)?;
    let words = store.originals(dossier.one.id).await?;
    let title = console.title(&dossier.channel);
    let part = complaint(dossier, &words, title, &who);
    let heading = format!("Complaint {}", part.reference);
    shown(&console, &who, (&heading, PLACE), (&headers, &uri), &part).await
}

fn complaint<'a>(
    dossier: Dossier,
    originals: &[Original],
    title: String,
    who: &'a SignedIn,
) -> Complaint<'a> {
    let waits = dossier.events.iter().any(|event| event.confirmed_at.is_none());
    let stands = match dossier.stands {
        Some((place, reason)) if reason.is_empty() => format!("in the {place}"),
        Some(("set aside", reason)) => format!("set aside, as no complaint: {reason}"),
        Some((place, reason)) => format!("in the {place}: {reason}"),
        None if waits => "on its way: an event waits for the broker, or is a dead letter".to_owned(),
        None => "with the core CRM".to_owned(),
    };
    let mut steps = vec![(dossier.received_at, "received and stored".to_owned(), String::new())];
    for event in &dossier.events {
        steps.push((event.at, format!("{} made", event.kind), String::new()));
        if let Some(at) = event.confirmed_at {
            let after = words::age(event.at, at);
            steps.push((at, format!("{} confirmed by the broker", event.kind), format!("after {after}")));
        }
    }
    steps.sort_by_key(|(at, ..)| *at);
    let steps = steps.into_iter().map(|(at, what, note)| Step { at: words::time(at), what, note });
    let replies = dossier.replies.into_iter().map(|reply| {
        let parts = if reply.parts.is_empty() {
            String::new()
        } else {
            format!("; parts: {}", reply.parts.join(", "))
        };
        let tried = format!("failed attempts: {}", reply.attempts);
        let tried = if reply.attempts == 0 { String::new() } else { tried };
        Reply {
            at: words::time(reply.at),
            changed: words::time(reply.changed_at),
            occasion: reply.occasion,
            channel: reply.channel,
            state: reply.state,
            note: [tried, reply.reason]
                .into_iter()
                .filter(|text| !text.is_empty())
                .collect::<Vec<_>>()
                .join("; ")
                + &parts,
        }
    });
    let files = dossier.files.into_iter().map(|file| File {
        number: file.number,
        state: file.state,
        since: words::time(file.since),
        note: match file.bytes {
            Some(bytes) => format!("{}, {}", file.content_type, words::bytes(bytes)),
            None => file.reason,
        },
    });
    let links = dossier
        .links
        .into_iter()
        .map(|(how, other)| (how, other.reference.to_string(), other.id.to_string()));
    let words = originals.iter().map(|one| (words::time(one.received_at), contact::masked(&one.text)));
    Complaint {
        reference: dossier.one.reference.to_string(),
        id: dossier.one.id.to_string(),
        channel: dossier.channel,
        title,
        public: dossier.public,
        status: dossier.status.map(|(status, at)| (status, words::time(at))),
        stands,
        steps: steps.collect(),
        replies: replies.collect(),
        files: files.collect(),
        links: links.collect(),
        words: words.collect(),
        csrf: &who.csrf,
        operates: who.operates(),
    }
}

#[derive(Template)]
#[template(path = "console/original.html")]
struct Unmasked {
    reference: String,
    id: String,
    reason: String,
    words: Vec<(String, String)>,
}

/// The citizen's words as they were written, for whoever says why they must be read.
pub(super) async fn words(
    State(console): Shared,
    Extension(who): Extension<SignedIn>,
    Path(id): Path<String>,
    Extension(form): Extension<Form>,
) -> Result<Response, Fault> {
    let deed = Deed::asked(Act::Read, &who, &form)?;
    let reason = deed.reason.clone();
    let store = &console.state.store;
    let dossier = store.dossier(&id).await?.ok_or(Fault::NotFound)?;
    let reference = dossier.one.reference.to_string();
    let begun = deed.begin(&console, vec![dossier.one.id.to_string()]).await?;
    begun.ended(&console, "done").await?;
    let originals = store.originals(dossier.one.id).await?;
    let words = originals.into_iter().map(|one| (words::time(one.received_at), one.text)).collect();
    let part = Unmasked { reference, id: dossier.one.id.to_string(), reason, words };
    shown_once(&console, &who, ("Words of a citizen", PLACE), &part).await
}
