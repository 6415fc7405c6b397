//! `muara demo`: the whole way of some 200 reports on a throw-away gateway, played through HTTP.

mod finished;
mod past;
mod table;
mod traffic;

use std::{
    io::IsTerminal,
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener},
    path::PathBuf,
    time::Duration,
};

use clap::Args;

use super::{CliError, print};
use crate::{
    app::{Gateway, StartError},
    config, telemetry,
    web::desk::session,
};

/// The desk officer of the demonstration.
const OFFICER: &str = "siti";
const PASSWORD: &str = "muara-demo";
/// Who looks at the console of the demonstration, with the same password.
const OPERATOR: &str = "operator";
/// How often the table is drawn.
const FRAME: Duration = Duration::from_millis(250);

/// The arguments of `muara demo`.
#[derive(Debug, Args)]
pub(super) struct Demo {
    /// End after the reports are played; without it the gateway stays up until Ctrl-C.
    #[arg(long)]
    exit: bool,
    /// How many reports to play.
    #[arg(long, default_value_t = 200)]
    reports: u32,
    /// Publish to this RabbitMQ instead of keeping the events in the outbox.
    #[arg(long, env = "MUARA_BROKER_URL", value_name = "AMQP-URL", hide_env_values = true)]
    broker: Option<String>,
}

/// Why the demonstration fails.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// Its own gateway does not answer.
    #[error("the demonstration's own gateway does not answer: {0}")]
    Http(#[from] reqwest::Error),
    /// The broker does not let itself be watched.
    #[error("the broker cannot be watched: {0}")]
    Broker(#[from] lapin::Error),
    /// The gateway answered with a status that the demonstration does not expect.
    #[error("{what} was answered {got}, expected {expected}")]
    Answer {
        /// What was sent.
        what: &'static str,
        /// The answer.
        got: u16,
        /// What should have come.
        expected: u16,
    },
    /// What went before the demonstration cannot be written.
    #[error("the demonstration's past cannot be written: {0}")]
    Past(rusqlite::Error),
    /// The temporary folder cannot be made.
    #[error("{}: {source}", .folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
}

/// A folder that goes away with the demonstration.
struct Scratch(PathBuf);

impl Scratch {
    fn make() -> Result<Self, DemoError> {
        let folder = std::env::temp_dir().join(format!("muara-demo-{}", uuid::Uuid::now_v7().simple()));
        match std::fs::create_dir_all(&folder) {
            Ok(()) => Ok(Self(folder)),
            Err(source) => Err(DemoError::Folder { folder, source }),
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // what is left in the temporary folder harms nobody
        drop(std::fs::remove_dir_all(&self.0));
    }
}

impl Demo {
    pub(super) fn run(self) -> Result<(), CliError> {
        telemetry::start(&config::Log { filter: "error".to_owned(), format: config::LogFormat::Human });
        let scratch = Scratch::make()?;
        super::runtime()?.block_on(self.play(&scratch))
    }

    async fn play(self, scratch: &Scratch) -> Result<(), CliError> {
        let start = async |ports: [SocketAddr; 2]| -> Result<_, CliError> {
            let config = config::parse(&self.config(ports)?, &scratch.0, &|_| None)?;
            Ok(Gateway::start(config).await)
        };
        let gateway = match start([free(8080), free(8081)]).await? {
            // somebody was faster
            Err(StartError::Listen { .. }) => start([ANY_PORT; 2]).await?,
            started => started,
        }?;
        print(&format!(
            "Muara takes messages in on http://{} and keeps them in {}.\n\
             Playing {} reports through HTTP: signed, forged, malformed, delivered twice, in batches ...\n\n",
            gateway.public,
            gateway.store.file().unwrap_or(&scratch.0).display(),
            self.reports
        ))?;
        let finished = finished::Finished::watch(&gateway, self.broker.as_deref()).await?;
        let traffic = traffic::play(gateway.public, self.reports);
        let published = self.broker.is_some();
        let board = table::Board::new(gateway.internal, published, std::io::stdout().is_terminal());
        let (played, ()) = tokio::join!(traffic, board.show_until_quiet(FRAME));
        let sent = played?;
        board.last(&sent).await?;

        print("\nThree of the finished complaints, as the core CRM reads them:\n")?;
        for event in finished.first(&gateway, 3).await? {
            print(&format!("{event:#}\n"))?;
        }
        if self.exit {
            gateway.shutdown().await;
            return Ok(());
        }
        past::tell(&gateway).await?;
        print(&format!(
            "\nA year of complaints was made up for the report. The gateway stays up. Open\n  \
             http://{}/desk/kelurahan   the walk-in desk: user {OFFICER}, password {PASSWORD}\n  \
             http://{}/                 the console: user {OPERATOR}, password {PASSWORD}\n  \
             http://{}/health           how each channel is\n  \
             http://{}/metrics          the figures above\n\
             Ctrl-C ends it and removes everything.\n",
            gateway.public, gateway.internal, gateway.internal, gateway.internal
        ))?;
        tokio::signal::ctrl_c().await?;
        gateway.shutdown().await;
        Ok(())
    }

    /// The embedded configuration with these addresses, an officer and perhaps a broker.
    fn config(&self, [public, internal]: [SocketAddr; 2]) -> Result<String, CliError> {
        let hash = session::hash_password(PASSWORD)?;
        let broker =
            self.broker.as_ref().map(|url| format!("[broker]\nurl = {}\n", toml::Value::from(url.as_str())));
        Ok(format!(
            "{}\n[channels.kelurahan.officers.{OFFICER}]\nname = \"Siti Aminah\"\noffice = \"menteng\"\n\
             password_hash = \"{hash}\"\n[console.users.{OPERATOR}]\nname = \"Operator of the demonstration\"\nrole = \"admin\"\n\
             password_hash = \"{hash}\"\n[listen]\npublic = \"{public}\"\ninternal = \"{internal}\"\n{}",
            include_str!("../../../demo/demo.toml"),
            broker.unwrap_or_default()
        ))
    }
}

/// One that the system chooses.
const ANY_PORT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// The usual port if nobody has it, else one that the system chooses.
fn free(port: u16) -> SocketAddr {
    let usual = SocketAddr::from(([127, 0, 0, 1], port));
    if TcpListener::bind(usual).is_ok() { usual } else { ANY_PORT }
}
