//! `muara outbox`: events that wait for the broker, and those it would not take.

use std::time::Duration;

use clap::Subcommand;
use uuid::Uuid;

use super::{
    CliError, ConfigFile,
    audit::{Deed, counted},
    print, with_store,
};

/// Events read from the store at a time.
const PAGE: u32 = 500;

#[derive(Debug, Subcommand)]
pub(super) enum Outbox {
    /// How many events wait, and what else does.
    Stats {
        #[command(flatten)]
        file: ConfigFile,
        /// As one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Print waiting events, one JSON object a line, oldest first. Nothing is taken out.
    Tail {
        #[command(flatten)]
        file: ConfigFile,
        /// Go on as events come.
        #[arg(long, short)]
        follow: bool,
    },
    /// List events that the broker would not take.
    ListDead {
        #[command(flatten)]
        file: ConfigFile,
        /// One JSON object a line.
        #[arg(long)]
        json: bool,
    },
    /// Put dead events back into the outbox.
    Retry {
        #[command(flatten)]
        file: ConfigFile,
        /// One event.
        #[arg(required_unless_present = "all")]
        event: Option<Uuid>,
        /// All of them.
        #[arg(long, conflicts_with = "event")]
        all: bool,
    },
}

impl Outbox {
    pub(super) fn run(self) -> Result<(), CliError> {
        match self {
            Self::Stats { file, json } => with_store(&file, async |store, _| {
                let levels = store.levels();
                if json {
                    return print(&format!("{}\n", serde_json::json!(levels)));
                }
                print(&format!(
                    "inbox        {:>10}  drafts that wait to be refined\n\
                     held         {:>10}  messages over a limit\n\
                     outbox       {:>10}  events that wait for the broker\n\
                     dead         {:>10}  events the broker would not take\n\
                     quarantined  {:>10}  bodies that could not be understood\n\
                     set aside    {:>10}  messages that are no complaints by the rules\n\
                     bytes        {:>10}  of all that waits\n",
                    levels.inbox,
                    levels.held,
                    levels.outbox,
                    levels.dead,
                    levels.quarantined,
                    levels.set_aside,
                    levels.bytes
                ))
            }),
            Self::Tail { file, follow } => with_store(&file, async |store, _| {
                let mut seen = 0;
                loop {
                    let events = store.queued(seen, PAGE).await?;
                    for event in &events {
                        print(&format!("{}\n", String::from_utf8_lossy(&event.body)))?;
                        seen = event.seq;
                    }
                    match (events.is_empty(), follow) {
                        (false, _) => {}
                        (true, false) => return Ok(()),
                        // another process writes: there is nobody to wake us
                        (true, true) => tokio::time::sleep(Duration::from_millis(500)).await,
                    }
                }
            }),
            Self::ListDead { file, json } => with_store(&file, async |store, _| {
                let dead = store.dead(u32::MAX).await?;
                for event in &dead {
                    let line = if json {
                        serde_json::json!(event).to_string()
                    } else {
                        format!(
                            "{}  {}  attempts: {}  {}  {}",
                            event.id, event.at, event.attempts, event.routing_key, event.reason
                        )
                    };
                    print(&format!("{line}\n"))?;
                }
                Ok(())
            }),
            Self::Retry { file, event, all: _ } => with_store(&file, async |store, _| {
                let deed = Deed::chosen("retry event", event, None);
                let moved = deed.audited(store, async || Ok(store.retry(event).await?), counted).await?;
                match event {
                    Some(id) if moved == 0 => Err(CliError::NoRow { what: "dead event", id }),
                    _ => print(&format!("{moved} events go again\n")),
                }
            }),
        }
    }
}
