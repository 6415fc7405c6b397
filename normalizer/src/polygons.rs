//! The city's own kelurahan polygons (GeoJSON, RFC 7946): which kelurahan a point is in. Without them a point names none,
//! and a point on none of them is in none: nothing is guessed.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::region::{self, Level, Region, RegionCode};

/// The most bands of latitude that a polygon's edges are sorted into.
const BANDS: usize = 512;
/// So many of the features that name no kelurahan are told in an error.
const TOLD: usize = 5;

/// The polygons of kelurahan.
#[derive(Clone, Debug, Default)]
pub struct Polygons {
    /// Shared: a city's borders take megabytes.
    shapes: Arc<[Shape]>,
}

/// Why a GeoJSON file cannot be used. The operator's to mend. Features are counted from 0.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolygonsError {
    /// Not GeoJSON.
    #[error("it is no GeoJSON FeatureCollection: {0}")]
    Format(String),
    /// Nothing in it.
    #[error("it is a FeatureCollection without features")]
    Empty,
    /// A feature that is no polygon in degrees.
    #[error("feature {feature}: {reason}")]
    Geometry {
        /// Its place in the list of features.
        feature: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// Features that belong to no kelurahan of Jakarta.
    #[error(
        "{count} features name no kelurahan of Jakarta by Kemendagri code (property `kode` or `code`, e.g. \
         31.75.07.1002) or by name (`kelurahan`, with `kecamatan`): {first}"
    )]
    Unknown {
        /// How many they are.
        count: usize,
        /// The first of them, and what they say.
        first: String,
    },
}

#[derive(Clone, Copy, Debug)]
struct Edge {
    /// Degrees east, degrees north.
    from: [f64; 2],
    to: [f64; 2],
}

/// One kelurahan, or a part of it.
#[derive(Clone, Debug)]
struct Shape {
    region: &'static Region,
    west: f64,
    east: f64,
    south: f64,
    north: f64,
    /// The edges that pass through each band of latitude, from south to north.
    bands: Vec<Vec<Edge>>,
}

#[derive(Deserialize)]
struct Collection {
    #[serde(rename = "type")]
    kind: String,
    features: Vec<Value>,
}

#[derive(Deserialize)]
struct Feature {
    #[serde(default)]
    properties: Option<Map<String, Value>>,
    geometry: Option<Geometry>,
}

#[derive(Deserialize)]
#[serde(tag = "type", content = "coordinates")]
enum Geometry {
    Polygon(Vec<Ring>),
    MultiPolygon(Vec<Vec<Ring>>),
}

/// Positions may have a height.
type Ring = Vec<Vec<f64>>;

impl Polygons {
    /// Reads a GeoJSON FeatureCollection of polygons and multi-polygons in degrees, longitude first. Each feature says
    /// by a property which kelurahan it is. A kelurahan may have several features and need not have one.
    ///
    /// # Errors
    /// [`PolygonsError`]: what is wrong and where.
    pub fn parse(geojson: &[u8]) -> Result<Self, PolygonsError> {
        let collection: Collection =
            serde_json::from_slice(geojson).map_err(|error| PolygonsError::Format(error.to_string()))?;
        if collection.kind != "FeatureCollection" {
            return Err(PolygonsError::Format(format!("its type is {}", collection.kind)));
        }
        if collection.features.is_empty() {
            return Err(PolygonsError::Empty);
        }
        let (mut shapes, mut unknown) = (Vec::with_capacity(collection.features.len()), Vec::new());
        for (place, feature) in collection.features.into_iter().enumerate() {
            let wrong = |reason: String| PolygonsError::Geometry { feature: place, reason };
            let feature: Feature = serde_json::from_value(feature)
                .map_err(|error| wrong(format!("no polygon or multi-polygon: {error}")))?;
            let rings = match feature.geometry {
                Some(Geometry::Polygon(rings)) => rings,
                Some(Geometry::MultiPolygon(polygons)) => polygons.into_iter().flatten().collect(),
                None => return Err(wrong("it has no geometry".to_owned())),
            };
            let edges = edges(&rings).map_err(wrong)?;
            let properties = feature.properties.unwrap_or_default();
            match kelurahan(&properties) {
                Some(region) => shapes.push(Shape::new(region, &edges)),
                None => unknown.push((place, said(&properties))),
            }
        }
        if !unknown.is_empty() {
            let first: Vec<String> =
                unknown.iter().take(TOLD).map(|(place, said)| format!("feature {place} ({said})")).collect();
            return Err(PolygonsError::Unknown { count: unknown.len(), first: first.join(", ") });
        }
        Ok(Self { shapes: shapes.into() })
    }

    /// The kelurahan that a point is in (degrees, WGS 84). On a border it is in one of the two or, at the outer border,
    /// perhaps in none.
    #[must_use]
    pub fn kelurahan(&self, lat: f64, lon: f64) -> Option<&'static Region> {
        self.shapes.iter().find(|shape| shape.holds(lat, lon)).map(|shape| shape.region)
    }

    /// How many different kelurahan have a polygon.
    #[must_use]
    pub fn len(&self) -> usize {
        let mut codes: Vec<&str> = self.shapes.iter().map(|shape| shape.region.code.as_str()).collect();
        codes.sort_unstable();
        codes.dedup();
        codes.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.shapes.is_empty()
    }
}

