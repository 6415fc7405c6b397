//! The way back: one message to one citizen, by the vendor that brought the complaint.

use std::{borrow::Cow, fmt, io, time::Duration};

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use muara_normalizer::{ComplaintId, Reference, Status, draft::ReturnAddress};
use uuid::Uuid;

use crate::settings::ChannelSettings;

/// Opens the vendor's API for sending; nothing where the channel is not configured for it.
pub type OpenDeliver = fn(&ChannelSettings) -> Option<Box<dyn Deliver>>;

/// A vendor's API that takes messages to citizens.
pub trait Deliver: Send + Sync {
    /// Hands one message over. The gateway calls again after an error that says so, with the same [`Outgoing::id`];
    /// a connector neither retries nor waits by itself, but for what belongs to one message (its parts).
    fn deliver<'a>(
        &'a self,
        to: &'a ReturnAddress,
        message: &'a Outgoing,
    ) -> BoxFuture<'a, Result<Sent, DeliverError>>;
}

/// One message to a citizen, ready to be sent.
#[derive(Clone)]
pub struct Outgoing {
    /// The same in every attempt: for vendors that recognise a message that is sent again.
    pub id: Uuid,
    /// The complaint it is about; none where a citizen asked something in general.
    pub complaint: Option<ComplaintId>,
    /// The citizen's code.
    pub reference: Option<Reference>,
    /// Why it is sent.
    pub occasion: Occasion,
    /// The complaint's status, where this message tells of it: for vendors that keep statuses of their own.
    pub status: Option<Status>,
    /// The core CRM's own words, without the sentences around them: for vendors that keep status and words apart.
    pub words: Option<String>,
    /// The whole message for the citizen's eyes only.
    pub text: String,
    /// What may be said where everybody reads it; nothing where the channel's policy allows nothing. Never identity
    /// or details.
    pub public_text: Option<String>,
    /// Files to go with it. A vendor that takes none gets their addresses at the end of the text.
    pub attachments: Vec<OutgoingFile>,
    /// When the citizen was last heard in this conversation: some vendors allow answers only for a while.
    pub last_heard_at: Timestamp,
    /// When this attempt is made.
    pub now: Timestamp,
}

/// Without the citizen's words.
impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing")
            .field("id", &self.id)
            .field("occasion", &self.occasion)
            .finish_non_exhaustive()
    }
}

impl Outgoing {
    /// The text with the addresses of its files below it: for vendors that take words only.
    #[must_use]
    pub fn text_with_files(&self) -> Cow<'_, str> {
        if self.attachments.is_empty() {
            return Cow::Borrowed(&self.text);
        }
        let files = self.attachments.iter().map(|file| format!("\n{}", file.url));
        Cow::Owned(self.text.clone() + &files.collect::<String>())
    }
}

/// Why a message is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// The complaint came in: its reference.
    Receipt,
    /// The core CRM answers.
    Reply,
    /// The citizen asked the channel itself ([`crate::connector::Ask`]).
    Answer,
}

/// A file of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutgoingFile {
    /// Where it can be fetched.
    pub url: String,
    /// MIME type, where known.
    pub content_type: Option<String>,
}

/// What the vendor said when it took a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// The vendor's id of each part, by which its delivery reports name it.
    pub vendor_ids: Vec<String>,
}

impl Sent {
    /// One message with its id.
    #[must_use]
    pub fn one(id: impl Into<String>) -> Self {
        Self { vendor_ids: vec![id.into()] }
    }
}

/// How else a citizen can be reached: for a channel that stands in when the complaint's own cannot answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Contact {
    /// E.164, e.g. `+6281234567890`.
    pub phone: Option<String>,
    /// An e-mail address.
    pub email: Option<String>,
}

/// Makes a return address of this connector from a contact; nothing where it has none for it.
pub type AddressOf = fn(&Contact, &ChannelSettings) -> Option<ReturnAddress>;

