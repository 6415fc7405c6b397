//! What each channel brought by the hour, and which channels are silent.

use std::{collections::BTreeMap, path::Path};

use rusqlite::OpenFlags;

use super::{
    Store, StoreError,
    inbox::instant,
    open::{classify, connect},
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
            let mut query = connection.prepare("SELECT channel, hour, messages, seconds FROM traffic")?;
            let mut rows = query.query([])?;
            while let Some(row) = rows.next()? {
                let hour = Hour { messages: row.get(2)?, seconds: row.get(3)? };
                traffic.entry(row.get(0)?).or_default().insert(row.get(1)?, hour);
            }
            Ok((traffic, silent(connection)?))
        })
        .await
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
pub fn silences(file: &Path) -> Result<BTreeMap<String, Quiet>, StoreError> {
    if !file.exists() {
        return Ok(BTreeMap::new());
    }
    let sql = |error| classify(error, file);
    let connection = connect(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    // one that an older program wrote has no such table
    let there = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'silence')";
    if connection.query_row(there, [], |row| row.get(0)).map_err(sql)? {
        silent(&connection).map_err(sql)
    } else {
        Ok(BTreeMap::new())
    }
}

fn silent(connection: &rusqlite::Connection) -> rusqlite::Result<BTreeMap<String, Quiet>> {
    let mut query = connection.prepare("SELECT channel, since, words FROM silence")?;
    let quiet = |row: &rusqlite::Row<'_>| {
        Ok((row.get(0)?, Quiet { since: instant(row.get(1)?), words: row.get(2)? }))
    };
    query.query_map([], quiet)?.collect()
}
