//! A text as the rules of this room read it: which concepts it names, and which names of places.

use super::{
    Name, SHINGLES,
    concept::{WordId, Words},
    features::word_hash,
    hash, mix,
    rules::Rules,
    spoken::{Denial, Doubts, Spoken, denial, is_of_another_time, ordinal, part_of, regions},
};
use crate::{
    mention,
    reading::{Reading, Term},
    words::Gap,
};

/// Most of each kind that is kept: the size of a matter is bounded.
const NAMES: usize = 6;
const WORDS: usize = 28;
/// Words of a name.
const NAME_WORDS: usize = 4;
/// By which streets of one name are told apart.
pub(super) const COMPASS: [&str; 5] = ["utara", "selatan", "barat", "timur", "tengah"];
/// What has letters and names for numbers.
const LETTERED: &str = "blok";
/// What has a number of its own only behind a street's name or one of `HOUSES`: elsewhere it is of a queue or a person.
const HOUSE: &str = "no";
const HOUSES: [&str; 12] = [
    "rumah", "bangunan", "gedung", "ruko", "kios", "toko", "depan", "dekat", "samping", "sebelah",
    "seberang", "belakang",
];
/// Behind these words stands a landmark, of so many words.
pub(super) const BESIDE: [&str; 7] =
    ["depan", "dekat", "samping", "sebelah", "seberang", "belakang", "pinggir"];
const LANDMARK: usize = 2;

/// A text as the rules of this room read it.
pub(super) struct Text<'a> {
    pub(super) terms: &'a [Term],
    /// The rules' word for each term; none for those that no rule uses, and for names of regions.
    pub(super) ids: Vec<Option<WordId>>,
    /// The rules' word for each term with its endings.
    pub(super) exact: Vec<Option<WordId>>,
    /// The term belongs to the name of a region.
    region: Vec<bool>,
    /// The only kelurahan that it names, 0 for none or several.
    pub(super) named: u32,
    /// How many words that say something stand up to each term.
    pub(super) steps: Vec<usize>,
    /// The term means nothing of the matter: it is a part of a name, or said not to be there.
    pub(super) void: Vec<bool>,
    /// Only because of the word before it.
    pub(super) part_of: Vec<bool>,
    /// The term says what the matter is beside: `depan sekolah`.
    pub(super) beside: Vec<bool>,
    /// How the term is said not to be there: `tidak ada jukir`, `bukan parkir`.
    pub(super) denied: Vec<Denial>,
    /// Where each word stands, by word.
    pub(super) places: Vec<(WordId, usize)>,
    /// The words that stand anywhere.
    pub(super) said: Words,
}

impl<'a> Text<'a> {
    pub(super) fn read(rules: &Rules, reading: &Reading, terms: &'a [Term]) -> Self {
        let (region, named) = regions(rules, reading, terms);
        let ids: Vec<Option<WordId>> = terms
            .iter()
            .zip(&region)
            .map(|(term, region)| if *region { None } else { rules.known(term.stem.hash()) })
            .collect();
        let exact: Vec<Option<WordId>> = terms
            .iter()
            .zip(&region)
            .map(|(term, region)| if *region { None } else { rules.exact(term.text.hash()) })
            .collect();
        let mut places: Vec<(WordId, usize)> = [&ids, &exact]
            .into_iter()
            .flat_map(|ids| ids.iter().enumerate().filter_map(|(place, id)| Some(((*id)?, place))))
            .collect();
        let mut in_sets = Vec::new();
        for (word, place) in &places {
            let follows = |rest: &[WordId]| {
                let stands = |(word, at): (&WordId, usize)| {
                    [&ids, &exact].iter().any(|ids| ids.get(at) == Some(&Some(*word)))
                };
                rest.iter().zip(place + 1..).all(stands)
            };
            let sets = rules.sets_with(*word).iter().filter(|(rest, _)| follows(rest));
            in_sets.extend(sets.map(|(_, set)| (*set, *place)));
        }
        places.extend(in_sets);
        places.sort_unstable();
        places.dedup();
        let mut said = rules.no_words();
        said.extend(places.iter().map(|(id, _)| *id));
        let spoken = Spoken::of(rules, terms);
        let doubts = Doubts::of(&spoken);
        let denied = |place: usize| if doubts.has(place) { denial(&spoken, place) } else { Denial::None };
        let denied: Vec<Denial> = (0..terms.len()).map(denied).collect();
        let part_of: Vec<bool> = (0..terms.len()).map(|place| part_of(&spoken, place)).collect();
        let beside = |place: usize| place > 0 && BESIDE.contains(&terms[place - 1].text.as_str());
        let beside = (0..terms.len()).map(beside).collect();
        let void = |place: usize| {
            denied[place] != Denial::None || part_of[place] || is_of_another_time(&spoken, place)
        };
        let void = (0..terms.len()).map(void).collect();
        Self {
            terms,
            ids,
            exact,
            region,
            named,
            void,
            part_of,
            beside,
            denied,
            places,
            said,
            steps: Vec::new(),
        }
    }

