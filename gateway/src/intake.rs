//! From a verified request to rows on disk: decode, limits, idempotency, one transaction.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use muara_connectors::{Decoded, DeliveryReport, Inquiry, Item, Page, Reject, Request, Verified};
use muara_normalizer::{Amendment, ComplaintId, Draft, IdempotencyKey, Reference, draft::Change, identity};
use uuid::Uuid;

use crate::{
    channel::Channel,
    config,
    egress::answers,
    health::Health,
    limits::{self, Over},
    media::Files,
    metrics,
    store::{
        Store, StoreError,
        inbox::{Hold, Intake as Entry, NewAmendment, NewMessage, Taken},
        quarantine::{NewQuarantine, Quarantined, Stage},
        report::NewReport,
    },
    traces::{self, Cause},
};

/// Where requests, pages and replays become rows. A cheap handle.
#[derive(Clone, Debug)]
pub struct Intake {
    inner: Arc<Inner>,
    store: Store,
}

#[derive(Debug)]
struct Inner {
    health: Arc<Health>,
    high_water: HighWater,
    retry_after: Duration,
    files: Files,
    disk_free: AtomicU64,
}

/// From where on nothing more is taken in.
#[derive(Clone, Copy, Debug)]
pub struct HighWater {
    /// Rows that wait.
    pub rows: u64,
    /// Bytes of what waits.
    pub bytes: u64,
    /// Bytes of the store's disk that must be free.
    pub disk_free: u64,
}

/// What a message was answered.
#[derive(Clone, Debug)]
pub struct Receipt {
    /// The complaint's id.
    pub id: ComplaintId,
    /// The citizen's code.
    pub reference: Reference,
    /// When the first delivery was stored.
    pub received_at: Timestamp,
    /// Whether this was the first delivery.
    pub fresh: bool,
    /// Whether the first delivery was held.
    pub held: bool,
}

/// What became of a request that is now on disk.
#[derive(Clone, Debug, Default)]
pub struct Submitted {
    /// One for each message, in the vendor's order.
    pub receipts: Vec<Receipt>,
    /// Where the bytes are kept that could not be understood.
    pub quarantined: Option<Uuid>,
    /// Items that are none of our business.
    pub ignored: usize,
}

/// Why a request was not taken.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Nothing in it could be understood; its bytes are in quarantine.
    #[error("{reason}")]
    Undecodable {
        /// The quarantine row.
        quarantine: Uuid,
        /// Why.
        reason: Reject,
    },
    /// Over a limit, and the vendor delivers again.
    #[error("{reason}")]
    Limited {
        /// When the limit would allow it.
        retry_after: Duration,
        /// Which limit.
        reason: &'static str,
    },
    /// Over the high-water mark.
    #[error("{reason}")]
    Full {
        /// When to try again.
        retry_after: Duration,
        /// Which mark.
        reason: &'static str,
    },
    /// The store does not write.
    #[error("{error}")]
    StoreFailing {
        /// When to try again.
        retry_after: Duration,
        /// Why.
        error: StoreError,
    },
    /// An operator has paused the channel.
    #[error("this channel is paused; please deliver it again")]
    Paused {
        /// When to try again.
        retry_after: Duration,
    },
    /// The channel is off.
    #[error("this channel is off: {reason}")]
    Disabled {
        /// Why.
        reason: String,
    },
}

impl Intake {
    /// An intake into a store, with the configured high-water marks.
    #[must_use]
    pub fn new(
        store: Store,
        health: Arc<Health>,
        marks: &config::Store,
        intake: &config::Intake,
        media: &config::Media,
    ) -> Self {
        const MIB: u64 = 1024 * 1024;
        let high_water = HighWater {
            rows: marks.high_water_rows,
            bytes: marks.high_water_mb.saturating_mul(MIB),
            disk_free: marks.min_free_disk_mb.saturating_mul(MIB),
        };
        let retry_after = Duration::from_secs(intake.retry_after_seconds.into());
        let files = Files::new(media);
        let inner = Inner { health, high_water, retry_after, files, disk_free: AtomicU64::new(u64::MAX) };
        let intake = Self { inner: Arc::new(inner), store };
        intake.look_at_disk();
        intake
    }

    /// The same intake, which writes by this handle of the store.
    #[must_use]
    pub fn by(&self, store: Store) -> Self {
        Self { inner: Arc::clone(&self.inner), store }
    }

    /// Looks how much of the store's disk is free; called every second. Nothing of a store on a server, which says itself
    /// when its disk is full.
    pub fn look_at_disk(&self) -> Option<u64> {
        let folder = self.store.file()?.parent().filter(|folder| !folder.as_os_str().is_empty());
        let stat = rustix::fs::statvfs(folder.unwrap_or(std::path::Path::new("."))).ok()?;
        let free = stat.f_bavail.saturating_mul(stat.f_frsize);
        self.inner.disk_free.store(free, Ordering::Relaxed);
        Some(free)
    }

