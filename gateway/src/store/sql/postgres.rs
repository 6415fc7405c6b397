//! A connection to PostgreSQL, by the blocking client: the threads that read and write block anyway.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    error::Error as _,
    fmt::Write as _,
    sync::Arc,
    time::Duration,
};

use ::postgres::{
    Client, Row, Statement,
    config::{Config, SslMode},
    error::SqlState,
    types::{FromSql, IsNull, ToSql, Type, to_sql_checked},
};
use bytes::BytesMut;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{
    Error, Result, ValueRef,
    value::{Kind, Param},
};

/// Statements kept prepared; the store has fewer.
const STATEMENTS: usize = 512;
/// A server that does not answer for so long is gone.
const GONE: Duration = Duration::from_secs(10);
/// What a session is set to, as far as the server knows it: a commit is on disk when it is answered; who waits for the
/// writer's turn gives up as with SQLite; the server lets go of a gateway that is gone or stands still; rows of a `UNION ALL`
/// come in its order.
const SESSION: &str = "SELECT set_config(name, value, false) FROM (VALUES
      ('lock_timeout', '5s'), ('idle_in_transaction_session_timeout', '10s'),
      ('tcp_keepalives_idle', '5'), ('tcp_keepalives_interval', '2'), ('tcp_keepalives_count', '3'),
      ('tcp_user_timeout', '10000'), ('max_parallel_workers_per_gather', '0'),
      ('client_min_messages', 'warning')) AS wanted (name, value)
    WHERE name IN (SELECT name FROM pg_settings)
    UNION ALL SELECT set_config('synchronous_commit', 'on', false)
    WHERE current_setting('synchronous_commit') = 'off'";

/// Where a server is, and how it is reached. Its `Debug` has no password.
#[derive(Clone, Debug)]
pub struct Server(Arc<Config>);

impl Server {
    /// Reads a `postgres://` address; the password is not in the error.
    pub(in crate::store) fn parse(url: &str) -> std::result::Result<Self, String> {
        let mut config: Config = url.parse().map_err(|error: ::postgres::Error| words(&error))?;
        if config.get_dbname().is_none_or(str::is_empty) {
            return Err("it names no database: postgres://USER:PASSWORD@HOST/DATABASE".to_owned());
        }
        if config.get_application_name().is_none() {
            config.application_name("muara");
        }
        config.keepalives_idle(Duration::from_secs(5));
        config.keepalives_interval(Duration::from_secs(2)).keepalives_retries(3);
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(Duration::from_secs(5));
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(GONE);
        }
        Ok(Self(Arc::new(config)))
    }

    /// As operators read it.
    pub(in crate::store) fn name(&self) -> String {
        let mut name = "PostgreSQL".to_owned();
        for (place, host) in self.0.get_hosts().iter().enumerate() {
            let host = match host {
                ::postgres::config::Host::Tcp(host) => host.clone(),
                ::postgres::config::Host::Unix(path) => path.display().to_string(),
            };
            let ports = self.0.get_ports();
            let port = ports.get(place).or(ports.first()).copied().unwrap_or(5432);
            // writing to a text does not fail
            let _infallible = write!(name, "{} {host}:{port}", if place == 0 { " at" } else { "," });
        }
        name
    }
}

/// A session with a server.
pub(in crate::store) struct Session {
    /// Taken out only when it is dropped.
    client: RefCell<Option<Client>>,
    statements: RefCell<HashMap<Box<str>, Prepared>>,
    /// An error said that it is of no use any more.
    lost: Cell<bool>,
}

/// A statement with the kinds of its parameters.
type Prepared = (Vec<Kind>, Statement);

impl Session {
    /// Opens one. Must not be called where a task of Tokio runs.
    pub(in crate::store) fn connect(server: &Server) -> Result<Self> {
        let mut client = if server.0.get_ssl_mode() == SslMode::Disable {
            server.0.connect(::postgres::NoTls)?
        } else {
            server.0.connect(tls()?)?
        };
        client.query(SESSION, &[])?;
        let encoding: String = client.query_one("SHOW server_encoding", &[])?.try_get(0)?;
        if encoding != "UTF8" {
            return Err(Error::Encoding(encoding));
        }
        Ok(Self {
            client: RefCell::new(Some(client)),
            statements: RefCell::default(),
            lost: Cell::new(false),
        })
    }

