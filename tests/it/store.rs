//! The store keeps its promises to the gateway, on a real file.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod commands;
mod keys;
mod rows;
mod similar;

use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use muara::store::{
    Levels, Settings, Store,
    inbox::{Intake, NewMessage, Taken, Waiting},
    media::NewFiles,
    outbox::NewEvent,
    quarantine::NewQuarantine,
};
use muara_normalizer::{ComplaintId, IdempotencyKey};
use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;
use uuid::Uuid;

/// A store in a folder of its own.
struct Fresh {
    store: Store,
    folder: TempDir,
}

impl Fresh {
    fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { store: Store::open(&Settings::new(folder.path().join("muara.db"))).unwrap(), folder }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("muara.db")
    }

    /// Another process on the same file.
    fn beside(&self) -> Store {
        Store::open(&Settings::new(self.file())).unwrap()
    }

    /// What the store says waits, which must be what a count says.
    fn levels(&self) -> Levels {
        let levels = self.store.levels();
        assert_eq!(levels, counted(&self.file()));
        levels
    }
}

fn counted(file: &Path) -> Levels {
    let connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let one = |sql: &str| {
        let count = connection.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
        u64::try_from(count).unwrap()
    };
    let count = |table: &str| one(&format!("SELECT count(*) FROM {table}"));
    let bytes =
        |table: &str, column: &str| one(&format!("SELECT coalesce(sum(length({column})), 0) FROM {table}"));
    Levels {
        inbox: count("inbox"),
        held: count("held"),
        outbox: count("outbox"),
        dead: count("dead"),
        quarantined: count("quarantine"),
        replies: one("SELECT count(*) FROM reply WHERE state = 'waiting'"),
        set_aside: count("set_aside"),
        bytes: bytes("inbox", "draft") + bytes("held", "draft") + bytes("outbox", "body"),
    }
}

fn ago(duration: SignedDuration) -> Timestamp {
    // the store counts in milliseconds
    Timestamp::from_millisecond(Timestamp::now().as_millisecond()).unwrap() - duration
}

fn keyed(key: &str) -> NewMessage {
    NewMessage {
        key: IdempotencyKey { text: format!("qlue/{key}"), window: None },
        id: ComplaintId(Uuid::now_v7()),
        draft: format!("{{\"text\":\"{key}\"}}").into_bytes(),
        hold: None,
        gather: false,
        files: NewFiles::default(),
    }
}

fn bytes(raw: &str) -> NewQuarantine {
    NewQuarantine {
        id: Uuid::now_v7(),
        reason: "the body is not valid JSON".to_owned(),
        content_type: Some("application/json".to_owned()),
        raw: raw.as_bytes().to_vec(),
    }
}

fn intake(messages: Vec<NewMessage>, quarantine: Vec<NewQuarantine>) -> Intake {
    Intake { messages, quarantine, ..Intake::new("qlue".parse().unwrap(), ago(SignedDuration::ZERO)) }
}

async fn take(store: &Store, key: &str) -> Taken {
    store.take(intake(vec![keyed(key)], vec![])).await.unwrap()
}

fn event(row: &Waiting) -> NewEvent {
    NewEvent {
        id: row.id.event_id("complaint.received.v1", 0),
        routing_key: "complaint.received.v1.qlue".to_owned(),
        body: format!("{{\"about\":\"{}\"}}", row.id).into_bytes(),
    }
}
