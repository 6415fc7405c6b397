//! The canonical complaint, schema version 1: the one shape in which every channel's reports reach the core CRM.
//!
//! Within v1 members may be added; none is renamed, removed or given another type.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    ids::{ChannelId, ComplaintId, ExternalId, Reference},
    region::RegionCode,
};

/// One complaint, aspiration or request of a citizen, as one record for all channels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Complaint {
    /// Version of this schema: always `"1"`.
    pub schema: SchemaVersion,
    /// Canonical id (UUIDv7).
    pub id: ComplaintId,
    /// The code the citizen was given (Crockford base32 with a check symbol).
    pub reference: Reference,
    /// The official channel it came by.
    pub channel: Channel,
    /// What the source calls it.
    pub external: External,
    /// What kind of message it is.
    pub kind: Kind,
    /// Headline, where the channel has one; cleaned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The citizen's words, cleaned: NFC, no control or zero-width characters, tidy white space.
    pub description: String,
    /// The citizen's words as they were written.
    pub original: String,
    /// ISO 639-1 code of the language: `id`, `en`; `und` where it is another one or was not established.
    pub language: String,
    /// How sure the language is, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub language_confidence: Option<f64>,
    /// Suggested categories, best first.
    pub category: Vec<CategorySuggestion>,
    /// Where it is, with how that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    /// Who reported it.
    pub reporter: Reporter,
    /// Files that came with it.
    pub attachments: Vec<AttachmentRef>,
    /// When the matter happened, where the source keeps that apart (UTC).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occurred_at: Option<Timestamp>,
    /// When the citizen sent it (UTC). The time of receipt where the source's time is missing or not credible; a flag says so.
    pub sent_at: Timestamp,
    /// When Muara stored it (UTC).
    pub received_at: Timestamp,
    /// Links to other complaints.
    pub links: Links,
    /// What a reader should know before trusting the record.
    pub flags: Vec<Flag>,
    /// Why it is flagged as none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_a_complaint: Option<NotAComplaint>,
}

/// The version of the complaint schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SchemaVersion {
    /// Version 1.
    #[serde(rename = "1")]
    V1,
}

/// The official channel a complaint came by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Channel {
    /// Configured channel id, e.g. `twitter_dki`.
    pub id: ChannelId,
    /// The connector that speaks its protocol, e.g. `x`.
    pub connector: String,
    /// The office whose desk took it down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub office: Option<String>,
}

/// The source's own names for the message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct External {
    /// The vendor's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<ExternalId>,
    /// Where it can be seen at the vendor's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The vendor's conversation id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread: Option<String>,
    /// The category as the channel names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// How many others supported it at the vendor's when it was received.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supports: Option<u32>,
    /// The vendor's ids of all messages that were joined into it, if it was said in several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<ExternalId>,
}

/// What kind of message a citizen sent (the classes of SP4N-LAPOR!).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Pengaduan: something is wrong.
    #[default]
    Complaint,
    /// Aspirasi: a wish or proposal.
    Aspiration,
    /// Permintaan informasi: a question.
    InformationRequest,
}

/// One suggested category of the city's list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CategorySuggestion {
    /// Stable code: the folded name, e.g. `parkir-liar`.
    pub code: String,
    /// The city's name of it.
    pub name: String,
    /// 0 to 1.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub confidence: f64,
    /// Who suggests it.
    pub source: CategorySource,
    /// Why: the channel's label, or the words of the rules that the text met.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
}

/// Who suggests a category.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CategorySource {
    /// The channel's own label.
    Channel,
    /// A rule over the text.
    Rule,
}

/// Where the matter is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Location {
    /// Degrees north (WGS 84).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = -90.0, max = 90.0))]
    pub lat: Option<f64>,
    /// Degrees east (WGS 84).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = -180.0, max = 180.0))]
    pub lon: Option<f64>,
    /// Address or landmark, cleaned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Rukun tetangga, three digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[0-9]{3}$"))]
    pub rt: Option<String>,
    /// Rukun warga, three digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[0-9]{3}$"))]
    pub rw: Option<String>,
    /// Kelurahan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kelurahan: Option<Area>,
    /// Kecamatan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kecamatan: Option<Area>,
    /// Kota or kabupaten administrasi.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kota: Option<Area>,
    /// Street or alley in the citizen's words, its kind spelled out, e.g. `Jalan Pahlawan Revolusi`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub street: Option<String>,
    /// What stands near it in the citizen's words, e.g. `depan apotek`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub landmark: Option<String>,
    /// Postal code of the kelurahan, or as written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[0-9]{5}$"))]
    pub postal_code: Option<String>,
    /// What the place was taken from.
    pub source: LocationSource,
    /// 0 to 1.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub confidence: f64,
    /// Always false here: only a person at the kelurahan verifies a place.
    pub verified: bool,
    /// What the kelurahan, kecamatan and kota rest on, and what spoke against it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
}

