//! From drafts to events: normalizes what waits in the inbox and opens the outbox rows, in one transaction with
//! closing the inbox rows. A row that a rule fails or panics on is quarantined alone.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwap;
use muara_normalizer::{Amendment, AttachmentRef, ChannelId, Draft, Event, Normalizer, Receipt};
use tokio_util::sync::CancellationToken;

use crate::{
    channel::Channels,
    egress, media, metrics,
    store::{
        Store, StoreError,
        inbox::{Refined, Waiting},
        media::File,
        outbox::NewEvent,
        reply::NewCorrespondence,
    },
};

/// Rows refined in one transaction.
const BATCH: u32 = 512;
/// Rows also come without a wake-up: a command of another process released them, or a start found them.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Refines what waits until it is cancelled.
pub async fn run(
    store: Store,
    normalizer: Arc<Normalizer>,
    channels: Arc<ArcSwap<Channels>>,
    files_url: String,
    cancel: CancellationToken,
) {
    while !cancel.is_cancelled() {
        match round(&store, &normalizer, &channels, &files_url).await {
            Ok(0) => {}
            Ok(_) => continue,
            Err(error) => tracing::error!(%error, "Drafts could not be refined; it is tried again."),
        }
        tokio::select! {
            () = cancel.cancelled() => break,
            () = store.received().notified() => {}
            () = tokio::time::sleep(LOOK_AGAIN) => {}
        }
    }
}

/// Refines the next rows; returns how many. `files_url` is what addresses of files begin with.
///
/// # Errors
/// The store cannot be read or written; nothing was changed.
pub async fn round(
    store: &Store,
    normalizer: &Arc<Normalizer>,
    channels: &ArcSwap<Channels>,
    files_url: &str,
) -> Result<usize, StoreError> {
    let rows = store.waiting(BATCH).await?;
    if rows.is_empty() {
        return Ok(0);
    }
    let mut files = BTreeMap::<i64, Vec<File>>::new();
    for file in store.files_of(rows.iter().map(|row| row.serial).collect()).await? {
        files.entry(file.serial).or_default().push(file);
    }
    let channels = channels.load_full();
    let refined: Vec<_> = rows
        .into_iter()
        .map(|mut row| {
            let files = files.get(&row.serial).map(Vec::as_slice).unwrap_or_default();
            row.files_settled = media::settled(files);
            let files = media::describe(files, files_url);
            let made = refine(&row, files, store, normalizer, &channels);
            (row, made)
        })
        .collect();
    let counts: Vec<_> = refined.iter().map(|(row, made)| (row.channel.clone(), result(made))).collect();
    store.refine(refined).await?;
    let mut tally = metrics::Tally::default();
    counts.iter().for_each(|(channel, result)| tally.count(channel, result));
    tally.report(metrics::refined);
    Ok(counts.len())
}

fn result(made: &Refined) -> &'static str {
    match made {
        Refined::Event(..) => "event",
        Refined::Rejected(_) => "quarantined",
    }
}

fn refine(
    row: &Waiting,
    files: Vec<AttachmentRef>,
    store: &Store,
    normalizer: &Normalizer,
    channels: &Channels,
) -> Refined {
    let made = catch_unwind(AssertUnwindSafe(|| event(row, files, store, normalizer, channels)));
    let made = made.unwrap_or_else(|_| {
        Err("a rule failed on it, which is a fault in Muara; keep it and report the fault".to_owned())
    });
    match made {
        Ok((event, answered)) => Refined::Event(event, answered.map(Box::new)),
        Err(reason) => {
            tracing::warn!(id = %row.id, channel = row.channel, "Message {} could not become a complaint and is kept: see `muara quarantine show {}`.", row.id, row.id);
            Refined::Rejected(reason)
        }
    }
}

fn event(
    row: &Waiting,
    files: Vec<AttachmentRef>,
    store: &Store,
    normalizer: &Normalizer,
    channels: &Channels,
) -> Result<(NewEvent, Option<NewCorrespondence>), String> {
    if let Some(amends) = row.amends {
        return amended(row, amends, files, store, normalizer).map(|event| (event, None));
    }
    let draft: Draft = serde_json::from_slice(&row.draft)
        .map_err(|error| format!("the stored draft cannot be read: {error}"))?;
    let channel: ChannelId =
        row.channel.parse().map_err(|error| format!("channel `{}`: {error}", row.channel))?;
    // a channel that was removed from the configuration while its message waited still had a name
    let configured = channels.get(&row.channel);
    let connector = configured.map_or("unknown", |channel| channel.connector_name).to_owned();
    let answered = configured.map(|channel| egress::correspondence(channel, row, &draft));
    let reference = store.reference(row.serial);
    let receipt = Receipt { id: row.id, reference, channel, connector, received_at: row.received_at };
    let mut complaint = normalizer.normalize(draft, &receipt).map_err(|error| error.to_string())?.complaint;
    if !files.is_empty() {
        complaint.attachments = files;
    }
    let event = Event::received(complaint);
    Ok((written(&event)?, answered))
}

/// The event that says a complaint was changed.
fn amended(
    row: &Waiting,
    amends: i64,
    files: Vec<AttachmentRef>,
    store: &Store,
    normalizer: &Normalizer,
) -> Result<NewEvent, String> {
    let amendment: Amendment = serde_json::from_slice(&row.draft)
        .map_err(|error| format!("the stored change cannot be read: {error}"))?;
    let channel: ChannelId =
        row.channel.parse().map_err(|error| format!("channel `{}`: {error}", row.channel))?;
    let receipt = Receipt {
        id: row.id,
        reference: store.reference(amends),
        channel,
        connector: String::new(),
        received_at: row.received_at,
    };
    let number = row.serial.unsigned_abs();
    let mut amended = normalizer.amend(amendment, &receipt);
    if !files.is_empty() {
        amended.attachments = Some(files);
    }
    written(&Event::amended(amended, number, row.received_at))
}

fn written<D: serde::Serialize>(event: &Event<D>) -> Result<NewEvent, String> {
    let body = serde_json::to_vec(event).map_err(|error| format!("the event cannot be written: {error}"))?;
    Ok(NewEvent { id: event.id, routing_key: event.routing_key(), body })
}
