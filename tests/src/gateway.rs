//! The real `muara` program as a process that tests may kill, start again and talk to.
//!
//! It runs under `setpriv --pdeathsig KILL`: when the thread that started it is gone, in whatever way, so is the
//! gateway. Its standard error is read line by line, so that a test can wait for what the program says.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{ExitStatus, Output, Stdio},
    sync::{
        Arc, Mutex, Once, OnceLock,
        atomic::{AtomicU16, Ordering},
    },
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::{Child, ChildStderr, Command},
    sync::watch,
    time::{Instant, sleep, timeout},
};

use crate::{postgres::PostgresServer, reports::Signed};

/// Nothing that is waited for in these tests takes as long, unless it never comes.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks at something that cannot be waited for.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// Where `muara` is: `MUARA_BIN`, or beside the test program.
///
/// # Panics
/// If it is not there.
pub fn program() -> PathBuf {
    let program = std::env::var_os("MUARA_BIN").map_or_else(
        || {
            let test = std::env::current_exe().unwrap();
            test.ancestors().nth(2).unwrap().join("muara")
        },
        PathBuf::from,
    );
    assert!(
        program.is_file(),
        "{} is not there: run ./tests/run, which builds it, or point MUARA_BIN to it",
        program.display()
    );
    program
}

/// An HTTP client that gives up soon, as vendors do.
///
/// # Panics
/// If the system has no sockets.
pub fn client() -> reqwest::Client {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        // an error means that another part of this process installed one
        crate::install_tls_provider();
    });
    reqwest::Client::builder().timeout(Duration::from_secs(10)).build().unwrap()
}

