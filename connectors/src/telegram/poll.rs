//! Asking for updates: `getUpdates` with an offset of our own.
//!
//! Telegram forgets an update when it is asked for a later one. The cursor is that later number, and it moves only with
//! the store: what was fetched and not stored is fetched again. Once Telegram has said that there is nothing later, all
//! is forgotten there, and the cursor is empty again: after a week without updates their numbers begin anew, perhaps
//! lower, and an old offset would have those forgotten unseen. For the same reason an offset is only for its own bot.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use serde::Deserialize;
use serde_json::{json, value::RawValue};

use super::{
    api::{Bot, Failure},
    item,
};
use crate::{
    connector::{Cursor, Page, Pull, PullError},
    reject::Reject,
    settings::SettingsError,
    value,
};

/// A hundred updates of the largest kind are far smaller.
const MOST_BYTES: usize = 16 * 1024 * 1024;

/// `[channels.<id>.poll]`.
#[derive(Clone, Deserialize)]
pub(super) struct PollSettings {
    /// Seconds that the API may wait for an update before it says there is none.
    #[serde(default = "long")]
    timeout_seconds: u8,
    /// Seconds between two calls that brought nothing.
    #[serde(default = "soon")]
    interval_seconds: u64,
}

fn long() -> u8 {
    25
}

fn soon() -> u64 {
    1
}

impl PollSettings {
    pub(super) fn check(&self) -> Vec<SettingsError> {
        let detail = match (self.timeout_seconds, self.interval_seconds) {
            (0, 0) => "must be at least 1 where poll.interval_seconds is 0",
            // the client waits no longer than 30 s for anything
            (timeout, _) if timeout > long() => "must be at most 25",
            _ => return Vec::new(),
        };
        vec![SettingsError::value("poll.timeout_seconds", detail)]
    }
}

/// A bot that asks.
pub(super) struct Poll {
    bot: Bot,
    username: Option<String>,
    settings: PollSettings,
}

#[derive(Deserialize)]
struct Numbered {
    update_id: i64,
}

impl Poll {
    pub(super) fn new(bot: Bot, username: Option<String>, settings: PollSettings) -> Self {
        Self { bot, username, settings }
    }

    async fn step(&self, after: &Cursor) -> Result<Page, PullError> {
        let stored = after.0.split_once(':').filter(|(bot, _)| *bot == self.bot.id());
        let offset: Option<i64> = stored.and_then(|(_, offset)| offset.parse().ok());
        let mut arguments = json!({
            "timeout": self.settings.timeout_seconds,
            "limit": 100,
            "allowed_updates":
                ["message", "edited_message", "business_message", "edited_business_message", "my_chat_member"],
        });
        if let Some(offset) = offset {
            arguments["offset"] = json!(offset);
        }
        let updates: Vec<Box<RawValue>> =
            self.bot.call("getUpdates", &arguments, MOST_BYTES).await.map_err(failed)?;
        let mut page = Page { more: !updates.is_empty(), ..Page::default() };
        let mut next = offset;
        for raw in &updates {
            let bytes = raw.get().as_bytes();
            if let Ok(numbered) = serde_json::from_slice::<Numbered>(bytes) {
                next = next.max(Some(numbered.update_id.saturating_add(1)));
            }
            match value::parse(bytes).and_then(|update| item(&update, self.username.as_deref())) {
                Ok(item) => page.items.push(item),
                Err(reason) => page.rejects.push((Bytes::copy_from_slice(bytes), reason)),
            }
        }
        match next {
            _ if updates.is_empty() => Ok(page),
            Some(next) if Some(next) != offset => {
                page.cursor = Cursor(format!("{}:{next}", self.bot.id()));
                Ok(page)
            }
            // it would come again for ever
            _ => Err(PullError::Page(Reject::Shape {
                expected: "updates with an `update_id` from the offset on",
            })),
        }
    }
}

impl Pull for Poll {
    fn next<'a>(&'a mut self, after: &'a Cursor) -> BoxFuture<'a, Result<Page, PullError>> {
        Box::pin(self.step(after))
    }

    fn interval(&self) -> Duration {
        Duration::from_secs(self.settings.interval_seconds)
    }
}

fn failed(failure: Failure) -> PullError {
    match failure {
        Failure::Unreachable(error) => PullError::Unreachable(error),
        Failure::Unreadable => {
            PullError::Page(Reject::Shape { expected: "the Bot API's answer: {ok, result}" })
        }
        Failure::Refused { code: 429, parameters, .. } => {
            PullError::Throttled { retry_after: parameters.retry_after() }
        }
        // the token is no bot's, or no longer
        Failure::Refused { code: code @ (401 | 403 | 404), .. } => {
            PullError::Refused { answer: format!("error {code}") }
        }
        Failure::Refused { code: 409, words, .. } => PullError::Vendor {
            answer: format!(
                "error 409, {words}: another program asks for this bot's updates, or a webhook is set; end the one, or \
                 take `poll` out of the channel's table"
            ),
        },
        Failure::Refused { code, words, .. } => {
            PullError::Vendor { answer: format!("error {code}, {words}") }
        }
    }
}
