//! What a connector may claim about one message, still in the vendor's words.

use jiff::{Timestamp, civil};
use serde::{Deserialize, Serialize};

use crate::{complaint::Kind, ids::ExternalId, region::RegionCode, text};

/// One message as its connector decoded it. A claim, not a fact: only the normalizer turns it into a complaint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Draft {
    /// The vendor's id; without one the idempotency key is made from the content.
    pub external_id: Option<ExternalId>,
    /// Where the message can be seen at the vendor's.
    pub url: Option<String>,
    /// The vendor's conversation or thread id.
    pub thread: Option<String>,
    /// Complaint, aspiration or request, where the channel says so.
    pub kind: Option<Kind>,
    /// Headline, where the channel has one.
    pub title: Option<String>,
    /// The citizen's words as written.
    pub text: String,
    /// The whole message as written, where `text` is only what is new in it (an e-mail without what it quotes).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub original: Option<String>,
    /// The category as the channel names it.
    pub category: Option<String>,
    /// How many others support it at the vendor's, as of this delivery.
    pub supports: Option<u32>,
    /// Where it is, as far as the channel says.
    pub place: DraftPlace,
    /// Who says it, as far as the channel says.
    pub reporter: DraftReporter,
    /// Photos, documents, voice.
    pub attachments: Vec<Attachment>,
    /// When the thing happened, if the source keeps that apart.
    pub occurred_at: Option<SourceTime>,
    /// When the citizen sent it, by the source's clock.
    pub sent_at: Option<SourceTime>,
    /// The desk at which it was taken down.
    pub office: Option<String>,
    /// Whoever took it down sees danger in waiting.
    pub urgent: bool,
    /// Said where everybody can read it: a comment, a mention. An answer the same way can be read by all, too.
    pub public: bool,
    /// Sent by a machine (out of office, a list, a newsletter): it gets no automatic answer, so nothing can loop.
    pub automatic: bool,
    /// The vendor's ids of earlier messages, theirs or ours, that this one answers; nearest first.
    pub replies_to: Vec<String>,
    /// The vendor's ids of all messages that were joined into this one, its own among them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<ExternalId>,
    /// How to answer, opaque to everyone but the connector.
    pub return_address: Option<ReturnAddress>,
}

impl Draft {
    /// Whether there are neither words that can be seen nor files: nothing was said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let titled = self.title.as_deref().is_some_and(text::has_words);
        !text::has_words(&self.text) && !titled && self.attachments.is_empty()
    }
}

impl Draft {
    /// Whether it has a point on the map, which in a chat is a message by itself.
    #[must_use]
    pub fn has_point(&self) -> bool {
        self.place.lat.is_some() && self.place.lon.is_some()
    }
}

/// The place as the source gives it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DraftPlace {
    /// Degrees north (WGS 84).
    pub lat: Option<f64>,
    /// Degrees east (WGS 84).
    pub lon: Option<f64>,
    /// The coordinates came from a device, not from a person's choice on a map.
    pub device: bool,
    /// Street address or landmark as written.
    pub address: Option<String>,
    /// Rukun tetangga as written.
    pub rt: Option<String>,
    /// Rukun warga as written.
    pub rw: Option<String>,
    /// A region named by the channel itself: picked from a list, not read out of a text.
    pub region: Option<RegionCode>,
    /// The area of the desk's own office.
    pub office_region: Option<RegionCode>,
}

/// The reporter as the source names them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DraftReporter {
    /// The vendor's stable id of the account.
    pub id: Option<String>,
    /// Other ids of the same account, where the channel itself says so: WhatsApp's id beside the number.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<String>,
    /// A name to show.
    pub name: Option<String>,
    /// Phone as written.
    pub phone: Option<String>,
    /// E-mail address as written.
    pub email: Option<String>,
    /// Nomor Induk Kependudukan as written.
    pub nik: Option<String>,
    /// The citizen asked not to be named.
    pub anonymous: bool,
    /// The citizen asked that the report is not shown in public.
    pub private: bool,
}

/// A file that belongs to the message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Attachment {
    /// Can be fetched from this address.
    Url {
        /// Address without any token in it.
        url: String,
        /// What the vendor calls it: `image`, `image/jpeg`, `video` …
        #[serde(default, skip_serializing_if = "Option::is_none")]
        content_type: Option<String>,
    },
    /// Must be asked for by the vendor's own handle.
    Handle {
        /// The vendor's media id.
        handle: String,
        /// MIME type, where said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        content_type: Option<String>,
    },
    /// Came inside the message itself.
    Inline {
        /// The file's name, where it has one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// MIME type, where said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        content_type: Option<String>,
        /// The content in base64 (RFC 4648 §4).
        data: String,
    },
}

/// A point in time as the source writes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceTime {
    /// With an offset or as seconds since 1970: no doubt which instant.
    Instant(Timestamp),
    /// Date and time without an offset: Jakarta's clocks (WIB, UTC+7).
    Naive(civil::DateTime),
    /// Something that should have been a time; kept so that it can be flagged.
    Unreadable(String),
}

/// Where an answer goes, in the connector's own words (Enterprise Integration Patterns: return address).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ReturnAddress(pub serde_json::Value);

/// A change of a message that was sent before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Amendment {
    /// The vendor's id of the message that is changed.
    pub external_id: ExternalId,
    /// What tells this change from other changes of the same message: the vendor's time or number of it.
    pub revision: String,
    /// When, by the source's clock.
    pub at: Option<SourceTime>,
    /// What changed.
    pub change: Change,
}

/// What a sender did to a message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Change {
    /// Wrote it anew: the whole message as it is now, with the id of the message that it changes. A change that
    /// comes before its message is a message itself.
    Edited {
        /// The message as it is now.
        draft: Box<Draft>,
    },
    /// Changed one of several messages that are one complaint: what all of them say now. Its files stay as they are.
    Reworded {
        /// The words.
        text: String,
    },
    /// Took it back.
    Deleted,
}
