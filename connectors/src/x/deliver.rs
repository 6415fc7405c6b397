//! Answers: as a direct message, or in public below the post.
//!
//! A post is answered as `reply_by` says; a direct message always by one. In public goes only what the channel's policy
//! allows to be said in public ([`Outgoing::public_text`]), shortened to what a post may hold. X takes no key by which it
//! would know a message that is sent again, but refuses to post the same words twice: a public answer that bears its
//! reference and is refused so was posted before.

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use muara_normalizer::draft::ReturnAddress;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    client,
    deliver::{Deliver, DeliverError, Outgoing, Sent},
    parts::{Limit, parts},
    quota::Quota,
    settings::{ChannelSettings, SettingsError},
    x::{
        Settings,
        api::{self, Answer, Failure},
        is_id,
        oauth::Signer,
        weight,
    },
};

/// The longest direct message.
const LONGEST_MESSAGE: Limit = Limit::Chars(10_000);

/// `[channels.<id>.send]`: who answers. Either `user_token`, or the other three; the consumer secret is the channel's
/// `secret`.
#[derive(Clone, Deserialize)]
pub(super) struct SendSettings {
    /// How a post is answered.
    #[serde(default)]
    reply_by: ReplyBy,
    /// The app's key (OAuth 1.0a).
    consumer_key: Option<String>,
    /// The account's token (OAuth 1.0a).
    access_token: Option<SecretString>,
    /// Its secret.
    access_token_secret: Option<SecretString>,
    /// An OAuth 2.0 token of the account, for who renews it elsewhere: X's expire after two hours.
    user_token: Option<SecretString>,
}

/// How a post is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ReplyBy {
    /// By direct message only.
    Dm,
    /// Below the post where something may be said in public, else by direct message.
    Post,
    /// By direct message; where the citizen takes none, below the post.
    #[default]
    DmThenPost,
}

impl SendSettings {
    pub(super) fn check(&self) -> Vec<SettingsError> {
        let signing = [
            ("send.consumer_key", self.consumer_key.is_some()),
            ("send.access_token", self.access_token.is_some()),
            ("send.access_token_secret", self.access_token_secret.is_some()),
        ];
        let given = signing.iter().filter(|(_, given)| *given).count();
        if self.user_token.is_some() && given == 0 {
            return Vec::new();
        }
        if self.user_token.is_some() {
            let detail = "stands alone, without the three keys of OAuth 1.0a";
            return vec![SettingsError::value("send.user_token", detail)];
        }
        let missing = signing.iter().filter(|(_, given)| !given);
        missing.map(|(key, _)| SettingsError::value(*key, "is missing (or give `user_token`)")).collect()
    }
}

/// In whose name requests are made.
pub(super) enum User {
    Signed(Signer),
    Bearer(SecretString),
}

impl User {
    pub(super) fn new(settings: &SendSettings, channel: &ChannelSettings) -> Option<Self> {
        if let Some(token) = &settings.user_token {
            return Some(Self::Bearer(format!("Bearer {}", token.expose_secret()).into()));
        }
        Some(Self::Signed(Signer {
            consumer_key: settings.consumer_key.clone()?,
            consumer_secret: channel.secret.clone()?,
            token: settings.access_token.clone()?,
            token_secret: settings.access_token_secret.clone()?,
        }))
    }

    /// The `Authorization` header of a request.
    pub(super) fn authorization(&self, method: &str, url: &str, now: Timestamp) -> SecretString {
        match self {
            Self::Bearer(header) => header.clone(),
            Self::Signed(signer) => {
                signer.authorization(method, url, now, &Uuid::now_v7().simple().to_string())
            }
        }
    }
}

/// Opens the account of a channel for answers.
pub(super) fn open(channel: &ChannelSettings) -> Option<Box<dyn Deliver>> {
    let settings = channel.own::<Settings>()?;
    let own = settings.send.as_ref()?;
    let user = User::new(own, channel)?;
    let quota = channel.quota().clone();
    Some(Box::new(Account { api_url: settings.api_url.clone(), reply_by: own.reply_by, user, quota }))
}

struct Account {
    api_url: String,
    reply_by: ReplyBy,
    user: User,
    quota: Quota,
}

/// Where an answer goes, as `decode` wrote it.
#[derive(Deserialize)]
struct Address {
    /// The post to answer below; none for a direct message.
    post: Option<String>,
    user: String,
}

