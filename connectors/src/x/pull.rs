//! Mentions by asking: `GET /2/users/:id/mentions`, newest first, a page of at most 100.
//!
//! * `since_id` is the newest post of the last walk that came to its end. A walk goes down the pages by X's
//!   `pagination_token`; only when the last page is stored does the newest post that was met become the next `since_id`.
//!   So nothing between two polls is skipped, however many pages came in or wherever a walk breaks off.
//! * A token that X does not take any more starts the walk again at the next poll: what is met twice is known by its id.
//! * The first poll of all has no `since_id` and takes so many pages (`backfill_pages`); X gives no more than 800 posts.
//! * A window that is used up is not knocked at until X resets it (`x-rate-limit-reset`).

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    client,
    connector::{Cursor, Item, Page, Pull, PullError},
    reject::Reject,
    settings::{ChannelSettings, SettingsError},
    value,
    x::{
        Settings,
        api::{self, Failure},
        post,
    },
};

/// All that a draft is made of.
const FIELDS: &[(&str, &str)] = &[
    (
        "tweet.fields",
        "attachments,author_id,conversation_id,created_at,edit_history_tweet_ids,entities,geo,in_reply_to_user_id,note_tweet,referenced_tweets",
    ),
    ("expansions", "attachments.media_keys,author_id,geo.place_id"),
    ("media.fields", "media_key,preview_image_url,type,url,variants"),
    ("user.fields", "id,name,username"),
    ("place.fields", "full_name,id,name"),
];

/// `[channels.<id>.pull]`.
#[derive(Clone, Deserialize)]
pub(super) struct PullSettings {
    /// The app's bearer token.
    bearer_token: SecretString,
    /// Seconds between polls. Each poll counts, and each post that it brings is paid for.
    #[serde(default = "minute")]
    interval_seconds: u64,
    /// Posts of a page, 5 to 100.
    #[serde(default = "hundred")]
    page_posts: u32,
    /// Largest page in bytes, unpacked.
    #[serde(default = "megabytes")]
    page_bytes: usize,
    /// How many pages the first poll of all takes.
    #[serde(default = "eight")]
    backfill_pages: u32,
}

fn minute() -> u64 {
    60
}

fn hundred() -> u32 {
    100
}

fn megabytes() -> usize {
    4 * 1024 * 1024
}

fn eight() -> u32 {
    8
}

impl PullSettings {
    pub(super) fn check(&self) -> Vec<SettingsError> {
        let mut errors = client::check_positive(&[
            ("pull.interval_seconds", self.interval_seconds == 0),
            ("pull.page_bytes", self.page_bytes == 0),
            ("pull.backfill_pages", self.backfill_pages == 0),
        ]);
        if !(5..=100).contains(&self.page_posts) {
            errors.push(SettingsError::value("pull.page_posts", "X allows 5 to 100"));
        }
        if self.bearer_token.expose_secret().trim().is_empty() {
            errors.push(SettingsError::value("pull.bearer_token", "must not be empty"));
        }
        errors
    }
}

/// Opens the mentions of a channel.
pub(super) fn open(channel: &ChannelSettings) -> Option<Box<dyn Pull>> {
    let settings = channel.own::<Settings>()?;
    let own = settings.pull.clone()?;
    let authorization = format!("Bearer {}", own.bearer_token.expose_secret()).into();
    Some(Box::new(Mentions {
        url: format!("{}/2/users/{}/mentions", settings.api_url, settings.user_id),
        user_id: settings.user_id.clone(),
        authorization,
        settings: own,
        exhausted_until: None,
    }))
}

struct Mentions {
    url: String,
    user_id: String,
    authorization: SecretString,
    settings: PullSettings,
    /// No request is left until then.
    exhausted_until: Option<Timestamp>,
}

impl Pull for Mentions {
    fn next<'a>(&'a mut self, after: &'a Cursor) -> BoxFuture<'a, Result<Page, PullError>> {
        Box::pin(self.step(Position::read(after)))
    }

    fn interval(&self) -> Duration {
        Duration::from_secs(self.settings.interval_seconds)
    }
}

/// The cursor.
#[derive(Default, Serialize, Deserialize)]
struct Position {
    /// All up to this post is stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    since: Option<u64>,
    /// A walk down the pages that has not come to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    walk: Option<Walk>,
}

