//! WhatsApp by Meta's Cloud API.
//!
//! Documented at <https://developers.facebook.com/docs/whatsapp/cloud-api/webhooks>:
//!
//! ```json
//! {"object": "whatsapp_business_account", "entry": [{"id": "<account>", "changes": [{"field": "messages", "value": {
//!   "messaging_product": "whatsapp", "metadata": {"display_phone_number": "628111272206", "phone_number_id": "1065"},
//!   "contacts": [{"profile": {"name": "Siti Aminah"}, "wa_id": "6281234567890", "user_id": "ID.1349"}],
//!   "messages": [{"from": "6281234567890", "from_user_id": "ID.1349", "id": "wamid.…", "timestamp": "1793675400",
//!     "type": "text", "text": {"body": "Lampu jalan mati"}, "context": {"id": "wamid.…"}}],
//!   "statuses": [{"id": "wamid.…", "status": "delivered", "timestamp": "1793675401"}]}}]}]}
//! ```
//! Who has a user name may hide the number: then `from` is missing and `from_user_id` (good for this business only)
//! stands for the citizen. What the advertisement says that a conversation began with (`referral`) is not the citizen's.
//!
//! A changed message comes as one of type `edit`, a deleted one as `revoke`, each with an id of its own; where Meta does
//! not pass a change on, it comes as `unsupported` and is kept.
//!
//! ```toml
//! [channels.whatsapp]
//! connector = "whatsapp"
//! secret = "${env:META_APP_SECRET}"               # the app's secret: Meta signs with it
//! verify_token = "${env:META_VERIFY_TOKEN}"       # any word; the same in the app's webhook settings
//! phone_number_id = "106540352242922"
//! access_token = "${env:WHATSAPP_TOKEN}"          # for answers and files
//! template = { name = "kabar_laporan", language = "id" }   # for answers after the window
//! ```

mod media;
mod send;

use muara_normalizer::{
    Amendment, Draft, ExternalId,
    draft::{Attachment, Change, DraftPlace, DraftReporter, ReturnAddress},
};
use serde_json::Value;

use crate::{
    connector::{Ask, Connector, Decoded, DeliveryReport, DeliveryState, Inquiry, Item},
    meta::{self, Happening, Items, degrees, graph, list, text, time},
    reject::Reject,
    value,
    verify::Verified,
    whatsapp::send::{Address, Settings},
};

/// The connector.
pub static CONNECTOR: Connector = Connector {
    title: "WhatsApp (Cloud API)",
    docs: "https://developers.facebook.com/docs/whatsapp/cloud-api/webhooks",
    challenge: Some(|request, channel| meta::challenge(request, &channel.own::<Settings>()?.verify_token)),
    settings: send::settings,
    decode,
    deliver: Some(send::open),
    address: Some(send::address),
    media: Some(media::open),
    reports: true,
    ..meta::WEBHOOK
};

fn decode(verified: &Verified<'_>) -> Result<Decoded, Reject> {
    let own = verified.settings().own::<Settings>().and_then(|settings| settings.phone_number_id.as_deref());
    let shape = "an object `whatsapp_business_account` with a list `entry`";
    meta::decode(verified.body(), "whatsapp_business_account", shape, |_, happening| match happening {
        Happening::Change { field: "messages", value } => messages(value, own),
        _ => vec![Ok(Item::Ignored("a change of something else than messages"))],
    })
}

fn messages(change: &Value, own: Option<&str>) -> Items {
    match text(change, &["metadata", "phone_number_id"]) {
        Ok(number) if number.is_some() && own.is_some() && number.as_deref() != own => {
            return vec![Err(meta::of_another_account("phone_number_id"))];
        }
        Ok(_) => {}
        Err(reject) => return vec![Err(reject)],
    }
    let contacts = list(change, "contacts");
    let mut items: Items = list(change, "messages").iter().map(|message| item(message, contacts)).collect();
    items.extend(list(change, "statuses").iter().map(status));
    items.extend(list(change, "errors").iter().map(|error| Err(vendor_error("errors", error))));
    if items.is_empty() {
        items.push(Err(Reject::missing("messages or statuses")));
    }
    items
}

/// What Meta could not pass on, by its code.
fn vendor_error(field: &str, error: &Value) -> Reject {
    let detail = match error.get("code").and_then(Value::as_i64) {
        Some(code) => format!("WhatsApp does not pass it on (error {code})"),
        None => "WhatsApp does not pass it on".to_owned(),
    };
    Reject::Field { field: field.to_owned(), detail }
}

