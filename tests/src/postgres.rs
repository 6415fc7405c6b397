//! A private PostgreSQL server that tests may kill.
//!
//! Port, data and user are its own, and it ends with its tests ([`Guard`]). PostgreSQL refuses to run as root: a root's tests
//! run it as `nobody`.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{
    fs,
    io::Write,
    net::TcpListener,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use muara::store::{Settings, Store};
use tokio::{
    sync::OnceCell,
    time::{Instant, sleep, timeout},
};

use crate::{
    gateway::{Gateway, PATIENCE},
    guard::Guard,
};

const START_DEADLINE: Duration = Duration::from_secs(60);

static SHARED: OnceCell<PostgresServer> = OnceCell::const_new();
static DATABASES: AtomicU32 = AtomicU32::new(0);

/// A PostgreSQL server of our own on loopback.
pub struct PostgresServer {
    guard: Guard,
    binaries: PathBuf,
    port: u16,
}

impl PostgresServer {
    /// A server for one test, which may kill it.
    ///
    /// # Panics
    /// If PostgreSQL is not installed or does not start.
    pub async fn launch() -> Self {
        let server = Self::new();
        server.start().await;
        server
    }

    /// A server that speaks TLS, with a certificate of its own for 127.0.0.1; its file, too.
    ///
    /// # Panics
    /// As [`PostgresServer::launch`], or without openssl.
    pub async fn encrypted() -> (Self, PathBuf) {
        let server = Self::new();
        let certificate = server.data().join("server.crt");
        let mut openssl = server.by_its_user(Path::new("openssl"));
        openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]);
        openssl.args(["-days", "2", "-subj", "/CN=postgres", "-addext", "subjectAltName=IP:127.0.0.1"]);
        openssl.args(["-addext", "basicConstraints=critical,CA:FALSE", "-keyout"]);
        openssl.arg(server.data().join("server.key")).arg("-out").arg(&certificate).stderr(Stdio::null());
        assert!(openssl.status().unwrap().success());
        let mut settings =
            fs::OpenOptions::new().append(true).open(server.data().join("postgresql.conf")).unwrap();
        settings.write_all(b"ssl = on\n").unwrap();
        server.start().await;
        (server, certificate)
    }

    fn new() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let server = Self { guard: Guard::new("muara-postgres-"), binaries: binaries(), port };
        server.init();
        server
    }

    /// The server of this test run, for tests that do not kill it; each takes a [`PostgresServer::database`] of its own.
    pub async fn shared() -> &'static Self {
        SHARED.get_or_init(Self::launch).await
    }

    /// As [`PostgresServer::shared`], for what is not a task.
    ///
    /// # Panics
    /// As that.
    pub fn shared_now() -> &'static Self {
        let shared = || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(Self::shared())
        };
        std::thread::spawn(shared).join().unwrap()
    }

    fn init(&self) {
        if is_root() {
            let owned = Command::new("chown").arg("nobody").arg(self.guard.folder()).status().unwrap();
            assert!(owned.success());
        }
        let mut init = self.command("initdb");
        init.args(["--username", "muara", "--auth", "trust", "--encoding", "UTF8", "--locale", "C.UTF-8"]);
        let output = init.arg("--no-sync").arg("-D").arg(self.data()).output().unwrap();
        assert!(output.status.success(), "initdb: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Starts the server again on the same data and port, and waits until it answers.
    ///
    /// # Panics
    /// If it does not within a minute; the message holds its output.
    pub async fn start(&self) {
        let deadline = Instant::now() + START_DEADLINE;
        loop {
            let mut serve = self.command("postgres");
            serve.arg("-D").arg(self.data()).arg("-p").arg(self.port.to_string());
            // what a killed process wrote the system still has: only the machine's end would lose it
            for setting in [
                "listen_addresses=127.0.0.1",
                "unix_socket_directories=",
                "max_connections=400",
                "fsync=off",
                "shared_buffers=32MB",
            ] {
                serve.args(["-c", setting]);
            }
            self.guard.start(&serve);
            while Instant::now() < deadline {
                if self.psql("postgres", "SELECT 1").is_ok() {
                    return;
                }
                let said = self.guard.said();
                // the killed one's last child has not gone yet
                if said.contains("database system is shut down")
                    || said.contains("pre-existing shared memory")
                {
                    break;
                }
                sleep(Duration::from_millis(50)).await;
            }
            assert!(Instant::now() < deadline, "PostgreSQL did not start:\n{}", self.guard.said());
            self.kill9();
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// Kills the server with SIGKILL. Its data stay; [`PostgresServer::start`] brings it back.
    pub fn kill9(&self) {
        self.guard.kill9();
    }

    /// Makes a fresh database.
    ///
    /// # Panics
    /// If it cannot be made.
    pub fn database(&self) -> Database<'_> {
        let name = format!("muara_{}", DATABASES.fetch_add(1, Ordering::Relaxed));
        self.psql("postgres", &format!("CREATE DATABASE {name}")).unwrap();
        Database { server: self, name }
    }

    fn psql(&self, database: &str, sql: &str) -> Result<String, String> {
        let mut psql = Command::new(self.binaries.join("psql"));
        psql.args(["-h", "127.0.0.1", "-U", "muara", "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", sql, database]);
        let output = psql.arg("-p").arg(self.port.to_string()).stdin(Stdio::null()).output().unwrap();
        if output.status.success() {
            Ok(String::from_utf8(output.stdout).unwrap())
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    }

    fn data(&self) -> PathBuf {
        self.guard.folder().join("data")
    }

    fn command(&self, name: &str) -> Command {
        self.by_its_user(&self.binaries.join(name))
    }

    fn by_its_user(&self, program: &Path) -> Command {
        if !is_root() {
            return Command::new(program);
        }
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "nobody", "--regid", "nogroup", "--clear-groups", "--"]).arg(program);
        command
    }
}

/// A database of its own on a server.
pub struct Database<'a> {
    server: &'a PostgresServer,
    name: String,
}

