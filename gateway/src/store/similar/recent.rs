//! The latest matters are found in memory: all that are not filed in the store yet, and of those that are as many as a
//! city has in the window. The store is searched only for what is older than these.
//!
//! A matter is filed under several keys (its blocks, its sender, the first report of it), each at another place of the
//! table: filed one by one, each would write a page of its own. So they are filed by thousands in the order of their keys,
//! a part with each commit, and a page is written once for all that stands on it. Which are not filed is in the store too,
//! from where a start reads them.

use std::{
    ops::{Range, RangeInclusive},
    sync::{Arc, LazyLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use muara_normalizer::similarity::{Index, Kept, Link, Matter, Thresholds, sender_key};

use super::kept;
use crate::store::{
    Db,
    sql::{self, Connection, Param, Params},
};

/// Matters that are filed together.
const TOGETHER: u64 = 2048;
/// Rows that are filed with each complaint that comes: more than it has blocks, so that filing ends before the next begins.
const PART: usize = 16;

#[derive(Debug, Default)]
pub(in crate::store) struct Recent(RwLock<Memory>);

/// What is in memory.
#[derive(Debug, Default)]
pub(super) struct Memory {
    matters: Index,
    /// How many may stay that are filed.
    room: usize,
    /// When the first of those came that are not filed and not being filed.
    began: Option<Instant>,
    /// Places of matters: those before this one are filed. One that has just been filed is not let go: a search that began to
    /// read the store before would not find it there.
    filed: u64,
    /// Those before this one are filed or being filed.
    frozen: u64,
    filing: Option<Filing>,
    /// Under which keys something is in the store that is not in memory; nothing is known of it before this gateway refines.
    elsewhere: Option<Keys>,
    number: u64,
}

/// Blocks and senders, each as a bit: of most the store has nothing, and each look there costs. A key is a hash; those that
/// share a bit are looked for in vain.
#[derive(Debug)]
struct Keys(Vec<u64>);

impl Keys {
    /// Half a megabyte: of a million keys, of some 150 thousand complaints, a fifth is looked for in vain.
    const BITS: u32 = 22;

    fn none() -> Self {
        Self(vec![0; 1 << (Self::BITS - u64::BITS.trailing_zeros())])
    }

    fn place(key: i64) -> (usize, u64) {
        let bit = key.cast_unsigned() >> (u64::BITS - Self::BITS);
        (usize::try_from(bit / u64::from(u64::BITS)).unwrap_or_default(), 1 << (bit % u64::from(u64::BITS)))
    }

    fn add(&mut self, key: i64) {
        let (place, bit) = Self::place(key);
        self.0[place] |= bit;
    }

    fn has(&self, key: i64) -> bool {
        let (place, bit) = Self::place(key);
        self.0[place] & bit != 0
    }
}

#[derive(Debug)]
struct Filing {
    sheet: Arc<Sheet>,
    /// How many of the rows are in the store.
    done: usize,
}

/// What filing many at once comes to.
#[derive(Debug)]
struct Sheet {
    rows: Vec<Row>,
    /// The matters, which the last part takes off the list of those that are not filed: numbers that follow each other.
    serials: Vec<RangeInclusive<i64>>,
}

/// A row of `matter_block`.
#[derive(Debug)]
struct Row {
    block: i64,
    serial: i64,
    lat: Option<i32>,
    lon: Option<i32>,
}

/// Rows that are written by one statement, which costs little more than one of a single row.
const ROWS: usize = 16;

/// The statement for so many rows.
fn insert(rows: usize) -> String {
    let places = (0..rows).map(|row| {
        let [block, serial, lat, lon] = [1, 2, 3, 4].map(|column| row * 4 + column);
        format!("(?{block}, ?{serial}, ?{lat}, ?{lon})")
    });
    let places: Vec<String> = places.collect();
    format!("INSERT INTO matter_block VALUES {} ON CONFLICT DO NOTHING", places.join(", "))
}

static ONE: LazyLock<String> = LazyLock::new(|| insert(1));
static MANY: LazyLock<String> = LazyLock::new(|| insert(ROWS));

impl Params for &[Row] {
    fn with<R>(&self, take: impl FnOnce(&[Param<'_>]) -> R) -> R {
        let columns = self.iter().flat_map(|Row { block, serial, lat, lon }| {
            [Param::of(block), Param::of(serial), Param::of(lat), Param::of(lon)]
        });
        take(&columns.collect::<Vec<_>>())
    }
}

/// Rows to be filed with one commit.
#[derive(Clone, Debug)]
pub(in crate::store) struct Part {
    sheet: Arc<Sheet>,
    range: Range<usize>,
    /// Of which filing they are.
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

    /// The same with room for so many more, and with the keys of what the store has filed.
    pub(super) fn read_with_keys(connection: &Connection, room: usize) -> sql::Result<Self> {
        let mut keys = Keys::none();
        let mut all = connection.prepare_cached("SELECT DISTINCT block FROM matter_block")?;
        let mut rows = all.query([])?;
        while let Some(row) = rows.next()? {
            keys.add(row.get(0)?);
        }
        // those of before version 12, see `stored_of`
        let mut all =
            connection.prepare_cached("SELECT DISTINCT sender FROM matter WHERE sender IS NOT NULL")?;
        let mut rows = all.query([])?;
        while let Some(row) = rows.next()? {
            keys.add(sender_key(&row.get(0)?));
        }
        let recent = Self::read(connection)?;
        let mut memory = recent.change();
        (memory.room, memory.elsewhere) = (room, Some(keys));
        drop(memory);
        Ok(recent)
    }

    /// Takes the place of what was in memory: another gateway led meanwhile.
    pub(super) fn replace(&self, by: Self) {
        let by = by.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut memory = self.change();
        // a part of what was here, still on its way, is not mistaken for one of the new
        let number = memory.number + 1;
        *memory = Memory { number, ..by };
    }

    pub(super) fn look(&self) -> RwLockReadGuard<'_, Memory> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self) -> RwLockWriteGuard<'_, Memory> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds what a commit has brought.
    pub(in crate::store) fn add(&self, new: impl IntoIterator<Item = Kept>) {
        let mut memory = self.change();
        for kept in new {
            memory.matters.insert(kept);
            memory.began.get_or_insert_with(Instant::now);
        }
    }

    /// What to file with a commit that brings so many, if there is something.
    pub(in crate::store) fn part(&self, new: usize) -> Option<Part> {
        let mut memory = self.change();
        if memory.matters.end() >= memory.frozen + TOGETHER {
            memory.freeze();
        }
        memory.part(PART * new.max(1))
    }

    /// The same with nothing else to commit, once the first has waited for so long.
    pub(super) fn old_part(&self, waited: Duration) -> Option<Part> {
        let mut memory = self.change();
        if memory.began.is_some_and(|began| began.elapsed() >= waited) {
            memory.freeze();
        }
        memory.part(PART * 128)
    }

    /// A part is on disk.
    pub(in crate::store) fn filed(&self, part: &Part) {
        let mut memory = self.change();
        if memory.number != part.number {
            return;
        }
        if let Some(filing) = &mut memory.filing {
            filing.done = filing.done.max(part.range.end);
        }
        if memory.filing.take_if(|filing| filing.done == filing.sheet.rows.len()).is_some() {
            let keys = memory.let_go(|memory, _| memory.matters.len() > memory.room);
            if let Some(elsewhere) = &mut memory.elsewhere {
                keys.into_iter().for_each(|key| elsewhere.add(key));
            }
            memory.filed = memory.frozen;
        }
    }

    /// Forgets what was sent before then and is filed: the store forgets it, too.
    pub(super) fn forget(&self, before: Timestamp) {
        drop(self.change().let_go(|_, kept| kept.matter.at < before));
    }
}

impl Memory {
    /// Those under a block, the newest first.
    pub(super) fn newest(&self, block: i64) -> impl Iterator<Item = &Kept> {
        self.matters.newest(block)
    }

    /// The reports of the matter with that first one, the newest first.
    pub(super) fn reports(&self, first: i64) -> impl Iterator<Item = &Kept> {
        self.matters.reports(first)
    }

    /// The place of what comes next.
    pub(super) fn until(&self) -> u64 {
        self.matters.end()
    }

    /// Those from a place on that are alike enough, oldest first.
    pub(super) fn alike(&self, since: u64, matter: &Matter, thresholds: &Thresholds) -> Vec<Link> {
        self.matters.alike(since, matter, thresholds)
    }

    /// Those of a sender, the newest first.
    pub(super) fn of_sender(&self, sender: &[u8; 16]) -> impl Iterator<Item = &Kept> {
        self.matters.of_sender(sender)
    }

    /// Whether the store may have older ones under a block.
    pub(super) fn older_under(&self, block: i64) -> bool {
        self.elsewhere.as_ref().is_none_or(|keys| keys.has(block))
    }

    /// Whether the store may have older ones of a sender.
    pub(super) fn older_of(&self, sender: &[u8; 16]) -> bool {
        self.elsewhere.as_ref().is_none_or(|keys| keys.has(sender_key(sender)))
    }

    /// Lets the oldest go that are filed, as long as it holds. Returns their keys.
    fn let_go(&mut self, holds: impl Fn(&Self, &Kept) -> bool) -> Vec<i64> {
        let mut keys = Vec::new();
        while let Some((place, oldest)) = self.matters.oldest()
            && place < self.filed
            && holds(self, oldest)
        {
            keys.extend(self.matters.let_go().into_iter().flatten());
        }
        keys
    }

    /// Begins to file those that are not, unless others are being filed.
    fn freeze(&mut self) {
        if self.filing.is_some() {
            return;
        }
        let (mut rows, mut serials) = (Vec::new(), Vec::new());
        for (kept, keys) in self.matters.since(self.frozen) {
            serials.push(kept.serial);
            let [lat, lon] = kept.matter.point().map_or([None; 2], |point| point.map(Some));
            rows.extend(keys.map(|block| Row { block, serial: kept.serial, lat, lon }));
        }
        rows.sort_unstable_by_key(|row| (row.block, row.serial));
        serials.sort_unstable();
        let rest = serials.chunk_by(|one, next| one + 1 == *next);
        let serials = rest.filter_map(|row| Some(*row.first()?..=*row.last()?)).collect();
        self.began = None;
        self.number += 1;
        self.frozen = self.matters.end();
        self.filing = Some(Filing { sheet: Arc::new(Sheet { rows, serials }), done: 0 });
    }

    fn part(&mut self, most: usize) -> Option<Part> {
        let Filing { sheet, done } = self.filing.as_ref()?;
        let range = *done..(done + most).min(sheet.rows.len());
        Some(Part { sheet: Arc::clone(sheet), range, number: self.number })
    }
}

impl Part {
    /// Files it; a second time changes nothing.
    pub(in crate::store) fn file(&self, db: &Db<'_>) -> sql::Result<()> {
        let Sheet { rows, serials } = &*self.sheet;
        let part = rows.get(self.range.clone()).unwrap_or_default().chunks_exact(ROWS);
        let rest = part.remainder().chunks(1);
        for rows in part {
            db.execute(&MANY, rows)?;
        }
        for row in rest {
            db.execute(&ONE, row)?;
        }
        if self.range.end == rows.len() {
            for row in serials {
                let sql = "DELETE FROM matter_unfiled WHERE serial BETWEEN ?1 AND ?2";
                db.execute(sql, (row.start(), row.end()))?;
            }
        }
        Ok(())
    }
}
