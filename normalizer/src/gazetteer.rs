//! The names of regions as people write them: shortened, run together, split, or with one slip of the pen. The words are
//! in `data/place_words.txt`, which anyone can read and extend.

use std::sync::LazyLock;

use foldhash::{HashMap, HashSet};

use crate::{
    region::{self, Level, Region},
    words::{Gap, Word, hash, hash_on},
};

/// The most words that a name has.
const LONGEST: usize = 5;
/// Shorter names have too many neighbours for a slip to be told from another word.
const SLIP: usize = 7;
/// No name has so many letters, with a slip or without.
const LONGEST_SLIP: usize = 24;
/// With a word of level before it (`kel.`) a name may be as short as this.
const SLIP_STATED: usize = 5;

/// Whether a name is also something else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// Only the region.
    #[default]
    Plain,
    /// Also a word or a person's name: it takes a word of place before it.
    Weak,
    /// Also a word that follows a word of place (`di tengah`): it must be written like a name, too.
    Common,
    /// A longer name that is no region: `Gelora Bung Karno`.
    Other,
}

/// The regions that have a name, by level.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Names {
    pub(crate) kelurahan: Option<&'static Region>,
    pub(crate) kecamatan: Option<&'static Region>,
    pub(crate) kota: Option<&'static Region>,
    pub(crate) meaning: Meaning,
}

/// What a word before or after a name says of it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sign {
    /// `kel.`: what level the name is of.
    pub(crate) level: Option<Level>,
    /// `jalan`: the name is something else's.
    pub(crate) not_before: bool,
    /// The same, if the name has one word only.
    pub(crate) not_before_one: bool,
    /// The same, if the name is weak or has a number behind it.
    pub(crate) not_before_weak: bool,
    /// `raya`: the name before it is something else's.
    pub(crate) not_after: bool,
    /// `stasiun MRT`: looked through for the sign before it.
    pub(crate) between: bool,
    /// `pak`: a weak name is a person's or a thing's.
    pub(crate) not_weak: bool,
    /// `di`: a place follows.
    pub(crate) place: bool,
    /// `banjir`: happens at what is named before it.
    pub(crate) happens: bool,
    /// `warga`: the name counts only where no other does.
    pub(crate) aside: bool,
    /// `bukan`: the name is where it is not.
    pub(crate) unlike: bool,
    /// `rute`: the name is where a vehicle goes.
    pub(crate) way: bool,
    /// `masjid`: after `gang` it is the lane's own name.
    pub(crate) lane: bool,
    /// `maksudnya`: the name before it was wrong, the next is right.
    pub(crate) corrects: bool,
}

impl Sign {
    /// Whether the name behind it may be something else's.
    pub(crate) fn is_before_another(&self) -> bool {
        self.not_before || self.not_before_one || self.not_before_weak
    }
}

/// All names and signs.
pub(crate) struct Gazetteer {
    /// By the hash of the name's letters without spaces: `pulogadung` is also written `Pulo Gadung`.
    names: HashMap<u64, Names>,
    /// The first three letters of all names, or all of a shorter first word: most words of a text begin no name.
    heads: HashSet<[u8; 3]>,
    /// Names that a slip may be of, by their first letter and their number of letters.
    alike: HashMap<(u8, usize), Vec<(&'static str, Names)>>,
    /// By the hash of the word.
    signs: HashMap<u64, Sign>,
    /// Words that are one letter away from a name.
    no_slips: HashSet<&'static str>,
}

static GAZETTEER: LazyLock<Gazetteer> = LazyLock::new(Gazetteer::read);

fn letters(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn head(word: &str) -> [u8; 3] {
    let mut head = [0; 3];
    for (to, from) in head.iter_mut().zip(word.bytes()) {
        *to = from;
    }
    head
}

impl Gazetteer {
    pub(crate) fn get() -> &'static Self {
        &GAZETTEER
    }

    fn read() -> Self {
        let mut gazetteer = Self {
            names: HashMap::default(),
            heads: HashSet::default(),
            alike: HashMap::default(),
            signs: HashMap::default(),
            no_slips: HashSet::default(),
        };
        let lines = include_str!("../data/place_words.txt").lines().map(str::trim);
        let rules: Vec<(&'static str, &'static str)> =
            lines.filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(' ')).collect();
        let shorts: Vec<(&str, &str)> = rules
            .iter()
            .filter(|(rule, _)| *rule == "short")
            .filter_map(|(_, rest)| rest.split_once(' '))
            .collect();
        for region in region::all() {
            gazetteer.add_shortened(&region.name.to_lowercase(), region, &shorts);
        }
        for (rule, rest) in &rules {
            gazetteer.rule(rule, rest, &shorts);
        }
        for (rule, rest) in rules {
            let meaning = match rule {
                "weak" => Meaning::Weak,
                "common" => Meaning::Common,
                _ => continue,
            };
            if let Some(names) = gazetteer.names.get_mut(&hash(&letters(rest))) {
                names.meaning = meaning;
            }
        }
        for region in
            region::all().filter(|region| matches!(region.level, Level::Kecamatan | Level::Kelurahan))
        {
            let name: &'static str = letters(&region.name).leak();
            let Some(names) = gazetteer.names.get(&hash(name)).copied() else { continue };
            let Some(first) = name.bytes().next() else { continue };
            gazetteer.alike.entry((first, name.len())).or_default().push((name, names));
        }
        gazetteer
    }

