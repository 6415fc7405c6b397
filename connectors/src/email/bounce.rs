//! Reports of mail servers and mail programs (RFC 3464, RFC 8098): what became of a message of ours.

use mail_parser::{Message, MessagePart, MimeHeaders};

use crate::{
    connector::{DeliveryReport, DeliveryState, Item},
    email::{Settings, names},
};

/// What a report says; nothing where the message is none.
pub(super) fn read(message: &Message<'_>, settings: &Settings) -> Option<Item> {
    let root = message.content_type()?;
    if !(root.ctype().eq_ignore_ascii_case("multipart") && is(root.subtype(), "report")) {
        return None;
    }
    let part = |subtype: &str| message.parts.iter().find(|part| is_message(part, subtype));
    if part("disposition-notification").is_some() {
        return Some(Item::Ignored("a note that a message was read"));
    }
    let status = Fields(String::from_utf8_lossy(part("delivery-status")?.contents()).into_owned());
    let Some(vendor_id) = returned(message).filter(|id| settings.gave(id)) else {
        return Some(Item::Ignored("a mail server's report on a message that is not ours"));
    };
    let code = status.get("Status").filter(|code| code.chars().all(|c| c.is_ascii_digit() || c == '.'));
    let state = match status.get("Action").unwrap_or_default().to_ascii_lowercase().as_str() {
        "delayed" => {
            return Some(Item::Ignored("a mail server is still trying to deliver a message of ours"));
        }
        "delivered" => DeliveryState::Delivered,
        "relayed" | "expanded" => DeliveryState::Sent,
        // the citizen's address stands in the server's words, so only its code is kept
        _ => DeliveryState::Failed {
            detail: code.map_or_else(|| "returned".to_owned(), |code| format!("returned, status {code}")),
            other_way: true,
        },
    };
    Some(Item::Report(DeliveryReport { vendor_id, state, at: None }))
}

/// The Message-ID of the message that the report is about.
fn returned(message: &Message<'_>) -> Option<String> {
    message.parts.iter().find_map(|part| {
        if let Some(original) = part.message() {
            return original.message_id().and_then(names::message_id);
        }
        let content_type = part.content_type()?;
        let headers =
            content_type.ctype().eq_ignore_ascii_case("text") && is(content_type.subtype(), "rfc822-headers");
        if !(headers || is_message(part, "rfc822")) {
            return None;
        }
        let headers = Fields(String::from_utf8_lossy(part.contents()).into_owned());
        headers.get("Message-ID").and_then(names::message_id)
    })
}

fn is_message(part: &MessagePart<'_>, subtype: &str) -> bool {
    part.content_type()
        .is_some_and(|stated| stated.ctype().eq_ignore_ascii_case("message") && is(stated.subtype(), subtype))
}

fn is(subtype: Option<&str>, wanted: &str) -> bool {
    subtype.is_some_and(|subtype| subtype.eq_ignore_ascii_case(wanted))
}

/// Lines like headers.
struct Fields(String);

impl Fields {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.lines().find_map(|line| {
            let (stated, value) = line.split_once(':')?;
            stated.trim().eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}
