//! The way back: one task for each channel takes its replies in order and hands them to the vendor.
//!
//! A reply's row says all there is: a crash between the vendor's taking and our writing that down sends it once more,
//! under the same id ([`muara_connectors::Outgoing::id`]); rather twice than never. What one reply lacks holds back only
//! replies about the same complaint; what the vendor or the way to it lacks pauses the whole channel, so that order is
//! kept and nobody knocks at a closed door for every citizen anew. A message that finds the door closed again and again
//! lets one of another complaint try it: it may be the message.

pub mod answers;
pub mod text;

use std::{collections::HashSet, num::NonZeroU32, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use backon::{BackoffBuilder, ExponentialBuilder};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use jiff::{SignedDuration, Timestamp};
use muara_connectors::{
    Contact, Deliver, DeliverError, Outgoing,
    deliver::{Occasion, OutgoingFile, Unreachable, Verdict},
};
use muara_normalizer::{ComplaintId, Draft, draft::ReturnAddress, event::ReplyReason, phone};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    channel::{Channel, Channels},
    health::Health,
    metrics,
    store::{
        Store, StoreError,
        inbox::Waiting,
        reply::{Attempt, Due, NewCorrespondence, NewReply, ReplyBody, receipt_id},
    },
};

/// Replies taken up at once.
const BATCH: u32 = 50;
/// Pause after the store failed.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// There is nothing to send: whatever comes rings.
const IDLE: Duration = Duration::from_hours(1);
/// So often in a row one message may find the vendor away before another complaint's is tried.
const KNOCKS: u32 = 2;
/// A vendor that does not answer in this time did not take the message, as far as anybody knows.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);
/// What an attempt under way may still take when the gateway stops.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);

/// How a complaint is answered: written down beside its event.
#[must_use]
pub fn correspondence(channel: &Channel, row: &Waiting, draft: &Draft) -> NewCorrespondence {
    let replies = &channel.replies;
    // whoever waited because of a limit, or is a machine, would only answer an answer
    let receipt = replies.receipt
        && channel.disabled.is_none()
        && !row.held
        && !draft.automatic
        && (!draft.public || replies.public_receipt)
        && (draft.return_address.is_some() || !replies.fallback.is_empty());
    NewCorrespondence {
        address: draft.return_address.clone(),
        contact: Contact {
            phone: draft.reporter.phone.as_deref().and_then(phone::to_e164),
            email: draft
                .reporter
                .email
                .as_deref()
                .map(str::trim)
                .filter(|text| text.contains('@'))
                .map(str::to_owned),
        },
        public: draft.public,
        receipt: receipt.then(|| NewReply {
            id: receipt_id(row.id),
            occasion: Occasion::Receipt,
            channel: channel.id.clone(),
            address: None,
            body: ReplyBody::default(),
        }),
    }
}

/// How a channel's task is told to end.
#[derive(Clone, Debug, Default)]
pub struct Halt {
    /// Send what is due, unless the channel pauses, and end.
    pub finish: CancellationToken,
    /// End with the attempt that is under way.
    pub now: CancellationToken,
}

/// Sends a channel's replies until it is told to end.
pub async fn run(
    channel: Arc<Channel>,
    channels: Arc<ArcSwap<Channels>>,
    store: Store,
    health: Arc<Health>,
    halt: Halt,
) {
    // replies of a channel that is off wait until it is on
    if channel.disabled.is_some() {
        return;
    }
    let deliver = channel.connector.deliver.and_then(|open| open(&channel.settings));
    let rate = channel.replies.pace;
    let pace = NonZeroU32::new(rate.per_minute).map(|per_minute| {
        let burst = NonZeroU32::new(rate.burst).unwrap_or(NonZeroU32::MIN);
        RateLimiter::direct(Quota::per_minute(per_minute).allow_burst(burst))
    });
    let sender = Sender { channel, channels, store, health, deliver, pace, halt };
    sender.work().await;
}