impl Deliver for Account {
    fn deliver<'a>(
        &'a self,
        to: &'a ReturnAddress,
        message: &'a Outgoing,
    ) -> BoxFuture<'a, Result<Sent, DeliverError>> {
        Box::pin(async move {
            let address: Address = serde_json::from_value(to.0.clone()).map_err(|_| DeliverError::Address)?;
            if !is_id(&address.user) || address.post.as_ref().is_some_and(|post| !is_id(post)) {
                return Err(DeliverError::Address);
            }
            self.answer(&address, message).await
        })
    }
}

impl Account {
    async fn answer(&self, to: &Address, message: &Outgoing) -> Result<Sent, DeliverError> {
        let public = to.post.as_deref().zip(message.public_text.as_deref());
        match (self.reply_by, public) {
            (ReplyBy::Post, Some((post, text))) => self.reply(post, text, message).await,
            (ReplyBy::DmThenPost, Some((post, text))) => match self.write(&to.user, message).await {
                Err(DeliverError::Blocked { .. }) => self.reply(post, text, message).await,
                answer => answer,
            },
            _ => match self.write(&to.user, message).await {
                // the conversation is public, but nothing may be said there
                Err(DeliverError::Blocked { .. }) if to.post.is_some() => Err(DeliverError::OnlyPublic),
                answer => answer,
            },
        }
    }

    /// A direct message.
    async fn write(&self, user: &str, message: &Outgoing) -> Result<Sent, DeliverError> {
        let url = format!("{}/2/dm_conversations/with/{user}/messages", self.api_url);
        let mut sent = Sent::default();
        for part in parts(&message.text_with_files(), LONGEST_MESSAGE)? {
            let answer =
                self.post("answers", &url, &json!({ "text": part }), message.now).await.map_err(refusal)?;
            let id = answer.pointer("/data/dm_event_id").and_then(Value::as_str);
            sent.vendor_ids.extend(id.map(str::to_owned));
        }
        Ok(sent)
    }

    /// A post below the citizen's.
    async fn reply(&self, post: &str, text: &str, message: &Outgoing) -> Result<Sent, DeliverError> {
        let url = format!("{}/2/tweets", self.api_url);
        let body = json!({ "text": weight::shortened(text), "reply": { "in_reply_to_tweet_id": post } });
        match self.post("posts", &url, &body, message.now).await {
            Ok(answer) => {
                let id = answer.pointer("/data/id").and_then(Value::as_str);
                Ok(Sent { vendor_ids: id.map(str::to_owned).into_iter().collect() })
            }
            Err(Failure::Answer(answer)) if is_duplicate(&answer) => {
                let own =
                    message.reference.as_ref().is_some_and(|reference| text.contains(reference.as_str()));
                if own {
                    Ok(Sent::default())
                } else {
                    Err(DeliverError::Rejected { answer: answer.to_string() })
                }
            }
            Err(failure) => Err(refusal(failure)),
        }
    }

    async fn post(
        &self,
        what: &'static str,
        url: &str,
        body: &Value,
        now: Timestamp,
    ) -> Result<Value, Failure> {
        let client = client::sending().map_err(api::Failure::Unreachable)?;
        let authorization = self.user.authorization("POST", url, now);
        let (response, _) =
            api::send(client.post(url).json(body), &authorization, (&self.quota, what)).await?;
        // what X took is sent, whatever it writes about it
        Ok(api::json(response).await.unwrap_or_default())
    }
}

fn is_duplicate(answer: &Answer) -> bool {
    answer.status == 403 && (answer.code == Some(187) || answer.says("duplicate content"))
}

/// Whether the citizen takes no direct message of ours: blocked, closed to strangers, or not a follower.
fn is_closed(answer: &Answer) -> bool {
    matches!(answer.code, Some(150 | 151 | 349 | 476))
        || ["permission to dm", "cannot send messages to this user", "not following you"]
            .iter()
            .any(|words| answer.says(words))
}

fn refusal(failure: Failure) -> DeliverError {
    let answer = match failure {
        Failure::Unreachable(error) => return DeliverError::Unreachable(error),
        Failure::Throttled(retry_after) => return DeliverError::Throttled { retry_after },
        Failure::Body(_) => {
            return DeliverError::Vendor { answer: "an answer that cannot be read".to_owned() };
        }
        Failure::Answer(answer) => answer,
    };
    let text = answer.to_string();
    match answer.status {
        403 if is_closed(&answer) => DeliverError::Blocked { answer: text },
        403 if answer.code == Some(385) || answer.says("deleted or not visible") => {
            DeliverError::NoRecipient { answer: text }
        }
        404 => DeliverError::NoRecipient { answer: text },
        // 429 here means that the plan is used up
        401 | 402 | 403 | 429 => DeliverError::Refused { answer: text },
        408 | 500.. => DeliverError::Vendor { answer: text },
        _ => DeliverError::Rejected { answer: text },
    }
}
