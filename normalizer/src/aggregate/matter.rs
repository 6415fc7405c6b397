//! What a text is about, as far as it takes to tell one matter from another.

use std::collections::BTreeSet;

use super::{
    phrases::{Sign, at_desk, kin, signs},
    street,
};
use crate::{address, category, mention, reading::Reading, words::Gap};

/// A category suggested with at least this confidence says what a text is about.
const SURE: f64 = 0.6;
/// One with less than this confidence says nothing.
const LIKELY: f64 = 0.2;
/// A category is asked for only of a text with at least so many words that say something.
const SAYING: usize = 5;
/// Words in `-nya` that name no known thing.
const NO_THINGS: [&str; 12] = [
    "tanya",
    "nanya",
    "bertanya",
    "punya",
    "hanya",
    "kayaknya",
    "kayanya",
    "sepertinya",
    "sebelumnya",
    "biasanya",
    "banyaknya",
    "harusnya",
];
/// Words that two matters may share and have nothing in common.
const COMMON: [&str; 18] = [
    "jalan",
    "gang",
    "tidak",
    "bukan",
    "belum",
    "jangan",
    "tanpa",
    "warga",
    "orang",
    "rumah",
    "hari",
    "kel",
    "kec",
    "kelurahan",
    "kecamatan",
    "sudah",
    "tadi",
    "pagi",
];
/// A wish has at most so many words that say something.
const WISHING: usize = 5;
/// So many of the suggested categories are compared.
const SUGGESTIONS: usize = 3;

/// What one or several texts are about. Cheap to make again from the text: it need not be stored.
#[derive(Clone, Debug, Default)]
pub struct Matter {
    /// Bits of the subjects in `data/chat_words.txt`.
    pub(super) subjects: u64,
    /// Stems of the words that say something.
    pub(super) stems: BTreeSet<String>,
    /// Codes of the categories that the rules suggest: the sure one, and all that are compared.
    sure: BTreeSet<String>,
    suggested: BTreeSet<String>,
    streets: BTreeSet<String>,
    rt: BTreeSet<String>,
    rw: BTreeSet<String>,
    regions: BTreeSet<String>,
}

/// A message's words as the aggregator hears them.
#[derive(Clone, Debug, Default)]
pub(super) struct Heard {
    pub(super) matter: Matter,
    /// How many words say something: no greeting, no small word, none that only announces.
    pub(super) content: usize,
    /// How many words it has at all.
    pub(super) words: usize,
    /// All of its subject words are known ones: `liftnya`, `lampu itu`.
    pub(super) definite: bool,
    pub(super) blessing: bool,
    /// It begins with a greeting.
    pub(super) greets: bool,
    pub(super) thanks: bool,
    /// It says what was done, or has a number.
    pub(super) tells_of_work: bool,
    pub(super) also: bool,
    pub(super) still: bool,
    /// It says that nothing is reported.
    pub(super) denies: bool,
    pub(super) cancels: bool,
    /// It says that a message was not meant for us.
    pub(super) stray: bool,
    pub(super) laughs: bool,
    pub(super) hurries: bool,
    /// It asks for work to be done.
    pub(super) works: bool,
    /// It offers goods.
    pub(super) trade: bool,
    /// Its first word that says something is a known thing: `galonnya`.
    pub(super) anaphoric: bool,
    pub(super) announces: bool,
    pub(super) pleads: bool,
    pub(super) other: bool,
    pub(super) besides: bool,
    pub(super) goes_on: bool,
    pub(super) outcome: bool,
    pub(super) status: bool,
    pub(super) asks: bool,
    pub(super) questions: bool,
    pub(super) grievance: bool,
    pub(super) file: bool,
    pub(super) first: bool,
    pub(super) second: bool,
    pub(super) wrong: bool,
    /// It begins with an address.
    pub(super) address: bool,
    /// It begins with where it is: `di perempatan Matraman, kalau tidak setor dipukul`.
    pub(super) there: bool,
    /// It speaks of a landmark.
    pub(super) beside: bool,
    /// Its only subject is a landmark.
    pub(super) standing: bool,
}

