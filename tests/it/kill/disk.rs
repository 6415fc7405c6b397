//! A disk that fills up: the store lies on a small file system of its own.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use muara_tests::{
    gateway::Gateway,
    rabbitmq::RabbitNode,
    reports::Reports,
    vendors::{Vendors, all_arrive},
};
use rusqlite::Connection;
use tempfile::TempDir;

use super::{SECRET, config};

/// A small file system in memory, gone when dropped.
struct SmallDisk {
    folder: TempDir,
}

impl SmallDisk {
    fn mount(mebibytes: usize) -> Self {
        let folder = tempfile::Builder::new().prefix("muara-disk-").tempdir().unwrap();
        let options = format!("size={mebibytes}m,mode=0700");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "muara-test"])
            .arg(folder.path())
            .output()
            .expect("there is no `mount` on this machine");
        assert!(
            mounted.status.success(),
            "a small tmpfs cannot be mounted; this test needs root, or a machine that lets it mount: {}",
            String::from_utf8_lossy(&mounted.stderr)
        );
        Self { folder }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn store(&self) -> String {
        format!("sqlite://{}", self.path().join("muara.db").display())
    }

    /// Takes all space but for `left` bytes.
    fn fill(&self, left: u64) -> PathBuf {
        let file = self.path().join("ballast");
        let output = Command::new("stat").args(["-f", "-c", "%a %S"]).arg(self.path()).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let (blocks, size) = text.trim().split_once(' ').unwrap();
        let free = blocks.parse::<u64>().unwrap() * size.parse::<u64>().unwrap();
        match fs::write(&file, vec![0; usize::try_from(free.saturating_sub(left)).unwrap()]) {
            // the store took some of it meanwhile: what is left is taken all the same
            Err(error) if error.kind() == std::io::ErrorKind::StorageFull => {}
            written => written.unwrap(),
        }
        file
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // lazily: a failing test may still have the store open
        Command::new("umount").arg("-l").arg(self.path()).status().ok();
    }
}

/// The levels that the store keeps are what a count says.
fn levels_are_exact(database: &Path) {
    let store = Connection::open_with_flags(database, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let one = |sql: &str| store.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(store.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0)).unwrap(), "ok");
    for place in ["inbox", "held", "outbox", "dead"] {
        assert_eq!(
            one(&format!("SELECT {place} FROM level")),
            one(&format!("SELECT count(*) FROM {place}")),
            "{place}"
        );
    }
    assert_eq!(one("SELECT next_serial - 1 FROM level"), one("SELECT max(serial) FROM receipt"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_puts_vendors_off_and_is_survived() {
    let vhost = RabbitNode::shared().await.vhost("disk").await;
    let disk = SmallDisk::mount(8);
    let store = format!("[store]\nurl = \"{}\"\nmin_free_disk_mb = 0\n", disk.store());
    let mut gateway = Gateway::launch(&config(&vhost.url(), &store)).await;
    let vendors = Vendors::start(&gateway, "qlue", SECRET, 4);
    vendors.answers(50).await;
    let ballast = disk.fill(32 * 1024);
    let health = gateway.healthy_when("failing", |health| health["store"]["state"] == "failing").await;
    assert!(health["store"]["error"].as_str().unwrap().contains("disk is full"), "{health}");
    // a small write may still fit where a larger one did not, and the store is well again for that moment
    let mut fitted = BTreeMap::new();
    let mut number = 1_000_000;
    let (response, words) = loop {
        let report = Reports::new(SECRET).sign(vec![], &muara_tests::reports::second_shape(number));
        let response = gateway.post("qlue", &report).await.unwrap();
        if response.status() != 202 {
            let (status, words) = gateway.get("/readyz").await;
            if status == 503 {
                break (response, words);
            }
            continue;
        }
        let answer: serde_json::Value = response.json().await.unwrap();
        let complaint = serde_json::from_value(answer["accepted"][0]["id"].clone()).unwrap();
        fitted.insert(number.to_string(), complaint);
        number += 1;
    };
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["retry-after"], "30");
    assert!(words.contains("disk is full"), "{words}");

    // killed on the full disk
    gateway.kill9().await;
    fs::remove_file(&ballast).unwrap();
    gateway.start().await;
    vendors.answers(50).await;

    // and once more, freed under the running gateway
    let ballast = disk.fill(32 * 1024);
    gateway.healthy_when("failing", |health| health["store"]["state"] == "failing").await;
    fs::remove_file(ballast).unwrap();
    vendors.answers(50).await;
    assert_eq!(gateway.get("/readyz").await.0, 200);
    let mut answered = vendors.finish().await;
    answered.append(&mut fitted);
    all_arrive(&gateway, &vhost.url(), &answered).await;
    levels_are_exact(&disk.path().join("muara.db"));
    gateway.terminate().await;
}

#[tokio::test]
async fn readiness_comes_back_although_nobody_posts_any_more() {
    let disk = SmallDisk::mount(8);
    let store = format!("[store]\nurl = \"{}\"\nmin_free_disk_mb = 0\n", disk.store());
    let mut gateway = Gateway::launch(&config("", &store)).await;
    let ballast = disk.fill(0);
    let reports = Reports::new(SECRET);
    while gateway.post("qlue", &reports.next()).await.unwrap().status() != 503 {}
    assert_eq!(gateway.get("/readyz").await.0, 503);
    fs::remove_file(ballast).unwrap();
    // a load balancer sends nothing to who is not ready
    gateway.healthy_when("ready", |health| health["store"]["state"] == "healthy").await;
    assert_eq!(gateway.get("/readyz").await.0, 200);
    gateway.terminate().await;
}

#[tokio::test]
async fn vendors_are_put_off_before_the_disk_is_full() {
    let disk = SmallDisk::mount(16);
    let store = format!("[store]\nurl = \"{}\"\nmin_free_disk_mb = 8\n", disk.store());
    let mut gateway = Gateway::launch(&config("", &store)).await;
    let reports = Reports::new(SECRET);
    gateway.accepted("qlue", &reports.next()).await;
    let ballast = disk.fill(6 * 1024 * 1024);
    let health = gateway.healthy_when("full", |health| health["store"]["state"] == "full").await;
    assert!(health["store"]["full"].as_str().unwrap().contains("min_free_disk_mb"), "{health}");
    let report = reports.next();
    let response = gateway.post("qlue", &report).await.unwrap();
    assert_eq!(response.status(), 503);
    assert!(response.headers().contains_key("retry-after"));
    assert!(response.text().await.unwrap().contains("min_free_disk_mb"));
    assert_eq!(gateway.get("/readyz").await.0, 503);

    fs::remove_file(ballast).unwrap();
    gateway.healthy_when("healthy", |health| health["store"]["state"] == "healthy").await;
    gateway.accepted("qlue", &report).await;
    let (status, took) = gateway.terminate().await;
    assert!(status.success() && took < Duration::from_secs(10));
}
