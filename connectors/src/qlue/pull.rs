//! Qlue's feed: `GET <url>?page=n`, newest report first.
//!
//! The vendor numbers pages from the newest report, so everything moves down a page when a report comes in
//! and up when one is deleted. One call takes one step and moves the cursor with it:
//!
//! * A poll takes page 1. Whenever a page has anything new it goes on to the next, until a whole page is older
//!   than what the cursor covers: a report that the vendor publishes late, or brings to the top again, or
//!   deletes, does not end the walk too early.
//! * On the way down each step reads the page before once more, after the new one: what moved up meanwhile
//!   because of a deletion is on it. If even that page holds only what is older than the walk has come to (after
//!   a long pause), the walk goes back up until it meets what it knows.
//! * What could be taken twice is skipped by `known`, and by its idempotency key where `known` is too short.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use jiff::{Timestamp, fmt::rfc2822};
use reqwest::{Response, StatusCode, Url};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    client,
    connector::{Cursor, Page, Pull, PullError},
    qlue::{Report, Settings, reports},
    settings::{ChannelSettings, SettingsError},
};

/// How many marks a cursor remembers: some pages of the newest reports.
const REMEMBERED: usize = 256;

/// `[channels.<id>.pull]`.
#[derive(Clone, Deserialize)]
pub(super) struct PullSettings {
    /// The feed's address.
    url: String,
    /// More of its query, e.g. `{ q = "jakarta" }`. May hold a key, so it never appears in an error.
    #[serde(default)]
    query: BTreeMap<String, String>,
    /// Seconds between polls.
    #[serde(default = "minute")]
    interval_seconds: u64,
    /// Largest page in bytes, unpacked.
    #[serde(default = "megabytes")]
    page_bytes: usize,
    /// How many pages the first poll of all takes.
    #[serde(default = "ten")]
    backfill_pages: u32,
}

fn minute() -> u64 {
    60
}

fn megabytes() -> usize {
    4 * 1024 * 1024
}

fn ten() -> u32 {
    10
}

impl PullSettings {
    pub(super) fn check(&self) -> Vec<SettingsError> {
        let mut errors = Vec::new();
        match Url::parse(&self.url) {
            Ok(url) if matches!(url.scheme(), "http" | "https") => {}
            _ => errors.push(SettingsError::value(
                "pull.url",
                "expected the feed's address, e.g. \"https://host/path\"",
            )),
        }
        if self.query.contains_key("page") {
            errors.push(SettingsError::value(
                "pull.query.page",
                "pages are counted by the connector; remove it",
            ));
        }
        let positive = [
            ("pull.interval_seconds", self.interval_seconds == 0),
            ("pull.page_bytes", self.page_bytes == 0),
            ("pull.backfill_pages", self.backfill_pages == 0),
        ];
        errors.extend(
            positive
                .iter()
                .filter(|(_, zero)| *zero)
                .map(|(key, _)| SettingsError::value(*key, "must be at least 1")),
        );
        errors
    }
}

/// Opens the feed of a channel.
pub(super) fn open(channel: &ChannelSettings) -> Option<Box<dyn Pull>> {
    let settings = channel.own::<Settings>()?.pull.clone()?;
    Some(Box::new(Feed(settings)))
}

/// A feed. All that it must remember is in the cursor.
struct Feed(PullSettings);

impl Pull for Feed {
    fn next<'a>(&'a mut self, after: &'a Cursor) -> BoxFuture<'a, Result<Page, PullError>> {
        Box::pin(self.step(Position::read(after)))
    }

    fn interval(&self) -> Duration {
        Duration::from_secs(self.0.interval_seconds)
    }
}

/// What makes a report the same one: its id, or a hash of the bytes of one that could not be read (so that it
/// is looked at again when the vendor mends it).
type Mark = String;

/// The cursor: what is stored already.
#[derive(Default, Serialize, Deserialize)]
struct Position {
    /// The highest id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    high: Option<u64>,
    /// The marks of the newest reports.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    known: Vec<Mark>,
    /// A walk down the pages that has not come to its end; `high` and `known` are from before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    walk: Option<Walk>,
}

/// A walk down the pages.
#[derive(Default, Serialize, Deserialize)]
struct Walk {
    /// The page to take next.
    page: u32,
    /// The highest id met.
    high: Option<u64>,
    /// The lowest id met: where the walk has come to.
    low: Option<u64>,
    /// The first marks met.
    newest: Vec<Mark>,
    /// The marks of the last step.
    edge: Vec<Mark>,
}

impl Position {
    /// An unreadable cursor begins anew: rather twice than never.
    fn read(cursor: &Cursor) -> Self {
        serde_json::from_str(&cursor.0).unwrap_or_default()
    }

    fn first(&self) -> bool {
        self.high.is_none() && self.known.is_empty()
    }

    fn is_old(&self, mark: &Mark) -> bool {
        self.known.contains(mark) || matches!((number(mark), self.high), (Some(id), Some(high)) if id <= high)
    }

    /// Closes the walk: from now on all that it met counts as stored.
    fn arrive(&mut self, walk: Walk) {
        self.high = self.high.max(walk.high);
        let mut known = walk.newest;
        for mark in std::mem::take(&mut self.known) {
            if known.len() < REMEMBERED && !known.contains(&mark) {
                known.push(mark);
            }
        }
        self.known = known;
    }
}

