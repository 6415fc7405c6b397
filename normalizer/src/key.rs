//! The idempotency key: what makes two deliveries the same message (Enterprise Integration Patterns: idempotent receiver).

use jiff::SignedDuration;
use sha2::{Digest, Sha256};

use crate::{
    draft::{Amendment, Attachment, Draft, DraftPlace},
    identity,
    ids::{ChannelId, ExternalId},
};

/// How long a message without a vendor's id is taken for a redelivery of an equal one.
pub const CONTENT_WINDOW: SignedDuration = SignedDuration::from_mins(5);

/// What makes two deliveries the same message. UNIQUE in the store.
///
/// Readable and in the vendor's order where the vendor numbers its messages: neighbours in time are
/// neighbours in the store's index, which keeps the index cheap at a million keys.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IdempotencyKey {
    /// The key.
    pub text: String,
    /// For how long an equal key means a redelivery; without end where the vendor gave an id.
    pub window: Option<SignedDuration>,
}

impl IdempotencyKey {
    /// The key of a draft: channel and vendor's id; without an id, channel and a hash of sender, text and attachments.
    #[must_use]
    pub fn of(channel: &ChannelId, draft: &Draft) -> Self {
        match &draft.external_id {
            Some(id) => Self::of_id(channel, id),
            None => Self { text: content(channel, draft), window: Some(CONTENT_WINDOW) },
        }
    }

    /// The key of the message that has this id at the vendor's.
    #[must_use]
    pub fn of_id(channel: &ChannelId, id: &ExternalId) -> Self {
        let id = id.as_str();
        // a longer id (an e-mail's Message-ID may have 998 characters) is hashed; and one that could pass for a hash
        let text = if id.len() <= 64 && !id.starts_with('/') {
            format!("{channel}/{id}")
        } else {
            hashed(channel, "id", [id.as_bytes()])
        };
        Self { text, window: None }
    }

    /// The key of a change of a message: two deliveries of the same change are one.
    #[must_use]
    pub fn of_amendment(channel: &ChannelId, amendment: &Amendment) -> Self {
        let parts = [amendment.external_id.as_str().as_bytes(), amendment.revision.as_bytes()];
        Self { text: hashed(channel, "amended", parts), window: None }
    }
}

fn content(channel: &ChannelId, draft: &Draft) -> String {
    let attachments = draft.attachments.iter().map(|attachment| match attachment {
        Attachment::Url { url, .. } => url.as_bytes(),
        Attachment::Handle { handle, .. } => handle.as_bytes(),
        Attachment::Inline { data, .. } => data.as_bytes(),
    });
    let said = [draft.title.as_deref().unwrap_or_default().as_bytes(), draft.text.as_bytes()];
    if let Some(sender) = identity::sender(&draft.reporter) {
        // who walks along a street may report the same of two places within minutes
        let place = match &draft.place {
            place if *place == DraftPlace::default() => Vec::new(),
            place => serde_json::to_vec(place).unwrap_or_default(),
        };
        let place = Some(place.as_slice()).filter(|place| !place.is_empty());
        let parts = [sender.as_bytes()].into_iter().chain(said).chain(attachments).chain(place);
        return hashed(channel, "said", parts.collect::<Vec<_>>());
    }
    // Two unknown people may write the same word; what tells them apart is when and where.
    let circumstances = serde_json::to_vec(&(&draft.sent_at, &draft.place)).unwrap_or_default();
    let parts = [circumstances.as_slice()].into_iter().chain(said).chain(attachments);
    hashed(channel, "unsigned", parts.collect::<Vec<_>>())
}

fn hashed<'a>(channel: &ChannelId, sort: &str, parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        digest.update(part);
    }
    format!("{channel}//{sort}:{}", hex::encode(&digest.finalize()[..16]))
}
