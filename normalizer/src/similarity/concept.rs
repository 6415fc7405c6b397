//! What the rules are made of: concepts, kinds of trouble, sets of words.

/// A word of the rules.
pub(super) type WordId = u32;

/// What a concept is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    /// Something that is wrong.
    Subject,
    /// Something that stands near.
    Place,
    /// Something by which two are told apart; of this sort.
    Detail(u32),
    /// A subject that is said not to be there.
    Denied,
    /// Words that say that it is another matter than one known before.
    Another,
}

/// One thing that texts name in many words.
#[derive(Debug)]
pub(super) struct Concept {
    pub(super) sort: Sort,
    pub(super) family: u8,
    /// The family's unspecific words.
    pub(super) vague: bool,
    /// So frequent that it proves little.
    pub(super) common: bool,
    /// Over in a day or two.
    pub(super) brief: bool,
    /// Its words name the thing, not what is wrong with it.
    pub(super) thing: bool,
    /// Everybody has his own of it.
    pub(super) own: bool,
    /// Words that name it alone.
    pub(super) words: Vec<WordId>,
    /// In English.
    pub(super) name: &'static str,
    /// Hash of its key: what is stored, so that lines may be added to the rules.
    pub(super) key: u32,
}

/// A kind of trouble.
#[derive(Clone, Copy, Debug)]
pub(super) struct Family {
    /// Hash of its name: what blocks are made of, so that families may be added.
    pub(super) key: u32,
    /// As thresholds name it.
    pub(super) name: &'static str,
    /// Within so many metres two reports may be of one matter, unless the thresholds say otherwise.
    pub(super) metres: u32,
    /// It strikes a whole neighbourhood.
    pub(super) wide: bool,
    /// It is over in a day or two.
    pub(super) brief: bool,
    /// Two RW that are both named are two matters, although it strikes a whole neighbourhood.
    pub(super) quarters: bool,
    /// Everybody has his own of it.
    pub(super) own: bool,
}

/// A set of words: they are few and asked for often.
#[derive(Debug, Default)]
pub(super) struct Words(Vec<u64>);

impl Words {
    /// None, with room for so many.
    pub(super) fn with_room(words: usize) -> Self {
        let bits = usize::try_from(u64::BITS).unwrap_or(1);
        Self(vec![0; words.div_ceil(bits)])
    }

    pub(super) fn contains(&self, word: &WordId) -> bool {
        let (place, bit) = Self::place(*word);
        self.0.get(place).is_some_and(|bits| bits >> bit & 1 == 1)
    }

    fn place(word: WordId) -> (usize, u32) {
        (usize::try_from(word / u64::BITS).unwrap_or(usize::MAX), word % u64::BITS)
    }
}

impl Extend<WordId> for Words {
    fn extend<I: IntoIterator<Item = WordId>>(&mut self, words: I) {
        for (place, bit) in words.into_iter().map(Self::place) {
            self.0.resize(self.0.len().max(place + 1), 0);
            self.0[place] |= 1 << bit;
        }
    }
}

impl<'a> Extend<&'a WordId> for Words {
    fn extend<I: IntoIterator<Item = &'a WordId>>(&mut self, words: I) {
        self.extend(words.into_iter().copied());
    }
}
