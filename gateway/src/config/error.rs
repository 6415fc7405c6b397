//! What is wrong with a configuration, in words and all at once.

use std::{fmt, io, path::PathBuf};

use muara_connectors::SettingsError;

/// One thing that is wrong. All of them are the operator's to mend.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file cannot be read or made.
    #[error("{}: {source}", .file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A file is not TOML.
    #[error("{}: not valid TOML: {detail}", .file.display())]
    Syntax {
        /// The file.
        file: PathBuf,
        /// Where and why.
        detail: String,
    },
    /// Two files set the same key.
    #[error("{}: `{key}` is set by another file too", .file.display())]
    Twice {
        /// The second file.
        file: PathBuf,
        /// The key.
        key: String,
    },
    /// A table nobody reads.
    #[error(
        "unknown table [{name}]; known are: listen, store, broker, privacy, intake, desk, console, media, gather, duplicates, watch, places, \
         log, telemetry, channels"
    )]
    UnknownTable {
        /// Its name.
        name: String,
    },
    /// A value that must be a table.
    #[error("`{name}` must be a table: write [{name}]")]
    NotATable {
        /// Its name.
        name: String,
    },
    /// A reference to the environment or a file leads nowhere.
    #[error("{key}: {what}")]
    Unresolved {
        /// The key.
        key: String,
        /// What is not there.
        what: String,
    },
    /// A key of a table is wrong.
    #[error("[{table}] {error}")]
    Setting {
        /// The table.
        table: String,
        /// What is wrong.
        error: SettingsError,
    },
    /// The name of a channel is not usable.
    #[error("[channels.{name}]: {reason}")]
    ChannelName {
        /// The name.
        name: String,
        /// Why.
        reason: muara_normalizer::ids::BadChannelId,
    },
    /// The channel has no connector, or one that does not exist.
    #[error("[channels.{channel}] connector: {given}; known are: {known}")]
    Connector {
        /// The channel.
        channel: String,
        /// What is there.
        given: String,
        /// The connectors there are.
        known: String,
    },
    /// The connector proves origins in its own way.
    #[error(
        "[channels.{channel}] auth: the connector `{connector}` verifies by its vendor's own rule; remove `auth`"
    )]
    AuthFixed {
        /// The channel.
        channel: String,
        /// Its connector.
        connector: &'static str,
    },
    /// The channel must say how origins are proven.
    #[error(
        "[channels.{channel}] auth is missing: choose e.g. auth = {{ scheme = \"hmac\", header = \"X-Signature\" }}, \
         {{ scheme = \"header_token\", header = \"Authorization\", prefix = \"Bearer \" }} or {{ scheme = \"path_secret\" }}"
    )]
    AuthMissing {
        /// The channel.
        channel: String,
    },
    /// A secret is needed and there is none.
    #[error(
        "[channels.{channel}] secret is missing: without it nothing could be verified; write secret = \"${{env:…}}\""
    )]
    SecretMissing {
        /// The channel.
        channel: String,
    },
    /// The privacy key is too short.
    #[error("[privacy] key: {}", muara_normalizer::identity::WeakPrivacyKey)]
    WeakPrivacyKey,
    /// There is no channel.
    #[error("no channel is configured: add a table like [channels.qlue] with connector = \"qlue\"")]
    NoChannel,
}

/// Everything that is wrong.
#[derive(Debug)]
pub struct ConfigErrors(pub Vec<ConfigError>);

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.0.len() == 1 { "" } else { "s" };
        write!(f, "the configuration has {} error{plural}:", self.0.len())?;
        self.0.iter().try_for_each(|error| write!(f, "\n  - {error}"))
    }
}

impl std::error::Error for ConfigErrors {}
