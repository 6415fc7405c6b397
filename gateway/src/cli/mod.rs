//! The command line. What scripts want has `--json`; words for people go to standard error.
#![expect(clippy::print_stderr, reason = "printing is what a command line is for")]

mod aside;
mod audit;
mod channels;
mod conversations;
mod demo;
mod held;
mod media;
mod normalize;
mod outbox;
mod overdue;
mod pause;
mod quarantine;
mod replies;
mod serve;
mod trial;

use std::{io, path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};
use uuid::Uuid;

use crate::{
    app::StartError,
    config::{self, Config, ConfigError, ConfigErrors},
    contract,
    store::{self, Store, StoreError},
};

/// Muara: the channel integration gateway of a city's citizen-complaint system.
///
/// Takes complaints in from every official channel, makes one kind of record of them and passes them on to the
/// core CRM by RabbitMQ. Nothing is ever lost, and nothing is invented. To see it work: `muara demo`.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Args)]
struct ConfigFile {
    /// The configuration; `conf.d/*.toml` beside it is read too.
    #[arg(long, short, env = "MUARA_CONFIG", default_value = "muara.toml", value_name = "FILE")]
    config: PathBuf,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the gateway until SIGTERM or Ctrl-C; SIGHUP reloads the channels.
    Serve(ConfigFile),
    /// Show the whole way of about 200 reports on a throw-away gateway.
    Demo(demo::Demo),
    /// Check the configuration and list everything that is wrong.
    Check(ConfigFile),
    /// List the configured channels.
    Channels {
        #[command(flatten)]
        file: ConfigFile,
        /// An array of {id, connector, direction, auth, redelivers, state, reason, limits}.
        #[arg(long)]
        json: bool,
    },
    /// Print the documented default configuration.
    DefaultConfig,
    /// Print what is published for the other side: the JSON Schemas of the messages on the queue, the queue as AsyncAPI,
    /// HTTP as OpenAPI.
    Schema {
        /// One of them, e.g. `complaint.v1`, `asyncapi` or `openapi`; all of their names without it.
        name: Option<String>,
    },
    /// Verify, decode and normalize a captured request, print each stage, touch nothing.
    Try(trial::Trial),
    /// Normalize lines of JSON from standard input, exactly as the gateway does.
    Normalize {
        /// One object a line: {id, channel, received_at, text, lat?, lng?}.
        #[arg(long, required_unless_present = "conversations")]
        jsonl: bool,
        /// One chat a line: {id, events: [{at, sender, kind, text?, reply_to?, album?}]}; prints {id, complaints, ignored}.
        #[arg(long, conflicts_with = "jsonl")]
        conversations: bool,
    },
    /// Events that wait for the broker.
    #[command(subcommand)]
    Outbox(outbox::Outbox),
    /// What could not be understood, with its bytes.
    #[command(subcommand)]
    Quarantine(quarantine::Quarantine),
    /// The files of complaints.
    #[command(subcommand)]
    Media(media::MediaCommand),
    /// Messages over a limit.
    #[command(subcommand)]
    Held(held::HeldCommand),
    /// Thanks, greetings, advertisements: kept, and not published unless you say so.
    #[command(subcommand)]
    Aside(aside::AsideCommand),
    /// List complaints that nobody answered in their time, those first that are longest overdue.
    Overdue {
        #[command(flatten)]
        file: ConfigFile,
        /// One JSON object a line.
        #[arg(long)]
        json: bool,
    },
    /// Print a complaint's words as they were written, where its event masks numbers of persons.
    Original {
        #[command(flatten)]
        file: ConfigFile,
        /// Its reference or id.
        complaint: String,
    },
    /// What is said to citizens: what waits, what failed.
    #[command(subcommand)]
    Replies(replies::Replies),
    /// Stop a channel: it takes nothing in and sends nothing until it is resumed, also after a restart.
    Pause {
        #[command(flatten)]
        file: ConfigFile,
        /// The channel.
        channel: String,
        /// Why, for the console and the audit log.
        #[arg(long)]
        reason: String,
    },
    /// Let a channel go on that was paused.
    Resume {
        #[command(flatten)]
        file: ConfigFile,
        /// The channel.
        channel: String,
        /// Why, for the audit log.
        #[arg(long)]
        reason: Option<String>,
    },
    /// Hash a desk officer's password, read from standard input, for the configuration.
    HashPassword,
}