    /// Whether so little of the store's disk is free that files have to wait.
    #[must_use]
    pub fn disk_low(&self) -> bool {
        self.inner.disk_free.load(Ordering::Relaxed) < self.inner.high_water.disk_free
    }

    /// The marks from where on nothing more is taken in, and how much of the disk is free.
    #[must_use]
    pub fn high_water(&self) -> (HighWater, u64) {
        (self.inner.high_water, self.inner.disk_free.load(Ordering::Relaxed))
    }

    /// Which high-water mark is reached, in words.
    #[must_use]
    pub fn full(&self) -> Option<&'static str> {
        let levels = self.store.levels();
        let marks = &self.inner.high_water;
        if self.disk_low() {
            Some("the store's disk is nearly full (store.min_free_disk_mb)")
        } else if levels.inbox + levels.held + levels.outbox >= marks.rows {
            Some("too many messages wait for the core CRM (store.high_water_rows)")
        } else if levels.bytes >= marks.bytes {
            Some("too many bytes wait for the core CRM (store.high_water_mb)")
        } else {
            None
        }
    }

    /// Takes a verified request in. Durable when this returns `Ok`.
    ///
    /// # Errors
    /// [`Refusal`]: nothing of it was stored, but for [`Refusal::Undecodable`], whose bytes are in quarantine.
    pub async fn submit(&self, channel: &Channel, verified: Verified<'_>) -> Result<Submitted, Refusal> {
        if let Some(reason) = &channel.disabled {
            return Err(Refusal::Disabled { reason: reason.clone() });
        }
        let retry_after = self.inner.retry_after;
        if self.store.is_paused(&channel.id) {
            return Err(Refusal::Paused { retry_after });
        }
        if let Some(reason) = self.full() {
            return Err(Refusal::Full { retry_after, reason });
        }
        let (now, begun) = (Timestamp::now(), traces::begin());
        let mut sorted = Sorted::from(decode(channel, &verified));
        let (messages, over) = self.limited(channel, std::mem::take(&mut sorted.drafts), now);
        if let Some(over) = over
            && channel.redelivers
            && messages.iter().all(|message| message.hold.is_some())
            // a message that was taken before is answered as before, whatever the limit says
            && !self.all_known(&messages, now).await
        {
            return Err(Refusal::Limited { retry_after: over.wait, reason: over.reason });
        }
        let quarantine = sorted.reason.as_ref().map(|reason| NewQuarantine {
            id: Uuid::now_v7(),
            reason: reason.clone(),
            content_type: verified.request().media_type(),
            raw: verified.body().to_vec(),
        });
        let reason = sorted.whole.take();
        let ignored = sorted.ignored;
        let entry = Entry {
            messages,
            quarantine: quarantine.into_iter().collect(),
            ..self.entry(channel, now, sorted)
        };
        let taken = if entry.is_empty() {
            Taken::default()
        } else {
            self.store(channel, entry).await.map_err(|error| Refusal::StoreFailing { retry_after, error })?
        };
        metrics::messages(channel.id.as_str(), "ignored", ignored + taken.strangers);
        if let Some(begun) = begun {
            begun.received(&taken, channel.id.as_str(), &Cause::request(&verified.request().headers));
        }
        let quarantined = taken.quarantined.first().copied();
        if let (Some(quarantine), Some(reason), true) = (quarantined, reason, taken.receipts.is_empty()) {
            return Err(Refusal::Undecodable { quarantine, reason });
        }
        Ok(Submitted { receipts: self.receipts(&taken), quarantined, ignored: ignored + taken.strangers })
    }

    /// Takes a pulled page in, and moves the cursor in the same transaction.
    ///
    /// # Errors
    /// Nothing of it was stored, and the cursor stands where it stood.
    pub async fn submit_page(&self, channel: &Channel, page: Page) -> Result<Submitted, StoreError> {
        let (now, begun) = (Timestamp::now(), traces::begin());
        // a page cannot be asked to come again: what is over a limit is held
        let mut sorted = Sorted::from(Ok(Decoded { items: page.items }));
        let (messages, _) = self.limited(channel, std::mem::take(&mut sorted.drafts), now);
        let ignored = sorted.ignored;
        let quarantine = page.rejects.into_iter().map(|(raw, reason)| NewQuarantine {
            id: Uuid::now_v7(),
            reason: reason.to_string(),
            content_type: Some("application/json".to_owned()),
            raw: raw.to_vec(),
        });
        let entry = Entry {
            messages,
            quarantine: quarantine.collect(),
            cursor: Some(page.cursor),
            ..self.entry(channel, now, sorted)
        };
        let taken = self.store(channel, entry).await?;
        if let Some(begun) = begun {
            begun.received(&taken, channel.id.as_str(), &Cause::Pull);
        }
        Ok(Submitted {
            receipts: self.receipts(&taken),
            quarantined: taken.quarantined.first().copied(),
            ignored: ignored + taken.strangers,
        })
    }

    /// Tries a quarantined row again. What is understood now goes its way, what is not stays; pressing twice is safe.
    ///
    /// # Errors
    /// Nothing was changed.
    pub async fn replay(&self, channel: &Channel, row: &Quarantined) -> Result<Submitted, StoreError> {
        if row.stage == Stage::Refine {
            self.store.refine_again(row.id).await?;
            return Ok(Submitted::default());
        }
        let request = Request::from_body(row.content_type.as_deref(), row.raw.clone().into());
        let mut sorted = Sorted::from(decode(channel, &Verified::before(&request, &channel.settings)));
        let still = sorted.reason.take().map(|reason| NewQuarantine {
            id: row.id,
            reason,
            content_type: row.content_type.clone(),
            raw: row.raw.clone(),
        });
        let (drafts, ignored) = (std::mem::take(&mut sorted.drafts), sorted.ignored);
        let entry = Entry {
            messages: drafts.into_iter().map(|draft| self.message(channel, draft, row.at)).collect(),
            quarantine: still.into_iter().collect(),
            replayed: Some(row.id),
            // as of then: its neighbours of that time are known, however long ago that was
            ..self.entry(channel, row.at, sorted)
        };
        let taken = self.store(channel, entry).await?;
        let quarantined = taken.quarantined.first().copied();
        Ok(Submitted { receipts: self.receipts(&taken), quarantined, ignored })
    }

    async fn store(&self, channel: &Channel, entry: Entry) -> Result<Taken, StoreError> {
        let taken = self.store.take(entry).await.inspect_err(|error| {
            self.inner.health.store_failed(&channel.id, error);
        })?;
        let id = channel.id.as_str();
        for receipt in &taken.receipts {
            let what = if !receipt.fresh {
                "redelivered"
            } else if receipt.held {
                "held"
            } else {
                "accepted"
            };
            tracing::debug!(id = %receipt.id, channel = id, "Message {} {what}.", receipt.id);
        }
        let count =
            |wanted: fn(&&crate::store::inbox::Receipt) -> bool| taken.receipts.iter().filter(wanted).count();
        let (held, duplicates) = (count(|r| r.fresh && r.held), count(|r| !r.fresh));
        metrics::messages(id, "accepted", count(|r| r.fresh && !r.held));
        metrics::messages(id, "held", held);
        metrics::messages(id, "duplicate", duplicates);
        metrics::messages(id, "quarantined", taken.quarantined.len());
        for quarantine in &taken.quarantined {
            tracing::warn!(channel = id, %quarantine, "Bytes of channel {id} could not be understood and are kept: see `muara quarantine show {quarantine}`.");
        }
        let fresh = count(|r| r.fresh) + taken.quarantined.len();
        self.inner.health.took(&channel.id, (taken.receipts.len(), fresh), taken.quarantined.len());
        Ok(taken)
    }

    async fn all_known(&self, messages: &[NewMessage], now: Timestamp) -> bool {
        let keys = messages.iter().map(|message| message.key.clone()).collect();
        self.store.known(keys, now).await.is_ok_and(|known| known.iter().all(Option::is_some))
    }

    fn receipts(&self, taken: &Taken) -> Vec<Receipt> {
        let receipts = taken.receipts.iter().map(|receipt| Receipt {
            id: receipt.id,
            reference: self.store.reference(receipt.serial),
            received_at: receipt.received_at,
            fresh: receipt.fresh,
            held: receipt.held,
        });
        receipts.collect()
    }
}

