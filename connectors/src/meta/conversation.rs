//! Answers by Messenger and Instagram: a message within the window, one private reply to a comment or post, or a
//! public comment where the channel's policy allows it.
//!
//! Documented at <https://developers.facebook.com/docs/messenger-platform/send-messages> and
//! <https://developers.facebook.com/docs/messenger-platform/discovery/private-replies>.

use futures_util::future::BoxFuture;
use jiff::SignedDuration;
use muara_normalizer::draft::ReturnAddress;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    deliver::{Deliver, DeliverError, Occasion, Outgoing, Sent},
    meta::graph::{self, Graph},
    parts::{self, Limit, Progress},
    settings::{self, ChannelSettings, OwnSettings, SettingsError},
    value,
};

/// The own keys of `facebook` and `instagram`.
#[derive(Clone, Deserialize)]
pub(crate) struct Settings {
    /// The word that Meta repeats when the endpoint is set up.
    pub(crate) verify_token: SecretString,
    /// The page or Instagram account: what comes for another one is kept apart.
    #[serde(alias = "page_id")]
    pub(crate) account_id: Option<String>,
    /// The account's token. Without it nothing is answered.
    access_token: Option<SecretString>,
    /// The Graph API with its version.
    #[serde(default = "graph::api_url")]
    api_url: String,
    /// Hours after the citizen's last message in which anything may be said.
    #[serde(default = "day")]
    window_hours: u32,
    /// Whether Meta granted the app the Human Agent permission: then answers of the core CRM, which people wrote, may
    /// come later.
    #[serde(default)]
    human_agent: bool,
    /// Hours after the citizen's last message in which these may be said.
    #[serde(default = "week")]
    human_agent_hours: u32,
    /// Hours after a comment in which it can be answered privately, once.
    #[serde(default = "week")]
    private_reply_hours: u32,
}

pub(crate) fn day() -> u32 {
    24
}

fn week() -> u32 {
    7 * 24
}

/// Reads and checks the keys.
pub(crate) fn settings(table: toml::Table) -> Result<OwnSettings, Vec<SettingsError>> {
    let read: Settings = settings::read(table)?;
    let errors: Vec<_> = graph::check_api_url(&read.api_url).into_iter().collect();
    if errors.is_empty() { Ok(OwnSettings::new(read)) } else { Err(errors) }
}

/// Where an answer goes.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Address {
    /// Into the private conversation with this citizen.
    User(String),
    /// To whoever wrote this comment.
    Comment(String),
    /// To whoever wrote this post.
    Post(String),
}

impl From<Address> for ReturnAddress {
    fn from(address: Address) -> Self {
        Self(match address {
            Address::User(id) => json!({ "user": id }),
            Address::Comment(id) => json!({ "comment": id }),
            Address::Post(id) => json!({ "post": id }),
        })
    }
}

/// In what the two products differ.
#[derive(Debug)]
pub(crate) struct Rules {
    /// Longest private message.
    pub(crate) message: Limit,
    /// Longest comment.
    pub(crate) comment: Limit,
    /// The edge of a comment that takes the comments on it.
    pub(crate) comments: &'static str,
    /// Whether the account sends by its id, and not as the token's `me`.
    pub(crate) by_id: bool,
}

/// Opens the account's conversations; nothing where there is no token.
pub(crate) fn open(channel: &ChannelSettings, rules: &'static Rules) -> Option<Box<dyn Deliver>> {
    let settings = channel.own::<Settings>()?.clone();
    let graph = Graph::new(&settings.api_url, settings.access_token.as_ref()?, channel)?;
    Some(Box::new(Conversations { graph, settings, rules, progress: Progress::default() }))
}

struct Conversations {
    graph: Graph,
    settings: Settings,
    rules: &'static Rules,
    progress: Progress,
}

