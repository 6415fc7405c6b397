//! X (Twitter): mentions by webhook and by asking, direct messages by webhook, and answers.
//!
//! Documented at <https://docs.x.com/x-api/webhooks/introduction>, <https://docs.x.com/x-api/account-activity/introduction>
//! and <https://docs.x.com/x-api/activity/introduction>. A webhook is signed by `x-twitter-webhooks-signature:
//! sha256=<base64 HMAC-SHA256 of the raw body with the app's consumer secret>`; by the same secret the endpoint answers
//! `GET ?crc_token=…`. Four envelopes come in, and all of them may hold the same post:
//!
//! ```json
//! {"for_user_id": "44904009", "tweet_create_events": [{"id_str": "1850001", "created_at": "Tue Nov 03 03:10:00 +0000 2026",
//!   "text": "@DKIJakarta banjir", "user": {"id_str": "77", "name": "Budi", "screen_name": "budi"}}]}
//! {"for_user_id": "44904009", "direct_message_events": [{"type": "message_create", "id": "1850002",
//!   "created_timestamp": "1793675400000", "message_create": {"sender_id": "77",
//!   "target": {"recipient_id": "44904009"}, "message_data": {"text": "Lampu mati"}}}]}
//! {"data": {"event_type": "post.mention.create", "filter": {"user_id": "44904009"},
//!   "payload": {"id": "1850001", "author_id": "77", "text": "@DKIJakarta banjir"}, "includes": {}}}
//! {"data": {"id": "1850001", "author_id": "77", "text": "@DKIJakarta banjir"}, "includes": {}}
//! ```
//! The first two are those of the Account Activity API, the third is that of the X Activity API which follows it, the
//! last is that of a filtered stream and, with a list as `data`, of the mentions that are asked for. The id of
//! a post is the same everywhere, so webhook and poll know each other's messages.
//!
//! ```toml
//! [channels.twitter_dki]
//! connector = "x"
//! secret = "${env:X_CONSUMER_SECRET}"
//! user_id = "44904009"                        # the city's own account
//! [channels.twitter_dki.pull]                 # ask for mentions, too; absent where X only pushes
//! bearer_token = "${env:X_BEARER_TOKEN}"
//! messages = true                             # and for direct messages, which a webhook may have missed
//! [channels.twitter_dki.send]                 # absent where nothing is answered
//! reply_by = "dm_then_post"
//! consumer_key = "${env:X_CONSUMER_KEY}"
//! access_token = "${env:X_ACCESS_TOKEN}"
//! access_token_secret = "${env:X_ACCESS_TOKEN_SECRET}"
//! ```

mod api;
mod deliver;
mod event;
mod media;
mod message;
mod oauth;
mod post;
mod pull;
mod weight;

use std::borrow::Cow;

use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::json;
use sha2::Sha256;

use crate::{
    answer::Reply,
    client,
    connector::{Connector, Decoded},
    reject::Reject,
    request::Request,
    settings::{self, ChannelSettings, OwnSettings, SettingsError},
    value,
    verify::{Algorithm, Auth, Encoding, HmacScheme, Verified},
};

/// The connector.
pub static CONNECTOR: Connector = Connector {
    title: "X (Twitter)",
    docs: "https://docs.x.com/x-api/webhooks/introduction",
    auth: Auth::Hmac(HmacScheme {
        header: Cow::Borrowed("x-twitter-webhooks-signature"),
        algorithm: Algorithm::Sha256,
        encoding: Encoding::Base64,
        prefix: Cow::Borrowed("sha256="),
        timestamp: None,
    }),
    redelivers: true,
    // X marks an endpoint that fails as invalid and stops calling it
    lenient: true,
    challenge: Some(challenge),
    settings,
    decode,
    pull: Some(pull::open),
    deliver: Some(deliver::open),
    media: Some(media::open),
    chat: true,
    ..Connector::WEBHOOK
};

/// The connector's own keys.
#[derive(Clone, Deserialize)]
struct Settings {
    /// The id (not the name) of the city's own account.
    user_id: String,
    /// Where X's API is.
    #[serde(default = "api_url")]
    api_url: String,
    /// How to ask for mentions.
    pull: Option<pull::PullSettings>,
    /// How to answer.
    send: Option<deliver::SendSettings>,
}

fn api_url() -> String {
    "https://api.x.com".to_owned()
}

fn settings(table: toml::Table) -> Result<OwnSettings, Vec<SettingsError>> {
    let mut read: Settings = settings::read(table)?;
    let mut errors: Vec<_> = client::check_address("api_url", &read.api_url).into_iter().collect();
    read.api_url.truncate(read.api_url.trim_end_matches('/').len());
    if !is_id(&read.user_id) {
        errors.push(SettingsError::value("user_id", "expected the account's id, digits only, not its name"));
    }
    errors.extend(read.pull.iter().flat_map(|pull| pull.check(read.send.is_some())));
    errors.extend(read.send.iter().flat_map(deliver::SendSettings::check));
    if errors.is_empty() { Ok(OwnSettings::new(read)) } else { Err(errors) }
}

/// Whether a text is an id of a user or a post: it goes into addresses.
fn is_id(text: &str) -> bool {
    (1..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The answer to X's challenge-response check.
fn challenge(request: &Request, channel: &ChannelSettings) -> Option<Reply> {
    let (_, query) = request.path_and_query.split_once('?')?;
    let query: Vec<(String, String)> = serde_urlencoded::from_str(query).ok()?;
    let (_, token) = query.iter().find(|(name, _)| name == "crc_token")?;
    let secret = channel.secret.as_ref()?.expose_secret();
    if secret.is_empty() || token.is_empty() {
        return None;
    }
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok()?;
    mac.update(token.as_bytes());
    let signature = BASE64_STANDARD.encode(mac.finalize().into_bytes());
    Some(Reply::json(200, &json!({ "response_token": format!("sha256={signature}") })))
}

fn decode(verified: &Verified<'_>) -> Result<Decoded, Reject> {
    let settings: &Settings = verified.settings().own().ok_or(Reject::Fault)?;
    let body = value::parse(value::without_mark(verified.body()))?;
    event::items(&body, &settings.user_id).map(|items| Decoded { items })
}
