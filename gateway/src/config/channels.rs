//! `[channels.<id>]`: the keys that all channels share; the rest goes to the connector.

use muara_connectors::{
    Auth, CONNECTORS, ChannelSettings, Connector, Limits, Rate,
    settings::{self, OwnSettings},
};
use muara_normalizer::ChannelId;
use serde::Deserialize;

use super::{ConfigError, Secret, value::Unresolved};
use crate::{
    channel::{Channel, Channels},
    limits::Limiter,
};

/// The keys that all channels share.
#[derive(Deserialize)]
struct Shared {
    connector: Option<String>,
    title: Option<String>,
    #[serde(default = "yes")]
    enabled: bool,
    secret: Option<Secret>,
    auth: Option<Auth>,
    redelivers: Option<bool>,
    #[serde(default)]
    limits: SharedLimits,
}

const SHARED: &[&str] = &["connector", "title", "enabled", "secret", "auth", "redelivers", "limits"];

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct SharedLimits {
    channel: Option<Rate>,
    sender: Option<Rate>,
    body_kb: Option<usize>,
}

fn yes() -> bool {
    true
}

pub(super) fn read(table: toml::Table, unresolved: &[Unresolved], errors: &mut Vec<ConfigError>) -> Channels {
    if table.is_empty() {
        errors.push(ConfigError::NoChannel);
    }
    table.into_iter().filter_map(|(name, value)| one(&name, value, unresolved, errors)).collect()
}

fn one(
    name: &str,
    value: toml::Value,
    unresolved: &[Unresolved],
    errors: &mut Vec<ConfigError>,
) -> Option<Channel> {
    let table_name = format!("channels.{name}");
    let id: ChannelId = match name.parse() {
        Ok(id) => id,
        Err(reason) => {
            errors.push(ConfigError::ChannelName { name: name.to_owned(), reason });
            return None;
        }
    };
    let toml::Value::Table(mut own) = value else {
        errors.push(ConfigError::NotATable { name: table_name });
        return None;
    };
    let shared = SHARED.iter().filter_map(|key| own.remove_entry(*key)).collect();
    let wrong = |error| ConfigError::Setting { table: table_name.clone(), error };
    let shared: Shared = match settings::read(shared) {
        Ok(shared) => shared,
        Err(all) => {
            errors.extend(all.into_iter().map(wrong));
            return None;
        }
    };
    let (connector_name, connector) = find(name, shared.connector, errors)?;

    let prefix = format!("{table_name}.");
    let missing: Vec<&str> = unresolved
        .iter()
        .filter(|missing| missing.key.starts_with(&prefix))
        .map(|missing| missing.what.as_str())
        .collect();
    let disabled = if !shared.enabled {
        Some("switched off (enabled = false)".to_owned())
    } else if missing.is_empty() {
        None
    } else {
        Some(missing.join("; "))
    };
    let own = (connector.settings)(own).unwrap_or_else(|all| {
        // a channel whose secrets are not there is off; what its connector says of the gaps is no news
        if missing.is_empty() {
            errors.extend(all.into_iter().map(wrong));
        }
        OwnSettings::new(())
    });
    let auth = authentication(name, connector_name, connector, shared.auth, errors)?;
    let secret = shared.secret.map(|Secret(secret)| secret);
    if auth.needs_secret() && missing.is_empty() && secret.as_ref().is_none_or(is_empty) {
        errors.push(ConfigError::SecretMissing { channel: name.to_owned() });
        return None;
    }
    let limits = Limits {
        channel: shared.limits.channel.unwrap_or(connector.limits.channel),
        sender: shared.limits.sender.unwrap_or(connector.limits.sender),
        body_bytes: shared.limits.body_kb.map_or(connector.limits.body_bytes, |kb| kb * 1024),
    };
    Some(Channel {
        title: shared.title.unwrap_or_else(|| connector.title.to_owned()),
        connector_name,
        connector,
        redelivers: shared.redelivers.unwrap_or(connector.redelivers),
        limiter: Limiter::new(&limits),
        limits,
        disabled,
        settings: ChannelSettings { id: id.clone(), secret, auth, own },
        id,
    })
}

fn is_empty(secret: &secrecy::SecretString) -> bool {
    use secrecy::ExposeSecret;
    secret.expose_secret().trim().is_empty()
}

fn find(
    channel: &str,
    given: Option<String>,
    errors: &mut Vec<ConfigError>,
) -> Option<(&'static str, &'static Connector)> {
    let found = given.as_deref().and_then(|name| CONNECTORS.iter().find(|(known, _)| *known == name));
    if found.is_none() {
        let known: Vec<_> = CONNECTORS.iter().map(|(name, _)| *name).collect();
        let given = given.map_or_else(|| "missing".to_owned(), |name| format!("there is no `{name}`"));
        errors.push(ConfigError::Connector { channel: channel.to_owned(), given, known: known.join(", ") });
    }
    found.copied()
}

fn authentication(
    channel: &str,
    connector_name: &'static str,
    connector: &Connector,
    chosen: Option<Auth>,
    errors: &mut Vec<ConfigError>,
) -> Option<Auth> {
    match (&connector.auth, chosen) {
        (Auth::Configured, Some(Auth::Session | Auth::Pull | Auth::Configured) | None) => {
            errors.push(ConfigError::AuthMissing { channel: channel.to_owned() });
            None
        }
        (Auth::Configured, Some(chosen)) => Some(chosen),
        (fixed, None) => Some(fixed.clone()),
        (_, Some(_)) => {
            errors.push(ConfigError::AuthFixed { channel: channel.to_owned(), connector: connector_name });
            None
        }
    }
}
