//! How far apart two points are.

use std::f64::consts::PI;

use super::Thresholds;

/// So many times the metres of its kind apart, two are never one.
pub(super) const APART: f64 = 3.0;

impl Thresholds {
    /// Whether two points (millionths of a degree, north and east) are known and too far from each other to be one
    /// matter, of whatever kind.
    #[must_use]
    pub fn too_far(&self, one: Option<[i32; 2]>, other: Option<[i32; 2]>) -> bool {
        let widest = self.radii.values().copied().fold(self.radius_m, u32::max);
        one.zip(other).is_some_and(|(one, other)| distance(one, other) > APART * f64::from(widest))
    }
}

/// Metres between two points of one city: the Earth is flat there.
pub(super) fn distance(one: [i32; 2], other: [i32; 2]) -> f64 {
    /// Of a millionth of a degree along a meridian.
    const METRES: f64 = 0.111_195;
    let [lat, lon] = [0, 1].map(|part: usize| f64::from(one[part]) - f64::from(other[part]));
    let shrink = (f64::from(one[0]) / 1e6 * PI / 180.0).cos();
    METRES * lat.hypot(lon * shrink)
}
