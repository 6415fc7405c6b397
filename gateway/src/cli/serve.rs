//! `muara serve`.

use std::path::Path;

use tokio::signal::unix::{SignalKind, signal};

use super::CliError;
use crate::{app::Gateway, config, telemetry};

pub(super) fn serve(file: &Path) -> Result<(), CliError> {
    let config = config::load(file)?;
    telemetry::start(&config.log);
    super::runtime()?.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut hangup = signal(SignalKind::hangup())?;
        let mut gateway = Gateway::start(config).await?;
        loop {
            tokio::select! {
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
                () = gateway.turned() => gateway.turn().await,
                _ = hangup.recv() => match config::load(file) {
                    Ok(config) => gateway.reload(config).await,
                    Err(errors) => tracing::error!("The configuration is not reloaded and stays as it was: {errors}"),
                },
            }
        }
        gateway.shutdown().await;
        Ok(())
    })
}
