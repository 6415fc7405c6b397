//! How each channel is, in one word with the reason and what to do. Kept in memory: probes never write.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use jiff::{SignedDuration, Timestamp};
use muara_connectors::{DeliverError, PullError, Quota, quota::Left};
use muara_normalizer::ChannelId;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    channel::{Channel, Channels},
    media::FetchError,
    metrics,
    silence::Quiet,
    store::{
        StoreError,
        paused::{Pause, Paused},
    },
};

/// How a channel is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Nothing has come since the start.
    Starting,
    /// Messages come and are stored.
    Healthy,
    /// Messages come, but some are refused or not understood.
    Degraded,
    /// Nothing can be taken in.
    Failing,
    /// Nothing fails, but less comes than is usual at this hour.
    Silent,
    /// An operator stopped it.
    Paused,
    /// Switched off, or a secret is not there.
    Disabled,
}

impl State {
    /// Every state, as metrics name them.
    pub const ALL: &[&str] = &["starting", "healthy", "degraded", "failing", "silent", "paused", "disabled"];

    /// The state as metrics name it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Failing => "failing",
            Self::Silent => "silent",
            Self::Paused => "paused",
            Self::Disabled => "disabled",
        }
    }
}

/// One channel's health.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ChannelHealth {
    /// The channel.
    pub id: ChannelId,
    /// Its connector.
    pub connector: &'static str,
    /// How it is.
    pub state: State,
    /// Since when.
    pub since: Timestamp,
    /// When the last message was stored.
    pub last_message_at: Option<Timestamp>,
    /// The last error in words.
    pub last_error: Option<String>,
    /// When.
    pub last_error_at: Option<Timestamp>,
    /// What to do about it.
    pub advice: Option<&'static str>,
    /// Messages taken since the start, redeliveries among them.
    pub messages: u64,
    /// Bodies and items put into quarantine since the start.
    pub quarantined: u64,
    /// Requests refused as forged since the start.
    pub forged: u64,
    /// That less comes than is usual, whatever else ails it.
    pub silence: Option<Quiet>,
    /// The least that the vendor itself says is left of what it allows, while that holds.
    pub quota: Option<Left>,
    /// All that the vendor says of it.
    #[serde(skip)]
    vendor: Quota,
    /// Whether the metric has a value that must be taken back.
    #[serde(skip)]
    measured: bool,
    /// New messages since they were last asked for.
    #[serde(skip)]
    arrived: u32,
    #[serde(skip)]
    trouble: Option<Trouble>,
    #[serde(skip)]
    pause: Option<Pause>,
}

/// What ails a channel; each goes away by its own cure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    /// Requests are refused as forged: cured by a genuine one.
    Forged,
    /// The store does not write: cured when it does.
    Store,
    /// The vendor's API cannot be used: cured by a page of it.
    Pull,
    /// Answers do not go out: cured by one that does.
    Send,
    /// Files cannot be fetched: cured by one that is.
    Media,
    /// Messages are not understood: cured by time.
    Quarantine,
}

/// A trouble is over when it did not come again for so long.
const TROUBLE_LASTS: SignedDuration = SignedDuration::from_mins(15);

/// The health of all channels.
#[derive(Debug, Default)]
pub struct Health {
    channels: Mutex<BTreeMap<ChannelId, ChannelHealth>>,
}

impl Health {
    fn all(&self) -> MutexGuard<'_, BTreeMap<ChannelId, ChannelHealth>> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes up the configured channels; those that are gone are forgotten, those that stay keep their history.
    pub fn configure(&self, channels: &Channels) {
        let mut all = self.all();
        all.retain(|id, _| channels.get(id.as_str()).is_some());
        for channel in channels.iter() {
            let fresh = all.entry(channel.id.clone()).or_insert_with(|| blank(channel));
            fresh.connector = channel.connector_name;
            fresh.vendor = channel.settings.quota().clone();
            match (&channel.disabled, fresh.state) {
                (Some(reason), _) => {
                    let advice = if channel.switched_off {
                        "nothing, if it is meant to be off; else set `enabled = true` and reload (SIGHUP)"
                    } else {
                        "set what is missing and reload (SIGHUP)"
                    };
                    fresh.turn(State::Disabled, Some(reason.clone()), Some(advice));
                }
                (None, State::Disabled) => fresh.turn(State::Starting, None, None),
                (None, _) => {}
            }
        }
    }