struct Sender {
    channel: Arc<Channel>,
    channels: Arc<ArcSwap<Channels>>,
    store: Store,
    health: Arc<Health>,
    deliver: Option<Box<dyn Deliver>>,
    pace: Option<DefaultDirectRateLimiter>,
    halt: Halt,
}

/// How often in a row the channel found its vendor away, and with which message.
#[derive(Default)]
struct Streak {
    failures: u32,
    seq: i64,
    same: u32,
}

/// Whether the next reply may follow at once.
enum Next {
    Go,
    /// Not this complaint's next one.
    HoldBack,
    /// Nobody's.
    Pause(Duration),
}

impl Sender {
    async fn work(&self) {
        let bell = self.store.reply_wake(&self.channel.id);
        let mut streak = Streak::default();
        let mut paused = self.store.watch_paused();
        while !self.halt.now.is_cancelled() {
            if self.store.is_paused(&self.channel.id) {
                tokio::select! {
                    () = self.halt.now.cancelled() => break,
                    () = self.halt.finish.cancelled() => break,
                    goes_on = paused.wait_for(|paused| !paused.contains_key(self.channel.id.as_str())) => {
                        if goes_on.is_err() { break }
                    }
                }
            }
            let wait = match self.round(&mut streak).await {
                Ok(None) => continue,
                Ok(Some(wait)) => wait,
                Err(error) => {
                    tracing::error!(channel = %self.channel.id, %error, "Replies of channel {} cannot be read or settled; it is tried again.", self.channel.id);
                    Wait::Pause(LOOK_AGAIN)
                }
            };
            // what is not due goes on at the next start
            if self.halt.finish.is_cancelled() {
                break;
            }
            let (until, awake) = match wait {
                Wait::Pause(pause) => (pause, false),
                Wait::Work(until) => (until, true),
            };
            tokio::select! {
                () = self.halt.now.cancelled() => break,
                () = self.halt.finish.cancelled() => if !awake { break },
                () = tokio::time::sleep(until) => {}
                () = bell.notified(), if awake => {}
            }
        }
    }

    /// Sends what may be sent now. Nothing if there may be more at once.
    async fn round(&self, streak: &mut Streak) -> Result<Option<Wait>, StoreError> {
        let id = &self.channel.id;
        let due = self.store.due_replies(id.clone(), BATCH).await?;
        if due.is_empty() {
            let next = self.store.next_reply_at(id.clone()).await?;
            let until = next.map_or(IDLE, |at| {
                Duration::try_from(at.duration_since(Timestamp::now())).unwrap_or_default()
            });
            return Ok(Some(Wait::Work(until.clamp(Duration::from_millis(5), IDLE))));
        }
        let mut held_back: HashSet<ComplaintId> = HashSet::new();
        for reply in due {
            if self.halt.now.is_cancelled() {
                return Ok(Some(Wait::Pause(Duration::ZERO)));
            }
            if self.store.is_paused(&self.channel.id) {
                return Ok(None);
            }
            let complaint = reply.correspondence.as_ref().map(|known| known.complaint);
            if complaint.is_some_and(|complaint| held_back.contains(&complaint)) {
                continue;
            }
            match self.send(&reply, streak).await? {
                Next::Go => {}
                Next::HoldBack => held_back.extend(complaint),
                Next::Pause(pause) => return Ok(Some(Wait::Pause(pause))),
            }
        }
        Ok(None)
    }

