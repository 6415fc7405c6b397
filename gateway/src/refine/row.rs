//! One row on its way: what the rules read in it, and what it becomes.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use jiff::SignedDuration;
use muara_normalizer::{
    Amendment, AttachmentRef, ChannelId, ComplaintId, Draft, Event, Normalized, Normalizer, Receipt,
    Reference,
    complaint::NotAComplaint,
    draft::Change,
    identity::PersonRef,
    similarity::{Kept, Likeness, Matter, compare},
};

use super::Rules;
use crate::{
    channel::Channels,
    config::Duplicates,
    egress,
    store::{
        Store,
        inbox::{NewComplaint, Refined, Waiting},
        links::{Referred, Referring},
        outbox::NewEvent,
        reply::NewCorrespondence,
        similar::{Before, Search},
    },
};

/// Bytes of most events.
const BODY: usize = 2_048;

/// What became of a row, for the count.
pub(super) fn result(made: &Refined) -> &'static str {
    match made {
        Refined::Complaint(made) if made.follows.is_some() => "follow_up",
        Refined::Complaint(_) | Refined::Change(..) => "event",
        Refined::Repeated(..) => "repeated",
        Refined::Aside(_) => "set_aside",
        Refined::Rejected(_) => "quarantined",
    }
}

/// A row half way: what it says, before it is held against what was said before.
pub(super) enum Step {
    Said(Box<Said>),
    Changed(NewEvent, Option<String>),
    Rejected(String),
}

/// A message that was understood.
pub(super) struct Said {
    made: Normalized,
    /// What it is about.
    matter: Option<Arc<Matter>>,
    answering: Vec<String>,
    persons: Vec<PersonRef>,
    answered: Option<NewCorrespondence>,
    publish_not_a_complaint: bool,
    referred: Referred,
    /// Those that it is alike enough to.
    pub(super) search: Search,
    pub(super) before: Before,
}

impl Said {
    pub(super) fn refers_to(&mut self, referred: Referred) {
        self.referred = referred;
        if let Some(person) = referred.person {
            self.made.complaint.reporter.reference = Some(hex::encode(person));
            if let Some(matter) = &mut self.matter {
                Arc::make_mut(matter).sender = Some(person);
            }
        }
    }

    /// What it is taken for, if that is why it is not published.
    fn aside(&self, row: &Waiting) -> Option<NotAComplaint> {
        let published = row.reviewed || self.publish_not_a_complaint;
        let talk =
            |reason: &NotAComplaint| *reason == NotAComplaint::Chatter && self.continues(row).is_some();
        // what is said about a complaint is no idle talk
        self.made.complaint.not_a_complaint.filter(|reason| !published && !talk(reason))
    }

    /// The complaint that it continues: number of its receipt and id.
    fn continues(&self, row: &Waiting) -> Option<(i64, ComplaintId)> {
        self.referred.complaint.filter(|(serial, _)| *serial != row.serial)
    }

    /// The complaint of the same person that it says once more, by the same words about the same place.
    fn repeats(&self, duplicates: &Duplicates) -> Option<(i64, ComplaintId)> {
        let matter = self.matter.as_ref()?;
        let within = SignedDuration::from_mins(duplicates.repeat_minutes.into());
        // a file may be what is new about it
        let again =
            self.before.own.iter().filter(|_| self.made.complaint.attachments.is_empty()).find(|own| {
                own.matter.text == matter.text
                    && own.matter.same_spot(matter)
                    && matter.at.duration_since(own.matter.at).abs() <= within
            });
        again.map(|own| (own.serial, own.id))
    }

    /// The complaint of the same person about the same matter that it comes soon after.
    fn carries_on(&self, duplicates: &Duplicates) -> Option<(i64, ComplaintId, Likeness)> {
        let matter = self.matter.as_ref()?;
        let within = SignedDuration::from_hours(duplicates.follow_up_hours.into());
        let soon =
            self.before.own.iter().filter(|own| matter.at.duration_since(own.matter.at).abs() <= within);
        let mut alike = soon.filter_map(|own| {
            Some((own.serial, own.id, compare(matter, &own.matter, &duplicates.thresholds())?))
        });
        alike.next()
    }
}

