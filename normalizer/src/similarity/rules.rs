//! The rules of `data/matter_words.txt` and `data/matter_places.txt`, read once.

use std::sync::LazyLock;

use foldhash::{HashMap, HashSet};

use super::{
    concept::{Concept, Family, Sort, WordId, Words},
    half, hash,
    marks::Marks,
    patterns::Patterns,
    terms::BESIDE,
    written::{lines, spelled_out},
};
use crate::{
    reading::{NEGATIONS, Reading},
    region::{self, Level},
    text, words,
};

/// A word of so many patterns is spoken of; one of fewer may be a name.
const SPOKEN: u32 = 4;

#[derive(Debug, Default)]
pub(super) struct Rules {
    /// Stems that rules use, by their hashes.
    words: HashMap<u64, WordId>,
    /// Words that rules use with their endings only.
    exact: HashMap<u64, WordId>,
    /// Words that `@NAME` stands for, by the first of each: the rest of them, and the set as a word of its own.
    pub(super) begins_set: Words,
    pub(super) in_sets: HashMap<WordId, Vec<(Vec<WordId>, WordId)>>,
    pub(super) sets: HashMap<&'static str, WordId>,
    /// By set what it stands for.
    pub(super) members: HashMap<WordId, Vec<Vec<WordId>>>,
    /// Words of the rules with their endings.
    plain: HashSet<String>,
    pub(super) concepts: Vec<Concept>,
    by_key: HashMap<u32, u16>,
    pub(super) families: Vec<Family>,
    categories: HashMap<String, u8>,
    /// By family its unspecific subject.
    kinds: Vec<Option<u16>>,
    /// The denials of subjects, by the subject's number.
    denials: HashMap<u16, u16>,
    /// The categories that a family's troubles are put in, by code; nothing of a family for which that is not known.
    related: HashMap<u8, HashSet<String>>,
    pub(super) patterns: Patterns,
    /// For each concept those near it.
    near: Vec<Vec<u16>>,
    apart: Vec<Vec<u16>>,
    pub(super) streets: Words,
    pub(super) anchors: Words,
    pub(super) stops: Words,
    /// Words before a number of which there are many, with what they stand for: `sdn 5` and `sd 05` are one.
    pub(super) numbered: HashMap<&'static str, &'static str>,
    /// What single words say of others, by the word.
    marks: HashMap<u64, Marks>,
    /// Words that mean something else behind others.
    pub(super) part: HashMap<u64, Vec<&'static str>>,
    /// Words that many names have.
    pub(super) titles: HashSet<&'static str>,
    /// Words by which a subject is named.
    pub(super) spoken: Words,
    /// In how many patterns a word is.
    uses: HashMap<WordId, u32>,
    /// Words that alone are a detail (a sort of tree, of goods), and others that streets are called.
    pub(super) sorts: Words,
    /// Names of kelurahan, kecamatan and kota, longest first: the rest of the name by the hash of its first word, and the digits of
    /// the code.
    pub(super) regions: HashMap<u64, Vec<(Vec<String>, u32)>>,
    region_names: HashMap<u32, String>,
    /// The kelurahan that is named like its kecamatan, by the kecamatan: people seldom say which they mean.
    namesakes: HashMap<u32, u32>,
}

pub(super) static RULES: LazyLock<Rules> = LazyLock::new(Rules::read);

