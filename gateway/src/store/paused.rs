//! Channels that an operator stopped. In memory for those who must know at each message, in a table for the next start.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use muara_normalizer::ChannelId;
use tokio::sync::watch;

use super::{
    Store, StoreError,
    inbox::instant,
    now_ms,
    sql::{self, Connection},
};

/// Why a channel stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    /// Since when.
    pub at: Timestamp,
    /// Who stopped it.
    pub who: String,
    /// Their reason.
    pub reason: String,
}

/// The paused channels by id.
pub type Paused = BTreeMap<String, Pause>;

impl Store {
    /// The paused channels.
    #[must_use]
    pub fn paused(&self) -> Arc<Paused> {
        self.shared.paused.borrow().clone()
    }

    /// Changes of the paused channels.
    #[must_use]
    pub fn watch_paused(&self) -> watch::Receiver<Arc<Paused>> {
        self.shared.paused.subscribe()
    }

    /// Whether a channel takes nothing in and sends nothing.
    #[must_use]
    pub fn is_paused(&self, channel: &ChannelId) -> bool {
        self.shared.paused.borrow().contains_key(channel.as_str())
    }

    /// Stops a channel. One that stands already keeps its first reason; false then.
    ///
    /// # Errors
    /// Nothing was changed.
    pub async fn pause(&self, channel: &ChannelId, who: &str, reason: &str) -> Result<bool, StoreError> {
        let (id, who, reason) = (channel.to_string(), who.to_owned(), reason.to_owned());
        let at = now_ms();
        let row = (id.clone(), at, who.clone(), reason.clone());
        let _turn = self.shared.pausing.lock().await;
        let stopped = self
            .write(move |db| {
                let sql = "INSERT INTO paused VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING";
                db.execute(sql, (&row.0, row.1, &row.2, &row.3))
            })
            .await?
            == 1;
        if stopped {
            self.shared.paused.send_modify(|paused| {
                Arc::make_mut(paused).insert(id, Pause { at: instant(at), who, reason });
            });
        }
        Ok(stopped)
    }

    /// Lets a channel go on. False if it did not stand.
    ///
    /// # Errors
    /// Nothing was changed.
    pub async fn resume(&self, channel: &ChannelId) -> Result<bool, StoreError> {
        let id = channel.to_string();
        let _turn = self.shared.pausing.lock().await;
        let gone = self.write(move |db| db.execute("DELETE FROM paused WHERE channel = ?1", [&id])).await?;
        self.shared.paused.send_modify(|paused| {
            Arc::make_mut(paused).remove(channel.as_str());
        });
        Ok(gone == 1)
    }

    /// Takes up what another process (a command) has paused or let go on. True if something changed.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn look_at_paused(&self) -> Result<bool, StoreError> {
        let _turn = self.shared.pausing.lock().await;
        let found = self.read(read).await?;
        Ok(self.shared.paused.send_if_modified(|paused| {
            let changed = **paused != found;
            if changed {
                *paused = Arc::new(found);
            }
            changed
        }))
    }
}

pub(super) fn read(connection: &Connection) -> sql::Result<Paused> {
    let mut query = connection.prepare_cached("SELECT channel, at, who, reason FROM paused")?;
    let rows = query.query_map([], |row| {
        let pause = Pause { at: instant(row.get(1)?), who: row.get(2)?, reason: row.get(3)? };
        Ok((row.get(0)?, pause))
    })?;
    rows.collect()
}
