//! `muara pause` and `muara resume`: a channel stands, or goes on. A running gateway sees it within a second or two.

use muara_normalizer::ChannelId;

use super::{
    CliError, ConfigFile,
    audit::{self, Deed},
    print, with_store,
};
use crate::config::Config;

/// Stops a channel.
pub(super) fn pause(file: &ConfigFile, channel: &str, reason: String) -> Result<(), CliError> {
    with_store(file, async |store, config| {
        let id = known(config, channel)?;
        let deed = Deed::new("pause channel", vec![channel.to_owned()]).because(reason.clone());
        let work = async || Ok(store.pause(&id, &audit::who(), &reason).await?);
        let stopped = deed.audited(store, work, so_already).await?;
        print(if stopped { "It is paused.\n" } else { "It was paused already; its first reason stays.\n" })
    })
}

/// Lets a channel go on.
pub(super) fn resume(file: &ConfigFile, channel: &str, reason: Option<String>) -> Result<(), CliError> {
    with_store(file, async |store, config| {
        let id = known(config, channel)?;
        let mut deed = Deed::new("resume channel", vec![channel.to_owned()]);
        if let Some(reason) = reason {
            deed = deed.because(reason);
        }
        let resumed = deed.audited(store, async || Ok(store.resume(&id).await?), so_already).await?;
        print(if resumed { "It goes on.\n" } else { "It was not paused.\n" })
    })
}

fn known(config: &Config, channel: &str) -> Result<ChannelId, CliError> {
    let known = config.channels.get(channel);
    Ok(known.ok_or_else(|| CliError::NoChannel(channel.to_owned()))?.id.clone())
}

fn so_already(changed: &bool) -> String {
    if *changed { "done" } else { "was so already" }.to_owned()
}
