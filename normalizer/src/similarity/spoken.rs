//! What single words of a text stand for: numbers, names of regions, and what is said not to be so.

use super::{features::is_kelurahan, marks::Marks, rules::Rules};
use crate::{
    reading::{NEGATIONS, Reading, Term},
    words::Token,
};

/// Words after `sih` in which something is said to be all right.
const FINE: usize = 2;
/// Words between what is all right and that it is, and from there to what is not.
const SAID: usize = 5;
const NEXT: usize = 2;
/// Words from what is mended to the word that says so.
const MENDED: usize = 8;
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

/// A text's terms with what each says of others.
pub(super) struct Spoken<'a> {
    rules: &'a Rules,
    terms: &'a [Term],
    marks: Vec<Marks>,
}

impl<'a> Spoken<'a> {
    pub(super) fn of(rules: &'a Rules, terms: &'a [Term]) -> Self {
        let marks = terms.iter().map(|term| rules.marks(term.text.hash())).collect();
        Self { rules, terms, marks }
    }

    /// Whether the term at a place has one of these marks.
    fn has(&self, place: usize, marks: Marks) -> bool {
        self.marks.get(place).is_some_and(|known| known.has(marks))
    }
}

/// Whether a term means something else behind the word before it: the `parkir` of `juru parkir`.
pub(super) fn part_of(spoken: &Spoken<'_>, place: usize) -> bool {
    let Spoken { rules, terms, .. } = spoken;
    let before = place.checked_sub(1).map_or("", |place| terms[place].text.as_str());
    // `5 kali` is no river
    if terms[place].text == "kali" && before.starts_with(|c: char| c.is_ascii_digit()) {
        return true;
    }
    spoken.has(place, Marks::PART)
        && rules.part.get(&terms[place].text.hash()).is_some_and(|words| words.contains(&before))
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

/// Terms that may say something against another one: where none is near, none is asked.
pub(super) struct Doubts(Vec<bool>);

impl Doubts {
    /// Words before a term that may deny it, and words behind it.
    const BEFORE: usize = 7;
    const AFTER: usize = 10;

    pub(super) fn of(spoken: &Spoken<'_>) -> Self {
        let terms = spoken.terms;
        let mut near = vec![false; terms.len()];
        for (place, term) in terms.iter().enumerate() {
            let text = term.text.as_str();
            // what it denies stands behind it, what it calls all right before it
            let denies = NEGATIONS.contains(&text) || text == "jauh";
            let fine = denies || term.topic || spoken.has(place, Marks::FINE.or(Marks::WORKS));
            let from = if fine { place.saturating_sub(Self::AFTER) } else { place };
            let to = if denies { (place + Self::BEFORE + 1).min(terms.len()) } else { place + 1 };
            near[from..to.max(from)].fill(true);
        }
        Self(near)
    }

    /// Whether something near a term may deny it.
    pub(super) fn has(&self, place: usize) -> bool {
        self.0[place]
    }
}

/// Whether a term is said not to be there.
pub(super) fn denial(spoken: &Spoken<'_>, place: usize) -> Denial {
    let terms = spoken.terms;
    let word = |back: usize| place.checked_sub(back).map_or("", |place| terms[place].text.as_str());
    let none = |first: &str, second: &str| second == "ada" && matches!(first, "tidak" | "belum" | "tanpa");
    let about = |word: &str| {
        matches!(word, "soal" | "masalah" | "karena" | "gara" | "perkara" | "urusan" | "masuk" | "dari")
    };
    // `tidak ada hubungannya dengan pabrik RDF`
    let related = |back: usize| {
        let before = place.checked_sub(back).and_then(|before| terms.get(before));
        before.is_some_and(|term| term.stem == "hubung" && term.negated)
    };
    // `airnya tidak pernah mati`
    let never = word(1) == "pernah" && matches!(word(2), "tidak" | "belum");
    if (never || matches!(word(1), "tidak" | "belum")) && spoken.has(place, Marks::SOUND)
        || word(1) == "bukan"
        || word(2) == "bukan"
        || word(3) == "bukan" && about(word(2))
        // `lokasinya jauh dari pertokoan`
        || word(1) == "dari" && word(2) == "jauh"
        // `tidak butuh lift`
        || matches!(word(1), "butuh" | "perlu" | "mempermasalahkan" | "keberatan") && matches!(word(2), "tidak" | "bukan")
        // `tidak ada yang minta uang`
        || word(1) == "yang" && none(word(3), word(2))
        || word(2) == "yang" && none(word(4), word(3))
        // `belum sampai kebakaran`
        || word(1) == "sampai" && word(2) == "belum"
        || (2..=4).any(related)
        || fine(spoken, place)
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
pub(super) fn is_of_another_time(spoken: &Spoken<'_>, place: usize) -> bool {
    let terms = spoken.terms;
    let before = |back: usize, marks| (place.saturating_sub(back)..place).any(|at| spoken.has(at, marks));
    let ended = |at: usize| spoken.has(at, Marks::ENDED) && !terms[at].negated;
    terms[place].stem == "banjir" && before(2, Marks::FEARED)
        || spoken.has(place, Marks::EVENT) && (before(1, Marks::PAST) || (place + 1..=place + 2).any(ended))
}

/// Whether a term is said to be all right: `liftnya sih aman, airnya yang parah`, `antrean depan sih tidak masalah`, `lift
/// sudah jalan kok`, `antreannya sendiri lancar`.
fn fine(spoken: &Spoken<'_>, place: usize) -> bool {
    let terms = spoken.terms;
    let text = |place: usize| terms.get(place).map_or("", |term| term.text.as_str());
    let before = |back: usize| place.checked_sub(back).map_or("", text);
    // `JPO-nya`
    let apart = text(place + 1) == "nya";
    let known = apart || terms[place].text.ends_with("nya");
    let word = |ahead: usize| text(place + ahead + usize::from(apart));
    let marked = |marks: Marks, ahead: usize| spoken.has(place + ahead + usize::from(apart), marks);
    let fine =
        |ahead: usize| marked(Marks::FINE, ahead) && !terms[place + ahead + usize::from(apart)].negated;
    // `lampunya tidak rusak`, `antre sih tidak lama`
    let sound = |ahead: usize| word(ahead) == "tidak" && marked(Marks::SOUND.or(Marks::MILD), ahead + 1);
    let works = |ahead: usize| fine(ahead) || marked(Marks::WORKS, ahead);
    let topic = |place: usize| terms.get(place).is_some_and(|term| term.topic);
    let last = place + usize::from(apart);
    if let Some(after) = (1..=2).find(|ahead| topic(last + ahead - 1)) {
        let after = after + usize::from(matches!(word(after), "mah" | "teh"));
        let now = usize::from(word(after) == "sudah");
        return (after..after + FINE).any(fine) || sound(after) || works(after + now);
    }
    // `lampu lalu lintas menyala normal, tapi hijaunya`
    if (1..=SAID)
        .any(|ahead| fine(ahead) && contrasted(terms.get(last + ahead + 1..).unwrap_or_default(), NEXT))
    {
        return true;
    }
    // `zebra cross depan SMP sudah dicat ulang, tapi rambunya`
    let mended = |ahead: usize| word(ahead) == "sudah" && works(ahead + 1);
    if (1..=MENDED)
        .any(|ahead| mended(ahead) && contrasted(terms.get(last + ahead + 2..).unwrap_or_default(), BUT))
    {
        return true;
    }
    // `lift blok C sudah berjalan kembali`
    let runs_again = |ahead: usize| {
        word(ahead) == "sudah"
            && works(ahead + 1)
            && !word(ahead + 1).starts_with("di")
            && matches!(word(ahead + 2), "kembali" | "lagi")
    };
    if (1..=SAID).any(runs_again) {
        return true;
    }
    match word(1) {
        // `kalau asapnya sudah berhenti`
        "sudah" if known && works(2) && matches!(before(1), "kalau" | "soal" | "untuk") => true,
        // `toren bocor. Lift sudah nyala`
        "sudah" if fine(2) && last + 3 >= terms.len() => true,
        "sudah" if works(2) => known && fine(2) || matches!(word(3), "kok" | "bukan"),
        // `liftnya sendiri jalan normal`
        "masih" | "sendiri" | "memang" | "tetap" | "sudah" | "juga" if known => {
            fine(2) || works(2) && fine(3)
        }
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
    let token = |place: usize| terms.get(place).map(|term| &reading.words[term.word].folded);
    let written = |place: usize| token(place).map(Token::as_str);
    let (mut place, mut named, mut several) = (0, 0, false);
    while let Some(first) = token(place) {
        let found = rules.regions.get(&first.hash()).and_then(|rests| {
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