impl Matter {
    /// What a text is about.
    #[must_use]
    pub fn of(reading: &Reading) -> Self {
        Heard::of(reading).matter
    }

    /// Takes another text's matter in.
    pub(super) fn add(&mut self, other: &Self) {
        self.subjects |= other.subjects;
        let sets = [
            (&mut self.stems, &other.stems),
            (&mut self.sure, &other.sure),
            (&mut self.suggested, &other.suggested),
            (&mut self.streets, &other.streets),
            (&mut self.rt, &other.rt),
            (&mut self.rw, &other.rw),
            (&mut self.regions, &other.regions),
        ];
        for (mine, others) in sets {
            mine.extend(others.iter().cloned());
        }
    }

    /// Whether it says what is the matter, as far as the rules know matters.
    pub(super) fn is_named(&self) -> bool {
        self.subjects != 0 || !self.sure.is_empty()
    }

    /// Whether nothing was said at all: a voice, a picture, a point.
    pub(super) fn is_wordless(&self) -> bool {
        self.subjects == 0 && self.stems.is_empty() && !self.is_placed()
    }

    /// Whether the words say where.
    pub(super) fn is_placed(&self) -> bool {
        [&self.streets, &self.rt, &self.rw, &self.regions].iter().any(|set| !set.is_empty())
    }

    /// Whether both are about one subject.
    pub(super) fn same_subject(&self, other: &Self) -> bool {
        if self.subjects != 0 && other.subjects != 0 {
            return self.subjects & other.subjects != 0;
        }
        !self.sure.is_disjoint(&other.suggested) || !self.suggested.is_disjoint(&other.sure)
    }

    /// Whether both are about subjects that come together.
    pub(super) fn akin(&self, other: &Self) -> bool {
        kin(self.subjects) & other.subjects != 0
    }

    /// Whether both are of subjects that the rules do not know, and their categories have nothing in common.
    pub(super) fn unlike(&self, other: &Self) -> bool {
        let known = !self.sure.is_empty() && !other.suggested.is_empty();
        known && self.suggested.is_disjoint(&other.suggested)
    }

    /// Whether it is only of what people ask at a desk how it is done.
    pub(super) fn at_desk(&self) -> bool {
        self.subjects != 0 && at_desk(self.subjects)
    }

    /// Whether both say where, and it may be one place.
    pub(super) fn same_place(&self, other: &Self) -> bool {
        self.is_placed() && other.is_placed() && !self.elsewhere(other)
    }

    /// How many words of meaning they share; `yang di Gandaria` shares one with `Jl Gandaria 1`.
    pub(super) fn shared(&self, other: &Self) -> usize {
        let streets = || other.streets.iter().flat_map(|street| street.split(' '));
        let named = self.stems.iter().filter(|stem| streets().any(|word| word == stem.as_str()));
        self.stems.intersection(&other.stems).count() + named.count()
    }

    /// How well this fits to an older one; nothing in common is 0.
    pub(super) fn fits(&self, other: &Self) -> usize {
        let subject = if self.same_subject(other) { 4 } else { 0 };
        subject + self.shared(other).min(3)
    }

    /// Whether both say where, and neither street nor number nor region agrees.
    pub(super) fn elsewhere(&self, other: &Self) -> bool {
        let names = [(&self.streets, &other.streets), (&self.rt, &other.rt), (&self.rw, &other.rw)];
        let mut both: Vec<bool> = names
            .iter()
            .filter(|(mine, others)| !mine.is_empty() && !others.is_empty())
            .map(|(mine, others)| mine.iter().any(|a| others.iter().any(|b| street::agree(a, b))))
            .collect();
        if !self.regions.is_empty() && !other.regions.is_empty() {
            // a kelurahan's code begins with its kecamatan's
            let within = |a: &String, b: &String| a.starts_with(b.as_str()) || b.starts_with(a.as_str());
            both.push(self.regions.iter().any(|a| other.regions.iter().any(|b| within(a, b))));
        }
        !both.is_empty() && !both.contains(&true)
    }
}