    fn rule(&mut self, rule: &str, rest: &'static str, shorts: &[(&str, &str)]) {
        let mut sign = |set: fn(&mut Sign)| set(self.signs.entry(hash(rest)).or_default());
        match rule {
            "level" => {
                if let Some((word, level)) = rest.split_once(' ') {
                    let level = if level == "kecamatan" { Level::Kecamatan } else { Level::Kelurahan };
                    self.signs.entry(hash(word)).or_default().level = Some(level);
                }
            }
            "not-before" => sign(|sign| sign.not_before = true),
            "not-before-one" => sign(|sign| sign.not_before_one = true),
            "not-before-weak" => sign(|sign| sign.not_before_weak = true),
            "not-after" => sign(|sign| sign.not_after = true),
            "between" => sign(|sign| sign.between = true),
            "not-weak" => sign(|sign| sign.not_weak = true),
            "place" => sign(|sign| sign.place = true),
            "happens" => sign(|sign| sign.happens = true),
            "aside" => sign(|sign| sign.aside = true),
            "unlike" => sign(|sign| sign.unlike = true),
            "way" => sign(|sign| sign.way = true),
            "lane" => sign(|sign| sign.lane = true),
            "corrects" => sign(|sign| sign.corrects = true),
            "no-slip" => drop(self.no_slips.insert(rest)),
            "other" => {
                self.heads.insert(head(rest.split(' ').next().unwrap_or_default()));
                self.names.entry(hash(&letters(rest))).or_default().meaning = Meaning::Other;
            }
            "kelurahan" | "kecamatan" | "kota" => {
                let level = match rule {
                    "kelurahan" => Level::Kelurahan,
                    "kecamatan" => Level::Kecamatan,
                    _ => Level::Kota,
                };
                let Some((name, official)) = rest.split_once(" = ") else { return };
                let mut all = region::all();
                if let Some(region) = all.find(|region| region.level == level && region.name == official) {
                    self.add_shortened(name, region, shorts);
                }
            }
            _ => {}
        }
    }

    /// Adds a name with every word in every short form.
    fn add_shortened(&mut self, name: &str, region: &'static Region, shorts: &[(&str, &str)]) {
        let mut forms = vec![String::new()];
        for word in name.split(' ') {
            let words = || {
                let short = shorts.iter().filter(|(_, full)| *full == word).map(|(short, _)| *short);
                std::iter::once(word).chain(short)
            };
            forms = forms
                .iter()
                .flat_map(|form| {
                    words().map(
                        move |word| {
                            if form.is_empty() { word.to_owned() } else { format!("{form} {word}") }
                        },
                    )
                })
                .collect();
        }
        // `Pulau Pari` is not `P P`: one word of a name is always written out
        let full = name.split(' ').count();
        for form in forms {
            let kept = form.split(' ').filter(|word| name.split(' ').any(|other| other == *word)).count();
            if kept > 0 || full == 1 && form.len() > 3 {
                self.add(&form, region);
            }
        }
    }