/// A region of Indonesia's administration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Area {
    /// Kemendagri code, e.g. `31.75.07.1002`.
    pub code: RegionCode,
    /// Its official name.
    pub name: String,
}

/// What a place was taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LocationSource {
    /// Coordinates of a device.
    Gps,
    /// The citizen's words.
    Text,
    /// Stated by the channel: a pin on a map, a choice from a list.
    Channel,
    /// The area of the office where it was taken down.
    Office,
}

/// Who reported.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reporter {
    /// Keyed HMAC of the person's id on this channel: the same person has the same one, nobody can be looked up by it.
    #[serde(rename = "ref", default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[0-9a-f]{32}$"))]
    pub reference: Option<String>,
    /// Name to show; absent if the reporter asked to stay unnamed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// The reporter asked not to be named.
    pub anonymous: bool,
    /// The reporter asked that the report is not shown in public.
    pub private: bool,
}

/// A file that came with the complaint (Enterprise Integration Patterns: claim check).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AttachmentRef {
    /// Stable within the complaint: `1`, `2` …
    pub id: String,
    /// What it is.
    pub kind: AttachmentKind,
    /// MIME type, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// Size in bytes, once fetched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// SHA-256 of the content in hex, once fetched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Where it can be fetched: at Muara's, from the first event on and for good. At the vendor's only where Muara is
    /// told not to fetch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// How far Muara came with fetching it; absent where it is told not to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<AttachmentState>,
    /// Why it is refused or gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// How far Muara came with an attachment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AttachmentState {
    /// Not fetched yet; `complaint.amended.v1` tells when that changes.
    Pending,
    /// Kept by Muara: `url` brings it.
    Stored,
    /// Not kept: too large, of a kind that is not allowed, or at an address that is not asked.
    Refused,
    /// The vendor does not have it any more, or could not be reached for days.
    Gone,
}

impl AttachmentState {
    /// The state as it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Stored => "stored",
            Self::Refused => "refused",
            Self::Gone => "gone",
        }
    }
}

/// What an attachment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AttachmentKind {
    /// A photo.
    Image,
    /// A film.
    Video,
    /// Voice or sound.
    Audio,
    /// Anything else.
    File,
}

/// Links to other complaints.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Links {
    /// The complaint that this one seems to repeat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duplicate_of: Option<ComplaintId>,
    /// The complaint that this one continues.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follow_up_of: Option<ComplaintId>,
    /// How sure, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// Why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
}

/// What a reader should know before trusting the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Flag {
    /// The source gave (0, 0), which means "no position"; no coordinates are passed on.
    CoordinatesZero,
    /// Latitude and longitude were exchanged and have been put right.
    CoordinatesSwapped,
    /// The position is outside Jakarta; passed on as given.
    CoordinatesOutside,
    /// Not a position on Earth, or only half of one; no coordinates are passed on.
    CoordinatesInvalid,
    /// The source gave no time; `sent_at` is the time of receipt.
    TimeMissing,
    /// The source's time is in the future; `sent_at` is the time of receipt.
    TimeInFuture,
    /// The source's time is before 2010, when none of the channels existed; `sent_at` is the time of receipt.
    TimeTooOld,
    /// The source's time could not be read; `sent_at` is the time of receipt.
    TimeUnreadable,
    /// There are no words, only attachments.
    NoText,
    /// The officer who took it down sees danger in waiting.
    Urgent,
    /// What the channel, the address and the words say of the place does not fit together; the more certain is passed on.
    LocationConflict,
    /// Thanks, a greeting, spam, an advertisement …: `not_a_complaint` says what.
    NotAComplaint,
    /// The text held the number of a person, a family, or an account; it is masked.
    ContainsIdentityNumber,
    /// The text held a phone number or an e-mail address; it is masked.
    ContainsContact,
}

/// Why a message is taken for something else than a complaint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NotAComplaint {
    /// Only a greeting.
    Greeting,
    /// Thanks or praise.
    Thanks,
    /// Talk without a matter: a question about the account, a wish, a joke, a test.
    Chatter,
    /// Something is offered, sought or sold: goods, loans, jobs, followers.
    Advertisement,
    /// Somebody wants to be sent money or data.
    Fraud,
    /// Sent on and on: hoaxes, blessings, `sebarkan`.
    ChainMessage,
    /// Written by a machine: out of office, a delivery failure, a receipt, a newsletter.
    AutoReply,
    /// News, an invitation or an announcement that asks for nothing.
    Announcement,
    /// A question that a desk answers, with nothing to mend: hours, papers, fees, the way.
    Question,
}

impl NotAComplaint {
    /// The reason as it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Greeting => "greeting",
            Self::Thanks => "thanks",
            Self::Chatter => "chatter",
            Self::Advertisement => "advertisement",
            Self::Fraud => "fraud",
            Self::ChainMessage => "chain_message",
            Self::AutoReply => "auto_reply",
            Self::Announcement => "announcement",
            Self::Question => "question",
        }
    }
}
