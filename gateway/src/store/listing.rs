//! The complaints of one channel as its own people may list them, newest first.

use jiff::Timestamp;
use muara_normalizer::{ChannelId, ComplaintId};

use super::{
    Store, StoreError,
    reply::{CORRESPONDENCE, Correspondence, correspondence},
};

impl Store {
    /// The complaints of a channel that came in between two times, newest first, as far as `wanted` takes them; so many at
    /// most.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn correspondences<T, F>(
        &self,
        channel: ChannelId,
        from: Timestamp,
        to: Timestamp,
        most: usize,
        wanted: F,
    ) -> Result<Vec<T>, StoreError>
    where
        T: Send + 'static,
        F: Fn(Correspondence) -> Option<T> + Send + 'static,
    {
        let references = self.shared.references.clone();
        // ids sort by the time they were given
        let (first, last) =
            (ComplaintId::from_parts(from, &[0; 10]), ComplaintId::from_parts(to, &[255; 10]));
        self.read(move |connection| {
            let sql = format!(
                "SELECT {CORRESPONDENCE} FROM correspondence
                 WHERE complaint BETWEEN ?1 AND ?2 AND channel = ?3 ORDER BY complaint DESC"
            );
            let mut query = connection.prepare_cached(&sql)?;
            let mut rows = query.query((first.0, last.0, channel.as_str()))?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                found.extend(wanted(correspondence(row, 0, &references)?));
                if found.len() >= most {
                    break;
                }
            }
            Ok(found)
        })
        .await
    }
}
