//! Private messages as Messenger and Instagram bring them.
//!
//! ```json
//! {"sender": {"id": "<citizen>"}, "recipient": {"id": "<account>"}, "timestamp": 1793675400000,
//!  "message": {"mid": "m_…", "text": "Lampu jalan mati", "reply_to": {"mid": "m_…"},
//!   "attachments": [{"type": "image", "payload": {"url": "https://…"}}]}}
//! ```
//! Beside `message` there are `postback`, `message_edit`, `delivery`, `read`, `reaction` and notices of the platform.
//! An unsent message comes again with `is_deleted`, our own with `is_echo`. What an advertisement said (`referral`) is
//! not the citizen's.

use muara_normalizer::{
    Amendment, Draft, ExternalId,
    draft::{Attachment, Change, DraftPlace, DraftReporter},
};
use serde_json::Value;

use crate::{
    connector::{Ask, DeliveryReport, DeliveryState, Inquiry, Item},
    meta::{Entry, Items, conversation::Address, degrees, list, text, time},
    reject::Reject,
    value,
};

/// Notices that are nobody's words.
const NOTICES: &[(&str, &str)] = &[
    ("account_linking", "a notice of a linked account"),
    ("app_roles", "a notice of the app's roles"),
    ("game_play", "a game"),
    ("messaging_feedback", "a rating of the conversation"),
    ("optin", "a consent to messages"),
    ("order", "an order"),
    ("pass_thread_control", "a conversation handed over"),
    ("payment", "a payment"),
    ("policy_enforcement", "a notice of the vendor's policy"),
    ("policy-enforcement", "a notice of the vendor's policy"),
    ("reaction", "a reaction"),
    ("referral", "a conversation opened by a link or advertisement"),
    ("request_thread_control", "a conversation asked for"),
    ("take_thread_control", "a conversation taken over"),
    ("typing", "a sign of typing"),
];

/// The conventional payload of the button that opens a conversation.
const GET_STARTED: &str = "GET_STARTED";

/// The items of one event.
pub(crate) fn items(entry: &Entry<'_>, event: &Value) -> Items {
    if let Some(delivery) = present(event, "delivery") {
        return deliveries(event, delivery);
    }
    vec![item(entry, event)]
}

fn item(entry: &Entry<'_>, event: &Value) -> Result<Item, Reject> {
    let sender = text(event, &["sender", "id"])?;
    if let Some(message) = present(event, "message") {
        if is(message, "is_echo") || entry.is(sender.as_deref()) {
            return Ok(Item::Ignored("sent by the account itself"));
        }
        return self::message(event, message, sender);
    }
    if let Some(edit) = present(event, "message_edit") {
        if entry.is(sender.as_deref()) {
            return Ok(Item::Ignored("changed by the account itself"));
        }
        return edited(event, edit, sender);
    }
    if let Some(postback) = present(event, "postback") {
        return pressed(event, postback, sender);
    }
    if let Some(read) = present(event, "read") {
        let report = |vendor_id| {
            Item::Report(DeliveryReport {
                vendor_id,
                state: DeliveryState::Read,
                at: time(event, "timestamp"),
            })
        };
        return Ok(value::member(read, "mid")?.map_or(Item::Ignored("a mark of reading"), report));
    }
    match NOTICES.iter().find(|(name, _)| event.get(name).is_some()) {
        Some((_, reason)) => Ok(Item::Ignored(reason)),
        None => {
            Err(Reject::Shape { expected: "an event with `message`, `postback` or another known member" })
        }
    }
}

fn present<'a>(object: &'a Value, name: &str) -> Option<&'a Value> {
    object.get(name).filter(|value| !value.is_null())
}

fn is(object: &Value, name: &str) -> bool {
    object.get(name).and_then(Value::as_bool) == Some(true)
}

fn deliveries(event: &Value, delivery: &Value) -> Items {
    let at = time(event, "timestamp").or_else(|| time(delivery, "watermark"));
    let report = |mid: &Value| match mid.as_str() {
        Some(mid) => Ok(Item::Report(DeliveryReport {
            vendor_id: mid.to_owned(),
            state: DeliveryState::Delivered,
            at: at.clone(),
        })),
        None => Err(Reject::missing("delivery.mids")),
    };
    let reports: Items = list(delivery, "mids").iter().map(report).collect();
    if reports.is_empty() { vec![Ok(Item::Ignored("a delivery without the messages' ids"))] } else { reports }
}

fn message(event: &Value, message: &Value, sender: Option<String>) -> Result<Item, Reject> {
    let id = value::member(message, "mid")?.and_then(ExternalId::new);
    if is(message, "is_deleted") {
        let external_id = id.ok_or_else(|| Reject::missing("message.mid"))?;
        let at = time(event, "timestamp");
        let amendment =
            Amendment { external_id, revision: "deleted".to_owned(), at, change: Change::Deleted };
        return Ok(Item::Amendment(Box::new(amendment)));
    }
    let id = id.ok_or_else(|| Reject::missing("message.mid"))?;
    let draft = Draft {
        replies_to: text(message, &["reply_to", "mid"])?.into_iter().collect(),
        ..with_attachments(message, said(event, id, value::member(message, "text")?, sender))?
    };
    if draft.is_empty() && !draft.has_point() {
        return Err(if is(message, "is_unsupported") {
            let detail = "a kind of message that Meta does not pass on; look into the account's inbox";
            Reject::Field { field: "message.is_unsupported".to_owned(), detail: detail.to_owned() }
        } else {
            Reject::missing("message.text or message.attachments")
        });
    }
    Ok(Item::Draft(Box::new(draft)))
}

