//! Who may look at the operators' console, and what they may do there.

use std::collections::BTreeMap;

use muara_connectors::SettingsError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Secret, check::zeros};
use crate::web::account;

/// The operators' console on the internal listener. Its users are tables of their own: see `[console.users.NAME]` below.
/// Where the staff signs in elsewhere, see `[console.openid]`; both may stand beside each other.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Console {
    /// Hours until a user signs in again.
    pub session_hours: u32,
    /// Send session cookies over HTTPS only. Switch it off only where the console is reached without TLS.
    pub secure_cookies: bool,
    /// Who may sign in, by user name (lower case).
    pub users: BTreeMap<String, User>,
    /// Sign-in with OpenID Connect.
    pub openid: Option<OpenId>,
}

impl Default for Console {
    fn default() -> Self {
        Self { session_hours: 10, secure_cookies: true, users: BTreeMap::new(), openid: None }
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

/// Sign-in with an OpenID Connect provider (Keycloak, Entra ID and others): authorization code with PKCE.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct OpenId {
    /// The provider's issuer, as its discovery document says it.
    pub issuer: String,
    /// The client that the provider knows as this console.
    pub client_id: String,
    /// The client's secret.
    pub client_secret: Secret,
    /// The console's address for browsers. The provider must allow it with `/sign-in/openid/back` after it as a
    /// redirect URI, and with `/sign-in` as an address to lead back to after signing out.
    pub console_url: String,
    /// What the button says: "Sign in with …".
    pub title: String,
    /// What is asked for beside `openid`.
    pub scopes: Vec<String>,
    /// Where the ID token names a person's roles or groups; dots lead into objects (`realm_access.roles`).
    pub roles_claim: String,
    /// Which of the provider's roles are which here, e.g. { operator = ["muara-operator"], admin = ["muara-admin"] }.
    /// Somebody with none of them is not let in.
    pub roles: BTreeMap<Role, Vec<String>>,
}

impl Default for OpenId {
    fn default() -> Self {
        Self {
            issuer: String::new(),
            client_id: String::new(),
            client_secret: Secret::default(),
            console_url: String::new(),
            title: "OpenID Connect".to_owned(),
            scopes: vec!["profile".to_owned(), "email".to_owned()],
            roles_claim: "roles".to_owned(),
            roles: BTreeMap::new(),
        }
    }
}

impl OpenId {
    /// Where the provider sends the browser back to.
    #[must_use]
    pub fn back(&self) -> String {
        format!("{}/sign-in/openid/back", self.console_url.trim_end_matches('/'))
    }

    /// Where the provider leads the browser back to when somebody has signed out there.
    #[must_use]
    pub fn left(&self) -> String {
        format!("{}/sign-in", self.console_url.trim_end_matches('/'))
    }

    fn wrong(&self) -> Vec<SettingsError> {
        let mut wrong = Vec::new();
        for (key, value) in [("issuer", &self.issuer), ("console_url", &self.console_url)] {
            if !value.starts_with("https://") && !value.starts_with("http://") {
                let detail = "must be an address such as https://sso.example.go.id";
                wrong.push(SettingsError::value(format!("openid.{key}"), detail));
            }
        }
        let secret = self.client_secret.expose();
        let texts =
            [("client_id", &*self.client_id), ("client_secret", secret), ("roles_claim", &*self.roles_claim)];
        for (key, value) in texts {
            if value.trim().is_empty() {
                wrong.push(SettingsError::value(format!("openid.{key}"), "must not be empty"));
            }
        }
        if self.roles.values().all(Vec::is_empty) {
            let detail = "names no role of the provider, so nobody could come in";
            wrong.push(SettingsError::value("openid.roles".to_owned(), detail));
        }
        wrong
    }
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
        wrong.extend(self.openid.iter().flat_map(OpenId::wrong));
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
