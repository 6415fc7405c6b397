//! The contract: what a connector is and what it may say.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use muara_normalizer::{
    Amendment, Draft, ExternalId,
    draft::{ReturnAddress, SourceTime},
};
use serde::{Deserialize, Serialize};

use crate::{
    answer::{Answer, Reply},
    deliver::{AddressOf, OpenDeliver, Unreachable},
    media::OpenMedia,
    reject::Reject,
    request::Request,
    settings::{ChannelSettings, OwnSettings, SettingsError},
    verify::{Auth, Verified},
};

/// One vendor's protocol as a value: how it is verified, limited, decoded and answered.
pub struct Connector {
    /// What an operator calls it.
    pub title: &'static str,
    /// Where the vendor documents it; our own page where the vendor does not.
    pub docs: &'static str,
    /// How its requests prove where they come from.
    pub auth: Auth,
    /// Whether the vendor delivers again what was not answered 2xx: decides between 429 and holding.
    pub redelivers: bool,
    /// Limits that suit the vendor; each can be set per channel.
    pub limits: Limits,
    /// The media types it posts; empty means any.
    pub media_types: &'static [&'static str],
    /// What it is told when its message is stored.
    pub answer: Answer,
    /// Whether a verified body that cannot be decoded is answered like a stored one (it is kept in
    /// quarantine): for vendors that switch failing endpoints off.
    pub lenient: bool,
    /// Answers the vendor's GET that proves who owns the endpoint.
    pub challenge: Option<fn(&Request, &ChannelSettings) -> Option<Reply>>,
    /// Reads and checks the connector's own keys of a channel's table.
    pub settings: fn(toml::Table) -> Result<OwnSettings, Vec<SettingsError>>,
    /// Turns a verified request into drafts. Pure: no socket, no clock, no log.
    pub decode: fn(&Verified<'_>) -> Result<Decoded, Reject>,
    /// Opens the vendor's API for pulling, where this channel is configured for it.
    pub pull: Option<OpenPull>,
    /// Opens the vendor's API for sending, where this channel is configured for it.
    pub deliver: Option<OpenDeliver>,
    /// Makes a return address from a phone number or an e-mail address: for connectors that can stand in for another
    /// channel that cannot answer.
    pub address: Option<AddressOf>,
    /// Opens the vendor's media API, where files need a handle or credentials.
    pub media: Option<OpenMedia>,
    /// Whether the vendor tells later what became of a message that it took.
    pub reports: bool,
    /// Whether people chat by it: what one person says in several messages is one complaint.
    pub chat: bool,
}

/// Opens the vendor's API; nothing where the channel is not configured for it.
pub type OpenPull = fn(&ChannelSettings) -> Option<Box<dyn Pull>>;

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connector").field("title", &self.title).finish_non_exhaustive()
    }
}

impl Connector {
    /// What most webhooks have in common; a connector says only what differs.
    pub const WEBHOOK: Self = Self {
        title: "",
        docs: "",
        auth: Auth::Configured,
        redelivers: false,
        limits: Limits::DEFAULT,
        media_types: &["application/json"],
        answer: Answer::Empty,
        lenient: false,
        challenge: None,
        settings: crate::settings::none,
        decode: |_| Err(Reject::Shape { expected: "nothing: this connector takes no requests" }),
        pull: None,
        deliver: None,
        address: None,
        media: None,
        reports: false,
        chat: false,
    };
}

/// What a request holds.
#[derive(Debug, Default)]
pub struct Decoded {
    /// Every item of the batch, in the vendor's order; a bad one does not harm its neighbours.
    pub items: Vec<Item>,
}

/// One item of a request.
#[derive(Debug)]
pub enum Item {
    /// A message of a citizen.
    Draft(Box<Draft>),
    /// A change of an earlier message.
    Amendment(Box<Amendment>),
    /// What became of a message of ours.
    Report(DeliveryReport),
    /// A question to the channel itself, which Muara answers alone.
    Inquiry(Box<Inquiry>),
    /// Nothing for us, and why: a test ping, a vendor's own notice.
    Ignored(&'static str),
    /// Could not be understood: quarantined with the request's bytes.
    Rejected {
        /// Position in the batch, counted from 0.
        index: usize,
        /// Why.
        reason: Reject,
    },
}

/// What became of a message that the vendor took. Reports come late, twice and out of order: the gateway moves a
/// message's state only forward.
#[derive(Clone, Debug, PartialEq)]
pub struct DeliveryReport {
    /// The vendor's id of the message ([`crate::deliver::Sent`]).
    pub vendor_id: String,
    /// What became of it.
    pub state: DeliveryState,
    /// When, by the vendor's clock.
    pub at: Option<SourceTime>,
}

/// How far a message came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeliveryState {
    /// It left the vendor.
    Sent,
    /// It is on the citizen's device.
    Delivered,
    /// The citizen opened it.
    Read,
    /// It will not arrive.
    Failed {
        /// The vendor's code and words in short.
        detail: String,
        /// Whether another contact of the citizen may do: blocked, no such number, window closed.
        other_way: bool,
    },
}