impl Step {
    pub(super) fn said(&mut self) -> Option<&mut Said> {
        match self {
            Self::Said(said) => Some(said),
            Self::Changed(..) | Self::Rejected(_) => None,
        }
    }

    /// What it is about, if it may repeat another one.
    pub(super) fn kept(&self, row: &Waiting) -> Option<Kept> {
        let Self::Said(said) = self else { return None };
        if !self.may_repeat(row) {
            return None;
        }
        Some(Kept { serial: row.serial, id: row.id, first: row.serial, matter: said.matter.clone()? })
    }

    /// Those that it is alike enough to.
    pub(super) fn search(&mut self) -> Search {
        self.said().map(|said| std::mem::take(&mut said.search)).unwrap_or_default()
    }

    /// Whether it may be about the same as another one.
    pub(super) fn may_repeat(&self, row: &Waiting) -> bool {
        let Self::Said(said) = self else { return false };
        said.matter.is_some() && said.aside(row).is_none() && said.continues(row).is_none()
    }

    pub(super) fn referring(&self, row: &Waiting) -> Option<Referring> {
        let Self::Said(said) = self else { return None };
        Some(Referring {
            persons: said.persons.clone(),
            channel: row.channel.clone(),
            answering: said.answering.clone(),
            follows: row.follows,
        })
    }
}

pub(super) fn step(
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
    let mut matter = made.matter.take();
    if !files.is_empty() {
        matter = matter.map(|matter| matter.with_photos(&files));
        made.complaint.attachments = files;
    }
    Ok(Said {
        made,
        matter: matter.map(Arc::new),
        answering,
        persons,
        answered,
        publish_not_a_complaint: configured.is_some_and(|channel| channel.publish_not_a_complaint),
        referred: Referred::default(),
        search: Search::default(),
        before: Before::default(),
    })
}

/// What a row becomes, now that it is known what was said before.
pub(super) fn refine(row: &Waiting, step: Step, rules: &Rules) -> Refined {
    let duplicates = &rules.duplicates;
    let said = match step {
        Step::Said(said) => *said,
        Step::Changed(event, original) => return Refined::Change(event, original),
        Step::Rejected(reason) => return Refined::Rejected(reason),
    };
    if let Some(reason) = said.aside(row) {
        return Refined::Aside(reason);
    }
    let first = match said.continues(row) {
        Some((serial, id)) => Some((serial, id, None)),
        None => match said.repeats(duplicates) {
            Some((serial, id)) => return Refined::Repeated(serial, id),
            None => said.carries_on(duplicates).map(|(serial, id, alike)| (serial, id, Some(alike))),
        },
    };
    let Said { made, matter, mut answered, persons, referred, before, .. } = said;
    let Normalized { mut complaint, original, .. } = made;
    let follows = first.as_ref().map(|(serial, ..)| *serial);
    let (mut duplicate_of, mut of_matter) = (None, None);
    let (event, matter) = match first {
        Some((_, first, alike)) => {
            complaint.links.follow_up_of = Some(first);
            if let Some(alike) = alike {
                complaint.links.score = Some(alike.score);
                complaint.links.reasons = alike.reasons;
            }
            // they have their reference
            if let Some(answered) = &mut answered {
                answered.receipt = None;
            }
            (Event::followed_up(first, complaint), None)
        }
        None => {
            if let Some(link) = before.alike {
                of_matter = Some(link.first);
                complaint.links.repeats(link.id, link.likeness);
            }
            duplicate_of = complaint.links.duplicate_of;
            (Event::received(complaint), matter)
        }
    };
    let clocks = if follows.is_some() { Vec::new() } else { rules.clocks.start(row.received_at) };
    match written(&event) {
        Ok(event) => Refined::Complaint(Box::new(NewComplaint {
            event,
            clocks,
            answered,
            follows,
            duplicate_of,
            first: of_matter,
            original,
            matter,
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
    let mut body = Vec::with_capacity(BODY);
    serde_json::to_writer(&mut body, event)
        .map_err(|error| format!("the event cannot be written: {error}"))?;
    Ok(NewEvent { id: event.id, routing_key: event.routing_key(), body })
}
