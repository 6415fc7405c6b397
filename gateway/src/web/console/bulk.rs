//! What operators do to all rows that match a search: asked once with the count, done row by row beside the way of messages.
//!
//! A work is known by what it does, to what, and until when those must have stood there. So pressing twice finds the same
//! work, rows that come meanwhile are not touched, and a row that comes back is not taken again.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
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
    acts::Outcome,
    deed::{Act, Begun, Deed},
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

    /// Remembers a work, unless one is known by that id: then that one. A work that came to no end may begin again.
    fn known(&self, id: &str, work: &Arc<Work>) -> Option<Arc<Work>> {
        let mut all = self.lock();
        let known = all.get(id).filter(|work| matches!(work.at().end, None | Some(End::Done)));
        if let Some(known) = known {
            return Some(Arc::clone(known));
        }
        if all.len() >= REMEMBERED {
            let done = all.iter().filter(|(_, work)| work.at().end.is_some());
            let oldest = done.min_by_key(|(_, work)| work.until).map(|(id, _)| id.clone());
            if let Some(id) = oldest {
                all.remove(&id);
            }
        }
        all.insert(id.to_owned(), Arc::clone(work));
        None
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
    /// Its line in the audit log, as soon as it is written.
    line: OnceLock<i64>,
    progress: Mutex<Progress>,
}

/// How far a work is.
#[derive(Clone, Default)]
struct Progress {
    done: u64,
    stay: u64,
    gone: u64,
    /// How it ended.
    end: Option<End>,
}

/// How a work ended.
#[derive(Clone)]
enum End {
    /// All its rows were looked at.
    Done,
    /// The gateway shut down.
    Stopped,
    /// The store failed.
    Failed(String),
}

impl End {
    fn words(&self) -> String {
        match self {
            Self::Done => "done".to_owned(),
            Self::Stopped => "stopped: the gateway shuts down".to_owned(),
            Self::Failed(error) => format!("failed: {error}"),
        }
    }
}

impl Work {
    /// Its page; it names the line of the audit log, which tells of it when a restart has forgotten it.
    fn place(&self, console: &Console, id: &str) -> String {
        let page = format!("{}/all/{id}", self.kind.path);
        match self.line.get() {
            Some(line) => format!("{page}?line={line}&mark={}", console.mark_of_line(id, *line)),
            None => page,
        }
    }

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
    wants_reason: bool,
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
    act.allowed(&who)?;
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
        wants_reason: act.wants_reason(),
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
    let deed = Deed::asked(Act::of(kind.room, form.get("do"))?, &who, &form)?;
    let act = deed.act;
    let until = form.get("until").parse().ok().and_then(|until| Timestamp::from_millisecond(until).ok());
    let until = until.ok_or(Fault::BadForm)?.min(console.now());
    let text = form.get("q").trim().to_owned();
    let id = deed.mark(&console, &room, &text, until);
    let of = console.state.store.count_standing(kind.room, &text, until).await?;
    let work =
        Arc::new(Work { kind, act, text, until, of, line: OnceLock::new(), progress: Mutex::default() });
    if let Some(known) = console.works.known(&id, &work) {
        return Ok(Redirect::to(&known.place(&console, &id)).into_response());
    }
    let rows = words::rows(usize::try_from(of).unwrap_or(usize::MAX));
    let target = match work.text.as_str() {
        "" => format!("all {rows} in {room}"),
        text => format!("all {rows} in {room} that match “{text}”"),
    };
    let begun = deed.begin(&console, vec![target]).await;
    let begun = begun.inspect_err(|_| drop(console.works.lock().remove(&id)))?;
    if let Some(line) = begun.lines.first() {
        // it is set here only
        work.line.set(*line).ok();
    }
    let place = work.place(&console, &id);
    tokio::spawn(Arc::clone(&console).carry_out(work, begun));
    Ok(Redirect::to(&place).into_response())
}

impl Console {
    /// Proves that the line was named to whoever asks for it: not everybody may read the audit log.
    fn mark_of_line(&self, id: &str, line: i64) -> String {
        self.seal.mark("line", &format!("{id} {line}"))
    }

    /// Does the work, and writes down what came of it.
    async fn carry_out(self: Arc<Self>, work: Arc<Work>, begun: Begun) {
        let end = match self.each(&work, &begun).await {
            Ok(true) => End::Done,
            Ok(false) => End::Stopped,
            Err(error) => End::Failed(error.to_string()),
        };
        let outcome = format!("{}; {}", end.words(), work.at().words());
        if let Err(error) = begun.ended(&self, &outcome).await {
            tracing::error!(%error, outcome, "What came of an action on many rows could not be written down.");
        }
        work.at().end = Some(end);
        self.works.worked.fetch_add(1, Ordering::Relaxed);
    }

    /// False if it was cut off.
    async fn each(&self, work: &Work, begun: &Begun) -> Result<bool, StoreError> {
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
            let how_far = work.at().words();
            begun.came(self, &how_far).await?;
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

/// A work of which only the audit log knows.
#[derive(Template)]
#[template(path = "console/past_work.html")]
struct Past {
    kind: &'static Kind,
    what: String,
    target: String,
    outcome: String,
    over: bool,
}

#[derive(Deserialize)]
pub(super) struct Line {
    #[serde(default)]
    line: i64,
    #[serde(default)]
    mark: String,
}

/// How far it is.
pub(super) async fn progress(
    State(console): Shared,
    Extension(who): Extension<SignedIn>,
    Path((room, id)): Path<(String, String)>,
    Query(line): Query<Line>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Fault> {
    let kind = kind(&room)?;
    let place = ((kind.title, kind.path), (&headers, &uri));
    let Some(work) = console.works.lock().get(&id).cloned() else {
        if !console.seal.fits("line", &format!("{id} {}", line.line), &line.mark) {
            return Err(Fault::NotFound);
        }
        let past = console.state.store.audit_line(line.line).await?.ok_or(Fault::NotFound)?;
        let outcome = past.outcome.unwrap_or_default();
        let over = outcome.starts_with("done");
        let part = Past { kind, what: past.what, target: past.target, outcome, over };
        return shown(&console, &who, place.0, place.1, &part).await;
    };
    let progress = work.at().clone();
    let part = Shown {
        kind,
        what: work.act.what(),
        q: &work.text,
        of: words::number(work.of),
        most: work.of.max(1),
        seen: progress.seen(),
        words: progress.words(),
        end: progress.end.as_ref().map(End::words),
    };
    shown(&console, &who, place.0, place.1, &part).await
}
