//! The regions of Jakarta by Kemendagri code (Kepmendagri 300.2.2-2138/2025; data and licences in `normalizer/data`).

use std::{collections::BTreeMap, fmt, str::FromStr, sync::LazyLock};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A Kemendagri region code: `31`, `31.75`, `31.75.07` or `31.75.07.1002`. BPS codes look alike and mean other regions.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct RegionCode(
    #[schemars(regex(pattern = r"^[0-9]{2}(\.[0-9]{2}(\.[0-9]{2}(\.[0-9]{4})?)?)?$"))] String,
);

/// Why a text is not a region code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a Kemendagri region code looks like 31.75.07.1002 (kelurahan), 31.75.07 (kecamatan) or 31.75 (kota)"
)]
pub struct BadRegionCode;

impl RegionCode {
    /// The code as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RegionCode {
    type Err = BadRegionCode;

    fn from_str(text: &str) -> Result<Self, BadRegionCode> {
        let parts = text.split('.').enumerate();
        let well_formed = parts.clone().count() <= 4
            && parts.into_iter().all(|(place, part)| {
                part.len() == if place == 3 { 4 } else { 2 } && part.bytes().all(|b| b.is_ascii_digit())
            });
        if well_formed { Ok(Self(text.to_owned())) } else { Err(BadRegionCode) }
    }
}

impl<'de> Deserialize<'de> for RegionCode {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        String::deserialize(input)?.parse().map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for RegionCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The level of a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Province.
    Provinsi,
    /// Kota or kabupaten administrasi.
    Kota,
    /// Kecamatan.
    Kecamatan,
    /// Kelurahan.
    Kelurahan,
}

/// One region.
#[derive(Clone, Debug)]
pub struct Region {
    /// Kemendagri code.
    pub code: RegionCode,
    /// Official name.
    pub name: String,
    /// Its level.
    pub level: Level,
    /// Postal code of five digits; only kelurahan have one.
    pub postal_code: Option<String>,
}

impl PartialEq for Region {
    fn eq(&self, other: &Self) -> bool {
        self.code == other.code
    }
}

impl Eq for Region {}

impl Region {
    /// Whether a region is this one or lies in it.
    #[must_use]
    pub fn has(&self, other: &Self) -> bool {
        other.code.0.starts_with(self.code.as_str())
    }
}

static REGIONS: LazyLock<BTreeMap<RegionCode, Region>> = LazyLock::new(|| {
    include_str!("../data/regions.csv").lines().skip(1).filter_map(row).map(|r| (r.code.clone(), r)).collect()
});

fn row(line: &str) -> Option<Region> {
    let mut fields = line.split(',');
    let (code, name) = (fields.next()?.parse().ok()?, fields.next()?.to_owned());
    let level = match fields.next()? {
        "provinsi" => Level::Provinsi,
        "kota_kabupaten" => Level::Kota,
        "kecamatan" => Level::Kecamatan,
        "kelurahan" => Level::Kelurahan,
        _ => return None,
    };
    let postal_code = fields.nth(1).map(str::trim).filter(|code| code.len() == 5).map(str::to_owned);
    Some(Region { code, name, level, postal_code })
}

/// Every region, by code.
pub fn all() -> impl Iterator<Item = &'static Region> {
    REGIONS.values()
}

/// The region of a code.
#[must_use]
pub fn find(code: &RegionCode) -> Option<&'static Region> {
    REGIONS.get(code)
}

/// The region itself or the one above it that has this level.
#[must_use]
pub fn at(code: &RegionCode, level: Level) -> Option<&'static Region> {
    let length = match level {
        Level::Provinsi => 2,
        Level::Kota => 5,
        Level::Kecamatan => 8,
        Level::Kelurahan => 13,
    };
    REGIONS.get(&RegionCode(code.0.get(..length)?.to_owned()))
}
