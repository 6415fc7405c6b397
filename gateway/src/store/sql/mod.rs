//! The two databases behind one small face: SQLite in a file of its own, PostgreSQL for several gateways.
//!
//! A statement is written once, in what both understand (`?1`, `ON CONFLICT`, `RETURNING`). Rows and parameters are borrowed
//! where they lie; over SQLite nothing is copied that rusqlite would not copy. What differs asks [`Connection::dialect`].

pub(super) mod postgres;
mod value;

use self::postgres::Session;
pub(super) use value::{FromValue, Key, Param, Params, ValueRef};

/// What a statement came to.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a statement did not do what it says.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// SQLite's own.
    #[error("{0}")]
    Sqlite(#[from] rusqlite::Error),
    /// PostgreSQL's own, or of the way to it.
    #[error("{}", postgres::words(.0))]
    Postgres(#[from] ::postgres::Error),
    /// The connection to PostgreSQL cannot be secured.
    #[error("TLS to PostgreSQL: {0}")]
    Tls(#[from] rustls::Error),
    /// The database on the server cannot hold every text.
    #[error("the database has the encoding {0}: make one with UTF8")]
    Encoding(String),
    /// There is no such row.
    #[error("there is no such row")]
    NoRow,
    /// Something else stands there than is wanted.
    #[error("something else than {wanted} stands in the database")]
    Type {
        /// What is wanted.
        wanted: &'static str,
    },
    /// A piece of work panicked.
    #[error("a piece of work panicked")]
    Panicked,
}

/// Which database it is, for the few statements that must be written twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// SQLite.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

/// A connection.
pub(super) enum Connection {
    /// To a file.
    Sqlite(rusqlite::Connection),
    /// To a server.
    Postgres(Box<Session>),
}

impl Connection {
    /// Which database it is.
    pub(super) fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite(_) => Dialect::Sqlite,
            Self::Postgres(_) => Dialect::Postgres,
        }
    }

    /// A statement, prepared once for all its uses.
    pub(super) fn prepare_cached(&self, sql: &str) -> Result<Statement<'_>> {
        Ok(match self {
            Self::Sqlite(connection) => Statement::Sqlite(connection.prepare_cached(sql)?),
            Self::Postgres(session) => Statement::Postgres(session, sql.into()),
        })
    }

    /// Runs a query on one state of the database: all that it reads fits together, and over SQLite its statements take the
    /// locks and look for changed pages once instead of each.
    pub(super) fn snapshot<T>(&self, query: impl FnOnce(&Self) -> Result<T>) -> Result<T> {
        match self {
            Self::Sqlite(connection) => {
                connection.prepare_cached("BEGIN DEFERRED")?.execute([])?;
            }
            Self::Postgres(session) => session.batch("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")?,
        }
        let result = query(self);
        // nothing was written: both ends are the same
        self.roll_back();
        result
    }

    /// Begins a transaction that writes: no other writes until it ends, in this process or another.
    pub(super) fn begin(&self) -> Result<()> {
        match self {
            Self::Sqlite(connection) => {
                connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
            }
            Self::Postgres(session) => session.begin()?,
        }
        Ok(())
    }

    /// Makes the transaction durable.
    pub(super) fn commit(&self) -> Result<()> {
        match self {
            Self::Sqlite(connection) => {
                connection.prepare_cached("COMMIT")?.execute([])?;
            }
            Self::Postgres(session) => session.batch("COMMIT")?,
        }
        Ok(())
    }

    /// Undoes the transaction, if there is one still: after a failed COMMIT it may be gone by itself.
    pub(super) fn roll_back(&self) {
        match self {
            Self::Sqlite(connection) if connection.is_autocommit() => {}
            Self::Sqlite(connection) => drop(connection.execute_batch("ROLLBACK")),
            Self::Postgres(session) => drop(session.batch("ROLLBACK")),
        }
    }
}

