//! `muara held`: messages over a limit.

use clap::Subcommand;
use uuid::Uuid;

use super::{
    CliError, ConfigFile,
    audit::{Deed, counted},
    print, with_store,
};

#[derive(Debug, Subcommand)]
pub(super) enum HeldCommand {
    /// List held messages, those first that are let through first.
    List {
        #[command(flatten)]
        file: ConfigFile,
        /// One JSON object a line.
        #[arg(long)]
        json: bool,
    },
    /// Let held messages through now, whatever their limit says.
    Release {
        #[command(flatten)]
        file: ConfigFile,
        /// One message, by its complaint's id.
        #[arg(required_unless_present_any = ["all", "channel"])]
        id: Option<Uuid>,
        /// Those of one channel.
        #[arg(long, conflicts_with = "id")]
        channel: Option<String>,
        /// All of them.
        #[arg(long, conflicts_with_all = ["id", "channel"])]
        all: bool,
    },
}

impl HeldCommand {
    pub(super) fn run(self) -> Result<(), CliError> {
        match self {
            Self::List { file, json } => with_store(&file, async |store, _| {
                for held in store.held(None, u32::MAX).await? {
                    let line = if json {
                        serde_json::json!(held).to_string()
                    } else {
                        format!("{}  {}  until {}  {}", held.id, held.channel, held.release_at, held.reason)
                    };
                    print(&format!("{line}\n"))?;
                }
                Ok(())
            }),
            Self::Release { file, id, channel, all: _ } => with_store(&file, async |store, _| {
                let chosen = store.held(None, u32::MAX).await?.into_iter().filter(|held| {
                    id.is_none_or(|id| held.id.0 == id)
                        && channel.as_ref().is_none_or(|channel| held.channel == *channel)
                });
                let chosen: Vec<_> = chosen.map(|held| held.serial).collect();
                let deed = Deed::chosen("release", id, channel.as_deref());
                let released =
                    deed.audited(store, async || Ok(store.release(chosen).await?), counted).await?;
                match id {
                    Some(id) if released == 0 => Err(CliError::NoRow { what: "held message", id }),
                    _ => print(&format!("{released} messages are let through\n")),
                }
            }),
        }
    }
}
