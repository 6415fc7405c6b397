//! From drafts to events: normalizes what waits in the inbox and opens the outbox rows, in one transaction with
//! closing the inbox rows. A row that a rule fails or panics on is quarantined alone.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use muara_normalizer::{
    Amendment, AttachmentRef, ChannelId, Draft, Event, Normalized, Normalizer, Receipt, Reference,
    draft::Change, identity::PersonRef,
};
use tokio_util::sync::CancellationToken;

use crate::{
    channel::Channels,
    egress, gather, media, metrics,
    store::{
        Store, StoreError,
        inbox::{NewComplaint, Refined, Waiting},
        links::{Referred, Referring},
        media::File,
        outbox::NewEvent,
        reply::NewCorrespondence,
    },
};

/// Rows refined in one transaction.
const BATCH: u32 = 512;
/// Rows also come without a wake-up: a command of another process released them, or a start found them.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// The rules, and what they need of the running gateway.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The rules.
    pub normalizer: Arc<Normalizer>,
    /// The configured channels.
    pub channels: Arc<ArcSwap<Channels>>,
    /// What addresses of files begin with.
    pub files_url: String,
}

/// Refines what waits until it is cancelled.
pub async fn run(store: Store, rules: Rules, cancel: CancellationToken) {
    while !cancel.is_cancelled() {
        match round(&store, &rules, Timestamp::now()).await {
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

/// Gathers messages of chats as of `now`, and refines the next rows; returns how many.
///
/// # Errors
/// The store cannot be read or written; nothing was changed.
pub async fn round(store: &Store, rules: &Rules, now: Timestamp) -> Result<usize, StoreError> {
    let channels = rules.channels.load_full();
    let gathered = gather::round(store, &rules.normalizer, &channels, now).await?;
    let rows = store.waiting(BATCH).await?;
    if rows.is_empty() {
        return Ok(gathered);
    }
    let mut files = BTreeMap::<i64, Vec<File>>::new();
    for file in store.files_of(rows.iter().map(|row| row.serial).collect()).await? {
        files.entry(file.serial).or_default().push(file);
    }
    let mut read: Vec<_> = rows
        .into_iter()
        .map(|mut row| {
            let files = files.get(&row.serial).map(Vec::as_slice).unwrap_or_default();
            row.files_settled = media::settled(files);
            let files = media::describe(files, &rules.files_url);
            let step = step(&row, files, store, &rules.normalizer, &channels);
            (row, step)
        })
        .collect();
    let referred =
        store.referred(read.iter().filter_map(|(row, step)| step.referring(row)).collect()).await?;
    let said = read.iter_mut().filter_map(|(_, step)| step.said());
    said.zip(referred).for_each(|(said, referred)| said.referred = referred);
    let refined: Vec<_> = read
        .into_iter()
        .map(|(row, step)| (refine(&row, step), row))
        .map(|(made, row)| (row, made))
        .collect();
    let counts: Vec<_> = refined.iter().map(|(row, made)| (row.channel.clone(), result(made))).collect();
    store.refine(refined).await?;
    let mut tally = metrics::Tally::default();
    counts.iter().for_each(|(channel, result)| tally.count(channel, result));
    tally.report(metrics::refined);
    Ok(gathered + counts.len())
}

fn result(made: &Refined) -> &'static str {
    match made {
        Refined::Complaint(made) if made.follows.is_some() => "follow_up",
        Refined::Complaint(_) | Refined::Change(..) => "event",
        Refined::Repeated(..) => "repeated",
        Refined::Aside(_) => "set_aside",
        Refined::Rejected(_) => "quarantined",
    }
}

/// A row half way: what it says, before it is held against what was said before.
enum Step {
    Said(Box<Said>),
    Changed(NewEvent, Option<String>),
    Rejected(String),
}

/// A message that was understood.
struct Said {
    made: Normalized,
    answering: Vec<String>,
    persons: Vec<PersonRef>,
    answered: Option<NewCorrespondence>,
    publish_not_a_complaint: bool,
    referred: Referred,
}

impl Step {
    fn said(&mut self) -> Option<&mut Said> {
        match self {
            Self::Said(said) => Some(said),
            Self::Changed(..) | Self::Rejected(_) => None,
        }
    }

    fn referring(&self, row: &Waiting) -> Option<Referring> {
        let Self::Said(said) = self else { return None };
        Some(Referring {
            persons: said.persons.clone(),
            channel: row.channel.clone(),
            answering: said.answering.clone(),
            follows: row.follows,
        })
    }
}

fn step(
    row: &Waiting,
    files: Vec<AttachmentRef>,
    store: &Store,
    normalizer: &Normalizer,
    channels: &Channels,
) -> Step {
    let made = catch_unwind(AssertUnwindSafe(|| match row.amends {
        Some(amends) => changed(row, amends, files, store, normalizer)
            .map(|(event, original)| Step::Changed(event, original)),
        None => said(row, files, store, normalizer, channels).map(|said| Step::Said(Box::new(said))),
    }));
    let made = made.unwrap_or_else(|_| {
        Err("a rule failed on it, which is a fault in Muara; keep it and report the fault".to_owned())
    });
    made.unwrap_or_else(|reason| {
        tracing::warn!(id = %row.id, channel = row.channel, "Message {} could not become a complaint and is kept: see `muara quarantine show {}`.", row.id, row.id);
        Step::Rejected(reason)
    })
}

fn said(
    row: &Waiting,
    files: Vec<AttachmentRef>,
    store: &Store,
    normalizer: &Normalizer,
    channels: &Channels,
) -> Result<Said, String> {
    let draft: Draft = serde_json::from_slice(&row.draft)
        .map_err(|error| format!("the stored draft cannot be read: {error}"))?;
    let channel: ChannelId =
        row.channel.parse().map_err(|error| format!("channel `{}`: {error}", row.channel))?;
    // a channel that was removed from the configuration while its message waited still had a name
    let configured = channels.get(&row.channel);
    let connector = configured.map_or("unknown", |channel| channel.connector_name).to_owned();
    let answered = configured.map(|channel| egress::correspondence(channel, row, &draft));
    let persons = normalizer.persons(&channel, &draft.reporter);
    let quoted = Reference::quoted(&draft.text).into_iter().map(|reference| format!("ref:{reference}"));
    let answering = draft.replies_to.iter().cloned().chain(quoted).collect();
    let reference = store.reference(row.serial);
    let receipt = Receipt { id: row.id, reference, channel, connector, received_at: row.received_at };
    let mut made = normalizer.normalize(draft, &receipt).map_err(|error| error.to_string())?;
    if !files.is_empty() {
        made.complaint.attachments = files;
    }
    Ok(Said {
        made,
        answering,
        persons,
        answered,
        publish_not_a_complaint: configured.is_some_and(|channel| channel.publish_not_a_complaint),
        referred: Referred::default(),
    })
}

/// What a row becomes, now that it is known what was said before.
fn refine(row: &Waiting, step: Step) -> Refined {
    let said = match step {
        Step::Said(said) => *said,
        Step::Changed(event, original) => return Refined::Change(event, original),
        Step::Rejected(reason) => return Refined::Rejected(reason),
    };
    let Said { made: Normalized { mut complaint, original, .. }, mut answered, persons, referred, .. } = said;
    if let Some(reason) = complaint.not_a_complaint
        && !row.reviewed
        && !said.publish_not_a_complaint
    {
        return Refined::Aside(reason);
    }
    if let Some(person) = referred.person {
        complaint.reporter.reference = Some(hex::encode(person));
    }
    let event = match referred.complaint.filter(|(serial, _)| *serial != row.serial) {
        Some((_, first)) => {
            complaint.links.follow_up_of = Some(first);
            // they have their reference
            answered.as_mut().map(|answered| answered.receipt.take());
            Event::followed_up(first, complaint)
        }
        None => Event::received(complaint),
    };
    let follows = event.data.links.follow_up_of.and(referred.complaint).map(|(serial, _)| serial);
    match written(&event) {
        Ok(event) => Refined::Complaint(Box::new(NewComplaint {
            event,
            answered,
            follows,
            original,
            persons: referred.person.map(|person| (person, persons)),
        })),
        Err(reason) => Refined::Rejected(reason),
    }
}

/// The event that says a complaint was changed.
fn changed(
    row: &Waiting,
    amends: i64,
    files: Vec<AttachmentRef>,
    store: &Store,
    normalizer: &Normalizer,
) -> Result<(NewEvent, Option<String>), String> {
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
    let words = match &amendment.change {
        Change::Edited { draft } => Some(draft.text.clone()),
        Change::Reworded { .. } | Change::Deleted => None,
    };
    let mut amended = normalizer.amend(amendment, &receipt);
    if !files.is_empty() {
        amended.attachments = Some(files);
    }
    let original = words.filter(|words| amended.original.as_ref().is_some_and(|shown| shown != words));
    Ok((written(&Event::amended(amended, number, row.received_at))?, original))
}

fn written<D: serde::Serialize>(event: &Event<D>) -> Result<NewEvent, String> {
    let body = serde_json::to_vec(event).map_err(|error| format!("the event cannot be written: {error}"))?;
    Ok(NewEvent { id: event.id, routing_key: event.routing_key(), body })
}
