//! What each channel brought by the hour, and which channels are silent.

use std::collections::BTreeMap;

use super::{
    Settings, Store, StoreError,
    inbox::instant,
    open::{classify, off_the_runtime, reader},
    sql::{self, Connection, Dialect},
};
use crate::silence::{Hour, Quiet, Traffic};

/// Hours that have changed, each with its channel.
pub type Changed = Vec<(String, i64, Hour)>;

impl Store {
    /// All hours that are kept, and the channels that were silent when this was last written.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn traffic(&self) -> Result<(Traffic, BTreeMap<String, Quiet>), StoreError> {
        self.read(|connection| {
            let mut traffic = Traffic::new();
            let mut query =
                connection.prepare_cached("SELECT channel, hour, messages, seconds FROM traffic")?;
            let mut rows = query.query([])?;
            while let Some(row) = rows.next()? {
                let hour = Hour { messages: row.get(2)?, seconds: row.get(3)? };
                traffic.entry(row.get(0)?).or_default().insert(row.get(1)?, hour);
            }
            Ok((traffic, silent(connection)?))
        })
        .await
    }

    /// The channels that were silent when this was last written.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn silent(&self) -> Result<BTreeMap<String, Quiet>, StoreError> {
        self.read(silent).await
    }

    /// Writes down the hours that have changed and all channels that are silent, and forgets hours before one.
    ///
    /// # Errors
    /// Nothing was changed.
    pub async fn write_traffic(
        &self,
        changed: Changed,
        silent: BTreeMap<String, Quiet>,
        before: i64,
    ) -> Result<(), StoreError> {
        self.write(move |db| {
            // whole values and not what is added: the work may be run twice
            let sql = "INSERT INTO traffic VALUES (?1, ?2, ?3, ?4)
                       ON CONFLICT (channel, hour) DO UPDATE SET messages = ?3, seconds = ?4";
            for (channel, hour, Hour { messages, seconds }) in &changed {
                db.execute(sql, (channel, hour, messages, seconds))?;
            }
            db.execute("DELETE FROM traffic WHERE hour < ?1", [before])?;
            db.execute("DELETE FROM silence", [])?;
            silent.iter().try_for_each(|(channel, quiet)| {
                let row = (channel, quiet.since.as_millisecond(), &quiet.words);
                db.execute("INSERT INTO silence VALUES (?1, ?2, ?3)", row).map(drop)
            })
        })
        .await
    }
}

/// The silent channels of a store that is perhaps not there yet; its gateway may run.
///
/// # Errors
/// The store cannot be read.
pub fn silences(settings: &Settings) -> Result<BTreeMap<String, Quiet>, StoreError> {
    if settings.file().is_some_and(|file| !file.exists()) {
        return Ok(BTreeMap::new());
    }
    off_the_runtime(|| {
        let connection = reader(&settings.place)?;
        silent_if_known(&connection).map_err(|error| classify(error, &settings.place))
    })
}

/// Those of a store that an older program may have written, which has no such table.
fn silent_if_known(connection: &Connection) -> sql::Result<BTreeMap<String, Quiet>> {
    let there = match connection.dialect() {
        Dialect::Sqlite => "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'silence')",
        Dialect::Postgres => "SELECT to_regclass('silence') IS NOT NULL",
    };
    if connection.prepare_cached(there)?.query_row([], |row| row.get(0))? {
        silent(connection)
    } else {
        Ok(BTreeMap::new())
    }
}

fn silent(connection: &Connection) -> sql::Result<BTreeMap<String, Quiet>> {
    let mut query = connection.prepare_cached("SELECT channel, since, words FROM silence")?;
    let quiet =
        |row: &sql::Row<'_>| Ok((row.get(0)?, Quiet { since: instant(row.get(1)?), words: row.get(2)? }));
    query.query_map([], quiet)?.collect()
}
