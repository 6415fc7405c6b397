//! What single words of a text stand for: numbers, names of regions, and what is said not to be so.

use super::{features::is_kelurahan, rules::Rules};
use crate::reading::{Reading, Term};

/// Words after `sih` in which something is said to be all right.
const FINE: usize = 2;
/// Words between what is all right and that it is, and from there to what is not.
const SAID: usize = 5;
const NEXT: usize = 2;
/// Words behind what is mended in which another trouble is told of.
const BUT: usize = 5;

/// The digits of a number that a street's name ends with.
pub(super) fn ordinal(word: &str) -> Option<&'static str> {
    Some(match word {
        "satu" | "i" => "1",
        "dua" | "ii" => "2",
        "tiga" | "iii" => "3",
        "empat" | "iv" => "4",
        "lima" | "v" => "5",
        "enam" | "vi" => "6",
        "tujuh" | "vii" => "7",
        "delapan" | "viii" => "8",
        "sembilan" | "ix" => "9",
        "sepuluh" | "x" => "10",
        "sebelas" | "xi" => "11",
        "xii" => "12",
        "xiii" => "13",
        "xiv" => "14",
        "xv" => "15",
        _ => return None,
    })
}

/// Whether a term means something else behind the word before it: the `parkir` of `juru parkir`.
pub(super) fn part_of(rules: &Rules, terms: &[Term], place: usize) -> bool {
    let before = place.checked_sub(1).map_or("", |place| terms[place].text.as_str());
    // `5 kali` is no river
    if terms[place].text == "kali" && before.starts_with(|c: char| c.is_ascii_digit()) {
        return true;
    }
    rules.part.get(terms[place].text.as_str()).is_some_and(|words| words.contains(&before))
}

/// How a term is said not to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Denial {
    /// It is not.
    None,
    /// There is none of it: `tidak ada jukir`.
    Absent,
    /// It is not so: `belum longsor`, `bukan banjir`.
    Untrue,
}

/// Whether a term is said not to be there.
pub(super) fn denial(rules: &Rules, terms: &[Term], place: usize) -> Denial {
    let word = |back: usize| place.checked_sub(back).map_or("", |place| terms[place].text.as_str());
    let none = |first: &str, second: &str| second == "ada" && matches!(first, "tidak" | "belum" | "tanpa");
    let text = terms[place].text.as_str();
    let about = |word: &str| {
        matches!(word, "soal" | "masalah" | "karena" | "gara" | "perkara" | "urusan" | "masuk" | "dari")
    };
    // `tidak ada hubungannya dengan pabrik RDF`
    let related = |back: usize| {
        let before = place.checked_sub(back).and_then(|before| terms.get(before));
        before.is_some_and(|term| term.stem == "hubung" && term.negated)
    };
    if matches!(word(1), "tidak" | "belum") && rules.sound.contains(text)
        || word(1) == "bukan"
        || word(2) == "bukan"
        || word(3) == "bukan" && about(word(2))
        // `tidak butuh lift`
        || matches!(word(1), "butuh" | "perlu" | "mempermasalahkan" | "keberatan") && matches!(word(2), "tidak" | "bukan")
        // `belum sampai kebakaran`
        || word(1) == "sampai" && word(2) == "belum"
        || (2..=4).any(related)
        || fine(rules, terms, place)
    {
        Denial::Untrue
    } else if (none(word(2), word(1)) || none(word(3), word(2))) && terms[place].negated {
        Denial::Absent
    } else {
        Denial::None
    }
}

/// Whether a term is a flood that has not come yet (`nanti banjir`), or what is over (`lumpur sisa banjir`, `banjir sudah
/// surut`).
pub(super) fn is_of_another_time(rules: &Rules, terms: &[Term], place: usize) -> bool {
    let term = &terms[place];
    let before = |back: usize| terms[place.saturating_sub(back)..place].iter();
    let after = || terms[place + 1..].iter().take(2);
    term.stem == "banjir" && before(2).any(|term| rules.feared.contains(term.text.as_str()))
        || rules.event.contains(term.text.as_str())
            && (before(1).any(|term| rules.past.contains(term.text.as_str()))
                || after().any(|term| rules.ended.contains(term.text.as_str()) && !term.negated))
}

