//! The city's own kelurahan polygons (GeoJSON): which kelurahan a point is in. Without them a point names none.

use crate::region::Region;

/// The polygons of kelurahan.
#[derive(Clone, Debug, Default)]
pub struct Polygons {}

/// Why a GeoJSON file cannot be used. The operator's to mend.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolygonsError {
    /// Not GeoJSON.
    #[error("it is no GeoJSON FeatureCollection: {0}")]
    Format(String),
}

impl Polygons {
    /// Reads a GeoJSON FeatureCollection.
    ///
    /// # Errors
    /// [`PolygonsError`]: what is wrong and where.
    pub fn parse(_geojson: &[u8]) -> Result<Self, PolygonsError> {
        Ok(Self {})
    }

    /// The kelurahan that a point is in (degrees, WGS 84).
    #[must_use]
    pub fn kelurahan(&self, _lat: f64, _lon: f64) -> Option<&'static Region> {
        None
    }
}
