//! Guessing passwords is made slow: after some failures each further one costs twice the wait of the last.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};

/// Failures are forgotten after so long without a new one; also the longest wait.
const WINDOW: SignedDuration = SignedDuration::from_mins(15);
/// Names and addresses that are remembered; beyond that the oldest are forgotten.
const CAPACITY: usize = 10_000;

/// Failures by name or by address.
pub(in crate::web) struct Lockout {
    allowance: u32,
    tries: Mutex<HashMap<String, Tries>>,
}

#[derive(Clone, Copy)]
struct Tries {
    failures: u32,
    last: Timestamp,
    until: Timestamp,
}

impl Lockout {
    /// So many failures cost nothing.
    pub(in crate::web) fn new(allowance: u32) -> Self {
        Self { allowance, tries: Mutex::new(HashMap::new()) }
    }

    /// Begins a try and counts it as a failure, so that many at the same time are counted too.
    ///
    /// Fails with the time still to wait.
    pub(in crate::web) fn attempt(&self, who: &str, now: Timestamp) -> Result<(), Duration> {
        let mut all = self.lock();
        if !all.contains_key(who) {
            make_room(&mut all, now);
        }
        let fresh = Tries { failures: 0, last: now, until: Timestamp::MIN };
        let tries = all.entry(who.to_owned()).or_insert(fresh);
        if now < tries.until {
            let wait = tries.until.duration_since(now);
            return Err(wait.try_into().unwrap_or(Duration::from_secs(60)));
        }
        if stale(tries, now) {
            *tries = fresh;
        }
        tries.failures += 1;
        tries.last = now;
        if tries.failures >= self.allowance {
            let doublings = (tries.failures - self.allowance).min(4);
            let wait = SignedDuration::from_mins(1 << doublings).min(WINDOW);
            tries.until = now.checked_add(wait).unwrap_or(now);
        }
        Ok(())
    }

    /// Forgets the failures of somebody who is known now.
    pub(in crate::web) fn forget(&self, who: &str) {
        self.lock().remove(who);
    }

    /// Takes one try back: it was no failure.
    pub(in crate::web) fn take_back(&self, who: &str) {
        if let Some(tries) = self.lock().get_mut(who) {
            tries.failures = tries.failures.saturating_sub(1);
            if tries.failures < self.allowance {
                tries.until = Timestamp::MIN;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Tries>> {
        self.tries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn stale(tries: &Tries, now: Timestamp) -> bool {
    now >= tries.until && now.duration_since(tries.last) >= WINDOW
}

fn make_room(all: &mut HashMap<String, Tries>, now: Timestamp) {
    if all.len() < CAPACITY {
        return;
    }
    all.retain(|_, tries| !stale(tries, now));
    if all.len() < CAPACITY {
        return;
    }
    // a tenth at once, so that a flood of names does not sort the whole map for each
    let mut by_age: Vec<_> = all.iter().map(|(who, tries)| (tries.last, who.clone())).collect();
    by_age.sort_unstable();
    for (_, who) in by_age.into_iter().take(CAPACITY / 10) {
        all.remove(&who);
    }
}
