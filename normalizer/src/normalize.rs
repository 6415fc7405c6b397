//! The one door: draft and receipt in, complaint out.

use std::sync::Arc;

use jiff::Timestamp;

use crate::{
    category,
    complaint::{
        AttachmentKind, AttachmentRef, Channel, Complaint, External, Flag, Kind, Links, Location,
        NotAComplaint, SchemaVersion,
    },
    contact::{self, Found, masked},
    draft::{Amendment, Attachment, Change, Draft, DraftReporter},
    event::{Amended, AmendedChange},
    identity::{self, PersonRef, PrivacyKey},
    ids::{ChannelId, ComplaintId, Reference},
    noise, place,
    polygons::Polygons,
    reading::Reading,
    sense::Sense,
    similarity::Matter,
    text, time,
};

/// What the gateway wrote down when it stored the draft; together with the draft it decides everything.
#[derive(Clone, Debug)]
pub struct Receipt {
    /// The complaint's id, given at intake.
    pub id: ComplaintId,
    /// The code the citizen got.
    pub reference: Reference,
    /// The channel.
    pub channel: ChannelId,
    /// Its connector.
    pub connector: String,
    /// When the draft was stored.
    pub received_at: Timestamp,
}

/// Why a draft cannot become a complaint. It is quarantined with its raw bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NormalizeError {
    /// The source sent neither words nor files nor a point on the map. The source's or the field map's fault; replay after a mapping fix.
    #[error("the message has no text, no title, no attachment and no position: nothing was said")]
    Empty,
}

/// The rules with their settings.
#[derive(Clone, Debug)]
pub struct Normalizer {
    privacy: PrivacyKey,
    polygons: Arc<Polygons>,
}

/// What became of a draft: the complaint that everybody may see, and what stays in the gateway.
#[derive(Clone, Debug, PartialEq)]
pub struct Normalized {
    /// The complaint; numbers and addresses of persons are masked in it.
    pub complaint: Complaint,
    /// The numbers and addresses that the text held.
    pub found: Found,
    /// The citizen's words as they were written, if something is masked in the complaint.
    pub original: Option<String>,
    /// What it is about, for comparison with others.
    pub matter: Option<Matter>,
}

impl Normalizer {
    /// Rules that make keyed references with this key.
    #[must_use]
    pub fn new(privacy: PrivacyKey) -> Self {
        Self { privacy, polygons: Arc::default() }
    }

    /// The same rules with the city's polygons of kelurahan.
    #[must_use]
    pub fn with_polygons(self, polygons: Polygons) -> Self {
        Self { polygons: Arc::new(polygons), ..self }
    }

    /// The references of a draft's sender: the one that stands in the complaint first, then those of other ids that the
    /// channel proves to be theirs.
    #[must_use]
    pub fn persons(&self, channel: &ChannelId, reporter: &DraftReporter) -> Vec<PersonRef> {
        identity::references(channel, reporter, &self.privacy)
    }

    /// Turns a draft into a complaint.
    ///
    /// # Errors
    /// [`NormalizeError`]: there is nothing in it.
    pub fn normalize(&self, draft: Draft, receipt: &Receipt) -> Result<Normalized, NormalizeError> {
        if draft.is_empty() && !draft.has_point() {
            return Err(NormalizeError::Empty);
        }
        let mut flags = Vec::new();
        let title = draft.title.as_deref().and_then(text::clean_line);
        let description = text::clean(&draft.text);
        if description.is_empty() && title.is_none() {
            flags.push(Flag::NoText);
        }
        let sent_at = match &draft.sent_at {
            None => Err(Flag::TimeMissing),
            Some(time) => time::credible(time, receipt.received_at),
        };
        let sent_at = sent_at.unwrap_or_else(|flag| {
            flags.push(flag);
            receipt.received_at
        });
        let occurred_at = draft
            .occurred_at
            .as_ref()
            .and_then(|time| time::credible(time, receipt.received_at).map_err(|flag| flags.push(flag)).ok());
        let written = match &title {
            Some(title) => [title.as_str(), &description].join("\n"),
            None => description.clone(),
        };
        let reading = Reading::of(&written);
        let location = place::locate(&draft.place, &reading, &written, &self.polygons, &mut flags);
        let sense = Sense::of(&reading);
        if draft.urgent || sense.urgent {
            flags.push(Flag::Urgent);
        }
        let not_a_complaint = noise::not_a_complaint(&draft, &reading, &sense);
        flags.extend(not_a_complaint.map(|_| Flag::NotAComplaint));
        let category =
            category::suggest(&receipt.connector, draft.category.as_deref(), &reading, sense.categories);
        let asks = not_a_complaint == Some(NotAComplaint::Question);
        let kind = if asks { Kind::InformationRequest } else { sense.kind.unwrap_or(Kind::Complaint) };
        let kind = draft.kind.unwrap_or(kind);
        let (language, language_confidence) = sense.language;

        let found = contact::find(&written);
        flags.extend(found.flags());
        flags.sort_unstable();
        flags.dedup();
        let original = draft.original.unwrap_or(draft.text);
        // mostly the text is looked through once
        let hidden = |text: &str| if text == written { contact::mask(text, &found) } else { masked(text) };
        let shown = hidden(&original);
        let location = location.map(|place| Location {
            address: place.address.as_deref().map(masked),
            street: place.street.as_deref().map(masked),
            landmark: place.landmark.as_deref().map(masked),
            ..place
        });
        let complaint = Complaint {
            schema: SchemaVersion::V1,
            id: receipt.id,
            reference: receipt.reference.clone(),
            reporter: identity::reporter(&receipt.channel, &draft.reporter, &self.privacy),
            channel: Channel {
                id: receipt.channel.clone(),
                connector: receipt.connector.clone(),
                office: draft.office,
            },
            kind,
            title: title.as_deref().map(masked),
            description: hidden(&description),
            original: shown,
            language: language.to_owned(),
            language_confidence,
            category,
            external: External {
                id: draft.external_id,
                url: draft.url,
                thread: draft.thread,
                category: draft.category.as_deref().and_then(text::clean_line),
                supports: draft.supports,
                parts: draft.parts,
            },
            location,
            attachments: draft.attachments.into_iter().zip(1..).map(attachment).collect(),
            occurred_at,
            sent_at,
            received_at: receipt.received_at,
            links: Links::default(),
            flags,
            not_a_complaint,
        };
        let matter = Matter::of(&complaint, &reading);
        let original = (complaint.original != original).then_some(original);
        Ok(Normalized { complaint, found, original, matter })
    }
}