fn item(message: &Value, contacts: &[Value]) -> Result<Item, Reject> {
    let kind = value::member(message, "type")?.ok_or_else(|| Reject::missing("messages.type"))?;
    match kind.as_str() {
        "reaction" => return Ok(Item::Ignored("a reaction")),
        "order" => return Ok(Item::Ignored("an order")),
        "system" => return Ok(Item::Ignored("a notice of WhatsApp, e.g. of a changed number")),
        _ => {}
    }
    if let Some(error) = list(message, "errors").first() {
        return Err(vendor_error("messages.errors", error));
    }
    let id = value::member(message, "id")?.and_then(ExternalId::new);
    let id = id.ok_or_else(|| Reject::missing("messages.id"))?;
    let sender = Sender::of(message, contacts)?;
    if kind == "request_welcome" {
        let address = sender.address(&id);
        return Ok(address.map_or(Item::Ignored("a conversation opened"), |return_address| {
            Item::Inquiry(Box::new(Inquiry { external_id: id, ask: Ask::Welcome, return_address }))
        }));
    }
    match kind.as_str() {
        "edit" => edited(message, id, sender),
        "revoke" => {
            let external_id = original(message, "revoke")?;
            let at = time(message, "timestamp");
            let amendment =
                Amendment { external_id, revision: "deleted".to_owned(), at, change: Change::Deleted };
            Ok(Item::Amendment(Box::new(amendment)))
        }
        kind => Ok(Item::Draft(Box::new(draft(message, message, kind, id, sender)?))),
    }
}

/// The message that another one changes.
fn original(message: &Value, kind: &str) -> Result<ExternalId, Reject> {
    let id = text(message, &[kind, "original_message_id"])?.and_then(ExternalId::new);
    id.ok_or_else(|| Reject::missing(format!("{kind}.original_message_id")))
}

/// The whole message as it is now; the change has an id of its own.
fn edited(message: &Value, change: ExternalId, sender: Sender) -> Result<Item, Reject> {
    let external_id = original(message, "edit")?;
    let now = message.get("edit").and_then(|edit| edit.get("message")).unwrap_or(&Value::Null);
    let kind = value::member(now, "type")?.ok_or_else(|| Reject::missing("edit.message.type"))?;
    let draft = draft(message, now, &kind, external_id.clone(), sender)?;
    let amendment = Amendment {
        external_id,
        revision: change.as_str().to_owned(),
        at: time(message, "timestamp"),
        change: Change::Edited { draft: Box::new(draft) },
    };
    Ok(Item::Amendment(Box::new(amendment)))
}

/// A message in its frame, which says who sent it when; where it was changed, `said` is what it is now.
fn draft(frame: &Value, said: &Value, kind: &str, id: ExternalId, sender: Sender) -> Result<Draft, Reject> {
    let Said { text: words, place, attachments } = Said::of(said, kind)?;
    let draft = Draft {
        thread: value::member(frame, "group_id")?,
        text: words,
        place,
        attachments,
        sent_at: time(frame, "timestamp"),
        replies_to: text(said, &["context", "id"])?.into_iter().collect(),
        return_address: sender.address(&id),
        reporter: sender.reporter(),
        external_id: Some(id),
        ..Draft::default()
    };
    if draft.is_empty() && !draft.has_point() {
        Err(Reject::missing(format!("messages.{kind}")))
    } else {
        Ok(draft)
    }
}

/// Who wrote, by number or by the id that stands for a hidden one.
struct Sender {
    phone: Option<String>,
    user_id: Option<String>,
    name: Option<String>,
}

impl Sender {
    fn of(message: &Value, contacts: &[Value]) -> Result<Self, Reject> {
        let phone = value::member(message, "from")?;
        let mut user_id = value::member(message, "from_user_id")?;
        let mut name = None;
        for contact in contacts {
            let (number, id) = (value::member(contact, "wa_id")?, value::member(contact, "user_id")?);
            let same = |a: &Option<String>, b: &Option<String>| a.is_some() && a == b;
            // a message without any sender is whose contact comes alone with it
            let nobody = phone.is_none() && user_id.is_none() && contacts.len() == 1;
            if same(&number, &phone) || same(&id, &user_id) || nobody {
                name = text(contact, &["profile", "name"])?;
                if name.is_none() {
                    name = text(contact, &["profile", "username"])?;
                }
                user_id = user_id.or(id);
                break;
            }
        }
        Ok(Self { phone, user_id, name })
    }

    /// A number where there is one, so that a citizen is the same person as by SMS or telephone.
    fn reporter(self) -> DraftReporter {
        let phone = self.phone.map(|digits| format!("+{}", digits.trim().trim_start_matches('+')));
        let (id, also) = match self.user_id {
            Some(id) if phone.is_some() => (None, vec![id]),
            id => (id, Vec::new()),
        };
        DraftReporter { id, also, phone, name: self.name, ..DraftReporter::default() }
    }

