//! The latest matters are found in memory until they are filed in the store.
//!
//! A matter is filed under several blocks, each at another place of the table: filed one by one, each would write a page of
//! its own. So they are filed by thousands in the order of their blocks, a part with each commit, and a page is written
//! once for all that stands on it. Which are not filed is in the store too, from where a start reads them.

use std::{
    ops::Range,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
    time::{Duration, Instant},
};

use muara_normalizer::similarity::{Index, Kept};

use super::kept;
use crate::store::{
    Db,
    sql::{self, Connection},
};

/// Index that are filed together: some 1.5 MB of memory, and twice as much while they are filed.
const TOGETHER: usize = 2048;
/// Rows that are filed with each complaint that comes: more than it has blocks, so that filing ends before the next begins.
const PART: usize = 16;

#[derive(Debug, Default)]
pub(in crate::store) struct Recent(RwLock<Generations>);

/// What is in memory, by age.
#[derive(Debug, Default)]
pub(super) struct Generations {
    young: Index,
    /// When the first of the young came.
    began: Option<Instant>,
    filing: Option<Filing>,
    /// Where something may be filed; nothing is known of it before this gateway refines.
    blocks: Option<Blocks>,
    /// Filed wholly with the last commit. A search that began to read the store before it does not find them there.
    filed: Index,
    number: u64,
}

/// Blocks under which something may be filed, each as a bit: most blocks in which a search looks hold nothing, and each look
/// costs. A block is a hash; those that share a bit are looked in for nothing.
#[derive(Debug)]
struct Blocks(Vec<u64>);

impl Blocks {
    /// Half a megabyte: of a million blocks, of some 150 thousand complaints, a fifth is looked in for nothing.
    const BITS: u32 = 22;

    fn none() -> Self {
        Self(vec![0; 1 << (Self::BITS - u64::BITS.trailing_zeros())])
    }

    fn place(block: i64) -> (usize, u64) {
        let bit = block.cast_unsigned() >> (u64::BITS - Self::BITS);
        (usize::try_from(bit / u64::from(u64::BITS)).unwrap_or_default(), 1 << (bit % u64::from(u64::BITS)))
    }

    fn add(&mut self, block: i64) {
        let (place, bit) = Self::place(block);
        self.0[place] |= bit;
    }

    fn has(&self, block: i64) -> bool {
        let (place, bit) = Self::place(block);
        self.0[place] & bit != 0
    }
}

#[derive(Debug)]
struct Filing {
    matters: Index,
    sheet: Arc<Sheet>,
    /// How many of the rows are in the store.
    done: usize,
}

/// What filing a generation comes to.
#[derive(Debug)]
struct Sheet {
    rows: Vec<Row>,
    /// The matters, which the last part takes off the list of those that are not filed.
    serials: Vec<i64>,
}

/// A row of `matter_block`.
#[derive(Debug)]
struct Row {
    block: i64,
    serial: i64,
    point: Option<[i32; 2]>,
}

/// Rows to be filed with one commit.
#[derive(Clone, Debug)]
pub(in crate::store) struct Part {
    sheet: Arc<Sheet>,
    range: Range<usize>,
    /// Which generation they are of.
    number: u64,
}

impl Recent {
    /// Those that a store has not filed.
    pub(in crate::store) fn read(connection: &Connection) -> sql::Result<Self> {
        let recent = Self::default();
        let sql = "SELECT serial, id, matter, coalesce(first, serial) FROM matter JOIN matter_unfiled USING (serial) ORDER BY serial";
        let unfiled: Vec<Kept> = connection
            .prepare_cached(sql)?
            .query_map([], kept)?
            .filter_map(sql::Result::transpose)
            .collect::<sql::Result<_>>()?;
        recent.add(unfiled);
        Ok(recent)
    }

    /// The same, with the blocks under which it has filed something.
    pub(super) fn read_with_blocks(connection: &Connection) -> sql::Result<Self> {
        let mut blocks = Blocks::none();
        let mut all = connection.prepare_cached("SELECT DISTINCT block FROM matter_block")?;
        let mut rows = all.query([])?;
        while let Some(row) = rows.next()? {
            blocks.add(row.get(0)?);
        }
        let recent = Self::read(connection)?;
        recent.change().blocks = Some(blocks);
        Ok(recent)
    }

