//! Every metric, named once. Labels are channels and closed sets, never senders.

use std::{sync::LazyLock, time::Duration};

use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use muara_normalizer::event::ClockKind;

/// A metric's name, unit and meaning.
struct Metric {
    name: &'static str,
    help: &'static str,
}

macro_rules! metrics_table {
    ($($constant:ident $kind:ident $name:literal $help:literal;)*) => {
        $(const $constant: Metric = Metric { name: $name, help: $help };)*

        fn describe() {
            $(metrics_table!(@describe $kind $constant);)*
        }

        /// Name, kind and meaning of every metric, for the documentation.
        pub const METRICS: &[(&str, &str, &str)] = &[$(($name, stringify!($kind), $help)),*];
    };
    (@describe counter $constant:ident) => { describe_counter!($constant.name, $constant.help) };
    (@describe gauge $constant:ident) => { describe_gauge!($constant.name, $constant.help) };
    (@describe histogram $constant:ident) => { describe_histogram!($constant.name, $constant.help) };
}

metrics_table! {
    REQUESTS counter "muara_requests_total" "Requests on /in/{channel}, by channel and result: accepted, duplicate, held, ignored, forged, undecodable, limited, full, paused, store_failing, disabled, too_large, wrong_type.";
    MESSAGES counter "muara_messages_total" "Messages by channel and result: accepted, duplicate, held, quarantined, ignored.";
    ANSWER histogram "muara_answer_seconds" "Seconds from the whole request to the vendor's answer.";
    COMMIT histogram "muara_store_commit_seconds" "Seconds of one group commit with its fsync.";
    BATCH histogram "muara_store_commit_jobs" "Pieces of work that shared one commit.";
    CHECKPOINT histogram "muara_store_checkpoint_seconds" "Seconds the writer spent on the end of a checkpoint.";
    STORE_FAILURES counter "muara_store_failures_total" "Commits that failed; nothing of them was stored.";
    WAITING gauge "muara_waiting" "What waits in the store, by place: inbox, held, outbox, dead, quarantined, set_aside, replies.";
    WAITING_BYTES gauge "muara_waiting_bytes" "Bytes of all drafts and events that wait.";
    DISK_FREE gauge "muara_disk_free_bytes" "Free bytes on the store's disk.";
    DISK_LOW gauge "muara_disk_low_bytes" "Free bytes on the store's disk below which it is low, by [watch.alarms].";
    REFINED counter "muara_refined_total" "Drafts refined, by channel and result: event, follow_up, repeated, set_aside, quarantined.";
    REFINE histogram "muara_refine_seconds" "Seconds of one batch in the rules, by stage: gather, read, search, compare, write.";
    PUBLISHED counter "muara_published_total" "Publishes by channel and result: confirmed, returned, nacked, unknown, invalid.";
    BROKER_UP gauge "muara_broker_up" "1 while the broker takes events, 0 while it does not.";
    UNROUTED gauge "muara_unrouted" "Events in the broker's queue for what no other queue wanted: more than none is an alarm.";
    OLDEST gauge "muara_outbox_oldest_seconds" "Age of the oldest event that waits for the broker.";
    PULLS counter "muara_pulls_total" "Pages asked of vendors, by channel and result: page, unreachable, throttled, refused, vendor, unreadable.";
    CHANNEL_STATE gauge "muara_channel_state" "1 for the state a channel is in, by channel and state.";
    QUOTA_LEFT gauge "muara_channel_quota_left_ratio" "The least that the channel's vendor says is left of what it allows, 0 to 1; NaN once that no longer holds, absent where it says nothing.";
    REPLIES counter "muara_replies_total" "Attempts to answer, by channel and result: sent, moved (to another channel), failed, or the error.";
    BACKLOG gauge "muara_replies_waiting" "Replies that wait to be sent, by channel.";
    BACKLOG_OLDEST gauge "muara_replies_oldest_seconds" "Age of the oldest reply that waits, by channel.";
    REQUESTED counter "muara_replies_requested_total" "Messages of the core CRM on the queue of replies, by result: queued, known, or why not.";
    MEDIA counter "muara_media_attempts_total" "Attempts to fetch a file, by channel and result: stored, refused, gone, absent, refused_credentials, throttled, vendor, unreachable, vault, store.";
    MEDIA_BYTES counter "muara_media_bytes_total" "Bytes of files fetched and kept, by channel.";
    OVERDUE gauge "muara_overdue" "Complaints that nobody answered in their time, by clock: follow_up, response, finish.";
    MEDIA_WAITING gauge "muara_media_waiting" "Files that are still to be fetched.";
    ALARM gauge "muara_alarm" "1 while an alarm of [watch.alarms] is raised, by alarm: broker, store, disk, inbox, outbox, held, quarantine.";
    OLDEST_OF gauge "muara_oldest_seconds" "Age of what waits longest, by place: inbox, outbox, held, quarantine; 0 for nothing.";
    REMOVED counter "muara_removed_total" "What was kept long enough and is removed, by what: complaints, published, media (complaints with files), files, persons, audit.";
    LIMITER_KEYS gauge "muara_limiter_keys" "Senders the limiter remembers.";
    LEADS gauge "muara_leads" "1 while this gateway refines, publishes, pulls and delivers; of several on one store one does.";
}

