//! Telegram: a bot's messages, by webhook or by asking.
//!
//! Documented at <https://core.telegram.org/bots/api>. One update is
//! ```json
//! {"update_id": 812345678, "message": {"message_id": 42, "date": 1793675400,
//!   "from": {"id": 77, "is_bot": false, "first_name": "Budi"}, "chat": {"id": 77, "type": "private"},
//!   "text": "Lampu jalan mati di Jl. Kebon Sirih"}}
//! ```
//! A webhook proves itself by `X-Telegram-Bot-Api-Secret-Token`, which nothing signs: it is the channel's secret.
//! A message is known by chat and number, so that webhook and poll know each other's.
//!
//! ```toml
//! [channels.telegram]
//! connector = "telegram"
//! bot_token = "${env:TELEGRAM_BOT_TOKEN}"     # to answer, to fetch files and to ask
//! username = "lapor_dki_bot"                  # so that another bot's commands in a group are left to it
//! secret = "${env:TELEGRAM_SECRET}"           # by webhook
//! [channels.telegram.poll]                    # or by asking; only one of the two can be
//! ```
//! * `/start` and `/help` are answered by Muara itself, `/status REF` with how that complaint stands; `/lapor words` is a
//!   complaint of these words.
//! * Each photo of an album is a message of its own; `thread` holds the album's id.
//! * A business account's chats are taken where the bot is connected to one, without what the account itself writes.
//! * A live location comes as an edit every few seconds: only its first position is taken.

mod api;
mod deliver;
mod message;
mod poll;

use std::borrow::Cow;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    client,
    connector::{Connector, Decoded, Item},
    reject::Reject,
    settings::{self, OwnSettings, SettingsError},
    value,
    verify::{Auth, Verified},
};

/// The connector.
pub static CONNECTOR: Connector = Connector {
    title: "Telegram",
    docs: "https://core.telegram.org/bots/api",
    auth: Auth::HeaderToken {
        header: Cow::Borrowed("X-Telegram-Bot-Api-Secret-Token"),
        prefix: Cow::Borrowed(""),
    },
    redelivers: true,
    // it gives up "after a reasonable amount of attempts", and what it gave up is gone
    lenient: true,
    settings,
    decode,
    pull: Some(|channel| {
        let settings = channel.own::<Settings>()?;
        Some(Box::new(poll::Poll::new(
            api::Bot::of(channel)?,
            settings.username.clone(),
            settings.poll.clone()?,
        )))
    }),
    deliver: Some(|channel| Some(Box::new(api::Bot::of(channel)?))),
    media: Some(|channel| Some(Box::new(api::Bot::of(channel)?))),
    chat: true,
    ..Connector::WEBHOOK
};

/// The connector's own keys.
#[derive(Deserialize)]
struct Settings {
    /// The bot's token. It stands in every address of the API, so no address is ever shown.
    bot_token: Option<SecretString>,
    /// The bot's name without `@`.
    username: Option<String>,
    /// Ask for updates; absent where a webhook brings them.
    poll: Option<poll::PollSettings>,
    /// The API, or a server of one's own.
    #[serde(default = "api::usual")]
    api_url: String,
}

fn settings(table: toml::Table) -> Result<OwnSettings, Vec<SettingsError>> {
    let read: Settings = settings::read(table)?;
    let mut errors: Vec<_> = client::check_address("api_url", &read.api_url).into_iter().collect();
    if read.bot_token.as_ref().is_some_and(|token| token.expose_secret().trim().is_empty()) {
        errors.push(SettingsError::value("bot_token", "is empty"));
    }
    if let Some(poll) = &read.poll {
        errors.extend(poll.check());
        if read.bot_token.is_none() {
            errors.push(SettingsError::value("bot_token", "is missing; asking for updates needs it"));
        }
    }
    if errors.is_empty() { Ok(OwnSettings::new(read)) } else { Err(errors) }
}

fn decode(verified: &Verified<'_>) -> Result<Decoded, Reject> {
    let update = value::parse(value::without_mark(verified.body()))?;
    let username = verified.settings().own::<Settings>().and_then(|settings| settings.username.as_deref());
    Ok(Decoded { items: vec![item(&update, username)?] })
}

/// Updates that hold a message of a citizen.
const MESSAGES: &[&str] = &["message", "business_message"];
const EDITS: &[&str] = &["edited_message", "edited_business_message"];

/// One update.
fn item(update: &Value, username: Option<&str>) -> Result<Item, Reject> {
    if update.get("update_id").is_none() {
        return Err(Reject::Shape { expected: "an object with `update_id`" });
    }
    let find = |names: &[&str]| names.iter().find_map(|name| update.get(*name));
    if let Some(message) = find(MESSAGES) {
        return message::item(message, username);
    }
    if let Some(message) = find(EDITS) {
        return message::edit(message, username);
    }
    Ok(Item::Ignored(if update.get("my_chat_member").is_some() {
        "somebody started, stopped or added the bot"
    } else {
        "an update that holds no message to the bot"
    }))
}
