//! One message of a chat.

use jiff::Timestamp;
use muara_normalizer::{
    Amendment, Draft, ExternalId,
    draft::{Attachment, Change, DraftPlace, DraftReporter, ReturnAddress, SourceTime},
};
use serde_json::{Value, json};

use super::api;
use crate::{
    connector::{Ask, Inquiry, Item},
    reject::Reject,
    value,
};

/// What a chat's service writes, not a person.
const NOTICES: &[&str] = &[
    "new_chat_members",
    "left_chat_member",
    "new_chat_title",
    "new_chat_photo",
    "delete_chat_photo",
    "group_chat_created",
    "supergroup_chat_created",
    "channel_chat_created",
    "message_auto_delete_timer_changed",
    "migrate_to_chat_id",
    "migrate_from_chat_id",
    "pinned_message",
    "chat_background_set",
    "forum_topic_created",
    "forum_topic_edited",
    "forum_topic_closed",
    "forum_topic_reopened",
    "general_forum_topic_hidden",
    "general_forum_topic_unhidden",
    "video_chat_scheduled",
    "video_chat_started",
    "video_chat_ended",
    "video_chat_participants_invited",
    "boost_added",
    "users_shared",
    "chat_shared",
    "write_access_allowed",
    "connected_website",
    "proximity_alert_triggered",
];
/// What people play with.
const GAMES: &[&str] =
    &["dice", "game", "sticker", "poll", "gift", "unique_gift", "giveaway", "invoice", "checklist"];

/// A message as an item.
pub(super) fn item(message: &Value, username: Option<&str>) -> Result<Item, Reject> {
    let message = Message(message);
    if let Some(reason) = message.not_for_us()? {
        return Ok(Item::Ignored(reason));
    }
    let mut draft = message.draft()?;
    match message.command(username) {
        None => {}
        Some(Command::OfAnotherBot) => return Ok(Item::Ignored("a command for another bot")),
        Some(Command::Ask(ask)) => return message.inquiry(ask),
        Some(Command::Report(words)) if words.is_empty() && draft.attachments.is_empty() => {
            return message.inquiry(Ask::HowToReport);
        }
        Some(Command::Report(words)) => draft.text = words,
    }
    if draft.is_empty() && !draft.has_point() {
        return match message.kind(GAMES) {
            Some(_) => Ok(Item::Ignored("a sticker, a game or a poll")),
            None => Err(Reject::Shape { expected: "a message with words, a file, a place or a contact" }),
        };
    }
    Ok(Item::Draft(Box::new(draft)))
}

/// A message that was written anew.
pub(super) fn edit(edited: &Value, username: Option<&str>) -> Result<Item, Reject> {
    let message = Message(edited);
    if message.0.get("location").is_some() {
        return Ok(Item::Ignored("a live location that moves"));
    }
    let draft = match item(edited, username)? {
        Item::Draft(draft) => draft,
        // what was no complaint does not become one by being put right
        _ => return Ok(Item::Ignored("an edit of what is no complaint")),
    };
    let at = message.text("edit_date")?.or(message.text("date")?).unwrap_or_default();
    Ok(Item::Amendment(Box::new(Amendment {
        external_id: message.id()?,
        at: seconds(&at),
        revision: at,
        change: Change::Edited { draft },
    })))
}

enum Command {
    Ask(Ask),
    Report(String),
    OfAnotherBot,
}

struct Message<'a>(&'a Value);

