//! What the core CRM asks to be said to a citizen: `reply.requested.v1` on the queue `muara.replies`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    ids::{ComplaintId, Reference},
    status::Status,
};

/// The longest message that is read, in bytes.
pub const MOST_BYTES: usize = 256 * 1024;
/// The longest id.
const MOST_ID: usize = 200;
/// The longest text in characters: what no channel could deliver is no reply.
const MOST_TEXT: usize = 20_000;
/// The most files.
const MOST_FILES: usize = 20;

/// One reply. Either as `data` of a CloudEvents envelope of type `reply.requested.v1`, or by itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReplyRequest {
    /// The core CRM's id of this reply: the same one again is the same reply, and is said once.
    #[schemars(length(min = 1, max = 200))]
    pub reply_id: String,
    /// The complaint that is answered; or `reference`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub complaint_id: Option<ComplaintId>,
    /// The citizen's code of the complaint, as typed; or `complaint_id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The complaint's new status, e.g. `Proses`; an unknown name is passed on as given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub status: Option<Status>,
    /// What is to be said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Files that go with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<ReplyAttachment>,
}

/// A file of a reply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReplyAttachment {
    /// Where it can be fetched, by the vendor too.
    pub url: String,
    /// MIME type, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
}

/// Which complaint a reply answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answered {
    /// By its id.
    Complaint(ComplaintId),
    /// By the citizen's code.
    Reference(Reference),
}

/// Why a message is no reply. The sender's fault; it is dead-lettered with these words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadReply {
    /// Not JSON.
    #[error("not valid JSON: error at line {line}, column {column}")]
    Syntax {
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
    },
    /// An envelope of another kind.
    #[error(
        "expected a CloudEvents 1.0 envelope of type `reply.requested.v1`, found specversion {specversion}, type {found}"
    )]
    Envelope {
        /// Its version.
        specversion: String,
        /// Its type.
        found: String,
    },
    /// A member is missing or of the wrong kind.
    #[error("`{member}`: {detail}")]
    Member {
        /// Which.
        member: &'static str,
        /// What is wrong with it, without its content.
        detail: &'static str,
    },
    /// Too long.
    #[error("the message has more than {MOST_BYTES} bytes")]
    TooLarge,
}

impl ReplyRequest {
    /// Reads a message of the queue.
    ///
    /// # Errors
    /// [`BadReply`]: it is none, and never will be.
    pub fn parse(body: &[u8]) -> Result<Self, BadReply> {
        if body.len() > MOST_BYTES {
            return Err(BadReply::TooLarge);
        }
        let mut whole: Value = serde_json::from_slice(body)
            .map_err(|error| BadReply::Syntax { line: error.line(), column: error.column() })?;
        let enveloped = whole.get("specversion").is_some();
        if enveloped {
            let said = |name: &str| whole.get(name).and_then(Value::as_str).unwrap_or("none");
            if said("specversion") != "1.0" || said("type") != "reply.requested.v1" {
                let short = |text: &str| text.chars().take(60).collect();
                return Err(BadReply::Envelope {
                    specversion: short(said("specversion")),
                    found: short(said("type")),
                });
            }
            whole = whole.get_mut("data").map(Value::take).unwrap_or_default();
        }
        read(&whole)
    }

    /// Which complaint it answers. The id decides where both are given.
    ///
    /// # Errors
    /// The reference is none.
    pub fn answered(&self) -> Result<Answered, BadReply> {
        if let Some(id) = self.complaint_id {
            return Ok(Answered::Complaint(id));
        }
        let typed = self.reference.as_deref().unwrap_or_default();
        typed.parse().map(Answered::Reference).map_err(|_| BadReply::Member {
            member: "reference",
            detail: "not a reference such as 7K3M-9QXW-C, or its check symbol does not fit",
        })
    }
}

fn read(data: &Value) -> Result<ReplyRequest, BadReply> {
    let wrong = |member, detail| Err(BadReply::Member { member, detail });
    let Some(object) = data.as_object() else { return wrong("data", "expected an object") };
    let text = |member: &'static str| match object.get(member) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.trim().is_empty() => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(BadReply::Member { member, detail: "expected text" }),
    };
    let reply_id = match object.get("reply_id") {
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => text("reply_id")?,
    };
    let Some(reply_id) = reply_id else { return wrong("reply_id", "missing or empty") };
    if reply_id.chars().count() > MOST_ID || reply_id.chars().any(char::is_control) {
        return wrong("reply_id", "expected 1 to 200 visible characters");
    }
    let complaint_id = match text("complaint_id")? {
        None => None,
        Some(id) => match id.trim().parse() {
            Ok(id) => Some(ComplaintId(id)),
            Err(_) => return wrong("complaint_id", "not a UUID"),
        },
    };
    let attachments = match object.get("attachments") {
        None | Some(Value::Null) => Vec::new(),
        Some(list) => match serde_json::from_value::<Vec<ReplyAttachment>>(list.clone()) {
            Ok(list) if list.len() <= MOST_FILES => list,
            Ok(_) => return wrong("attachments", "more than 20"),
            Err(_) => return wrong("attachments", "expected a list of {url, content_type?}"),
        },
    };
    let request = ReplyRequest {
        reply_id,
        complaint_id,
        reference: text("reference")?,
        status: text("status")?.map(Status::from),
        text: text("text")?,
        attachments,
    };
    if request.complaint_id.is_none() && request.reference.is_none() {
        return wrong("complaint_id", "missing, and there is no `reference` either");
    }
    if request.status.is_none() && request.text.is_none() && request.attachments.is_empty() {
        return wrong(
            "text",
            "missing, and there is no `status` and no `attachments` either: nothing to say",
        );
    }
    if request.text.as_deref().is_some_and(|text| text.chars().count() > MOST_TEXT) {
        return wrong("text", "longer than 20,000 characters");
    }
    request.answered()?;
    Ok(request)
}
