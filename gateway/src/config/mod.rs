//! The configuration: one TOML file, `conf.d/*.toml` beside it, secrets by `${env:X}` and `${file:…}`.
//!
//! Everything is read and checked before anything connects, and all that is wrong is listed at once.

mod channels;
mod check;
mod console;
mod error;
mod load;
mod media;
mod places;
mod retention;
mod rules;
pub mod sample;
mod value;
mod watch;

use std::{collections::BTreeSet, net::SocketAddr};

use jiff::civil::Date;
use muara_normalizer::polygons::Polygons;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{channel::Channels, watch::Clocks};

pub use console::{Console, OpenId, Role, User};
pub use error::{ConfigError, ConfigErrors};
pub use load::{load, parse};
pub use media::{Media, S3};
pub use places::Places;
pub use retention::Retention;
pub use rules::{Duplicates, Gather};
pub use value::{PrivacyKeySource, Secret};
pub use watch::{Alarms, Silence, Watch};

/// The whole configuration, checked.
#[derive(Debug)]
pub struct Config {
    /// Where to listen.
    pub listen: Listen,
    /// Where messages are kept.
    pub store: Store,
    /// Where events go. Without it they wait in the outbox.
    pub broker: Option<Broker>,
    /// The secret for keyed references.
    pub privacy: PrivacyKeySource,
    /// How requests are taken in.
    pub intake: Intake,
    /// The walk-in desks.
    pub desk: Desk,
    /// The operators' console.
    pub console: Console,
    /// The files of complaints.
    pub media: Media,
    /// How messages of a chat become one complaint.
    pub gather: Gather,
    /// Which complaints are about one matter.
    pub duplicates: Duplicates,
    /// The clocks of a complaint.
    pub watch: Watch,
    /// The same as the watch takes them.
    pub clocks: Clocks,
    /// How long what is done is kept.
    pub retention: Retention,
    /// Days on which nobody works.
    pub holidays: BTreeSet<Date>,
    /// What the city knows of its regions.
    pub places: Places,
    /// The kelurahan's polygons that `places` names.
    pub polygons: Polygons,
    /// What is logged.
    pub log: Log,
    /// What is traced.
    pub telemetry: Telemetry,
    /// The official channels.
    pub channels: Channels,
    /// The folder that relative paths count from.
    pub base: std::path::PathBuf,
}

/// Where to listen.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Listen {
    /// Webhooks of the vendors and the desks' pages. Put a reverse proxy with TLS in front of it.
    #[schemars(with = "String")]
    pub public: SocketAddr,
    /// Health, metrics and the console: for operators only, never for the internet.
    #[schemars(with = "String")]
    pub internal: SocketAddr,
}

impl Default for Listen {
    fn default() -> Self {
        Self {
            public: SocketAddr::from(([127, 0, 0, 1], 8080)),
            internal: SocketAddr::from(([127, 0, 0, 1], 8081)),
        }
    }
}

/// Where messages are kept between the vendors and the broker.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Store {
    /// The embedded store: a SQLite file on a local disk (never on a network file system), for one gateway. Or PostgreSQL 14
    /// or newer, for several that take messages in at once, one of which does the rest:
    /// `postgres://muara:${env:MUARA_STORE_PASSWORD}@HOST/DATABASE`, a database of its own. The certificate of a server that
    /// offers TLS is checked against the system's (or `SSL_CERT_FILE`); `?sslmode=require` insists on TLS, `?sslmode=disable`
    /// does without. No pooler that lends sessions out by the transaction may stand between. All gateways need the same `privacy.key`, and files in `s3://…`; limits count in each gateway by itself.
    pub url: String,
    /// Stop taking messages in (503 with Retry-After) when so many wait.
    pub high_water_rows: u64,
    /// Stop taking messages in when what waits has so many MiB.
    pub high_water_mb: u64,
    /// Stop taking messages in when the disk of the embedded store has fewer MiB free.
    pub min_free_disk_mb: u64,
    /// Recognise redeliveries for so many days.
    pub keep_keys_days: u32,
}