/// The edges of all rings; a ring that is not closed is closed.
fn edges(rings: &[Ring]) -> Result<Vec<Edge>, String> {
    let mut edges = Vec::new();
    for ring in rings {
        let mut points = Vec::with_capacity(ring.len());
        for position in ring {
            let [lon, lat, ..] = position.as_slice() else {
                return Err("a position takes a longitude and a latitude".to_owned());
            };
            if lon.abs() > 180.0 || lat.abs() > 90.0 {
                return Err(format!(
                    "a position takes degrees of longitude and latitude (WGS 84) in this order, not {lon}, {lat}"
                ));
            }
            points.push([*lon, *lat]);
        }
        if points.first() == points.last() {
            points.pop();
        }
        if points.len() < 3 {
            return Err("a ring takes at least three different positions".to_owned());
        }
        let next = points.iter().skip(1).chain(points.first());
        edges.extend(points.iter().zip(next).map(|(from, to)| Edge { from: *from, to: *to }));
    }
    if edges.is_empty() { Err("it has no ring".to_owned()) } else { Ok(edges) }
}

impl Shape {
    fn new(region: &'static Region, edges: &[Edge]) -> Self {
        let side = |axis: usize, pick: fn(f64, f64) -> f64, first: f64| {
            edges.iter().map(|edge| edge.from[axis]).fold(first, pick)
        };
        let mut shape = Self {
            region,
            west: side(0, f64::min, f64::INFINITY),
            east: side(0, f64::max, f64::NEG_INFINITY),
            south: side(1, f64::min, f64::INFINITY),
            north: side(1, f64::max, f64::NEG_INFINITY),
            bands: vec![Vec::new(); (edges.len() / 4).clamp(1, BANDS)],
        };
        for edge in edges {
            let low = shape.band(edge.from[1].min(edge.to[1]));
            let high = shape.band(edge.from[1].max(edge.to[1]));
            for band in &mut shape.bands[low..=high] {
                band.push(*edge);
            }
        }
        shape
    }

    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a share of at most 512 bands; the cast saturates"
    )]
    fn band(&self, lat: f64) -> usize {
        let share = (lat - self.south) / (self.north - self.south);
        ((share * self.bands.len() as f64) as usize).min(self.bands.len() - 1)
    }

    /// By even and odd: a line from the point to the east crosses the rings an odd number of times. Holes and parts need
    /// no care.
    fn holds(&self, lat: f64, lon: f64) -> bool {
        if !((self.south..=self.north).contains(&lat) && (self.west..=self.east).contains(&lon)) {
            return false;
        }
        self.bands[self.band(lat)].iter().fold(false, |inside, Edge { from, to }| {
            let spans = (from[1] > lat) != (to[1] > lat);
            inside != (spans && lon < from[0] + (lat - from[1]) / (to[1] - from[1]) * (to[0] - from[0]))
        })
    }
}

/// A property's name without what people decorate it with: `KODE_KEL` is `kodekel`.
fn folded(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn as_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Whether a property may hold a Kemendagri code. BPS codes look alike but end in three digits, so none is taken for
/// one; postal codes are too short.
fn is_code(key: &str) -> bool {
    ["kode", "code", "kemendagri", "kdepum"].iter().any(|word| key.contains(word))
        || ["id", "kddesa", "kdkel", "iddesa", "idkel"].contains(&key)
}

fn is_kelurahan(key: &str) -> bool {
    [
        "kelurahan",
        "kel",
        "desa",
        "village",
        "wadmkd",
        "namobj",
        "nama",
        "name",
        "namakel",
        "namadesa",
        "nmkel",
        "nmdesa",
    ]
    .contains(&key)
        || ["namakelurahan", "desakel", "keldesa", "kelurahandesa", "desakelurahan"].contains(&key)
}

fn is_kecamatan(key: &str) -> bool {
    ["kecamatan", "kec", "district", "wadmkc", "namakec", "namakecamatan", "nmkec"].contains(&key)
}

fn kelurahan(properties: &Map<String, Value>) -> Option<&'static Region> {
    let values = |wanted: fn(&str) -> bool| {
        properties.iter().filter(move |(key, _)| wanted(&folded(key))).filter_map(|(_, value)| as_text(value))
    };
    let of_code = values(is_code).find_map(|value| {
        let digits: String = value.chars().filter(|c| *c != '.').collect();
        if digits.len() != 10 || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let dotted = [&digits[..2], &digits[2..4], &digits[4..6], &digits[6..]].join(".");
        region::find(&dotted.parse::<RegionCode>().ok()?)
    });
    of_code.or_else(|| {
        let kecamatan: Vec<String> = values(is_kecamatan).map(|name| folded(&name)).collect();
        values(is_kelurahan).find_map(|name| {
            let name = folded(&name);
            region::all().find(|region| {
                let parent = || region::at(&region.code, Level::Kecamatan).map(|parent| folded(&parent.name));
                region.level == Level::Kelurahan
                    && folded(&region.name) == name
                    && (kecamatan.is_empty() || parent().is_some_and(|parent| kecamatan.contains(&parent)))
            })
        })
    })
}

/// What a feature says of itself, for an error.
fn said(properties: &Map<String, Value>) -> String {
    let telling = properties.iter().filter(|(key, _)| {
        let key = folded(key);
        is_code(&key) || is_kelurahan(&key) || is_kecamatan(&key)
    });
    let told: Vec<String> =
        telling.take(3).filter_map(|(key, value)| Some(format!("{key}: {}", as_text(value)?))).collect();
    if told.is_empty() { "no such property".to_owned() } else { told.join(", ") }
}
