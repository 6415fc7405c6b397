//! A channel that is quieter than it usually is at this hour of the week.
//!
//! What came is counted in memory and written once a minute as a row for each channel and hour, so a message costs nothing
//! more, and a crash forgets at most a minute of counts. What is usual is what came in the same hours of earlier weeks, in
//! the quieter of them: a flood makes nobody expect another one, and an outage or two do not make the silence usual.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use jiff::{Timestamp, civil::Date};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::{
    channel::Channels,
    config::Silence,
    health::Health,
    store::{Store, StoreError},
};

/// Between two looks.
const LOOK_AGAIN: Duration = Duration::from_secs(60);
/// The longest stretch that is looked at, in hours.
const LONGEST: i64 = WEEK;
/// Hours of a week.
const WEEK: i64 = 168;
/// A channel is heard again when so many seconds brought what is usual, or half of it.
const LATELY: u32 = 900;

/// What came in an hour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hour {
    /// New messages, whether they were understood or not.
    pub messages: u32,
    /// Seconds in which the gateway ran and the channel was on.
    pub seconds: u32,
}

impl Hour {
    fn plus(self, more: Self) -> Self {
        Self {
            messages: self.messages.saturating_add(more.messages),
            seconds: self.seconds.saturating_add(more.seconds),
        }
    }
}

/// The hours of each channel; hours are counted from 1970 in UTC.
pub type Traffic = BTreeMap<String, BTreeMap<i64, Hour>>;

/// That a channel is silent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Quiet {
    /// When it was found out.
    pub since: Timestamp,
    /// How quiet it is, in words.
    pub words: String,
}

/// Knows what is usual, and hears when it does not come.
#[derive(Debug)]
pub struct Listener {
    traffic: Traffic,
    /// What came in the last minutes.
    lately: BTreeMap<String, VecDeque<Hour>>,
    silent: BTreeMap<String, Quiet>,
    /// Hours that are not on disk as they are here.
    unwritten: BTreeSet<(String, i64)>,
    /// Days of which nobody expects more than of a Sunday, counted from 1970.
    holidays: BTreeSet<i64>,
}

