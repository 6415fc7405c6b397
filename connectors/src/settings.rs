//! What a channel's table in the configuration says to its connector.

use std::{any::Any, collections::BTreeMap, fmt, sync::Arc};

use muara_normalizer::ChannelId;
use secrecy::SecretString;
use serde::de::DeserializeOwned;

use crate::{
    quota::Quota,
    verify::{ApiKeys, Auth, PublicUrl},
};

/// One configured channel as its connector sees it.
#[derive(Clone)]
pub struct ChannelSettings {
    /// The channel's id.
    pub id: ChannelId,
    /// The shared secret, where the authentication needs one.
    pub secret: Option<SecretString>,
    /// How requests are verified: the connector's own way, or the one the channel chose.
    pub auth: Auth,
    /// What the connector made of its own keys.
    pub own: OwnSettings,
}

impl fmt::Debug for ChannelSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChannelSettings")
            .field("id", &self.id)
            .field("auth", &self.auth)
            .finish_non_exhaustive()
    }
}

/// A connector's own keys, read and checked once at start.
#[derive(Clone)]
pub struct OwnSettings {
    own: Arc<dyn Any + Send + Sync>,
    public_url: Option<Arc<PublicUrl>>,
    api_keys: Option<Arc<ApiKeys>>,
    quota: Quota,
}

impl OwnSettings {
    /// Wraps what the connector made of its keys.
    #[must_use]
    pub fn new<T: Send + Sync + 'static>(settings: T) -> Self {
        Self { own: Arc::new(settings), public_url: None, api_keys: None, quota: Quota::default() }
    }

    /// The same with the public address that [`Auth::UrlSigned`] needs.
    #[must_use]
    pub fn with_public_url(self, public_url: PublicUrl) -> Self {
        Self { public_url: Some(Arc::new(public_url)), ..self }
    }

    /// The same with the clients' keys that [`Auth::ApiKeys`] needs.
    #[must_use]
    pub fn with_api_keys(self, keys: ApiKeys) -> Self {
        Self { api_keys: Some(Arc::new(keys)), ..self }
    }

    /// The clients' keys, where the connector has some.
    pub(crate) fn api_keys(&self) -> Option<&ApiKeys> {
        self.api_keys.as_deref()
    }

    /// The public address, where the connector has one.
    pub(crate) fn public_url(&self) -> Option<&PublicUrl> {
        self.public_url.as_deref()
    }
}

impl ChannelSettings {
    /// The connector's own settings. `None` only if the type is another connector's.
    #[must_use]
    pub fn own<T: 'static>(&self) -> Option<&T> {
        self.own.own.downcast_ref()
    }

    /// What the vendor says is left of what it allows this channel.
    #[must_use]
    pub fn quota(&self) -> &Quota {
        &self.own.quota
    }
}

/// What is wrong with a channel's table. The operator's to mend; all of them are listed at once.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// A key that nobody reads: mostly a slip of spelling.
    #[error("unknown key `{key}`")]
    UnknownKey {
        /// The key with the tables above it.
        key: String,
    },
    /// A value of the wrong type or form, or a key that is missing.
    #[error("{key}{}{detail}", if key.is_empty() { "" } else { ": " })]
    Value {
        /// The key with the tables above it.
        key: String,
        /// What is wrong and what would be right.
        detail: String,
    },
}

impl SettingsError {
    /// A wrong value.
    #[must_use]
    pub fn value(key: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::Value { key: key.into(), detail: detail.into() }
    }

    /// The same error of a table that stands under a key.
    #[must_use]
    pub fn under(self, above: &str) -> Self {
        match self {
            Self::UnknownKey { key } => Self::UnknownKey { key: format!("{above}.{key}") },
            Self::Value { key, detail } if key.is_empty() => Self::Value { key: above.to_owned(), detail },
            Self::Value { key, detail } => Self::Value { key: format!("{above}.{key}"), detail },
        }
    }
}

/// Reads a table into a type and lists everything that is wrong: every unknown key and every wrong value.
///
/// # Errors
/// All that is wrong, in words.
pub fn read<T: DeserializeOwned>(mut table: toml::Table) -> Result<T, Vec<SettingsError>> {
    let mut wrong = Vec::new();
    loop {
        let mut unknown = Vec::new();
        let mut track = serde_path_to_error::Track::new();
        let tracked = serde_path_to_error::Deserializer::new(toml::Value::Table(table.clone()), &mut track);
        let value: Result<T, toml::de::Error> = serde_ignored::deserialize(tracked, |key| {
            unknown.push(SettingsError::UnknownKey { key: key.to_string() });
        });
        let error = match value {
            Ok(value) if unknown.is_empty() && wrong.is_empty() => return Ok(value),
            Ok(_) => return Err(wrong.into_iter().chain(unknown).collect()),
            Err(error) => error,
        };
        let path = track.path();
        let key = if path.iter().next().is_none() { String::new() } else { path.to_string() };
        // the rest may be wrong, too: read on without this key, which then is missing
        let removed = remove(&mut table, path.iter());
        let missing = error.message().starts_with("missing field");
        if !missing || wrong.is_empty() {
            wrong.push(SettingsError::value(key, error.message().trim()));
        }
        if missing || !removed {
            return Err(wrong.into_iter().chain(unknown).collect());
        }
    }
}

/// Removes the key of a path, or the list that the path goes into.
fn remove<'a>(
    table: &mut toml::Table,
    mut path: impl Iterator<Item = &'a serde_path_to_error::Segment>,
) -> bool {
    let Some(serde_path_to_error::Segment::Map { key }) = path.next() else { return false };
    let inside = match table.get_mut(key) {
        Some(toml::Value::Table(inner)) => remove(inner, path),
        _ => false,
    };
    inside || table.remove(key).is_some()
}

/// A connector without keys of its own.
///
/// # Errors
/// Every key that is there.
pub fn none(table: toml::Table) -> Result<OwnSettings, Vec<SettingsError>> {
    read::<BTreeMap<String, toml::Value>>(table).and_then(|rest| {
        if rest.is_empty() {
            return Ok(OwnSettings::new(()));
        }
        Err(rest.into_keys().map(|key| SettingsError::UnknownKey { key }).collect())
    })
}
