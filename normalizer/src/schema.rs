//! The published contract: JSON Schemas generated from the types that write the messages.

use schemars::{JsonSchema, Schema, generate::SchemaSettings};

use crate::{
    complaint::Complaint,
    event::{Amended, Event, Overdue, ReplyProgress},
    reply::ReplyRequest,
};

/// Every schema with its file name in `normalizer/schema/`.
#[must_use]
pub fn all() -> Vec<(&'static str, Schema)> {
    vec![
        ("complaint.v1.json", of::<Complaint>("complaint.v1")),
        ("complaint.received.v1.json", of_event::<Event>("complaint.received.v1")),
        ("complaint.followed_up.v1.json", of_event::<Event>("complaint.followed_up.v1")),
        ("complaint.amended.v1.json", of_event::<Event<Amended>>("complaint.amended.v1")),
        ("complaint.overdue.v1.json", of_event::<Event<Overdue>>("complaint.overdue.v1")),
        ("reply.requested.v1.json", of::<ReplyRequest>("reply.requested.v1")),
        ("reply.delivered.v1.json", of_event::<Event<ReplyProgress>>("reply.delivered.v1")),
        ("reply.failed.v1.json", of_event::<Event<ReplyProgress>>("reply.failed.v1")),
    ]
}

fn of<T: JsonSchema>(name: &str) -> Schema {
    // What is described is what consumers read: members that are always written are required.
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    schema.insert("$id".to_owned(), format!("urn:muara:schema:{name}").into());
    schema
}

/// An envelope's schema: its `type` is the one of its name.
fn of_event<T: JsonSchema>(name: &str) -> Schema {
    let mut schema = of::<T>(name);
    if let Some(properties) = schema.get_mut("properties").and_then(serde_json::Value::as_object_mut) {
        let said = properties.get("type").and_then(|t| t.get("description")).cloned().unwrap_or_default();
        properties.insert("type".to_owned(), serde_json::json!({ "description": said, "const": name }));
    }
    if let Some(definitions) = schema.get_mut("$defs").and_then(serde_json::Value::as_object_mut) {
        definitions.remove("EventType");
    }
    schema
}

/// A schema as it stands in its file.
#[must_use]
pub fn to_text(schema: &Schema) -> String {
    let mut text = serde_json::to_string_pretty(schema).unwrap_or_default();
    text.push('\n');
    text
}
