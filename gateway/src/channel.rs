//! The configured official channels as the running gateway sees them.

use std::{collections::BTreeMap, sync::Arc};

use muara_connectors::{Auth, ChannelSettings, Connector, Limits, Rate};
use muara_normalizer::{ChannelId, aggregate::Policy};
use serde::Deserialize;

use crate::{config::Silence, limits::Limiter};

/// One configured channel with the connector that speaks its protocol.
#[derive(Debug)]
pub struct Channel {
    /// The channel's id: the key of its table.
    pub id: ChannelId,
    /// What an operator or officer calls it.
    pub title: String,
    /// The connector's name.
    pub connector_name: &'static str,
    /// The connector.
    pub connector: &'static Connector,
    /// Secret, authentication and the connector's own keys.
    pub settings: ChannelSettings,
    /// Whether the vendor delivers again what was not answered 2xx.
    pub redelivers: bool,
    /// Limits on the way in.
    pub limits: Limits,
    /// The buckets of those limits.
    pub limiter: Limiter,
    /// How its citizens are answered.
    pub replies: Replies,
    /// How what one person says in several messages becomes one complaint; not at all where nobody chats.
    pub gather: Option<Policy>,
    /// Whether what is no complaint by the rules is published, too, with its flag.
    pub publish_not_a_complaint: bool,
    /// When it is too quiet.
    pub silence: Silence,
    /// Why it takes nothing, if it does not: switched off, or a secret is not there.
    pub disabled: Option<String>,
    /// Whether the configuration wants it off.
    pub switched_off: bool,
}

impl Channel {
    /// Whether it asks its vendor for messages, as configured.
    #[must_use]
    pub fn pulls(&self) -> bool {
        self.disabled.is_none() && self.connector.pull.is_some_and(|open| open(&self.settings).is_some())
    }

    /// Whether it can send, as configured.
    #[must_use]
    pub fn delivers(&self) -> bool {
        self.disabled.is_none() && self.connector.deliver.is_some_and(|open| open(&self.settings).is_some())
    }

    /// `in` where it is called, `pull` where it asks its vendor, `out` where it sends.
    #[must_use]
    pub fn direction(&self) -> String {
        let called = self.settings.auth != Auth::Pull;
        let ways = [("in", called), ("pull", self.pulls()), ("out", self.delivers())];
        let ways: Vec<_> = ways.iter().filter(|(_, there)| *there).map(|(way, _)| *way).collect();
        // what is switched off is still known by the way it would take
        if ways.is_empty() { "pull".to_owned() } else { ways.join(", ") }
    }
}

/// How a channel's citizens are answered: `[channels.<id>.replies]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replies {
    /// Whether a complaint is answered with its reference at once.
    pub receipt: bool,
    /// The words of that answer.
    pub receipt_text: String,
    /// Whether complaints made in public are answered so, too.
    pub public_receipt: bool,
    /// What may be said where everybody reads it.
    pub public: PublicPolicy,
    /// Channels that stand in when this one cannot answer, in order.
    pub fallback: Vec<ChannelId>,
    /// A reply that fails so often by itself is given up.
    pub attempts: u32,
    /// Messages to the vendor.
    pub pace: Rate,
}

/// What may be said where everybody reads it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PublicPolicy {
    /// Nothing: answers are private, or take another way.
    #[default]
    Nothing,
    /// The reference and the status.
    Status,
    /// The core CRM's words, too, with numbers and addresses masked.
    Text,
}

/// All configured channels.
#[derive(Debug, Default)]
pub struct Channels(BTreeMap<String, Arc<Channel>>);

impl Channels {
    /// The channel of an id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Arc<Channel>> {
        self.0.get(id)
    }

    /// Every channel, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Channel>> {
        self.0.values()
    }
}

impl FromIterator<Channel> for Channels {
    fn from_iter<I: IntoIterator<Item = Channel>>(channels: I) -> Self {
        Self(channels.into_iter().map(|channel| (channel.id.to_string(), Arc::new(channel))).collect())
    }
}
