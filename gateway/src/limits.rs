//! Token buckets on the way in: one for the channel, one for each sender.
//!
//! Senders are hashed into a fixed number of buckets, so nobody can make the map grow; two senders who share
//! one share its allowance, which at worst holds a message for a minute. The number of a bucket says nothing
//! about who is in it.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    num::NonZeroU32,
    time::Duration,
};

use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    middleware::NoOpMiddleware,
    state::{InMemoryState, NotKeyed, keyed::DashMapStateStore},
};
use muara_connectors::{Limits, Rate};

/// Senders of one channel fall into so many buckets.
const BUCKETS: u64 = 1 << 16;

type Instant = <DefaultClock as Clock>::Instant;
type Middleware = NoOpMiddleware<Instant>;
type One = RateLimiter<NotKeyed, InMemoryState, DefaultClock, Middleware>;
type Many = RateLimiter<u64, DashMapStateStore<u64>, DefaultClock, Middleware>;

/// The buckets of one channel.
pub struct Limiter {
    clock: DefaultClock,
    channel: Option<One>,
    senders: Option<Many>,
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
            channel: quota(limits.channel).map(RateLimiter::direct),
            senders: quota(limits.sender).map(RateLimiter::dashmap),
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
        match self.channel.as_ref().map(RateLimiter::check) {
            Some(Err(until)) => {
                let wait = until.wait_time_from(self.clock.now());
                Err(Over { wait, reason: "the channel sends more than its limit" })
            }
            _ => Ok(()),
        }
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