/// A port below those that the system gives to outgoing connections: while the gateway is down, no client of ours
/// may happen to get it.
fn port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = u16::try_from(std::process::id() % 1200).unwrap() * 16;
    loop {
        let port = 12_000 + (start + NEXT.fetch_add(1, Ordering::Relaxed)) % 20_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// What the program wrote to standard error, over all its starts.
#[derive(Clone)]
pub struct Log {
    lines: Arc<Mutex<Vec<String>>>,
    count: watch::Sender<usize>,
}

impl Log {
    fn new() -> Self {
        Self { lines: Arc::default(), count: watch::Sender::new(0) }
    }

    fn follow(&self, stderr: ChildStderr) {
        let log = self.clone();
        tokio::spawn(async move {
            let mut lines = BufReader::new(stderr).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                log.lines.lock().unwrap().push(line);
                log.count.send_modify(|count| *count += 1);
            }
        });
    }

    /// All lines.
    pub fn text(&self) -> String {
        self.lines.lock().unwrap().join("\n")
    }

    /// How many lines there are.
    pub fn len(&self) -> usize {
        *self.count.borrow()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Waits for a line after the first `after` that holds `words`, and returns it.
    ///
    /// # Panics
    /// If it does not come; the message holds the log.
    pub async fn line(&self, after: usize, words: &str) -> String {
        let mut count = self.count.subscribe();
        let found = timeout(PATIENCE, async {
            loop {
                count.borrow_and_update();
                let found =
                    self.lines.lock().unwrap().iter().skip(after).find(|line| line.contains(words)).cloned();
                match found {
                    Some(line) => return line,
                    None => count.changed().await.unwrap(),
                }
            }
        });
        match found.await {
            Ok(line) => line,
            Err(_) => panic!("the log never said `{words}`:\n{}", self.text()),
        }
    }
}

/// A gateway with a folder and ports of its own.
pub struct Gateway {
    folder: TempDir,
    public: u16,
    internal: u16,
    child: Option<Child>,
    env: Vec<(String, String)>,
    log: Log,
    /// Talks to it.
    pub http: reqwest::Client,
    /// Where its store is if that is on a server by `MUARA_TEST_STORE`.
    database_url: OnceLock<String>,
}

impl Gateway {
    /// A gateway with this configuration, not started. `[listen]` is added.
    ///
    /// # Panics
    /// If its folder cannot be made.
    pub fn new(config: &str) -> Self {
        let gateway = Self {
            folder: tempfile::Builder::new().prefix("muara-").tempdir().unwrap(),
            public: port(),
            internal: port(),
            child: None,
            env: Vec::new(),
            log: Log::new(),
            http: client(),
            database_url: OnceLock::new(),
        };
        gateway.configure(config);
        gateway
    }

    /// A gateway with this configuration, ready.
    ///
    /// # Panics
    /// If it does not become ready.
    pub async fn launch(config: &str) -> Self {
        let mut gateway = Self::new(config);
        gateway.start().await;
        gateway
    }

    /// Sets a variable of its environment, for later starts.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Its folder, which holds configuration, store and keys.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Its configuration.
    pub fn config(&self) -> PathBuf {
        self.folder().join("muara.toml")
    }

    /// Its database, where the configuration does not say otherwise.
    pub fn database(&self) -> PathBuf {
        self.folder().join("muara.db")
    }

    /// Writes another configuration, which it takes up when it starts or is told to reload.
    ///
    /// # Panics
    /// If the file cannot be written.
    pub fn configure(&self, config: &str) {
        let (public, internal) = (self.public, self.internal);
        let mut listen =
            format!("[listen]\npublic = \"127.0.0.1:{public}\"\ninternal = \"127.0.0.1:{internal}\"\n");
        // the photos of most reports here do not exist
        if !config.contains("[media]") {
            listen += "[media]\nfetch = false\n";
        }
        // each message of a chat is a complaint of its own, where it is not about that
        if !config.contains("[gather]") {
            listen += "[gather]\nenabled = false\n";
        }
        fs::write(self.config(), format!("{listen}\n{}\n{config}", self.store_elsewhere(config))).unwrap();
    }

    /// With `MUARA_TEST_STORE=postgres` every gateway whose configuration does not say where its store is has it on a server:
    /// so the whole way runs there, too. Tests that look into the file fail then.
    fn store_elsewhere(&self, config: &str) -> String {
        if std::env::var("MUARA_TEST_STORE").as_deref() != Ok("postgres") || config.contains("[store]") {
            return String::new();
        }
        let url = self.database_url.get_or_init(|| PostgresServer::shared_now().database().url());
        format!("[store]\nurl = \"{url}\"\n")
    }

    /// Starts it on its folder and ports, and waits until it says where it listens.
    ///
    /// # Panics
    /// If it ends or says nothing.
    pub async fn start(&mut self) {
        assert!(self.child.is_none(), "the gateway is running already");
        let mut child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--"])
            .arg(program())
            .args(["serve", "--config"])
            .arg(self.config())
            .envs(self.env.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("setpriv is not installed (Debian: apt install util-linux)");
        let after = self.log.len();
        self.log.follow(child.stderr.take().unwrap());
        let log = self.log.clone();
        tokio::select! {
            line = log.line(after, "\"public\":") => {
                let line: Value = serde_json::from_str(&line).unwrap();
                assert_eq!(line["public"], format!("127.0.0.1:{}", self.public));
            }
            status = child.wait() => panic!("the gateway ended ({}):\n{}", status.unwrap(), log.text()),
        }
        self.child = Some(child);
    }

    /// Starts it where it must not start: waits for its end and returns the exit status.
    ///
    /// # Panics
    /// If it goes on.
    pub async fn fails_to_start(&self) -> (ExitStatus, String) {
        let output = self.muara(&["serve", "--config", self.config().to_str().unwrap()]).await;
        (output.status, String::from_utf8(output.stderr).unwrap())
    }

    /// Kills it with SIGKILL.
    ///
    /// # Panics
    /// If it does not run.
    pub async fn kill9(&mut self) {
        self.child.take().expect("the gateway does not run").kill().await.unwrap();
    }

    /// Asks it to stop with SIGTERM and waits for its end.
    ///
    /// # Panics
    /// If it does not run, or does not end within two minutes.
    pub async fn terminate(&mut self) -> (ExitStatus, Duration) {
        let begin = Instant::now();
        self.signal("TERM").await;
        let mut child = self.child.take().unwrap();
        let Ok(status) = timeout(Duration::from_secs(120), child.wait()).await else {
            panic!("the gateway does not end:\n{}", self.log.text());
        };
        (status.unwrap(), begin.elapsed())
    }

    /// Asks it to reload with SIGHUP.
    ///
    /// # Panics
    /// If it does not run.
    pub async fn hangup(&self) {
        self.signal("HUP").await;
    }

    /// Sends it a signal by its short name.
    ///
    /// # Panics
    /// If it does not run.
    pub async fn signal(&self, name: &str) {
        let pid = self.child.as_ref().expect("the gateway does not run").id().unwrap().to_string();
        let status =
            Command::new("sh").args(["-c", "kill -s \"$0\" \"$1\"", name, &pid]).status().await.unwrap();
        assert!(status.success());
    }

    /// What it said.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// The address of a path on its public listener.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.public)
    }

    /// The address of a path on its internal listener.
    pub fn internal_url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.internal)
    }

    /// Its public listener.
    pub fn address(&self) -> std::net::SocketAddr {
        ([127, 0, 0, 1], self.public).into()
    }

    /// Posts a signed body to a channel.
    ///
    /// # Errors
    /// As a vendor would see them.
    pub async fn post(&self, channel: &str, report: &Signed) -> reqwest::Result<reqwest::Response> {
        report.post(&self.http, &self.url(&format!("/in/{channel}"))).await
    }

    /// Posts a signed body that must be accepted; returns the answer.
    ///
    /// # Panics
    /// If it is not answered 202.
    pub async fn accepted(&self, channel: &str, report: &Signed) -> Value {
        let response = self.post(channel, report).await.unwrap();
        let status = response.status();
        let body = response.text().await.unwrap();
        assert_eq!(status, 202, "{body}");
        serde_json::from_str(&body).unwrap()
    }

    /// Gets a path of its internal listener: status and body.
    ///
    /// # Panics
    /// If it does not answer.
    pub async fn get(&self, path: &str) -> (u16, String) {
        let url = format!("http://127.0.0.1:{}{path}", self.internal);
        let response = self.http.get(url).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    /// Its `/health`.
    ///
    /// # Panics
    /// If it does not answer.
    pub async fn health(&self) -> Value {
        serde_json::from_str(&self.get("/health").await.1).unwrap()
    }

    /// The health of one channel.
    ///
    /// # Panics
    /// If there is no such channel.
    pub async fn channel_health(&self, id: &str) -> Value {
        let health = self.health().await;
        health["channels"].as_array().unwrap().iter().find(|channel| channel["id"] == id).unwrap().clone()
    }

    /// Waits until `/health` is as wanted, and returns it.
    ///
    /// # Panics
    /// If it never is.
    pub async fn healthy_when(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let health = self.health().await;
            if wanted(&health) {
                return health;
            }
            assert!(Instant::now() < deadline, "never {what}: {health:#}\n{}", self.log.text());
            sleep(LOOK_AGAIN).await;
        }
    }

    /// Waits until the broker's state has this name.
    ///
    /// # Panics
    /// If it never has.
    pub async fn broker_is(&self, state: &str) -> Value {
        self.healthy_when(&format!("broker {state}"), |health| health["broker"]["state"] == state).await
    }

    /// Waits until a channel's state has this name, and returns its health.
    ///
    /// # Panics
    /// If it never has.
    pub async fn channel_is(&self, id: &str, state: &str) -> Value {
        let place = |health: &Value| {
            health["channels"].as_array().unwrap().iter().find(|channel| channel["id"] == id).cloned()
        };
        let wanted = |health: &Value| place(health).is_some_and(|channel| channel["state"] == state);
        place(&self.healthy_when(&format!("channel {id} {state}"), wanted).await).unwrap()
    }

    /// Waits until this many rows wait in a place: inbox, held, outbox, dead, quarantined.
    ///
    /// # Panics
    /// If it never comes to that.
    pub async fn waiting(&self, place: &str, count: u64) {
        let wanted = |health: &Value| health["store"]["waiting"][place] == count;
        self.healthy_when(&format!("{count} in {place}"), wanted).await;
    }

    /// The value of a metric: the sum over all series that have these labels (as `name="value"`).
    ///
    /// # Panics
    /// If `/metrics` cannot be read.
    pub async fn metric(&self, name: &str, labels: &[&str]) -> f64 {
        let (_, text) = self.get("/metrics").await;
        let series = text.lines().filter(|line| {
            line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']))
                && labels.iter().all(|label| line.contains(label))
        });
        series.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
    }

    /// Runs a command of the program.
    ///
    /// # Panics
    /// If it cannot be run.
    pub async fn muara(&self, arguments: &[&str]) -> Output {
        self.muara_with_input(arguments, b"").await
    }

    /// Runs a command of the program with this on its standard input.
    ///
    /// # Panics
    /// If it cannot be run, or does not end.
    pub async fn muara_with_input(&self, arguments: &[&str], input: &[u8]) -> Output {
        let mut child = Command::new(program())
            .args(arguments)
            .env("MUARA_CONFIG", self.config())
            .envs(self.env.iter().cloned())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let (written, output) = tokio::join!(
            async move { stdin.write_all(input).await },
            timeout(PATIENCE, child.wait_with_output())
        );
        // a program that does not read its input closes the pipe
        written.ok();
        output.expect("the command does not end").unwrap()
    }

    /// Runs a command that must succeed; returns what it printed.
    ///
    /// # Panics
    /// If it fails.
    pub async fn prints(&self, arguments: &[&str]) -> String {
        let output = self.muara(arguments).await;
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "muara {arguments:?} ({}): {stderr}", output.status);
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a command that must succeed and prints one JSON object a line.
    ///
    /// # Panics
    /// If it fails, or prints something else.
    pub async fn rows(&self, arguments: &[&str]) -> Vec<Value> {
        self.prints(arguments).await.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}