impl Walk {
    fn met(&mut self, mark: Mark) {
        if let Some(id) = number(&mark) {
            self.high = self.high.max(Some(id));
            self.low = Some(self.low.map_or(id, |low| low.min(id)));
        }
        if self.newest.len() < REMEMBERED && !self.newest.contains(&mark) {
            self.newest.push(mark);
        }
    }

    fn has(&self, mark: &Mark) -> bool {
        self.edge.contains(mark) || self.newest.contains(mark)
    }

    /// Whether a page holds only what is older than where the walk has come to.
    fn is_past(&self, page: &[Entry]) -> bool {
        let Some(low) = self.low else { return false };
        !page.is_empty()
            && page.iter().all(|entry| {
                number(&entry.mark).is_some_and(|id| id < low) && !self.edge.contains(&entry.mark)
            })
    }
}

fn number(mark: &Mark) -> Option<u64> {
    mark.parse().ok()
}

/// One report of a page.
struct Entry {
    mark: Mark,
    taken: Result<muara_normalizer::Draft, (Bytes, crate::reject::Reject)>,
}

impl From<Report<'_>> for Entry {
    fn from(report: Report<'_>) -> Self {
        match report.draft() {
            Ok(draft) => {
                let mark = draft.external_id.as_ref().map(|id| id.as_str().to_owned()).unwrap_or_default();
                Self { mark, taken: Ok(draft) }
            }
            Err(reason) => {
                let bytes = report.alone();
                let mark = format!("#{}", hex::encode(&Sha256::digest(&bytes)[..8]));
                Self { mark, taken: Err((bytes.into(), reason)) }
            }
        }
    }
}

impl Feed {
    async fn step(&self, mut position: Position) -> Result<Page, PullError> {
        let mut walk = position.walk.take().unwrap_or_else(|| Walk { page: 1, ..Walk::default() });
        let below = self.page(walk.page).await?;
        // read after the page below it: see the module's words on deletions
        let above = if walk.page > 1 { self.page(walk.page - 1).await? } else { Vec::new() };

        let back = walk.page > 2 && walk.is_past(&above);
        let same = |(a, b): (&Entry, &Entry)| a.mark == b.mark;
        let clamped = !below.is_empty() && above.len() == below.len() && above.iter().zip(&below).all(same);
        let end = below.is_empty()
            || clamped
            || below.iter().all(|entry| position.is_old(&entry.mark))
            || (position.first() && walk.page >= self.0.backfill_pages);

        let mut page = Page::default();
        let mut edge: Vec<Mark> = Vec::new();
        for entry in above.into_iter().chain(below) {
            let taken_before =
                walk.has(&entry.mark) || edge.contains(&entry.mark) || position.known.contains(&entry.mark);
            edge.push(entry.mark);
            if taken_before {
                continue;
            }
            match entry.taken {
                Ok(draft) => page.drafts.push(draft),
                Err(reject) => page.rejects.push(reject),
            }
        }
        for mark in &edge {
            walk.met(mark.clone());
        }
        walk.edge = edge;
        page.drafts.reverse();
        page.rejects.reverse();
        page.more = back || !end;
        if page.more {
            walk.page = if back { walk.page - 1 } else { walk.page.saturating_add(1) };
            position.walk = Some(walk);
        } else {
            position.arrive(walk);
        }
        page.cursor = Cursor(serde_json::to_string(&position).unwrap_or_default());
        Ok(page)
    }

    /// One page; none beyond the end, whether the vendor says so by an empty list or by 404.
    async fn page(&self, page: u32) -> Result<Vec<Entry>, PullError> {
        let request = client::shared()
            .map_err(unreachable)?
            .get(&self.0.url)
            .query(&self.0.query)
            .query(&[("page", page)])
            .header(reqwest::header::ACCEPT, "application/json");
        let response = request.send().await.map_err(unreachable)?;
        match response.status() {
            status if status.is_success() => {}
            StatusCode::NOT_FOUND if page > 1 => return Ok(Vec::new()),
            StatusCode::TOO_MANY_REQUESTS => {
                return Err(PullError::Throttled { retry_after: retry_after(&response) });
            }
            status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
                return Err(PullError::Refused { status: status.as_u16() });
            }
            status => return Err(PullError::Status { status: status.as_u16() }),
        }
        let body = body(response, self.0.page_bytes).await?;
        Ok(reports(&body).map_err(PullError::Page)?.into_iter().map(Entry::from).collect())
    }
}

/// Reads no further than the limit.
async fn body(mut response: Response, limit: usize) -> Result<Vec<u8>, PullError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        if body.len() + chunk.len() > limit {
            return Err(PullError::TooLarge { limit });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The query may hold a key, so the address stays out of the error.
fn unreachable(error: reqwest::Error) -> PullError {
    PullError::Unreachable(error.without_url())
}

/// Retry-After as seconds or as a date (RFC 9110 §10.2.3).
fn retry_after(response: &Response) -> Option<Duration> {
    let value = response.headers().get(reqwest::header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = rfc2822::parse(value).ok()?.timestamp();
    Some(at.duration_since(Timestamp::now()).try_into().unwrap_or_default())
}
