//! What stands around a name: a house's number, a way, somebody's home, the place that is not meant.

use crate::{
    gazetteer::Gazetteer,
    region::Level,
    words::{Gap, Word},
};

pub(super) fn is_unit(word: &Word) -> bool {
    let unit = word.folded.get(..2).is_some_and(|unit| matches!(unit, "rt" | "rw"));
    unit && word.folded.bytes().skip(2).all(|b| b.is_ascii_digit())
}

/// Whether a full stop behind it shortens the word (`Jl.`, `St.`), rather than ends a sentence.
pub(crate) fn is_shortened(word: &str) -> bool {
    matches!(
        word,
        "jl" | "jln" | "jlan" | "gg" | "st" | "gt" | "psr" | "ps" | "rs" | "gd" | "kp" | "term" | "lap"
    )
}

/// `RT 07/02 Karet`, `rw02 Karet`.
pub(super) fn follows_unit(words: &[Word], place: usize) -> bool {
    let word = |back: usize| place.checked_sub(back).map(|before| &words[before]);
    let Some(last) = word(1) else { return false };
    let number = (1..=3).contains(&last.folded.len()) && last.folded.bytes().all(|b| b.is_ascii_digit());
    let attached = is_unit(last) && last.folded.len() > 2;
    attached || (number && (2..=3).any(|back| word(back).is_some_and(is_unit)))
}

/// `bukan di Kayu Putih`, `beda sama kel. Cawang`.
pub(super) fn is_unlike(gazetteer: &Gazetteer, words: &[Word], place: usize) -> bool {
    for back in 1..=3 {
        let Some(before) = place.checked_sub(back).map(|before| &words[before]) else { return false };
        if !words[place + 1 - back].gap.joins() && words[place + 1 - back].gap != Gap::Dot {
            return false;
        }
        let sign = gazetteer.sign(before);
        if sign.unlike {
            return true;
        }
        let through = sign.level.is_some()
            || matches!(
                before.folded.as_str(),
                "di" | "yg" | "yang" | "sama" | "dengan" | "dgn" | "daerah" | "wilayah"
            );
        if !through {
            return false;
        }
    }
    false
}

/// `warga Kel. Klender`, `tinggal di Klender`, `ke Klender`.
pub(super) fn is_aside(gazetteer: &Gazetteer, words: &[Word], place: usize) -> bool {
    for back in 1..=3 {
        let Some(before) = place.checked_sub(back).map(|before| &words[before]) else { return false };
        if words[place + 1 - back].gap == Gap::Break {
            return false;
        }
        let sign = gazetteer.sign(before);
        if sign.aside {
            return true;
        }
        if sign.level.is_none() && !matches!(before.folded.as_str(), "di" | "daerah" | "wilayah" | "saya") {
            return false;
        }
    }
    false
}

/// `Kelurahan: Menteng`.
pub(super) fn after_a_colon(words: &[Word], place: usize) -> bool {
    let Some(before) = place.checked_sub(1).map(|before| &words[before]) else { return false };
    words[place].gap == Gap::Break && words[place].start - before.end <= 3
}

/// `kel/kec Menteng`, `Kelurahan dan Kecamatan Menteng`.
pub(super) fn both_levels(gazetteer: &Gazetteer, words: &[Word], place: usize) -> bool {
    let level = |back: usize| {
        place.checked_sub(back).and_then(|before| gazetteer.sign(&words[before]).level)
            == Some(Level::Kelurahan)
    };
    let word = |back: usize| place.checked_sub(back).map_or("", |before| words[before].folded.as_str());
    (level(2) && words[place - 1].gap == Gap::Slash) || (word(2) == "dan" && level(3))
}

/// `rute Pulo Gadung`, `angkot ke Ulujami`, `jaklingko 48B Klender`: where a vehicle goes.
pub(super) fn is_way(gazetteer: &Gazetteer, words: &[Word], place: usize) -> bool {
    let word = |back: usize| place.checked_sub(back).map(|before| &words[before]);
    let way = |back: usize| word(back).is_some_and(|word| gazetteer.sign(word).way);
    let shortened = || word(1).is_some_and(|word| is_shortened(&word.folded));
    let near = words[place].gap.joins() || words[place].gap == Gap::Dot && shortened();
    let link = |word: &Word| word.folded == "ke" || word.folded.bytes().any(|b| b.is_ascii_digit());
    near && (way(1) || (word(1).is_some_and(link) && way(2)))
}

/// `dari Manggarai ke Bekasi`: a way whose end need not be in Jakarta.
pub(super) fn is_way_from(words: &[Word], place: usize, end: usize) -> bool {
    let before = place.checked_sub(1).map_or("", |before| words[before].folded.as_str());
    let after = words.get(end).filter(|word| word.gap.joins()).map_or("", |word| word.folded.as_str());
    matches!(before, "dari" | "dr" | "antara" | "from")
        && matches!(after, "ke" | "sampai" | "sampe" | "hingga" | "menuju" | "arah" | "sd" | "to")
}

/// `rute Pulo Gadung - Kalideres`, `arah Cawang ke Tebet`: a name right after another that is a way's.
pub(super) fn goes_on(words: &[Word], way: usize, place: usize) -> bool {
    match words.get(way..place) {
        Some([]) => words[place].gap.joins(),
        Some([link]) => matches!(link.folded.as_str(), "ke" | "via" | "lewat" | "sampai" | "pp"),
        _ => false,
    }
}

/// `gang masjid Wijaya Kusuma`: the mosque is the lane's name, and the region's follows it.
pub(super) fn after_a_street(gazetteer: &Gazetteer, words: &[Word], place: usize) -> bool {
    let word = |back: usize| place.checked_sub(back).map(|before| &words[before]);
    let street = word(2).is_some_and(|word| {
        matches!(word.folded.as_str(), "jl" | "jln" | "jalan" | "gg" | "gang" | "lorong")
    });
    street && word(1).is_some_and(|word| gazetteer.sign(word).lane)
}
