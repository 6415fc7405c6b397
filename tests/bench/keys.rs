//! A store that has seen a million messages: their idempotency keys, and nothing that waits.

use std::path::Path;

use muara::store::{Settings, Store};
use rusqlite::Connection;

use crate::reports::Numbers;

/// The first id of the vendor's counter.
pub(crate) const FIRST_ID: u64 = 10_000_000;
const DAY_MS: i64 = 86_400_000;

/// Makes the database, with its schema by Muara itself, and fills in `count` keys: half of them by the vendor's
/// counter, half of them random, in the order in which they would have come. Returns the counter's next id.
pub(crate) async fn fill(file: &Path, count: u64) -> u64 {
    let store = Store::open(&Settings::new(file)).unwrap();
    store.close().await;
    let file = file.to_owned();
    tokio::task::spawn_blocking(move || insert(&file, count)).await.unwrap();
    FIRST_ID + count / 2
}

fn insert(file: &Path, count: u64) {
    let mut connection = Connection::open(file).unwrap();
    connection.pragma_update(None, "synchronous", "OFF").unwrap();
    connection.pragma_update(None, "cache_size", -400_000).unwrap();
    let count = i64::try_from(count).unwrap();
    let now = jiff::Timestamp::now().as_millisecond();
    let transaction = connection.transaction().unwrap();
    {
        let mut insert = transaction.prepare("INSERT INTO receipt VALUES (?1, ?2, ?3, ?4, 0)").unwrap();
        let mut numbers = Numbers(7);
        for serial in 1..=count {
            let key = if serial % 2 == 1 {
                format!("qlue/{}", FIRST_ID + u64::try_from(serial / 2).unwrap())
            } else {
                format!("other/{}", numbers.uuid())
            };
            // over the last 300 days: none is old enough to be forgotten
            let at = now - (count - serial) * 300 * DAY_MS / count;
            insert.execute((key, serial, numbers.uuid(), at)).unwrap();
        }
    }
    transaction.execute("UPDATE level SET next_serial = ?1", [count + 1]).unwrap();
    transaction.commit().unwrap();
    connection.pragma(None, "wal_checkpoint", "TRUNCATE", |_| Ok(())).unwrap();
}
