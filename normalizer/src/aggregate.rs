//! Several messages of one person in a chat as one complaint (Enterprise Integration Patterns: aggregator).
//!
//! People say in a chat what they would write into one form: a greeting, a photo, what is wrong, a point on the map,
//! `oh iya RT 05 ya pak`. [`decide`] says of each message whether it goes on with what is gathered, begins something
//! else, follows up an earlier complaint, or is only talk; [`release_at`] when a bundle is done; [`release`] what
//! becomes of it; [`merge`] makes one draft of it. All are pure: the caller keeps the rows and the clock, and calls for
//! one sender in one chat at a time, so two people of a group never meet. The words are in `data/chat_words.txt`.
//!
//! What decides, in this order:
//! 1. Stickers, greetings, thanks and wishes are [`Decision::Aside`], whatever they answer.
//! 2. An answer to a message (or to our receipt) belongs to that message's complaint, unless its words announce another
//!    complaint *and* name another matter: people also answer the last message they see.
//! 3. A picture of an album goes where the album is.
//! 4. Pictures, voices and points without words go to the bundle that was spoken of last. With none open they begin one,
//!    for which words may follow. If none do, it follows up the earlier complaint ([`release`]).
//! 5. A question for information is an aside; a question after an earlier complaint follows it up.
//! 6. Words that announce another complaint begin one, so do words with a matter of their own. Words on the same matter,
//!    and words that only explain, join. After the receipt the same words follow up.

mod context;
mod matter;
mod phrases;
pub mod replay;
mod street;

use jiff::{SignedDuration, Timestamp};

use context::Context;
use matter::Heard;
pub use matter::Matter;

use crate::{draft::Draft, reading::Reading};

/// One message of a chat.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// When it was sent.
    pub at: Timestamp,
    /// Its words or those under its picture; empty if it has none.
    pub text: &'a str,
    /// [`Reading::of`] the text.
    pub reading: &'a Reading,
    /// How many pictures, videos and documents it has.
    pub photos: usize,
    /// How many voice messages.
    pub voices: usize,
    /// Whether it is, or has, a point on the map.
    pub point: bool,
    /// Whether it is a sticker.
    pub sticker: bool,
    /// What the vendor calls the album that its picture belongs to.
    pub album: Option<&'a str>,
    /// What it answers, as far as that is known.
    pub answers: Option<Answers>,
}

/// What a message answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answers {
    /// A message of this open bundle, or ours about it.
    Open(usize),
    /// A message of this earlier complaint, or our receipt of it; or it names its number.
    Earlier(usize),
}

/// A bundle that is still gathered.
#[derive(Clone, Debug, Default)]
pub struct Open<'a> {
    /// Its messages, oldest first; never empty.
    pub messages: Vec<Message<'a>>,
}

/// A complaint of the same person that is gathered no longer.
#[derive(Clone, Debug)]
pub struct Earlier {
    /// When its last message was sent, follow-ups among them.
    pub last_at: Timestamp,
    /// When we gave the receipt for it.
    pub receipt_at: Option<Timestamp>,
    /// What it is about.
    pub matter: Matter,
}

impl Earlier {
    /// An earlier complaint by its words.
    #[must_use]
    pub fn new(last_at: Timestamp, receipt_at: Option<Timestamp>, reading: &Reading) -> Self {
        Self { last_at, receipt_at, matter: Matter::of(reading) }
    }

    fn touched_at(&self) -> Timestamp {
        self.receipt_at.map_or(self.last_at, |at| at.max(self.last_at))
    }
}

/// How long is gathered.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// So long after the last message a bundle is done.
    pub quiet: SignedDuration,
    /// So long after the first it is done in any case.
    pub longest: SignedDuration,
    /// So long after the last it is done if it is complete: words that say what and where (or a point), and a picture.
    pub settle: SignedDuration,
    /// So long after its last message or receipt a complaint is followed up by words that do not speak of it.
    pub follow_up: SignedDuration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            quiet: SignedDuration::from_secs(90),
            longest: SignedDuration::from_mins(10),
            settle: SignedDuration::from_secs(10),
            follow_up: SignedDuration::from_hours(24),
        }
    }
}

/// What to do with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It goes on with this open bundle.
    Join(usize),
    /// It begins a bundle.
    Begin,
    /// It follows up this earlier complaint.
    FollowUp(usize),
    /// A greeting, thanks, a sticker, a wish, a question for information: nothing to gather.
    Aside,
}