    /// Takes the place of what was in memory: another gateway led meanwhile.
    pub(super) fn replace(&self, by: Self) {
        let by = by.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut generations = self.change();
        // a part of what was here, still on its way, is not mistaken for one of the new
        let number = generations.number + 1;
        *generations = Generations { number, ..by };
    }

    pub(super) fn look(&self) -> RwLockReadGuard<'_, Generations> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self) -> RwLockWriteGuard<'_, Generations> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds what a commit has brought.
    pub(in crate::store) fn add(&self, new: impl IntoIterator<Item = Kept>) {
        let mut generations = self.change();
        for kept in new {
            generations.young.insert(kept);
            generations.began.get_or_insert_with(Instant::now);
        }
    }

    /// What to file with a commit that brings so many, if there is something.
    pub(in crate::store) fn part(&self, new: usize) -> Option<Part> {
        let mut generations = self.change();
        if generations.young.len() >= TOGETHER {
            generations.freeze();
        }
        generations.part(PART * new.max(1))
    }

    /// The same with nothing else to commit, once the first has waited for so long.
    pub(super) fn old_part(&self, waited: Duration) -> Option<Part> {
        let mut generations = self.change();
        if generations.began.is_some_and(|began| began.elapsed() >= waited) {
            generations.freeze();
        }
        generations.part(PART * 128)
    }

    /// A part is on disk.
    pub(in crate::store) fn filed(&self, part: &Part) {
        let mut generations = self.change();
        if generations.number != part.number {
            return;
        }
        if let Some(filing) = &mut generations.filing {
            filing.done = filing.done.max(part.range.end);
        }
        if let Some(filing) = generations.filing.take_if(|filing| filing.done == filing.sheet.rows.len()) {
            generations.filed = filing.matters;
        }
    }
}

impl Generations {
    /// Those under a block, the newest first.
    pub(super) fn newest(&self, block: i64) -> impl Iterator<Item = &Kept> {
        let filing = self.filing.as_ref().map(|filing| filing.matters.newest(block));
        self.young.newest(block).chain(filing.into_iter().flatten()).chain(self.filed.newest(block))
    }

    /// The reports of the matter with that first one, the newest first.
    pub(super) fn reports(&self, first: i64) -> impl Iterator<Item = &Kept> {
        let filing = self.filing.as_ref().map(|filing| filing.matters.reports(first));
        self.young.reports(first).chain(filing.into_iter().flatten()).chain(self.filed.reports(first))
    }

    /// Whether something may be filed under a block.
    pub(super) fn may_be_filed(&self, block: i64) -> bool {
        self.blocks.as_ref().is_none_or(|blocks| blocks.has(block))
    }

    /// Begins to file the young ones, unless others are being filed.
    fn freeze(&mut self) {
        if self.filing.is_some() {
            return;
        }
        let matters = std::mem::take(&mut self.young);
        let mut rows: Vec<Row> = matters
            .blocks()
            .map(|(block, kept)| Row { block, serial: kept.serial, point: kept.matter.point() })
            .collect();
        rows.sort_unstable_by_key(|row| (row.block, row.serial));
        if let Some(blocks) = &mut self.blocks {
            rows.iter().for_each(|row| blocks.add(row.block));
        }
        self.began = None;
        self.number += 1;
        let serials = matters.iter().map(|kept| kept.serial).collect();
        self.filing = Some(Filing { matters, sheet: Arc::new(Sheet { rows, serials }), done: 0 });
    }

    fn part(&mut self, most: usize) -> Option<Part> {
        // whoever searched before the last commit is done
        self.filed = Index::default();
        let Filing { sheet, done, .. } = self.filing.as_ref()?;
        let range = *done..(done + most).min(sheet.rows.len());
        Some(Part { sheet: Arc::clone(sheet), range, number: self.number })
    }
}

impl Part {
    /// Files it; a second time changes nothing.
    pub(in crate::store) fn file(&self, db: &Db<'_>) -> sql::Result<()> {
        let Sheet { rows, serials } = &*self.sheet;
        for Row { block, serial, point } in rows.get(self.range.clone()).unwrap_or_default() {
            let [lat, lon] = point.map_or([None; 2], |point| point.map(Some));
            let sql = "INSERT INTO matter_block VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING";
            db.execute(sql, (block, serial, lat, lon))?;
        }
        if self.range.end == rows.len() {
            for serial in serials {
                db.execute("DELETE FROM matter_unfiled WHERE serial = ?1", [serial])?;
            }
        }
        Ok(())
    }
}
