//! Mentions, and on demand direct messages, by asking: newest first, a page of at most 100.
//!
//! * `GET /2/users/:id/mentions` knows `since_id`, the newest post of the last walk that came to its end. A walk goes down
//!   the pages by X's `pagination_token`; only when the last page is stored does the newest post that was met become the
//!   next `since_id`. So nothing between two polls is skipped, however many pages came in or wherever a walk breaks off.
//! * `GET /2/dm_events` knows no `since_id`: its walk ends at a page with a message that is stored. It catches up with
//!   what a webhook missed; X keeps 30 days. It has an interval and a limit of its own, and its trouble does not stop
//!   the mentions.
//! * A token that X does not take any more starts the walk again at the next poll: what is met twice is known by its id.
//! * The first poll of all takes so many pages (`backfill_pages`); X gives no more than 800 mentions.
//! * A window that is used up is not knocked at until X resets it (`x-rate-limit-reset`).

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    client,
    connector::{Cursor, Item, Page, Pull, PullError},
    quota::Quota,
    reject::Reject,
    settings::{ChannelSettings, SettingsError},
    value,
    x::{
        Settings,
        api::{self, Failure},
        deliver::User,
        message, post,
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

const MESSAGE_FIELDS: &[(&str, &str)] = &[
    ("event_types", "MessageCreate"),
    ("dm_event.fields", "attachments,created_at,dm_conversation_id,entities,event_type,id,sender_id,text"),
    ("expansions", "attachments.media_keys,sender_id"),
    ("media.fields", "media_key,preview_image_url,type,url,variants"),
    ("user.fields", "id,name,username"),
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
    /// Whether direct messages are asked for, too: in the name of the account that `deliver` names.
    #[serde(default)]
    messages: bool,
    /// Seconds between polls for direct messages.
    #[serde(default = "five_minutes")]
    messages_interval_seconds: u64,
}

fn minute() -> u64 {
    60
}

fn five_minutes() -> u64 {
    300
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
    pub(super) fn check(&self, sends: bool) -> Vec<SettingsError> {
        let mut errors = client::check_positive(&[
            ("pull.interval_seconds", self.interval_seconds == 0),
            ("pull.messages_interval_seconds", self.messages_interval_seconds == 0),
            ("pull.page_bytes", self.page_bytes == 0),
            ("pull.backfill_pages", self.backfill_pages == 0),
        ]);
        if !(5..=100).contains(&self.page_posts) {
            errors.push(SettingsError::value("pull.page_posts", "X allows 5 to 100"));
        }
        if self.bearer_token.expose_secret().trim().is_empty() {
            errors.push(SettingsError::value("pull.bearer_token", "must not be empty"));
        }
        if self.messages && !sends {
            let detail = "needs the account's own keys in the table `send`";
            errors.push(SettingsError::value("pull.messages", detail));
        }
        errors
    }
}

/// Opens the timelines of a channel.
pub(super) fn open(channel: &ChannelSettings) -> Option<Box<dyn Pull>> {
    let settings = channel.own::<Settings>()?;
    let own = settings.pull.clone()?;
    let user = settings.send.as_ref().filter(|_| own.messages).and_then(|send| User::new(send, channel));
    Some(Box::new(Timelines {
        api_url: settings.api_url.clone(),
        user_id: settings.user_id.clone(),
        app: User::Bearer(format!("Bearer {}", own.bearer_token.expose_secret()).into()),
        user,
        settings: own,
        quota: channel.quota().clone(),
        asks: Timeline::Mentions,
        asked_messages: None,
        exhausted_until: [None; 2],
    }))
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Timeline {
    Mentions,
    Messages,
}

struct Timelines {
    api_url: String,
    user_id: String,
    app: User,
    /// Asks for direct messages; absent where they are not asked for.
    user: Option<User>,
    settings: PullSettings,
    quota: Quota,
    /// What the next call asks for.
    asks: Timeline,
    asked_messages: Option<Instant>,
    /// No request of mentions, of messages is left until then.
    exhausted_until: [Option<Timestamp>; 2],
}

impl Pull for Timelines {
    fn next<'a>(&'a mut self, after: &'a Cursor) -> BoxFuture<'a, Result<Page, PullError>> {
        Box::pin(self.turn(after))
    }

    fn interval(&self) -> Duration {
        Duration::from_secs(self.settings.interval_seconds)
    }
}

/// The cursor.
#[derive(Default, Serialize, Deserialize)]
struct Position {
    /// Of the mentions.
    #[serde(flatten)]
    mentions: Side,
    /// Of the direct messages.
    #[serde(default, skip_serializing_if = "Side::is_new")]
    messages: Side,
}

/// Where one timeline stands.
#[derive(Default, Serialize, Deserialize)]
struct Side {
    /// All up to this id is stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    since: Option<u64>,
    /// A walk down the pages that has not come to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    walk: Option<Walk>,
}

impl Side {
    fn is_new(&self) -> bool {
        self.since.is_none() && self.walk.is_none()
    }
}

#[derive(Serialize, Deserialize)]
struct Walk {
    /// X's word for the page to take next.
    token: String,
    /// The newest id met.
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

impl Timelines {
    /// Asks for the mentions until there are no more, then for the messages if it is time.
    async fn turn(&mut self, after: &Cursor) -> Result<Page, PullError> {
        let mut position = Position::read(after);
        let asks = std::mem::replace(&mut self.asks, Timeline::Mentions);
        let mut page = match asks {
            Timeline::Mentions => self.step(asks, &mut position.mentions).await?,
            Timeline::Messages => {
                self.asked_messages = Some(Instant::now());
                match self.step(asks, &mut position.messages).await {
                    // a limit of theirs alone, which must not make the mentions wait
                    Err(PullError::Throttled { .. }) => {
                        return Ok(Page { cursor: after.clone(), ..Page::default() });
                    }
                    page => page?,
                }
            }
        };
        page.cursor = position.write();
        let interval = Duration::from_secs(self.settings.messages_interval_seconds);
        let due = self.asked_messages.is_none_or(|at| at.elapsed() >= interval);
        if asks == Timeline::Messages && page.more {
            self.asks = Timeline::Messages;
        } else if asks == Timeline::Mentions && !page.more && self.user.is_some() && due {
            self.asks = Timeline::Messages;
            page.more = true;
        }
        Ok(page)
    }

    async fn step(&mut self, of: Timeline, side: &mut Side) -> Result<Page, PullError> {
        if let Some(until) = self.exhausted_until[of as usize].filter(|until| *until > Timestamp::now()) {
            return Err(PullError::Throttled { retry_after: Some(api::until(until)) });
        }
        let (since, walk) = (side.since, side.walk.take());
        let body = match self.ask(of, since, walk.as_ref()).await {
            // the token has expired: the walk begins again with the next poll
            Err(Failure::Answer(answer)) if answer.status == 400 && walk.is_some() => {
                return Ok(Page::default());
            }
            answer => answer?,
        };
        let body = value::parse(&body).map_err(PullError::Page)?;
        if body.get("data").is_none() && body.get("meta").is_none() {
            return Err(PullError::Page(Reject::Shape { expected: "an object with `data` and `meta`" }));
        }
        let (mut page, met) = self.page(of, &body, since);
        let pages = walk.as_ref().map_or(0, |walk| walk.pages).saturating_add(1);
        let newest = newest(&body).max(walk.and_then(|walk| walk.newest));
        let next = body.pointer("/meta/next_token").and_then(Value::as_str).filter(|token| !token.is_empty());
        // the first walk would go on to the beginning
        let enough = met || (since.is_none() && pages >= self.settings.backfill_pages);
        match next {
            Some(token) if !enough => {
                page.more = true;
                side.walk = Some(Walk { token: token.to_owned(), newest, pages });
            }
            _ => side.since = newest.max(since),
        }
        Ok(page)
    }

    async fn ask(
        &mut self,
        of: Timeline,
        since: Option<u64>,
        walk: Option<&Walk>,
    ) -> Result<Vec<u8>, Failure> {
        let client = client::shared().map_err(api::unreachable)?;
        let (url, fields, user, what) = match of {
            Timeline::Mentions => {
                let url = format!("{}/2/users/{}/mentions", self.api_url, self.user_id);
                (url, FIELDS, &self.app, "mentions")
            }
            Timeline::Messages => (
                format!("{}/2/dm_events", self.api_url),
                MESSAGE_FIELDS,
                self.user.as_ref().unwrap_or(&self.app),
                "messages",
            ),
        };
        let mut request = client.get(&url).query(fields).query(&[("max_results", self.settings.page_posts)]);
        if let (Timeline::Mentions, Some(since)) = (of, since) {
            request = request.query(&[("since_id", since)]);
        }
        if let Some(walk) = walk {
            request = request.query(&[("pagination_token", &walk.token)]);
        }
        // the query is signed, too
        let request = request.build().map_err(api::unreachable)?;
        let authorization = user.authorization("GET", request.url().as_str(), Timestamp::now());
        let request = reqwest::RequestBuilder::from_parts(client, request);
        let (response, limit) = api::send(request, &authorization, (&self.quota, what)).await?;
        self.exhausted_until[of as usize] = limit.exhausted_until;
        client::body(response, self.settings.page_bytes).await.map_err(Failure::Body)
    }

    /// What a page has beyond `since`, oldest first; and whether it has anything that is not.
    fn page(&self, of: Timeline, body: &Value, since: Option<u64>) -> (Page, bool) {
        let includes = body.get("includes");
        let mut page = Page::default();
        let mut met = false;
        let entries = body.get("data").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        for one in entries.iter().rev() {
            if id(one).zip(since).is_some_and(|(id, since)| id <= since) {
                met = true;
                continue;
            }
            let item = match of {
                Timeline::Mentions => post::item(one, includes, &self.user_id),
                Timeline::Messages => message::second(one, includes, &self.user_id),
            };
            match item {
                Ok(Item::Ignored(_)) => {}
                Ok(item) => page.items.push(item),
                Err(reason) => {
                    let alone = match of {
                        Timeline::Mentions => json!({ "data": one, "includes": includes }),
                        // in the envelope in which it is pushed
                        Timeline::Messages => json!({
                            "data": { "event_type": "dm.received", "payload": one, "includes": includes }
                        }),
                    };
                    page.rejects.push((Bytes::from(alone.to_string()), reason));
                }
            }
        }
        (page, met)
    }
}

fn id(entry: &Value) -> Option<u64> {
    entry.get("id")?.as_str()?.parse().ok()
}

/// The highest id of a page, whoever wrote it.
fn newest(body: &Value) -> Option<u64> {
    let entries = body.get("data").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let told = body.pointer("/meta/newest_id").and_then(|id| id.as_str()?.parse().ok());
    entries.iter().filter_map(id).chain(told).max()
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
