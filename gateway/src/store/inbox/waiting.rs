//! Drafts that wait to be refined.

use jiff::Timestamp;
use muara_normalizer::ComplaintId;

use super::{
    super::{
        Store, StoreError, now_ms,
        sql::{self, Connection},
    },
    instant,
};

/// A draft that waits to be refined.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// Number of the receipt.
    pub serial: i64,
    /// The complaint's id.
    pub id: ComplaintId,
    /// The channel.
    pub channel: String,
    /// When it was stored.
    pub received_at: Timestamp,
    /// The draft as JSON; of a change the amendment.
    pub draft: Vec<u8>,
    /// Whether it was held or quarantined before: nobody waits for an automatic answer any more.
    pub held: bool,
    /// Of a change: the number of the receipt of the message that is changed.
    pub amends: Option<i64>,
    /// Number of the receipt of the complaint that it continues, if that was found out when it was gathered.
    pub follows: Option<i64>,
    /// An operator let it through: it is published whatever it is taken for.
    pub reviewed: bool,
    /// How many of its files the event calls settled; none if it has no files.
    pub files_settled: Option<u32>,
}

/// The next drafts that are to be refined.
#[derive(Clone, Debug, Default)]
pub struct Next {
    /// In the order in which they are to be refined.
    pub rows: Vec<Waiting>,
    /// The number of the receipt after which there are more, if there may be more.
    pub more_after: Option<i64>,
}

/// The columns of a row that waits, as [`waiting`] reads them.
pub(in super::super) const WAITING: &str = "serial, id, channel, at, draft, held, amends, follows, reviewed";
/// How many they are.
pub(in super::super) const WAITING_COLUMNS: usize = 9;

impl Store {
    /// The next drafts that are to be refined, oldest first. Those that wait for their files are passed over until
    /// their time has come.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn waiting(&self, most: u32) -> Result<Next, StoreError> {
        self.read(move |connection| {
            // two ranges of one index, each in order: nothing that waits is read
            let mut next = ready(connection, 0, most)?;
            let sql = format!(
                "SELECT {WAITING} FROM inbox WHERE wait_until BETWEEN 1 AND ?2 ORDER BY wait_until, serial LIMIT ?1"
            );
            let mut late = connection.prepare_cached(&sql)?;
            for row in late.query_map((most, now_ms()), waiting)? {
                next.rows.push(row?);
            }
            Ok(next)
        })
        .await
    }

    /// The drafts that follow, while those before them are still being worked at; without those that waited for files.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn waiting_after(&self, serial: i64, most: u32) -> Result<Next, StoreError> {
        self.read(move |connection| ready(connection, serial, most)).await
    }
}

/// Drafts that wait for nothing, after a number.
fn ready(connection: &Connection, after: i64, most: u32) -> sql::Result<Next> {
    let sql =
        format!("SELECT {WAITING} FROM inbox WHERE wait_until = 0 AND serial > ?1 ORDER BY serial LIMIT ?2");
    let mut query = connection.prepare_cached(&sql)?;
    let rows = query.query_map((after, most), waiting)?.collect::<sql::Result<Vec<_>>>()?;
    let full = u32::try_from(rows.len()) == Ok(most);
    let more_after = rows.last().filter(|_| full).map(|row| row.serial);
    Ok(Next { rows, more_after })
}

pub(in super::super) fn waiting(row: &sql::Row<'_>) -> sql::Result<Waiting> {
    Ok(Waiting {
        serial: row.get(0)?,
        id: ComplaintId(row.get(1)?),
        channel: row.get(2)?,
        received_at: instant(row.get(3)?),
        draft: row.get(4)?,
        held: row.get(5)?,
        amends: row.get(6)?,
        follows: row.get(7)?,
        reviewed: row.get(8)?,
        files_settled: None,
    })
}