/// Installs the recorder for this process and returns the handle that renders `/metrics`.
///
/// # Errors
/// Another recorder is installed, or a bucket list is empty: a fault of the program.
pub fn install() -> Result<PrometheusHandle, BuildError> {
    const SECONDS: &[f64] =
        &[0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
    const JOBS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0];
    static HANDLE: LazyLock<std::sync::Mutex<Option<PrometheusHandle>>> = LazyLock::new(Default::default);
    let mut installed = HANDLE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(handle) = installed.as_ref() {
        return Ok(handle.clone());
    }
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), SECONDS)?
        .set_buckets_for_metric(Matcher::Full(BATCH.name.to_owned()), JOBS)?
        .install_recorder()?;
    describe();
    Ok(installed.insert(handle).clone())
}

/// One request was answered.
pub fn request(channel: &str, result: &'static str, took: Duration) {
    counter!(REQUESTS.name, "channel" => channel.to_owned(), "result" => result).increment(1);
    histogram!(ANSWER.name).record(took.as_secs_f64());
}

/// Messages of one request or page.
pub fn messages(channel: &str, result: &'static str, count: usize) {
    if count > 0 {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        counter!(MESSAGES.name, "channel" => channel.to_owned(), "result" => result).increment(count);
    }
}

/// One attempt to answer.
pub fn reply(channel: &str, result: &'static str) {
    counter!(REPLIES.name, "channel" => channel.to_owned(), "result" => result).increment(1);
}

/// What waits on each channel now; a channel that is not named has nothing.
pub fn backlog<'a>(channels: impl Iterator<Item = (&'a str, u64, Duration)>) {
    for (channel, waiting, oldest) in channels {
        gauge!(BACKLOG.name, "channel" => channel.to_owned()).set(to_f64(waiting));
        gauge!(BACKLOG_OLDEST.name, "channel" => channel.to_owned()).set(oldest.as_secs_f64());
    }
}

/// Whether this gateway leads.
pub fn leads(leads: bool) {
    gauge!(LEADS.name).set(f64::from(u8::from(leads)));
}

/// What only the leader counts is no longer counted here: the sum over the gateways is right again.
pub fn leads_no_more<'a>(channels: impl Iterator<Item = &'a str>) {
    backlog(channels.map(|channel| (channel, 0, Duration::ZERO)));
    ClockKind::ALL.into_iter().for_each(|clock| overdue(clock.as_str(), 0));
    media_waiting(0);
}

/// Complaints that are overdue now, by clock.
pub fn overdue(clock: &'static str, count: u64) {
    gauge!(OVERDUE.name, "clock" => clock).set(to_f64(count));
}

/// What was kept long enough is removed.
pub fn removed(what: &'static str, count: u64) {
    if count > 0 {
        counter!(REMOVED.name, "what" => what).increment(count);
    }
}

/// Whether an alarm is raised.
pub fn alarm(alarm: &'static str, raised: bool) {
    gauge!(ALARM.name, "alarm" => alarm).set(if raised { 1.0 } else { 0.0 });
}

/// Below how many free bytes the disk is low.
pub fn disk_low(bytes: u64) {
    gauge!(DISK_LOW.name).set(to_f64(bytes));
}

/// Since when the first of each place waits.
pub fn oldest(oldest: &crate::alarms::Oldest, now: jiff::Timestamp) {
    let places = [
        ("inbox", oldest.inbox),
        ("outbox", oldest.outbox),
        ("held", oldest.held),
        ("quarantine", oldest.quarantine),
    ];
    for (place, since) in places {
        let age = since.map_or(0.0, |since| now.duration_since(since).as_secs_f64().max(0.0));
        gauge!(OLDEST_OF.name, "place" => place).set(age);
    }
}

/// One message on the queue of replies.
pub fn requested(result: &'static str) {
    counter!(REQUESTED.name, "result" => result).increment(1);
}

