//! What must happen by the clock: held messages let through, gauges set, old keys and idle senders forgotten.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use crate::{
    channel::Channels,
    health::Health,
    intake::Intake,
    metrics,
    store::{Levels, Store, StoreError},
};

const TICK: Duration = Duration::from_secs(1);
/// Held messages looked at in one tick.
const RELEASES: u32 = 500;
/// Seconds between two looks at what waits to be sent.
const BACKLOG: u64 = 5;
/// Idempotency keys looked at in one tick: a million takes twenty minutes and is never felt.
const KEYS: u32 = 1000;
/// Rows of what was said in chats forgotten in one minute.
const FORGOTTEN: u32 = 2000;
/// Matters looked at in one tick: each is filed under several blocks.
const MATTERS: u32 = 200;

/// Runs until it is cancelled.
pub async fn run(
    store: Store,
    intake: Intake,
    channels: Arc<ArcSwap<Channels>>,
    health: Arc<Health>,
    keep_keys_days: u32,
    keep_matters_days: u16,
    cancel: CancellationToken,
) {
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut swept = String::new();
    for second in 0_u64.. {
        tokio::select! {
            () = cancel.cancelled() => break,
            _ = tick.tick() => {}
        }
        let now = Timestamp::now();
        let led = store.leading();
        let disk_free = intake.look_at_disk();
        match &led {
            Some(store) => {
                let oldest = store.oldest().await.ok().flatten();
                let waiting = oldest.map(|at| Duration::try_from(now.duration_since(at)).unwrap_or_default());
                metrics::levels(store.levels(), disk_free, waiting.unwrap_or_default());
            }
            // what waits is told by who leads, so that the sum over the gateways is right
            None => metrics::levels(Levels::default(), disk_free, Duration::ZERO),
        }
        if store.failing().is_some() && store.probe().await.is_ok() {
            tracing::info!("The store writes again.");
        }
        match store.look_at_paused().await {
            Ok(true) => {
                health.paused(&store.paused());
                let paused = store.paused().keys().cloned().collect::<Vec<_>>().join(", ");
                tracing::warn!(paused, "Channels were paused or resumed by a command.");
            }
            Ok(false) => {}
            Err(error) => {
                tracing::error!(%error, "Which channels are paused could not be read; it is tried again.")
            }
        }
        let Some(store) = led else {
            if second % 60 == 59 {
                forget_idle(&channels.load());
            }
            continue;
        };
        if let Err(error) = release_due(&store, &channels.load(), now).await {
            tracing::error!(%error, "Held messages could not be released; it is tried again.");
        }
        let keys_before = now
            .saturating_sub(SignedDuration::from_hours(24 * i64::from(keep_keys_days)))
            .unwrap_or(Timestamp::MIN);
        match store.forget_keys(swept.clone(), KEYS, keys_before).await {
            Ok(last) => swept = last.unwrap_or_default(),
            Err(error) => {
                tracing::error!(%error, "Old idempotency keys could not be removed; it is tried again.")
            }
        }
        let matters_before = now
            .saturating_sub(SignedDuration::from_hours(24 * i64::from(keep_matters_days)))
            .unwrap_or(Timestamp::MIN);
        if let Err(error) = store.forget_matters(matters_before, MATTERS).await {
            tracing::error!(%error, "What old complaints were about could not be removed; it is tried again.");
        }
        if second % BACKLOG == 0
            && let Err(error) = look_at_replies(&store, &channels.load(), second % 60 == 0).await
        {
            tracing::error!(%error, "What waits to be sent could not be looked at; it is tried again.");
        }
        if second % 60 == 59 {
            let before = now.saturating_sub(SignedDuration::from_hours(24 * 7)).unwrap_or(Timestamp::MIN);
            let forgotten = async {
                store.forget_said(before, FORGOTTEN).await?;
                store.forget_joined(keys_before, FORGOTTEN).await
            };
            if let Err(error) = forgotten.await {
                tracing::error!(%error, "What was said in chats long ago could not be removed; it is tried again.");
            }
            if let Err(error) = store.forget_reports(before).await {
                tracing::error!(%error, "Old delivery reports could not be removed; it is tried again.");
            }
            forget_idle(&channels.load());
        }
    }
}

/// Forgets senders that nobody has heard for long.
fn forget_idle(channels: &Channels) {
    channels.iter().for_each(|channel| channel.limiter.forget_idle());
    metrics::limiter_keys(channels.iter().map(|channel| channel.limiter.len()).sum());
}

/// Lets those held messages through whose limit allows them now; puts the others off.
///
/// # Errors
/// The store cannot be read or written.
pub async fn release_due(store: &Store, channels: &Channels, now: Timestamp) -> Result<usize, StoreError> {
    let due = store.held(Some(now), RELEASES).await?;
    let (mut released, mut put_off) = (Vec::new(), Vec::new());
    for held in due {
        // a channel that is gone has no limit any more
        let over = channels.get(&held.channel).and_then(|channel| channel.limiter.check(held.sender).err());
        match over {
            None => released.push(held.serial),
            Some(over) => {
                let wait = SignedDuration::try_from(over.wait).unwrap_or(SignedDuration::from_mins(1));
                put_off.push((held.serial, now.saturating_add(wait).unwrap_or(now)));
            }
        }
    }
    if !put_off.is_empty() {
        store.put_off(put_off).await?;
    }
    if released.is_empty() { Ok(0) } else { store.release(released).await }
}

/// Sets the gauges of what waits to be sent, and wakes who sends it. Says of what waits on a channel that does not run.
async fn look_at_replies(store: &Store, channels: &Channels, say: bool) -> Result<(), StoreError> {
    let backlogs = store.look_at_replies().await?;
    let waiting = |id: &str| backlogs.iter().find(|backlog| backlog.channel == id);
    let delivering = channels.iter().filter(|channel| channel.delivers());
    let idle = delivering.filter(|channel| waiting(channel.id.as_str()).is_none());
    metrics::backlog(
        idle.map(|channel| (channel.id.as_str(), 0, Duration::ZERO)).chain(
            backlogs.iter().map(|backlog| (backlog.channel.as_str(), backlog.waiting, backlog.oldest)),
        ),
    );
    let stands = |id: &str| channels.get(id).is_none_or(|channel| channel.disabled.is_some());
    for backlog in backlogs.iter().filter(|backlog| say && stands(&backlog.channel)) {
        let (channel, waiting) = (&backlog.channel, backlog.waiting);
        tracing::warn!(
            channel,
            waiting,
            "{waiting} replies wait for channel {channel}, which is off or no longer configured; they go when it runs."
        );
    }
    Ok(())
}