/// Why a vendor was not reached at all. Goes away by itself or by the network's owner.
#[derive(Debug, thiserror::Error)]
pub enum Unreachable {
    /// HTTP trouble. Built without the address, which may hold a key.
    #[error("{}", chain(.0))]
    Http(#[source] reqwest::Error),
    /// The connection is refused or breaks.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// No answer within the time.
    #[error("no answer within {} s", .0.as_secs())]
    Timeout(Duration),
    /// The peer does not speak the protocol as it should.
    #[error("{0}")]
    Protocol(Cow<'static, str>),
}

/// An error with what caused it, since the outermost one alone ("error sending request") helps nobody.
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text += ": ";
        text += &cause.to_string();
        source = cause.source();
    }
    text
}

/// Why a message was not taken. What is to be done follows from [`DeliverError::verdict`].
#[derive(Debug, thiserror::Error)]
pub enum DeliverError {
    /// Network or vendor cannot be reached.
    #[error("the vendor cannot be reached: {0}")]
    Unreachable(#[from] Unreachable),
    /// The vendor limits the rate or the quota is used up.
    #[error("the vendor limits the rate of messages")]
    Throttled {
        /// Its Retry-After or the time of its quota's reset, if it gave one.
        retry_after: Option<Duration>,
    },
    /// The vendor refuses the credentials or permissions: the operator's to mend.
    #[error("the vendor refuses the credentials ({answer}); renew the channel's secret")]
    Refused {
        /// Its answer in short, e.g. `HTTP 401`.
        answer: String,
    },
    /// The vendor fails: tried again.
    #[error("the vendor fails ({answer})")]
    Vendor {
        /// Its answer in short, e.g. `HTTP 502` or `error 131016`.
        answer: String,
    },
    /// The vendor will never take this message.
    #[error("the vendor does not take this message ({answer})")]
    Rejected {
        /// Its answer in short, with its code.
        answer: String,
    },
    /// The time in which the vendor allows an answer has passed, and no template stands in.
    #[error("the time in which this vendor allows an answer has passed")]
    WindowClosed,
    /// The citizen blocked us, opted out or left.
    #[error("the citizen does not want messages by this channel ({answer})")]
    Blocked {
        /// The vendor's answer in short.
        answer: String,
    },
    /// There is no such account, number or mailbox.
    #[error("the recipient does not exist ({answer})")]
    NoRecipient {
        /// The vendor's answer in short.
        answer: String,
    },
    /// Only a public answer is possible, and the channel's policy does not allow one.
    #[error("only a public answer is possible here, and the channel's policy does not allow it")]
    OnlyPublic,
    /// The return address is none of this connector's: a fault in Muara, or the channel's connector was changed.
    #[error("the return address is not one of this connector's")]
    Address,
}

/// What is to become of a message that was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Try the same message again later.
    Retry,
    /// Nothing can be sent by this channel now: pause it, for so long if the vendor says.
    Pause(Option<Duration>),
    /// Not by this way; another contact of the citizen may do.
    OtherWay,
    /// Never.
    Final,
}

impl DeliverError {
    /// What is to be done.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::Unreachable(_) | Self::Refused { .. } => Verdict::Pause(None),
            Self::Throttled { retry_after } => Verdict::Pause(*retry_after),
            Self::Vendor { .. } => Verdict::Retry,
            Self::WindowClosed | Self::Blocked { .. } | Self::NoRecipient { .. } | Self::OnlyPublic => {
                Verdict::OtherWay
            }
            Self::Rejected { .. } | Self::Address => Verdict::Final,
        }
    }

    /// The kind of error as events and metrics name it.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "unreachable",
            Self::Throttled { .. } => "throttled",
            Self::Refused { .. } => "refused",
            Self::Vendor { .. } => "vendor",
            Self::Rejected { .. } => "rejected",
            Self::WindowClosed => "window_closed",
            Self::Blocked { .. } => "blocked",
            Self::NoRecipient { .. } => "no_recipient",
            Self::OnlyPublic => "only_public",
            Self::Address => "address",
        }
    }
}
