//! What complaints are about, kept for the window in which another may be about the same.
//!
//! Each is filed under a few blocks ([`Matter::filed_under`]); a search reads the newest of the blocks in which like ones
//! stand ([`Matter::sought_in`]), so its time is bounded by the number of candidates and not by what the store holds.

mod recent;

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use jiff::Timestamp;
use muara_normalizer::{
    ComplaintId,
    similarity::{CANDIDATES, Index, Likeness, Matter, Thresholds, compare},
};

use self::recent::Generations;
pub(super) use self::recent::Recent;
use super::{
    Db, Store, StoreError,
    sql::{self, Connection, OptionalExtension, Row},
};

/// A person's latest complaints that a new one of theirs is held against.
const MOST_RECENT: u32 = 8;

/// A complaint that another seems to repeat.
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    /// Its serial number.
    pub serial: i64,
    /// Its id.
    pub id: ComplaintId,
    /// How alike the two are, and why.
    pub likeness: Likeness,
}

/// What a complaint is about, with the complaint.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    /// Its serial number.
    pub serial: i64,
    /// Its id.
    pub id: ComplaintId,
    /// What it is about.
    pub matter: Matter,
}

/// What came before a complaint.
#[derive(Clone, Debug, Default)]
pub struct Before {
    /// The older complaint that it is most alike, if it is alike enough to one.
    pub alike: Option<Link>,
    /// The latest complaints of its sender, newest first.
    pub own: Vec<Kept>,
}

