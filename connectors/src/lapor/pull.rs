//! LAPOR!'s reports by asking: `GET <url>?after=<cursor>`, oldest report first.
//!
//! LAPOR! publishes no contract for this; ours is the smallest that loses nothing:
//! ```json
//! {"laporan": [{"trackingid": 1916449, "text": "…"}], "next": "1916449"}
//! ```
//! * The first request has no `after`. `next` is the vendor's own word for where to go on, taken back as it came.
//! * An empty list means that there is no more right now. A `next` that does not move means the same: the list is
//!   taken, and asked for again at the next poll, where it is known by its ids.
//! * The channel's secret goes along as the header `KEYTOKEN`, as in LAPOR!'s older API, never in the address.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    client,
    connector::{Cursor, Item, Page, Pull, PullError},
    fields::Fields,
    lapor::{Settings, json_report, reports},
    quota::Quota,
    reject::Reject,
    settings::{ChannelSettings, SettingsError},
    value,
};

/// `[channels.<id>.pull]`.
#[derive(Clone, Deserialize)]
pub(super) struct PullSettings {
    /// The feed's address.
    url: String,
    /// Seconds between polls.
    #[serde(default = "five_minutes")]
    interval_seconds: u64,
    /// Largest page in bytes, unpacked.
    #[serde(default = "megabytes")]
    page_bytes: usize,
}

fn five_minutes() -> u64 {
    300
}

fn megabytes() -> usize {
    4 * 1024 * 1024
}

impl PullSettings {
    pub(super) fn check(&self) -> Vec<SettingsError> {
        let positive = client::check_positive(&[
            ("pull.interval_seconds", self.interval_seconds == 0),
            ("pull.page_bytes", self.page_bytes == 0),
        ]);
        client::check_address("pull.url", &self.url).into_iter().chain(positive).collect()
    }
}

/// Opens the feed of a channel.
pub(super) fn open(channel: &ChannelSettings) -> Option<Box<dyn Pull>> {
    let settings = channel.own::<Settings>()?.pull.clone()?;
    Some(Box::new(Feed { settings, token: channel.secret.clone(), quota: channel.quota().clone() }))
}

struct Feed {
    settings: PullSettings,
    token: Option<SecretString>,
    quota: Quota,
}

impl Pull for Feed {
    fn next<'a>(&'a mut self, after: &'a Cursor) -> BoxFuture<'a, Result<Page, PullError>> {
        Box::pin(self.page(after))
    }

    fn interval(&self) -> Duration {
        Duration::from_secs(self.settings.interval_seconds)
    }
}

impl Feed {
    async fn page(&self, after: &Cursor) -> Result<Page, PullError> {
        let mut request = client::shared()
            .map_err(client::unreachable)?
            .get(&self.settings.url)
            .header(reqwest::header::ACCEPT, "application/json");
        if !after.0.is_empty() {
            request = request.query(&[("after", &after.0)]);
        }
        if let Some(token) = &self.token {
            request = request.header("KEYTOKEN", token.expose_secret());
        }
        let response = client::send(request, &self.quota, "feed").await?;
        let body = client::body(client::accepted(response)?, self.settings.page_bytes).await?;
        read(&body, after).map_err(PullError::Page)
    }
}

fn read(body: &[u8], after: &Cursor) -> Result<Page, Reject> {
    let body = value::without_mark(body);
    let reports = reports(body)?;
    if reports.is_empty() {
        return Ok(Page { cursor: after.clone(), ..Page::default() });
    }
    let around: Around<'_> = value::split(body)?;
    let next = around.next.map(|next| value::parse(next.get().as_bytes())).transpose()?;
    let next = serde_json::json!({ "next": next });
    let next = Fields(&next).optional_id("next")?.ok_or_else(|| Reject::missing("next"))?;
    let cursor = Cursor(next.as_str().to_owned());
    let mut page = Page { more: cursor != *after, cursor, ..Page::default() };
    for report in reports {
        match json_report(report) {
            Ok(draft) => page.items.push(Item::Draft(Box::new(draft))),
            Err(reason) => page.rejects.push((alone(report), reason)),
        }
    }
    Ok(page)
}

/// What stands around the list of a page.
#[derive(Deserialize)]
struct Around<'a> {
    #[serde(borrow)]
    next: Option<&'a RawValue>,
}

/// A report as a body of its own, which the connector's `decode` reads alone.
fn alone(report: &RawValue) -> Bytes {
    format!("{{\"laporan\":[{}]}}", report.get()).into()
}