    fn address(&self, message: &ExternalId) -> Option<ReturnAddress> {
        let to = self.phone.clone();
        let recipient = if to.is_some() { None } else { self.user_id.clone() };
        (to.is_some() || recipient.is_some()).then(|| {
            Address { to, recipient, message: Some(message.as_str().to_owned()), unheard: false }.into()
        })
    }
}

/// What a message says.
#[derive(Default)]
struct Said {
    text: String,
    place: DraftPlace,
    attachments: Vec<Attachment>,
}

impl Said {
    fn of(message: &Value, kind: &str) -> Result<Self, Reject> {
        let said = message.get(kind).unwrap_or(&Value::Null);
        let words = |words: Option<String>| Self { text: words.unwrap_or_default(), ..Self::default() };
        Ok(match kind {
            "text" => words(value::member(said, "body")?),
            "button" => words(value::member(said, "text")?),
            "interactive" => words(chosen(said)?),
            "image" | "document" | "video" | "audio" | "voice" | "sticker" => {
                let handle =
                    value::member(said, "id")?.ok_or_else(|| Reject::missing(format!("{kind}.id")))?;
                let content_type = value::member(said, "mime_type")?;
                Self {
                    text: value::member(said, "caption")?.unwrap_or_default(),
                    attachments: vec![Attachment::Handle { handle, content_type }],
                    ..Self::default()
                }
            }
            "location" => Self::location(said)?,
            "contacts" => words(Some(cards(said.as_array().map_or(&[], Vec::as_slice))?)),
            // `unsupported`, `unknown`, and whatever comes next: kept
            _ => {
                let detail = "a kind of message that this connector does not know".to_owned();
                return Err(Reject::Field { field: "messages.type".to_owned(), detail });
            }
        })
    }

    fn location(said: &Value) -> Result<Self, Reject> {
        let (lat, lon) = (degrees(said, "latitude")?, degrees(said, "longitude")?);
        let names: Vec<String> =
            [value::member(said, "name")?, value::member(said, "address")?].into_iter().flatten().collect();
        let address = names.join(", ");
        Ok(Self {
            text: address.clone(),
            place: DraftPlace {
                lat,
                lon,
                address: Some(address).filter(|address| !address.is_empty()),
                ..DraftPlace::default()
            },
            attachments: Vec::new(),
        })
    }
}

/// What the citizen chose: the title of a button or a line of a list, or the answers of a form.
fn chosen(said: &Value) -> Result<Option<String>, Reject> {
    for reply in ["button_reply", "list_reply"] {
        if let Some(title) = text(said, &[reply, "title"])? {
            return Ok(Some(title));
        }
    }
    let Some(answers) = text(said, &["nfm_reply", "response_json"])? else { return Ok(None) };
    let answers = value::parse(answers.as_bytes())?;
    // the token is ours and says nothing
    let answers = answers.as_object().into_iter().flatten().filter(|(name, _)| *name != "flow_token");
    let lines = answers.filter_map(|(name, answer)| match answer {
        Value::Null => None,
        Value::String(answer) => Some(format!("{name}: {answer}")),
        other => Some(format!("{name}: {other}")),
    });
    Ok(Some(lines.collect::<Vec<_>>().join("\n")))
}

/// Shared contacts as name and numbers.
fn cards(cards: &[Value]) -> Result<String, Reject> {
    let mut lines = Vec::with_capacity(cards.len());
    for card in cards {
        let mut parts: Vec<String> = text(card, &["name", "formatted_name"])?.into_iter().collect();
        for phone in list(card, "phones") {
            parts.extend(value::member(phone, "phone")?);
        }
        lines.push(parts.join(", "));
    }
    Ok(lines.join("\n"))
}

fn status(status: &Value) -> Result<Item, Reject> {
    let vendor_id = value::member(status, "id")?.ok_or_else(|| Reject::missing("statuses.id"))?;
    let state = match value::member(status, "status")?.as_deref() {
        Some("sent") => DeliveryState::Sent,
        Some("delivered") => DeliveryState::Delivered,
        // a voice message is played
        Some("read" | "played") => DeliveryState::Read,
        Some("failed") => failed(list(status, "errors").first().unwrap_or(&Value::Null))?,
        Some(_) => return Ok(Item::Ignored("a report that says nothing of the delivery")),
        None => return Err(Reject::missing("statuses.status")),
    };
    Ok(Item::Report(DeliveryReport { vendor_id, state, at: time(status, "timestamp") }))
}

fn failed(error: &Value) -> Result<DeliveryState, Reject> {
    let code = error.get("code").and_then(Value::as_i64).unwrap_or_default();
    let title = value::member(error, "title")?.unwrap_or_default();
    let detail = format!("error {code} {title}").trim_end().to_owned();
    Ok(DeliveryState::Failed { detail, other_way: graph::another_way(code) })
}