/// A decoded request, sorted.
#[derive(Default)]
struct Sorted {
    drafts: Vec<Draft>,
    amendments: Vec<Amendment>,
    reports: Vec<DeliveryReport>,
    inquiries: Vec<Inquiry>,
    ignored: usize,
    /// Why something of it goes into quarantine.
    reason: Option<String>,
    /// The reason to answer with, if nothing of it is a draft.
    whole: Option<Reject>,
}

impl From<Result<Decoded, Reject>> for Sorted {
    fn from(decoded: Result<Decoded, Reject>) -> Self {
        let mut sorted = Self::default();
        let mut reasons = Vec::new();
        match decoded {
            Err(reject) => {
                reasons.push(reject.to_string());
                sorted.whole = Some(reject);
            }
            Ok(decoded) => {
                for item in decoded.items {
                    match item {
                        Item::Draft(draft) => sorted.drafts.push(*draft),
                        Item::Amendment(amendment) => sorted.amendments.push(*amendment),
                        Item::Report(report) => sorted.reports.push(report),
                        Item::Inquiry(inquiry) => sorted.inquiries.push(*inquiry),
                        Item::Ignored(_) => sorted.ignored += 1,
                        Item::Rejected { index, reason } => {
                            reasons.push(format!("item {index}: {reason}"));
                            sorted.whole.get_or_insert(reason);
                        }
                    }
                }
            }
        }
        // a thousand bad items have the same few reasons
        let more = reasons.len().saturating_sub(20);
        reasons.truncate(20);
        if more > 0 {
            reasons.push(format!("and {more} more items"));
        }
        sorted.reason = if reasons.is_empty() { None } else { Some(reasons.join("; ")) };
        sorted
    }
}