/// A citizen's question to the channel itself, e.g. a bot command.
#[derive(Clone, Debug, PartialEq)]
pub struct Inquiry {
    /// The vendor's id of the message, by which a redelivery is known.
    pub external_id: ExternalId,
    /// What is asked.
    pub ask: Ask,
    /// Where the answer goes.
    pub return_address: ReturnAddress,
}

/// What a citizen may ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// What this is and what it can do (`/start`).
    Welcome,
    /// How to report (`/lapor` without words).
    HowToReport,
    /// How a complaint stands, by its reference as typed (`/status REF`).
    Status(String),
}

impl Decoded {
    /// One draft.
    #[must_use]
    pub fn draft(draft: Draft) -> Self {
        Self { items: vec![Item::Draft(Box::new(draft))] }
    }

    /// Nothing for us, and why.
    #[must_use]
    pub fn ignored(reason: &'static str) -> Self {
        Self { items: vec![Item::Ignored(reason)] }
    }

    /// Decodes every item of a batch by itself.
    pub fn batch<T>(items: impl IntoIterator<Item = T>, decode: impl Fn(T) -> Result<Draft, Reject>) -> Self {
        let items = items.into_iter().enumerate().map(|(index, item)| match decode(item) {
            Ok(draft) => Item::Draft(Box::new(draft)),
            Err(reason) => Item::Rejected { index, reason },
        });
        Self { items: items.collect() }
    }
}

/// A rate as a token bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// Messages per minute, on average.
    pub per_minute: u32,
    /// Messages at once.
    pub burst: u32,
}

/// How much a channel takes in before it slows its vendor down or holds messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// For the whole channel: a fuse against a vendor's runaway loop, far above any real day.
    pub channel: Rate,
    /// For each sender.
    pub sender: Rate,
    /// Messages to the vendor.
    pub outgoing: Rate,
    /// Largest body in bytes.
    pub body_bytes: usize,
}

impl Limits {
    /// Jakarta's busiest day had 800 reports; a channel's fuse is set far above what a flood could bring,
    /// and a sender may still report a whole street.
    pub const DEFAULT: Self = Self {
        channel: Rate { per_minute: 600_000, burst: 20_000 },
        sender: Rate { per_minute: 30, burst: 60 },
        outgoing: Rate { per_minute: 600, burst: 20 },
        body_bytes: 1024 * 1024,
    };
}

/// Where a pull stands, in the connector's own words; moved only in the transaction that stored what it covers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(pub String);

/// One page of a pull.
#[derive(Debug, Default)]
pub struct Page {
    /// What was understood, oldest first.
    pub items: Vec<Item>,
    /// What was not: the item's bytes, which the connector's own `decode` reads, and why.
    pub rejects: Vec<(Bytes, Reject)>,
    /// Where to go on after this page.
    pub cursor: Cursor,
    /// Whether there is more right now.
    pub more: bool,
}

impl Page {
    /// The messages among the items.
    pub fn drafts(&self) -> impl Iterator<Item = &Draft> {
        self.items.iter().filter_map(|item| match item {
            Item::Draft(draft) => Some(draft.as_ref()),
            _ => None,
        })
    }
}

/// A vendor's API that is asked for messages.
pub trait Pull: Send {
    /// The page after a cursor. May wait (long poll); is dropped at shutdown, so it must not count on being finished.
    fn next<'a>(&'a mut self, after: &'a Cursor) -> BoxFuture<'a, Result<Page, PullError>>;

    /// Told when the last page is on disk: for vendors that want an acknowledgement of their own. An error counts like
    /// one of [`Pull::next`]; what is not acknowledged comes again and is recognised.
    fn stored(&mut self) -> BoxFuture<'_, Result<(), PullError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// How long to wait after a page with nothing more.
    fn interval(&self) -> Duration;
}

/// Why a page could not be pulled.
#[derive(Debug, thiserror::Error)]
pub enum PullError {
    /// Network or vendor trouble: tried again with growing pauses.
    #[error("the vendor cannot be reached: {0}")]
    Unreachable(#[from] Unreachable),
    /// The vendor asks for a pause.
    #[error("the vendor limits the rate of requests (429)")]
    Throttled {
        /// Its Retry-After, if it gave one.
        retry_after: Option<Duration>,
    },
    /// Credentials are refused: the operator must renew them. Tried again slowly.
    #[error("the vendor refuses the credentials ({answer}); renew the channel's secret")]
    Refused {
        /// Its answer in short, e.g. `HTTP 401`.
        answer: String,
    },
    /// The vendor answers with an error of its own. Tried again.
    #[error("the vendor fails ({answer})")]
    Vendor {
        /// Its answer in short, e.g. `HTTP 502`.
        answer: String,
    },
    /// The page as a whole is not what the vendor promises; nothing was taken and the cursor stays.
    #[error("the vendor's page cannot be read: {0}")]
    Page(#[source] Reject),
    /// The page is larger than the channel allows.
    #[error("the vendor's page has more than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
}
