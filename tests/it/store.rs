//! The store keeps its promises to the gateway: on a real file, and on a real PostgreSQL server.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

/// Runs each of these tests, which take a fresh store, on a file and on a server.
macro_rules! on_both {
    ($($test:ident),* $(,)?) => {
        mod on_a_file {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::$test(super::Fresh::open()).await;
            })*
        }

        mod on_a_server {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::$test(super::Fresh::on_a_server().await).await;
            })*
        }
    };
}

mod commands;
mod keys;
mod rows;
mod server;
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
use muara_tests::postgres::{Database, PostgresServer};
use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;
use uuid::Uuid;

/// A store of its own.
struct Fresh {
    store: Store,
    place: Place,
}

enum Place {
    Folder(TempDir),
    Server(Database<'static>),
}

impl Fresh {
    /// On a file.
    fn open() -> Self {
        Self::at(Place::Folder(tempfile::tempdir().unwrap()))
    }

    /// On a PostgreSQL server.
    async fn on_a_server() -> Self {
        Self::at(Place::Server(PostgresServer::shared().await.database()))
    }

    fn at(place: Place) -> Self {
        Self { store: Store::open(&settings(&place)).unwrap(), place }
    }

    /// Another one of the same kind.
    async fn another(&self) -> Self {
        match self.place {
            Place::Folder(_) => Self::open(),
            Place::Server(_) => Self::on_a_server().await,
        }
    }

    fn file(&self) -> PathBuf {
        file(&self.place)
    }

    fn settings(&self) -> Settings {
        settings(&self.place)
    }

    /// Another process on the same store.
    fn beside(&self) -> Store {
        Store::open(&self.settings()).unwrap()
    }

    /// What the store says waits, which must be what a count says.
    fn levels(&self) -> Levels {
        let levels = self.store.levels();
        assert_eq!(levels, self.counted());
        levels
    }

    /// The number that a query gives, asked beside the store.
    fn number(&self, sql: &str) -> i64 {
        match &self.place {
            Place::Folder(_) => {
                let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
                let connection = Connection::open_with_flags(self.file(), flags).unwrap();
                connection.query_row(sql, [], |row| row.get(0)).unwrap()
            }
            Place::Server(database) => database.number(sql),
        }
    }

    /// Changes something behind the store's back.
    fn run(&self, sql: &str) {
        match &self.place {
            Place::Folder(_) => Connection::open(self.file()).unwrap().execute_batch(sql).unwrap(),
            Place::Server(database) => drop(database.run(sql)),
        }
    }

    fn counted(&self) -> Levels {
        let one = |sql: &str| u64::try_from(self.number(sql)).unwrap();
        let count = |table: &str| one(&format!("SELECT count(*) FROM {table}"));
        let bytes = |table: &str, column: &str| {
            one(&format!("SELECT coalesce(sum(length({column})), 0) FROM {table}"))
        };
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
}

fn file(place: &Place) -> PathBuf {
    match place {
        Place::Folder(folder) => folder.path().join("muara.db"),
        Place::Server(_) => panic!("a store on a server has no file"),
    }
}

fn settings(place: &Place) -> Settings {
    match place {
        Place::Folder(_) => Settings::new(file(place)),
        Place::Server(database) => Settings::from_url(&database.url(), Path::new("")).unwrap(),
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