    async fn send(&self, reply: &Due, streak: &mut Streak) -> Result<Next, StoreError> {
        if let Some(reason) = &reply.other_way {
            self.another_way(reply, reason.clone()).await?;
            return Ok(Next::Go);
        }
        let address = reply.address.as_ref().or_else(|| {
            let known = reply.correspondence.as_ref()?;
            known.address.as_ref().filter(|_| known.channel == self.channel.id.as_str())
        });
        let (Some(deliver), Some(address)) = (&self.deliver, address) else {
            let detail = if self.deliver.is_none() {
                "this channel does not send"
            } else {
                "the complaint came without an address to answer to"
            };
            self.another_way(reply, reason("no_way", detail)).await?;
            return Ok(Next::Go);
        };
        let message = self.compose(reply).await?;
        match self.attempt(deliver.as_ref(), address, &message).await {
            None => Ok(Next::Pause(Duration::ZERO)),
            Some(Ok(sent)) => {
                *streak = Streak::default();
                self.count("sent");
                self.health.sent(&self.channel.id);
                self.store.settle_reply(reply.seq, Attempt::Sent(sent.vendor_ids)).await?;
                Ok(Next::Go)
            }
            Some(Err(error)) => self.failed(reply, &error, streak).await,
        }
    }

    /// One attempt within its pace and time. Nothing if the gateway stops first.
    async fn attempt(
        &self,
        deliver: &dyn Deliver,
        address: &ReturnAddress,
        message: &Outgoing,
    ) -> Option<Result<muara_connectors::Sent, DeliverError>> {
        if let Some(pace) = &self.pace {
            tokio::select! {
                () = self.halt.now.cancelled() => return None,
                () = pace.until_ready() => {}
            }
        }
        let late = |_| DeliverError::Unreachable(Unreachable::Timeout(ANSWER_WITHIN));
        tokio::select! {
            answer = tokio::time::timeout(ANSWER_WITHIN, deliver.deliver(address, message)) => {
                Some(answer.map_err(late).and_then(|answer| answer))
            }
            () = async { self.halt.now.cancelled().await; tokio::time::sleep(LAST_WORDS).await } => None,
        }
    }

    async fn failed(
        &self,
        reply: &Due,
        error: &DeliverError,
        streak: &mut Streak,
    ) -> Result<Next, StoreError> {
        let why = reason(error.code(), error.to_string());
        let id = &self.channel.id;
        match error.verdict() {
            Verdict::Pause(asked) => {
                streak.failures += 1;
                streak.same = if streak.seq == reply.seq { streak.same + 1 } else { 1 };
                streak.seq = reply.seq;
                self.count(error.code());
                self.health.send_failed(id, error, streak.failures);
                let wait = asked.unwrap_or_else(|| pause(streak.failures));
                let suspect = streak.same >= KNOCKS && matches!(error, DeliverError::Unreachable(_));
                let due_at = suspect.then(|| after(wait.saturating_mul(2)));
                self.store.settle_reply(reply.seq, Attempt::Paused { due_at, reason: why }).await?;
                Ok(Next::Pause(wait))
            }
            Verdict::Retry if reply.attempts + 1 < self.channel.replies.attempts => {
                self.count(error.code());
                self.health.send_failed(id, error, reply.attempts + 1);
                let due_at = after(pause(reply.attempts + 1));
                self.store.settle_reply(reply.seq, Attempt::Later { due_at, reason: why }).await?;
                Ok(Next::HoldBack)
            }
            Verdict::OtherWay => {
                self.count(error.code());
                if matches!(error, DeliverError::Blocked { .. } | DeliverError::NoRecipient { .. }) {
                    // the vendor answers, and knows its customers
                    *streak = Streak::default();
                    self.health.sent(id);
                }
                self.another_way(reply, why).await?;
                Ok(Next::Go)
            }
            Verdict::Retry | Verdict::Final => {
                self.count(error.code());
                self.give_up(reply, why).await?;
                Ok(Next::Go)
            }
        }
    }