/// `2. tong sampah hilang`: the next of a list.
fn counts_on(reading: &Reading) -> bool {
    let [number, next, ..] = reading.words.as_slice() else { return false };
    let number: Option<u8> = number.folded.parse().ok();
    number.is_some_and(|number| (2..=9).contains(&number)) && matches!(next.gap, Gap::Dot | Gap::Break)
}

impl Heard {
    pub(super) fn of(reading: &Reading) -> Self {
        let terms = &reading.terms;
        let mut heard = Self { words: reading.words.len(), definite: true, ..Self::default() };
        // what a term says beside its own meaning: nothing, little, or that a landmark follows
        let mut empty = vec![false; terms.len()];
        let mut beside = vec![false; terms.len()];
        let mut polite = vec![false; terms.len()];
        let mut small = vec![false; terms.len()];
        let mut subjects: Vec<(u64, usize, usize)> = Vec::new();
        let mut goes_on = vec![false; terms.len()];
        let (mut begins, mut besides) = (vec![false; terms.len()], vec![false; terms.len()]);
        let mut address = vec![false; terms.len()];
        let mut asked_after = vec![false; terms.len()];
        let mut meaning = vec![false; terms.len()];
        let (mut greetings, mut pleads) = (vec![false; terms.len()], vec![false; terms.len()]);
        signs(reading, |sign, at, count| {
            let covered = at..at + count;
            match sign {
                Sign::Polite | Sign::Greeting | Sign::Thanks => {
                    heard.thanks |= sign == Sign::Thanks;
                    greetings[at] |= sign == Sign::Greeting;
                    empty[covered.clone()].fill(true);
                    polite[covered].fill(true);
                }
                Sign::Small => {
                    empty[covered.clone()].fill(true);
                    small[covered].fill(true);
                }
                Sign::Announces => {
                    heard.announces = true;
                    empty[covered].fill(true);
                }
                Sign::Address => address[at] = true,
                Sign::Receives => {}
                Sign::Pleads => {
                    pleads[at] = true;
                    empty[covered].fill(true);
                }
                Sign::Also => heard.also = true,
                Sign::Still => heard.still = true,
                Sign::Denies => heard.denies = true,
                Sign::Cancels => heard.cancels = true,
                Sign::Stray => {
                    heard.cancels = true;
                    heard.stray = true;
                    empty[covered].fill(true);
                }
                Sign::Hurries => {
                    heard.hurries = true;
                    empty[covered].fill(true);
                }
                Sign::Works => heard.works = true,
                Sign::Laughs => {
                    heard.laughs = true;
                    empty[covered].fill(true);
                }
                Sign::Trade => heard.trade = true,
                Sign::Other => {
                    heard.other = true;
                    empty[covered].fill(true);
                }
                Sign::Begins => {
                    // `malam ini ada lagi`
                    let again =
                        at.checked_sub(2).and_then(|from| terms.get(from..at)).is_some_and(|before| {
                            before[1].text == "ini"
                                && matches!(
                                    before[0].text.as_str(),
                                    "pagi" | "siang" | "sore" | "malam" | "hari"
                                )
                        });
                    heard.still |= again;
                    begins[at] = !again;
                    empty[covered].fill(true);
                }
                Sign::Besides => {
                    besides[at] = true;
                    empty[covered].fill(true);
                }
                Sign::File => {
                    heard.file = true;
                    empty[covered].fill(true);
                }
                Sign::Blessing => heard.blessing = true,
                Sign::GoesOn => goes_on[at] = true,
                Sign::Outcome => heard.outcome = true,
                Sign::Status => asked_after[at] = true,
                Sign::Asks => heard.asks = true,
                Sign::Questions => heard.questions = true,
                Sign::Grievance => heard.grievance = true,
                Sign::First => heard.first = true,
                Sign::Second => heard.second = true,
                Sign::Wrong => {
                    heard.wrong = true;
                    meaning[at] = true;
                }
                Sign::Beside => {
                    // `di seberangnya, halte …`: no landmark follows
                    beside[at] = !reading.words[terms[at].word].folded.ends_with("nya");
                    meaning[at] = true;
                }
                Sign::Subject(bit) => {
                    subjects.push((bit, at, count));
                    meaning[at] = true;
                }
            }
        });
        // `met macet-macetan`: whatever one is wished, it is no matter
        let wished = |at: usize| {
            at.checked_sub(1).is_some_and(|before| matches!(terms[before].text.as_str(), "selamat" | "met"))
        };
        if let Some(at) = empty.iter().position(|empty| !*empty)
            && wished(at)
            && empty.iter().skip(at + 1).all(|empty| *empty)
        {
            return Self { words: heard.words, ..Self::default() };
        }
        heard.content = empty.iter().filter(|empty| !**empty).count();
        // `mohon maaf` asks for nothing
        heard.pleads = pleads.iter().zip(&polite).any(|(pleads, polite)| *pleads && !polite);
        heard.tells_of_work = terms.iter().any(|term| {
            matches!(
                term.text.as_str(),
                "sudah" | "tadi" | "barusan" | "sekarang" | "tapi" | "tetapi" | "kalau"
            ) || term.text.starts_with(|c: char| c.is_ascii_digit())
        });
        heard.greets = greetings.first() == Some(&true);
        heard.other |= counts_on(reading);
        // `semoga segera ditindaklanjuti` only wishes
        heard.status = asked_after.iter().zip(&polite).any(|(asked, polite)| *asked && !polite);
        // the first words are those after the greeting
        let head = (0..terms.len()).find(|at| !polite[*at] && !small[*at]).map_or(terms.len(), |at| at + 1);
        heard.other |= begins.iter().zip(&polite).take(head).any(|(begins, polite)| *begins && !polite);
        heard.besides = besides.iter().take(head).any(|besides| *besides);
        heard.address = address.iter().take(head).any(|address| *address);
        heard.beside = beside.contains(&true);
        heard.there = terms.iter().take(head).any(|term| term.text == "di");
        let first = polite.iter().zip(&small).position(|(polite, small)| !polite && !small);
        // `galonnya dicuci pakai air got`: of what was spoken of before
        let known = first.is_some_and(|first| {
            let word = reading.words[terms[first].word].folded.as_str();
            // `terus di bloknya juga banyak tikus`
            let where_it_is = first > 0 && terms[first - 1].text == "di";
            word.ends_with("nya") && !NO_THINGS.contains(&word) && !where_it_is
        });
        heard.anaphoric = known;
        heard.goes_on = polite.iter().position(|polite| !polite).is_some_and(|first| goes_on[first]);
        let nameless: Vec<bool> =
            empty.iter().zip(&meaning).map(|(empty, meaning)| *empty || *meaning).collect();
        let (streets, mut named) = street::named(reading, &nameless);
        let region = mention::named(&reading.words).region;
        if let Some(region) = region {
            street::mark(reading, &region.name, &mut named);
        }
        // no `jembatan` in `Jembatan Lima`, no river in `kali ini`
        subjects.retain(|(_, at, _)| !named[*at] && !small[*at]);
        heard.subjects(reading, &subjects, &beside);
        let matter = &mut heard.matter;
        matter.streets.extend(streets);
        for (at, term) in terms.iter().enumerate() {
            if !empty[at]
                && !named[at]
                && !COMMON.contains(&term.text.as_str())
                && !beside[at]
                && term.stem.chars().count() > 2
                && !term.stem.starts_with(|c: char| c.is_ascii_digit())
            {
                matter.stems.insert(term.stem.to_string());
            }
        }
        let neighbourhood = address::neighbourhood(&reading.words);
        matter.rt.extend(neighbourhood.rt);
        matter.rw.extend(neighbourhood.rw);
        matter.regions.extend(region.map(|region| region.code.as_str().to_owned()));
        // `semoga ditindak ya pak`
        let wishes = terms.iter().any(|term| term.text == "semoga");
        heard.blessing |= wishes && heard.content <= WISHING && !heard.matter.is_placed() && !heard.status;
        heard.goes_on |= known && !heard.matter.is_placed();
        let matter = &mut heard.matter;
        // a suggestion for `oh iya RT 05 ya pak` is none
        if heard.content >= SAYING && (heard.wrong || matter.is_placed()) {
            let suggestions = category::by_rules(reading);
            let sure = suggestions.first().filter(|first| first.confidence >= SURE);
            matter.sure.extend(sure.map(|first| first.code.clone()));
            let likely = suggestions.into_iter().take(SUGGESTIONS).filter(|one| one.confidence >= LIKELY);
            matter.suggested.extend(likely.map(|one| one.code));
        }
        heard
    }