    /// Whether it is at an end, or of no use any more.
    pub(in crate::store) fn is_closed(&self) -> bool {
        self.lost.get() || self.client.borrow().as_ref().is_none_or(Client::is_closed)
    }

    /// Lets the server end the session if nothing is asked of it for so long: whoever holds the leadership and stands still
    /// must lose it.
    pub(in crate::store) fn end_if_idle(&self, after: Duration) -> Result<()> {
        let sql = "SELECT set_config(name, $1, false) FROM pg_settings WHERE name = 'idle_session_timeout'";
        let after = after.as_millis().to_string();
        self.with(|client| client.query(sql, &[&after])).map(drop)
    }

    /// Begins a transaction and waits until no other of this store is open.
    pub(super) fn begin(&self) -> Result<()> {
        let begun = self.batch("BEGIN; SELECT 1 FROM level FOR UPDATE");
        if begun.is_err() {
            // whose turn did not come has a transaction all the same, in which nothing can be done
            drop(self.batch("ROLLBACK"));
        }
        begun
    }

    /// Runs statements without parameters.
    pub(in crate::store) fn batch(&self, sql: &str) -> Result<()> {
        self.with(|client| client.batch_execute(sql))
    }

    /// The number in the first row.
    pub(in crate::store) fn number(&self, sql: &str) -> Result<i64> {
        let row = self.with(|client| client.query_one(sql, &[]))?;
        Ok(row.try_get(0)?)
    }

    pub(super) fn execute(&self, sql: &str, params: &[Param<'_>]) -> Result<usize> {
        let statement = self.prepare(sql, params)?;
        let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|param| param as _).collect();
        let changed = self.with(|client| client.execute(&statement, &params))?;
        Ok(usize::try_from(changed).unwrap_or(usize::MAX))
    }

    pub(super) fn query(&self, sql: &str, params: &[Param<'_>]) -> Result<Vec<Row>> {
        let statement = self.prepare(sql, params)?;
        let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|param| param as _).collect();
        self.with(|client| client.query(&statement, &params))
    }

    fn prepare(&self, sql: &str, params: &[Param<'_>]) -> Result<Statement> {
        if let Some((kinds, statement)) = self.statements.borrow().get(sql)
            && kinds.iter().eq(params.iter().map(|param| &param.kind))
        {
            return Ok(statement.clone());
        }
        let types: Vec<Type> = params.iter().map(|param| param.kind.of_postgres()).collect();
        let statement = self.with(|client| client.prepare_typed(&numbered(sql), &types))?;
        let kinds = params.iter().map(|param| param.kind).collect();
        let mut statements = self.statements.borrow_mut();
        if statements.len() >= STATEMENTS {
            statements.clear();
        }
        statements.insert(sql.into(), (kinds, statement.clone()));
        Ok(statement)
    }

    fn with<T>(
        &self,
        ask: impl FnOnce(&mut Client) -> std::result::Result<T, ::postgres::Error>,
    ) -> Result<T> {
        let answer = self.client.borrow_mut().as_mut().map(ask).ok_or(Error::NoRow)?;
        if let Err(error) = &answer {
            // a newer program may have changed what a prepared statement stands on
            self.statements.borrow_mut().clear();
            self.lost.set(self.lost.get() || meaning(error) == Meaning::Lost);
        }
        Ok(answer?)
    }
}

impl Drop for Session {
    /// The client has a runtime of its own, which must not end where another one's task runs.
    fn drop(&mut self) {
        self.statements.get_mut().clear();
        if let Some(client) = self.client.get_mut().take() {
            // without a thread the process is at its end, and so is the session
            drop(std::thread::Builder::new().name("store-end".to_owned()).spawn(move || drop(client)));
        }
    }
}

impl Kind {
    fn of_postgres(self) -> Type {
        match self {
            Self::Integer => Type::INT8,
            Self::Text => Type::TEXT,
            Self::Blob => Type::BYTEA,
        }
    }
}

impl ToSql for Param<'_> {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> std::result::Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self.value {
            ValueRef::Null => Ok(IsNull::Yes),
            ValueRef::Integer(number) => number.to_sql(ty, out),
            // PostgreSQL has no texts with NUL; whoever looks for one finds it all the same
            ValueRef::Text(text) if text.contains('\0') => text.replace('\0', "\u{fffd}").to_sql(ty, out),
            ValueRef::Text(text) => text.to_sql(ty, out),
            ValueRef::Blob(bytes) => bytes.to_sql(ty, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// A value where it lies.
struct Lying<'a>(ValueRef<'a>);

impl<'a> FromSql<'a> for Lying<'a> {
    fn from_sql(
        ty: &Type,
        raw: &'a [u8],
    ) -> std::result::Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(match *ty {
            Type::INT8 => ValueRef::Integer(i64::from_sql(ty, raw)?),
            Type::INT4 => ValueRef::Integer(i32::from_sql(ty, raw)?.into()),
            Type::BOOL => ValueRef::Integer(bool::from_sql(ty, raw)?.into()),
            Type::BYTEA => ValueRef::Blob(raw),
            _ => ValueRef::Text(<&str>::from_sql(ty, raw)?),
        }))
    }

    fn from_sql_null(_: &Type) -> std::result::Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(ValueRef::Null))
    }

    fn accepts(ty: &Type) -> bool {
        matches!(*ty, Type::INT8 | Type::INT4 | Type::BOOL | Type::BYTEA) || <&str as FromSql>::accepts(ty)
    }
}

