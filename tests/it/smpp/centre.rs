//! An SMS centre as a process: the server of npm's `smpp`, driven by `smsc.js`.

use std::{
    collections::VecDeque,
    path::{Path, PathBuf},
    process::Stdio,
};

use muara_tests::gateway::PATIENCE;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::timeout,
};

pub(super) const PASSWORD: &str = "rahasia";

pub(super) struct Centre {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    /// What it said and nobody asked for yet.
    said: VecDeque<Value>,
    pub(super) port: u16,
}

impl Centre {
    pub(super) async fn start() -> Self {
        Self::start_at(0, &[]).await
    }

    /// On a port of one's choice (where another one was before), with key and certificate for TLS.
    pub(super) async fn start_at(port: u16, tls: &[PathBuf]) -> Self {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut child = Command::new("node")
            .arg(here.join("it/smpp/smsc.js"))
            .arg(port.to_string())
            .args(tls)
            .env("NODE_PATH", muara_tests::node_modules("smpp"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("node is not installed (Debian: apt install nodejs)");
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut centre = Self { child, input, output, said: VecDeque::new(), port };
        let listening = centre.event("listening").await;
        centre.port = listening["port"].as_u64().unwrap().try_into().unwrap();
        centre
    }

    /// Gives a command, and waits until it is done.
    pub(super) async fn tell(&mut self, command: Value) {
        self.input.write_all(format!("{command}\n").as_bytes()).await.unwrap();
        self.event("done").await;
    }

    /// Sends a citizen's message; `tag` names its answer.
    pub(super) async fn deliver(&mut self, tag: &str, pdu: Value) {
        self.tell(json!({ "do": "deliver", "tag": tag, "pdu": pdu })).await;
    }

    /// Waits for something that it sees.
    pub(super) async fn event(&mut self, name: &str) -> Value {
        if let Some(at) = self.said.iter().position(|event| event["event"] == name) {
            return self.said.remove(at).unwrap();
        }
        loop {
            let line = timeout(PATIENCE, self.output.next_line()).await;
            let line = line.unwrap_or_else(|_| panic!("the centre never said `{name}`: {:?}", self.said));
            let event: Value = serde_json::from_str(&line.unwrap().expect("the centre ended")).unwrap();
            if event["event"] == name {
                return event;
            }
            self.said.push_back(event);
        }
    }

    /// Forgets what it said until now.
    pub(super) fn forget(&mut self) {
        self.said.clear();
    }

    /// Waits for the answer to a message, and gives its status.
    pub(super) async fn answered(&mut self, tag: &str) -> u64 {
        let answer = self.event("answered").await;
        assert_eq!(answer["tag"], tag);
        answer["status"].as_u64().unwrap()
    }

    /// Whether no message was answered so far, by the order of what travels on the connection.
    pub(super) async fn nothing_is_answered(&mut self) -> bool {
        self.tell(json!({ "do": "enquire" })).await;
        self.event("alive").await;
        !self.said.iter().any(|event| event["event"] == "answered")
    }

    pub(super) async fn kill(mut self) -> u16 {
        self.child.kill().await.unwrap();
        self.port
    }
}
