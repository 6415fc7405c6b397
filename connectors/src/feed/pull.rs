//! Asking for feeds, and only for what is new in them.
//!
//! The cursor remembers for each feed its validators (RFC 9110 §8.8), and id and content of the entries that were
//! taken: an unchanged feed is not sent again, an unchanged entry not taken again, and a changed one is an amendment. A
//! document that cannot be read is quarantined once, not at every round.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use muara_normalizer::{Amendment, ExternalId, draft::Change};
use reqwest::{StatusCode, header};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::{FeedSettings, Settings, entries, fingerprint};
use crate::{
    client,
    connector::{Cursor, Item, Page, Pull, PullError},
    deliver::Unreachable,
};

/// Entries remembered of each feed: more than most columns show at once; of a longer one, all that it shows.
const REMEMBERED: usize = 500;
/// But no more than this: the cursor is written with each page.
const MOST_REMEMBERED: usize = 5000;
const MIB: usize = 1024 * 1024;

/// All feeds of a channel.
pub(super) struct Reader {
    settings: Settings,
    /// What went wrong with a feed while others went well: told once the others' page is stored.
    trouble: Option<PullError>,
    /// Feeds that go well are not asked sooner because another one fails.
    rest_until: Option<Instant>,
}

/// What is known of all feeds, by their address.
#[derive(Default, Serialize, Deserialize)]
struct Known(BTreeMap<String, State>);

/// What is known of one.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct State {
    #[serde(skip_serializing_if = "Option::is_none")]
    etag: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_modified: Option<String>,
    /// Ids and content, newest last.
    entries: Vec<(String, String)>,
    /// The last document that could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    unreadable: Option<String>,
}

impl State {
    /// Takes what is new in a document.
    fn take(&mut self, document: Bytes, name: Option<&str>, page: &mut Page) {
        let read = match entries(&document, name) {
            Ok(read) => read,
            Err(reason) => {
                let print = fingerprint(&document);
                if self.unreadable.as_ref() != Some(&print) {
                    page.rejects.push((document, reason));
                    self.unreadable = Some(print);
                }
                return;
            }
        };
        self.unreadable = None;
        let mut known: HashMap<String, String> = self.entries.iter().cloned().collect();
        let mut shown = Vec::with_capacity(read.len());
        let mut bad = None;
        for entry in read {
            let before = known.insert(entry.id.clone(), entry.hash.clone());
            let unchanged = before.as_ref() == Some(&entry.hash);
            shown.push(entry.id.clone());
            match entry.draft {
                _ if unchanged => {}
                Err(reason) => bad = bad.or(Some(reason)),
                Ok(draft) if before.is_none() => page.items.push(Item::Draft(Box::new(draft))),
                Ok(draft) => page.items.extend(ExternalId::new(entry.id).map(|external_id| {
                    Item::Amendment(Box::new(Amendment {
                        external_id,
                        revision: entry.hash,
                        at: entry.updated,
                        change: Change::Edited { draft: Box::new(draft) },
                    }))
                })),
            }
        }
        let most = shown.len().clamp(REMEMBERED, MOST_REMEMBERED);
        let again: HashSet<&String> = shown.iter().collect();
        self.entries.retain(|(id, _)| !again.contains(id));
        self.entries.extend(shown.into_iter().filter_map(|id| known.remove_entry(&id)));
        self.entries.drain(..self.entries.len().saturating_sub(most));
        // once for all bad entries of a document: quarantine keeps it whole
        page.rejects.extend(bad.map(|reason| (document, reason)));
    }
}

impl Reader {
    pub(super) fn new(settings: &Settings) -> Self {
        Self { settings: settings.clone(), trouble: None, rest_until: None }
    }

    /// One round of all feeds. A feed that fails neither keeps the others waiting nor is hidden by them.
    async fn round(&mut self, after: &Cursor) -> Result<Page, PullError> {
        if let Some(error) = self.trouble.take() {
            return Err(error);
        }
        if let Some(until) = self.rest_until {
            tokio::time::sleep_until(until).await;
            self.rest_until = None;
        }
        // an unreadable cursor begins anew: rather twice than never
        let mut known: Known = serde_json::from_str(&after.0).unwrap_or_default();
        let mut page = Page { cursor: after.clone(), ..Page::default() };
        let (mut well, mut news, mut trouble) = (false, false, None);
        for (number, feed) in self.settings.feeds.iter().enumerate() {
            let state = known.0.entry(feed.url.clone()).or_default();
            match fetch(feed, state, self.settings.max_mb * MIB).await {
                Ok(None) => well = true,
                Ok(Some(document)) => {
                    state.take(document, feed.name.as_deref(), &mut page);
                    (well, news) = (true, true);
                }
                Err(error) if self.settings.feeds.len() == 1 => return Err(error),
                Err(error) => trouble = trouble.or_else(|| Some(named(error, number, feed))),
            }
        }
        if news {
            // a feed that is gone from the settings is forgotten
            known.0.retain(|url, _| self.settings.feeds.iter().any(|feed| feed.url == *url));
            page.cursor = Cursor(serde_json::to_string(&known).unwrap_or_default());
        }
        let Some(error) = trouble else { return Ok(page) };
        if well {
            self.rest_until = Some(Instant::now() + self.interval());
        }
        if !news {
            return Err(error);
        }
        self.trouble = Some(error);
        page.more = true;
        Ok(page)
    }
}

/// An error with the feed that it is about, by name or number: an address may hold a key.
fn named(error: PullError, number: usize, feed: &FeedSettings) -> PullError {
    let name =
        feed.name.as_ref().map_or_else(|| format!("feed {}", number + 1), |name| format!("feed `{name}`"));
    match error {
        PullError::Unreachable(cause) => {
            PullError::Unreachable(Unreachable::Protocol(format!("{name}: {cause}").into()))
        }
        PullError::Refused { answer } => PullError::Refused { answer: format!("{answer} of {name}") },
        PullError::Vendor { answer } => PullError::Vendor { answer: format!("{answer} of {name}") },
        other => other,
    }
}

impl Pull for Reader {
    fn next<'a>(&'a mut self, after: &'a Cursor) -> BoxFuture<'a, Result<Page, PullError>> {
        Box::pin(self.round(after))
    }

    fn interval(&self) -> Duration {
        Duration::from_secs(self.settings.interval_seconds)
    }
}

/// The document, unless it is the one that is known.
async fn fetch(feed: &FeedSettings, state: &mut State, most: usize) -> Result<Option<Bytes>, PullError> {
    let mut request = client::shared().map_err(client::unreachable)?.get(&feed.url);
    if let Some(etag) = &state.etag {
        request = request.header(header::IF_NONE_MATCH, etag);
    }
    if let Some(date) = &state.last_modified {
        request = request.header(header::IF_MODIFIED_SINCE, date);
    }
    let response = request.send().await.map_err(client::unreachable)?;
    if response.status() == StatusCode::NOT_MODIFIED {
        return Ok(None);
    }
    let response = client::accepted(response)?;
    let validator =
        |name| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let validators = (validator(header::ETAG), validator(header::LAST_MODIFIED));
    let document = client::body(response, most).await?;
    // only now: a document that broke off must be sent again
    (state.etag, state.last_modified) = validators;
    Ok(Some(document.into()))
}
