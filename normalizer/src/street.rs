//! Street, landmark and postal code in the citizen's own words: where the officer has to look, once there.

use std::sync::LazyLock;

use foldhash::{HashMap, HashSet};

use crate::{
    gazetteer::{Gazetteer, Meaning},
    region,
    text::clean_line,
    words::{Gap, Word},
};

/// A street's name has at most so many words, a landmark's, too.
const LONGEST: usize = 6;
/// Without capital letters nobody knows where a name ends; so many words are surely not too many.
const LONGEST_SMALL: usize = 4;

/// What streets of one name are told apart by.
const PARTS: [&str; 11] =
    ["raya", "dalam", "besar", "kecil", "lama", "baru", "utara", "selatan", "timur", "barat", "tengah"];

struct Rules {
    /// `jl` is `Jalan`.
    kinds: HashMap<&'static str, &'static str>,
    /// `depan`: something that stands near it follows.
    beside: HashSet<&'static str>,
    /// Words that make `jalan` or `gang` the thing itself.
    plain: HashSet<&'static str>,
    /// Words that end a name.
    ends: HashSet<&'static str>,
    /// What is near everybody: `rumah`, `sini`.
    vague: HashSet<&'static str>,
    postal_codes: HashSet<&'static str>,
}

static RULES: LazyLock<Rules> = LazyLock::new(|| {
    let mut rules = Rules {
        kinds: HashMap::default(),
        beside: HashSet::default(),
        plain: HashSet::default(),
        ends: HashSet::default(),
        vague: HashSet::default(),
        postal_codes: region::all().filter_map(|region| region.postal_code.as_deref()).collect(),
    };
    let lines = include_str!("../data/place_words.txt").lines().map(str::trim);
    for (rule, rest) in lines.filter_map(|line| line.split_once(' ')) {
        match rule {
            "street" => {
                if let Some((short, kind)) = rest.split_once(' ') {
                    rules.kinds.insert(short, kind);
                }
            }
            "beside" => drop(rules.beside.insert(rest)),
            "plain" => rules.plain.extend(rest.split(' ')),
            "ends" => rules.ends.extend(rest.split(' ')),
            "vague" => rules.vague.extend(rest.split(' ')),
            _ => {}
        }
    }
    rules
});

/// The first street that a text names, its kind spelled out, with the number or block that follows it.
#[must_use]
pub fn street(text: &str, words: &[Word]) -> Option<String> {
    let rules = &*RULES;
    (0..words.len()).find_map(|place| {
        let kind = rules.kinds.get(words[place].folded.as_str())?;
        if matches!(words[place].gap, Gap::At | Gap::Hash) {
            return None;
        }
        let begin = place + 1;
        let first = words.get(begin).filter(|word| word.gap.joins() || word.gap == Gap::Dot)?;
        // `jalan` and `gang` are also plain words: their names are written like names, or not ended by the next word
        let abbreviated = words[place].folded != *kind.to_lowercase();
        // `Jl. Dr. Saharjo`: not the `dr` that is `dari`
        let titled = first.capital && words.get(begin + 1).is_some_and(|next| next.gap == Gap::Dot);
        if (begins_no_name(rules, first) && !titled)
            || (!abbreviated && !first.capital && is_plain(rules, words, place))
        {
            return None;
        }
        let named = name(rules, text, words, begin, true)?;
        if named == begin + 1 && (first.folded == "raya" || rules.plain.contains(first.folded.as_str())) {
            return None;
        }
        let end = numbered(words, named);
        let name = text.get(first.start..words.get(end.checked_sub(1)?)?.end)?;
        clean_line(&format!("{kind} {name}"))
    })
}

/// Whether `jalan` before a small word is the thing and not the beginning of a name: `lampu jalan`, `di jalan ini`.
fn is_plain(rules: &Rules, words: &[Word], place: usize) -> bool {
    let before = place.checked_sub(1).map(|before| words[before].folded.as_str());
    matches!(before, Some("lampu" | "badan" | "bahu" | "pinggir" | "tengah" | "pengguna" | "rambu" | "marka"))
        || words.get(place + 1).is_none_or(|next| {
            next.folded.len() < 3 && !next.folded.bytes().all(|b| b.is_ascii_digit())
                || rules.beside.contains(next.folded.as_str())
                || rules.plain.contains(next.folded.as_str())
        })
}

/// Something that stands near it: `depan apotek`, `samping masjid At-Taqwa`.
#[must_use]
pub fn landmark(text: &str, words: &[Word]) -> Option<String> {
    let rules = &*RULES;
    (0..words.len()).find_map(|place| {
        if !rules.beside.contains(words[place].folded.as_str()) || words[place].gap == Gap::At {
            return None;
        }
        let first = words.get(place + 1).filter(|word| word.gap == Gap::Space)?;
        let dull = begins_no_name(rules, first)
            || first.folded.bytes().all(|b| b.is_ascii_digit())
            || rules.vague.contains(first.folded.as_str())
            || rules.kinds.contains_key(first.folded.as_str())
            || rules.beside.contains(first.folded.as_str());
        if dull {
            return None;
        }
        let end = name(rules, text, words, place + 1, false)?;
        clean_line(text.get(words[place].start..words.get(end.checked_sub(1)?)?.end)?)
    })
}

fn begins_no_name(rules: &Rules, word: &Word) -> bool {
    rules.ends.contains(word.folded.as_str()) || is_private(word)
}