/// Runs the decoder; if it panics, the bytes are kept like any that are not understood.
fn decode(channel: &Channel, verified: &Verified<'_>) -> Result<Decoded, Reject> {
    catch_unwind(AssertUnwindSafe(|| (channel.connector.decode)(verified))).unwrap_or_else(|_| {
        tracing::error!(channel = %channel.id, "The decoder of connector {} panicked: a fault in Muara.", channel.connector_name);
        Err(Reject::Fault)
    })
}

impl Intake {
    /// What a request or page brings beside its messages.
    fn entry(&self, channel: &Channel, received_at: Timestamp, sorted: Sorted) -> Entry {
        let amendments =
            sorted.amendments.into_iter().map(|amendment| self.amended(channel, amendment, received_at));
        let asked = sorted.inquiries.into_iter().filter(|inquiry| {
            // a question over the limit is not worth keeping: whoever asks asks again
            let sender = limits::bucket(&inquiry.return_address.0.to_string());
            channel.limiter.check(Some(sender)).is_ok()
        });
        Entry {
            amendments: amendments.collect(),
            reports: sorted.reports.into_iter().map(NewReport::from).collect(),
            inquiries: asked.map(|inquiry| answers::to(channel, inquiry)).collect(),
            ..Entry::new(channel.id.clone(), received_at)
        }
    }

    fn amended(&self, channel: &Channel, mut amendment: Amendment, at: Timestamp) -> NewAmendment {
        let key = IdempotencyKey::of_amendment(&channel.id, &amendment);
        let target = IdempotencyKey::of_id(&channel.id, &amendment.external_id);
        let instead = match &amendment.change {
            Change::Edited { draft } => {
                let draft = Draft { external_id: Some(amendment.external_id.clone()), ..(**draft).clone() };
                Some(self.message(channel, draft, at))
            }
            Change::Reworded { .. } | Change::Deleted => None,
        };
        let files = self.inner.files.of_amendment(&mut amendment, at);
        NewAmendment { key, target, body: serde_json::to_vec(&amendment).unwrap_or_default(), files, instead }
    }

    fn message(&self, channel: &Channel, mut draft: Draft, at: Timestamp) -> NewMessage {
        // of the whole draft, so before its files are taken out
        let key = IdempotencyKey::of(&channel.id, &draft);
        let files = self.inner.files.of(&mut draft, at);
        // what is said in public, or by a machine, is said in one message
        let gather = channel.gather.is_some()
            && !draft.public
            && !draft.automatic
            && identity::sender(&draft.reporter).is_some();
        NewMessage {
            key,
            id: ComplaintId(Uuid::now_v7()),
            draft: serde_json::to_vec(&draft).unwrap_or_default(),
            hold: None,
            files,
            gather,
        }
    }

    /// Messages of drafts; what is over a limit is marked to be held. With the first limit that was met.
    fn limited(
        &self,
        channel: &Channel,
        drafts: Vec<Draft>,
        now: Timestamp,
    ) -> (Vec<NewMessage>, Option<Over>) {
        let mut first = None;
        let messages = drafts.into_iter().map(|draft| {
            let sender = identity::sender(&draft.reporter).map(|sender| limits::bucket(&sender));
            let mut message = self.message(channel, draft, now);
            if let Err(over) = channel.limiter.check(sender) {
                let wait = SignedDuration::try_from(over.wait).unwrap_or(SignedDuration::from_mins(1));
                let release_at = now.saturating_add(wait).unwrap_or(now);
                message.hold = Some(Hold { sender, release_at, reason: over.reason });
                first.get_or_insert(over);
            }
            message
        });
        (messages.collect(), first)
    }
}
