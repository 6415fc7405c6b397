//! What operators do to all rows that match a search: asked once with the count, done row by row beside the way of messages.
//!
//! A work is known by what it does, to what, and until when those must have stood there. So pressing twice finds the same
//! work, rows that come meanwhile are not touched, and a row that comes back is not taken again.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use askama::Template;
use axum::{
    Extension,
    extract::{Path, Query, State},
    http::{HeaderMap, Uri},
    response::{IntoResponse, Redirect, Response},
};
use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use serde::Deserialize;
use tokio::sync::Semaphore;

use super::{
    Console, Shared,
    acts::{Act, Outcome},
    frame::{shown, shown_once},
    guard::{Fault, Form},
    lists::{Kind, kind},
    session::SignedIn,
    words,
};
use crate::store::StoreError;

/// Keys read from the store at a time.
const BATCH: u32 = 100;
/// Rows acted upon at the same time, so that they share commits.
const AT_ONCE: usize = 16;
/// Works that are remembered after they are done.
const REMEMBERED: usize = 50;
/// While nothing more is taken in, a work looks again after so long.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// The works of this run of the gateway, by their ids.
pub(super) struct Works {
    all: Mutex<BTreeMap<String, Arc<Work>>>,
    /// One after the other: none of them is in a hurry.
    turn: Semaphore,
    worked: AtomicU64,
}

impl Default for Works {
    fn default() -> Self {
        Self { all: Mutex::default(), turn: Semaphore::new(1), worked: AtomicU64::new(0) }
    }
}

impl Works {
    /// Rows that were acted upon.
    pub(super) fn worked(&self) -> u64 {
        self.worked.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Work>>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers a work; the one that is known by that id already, if there is one.
    fn known(&self, id: &str, work: &Arc<Work>) -> bool {
        let mut all = self.lock();
        if all.contains_key(id) {
            return true;
        }
        if all.len() >= REMEMBERED {
            let done = all.iter().filter(|(_, work)| work.at().end.is_some());
            let oldest = done.min_by_key(|(_, work)| work.until).map(|(id, _)| id.clone());
            if let Some(id) = oldest {
                all.remove(&id);
            }
        }
        all.insert(id.to_owned(), Arc::clone(work));
        false
    }
}

/// Something that is done to many rows.
struct Work {
    kind: &'static Kind,
    act: Act,
    /// The search that finds them.
    text: String,
    /// They stood there then.
    until: Timestamp,
    of: u64,
    progress: Mutex<Progress>,
}

/// How far a work is.
#[derive(Clone, Default)]
struct Progress {
    done: u64,
    stay: u64,
    gone: u64,
    /// How it ended.
    end: Option<String>,
}

impl Work {
    fn at(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, outcome: Outcome) {
        let mut progress = self.at();
        match outcome {
            Outcome::Done => progress.done += 1,
            Outcome::Stays => progress.stay += 1,
            Outcome::Gone => progress.gone += 1,
        }
    }
}

impl Progress {
    fn seen(&self) -> u64 {
        self.done + self.stay + self.gone
    }

    fn words(&self) -> String {
        format!("{} done, {} stay, {} were gone already", self.done, self.stay, self.gone)
    }
}

#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default, rename = "do")]
    act: String,
    #[serde(default)]
    q: String,
}

#[derive(Template)]
#[template(path = "console/all.html")]
struct Ask<'a> {
    kind: &'static Kind,
    act: &'a str,
    what: &'static str,
    q: &'a str,
    count: u64,
    shown: String,
    until: i64,
    discards: bool,
    csrf: &'a str,
}

