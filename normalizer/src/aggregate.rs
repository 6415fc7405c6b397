//! stub
#![allow(missing_docs, reason = "stub")]
use jiff::{SignedDuration, Timestamp};

use crate::{Draft, reading::Reading};
pub struct Message<'a> {
    pub at: Timestamp,
    pub text: &'a str,
    pub reading: &'a Reading,
    pub photos: usize,
    pub voices: usize,
    pub point: bool,
    pub sticker: bool,
    pub album: Option<&'a str>,
    pub answers: Option<Answers>,
}
#[derive(Clone, Copy, Debug)]
pub enum Answers {
    Open(usize),
    Earlier(usize),
}
pub struct Open<'a> {
    pub messages: Vec<Message<'a>>,
}
pub struct Earlier {
    pub last_at: Timestamp,
    pub receipt_at: Option<Timestamp>,
    pub reading: Reading,
}
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Policy {
    pub quiet: SignedDuration,
    pub longest: SignedDuration,
    pub settle: SignedDuration,
    pub follow_up: SignedDuration,
}
pub enum Decision {
    Join(usize),
    Begin,
    FollowUp(usize),
    Aside,
}
pub fn decide(
    _message: &Message<'_>,
    _open: &[Open<'_>],
    _earlier: &[Earlier],
    _policy: &Policy,
) -> Decision {
    Decision::Begin
}
pub fn release_at(_open: &Open<'_>, _policy: &Policy) -> Timestamp {
    Timestamp::now()
}
pub fn merge(drafts: Vec<Draft>) -> Draft {
    drafts.into_iter().next().unwrap_or_default()
}
