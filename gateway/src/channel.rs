//! The configured official channels as the running gateway sees them.

use std::{collections::BTreeMap, sync::Arc};

use muara_connectors::{ChannelSettings, Connector, Limits};
use muara_normalizer::ChannelId;

use crate::limits::Limiter;

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
    /// Why it takes nothing, if it does not: switched off, or a secret is not there.
    pub disabled: Option<String>,
}

impl Channel {
    /// Whether it asks its vendor for messages, as configured.
    #[must_use]
    pub fn pulls(&self) -> bool {
        self.disabled.is_none() && self.connector.pull.is_some_and(|open| open(&self.settings).is_some())
    }

    /// `in`, or `in, pull` where it also asks its vendor.
    #[must_use]
    pub fn direction(&self) -> &'static str {
        if self.pulls() { "in, pull" } else { "in" }
    }
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
