//! What operators do to rows. Each is written into the audit log before it is done; pressing twice is safe.

use askama::Template;
use axum::{
    Extension,
    extract::{Path, State},
    response::{IntoResponse, Redirect, Response},
};
use uuid::Uuid;

use super::{
    Console, Shared,
    deed::{Act, Deed},
    frame::shown_once,
    guard::{Fault, Form},
    lists::kind,
    mask,
    session::SignedIn,
    words,
};
use crate::store::StoreError;

/// Rows that are acted upon with one press.
const MOST: usize = 200;
/// Characters of a row's words that are shown.
const SHOWN: usize = 64 * 1024;

pub(super) async fn act(
    State(console): Shared,
    Extension(who): Extension<SignedIn>,
    Path(room): Path<String>,
    Extension(form): Extension<Form>,
) -> Result<Response, Fault> {
    let kind = kind(&room)?;
    let deed = Deed::asked(Act::of(kind.room, form.get("do"))?, &who, &form)?;
    let act = deed.act;
    let mut keys: Vec<String> = form.all("row").map(str::to_owned).take(MOST).collect();
    keys.sort_unstable();
    keys.dedup();
    if keys.is_empty() {
        return Err(Fault::NothingChosen);
    }
    let of = keys.len();
    let begun = deed.begin(&console, keys.clone()).await?;
    let mut done = 0;
    for (key, line) in keys.into_iter().zip(begun.lines) {
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
            Act::LetThrough => Ok(Outcome::of(store.let_through(Some(id), None).await? > 0)),
            // nothing that is done to a row
            Act::RetryReply | Act::Read | Act::Pause | Act::Resume => Ok(Outcome::Gone),
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
    let deed = Deed::asked(Act::Read, &who, &form)?;
    let reason = deed.reason.clone();
    let key = form.get("row");
    let row = console.state.store.standing_at(kind.room, key).await?.ok_or(Fault::NotFound)?;
    let begun = deed.begin(&console, vec![row.key.clone()]).await?;
    begun.ended(&console, "done").await?;
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
