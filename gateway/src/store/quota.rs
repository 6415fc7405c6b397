//! What vendors said is left of what they allow: one value, rewritten as a whole.

use super::{Store, StoreError, sql::OptionalExtension};
use crate::quota::Quotas;

/// Its name among what the store knows of itself.
const NAME: &str = "vendors' quotas";

impl Store {
    /// What was last written; nothing if it cannot be understood, since vendors say it again.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn quotas(&self) -> Result<Quotas, StoreError> {
        let known: Option<Vec<u8>> = self
            .read(|connection| {
                let mut query = connection.prepare_cached("SELECT value FROM meta WHERE name = ?1")?;
                query.query_row([NAME], |row| row.get(0)).optional()
            })
            .await?;
        Ok(known.and_then(|known| serde_json::from_slice(&known).ok()).unwrap_or_default())
    }

    /// Writes down what vendors said.
    ///
    /// # Errors
    /// What was written before stays.
    pub async fn write_quotas(&self, quotas: Quotas) -> Result<(), StoreError> {
        let value = serde_json::to_vec(&quotas).unwrap_or_default();
        self.write(move |db| {
            let sql = "INSERT INTO meta VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = ?2";
            db.execute(sql, (NAME, &value)).map(drop)
        })
        .await
    }
}