    /// Messages were stored, so many and so many of them new, and items of them perhaps not understood.
    pub fn took(&self, id: &ChannelId, (messages, fresh): (usize, usize), quarantined: usize) {
        self.change(id, |channel| {
            channel.messages += count(messages);
            channel.arrived = channel.arrived.saturating_add(u32::try_from(fresh).unwrap_or(u32::MAX));
            channel.quarantined += count(quarantined);
            if messages > 0 {
                channel.last_message_at = Some(Timestamp::now());
            }
            if quarantined > 0 {
                let words = "messages could not be understood and are in quarantine".to_owned();
                let advice = "see `muara quarantine list`; fix the field map or update Muara, then replay";
                channel.ail(Trouble::Quarantine, State::Degraded, words, advice);
            } else {
                channel.heal(&[Trouble::Forged, Trouble::Store]);
            }
        });
    }

    /// A request was refused as forged.
    pub fn forged(&self, id: &ChannelId, why: &str) {
        self.change(id, |channel| {
            channel.forged += 1;
            // strangers knock at every public door: that is a trouble only while nothing genuine comes
            if channel.messages == 0 {
                let words = format!("requests are refused: {why}");
                let advice = "compare the channel's secret with the vendor's settings";
                channel.ail(Trouble::Forged, State::Degraded, words, advice);
            }
        });
    }

    /// The store did not take what the channel brought.
    pub fn store_failed(&self, id: &ChannelId, error: &StoreError) {
        self.change(id, |channel| {
            let advice = "see to the store: messages are refused with 503 until it writes again";
            channel.ail(Trouble::Store, State::Failing, error.to_string(), advice);
        });
    }

    /// A page was pulled.
    pub fn pulled(&self, id: &ChannelId) {
        self.change(id, |channel| channel.heal(&[Trouble::Pull, Trouble::Store]));
    }

    /// A page could not be pulled, so often in a row.
    pub fn pull_failed(&self, id: &ChannelId, error: &PullError, in_a_row: u32) {
        let (state, advice) = match error {
            PullError::Refused { .. } => (State::Failing, "renew the channel's credentials at the vendor"),
            PullError::Throttled { .. } => {
                (State::Degraded, "nothing: the pull goes on when the vendor allows")
            }
            PullError::Unreachable(_) | PullError::Vendor { .. } if in_a_row < 3 => {
                (State::Degraded, "nothing yet: it is tried again")
            }
            PullError::Unreachable(_) | PullError::Vendor { .. } => {
                (State::Failing, "look whether the vendor is up and reachable from here; it is tried again")
            }
            PullError::Page(_) | PullError::TooLarge { .. } => {
                (State::Failing, "the vendor's answer has changed: update Muara or its settings")
            }
        };
        self.change(id, |channel| channel.ail(Trouble::Pull, state, error.to_string(), advice));
    }

    /// A message was handed to the vendor.
    pub fn sent(&self, id: &ChannelId) {
        self.change(id, |channel| channel.heal(&[Trouble::Send]));
    }

    /// A message was not taken, so often in a row.
    pub fn send_failed(&self, id: &ChannelId, error: &DeliverError, in_a_row: u32) {
        let (state, advice) = match error {
            DeliverError::Refused { .. } => {
                (State::Failing, "renew the channel's credentials at the vendor; answers wait")
            }
            DeliverError::Throttled { .. } => {
                (State::Degraded, "nothing: answers go on when the vendor allows")
            }
            _ if in_a_row < 3 => (State::Degraded, "nothing yet: it is tried again"),
            _ => (
                State::Failing,
                "look whether the vendor is up and reachable from here; answers wait and are tried again",
            ),
        };
        self.change(id, |channel| channel.ail(Trouble::Send, state, format!("answers: {error}"), advice));
    }

    /// A file was fetched with the channel's credentials.
    pub fn media_fetched(&self, id: &ChannelId) {
        self.change(id, |channel| channel.heal(&[Trouble::Media]));
    }

    /// Files of the channel cannot be fetched until somebody does something.
    pub fn media_failed(&self, id: &ChannelId, error: &FetchError, advice: &'static str) {
        self.change(id, |channel| {
            channel.ail(Trouble::Media, State::Degraded, format!("files: {error}"), advice);
        });
    }

    /// Takes up which channels operators have stopped.
    pub fn paused(&self, paused: &Paused) {
        for (id, channel) in self.all().iter_mut() {
            channel.pause = paused.get(id.as_str()).cloned();
            let shown = channel.shown();
            metrics::channel_state(id.as_str(), shown.as_str(), State::ALL);
        }
    }

    /// How many new messages came by each channel since this was last asked.
    #[must_use]
    pub fn arrived(&self) -> BTreeMap<ChannelId, u32> {
        let mut all = self.all();
        all.iter_mut().map(|(id, channel)| (id.clone(), std::mem::take(&mut channel.arrived))).collect()
    }

