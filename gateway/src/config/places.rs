//! `[places]`: what the city knows of its own regions.

use std::path::Path;

use muara_connectors::SettingsError;
use muara_normalizer::polygons::Polygons;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the city knows of its own regions.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Places {
    /// A GeoJSON FeatureCollection of the kelurahan (relative to this file), each with its Kemendagri code in a property
    /// `kode`, or its name in `kelurahan`; empty means none. With it a point names its kelurahan; without it coordinates
    /// name no region. Read at the start.
    pub kelurahan_polygons: String,
}

impl Places {
    /// Reads the polygons; none are named by no point.
    pub(super) fn polygons(&self, base: &Path) -> Result<Polygons, SettingsError> {
        let name = self.kelurahan_polygons.trim();
        if name.is_empty() {
            return Ok(Polygons::default());
        }
        let file = base.join(name);
        let wrong = |detail: &dyn std::fmt::Display| {
            SettingsError::value("kelurahan_polygons", format!("{}: {detail}", file.display()))
        };
        let geojson = std::fs::read(&file).map_err(|error| wrong(&error))?;
        Polygons::parse(&geojson).map_err(|error| wrong(&error))
    }
}
