//! How each channel is: the ill ones first, each with what to do.

use std::{collections::BTreeMap, sync::Arc};

use askama::Template;
use axum::{
    Extension,
    extract::{Path, State},
    http::{HeaderMap, Uri},
    response::{IntoResponse, Redirect, Response},
};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;

use super::{
    Console, Shared,
    deed::{Act, Deed},
    frame::shown,
    guard::{Fault, Form},
    session::SignedIn,
    words,
};
use crate::{
    health::{ChannelHealth, State as How},
    store::StoreError,
};

/// What is usual is counted anew after so long.
const COUNTED_ANEW: SignedDuration = SignedDuration::from_secs(20);
/// Weeks whose same hour says what is usual.
const WEEKS: i64 = 4;

/// What came in the last hour, and what usually comes in this one.
#[derive(Clone, Debug, Default)]
struct Rates {
    now: BTreeMap<String, u64>,
    /// Of all those weeks together.
    before: BTreeMap<String, u64>,
}

/// The rates as they were last counted: counting reads a row for each complaint of five hours.
#[derive(Default)]
pub(super) struct Usual(Mutex<Option<(Timestamp, Arc<Rates>)>>);

#[derive(Template)]
#[template(path = "console/channels.html")]
struct Channels {
    headline: String,
    ill: bool,
    cards: Vec<Card>,
    csrf: String,
    operates: bool,
}

struct Card {
    id: String,
    title: String,
    connector: &'static str,
    state: &'static str,
    /// What it is like, in words.
    words: String,
    advice: Option<&'static str>,
    since: String,
    since_exact: String,
    last: Option<(String, String)>,
    rate: String,
    usual: String,
    /// What our own limit still allows.
    limit: String,
    /// What the vendor says is left of its own.
    quota: Option<String>,
    /// How many answers wait, and how long the oldest.
    answers: Option<String>,
    last_error: Option<String>,
    taken: String,
    quarantined: u64,
    forged: u64,
    paused: bool,
    off: bool,
}

