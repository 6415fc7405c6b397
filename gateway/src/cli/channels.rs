//! `muara check` and `muara channels`.

use std::collections::BTreeMap;

use serde_json::json;

use super::{CliError, print};
use crate::{channel::Channel, config::Config, silence::Quiet, store};

pub(super) fn check(config: &Config) -> Result<(), CliError> {
    let total = config.channels.iter().count();
    let off: Vec<_> = config.channels.iter().filter(|channel| channel.disabled.is_some()).collect();
    let mut text = format!("The configuration is valid: {total} channels, {} of them off.\n", off.len());
    for channel in off {
        text += &format!("  {} is off: {}\n", channel.id, channel.disabled.as_deref().unwrap_or_default());
    }
    if config.broker.is_none() {
        text += "There is no [broker]: events wait in the outbox.\n";
    }
    text += &format!("{}\n", config.retention.in_words());
    print(&text)
}

pub(super) fn list(config: &Config, as_json: bool) -> Result<(), CliError> {
    let silent = silent(config).unwrap_or_else(|error| {
        eprintln!("muara: which channels are silent is not known: {error}");
        BTreeMap::new()
    });
    let rows: Vec<Row> =
        config.channels.iter().map(|channel| Row::of(channel, silent.get(channel.id.as_str()))).collect();
    if as_json {
        let rows: Vec<_> = rows.iter().map(Row::json).collect();
        return print(&format!("{:#}\n", json!(rows)));
    }
    print(&table(&rows))
}

/// The channels that the gateway on the configured store calls silent.
fn silent(config: &Config) -> Result<BTreeMap<String, Quiet>, store::StoreError> {
    let settings = store::Settings::from_url(&config.store.url, &config.base)?;
    store::traffic::silences(&settings)
}

struct Row {
    id: String,
    connector: &'static str,
    direction: String,
    auth: &'static str,
    redelivers: bool,
    state: &'static str,
    reason: Option<String>,
    limits: String,
}

impl Row {
    fn of(channel: &Channel, silent: Option<&Quiet>) -> Self {
        let silent = silent.filter(|_| channel.disabled.is_none());
        Self {
            id: channel.id.to_string(),
            connector: channel.connector_name,
            direction: channel.direction(),
            auth: channel.settings.auth.name(),
            redelivers: channel.redelivers,
            state: match silent {
                Some(_) => "silent",
                None if channel.disabled.is_some() => "disabled",
                None => "enabled",
            },
            reason: channel.disabled.clone().or_else(|| silent.map(|quiet| quiet.words.clone())),
            limits: limits(channel),
        }
    }

    fn json(&self) -> serde_json::Value {
        json!({
            "id": self.id, "connector": self.connector, "direction": self.direction, "auth": self.auth,
            "redelivers": self.redelivers, "state": self.state, "reason": self.reason, "limits": self.limits,
        })
    }

    fn cells(&self) -> [String; 8] {
        [
            self.id.clone(),
            self.connector.to_owned(),
            self.direction.clone(),
            self.auth.to_owned(),
            if self.redelivers { "yes" } else { "no" }.to_owned(),
            self.limits.clone(),
            self.state.to_owned(),
            self.reason.clone().unwrap_or_default(),
        ]
    }
}

/// What comes in from one sender and goes out to the vendor, in messages per minute.
fn limits(channel: &Channel) -> String {
    let sender = format!("{}/min a sender", channel.limits.sender.per_minute);
    if channel.connector.deliver.is_some() {
        format!("{sender}, {}/min out", channel.limits.outgoing.per_minute)
    } else {
        sender
    }
}

fn table(rows: &[Row]) -> String {
    let head = ["channel", "connector", "direction", "auth", "redelivers", "limits", "state", "reason"]
        .map(str::to_owned);
    let rows: Vec<_> = std::iter::once(head).chain(rows.iter().map(Row::cells)).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<_> = (0..8).map(width).collect();
    rows.iter()
        .map(|row| {
            let cells = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:width$}"));
            format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
        })
        .collect()
}
