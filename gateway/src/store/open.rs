//! Opening the database: settings that make a commit durable, and what errors mean.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, atomic::AtomicU64},
};

use muara_normalizer::ids::ReferenceKey;
use rusqlite::{ErrorCode, OpenFlags, config::DbConfig};
use tokio::sync::{Semaphore, watch};

use super::{
    Shared, Store, StoreError,
    checkpoint::Checkpointer,
    lead::writing_session,
    migrate,
    sql::{
        self, Connection, OptionalExtension,
        postgres::{Meaning, Server, Session, meaning},
    },
    writer,
};

/// 3.51.3 fixed a bug of 3.7.0 to 3.51.2 by which resetting the write-ahead log could corrupt the database
/// (<https://sqlite.org/releaselog/3_51_3.html>).
const OLDEST_SQLITE: i32 = 3_051_003;
/// Connections that read from a server, at most: a server has a hundred for everybody unless it is told otherwise.
const READERS: usize = 8;

/// How the store is opened.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where it is.
    pub place: Place,
    /// How hard a commit to a file is.
    pub sync: SyncMode,
    /// Page cache of the connection that writes to a file, in KiB.
    pub cache_kib: u32,
    /// Whether this process may lead the gateways on one server. A file has one gateway, which leads.
    pub stands: bool,
}

/// Where a store is.
#[derive(Clone, Debug)]
pub enum Place {
    /// A file; its folder must exist.
    File(PathBuf),
    /// A PostgreSQL server.
    Server(Server),
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
        Self::at(Place::File(file.into()))
    }

    fn at(place: Place) -> Self {
        Self { place, sync: SyncMode::Full, cache_kib: 8 * 1024, stands: false }
    }

    /// Reads `sqlite://PATH`, where a relative path counts from `base`, or `postgres://USER:PASSWORD@HOST/DATABASE`.
    ///
    /// # Errors
    /// [`StoreError::Url`] for any other address, [`StoreError::Server`] for one of a server that is not complete.
    pub fn from_url(url: &str, base: &Path) -> Result<Self, StoreError> {
        if let Some(path) = url.strip_prefix("sqlite://").filter(|path| !path.is_empty()) {
            return Ok(Self::new(base.join(path)));
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Server::parse(url).map(Place::Server).map(Self::at).map_err(StoreError::Server);
        }
        Err(StoreError::Url(url.split('@').next_back().unwrap_or_default().to_owned()))
    }

    /// The file, if it is one.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        self.place.file()
    }
}

impl Place {
    pub(super) fn file(&self) -> Option<&Path> {
        match self {
            Self::File(file) => Some(file),
            Self::Server(_) => None,
        }
    }

    /// As operators read it.
    pub(super) fn name(&self) -> String {
        match self {
            Self::File(file) => file.display().to_string(),
            Self::Server(server) => server.name(),
        }
    }
}

impl Store {
    /// Opens the database, brings its schema up to date and starts the writer.
    ///
    /// # Errors
    /// The file or server cannot be used, is damaged, or was written by a newer program.
    pub fn open(settings: &Settings) -> Result<Self, StoreError> {
        let process = i32::from_ne_bytes(random(&settings.place)?);
        match &settings.place {
            Place::File(file) => {
                let connection = writing(file, settings)?;
                Self::start(settings, connection, process)
            }
            Place::Server(server) => off_the_runtime(|| {
                let connection = Connection::Postgres(Box::new(writing_session(server, process)?));
                Self::start(settings, connection, process)
            }),
        }
    }

    fn start(settings: &Settings, mut connection: Connection, process: i32) -> Result<Self, StoreError> {
        let place = settings.place.clone();
        let failed = |error| classify(error, &place);
        migrate::migrate(&mut connection, &place)?;
        let references = reference_key(&connection, &place)?;
        let levels = writer::levels(&connection).map_err(failed)?;
        let (levels, watch_levels) = watch::channel(levels);
        let paused = super::paused::read(&connection).map_err(failed)?;
        let recent = super::similar::Recent::read(&connection).map_err(failed)?;
        let (failing, watch_failing) = watch::channel(None);
        // a file has no other gateway that could lead
        let (term, watch_term) = watch::channel(place.file().map(|_| 0));
        let checkpointer = match &mut connection {
            Connection::Sqlite(connection) => Some(checkpointer(connection, &place)?),
            Connection::Postgres(_) => None,
        };
        let bells = writer::Bells::default();
        let readers_at_once = match place {
            Place::File(_) => Semaphore::MAX_PERMITS,
            Place::Server(_) => READERS,
        };
        let thread = writer::Thread {
            connection,
            place: place.clone(),
            process,
            stands: settings.stands,
            references: references.clone(),
            checkpointer,
            levels,
            failing,
            term,
            terms: 0,
            bells: bells.clone(),
            seen: (0, 0),
        };
        Ok(Self {
            shared: Arc::new(Shared {
                writer: writer::Writer::start(thread)?,
                readers: Mutex::new(Vec::new()),
                readers_at_once: Semaphore::new(readers_at_once),
                place,
                process,
                references,
                levels: watch_levels,
                failing: watch_failing,
                term: watch_term,
                received: bells.received,
                refined: bells.refined,
                files: bells.files,
                replies: bells.replies,
                paused: watch::Sender::new(Arc::new(paused)),
                pausing: tokio::sync::Mutex::default(),
                recent,
                taken: AtomicU64::default(),
            }),
            term: None,
        })
    }
}

