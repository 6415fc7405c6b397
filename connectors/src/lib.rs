//! Connectors: one file for each vendor protocol that citizens' complaints arrive by.
//!
//! A connector is a value and small functions. It never sees the store, the broker, a clock or another
//! connector; so its tests are files (`tests/fixtures/<connector>/<case>/`), and fuzzing it needs no peer.
//!
//! # Adding a connector: three touches
//! 1. One file `connectors/src/<name>.rs` with `pub static CONNECTOR: Connector` and a
//!    `fn decode(&Verified<'_>) -> Result<Decoded, Reject>`. Begin it with the vendor's documentation link and
//!    a sample payload. Start from [`Connector::WEBHOOK`] and say what differs: how the vendor signs
//!    ([`verify::Auth`]), whether it redelivers what was not answered 2xx, what answer it expects.
//! 2. One folder `tests/fixtures/<name>/` with the cases `ok`, `redelivered`, `forged`, `malformed`, `batch`
//!    (one bad item among good ones) and `irrelevant`; each is a captured `request.http` and what is expected.
//! 3. One word in [`registry`]'s `connectors!`.
//!
//! The word is then the file, the folder, the `connector = "…"` of the configuration, a routing-key part,
//! a metric label and a row in every table. A fourth way needs no code at all: the `webhook` connector maps
//! any JSON or form body by a declarative field map.

pub mod answer;
mod callback;
mod client;
pub mod connector;
pub mod deliver;
mod fields;
mod html;
pub mod media;
pub mod registry;
pub mod reject;
pub mod request;
pub mod settings;
mod value;
pub mod verify;
mod xml;

pub use answer::{Answer, Reply};
pub use connector::{
    Ask, Connector, Cursor, Decoded, DeliveryReport, DeliveryState, Inquiry, Item, Limits, OpenPull, Page,
    Pull, PullError, Rate,
};
pub use deliver::{Contact, Deliver, DeliverError, Outgoing, Sent};
pub use media::MediaSource;
pub use registry::*;
pub use reject::Reject;
pub use request::Request;
pub use settings::{ChannelSettings, SettingsError};
pub use verify::{Auth, Verified};
