//! The complaints of one channel as its own people may list them, newest first.

use jiff::Timestamp;
use muara_normalizer::{ChannelId, ComplaintId, Draft, Reference};

use super::{
    Store, StoreError,
    inbox::instant,
    reply::{CORRESPONDENCE, Correspondence, correspondence},
};

/// Where a message waits whose event is not made yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// To be refined.
    Inbox,
    /// Held by a limit.
    Held,
    /// No complaint by the rules, until an operator says otherwise.
    Aside,
}

/// A message that waits.
#[derive(Clone, Debug)]
pub struct Waits {
    /// Where.
    pub place: Place,
    /// The citizen's code.
    pub reference: Reference,
    /// When it was stored.
    pub at: Timestamp,
    /// What was said.
    pub draft: Draft,
}

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
                found.extend(wanted(correspondence(&row, 0, &references)?));
                if found.len() >= most {
                    break;
                }
            }
            Ok(found)
        })
        .await
    }

    /// The messages of a channel that came in since a time and whose events are not made yet; so many at most of each
    /// place, newest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn not_told(
        &self,
        channel: ChannelId,
        from: Timestamp,
        most: u32,
    ) -> Result<Vec<Waits>, StoreError> {
        const PLACES: [(Place, &str); 3] =
            [(Place::Inbox, "inbox"), (Place::Held, "held"), (Place::Aside, "set_aside")];
        let references = self.shared.references.clone();
        self.read(move |connection| {
            let mut found = Vec::new();
            for (place, table) in PLACES {
                let sql = format!(
                    "SELECT serial, at, draft FROM {table} WHERE channel = ?1 AND at >= ?2
                     ORDER BY serial DESC LIMIT ?3"
                );
                let mut query = connection.prepare_cached(&sql)?;
                let mut rows = query.query((channel.as_str(), from.as_millisecond(), most))?;
                while let Some(row) = rows.next()? {
                    // a change of a message waits in the inbox, too, and is none
                    let Ok(draft) = serde_json::from_slice(&row.get::<Vec<u8>>(2)?) else { continue };
                    let reference = references.reference(row.get::<i64>(0)?.unsigned_abs());
                    found.push(Waits { place, reference, at: instant(row.get(1)?), draft });
                }
            }
            Ok(found)
        })
        .await
    }
}
