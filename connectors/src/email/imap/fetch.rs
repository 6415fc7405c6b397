//! Fetching messages: sizes first, then each by itself, so that neither a large nor a broken one stops the folder.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures_util::TryStreamExt;

use crate::{
    connector::{Item, PullError},
    email::{
        self,
        imap::session::{Mailbox, set, within},
    },
    reject::Reject,
    request::Request,
    settings::ChannelSettings,
    verify::Verified,
};

/// Messages of a page, if they are small.
const MOST_MESSAGES: usize = 25;
/// Bytes of a page, if it has more than one message.
const PAGE_BYTES: usize = 16 * 1024 * 1024;
/// What is fetched of a message that is too large: the headers and what is written before the files.
const HEAD_BYTES: usize = 256 * 1024;
/// A large message over a slow line takes longer than one step.
const BYTES_PER_LIMIT: usize = 2 * 1024 * 1024;

/// What came in.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) items: Vec<Item>,
    pub(super) rejects: Vec<(Bytes, Reject)>,
    /// The last UID that this covers.
    pub(super) last: u32,
    /// The UIDs of messages that were taken whole.
    pub(super) whole: Vec<u32>,
}

impl Mailbox {
    /// The first of these messages, as many as make a page.
    pub(super) async fn fetch(
        &mut self,
        uids: &[u32],
        max_bytes: usize,
        channel: &ChannelSettings,
        folder: &str,
    ) -> Result<Batch, PullError> {
        let uids = uids.get(..MOST_MESSAGES).unwrap_or(uids);
        let sizes = self.sizes(uids).await?;
        let mut batch = Batch::default();
        let mut bytes = 0_usize;
        for &uid in uids {
            let mut found = None;
            if let Some(&size) = sizes.get(&uid) {
                let size = usize::try_from(size).unwrap_or(usize::MAX);
                let whole = size <= max_bytes;
                let fetched = if whole { size } else { HEAD_BYTES };
                if bytes > 0 && bytes.saturating_add(fetched) > PAGE_BYTES {
                    break;
                }
                bytes = bytes.saturating_add(fetched);
                found = self.message(uid, fetched, whole).await?.map(|raw| (raw, size, whole));
            }
            match found {
                Some((raw, _, true)) => {
                    batch.whole.push(uid);
                    batch.take(raw, channel);
                }
                Some((raw, size, false)) => batch.take_head(raw, size, max_bytes, channel, folder),
                // deleted meanwhile; or the server fails on it, which must neither stop the folder nor go unseen
                None if self.has(uid).await? => {
                    let detail = format!(
                        "the server has it but does not give it; it is UID {uid} in the folder {folder}"
                    );
                    batch.rejects.push((Bytes::new(), Reject::Field { field: "BODY".to_owned(), detail }));
                }
                None => {}
            }
            batch.last = uid;
        }
        Ok(batch)
    }

    async fn sizes(&mut self, uids: &[u32]) -> Result<BTreeMap<u32, u32>, PullError> {
        let step = async {
            let stream = self.session.uid_fetch(set(uids), "(UID RFC822.SIZE)").await?;
            stream.try_collect::<Vec<_>>().await
        };
        let fetched = within(self.limit, step).await?;
        Ok(fetched.iter().filter_map(|fetch| Some((fetch.uid?, fetch.size?))).collect())
    }

    /// One message, or its beginning; nothing where it is gone.
    async fn message(&mut self, uid: u32, bytes: usize, whole: bool) -> Result<Option<Bytes>, PullError> {
        let query =
            if whole { "(UID BODY.PEEK[])".to_owned() } else { format!("(UID BODY.PEEK[]<0.{HEAD_BYTES}>)") };
        let step = async {
            let stream = self.session.uid_fetch(uid.to_string(), query).await?;
            stream.try_collect::<Vec<_>>().await
        };
        let steps = u32::try_from(bytes / BYTES_PER_LIMIT).unwrap_or(u32::MAX).saturating_add(1);
        let fetched = within(self.limit.saturating_mul(steps), step).await?;
        let found = fetched.iter().find(|fetch| fetch.uid == Some(uid));
        Ok(found.and_then(|fetch| fetch.body()).map(Bytes::copy_from_slice))
    }
}

impl Batch {
    fn take(&mut self, raw: Bytes, channel: &ChannelSettings) {
        match decode(&raw, channel) {
            Ok(items) => self.items.extend(items),
            Err(reason) => self.rejects.push((raw, reason)),
        }
    }

    /// The words of a message whose files are too large. The last file is cut off, so none is taken; a note tells the
    /// officer where they are. What has no words is kept for the operator.
    fn take_head(&mut self, raw: Bytes, size: usize, max: usize, channel: &ChannelSettings, folder: &str) {
        const MIB: usize = 1024 * 1024;
        let (size, max) = (size.div_ceil(MIB), max / MIB);
        let mut items = decode(&raw, channel).unwrap_or_default();
        for item in &mut items {
            if let Item::Draft(draft) = item {
                draft.attachments.clear();
            }
        }
        if items.iter().any(|item| matches!(item, Item::Draft(draft) if draft.is_empty())) {
            items.clear();
        }
        if items.is_empty() {
            let detail = format!(
                "{size} MiB, more than the {max} MiB that the channel takes (imap.max_mb); the whole message is left in the folder {folder}"
            );
            self.rejects.push((raw, Reject::Field { field: "RFC822.SIZE".to_owned(), detail }));
            return;
        }
        for item in &mut items {
            if let Item::Draft(draft) = item {
                let note = format!(
                    "[Lampiran tidak diambil: surel ini berukuran {size} MiB, batasnya {max} MiB. Surel lengkap masih ada di kotak surat, folder {folder}.]"
                );
                let written = draft.original.take().unwrap_or_else(|| draft.text.clone());
                draft.original = Some(written);
                draft.text = format!("{}\n\n{note}", draft.text).trim_start().to_owned();
            }
        }
        self.items.extend(items);
    }
}

fn decode(raw: &Bytes, channel: &ChannelSettings) -> Result<Vec<Item>, Reject> {
    let request = Request::from_body(Some("message/rfc822"), raw.clone());
    (email::CONNECTOR.decode)(&Verified::before(&request, channel)).map(|decoded| decoded.items)
}
