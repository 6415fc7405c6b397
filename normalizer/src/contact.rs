//! What a text says of persons: phone numbers, NIK, e-mail addresses, and other numbers that are somebody's (families,
//! accounts). Found to be masked, and so that an officer can answer.

mod address;
mod context;
mod digits;
mod number;

use std::ops::Range;

use crate::complaint::Flag;

/// What a number or address in a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// A subscriber's number.
    Phone,
    /// A Nomor Induk Kependudukan: 16 digits with a province and a date.
    Nik,
    /// A number of a family card, an account or a customer.
    Number,
    /// An e-mail address.
    Email,
}

/// What was found in a text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// E.164, in the order of the text, each once.
    pub phones: Vec<String>,
    /// 16 digits, in the order of the text, each once.
    pub niks: Vec<String>,
    /// As written, in lower case, in the order of the text, each once.
    pub emails: Vec<String>,
    /// Where everything stands that is to be masked, in order; none overlaps another.
    pub places: Vec<(Range<usize>, What)>,
}

/// So many of a kind are listed at most: who writes more has sent a register, which is masked all the same.
const LISTED: usize = 64;

/// Finds them. What the words around a number say decides where its digits do not; the words are in
/// `data/number_words.txt`.
#[must_use]
pub fn find(text: &str) -> Found {
    let mut found = Found::default();
    address::find(text, &mut found);
    if has_digits(text) {
        number::find(text, &mut found);
        found.places.sort_by_key(|(place, _)| place.start);
    }
    found
}

/// The text with all that was found in it masked: `0812****419`, `************0919`, `t***@mail.example`. What is masked
/// once is not found again.
#[must_use]
pub fn mask(text: &str, found: &Found) -> String {
    let mut out = String::with_capacity(text.len());
    let mut end = 0;
    for (place, what) in &found.places {
        let (Some(between), Some(written)) = (text.get(end..place.start), text.get(place.clone())) else {
            continue;
        };
        out.push_str(between);
        match what {
            What::Email => address::mask(written, &mut out),
            What::Phone => number::mask_phone(written, &mut out),
            What::Nik | What::Number => number::mask_number(written, &mut out),
        }
        end = place.end;
    }
    out.push_str(text.get(end..).unwrap_or_default());
    out
}

/// A text for everybody's eyes.
#[must_use]
pub fn masked(text: &str) -> String {
    mask(text, &find(text))
}

/// A text for the whole world's eyes: nothing is left of what was found.
#[must_use]
pub fn hidden(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut end = 0;
    for (place, _) in &find(text).places {
        out.push_str(text.get(end..place.start).unwrap_or_default());
        out.push_str("•••");
        end = place.end;
    }
    out.push_str(text.get(end..).unwrap_or_default());
    out
}

/// Whether there are as many digits as the shortest number has; most texts are done here.
fn has_digits(text: &str) -> bool {
    const FEWEST: usize = 7;
    let digits = if text.is_ascii() {
        text.bytes().filter(u8::is_ascii_digit).count()
    } else {
        text.chars().filter(|c| c.is_numeric()).count()
    };
    digits >= FEWEST
}

impl Found {
    fn add(&mut self, place: Range<usize>, what: What, listed: Option<String>) {
        self.places.push((place, what));
        let list = match what {
            What::Phone => &mut self.phones,
            What::Nik => &mut self.niks,
            What::Email => &mut self.emails,
            What::Number => return,
        };
        if let Some(listed) = listed.filter(|listed| list.len() < LISTED && !list.contains(listed)) {
            list.push(listed);
        }
    }

    /// What is to be said about a text that held these.
    pub fn flags(&self) -> impl Iterator<Item = Flag> {
        self.places.iter().map(|(_, what)| match what {
            What::Phone | What::Email => Flag::ContainsContact,
            What::Nik | What::Number => Flag::ContainsIdentityNumber,
        })
    }
}
