//! What single words say of others: `sudah`, `aman`, `nanti`.

/// Marks of one word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Marks(u16);

impl Marks {
    /// It stands before a trouble that has not come yet.
    pub(super) const FEARED: Self = Self(1);
    /// It is an event.
    pub(super) const EVENT: Self = Self(1 << 1);
    /// It says before an event that it is over.
    pub(super) const PAST: Self = Self(1 << 2);
    /// It says so behind it.
    pub(super) const ENDED: Self = Self(1 << 3);
    /// It is a trouble that is none behind `tidak`.
    pub(super) const SOUND: Self = Self(1 << 4);
    /// It says that something is all right.
    pub(super) const FINE: Self = Self(1 << 5);
    /// It says the same behind `tidak`.
    pub(super) const MILD: Self = Self(1 << 6);
    /// It says that something goes again, or was mended.
    pub(super) const WORKS: Self = Self(1 << 7);
    /// It means something else behind other words.
    pub(super) const PART: Self = Self(1 << 8);

    pub(super) fn add(&mut self, mark: Self) {
        self.0 |= mark.0;
    }

    /// Whether it has one of these marks.
    pub(super) fn has(self, marks: Self) -> bool {
        self.0 & marks.0 != 0
    }

    /// These marks or those.
    pub(super) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}
