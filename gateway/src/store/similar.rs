//! What complaints are about, kept for the window in which another may be about the same.
//!
//! Each is filed under a few keys ([`Kept::filed_under`]); a search reads the newest of the blocks in which like ones
//! stand ([`Matter::sought_in`]), so its time is bounded by the number of candidates and not by what the store holds.

mod recent;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::Timestamp;
use muara_normalizer::{
    ComplaintId,
    similarity::{
        CANDIDATES, Index, Kept, Link, Matter, REPORTS, Thresholds, compare, link, matter_key, sender_key,
    },
};

use self::recent::Memory;
pub(super) use self::recent::Recent;
use super::{
    Db, Store, StoreError,
    sql::{self, Connection, OptionalExtension, Row},
};

/// A person's latest complaints that a new one of theirs is held against.
const MOST_RECENT: usize = 8;

/// Those that a complaint is alike enough to, of all that were here when it was searched.
#[derive(Clone, Debug, Default)]
pub struct Search {
    /// Them, oldest first.
    pub alike: Vec<Link>,
    /// The place in memory of what has come since.
    pub until: u64,
}

/// What came before a complaint.
#[derive(Clone, Debug, Default)]
pub struct Before {
    /// The older complaint that it repeats, if it is alike enough to one.
    pub alike: Option<Link>,
    /// The latest complaints of its sender, newest first.
    pub own: Vec<Kept>,
}

impl Store {
    /// For each of a batch the stored complaints that it is alike enough to, oldest first. Blocks.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn alike(&self, batch: &[Kept], thresholds: &Thresholds) -> Result<Vec<Search>, StoreError> {
        self.read_here(|connection| {
            let one = |kept| {
                let recent = self.shared.recent.look();
                let alike = alike(connection, &recent, kept, thresholds)?;
                Ok(Search { alike, until: recent.until() })
            };
            batch.iter().map(one).collect()
        })
    }

    /// For each of a batch what came before it: the complaint that it repeats, of those that [`Store::alike`] found, of
    /// those that have come since, and of the earlier ones of the batch; and what its sender said lately that may be the
    /// same.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn before(
        &self,
        batch: Vec<(Kept, Search)>,
        thresholds: Thresholds,
    ) -> Result<Vec<Before>, StoreError> {
        let shared = Arc::clone(&self.shared);
        self.read(move |connection| {
            let recent = shared.recent.look();
            let mut earlier = Index::default();
            let mut befores = Vec::with_capacity(batch.len());
            for (mut kept, Search { mut alike, until }) in batch {
                alike.extend(recent.alike(until, &kept.matter, &thresholds));
                alike.extend(earlier.alike(0, &kept.matter, &thresholds));
                let alike = link(&kept.matter, alike, &thresholds, |first, report| {
                    let here = earlier.reports(first).chain(recent.reports(first));
                    reports(connection, here, (first, kept.serial), report)
                })?;
                if let Some(link) = &alike {
                    kept.first = link.first;
                }
                let own = own(connection, &recent, &earlier, &kept)?;
                befores.push(Before { alike, own });
                earlier.insert(kept);
            }
            Ok(befores)
        })
        .await
    }

    /// Keeps what complaints are about, outside of refining them.
    ///
    /// # Errors
    /// Nothing was kept.
    pub async fn keep_matters(&self, all: Vec<Kept>) -> Result<(), StoreError> {
        let part = self.shared.recent.part(all.len());
        let write = move |db: &Db<'_>| {
            let mut new = Vec::new();
            for kept in &all {
                if remember(db, kept)? {
                    new.push(kept.clone());
                }
            }
            part.iter().try_for_each(|part| part.file(db))?;
            // the part comes back with what is on disk
            Ok((new, part.clone()))
        };
        let (new, part) = self.write(write).await?;
        self.shared.recent.add(new);
        part.iter().for_each(|part| self.shared.recent.filed(part));
        Ok(())
    }

    /// Reads anew which matters are not filed, and under which keys others are: before this gateway leads, another one kept
    /// them. From now on as many as there is `room` for stay in memory when they are filed.
    ///
    /// # Errors
    /// The store cannot be read; what is in memory stays.
    pub async fn recall_matters(&self, room: usize) -> Result<(), StoreError> {
        let recent = self.read(move |connection| Recent::read_with_keys(connection, room)).await?;
        self.shared.recent.replace(recent);
        Ok(())
    }

    /// Files the matters of which the first has waited for so long to be filed together with others.
    ///
    /// # Errors
    /// They are still found in memory, and filed another time.
    pub async fn file_matters(&self, waited: Duration) -> Result<(), StoreError> {
        while let Some(part) = self.shared.recent.old_part(waited) {
            let part = self.write(move |db| part.file(db).map(|()| part.clone())).await?;
            self.shared.recent.filed(&part);
        }
        Ok(())
    }

    /// Forgets what was sent before then and is filed, the oldest first and at most so many. Returns how many.
    ///
    /// # Errors
    /// Nothing was forgotten.
    pub async fn forget_matters(&self, before: Timestamp, most: u32) -> Result<usize, StoreError> {
        self.shared.recent.forget(before);
        self.write(move |db| {
            let sql = "SELECT serial, id, matter, coalesce(first, serial)
                 FROM (SELECT serial, id, matter, first, at FROM matter ORDER BY serial LIMIT ?2) AS old
                 WHERE at < ?1 AND serial NOT IN (SELECT serial FROM matter_unfiled)";
            let old: Vec<(i64, Option<Kept>)> = db
                .prepare(sql)?
                .query_map((before.as_millisecond(), most), |row| Ok((row.get(0)?, kept(row)?)))?
                .collect::<sql::Result<_>>()?;
            for (serial, kept) in &old {
                for block in kept.iter().flat_map(Kept::filed_under) {
                    db.execute("DELETE FROM matter_block WHERE block = ?1 AND serial = ?2", (block, serial))?;
                }
                db.execute("DELETE FROM matter WHERE serial = ?1", [serial])?;
            }
            Ok(old.len())
        })
        .await
    }
}

