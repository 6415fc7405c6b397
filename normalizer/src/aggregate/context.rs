//! One message among what was said before it: where it goes.

use jiff::{SignedDuration, Timestamp};

use super::{Answers, Decision, Earlier, Heard, Matter, Message, Open, Policy, newest};
use crate::{
    complaint::{Kind, NotAComplaint},
    draft::Draft,
    kind, noise,
};

/// So long after the last word a person rather begins something new.
const RESTED: SignedDuration = SignedDuration::from_hours(4);

/// A message among what was said before.
pub(super) struct Context<'a> {
    message: &'a Message<'a>,
    heard: &'a Heard,
    open: &'a [Open<'a>],
    /// What each open bundle is about.
    matters: Vec<Matter>,
    /// Of which nobody said yet what they are about.
    silent: Vec<bool>,
    earlier: &'a [Earlier],
    policy: &'a Policy,
}

impl<'a> Context<'a> {
    pub(super) fn new(
        message: &'a Message<'a>,
        heard: &'a Heard,
        open: &'a [Open<'a>],
        earlier: &'a [Earlier],
        policy: &'a Policy,
    ) -> Self {
        let mut context =
            Self { message, heard, open, matters: Vec::new(), silent: Vec::new(), earlier, policy };
        for bundle in open {
            let (mut matter, mut silent) = (Matter::default(), true);
            for said in bundle.messages.iter().filter(|said| !said.text.is_empty()) {
                let heard = Heard::of(said.reading);
                silent &= heard.is_wordless();
                matter.add(&heard.matter);
            }
            context.matters.push(matter);
            context.silent.push(silent);
        }
        context
    }

    /// What an answer does; nothing if what it answers is not there.
    pub(super) fn answered(&self, answers: Answers) -> Option<Decision> {
        let (matter, decision) = match answers {
            Answers::Open(place) => (self.matters.get(place)?, Decision::Join(place)),
            Answers::Earlier(place) => (&self.earlier.get(place)?.matter, Decision::FollowUp(place)),
        };
        let heard = self.heard;
        let another = heard.other && heard.is_statement() && !heard.matter.same_subject(matter);
        Some(if another { Decision::Begin } else { decision })
    }

    /// Pictures, voices and points without words.
    pub(super) fn wordless(&self) -> Decision {
        let Some(newest) = self.newest_open() else { return Decision::Begin };
        // a second point is of another matter, if one lacks it
        if self.message.point && self.open[newest].has_point() {
            let lacking = self.open.iter().rposition(|open| !open.has_point());
            return Decision::Join(lacking.unwrap_or(newest));
        }
        Decision::Join(newest)
    }

    /// Whether pictures came with `masih bolong pak` before them, rather than for the words that come now.
    fn came_with_follow_up(&self, silent: usize) -> bool {
        let Some(at) = self.open.get(silent).and_then(|open| open.messages.first()).map(|first| first.at)
        else {
            return false;
        };
        let Some(earlier) = newest(self.earlier, at, self.policy).and_then(|place| self.earlier.get(place))
        else {
            return false;
        };
        let followed = earlier.receipt_at.is_some_and(|receipt| earlier.last_at > receipt);
        followed && at.duration_since(earlier.last_at) < self.message.at.duration_since(at)
    }

    pub(super) fn words(&self) -> Decision {
        let heard = self.heard;
        if let Some(place) = self.by_number() {
            return place;
        }
        if (heard.status || self.goes_on_still()) && !self.is_new() {
            if let Some(decision) = self.asked_after() {
                return decision;
            }
        } else if self.asks_for_information() {
            return Decision::Aside;
        }
        // words for what was sent without: a picture first, `satu lagi min` first
        let silent = self.newest_open().filter(|newest| self.is_silent(*newest));
        if self.open.is_empty() || silent.is_some() { self.after_all(silent) } else { self.while_open() }
    }

    /// Words while a bundle with words is gathered.
    fn while_open(&self) -> Decision {
        let heard = self.heard;
        let Some(newest) = self.newest_open() else { return self.begin() };
        if heard.other && !self.only_explains() {
            return self.begin();
        }
        let best = (0..self.open.len())
            .filter(|place| heard.matter.same_subject(&self.matters[*place]))
            .max_by_key(|place| (heard.matter.fits(&self.matters[*place]), self.open[*place].last_at()));
        if let Some(best) = best {
            let again =
                heard.is_statement() && heard.wrong && heard.besides && !heard.definite && !heard.goes_on;
            let elsewhere = again && heard.matter.elsewhere(&self.matters[best]);
            return if elsewhere { self.begin() } else { Decision::Join(best) };
        }
        if self.is_own(&self.matters[newest]) {
            if let Some(earlier) = self.fitting_earlier().filter(|_| !heard.besides) {
                return Decision::FollowUp(earlier);
            }
            return self.begin();
        }
        let by_words = (0..self.open.len())
            .filter(|place| heard.matter.shared(&self.matters[*place]) > 0)
            .max_by_key(|place| (heard.matter.shared(&self.matters[*place]), self.open[*place].last_at()));
        Decision::Join(by_words.unwrap_or(newest))
    }

    /// Words when nothing is gathered but, at most, pictures without words.
    fn after_all(&self, silent: Option<usize>) -> Decision {
        let heard = self.heard;
        let begin = || match silent {
            Some(silent) if !heard.sells() && !self.came_with_follow_up(silent) => Decision::Join(silent),
            _ => self.begin(),
        };
        if heard.other && !self.only_explains() {
            return begin();
        }
        if let Some(place) = self.fitting_earlier() {
            let known = &self.earlier[place].matter;
            let again = heard.is_statement() && !heard.definite && !heard.goes_on;
            let tells = heard.wrong || heard.also || heard.announces;
            let elsewhere = again && tells && heard.matter.elsewhere(known);
            // somebody who says again that a complaint comes, after hours, and not of the same place
            let anew = again && heard.announces && self.rested() && !heard.matter.same_place(known);
            return if elsewhere || anew { begin() } else { Decision::FollowUp(place) };
        }
        let Some(newest) = newest(self.earlier, self.message.at, self.policy) else { return begin() };
        if self.is_own(&self.earlier[newest].matter) {
            return begin();
        }
        // no subject that the rules know, but the same words
        let shared = |place: usize| heard.matter.shared(&self.earlier[place].matter);
        let by_words = (0..self.earlier.len()).max_by_key(|place| (shared(*place), *place));
        Decision::FollowUp(by_words.filter(|best| shared(*best) > shared(newest)).unwrap_or(newest))
    }

    /// A bundle is begun, unless the words are known to be no complaint.
    fn begin(&self) -> Decision {
        let heard = self.heard;
        let draft = Draft { text: self.message.text.to_owned(), ..Draft::default() };
        let noise = noise::in_a_talk(&draft, self.message.reading);
        let idle = match noise {
            None => heard.is_chat() && (heard.laughs || !self.message.has_media()) || heard.sells(),
            // a greeting under a picture, for which words may follow
            Some(NotAComplaint::Greeting) => !self.message.has_media(),
            Some(_) => !heard.other,
        };
        if idle { Decision::Aside } else { Decision::Begin }
    }

    fn newest_open(&self) -> Option<usize> {
        (0..self.open.len()).max_by_key(|place| (self.open[*place].last_at(), *place))
    }

    /// Whether nobody said yet what a bundle is about.
    fn is_silent(&self, place: usize) -> bool {
        self.silent.get(place).copied().unwrap_or(true)
    }

    /// `yang pertama`, `yang kedua`, if that many are known and nothing new is said.
    fn by_number(&self) -> Option<Decision> {
        let heard = self.heard;
        let known = self.earlier.len() + self.open.len();
        if known < 2 || !(heard.first || heard.second) || self.is_new() {
            return None;
        }
        let place = usize::from(heard.second && !heard.first);
        Some(match place.checked_sub(self.earlier.len()) {
            None => Decision::FollowUp(place),
            Some(place) => Decision::Join(place),
        })
    }

    /// Whether the words are a statement on a matter that none of those known is about.
    fn is_new(&self) -> bool {
        let matters = || self.matters.iter().chain(self.earlier.iter().map(|earlier| &earlier.matter));
        let heard = self.heard;
        let named = heard.matter.subjects != 0 && heard.is_statement() && !heard.definite;
        named && !matters().any(|known| heard.matter.same_subject(known))
    }

    /// Who asks after a complaint asks after the fitting one, else the last that has a receipt.
    fn asked_after(&self) -> Option<Decision> {
        let matter = &self.heard.matter;
        let open = (0..self.open.len()).map(|place| {
            (matter.fits(&self.matters[place]), 0, self.open[place].last_at(), Decision::Join(place))
        });
        let earlier = self.earlier.iter().enumerate();
        let earlier = earlier
            .map(|(place, one)| (matter.fits(&one.matter), 1, one.touched_at(), Decision::FollowUp(place)));
        let known = open.filter(
            |(_, _, _, decision)| !matches!(decision, Decision::Join(place) if self.is_silent(*place)),
        );
        let best = known.chain(earlier).max_by_key(|(fits, receipted, at, _)| (*fits, *receipted, *at));
        // `lagi`, long after, is of a complaint only if it has its words
        let recent = |at: Timestamp| self.message.at.duration_since(at) <= self.policy.follow_up;
        let best = best.filter(|(fits, _, at, _)| self.heard.status || *fits > 0 || recent(*at));
        best.map(|(_, _, _, decision)| decision)
    }

    fn asks_for_information(&self) -> bool {
        let heard = self.heard;
        // `surat pindah itu` is of nothing spoken of before, if nothing was
        let definite = heard.definite && !(self.matters.is_empty() && self.earlier.is_empty());
        if heard.grievance || heard.other || definite || self.message.has_media() {
            return false;
        }
        // `KTP hilang, syaratnya apa?`
        if heard.wrong && !(heard.asks && heard.matter.at_desk()) {
            return false;
        }
        let known = self.matters.iter().chain(self.earlier.iter().map(|earlier| &earlier.matter));
        if known.into_iter().any(|known| heard.matter.same_subject(known)) {
            return false;
        }
        // `kapan got di RW 3 dikeruk?`
        if heard.works && heard.matter.subjects != 0 && !heard.matter.at_desk() && !heard.asks {
            return false;
        }
        // `vaksin di RSUD masih ada?`
        let asks_there = heard.matter.at_desk() && !heard.announces && self.message.text.ends_with('?');
        let asks = heard.asks || asks_there || (heard.questions && self.message.text.contains('?'));
        asks || (kind::kind(self.message.reading) == Kind::InformationRequest && heard.matter.is_named())
    }

    /// Whether words are gathered.
    fn is_spoken(&self) -> bool {
        (0..self.open.len()).any(|place| !self.is_silent(place))
    }

    /// Whether nothing is gathered, and what was spoken of last was hours ago.
    fn rested(&self) -> bool {
        let last = self.earlier.iter().map(Earlier::touched_at).max();
        !self.is_spoken() && last.is_some_and(|last| self.message.at.duration_since(last) >= RESTED)
    }

    /// `masih gelap`, said of what was told before: nothing is gathered, and no other place is named.
    fn goes_on_still(&self) -> bool {
        let heard = self.heard;
        let placed = heard.matter.is_placed()
            && !self.earlier.iter().any(|earlier| heard.matter.same_place(&earlier.matter));
        heard.still && !self.is_spoken() && !heard.asks && !heard.announces && !heard.other && !placed
    }

    /// Whether the message has a matter of its own beside this one.
    fn is_own(&self, known: &Matter) -> bool {
        let heard = self.heard;
        let placed = heard.matter.is_placed();
        if heard.matter.same_subject(known) || heard.content < 2 {
            return false;
        }
        // who said what it is, but not where, says it now
        let told = self.is_spoken() && !known.is_placed();
        if told && heard.there && !heard.besides && !heard.other {
            return false;
        }
        let begins = heard.announces || heard.greets || placed;
        if self.rested()
            && begins
            && heard.is_statement()
            && !heard.definite
            && !heard.goes_on
            && !heard.status
        {
            return true;
        }
        // a subject that the rules do not know: another one if it is said to be, or somewhere else
        if heard.matter.subjects == 0 || heard.standing {
            let explains = heard.goes_on || heard.status || heard.address;
            let fresh = heard.content >= 4 && !explains && heard.matter.shared(known) == 0;
            let elsewhere = placed && heard.matter.elsewhere(known);
            let later = self.open.is_empty() && placed && heard.wrong;
            let another = heard.besides && heard.wrong && placed;
            let unlike = heard.matter.unlike(known) && heard.wrong && (self.open.is_empty() || heard.besides);
            return fresh && known.is_named() && (heard.announces || another || elsewhere || later || unlike);
        }
        if !heard.is_statement() {
            return false;
        }
        // whoever only spoke, or only showed something, now says what it is
        if known.is_wordless() && !heard.besides && !self.rested() {
            return false;
        }
        // before anybody named a matter all words belong together
        if !known.is_named() && !heard.matter.elsewhere(known) {
            let explains = heard.definite || heard.goes_on || heard.outcome || heard.matter.shared(known) > 0;
            let later = self.open.is_empty() && !explains && !heard.matter.same_place(known);
            return placed && heard.wrong && (heard.besides || later);
        }
        if heard.matter.akin(known) {
            // `sekalian, di Jl Kapuk Pulo aspalnya mengelupas`
            let there = heard.besides && heard.matter.elsewhere(known);
            return there
                || (heard.besides && heard.wrong && !heard.definite && !heard.outcome)
                || (heard.wrong && heard.matter.elsewhere(known) && !heard.goes_on);
        }
        if heard.besides && placed {
            return true;
        }
        // `sama ini, tong sampahnya hilang`: known is only what everybody knows
        let apart = heard.besides && heard.wrong;
        // while it is gathered, a second matter is told with its place, or as another one
        if self.is_spoken() && !placed && !heard.besides && !heard.announces && !heard.other {
            return false;
        }
        !heard.goes_on && (apart || !heard.definite) && (placed || !heard.outcome)
    }

    /// `satu lagi fotonya`, `yang ini difoto dari seberang`, `satu lagi, kabelnya juga`: more on the same.
    fn only_explains(&self) -> bool {
        let heard = self.heard;
        let placed = heard.matter.is_placed();
        let shows =
            heard.file && heard.matter.subjects == 0 && (heard.content == 0 || self.message.has_media());
        !placed && (shows || heard.definite)
    }

    /// The earlier complaint on the same subject that was spoken of last, of those not too long ago.
    fn fitting_earlier(&self) -> Option<usize> {
        let matter = &self.heard.matter;
        // `gotnya sudah dikeruk` is of a known one, however long ago
        let known = self.heard.definite && !matter.is_placed();
        let recent = self.earlier.iter().enumerate().filter(|(_, earlier)| {
            known || self.message.at.duration_since(earlier.touched_at()) <= self.policy.follow_up
        });
        recent
            .filter(|(_, earlier)| matter.same_subject(&earlier.matter))
            .max_by_key(|(_, earlier)| (matter.fits(&earlier.matter), earlier.touched_at()))
            .map(|(place, _)| place)
    }
}