/// The value of a column.
pub(super) fn value(row: &Row, column: usize) -> Result<ValueRef<'_>> {
    Ok(row.try_get::<_, Lying<'_>>(column)?.0)
}

/// `?1` as PostgreSQL writes it.
fn numbered(sql: &str) -> String {
    let mut out = String::with_capacity(sql.len());
    let mut characters = sql.chars().peekable();
    while let Some(character) = characters.next() {
        let parameter = character == '?' && characters.peek().is_some_and(char::is_ascii_digit);
        out.push(if parameter { '$' } else { character });
    }
    out
}

/// TLS by the system's roots (or `SSL_CERT_FILE`); the server's name must be in its certificate.
fn tls() -> Result<MakeRustlsConnect> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(MakeRustlsConnect::new(config.with_root_certificates(roots).with_no_client_auth()))
}

/// What an error says, with what it comes from.
pub(super) fn words(error: &::postgres::Error) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_words = cause.to_string();
        if !words.contains(&cause_words) {
            words = format!("{words}: {cause_words}");
        }
        source = cause.source();
    }
    words
}

/// What an error means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum Meaning {
    /// The way to the server is gone, or the server: opened anew, it may be well.
    Lost,
    /// The server's disk is full.
    Full,
    /// Another holds the writer's turn for too long.
    Busy,
    /// Something is wrong that does not go away by itself.
    Wrong,
}

/// What an error of PostgreSQL means.
pub(in crate::store) fn meaning(error: &::postgres::Error) -> Meaning {
    let Some(code) = error.code() else {
        let io = error.source().is_some_and(|source| source.is::<std::io::Error>());
        return if io || error.is_closed() { Meaning::Lost } else { Meaning::Wrong };
    };
    match *code {
        SqlState::DISK_FULL => Meaning::Full,
        SqlState::LOCK_NOT_AVAILABLE
        | SqlState::T_R_SERIALIZATION_FAILURE
        | SqlState::T_R_DEADLOCK_DETECTED => Meaning::Busy,
        SqlState::ADMIN_SHUTDOWN
        | SqlState::CRASH_SHUTDOWN
        | SqlState::CANNOT_CONNECT_NOW
        | SqlState::DATABASE_DROPPED
        | SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT
        | SqlState::IDLE_SESSION_TIMEOUT
        | SqlState::TOO_MANY_CONNECTIONS
        | SqlState::READ_ONLY_SQL_TRANSACTION => Meaning::Lost,
        _ if code.code().starts_with("08") => Meaning::Lost,
        _ => Meaning::Wrong,
    }
}
