//! The versioned envelope published to RabbitMQ: CloudEvents 1.0 in structured JSON
//! (<https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md>).
//!
//! There is no CloudEvents binding for AMQP 0-9-1; ours: the body is the structured envelope, `content_type`
//! is [`CONTENT_TYPE`], `message_id` is the event's id and the routing key is `<type>.<channel>`.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    complaint::{AttachmentRef, Complaint},
    ids::{ChannelId, ComplaintId, Reference},
};

/// The AMQP `content_type` of every event.
pub const CONTENT_TYPE: &str = "application/cloudevents+json";

/// What happened. Names carry their version; a new version is a new type beside the old one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum EventType {
    /// A complaint came in.
    #[serde(rename = "complaint.received.v1")]
    ComplaintReceived,
    /// Its sender, or somebody who quotes its reference, said more about it: the record of what was said, whose
    /// `links.follow_up_of` is the complaint.
    #[serde(rename = "complaint.followed_up.v1")]
    ComplaintFollowedUp,
    /// Nobody answered it in its time: told once, and then daily.
    #[serde(rename = "complaint.overdue.v1")]
    ComplaintOverdue,
    /// Its sender changed it or took it back, or files of it came late.
    #[serde(rename = "complaint.amended.v1")]
    ComplaintAmended,
    /// A reply came a step further on its way to the citizen.
    #[serde(rename = "reply.delivered.v1")]
    ReplyDelivered,
    /// A reply will not arrive.
    #[serde(rename = "reply.failed.v1")]
    ReplyFailed,
}

impl EventType {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::ComplaintReceived,
        Self::ComplaintFollowedUp,
        Self::ComplaintAmended,
        Self::ComplaintOverdue,
        Self::ReplyDelivered,
        Self::ReplyFailed,
    ];

    /// The type as it stands in the envelope and the routing key.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ComplaintReceived => "complaint.received.v1",
            Self::ComplaintFollowedUp => "complaint.followed_up.v1",
            Self::ComplaintOverdue => "complaint.overdue.v1",
            Self::ComplaintAmended => "complaint.amended.v1",
            Self::ReplyDelivered => "reply.delivered.v1",
            Self::ReplyFailed => "reply.failed.v1",
        }
    }
}

/// The version of CloudEvents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SpecVersion {
    /// CloudEvents 1.0.
    #[serde(rename = "1.0")]
    V1,
}

/// One event with what it tells.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Event<D = Complaint> {
    /// CloudEvents version: always `"1.0"`.
    pub specversion: SpecVersion,
    /// Event id. The same event published again has the same id: consumers drop what they have seen.
    pub id: Uuid,
    /// Where it comes from: `/muara/channels/<channel>`.
    pub source: String,
    /// What happened.
    #[serde(rename = "type")]
    pub event_type: EventType,
    /// The complaint's id; of what follows one up, the id of that.
    pub subject: ComplaintId,
    /// When it happened (UTC): for a received complaint, when it was stored.
    pub time: Timestamp,
    /// Always `application/json`.
    pub datacontenttype: String,
    /// What it tells.
    pub data: D,
}

/// A complaint that its sender changed or took back after it was published, or whose files came late.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Amended {
    /// The complaint.
    pub complaint_id: ComplaintId,
    /// The citizen's code of it.
    pub reference: Reference,
    /// The channel it came by.
    pub channel: ChannelId,
    /// What the sender did.
    pub change: AmendedChange,
    /// When, by the source's clock where it is credible, else when it was stored (UTC).
    pub at: Timestamp,
    /// The new headline, where the channel has one; cleaned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The new words, cleaned as in a complaint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The new words as they were written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original: Option<String>,
    /// All the files it has now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attachments: Option<Vec<AttachmentRef>>,
}

/// What a sender did to a complaint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AmendedChange {
    /// Wrote it anew: what is given here replaces what was published.
    Edited,
    /// Took it back. The complaint stays with the core CRM, which decides.
    Deleted,
    /// Nothing: Muara came further with files that were still to be fetched when the last event was published.
    Attachments,
}

/// A complaint that nobody answered in its time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Overdue {
    /// The complaint.
    pub complaint_id: ComplaintId,
    /// The citizen's code of it.
    pub reference: Reference,
    /// The channel it came by.
    pub channel: ChannelId,
    /// What nobody did.
    pub clock: ClockKind,
    /// When it was received (UTC).
    pub received_at: Timestamp,
    /// When it was due (UTC).
    pub due_at: Timestamp,
    /// How often this was told, this time included.
    pub times: u32,
    /// When this was told (UTC).
    pub at: Timestamp,
}

/// What must be done in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClockKind {
    /// The core CRM says a first word.
    FollowUp,
    /// Somebody works on it.
    Response,
    /// It is done.
    Finish,
}