/// What becomes of a bundle that is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Release {
    /// A complaint.
    Complaint,
    /// Nobody said what its pictures are about: they follow up this earlier complaint.
    FollowUp(usize),
    /// `satu lagi min`, and then nothing came.
    Aside,
}

/// Says what to do with a message. `open` and `earlier` are of the same person in the same chat, oldest first; what is
/// still open the caller decides ([`release_at`]), and how far back `earlier` goes.
#[must_use]
pub fn decide(message: &Message<'_>, open: &[Open<'_>], earlier: &[Earlier], policy: &Policy) -> Decision {
    let heard = Heard::of(message.reading);
    let media = message.has_media();
    if message.sticker || (!media && is_idle(&heard, open, earlier)) {
        return Decision::Aside;
    }
    let known = !open.is_empty() || !earlier.is_empty();
    // `maaf, salah kirim` with nothing to take back; `bukan lapor, cuma tanya`
    let retracts = (heard.cancels && !known) || (heard.denies && !heard.status);
    if retracts && !media && !heard.is_statement() {
        return Decision::Aside;
    }
    if heard.blessing && heard.matter.subjects == 0 && !heard.wrong {
        return Decision::Aside;
    }
    let context = Context::new(message, &heard, open, earlier, policy);
    if let Some(answered) = message.answers.and_then(|answers| context.answered(answers)) {
        return answered;
    }
    if let Some(album) = message.album
        && let Some(place) = open.iter().position(|open| open.has_album(album))
    {
        return Decision::Join(place);
    }
    if media && heard.is_idle() {
        return context.wordless();
    }
    context.words()
}

/// When a bundle is done, if nothing more comes.
#[must_use]
pub fn release_at(open: &Open<'_>, policy: &Policy) -> Timestamp {
    let times = || open.messages.iter().map(|message| message.at);
    let (first, last) = (times().min().unwrap_or_default(), times().max().unwrap_or_default());
    let quiet = if open.is_complete() { policy.settle.min(policy.quiet) } else { policy.quiet };
    let after = |at: Timestamp, wait| at.checked_add(wait).unwrap_or(Timestamp::MAX);
    after(last, quiet).min(after(first, policy.longest))
}

/// Says what becomes of a bundle that is done.
#[must_use]
pub fn release(open: &Open<'_>, earlier: &[Earlier], policy: &Policy) -> Release {
    if open.messages.iter().any(|message| !Heard::of(message.reading).is_wordless()) {
        return Release::Complaint;
    }
    let Some(at) = open.messages.iter().map(|message| message.at).min() else { return Release::Aside };
    let newest = newest(earlier, at, policy);
    match newest {
        Some(newest) => Release::FollowUp(newest),
        None if open.messages.iter().any(Message::has_media) => Release::Complaint,
        None => Release::Aside,
    }
}

/// How many of the last messages of an open bundle go over to a message that begins another: pictures that were sent
/// just before the words that they belong to. Zero unless [`decide`] said [`Decision::Begin`] and this bundle was spoken
/// of last.
#[must_use]
pub fn takes(message: &Message<'_>, open: &Open<'_>) -> usize {
    if message.has_media() || message.answers.is_some() {
        return 0;
    }
    let bare = |message: &Message<'_>| {
        message.photos > 0 && message.answers.is_none() && Heard::of(message.reading).is_idle()
    };
    let (mut taken, mut next) = (0, message.at);
    let mut messages = open.messages.iter().rev().peekable();
    while let Some(last) = messages.next() {
        let Some(before) = messages.peek() else { break };
        let (after, ahead) = (next.duration_since(last.at), last.at.duration_since(before.at));
        // one album is never torn
        let album = last.album.is_some() && last.album == before.album;
        if !bare(last) || (!album && after * 2 > ahead) {
            break;
        }
        taken += 1;
        next = last.at;
        if !album {
            break;
        }
    }
    let left = open.messages.len() - taken;
    let rest = open.messages.get(..left).unwrap_or_default();
    // the bundle keeps its words, and its only picture
    let whole = rest.iter().any(|message| message.photos > 0)
        && rest.iter().any(|message| !Heard::of(message.reading).is_wordless());
    if whole { taken } else { 0 }
}