pub(super) async fn page(
    State(console): Shared,
    Extension(who): Extension<SignedIn>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Fault> {
    let now = console.now();
    let rates = console.usual.at(&console, now).await?;
    let backlogs = console.state.store.look_at_replies().await?;
    let waiting: BTreeMap<_, _> = backlogs
        .into_iter()
        .map(|backlog| {
            let oldest = words::duration(backlog.oldest);
            (backlog.channel, format!("{}, the oldest for {oldest}", words::number(backlog.waiting)))
        })
        .collect();
    let mut report = console.state.health.report();
    report.sort_by_key(|channel| (rank(channel.state), channel.id.to_string()));
    let sick: Vec<_> = report
        .iter()
        .filter(|channel| matches!(channel.state, How::Failing | How::Degraded | How::Silent))
        .collect();
    let headline = match sick.as_slice() {
        [] => format!("{} channels, none of them ill.", report.len()),
        some => {
            let names: Vec<_> = some.iter().map(|channel| console.title(channel.id.as_str())).collect();
            let need = if some.len() == 1 { "needs" } else { "need" };
            format!("{} of {} channels {need} somebody: {}.", some.len(), report.len(), names.join(", "))
        }
    };
    let cards =
        report.iter().map(|channel| card(&console, channel, &rates, waiting.get(channel.id.as_str()), now));
    let part = Channels {
        headline,
        ill: !sick.is_empty(),
        cards: cards.collect(),
        csrf: who.csrf.clone(),
        operates: who.operates(),
    };
    shown(&console, &who, ("Channels", "/"), (&headers, &uri), &part).await
}

fn rank(state: How) -> u8 {
    match state {
        How::Failing => 0,
        How::Degraded => 1,
        How::Silent => 2,
        How::Paused => 3,
        How::Starting => 4,
        How::Healthy => 5,
        How::Disabled => 6,
    }
}

fn card(
    console: &Console,
    channel: &ChannelHealth,
    rates: &Rates,
    waiting: Option<&String>,
    now: Timestamp,
) -> Card {
    let id = channel.id.as_str();
    let error = channel.last_error.clone().unwrap_or_default();
    let words = match (channel.state, channel.pause()) {
        (How::Paused, Some(pause)) => format!(
            "Stopped by {}: {}. Vendors get 503 and keep what they have; answers wait.",
            pause.who,
            pause.reason.trim_end_matches('.')
        ),
        (How::Paused, None) => "Stopped.".to_owned(),
        (How::Healthy, _) => "Messages come and are stored.".to_owned(),
        (How::Starting, _) => "Nothing has come since the gateway was started.".to_owned(),
        (How::Disabled, _) => format!("Off: {}.", error.trim_end_matches('.')),
        (How::Degraded, _) => format!("It works, but {}.", error.trim_end_matches('.')),
        (How::Failing, _) => format!("It does not work: {}.", error.trim_end_matches('.')),
        (How::Silent, _) => {
            let quiet = channel.silence.as_ref().map(|quiet| quiet.words.as_str()).unwrap_or_default();
            format!("Nothing fails, but too little comes: {quiet}.")
        }
    };
    let ill = matches!(channel.state, How::Failing | How::Degraded | How::Disabled);
    let usual = rates.before.get(id).copied().unwrap_or_default();
    Card {
        id: id.to_owned(),
        title: console.title(id),
        connector: channel.connector,
        state: channel.state.as_str(),
        words,
        advice: channel.advice,
        since: words::age(channel.since, now),
        since_exact: words::time(channel.since),
        last: channel.last_message_at.map(|at| (words::age(at, now), words::time(at))),
        rate: words::number(rates.now.get(id).copied().unwrap_or_default()),
        usual: if usual == 0 {
            "no usual yet".to_owned()
        } else {
            format!("usually {}", words::number(usual.div_ceil(WEEKS.unsigned_abs())))
        },
        limit: limit(console, id),
        quota: channel.quota.map(|left| words::left(&left, now)),
        answers: waiting.cloned(),
        last_error: channel
            .last_error_at
            .filter(|_| !ill)
            .map(|at| format!("{error} ({} ago)", words::age(at, now))),
        taken: words::number(channel.messages),
        quarantined: channel.quarantined,
        forged: channel.forged,
        paused: channel.state == How::Paused,
        off: channel.state == How::Disabled,
    }
}

fn limit(console: &Console, id: &str) -> String {
    match console.state.channels.load().get(id).map(|channel| channel.limiter.left()) {
        Some(Some(left)) => {
            let (now, burst) = (words::number(left.now.into()), words::number(left.burst.into()));
            format!("{now} of {burst} at once, {} a minute", words::number(left.per_minute.into()))
        }
        Some(None) => "no limit".to_owned(),
        None => String::new(),
    }
}

impl Usual {
    async fn at(&self, console: &Console, now: Timestamp) -> Result<Arc<Rates>, StoreError> {
        let mut counted = self.0.lock().await;
        if let Some((at, rates)) = &*counted
            && now.duration_since(*at).abs() < COUNTED_ANEW
        {
            return Ok(Arc::clone(rates));
        }
        let store = &console.state.store;
        let hour = |weeks: i64| {
            let end =
                now.saturating_sub(SignedDuration::from_hours(weeks * 7 * 24)).unwrap_or(Timestamp::MIN);
            (end.saturating_sub(SignedDuration::from_hours(1)).unwrap_or(Timestamp::MIN), end)
        };
        let (from, to) = hour(0);
        let mut rates = Rates { now: store.came(from, to).await?, before: BTreeMap::new() };
        for week in 1..=WEEKS {
            let (from, to) = hour(week);
            for (channel, count) in store.came(from, to).await? {
                *rates.before.entry(channel).or_default() += count;
            }
        }
        let rates = Arc::new(rates);
        *counted = Some((now, Arc::clone(&rates)));
        Ok(rates)
    }
}

/// Stops a channel, or lets it go on. Pressing twice is safe.
pub(super) async fn act(
    State(console): Shared,
    Extension(who): Extension<SignedIn>,
    Path((channel, act)): Path<(String, String)>,
    Extension(form): Extension<Form>,
) -> Result<Response, Fault> {
    let deed = match act.as_str() {
        "pause" => Act::Pause,
        "resume" => Act::Resume,
        _ => return Err(Fault::NotFound),
    };
    let deed = Deed::asked(deed, &who, &form)?;
    let channels = console.state.channels.load();
    let id = &channels.get(&channel).ok_or(Fault::NotFound)?.id;
    let store = &console.state.store;
    let (pauses, reason) = (deed.act == Act::Pause, deed.reason.clone());
    let begun = deed.begin(&console, vec![channel.clone()]).await?;
    let changed = if pauses { store.pause(id, &who.user, &reason).await? } else { store.resume(id).await? };
    console.state.health.paused(&store.paused());
    begun.ended(&console, if changed { "done" } else { "was so already" }).await?;
    tracing::warn!(channel, act, user = who.user, "Channel {channel}: {act} by {}.", who.user);
    Ok(Redirect::to("/").into_response())
}
