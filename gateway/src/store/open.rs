//! Opening the database: settings that make a commit durable, migrations, and what errors mean.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use muara_normalizer::ids::ReferenceKey;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, config::DbConfig};
use tokio::sync::{Notify, watch};

use super::{Shared, Store, StoreError, writer};

/// 3.51.3 fixed a bug of 3.7.0 to 3.51.2 by which resetting the write-ahead log could corrupt the database
/// (<https://sqlite.org/releaselog/3_51_3.html>).
const OLDEST_SQLITE: i32 = 3_051_003;

const MIGRATIONS: &[&str] = &[
    include_str!("../../migrations/sqlite_1.sql"),
    include_str!("../../migrations/sqlite_2.sql"),
    include_str!("../../migrations/sqlite_3.sql"),
    include_str!("../../migrations/sqlite_4.sql"),
    include_str!("../../migrations/sqlite_5.sql"),
    include_str!("../../migrations/sqlite_6.sql"),
    include_str!("../../migrations/sqlite_7.sql"),
    include_str!("../../migrations/sqlite_8.sql"),
    include_str!("../../migrations/sqlite_9.sql"),
];

/// How the store is opened.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The database file; its folder must exist.
    pub file: PathBuf,
    /// How hard a commit is.
    pub sync: SyncMode,
    /// Page cache of the writing connection, in KiB.
    pub cache_kib: u32,
}

/// How hard a commit is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SyncMode {
    /// fsync at each commit: what was answered 2xx survives a power failure.
    #[default]
    Full,
    /// No fsync at commits: for the demonstration and for tests of other things.
    Off,
}

impl Settings {
    /// A store in one file, with every commit synced to disk.
    #[must_use]
    pub fn new(file: impl Into<PathBuf>) -> Self {
        Self { file: file.into(), sync: SyncMode::Full, cache_kib: 8 * 1024 }
    }

    /// Reads `sqlite://PATH`; a relative path counts from `base`.
    ///
    /// # Errors
    /// [`StoreError::Url`] for any other address.
    pub fn from_url(url: &str, base: &Path) -> Result<Self, StoreError> {
        match url.strip_prefix("sqlite://") {
            Some(path) if !path.is_empty() => Ok(Self::new(base.join(path))),
            _ => Err(StoreError::Url(url.split('@').next_back().unwrap_or_default().to_owned())),
        }
    }
}

impl Store {
    /// Opens the database, brings its schema up to date and starts the writer.
    ///
    /// # Errors
    /// The file cannot be used, is damaged, or was written by a newer program.
    pub fn open(settings: &Settings) -> Result<Self, StoreError> {
        if rusqlite::version_number() < OLDEST_SQLITE {
            return Err(StoreError::OldSqlite(rusqlite::version()));
        }
        let file = settings.file.clone();
        let sql = |error| classify(error, &file);
        let mut connection =
            connect(&file, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
        let sync = match settings.sync {
            SyncMode::Full => "FULL",
            SyncMode::Off => "OFF",
        };
        connection.pragma_update(None, "journal_mode", "WAL").map_err(sql)?;
        connection.pragma_update(None, "synchronous", sync).map_err(sql)?;
        connection.pragma_update(None, "foreign_keys", "ON").map_err(sql)?;
        connection.pragma_update(None, "cache_size", -i64::from(settings.cache_kib)).map_err(sql)?;
        // the writer checkpoints by itself, between commits that wait
        connection.pragma_update(None, "wal_autocheckpoint", 0).map_err(sql)?;
        migrate(&mut connection, &file)?;
        let references = reference_key(&connection, &file)?;
        let levels = writer::levels(&connection).map_err(sql)?;
        let (levels, watch_levels) = watch::channel(levels);
        let paused = super::paused::read(&connection).map_err(sql)?;
        let recent = super::similar::Recent::read(&connection).map_err(sql)?;
        let (failing, watch_failing) = watch::channel(None);
        let writer = writer::Writer::start(connection, file.clone(), references.clone(), levels, failing)?;
        Ok(Self {
            shared: Arc::new(Shared {
                writer,
                readers: Mutex::new(Vec::new()),
                file,
                references,
                levels: watch_levels,
                failing: watch_failing,
                received: Notify::new(),
                refined: Notify::new(),
                files: Notify::new(),
                replies: super::reply::Wakes::default(),
                paused: watch::Sender::new(Arc::new(paused)),
                pausing: tokio::sync::Mutex::default(),
                recent,
            }),
        })
    }
}

pub(super) fn connect(file: &Path, flags: OpenFlags) -> Result<Connection, StoreError> {
    let connection = Connection::open_with_flags(file, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)
        .map_err(|error| classify(error, file))?;
    connection.busy_timeout(std::time::Duration::from_secs(5)).map_err(|error| classify(error, file))?;
    connection.set_prepared_statement_cache_capacity(64);
    // without it a statement that might use a partial index is prepared anew each time its parameters change
    // (<https://sqlite.org/queryplanner-ng.html#qpstab>)
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)
        .map_err(|error| classify(error, file))?;
    Ok(connection)
}

/// A connection that only reads.
pub(super) fn reader(file: &Path) -> Result<Connection, StoreError> {
    let connection = connect(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.pragma_update(None, "cache_size", -2048).map_err(|error| classify(error, file))?;
    Ok(connection)
}

fn migrate(connection: &mut Connection, file: &Path) -> Result<(), StoreError> {
    let sql = |error| classify(error, file);
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    let change =
        connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).map_err(sql)?;
    let found: i64 = change.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(sql)?;
    if found > known {
        return Err(StoreError::Newer { found, known });
    }
    for migration in MIGRATIONS.iter().skip(usize::try_from(found).unwrap_or(0)) {
        change.execute_batch(migration).map_err(sql)?;
    }
    change.pragma_update(None, "user_version", known).map_err(sql)?;
    change.commit().map_err(sql)
}

/// The key is made with the store and stays with it: references that citizens hold must be readable for ever.
fn reference_key(connection: &Connection, file: &Path) -> Result<ReferenceKey, StoreError> {
    let sql = |error| classify(error, file);
    let mut fresh = [0; 16];
    getrandom::fill(&mut fresh)
        .map_err(|error| StoreError::Io { path: file.to_owned(), source: Arc::new(error.into()) })?;
    connection
        .execute("INSERT INTO meta VALUES ('reference key', ?1) ON CONFLICT DO NOTHING", [&fresh])
        .map_err(sql)?;
    let key: Option<[u8; 16]> = connection
        .query_row("SELECT value FROM meta WHERE name = 'reference key'", [], |row| row.get(0))
        .optional()
        .map_err(sql)?;
    Ok(ReferenceKey::new(key.unwrap_or(fresh)))
}

/// What a SQLite error means to the operator.
pub(super) fn classify(error: rusqlite::Error, file: &Path) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::DiskFull { path: file.to_owned() },
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Locked,
        _ => StoreError::Sqlite(Arc::new(error)),
    }
}
