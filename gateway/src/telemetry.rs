//! Logs: for people on a terminal, JSON otherwise; always to standard error, so that commands can be piped.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::{EnvFilter, fmt, prelude::*};

use crate::config::{Log, LogFormat};

/// Starts logging. A filter that cannot be read falls back to `info`, and says so. Does nothing the second time.
pub fn start(log: &Log) {
    let (filter, wrong) = match EnvFilter::try_new(&log.filter) {
        Ok(filter) => (filter, None),
        Err(error) => (EnvFilter::new("info"), Some(error)),
    };
    // the AMQP library writes returned messages out whole; the publisher says what matters of them. The IMAP library
    // writes down what it says, the password among it.
    let quiet = ["lapin=off", "async_imap=off"].into_iter().filter_map(|directive| directive.parse().ok());
    let filter = quiet.fold(filter, EnvFilter::add_directive);
    let human = match log.format {
        LogFormat::Auto => stderr().is_terminal(),
        LogFormat::Human => true,
        LogFormat::Json => false,
    };
    let (people, machines) = if human {
        (Some(fmt::layer().with_writer(stderr).with_target(false).with_ansi(stderr().is_terminal())), None)
    } else {
        (None, Some(fmt::layer().json().flatten_event(true).with_writer(stderr)))
    };
    let started = tracing_subscriber::registry().with(filter).with(people).with(machines).try_init();
    if let (Some(error), Ok(())) = (wrong, started) {
        tracing::warn!(%error, "log.filter cannot be read; logging at `info`.");
    }
}
