//! How an officer names the kelurahan: by typing some of its name and choosing.

use muara_normalizer::region::{self, Level, Region, RegionCode};

/// What an officer chooses by: `Menteng, Kec. Menteng, Jakarta Pusat`. No two are alike.
#[must_use]
pub fn label(area: &Region) -> String {
    let above = |level| region::at(&area.code, level).map_or("", |above| above.name.as_str());
    let kota = above(Level::Kota)
        .trim_start_matches("Kota Administrasi ")
        .trim_start_matches("Kabupaten Administrasi ");
    format!("{}, Kec. {}, {kota}", area.name, above(Level::Kecamatan))
}

/// All kelurahan.
pub fn all() -> impl Iterator<Item = &'static Region> {
    region::all().filter(|area| area.level == Level::Kelurahan)
}

/// The region of a Kemendagri code, of a label, or of a kelurahan's name that only one has.
pub(super) fn find(written: &str) -> Option<RegionCode> {
    if let Ok(code) = written.parse::<RegionCode>() {
        return region::find(&code).map(|area| area.code.clone());
    }
    let written = written.to_lowercase();
    if let Some(area) = all().find(|area| label(area).to_lowercase() == written) {
        return Some(area.code.clone());
    }
    let mut named = all().filter(|area| area.name.to_lowercase() == written);
    named.next().filter(|_| named.next().is_none()).map(|area| area.code.clone())
}