/// Makes one draft of a bundle, in order. Texts are joined by line feeds, files put after each other; of all else the
/// first that says something counts. Nothing in, nothing out: an empty draft.
#[must_use]
pub fn merge(drafts: Vec<Draft>) -> Draft {
    let mut drafts = drafts.into_iter();
    let Some(mut whole) = drafts.next() else { return Draft::default() };
    whole.parts.extend(whole.external_id.clone());
    for draft in drafts {
        whole.parts.extend(draft.external_id.clone());
        append(&mut whole.text, &draft.text);
        match (&mut whole.original, draft.original) {
            (Some(original), other) => append(original, other.as_deref().unwrap_or(&draft.text)),
            (original @ None, Some(other)) => *original = Some(other),
            (None, None) => {}
        }
        // both degrees of one point
        if whole.place.lat.is_none() || whole.place.lon.is_none() {
            whole.place.lat = draft.place.lat.or(whole.place.lat);
            whole.place.lon = draft.place.lon.or(whole.place.lon);
            whole.place.device = draft.place.device;
        }
        let (place, other) = (&mut whole.place, draft.place);
        first(&mut place.address, other.address);
        first(&mut place.rt, other.rt);
        first(&mut place.rw, other.rw);
        first(&mut place.region, other.region);
        first(&mut place.office_region, other.office_region);
        let (reporter, other) = (&mut whole.reporter, draft.reporter);
        first(&mut reporter.id, other.id);
        first(&mut reporter.name, other.name);
        first(&mut reporter.phone, other.phone);
        first(&mut reporter.email, other.email);
        first(&mut reporter.nik, other.nik);
        // who once asked not to be named is not named
        reporter.anonymous |= other.anonymous;
        reporter.private |= other.private;
        first(&mut whole.external_id, draft.external_id);
        first(&mut whole.url, draft.url);
        first(&mut whole.thread, draft.thread);
        first(&mut whole.kind, draft.kind);
        first(&mut whole.title, draft.title);
        first(&mut whole.category, draft.category);
        first(&mut whole.supports, draft.supports);
        first(&mut whole.occurred_at, draft.occurred_at);
        first(&mut whole.sent_at, draft.sent_at);
        first(&mut whole.office, draft.office);
        first(&mut whole.return_address, draft.return_address);
        whole.attachments.extend(draft.attachments);
        whole.urgent |= draft.urgent;
        whole.public |= draft.public;
        whole.automatic &= draft.automatic;
        for id in draft.replies_to {
            if !whole.replies_to.contains(&id) {
                whole.replies_to.push(id);
            }
        }
    }
    whole
}

fn append(text: &mut String, more: &str) {
    if !text.is_empty() && !more.is_empty() {
        text.push('\n');
    }
    text.push_str(more);
}

fn first<T>(mine: &mut Option<T>, other: Option<T>) {
    if mine.is_none() {
        *mine = other;
    }
}

impl Message<'_> {
    fn has_media(&self) -> bool {
        self.photos > 0 || self.voices > 0 || self.point
    }
}

impl Open<'_> {
    fn last_at(&self) -> Timestamp {
        self.messages.iter().map(|message| message.at).max().unwrap_or_default()
    }

    fn has_album(&self, album: &str) -> bool {
        self.messages.iter().any(|message| message.album == Some(album))
    }

    fn has_point(&self) -> bool {
        self.messages.iter().any(|message| message.point)
    }

    fn is_complete(&self) -> bool {
        let photo = self.messages.iter().any(|message| message.photos > 0);
        let matter = self.matter();
        let said = self.messages.iter().any(|message| !Heard::of(message.reading).is_wordless());
        photo && said && (self.has_point() || matter.is_placed())
    }

    fn matter(&self) -> Matter {
        let mut whole = Matter::default();
        for message in &self.messages {
            whole.add(&Matter::of(message.reading));
        }
        whole
    }
}

/// Whether there is nothing to gather in words alone. `tolong ya min` says something once a matter was named.
fn is_idle(heard: &Heard, open: &[Open<'_>], earlier: &[Earlier]) -> bool {
    let known = !open.is_empty() || !earlier.is_empty();
    if heard.words == 0 {
        return true;
    }
    if (heard.content > 0 && !(known && heard.is_praise())) || heard.file || heard.status {
        return false;
    }
    // `satu lagi min`
    if heard.other && known {
        return false;
    }
    !(heard.pleads && !heard.announces && known)
}

/// The complaint that was spoken of last, if that is not too long ago.
fn newest(earlier: &[Earlier], at: Timestamp, policy: &Policy) -> Option<usize> {
    let (place, newest) = earlier.iter().enumerate().max_by_key(|(_, earlier)| earlier.touched_at())?;
    (at.duration_since(newest.touched_at()) <= policy.follow_up).then_some(place)
}