impl Message<'_> {
    fn text(&self, path: &str) -> Result<Option<String>, Reject> {
        let mut at = self.0;
        let mut names = path.split('.').peekable();
        while let Some(name) = names.next() {
            if names.peek().is_none() {
                return value::member(at, name);
            }
            match at.get(name) {
                Some(inner) => at = inner,
                None => return Ok(None),
            }
        }
        Ok(None)
    }

    fn required(&self, path: &str) -> Result<String, Reject> {
        self.text(path)?.ok_or_else(|| Reject::missing(path))
    }

    /// The first of these members that is there.
    fn kind<'k>(&self, kinds: &[&'k str]) -> Option<&'k str> {
        kinds.iter().copied().find(|kind| self.0.get(*kind).is_some())
    }

    /// Unique over all chats of the bot.
    fn id(&self) -> Result<ExternalId, Reject> {
        let id = self.numbered(&self.required("message_id")?)?;
        ExternalId::new(id).ok_or_else(|| Reject::missing("message_id"))
    }

    /// A message of this chat by its number. A business account numbers its messages by itself, so one citizen may have
    /// the same number there and with the bot.
    fn numbered(&self, number: &str) -> Result<String, Reject> {
        let business = self.text("business_connection_id")?;
        Ok(api::numbered(business.as_deref(), &self.required("chat.id")?, number))
    }

    fn private(&self) -> Result<bool, Reject> {
        Ok(self.text("chat.type")?.is_none_or(|kind| kind == "private"))
    }

    fn not_for_us(&self) -> Result<Option<&'static str>, Reject> {
        if self.0.pointer("/from/is_bot").and_then(Value::as_bool) == Some(true) {
            // an anonymous administrator of a group writes by a bot of Telegram's
            return Ok(self.0.get("sender_chat").is_none().then_some("sent by a bot"));
        }
        let forwarded = self.0.get("is_automatic_forward").and_then(Value::as_bool) == Some(true);
        // a channel's posts come into its discussion group, too
        if forwarded || self.text("chat.type")?.as_deref() == Some("channel") {
            return Ok(Some("a post of a channel"));
        }
        // a business account's chats come with both sides, and a private chat bears the number of the other one
        if self.text("business_connection_id")?.is_some() && self.text("from.id")? != self.text("chat.id")? {
            return Ok(Some("sent by the business account itself"));
        }
        Ok(self.kind(NOTICES).map(|_| "a notice of the service"))
    }

    fn inquiry(&self, ask: Ask) -> Result<Item, Reject> {
        let inquiry = Inquiry { external_id: self.id()?, ask, return_address: self.return_address()? };
        Ok(Item::Inquiry(Box::new(inquiry)))
    }

    fn return_address(&self) -> Result<ReturnAddress, Reject> {
        let mut address = json!({
            "chat": self.required("chat.id")?,
            "message": self.required("message_id")?,
            "private": self.private()?,
        });
        if let Some(business) = self.text("business_connection_id")? {
            address["business"] = business.into();
        }
        Ok(ReturnAddress(address))
    }

    /// A command that the text begins with; an unknown one with words behind it is a complaint as it is written.
    fn command(&self, username: Option<&str>) -> Option<Command> {
        let text = self.0.get("text").or_else(|| self.0.get("caption"))?.as_str()?.trim();
        let (written, words) = match text.split_once(char::is_whitespace) {
            Some((written, words)) => (written, words.trim()),
            None => (text, ""),
        };
        let named = written.strip_prefix('/').filter(|name| !name.is_empty())?;
        let (name, bot) = match named.split_once('@') {
            Some((name, bot)) => (name, Some(bot)),
            None => (named, None),
        };
        let ours =
            |bot: &str| username.is_none_or(|ours| bot.eq_ignore_ascii_case(ours.trim_start_matches('@')));
        if bot.is_some_and(|bot| !ours(bot)) {
            return Some(Command::OfAnotherBot);
        }
        match name.to_lowercase().as_str() {
            "start" | "help" | "bantuan" | "mulai" => Some(Command::Ask(Ask::Welcome)),
            "lapor" => Some(Command::Report(words.to_owned())),
            "status" | "cek" => Some(Command::Ask(Ask::Status(words.to_owned()))),
            _ if words.is_empty() && self.attachments().is_ok_and(|files| files.is_empty()) => {
                Some(Command::Ask(Ask::Welcome))
            }
            _ => None,
        }
    }

    fn draft(&self) -> Result<Draft, Reject> {
        let place = self.place()?;
        let said = self.text("text")?.or(self.text("caption")?);
        let contact = self.contact()?;
        // a venue or a contact sent by itself says no more than it names
        let text = said.or_else(|| place.address.clone()).or_else(|| contact.clone()).unwrap_or_default();
        let replies_to = match self.text("reply_to_message.message_id")? {
            Some(number) => vec![self.numbered(&number)?],
            None => Vec::new(),
        };
        Ok(Draft {
            external_id: Some(self.id()?),
            thread: self.text("media_group_id")?.map(|album| format!("album:{album}")),
            text,
            place,
            reporter: self.reporter()?,
            attachments: self.attachments()?,
            sent_at: self.text("date")?.as_deref().and_then(seconds),
            public: !self.private()?,
            replies_to,
            return_address: Some(self.return_address()?),
            ..Draft::default()
        })
    }

    /// Whoever sent it, also if somebody else wrote it first.
    fn reporter(&self) -> Result<DraftReporter, Reject> {
        let (id, names) = match self.text("sender_chat.id")? {
            None => (self.text("from.id")?, [self.text("from.first_name")?, self.text("from.last_name")?]),
            // `from` is a bot of Telegram's then
            group => (group, [self.text("sender_chat.title")?, None]),
        };
        let names: Vec<_> = names.into_iter().flatten().collect();
        // only a contact of the sender's own is their number
        let own = self.text("contact.user_id")?.is_some_and(|contact| Some(contact) == id);
        Ok(DraftReporter {
            id,
            name: Some(names.join(" ")).filter(|name| !name.is_empty()),
            phone: if own { self.text("contact.phone_number")? } else { None },
            ..DraftReporter::default()
        })
    }

    fn contact(&self) -> Result<Option<String>, Reject> {
        let parts = ["contact.first_name", "contact.last_name", "contact.phone_number"];
        let mut said = Vec::new();
        for part in parts {
            said.extend(self.text(part)?);
        }
        Ok(Some(said.join(" ")).filter(|said| !said.is_empty()))
    }

    fn place(&self) -> Result<DraftPlace, Reject> {
        let venue = [self.text("venue.title")?, self.text("venue.address")?];
        let venue: Vec<_> = venue.into_iter().flatten().collect();
        let point = self.0.pointer("/venue/location").or_else(|| self.0.get("location"));
        let degrees = |name: &str| point.and_then(|point| point.get(name)).and_then(Value::as_f64);
        Ok(DraftPlace {
            lat: degrees("latitude"),
            lon: degrees("longitude"),
            // a point that was chosen on the map has no accuracy
            device: point.is_some_and(|point| point.get("horizontal_accuracy").is_some()),
            address: Some(venue.join(", ")).filter(|address| !address.is_empty()),
            ..DraftPlace::default()
        })
    }

    /// Every file, and of a photo's sizes the largest.
    fn attachments(&self) -> Result<Vec<Attachment>, Reject> {
        let mut files = Vec::new();
        if let Some(Value::Array(sizes)) = self.0.get("photo") {
            let pixels = |size: &&Value| {
                let side = |name: &str| size.get(name).and_then(Value::as_u64).unwrap_or(0);
                side("width").saturating_mul(side("height"))
            };
            if let Some(largest) = sizes.iter().max_by_key(pixels) {
                files.push(file(largest, "photo", Some("image/jpeg"))?);
            }
        }
        let kinds = [
            ("animation", Some("video/mp4")),
            ("video", Some("video/mp4")),
            ("video_note", Some("video/mp4")),
            ("voice", Some("audio/ogg")),
            ("audio", Some("audio/mpeg")),
            ("document", None),
        ];
        for (kind, content_type) in kinds {
            // an animation comes as a document, too
            if kind == "document" && self.0.get("animation").is_some() {
                continue;
            }
            if let Some(found) = self.0.get(kind) {
                files.push(file(found, kind, content_type)?);
            }
        }
        Ok(files)
    }
}

fn file(found: &Value, kind: &str, usual: Option<&str>) -> Result<Attachment, Reject> {
    let handle =
        value::member(found, "file_id")?.ok_or_else(|| Reject::missing(format!("{kind}.file_id")))?;
    let content_type = value::member(found, "mime_type")?.or_else(|| usual.map(str::to_owned));
    Ok(Attachment::Handle { handle, content_type })
}

fn seconds(written: &str) -> Option<SourceTime> {
    if written.is_empty() {
        return None;
    }
    let at = written.parse().ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    Some(at.map_or_else(|| SourceTime::Unreadable(written.to_owned()), SourceTime::Instant))
}
