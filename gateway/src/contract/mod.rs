//! What is published for those who write the other side: the queue as AsyncAPI 3, HTTP as OpenAPI 3.1.
//!
//! Both are made of what the program itself goes by: the topology it declares, the events' types and their JSON Schemas,
//! the routes and the types of their bodies. `gateway/contract/` holds them; stale = red.

mod asyncapi;
mod bodies;
mod openapi;

use serde_json::Value;

/// Every document with its file name in `gateway/contract/`.
#[must_use]
pub fn all() -> Vec<(&'static str, Value)> {
    vec![("asyncapi.json", asyncapi::document()), ("openapi.json", openapi::document())]
}

/// A document as it stands in its file.
#[must_use]
pub fn to_text(document: &Value) -> String {
    format!("{document:#}\n")
}
