//! Connectors: one file for each vendor protocol that citizens' complaints arrive by.
//!
//! A connector is a value and small functions. It never sees the store, the broker, a clock or another
//! connector; so its tests are files (`tests/fixtures/<connector>/<case>/`), and fuzzing it needs no peer.
//!
//! # Adding a connector: three touches
//! 1. One file `connectors/src/<name>.rs` with `pub static CONNECTOR: Connector` and a
//!    `fn decode(&Verified<'_>) -> Result<Decoded, Reject>`. Begin it with the vendor's documentation link and a sample
//!    payload. Start from [`Connector::WEBHOOK`] and say what differs: how the vendor signs ([`verify::Auth`]), whether
//!    it redelivers what was not answered 2xx, what answer it expects.
//! 2. One folder `tests/fixtures/<name>/` with the cases `ok`, `redelivered`, `forged`, `malformed`, `batch` (one bad
//!    item among good ones) and `irrelevant`, and one for each quirk; each is a captured `request.http` and what is
//!    expected. `BLESS=1 ./tests/run fixtures` writes `expected.json` or `expected.reject`: read it before you commit
//!    it. A `channel.toml` beside them is the channel's table, with a secret for tests.
//! 3. One word in [`registry`]'s `connectors!`.
//!
//! The word is then the file, the folder, the `connector = "…"` of the configuration, a routing-key part, a metric
//! label and a row in every table. A fourth way needs no code at all: the `webhook` connector maps any JSON or form
//! body by a declarative field map.
//!
//! # What else a connector can do
//! Each further ability is a member of the same value, opened only where the channel's table has the keys for it:
//!
//! * **Asking the vendor** ([`Connector`]`.pull`, [`Pull`]): a page after a cursor. The gateway stores page and cursor
//!   at once, then calls [`Pull::stored`]. A vendor that never calls us has [`Auth::Pull`] and needs of the fixtures
//!   only `ok`, `redelivered`, `malformed` and `irrelevant`: their body is one item as `decode` reads it out of
//!   quarantine.
//! * **Answering** (`deliver`, [`Deliver`]): put a `return_address` into each draft that can be answered, in your own
//!   words; it comes back with the message. Say what happened by [`DeliverError`], which decides what is done; what a
//!   vendor took is taken, even if its answer cannot be read. Send by the client that follows no redirect. A vendor
//!   that wants no more than a request of its own form needs no code: `callback.rs` fills a template.
//! * **Standing in** for a channel that cannot answer (`address`): a return address from a phone number or an e-mail
//!   address.
//! * **Delivery reports** (`reports: true`): `decode` makes [`Item::Report`] of them, by the ids that [`Sent`] named.
//! * **Files behind handles or credentials** (`media`, [`MediaSource`]): say how to fetch one; credentials only to the
//!   vendor's own host.
//! * **Changes, deletions and questions**: [`Item::Amendment`] and [`Item::Inquiry`].
//!
//! What does I/O is tested against a fake on loopback that keeps the vendor's rules (signature, quota, codes, windows);
//! the API's address is therefore a key, `api_url`, with the vendor's own as its default.

pub mod answer;
mod callback;
mod client;
pub mod connector;
pub mod deliver;
mod fields;
mod html;
pub mod media;
mod meta;
mod parts;
pub mod quota;
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
pub use quota::Quota;
pub use registry::*;
pub use reject::Reject;
pub use request::Request;
pub use settings::{ChannelSettings, SettingsError};
pub use verify::{Auth, Verified};
