//! The connector's own keys.

use std::{path::PathBuf, str::FromStr, sync::Arc, time::Duration};

use rusmpp::types::COctetString;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::{session::Link, text::Alphabet};
use crate::{
    client,
    settings::{self, OwnSettings, SettingsError},
};

/// What the session is bound for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Bind {
    /// Both ways.
    #[default]
    Transceiver,
    /// Inbound only.
    Receiver,
}

/// How the parts of a long message are told apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum LongMessages {
    /// A user data header with a number of 16 bits before each part.
    #[default]
    Udh,
    /// TLVs `sar_…`.
    Sar,
    /// One message with its whole text in the TLV `message_payload`.
    Payload,
}

/// How ids are written in the text of receipts, as against `submit_sm_resp`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ReceiptIds {
    /// The same.
    #[default]
    Same,
    /// Decimal, while `submit_sm_resp` has them in hexadecimal.
    Decimal,
    /// In hexadecimal, while `submit_sm_resp` has them decimal.
    Hex,
}

/// `[channels.<id>]`.
#[derive(Deserialize)]
pub(super) struct Settings {
    pub(super) host: String,
    #[serde(default = "port")]
    pub(super) port: u16,
    /// TLS around the session.
    #[serde(default)]
    pub(super) tls: bool,
    /// Certificates in PEM to trust instead of the system's.
    pub(super) ca_file: Option<PathBuf>,
    pub(super) system_id: String,
    pub(super) password: SecretString,
    #[serde(default)]
    pub(super) system_type: String,
    #[serde(default)]
    pub(super) bind: Bind,
    /// The number or name we write as; else the number that the citizen wrote to.
    pub(super) source_addr: Option<String>,
    pub(super) source_ton: Option<u8>,
    pub(super) source_npi: Option<u8>,
    #[serde(default)]
    pub(super) default_alphabet: Alphabet,
    #[serde(default)]
    pub(super) long_messages: LongMessages,
    #[serde(default)]
    pub(super) receipt_ids: ReceiptIds,
    /// How many of our messages may wait for their answer at once.
    #[serde(default = "ten")]
    pub(super) window: usize,
    #[serde(default = "half_a_minute")]
    enquire_link_seconds: u64,
    #[serde(default = "half_a_minute")]
    response_seconds: u64,
    /// How long a message waits for its missing parts.
    #[serde(default = "three_minutes")]
    parts_seconds: u32,
    /// The pause after the centre says that we are too fast.
    #[serde(default = "five")]
    throttle_seconds: u64,
    /// The session that stands now, for those who send.
    #[serde(skip)]
    pub(super) link: Link,
}

fn port() -> u16 {
    2775
}

fn five() -> u64 {
    5
}

fn ten() -> usize {
    10
}

fn half_a_minute() -> u64 {
    30
}

fn three_minutes() -> u32 {
    180
}

impl Settings {
    pub(super) fn enquire_link(&self) -> Duration {
        Duration::from_secs(self.enquire_link_seconds)
    }

    pub(super) fn response(&self) -> Duration {
        Duration::from_secs(self.response_seconds)
    }

    /// In seconds.
    pub(super) fn parts(&self) -> i64 {
        self.parts_seconds.into()
    }

    pub(super) fn throttle(&self) -> Duration {
        Duration::from_secs(self.throttle_seconds)
    }

    fn check(&self) -> Vec<SettingsError> {
        let mut wrong = client::check_positive(&[
            ("port", self.port == 0),
            ("window", self.window == 0),
            ("enquire_link_seconds", self.enquire_link_seconds == 0),
            ("response_seconds", self.response_seconds == 0),
            ("parts_seconds", self.parts_seconds == 0),
        ]);
        let mut text = |key: &str, ok: bool, detail: &str| {
            if !ok {
                wrong.push(SettingsError::value(key, detail));
            }
        };
        text("host", !self.host.trim().is_empty(), "expected the centre's name or address");
        text("system_id", fits::<16>(&self.system_id, 1), "expected 1 to 15 ASCII characters");
        text("password", fits::<9>(self.password.expose_secret(), 0), "expected at most 8 ASCII characters");
        text("system_type", fits::<13>(&self.system_type, 0), "expected at most 12 ASCII characters");
        let source = self.source_addr.as_deref();
        text(
            "source_addr",
            source.is_none_or(|source| fits::<21>(source, 1)),
            "expected 1 to 20 ASCII characters",
        );
        text("ca_file", self.tls || self.ca_file.is_none(), "needs `tls = true`");
        wrong
    }
}

fn fits<const MAX: usize>(text: &str, least: usize) -> bool {
    text.len() >= least && COctetString::<1, MAX>::from_str(text).is_ok()
}

/// Reads and checks a channel's table.
pub(super) fn read(table: toml::Table) -> Result<OwnSettings, Vec<SettingsError>> {
    let settings: Settings = settings::read(table)?;
    let wrong = settings.check();
    if wrong.is_empty() { Ok(OwnSettings::new(Arc::new(settings))) } else { Err(wrong) }
}
