//! `[channels.<id>]`: the keys that all channels share; the rest goes to the connector.

use muara_connectors::{
    Auth, CONNECTORS, ChannelSettings, Connector, Limits, Rate,
    settings::{self, OwnSettings, SettingsError},
};
use muara_normalizer::ChannelId;
use serde::Deserialize;

use super::{ConfigError, Gather, Secret, Silence, value::Unresolved};
use crate::{
    channel::{Channel, Channels, PublicPolicy, Replies},
    egress,
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
    #[serde(default)]
    replies: SharedReplies,
    #[serde(default)]
    gather: SharedGather,
    #[serde(default)]
    silence: SharedSilence,
    #[serde(default)]
    publish_not_a_complaint: bool,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct SharedGather {
    enabled: Option<bool>,
    quiet_seconds: Option<u32>,
    longest_seconds: Option<u32>,
    settle_seconds: Option<u32>,
    follow_up_hours: Option<u32>,
}

impl SharedGather {
    /// What a channel says, and where it says nothing what all do.
    fn over(self, all: &Gather) -> Gather {
        Gather {
            enabled: self.enabled.unwrap_or(all.enabled),
            quiet_seconds: self.quiet_seconds.unwrap_or(all.quiet_seconds),
            longest_seconds: self.longest_seconds.unwrap_or(all.longest_seconds),
            settle_seconds: self.settle_seconds.unwrap_or(all.settle_seconds),
            follow_up_hours: self.follow_up_hours.unwrap_or(all.follow_up_hours),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct SharedSilence {
    enabled: Option<bool>,
    weeks: Option<u8>,
    learn_weeks: Option<u8>,
    improbable: Option<f64>,
    longest_hours: Option<u32>,
}

impl SharedSilence {
    /// What a channel says, and where it says nothing what all do.
    fn over(self, all: &Silence) -> Silence {
        Silence {
            enabled: self.enabled.unwrap_or(all.enabled),
            weeks: self.weeks.unwrap_or(all.weeks),
            learn_weeks: self.learn_weeks.unwrap_or(all.learn_weeks),
            improbable: self.improbable.unwrap_or(all.improbable),
            longest_hours: self.longest_hours.unwrap_or(all.longest_hours),
        }
    }
}

const SHARED: &[&str] = &[
    "connector",
    "title",
    "enabled",
    "secret",
    "auth",
    "redelivers",
    "limits",
    "replies",
    "gather",
    "silence",
    "publish_not_a_complaint",
];

/// What a citizen reads at once, if the channel says nothing else.
const RECEIPT: &str = "Terima kasih, laporan Anda sudah kami terima dengan nomor {reference}. \
                       Simpan nomor ini untuk menanyakan perkembangannya.";

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct SharedReplies {
    receipt: Option<bool>,
    receipt_text: Option<String>,
    #[serde(default)]
    public_receipt: bool,
    #[serde(default)]
    public: PublicPolicy,
    #[serde(default)]
    fallback: Vec<String>,
    attempts: Option<u32>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct SharedLimits {
    channel: Option<Rate>,
    sender: Option<Rate>,
    outgoing: Option<Rate>,
    body_kb: Option<usize>,
}

fn yes() -> bool {
    true
}

pub(super) fn read(
    table: toml::Table,
    unresolved: &[Unresolved],
    all: (&Gather, &Silence),
    errors: &mut Vec<ConfigError>,
) -> Channels {
    if table.is_empty() {
        errors.push(ConfigError::NoChannel);
    }
    let faults = errors.len();
    let channels: Channels =
        table.into_iter().filter_map(|(name, value)| one(&name, value, unresolved, all, errors)).collect();
    // a channel with a fault of its own is not in the list, and is not to be missed, too
    if errors.len() == faults {
        check_fallbacks(&channels, errors);
    }
    channels
}

fn one(
    name: &str,
    value: toml::Value,
    unresolved: &[Unresolved],
    (gather, silence): (&Gather, &Silence),
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
    let mut settings = ChannelSettings { id: id.clone(), secret, auth, own };
    if settings.auth.needs_secret() && missing.is_empty() && settings.secret.as_ref().is_none_or(is_empty) {
        if connector.pull.is_none_or(|open| open(&settings).is_none()) {
            errors.push(ConfigError::SecretMissing { channel: name.to_owned() });
            return None;
        }
        // who asks its vendor needs no secret of a vendor that calls; and nobody can call without one
        settings.auth = Auth::Pull;
    }
    let limits = Limits {
        channel: shared.limits.channel.unwrap_or(connector.limits.channel),
        sender: shared.limits.sender.unwrap_or(connector.limits.sender),
        outgoing: shared.limits.outgoing.unwrap_or(connector.limits.outgoing),
        body_bytes: shared.limits.body_kb.map_or(connector.limits.body_bytes, |kb| kb * 1024),
    };
    let silence = shared.silence.over(silence);
    errors.extend(
        silence
            .wrong()
            .into_iter()
            .map(|error| ConfigError::Setting { table: format!("{table_name}.silence"), error }),
    );
    let replies = replies(shared.replies, connector, &settings, limits.outgoing, &table_name, errors);
    Some(Channel {
        title: shared.title.unwrap_or_else(|| connector.title.to_owned()),
        connector_name,
        connector,
        redelivers: shared.redelivers.unwrap_or(connector.redelivers),
        limiter: Limiter::new(&limits),
        limits,
        switched_off: !shared.enabled,
        disabled,
        replies,
        gather: shared.gather.over(gather).policy_of(connector),
        publish_not_a_complaint: shared.publish_not_a_complaint,
        silence,
        settings,
        id,
    })
}

/// How citizens are answered. That a channel which is to stand in is there is checked when all are read.
fn replies(
    given: SharedReplies,
    connector: &Connector,
    settings: &ChannelSettings,
    pace: Rate,
    table: &str,
    errors: &mut Vec<ConfigError>,
) -> Replies {
    let mut wrong = |key: &str, detail: String| {
        let error = SettingsError::value(format!("replies.{key}"), detail);
        errors.push(ConfigError::Setting { table: table.to_owned(), error });
    };
    let receipt_text = given.receipt_text.unwrap_or_else(|| RECEIPT.to_owned());
    if let Err(detail) = egress::text::check_template(&receipt_text) {
        wrong("receipt_text", detail.to_string());
    }
    let mut fallback = Vec::new();
    for name in given.fallback {
        match name.parse() {
            Ok(id) if id == settings.id => wrong("fallback", format!("`{name}` is this channel itself")),
            Ok(id) => fallback.push(id),
            Err(error) => wrong("fallback", format!("`{name}`: {error}")),
        }
    }
    if given.attempts == Some(0) {
        wrong("attempts", "must be at least 1".to_owned());
    }
    let delivers = connector.deliver.is_some_and(|open| open(settings).is_some());
    Replies {
        receipt: given.receipt.unwrap_or(delivers || !fallback.is_empty()),
        receipt_text,
        public_receipt: given.public_receipt,
        public: given.public,
        fallback,
        attempts: given.attempts.unwrap_or(12),
        pace,
    }
}

/// A channel that is to stand in for another must be there and be able to.
fn check_fallbacks(channels: &Channels, errors: &mut Vec<ConfigError>) {
    for channel in channels.iter() {
        for name in &channel.replies.fallback {
            let able = channels.get(name.as_str()).map(|other| other.connector.address.is_some());
            let detail = match able {
                Some(true) => continue,
                Some(false) => format!("`{name}` cannot reach anybody by phone number or e-mail address"),
                None => format!("there is no channel `{name}`"),
            };
            let error = SettingsError::value("replies.fallback", detail);
            errors.push(ConfigError::Setting { table: format!("channels.{}", channel.id), error });
        }
    }
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
