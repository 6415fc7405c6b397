//! `muara replies`: what is said to citizens, what waits and what failed.

use clap::{Subcommand, ValueEnum};
use serde_json::json;

use super::{
    CliError, ConfigFile,
    audit::{Deed, counted},
    print, with_store,
};

/// What to do with replies.
#[derive(Debug, Subcommand)]
pub(super) enum Replies {
    /// List replies, newest first: receipts, the core CRM's replies, and answers to questions.
    List {
        #[command(flatten)]
        file: ConfigFile,
        /// Only those of this state.
        #[arg(long)]
        state: Option<State>,
        /// At most so many.
        #[arg(long, default_value_t = 100)]
        limit: u32,
        /// One JSON object a line.
        #[arg(long)]
        json: bool,
    },
    /// Send failed replies again. Pressing twice is safe.
    Retry {
        #[command(flatten)]
        file: ConfigFile,
        /// The id of one, as `list` shows it; all that failed without it.
        id: Option<String>,
    },
}

/// The states of a reply.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum State {
    Waiting,
    Sent,
    Delivered,
    Read,
    Failed,
}

impl State {
    fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Read => "read",
            Self::Failed => "failed",
        }
    }
}

impl Replies {
    pub(super) fn run(self) -> Result<(), CliError> {
        match self {
            Self::List { file, state, limit, json: as_json } => with_store(&file, async |store, _| {
                let rows = store.replies(state.map(|state| state.as_str().to_owned()), limit).await?;
                if as_json {
                    return print(&rows.iter().map(|row| format!("{}\n", json!(row))).collect::<String>());
                }
                let lines = rows.iter().map(|row| {
                    let reference =
                        row.reference.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
                    let reason = row.reason.as_deref().unwrap_or_default();
                    format!(
                        "{}  {:9}  {}  {}  attempts: {}  {}  {reason}\n",
                        row.at, row.state, row.channel, reference, row.attempts, row.id
                    )
                });
                print(&lines.collect::<String>())
            }),
            Self::Retry { file, id } => with_store(&file, async |store, _| {
                let deed = Deed::new("retry reply", vec![id.clone().unwrap_or_else(|| "all".to_owned())]);
                let count = deed.audited(store, async || Ok(store.retry_replies(id).await?), counted).await?;
                print(&format!("{count} replies will be sent again.\n"))
            }),
        }
    }
}
