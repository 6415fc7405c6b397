//! A direct message in both of its shapes: `message_create` of API v1.1, and `dm_event` of API v2.

use muara_normalizer::{
    Draft, ExternalId,
    draft::{Attachment, DraftPlace, DraftReporter, ReturnAddress},
};
use serde_json::{Value, json};

use crate::{
    connector::Item,
    fields::Fields,
    reject::Reject,
    x::{
        media,
        post::{any_id, degrees, either, expanded, included, time, unescaped},
    },
};

const NO_MESSAGE: Item = Item::Ignored("an event of a conversation that is no message");
const OUR_OWN: Item = Item::Ignored("a direct message of our own");

/// `{"type": "message_create", "message_create": {…}}`, with the accounts in `users` by id.
pub(super) fn first(event: &Value, users: &Value, own: &str) -> Result<Item, Reject> {
    object(event)?;
    let fields = Fields(event);
    if fields.text("type")?.is_some_and(|kind| kind != "message_create") {
        return Ok(NO_MESSAGE);
    }
    let sender = fields
        .text("message_create.sender_id")?
        .ok_or_else(|| Reject::missing("message_create.sender_id"))?;
    if sender == own {
        return Ok(OUR_OWN);
    }
    let id = fields.id("id")?;
    let data = event.pointer("/message_create/message_data").unwrap_or(&Value::Null);
    let text = match data {
        Value::Object(_) => Fields(data).text("text")?.unwrap_or_default(),
        _ => String::new(),
    };
    let (mut attachments, mut place) = (Vec::new(), DraftPlace::default());
    if let Some(attachment) = data.get("attachment") {
        attachments.extend(attachment.get("media").and_then(media::file));
        place = location(attachment)?;
    }
    let user = users.get(&sender).map(|user| user.get("data").unwrap_or(user));
    // the address of the photo comes after the words, like any other address
    let text = match data.pointer("/attachment/media/url").and_then(Value::as_str) {
        Some(url) if !url.is_empty() => text.replace(url, "").trim_end().to_owned(),
        _ => text,
    };
    let text = expanded(text, data.get("entities"));
    // a one-to-one conversation is called by its two people, the smaller id first
    let thread = match (sender.parse::<u64>(), own.parse::<u64>()) {
        (Ok(theirs), Ok(ours)) => Some(format!("{}-{}", theirs.min(ours), theirs.max(ours))),
        _ => None,
    };
    let sent_at = fields.text("created_timestamp")?;
    let message = Message { id, sender, thread, text, place, attachments, sent_at };
    message.item(user)
}

/// `{"event_type": "MessageCreate", "id", "sender_id", "text", …}`, with the accounts in `includes`.
pub(super) fn second(event: &Value, includes: Option<&Value>, own: &str) -> Result<Item, Reject> {
    object(event)?;
    let fields = Fields(event);
    if fields.text("event_type")?.is_some_and(|kind| kind != "MessageCreate") {
        return Ok(NO_MESSAGE);
    }
    let sender = fields.text("sender_id")?.ok_or_else(|| Reject::missing("sender_id"))?;
    if sender == own {
        return Ok(OUR_OWN);
    }
    let id = any_id(&fields, &["id", "dm_event_id"])?.ok_or_else(|| Reject::missing("id"))?;
    let user = included(includes, "users", "id", &sender);
    let message = Message {
        id,
        thread: fields.text("dm_conversation_id")?,
        text: expanded(fields.text("text")?.unwrap_or_default(), event.get("entities").or(Some(event))),
        place: DraftPlace::default(),
        attachments: media::of_keys(event, includes),
        sent_at: fields.text("created_at")?,
        sender,
    };
    message.item(user)
}

fn object(event: &Value) -> Result<(), Reject> {
    if event.is_object() {
        return Ok(());
    }
    Err(Reject::Field { field: "message".to_owned(), detail: "expected an object".to_owned() })
}

struct Message {
    id: ExternalId,
    sender: String,
    thread: Option<String>,
    text: String,
    place: DraftPlace,
    attachments: Vec<Attachment>,
    sent_at: Option<String>,
}

impl Message {
    fn item(self, user: Option<&Value>) -> Result<Item, Reject> {
        let name = match user {
            Some(user @ Value::Object(_)) => {
                let handle = either(&Fields(user), "username", "screen_name")?;
                Fields(user).text("name")?.or_else(|| handle.map(|handle| format!("@{handle}")))
            }
            _ => None,
        };
        let address = json!({ "kind": "dm", "post": null, "user": self.sender });
        // a place that is sent by itself says no more than its name
        let text = match unescaped(&self.text) {
            text if text.trim().is_empty() => self.place.address.clone().unwrap_or_default(),
            text => text,
        };
        let draft = Draft {
            external_id: Some(self.id),
            thread: self.thread,
            text,
            place: self.place,
            reporter: DraftReporter {
                id: Some(self.sender),
                name,
                private: true,
                ..DraftReporter::default()
            },
            attachments: self.attachments,
            sent_at: self.sent_at.map(|written| time(&written)),
            return_address: Some(ReturnAddress(address)),
            ..Draft::default()
        };
        if draft.is_empty() && !draft.has_point() {
            return Err(Reject::missing("text, attachment or place"));
        }
        Ok(Item::Draft(Box::new(draft)))
    }
}

/// A point or a named place that was sent along.
fn location(attachment: &Value) -> Result<DraftPlace, Reject> {
    let point = attachment.pointer("/location/shared_coordinate/coordinates/coordinates");
    let (lon, lat) = degrees(point);
    let place = attachment.pointer("/location/shared_place/place");
    let address = match place {
        Some(place @ Value::Object(_)) => either(&Fields(place), "full_name", "name")?,
        _ => None,
    };
    Ok(DraftPlace { lat, lon, device: lat.is_some(), address, ..DraftPlace::default() })
}
