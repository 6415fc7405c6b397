//! What a command changes is written down as what is pressed in the console: who is the user of the system.

use uuid::Uuid;

use super::CliError;
use crate::store::{
    Store,
    audit::{NewAudit, UNDER_WAY},
};

/// The role of whoever has a shell here.
const ROLE: &str = "command";

/// What is about to be done.
pub(super) struct Deed {
    what: &'static str,
    targets: Vec<String>,
    reason: Option<String>,
}

impl Deed {
    /// Something that is done to some rows or channels.
    pub(super) fn new(what: &'static str, targets: Vec<String>) -> Self {
        Self { what, targets, reason: None }
    }

    /// Something that is done to one row, to those of a channel, or to all.
    pub(super) fn chosen(what: &'static str, id: Option<Uuid>, channel: Option<&str>) -> Self {
        let target = match (id, channel) {
            (Some(id), _) => id.to_string(),
            (None, Some(channel)) => format!("all of {channel}"),
            (None, None) => "all".to_owned(),
        };
        Self::new(what, vec![target])
    }

    /// With the reason that was given.
    pub(super) fn because(mut self, reason: String) -> Self {
        self.reason = Some(reason);
        self
    }

    /// Writes it down, does it, and writes down what came of it.
    pub(super) async fn audited<T>(
        self,
        store: &Store,
        work: impl AsyncFnOnce() -> Result<T, CliError>,
        words: impl FnOnce(&T) -> String,
    ) -> Result<T, CliError> {
        let Self { what, targets, reason } = self;
        let lines = store
            .audit(NewAudit { who: who(), role: ROLE, what, targets, reason, outcome: Some(UNDER_WAY) })
            .await?;
        let done = work().await;
        let outcome = match &done {
            Ok(done) => words(done),
            Err(error) => format!("failed: {error}"),
        };
        store.audit_outcome(lines.into_iter().map(|line| (line, outcome.clone())).collect()).await?;
        done
    }
}

/// So many rows were changed.
pub(super) fn counted(count: &usize) -> String {
    format!("done: {count}")
}

/// Whether it was there.
pub(super) fn gone(there: &bool) -> String {
    if *there { "done" } else { "was gone already" }.to_owned()
}

/// The user of the system by whom the command runs, as `/etc/passwd` names it; with whoever became that one by sudo.
pub(super) fn who() -> String {
    let uid = rustix::process::getuid().as_raw();
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    });
    let name = name.unwrap_or_else(|| format!("uid {uid}"));
    match std::env::var("SUDO_USER") {
        Ok(before) if uid == 0 => format!("cli:{name} for {before}"),
        _ => format!("cli:{name}"),
    }
}
