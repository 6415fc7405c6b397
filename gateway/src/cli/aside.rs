//! `muara aside`: messages that are no complaints by the rules.

use clap::Subcommand;
use muara_normalizer::Draft;
use uuid::Uuid;

use super::{
    CliError, ConfigFile,
    audit::{Deed, counted},
    print, with_store,
};

#[derive(Debug, Subcommand)]
pub(super) enum AsideCommand {
    /// List thanks, greetings, advertisements … that were not published, newest first.
    List {
        #[command(flatten)]
        file: ConfigFile,
        /// Those of one channel.
        #[arg(long)]
        channel: Option<String>,
        /// Those taken for one thing: greeting, thanks, chatter, advertisement, fraud, chain_message, auto_reply,
        /// announcement, question.
        #[arg(long)]
        reason: Option<String>,
        /// One JSON object a line.
        #[arg(long)]
        json: bool,
    },
    /// Show the words of one, as they were written.
    Show {
        #[command(flatten)]
        file: ConfigFile,
        /// Its id.
        id: Uuid,
    },
    /// Publish them all the same, flagged as what they are taken for.
    Release {
        #[command(flatten)]
        file: ConfigFile,
        /// One message.
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

impl AsideCommand {
    pub(super) fn run(self) -> Result<(), CliError> {
        match self {
            Self::List { file, channel, reason, json } => with_store(&file, async |store, _| {
                for aside in store.set_aside(channel, reason, u32::MAX).await? {
                    let line = if json {
                        serde_json::json!(aside).to_string()
                    } else {
                        format!("{}  {}  {}  {}", aside.id, aside.channel, aside.received_at, aside.reason)
                    };
                    print(&format!("{line}\n"))?;
                }
                Ok(())
            }),
            Self::Show { file, id } => with_store(&file, async |store, _| {
                let all = store.set_aside(None, None, u32::MAX).await?;
                let aside = all.into_iter().find(|aside| aside.id.0 == id);
                let aside = aside.ok_or(CliError::NoRow { what: "message that is set aside", id })?;
                let draft: Draft = serde_json::from_slice(&aside.draft).unwrap_or_default();
                let title = draft.title.map(|title| format!("{title}\n")).unwrap_or_default();
                print(&format!("{}  {}\n{title}{}\n", aside.channel, aside.reason, draft.text))
            }),
            Self::Release { file, id, channel, all: _ } => with_store(&file, async |store, _| {
                let deed = Deed::chosen("let through", id, channel.as_deref());
                let work = async || Ok(store.let_through(id, channel).await?);
                let released = deed.audited(store, work, counted).await?;
                match id {
                    Some(id) if released == 0 => {
                        Err(CliError::NoRow { what: "message that is set aside", id })
                    }
                    _ => print(&format!("{released} messages are published\n")),
                }
            }),
        }
    }
}

/// Prints what was written in the messages of a complaint.
pub(super) fn original(file: &ConfigFile, complaint: &str) -> Result<(), CliError> {
    with_store(file, async |store, _| {
        let id = match complaint.parse::<Uuid>() {
            Ok(id) => Some(muara_normalizer::ComplaintId(id)),
            Err(_) => match complaint.parse() {
                Ok(reference) => store
                    .correspondence(muara_normalizer::reply::Answered::Reference(reference))
                    .await?
                    .map(|known| known.complaint),
                Err(_) => None,
            },
        };
        let id = id.ok_or_else(|| CliError::NoComplaint(complaint.to_owned()))?;
        let originals = store.originals(id).await?;
        if originals.is_empty() {
            return print("Nothing of it is kept: its event shows the words as they were written.\n");
        }
        originals.iter().try_for_each(|one| print(&format!("{}\n{}\n", one.received_at, one.text)))
    })
}