    /// Hands the reply to the next channel that can reach the citizen.
    async fn another_way(&self, reply: &Due, why: ReplyReason) -> Result<(), StoreError> {
        let channels = self.channels.load();
        let way = reply.correspondence.as_ref().and_then(|known| {
            let own = channels.get(&known.channel)?;
            let tried =
                own.replies.fallback.iter().position(|id| *id == self.channel.id).map_or(0, |at| at + 1);
            own.replies.fallback.iter().skip(tried).find_map(|id| {
                let other = channels.get(id.as_str()).filter(|other| other.delivers())?;
                let address = other.connector.address.and_then(|of| of(&known.contact, &other.settings))?;
                Some((other.id.clone(), address))
            })
        });
        match way {
            Some((channel, address)) => {
                self.count("moved");
                self.store.settle_reply(reply.seq, Attempt::Moved { channel, address }).await
            }
            None => self.give_up(reply, why).await,
        }
    }

    async fn give_up(&self, reply: &Due, why: ReplyReason) -> Result<(), StoreError> {
        self.count("failed");
        tracing::warn!(
            channel = %self.channel.id, reply = reply.id, code = why.code,
            "Reply {} will not arrive: {}. `muara replies list --state failed` shows it, `muara replies retry` tries again.", reply.id, why.detail
        );
        self.store.settle_reply(reply.seq, Attempt::Failed(why)).await
    }

    async fn compose(&self, reply: &Due) -> Result<Outgoing, StoreError> {
        let known = reply.correspondence.as_ref();
        let asked = match &reply.body.asked {
            Some(typed) => Some(answers::status(&self.store, typed).await?),
            None => None,
        };
        // what may be said in public is for the channel to say that the complaint came by
        let channels = self.channels.load();
        let own = known.and_then(|known| channels.get(&known.channel)).unwrap_or(&self.channel);
        let reference = known.map(|known| &known.reference);
        let said = match (reply.occasion, asked) {
            (_, Some(answer)) => text::Said { private: answer, public: None },
            (Occasion::Receipt, _) => text::receipt(&own.replies, reference, &own.title),
            (Occasion::Answer, _) => {
                text::Said { private: reply.body.text.clone().unwrap_or_default(), public: None }
            }
            (Occasion::Reply, _) => text::reply(own.replies.public, reference, &reply.body),
        };
        Ok(Outgoing {
            id: Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("urn:muara:{}", reply.id).as_bytes()),
            complaint: known.map(|known| known.complaint),
            reference: reference.cloned(),
            occasion: reply.occasion,
            status: reply.body.status.clone(),
            words: reply.body.text.clone(),
            text: said.private,
            public_text: said.public,
            attachments: reply
                .body
                .attachments
                .iter()
                .map(|file| OutgoingFile { url: file.url.clone(), content_type: file.content_type.clone() })
                .collect(),
            last_heard_at: known.map_or(reply.at, |known| known.heard_at),
            now: Timestamp::now(),
        })
    }

    fn count(&self, result: &'static str) {
        metrics::reply(self.channel.id.as_str(), result);
    }
}

/// How long a channel's task waits.
enum Wait {
    /// Whatever comes.
    Pause(Duration),
    /// Unless something comes.
    Work(Duration),
}

fn reason(code: &str, detail: impl Into<String>) -> ReplyReason {
    ReplyReason { code: code.to_owned(), detail: detail.into() }
}

fn after(wait: Duration) -> Timestamp {
    let wait = SignedDuration::try_from(wait).unwrap_or(SignedDuration::from_mins(5));
    Timestamp::now().saturating_add(wait).unwrap_or(Timestamp::MAX)
}

/// 1 s, 2 s, 4 s … five minutes, each with up to as much again by chance.
fn pause(failures: u32) -> Duration {
    let pauses = ExponentialBuilder::default()
        .with_min_delay(Duration::from_secs(1))
        .with_max_delay(LONGEST_PAUSE)
        .with_jitter()
        .without_max_times();
    let before = usize::try_from(failures.saturating_sub(1).min(9)).unwrap_or(9);
    pauses.build().nth(before).unwrap_or(LONGEST_PAUSE)
}