/// Asks whether it is meant, with the count.
pub(super) async fn ask(
    State(console): Shared,
    Extension(who): Extension<SignedIn>,
    Path(room): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Fault> {
    let kind = kind(&room)?;
    let act = Act::of(kind.room, &asked.act)?;
    who.may(act.needs())?;
    // a row that comes in the same millisecond was not seen
    let until = console.now();
    let count = console.state.store.count_standing(kind.room, &asked.q, until).await?;
    let part = Ask {
        kind,
        act: &asked.act,
        what: act.what(),
        q: asked.q.trim(),
        count,
        shown: words::number(count),
        until: until.as_millisecond(),
        discards: act == Act::Discard,
        csrf: &who.csrf,
    };
    shown_once(&console, &who, (kind.title, kind.path), &part).await
}

/// Begins the work, or finds that it was begun.
pub(super) async fn begin(
    State(console): Shared,
    Extension(who): Extension<SignedIn>,
    Path(room): Path<String>,
    Extension(form): Extension<Form>,
) -> Result<Response, Fault> {
    let kind = kind(&room)?;
    let act = Act::of(kind.room, form.get("do"))?;
    who.may(act.needs())?;
    let reason = act.reason(&form)?;
    let until = form.get("until").parse().ok().and_then(|until| Timestamp::from_millisecond(until).ok());
    let until = until.ok_or(Fault::BadForm)?.min(console.now());
    let text = form.get("q").trim().to_owned();
    let id = console.seal.mark("work", &format!("{room} {} {} {text}", act.what(), until.as_millisecond()));
    let of = console.state.store.count_standing(kind.room, &text, until).await?;
    let work = Arc::new(Work { kind, act, text, until, of, progress: Mutex::default() });
    if !console.works.known(&id, &work) {
        let target = if work.text.is_empty() {
            format!("all {} in {room}", words::rows(usize::try_from(of).unwrap_or(usize::MAX)))
        } else {
            format!(
                "all {} in {room} that match “{}”",
                words::rows(usize::try_from(of).unwrap_or(usize::MAX)),
                work.text
            )
        };
        let lines = console.note(&who, act.what(), vec![target], reason).await;
        let lines = lines.inspect_err(|_| drop(console.works.lock().remove(&id)))?;
        tokio::spawn(Arc::clone(&console).carry_out(work, lines));
    }
    Ok(Redirect::to(&format!("{}/all/{id}", kind.path)).into_response())
}

impl Console {
    /// Does the work, and writes down what came of it.
    async fn carry_out(self: Arc<Self>, work: Arc<Work>, lines: Vec<i64>) {
        let end = match self.each(&work).await {
            Ok(true) => "done".to_owned(),
            Ok(false) => "stopped: the gateway shuts down".to_owned(),
            Err(error) => format!("failed: {error}"),
        };
        let outcome = format!("{end}; {}", work.at().words());
        let outcomes = lines.into_iter().map(|line| (line, outcome.clone())).collect();
        if let Err(error) = self.state.store.audit_outcome(outcomes).await {
            tracing::error!(%error, outcome, "What came of an action on many rows could not be written down.");
        }
        work.at().end = Some(end);
        self.works.worked.fetch_add(1, Ordering::Relaxed);
    }

    /// False if it was cut off.
    async fn each(&self, work: &Work) -> Result<bool, StoreError> {
        let Ok(_turn) = self.works.turn.acquire().await else { return Ok(false) };
        let mut last: Option<String> = None;
        loop {
            // what is released is taken in again: not above the high-water mark
            while self.state.intake.full().is_some() && !*self.state.draining.borrow() {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
            let store = &self.state.store;
            let keys =
                store.standing_keys(work.kind.room, &work.text, work.until, last.as_deref(), BATCH).await?;
            if keys.is_empty() {
                return Ok(true);
            }
            if *self.state.draining.borrow() {
                return Ok(false);
            }
            last = keys.last().cloned();
            let each = stream::iter(keys).map(|key| async move { self.one(work.act, &key).await });
            let mut each = std::pin::pin!(each.buffer_unordered(AT_ONCE));
            while let Some(outcome) = each.next().await {
                work.count(outcome?);
                self.works.worked.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

#[derive(Template)]
#[template(path = "console/work.html")]
struct Shown<'a> {
    kind: &'static Kind,
    what: &'static str,
    q: &'a str,
    of: String,
    most: u64,
    seen: u64,
    words: String,
    end: Option<String>,
}

/// How far it is.
pub(super) async fn progress(
    State(console): Shared,
    Extension(who): Extension<SignedIn>,
    Path((room, id)): Path<(String, String)>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Fault> {
    let kind = kind(&room)?;
    let work = console.works.lock().get(&id).cloned().ok_or(Fault::NotFound)?;
    let progress = work.at().clone();
    let part = Shown {
        kind,
        what: work.act.what(),
        q: &work.text,
        of: words::number(work.of),
        most: work.of.max(1),
        seen: progress.seen(),
        words: progress.words(),
        end: progress.end,
    };
    shown(&console, &who, (kind.title, kind.path), (&headers, &uri), &part).await
}