/// Why a command did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The configuration is wrong.
    #[error("{0}")]
    Config(#[from] ConfigErrors),
    /// One thing of the configuration is wrong.
    #[error("{0}")]
    OneConfig(#[from] ConfigError),
    /// The gateway does not start.
    #[error("{0}")]
    Start(#[from] StartError),
    /// The store fails.
    #[error("store: {0}")]
    Store(#[from] StoreError),
    /// The runtime or a signal handler cannot be set up, or a stream is closed.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// A file cannot be read.
    #[error("{}: {source}", .file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A captured request is not one.
    #[error("{0}")]
    RequestFile(#[from] crate::request_file::RequestFileError),
    /// There is no such channel.
    #[error("there is no channel `{0}`; `muara channels` lists them")]
    NoChannel(String),
    /// There is no such complaint.
    #[error("`{0}` is neither the reference nor the id of a complaint here")]
    NoComplaint(String),
    /// There is no such row.
    #[error("there is no {what} {id}")]
    NoRow {
        /// What was looked for.
        what: &'static str,
        /// Its id.
        id: Uuid,
    },
    /// There is no such schema.
    #[error("there is no schema `{name}`; there are: {known}")]
    NoSchema {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// A line of standard input is not what it should be.
    #[error("line {line}: {source}")]
    Line {
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
    /// The password cannot be hashed.
    #[error("{0}")]
    Password(#[from] crate::web::desk::session::HashError),
    /// The captured request would be refused.
    #[error("the request would be refused with {0}")]
    Refused(u16),
    /// The demonstration failed.
    #[error("{0}")]
    Demo(#[from] demo::DemoError),
}

/// Runs a command; its result is the program's exit code.
#[must_use]
pub fn main(cli: Cli) -> ExitCode {
    // one TLS provider for the whole process; an error means that it is installed already
    drop(rustls::crypto::ring::default_provider().install_default());
    match run(cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        // the reader of our output has gone away: nothing is wrong
        Err(CliError::Io(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("muara: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<(), CliError> {
    match command {
        Command::Serve(file) => serve::serve(&file.config),
        Command::Demo(demo) => demo.run(),
        Command::Check(file) => channels::check(&config::load(&file.config)?),
        Command::Channels { file, json } => channels::list(&config::load(&file.config)?, json),
        Command::DefaultConfig => print(&config::sample::sample()),
        Command::Schema { name } => schema(name),
        Command::Try(trial) => trial.run(),
        Command::Normalize { conversations: true, .. } => conversations::jsonl(),
        Command::Normalize { .. } => normalize::jsonl(),
        Command::Outbox(outbox) => outbox.run(),
        Command::Quarantine(quarantine) => quarantine.run(),
        Command::Held(held) => held.run(),
        Command::Media(media) => media.run(),
        Command::Aside(aside) => aside.run(),
        Command::Overdue { file, json } => overdue::list(&file, json),
        Command::Original { file, complaint } => aside::original(&file, &complaint),
        Command::Replies(replies) => replies.run(),
        Command::Pause { file, channel, reason } => pause::pause(&file, &channel, reason),
        Command::Resume { file, channel, reason } => pause::resume(&file, &channel, reason),
        Command::HashPassword => hash_password(),
    }
}

fn schema(name: Option<String>) -> Result<(), CliError> {
    let schemas = muara_normalizer::schema::all().into_iter();
    let schemas = schemas.map(|(file, schema)| (file, muara_normalizer::schema::to_text(&schema)));
    let documents = contract::all().into_iter();
    let documents = documents.map(|(file, document)| (file, contract::to_text(&document)));
    let published: Vec<_> = schemas.chain(documents).collect();
    let known = || published.iter().map(|(file, _)| file.trim_end_matches(".json"));
    match name {
        None => print(&known().map(|name| format!("{name}\n")).collect::<String>()),
        Some(name) => match published.iter().find(|(file, _)| file.trim_end_matches(".json") == name) {
            Some((_, text)) => print(text),
            None => Err(CliError::NoSchema { name, known: known().collect::<Vec<_>>().join(", ") }),
        },
    }
}

fn hash_password() -> Result<(), CliError> {
    let mut password = String::new();
    io::stdin().read_line(&mut password)?;
    let hash = crate::web::desk::session::hash_password(password.trim_end_matches(['\n', '\r']))?;
    print(&format!("{hash}\n"))
}

/// Prints to standard output; a closed pipe is an error, not a panic.
fn print(text: &str) -> Result<(), CliError> {
    use io::Write;
    Ok(io::stdout().write_all(text.as_bytes())?)
}

fn runtime() -> Result<tokio::runtime::Runtime, CliError> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}

/// Opens the configured store for a command. A gateway that runs on it may go on.
fn with_store<T>(
    file: &ConfigFile,
    work: impl AsyncFnOnce(&Store, &Config) -> Result<T, CliError>,
) -> Result<T, CliError> {
    let config = config::load(&file.config)?;
    runtime()?.block_on(async {
        let store = Store::open(&store::Settings::from_url(&config.store.url, &config.base)?)?;
        let result = work(&store, &config).await;
        store.close().await;
        result
    })
}