    /// Counts the words that say something of the matter: no names of regions, streets and places, and nothing of what
    /// stands beside it.
    fn count(&mut self, rules: &Rules, named: &[bool]) {
        let mut beside = 0_usize;
        let mut counts = 0;
        let steps = self.terms.iter().enumerate().map(|(place, term)| {
            let empty = self.region[place]
                || named[place]
                || self.ids[place].is_some_and(|id| rules.stops.contains(&id));
            counts += usize::from(!empty && beside == 0);
            beside = if BESIDE.contains(&term.text.as_str()) { LANDMARK } else { beside.saturating_sub(1) };
            counts
        });
        self.steps = steps.collect();
    }

    pub(super) fn hash(&self) -> u64 {
        let mut text = String::with_capacity(self.terms.len() * 8);
        for term in self.terms {
            text.push_str(&term.text);
            text.push(' ');
        }
        hash(text.as_bytes())
    }

    /// Names of streets and other places. What a street is named after is no matter: there is no tree in `Jl. Mahoni`.
    pub(super) fn names(&mut self, rules: &Rules, reading: &Reading) -> Vec<Name> {
        let mut names: Vec<Name> = Vec::new();
        let mut named = vec![false; self.terms.len()];
        let mut street_ends = 0;
        let shouted =
            !reading.words.iter().any(|word| !word.capital && word.folded.starts_with(char::is_alphabetic));
        let mut place = 0;
        while place < self.terms.len() && names.len() < NAMES {
            let written = reading.words[self.terms[place].word].folded.as_str();
            if let Some(text) = self.numbered(rules, reading, place, street_ends) {
                names.push(Name { street: false, text });
                named[place] = true;
                place += 1;
                continue;
            }
            if place >= street_ends
                && let Some(text) = self.counted(rules, reading, place)
            {
                names.push(Name { street: true, text });
                named[place..=place + 1].fill(true);
                place += 2;
                continue;
            }
            if place >= street_ends
                && let Some((text, after)) = self.called_after(reading, place)
            {
                names.push(Name { street: true, text });
                named[place..after].fill(true);
                place = after;
                continue;
            }
            let id = rules.known(reading.words[self.terms[place].word].folded.hash());
            let street = id.is_some_and(|id| rules.streets.contains(&id));
            // `Pasar Baru` is a region before it is a market
            if !street && (self.region[place] || !id.is_some_and(|id| rules.anchors.contains(&id))) {
                place += 1;
                continue;
            }
            let (text, after, capital) = self.name(rules, reading, place + 1, street, written);
            if !text.is_empty() {
                // `jalan` also begins `jalan licin banget`
                let sure = capital && !shouted || written != "jalan" && written != "jalanan";
                if street && sure {
                    self.void[place + 1..after].fill(true);
                    street_ends = after;
                }
                named[place..after].fill(true);
                names.push(Name { street: street && sure, text });
            }
            place = after.max(place + 1);
        }
        names.dedup();
        self.count(rules, &named);
        names
    }

