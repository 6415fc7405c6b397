//! The load: keep-alive connections, each with one request under way, on one thread that does as little as it can.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
};

use crate::reports::Posts;

/// What the load saw.
#[derive(Debug)]
pub(crate) struct Answers {
    /// From the first post to the last answer.
    pub(crate) took: Duration,
    /// Time to the answer of each post, sorted.
    times: Vec<Duration>,
}

impl Answers {
    /// The time within which so many of a thousand were answered.
    pub(crate) fn per_mille(&self, part: usize) -> Duration {
        let place = (self.times.len() * part).div_ceil(1000).max(1) - 1;
        self.times[place]
    }
}

/// Posts everything and waits for every answer.
///
/// # Panics
/// If one post is not answered 2xx.
pub(crate) async fn post(address: SocketAddr, posts: Posts, connections: usize) -> Answers {
    let load = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        runtime.block_on(post_all(address, Arc::new(posts), connections))
    };
    tokio::task::spawn_blocking(load).await.unwrap()
}

async fn post_all(address: SocketAddr, posts: Arc<Posts>, connections: usize) -> Answers {
    let mut streams = Vec::with_capacity(connections);
    for _ in 0..connections {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        streams.push(stream);
    }
    let next = Arc::new(AtomicUsize::new(0));
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    for stream in streams {
        tasks.spawn(one_connection(stream, Arc::clone(&posts), Arc::clone(&next)));
    }
    let mut times = Vec::with_capacity(posts.len());
    while let Some(done) = tasks.join_next().await {
        times.extend(done.unwrap());
    }
    let took = start.elapsed();
    times.sort_unstable();
    Answers { took, times }
}

async fn one_connection(mut stream: TcpStream, posts: Arc<Posts>, next: Arc<AtomicUsize>) -> Vec<Duration> {
    let mut times = Vec::new();
    let mut buffer = vec![0; 4096];
    while let Some(post) = posts.get(next.fetch_add(1, Ordering::Relaxed)) {
        let start = Instant::now();
        stream.write_all(post).await.unwrap();
        let mut filled = 0;
        while !complete(&buffer[..filled]) {
            let read = stream.read(&mut buffer[filled..]).await.unwrap();
            assert!(read > 0, "the gateway closed a connection");
            filled += read;
        }
        times.push(start.elapsed());
        let accepted = buffer.starts_with(b"HTTP/1.1 2");
        assert!(accepted, "a post was refused: {}", String::from_utf8_lossy(&buffer[..filled]));
    }
    times
}

/// Whether this is a whole response. Muara says how long its answers are.
fn complete(response: &[u8]) -> bool {
    const LENGTH: &[u8] = b"content-length: ";
    let Some(end) = find(response, b"\r\n\r\n") else { return false };
    let length = find(&response[..end], LENGTH).map_or(0, |at| {
        let digits = response[at + LENGTH.len()..end].iter().take_while(|byte| byte.is_ascii_digit());
        digits.fold(0, |sum, digit| sum * 10 + usize::from(digit - b'0'))
    });
    response.len() >= end + 4 + length
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}