/// The frame of a message: who said it, when, and where an answer goes.
fn said(event: &Value, id: ExternalId, words: Option<String>, sender: Option<String>) -> Draft {
    Draft {
        external_id: Some(id),
        text: words.unwrap_or_default(),
        sent_at: time(event, "timestamp"),
        return_address: sender.clone().map(|sender| Address::User(sender).into()),
        reporter: DraftReporter { id: sender, ..DraftReporter::default() },
        ..Draft::default()
    }
}

fn edited(event: &Value, edit: &Value, sender: Option<String>) -> Result<Item, Reject> {
    let external_id = value::member(edit, "mid")?
        .and_then(ExternalId::new)
        .ok_or_else(|| Reject::missing("message_edit.mid"))?;
    let words = value::member(edit, "text")?.ok_or_else(|| Reject::missing("message_edit.text"))?;
    let revision = match value::member(edit, "num_edit")? {
        Some(number) => Some(number),
        None => value::member(event, "timestamp")?,
    };
    let amendment = Amendment {
        external_id: external_id.clone(),
        revision: revision.ok_or_else(|| Reject::missing("message_edit.num_edit"))?,
        at: time(event, "timestamp"),
        change: Change::Edited { draft: Box::new(said(event, external_id, Some(words), sender)) },
    };
    Ok(Item::Amendment(Box::new(amendment)))
}

/// A button of ours: what stands on it is what the citizen says.
fn pressed(event: &Value, postback: &Value, sender: Option<String>) -> Result<Item, Reject> {
    let id = value::member(postback, "mid")?.and_then(ExternalId::new);
    let opens = value::member(postback, "payload")?
        .is_some_and(|payload| payload.trim().eq_ignore_ascii_case(GET_STARTED));
    if opens {
        return Ok(match (id, sender) {
            (Some(external_id), Some(sender)) => Item::Inquiry(Box::new(Inquiry {
                external_id,
                ask: Ask::Welcome,
                return_address: Address::User(sender).into(),
            })),
            _ => Item::Ignored("a conversation opened"),
        });
    }
    let words = value::member(postback, "title")?.ok_or_else(|| Reject::missing("postback.title"))?;
    let id = id.ok_or_else(|| Reject::missing("postback.mid"))?;
    Ok(Item::Draft(Box::new(said(event, id, Some(words), sender))))
}

/// Adds the files, places and shared posts of a message. What a shared post says of itself is added to the words.
fn with_attachments(message: &Value, mut draft: Draft) -> Result<Draft, Reject> {
    for attachment in list(message, "attachments") {
        let kind = value::member(attachment, "type")?.unwrap_or_default();
        let url = match text(attachment, &["payload", "url"])? {
            None => value::member(attachment, "url")?,
            url => url,
        };
        match kind.as_str() {
            "location" => place(attachment, url, &mut draft)?,
            "fallback" | "template" => {
                for words in shared_words(attachment)?.into_iter().chain(url) {
                    add_words(&mut draft.text, &words);
                }
            }
            _ => {
                if let Some(title) = text(attachment, &["payload", "title"])? {
                    add_words(&mut draft.text, &title);
                }
                let content_type = match kind.as_str() {
                    "image" | "video" | "audio" => Some(kind),
                    _ => None,
                };
                draft.attachments.extend(url.map(|url| Attachment::Url { url, content_type }));
            }
        }
    }
    Ok(draft)
}

fn place(attachment: &Value, url: Option<String>, draft: &mut Draft) -> Result<(), Reject> {
    let point =
        attachment.get("payload").and_then(|payload| payload.get("coordinates")).unwrap_or(&Value::Null);
    let (lat, lon) = (degrees(point, "lat")?, degrees(point, "long")?);
    let address = value::member(attachment, "title")?;
    // with words of the citizen's own the place needs none
    if draft.text.is_empty() {
        draft.text = address.clone().or_else(|| url.filter(|_| lat.is_none())).unwrap_or_default();
    }
    draft.place = DraftPlace { lat, lon, address, ..DraftPlace::default() };
    Ok(())
}

/// Titles of a shared link, or of a template's elements.
fn shared_words(attachment: &Value) -> Result<Vec<String>, Reject> {
    let mut words: Vec<String> = value::member(attachment, "title")?.into_iter().collect();
    let payload = attachment.get("payload").unwrap_or(&Value::Null);
    words.extend(value::member(payload, "title")?);
    words.extend(value::member(payload, "text")?);
    for element in list(payload, "elements") {
        words.extend(value::member(element, "title")?);
        words.extend(value::member(element, "subtitle")?);
    }
    Ok(words)
}

/// Adds words that are not there yet on a line of their own.
pub(crate) fn add_words(text: &mut String, words: &str) {
    if text.contains(words) {
        return;
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(words);
}