    /// What is known by its number: `SDN Rorotan 05`, `JAK39`.
    fn numbered(&self, rules: &Rules, reading: &Reading, place: usize, street_ends: usize) -> Option<String> {
        let written = |place: usize| Some(reading.words[self.terms.get(place)?.word].folded.as_str());
        let digits = |text: &str| (1..=3).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        let first = written(place)?;
        let sign = first.trim_end_matches(|c: char| c.is_ascii_digit());
        let key = rules.numbered.get(sign)?;
        let mut number = &first[sign.len()..];
        let before = || place.checked_sub(1).map_or("", |before| self.terms[before].text.as_str());
        if *key == HOUSE && !(place > 0 && place == street_ends || HOUSES.contains(&before())) {
            return None;
        }
        if number.is_empty() && *key == LETTERED {
            // `blok C` is as good as a number, and so is `blok Kenanga`
            let name = written(place + 1)?;
            if let [letter @ b'a'..=b'z'] = name.as_bytes() {
                return Some(format!("{key} {}", letter - b'a' + 1));
            }
            let known = |name: &str| rules.word(name).is_some() || self.region[place + 1];
            if name.bytes().all(|byte| byte.is_ascii_lowercase()) && !known(name) {
                return Some(format!("{key} {name}"));
            }
        }
        if *key == HOUSE && number.is_empty() {
            number = written(place + 1)?;
        }
        if number.is_empty() {
            let after = (place + 1..self.terms.len()).take(NAME_WORDS).find(|place| !self.region[*place])?;
            number = written(after)?;
        }
        digits(number).then(|| format!("{key} {}", number.trim_start_matches('0')))
    }

    /// A street that is called like a region, and the term after it: `kalibaru timur 4`, `Kayu Manis VIII`.
    fn called_after(&self, reading: &Reading, begin: usize) -> Option<(String, usize)> {
        let word = |place: usize| Some(&reading.words[self.terms.get(place)?.word]);
        let joined = |place: usize| word(place).filter(|word| word.gap == Gap::Space);
        let is_region = |place: usize| self.region.get(place) == Some(&true);
        if !is_region(begin) || begin > 0 && is_region(begin - 1) && joined(begin).is_some() {
            return None;
        }
        let mut end = begin + 1;
        while is_region(end) && joined(end).is_some() {
            end += 1;
        }
        let side = joined(end).is_some_and(|word| COMPASS.contains(&word.folded.as_str()));
        end += usize::from(side);
        let number = joined(end).and_then(|word| {
            let roman = word.capital.then(|| ordinal(&word.folded)).flatten();
            let few = word.folded.len() <= 2 && word.folded.bytes().all(|byte| byte.is_ascii_digit());
            roman.or_else(|| side.then_some(word.folded.as_str()).filter(|_| few))
        });
        end += usize::from(number.is_some());
        if !side && number.is_none() {
            return None;
        }
        let named = (begin..end - usize::from(number.is_some())).filter_map(word);
        let mut text = named.map(|word| word.folded.as_str()).collect::<Vec<_>>().join(" ");
        text.extend(number.map(|number| format!(" {number}")));
        Some((text, end))
    }

    /// A street that only its number shows to be one: `Rasamala VII`.
    fn counted(&self, rules: &Rules, reading: &Reading, place: usize) -> Option<String> {
        let word = |place: usize| Some(&reading.words[self.terms.get(place)?.word]);
        let (first, second) = (word(place)?, word(place + 1)?);
        let roman = second.folded.len() > 1 && second.folded.bytes().all(|byte| b"ivx".contains(&byte));
        let plain =
            |word: &str| rules.word(word).is_none() && word.bytes().all(|byte| byte.is_ascii_alphabetic());
        let capital = first.capital && second.capital && second.gap == Gap::Space;
        let digits = ordinal(&second.folded).filter(|_| roman && capital && plain(&first.folded))?;
        Some(format!("{} {digits}", first.folded))
    }