impl Listener {
    /// As it was when it was last written down.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn open(store: &Store, holidays: &BTreeSet<Date>) -> Result<Self, StoreError> {
        let (traffic, silent) = store.traffic().await?;
        let first = Date::constant(1970, 1, 1);
        let day = |date: &Date| first.until(*date).map_or(0, |span| i64::from(span.get_days()));
        let holidays = holidays.iter().map(day).collect();
        Ok(Self { traffic, lately: BTreeMap::new(), silent, unwritten: BTreeSet::new(), holidays })
    }

    /// Takes up what came since the last look, so many seconds ago, and says which channels are silent.
    ///
    /// # Errors
    /// It could not be written down; that is made up for by the next look.
    pub async fn look(
        &mut self,
        (store, health, channels): (&Store, &Health, &Channels),
        now: Timestamp,
        seconds: u32,
    ) -> Result<(), StoreError> {
        // what was heard up to the full hour belongs to the hour before it
        let this = (now.as_second() - i64::from(seconds.min(1))).div_euclid(3600);
        // as it stands in the store
        let found = Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now);
        let mut elsewhere = store.take_arrived().await?;
        let mut arrived = health.arrived();
        let mut weeks = 0;
        let mut silent = BTreeMap::new();
        for channel in channels.iter() {
            let id = channel.id.as_str();
            let messages = arrived.remove(&channel.id).unwrap_or_default();
            let messages = messages.saturating_add(elsewhere.remove(id).unwrap_or_default());
            let listens = channel.disabled.is_none() && !store.is_paused(&channel.id);
            let came = Hour { messages, seconds: if listens { seconds } else { 0 } };
            self.add(id, this, came);
            weeks = weeks.max(channel.silence.weeks);
            let policy = &channel.silence;
            let words = (listens && policy.enabled).then(|| self.judge(id, this, policy)).flatten();
            if let Some(words) = words {
                let since = self.silent.get(id).map_or(found, |quiet| quiet.since);
                silent.insert(id.to_owned(), Quiet { since, words });
            }
        }
        self.tell(&silent);
        let before = this - WEEK * (i64::from(weeks) + 1);
        self.silent = silent;
        self.traffic.values_mut().for_each(|hours| hours.retain(|hour, _| *hour >= before));
        let changed = self.unwritten.iter().map(|(channel, hour)| {
            let came = self.traffic.get(channel).and_then(|hours| hours.get(hour)).copied();
            (channel.clone(), *hour, came.unwrap_or_default())
        });
        let written = store.write_traffic(changed.collect(), self.silent.clone(), before).await;
        if written.is_ok() {
            self.unwritten.clear();
        }
        channels.iter().for_each(|channel| {
            health.silent(&channel.id, self.silent.get(channel.id.as_str()).cloned());
        });
        written
    }

    fn add(&mut self, channel: &str, hour: i64, came: Hour) {
        if came == Hour::default() {
            return;
        }
        let hours = self.traffic.entry(channel.to_owned()).or_default();
        let sum = hours.entry(hour).or_default();
        *sum = sum.plus(came);
        sum.seconds = sum.seconds.min(3600);
        self.unwritten.insert((channel.to_owned(), hour));
        let lately = self.lately.entry(channel.to_owned()).or_default();
        lately.push_back(came);
        while lately.iter().skip(1).map(|came| came.seconds).sum::<u32>() >= LATELY {
            lately.pop_front();
        }
    }

    /// Says what has begun and what has ended.
    fn tell(&self, now: &BTreeMap<String, Quiet>) {
        for (channel, quiet) in now.iter().filter(|(channel, _)| !self.silent.contains_key(*channel)) {
            tracing::warn!(channel, words = quiet.words, "Channel {channel} is silent: {}.", quiet.words);
        }
        for channel in self.silent.keys().filter(|channel| !now.contains_key(*channel)) {
            tracing::info!(channel, "Channel {channel} is silent no more.");
        }
    }

    /// How quiet a channel is, if it is silent. Looks back from now, hour by hour, for as long as less than half of what
    /// is usual came, until so little is no chance any more.
    fn judge(&self, channel: &str, this: i64, policy: &Silence) -> Option<String> {
        let hours = self.traffic.get(channel)?;
        if let Some(words) = nothing(hours, policy.longest_hours) {
            return Some(words);
        }
        let lately = self.lately.get(channel).into_iter().flatten();
        let lately = lately.fold(Hour::default(), |sum, came| sum.plus(*came));
        let mut usual = Usual::new(policy);
        usual.add(hours, &self.holidays, this, lately.seconds);
        if usual.brings().is_some_and(|usual| enough(lately, usual)) {
            return None;
        }
        let mut usual = Usual::new(policy);
        let mut came = Hour::default();
        for back in 0..LONGEST {
            let hour = hours.get(&(this - back)).copied().unwrap_or_default();
            came = came.plus(hour);
            usual.add(hours, &self.holidays, this - back, hour.seconds);
            let Some(usual) = usual.brings() else { continue };
            if enough(came, usual) {
                return None;
            }
            if chance(came.messages, usual) < policy.improbable {
                return Some(words(came, usual));
            }
        }
        None
    }
}

/// Whether so much may come by a channel that is well. A few minutes do not say.
fn enough(came: Hour, usual: f64) -> bool {
    came.seconds >= LATELY && came.messages > 0 && f64::from(came.messages) * 2.0 >= usual
}

/// A bound for the chance that so few come, or fewer, where `usual` come on average and each by itself (Chernoff's for a
/// Poisson distribution; exact for none).
fn chance(came: u32, usual: f64) -> f64 {
    let came = f64::from(came);
    if came >= usual {
        return 1.0;
    }
    let gain = if came > 0.0 { came * (came / usual).ln() } else { 0.0 };
    (came - usual - gain).exp()
}

fn words(came: Hour, usual: f64) -> String {
    let hours = came.seconds.div_ceil(3600);
    let time = if hours <= 1 { "hour".to_owned() } else { format!("{hours} hours") };
    let came = match came.messages {
        0 => "nothing".to_owned(),
        1 => "one message".to_owned(),
        messages => format!("{messages} messages"),
    };
    format!("{came} in the last {time}, where {usual:.0} are usual")
}

/// Whether a channel that has brought something before has brought nothing for too long.
fn nothing(hours: &BTreeMap<i64, Hour>, longest: u32) -> Option<String> {
    let last = hours.iter().rfind(|(_, came)| came.messages > 0)?.0;
    let quiet: u64 = hours.range(last + 1..).map(|(_, came)| u64::from(came.seconds)).sum();
    (longest > 0 && quiet >= u64::from(longest) * 3600)
        .then(|| format!("nothing at all for {} hours", quiet / 3600))
}

/// What came in a stretch of time in each of the earlier weeks.
struct Usual {
    /// Weeks that must be known.
    learned: usize,
    /// Seconds of the stretch.
    seconds: u32,
    /// For each week what came, as if all had listened as long as now, and for how many of those seconds it is known.
    weeks: Vec<(f64, u32)>,
}

impl Usual {
    fn new(policy: &Silence) -> Self {
        let weeks = usize::from(policy.weeks);
        Self { learned: usize::from(policy.learn_weeks), seconds: 0, weeks: vec![(0.0, 0); weeks] }
    }

