//! What Meta's products have in common: the envelope of a webhook, its signature and the proof of who owns the endpoint.
//!
//! Documented at <https://developers.facebook.com/docs/graph-api/webhooks/getting-started>. One body brings several
//! entries, each with several messages (`messaging`) or changes (`changes`):
//!
//! ```json
//! {"object": "page", "entry": [{"id": "<page>", "time": 1793675400000,
//!   "messaging": [{"sender": {"id": "<citizen>"}, "timestamp": 1793675400000, "message": {"mid": "m_…", "text": "…"}}],
//!   "changes": [{"field": "feed", "value": {"item": "comment", "verb": "add", "message": "…"}}]}]}
//! ```
//! Meta signs the raw body with the app's secret, delivers again for many hours, and unsubscribes an endpoint that
//! fails for long. So what cannot be read is kept and answered like the rest.

pub(crate) mod conversation;
pub(crate) mod graph;
pub(crate) mod messaging;

use std::borrow::Cow;

use muara_normalizer::draft::SourceTime;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use subtle::ConstantTimeEq;

use crate::{
    answer::Reply,
    connector::{Connector, Decoded, Item},
    reject::Reject,
    request::Request,
    value,
    verify::{Algorithm, Auth, Encoding, HmacScheme},
};

/// What all of Meta's webhooks have in common. The channel's `secret` is the app's secret.
pub(crate) const WEBHOOK: Connector = Connector {
    auth: Auth::Hmac(HmacScheme {
        header: Cow::Borrowed("X-Hub-Signature-256"),
        algorithm: Algorithm::Sha256,
        encoding: Encoding::Hex,
        prefix: Cow::Borrowed("sha256="),
        timestamp: None,
    }),
    redelivers: true,
    lenient: true,
    chat: true,
    ..Connector::WEBHOOK
};

/// Echoes the challenge of a GET that knows the channel's word.
pub(crate) fn challenge(request: &Request, verify_token: &SecretString) -> Option<Reply> {
    let (_, query) = request.path_and_query.split_once('?')?;
    let query: Vec<(String, String)> = serde_urlencoded::from_str(query).ok()?;
    let once = |name: &str| {
        let mut values = query.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str());
        match (values.next(), values.next()) {
            (Some(value), None) => Some(value),
            _ => None,
        }
    };
    let word = verify_token.expose_secret().as_bytes();
    let known = !word.is_empty() && bool::from(once("hub.verify_token")?.as_bytes().ct_eq(word));
    (known && once("hub.mode")? == "subscribe").then_some(())?;
    once("hub.challenge").map(|challenge| Reply::text(200, challenge))
}

/// The account whose webhook an item came by.
pub(crate) struct Entry<'a>(&'a Value);

impl Entry<'_> {
    /// The page, Instagram account or WhatsApp Business account.
    pub(crate) fn id(&self) -> Option<String> {
        value::member(self.0, "id").ok().flatten()
    }

    /// When Meta sent it.
    pub(crate) fn time(&self) -> Option<SourceTime> {
        time(self.0, "time")
    }

    /// The same as Meta wrote it, which is the same in a redelivery.
    pub(crate) fn sent(&self) -> Result<Option<String>, Reject> {
        value::member(self.0, "time")
    }

    /// Whether somebody is the account itself.
    pub(crate) fn is(&self, somebody: Option<&str>) -> bool {
        somebody.is_some() && self.id().as_deref() == somebody
    }
}

/// What an entry tells.
pub(crate) enum Happening<'a> {
    /// Something in a private conversation.
    Messaging(&'a Value),
    /// A change of a field that the app subscribed.
    Change {
        /// The field's name.
        field: &'a str,
        /// What it is now.
        value: &'a Value,
    },
}

/// The items of a happening, each good or bad by itself.
pub(crate) type Items = Vec<Result<Item, Reject>>;

