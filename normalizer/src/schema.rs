//! The published contract: JSON Schemas generated from the types that write the messages.

use schemars::{JsonSchema, Schema, generate::SchemaSettings};

use crate::{complaint::Complaint, event::Event};

/// Every schema with its file name in `normalizer/schema/`.
#[must_use]
pub fn all() -> Vec<(&'static str, Schema)> {
    vec![
        ("complaint.v1.json", of::<Complaint>("complaint.v1")),
        ("complaint.received.v1.json", of::<Event>("complaint.received.v1")),
    ]
}

fn of<T: JsonSchema>(name: &str) -> Schema {
    // What is described is what consumers read: members that are always written are required.
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    schema.insert("$id".to_owned(), format!("urn:muara:schema:{name}").into());
    schema
}

/// A schema as it stands in its file.
#[must_use]
pub fn to_text(schema: &Schema) -> String {
    let mut text = serde_json::to_string_pretty(schema).unwrap_or_default();
    text.push('\n');
    text
}
