//! Qlue's feed: `GET <url>?page=n`, newest report first.
//!
//! The vendor numbers pages from the newest report, so everything moves down a page when a report comes in
//! and up when one is deleted. One call takes one step and moves the cursor with it:
//!
//! * The cursor is not one highest id but the ids of the newest reports, as many as some pages hold. A poll takes
//!   page 1; whenever a page has anything that is not known it goes on to the next. So a report that is
//!   published late, brought to the top again or deleted does not end the walk too early.
//! * On the way down each step reads the page before once more, after the new one: what moved up meanwhile
//!   because of a deletion is on it. If that page lies below where the walk has come to (after a long pause with
//!   many deletions), the walk goes back up until it meets what it knows.
//! * Still missed is what moves from one page to the other while both are read because of a deletion, and back
//!   because of a new report, on the last step of a walk (two changes within two requests); and, behind a whole
//!   page of reports published late that are older than all that are known, the ones that came in before it.
//! * What is met again and not known any more is taken again: its idempotency key makes that harmless.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use reqwest::StatusCode;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    client,
    connector::{Cursor, Item, Page, Pull, PullError},
    qlue::{Report, Settings, reports},
    quota::Quota,
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
        let mut errors: Vec<_> = client::check_address("pull.url", &self.url).into_iter().collect();
        if self.query.contains_key("page") {
            errors.push(SettingsError::value(
                "pull.query.page",
                "pages are counted by the connector; remove it",
            ));
        }
        errors.extend(client::check_positive(&[
            ("pull.interval_seconds", self.interval_seconds == 0),
            ("pull.page_bytes", self.page_bytes == 0),
            ("pull.backfill_pages", self.backfill_pages == 0),
        ]));
        errors
    }
}

/// Opens the feed of a channel.
pub(super) fn open(channel: &ChannelSettings) -> Option<Box<dyn Pull>> {
    let settings = channel.own::<Settings>()?.pull.clone()?;
    Some(Box::new(Feed(settings, channel.quota().clone())))
}

/// A feed. All that it must remember is in the cursor.
struct Feed(PullSettings, Quota);

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
    /// The marks of the newest reports, newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    known: Vec<Mark>,
    /// A walk down the pages that has not come to its end; `known` is from before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    walk: Option<Walk>,
}

/// A walk down the pages.
#[derive(Default, Serialize, Deserialize)]
struct Walk {
    /// The page to take next.
    page: u32,
    /// The first marks met.
    newest: Vec<Mark>,
    /// The marks of the last step.
    edge: Vec<Mark>,
    /// The highest id of the lowest page: where the walk has come to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    depth: Option<u64>,
}

impl Position {
    /// An unreadable cursor begins anew: rather twice than never.
    fn read(cursor: &Cursor) -> Self {
        serde_json::from_str(&cursor.0).unwrap_or_default()
    }

    fn write(&self) -> Cursor {
        Cursor(serde_json::to_string(self).unwrap_or_default())
    }

    /// Whether a page holds nothing that the cursor does not cover: every report is known, or older than all known.
    fn covers(&self, page: &[Entry]) -> bool {
        let floor = self.known.iter().filter_map(number).min();
        page.iter().all(|entry| {
            let below = number(&entry.mark).zip(floor).is_some_and(|(id, floor)| id < floor);
            below || self.known.contains(&entry.mark)
        })
    }

    /// Closes the walk: from now on all that it met counts as stored.
    fn arrive(&mut self, walk: Walk) {
        let before = std::mem::replace(&mut self.known, walk.newest);
        for mark in before {
            if self.known.len() < REMEMBERED && !self.known.contains(&mark) {
                self.known.push(mark);
            }
        }
    }
}

impl Walk {
    fn remember(&mut self, page: Vec<Mark>) {
        for mark in page {
            if self.newest.len() < REMEMBERED && !self.newest.contains(&mark) {
                self.newest.push(mark);
            }
        }
    }

    /// Whether a page lies below where the walk has come to, so that something between may have been missed.
    fn has_skipped_to(&self, page: &[Entry]) -> bool {
        let reached = |mark: &Mark| number(mark).zip(self.depth).is_some_and(|(id, depth)| id >= depth);
        !page.is_empty() && !page.iter().any(|entry| self.edge.contains(&entry.mark) || reached(&entry.mark))
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

        if walk.page > 2 && walk.has_skipped_to(&above) {
            walk.page -= 1;
            position.walk = Some(walk);
            return Ok(Page { cursor: position.write(), more: true, ..Page::default() });
        }
        // Known becomes only what the walk itself passes: what came in while it was under way can be seen by
        // chance on the page above, with something unseen below it, and must not end the next walk there.
        let read: Vec<Mark> = below.iter().map(|entry| entry.mark.clone()).collect();
        // a vendor that knows no pages, or gives the last one again beyond the end; one that has just deleted a
        // whole page looks the same for a moment, so it is asked again
        let same =
            |page: &[Entry]| page.iter().map(|entry| &entry.mark).eq(above.iter().map(|entry| &entry.mark));
        let clamped = same(&below) && (below.is_empty() || same(&self.page(walk.page).await?));
        let full = position.known.is_empty() && walk.page >= self.0.backfill_pages;
        let end = below.is_empty() || clamped || full || position.covers(&below);

        let mut page = Page { more: !end, ..Page::default() };
        let before = std::mem::take(&mut walk.edge);
        walk.depth = below.iter().filter_map(|entry| number(&entry.mark)).max().or(walk.depth);
        for Entry { mark, taken } in above.into_iter().chain(below) {
            let met =
                [&position.known, &walk.newest, &before, &walk.edge].iter().any(|list| list.contains(&mark));
            walk.edge.push(mark);
            match taken {
                _ if met => {}
                Ok(draft) => page.items.push(Item::Draft(Box::new(draft))),
                Err(reject) => page.rejects.push(reject),
            }
        }
        walk.remember(read);
        page.items.reverse();
        page.rejects.reverse();
        if end {
            position.arrive(walk);
        } else {
            walk.page = walk.page.saturating_add(1);
            position.walk = Some(walk);
        }
        page.cursor = position.write();
        Ok(page)
    }

    /// One page; none beyond the end, whether the vendor says so by an empty list or by 404.
    async fn page(&self, page: u32) -> Result<Vec<Entry>, PullError> {
        let request = client::shared()
            .map_err(client::unreachable)?
            .get(&self.0.url)
            .query(&self.0.query)
            .query(&[("page", page)])
            .header(reqwest::header::ACCEPT, "application/json");
        let response = client::send(request, &self.1, "feed").await?;
        if response.status() == StatusCode::NOT_FOUND && page > 1 {
            return Ok(Vec::new());
        }
        let body = client::body(client::accepted(response)?, self.0.page_bytes).await?;
        Ok(reports(&body).map_err(PullError::Page)?.into_iter().map(Entry::from).collect())
    }
}
