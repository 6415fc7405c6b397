//! Any vendor's webhook without code: the channel's table says where each field is.
//!
//! ```toml
//! [channels.lapor_web]
//! connector = "webhook"
//! secret = "${env:LAPOR_WEB_SECRET}"
//! auth = { scheme = "hmac", header = "X-Signature", prefix = "sha256=" }
//! body = "json"                                   # or "form"
//! items = "$.data[*]"                             # where one request brings several reports
//! ignore_when = { path = "$.type", equals = "ping" }
//!
//! [channels.lapor_web.fields]                     # JSONPath (RFC 9535) from the body, or from each of its items
//! external_id = "$.id"
//! text = { path = "$.body", transforms = ["html_to_text"] }
//! sent_at = { path = "$.date", transforms = [{ local_time = "%d/%m/%Y %H.%M" }] }
//! attachments = "$.photos[*].url"
//! ```
//! That table reads
//! ```json
//! {"type": "report", "data": [{"id": 17, "body": "<p>Lampu jalan mati</p>", "date": "03/11/2026 10.10",
//!   "photos": [{"url": "https://vendor.example/17.jpg"}]}]}
//! ```
//! A form (`application/x-www-form-urlencoded`) becomes an object of texts; a key that comes twice, a list.
//! Where the vendor wants to hear how a report stands, `[channels.<id>.callback]` says how (`connectors/src/callback.rs`).
//! `text` is required, nothing else is; `required` says otherwise.

mod map;
mod transform;

use muara_normalizer::Draft;
use serde_json::Value;

use crate::{
    answer::Answer,
    callback,
    connector::{Connector, Decoded, Item},
    reject::Reject,
    value,
    verify::Verified,
};

/// The connector.
pub static CONNECTOR: Connector = Connector {
    title: "Webhook with a field map",
    docs: "connectors/src/webhook.rs",
    // the map's `body` decides how a body is read, whatever the vendor calls it
    media_types: &[],
    answer: Answer::Receipts,
    settings: map::settings,
    decode,
    deliver: Some(|channel| Some(channel.own::<map::FieldMap>()?.callback.as_ref()?.open(channel))),
    ..Connector::WEBHOOK
};

fn decode(verified: &Verified<'_>) -> Result<Decoded, Reject> {
    let Some(map) = verified.settings().own::<map::FieldMap>() else {
        return Err(Reject::Shape { expected: "nothing: the channel has no field map" });
    };
    let body = match map.body {
        map::Body::Json => value::parse(value::without_mark(verified.body()))?,
        map::Body::Form => value::form(verified.body())?,
    };
    if map.ignores(&body) {
        return Ok(Decoded::ignored("matches ignore_when"));
    }
    let items = map.items(&body)?;
    if items.is_empty() {
        return Ok(Decoded::ignored("an empty list of items"));
    }
    let items = items.into_iter().enumerate().map(|(index, item)| {
        if map.ignores(item) {
            return Item::Ignored("matches ignore_when");
        }
        match report(map, item) {
            Ok(draft) => Item::Draft(Box::new(draft)),
            Err(reason) => Item::Rejected { index, reason },
        }
    });
    Ok(Decoded { items: items.collect() })
}

fn report(map: &map::FieldMap, item: &Value) -> Result<Draft, Reject> {
    let draft = map.draft(item)?;
    let draft = if map.callback.is_some() { callback::answerable(draft) } else { draft };
    if draft.is_empty() { Err(Reject::missing("text")) } else { Ok(draft) }
}
