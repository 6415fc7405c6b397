//! What operators do to rows. Each is written into the audit log before it is done; pressing twice is safe.

use std::sync::Arc;

use askama::Template;
use axum::{
    Extension,
    extract::{Path, State},
    response::{IntoResponse, Redirect, Response},
};
use uuid::Uuid;

use super::{
    Console, Shared,
    frame::shown_once,
    guard::{Fault, Form},
    lists::kind,
    mask,
    session::SignedIn,
    words,
};
use crate::{
    config::Role,
    store::{StoreError, rooms::Room},
};

/// Rows that are acted upon with one press.
const MOST: usize = 200;
/// Characters of a row's words that are shown.
const SHOWN: usize = 64 * 1024;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    Replay,
    Discard,
    Release,
    RetryEvent,
    LetThrough,
    RetryReply,
}

impl Act {
    /// # Errors
    /// It is nothing that is done in that room.
    pub(super) fn of(room: Room, name: &str) -> Result<Self, Fault> {
        match (room, name) {
            (Room::Quarantine, "replay") => Ok(Self::Replay),
            (Room::Quarantine, "discard") => Ok(Self::Discard),
            (Room::Held, "release") => Ok(Self::Release),
            (Room::Dead, "retry") => Ok(Self::RetryEvent),
            (Room::Aside, "let-through") => Ok(Self::LetThrough),
            (Room::Replies, "retry") => Ok(Self::RetryReply),
            _ => Err(Fault::NotFound),
        }
    }

    /// As it stands in the audit log.
    pub(super) fn what(self) -> &'static str {
        match self {
            Self::Replay => "replay",
            Self::Discard => "discard",
            Self::Release => "release",
            Self::RetryEvent => "retry event",
            Self::LetThrough => "let through",
            Self::RetryReply => "retry reply",
        }
    }

    /// The role that may do it.
    pub(super) fn needs(self) -> Role {
        if self == Self::Discard { Role::Admin } else { Role::Operator }
    }

    /// The reason that a form gives.
    ///
    /// # Errors
    /// There is none where one is needed.
    pub(super) fn reason(self, form: &Form) -> Result<Option<String>, Fault> {
        match form.reason() {
            Ok(reason) => Ok(Some(reason)),
            Err(fault) if self == Self::Discard => Err(fault),
            Err(_) => Ok(None),
        }
    }
}

pub(super) async fn act(
    State(console): Shared,
    Extension(who): Extension<SignedIn>,
    Path(room): Path<String>,
    Extension(form): Extension<Form>,
) -> Result<Response, Fault> {
    let kind = kind(&room)?;
    let act = Act::of(kind.room, form.get("do"))?;
    who.may(act.needs())?;
    let reason = act.reason(&form)?;
    let mut keys: Vec<String> = form.all("row").map(str::to_owned).take(MOST).collect();
    keys.sort_unstable();
    keys.dedup();
    if keys.is_empty() {
        return Err(Fault::NothingChosen);
    }
    let of = keys.len();
    let lines = console.note(&who, act.what(), keys.clone(), reason).await?;
    let mut done = 0;
    for (key, line) in keys.into_iter().zip(lines) {
        let outcome = console.one(act, &key).await;
        let words = match &outcome {
            Ok(Outcome::Done) => "done".to_owned(),
            Ok(Outcome::Stays) => "stays".to_owned(),
            Ok(Outcome::Gone) => "was gone already".to_owned(),
            Err(error) => format!("failed: {error}"),
        };
        console.state.store.audit_outcome(vec![(line, words)]).await?;
        done += usize::from(outcome? == Outcome::Done);
    }
    let query = [
        ("q", form.get("q").to_owned()),
        ("page", form.get("page").to_owned()),
        ("did", form.get("do").to_owned()),
        ("n", done.to_string()),
        ("of", of.to_string()),
    ];
    let query = query.into_iter().filter(|(_, value)| !value.is_empty()).collect::<Vec<_>>();
    let query = serde_urlencoded::to_string(query).unwrap_or_default();
    Ok(Redirect::to(&format!("{}?{query}", kind.path)).into_response())
}

/// What became of one row.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It went its way.
    Done,
    /// It is still not understood.
    Stays,
    /// Somebody else was faster.
    Gone,
}

impl Outcome {
    fn of(done: bool) -> Self {
        if done { Self::Done } else { Self::Gone }
    }
}

impl Console {
    pub(super) async fn one(&self, act: Act, key: &str) -> Result<Outcome, StoreError> {
        let store = &self.state.store;
        if act == Act::RetryReply {
            return Ok(Outcome::of(store.retry_replies(Some(key.to_owned())).await? > 0));
        }
        let Ok(id) = key.parse::<Uuid>() else { return Ok(Outcome::Gone) };
        match act {
            Act::Replay => self.replay(id).await,
            Act::Discard => Ok(Outcome::of(store.discard(id).await?)),
            Act::Release => Ok(Outcome::of(store.release_id(id).await?)),
            Act::RetryEvent => Ok(Outcome::of(store.retry(Some(id)).await? > 0)),
            Act::LetThrough | Act::RetryReply => {
                Ok(Outcome::of(store.let_through(Some(id), None).await? > 0))
            }
        }
    }

    async fn replay(&self, id: Uuid) -> Result<Outcome, StoreError> {
        let Some(row) = self.state.store.quarantined_row(id).await? else { return Ok(Outcome::Gone) };
        let channels = self.state.channels.load();
        // a channel that is not configured any more has no decoder
        let Some(channel) = channels.get(&row.channel) else { return Ok(Outcome::Stays) };
        let replayed = self.state.intake.replay(channel, &row).await?;
        Ok(if replayed.quarantined.is_some() { Outcome::Stays } else { Outcome::Done })
    }
}

#[derive(Template)]
#[template(path = "console/words.html")]
struct Words<'a> {
    title: &'a str,
    back: &'a str,
    key: &'a str,
    channel: &'a str,
    at: String,
    why: &'a str,
    reason: &'a str,
    text: String,
}

/// A row's words as they are, for whoever says why they must be read.
pub(super) async fn words(
    State(console): Shared,
    Extension(who): Extension<SignedIn>,
    Path(room): Path<String>,
    Extension(form): Extension<Form>,
) -> Result<Response, Fault> {
    let kind = kind(&room)?;
    who.may(Role::Operator)?;
    let reason = form.reason()?;
    let key = form.get("row");
    let row = console.state.store.standing_at(kind.room, key).await?.ok_or(Fault::NotFound)?;
    let line = console.note(&who, "read words", vec![row.key.clone()], Some(reason.clone())).await?;
    finish(&console, line).await?;
    let part = Words {
        title: kind.title,
        back: kind.path,
        key: &row.key,
        channel: &row.channel,
        at: words::time(row.at),
        why: &row.reason,
        reason: &reason,
        text: mask::plain(kind.room, &row).chars().take(SHOWN).collect(),
    };
    shown_once(&console, &who, (kind.title, kind.path), &part).await
}

/// Writes down that it was done.
pub(super) async fn finish(console: &Arc<Console>, lines: Vec<i64>) -> Result<(), Fault> {
    let outcomes = lines.into_iter().map(|line| (line, "done".to_owned())).collect();
    Ok(console.state.store.audit_outcome(outcomes).await?)
}