impl Normalizer {
    /// Turns a change of a complaint into what the core CRM hears of it; `receipt` is the complaint's, but for the time,
    /// which is the change's own. An edit that leaves nothing is a change, too.
    #[must_use]
    pub fn amend(&self, amendment: Amendment, receipt: &Receipt) -> Amended {
        let stored_at = receipt.received_at;
        let at = amendment.at.as_ref().and_then(|at| time::credible(at, stored_at).ok()).unwrap_or(stored_at);
        let blank = Amended {
            complaint_id: receipt.id,
            reference: receipt.reference.clone(),
            channel: receipt.channel.clone(),
            change: AmendedChange::Deleted,
            at,
            title: None,
            description: None,
            original: None,
            attachments: None,
        };
        match amendment.change {
            Change::Deleted => blank,
            Change::Reworded { text } => Amended {
                change: AmendedChange::Edited,
                description: Some(masked(&text::clean(&text))),
                original: Some(masked(&text)),
                ..blank
            },
            Change::Edited { draft } => Amended {
                change: AmendedChange::Edited,
                title: draft.title.as_deref().and_then(text::clean_line).as_deref().map(masked),
                description: Some(masked(&text::clean(&draft.text))),
                original: Some(masked(&draft.text)),
                attachments: Some(draft.attachments.into_iter().zip(1..).map(attachment).collect()),
                ..blank
            },
        }
    }
}

fn attachment((attachment, number): (Attachment, u32)) -> AttachmentRef {
    AttachmentRef::of(attachment, number)
}

impl AttachmentKind {
    /// What a file of this MIME type is.
    #[must_use]
    pub fn of(content_type: &str) -> Self {
        match content_type.split('/').next() {
            Some("image") => Self::Image,
            Some("video") => Self::Video,
            Some("audio") => Self::Audio,
            _ => Self::File,
        }
    }
}

impl AttachmentRef {
    /// An attachment as its vendor describes it; nothing of it is fetched.
    #[must_use]
    pub fn of(attachment: Attachment, number: u32) -> Self {
        let (url, content_type) = match attachment {
            Attachment::Url { url, content_type } => (Some(url), content_type),
            Attachment::Handle { content_type, .. } | Attachment::Inline { content_type, .. } => {
                (None, content_type)
            }
        };
        let stated = content_type.as_deref().and_then(|t| t.split('/').next());
        let word = stated.or_else(|| url.as_deref().and_then(extension)).map(str::to_ascii_lowercase);
        let kind = match word.as_deref() {
            Some("image" | "photo" | "jpg" | "jpeg" | "png" | "webp" | "gif" | "heic") => {
                AttachmentKind::Image
            }
            Some("video" | "mp4" | "mov" | "3gp" | "webm") => AttachmentKind::Video,
            Some("audio" | "voice" | "ogg" | "opus" | "mp3" | "m4a") => AttachmentKind::Audio,
            _ => AttachmentKind::File,
        };
        // vendors also write plain words such as `image` here, which is no MIME type
        let content_type = content_type.filter(|t| t.contains('/'));
        let id = number.to_string();
        Self { id, kind, content_type, bytes: None, sha256: None, url, state: None, reason: None }
    }
}

/// The ending of an address's path.
fn extension(url: &str) -> Option<&str> {
    let path = url.split(['?', '#']).next()?;
    let (_, name) = path.rsplit_once('/')?;
    name.rsplit_once('.').map(|(_, extension)| extension)
}
