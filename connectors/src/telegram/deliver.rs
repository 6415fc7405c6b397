//! Sending, and where files are.

use futures_util::future::BoxFuture;
use muara_normalizer::draft::{Attachment, ReturnAddress};
use serde_json::{Value, json};

use super::api::{self, Bot, Failure};
use crate::{
    deliver::{Deliver, DeliverError, Occasion, Outgoing, Sent},
    media::{MediaError, MediaRequest, MediaSource},
    parts::{Limit, parts},
    value,
};

/// A message has at most so many UTF-16 units.
const MOST_UNITS: usize = 4096;
const MOST_BYTES: usize = 256 * 1024;

impl Deliver for Bot {
    fn deliver<'a>(
        &'a self,
        to: &'a ReturnAddress,
        message: &'a Outgoing,
    ) -> BoxFuture<'a, Result<Sent, DeliverError>> {
        Box::pin(async move {
            let member = |name: &str| value::member(&to.0, name).ok().flatten();
            let chat: i64 = member("chat").and_then(|chat| chat.parse().ok()).ok_or(DeliverError::Address)?;
            let private = to.0.get("private").and_then(Value::as_bool).unwrap_or(true);
            // in a group everybody reads; Muara's own answers tell nothing of anybody
            let text = if private || message.occasion == Occasion::Answer {
                message.text_with_files().into_owned()
            } else {
                message.public_text.clone().ok_or(DeliverError::OnlyPublic)?
            };
            let quoted = member("message").and_then(|number| number.parse().ok());
            let business = member("business");
            let mut vendor_ids = Vec::new();
            for part in parts(&text, Limit::Utf16(MOST_UNITS))? {
                vendor_ids.push(self.send(chat, quoted, business.as_deref(), part).await?);
            }
            Ok(Sent { vendor_ids })
        })
    }
}

impl Bot {
    async fn send(
        &self,
        chat: i64,
        quoted: Option<i64>,
        business: Option<&str>,
        text: &str,
    ) -> Result<String, DeliverError> {
        let mut chat = chat;
        let mut moved = false;
        loop {
            let mut arguments =
                json!({ "chat_id": chat, "text": text, "link_preview_options": { "is_disabled": true } });
            if let Some(business) = business {
                arguments["business_connection_id"] = json!(business);
            }
            // a group that became a supergroup numbers its messages anew
            if let Some(quoted) = quoted.filter(|_| !moved) {
                arguments["reply_parameters"] =
                    json!({ "message_id": quoted, "allow_sending_without_reply": true });
            }
            match self.call::<Value>("sendMessage", &arguments, MOST_BYTES).await {
                Ok(sent) => {
                    let number = value::member(&sent, "message_id").ok().flatten();
                    return Ok(api::numbered(business, &chat.to_string(), &number.unwrap_or_default()));
                }
                Err(Failure::Refused { parameters, .. })
                    if parameters.migrate_to_chat_id.is_some() && !moved =>
                {
                    chat = parameters.migrate_to_chat_id.unwrap_or(chat);
                    moved = true;
                }
                Err(failure) => return Err(refused(failure)),
            }
        }
    }
}

fn refused(failure: Failure) -> DeliverError {
    let (code, words, parameters) = match failure {
        Failure::Unreachable(error) => return DeliverError::Unreachable(error),
        Failure::Unreadable => {
            return DeliverError::Vendor { answer: "no answer of the Bot API's".to_owned() };
        }
        Failure::Refused { code, words, parameters } => (code, words, parameters),
    };
    let answer = format!("error {code}, {words}");
    let lower = words.to_lowercase();
    match code {
        429 => DeliverError::Throttled { retry_after: parameters.retry_after() },
        // "bot was blocked by the user", "user is deactivated", "bot was kicked from the group chat"
        403 => DeliverError::Blocked { answer },
        401 | 404 => DeliverError::Refused { answer },
        400 if lower.contains("chat not found") || lower.contains("peer_id_invalid") => {
            DeliverError::NoRecipient { answer }
        }
        500.. => DeliverError::Vendor { answer },
        _ => DeliverError::Rejected { answer },
    }
}

impl MediaSource for Bot {
    fn locate<'a>(&'a self, attachment: &'a Attachment) -> BoxFuture<'a, Result<MediaRequest, MediaError>> {
        Box::pin(async move {
            let gone = |answer: &str| MediaError::Gone { answer: answer.to_owned() };
            let Attachment::Handle { handle, .. } = attachment else {
                return Err(gone("no file of Telegram's"));
            };
            let found: Value =
                self.call("getFile", &json!({ "file_id": handle }), MOST_BYTES).await.map_err(unlocated)?;
            let path =
                value::member(&found, "file_path").ok().flatten().ok_or_else(|| gone("it names no path"))?;
            Ok(MediaRequest { url: self.file(&path), headers: Vec::new(), configured: self.own_server() })
        })
    }
}

fn unlocated(failure: Failure) -> MediaError {
    match failure {
        Failure::Unreachable(error) => MediaError::Unreachable(error),
        Failure::Unreadable => MediaError::Vendor { answer: "no answer of the Bot API's".to_owned() },
        Failure::Refused { code: 429, parameters, .. } => {
            MediaError::Throttled { retry_after: parameters.retry_after() }
        }
        Failure::Refused { code: code @ (401 | 403 | 404), .. } => {
            MediaError::Refused { answer: format!("error {code}") }
        }
        Failure::Refused { code: code @ 500.., .. } => MediaError::Vendor { answer: format!("error {code}") },
        // a file of more than 20 MB cannot be had from a bot
        Failure::Refused { code, words, .. } => MediaError::Gone { answer: format!("error {code}, {words}") },
    }
}
