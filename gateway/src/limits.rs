//! Token buckets on the way in: one for the channel, one for each sender.
//!
//! Senders are hashed into a fixed number of buckets, so nobody can make the map grow; two senders who share
//! one share its allowance, which at worst holds a message for a minute. The number of a bucket says nothing
//! about who is in it.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    num::NonZeroU32,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant as StdInstant},
};

use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    middleware::{NoOpMiddleware, StateInformationMiddleware},
    state::{InMemoryState, NotKeyed, keyed::DashMapStateStore},
};
use muara_connectors::{Limits, Rate};

/// Senders of one channel fall into so many buckets.
const BUCKETS: u64 = 1 << 16;

type Instant = <DefaultClock as Clock>::Instant;
type Middleware = NoOpMiddleware<Instant>;
type One = RateLimiter<NotKeyed, InMemoryState, DefaultClock, StateInformationMiddleware>;
type Many = RateLimiter<u64, DashMapStateStore<u64>, DefaultClock, Middleware>;

/// The buckets of one channel.
pub struct Limiter {
    clock: DefaultClock,
    channel: Option<One>,
    senders: Option<Many>,
    rate: Rate,
    /// What the channel's bucket held when it was last looked at; nothing asks a bucket without taking from it.
    last: Mutex<Option<(StdInstant, u32)>>,
}

/// What a channel's bucket allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    /// Messages that could come at once, now.
    pub now: u32,
    /// Messages that could come at once after a quiet time.
    pub burst: u32,
    /// Messages that it lets through in a minute.
    pub per_minute: u32,
}

impl std::fmt::Debug for Limiter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Limiter").field("senders", &self.len()).finish_non_exhaustive()
    }
}

/// A limit does not allow a message now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Over {
    /// When it would.
    pub wait: Duration,
    /// Which limit, in words.
    pub reason: &'static str,
}

/// The bucket of a sender.
#[must_use]
pub fn bucket(sender: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    sender.hash(&mut hasher);
    hasher.finish() % BUCKETS
}

/// A rate of 0 is no limit.
fn quota(rate: Rate) -> Option<Quota> {
    let per_minute = NonZeroU32::new(rate.per_minute)?;
    Some(Quota::per_minute(per_minute).allow_burst(NonZeroU32::new(rate.burst).unwrap_or(NonZeroU32::MIN)))
}

impl Limiter {
    /// Full buckets.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self {
            clock: DefaultClock::default(),
            channel: quota(limits.channel).map(|quota| RateLimiter::direct(quota).with_middleware()),
            senders: quota(limits.sender).map(RateLimiter::dashmap),
            rate: limits.channel,
            last: Mutex::new(None),
        }
    }

    /// Takes one token for a message of a sender's bucket.
    ///
    /// # Errors
    /// [`Over`]: the channel or the sender sends more than its limit.
    pub fn check(&self, sender: Option<u64>) -> Result<(), Over> {
        if let (Some(senders), Some(bucket)) = (&self.senders, sender)
            && let Err(until) = senders.check_key(&bucket)
        {
            let wait = until.wait_time_from(self.clock.now());
            return Err(Over { wait, reason: "this sender sends more than the channel's limit per sender" });
        }
        let Some(channel) = &self.channel else { return Ok(()) };
        let checked = channel.check();
        let left = checked.as_ref().map_or(0, |state| state.remaining_burst_capacity());
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((StdInstant::now(), left));
        match checked {
            Ok(_) => Ok(()),
            Err(until) => {
                let wait = until.wait_time_from(self.clock.now());
                Err(Over { wait, reason: "the channel sends more than its limit" })
            }
        }
    }

    /// What the channel's bucket still allows; none where there is no limit.
    #[must_use]
    pub fn left(&self) -> Option<Left> {
        self.channel.as_ref()?;
        let (burst, per_minute) = (self.rate.burst.max(1), self.rate.per_minute);
        let last = *self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let now = last.map_or(burst, |(at, left)| {
            let filled = at.elapsed().as_millis() * u128::from(per_minute) / 60_000;
            u32::try_from(filled).unwrap_or(u32::MAX).saturating_add(left).min(burst)
        });
        Some(Left { now, burst, per_minute })
    }

    /// Forgets senders whose bucket is full again.
    pub fn forget_idle(&self) {
        if let Some(senders) = &self.senders {
            senders.retain_recent();
            senders.shrink_to_fit();
        }
    }

    /// Buckets that are not full.
    #[must_use]
    pub fn len(&self) -> usize {
        self.senders.as_ref().map_or(0, RateLimiter::len)
    }

    /// Whether every bucket is full.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