impl Database<'_> {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its URL.
    pub fn url(&self) -> String {
        self.url_by(([127, 0, 0, 1], self.server.port).into())
    }

    /// Its URL by another way to the server, such as a proxy.
    pub fn url_by(&self, address: std::net::SocketAddr) -> String {
        format!("postgres://muara:rahasia@{address}/{}?sslmode=disable", self.name)
    }

    /// Its URL with another word on TLS than `sslmode=disable`.
    pub fn url_with(&self, tls: &str) -> String {
        self.url().replace("sslmode=disable", tls)
    }

    /// Runs statements in it; what the last one prints, a line for each row.
    ///
    /// # Panics
    /// If they fail.
    pub fn run(&self, sql: &str) -> String {
        self.server.psql(&self.name, sql).unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// Cuts the connections by which is written into the store of this database, as a firewall or a restart of the server does
    /// it, and waits until a gateway that leads has noticed.
    ///
    /// # Panics
    /// If it does not.
    pub async fn cut_off(&self, leading: &Store) {
        let mut term = leading.watch_term();
        term.mark_unchanged();
        self.run(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND database =
             (SELECT oid FROM pg_database WHERE datname = current_database())",
        );
        timeout(PATIENCE, term.changed()).await.expect("it never noticed").unwrap();
    }

    /// The number that a statement prints.
    ///
    /// # Panics
    /// If it prints none.
    pub fn number(&self, sql: &str) -> i64 {
        self.run(sql).trim().parse().unwrap()
    }
}

/// Waits until a gateway leads by this store; the store for its term.
///
/// # Panics
/// If none does.
pub async fn leads(store: &Store) -> Store {
    let mut term = store.watch_term();
    timeout(PATIENCE, term.wait_for(Option::is_some)).await.expect("nobody leads").unwrap();
    store.leading().unwrap()
}

/// The store of a gateway, opened beside it: its file, or its database.
///
/// # Panics
/// If it cannot be opened.
pub fn store_of(gateway: &Gateway) -> Store {
    let config: toml::Table = fs::read_to_string(gateway.config()).unwrap().parse().unwrap();
    let url = config.get("store").and_then(|store| store.get("url")).and_then(toml::Value::as_str);
    let url = url.unwrap_or("sqlite://muara.db");
    Store::open(&Settings::from_url(url, gateway.folder()).unwrap()).unwrap()
}

/// Where Debian's package keeps the programs of the newest version, or where the path finds them.
fn binaries() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<_> = versions
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse::<u32>().ok()?, entry.path())))
        .collect();
    versions.sort();
    let debian = versions.pop().map(|(_, folder)| folder.join("bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    debian
        .into_iter()
        .chain(std::env::split_paths(&path))
        .find(|folder| folder.join("initdb").exists())
        .expect("PostgreSQL is not installed (Debian: apt install postgresql)")
}

fn is_root() -> bool {
    fs::metadata(Path::new("/proc/self")).unwrap().uid() == 0
}