/// Without the address, in which a password may stand.
impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store")
            .field("high_water_rows", &self.high_water_rows)
            .field("high_water_mb", &self.high_water_mb)
            .field("keep_keys_days", &self.keep_keys_days)
            .finish_non_exhaustive()
    }
}

impl Default for Store {
    fn default() -> Self {
        Self {
            url: "sqlite://muara.db".to_owned(),
            high_water_rows: 1_000_000,
            high_water_mb: 8192,
            min_free_disk_mb: 256,
            keep_keys_days: 400,
        }
    }
}

/// The RabbitMQ that the core CRM reads from. Leave the table out and events wait in the outbox.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Broker {
    /// AMQP 0-9-1 address, e.g. `amqp://user:password@host:5672/vhost`, or `amqps://…`.
    pub url: Secret,
    /// `declare` makes exchanges and queues; `check` only looks whether they are there (the CRM team owns them).
    pub topology: Topology,
    /// Pace towards the core CRM in messages per second; 0 means as fast as the broker confirms.
    pub messages_per_second: u32,
    /// Events published before the broker's confirms are awaited.
    pub batch: u32,
    /// An event that is returned or refused so often is put aside as dead, where `muara outbox list-dead` shows it.
    pub attempts: u32,
    /// Seconds to wait for a confirm before the connection is given up.
    pub confirm_timeout_seconds: u32,
    /// Read the core CRM's replies from the queue `muara.replies` and carry them to the citizens.
    pub replies: bool,
    /// Replies taken off the queue before they are on disk.
    pub replies_prefetch: u16,
}

/// Who makes exchanges and queues.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Topology {
    /// Muara does.
    #[default]
    Declare,
    /// Somebody else does; Muara only checks.
    Check,
}

impl Default for Broker {
    fn default() -> Self {
        Self {
            url: Secret::default(),
            topology: Topology::Declare,
            messages_per_second: 0,
            batch: 500,
            attempts: 12,
            confirm_timeout_seconds: 10,
            replies: true,
            replies_prefetch: 50,
        }
    }
}

/// How requests are taken in.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Intake {
    /// Seconds a vendor may take to send headers and body.
    pub body_timeout_seconds: u32,
    /// Seconds to wait for open requests and the broker's confirms at shutdown.
    pub drain_seconds: u32,
    /// `Retry-After` in seconds when the store is full or failing.
    pub retry_after_seconds: u32,
}

impl Default for Intake {
    fn default() -> Self {
        Self { body_timeout_seconds: 10, drain_seconds: 20, retry_after_seconds: 30 }
    }
}

/// The walk-in desks; offices and officers stand in each desk channel's own table.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Desk {
    /// Hours until an officer signs in again.
    pub session_hours: u32,
    /// Send session cookies over HTTPS only. Switch it off only for trying out without TLS.
    pub secure_cookies: bool,
}

impl Default for Desk {
    fn default() -> Self {
        Self { session_hours: 12, secure_cookies: true }
    }
}

/// What is logged, to standard error.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Log {
    /// `error`, `warn`, `info`, `debug`, or per module like `info,muara::relay=debug`.
    pub filter: String,
    /// `auto` (for people on a terminal, JSON otherwise), `human` or `json`.
    pub format: LogFormat,
}

impl Default for Log {
    fn default() -> Self {
        Self { filter: "info".to_owned(), format: LogFormat::Auto }
    }
}

/// OpenTelemetry traces of each complaint's way, from its request to the broker's confirm.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Telemetry {
    /// Where the collector takes OTLP over HTTP, e.g. `http://127.0.0.1:4318`; empty switches traces off. Headers, e.g. for
    /// signing in, come from the environment: `OTEL_EXPORTER_OTLP_HEADERS`.
    pub otlp_endpoint: String,
    /// The share of complaints that are traced, from 0 to 1.
    pub sample_ratio: f64,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self { otlp_endpoint: String::new(), sample_ratio: 1.0 }
    }
}

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people on a terminal, JSON otherwise.
    #[default]
    Auto,
    /// For people.
    Human,
    /// One JSON object a line.
    Json,
}