/// A statement.
pub(super) enum Statement<'c> {
    /// Of SQLite.
    Sqlite(rusqlite::CachedStatement<'c>),
    /// Of PostgreSQL.
    Postgres(&'c Session, Box<str>),
}

impl Statement<'_> {
    /// Runs it; how many rows it changed.
    pub(super) fn execute(&mut self, params: impl Params) -> Result<usize> {
        params.with(|params| match self {
            Self::Sqlite(statement) => Ok(statement.execute(rusqlite::params_from_iter(params))?),
            Self::Postgres(session, sql) => session.execute(sql, params),
        })
    }

    /// Its rows.
    pub(super) fn query(&mut self, params: impl Params) -> Result<Rows<'_>> {
        params.with(|params| match self {
            Self::Sqlite(statement) => Ok(Rows::Sqlite(statement.query(rusqlite::params_from_iter(params))?)),
            Self::Postgres(session, sql) => {
                Ok(Rows::Postgres { rows: session.query(sql, params)?.into_iter(), now: None })
            }
        })
    }

    /// What is made of each row.
    pub(super) fn query_map<T, F>(&mut self, params: impl Params, make: F) -> Result<Mapped<'_, F>>
    where
        F: FnMut(&Row<'_>) -> Result<T>,
    {
        Ok(Mapped { rows: self.query(params)?, make })
    }

    /// What is made of the first row.
    ///
    /// # Errors
    /// [`Error::NoRow`] without one.
    pub(super) fn query_row<T>(
        &mut self,
        params: impl Params,
        make: impl FnOnce(&Row<'_>) -> Result<T>,
    ) -> Result<T> {
        self.query(params)?.next()?.map_or(Err(Error::NoRow), |row| make(&row))
    }
}

/// The rows of a statement.
pub(super) enum Rows<'s> {
    /// One after the other out of the file.
    Sqlite(rusqlite::Rows<'s>),
    /// All that the server sent.
    Postgres { rows: std::vec::IntoIter<::postgres::Row>, now: Option<::postgres::Row> },
}

impl Rows<'_> {
    /// The next one.
    pub(super) fn next(&mut self) -> Result<Option<Row<'_>>> {
        Ok(match self {
            Self::Sqlite(rows) => rows.next()?.map(Row::Sqlite),
            Self::Postgres { rows, now } => {
                *now = rows.next();
                now.as_ref().map(Row::Postgres)
            }
        })
    }
}

/// What is made of each row of a statement.
pub(super) struct Mapped<'s, F> {
    rows: Rows<'s>,
    make: F,
}

impl<T, F: FnMut(&Row<'_>) -> Result<T>> Iterator for Mapped<'_, F> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.rows.next() {
            Ok(row) => row.map(|row| (self.make)(&row)),
            Err(error) => Some(Err(error)),
        }
    }
}

/// A row.
pub(super) enum Row<'r> {
    /// Of SQLite.
    Sqlite(&'r rusqlite::Row<'r>),
    /// Of PostgreSQL.
    Postgres(&'r ::postgres::Row),
}

impl Row<'_> {
    /// The value of a column, counted from 0, where it lies.
    pub(super) fn get_ref(&self, column: usize) -> Result<ValueRef<'_>> {
        match self {
            Self::Sqlite(row) => ValueRef::of_sqlite(row.get_ref(column)?),
            Self::Postgres(row) => postgres::value(row, column),
        }
    }

    /// The value of a column, counted from 0.
    pub(super) fn get<T: FromValue>(&self, column: usize) -> Result<T> {
        T::from_value(self.get_ref(column)?).ok_or(Error::Type { wanted: T::NAME })
    }
}

/// A row that need not be there.
pub(super) trait OptionalExtension<T> {
    /// Nothing without a row.
    fn optional(self) -> Result<Option<T>>;
}

impl<T> OptionalExtension<T> for Result<T> {
    fn optional(self) -> Result<Option<T>> {
        match self {
            Ok(value) => Ok(Some(value)),
            Err(Error::NoRow) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
