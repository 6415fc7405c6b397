//! What a text says of persons: phone numbers, NIK, e-mail addresses, and other numbers that are somebody's (families,
//! accounts). Found to be masked, and so that an officer can answer.

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
    /// Where everything stands that is to be masked, in order.
    pub places: Vec<(Range<usize>, What)>,
}

/// Finds them.
#[must_use]
pub fn find(_text: &str) -> Found {
    Found::default()
}

/// The text with all that was found in it masked.
#[must_use]
pub fn mask(text: &str, _found: &Found) -> String {
    text.to_owned()
}

impl Found {
    /// What is to be said about a text that held these.
    pub fn flags(&self) -> impl Iterator<Item = Flag> {
        self.places.iter().map(|(_, what)| match what {
            What::Phone | What::Email => Flag::ContainsContact,
            What::Nik | What::Number => Flag::ContainsIdentityNumber,
        })
    }
}
