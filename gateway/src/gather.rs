//! What one person says in several messages of a chat becomes one complaint (Enterprise Integration Patterns: aggregator).
//!
//! The rules are [`aggregate::decide`]'s, the state is the store's: this is what stands between. One message of a sender
//! is looked at in a round, so that the next one sees what became of it.

use std::collections::BTreeSet;

use jiff::Timestamp;
use muara_normalizer::{
    Draft, Normalizer,
    aggregate::{self, Answers, Decision, Earlier, Message, Open, Release},
    complaint::AttachmentKind,
    reading::Reading,
};

use crate::{
    channel::{Channel, Channels},
    store::{
        Store, StoreError,
        gather::{Asked, Bundle, Due, Gathered, Said, Surroundings, Way},
        inbox::Waiting,
    },
};

/// Messages looked at in one round.
const BATCH: u32 = 256;

/// Closes the bundles whose time has come, and puts new messages where they go; returns how many there were.
///
/// # Errors
/// The store cannot be read or written; what was not done is done in the next round.
pub async fn round(
    store: &Store,
    normalizer: &Normalizer,
    channels: &Channels,
    now: Timestamp,
) -> Result<usize, StoreError> {
    let due = store.due_bundles(now, BATCH).await?;
    let closed = due.len();
    if closed > 0 {
        store
            .close_bundles(due.iter().map(|due| (due.bundle.serial, continues(due, channels))).collect())
            .await?;
    }
    let rows = store.to_gather(BATCH).await?;
    if rows.is_empty() {
        return Ok(closed);
    }
    let mut senders = BTreeSet::new();
    let mut gathered = Vec::new();
    let mut asked = Vec::new();
    let mut said = Vec::new();
    for row in rows {
        let heard = Heard::of(&row, normalizer, channels);
        let Some(heard) = heard else {
            // nobody gathers it: it goes its way, and what is wrong with it is found there
            gathered.push(Gathered { serial: row.serial, sender: [0; 16], way: Way::Alone });
            continue;
        };
        if senders.insert(heard.asked.sender.clone()) {
            asked.push(heard.asked.clone());
            said.push((row, heard));
        }
    }
    let surroundings = store.surroundings(asked).await?;
    gathered.extend(said.iter().zip(surroundings).map(|((row, heard), around)| Gathered {
        serial: row.serial,
        sender: around.sender,
        way: way(row, heard, &around),
    }));
    let count = gathered.len();
    store.gather(gathered).await?;
    Ok(closed + count)
}

/// A message of a chat, read.
struct Heard<'a> {
    channel: &'a Channel,
    draft: Draft,
    text: String,
    reading: Reading,
    asked: Asked,
}

impl<'a> Heard<'a> {
    fn of(row: &Waiting, normalizer: &Normalizer, channels: &'a Channels) -> Option<Self> {
        let channel = channels.get(&row.channel)?;
        channel.gather.as_ref()?;
        let draft: Draft = serde_json::from_slice(&row.draft).ok()?;
        let (text, reading) = words(&draft);
        let asked = Asked {
            sender: normalizer.persons(&channel.id, &draft.reporter),
            channel: row.channel.clone(),
            answering: draft.replies_to.clone(),
        };
        Some(Self { channel, draft, text, reading, asked })
    }
}

