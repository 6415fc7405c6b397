//! A deed: what somebody does, and all that goes before it, for one row and for all that match alike. Who may do it, whether
//! it needs a reason, the lines in the audit log that are written before it is done, and what they say until it has ended.
//!
//! Pressing twice is safe: a row that has gone its way is told to be gone, a channel that stands stands, and a work on many
//! rows is known by what it does, to what, and until when ([`Deed::mark`]). A line that was never ended says how far its deed
//! had come; the next start of the gateway calls it interrupted ([`crate::store::Store::interrupted`]).

use jiff::Timestamp;

use super::{
    Console,
    guard::{Fault, Form},
    session::SignedIn,
};
use crate::{
    config::Role,
    store::{
        StoreError,
        audit::{NewAudit, UNDER_WAY},
        rooms::Room,
    },
};

/// What can be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    Replay,
    Discard,
    Release,
    RetryEvent,
    LetThrough,
    RetryReply,
    /// To read a citizen's words unmasked.
    Read,
    Pause,
    Resume,
}

impl Act {
    /// What a form names for rows of a room.
    ///
    /// # Errors
    /// It is nothing that is done in that room.
    pub(super) fn of(room: Room, name: &str) -> Result<Self, Fault> {
        match (room, name) {
            (Room::Quarantine, "replay") => Ok(Self::Replay),
            (Room::Quarantine, "discard") => Ok(Self::Discard),
            (Room::Held, "release") => Ok(Self::Release),
            (Room::Dead, "retry") => Ok(Self::RetryEvent),
            (Room::Aside, "let-through") => Ok(Self::LetThrough),
            (Room::Replies, "retry") => Ok(Self::RetryReply),
            _ => Err(Fault::NotFound),
        }
    }

    /// As it stands in the audit log.
    pub(super) fn what(self) -> &'static str {
        match self {
            Self::Replay => "replay",
            Self::Discard => "discard",
            Self::Release => "release",
            Self::RetryEvent => "retry event",
            Self::LetThrough => "let through",
            Self::RetryReply => "retry reply",
            Self::Read => "read words",
            Self::Pause => "pause channel",
            Self::Resume => "resume channel",
        }
    }

    /// The role that may do it.
    fn needs(self) -> Role {
        if self == Self::Discard { Role::Admin } else { Role::Operator }
    }

    /// Whether nobody does it without saying why.
    pub(super) fn wants_reason(self) -> bool {
        matches!(self, Self::Discard | Self::Read | Self::Pause)
    }

    /// # Errors
    /// The user's role is not enough.
    pub(super) fn allowed(self, who: &SignedIn) -> Result<(), Fault> {
        who.may(self.needs())
    }
}

/// What somebody may do and has said why, and has not begun.
pub(super) struct Deed<'a> {
    pub(super) act: Act,
    /// Empty where none was given or needed.
    pub(super) reason: String,
    who: &'a SignedIn,
}

impl<'a> Deed<'a> {
    /// What a form asks for.
    ///
    /// # Errors
    /// The user may not do it, or does not say why.
    pub(super) fn asked(act: Act, who: &'a SignedIn, form: &Form) -> Result<Self, Fault> {
        act.allowed(who)?;
        let reason = match form.reason() {
            Err(fault) if act.wants_reason() => return Err(fault),
            reason => reason.unwrap_or_default(),
        };
        Ok(Self { act, reason, who })
    }

    /// By what a work on all rows of a room that match a text, and stood there at a time, is known: whoever presses.
    pub(super) fn mark(&self, console: &Console, room: &str, text: &str, until: Timestamp) -> String {
        let words = format!("{room} {} {} {text}", self.act.what(), until.as_millisecond());
        console.seal.mark("work", &words)
    }

    /// Writes down that it is about to be done, a line for each target.
    ///
    /// # Errors
    /// Nothing was written, and nothing may be done.
    pub(super) async fn begin(self, console: &Console, targets: Vec<String>) -> Result<Begun, Fault> {
        let Self { act, reason, who } = self;
        let line = NewAudit {
            who: who.user.clone(),
            role: who.role.as_str(),
            what: act.what(),
            targets,
            reason: Some(reason).filter(|reason| !reason.is_empty()),
            outcome: Some(UNDER_WAY),
        };
        Ok(Begun { lines: console.state.store.audit(line).await? })
    }
}

/// The lines of a deed in the audit log.
#[derive(Clone, Debug)]
pub(super) struct Begun {
    /// In the order of its targets.
    pub(super) lines: Vec<i64>,
}

impl Begun {
    /// Writes down how far it came.
    pub(super) async fn came(&self, console: &Console, how_far: &str) -> Result<(), StoreError> {
        self.say(console, &format!("{UNDER_WAY}; {how_far}")).await
    }

    /// Writes down what came of it.
    pub(super) async fn ended(self, console: &Console, outcome: &str) -> Result<(), StoreError> {
        self.say(console, outcome).await
    }

    async fn say(&self, console: &Console, outcome: &str) -> Result<(), StoreError> {
        let outcomes = self.lines.iter().map(|line| (*line, outcome.to_owned())).collect();
        console.state.store.audit_outcome(outcomes).await
    }
}