    fn add(&mut self, name: &str, region: &'static Region) {
        let joined = letters(name);
        self.heads.insert(head(name.split(' ').next().unwrap_or_default()));
        self.heads.insert(head(&joined));
        let names = self.names.entry(hash(&joined)).or_default();
        match region.level {
            Level::Kelurahan => names.kelurahan = Some(region),
            Level::Kecamatan => names.kecamatan = Some(region),
            Level::Kota => names.kota = Some(region),
            Level::Provinsi => {}
        }
    }

    /// What a word says of the name beside it.
    pub(crate) fn sign(&self, word: &Word) -> Sign {
        self.signs.get(&word.folded.hash()).copied().unwrap_or_default()
    }

    /// Whether a word is a sign and so begins no name with a slip.
    pub(crate) fn is_sign(&self, word: &Word) -> bool {
        self.signs.contains_key(&word.folded.hash())
    }

    /// The longest name that begins at a word, with its number of words.
    pub(crate) fn longest(&self, words: &[Word], place: usize) -> Option<(usize, Names)> {
        let first = words.get(place)?;
        if first.gap == Gap::At || !self.heads.contains(&head(&first.folded)) {
            return None;
        }
        if first.gap == Gap::Hash {
            return self.names.get(&first.folded.hash()).map(|names| (1, *names));
        }
        let (mut name, mut found) = (None, None);
        for length in 1..=joined(words, place) {
            let word = &words[place + length - 1].folded;
            let letters = name.map_or(word.hash(), |name| hash_on(name, word));
            if let Some(names) = self.names.get(&letters) {
                found = Some((length, *names));
            }
            name = Some(letters);
        }
        found
    }

    /// The one name that the words at a place are a single slip away from. The caller knows that a name stands there.
    pub(crate) fn slipped(
        &self,
        words: &[Word],
        place: usize,
        level: Option<Level>,
    ) -> Option<(usize, Names)> {
        let least = if level.is_some() { SLIP_STATED } else { SLIP };
        let mut name = String::new();
        let mut found = None;
        for length in 1..=joined(words, place) {
            let last = words[place + length - 1].folded.as_str();
            name.push_str(last);
            if name.len() > LONGEST_SLIP {
                break;
            }
            // `Malaka Raya` is not a slip of `Malaka Jaya`
            let no_slip = self.no_slips.contains(name.as_str()) || self.no_slips.contains(last);
            if name.len() < least || no_slip || !name.is_ascii() {
                continue;
            }
            // the first letter is hardly ever wrong
            let Some(first) = name.bytes().next() else { continue };
            let lengths = name.len() - 1..=name.len() + 1;
            let near = lengths.filter_map(|length| self.alike.get(&(first, length)));
            let mut near = near.flatten().filter(|(other, names)| {
                let of_level = match level {
                    Some(Level::Kecamatan) => names.kecamatan.is_some(),
                    Some(_) => names.kelurahan.is_some(),
                    None => names.meaning == Meaning::Plain,
                };
                of_level && other.len() >= least && one_slip(name.as_bytes(), other.as_bytes())
            });
            if let Some((one, names)) = near.next() {
                // a kelurahan and a kecamatan of one name stand here twice
                found = near.all(|(other, _)| other == one).then_some((length, *names));
            }
        }
        found
    }
}

/// How many words from here on can be one name.
fn joined(words: &[Word], place: usize) -> usize {
    let mut length = 1;
    while length < LONGEST {
        let (Some(last), Some(next)) = (words.get(place + length - 1), words.get(place + length)) else {
            break;
        };
        // an abbreviation's full stop does not part a name: `Kp. Melayu`
        let abbreviated = next.gap == Gap::Dot && last.folded.len() <= 4;
        if !next.gap.joins() && !abbreviated {
            break;
        }
        length += 1;
    }
    length
}

/// Whether two different words are one letter apart: one more, one less, another one, or two exchanged.
fn one_slip(a: &[u8], b: &[u8]) -> bool {
    let start = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let end = a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count();
    let (short, long) = (a.len().min(b.len()), a.len().max(b.len()));
    if start == 0 || a == b {
        return false;
    }
    if long - short == 1 {
        return start + end >= short;
    }
    let exchanged = start + 2 + end == long && a[start] == b[start + 1] && a[start + 1] == b[start];
    start + end + 1 >= long || exchanged
}
