//! Where the matters are found that may be alike: blocks, each a number that two alike share. The same blocks are used
//! in memory and in the store.

use std::collections::VecDeque;

use foldhash::HashMap;

use super::{Kept, Link, Matter, Name, Thresholds, compare, hash, mix, rules::RULES};

/// Newest matters looked at in a block of a kelurahan and a kind of trouble. A kelurahan of Jakarta has about two
/// complaints a day of all kinds together; thirty times of that is still seen whole for a day.
const NEWEST: usize = 64;
/// The same of the other blocks, which hold what the first cannot.
const NEWEST_ELSEWHERE: usize = 16;
/// Kinds of trouble under which one matter is filed.
const FAMILIES: usize = 3;
/// Names under which it is filed.
const NAMES: usize = 2;
/// Candidates that one search compares at most: it bounds the time of a search, whatever the store holds.
pub const CANDIDATES: usize = 128;
/// Millionths of a degree of a cell: some 330 m.
const CELL: i32 = 3_000;
/// Numbers of the MinHash that make one band.
const BAND: usize = 4;

/// A block to look in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// The block.
    pub key: i64,
    /// Newest matters to look at.
    pub most: usize,
}

impl Matter {
    /// The blocks under which it is filed.
    #[must_use]
    pub fn filed_under(&self) -> Vec<i64> {
        let cell = self.point.map(|point| point.map(|part| part.div_euclid(CELL)));
        let mut keys: Vec<i64> = self.blocks(cell.into_iter().collect()).map(|block| block.key).collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// The blocks in which those are found that may be alike; those first that say most.
    #[must_use]
    pub fn sought_in(&self) -> Vec<Block> {
        let cells = self.point.map_or_else(Vec::new, |point| {
            // the cell and its neighbours on the side of the point
            let [lat, lon] = point.map(|part| {
                let cell = part.div_euclid(CELL);
                [cell, if part.rem_euclid(CELL) * 2 < CELL { cell - 1 } else { cell + 1 }]
            });
            lat.into_iter().flat_map(|lat| lon.map(|lon| [lat, lon])).collect()
        });
        self.blocks(cells).collect()
    }

    fn blocks(&self, cells: Vec<[i32; 2]>) -> impl Iterator<Item = Block> {
        let families = self.families();
        let mut blocks = Vec::with_capacity(16);
        for word in self.names.iter().filter_map(own_word).take(NAMES) {
            // the last is for those of which the rules know no kind of trouble
            blocks.extend(
                families
                    .iter()
                    .chain(&[0])
                    .map(|family| block(NEWEST_ELSEWHERE, 3, hash(word.as_bytes()), *family)),
            );
        }
        for (number, band) in self.shingles.chunks_exact(BAND).enumerate().take(3) {
            let sum = band
                .iter()
                .fold(u64::try_from(number).unwrap_or_default(), |sum, part| mix(sum ^ u64::from(*part)));
            blocks.push(block(NEWEST_ELSEWHERE, 4, sum, 0));
        }
        blocks.extend(self.photos.iter().map(|photo| block(NEWEST_ELSEWHERE, 5, *photo, 0)));
        // `rusun Pulo Gebang` is found where Pulo Gebang is
        let called = || self.names.iter().find_map(|name| RULES.called(&name.text));
        let region = if self.region == 0 { called().unwrap_or_default() } else { self.region };
        if region > 100_000 {
            blocks.extend(families.iter().map(|family| block(NEWEST, 1, u64::from(region), *family)));
        }
        for [lat, lon] in cells {
            let cell = [lat.to_be_bytes(), lon.to_be_bytes()].concat();
            blocks.extend(
                families.iter().take(2).map(|family| block(NEWEST_ELSEWHERE, 2, hash(&cell), *family)),
            );
        }
        blocks.into_iter()
    }

    /// The kinds of trouble it is about; one that stands for none.
    fn families(&self) -> Vec<u64> {
        let mut families: Vec<u64> = self
            .subjects
            .iter()
            .filter_map(|subject| RULES.concept(*subject))
            .filter_map(|concept| RULES.family(concept.family))
            .map(|family| u64::from(family.key))
            .collect();
        families.dedup();
        families.truncate(FAMILIES);
        if families.is_empty() {
            families.push(0);
        }
        families
    }
}

/// The first word of a name that not many names have.
fn own_word(name: &Name) -> Option<&str> {
    let own = name.text.split(' ').find(|word| word.len() > 2 && !RULES.titles.contains(word));
    own.or_else(|| name.text.split(' ').max_by_key(|word| word.len()))
}

fn block(most: usize, sort: u64, what: u64, family: u64) -> Block {
    Block { key: mix(mix(what ^ sort << 56) ^ family).cast_signed(), most }
}

/// Complaints in memory, by what they are about, whose matter it is and who reported them. The oldest can be let go.
#[derive(Clone, Debug, Default)]
pub struct Index {
    all: VecDeque<Slot>,
    /// How many were let go. The place of a complaint is its number among all that ever were here, from 1.
    gone: u64,
    /// The place of the newest with each key.
    newest: HashMap<i64, u64>,
}

#[derive(Clone, Debug)]
struct Slot {
    kept: Kept,
    /// All by which it is filed, and the matter that it is the first of; each with the place of the one before it with the same
    /// key, 0 for none.
    keys: Box<[(i64, u64)]>,
}

/// The key of those that repeat the report with this number. Numbers of reports are no hashes: no other key is like it.
#[must_use]
pub fn matter_key(first: i64) -> i64 {
    -first
}

/// The key of those whom this sender reported.
#[must_use]
pub fn sender_key(sender: &[u8; 16]) -> i64 {
    block(0, 6, hash(sender), 0).key
}

impl Kept {
    /// All by which it is filed: its blocks, the matter that it repeats, its sender.
    #[must_use]
    pub fn filed_under(&self) -> Vec<i64> {
        let mut keys = self.matter.filed_under();
        keys.extend((self.first != self.serial).then(|| matter_key(self.first)));
        keys.extend(self.matter.sender.as_ref().map(sender_key));
        keys
    }
}

impl Index {
    /// Adds one, which must not be older than those before it.
    pub fn insert(&mut self, kept: Kept) {
        let place = self.end();
        let mut keys = kept.filed_under();
        if kept.first == kept.serial {
            keys.push(matter_key(kept.first));
        }
        let keys = keys.into_iter().map(|key| (key, self.newest.insert(key, place).unwrap_or_default()));
        self.all.push_back(Slot { keys: keys.collect(), kept });
    }