/// Numbers of more than three digits and such with a dialling code's nought are a person's rather than a house's.
fn is_private(word: &Word) -> bool {
    let digits = word.folded.bytes().filter(u8::is_ascii_digit).count();
    digits > 3 || (digits == 3 && word.folded.starts_with('0'))
}

/// Where the name that begins at a word ends.
fn name(rules: &Rules, text: &str, words: &[Word], begin: usize, street: bool) -> Option<usize> {
    let gazetteer = Gazetteer::get();
    let first = words.get(begin)?;
    let shouted = |word: &Word| {
        text.get(word.start..word.end)
            .is_some_and(|word| word.len() > 1 && !word.contains(char::is_lowercase))
    };
    let (capital, all_caps) = (first.capital && !shouted(first), shouted(first));
    let mut end = begin + 1;
    let mut small = 1;
    // the street may be called like a region: `Jl. Kebon Jeruk Raya`
    if street && let Some((length, _)) = gazetteer.longest(words, begin) {
        end = begin + length;
    }
    while end < words.len() && end - begin < LONGEST {
        let (last, word) = (&words[end - 1], &words[end]);
        let abbreviated = word.gap == Gap::Dot
            && last.folded.len() <= 4
            && text.get(last.end..word.start).is_some_and(|gap| gap.starts_with('.'))
            && word.capital
            && last.capital
            && !last.folded.bytes().any(|b| b.is_ascii_digit());
        if !abbreviated && (!word.gap.joins() || begins_no_name(rules, word)) {
            break;
        }
        let part = street && PARTS.contains(&word.folded.as_str());
        if rules.kinds.contains_key(word.folded.as_str()) || rules.beside.contains(word.folded.as_str()) {
            break;
        }
        // `Jl. Raya Cilincing`, `Jl. Inspeksi Kali Grogol`, `seberang RS Bintaro`
        let own = !(gazetteer.sign(last).is_before_another() || end == begin + 1 && first.folded == "raya");
        let region = gazetteer.longest(words, end).filter(|(_, names)| names.meaning != Meaning::Other);
        if region.is_some_and(|(_, names)| own && (names.meaning == Meaning::Plain || word.capital)) && !part
        {
            break;
        }
        let digits = word.folded.bytes().all(|b| b.is_ascii_digit());
        if !word.capital && !digits && !part && word.gap == Gap::Space {
            small += 1;
            if capital || all_caps && !shouted(word) || small > LONGEST_SMALL {
                break;
            }
        }
        end += 1;
    }
    Some(end)
}

/// `No. 12`, `blok C2 no 3`, `KM 18`: what follows a street's name belongs to it.
fn numbered(words: &[Word], mut end: usize) -> usize {
    let near = |place: usize| {
        words.get(place).filter(|word| {
            matches!(word.gap, Gap::Space | Gap::Dot | Gap::Hyphen | Gap::Slash) && !is_private(word)
        })
    };
    let short = |word: &&Word| word.folded.len() <= 4;
    while let Some(word) = words.get(end) {
        let comma = word.gap == Gap::Break && words[end - 1].end + 2 >= word.start;
        let named = matches!(word.folded.as_str(), "no" | "nomor" | "nomer" | "nmr" | "blok" | "blk" | "km");
        if !(named && (comma || near(end).is_some())) {
            break;
        }
        let Some(number) = near(end + 1).filter(short) else { break };
        let block = matches!(word.folded.as_str(), "blok" | "blk");
        if !block && !number.folded.bytes().any(|b| b.is_ascii_digit()) {
            break;
        }
        end += 2;
        // `blok C 12`, `No. 12 A`
        let more = near(end).filter(|more| {
            let digits = more.folded.bytes().all(|b| b.is_ascii_digit());
            (block && digits && more.gap != Gap::Dot) || (more.folded.len() == 1 && more.capital)
        });
        if more.is_some() {
            end += 1;
        }
    }
    end
}

/// A postal code of Jakarta: five digits after `kode pos`, or such as a kelurahan has.
#[must_use]
pub fn postal_code(words: &[Word]) -> Option<String> {
    let gazetteer = Gazetteer::get();
    let before = |place: usize, back: usize| {
        place.checked_sub(back).map_or("", |before| words[before].folded.as_str())
    };
    let found = (0..words.len()).find(|&place| {
        let word = words[place].folded.as_str();
        let five = word.len() == 5 && word.starts_with('1') && word.bytes().all(|b| b.is_ascii_digit());
        if !five || matches!(words[place].gap, Gap::At | Gap::Hash) {
            return false;
        }
        let stated = matches!(before(place, 1), "kodepos" | "zip")
            || (before(place, 1) == "pos" && before(place, 2) == "kode");
        // a price, a ticket or a part of a longer number looks the same: it must end an address
        let after_name = matches!(before(place, 1), "jakarta" | "dki" | "jkt")
            || (1..=3).any(|back| {
                let begin = place.checked_sub(back);
                let longest = begin.and_then(|begin| gazetteer.longest(words, begin));
                longest.is_some_and(|(length, names)| length == back && names.meaning != Meaning::Other)
            });
        let goes_on = words
            .get(place + 1)
            .is_some_and(|next| next.gap.joins() && next.folded.starts_with(|c: char| c.is_ascii_digit()));
        stated || (after_name && !goes_on && RULES.postal_codes.contains(word))
    });
    found.map(|place| words[place].folded.to_string())
}
