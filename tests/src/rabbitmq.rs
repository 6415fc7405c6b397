//! A private RabbitMQ node that tests may kill.
//!
//! Everything it uses is its own: name, ports, epmd, cookie, data and log folder. Node and epmd end with their tests
//! ([`Guard`]).

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{
    fs, io,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use lapin::{Connection, ConnectionProperties};
use tokio::{
    sync::OnceCell,
    time::{Instant, sleep},
};

use crate::guard::Guard;

/// Where Debian and the upstream packages keep the scripts that do not switch to the `rabbitmq` user.
const SCRIPTS: [&str; 2] = ["/usr/lib/rabbitmq/bin", "/opt/rabbitmq/sbin"];
const START_DEADLINE: Duration = Duration::from_secs(90);

/// Runs epmd beside the node.
const SERVER: &str = r#"epmd -port "$ERL_EPMD_PORT" & exec "$0""#;

static SHARED: OnceCell<RabbitNode> = OnceCell::const_new();
static VHOSTS: AtomicU32 = AtomicU32::new(0);

/// A RabbitMQ server of our own on loopback.
pub struct RabbitNode {
    guard: Guard,
    scripts: PathBuf,
    port: u16,
    dist_port: u16,
    epmd_port: u16,
}

impl RabbitNode {
    /// A node for one test, which may kill it.
    ///
    /// # Panics
    /// If RabbitMQ is not installed or does not start.
    pub async fn launch() -> Self {
        let scripts = SCRIPTS
            .iter()
            .map(PathBuf::from)
            .find(|folder| folder.join("rabbitmq-server").exists())
            .expect("RabbitMQ is not installed (Debian: apt install rabbitmq-server)");
        let guard = Guard::new("muara-rabbit-");
        // All three are held until all are chosen, so that they differ.
        let listeners = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let [port, dist_port, epmd_port] = listeners.map(|listener| listener.local_addr().unwrap().port());
        write_configuration(guard.folder(), port);
        let node = Self { guard, scripts, port, dist_port, epmd_port };
        node.start().await;
        node
    }

    /// The node of this test run, for tests that do not kill it; each takes a [`RabbitNode::vhost`] of its own.
    pub async fn shared() -> &'static Self {
        SHARED.get_or_init(Self::launch).await
    }

    /// URL of the default virtual host.
    pub fn url(&self) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}/%2f", self.port)
    }

    /// Host and port it listens on.
    pub fn address(&self) -> std::net::SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    /// Makes a fresh virtual host whose name begins with `name`.
    pub async fn vhost(&self, name: &str) -> Vhost<'_> {
        let name = format!("{name}-{}", VHOSTS.fetch_add(1, Ordering::Relaxed));
        self.rabbitmqctl(&["add_vhost", &name]).await;
        self.rabbitmqctl(&["set_permissions", "-p", &name, "guest", ".*", ".*", ".*"]).await;
        Vhost { node: self, name }
    }

    /// Starts the node again on the same data and port, and waits until it accepts AMQP.
    ///
    /// # Panics
    /// If it does not within 90 s; the message holds its output.
    pub async fn start(&self) {
        let mut command = Command::new("sh");
        command.args(["-c", SERVER]).arg(self.scripts.join("rabbitmq-server"));
        // With this set the script becomes the Erlang machine instead of waiting for it, so that SIGKILL hits the node.
        command.env("detached", "true");
        self.configure(&mut command);
        self.guard.start(&command);

        let deadline = Instant::now() + START_DEADLINE;
        while let Err(error) = accepts(&self.url()).await {
            assert!(Instant::now() < deadline, "RabbitMQ did not start ({error}):\n{}", self.guard.said());
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// Kills the node with SIGKILL. Its data stay; [`RabbitNode::start`] brings it back.
    pub fn kill9(&self) {
        self.guard.kill9();
    }

    /// Writes the directory of quorum queues to disk. RabbitMQ 3.10 leaves that to the delayed write of DETS, about
    /// three seconds: of a node killed sooner after a queue was declared, that queue comes back empty and without a
    /// leader. Needed before [`RabbitNode::kill9`] in tests about anything older than that.
    pub async fn flush_queue_directory(&self) {
        self.rabbitmqctl(&["eval", "[ok = dets:sync(Table) || Table <- dets:all()]."]).await;
    }

    /// Shuts the node down in order, its data written.
    pub async fn stop(&self) {
        self.rabbitmqctl(&["stop_app"]).await;
        self.kill9();
    }

    /// Runs `rabbitmqctl` on this node and returns its output.
    ///
    /// # Panics
    /// If the command fails.
    pub async fn rabbitmqctl(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(self.scripts.join("rabbitmqctl"));
        self.configure(&mut command);
        command.arg("--quiet").args(arguments).stdin(Stdio::null());
        let output = tokio::process::Command::from(command).output().await.unwrap();
        assert!(
            output.status.success(),
            "rabbitmqctl {arguments:?}: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    fn configure(&self, command: &mut Command) {
        let home = self.guard.folder();
        command
            .env("HOME", home)
            // A killed machine leaves no dump in whatever folder the tests run in.
            .env("ERL_CRASH_DUMP_SECONDS", "0")
            .env("ERL_EPMD_PORT", self.epmd_port.to_string())
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .env("RABBITMQ_NODENAME", format!("muara-{}@localhost", self.port))
            .env("RABBITMQ_NODE_PORT", self.port.to_string())
            .env("RABBITMQ_DIST_PORT", self.dist_port.to_string())
            .env("RABBITMQ_MNESIA_BASE", home.join("data"))
            .env("RABBITMQ_LOG_BASE", home.join("log"))
            .env("RABBITMQ_LOGS", "-")
            .env("RABBITMQ_PID_FILE", home.join("pid"))
            .env("RABBITMQ_CONFIG_FILE", home.join("rabbitmq.conf"))
            .env("RABBITMQ_CONF_ENV_FILE", home.join("no-env.conf"))
            .env("RABBITMQ_ADVANCED_CONFIG_FILE", home.join("no-advanced.config"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", home.join("enabled_plugins"))
            // Two schedulers, and small tables instead of room for a million processes.
            .env(
                "RABBITMQ_SERVER_ERL_ARGS",
                "+P 65536 +t 1048576 +S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none",
            )
            // The guard starts and ends epmd; nothing else may, or it would outlive us.
            .env("ERL_FLAGS", "-start_epmd false -kernel inet_dist_use_interface {127,0,0,1}");
    }
}

/// A virtual host of its own on a node.
pub struct Vhost<'a> {
    node: &'a RabbitNode,
    name: String,
}

impl Vhost<'_> {
    /// Its URL.
    pub fn url(&self) -> String {
        self.url_by(self.node.address())
    }

    /// Its URL by another way to the node, such as a proxy.
    pub fn url_by(&self, address: std::net::SocketAddr) -> String {
        format!("amqp://guest:guest@{address}/{}", self.name)
    }

    /// Runs `rabbitmqctl` with `-p` of this virtual host.
    pub async fn rabbitmqctl(&self, arguments: &[&str]) -> String {
        let arguments = [arguments, &["-p", &self.name]].concat();
        self.node.rabbitmqctl(&arguments).await
    }

    /// Names of its queues.
    pub async fn queues(&self) -> Vec<String> {
        let listing = self.rabbitmqctl(&["list_queues", "--no-table-headers", "name"]).await;
        listing.lines().map(ToOwned::to_owned).collect()
    }
}

fn write_configuration(folder: &Path, port: u16) {
    let configuration = format!(
        "listeners.tcp.local = 127.0.0.1:{port}\n\
         vm_memory_high_watermark.absolute = 512MB\n\
         disk_free_limit.absolute = 1MB\n\
         raft.wal_max_size_bytes = 16777216\n\
         log.console.level = warning\n"
    );
    fs::write(folder.join("rabbitmq.conf"), configuration).unwrap();
    fs::write(folder.join("enabled_plugins"), "[].\n").unwrap();
    fs::create_dir_all(folder.join("log")).unwrap();
}

async fn accepts(url: &str) -> Result<(), io::Error> {
    let connection =
        Connection::connect(url, ConnectionProperties::default()).await.map_err(io::Error::other)?;
    connection.close(200, "OK".into()).await.map_err(io::Error::other)
}