    /// Takes the subjects; one that only says where (`depan puskesmas`) counts if there is no other.
    fn subjects(&mut self, reading: &Reading, found: &[(u64, usize, usize)], beside: &[bool]) {
        let (mut meant, mut standing) = (0, 0);
        let mut after = 0;
        for &(bit, at, count) in found {
            // inside a longer phrase: the `lampu` of `lampu merah`
            if at < after {
                continue;
            }
            after = at + count;
            let landmark = (1..=2).any(|back| at.checked_sub(back).is_some_and(|before| beside[before]));
            let placed = at
                .checked_sub(1)
                .is_some_and(|before| matches!(reading.terms[before].text.as_str(), "di" | "ke"));
            if landmark || placed {
                standing |= bit;
                continue;
            }
            meant |= bit;
            let last = &reading.terms[after - 1];
            let known = reading.words[last.word].folded.ends_with("nya")
                || reading
                    .terms
                    .get(after)
                    .is_some_and(|next| matches!(next.text.as_str(), "itu" | "tadi" | "tersebut"));
            self.definite &= known;
        }
        self.matter.subjects = if meant == 0 { standing } else { meant };
        self.definite &= meant != 0;
        self.standing = meant == 0 && standing != 0;
    }

    /// Whether there is nothing to gather in it, whatever was said before.
    pub(super) fn is_idle(&self) -> bool {
        self.content == 0 && !self.file && !self.other
    }

