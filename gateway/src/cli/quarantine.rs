//! `muara quarantine`: what could not be understood, with its bytes.

use std::{io::Write, sync::Arc};

use clap::Subcommand;
use uuid::Uuid;

use super::{
    CliError, ConfigFile,
    audit::{Deed, gone},
    print, with_store,
};
use crate::{
    health::Health,
    intake::Intake,
    store::{Store, quarantine::Quarantined},
};

#[derive(Debug, Subcommand)]
pub(super) enum Quarantine {
    /// List what is kept, oldest first, with the reasons.
    List {
        #[command(flatten)]
        file: ConfigFile,
        /// Only this channel's.
        #[arg(long)]
        channel: Option<String>,
        /// One JSON object a line.
        #[arg(long)]
        json: bool,
    },
    /// Show one row. The bytes are a citizen's words: they are shown only with `--raw`.
    Show {
        #[command(flatten)]
        file: ConfigFile,
        /// The row.
        id: Uuid,
        /// Show the bytes too.
        #[arg(long)]
        raw: bool,
    },
    /// Try again after a fix. What is understood now goes its way, what is not stays.
    Replay {
        #[command(flatten)]
        file: ConfigFile,
        /// One row.
        #[arg(required_unless_present_any = ["all", "channel"])]
        id: Option<Uuid>,
        /// Those of one channel.
        #[arg(long, conflicts_with = "id")]
        channel: Option<String>,
        /// All of them.
        #[arg(long, conflicts_with_all = ["id", "channel"])]
        all: bool,
    },
    /// Throw one row away for good.
    Discard {
        #[command(flatten)]
        file: ConfigFile,
        /// The row.
        id: Uuid,
        /// Why, for the audit log.
        #[arg(long)]
        reason: String,
    },
    /// Write the bytes of one row, unchanged, to standard output.
    Export {
        #[command(flatten)]
        file: ConfigFile,
        /// The row.
        id: Uuid,
    },
}

impl Quarantine {
    pub(super) fn run(self) -> Result<(), CliError> {
        match self {
            Self::List { file, channel, json } => with_store(&file, async |store, _| {
                for row in store.quarantined(channel, u32::MAX).await? {
                    let line = if json { serde_json::json!(row).to_string() } else { words(&row) };
                    print(&format!("{line}\n"))?;
                }
                Ok(())
            }),
            Self::Show { file, id, raw } => with_store(&file, async |store, _| {
                let row = find(store, id).await?;
                print(&format!("{:#}\n", serde_json::json!(row)))?;
                if raw { print(&format!("{}\n", String::from_utf8_lossy(&row.raw))) } else { Ok(()) }
            }),
            Self::Export { file, id } => with_store(&file, async |store, _| {
                Ok(std::io::stdout().write_all(&find(store, id).await?.raw)?)
            }),
            Self::Discard { file, id, reason } => with_store(&file, async |store, _| {
                let done = Deed::new("discard", vec![id.to_string()]).because(reason);
                let discarded = done.audited(store, async || Ok(store.discard(id).await?), gone).await?;
                if discarded { Ok(()) } else { Err(CliError::NoRow { what: "quarantined row", id }) }
            }),
            Self::Replay { file, id, channel, all: _ } => with_store(&file, async |store, config| {
                let deed = Deed::chosen("replay", id, channel.as_deref());
                let rows = match id {
                    Some(id) => vec![find(store, id).await?],
                    None => store.quarantined(channel, u32::MAX).await?,
                };
                let intake = Intake::new(
                    store.clone(),
                    Arc::new(Health::default()),
                    &config.store,
                    &config.intake,
                    &config.media,
                );
                let work = async || {
                    let (mut left, mut stay) = (0_u32, 0_u32);
                    for row in rows {
                        let Some(channel) = config.channels.get(&row.channel) else {
                            print(&format!(
                                "{} stays: channel {} is not configured any more\n",
                                row.id, row.channel
                            ))?;
                            stay += 1;
                            continue;
                        };
                        let replayed = intake.replay(channel, &row).await?;
                        let messages = replayed.receipts.len();
                        if replayed.quarantined.is_some() {
                            stay += 1;
                            print(&format!(
                                "{} stays, {messages} messages of it were taken: see `muara quarantine show`\n",
                                row.id
                            ))?;
                        } else {
                            left += 1;
                            print(&format!("{} goes its way\n", row.id))?;
                        }
                    }
                    Ok((left, stay))
                };
                let words = |(left, stay): &(u32, u32)| format!("{left} rows go their way, {stay} stay");
                let done = deed.audited(store, work, words).await?;
                print(&format!("{}\n", words(&done)))
            }),
        }
    }
}

async fn find(store: &Store, id: Uuid) -> Result<Quarantined, CliError> {
    store.quarantined_row(id).await?.ok_or(CliError::NoRow { what: "quarantined row", id })
}

fn words(row: &Quarantined) -> String {
    let size = row.raw.len();
    format!("{}  {}  {}  {size} bytes  seen {}x  {}", row.id, row.at, row.channel, row.seen, row.reason)
}
