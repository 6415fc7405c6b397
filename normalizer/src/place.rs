//! Where it is: coordinates that can be believed, RT and RW in their official form, regions by code.

use crate::{
    address::{self, Neighbourhood},
    complaint::{Area, Flag, Location, LocationSource},
    draft::DraftPlace,
    mention::{self, Named},
    polygons::Polygons,
    reading::Reading,
    region::{self, Level, RegionCode},
    text, words,
};

/// Jakarta with the Thousand Islands, roughly: degrees north, degrees east.
const BOX: ([f64; 2], [f64; 2]) = ([-6.38, -5.15], [106.37, 106.98]);

/// A position that can be passed on, and what is to be said about it.
#[must_use]
pub fn coordinates(lat: Option<f64>, lon: Option<f64>) -> (Option<(f64, f64)>, Option<Flag>) {
    let (lat, lon) = match (lat, lon) {
        (None, None) => return (None, None),
        (Some(lat), Some(lon)) => (lat, lon),
        _ => return (None, Some(Flag::CoordinatesInvalid)),
    };
    if lat == 0.0 && lon == 0.0 {
        (None, Some(Flag::CoordinatesZero))
    } else if inside(lat, lon) {
        (Some((lat, lon)), None)
    } else if inside(lon, lat) {
        (Some((lon, lat)), Some(Flag::CoordinatesSwapped))
    } else if lat.abs() <= 90.0 && lon.abs() <= 180.0 {
        (Some((lat, lon)), Some(Flag::CoordinatesOutside))
    } else {
        (None, Some(Flag::CoordinatesInvalid))
    }
}

fn inside(lat: f64, lon: f64) -> bool {
    let (north, east) = BOX;
    (north[0]..=north[1]).contains(&lat) && (east[0]..=east[1]).contains(&lon)
}

/// Puts a draft's evidence together; nothing known is no location. `text` is what the citizen wrote, `reading` is of it.
///
/// What the channel states goes before what is read out of a text, and that before the area of the desk's office: people
/// also report what is elsewhere. Coordinates name no region. Evidence that disagrees is flagged.
#[must_use]
pub fn locate(
    place: &DraftPlace,
    reading: &Reading,
    _text: &str,
    _polygons: &Polygons,
    flags: &mut Vec<Flag>,
) -> Option<Location> {
    let (position, flag) = coordinates(place.lat, place.lon);
    flags.extend(flag);
    let address = place.address.as_deref().and_then(text::clean_line);
    let stated = place.region.as_ref().filter(|code| region::find(code).is_some());
    let office = place.office_region.as_ref().filter(|code| region::find(code).is_some());
    let (rt, rw) = (place.rt.as_deref().and_then(unit), place.rw.as_deref().and_then(unit));
    let written = Written::read(address.as_deref().unwrap_or_default(), reading);
    let (rt, rw) = (rt.or(written.neighbourhood.rt), rw.or(written.neighbourhood.rw));
    let read = written.named.region.map(|region| &region.code);
    let strangers = stated.zip(read).is_some_and(|(stated, read)| {
        !stated.as_str().starts_with(read.as_str()) && !read.as_str().starts_with(stated.as_str())
    });
    if strangers || written.named.against.is_some() {
        flags.push(Flag::LocationConflict);
    }
    // of two that agree the smaller region says more
    let stated = match (stated, read) {
        (Some(stated), Some(read)) if read.as_str().starts_with(stated.as_str()) => Some(read),
        (stated, _) => stated,
    };

    let (source, confidence) = if position.is_some() {
        let trusted = flag.is_none();
        let source = if place.device { LocationSource::Gps } else { LocationSource::Channel };
        (source, if trusted { 0.9 } else { 0.4 })
    } else if stated.is_some() {
        (LocationSource::Channel, 0.9)
    } else if read.is_some() {
        (LocationSource::Text, if written.named.stated { 0.85 } else { 0.7 })
    } else if address.is_some() || rt.is_some() || rw.is_some() {
        (LocationSource::Text, 0.5)
    } else if office.is_some() {
        (LocationSource::Office, 0.3)
    } else {
        return None;
    };
    let area = |level| stated.or(read).or(office).and_then(|code| region::at(code, level)).map(named);
    Some(Location {
        lat: position.map(|(lat, _)| lat),
        lon: position.map(|(_, lon)| lon),
        address,
        rt,
        rw,
        kelurahan: area(Level::Kelurahan),
        kecamatan: area(Level::Kecamatan),
        kota: area(Level::Kota),
        street: None,
        landmark: None,
        postal_code: None,
        source,
        confidence,
        verified: false,
        reasons: Vec::new(),
    })
}

/// What is read out of words.
struct Written {
    named: Named,
    neighbourhood: Neighbourhood,
}

impl Written {
    /// The address before the text around it: it was asked for.
    fn read(address: &str, text: &Reading) -> Self {
        let (address, text) = (words::words(address), &text.words);
        let named = mention::named(&address);
        let named = if named.region.is_some() { named } else { mention::named(text) };
        let (mut first, second) = (address::neighbourhood(&address), address::neighbourhood(text));
        if first == Neighbourhood::default() {
            first = second;
        }
        Self { named, neighbourhood: first }
    }
}

fn named(region: &region::Region) -> Area {
    Area { code: region.code.clone(), name: region.name.clone() }
}

/// An RT or RW number in its official form of three digits: `5`, `05`, `RT. 005` → `005`.
#[must_use]
pub fn unit(written: &str) -> Option<String> {
    let digits: String = written.chars().filter(char::is_ascii_digit).collect();
    match digits.trim_start_matches('0') {
        "" => None,
        number if number.len() <= 3 => Some(format!("{number:0>3}")),
        _ => None,
    }
}

impl From<&RegionCode> for DraftPlace {
    fn from(code: &RegionCode) -> Self {
        Self { region: Some(code.clone()), ..Self::default() }
    }
}
