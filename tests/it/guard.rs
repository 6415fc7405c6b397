//! No server that a test starts outlives it, with whatever it started itself.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{path::Path, process::Command};

use muara_tests::{gateway::PATIENCE, guard::Guard};
use tokio::{io::AsyncReadExt, net::unix::pipe, time::timeout};

/// Starts a server that holds a pipe, as does what it started, in its session and in one of its own: whoever reads it hears
/// when the last of them is gone.
async fn start(guard: &Guard, path: &Path) -> pipe::Receiver {
    let mut ends = pipe::OpenOptions::new().open_receiver(path).unwrap();
    let mut server = Command::new("sh");
    server.args(["-c", r#"exec >"$0"; sleep 1000 & setsid sleep 1000 & echo up; wait"#]).arg(path);
    guard.start(&server);
    let mut up = [0; 3];
    timeout(PATIENCE, ends.read_exact(&mut up)).await.expect("it never started").unwrap();
    ends
}

/// Waits until nobody holds the pipe.
async fn is_over(mut ends: pipe::Receiver) {
    let read = timeout(PATIENCE, ends.read(&mut [0])).await.expect("something outlives the server");
    assert_eq!(read.unwrap(), 0);
}

#[tokio::test]
async fn a_server_goes_with_all_that_it_started_and_its_folder_with_the_guard() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    let guard = Guard::new("muara-guard-");
    let ends = start(&guard, &path).await;
    assert!(guard.kill9());
    is_over(ends).await;
    assert!(guard.folder().exists());
    assert!(!guard.kill9(), "it was killed before");

    let ends = start(&guard, &path).await;
    let own = guard.folder().to_owned();
    drop(guard);
    is_over(ends).await;
    assert!(!own.exists());
}
