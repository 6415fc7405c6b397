//! Where the matters are found that may be alike: blocks, each a number that two alike share. The same blocks are used
//! in memory and in the store.

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

/// Complaints in memory, by what they are about.
#[derive(Clone, Debug, Default)]
pub struct Index {
    all: Vec<Kept>,
    /// Places of complaints, oldest first.
    blocks: HashMap<i64, Vec<usize>>,
    /// Places of the reports of a matter, oldest first, by the number of its first.
    matters: HashMap<i64, Vec<usize>>,
}

impl Index {
    /// Adds one, which must not be older than those before it. Returns its place.
    pub fn insert(&mut self, kept: Kept) -> usize {
        let place = self.all.len();
        for block in kept.matter.filed_under() {
            self.blocks.entry(block).or_default().push(place);
        }
        self.matters.entry(kept.first).or_default().push(place);
        self.all.push(kept);
        place
    }

    /// The one at a place.
    #[must_use]
    pub fn get(&self, place: usize) -> Option<&Kept> {
        self.all.get(place)
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

    /// All of them, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Kept> {
        self.all.iter()
    }

    /// Each block of each, in no order.
    pub fn blocks(&self) -> impl Iterator<Item = (i64, &Kept)> {
        self.blocks.iter().flat_map(|(block, places)| {
            places.iter().filter_map(|place| Some((*block, self.all.get(*place)?)))
        })
    }

    /// Those under a block, newest first.
    pub fn newest(&self, block: i64) -> impl Iterator<Item = &Kept> {
        self.blocks.get(&block).into_iter().flatten().rev().filter_map(|place| self.all.get(*place))
    }

    /// The reports of the matter with that first one, newest first.
    pub fn reports(&self, first: i64) -> impl Iterator<Item = &Kept> {
        self.matters.get(&first).into_iter().flatten().rev().filter_map(|place| self.all.get(*place))
    }

    /// Those that are alike enough, oldest first.
    #[must_use]
    pub fn alike(&self, matter: &Matter, thresholds: &Thresholds) -> Vec<Link> {
        let mut places: Vec<usize> = Vec::new();
        for block in matter.sought_in() {
            places.extend(self.blocks.get(&block.key).into_iter().flatten().rev().take(block.most));
        }
        places.truncate(CANDIDATES);
        places.sort_unstable();
        places.dedup();
        let candidates = places.into_iter().filter_map(|place| self.all.get(place));
        let alike = candidates.filter_map(|kept| {
            let likeness = compare(matter, &kept.matter, thresholds)?;
            Some(Link { serial: kept.serial, id: kept.id, first: kept.first, likeness })
        });
        alike.collect()
    }
}
