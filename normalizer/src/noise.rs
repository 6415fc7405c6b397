//! What is no complaint: thanks, greetings, talk, advertisements, frauds, chain messages, machines, questions for a desk.
//! The words are in `data/noise_words.txt`, which anyone can read and extend. Rather a noise that is published than a complaint that is
//! held back.

mod phrases;

use std::sync::LazyLock;

use foldhash::HashSet;

use crate::{
    complaint::{Kind, NotAComplaint},
    draft::Draft,
    learned::{self, Counts, Said},
    reading::{Reading, Term},
    region,
    sense::Sense,
    text,
    words::{Token, words},
};
use phrases::{Scores, Section, phrases};

/// A reason needs so much weight,
const ENOUGH: u32 = 4;
/// so much where a word says that something is wrong,
const CERTAIN: u32 = 6;
/// and so much more than the grievances.
const AHEAD: u32 = 2;
/// With less of an offer, how to reach somebody makes none.
const OFFER: u32 = 6;
/// An offer that says so much of itself is one, whatever trouble it promises to mend.
const UNDENIABLE: u32 = 9;
/// Beyond so many words that say nothing by themselves, a message is no small talk.
const SMALL_TALK: usize = 12;
/// A message of so many words is a letter: machines and chains write such, people who thank do not.
const LETTER: usize = 120;
/// Thanks that do not say for what are shorter than so many words.
const SENTENCES: usize = 25;
/// A text in which nothing is a matter of the city is so much nearer to noise.
const NO_MATTER: u32 = 3;
/// How much each sign of a complaint counts against noise that is not certain: danger, something wrong, a wish, a
/// question.
const URGENT: u32 = 4;
const WRONG: u32 = 4;
const WISH: u32 = 2;
const QUESTION: u32 = 2;
/// And a matter of the city, by how sure its category is.
const MATTERS: [(f64, u32); 4] = [(0.7, 6), (0.5, 4), (0.3, 2), (0.0, 1)];
/// So sure of a category, hardly a doubt is left of what is the matter.
const SURELY: f64 = 0.85;
/// So likely a category, words that were learned alone hold nothing.
const LIKELY: f64 = 0.7;
/// What is quoted at the beginning is what is complained about, if so many words follow.
const QUOTED: u32 = 6;
const COMMENT: usize = 6;
/// What is asked after may be a word of a matter.
const SPOKEN_OF: u32 = 1;
/// In so many characters the signs of mood are looked for.
const SIGNS: usize = 2000;

/// So much likelier must its words make a message no complaint for that to be enough (the logarithm of the ratio).
const KNOWN: f64 = 8.0;
/// And so much likelier a complaint (its negative) for the rules' reason to be doubted.
const DOUBTED: f64 = -7.0;

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

/// Why a message is no complaint; nothing if it may be one. `reading` is of title and text, as is `sense`.
#[must_use]
pub fn not_a_complaint(draft: &Draft, reading: &Reading, sense: &Sense) -> Option<NotAComplaint> {
    with_counts(draft, reading, sense, &learned::KINDS)
}

/// The same by these counts of words.
#[must_use]
pub fn with_counts(
    draft: &Draft,
    reading: &Reading,
    sense: &Sense,
    counts: &Counts,
) -> Option<NotAComplaint> {
    let shows = !draft.attachments.is_empty() || draft.has_point();
    // who chose a category, or sat before an officer, did not come to chat
    let meant = draft.category.is_some() || draft.office.is_some();
    let scores = scores(draft, reading);
    let asks = || !shows && !meant && draft.kind.is_none() && only_asks(reading, sense, &scores);
    let reason = by_its_words(draft, reading, sense, &scores)
        .or_else(|| asks().then_some(NotAComplaint::Question))
        .or_else(|| if shows || meant { None } else { without_matter(reading, sense, &scores) });
    // what shows something, was meant for us or is urgent is not held for its words alone; what is English seldom comes,
    // so its words would seem to be those of advertisements
    let meant = || {
        let sent_to_us = shows || meant || draft.kind.is_some();
        sent_to_us || sense.urgent || sense.language.0 == "en"
    };
    // thanks and talk name the matters of the city, too
    let certain =
        matches!(reason, Some(NotAComplaint::Thanks | NotAComplaint::Chatter | NotAComplaint::Greeting));
    if certain || reason.is_none() && meant() {
        return reason;
    }
    let words = Said::stems_and_pairs(reading, &draft.text);
    let odds = counts.odds(&words, learned::NOISE, learned::COMPLAINT);
    if reason.is_some() {
        return reason.filter(|_| odds > DOUBTED);
    }
    // `selamat pagi, terima kasih sebelumnya, got mampet`: many words of noise, and few of what is the matter
    if odds < KNOWN || sense.matter() >= Some(LIKELY) {
        return None;
    }
    let likeliest = REASONS.iter().max_by_key(|(_, section)| scores.of(*section));
    let named = likeliest.filter(|(_, section)| scores.of(*section) > 0);
    Some(named.map_or(NotAComplaint::Chatter, |(reason, _)| *reason))
}