impl Rules {
    fn read() -> Self {
        let mut rules = Self::default();
        let mut names: HashMap<&'static str, u8> = HashMap::default();
        let mut keys: HashMap<String, u16> = HashMap::default();
        let lines: Vec<(&str, &str)> = lines().collect();
        // patterns are told by them
        for (_, rest) in lines.iter().filter(|(rule, _)| *rule == "past") {
            rules.mark(rest.split_whitespace(), Marks::PAST);
        }
        let alternatives = rules.read_sets();
        for (rule, rest) in &lines {
            let mut words = rest.split_whitespace();
            match *rule {
                "family" => {
                    let (Some(name), Some(metres)) = (words.next(), words.next()) else { continue };
                    names.insert(name, u8::try_from(rules.families.len()).unwrap_or(u8::MAX));
                    let metres = metres.parse().unwrap_or(200);
                    let more: Vec<&str> = words.collect();
                    rules.families.push(Family {
                        key: half(hash(name.as_bytes())),
                        name,
                        metres,
                        wide: more.contains(&"wide"),
                        brief: more.contains(&"brief"),
                        quarters: more.contains(&"quarters"),
                        own: more.contains(&"own"),
                    });
                }
                "category" => {
                    let Some((family, list)) = rest.split_once(" = ") else { continue };
                    let Some(family) = names.get(family) else { continue };
                    for name in list.split(';') {
                        rules.categories.insert(text::fold(name.trim()), *family);
                    }
                }
                "also" => {
                    let Some((family, list)) = rest.split_once(" = ") else { continue };
                    let Some(family) = names.get(family) else { continue };
                    let own =
                        rules.categories.iter().filter(|(_, of)| *of == family).map(|(code, _)| code.clone());
                    let related: HashSet<String> =
                        own.chain(list.split(';').map(|name| text::fold(name.trim()))).collect();
                    rules.related.insert(*family, related);
                }
                "subject" | "place" | "detail" | "another" => {
                    let mut parts = rest.split('|').map(str::trim);
                    let (Some(head), Some(name), Some(list)) = (parts.next(), parts.next(), parts.next())
                    else {
                        continue;
                    };
                    let head: Vec<&str> = head.split_whitespace().collect();
                    let first = head.first().copied().unwrap_or_default();
                    let second = head.get(1).copied().unwrap_or_default();
                    let (sort, key) = match *rule {
                        "subject" if second == "*" => (Sort::Subject, format!("{first}*")),
                        "subject" => (Sort::Subject, second.to_owned()),
                        "place" => (Sort::Place, format!("place:{first}")),
                        "another" => (Sort::Another, "another".to_owned()),
                        _ => (Sort::Detail(half(hash(first.as_bytes()))), format!("{first}:{second}")),
                    };
                    let concept = Concept {
                        sort,
                        family: names.get(first).copied().unwrap_or_default(),
                        vague: second == "*",
                        common: head.contains(&"common"),
                        brief: head.contains(&"brief")
                            || names.get(first).and_then(|f| rules.family(*f)).is_some_and(|f| f.brief),
                        thing: head.contains(&"thing"),
                        own: !head.contains(&"shared")
                            && (head.contains(&"own")
                                || names.get(first).and_then(|f| rules.family(*f)).is_some_and(|f| f.own)),
                        words: Vec::new(),
                        name,
                        key: half(hash(key.as_bytes())),
                    };
                    let number = rules.add(concept, list, &alternatives);
                    keys.insert(key, number);
                }
                "street" => {
                    let ids = rules.ids(rest);
                    rules.streets.extend(ids);
                }
                "anchor" => {
                    let ids = rules.ids(rest);
                    rules.anchors.extend(ids);
                }
                "stop" => {
                    let ids = rules.ids(rest);
                    rules.stops.extend(ids);
                }
                "named" => {
                    let ids = rules.ids(rest);
                    rules.sorts.extend(ids);
                }
                "numbered" => {
                    let key = words.next().unwrap_or_default();
                    rules.numbered.extend(words.map(|word| (word, key)));
                }
                "feared" => rules.mark(words, Marks::FEARED),
                "event" => rules.mark(words, Marks::EVENT),
                "ended" => rules.mark(words, Marks::ENDED),
                "sound" => rules.mark(words, Marks::SOUND),
                "part" => {
                    let word = words.next().unwrap_or_default();
                    rules.mark([word], Marks::PART);
                    rules.part.insert(words::hash(word), words.collect());
                }
                "fine" => rules.mark(words, Marks::FINE),
                "mild" => rules.mark(words, Marks::MILD),
                "works" => rules.mark(words, Marks::WORKS),
                "title" => rules.titles.extend(rest.split_whitespace()),
                _ => {}
            }
        }
        for (rule, rest) in &lines {
            let pairs = match *rule {
                "near" => &mut rules.near,
                "apart" => &mut rules.apart,
                _ => continue,
            };
            let all: Vec<u16> = rest.split_whitespace().filter_map(|key| keys.get(key)).copied().collect();
            pairs.resize_with(rules.concepts.len(), Vec::new);
            for one in &all {
                pairs[usize::from(*one)].extend(all.iter().filter(|other| *other != one));
            }
        }
        let uses = std::mem::take(&mut rules.uses);
        rules.spoken.extend(uses.into_iter().filter(|(_, uses)| *uses >= SPOKEN).map(|(word, _)| word));
        rules.kinds = { 0..rules.families.len() }
            .map(|family| {
                let vague =
                    |c: &Concept| c.sort == Sort::Subject && c.vague && usize::from(c.family) == family;
                u16::try_from(rules.concepts.iter().position(vague)?).ok()
            })
            .collect();
        rules.deny();
        rules.patterns.index(rules.words.len());
        rules.read_regions();
        rules
    }