    /// The name that begins at a term, the term after it, and whether it is written with a capital letter.
    fn name(
        &self,
        rules: &Rules,
        reading: &Reading,
        begin: usize,
        street: bool,
        sign: &str,
    ) -> (String, usize, bool) {
        let mut text = String::new();
        let (mut place, mut capital, mut dotted) = (begin, false, mention::is_shortened(sign));
        while let Some(term) = self.terms.get(place).filter(|_| place < begin + NAME_WORDS) {
            let word = &reading.words[term.word];
            let joined = matches!(word.gap, Gap::Space | Gap::Hyphen) || dotted && word.gap == Gap::Dot;
            let first = text.is_empty();
            // `Gg. H. Saidi`, `Jl. Letjen. Suprapto`
            dotted = word.folded.len() == 1 || rules.titles.contains(word.folded.as_str());
            if first && joined && word.folded == "h" {
                place += 1;
                continue;
            }
            // `Kemiri Dua` is `Kemiri II`
            let counted = ordinal(&word.folded).filter(|_| street && !first);
            let number = counted.is_some() || word.folded.starts_with(|c: char| c.is_ascii_digit());
            let id = rules.known(word.folded.hash()).or_else(|| rules.known(term.stem.hash()));
            let region = self.region[place] && (first || self.region[place - 1]);
            // the name of a region is a name of its own: `perumahan Rorotan`
            let ended = !first && !street && !region && self.region[place - 1];
            let after_region = !first && self.region[place - 1];
            let taken = if (street && !first || after_region) && COMPASS.contains(&word.folded.as_str()) {
                true
            } else if number {
                (counted.is_some() || word.folded.len() <= 3)
                    && street
                    && (!first || matches!(sign, "gang" | "gg"))
            } else if region {
                true
            } else if first && !street && matches!(word.folded.as_str(), "al" | "an" | "ar" | "as" | "at") {
                // `masjid At Taqwa`; elsewhere `at` is English
                true
            } else if id.is_some_and(|id| rules.stops.contains(&id) || rules.streets.contains(&id)) {
                // `Jl. Raya Bogor`: the name is behind it
                if first && word.folded == "raya" {
                    place += 1;
                    continue;
                }
                false
            } else if self.region[place] || !street && id.is_some_and(|id| rules.anchors.contains(&id)) {
                false
            } else {
                let spoken = id.is_some_and(|id| rules.spoken.contains(&id));
                // `gang masjid` is called so, whatever else is said of mosques
                let alley = first && matches!(sign, "gang" | "gg");
                // so is `jl mahoni`
                let sort = first && sign != "jalan" && id.is_some_and(|id| rules.sorts.contains(&id));
                !spoken
                    || street
                        && (word.capital || sort || alley && id.is_some_and(|id| rules.anchors.contains(&id)))
            };
            if !joined || !taken || ended || word.folded.len() < 2 && !number {
                break;
            }
            capital |= word.capital;
            if !first {
                text.push(' ');
            }
            text.extend(counted.unwrap_or(&word.folded).chars().take(20));
            place += 1;
        }
        (text, place, capital)
    }

    /// Hashes of the words that say something.
    pub(super) fn words(&self, rules: &Rules) -> Vec<u32> {
        let mut words = Vec::new();
        for (place, term) in self.terms.iter().enumerate() {
            let id = rules.known(term.text.hash()).or(self.ids[place]);
            let empty = id.is_some_and(|id| rules.stops.contains(&id))
                || self.ids[place].is_some_and(|id| rules.stops.contains(&id));
            if self.region[place]
                || empty
                || term.text.len() < 3
                || term.text.starts_with(|c: char| c.is_ascii_digit())
            {
                continue;
            }
            words.push(word_hash(&term.stem, self.ids[place].is_none()));
            if words.len() == WORDS {
                break;
            }
        }
        words.sort_unstable();
        words.dedup();
        words
    }

    pub(super) fn shingles(&self) -> [u16; SHINGLES] {
        let hashes: Vec<u64> = self.terms.iter().map(|term| hash(term.text.as_bytes())).collect();
        let mut least = [u64::MAX; SHINGLES];
        let mut take = |shingle: u64| {
            for (least, seed) in least.iter_mut().zip(1_u64..) {
                *least = (*least).min(mix(shingle ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
            }
        };
        if hashes.len() < 3 {
            hashes.iter().for_each(|word| take(*word));
        }
        for triple in hashes.windows(3) {
            take(triple.iter().fold(7, |sum, word| mix(sum ^ *word)));
        }
        least.map(|least| u16::try_from(least & 0xffff).unwrap_or_default())
    }
}