/// Where a message goes.
fn way(row: &Waiting, heard: &Heard<'_>, around: &Surroundings) -> Way {
    let Some(policy) = &heard.channel.gather else { return Way::Alone };
    let open: Vec<Vec<Read>> = around.open.iter().map(read).collect();
    let mut open: Vec<Open<'_>> = open.iter().map(|messages| as_open(messages)).collect();
    let earlier: Vec<Earlier> = around.earlier.iter().map(as_earlier).collect();
    let follow_up = |serial: i64| Way::FollowUp { serial, at: row.received_at, text: heard.text.clone() };
    let answers = match around.answers {
        None => None,
        Some(serial) => {
            let in_open = around.open.iter().position(|bundle| bundle.serial == serial).map(Answers::Open);
            let known = in_open.or_else(|| {
                around.earlier.iter().position(|said| said.serial == serial).map(Answers::Earlier)
            });
            // an answer to something long ago is one all the same
            if known.is_none() {
                return follow_up(serial);
            }
            known
        }
    };
    let new = || message(&heard.draft, &heard.text, &heard.reading, row.received_at, answers);
    match aggregate::decide(&new(), &open, &earlier, policy) {
        Decision::Aside => Way::Alone,
        Decision::Begin => {
            let takes = open.iter().zip(&around.open).next_back().map_or_else(Vec::new, |(open, bundle)| {
                let left = bundle.messages.len().saturating_sub(aggregate::takes(&new(), open));
                bundle.messages.iter().skip(left).map(|row| row.serial).collect()
            });
            let alone = Open { messages: vec![new()] };
            Way::Begin { release_at: aggregate::release_at(&alone, policy), takes }
        }
        Decision::Join(place) => match (open.get_mut(place), around.open.get(place)) {
            (Some(open), Some(bundle)) => {
                open.messages.push(new());
                Way::Join { bundle: bundle.serial, release_at: aggregate::release_at(open, policy) }
            }
            _ => Way::Alone,
        },
        Decision::FollowUp(place) => {
            around.earlier.get(place).map_or(Way::Alone, |said| follow_up(said.serial))
        }
    }
}

/// Number of the receipt of the complaint that a bundle continues: pictures that nobody said anything about.
fn continues(due: &Due, channels: &Channels) -> Option<i64> {
    let policy = channels.get(&due.channel)?.gather.as_ref()?;
    let messages = read(&due.bundle);
    let earlier: Vec<Earlier> = due.earlier.iter().map(as_earlier).collect();
    match aggregate::release(&as_open(&messages), &earlier, policy) {
        Release::FollowUp(place) => due.earlier.get(place).map(|said| said.serial),
        // what nobody heard the end of is for the rules to judge
        Release::Complaint | Release::Aside => None,
    }
}

/// A message with its words and the time of its receipt.
type Read = (Draft, String, Reading, Timestamp);

fn read(bundle: &Bundle) -> Vec<Read> {
    let read = bundle.messages.iter().map(|row| {
        let draft: Draft = serde_json::from_slice(&row.draft).unwrap_or_default();
        let (text, reading) = words(&draft);
        (draft, text, reading, row.received_at)
    });
    read.collect()
}

fn as_open(messages: &[Read]) -> Open<'_> {
    let messages = messages.iter().map(|(draft, text, reading, at)| message(draft, text, reading, *at, None));
    Open { messages: messages.collect() }
}

fn as_earlier(said: &Said) -> Earlier {
    Earlier::new(said.at, said.receipt_at, &Reading::of(&said.text))
}

/// Everything that a draft says in words.
fn words(draft: &Draft) -> (String, Reading) {
    let text = match &draft.title {
        Some(title) => format!("{title}\n{}", draft.text),
        None => draft.text.clone(),
    };
    let reading = Reading::of(&text);
    (text, reading)
}

fn message<'a>(
    draft: &'a Draft,
    text: &'a str,
    reading: &'a Reading,
    at: Timestamp,
    answers: Option<Answers>,
) -> Message<'a> {
    let kinds = draft
        .attachments
        .iter()
        .map(|attachment| muara_normalizer::AttachmentRef::of(attachment.clone(), 0).kind);
    let voices = kinds.filter(|kind| *kind == AttachmentKind::Audio).count();
    Message {
        at,
        text,
        reading,
        photos: draft.attachments.len() - voices,
        voices,
        point: draft.has_point(),
        sticker: false,
        album: draft.thread.as_deref().and_then(|thread| thread.strip_prefix("album:")),
        answers,
    }
}