/// Keeps what a complaint is about; a second time changes nothing. Whether it is new.
pub(super) fn remember(db: &Db<'_>, Kept { serial, id, first, matter }: &Kept) -> sql::Result<bool> {
    let first = Some(first).filter(|first| *first != serial);
    let kept = db.execute(
        "INSERT INTO matter (serial, id, at, matter, first) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
        (serial, id.0, matter.at.as_millisecond(), matter.to_bytes(), first),
    )?;
    if kept == 0 {
        return Ok(false);
    }
    db.execute("INSERT INTO matter_unfiled VALUES (?1)", [serial])?;
    Ok(true)
}

/// Those of memory and store that are alike enough, oldest first; never the complaint itself.
fn alike(
    connection: &Connection,
    recent: &Memory,
    Kept { serial: own, matter, .. }: &Kept,
    thresholds: &Thresholds,
) -> sql::Result<Vec<Link>> {
    let mut candidates: BTreeMap<i64, Option<&Kept>> = BTreeMap::new();
    let sql = "SELECT serial, lat, lon FROM matter_block WHERE block = ?1 AND serial <> ?2
               ORDER BY serial DESC LIMIT ?3";
    for block in matter.sought_in() {
        let mut more = block.most;
        for other in recent.newest(block.key).filter(|other| other.serial != *own).take(block.most) {
            more -= 1;
            if !thresholds.too_far(matter.point(), other.matter.point()) {
                candidates.insert(other.serial, Some(other));
            }
        }
        if more > 0 && recent.older_under(block.key) {
            // the newest of these may be in memory, too
            let most = i64::try_from(block.most).unwrap_or(i64::MAX);
            let mut newest = connection.prepare_cached(sql)?;
            let mut rows = newest.query((block.key, own, most))?;
            while let Some(row) = rows.next()? {
                let point = row.get::<Option<i32>>(1)?.zip(row.get::<Option<i32>>(2)?);
                if !thresholds.too_far(matter.point(), point.map(<[i32; 2]>::from)) {
                    candidates.entry(row.get(0)?).or_default();
                }
            }
        }
        // the blocks that say most come first
        if candidates.len() >= CANDIDATES {
            break;
        }
    }
    let sql = "SELECT id, matter, coalesce(first, serial) FROM matter WHERE serial = ?1";
    let mut alike = Vec::new();
    for (serial, known) in candidates {
        alike.extend(match known {
            Some(Kept { id, first, matter: other, .. }) => compare(matter, other, thresholds)
                .map(|likeness| Link { serial, id: *id, first: *first, likeness }),
            None => connection
                .prepare_cached(sql)?
                .query_row([serial], |row| {
                    let Some(other) = Matter::from_bytes(row.get_ref(1)?.as_blob()?) else { return Ok(None) };
                    let Some(likeness) = compare(matter, &other, thresholds) else { return Ok(None) };
                    Ok(Some(Link { serial, id: ComplaintId(row.get(0)?), first: row.get(2)?, likeness }))
                })
                .optional()?
                .flatten(),
        });
    }
    Ok(alike)
}