/// One group commit.
pub fn store_commit(took: Duration) {
    histogram!(COMMIT.name).record(took.as_secs_f64());
}

/// How much work shared a commit.
pub fn store_batch(jobs: usize) {
    histogram!(BATCH.name).record(f64::from(u32::try_from(jobs).unwrap_or(u32::MAX)));
}

/// The end of a checkpoint.
pub fn store_checkpoint(took: Duration) {
    histogram!(CHECKPOINT.name).record(took.as_secs_f64());
}

/// A commit failed.
pub fn store_failure() {
    counter!(STORE_FAILURES.name).increment(1);
}

/// What waits.
pub fn levels(levels: crate::store::Levels, disk_free: Option<u64>, oldest: Duration) {
    let places = [
        ("inbox", levels.inbox),
        ("held", levels.held),
        ("outbox", levels.outbox),
        ("dead", levels.dead),
        ("quarantined", levels.quarantined),
        ("set_aside", levels.set_aside),
        ("replies", levels.replies),
    ];
    for (place, count) in places {
        gauge!(WAITING.name, "place" => place).set(to_f64(count));
    }
    gauge!(WAITING_BYTES.name).set(to_f64(levels.bytes));
    gauge!(OLDEST.name).set(oldest.as_secs_f64());
    if let Some(free) = disk_free {
        gauge!(DISK_FREE.name).set(to_f64(free));
    }
}

/// Drafts of one channel refined.
pub fn refined(channel: &str, result: &'static str, count: u64) {
    counter!(REFINED.name, "channel" => channel.to_owned(), "result" => result).increment(count);
}

/// One stage of refining a batch.
pub fn refine_stage(stage: &'static str, took: Duration) {
    histogram!(REFINE.name, "stage" => stage).record(took.as_secs_f64());
}

/// Publishes of one channel's events.
pub fn published(channel: &str, result: &'static str, count: u64) {
    counter!(PUBLISHED.name, "channel" => channel.to_owned(), "result" => result).increment(count);
}

/// Counts by channel and result, so that a batch costs a few look-ups and not one for each row.
#[derive(Debug, Default)]
pub struct Tally<'a>(std::collections::BTreeMap<(&'a str, &'static str), u64>);

impl<'a> Tally<'a> {
    /// Counts one.
    pub fn count(&mut self, channel: &'a str, result: &'static str) {
        *self.0.entry((channel, result)).or_default() += 1;
    }

    /// Passes the counts on.
    pub fn report(self, to: fn(&str, &'static str, u64)) {
        for ((channel, result), count) in self.0 {
            to(channel, result, count);
        }
    }
}

/// Whether the broker takes events.
pub fn broker_up(up: bool) {
    gauge!(BROKER_UP.name).set(if up { 1.0 } else { 0.0 });
}

/// Events that no queue wanted.
pub fn unrouted(count: u32) {
    gauge!(UNROUTED.name).set(f64::from(count));
}

/// One page was asked of a vendor.
pub fn pull(channel: &str, result: &'static str) {
    counter!(PULLS.name, "channel" => channel.to_owned(), "result" => result).increment(1);
}

/// The state a channel is in, out of all states.
pub fn channel_state(channel: &str, state: &'static str, all: &[&'static str]) {
    for &one in all {
        let value = if one == state { 1.0 } else { 0.0 };
        gauge!(CHANNEL_STATE.name, "channel" => channel.to_owned(), "state" => one).set(value);
    }
}

/// What a channel's vendor says is left, 0 to 1; nothing where that no longer holds.
pub fn quota_left(channel: &str, left: Option<f64>) {
    gauge!(QUOTA_LEFT.name, "channel" => channel.to_owned()).set(left.unwrap_or(f64::NAN));
}

/// One attempt to fetch a file, with the bytes that it brought.
pub fn media(channel: &str, result: &'static str, bytes: u64) {
    counter!(MEDIA.name, "channel" => channel.to_owned(), "result" => result).increment(1);
    if bytes > 0 {
        counter!(MEDIA_BYTES.name, "channel" => channel.to_owned()).increment(bytes);
    }
}

/// Files that are still to be fetched.
pub fn media_waiting(count: u64) {
    gauge!(MEDIA_WAITING.name).set(to_f64(count));
}

/// Senders the limiter remembers.
pub fn limiter_keys(count: usize) {
    gauge!(LIMITER_KEYS.name).set(to_f64(u64::try_from(count).unwrap_or(u64::MAX)));
}

/// Exact up to 2^53, which no count here reaches.
#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
fn to_f64(count: u64) -> f64 {
    count as f64
}
