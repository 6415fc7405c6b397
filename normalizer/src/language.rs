//! Which language a text is in, by its most frequent small words.

use crate::reading::Reading;

/// ISO 639-1 code (`id`, `en`; `und` for another or none) and how sure that is, 0 to 1.
#[must_use]
pub fn language(_reading: &Reading) -> (&'static str, Option<f64>) {
    ("und", None)
}
