//! What a channel's table in the configuration says to its connector.

use std::{any::Any, collections::BTreeMap, fmt, sync::Arc};

use muara_normalizer::ChannelId;
use secrecy::SecretString;
use serde::de::DeserializeOwned;

use crate::verify::Auth;

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
pub struct OwnSettings(Arc<dyn Any + Send + Sync>);

impl OwnSettings {
    /// Wraps what the connector made of its keys.
    #[must_use]
    pub fn new<T: Send + Sync + 'static>(settings: T) -> Self {
        Self(Arc::new(settings))
    }
}

impl ChannelSettings {
    /// The connector's own settings. `None` only if the type is another connector's.
    #[must_use]
    pub fn own<T: 'static>(&self) -> Option<&T> {
        self.own.0.downcast_ref()
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
}

/// Reads a table into a type and lists every unknown key beside the first wrong value.
///
/// # Errors
/// All that is wrong, in words.
pub fn read<T: DeserializeOwned>(table: toml::Table) -> Result<T, Vec<SettingsError>> {
    let mut errors = Vec::new();
    let mut track = serde_path_to_error::Track::new();
    let value = {
        let tracked = serde_path_to_error::Deserializer::new(toml::Value::Table(table), &mut track);
        serde_ignored::deserialize(tracked, |key| {
            errors.push(SettingsError::UnknownKey { key: key.to_string() });
        })
    };
    match value {
        Ok(value) if errors.is_empty() => Ok(value),
        Ok(_) => Err(errors),
        Err(error) => {
            let error: toml::de::Error = error;
            let path = track.path().to_string();
            let key = if path == "." { String::new() } else { path };
            errors.push(SettingsError::value(key, error.message().trim()));
            Err(errors)
        }
    }
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
