//! Asking for feeds, and only for what is new in them.
//!
//! The cursor remembers for each feed its validators (RFC 9110 §8.8), and id and content of the entries that were
//! taken: an unchanged feed is not sent again, an unchanged entry not taken again, and a changed one is an amendment. A
//! document that cannot be read is quarantined once, not at every round.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use muara_normalizer::{Amendment, ExternalId, draft::Change};
use reqwest::{StatusCode, header};
use serde::{Deserialize, Serialize};

use super::{FeedSettings, Settings, entries, fingerprint};
use crate::{
    client,
    connector::{Cursor, Item, Page, Pull, PullError},
};

/// Entries remembered of each feed: more than any column shows at once.
const REMEMBERED: usize = 500;
const MIB: usize = 1024 * 1024;

/// All feeds of a channel.
pub(super) struct Reader {
    settings: Settings,
    /// The feed to ask next. Not in the cursor: a feed that fails must not be asked for ever.
    turn: usize,
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

impl Reader {
    pub(super) fn new(settings: &Settings) -> Self {
        Self { settings: settings.clone(), turn: 0 }
    }

    async fn step(&mut self, after: &Cursor) -> Result<Page, PullError> {
        // an unreadable cursor begins anew: rather twice than never
        let mut known: Known = serde_json::from_str(&after.0).unwrap_or_default();
        let count = self.settings.feeds.len().max(1);
        let turn = self.turn % count;
        self.turn = (turn + 1) % count;
        let mut page = Page { cursor: after.clone(), more: self.turn != 0, ..Page::default() };
        let Some(feed) = self.settings.feeds.get(turn) else { return Ok(page) };
        let state = known.0.entry(feed.url.clone()).or_default();
        let Some(document) = fetch(feed, state, self.settings.max_mb * MIB).await? else { return Ok(page) };
        match entries(&document, feed.name.as_deref()) {
            Err(reason) => {
                let print = fingerprint(&document);
                if state.unreadable.as_ref() != Some(&print) {
                    page.rejects.push((document, reason));
                    state.unreadable = Some(print);
                }
            }
            Ok(read) => {
                state.unreadable = None;
                for entry in read {
                    let place = state.entries.iter().position(|(id, _)| *id == entry.id);
                    let before = place.map(|place| state.entries.remove(place).1);
                    let unchanged = before.as_ref() == Some(&entry.hash);
                    state.entries.push((entry.id.clone(), entry.hash.clone()));
                    match entry.draft {
                        _ if unchanged => {}
                        Err(reason) => page.rejects.push((document.clone(), reason)),
                        Ok(draft) if before.is_none() => page.items.push(Item::Draft(Box::new(draft))),
                        Ok(draft) => page.items.extend(ExternalId::new(entry.id).map(|external_id| {
                            Item::Amendment(Box::new(Amendment {
                                external_id,
                                revision: entry.hash,
                                at: None,
                                change: Change::Edited { draft: Box::new(draft) },
                            }))
                        })),
                    }
                }
                let old = state.entries.len().saturating_sub(REMEMBERED);
                state.entries.drain(..old);
            }
        }
        // a feed that is gone from the settings is forgotten
        known.0.retain(|url, _| self.settings.feeds.iter().any(|feed| feed.url == *url));
        page.cursor = Cursor(serde_json::to_string(&known).unwrap_or_default());
        Ok(page)
    }
}

impl Pull for Reader {
    fn next<'a>(&'a mut self, after: &'a Cursor) -> BoxFuture<'a, Result<Page, PullError>> {
        Box::pin(self.step(after))
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
    (state.etag, state.last_modified) = (validator(header::ETAG), validator(header::LAST_MODIFIED));
    Ok(Some(client::body(response, most).await?.into()))
}
