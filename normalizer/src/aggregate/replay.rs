//! A recorded chat, grouped as the gateway would have: what `muara normalize --conversations` does with a line.
//!
//! A record also has edits and deletions, which the gateway applies to its rows before it decides anything, and our own
//! receipts, which close a complaint. An edit of what has no receipt yet changes it and belongs to it; a deletion takes
//! the message, its edits and itself out. After the receipt the complaint is the city's: an edit or a deletion is then a
//! follow-up, and what was deleted stays.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    Answers, Decision, Earlier, Message, Open, Policy, Release, decide, phrases, release, release_at, takes,
};
use crate::reading::Reading;

/// One event of a recorded chat.
#[derive(Clone, Debug, Deserialize)]
pub struct Event {
    /// Seconds since the chat began.
    pub at: i64,
    /// Who sent it: a person, or `bot` for us.
    pub sender: String,
    /// What it is.
    pub kind: EventKind,
    /// Its words, if it has any.
    #[serde(default)]
    pub text: Option<String>,
    /// Which event it answers, changes or takes back, counted from 0.
    #[serde(default)]
    pub reply_to: Option<usize>,
    /// The album its picture belongs to.
    #[serde(default)]
    pub album: Option<String>,
}

/// What an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// Words.
    Text,
    /// A picture, perhaps with words.
    Photo,
    /// A point on the map.
    Location,
    /// A sticker.
    Sticker,
    /// A voice message.
    Voice,
    /// A message written anew.
    Edit,
    /// A message taken back.
    Delete,
    /// Our own message, perhaps a receipt.
    BotAck,
}

/// A chat as complaints. Numbers are those of the events; our own are in no list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grouped {
    /// In the order of their first events.
    pub complaints: Vec<Grouping>,
    /// What belongs to none.
    pub ignored: Vec<usize>,
}

/// One complaint of a chat.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grouping {
    /// What it was gathered from.
    pub events: Vec<usize>,
    /// What was said of it later.
    pub followups: Vec<usize>,
}

/// A record does not say what a channel waits: a complaint ends with its receipt, or half an hour after its last event.
const POLICY: Policy = Policy {
    quiet: SignedDuration::from_mins(30),
    longest: SignedDuration::from_hours(24),
    settle: SignedDuration::from_mins(30),
    follow_up: SignedDuration::from_hours(24),
};

/// Groups a recorded chat.
#[must_use]
pub fn group(events: &[Event]) -> Grouped {
    let mut replay = Replay::new(events);
    for place in 0..events.len() {
        replay.next(place);
    }
    replay.release(Timestamp::MAX);
    replay.grouped()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spot {
    /// Gathered into this complaint.
    Event(usize),
    /// Follows this one up.
    FollowUp(usize),
    Ignored,
}

#[derive(Debug, Default)]
struct Complaint {
    sender: String,
    last_at: Timestamp,
    receipt_at: Option<Timestamp>,
    numbers: Vec<String>,
    /// It is gathered no longer.
    released: bool,
}

struct Replay<'a> {
    events: &'a [Event],
    /// Each event's words as they are now, read.
    texts: Vec<String>,
    readings: Vec<Reading>,
    /// Where each event is; nothing for what is to come, and for our own.
    spots: Vec<Option<Spot>>,
    /// What each of our own messages is about.
    about: Vec<Option<usize>>,
    complaints: Vec<Complaint>,
}

impl<'a> Replay<'a> {
    fn new(events: &'a [Event]) -> Self {
        let texts: Vec<String> = events.iter().map(|event| event.text.clone().unwrap_or_default()).collect();
        Self {
            events,
            readings: texts.iter().map(|text| Reading::of(text)).collect(),
            texts,
            spots: vec![None; events.len()],
            about: vec![None; events.len()],
            complaints: Vec::new(),
        }
    }

    fn at(&self, place: usize) -> Timestamp {
        Timestamp::from_second(self.events[place].at).unwrap_or_default()
    }

    fn next(&mut self, place: usize) {
        self.release(self.at(place));
        match self.events[place].kind {
            EventKind::BotAck => self.acknowledge(place),
            EventKind::Edit => self.edit(place),
            EventKind::Delete => self.delete(place),
            _ => {
                let spot = self.decide(place, place);
                self.put(place, spot);
            }
        }
    }