    /// Takes an hour in, of which so many seconds count.
    fn add(&mut self, hours: &BTreeMap<i64, Hour>, holidays: &BTreeSet<i64>, hour: i64, seconds: u32) {
        self.seconds = self.seconds.saturating_add(seconds);
        for (week, (messages, known)) in (1..).zip(&mut self.weeks) {
            let Some(usual) = counterpart(hour, week, holidays).and_then(|hour| hours.get(&hour)) else {
                continue;
            };
            // an hour of which little was heard says little
            if usual.seconds >= 1800 {
                *messages += f64::from(usual.messages) * f64::from(seconds) / f64::from(usual.seconds);
                *known = known.saturating_add(seconds);
            }
        }
    }

    /// What the stretch usually brings: in the quieter weeks, of those that are known for most of it.
    fn brings(&self) -> Option<f64> {
        let known = |seconds: u32| self.seconds > 0 && u64::from(seconds) * 4 >= u64::from(self.seconds) * 3;
        let weeks = self.weeks.iter().filter(|(_, seconds)| known(*seconds));
        let mut weeks: Vec<f64> = weeks
            .map(|(messages, seconds)| messages * f64::from(self.seconds) / f64::from(*seconds))
            .collect();
        weeks.sort_by(f64::total_cmp);
        if weeks.len() < self.learned.max(1) {
            return None;
        }
        weeks.get((weeks.len() - 1) / 4).copied()
    }
}

/// The hour of so many weeks before that says what is usual: the same of the week by Jakarta's clocks (WIB, UTC+7). A
/// holiday is as a Sunday, and says nothing of other days.
fn counterpart(hour: i64, week: i64, holidays: &BTreeSet<i64>) -> Option<i64> {
    let day = |hour: i64| (hour + 7).div_euclid(24);
    // 1 January 1970 was a Thursday
    let after_sunday = |day: i64| (day + 4).rem_euclid(7);
    if holidays.contains(&day(hour)) && after_sunday(day(hour)) > 0 {
        return Some(hour - after_sunday(day(hour)) * 24 - (week - 1) * WEEK);
    }
    let before = hour - week * WEEK;
    (!holidays.contains(&day(before)) || after_sunday(day(before)) == 0).then_some(before)
}

/// While another gateway leads and listens: tells it what came here, and takes up which channels it calls silent.
pub async fn follow(
    (store, health, channels): (Store, Arc<Health>, Arc<ArcSwap<Channels>>),
    cancel: CancellationToken,
) {
    if !store.is_shared() {
        return;
    }
    while !cancel.is_cancelled() {
        tokio::select! {
            () = cancel.cancelled() => {}
            () = tokio::time::sleep(LOOK_AGAIN) => {}
        }
        if store.leading().is_some() {
            continue;
        }
        let arrived = health.arrived().into_iter().map(|(id, count)| (id.to_string(), count)).collect();
        let told = async {
            store.leave_arrived(arrived).await?;
            store.silent().await
        };
        match told.await {
            Ok(mut silent) => channels.load().iter().for_each(|channel| {
                health.silent(&channel.id, silent.remove(channel.id.as_str()));
            }),
            Err(error) => {
                tracing::error!(%error, "What came by the channels could not be written down; it is not counted.");
            }
        }
    }
}

/// Listens until it is cancelled.
pub async fn run(
    (store, health, channels): (Store, Arc<Health>, Arc<ArcSwap<Channels>>),
    holidays: BTreeSet<Date>,
    cancel: CancellationToken,
) {
    let mut listener = None;
    let (mut looked, mut rest) = (Instant::now(), Duration::ZERO);
    loop {
        let last = cancel.is_cancelled();
        if listener.is_none() {
            listener = Listener::open(&store, &holidays)
                .await
                .inspect_err(|error| {
                    tracing::error!(%error, "What is usual on the channels cannot be read; it is tried again.");
                })
                .ok();
        }
        if let Some(listener) = &mut listener {
            let now = Instant::now();
            let listened = now.duration_since(looked) + rest;
            let seconds = u32::try_from(listened.as_secs()).unwrap_or(u32::MAX);
            (looked, rest) = (now, listened - Duration::from_secs(seconds.into()));
            let gateway = (&store, &*health, &**channels.load());
            if let Err(error) = listener.look(gateway, Timestamp::now(), seconds).await {
                tracing::error!(%error, "What came by the channels could not be written down; it is tried again.");
            }
        }
        if last {
            break;
        }
        tokio::select! {
            () = cancel.cancelled() => {}
            () = tokio::time::sleep(LOOK_AGAIN) => {}
        }
    }
}