/// The blocking client has a runtime of its own and may not be used where a task of another one runs.
pub(super) fn off_the_runtime<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| match scope.spawn(work).join() {
        Ok(done) => done,
        Err(panic) => std::panic::resume_unwind(panic),
    })
}

/// A session with a server.
pub(super) fn session(server: &Server) -> Result<Session, StoreError> {
    Session::connect(server).map_err(|error| classify(error, &Place::Server(server.clone())))
}

fn writing(file: &Path, settings: &Settings) -> Result<Connection, StoreError> {
    if rusqlite::version_number() < OLDEST_SQLITE {
        return Err(StoreError::OldSqlite(rusqlite::version()));
    }
    let failed = |error: rusqlite::Error| classify(error.into(), &settings.place);
    let connection = connect(file, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
    let sync = match settings.sync {
        SyncMode::Full => "FULL",
        SyncMode::Off => "OFF",
    };
    connection.pragma_update(None, "journal_mode", "WAL").map_err(failed)?;
    connection.pragma_update(None, "synchronous", sync).map_err(failed)?;
    connection.pragma_update(None, "foreign_keys", "ON").map_err(failed)?;
    connection.pragma_update(None, "cache_size", -i64::from(settings.cache_kib)).map_err(failed)?;
    // the writer checkpoints by itself, between commits that wait
    connection.pragma_update(None, "wal_autocheckpoint", 0).map_err(failed)?;
    Ok(Connection::Sqlite(connection))
}

fn checkpointer(connection: &mut rusqlite::Connection, place: &Place) -> Result<Checkpointer, StoreError> {
    let file = place.file().unwrap_or(Path::new(""));
    let io = |source| StoreError::Io { path: file.to_owned(), source: Arc::new(source) };
    let checkpointer = Checkpointer::spawn(file).map_err(io)?;
    checkpointer.observe(connection).map_err(|error| classify(error.into(), place))?;
    Ok(checkpointer)
}

pub(super) fn connect(file: &Path, flags: OpenFlags) -> Result<rusqlite::Connection, StoreError> {
    let failed = |error: rusqlite::Error| classify(error.into(), &Place::File(file.to_owned()));
    let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = rusqlite::Connection::open_with_flags(file, flags).map_err(failed)?;
    connection.busy_timeout(std::time::Duration::from_secs(5)).map_err(failed)?;
    connection.set_prepared_statement_cache_capacity(64);
    // without it a statement that might use a partial index is prepared anew each time its parameters change
    // (<https://sqlite.org/queryplanner-ng.html#qpstab>)
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map_err(failed)?;
    Ok(connection)
}

/// A connection that only reads.
pub(super) fn reader(place: &Place) -> Result<Connection, StoreError> {
    match place {
        Place::File(file) => {
            let connection = connect(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
            connection
                .pragma_update(None, "cache_size", -2048)
                .map_err(|error| classify(error.into(), place))?;
            Ok(Connection::Sqlite(connection))
        }
        Place::Server(server) => Ok(Connection::Postgres(Box::new(session(server)?))),
    }
}

fn random<const N: usize>(place: &Place) -> Result<[u8; N], StoreError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| StoreError::Io { path: place.name().into(), source: Arc::new(error.into()) })?;
    Ok(bytes)
}

/// The key is made with the store and stays with it: references that citizens hold must be readable for ever.
fn reference_key(connection: &Connection, place: &Place) -> Result<ReferenceKey, StoreError> {
    let failed = |error| classify(error, place);
    let fresh: [u8; 16] = random(place)?;
    connection
        .prepare_cached("INSERT INTO meta VALUES ('reference key', ?1) ON CONFLICT DO NOTHING")
        .and_then(|mut insert| insert.execute([&fresh]))
        .map_err(failed)?;
    let key: Option<[u8; 16]> = connection
        .prepare_cached("SELECT value FROM meta WHERE name = 'reference key'")
        .and_then(|mut key| key.query_row([], |row| row.get(0)))
        .optional()
        .map_err(failed)?;
    Ok(ReferenceKey::new(key.unwrap_or(fresh)))
}

/// What an error of the database means to the operator.
pub(super) fn classify(error: sql::Error, place: &Place) -> StoreError {
    match &error {
        sql::Error::Sqlite(sqlite) => match sqlite.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => StoreError::DiskFull { place: place.name() },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Locked,
            _ => StoreError::Sql(Arc::new(error)),
        },
        sql::Error::Postgres(postgres) => match meaning(postgres) {
            Meaning::Full => StoreError::DiskFull { place: place.name() },
            Meaning::Busy => StoreError::Locked,
            Meaning::Lost => StoreError::Lost { place: place.name(), error: Arc::new(error) },
            Meaning::Wrong => StoreError::Sql(Arc::new(error)),
        },
        _ => StoreError::Sql(Arc::new(error)),
    }
}