    /// The place of the next one.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.gone + 1 + u64::try_from(self.all.len()).unwrap_or_default()
    }

    /// Lets the oldest go. Returns its keys.
    pub fn let_go(&mut self) -> Option<impl Iterator<Item = i64> + use<>> {
        let Slot { keys, .. } = self.all.pop_front()?;
        self.gone += 1;
        for (key, _) in &keys {
            if self.newest.get(key) == Some(&self.gone) {
                self.newest.remove(key);
            }
        }
        Some(keys.into_iter().map(|(key, _)| key))
    }

    fn slot(&self, place: u64) -> Option<&Slot> {
        self.all.get(usize::try_from(place.checked_sub(self.gone + 1)?).ok()?)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// The oldest, with its place.
    #[must_use]
    pub fn oldest(&self) -> Option<(u64, &Kept)> {
        Some((self.gone + 1, &self.all.front()?.kept))
    }

    /// Those from a place on, oldest first, with all by which each is filed.
    pub fn since(&self, place: u64) -> impl Iterator<Item = (&Kept, impl Iterator<Item = i64>)> {
        let skip = usize::try_from(place.saturating_sub(self.gone + 1)).unwrap_or(usize::MAX);
        self.all.iter().skip(skip).map(|Slot { kept, keys }| {
            let own = usize::from(kept.first == kept.serial);
            (kept, keys.iter().take(keys.len() - own).map(|(key, _)| *key))
        })
    }

    /// Those with a key from a place on, newest first.
    fn with(&self, key: i64, since: u64) -> impl Iterator<Item = &Kept> {
        let mut next = self.newest.get(&key).copied().unwrap_or_default();
        std::iter::from_fn(move || {
            let slot = self.slot(next).filter(|_| next >= since)?;
            next = slot.keys.iter().find(|(known, _)| *known == key).map_or(0, |(_, before)| *before);
            Some(&slot.kept)
        })
    }

    /// Those under a block, newest first.
    pub fn newest(&self, block: i64) -> impl Iterator<Item = &Kept> {
        self.with(block, 0)
    }

    /// The reports of the matter with that first one, newest first.
    pub fn reports(&self, first: i64) -> impl Iterator<Item = &Kept> {
        self.with(matter_key(first), 0).filter(move |kept| kept.first == first)
    }

    /// Those of a sender, newest first.
    pub fn of_sender(&self, sender: &[u8; 16]) -> impl Iterator<Item = &Kept> {
        self.with(sender_key(sender), 0).filter(|kept| kept.matter.sender.as_ref() == Some(sender))
    }

    /// Those from a place on that are alike enough, oldest first.
    #[must_use]
    pub fn alike(&self, since: u64, matter: &Matter, thresholds: &Thresholds) -> Vec<Link> {
        if since >= self.end() || self.is_empty() {
            return Vec::new();
        }
        let mut candidates: Vec<&Kept> = Vec::new();
        for block in matter.sought_in() {
            candidates.extend(self.with(block.key, since).take(block.most));
        }
        candidates.truncate(CANDIDATES);
        candidates.sort_unstable_by_key(|kept| kept.serial);
        candidates.dedup_by_key(|kept| kept.serial);
        let alike = candidates.into_iter().filter_map(|kept| {
            let likeness = compare(matter, &kept.matter, thresholds)?;
            Some(Link { serial: kept.serial, id: kept.id, first: kept.first, likeness })
        });
        alike.collect()
    }
}