    fn put(&mut self, place: usize, spot: Spot) {
        let at = self.at(place);
        self.spots[place] = Some(spot);
        if let Spot::Event(complaint) | Spot::FollowUp(complaint) = spot {
            let complaint = &mut self.complaints[complaint];
            complaint.last_at = complaint.last_at.max(at);
        }
    }

    /// The events gathered into a complaint that are messages, oldest first.
    fn gathered(&self, complaint: usize) -> impl Iterator<Item = usize> {
        (0..self.events.len()).filter(move |place| {
            let event = &self.events[*place];
            // an edit is read as the message that it changes, if that is here
            let changed = event.reply_to.filter(|_| event.kind == EventKind::Edit);
            let elsewhere = changed.and_then(|target| self.spots.get(target).copied().flatten()).is_none();
            self.spots[*place] == Some(Spot::Event(complaint)) && elsewhere
        })
    }

    /// The complaints of a person that are gathered, and those that are no longer.
    fn known(&self, sender: &str) -> (Vec<usize>, Vec<usize>) {
        let theirs = (0..self.complaints.len()).filter(|place| {
            self.complaints[*place].sender == sender && self.gathered(*place).next().is_some()
        });
        theirs.partition(|place| !self.complaints[*place].released)
    }

    fn message(&self, place: usize, answers: Option<Answers>) -> Message<'_> {
        let event = &self.events[place];
        Message {
            at: self.at(place),
            text: &self.texts[place],
            reading: &self.readings[place],
            photos: usize::from(event.kind == EventKind::Photo),
            voices: usize::from(event.kind == EventKind::Voice),
            point: event.kind == EventKind::Location,
            sticker: event.kind == EventKind::Sticker,
            album: event.album.as_deref(),
            answers,
        }
    }

    fn bundle(&self, complaint: usize) -> Open<'_> {
        Open { messages: self.gathered(complaint).map(|place| self.message(place, None)).collect() }
    }

    fn earlier(&self, complaint: usize) -> Earlier {
        let texts: Vec<&str> = self.gathered(complaint).map(|place| self.texts[place].as_str()).collect();
        let Complaint { last_at, receipt_at, .. } = self.complaints[complaint];
        Earlier::new(last_at, receipt_at, &Reading::of(&texts.join("\n")))
    }

    /// Where an event goes that says what `said` has (itself, or the message that it changes).
    fn decide(&mut self, place: usize, said: usize) -> Spot {
        let sender = self.events[place].sender.clone();
        let (open, earlier) = self.known(&sender);
        let answered = self.answered(place, said);
        let answers = answered.and_then(|complaint| {
            let open = open.iter().position(|one| *one == complaint).map(Answers::Open);
            open.or_else(|| earlier.iter().position(|one| *one == complaint).map(Answers::Earlier))
        });
        let message = Message { at: self.at(place), ..self.message(said, answers) };
        let bundles: Vec<Open<'_>> = open.iter().map(|one| self.bundle(*one)).collect();
        let before: Vec<Earlier> = earlier.iter().map(|one| self.earlier(*one)).collect();
        let decision = decide(&message, &bundles, &before, &POLICY);
        match decision {
            Decision::Join(one) => open.get(one).map_or(Spot::Ignored, |one| Spot::Event(*one)),
            Decision::FollowUp(one) => earlier.get(one).map_or(Spot::Ignored, |one| Spot::FollowUp(*one)),
            Decision::Aside => Spot::Ignored,
            Decision::Begin => {
                let last = open.iter().zip(&bundles).max_by_key(|(one, _)| self.complaints[**one].last_at);
                let taken = last.map_or(Vec::new(), |(one, bundle)| {
                    let gathered: Vec<usize> = self.gathered(*one).collect();
                    gathered[gathered.len() - takes(&message, bundle).min(gathered.len())..].to_vec()
                });
                self.complaints.push(Complaint { sender, ..Complaint::default() });
                let begun = Spot::Event(self.complaints.len() - 1);
                for place in taken {
                    self.put(place, begun);
                }
                begun
            }
        }
    }

    /// The complaint that an event answers, or whose number it names.
    fn answered(&self, place: usize, said: usize) -> Option<usize> {
        let event = &self.events[place];
        let target = event.reply_to.filter(|target| *target < place && event.kind != EventKind::Edit);
        let by_reply = target.and_then(|target| match self.spots[target] {
            Some(Spot::Event(complaint) | Spot::FollowUp(complaint)) => Some(complaint),
            _ => self.about[target],
        });
        by_reply.or_else(|| {
            let named = numbers(&self.texts[said]);
            self.complaints.iter().position(|one| {
                one.sender == event.sender && one.numbers.iter().any(|number| named.contains(number))
            })
        })
    }

    /// Ends what is gathered and done by now.
    fn release(&mut self, now: Timestamp) {
        for complaint in 0..self.complaints.len() {
            if self.complaints[complaint].released || self.gathered(complaint).next().is_none() {
                continue;
            }
            let bundle = self.bundle(complaint);
            // an edit goes on with it, too
            let edited =
                self.complaints[complaint].last_at.checked_add(POLICY.quiet).unwrap_or(Timestamp::MAX);
            if release_at(&bundle, &POLICY).max(edited) > now && now != Timestamp::MAX {
                continue;
            }
            match self.released_as(complaint) {
                Release::Complaint => {}
                Release::FollowUp(one) => self.regroup(complaint, Spot::FollowUp(one)),
                Release::Aside => self.regroup(complaint, Spot::Ignored),
            }
            self.complaints[complaint].released = true;
        }
    }

    /// What becomes of a bundle if nothing more comes; the follow-up is to a place among the complaints.
    fn released_as(&self, complaint: usize) -> Release {
        let (_, known) = self.known(&self.complaints[complaint].sender);
        let before: Vec<Earlier> = known.iter().map(|one| self.earlier(*one)).collect();
        match release(&self.bundle(complaint), &before, &POLICY) {
            Release::FollowUp(one) => known.get(one).map_or(Release::Aside, |one| Release::FollowUp(*one)),
            other => other,
        }
    }

    fn regroup(&mut self, complaint: usize, spot: Spot) {
        for place in 0..self.spots.len() {
            if self.spots[place] == Some(Spot::Event(complaint)) {
                self.put(place, spot);
            }
        }
    }

    /// Takes our own message: a receipt ends what it is about.
    fn acknowledge(&mut self, place: usize) {
        let named = numbers(&self.texts[place]);
        let receipt = is_receipt(&self.texts[place], &named);
        let answered = self.events[place].reply_to.filter(|target| *target < place).and_then(|target| {
            match self.spots[target] {
                Some(Spot::Event(complaint) | Spot::FollowUp(complaint)) => Some(complaint),
                _ => self.about[target],
            }
        });
        let known =
            self.complaints.iter().position(|one| one.numbers.iter().any(|number| named.contains(number)));
        let mut about: Vec<usize> = answered.or(known).into_iter().collect();
        if about.is_empty() {
            about = self.addressed(place, if receipt { named.len().max(1) } else { 1 });
        }
        self.about[place] = about.first().copied();
        if !receipt {
            return;
        }
        for complaint in about {
            if self.complaints[complaint].released {
                continue;
            }
            // what has the number of an earlier one is no complaint of its own
            if let Some(earlier) = known.filter(|earlier| *earlier != complaint) {
                self.regroup(complaint, Spot::FollowUp(earlier));
            }
            let at = self.at(place);
            let one = &mut self.complaints[complaint];
            one.receipt_at = Some(at);
            one.released = true;
            one.numbers.extend(named.iter().cloned());
        }
    }

    /// The complaints that a message of ours without an answer is about: of the person it names, on what it speaks of,
    /// the first that waits for a receipt.
    fn addressed(&self, place: usize, count: usize) -> Vec<usize> {
        let text = self.texts[place].to_lowercase();
        let called = |sender: &str| {
            let sender = sender.to_lowercase();
            text.split(|c: char| !(c.is_alphanumeric() || matches!(c, '@' | '_')))
                .any(|word| word.strip_prefix('@').is_some_and(|name| name == sender))
        };
        let anyone = self.complaints.iter().any(|one| called(&one.sender));
        let spoken = Earlier::new(self.at(place), None, &self.readings[place]).matter;
        let mut waiting: Vec<usize> = (0..self.complaints.len())
            .filter(|one| !self.complaints[*one].released && self.gathered(*one).next().is_some())
            .filter(|one| !anyone || called(&self.complaints[*one].sender))
            .collect();
        // stable: of those that fit alike the first
        waiting.sort_by_key(|one| !self.earlier(*one).matter.same_subject(&spoken));
        waiting.truncate(count);
        waiting
    }

    fn edit(&mut self, place: usize) {
        let target = self.events[place].reply_to.filter(|target| *target < place);
        let spot = match target.map(|target| (target, self.spots[target])) {
            Some((target, Some(Spot::Event(complaint)))) => {
                if self.complaints[complaint].receipt_at.is_some() {
                    Spot::FollowUp(complaint)
                } else {
                    self.rewrite(target, place);
                    Spot::Event(complaint)
                }
            }
            Some((_, Some(Spot::FollowUp(complaint)))) => Spot::FollowUp(complaint),
            Some((target, Some(Spot::Ignored)))
                if self.events[target].kind != EventKind::Delete && !self.is_deleted(target) =>
            {
                self.rewrite(target, place);
                let spot = self.decide(place, target);
                if spot != Spot::Ignored {
                    self.put(target, spot);
                }
                spot
            }
            Some(_) => Spot::Ignored,
            None => self.decide(place, place),
        };
        self.put(place, spot);
    }

    /// A picture without words after a receipt waits for words; who takes it back meant it for what had the receipt.
    fn settle(&mut self, target: usize) {
        let Some(Spot::Event(complaint)) = self.spots[target] else { return };
        if self.complaints[complaint].released {
            return;
        }
        if let Release::FollowUp(one) = self.released_as(complaint) {
            self.put(target, Spot::FollowUp(one));
        }
    }

    fn rewrite(&mut self, target: usize, edit: usize) {
        self.texts[target] = self.texts[edit].clone();
        self.readings[target] = self.readings[edit].clone();
    }

    fn is_deleted(&self, target: usize) -> bool {
        self.events.iter().zip(&self.spots).any(|(event, spot)| {
            event.kind == EventKind::Delete && event.reply_to == Some(target) && spot.is_some()
        })
    }

    fn delete(&mut self, place: usize) {
        let target = self.events[place].reply_to.filter(|target| *target < place);
        if let Some(target) = target {
            self.settle(target);
        }
        let spot = match target.and_then(|target| self.spots[target]) {
            Some(Spot::Event(complaint)) if self.complaints[complaint].receipt_at.is_none() => {
                for (other, event) in self.events.iter().enumerate().take(place) {
                    let changes = event.kind == EventKind::Edit && event.reply_to == target;
                    if Some(other) == target || changes {
                        self.spots[other] = Some(Spot::Ignored);
                    }
                }
                Spot::Ignored
            }
            Some(Spot::Event(complaint) | Spot::FollowUp(complaint)) => Spot::FollowUp(complaint),
            _ => Spot::Ignored,
        };
        self.put(place, spot);
    }

    fn grouped(&self) -> Grouped {
        let of = |wanted: Spot| {
            let places = self.spots.iter().enumerate();
            places.filter(|(_, spot)| **spot == Some(wanted)).map(|(place, _)| place).collect::<Vec<_>>()
        };
        let mut complaints: Vec<Grouping> = (0..self.complaints.len())
            .map(|place| Grouping { events: of(Spot::Event(place)), followups: of(Spot::FollowUp(place)) })
            .filter(|one| !one.events.is_empty())
            .collect();
        complaints.sort_by_key(|one| one.events.first().copied());
        let placed = |place: &usize| {
            complaints.iter().any(|one| one.events.contains(place) || one.followups.contains(place))
        };
        // also what followed up a complaint of which nothing is left
        let said = (0..self.events.len()).filter(|place| self.events[*place].kind != EventKind::BotAck);
        let ignored = said.filter(|place| !placed(place)).collect();
        Grouped { complaints, ignored }
    }
}

/// The numbers that a text names: letters, digits and hyphens with a digit in them, at least four of them: `TG-0301`.
fn numbers(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
    let numbers = words
        .map(|word| word.trim_matches('-'))
        .filter(|word| word.len() >= 4 && word.bytes().filter(u8::is_ascii_digit).count() >= 3);
    numbers.map(str::to_ascii_uppercase).collect()
}

/// Whether a message of ours says that a complaint was taken down: it gives a number, or says so and asks for nothing.
fn is_receipt(text: &str, numbers: &[String]) -> bool {
    let (mut receives, mut asks) = (false, text.contains('?'));
    phrases::signs(&Reading::of(text), |sign, _, _| {
        receives |= sign == phrases::Sign::Receives;
        asks |= sign == phrases::Sign::Pleads;
    });
    !numbers.is_empty() && (receives || !asks) || receives && !asks
}