    /// Less comes by a channel than is usual, or no longer so.
    pub fn silent(&self, id: &ChannelId, silence: Option<Quiet>) {
        self.change(id, |channel| {
            channel.silence = silence;
            let shown = channel.shown();
            metrics::channel_state(id.as_str(), shown.as_str(), State::ALL);
        });
    }

    /// Sets the metric of what vendors say is left: it changes by time alone, too, when a window is over.
    pub fn measure_quotas(&self) {
        let now = Timestamp::now();
        for (id, channel) in self.all().iter_mut() {
            let left = channel.vendor.left(now).map(|left| left.fraction);
            if left.is_some() || channel.measured {
                metrics::quota_left(id.as_str(), left);
            }
            channel.measured = left.is_some();
        }
    }

    /// All channels, by id.
    #[must_use]
    pub fn report(&self) -> Vec<ChannelHealth> {
        self.all().values().map(ChannelHealth::told).collect()
    }

    fn change(&self, id: &ChannelId, change: impl FnOnce(&mut ChannelHealth)) {
        if let Some(channel) = self.all().get_mut(id) {
            change(channel);
        }
    }
}

fn count(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

fn blank(channel: &Channel) -> ChannelHealth {
    metrics::channel_state(channel.id.as_str(), State::Starting.as_str(), State::ALL);
    ChannelHealth {
        id: channel.id.clone(),
        connector: channel.connector_name,
        state: State::Starting,
        since: Timestamp::now(),
        last_message_at: None,
        last_error: None,
        last_error_at: None,
        advice: None,
        messages: 0,
        quarantined: 0,
        forged: 0,
        silence: None,
        quota: None,
        vendor: Quota::default(),
        measured: false,
        arrived: 0,
        trouble: None,
        pause: None,
    }
}

impl ChannelHealth {
    /// A channel that is off is off, paused or not; what fails says more than that little comes.
    fn shown(&self) -> State {
        match self.state {
            State::Disabled => State::Disabled,
            _ if self.pause.is_some() => State::Paused,
            State::Starting | State::Healthy if self.silence.is_some() => State::Silent,
            state => state,
        }
    }

    fn told(&self) -> Self {
        let mut told = self.clone();
        told.quota = self.vendor.left(Timestamp::now());
        if let (State::Paused, Some(pause)) = (self.shown(), &self.pause) {
            told.state = State::Paused;
            told.since = pause.at;
            told.advice = Some("resume it when the reason is gone: in the console, or `muara resume`");
        }
        if let (State::Silent, Some(quiet)) = (self.shown(), &self.silence) {
            told.state = State::Silent;
            told.since = quiet.since;
            told.advice = Some(
                "ask whether the vendor still delivers to this address and whether citizens can reach it there; nothing \
                 if the quiet has a reason",
            );
        }
        told
    }

    /// Why an operator stopped it.
    #[must_use]
    pub fn pause(&self) -> Option<&Pause> {
        self.pause.as_ref()
    }

    fn ail(&mut self, trouble: Trouble, state: State, error: String, advice: &'static str) {
        self.trouble = Some(trouble);
        self.turn(state, Some(error), Some(advice));
    }

    /// All is well again if the trouble is one of these, or long ago.
    fn heal(&mut self, cured: &[Trouble]) {
        if self.trouble.is_none_or(|trouble| cured.contains(&trouble)) || self.calm() {
            self.trouble = None;
            self.turn(State::Healthy, None, None);
        }
    }

    fn turn(&mut self, state: State, error: Option<String>, advice: Option<&'static str>) {
        if let Some(error) = error {
            self.last_error = Some(error);
            self.last_error_at = Some(Timestamp::now());
        }
        self.advice = advice;
        if self.state == state {
            return;
        }
        self.state = state;
        self.since = Timestamp::now();
        metrics::channel_state(self.id.as_str(), self.shown().as_str(), State::ALL);
        match state {
            State::Failing | State::Degraded => tracing::warn!(
                channel = %self.id, state = state.as_str(), error = self.last_error,
                "Channel {} is {}.", self.id, state.as_str()
            ),
            _ => {
                tracing::info!(channel = %self.id, state = state.as_str(), "Channel {} is {}.", self.id, state.as_str())
            }
        }
    }

    /// Whether the last trouble is long ago.
    fn calm(&self) -> bool {
        self.last_error_at.is_none_or(|at| Timestamp::now().duration_since(at) > TROUBLE_LASTS)
    }
}