impl Deliver for Conversations {
    fn deliver<'a>(
        &'a self,
        to: &'a ReturnAddress,
        message: &'a Outgoing,
    ) -> BoxFuture<'a, Result<Sent, DeliverError>> {
        Box::pin(async move {
            match serde_json::from_value(to.0.clone()).map_err(|_| DeliverError::Address)? {
                Address::User(id) => self.message(&id, message).await,
                Address::Comment(id) => self.below("comment_id", &id, message).await,
                Address::Post(id) => self.below("post_id", &id, message).await,
            }
        })
    }
}

/// Whether the citizen was heard in these last hours.
pub(crate) fn heard_within(message: &Outgoing, hours: u32) -> bool {
    message.now.duration_since(message.last_heard_at) <= SignedDuration::from_hours(hours.into())
}

/// The private reply to this comment is used up, or its author or this account takes none.
const NO_PRIVATE_REPLY: [i64; 3] = [10_900, 10_903, 10_904];

impl Conversations {
    fn sender(&self) -> &str {
        self.settings.account_id.as_deref().filter(|_| self.rules.by_id).unwrap_or("me")
    }

    async fn message(&self, user: &str, message: &Outgoing) -> Result<Sent, DeliverError> {
        let late = self.settings.human_agent
            && message.occasion == Occasion::Reply
            && heard_within(message, self.settings.human_agent_hours);
        let mut body = json!({ "recipient": { "id": user } });
        if heard_within(message, self.settings.window_hours) {
            body["messaging_type"] = "RESPONSE".into();
        } else if late {
            body["messaging_type"] = "MESSAGE_TAG".into();
            body["tag"] = "HUMAN_AGENT".into();
        } else {
            return Err(DeliverError::WindowClosed);
        }
        let text = message.text_with_files();
        let parts = parts::parts(&text, self.rules.message)?;
        for part in &parts[self.progress.of(message.id, "message").min(parts.len())..] {
            body["message"] = json!({ "text": part });
            let taken = self
                .graph
                .post(&[self.sender(), "messages"], &body)
                .await
                .map_err(|failure| failure.error)?;
            self.progress.add(message.id, "message", id(&taken, "message_id"));
        }
        Ok(self.progress.end(message.id))
    }

    /// Privately once; else publicly what may be public.
    async fn below(&self, kind: &str, object: &str, message: &Outgoing) -> Result<Sent, DeliverError> {
        let text = message.text_with_files();
        // of a longer text the rest could never be sent
        let possible =
            heard_within(message, self.settings.private_reply_hours) && self.rules.message.holds(&text);
        if possible && self.progress.of(message.id, "comment") == 0 {
            let body = json!({ "recipient": { kind: object }, "message": { "text": text } });
            match self.graph.post(&[self.sender(), "messages"], &body).await {
                Ok(taken) => return Ok(Sent { vendor_ids: id(&taken, "message_id").into_iter().collect() }),
                Err(failure) if NO_PRIVATE_REPLY.contains(&failure.code) => {}
                Err(failure) => match failure.error {
                    DeliverError::WindowClosed
                    | DeliverError::Blocked { .. }
                    | DeliverError::NoRecipient { .. }
                        if message.public_text.is_some() => {}
                    error => return Err(error),
                },
            }
        }
        let public = message.public_text.as_deref().ok_or(DeliverError::OnlyPublic)?;
        let edge = if kind == "post_id" { "comments" } else { self.rules.comments };
        let parts = parts::parts(public, self.rules.comment)?;
        for part in &parts[self.progress.of(message.id, "comment").min(parts.len())..] {
            let body = json!({ "message": part });
            let taken = self.graph.post(&[object, edge], &body).await.map_err(|failure| failure.error)?;
            self.progress.add(message.id, "comment", id(&taken, "id"));
        }
        Ok(self.progress.end(message.id))
    }
}

/// The id of what was taken; none where the answer does not say it.
fn id(taken: &Value, name: &str) -> Option<String> {
    value::member(taken, name).ok().flatten()
}
