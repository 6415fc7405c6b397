//! What is no complaint: thanks, greetings, talk, advertisements, frauds, chain messages, machines. The words are in
//! `data/noise_words.txt`, which anyone can read and extend. Rather a noise that is published than a complaint that is
//! held back.

mod phrases;

use crate::{
    complaint::NotAComplaint,
    draft::Draft,
    reading::{Reading, Term},
    text,
};
use phrases::{Scores, Section, phrases};

/// A reason needs so much weight,
const ENOUGH: u32 = 4;
/// and so much more than the grievances.
const AHEAD: u32 = 2;
/// Beyond so many words that say nothing by themselves, a message is no small talk.
const SMALL_TALK: usize = 12;
/// A message of so many words is a letter: machines and chains write such, people who thank do not.
const LETTER: usize = 120;

/// Thanks that do not say for what are shorter than so many words.
const SENTENCES: usize = 25;

/// The reasons with phrases of their own, the more certain first: where two weigh the same, the first counts.
const REASONS: [(NotAComplaint, Section); 7] = [
    (NotAComplaint::AutoReply, Section::AutoReply),
    (NotAComplaint::Fraud, Section::Fraud),
    (NotAComplaint::ChainMessage, Section::ChainMessage),
    (NotAComplaint::Advertisement, Section::Advertisement),
    (NotAComplaint::Announcement, Section::Announcement),
    (NotAComplaint::Thanks, Section::Thanks),
    (NotAComplaint::Chatter, Section::Chatter),
];

/// Why a message is no complaint; nothing if it may be one. `reading` is of title and text.
#[must_use]
pub fn not_a_complaint(draft: &Draft, reading: &Reading) -> Option<NotAComplaint> {
    if draft.automatic {
        return Some(NotAComplaint::AutoReply);
    }
    let shows = !draft.attachments.is_empty() || draft.has_point();
    if reading.words.is_empty() {
        // a sticker, or nothing but signs
        return (!shows && text::has_words(&draft.text)).then_some(NotAComplaint::Chatter);
    }
    if let Some(reason) = small_talk(&reading.terms) {
        // what is shown with a greeting is the complaint
        return (!shows || reason == NotAComplaint::Thanks).then_some(reason);
    }
    let begin = reading.terms.iter().position(|term| !greets(term)).unwrap_or(0);
    let mut scores = phrases().scores(&reading.terms, begin);
    // handed on: it may be another's complaint, but then that says so
    if draft.text.trim_start().starts_with("RT @") {
        scores.add(Section::Announcement, 3);
    }
    // machines thank, too
    if scores.of(Section::AutoReply) < ENOUGH && thanks(&scores, reading.terms.len()) {
        return Some(NotAComplaint::Thanks);
    }
    let grievance = scores.of(Section::Grievance).max(scores.of(Section::Contrast));
    let (reason, score) = REASONS
        .iter()
        .filter(|(_, section)| *section != Section::Thanks)
        .map(|(reason, section)| (*reason, scores.of(*section)))
        .reduce(|best, next| if next.1 > best.1 { next } else { best })?;
    // such words stand in grievances, too: a poster of a loan, a meeting to which nobody was asked
    let told_of =
        matches!(reason, NotAComplaint::Advertisement | NotAComplaint::Announcement | NotAComplaint::Chatter);
    let against = if told_of { 2 * grievance } else { grievance };
    let shown = shows && reason == NotAComplaint::Chatter;
    (score >= ENOUGH && score >= against + AHEAD && !shown).then_some(reason)
}

/// Thanks for what was done, in which the grievance is named that is no more; or thanks for nothing in particular.
fn thanks(scores: &Scores, words: usize) -> bool {
    let (thanks, done) = (scores.of(Section::Thanks), scores.of(Section::Done));
    if scores.of(Section::Contrast) > 0 || thanks == 0 || words > LETTER {
        return false;
    }
    let grievance = scores.of(Section::Grievance);
    (done > 0 && thanks + done >= ENOUGH + 1 && grievance < thanks + done)
        || (thanks >= ENOUGH + 1 && words <= SENTENCES && (grievance == 0 || grievance + ENOUGH <= thanks))
}

/// A message of nothing but greetings, thanks or talk.
fn small_talk(terms: &[Term]) -> Option<NotAComplaint> {
    let phrases = phrases();
    let (mut greeting, mut thanks, mut chatter) = (0_usize, 0_usize, 0_usize);
    if terms.len() > SMALL_TALK {
        return None;
    }
    for term in terms {
        let word = term.text.as_str();
        if phrases.has(Section::OnlyGreeting, word) {
            greeting += 1;
        } else if phrases.has(Section::OnlyThanks, word) {
            thanks += 1;
        } else if phrases.has(Section::OnlyChatter, word) {
            chatter += 1;
        } else if !phrases.has(Section::Filler, word) {
            return None;
        }
    }
    match (greeting, thanks, chatter) {
        (_, 1.., _) => Some(NotAComplaint::Thanks),
        (_, 0, 1..) => Some(NotAComplaint::Chatter),
        (1.., 0, 0) => Some(NotAComplaint::Greeting),
        // `min`, `pak` alone
        (0, 0, 0) => terms.is_empty().then_some(NotAComplaint::Greeting),
    }
}

fn greets(term: &Term) -> bool {
    phrases().has(Section::OnlyGreeting, &term.text) || phrases().has(Section::Filler, &term.text)
}