/// Whether it asks what a desk tells, and says of nothing that it goes wrong. `kapan diperbaiki?` is no such question.
fn only_asks(reading: &Reading, sense: &Sense, scores: &Scores) -> bool {
    let grievance = scores.of(Section::Grievance).max(scores.of(Section::Contrast));
    scores.of(Section::Asks) >= ENOUGH
        && scores.of(Section::Told) == 0
        && grievance <= scores.of(Section::Asked) + SPOKEN_OF
        && reading.terms.len() <= SENTENCES
        && sense.kind != Some(Kind::Complaint)
        && !sense.urgent
}

/// The same of a message in a talk, which by itself need not say what is the matter: only what its own words tell.
#[must_use]
pub fn in_a_talk(draft: &Draft, reading: &Reading) -> Option<NotAComplaint> {
    by_its_words(draft, reading, &Sense::of(reading), &scores(draft, reading))
}

/// How much of each section a message holds.
fn scores(draft: &Draft, reading: &Reading) -> Scores {
    let begin = reading.terms.iter().position(|term| !greets(term)).unwrap_or(0);
    let mut scores = phrases().scores(&reading.terms, begin);
    scores.take(Section::Contrast, scores.of(Section::NoContrast));
    // who complains leaves a number, too
    if scores.of(Section::Advertisement) >= OFFER {
        scores.add(Section::Advertisement, scores.of(Section::Contact));
    }
    if quotes(&draft.text) {
        scores.add(Section::Grievance, QUOTED);
    }
    // handed on: it may be another's complaint, but then that says so
    if draft.text.trim_start().starts_with("RT @") {
        scores.add(Section::Announcement, 3);
    }
    let mut mood = draft.text.chars().take(SIGNS).filter(|c| !c.is_ascii() && !c.is_alphanumeric());
    if mood.any(|c| phrases().has(Section::Sign, &Token::from(&*c.encode_utf8(&mut [0; 4])))) {
        scores.add(Section::Chatter, 2);
    }
    scores
}

/// Whether the message begins with the words of another, a poster's or a machine's, and says more than them.
fn quotes(text: &str) -> bool {
    let text = text.trim_start();
    let Some(rest) = text.strip_prefix(['"', '“', '”', '„', '«']) else { return false };
    rest.split_once(['"', '“', '”', '»'])
        .is_some_and(|(_, comment)| comment.split_whitespace().nth(COMMENT).is_some())
}