    /// Thanks, and words of which none is known to tell anything: `alhamdulillah cepat sekali`.
    pub(super) fn is_praise(&self) -> bool {
        // `makasih damkar`
        let named = self.matter.is_named() && self.content > 1;
        let tells = named || self.matter.is_placed() || self.wrong || self.beside || self.file;
        let speaks =
            self.status || self.still || self.goes_on || self.anaphoric || self.outcome || self.other;
        self.thanks && self.content <= 2 && !self.tells_of_work && !tells && !speaks
    }

    /// Whether it says nothing of a matter: no words, a greeting, `ini fotonya`, `satu lagi min`.
    pub(super) fn is_wordless(&self) -> bool {
        self.content == 0
    }

    /// Whether nothing in it sounds like a complaint: `ini kanal pengaduan ya?`, `jangan lupa sholat subuh`.
    pub(super) fn is_chat(&self) -> bool {
        let asks_help = self.pleads
            || self.announces
            || self.other
            || self.status
            || (self.grievance && self.content > 2);
        let matter = self.matter.is_named() || self.matter.is_placed() || self.wrong || self.beside;
        self.content <= 5 && !asks_help && !matter
    }

    /// Whether it offers goods, and nothing is wrong.
    pub(super) fn sells(&self) -> bool {
        self.trade && !self.wrong && !self.grievance && !self.announces && !self.other
    }

    /// Whether it is a whole complaint: what is the matter, said as one says it first.
    pub(super) fn is_statement(&self) -> bool {
        self.matter.is_named() && (self.wrong || self.matter.is_placed() || self.content >= 4)
    }
}