/// Decodes every item of every entry by itself. `shape` is what to tell where `object` is another product's.
pub(crate) fn decode(
    body: &[u8],
    object: &str,
    shape: &'static str,
    each: impl Fn(&Entry<'_>, &Happening<'_>) -> Items,
) -> Result<Decoded, Reject> {
    let body = value::parse(value::without_mark(body))?;
    let entries = match (body.get("object").and_then(Value::as_str), body.get("entry")) {
        (Some(found), Some(Value::Array(entries))) if found == object => entries,
        _ => return Err(Reject::Shape { expected: shape }),
    };
    let mut items: Items = Vec::new();
    for entry in entries {
        items.extend(entry_items(entry, &each));
    }
    if items.is_empty() {
        return Ok(Decoded::ignored("an empty list of entries"));
    }
    let items = items.into_iter().enumerate();
    let items = items.map(|(index, item)| item.unwrap_or_else(|reason| Item::Rejected { index, reason }));
    Ok(Decoded { items: items.collect() })
}

fn entry_items(entry: &Value, each: &impl Fn(&Entry<'_>, &Happening<'_>) -> Items) -> Items {
    let mut items = Vec::new();
    let mut known = false;
    for name in ["messaging", "standby", "changes"] {
        let list = match entry.get(name) {
            None | Some(Value::Null) => continue,
            Some(Value::Array(list)) => list,
            Some(other) => {
                let detail = format!("expected a list, found {}", value::kind(other));
                items.push(Err(Reject::Field { field: format!("entry.{name}"), detail }));
                continue;
            }
        };
        known = true;
        for item in list {
            let happening = match name {
                "standby" => {
                    items.push(Ok(Item::Ignored("said while another app holds the conversation (standby)")));
                    continue;
                }
                "messaging" => Happening::Messaging(item),
                _ => match (item.get("field").and_then(Value::as_str), item.get("value")) {
                    (Some(field), Some(value)) => Happening::Change { field, value },
                    _ => {
                        items.push(Err(Reject::missing("entry.changes.value")));
                        continue;
                    }
                },
            };
            items.extend(each(&Entry(entry), &happening));
        }
    }
    if items.is_empty() {
        items.push(if known {
            Ok(Item::Ignored("an entry without items"))
        } else {
            // the app's webhook was set up without "Include Values"
            Err(Reject::missing("entry.messaging or entry.changes"))
        });
    }
    items
}

/// What came for another account than the channel's: kept until somebody says whose it is.
pub(crate) fn of_another_account(key: &str) -> Reject {
    let detail = format!("it is for another account than the channel's `{key}`");
    Reject::Field { field: "entry".to_owned(), detail }
}

/// A time in seconds or milliseconds, as number or text: the products and their test buttons differ.
pub(crate) fn time(object: &Value, name: &str) -> Option<SourceTime> {
    match object.get(name)? {
        Value::Number(number) => Some(value::unix_time(number)),
        Value::String(text) if !text.trim().is_empty() => Some(SourceTime::parse(text)),
        _ => None,
    }
}

/// A text some members below an object.
pub(crate) fn text(object: &Value, path: &[&str]) -> Result<Option<String>, Reject> {
    let Some((name, above)) = path.split_last() else { return Ok(None) };
    let mut object = object;
    for member in above {
        match object.get(member) {
            None | Some(Value::Null) => return Ok(None),
            Some(inner) => object = inner,
        }
    }
    value::member(object, name)
}

/// The objects of a list; none where there is no list.
pub(crate) fn list<'a>(object: &'a Value, name: &str) -> &'a [Value] {
    object.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// A degree, as number or text.
pub(crate) fn degrees(object: &Value, name: &str) -> Result<Option<f64>, Reject> {
    match object.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Number(number)) => Ok(number.as_f64()),
        Some(other) => {
            let number = other.as_str().and_then(value::number);
            let wrong = || Reject::Field { field: name.to_owned(), detail: "expected a number".to_owned() };
            number.map(Some).ok_or_else(wrong)
        }
    }
}