/// Whether a term is said to be all right: `liftnya sih aman, airnya yang parah`, `antrean depan sih tidak masalah`, `lift
/// sudah jalan kok`, `antreannya sendiri lancar`.
fn fine(rules: &Rules, terms: &[Term], place: usize) -> bool {
    let text = |place: usize| terms.get(place).map_or("", |term| term.text.as_str());
    // `JPO-nya`
    let apart = text(place + 1) == "nya";
    let known = apart || terms[place].text.ends_with("nya");
    let word = |ahead: usize| text(place + ahead + usize::from(apart));
    let fine = |ahead: usize| {
        let fine = |term: &Term| !term.negated && rules.fine.contains(term.text.as_str());
        terms.get(place + ahead + usize::from(apart)).is_some_and(fine)
    };
    // `lampunya tidak rusak`, `antre sih tidak lama`
    let sound = |ahead: usize| {
        let next = word(ahead + 1);
        word(ahead) == "tidak" && (rules.sound.contains(next) || rules.mild.contains(next))
    };
    let works = |ahead: usize| fine(ahead) || rules.works.contains(word(ahead));
    let topic = |ahead: usize| matches!(word(ahead), "sih" | "mah");
    if let Some(topic) = (1..=2).find(|ahead| topic(*ahead)) {
        let after = topic + 1;
        return (after..after + FINE).any(fine) || sound(after) || word(after) == "sudah" && works(after + 1);
    }
    // `lampu lalu lintas menyala normal, tapi hijaunya`
    if (1..=SAID)
        .any(|ahead| fine(ahead) && contrasted(terms.get(place + ahead + 1..).unwrap_or_default(), NEXT))
    {
        return true;
    }
    match word(1) {
        "sudah" if works(2) => {
            let shown = |ahead: usize| matches!(word(ahead), "kok" | "bukan");
            known && fine(2) || shown(3) || contrasted(terms.get(place + 3..).unwrap_or_default(), BUT)
        }
        "masih" | "sendiri" | "memang" | "tetap" | "sudah" | "juga" if known => fine(2),
        _ => known && (fine(1) || sound(1)),
    }
}

/// Whether another trouble follows within so many words on what is mended: `sudah dicat ulang, tapi rambunya`, but not `sudah
/// ditambal tapi ambles lagi`.
fn contrasted(after: &[Term], within: usize) -> bool {
    let but =
        |term: &Term| matches!(term.text.as_str(), "tapi" | "tetapi" | "cuma" | "namun" | "hanya" | "sayang");
    let again = |term: &Term| matches!(term.text.as_str(), "lagi" | "kembali" | "lama");
    let Some(place) = after.iter().take(within).position(but) else { return false };
    !after[place..].iter().take(BUT + 1).any(again)
}

/// Which terms belong to the name of a region, and the kelurahan that is named if it is only one.
pub(super) fn regions(rules: &Rules, reading: &Reading, terms: &[Term]) -> (Vec<bool>, u32) {
    let mut marks = vec![false; terms.len()];
    let written = |place: usize| terms.get(place).map(|term| reading.words[term.word].folded.as_str());
    let (mut place, mut named, mut several) = (0, 0, false);
    while let Some(first) = written(place) {
        let found = rules.regions.get(first).and_then(|rests| {
            let fits = |(rest, _): &&(Vec<String>, u32)| {
                rest.iter()
                    .enumerate()
                    .all(|(offset, word)| written(place + 1 + offset) == Some(word.as_str()))
            };
            rests.iter().find(fits).map(|(rest, code)| (rest.len() + 1, *code))
        });
        let (length, code) = match found {
            // a common word is a name only in writing like one
            Some((1, _)) if !reading.words[terms[place].word].capital && rules.knows(first) => (1, 0),
            Some((length, code)) => {
                marks[place..(place + length).min(terms.len())].fill(true);
                (length, code)
            }
            None => (1, 0),
        };
        let before = |back: usize| place.checked_sub(back).and_then(written).unwrap_or_default();
        let sign = |word: &str| {
            let id = rules.word(word);
            id.is_some_and(|id| rules.streets.contains(&id) || rules.anchors.contains(&id))
        };
        // `Jl. Raya Cilincing`, `Halte Bus Guntur`, `arah Klender`
        let of_another = || {
            sign(before(1))
                || before(1) == "arah"
                || matches!(before(1), "raya" | "bus" | "kereta") && sign(before(2))
        };
        if is_kelurahan(code) && !of_another() {
            several |= named > 0 && named != code;
            named = code;
        }
        place += length;
    }
    (marks, if several { 0 } else { named })
}
