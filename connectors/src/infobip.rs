//! Infobip: SMS and MMS by the inbound message webhook.
//!
//! Documented at <https://www.infobip.com/docs/api/channels/sms/inbound-sms/receive-inbound-sms-messages>:
//!
//! ```json
//! {"results": [{"messageId": "817790313235066447", "from": "6281234567890", "to": "6281100001111",
//!   "text": "LAPOR Lampu jalan mati", "cleanText": "Lampu jalan mati", "keyword": "LAPOR",
//!   "receivedAt": "2026-11-03T03:10:00.220+0000", "smsCount": 1}], "messageCount": 1, "pendingMessageCount": 0}
//! ```
//! An MMS has, instead of `text`, a list `message` of parts `{"contentType", "value"}` or `{"contentType", "url"}`.
//! Infobip documents no signature that every account has: the channel chooses (`[channels.<id>.auth]`), a secret
//! path at the least. Answers go out by `[channels.<id>.send]` (`infobip/deliver.rs`), and their delivery reports come to
//! the same address. Whether it delivers again is not documented either, so a message over a limit is held.

mod deliver;

use jiff::Timestamp;
use muara_normalizer::{
    Draft, ExternalId,
    draft::{Attachment, DraftReporter, ReturnAddress, SourceTime},
    phone,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    connector::{Connector, Decoded, DeliveryReport, Item},
    reject::Reject,
    settings::{self, OwnSettings, SettingsError},
    value,
    verify::Verified,
};

/// The connector.
pub static CONNECTOR: Connector = Connector {
    title: "Infobip (SMS)",
    docs: "https://www.infobip.com/docs/api/channels/sms/inbound-sms/receive-inbound-sms-messages",
    settings,
    decode,
    deliver: Some(|channel| Some(Box::new(deliver::Account::of(channel)?))),
    address: Some(|contact, _| deliver::address(contact)),
    reports: true,
    chat: true,
    ..Connector::WEBHOOK
};

/// The connector's own keys.
#[derive(Deserialize)]
struct Settings {
    /// The account to send by; absent where the channel only takes messages in.
    send: Option<deliver::SendSettings>,
}

fn settings(table: toml::Table) -> Result<OwnSettings, Vec<SettingsError>> {
    let Settings { send } = settings::read(table)?;
    let errors: Vec<_> = send.iter().flat_map(deliver::SendSettings::check).collect();
    if errors.is_empty() { Ok(OwnSettings::new(send)) } else { Err(errors) }
}

fn decode(verified: &Verified<'_>) -> Result<Decoded, Reject> {
    let body = value::parse(value::without_mark(verified.body()))?;
    let Some(Value::Array(results)) = body.get("results") else {
        return Err(Reject::Shape { expected: "an object with a list `results`" });
    };
    if results.is_empty() {
        return Ok(Decoded::ignored("an empty list of messages"));
    }
    let items = results
        .iter()
        .enumerate()
        .map(|(index, result)| item(result).unwrap_or_else(|reason| Item::Rejected { index, reason }));
    Ok(Decoded { items: items.collect() })
}

fn item(result: &Value) -> Result<Item, Reject> {
    if !result.is_object() {
        let detail = format!("expected an object, found {}", value::kind(result));
        return Err(Reject::Field { field: "results".to_owned(), detail });
    }
    let said = ["text", "cleanText", "message"].iter().any(|name| result.get(name).is_some());
    if result.get("status").is_some() && !said {
        let id = value::member(result, "messageId")?;
        return Ok(match id.zip(deliver::state(result)) {
            Some((vendor_id, state)) => {
                let at = value::member(result, "doneAt")?.as_deref().map(time);
                Item::Report(DeliveryReport { vendor_id, state, at })
            }
            None => Item::Ignored("a delivery report of a message on its way"),
        });
    }
    let from = value::member(result, "from")?;
    let to = value::member(result, "to")?;
    if from.is_some() && from == to {
        return Ok(Item::Ignored("sent by the channel's own number"));
    }
    let id = value::member(result, "messageId")?.ok_or_else(|| Reject::missing("messageId"))?;
    let (words, attachments) = parts(result.get("message").unwrap_or(&Value::Null))?;
    // with the keyword, which may be the citizen's own first word
    let text = match value::member(result, "text")? {
        None => value::member(result, "cleanText")?.unwrap_or(words),
        Some(text) => text,
    };
    let draft = Draft {
        external_id: ExternalId::new(id.trim()),
        text,
        reporter: from.as_deref().map(reporter).unwrap_or_default(),
        attachments,
        sent_at: value::member(result, "receivedAt")?.as_deref().map(time),
        return_address: from.map(|from| ReturnAddress(json!({ "to": from, "from": to }))),
        ..Draft::default()
    };
    if draft.is_empty() { Err(Reject::missing("text or message")) } else { Ok(Item::Draft(Box::new(draft))) }
}

/// Words and files of an MMS; its layout (SMIL) says nothing.
fn parts(message: &Value) -> Result<(String, Vec<Attachment>), Reject> {
    let list = match message {
        Value::Null => return Ok((String::new(), Vec::new())),
        Value::Array(list) => list,
        other => {
            let detail = format!("expected a list of parts, found {}", value::kind(other));
            return Err(Reject::Field { field: "message".to_owned(), detail });
        }
    };
    let (mut words, mut attachments) = (Vec::new(), Vec::new());
    for (index, part) in list.iter().enumerate() {
        let content_type = value::member(part, "contentType")?;
        let media = content_type.as_deref().and_then(|media| media.split(';').next()).unwrap_or_default();
        let media = media.trim().to_ascii_lowercase();
        match (media.as_str(), value::member(part, "url")?) {
            ("application/smil", _) => {}
            (_, Some(url)) => attachments.push(Attachment::Url { url, content_type }),
            ("text/plain", None) => words.extend(value::member(part, "value")?),
            _ => return Err(Reject::missing(format!("message[{index}].url"))),
        }
    }
    Ok((words.join("\n"), attachments))
}

/// Numbers come without the plus. What is no number (a short code, a name) is an account, and stays as written.
fn reporter(from: &str) -> DraftReporter {
    let from = from.trim();
    let digits = from.strip_prefix('+').unwrap_or(from);
    // a number of the own country may come as people dial it
    let number = if digits.starts_with('0') { from.to_owned() } else { format!("+{digits}") };
    if digits.bytes().all(|byte| byte.is_ascii_digit()) && phone::to_e164(&number).is_some() {
        return DraftReporter { phone: Some(number), ..DraftReporter::default() };
    }
    DraftReporter { id: Some(from.to_owned()), ..DraftReporter::default() }
}

/// `2026-11-03T03:10:00.220+0000`: RFC 3339 wants a colon in the offset, and without one the time would be taken
/// for Jakarta's.
fn time(written: &str) -> SourceTime {
    Timestamp::strptime("%Y-%m-%dT%H:%M:%S%.f%z", written.trim())
        .map_or_else(|_| SourceTime::parse(written), SourceTime::Instant)
}