impl ClockKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::FollowUp, Self::Response, Self::Finish];

    /// The clock as it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FollowUp => "follow_up",
            Self::Response => "response",
            Self::Finish => "finish",
        }
    }
}

/// How far a reply came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReplyProgress {
    /// The core CRM's id of the reply.
    pub reply_id: String,
    /// The complaint it answers.
    pub complaint_id: ComplaintId,
    /// The citizen's code of the complaint.
    pub reference: Reference,
    /// The channel it went by: not the complaint's own if another stood in.
    pub channel: ChannelId,
    /// How far.
    pub state: ReplyState,
    /// When Muara came to know (UTC).
    pub at: Timestamp,
    /// How often it was tried.
    pub attempts: u32,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<ReplyReason>,
}

/// Why a reply failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReplyReason {
    /// One of a closed set: `rejected`, `window_closed`, `blocked`, `no_recipient`, `only_public`, `vendor`, `no_way` …
    pub code: String,
    /// In words, without the citizen's.
    pub detail: String,
}

/// How far a reply came; later ones stand further down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReplyState {
    /// The vendor took it.
    Sent,
    /// It is on the citizen's device.
    Delivered,
    /// The citizen opened it.
    Read,
    /// It will not arrive.
    Failed,
}

impl ReplyState {
    /// The state as it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Read => "read",
            Self::Failed => "failed",
        }
    }
}

impl<D> Event<D> {
    fn new(
        event_type: EventType,
        id: Uuid,
        channel: &ChannelId,
        subject: ComplaintId,
        time: Timestamp,
        data: D,
    ) -> Self {
        Self {
            specversion: SpecVersion::V1,
            id,
            source: format!("/muara/channels/{channel}"),
            event_type,
            subject,
            time,
            datacontenttype: "application/json".to_owned(),
            data,
        }
    }

    /// `<type>.<channel>`: consumers bind by either part.
    #[must_use]
    pub fn routing_key(&self) -> String {
        let channel = self.source.rsplit('/').next().unwrap_or_default();
        format!("{}.{channel}", self.event_type.as_str())
    }
}

impl Event {
    /// The event that says a complaint came in.
    #[must_use]
    pub fn received(complaint: Complaint) -> Self {
        let event_type = EventType::ComplaintReceived;
        let id = complaint.id.event_id(event_type.as_str(), 0);
        let channel = complaint.channel.id.clone();
        Self::new(event_type, id, &channel, complaint.id, complaint.received_at, complaint)
    }

    /// The event that says more was said about an earlier complaint.
    #[must_use]
    pub fn followed_up(first: ComplaintId, follow_up: Complaint) -> Self {
        let event_type = EventType::ComplaintFollowedUp;
        let id = follow_up.id.event_id(event_type.as_str(), 0);
        let channel = follow_up.channel.id.clone();
        Self::new(event_type, id, &channel, first, follow_up.received_at, follow_up)
    }
}

impl Event<Amended> {
    /// The event that says a complaint was changed; `number` is the change's own in its store.
    #[must_use]
    pub fn amended(amended: Amended, number: u64, stored_at: Timestamp) -> Self {
        let event_type = EventType::ComplaintAmended;
        let id = amended.complaint_id.event_id_of(event_type.as_str(), &number.to_string());
        let channel = amended.channel.clone();
        Self::new(event_type, id, &channel, amended.complaint_id, stored_at, amended)
    }
}

impl Event<Overdue> {
    /// The event that says a complaint is overdue: one for each clock and telling.
    #[must_use]
    pub fn overdue(overdue: Overdue) -> Self {
        let event_type = EventType::ComplaintOverdue;
        let which = format!("{}#{}", overdue.clock.as_str(), overdue.times);
        let id = overdue.complaint_id.event_id_of(event_type.as_str(), &which);
        let channel = overdue.channel.clone();
        Self::new(event_type, id, &channel, overdue.complaint_id, overdue.at, overdue)
    }
}

impl Event<ReplyProgress> {
    /// The event that says how far a reply came: one for each reply and state.
    #[must_use]
    pub fn reply(progress: ReplyProgress) -> Self {
        let event_type = match progress.state {
            ReplyState::Failed => EventType::ReplyFailed,
            _ => EventType::ReplyDelivered,
        };
        // a reply that failed and is sent again at an operator's word may fail again: that is another event
        let again = if progress.state == ReplyState::Failed { progress.attempts } else { 0 };
        let which = format!("{}#{again}#{}", progress.state.as_str(), progress.reply_id);
        let id = progress.complaint_id.event_id_of(event_type.as_str(), &which);
        let channel = progress.channel.clone();
        Self::new(event_type, id, &channel, progress.complaint_id, progress.at, progress)
    }
}
