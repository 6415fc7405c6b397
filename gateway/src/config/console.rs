//! Who may look at the operators' console, and what they may do there.

use std::collections::BTreeMap;

use muara_connectors::SettingsError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Secret, check::zeros};
use crate::web::account;

/// The operators' console on the internal listener. Its users are tables of their own: see `[console.users.NAME]` below.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Console {
    /// Hours until a user signs in again.
    pub session_hours: u32,
    /// Send session cookies over HTTPS only. Switch it off only where the console is reached without TLS.
    pub secure_cookies: bool,
    /// Who may sign in, by user name (lower case).
    pub users: BTreeMap<String, User>,
}

impl Default for Console {
    fn default() -> Self {
        Self { session_hours: 10, secure_cookies: true, users: BTreeMap::new() }
    }
}

/// Somebody who may sign in.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct User {
    /// The person's name.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// argon2id hash in PHC form; `muara hash-password` makes it.
    pub password_hash: Secret,
}

/// What a user may do. Each may do what those before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Look at everything, with the citizens' words masked.
    Viewer,
    /// Replay, release, retry, pause; read a citizen's words with a reason.
    Operator,
    /// Discard what is in quarantine; read the audit log.
    Admin,
}

impl Role {
    /// The role as the configuration names it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

impl Console {
    pub(super) fn wrong(&self) -> Vec<SettingsError> {
        let mut wrong = zeros(&[("session_hours", self.session_hours.into())]);
        for (name, user) in &self.users {
            let plain =
                |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte);
            if name.is_empty() || name.len() > 64 || !name.bytes().all(plain) {
                let detail = "a user name has 1 to 64 of a-z, 0-9, `.`, `_` and `-`";
                wrong.push(SettingsError::value(format!("users.{name}"), detail));
            }
            if user.name.trim().is_empty() {
                wrong.push(SettingsError::value(format!("users.{name}.name"), "must not be empty"));
            }
            let hash = user.password_hash.expose();
            // one that is not set is told of already
            if !hash.starts_with("${") && !account::is_hash(hash) {
                // the value is not repeated: it may be the password itself
                let detail = "is not a hash that `muara hash-password` makes";
                wrong.push(SettingsError::value(format!("users.{name}.password_hash"), detail));
            }
        }
        wrong
    }
}
