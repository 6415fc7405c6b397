//! The versioned envelope published to RabbitMQ: CloudEvents 1.0 in structured JSON
//! (<https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md>).
//!
//! There is no CloudEvents binding for AMQP 0-9-1; ours: the body is the structured envelope, `content_type`
//! is [`CONTENT_TYPE`], `message_id` is the event's id and the routing key is `<type>.<channel>`.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{complaint::Complaint, ids::ComplaintId};

/// The AMQP `content_type` of every event.
pub const CONTENT_TYPE: &str = "application/cloudevents+json";

/// What happened. Names carry their version; a new version is a new type beside the old one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum EventType {
    /// A complaint came in.
    #[serde(rename = "complaint.received.v1")]
    ComplaintReceived,
}

impl EventType {
    /// The type as it stands in the envelope and the routing key.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ComplaintReceived => "complaint.received.v1",
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

/// One event with the complaint it is about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Event {
    /// CloudEvents version: always `"1.0"`.
    pub specversion: SpecVersion,
    /// Event id. The same event published again has the same id: consumers drop what they have seen.
    pub id: Uuid,
    /// Where it comes from: `/muara/channels/<channel>`.
    pub source: String,
    /// What happened.
    #[serde(rename = "type")]
    pub event_type: EventType,
    /// The complaint's id.
    pub subject: ComplaintId,
    /// When it happened (UTC): for a received complaint, when it was stored.
    pub time: Timestamp,
    /// Always `application/json`.
    pub datacontenttype: String,
    /// The complaint.
    pub data: Complaint,
}

impl Event {
    /// The event that says a complaint came in.
    #[must_use]
    pub fn received(complaint: Complaint) -> Self {
        let event_type = EventType::ComplaintReceived;
        Self {
            specversion: SpecVersion::V1,
            id: complaint.id.event_id(event_type.as_str(), 0),
            source: format!("/muara/channels/{}", complaint.channel.id),
            event_type,
            subject: complaint.id,
            time: complaint.received_at,
            datacontenttype: "application/json".to_owned(),
            data: complaint,
        }
    }

    /// `<type>.<channel>`: consumers bind by either part.
    #[must_use]
    pub fn routing_key(&self) -> String {
        format!("{}.{}", self.event_type.as_str(), self.data.channel.id)
    }
}