    /// Adds the denial of each subject.
    fn deny(&mut self) {
        for number in 0..u16::try_from(self.concepts.len()).unwrap_or(u16::MAX) {
            let Some(concept) = self.concept(number).filter(|concept| concept.sort == Sort::Subject) else {
                continue;
            };
            let denied = Concept {
                sort: Sort::Denied,
                // told from the subject's own
                key: !concept.key,
                words: Vec::new(),
                ..*concept
            };
            let place = u16::try_from(self.concepts.len()).unwrap_or(u16::MAX);
            self.by_key.insert(denied.key, place);
            self.denials.insert(number, place);
            self.concepts.push(denied);
        }
    }

    /// The concept that says that a subject is not there.
    pub(super) fn denial(&self, subject: u16) -> Option<u16> {
        self.denials.get(&subject).copied()
    }

    /// The words that name no more than the kind of trouble that a subject is of.
    pub(super) fn kind(&self, subject: u16) -> &[WordId] {
        let concept = self.concept(subject).filter(|concept| concept.sort == Sort::Subject);
        let vague = concept.and_then(|concept| self.concept(self.vague(concept.family)?));
        vague.map_or(&[], |vague| vague.words.as_slice())
    }

    /// Adds a concept with its patterns.
    fn add(&mut self, concept: Concept, list: &str, alternatives: &HashMap<&str, Vec<&str>>) -> u16 {
        let number = u16::try_from(self.concepts.len()).unwrap_or(u16::MAX);
        let subject = concept.sort == Sort::Subject;
        self.by_key.insert(concept.key, number);
        self.concepts.push(concept);
        for pattern in list.split(',').flat_map(|pattern| spelled_out(pattern, alternatives)) {
            let (mut parts, mut without) = (Vec::new(), Vec::new());
            for word in pattern.split_whitespace() {
                if let Some(word) = word.strip_prefix('-') {
                    without.push(self.part_words(word));
                    continue;
                }
                let negated = word.starts_with('!');
                let words = self.part_words(word.trim_start_matches('!'));
                if !words.is_empty() {
                    parts.push((words, negated));
                }
            }
            if parts.is_empty() {
                continue;
            }
            if subject || parts.len() > 1 {
                // a set stands for as many patterns as it has words
                let said: Vec<Vec<Vec<WordId>>> =
                    parts.iter().map(|(words, _)| self.members(words)).collect();
                let count = |members: &Vec<Vec<WordId>>| u32::try_from(members.len()).unwrap_or(1).max(1);
                let patterns: u32 = said.iter().map(count).product();
                for members in said {
                    let each = patterns / count(&members);
                    for word in members.into_iter().flatten() {
                        *self.uses.entry(word).or_default() += each;
                    }
                }
            }
            if let [(words, false)] = parts.as_slice() {
                let alone = self.members(words).into_iter().filter(|words| words.len() == 1).flatten();
                let alone: Vec<WordId> = alone.collect();
                if let Some(concept) = self.concepts.last_mut() {
                    if matches!(concept.sort, Sort::Detail(_)) {
                        self.sorts.extend(&alone);
                    }
                    concept.words.extend(alone);
                }
            }
            let frank = pattern.split([' ', '_']).any(|word| {
                word.starts_with('!')
                    || NEGATIONS.contains(&word)
                    || self.marks(words::hash(word)).has(Marks::PAST)
            });
            let beside =
                pattern.split([' ', '_']).any(|word| BESIDE.iter().any(|beside| word.starts_with(beside)));
            self.patterns.add(number, &parts, &without, (frank, beside));
        }
        number
    }

    /// The words of `a_b`, as a text's own words would be read.
    pub(super) fn sequence(&mut self, written: &str) -> Vec<WordId> {
        if let Some(exact) = written.strip_prefix('=') {
            self.plain.insert(exact.to_owned());
            let id = self.id(words::hash(written));
            self.exact.insert(words::hash(exact), id);
            return vec![id];
        }
        let reading = Reading::of(&written.replace('_', " "));
        self.plain.extend(reading.terms.iter().map(|term| term.text.to_string()));
        reading.terms.into_iter().map(|term| self.id(term.stem.hash())).collect()
    }

    fn ids(&mut self, list: &str) -> Vec<WordId> {
        list.split_whitespace()
            .flat_map(|word| {
                // a word is also known as it is written: slang may make something else of it
                let mut ids = self.sequence(word);
                ids.push(self.id(words::hash(word)));
                ids
            })
            .collect()
    }

    pub(super) fn id(&mut self, stem: u64) -> WordId {
        let next = WordId::try_from(self.words.len()).unwrap_or(WordId::MAX);
        *self.words.entry(stem).or_insert(next)
    }