fn by_its_words(draft: &Draft, reading: &Reading, sense: &Sense, scores: &Scores) -> Option<NotAComplaint> {
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
    // machines thank, too
    if scores.of(Section::AutoReply) < ENOUGH && thanks(scores, reading.terms.len()) {
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
    if score < ENOUGH || score < against + AHEAD {
        return None;
    }
    // few words for noise do not outweigh that something is wrong
    let doubtful = score < CERTAIN && sense.kind == Some(Kind::Complaint);
    // an app sends the point of whoever chats, too
    let shown = shows && reason == NotAComplaint::Chatter && score < UNDENIABLE;
    // who complains leaves a number, too
    let surely =
        reason == NotAComplaint::Advertisement && score < UNDENIABLE && sense.matter() >= Some(SURELY);
    let mocked = score < 2 * UNDENIABLE && mocks(reason, scores, sense);
    (!doubtful && !surely && !shown && !mocked).then_some(reason)
}

/// Whether an offer is another's that is mocked: who offers something says how to get it.
fn mocks(reason: NotAComplaint, scores: &Scores, sense: &Sense) -> bool {
    matches!(reason, NotAComplaint::Advertisement | NotAComplaint::Fraud)
        && scores.of(Section::Means) == 0
        && (scores.of(Section::Grievance) > 0 || sense.kind == Some(Kind::Complaint))
}

/// What is noise less by its own words than because nothing in it is the city's to mend.
fn without_matter(reading: &Reading, sense: &Sense, scores: &Scores) -> Option<NotAComplaint> {
    let grievance = scores.of(Section::Grievance) + scores.of(Section::Contrast);
    let (reason, score) = REASONS
        .iter()
        .map(|(reason, section)| (*reason, scores.of(*section)))
        .reduce(|best, next| if next.1 > best.1 { next } else { best })?;
    // most complaints end here
    let certain = grievance >= CERTAIN && reason != NotAComplaint::Announcement;
    let much = certain || grievance > score + NO_MATTER;
    if much || reading.terms.len() > LETTER || mocks(reason, scores, sense) {
        return None;
    }
    let said = match sense.kind {
        Some(Kind::Complaint) => WRONG,
        Some(Kind::Aspiration) => WISH,
        Some(Kind::InformationRequest) => QUESTION,
        None => 0,
    };
    let urgent = if sense.urgent { URGENT } else { 0 };
    let complaint = grievance + said + urgent;
    let Some(confidence) = sense.matter() else {
        let small = score == 0 && complaint <= 1 && reading.terms.len() <= SMALL_TALK;
        // where it is, is a part of what is the matter
        if small && !says_where(reading) && sense.language.0 != "en" {
            return Some(NotAComplaint::Chatter);
        }
        let enough = if says_where(reading) { ENOUGH - 1 } else { 1 };
        return (score >= enough && score + NO_MATTER >= complaint + AHEAD).then_some(reason);
    };
    let matter = MATTERS.iter().find(|(sure, _)| confidence >= *sure).map_or(0, |(_, weight)| *weight);
    if complaint == 0 {
        // nothing is wrong, nothing is asked for
        return (score >= ENOUGH - 1 + matter / 4).then_some(reason);
    }
    // praise of what is the city's may be mockery
    (reason != NotAComplaint::Thanks && score >= ENOUGH - 1 && score > complaint + matter).then_some(reason)
}

/// The words of the regions' names.
static NAMES: LazyLock<HashSet<u64>> = LazyLock::new(|| {
    region::all().flat_map(|region| words(&region.name)).map(|word| word.folded.hash()).collect()
});

/// Whether a place or a number is named.
fn says_where(reading: &Reading) -> bool {
    let named =
        |word: &Token| phrases().has(Section::Where, word) || word.bytes().any(|b| b.is_ascii_digit());
    reading.words.iter().any(|word| named(&word.folded) || NAMES.contains(&word.folded.hash()))
}

/// Thanks for what was done, in which the grievance is named that is no more; or thanks for nothing in particular.
fn thanks(scores: &Scores, words: usize) -> bool {
    let (thanks, done) = (scores.of(Section::Thanks), scores.of(Section::Done));
    if scores.of(Section::Contrast) > 0 || thanks == 0 || words > LETTER {
        return false;
    }
    let grievance = scores.of(Section::Grievance);
    (done > 0 && thanks + done > ENOUGH && grievance < thanks + done)
        || (thanks > ENOUGH
            && (words <= SENTENCES || thanks >= UNDENIABLE)
            && (grievance == 0 || grievance + ENOUGH <= thanks))
}

/// A message of nothing but greetings, thanks or talk.
fn small_talk(terms: &[Term]) -> Option<NotAComplaint> {
    let phrases = phrases();
    let (mut greeting, mut thanks, mut chatter) = (0_usize, 0_usize, 0_usize);
    if terms.len() > SMALL_TALK {
        return None;
    }
    for term in terms {
        let word = &term.text;
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
