//! A TCP proxy that breaks connections on command.

#![allow(clippy::unwrap_used)]

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinHandle,
};

/// A proxy on loopback before one upstream. Lives on the runtime it was started on.
pub struct ChaosProxy {
    address: SocketAddr,
    control: Arc<Control>,
    acceptor: Mutex<Option<JoinHandle<()>>>,
}

struct Control {
    upstream: SocketAddr,
    state: watch::Sender<State>,
    /// Bytes the upstream may still send before everything is cut.
    budget: Mutex<Option<usize>>,
    /// Bytes forwarded from the upstream so far.
    forwarded: watch::Sender<usize>,
}

#[derive(Clone, Copy, Default)]
struct State {
    frozen: bool,
    cuts: u64,
}

impl ChaosProxy {
    /// Listens on a port of its own and forwards to `upstream`.
    pub async fn start(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Self {
            address: listener.local_addr().unwrap(),
            control: Arc::new(Control {
                upstream,
                state: watch::Sender::new(State::default()),
                budget: Mutex::new(None),
                forwarded: watch::Sender::new(0),
            }),
            acceptor: Mutex::new(None),
        };
        proxy.accept_from(listener);
        proxy
    }

    /// Where clients connect.
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// Kills every live connection. New ones are accepted.
    pub fn cut(&self) {
        self.control.cut();
    }

    /// Refuses new connections; live ones go on.
    pub async fn refuse(&self) {
        let acceptor = self.acceptor.lock().unwrap().take();
        if let Some(acceptor) = acceptor {
            acceptor.abort();
            // Ends with the cancellation just asked for; by then the port is closed.
            acceptor.await.ok();
        }
    }

    /// Accepts connections again, on the same port.
    pub async fn restore(&self) {
        if self.acceptor.lock().unwrap().is_none() {
            self.accept_from(TcpListener::bind(self.address).await.unwrap());
        }
    }

    /// Forwards nothing any more while keeping all sockets open, also new ones.
    pub fn freeze(&self) {
        self.control.state.send_modify(|state| state.frozen = true);
    }

    /// Forwards again, from what was held.
    pub fn thaw(&self) {
        self.control.state.send_modify(|state| state.frozen = false);
    }

    /// Lets the upstream send `bytes` more in total, then cuts every connection.
    pub fn cut_after_bytes_from_upstream(&self, bytes: usize) {
        *self.control.budget.lock().unwrap() = Some(bytes);
    }

    /// Waits until the upstream has sent `bytes` more.
    pub async fn upstream_sends(&self, bytes: usize) {
        let mut forwarded = self.control.forwarded.subscribe();
        let goal = *forwarded.borrow() + bytes;
        forwarded.wait_for(|sum| *sum >= goal).await.unwrap();
    }

    fn accept_from(&self, listener: TcpListener) {
        let control = Arc::clone(&self.control);
        let acceptor = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(forward(client, Arc::clone(&control)));
            }
        });
        *self.acceptor.lock().unwrap() = Some(acceptor);
    }
}

impl Drop for ChaosProxy {
    fn drop(&mut self) {
        if let Some(acceptor) = self.acceptor.lock().unwrap().take() {
            acceptor.abort();
        }
        self.cut();
    }
}

impl Control {
    fn cut(&self) {
        self.state.send_modify(|state| state.cuts += 1);
    }

    /// How many of `bytes` may pass, and whether that was the last.
    fn spend(&self, bytes: usize) -> (usize, bool) {
        let mut budget = self.budget.lock().unwrap();
        match *budget {
            None => (bytes, false),
            Some(left) if bytes < left => {
                *budget = Some(left - bytes);
                (bytes, false)
            }
            Some(left) => {
                *budget = None;
                (left, true)
            }
        }
    }
}

async fn forward(client: TcpStream, control: Arc<Control>) {
    let mut state = control.state.subscribe();
    let cuts = state.borrow_and_update().cuts;
    let Ok(server) = TcpStream::connect(control.upstream).await else {
        return;
    };
    client.set_nodelay(true).ok();
    server.set_nodelay(true).ok();
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::select! {
        _ = state.wait_for(|state| state.cuts != cuts) => {}
        () = pump(from_client, to_server, &control, false) => {}
        () = pump(from_server, to_client, &control, true) => {}
    }
}

async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, control: &Control, upstream: bool) {
    let mut state = control.state.subscribe();
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(read) = from.read(&mut buffer).await {
        if read == 0 || state.wait_for(|state| !state.frozen).await.is_err() {
            return;
        }
        let (pass, last) = if upstream { control.spend(read) } else { (read, false) };
        let written = to.write_all(&buffer[..pass]).await;
        if upstream {
            control.forwarded.send_modify(|sum| *sum += pass);
        }
        if last {
            control.cut();
        }
        if last || written.is_err() {
            return;
        }
    }
}
