//! Where pulls stand, and idempotency keys that are too old to matter.

use jiff::Timestamp;
use muara_connectors::Cursor;
use muara_normalizer::ChannelId;

use super::super::{
    Store, StoreError,
    sql::{self, OptionalExtension},
};

impl Store {
    /// Where a channel's pull stands.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn cursor(&self, channel: ChannelId) -> Result<Cursor, StoreError> {
        self.read(move |connection| {
            let sql = "SELECT cursor FROM cursor WHERE channel = ?1";
            let cursor =
                connection.prepare_cached(sql)?.query_row([channel.as_str()], |row| row.get(0)).optional()?;
            Ok(Cursor(cursor.unwrap_or_default()))
        })
        .await
    }

    /// Forgets idempotency keys older than `before`: looks at the next `most` keys after `after` and returns
    /// where to go on, or nothing at the end of the keys. Bounded, so that it never stops the intake.
    ///
    /// # Errors
    /// Nothing was forgotten.
    pub async fn forget_keys(
        &self,
        after: String,
        most: u32,
        before: Timestamp,
    ) -> Result<Option<String>, StoreError> {
        let before = before.as_millisecond();
        let (old, last) = self
            .read(move |connection| {
                let sql = "SELECT key, at FROM receipt WHERE key > ?1 ORDER BY key LIMIT ?2";
                let mut query = connection.prepare_cached(sql)?;
                let rows =
                    query.query_map((after, most), |row| Ok((row.get::<String>(0)?, row.get::<i64>(1)?)))?;
                let rows = rows.collect::<sql::Result<Vec<_>>>()?;
                let last = rows.last().map(|(key, _)| key.clone());
                let old: Vec<String> =
                    rows.into_iter().filter(|(_, at)| *at < before).map(|(key, _)| key).collect();
                Ok((old, last))
            })
            .await?;
        if !old.is_empty() {
            self.write(move |db| {
                old.iter().try_for_each(|key| {
                    db.execute("DELETE FROM receipt WHERE key = ?1 AND at < ?2", (key, before)).map(drop)
                })
            })
            .await?;
        }
        Ok(last)
    }
}
