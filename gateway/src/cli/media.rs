//! `muara media`: the files of complaints, and those that did not come.

use clap::{Subcommand, ValueEnum};
use muara_normalizer::{ComplaintId, complaint::AttachmentState};
use serde_json::json;
use uuid::Uuid;

use super::{
    CliError, ConfigFile,
    audit::{Deed, counted},
    print, with_store,
};
use crate::store::media::File;

#[derive(Debug, Subcommand)]
pub(super) enum MediaCommand {
    /// List the files of complaints, oldest first.
    List {
        #[command(flatten)]
        file: ConfigFile,
        /// Those in one state.
        #[arg(long)]
        state: Option<State>,
        /// One JSON object a line.
        #[arg(long)]
        json: bool,
    },
    /// Fetch files again that wait, were refused or given up.
    Retry {
        #[command(flatten)]
        file: ConfigFile,
        /// Those of one complaint.
        #[arg(required_unless_present_any = ["all", "state"])]
        complaint: Option<Uuid>,
        /// Those in one state.
        #[arg(long)]
        state: Option<State>,
        /// All of them.
        #[arg(long, conflicts_with_all = ["complaint", "state"])]
        all: bool,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum State {
    Pending,
    Stored,
    Refused,
    Gone,
}

impl From<State> for AttachmentState {
    fn from(state: State) -> Self {
        match state {
            State::Pending => Self::Pending,
            State::Stored => Self::Stored,
            State::Refused => Self::Refused,
            State::Gone => Self::Gone,
        }
    }
}

impl MediaCommand {
    pub(super) fn run(self) -> Result<(), CliError> {
        match self {
            Self::List { file, state, json } => with_store(&file, async |store, _| {
                for file in store.files(state.map(Into::into)).await? {
                    print(&format!("{}\n", if json { row(&file).to_string() } else { line(&file) }))?;
                }
                Ok(())
            }),
            Self::Retry { file, complaint, state, all: _ } => with_store(&file, async |store, _| {
                let deed = Deed::chosen("fetch again", complaint, None);
                let work =
                    async || Ok(store.fetch_again(complaint.map(ComplaintId), state.map(Into::into)).await?);
                let count = deed.audited(store, work, counted).await?;
                match complaint {
                    Some(id) if count == 0 => Err(CliError::NoRow { what: "file to fetch of complaint", id }),
                    _ => print(&format!("{count} files are fetched again\n")),
                }
            }),
        }
    }
}

fn state(file: &File) -> &'static str {
    file.state.map_or("left", AttachmentState::as_str)
}

/// Without the vendor's address, which may hold a key.
fn row(file: &File) -> serde_json::Value {
    let pending = file.state == Some(AttachmentState::Pending);
    json!({
        "complaint": file.complaint, "number": file.number, "channel": file.channel, "state": state(file),
        "attempts": file.attempts, "due_at": pending.then_some(file.due_at), "reason": file.reason,
        "content_type": file.content_type, "bytes": file.bytes, "sha256": file.sha256.map(hex::encode),
    })
}

fn line(file: &File) -> String {
    let what = match (&file.reason, &file.content_type) {
        (Some(reason), _) => reason.clone(),
        (None, Some(kind)) => format!("{kind}, {} bytes", file.bytes.unwrap_or_default()),
        (None, None) => String::new(),
    };
    format!(
        "{}  {}  {}  {}  attempts: {}  {what}",
        file.complaint,
        file.number,
        file.channel,
        state(file),
        file.attempts
    )
}
