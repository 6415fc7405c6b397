//! The gateway under load: the real program on a store of its own.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::sleep,
};

use crate::{
    baseline,
    load::{self, Answers},
    measure::Meter,
    process,
    reports::{self, Ids, Numbers, Posts},
    table::Row,
};

const CONNECTIONS: usize = 64;
/// How long start, stop, or the confirms after the last answer may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// One run.
pub(crate) struct Run<'a> {
    /// What the table calls it.
    pub(crate) name: &'a str,
    /// The program.
    pub(crate) program: &'a Path,
    /// The broker's virtual host, empty.
    pub(crate) url: &'a str,
    /// The folder of store and configuration.
    pub(crate) folder: &'a Path,
    /// The vendor's ids.
    pub(crate) ids: Ids,
    /// Reports before the clock starts.
    pub(crate) warm_up: usize,
    /// Reports that count.
    pub(crate) messages: usize,
}

impl Run<'_> {
    /// Starts the gateway, posts, waits until the broker has confirmed everything, counts the queue, stops.
    pub(crate) async fn measure(self, meter: &Meter) -> Row {
        let mut numbers = Numbers(u64::try_from(self.messages).unwrap());
        let mut bodies = reports::bodies(self.warm_up + self.messages, self.ids, &mut numbers);
        let measured = Posts::new(&bodies.split_off(self.warm_up));
        let warm_up = Posts::new(&bodies);

        let gateway = Gateway::start(self.program, self.folder, self.url).await;
        load::post(gateway.public, warm_up, CONNECTIONS).await;
        gateway.all_confirmed().await;

        let used = meter.start(Some(gateway.pid()));
        let start = Instant::now();
        let answers = load::post(gateway.public, measured, CONNECTIONS).await;
        gateway.all_confirmed().await;
        let confirmed = start.elapsed();
        let used = meter.since(&used);
        let peak = process::peak_memory(gateway.pid());

        let sum = self.warm_up + self.messages;
        let queued = baseline::depth_reaches(self.url, "crm.complaints", sum).await;
        assert_eq!(queued, sum, "messages in the core CRM's queue");
        gateway.stop().await;
        let Answers { took, .. } = answers;
        Row {
            name: self.name.to_owned(),
            messages: self.messages,
            accepted: Some(took),
            confirmed,
            p50: Some(answers.per_mille(500)),
            p99: Some(answers.per_mille(990)),
            max: Some(answers.per_mille(1000)),
            used,
            peak: Some(peak),
        }
    }
}

/// A running `muara serve`; killed if it is dropped.
struct Gateway {
    child: Child,
    public: SocketAddr,
    internal: SocketAddr,
}

impl Gateway {
    async fn start(program: &Path, folder: &Path, broker: &str) -> Self {
        let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let [public, internal] = listeners.map(|listener| listener.local_addr().unwrap());
        let file = folder.join("muara.toml");
        fs::write(&file, configuration(public, internal, broker)).unwrap();
        let mut command = Command::new(program);
        command.args(["serve", "--config"]).arg(&file).stdin(Stdio::null());
        let gateway = Self { child: command.spawn().unwrap(), public, internal };
        gateway.until("connected to the broker", |health| health["broker"]["state"] == "connected").await;
        gateway
    }

    fn pid(&self) -> u32 {
        self.child.id()
    }

    async fn all_confirmed(&self) {
        let done = |health: &Value| {
            let waiting = &health["store"]["waiting"];
            waiting["inbox"] == 0 && waiting["outbox"] == 0
        };
        self.until("everything is confirmed", done).await;
    }

    async fn until(&self, what: &str, holds: impl Fn(&Value) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let health = health(self.internal).await;
            if health.as_ref().is_some_and(&holds) {
                return;
            }
            assert!(Instant::now() < deadline, "waited in vain until {what}; /health: {health:?}");
            sleep(Duration::from_millis(20)).await;
        }
    }

    async fn stop(mut self) {
        let terminate =
            Command::new("sh").args(["-c", "kill -TERM \"$1\"", "sh"]).arg(self.pid().to_string()).status();
        assert!(terminate.unwrap().success(), "the gateway is gone");
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.child.try_wait().unwrap() {
                Some(status) => {
                    assert!(status.success(), "the gateway ended with {status}");
                    return;
                }
                None => assert!(Instant::now() < deadline, "the gateway does not stop"),
            }
            sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // it may have ended, which is what is wanted
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn configuration(public: SocketAddr, internal: SocketAddr, broker: &str) -> String {
    let secret = reports::SECRET;
    format!(
        r#"
[listen]
public = "{public}"
internal = "{internal}"
[store]
url = "sqlite://muara.db"
high_water_rows = 100000000
[broker]
url = "{broker}"
[media]
fetch = false
[log]
filter = "warn"
[channels.qlue]
connector = "qlue"
secret = "{secret}"
limits = {{ channel = {{ per_minute = 60000000, burst = 1000000 }}, sender = {{ per_minute = 60000000, burst = 1000000 }} }}
"#
    )
}

async fn health(address: SocketAddr) -> Option<Value> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    let request = format!("GET /health HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut response = String::new();
    stream.read_to_string(&mut response).await.ok()?;
    serde_json::from_str(response.split_once("\r\n\r\n")?.1).ok()
}

/// A fresh folder for a store.
pub(crate) fn folder(under: &Path, name: &str) -> PathBuf {
    let folder = under.join(name);
    fs::create_dir(&folder).unwrap();
    folder
}