/// The newest reports of the matter with that first one, without the complaint itself: those in memory, the newest first,
/// and where these are too few those of the store.
fn reports<'a>(
    connection: &Connection,
    here: impl Iterator<Item = &'a Kept>,
    (first, own): (i64, i64),
    report: &mut dyn FnMut(&Matter),
) -> sql::Result<()> {
    let mut seen = Vec::with_capacity(REPORTS + 1);
    seen.push(own);
    for kept in here {
        if seen.len() <= REPORTS && !seen.contains(&kept.serial) {
            seen.push(kept.serial);
            report(&kept.matter);
        }
    }
    // in memory is what came last: with the first all that followed it
    if seen.len() > REPORTS || seen[1..].contains(&first) {
        return Ok(());
    }
    let repeating = "SELECT serial, matter FROM matter_block JOIN matter USING (serial)
                     WHERE block = ?1 ORDER BY serial DESC LIMIT ?2";
    let itself = "SELECT serial, matter FROM matter WHERE serial = ?1 LIMIT ?2";
    for (sql, which) in [(repeating, matter_key(first)), (itself, first)] {
        let mut statement = connection.prepare_cached(sql)?;
        let mut rows = statement.query((which, i64::try_from(seen.len() + REPORTS).unwrap_or(i64::MAX)))?;
        while let Some(row) = rows.next()? {
            let serial = row.get(0)?;
            if seen.len() <= REPORTS && !seen.contains(&serial) {
                seen.push(serial);
                Matter::from_bytes(row.get_ref(1)?.as_blob()?).iter().for_each(&mut *report);
            }
        }
    }
    Ok(())
}

/// The latest complaints of a complaint's sender before it, newest first: of the same batch, and of those before.
fn own(
    connection: &Connection,
    recent: &Memory,
    earlier: &Index,
    Kept { serial, matter, .. }: &Kept,
) -> sql::Result<Vec<Kept>> {
    let Some(sender) = &matter.sender else { return Ok(Vec::new()) };
    let here = recent.of_sender(sender).filter(|kept| kept.serial < *serial);
    let mut own: Vec<Kept> = earlier.of_sender(sender).chain(here).take(MOST_RECENT).cloned().collect();
    if own.len() < MOST_RECENT && recent.older_of(sender) {
        for kept in stored_of(connection, sender, *serial)? {
            if own.len() < MOST_RECENT && own.iter().all(|known| known.serial != kept.serial) {
                own.push(kept);
            }
        }
    }
    Ok(own)
}

/// The same of the store.
fn stored_of(connection: &Connection, sender: &[u8; 16], before: i64) -> sql::Result<Vec<Kept>> {
    let most = i64::try_from(MOST_RECENT).unwrap_or(i64::MAX);
    let sql =
        "SELECT serial, id, matter, coalesce(first, serial) FROM matter_block JOIN matter USING (serial)
               WHERE block = ?1 AND serial < ?2 ORDER BY serial DESC LIMIT ?3";
    let mut filed = connection.prepare_cached(sql)?;
    let rows = filed.query_map((sender_key(sender), before, most), kept)?;
    let mut all: Vec<Kept> = rows.filter_map(sql::Result::transpose).collect::<sql::Result<_>>()?;
    all.retain(|kept| kept.matter.sender.as_ref() == Some(sender));
    // before version 12 they were found by a column of their own
    let sql =
        "SELECT serial, id, matter, coalesce(first, serial) FROM matter WHERE sender = ?1 AND serial < ?2
               ORDER BY serial DESC LIMIT ?3";
    let mut older = connection.prepare_cached(sql)?;
    for kept in older.query_map((sender, before, most), kept)? {
        all.extend(kept?);
    }
    Ok(all)
}

/// A row; nothing if its matter is of a form that this program does not know.
fn kept(row: &Row<'_>) -> sql::Result<Option<Kept>> {
    let matter = Matter::from_bytes(row.get_ref(2)?.as_blob()?);
    let (serial, id) = (row.get(0)?, ComplaintId(row.get(1)?));
    let first = row.get(3)?;
    Ok(matter.map(|matter| Kept { serial, id, first, matter: Arc::new(matter) }))
}