impl Store {
    /// For each of a batch the stored complaint that it is most alike, if it is alike enough to one. Blocks.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn alike(&self, batch: &[Kept], thresholds: &Thresholds) -> Result<Vec<Option<Link>>, StoreError> {
        self.read_here(|connection| {
            let one = |kept| best(connection, &self.shared.recent.look(), kept, thresholds);
            batch.iter().map(one).collect()
        })
    }

    /// For each of a batch what came before it: the older complaint that it is most alike, of [`Store::alike`]'s, of
    /// those that this did not see, and of the earlier ones of the batch; and what its sender said lately that may be the
    /// same.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn before(
        &self,
        unseen: Vec<Kept>,
        batch: Vec<(Kept, Option<Link>)>,
        thresholds: Thresholds,
    ) -> Result<Vec<Before>, StoreError> {
        self.read(move |connection| {
            let mut earlier = Index::default();
            for Kept { serial, id, matter } in unseen {
                earlier.insert((serial, id), matter);
            }
            let mut befores = Vec::with_capacity(batch.len());
            let mut senders: HashMap<[u8; 16], Vec<usize>> = HashMap::new();
            for (Kept { serial, id, matter }, stored) in batch {
                let beside = earlier.best(&matter, &thresholds).map(|(key, likeness)| {
                    let (serial, id) = *key;
                    Link { serial, id, likeness }
                });
                let alike = match (stored, beside) {
                    // of equals the older
                    (Some(stored), Some(beside)) if beside.likeness.score > stored.likeness.score => {
                        Some(beside)
                    }
                    (stored, beside) => stored.or(beside),
                };
                let mut own = Vec::new();
                let sender = matter.sender;
                if let Some(sender) = &sender {
                    let known = senders.get(sender).into_iter().flatten().rev();
                    own.extend(known.filter_map(|place| earlier.get(*place)).map(|(key, matter)| {
                        let (serial, id) = *key;
                        Kept { serial, id, matter: matter.clone() }
                    }));
                    own.extend(recent_of(connection, sender, serial)?);
                }
                befores.push(Before { alike, own });
                let place = earlier.insert((serial, id), matter);
                if let Some(sender) = sender {
                    senders.entry(sender).or_default().push(place);
                }
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

    /// Reads anew which matters are not filed, and under which blocks others are: before this gateway leads, another one kept
    /// them.
    ///
    /// # Errors
    /// The store cannot be read; what is in memory stays.
    pub async fn recall_matters(&self) -> Result<(), StoreError> {
        let recent = self.read(Recent::read_with_blocks).await?;
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
        self.write(move |db| {
            let old: Vec<(i64, Vec<u8>)> = db
                .prepare(
                    "SELECT serial, matter FROM (SELECT serial, matter, at FROM matter ORDER BY serial LIMIT ?2) AS old
                     WHERE at < ?1 AND serial NOT IN (SELECT serial FROM matter_unfiled)",
                )?
                .query_map((before.as_millisecond(), most), |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect::<sql::Result<_>>()?;
            for (serial, matter) in &old {
                for block in Matter::from_bytes(matter).iter().flat_map(Matter::filed_under) {
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
pub(super) fn remember(db: &Db<'_>, Kept { serial, id, matter }: &Kept) -> sql::Result<bool> {
    let kept = db.execute(
        "INSERT INTO matter VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
        (serial, id.0, matter.at.as_millisecond(), matter.sender, matter.to_bytes()),
    )?;
    if kept == 0 {
        return Ok(false);
    }
    db.execute("INSERT INTO matter_unfiled VALUES (?1)", [serial])?;
    Ok(true)
}

/// The one of memory and store that is most alike, of equals the oldest; never the complaint itself.
fn best(
    connection: &Connection,
    recent: &Generations,
    Kept { serial: own, matter, .. }: &Kept,
    thresholds: &Thresholds,
) -> sql::Result<Option<Link>> {
    // memory first, where those are that the store has not filed
    let mut candidates: BTreeMap<i64, Option<(ComplaintId, &Matter)>> = BTreeMap::new();
    let sql = "SELECT serial, lat, lon FROM matter_block WHERE block = ?1 AND serial <> ?2
               ORDER BY serial DESC LIMIT ?3";
    let mut newest = connection.prepare_cached(sql)?;
    for block in matter.sought_in() {
        let mut most = block.most;
        for ((serial, id), other) in
            recent.newest(block.key).filter(|((serial, _), _)| serial != own).take(most)
        {
            most -= 1;
            if !thresholds.too_far(matter.point(), other.point()) {
                candidates.insert(*serial, Some((*id, other)));
            }
        }
        if most > 0 && recent.may_be_filed(block.key) {
            let mut rows = newest.query((block.key, own, i64::try_from(most).unwrap_or(i64::MAX)))?;
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
    let mut one = connection.prepare_cached("SELECT id, matter FROM matter WHERE serial = ?1")?;
    let mut best: Option<Link> = None;
    for (serial, known) in candidates {
        let alike = match known {
            Some((id, other)) => compare(matter, other, thresholds).map(|likeness| (id, likeness)),
            None => one
                .query_row([serial], |row| {
                    let Some(other) = Matter::from_bytes(row.get_ref(1)?.as_blob()?) else { return Ok(None) };
                    let Some(likeness) = compare(matter, &other, thresholds) else { return Ok(None) };
                    Ok(Some((ComplaintId(row.get(0)?), likeness)))
                })
                .optional()?
                .flatten(),
        };
        let Some((id, likeness)) = alike else { continue };
        if best.as_ref().is_none_or(|known| likeness.score > known.likeness.score) {
            best = Some(Link { serial, id, likeness });
        }
    }
    Ok(best)
}

/// A person's latest complaints before this one, newest first.
fn recent_of(connection: &Connection, sender: &[u8; 16], before: i64) -> sql::Result<Vec<Kept>> {
    let sql = "SELECT serial, id, matter FROM matter WHERE sender = ?1 AND serial < ?2
               ORDER BY serial DESC LIMIT ?3";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map((sender, before, MOST_RECENT), kept)?;
    rows.filter_map(sql::Result::transpose).collect()
}

/// A row; nothing if its matter is of a form that this program does not know.
fn kept(row: &Row<'_>) -> sql::Result<Option<Kept>> {
    let matter = Matter::from_bytes(row.get_ref(2)?.as_blob()?);
    let (serial, id) = (row.get(0)?, ComplaintId(row.get(1)?));
    Ok(matter.map(|matter| Kept { serial, id, matter }))
}