    fn read_regions(&mut self) {
        let mut kecamatan = HashMap::default();
        for region in region::all() {
            let name = region.name.to_lowercase().replace("kota administrasi ", "");
            let code = digits(region.code.as_str());
            let folded = name.replace(' ', "");
            match region.level {
                Level::Kecamatan => drop(kecamatan.insert(folded, code)),
                Level::Kelurahan => {
                    if let Some(above) = kecamatan.get(&folded).filter(|above| code / 10_000 == **above) {
                        self.namesakes.insert(*above, code);
                    }
                }
                Level::Provinsi | Level::Kota => {}
            }
            self.region_names.insert(code, name.clone());
            let mut words = name.split_whitespace().map(str::to_owned);
            let Some(first) = words.next() else { continue };
            self.regions.entry(words::hash(&first)).or_default().push((words.collect(), code));
        }
        for rests in self.regions.values_mut() {
            rests.sort_by_key(|(rest, code)| std::cmp::Reverse((rest.len(), *code)));
        }
    }

    /// A region, or for a kecamatan the kelurahan of the same name in it.
    pub(super) fn meant(&self, region: u32) -> u32 {
        self.namesakes.get(&region).copied().unwrap_or(region)
    }

    /// No words, with room for all.
    pub(super) fn no_words(&self) -> Words {
        Words::with_room(self.words.len())
    }

    fn mark<'a>(&mut self, words: impl IntoIterator<Item = &'a str>, mark: Marks) {
        words.into_iter().for_each(|word| self.marks.entry(words::hash(word)).or_default().add(mark));
    }

    /// What a word says of others, by its hash.
    pub(super) fn marks(&self, word: u64) -> Marks {
        self.marks.get(&word).copied().unwrap_or_default()
    }

    /// The number of a stem that rules use.
    pub(super) fn word(&self, stem: &str) -> Option<WordId> {
        self.known(words::hash(stem))
    }

    /// The same by its hash.
    pub(super) fn known(&self, stem: u64) -> Option<WordId> {
        self.words.get(&stem).copied()
    }

    /// The number of a word that rules use with its endings only, by its hash.
    pub(super) fn exact(&self, word: u64) -> Option<WordId> {
        self.exact.get(&word).copied()
    }

    /// The kelurahan, kecamatan or kota of this name, by its code's digits.
    pub(super) fn called(&self, name: &str) -> Option<u32> {
        let (first, rest) = name.split_once(' ').unwrap_or((name, ""));
        let fits = |(words, _): &&(Vec<String>, u32)| rest.split_whitespace().eq(words.iter());
        self.regions.get(&words::hash(first))?.iter().find(fits).map(|(_, code)| *code)
    }

    /// Whether the names of several regions begin with this word.
    pub(super) fn begins_several(&self, word: &str) -> bool {
        self.regions.get(&words::hash(word)).is_some_and(|rests| rests.len() > 2)
    }

    /// Whether a rule uses this very word.
    pub(super) fn knows(&self, word: &str) -> bool {
        self.plain.contains(word)
    }

    /// The name of a region by its code's digits.
    pub(super) fn region_name(&self, code: u32) -> Option<&str> {
        self.region_names.get(&code).map(String::as_str)
    }

    /// A concept by its number.
    pub(super) fn concept(&self, number: u16) -> Option<&Concept> {
        self.concepts.get(usize::from(number))
    }

    /// A concept's number by its key's hash.
    pub(super) fn number(&self, key: u32) -> Option<u16> {
        self.by_key.get(&key).copied()
    }

    /// The family's unspecific concept.
    pub(super) fn vague(&self, family: u8) -> Option<u16> {
        self.kinds.get(usize::from(family)).copied().flatten()
    }

    /// A family by its number.
    pub(super) fn family(&self, number: u8) -> Option<Family> {
        self.families.get(usize::from(number)).copied()
    }

    /// The family that a category is mostly about, by the category's code.
    pub(super) fn of_category(&self, code: &str) -> Option<u8> {
        self.categories.get(code).copied()
    }

    /// Whether troubles of a family may be put in a category; nothing if that is not known of the family.
    pub(super) fn fits(&self, family: u8, category: &str) -> Option<bool> {
        self.related.get(&family).map(|related| related.contains(category))
    }

    /// Whether two different concepts may be the same.
    pub(super) fn near(&self, one: u16, other: u16) -> bool {
        self.near.get(usize::from(one)).is_some_and(|near| near.contains(&other))
    }

    /// Whether two concepts exclude each other whatever else is said.
    pub(super) fn apart(&self, one: u16, other: u16) -> bool {
        self.apart.get(usize::from(one)).is_some_and(|apart| apart.contains(&other))
    }
}

/// The digits of a region's code as a number: `31.75.07.1002` is 3 175 071 002.
pub(super) fn digits(code: &str) -> u32 {
    code.bytes()
        .filter(u8::is_ascii_digit)
        .fold(0, |sum, digit| u32::wrapping_add(u32::wrapping_mul(sum, 10), u32::from(digit - b'0')))
}