#[derive(Serialize, Deserialize)]
struct Walk {
    /// X's word for the page to take next.
    token: String,
    /// The newest post met.
    newest: Option<u64>,
    /// How many pages were taken.
    pages: u32,
}

impl Position {
    /// An unreadable cursor begins anew: rather twice than never.
    fn read(cursor: &Cursor) -> Self {
        serde_json::from_str(&cursor.0).unwrap_or_default()
    }

    fn write(&self) -> Cursor {
        Cursor(serde_json::to_string(self).unwrap_or_default())
    }
}

impl Mentions {
    async fn step(&mut self, position: Position) -> Result<Page, PullError> {
        if let Some(until) = self.exhausted_until.filter(|until| *until > Timestamp::now()) {
            return Err(PullError::Throttled { retry_after: Some(api::until(until)) });
        }
        let Position { since, walk } = position;
        let body = match self.ask(since, walk.as_ref()).await {
            // the token has expired: the walk begins again with the next poll
            Err(Failure::Answer(answer)) if answer.status == 400 && walk.is_some() => {
                let cursor = Position { since, walk: None }.write();
                return Ok(Page { cursor, ..Page::default() });
            }
            answer => answer?,
        };
        let body = value::parse(&body).map_err(PullError::Page)?;
        if body.get("data").is_none() && body.get("meta").is_none() {
            return Err(PullError::Page(Reject::Shape { expected: "an object with `data` and `meta`" }));
        }
        let mut page = self.page(&body);
        let pages = walk.as_ref().map_or(0, |walk| walk.pages).saturating_add(1);
        let newest = newest(&body).max(walk.and_then(|walk| walk.newest));
        let next = body.pointer("/meta/next_token").and_then(Value::as_str).filter(|token| !token.is_empty());
        // without `since_id` the pages go on to the beginning
        let enough = since.is_none() && pages >= self.settings.backfill_pages;
        let position = match next {
            Some(token) if !enough => {
                page.more = true;
                Position { since, walk: Some(Walk { token: token.to_owned(), newest, pages }) }
            }
            _ => Position { since: newest.max(since), walk: None },
        };
        page.cursor = position.write();
        Ok(page)
    }

    async fn ask(&mut self, since: Option<u64>, walk: Option<&Walk>) -> Result<Vec<u8>, Failure> {
        let client = client::shared().map_err(api::unreachable)?;
        let mut request =
            client.get(&self.url).query(FIELDS).query(&[("max_results", self.settings.page_posts)]);
        if let Some(since) = since {
            request = request.query(&[("since_id", since)]);
        }
        if let Some(walk) = walk {
            request = request.query(&[("pagination_token", &walk.token)]);
        }
        let (response, limit) = api::send(request, &self.authorization).await?;
        self.exhausted_until = limit.exhausted_until;
        client::body(response, self.settings.page_bytes).await.map_err(Failure::Body)
    }

    /// The posts of a page, oldest first.
    fn page(&self, body: &Value) -> Page {
        let includes = body.get("includes");
        let mut page = Page::default();
        let posts = body.get("data").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        for one in posts.iter().rev() {
            match post::item(one, includes, &self.user_id) {
                Ok(Item::Ignored(_)) => {}
                Ok(item) => page.items.push(item),
                Err(reason) => {
                    let alone = json!({ "data": one, "includes": includes });
                    page.rejects.push((Bytes::from(alone.to_string()), reason));
                }
            }
        }
        page
    }
}

/// The highest id of a page, whoever wrote the post.
fn newest(body: &Value) -> Option<u64> {
    let posts = body.get("data").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let ids = posts.iter().filter_map(|post| post.get("id"));
    ids.chain(body.pointer("/meta/newest_id")).filter_map(|id| id.as_str()?.parse().ok()).max()
}

impl From<Failure> for PullError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Unreachable(error) => Self::Unreachable(error),
            Failure::Throttled(retry_after) => Self::Throttled { retry_after },
            Failure::Body(error) => error,
            Failure::Answer(answer) => match answer.status {
                401 | 403 => Self::Refused { answer: answer.to_string() },
                _ => Self::Vendor { answer: answer.to_string() },
            },
        }
    }
}
