//! Where it is: coordinates that can be believed, RT and RW in their official form, regions by code.

use crate::{
    address::{self, Neighbourhood},
    complaint::{Area, Flag, Location, LocationSource},
    draft::DraftPlace,
    mention::{self, Named},
    polygons::Polygons,
    reading::Reading,
    region::{self, Level, Region, RegionCode},
    street, text, words,
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
/// A pin in a polygon is the matter's own place and goes before all words. A device's position may be that of the
/// reporter's sofa: it goes before a bare name only, and after a name with a word of level (`kel.`), one whose kecamatan
/// agrees, and what the channel states. Then what the channel states goes before what is read out of a text, and that
/// before the area of the desk's office: people also report what is elsewhere. Without polygons coordinates name no
/// region. Evidence that disagrees is flagged, costs confidence and is told in `reasons`.
#[must_use]
pub fn locate(
    place: &DraftPlace,
    reading: &Reading,
    text: &str,
    polygons: &Polygons,
    flags: &mut Vec<Flag>,
) -> Option<Location> {
    let (position, flag) = coordinates(place.lat, place.lon);
    flags.extend(flag);
    let address = place.address.as_deref().and_then(text::clean_line);
    let written = Written::read(address.as_deref().unwrap_or_default(), text, reading);
    let evidence = Evidence {
        point: position.and_then(|(lat, lon)| polygons.kelurahan(lat, lon)),
        device: place.device,
        channel: place.region.as_ref().and_then(region::find),
        text: written.named.clone(),
        office: place.office_region.as_ref().and_then(region::find),
    };
    let verdict = evidence.weigh();
    if verdict.conflict {
        flags.push(Flag::LocationConflict);
    }
    let (rt, rw) = (place.rt.as_deref().and_then(unit), place.rw.as_deref().and_then(unit));
    let (rt, rw) = (rt.or(written.neighbourhood.rt), rw.or(written.neighbourhood.rw));
    let (source, confidence) = if position.is_some() {
        let source = if place.device { LocationSource::Gps } else { LocationSource::Channel };
        (source, if flag.is_none() { 0.9 } else { 0.4 })
    } else if evidence.channel.is_some() {
        (LocationSource::Channel, 0.9)
    } else if evidence.text.region.is_some() {
        (LocationSource::Text, if evidence.text.stated { 0.85 } else { 0.7 })
    } else if address.is_some() || rt.is_some() || rw.is_some() || written.street.is_some() {
        (LocationSource::Text, 0.5)
    } else if evidence.office.is_some() {
        (LocationSource::Office, 0.3)
    } else if written.landmark.is_some() || written.postal_code.is_some() {
        (LocationSource::Text, 0.3)
    } else {
        return None;
    };
    let area = |level| verdict.region.and_then(|region| region::at(&region.code, level));
    let kelurahan = area(Level::Kelurahan);
    Some(Location {
        lat: position.map(|(lat, _)| lat),
        lon: position.map(|(_, lon)| lon),
        address,
        rt,
        rw,
        postal_code: written.postal_code.or_else(|| kelurahan.and_then(|region| region.postal_code.clone())),
        kelurahan: kelurahan.map(named),
        kecamatan: area(Level::Kecamatan).map(named),
        kota: area(Level::Kota).map(named),
        street: written.street,
        landmark: written.landmark,
        source,
        confidence: verdict.confidence(confidence),
        verified: false,
        reasons: verdict.reasons,
    })
}

/// What speaks for a region.
struct Evidence {
    point: Option<&'static Region>,
    /// The point came from a device.
    device: bool,
    channel: Option<&'static Region>,
    text: Named,
    office: Option<&'static Region>,
}

/// What it comes to.
struct Verdict {
    region: Option<&'static Region>,
    conflict: bool,
    /// How many other pieces of evidence say the same.
    agreeing: i32,
    reasons: Vec<String>,
}

impl Verdict {
    /// Each piece of evidence that agrees halves the doubt; a contradiction takes two fifths of the confidence.
    fn confidence(&self, alone: f64) -> f64 {
        let confidence = 1.0 - (1.0 - alone) * 0.5_f64.powi(self.agreeing);
        let confidence = if self.conflict { confidence * 0.6 } else { confidence };
        (confidence * 100.0).round() / 100.0
    }
}

impl Evidence {
    fn weigh(&self) -> Verdict {
        let point = self.point.map(|region| (region, format!("the point lies in {}", title(region))));
        let channel = self.channel.map(|region| (region, format!("the channel states {}", title(region))));
        let text = self.text.region.map(|region| (region, format!("the text names {}", title(region))));
        let ranked = match (self.device, self.text.stated) {
            (false, _) => [point, channel, text],
            (true, true) => [channel, text, point],
            (true, false) => [channel, point, text],
        };
        let mut ranked = ranked.into_iter().flatten();
        let mut verdict = Verdict { region: None, conflict: false, agreeing: 0, reasons: Vec::new() };
        let Some((mut region, reason)) = ranked.next() else {
            if let Some(office) = self.office {
                verdict.reasons.push(format!("area of the office that took it down: {}", title(office)));
            }
            return Verdict { region: self.office, ..verdict };
        };
        let first = reason.clone();
        verdict.reasons.push(reason);
        for (other, reason) in ranked {
            if region.has(other) || other.has(region) {
                verdict.agreeing += 1;
                verdict.reasons.push(reason);
                // of two that agree the smaller region says more
                if region.has(other) {
                    region = other;
                }
            } else {
                verdict.conflict = true;
                verdict.reasons.push(format!("{first}, but {reason}"));
            }
        }
        if let Some(agrees) = self.text.agrees.filter(|agrees| agrees.has(region)) {
            verdict.reasons.push(format!("{}, which the text names too, agrees", title(agrees)));
        }
        if let Some(against) = self.text.against {
            verdict.conflict = true;
            verdict.reasons.push(format!("the text also names {}, which does not fit", title(against)));
        }
        if let Some(office) = self.office.filter(|office| office.has(region)) {
            verdict.agreeing += 1;
            verdict.reasons.push(format!("{}, the area of the office, agrees", title(office)));
        }
        Verdict { region: Some(region), ..verdict }
    }
}

/// A region with its level, as people say it.
fn title(region: &Region) -> String {
    match region.level {
        Level::Kelurahan => format!("kelurahan {}", region.name),
        Level::Kecamatan => format!("kecamatan {}", region.name),
        Level::Kota | Level::Provinsi => region.name.clone(),
    }
}

/// What is read out of words.
struct Written {
    named: Named,
    neighbourhood: Neighbourhood,
    street: Option<String>,
    landmark: Option<String>,
    postal_code: Option<String>,
}

impl Written {
    /// The address before the text around it: it was asked for.
    fn read(address: &str, text: &str, reading: &Reading) -> Self {
        let (asked, words) = (words::words(address), &reading.words);
        let (first, second) = (mention::named(&asked), mention::named(words));
        let neighbourhood = Some(address::neighbourhood(&asked))
            .filter(|found| *found != Neighbourhood::default())
            .unwrap_or_else(|| address::neighbourhood(words));
        Self {
            named: both(first, second),
            neighbourhood,
            street: street::street(address, &asked).or_else(|| street::street(text, words)),
            landmark: street::landmark(address, &asked).or_else(|| street::landmark(text, words)),
            postal_code: street::postal_code(&asked).or_else(|| street::postal_code(words)),
        }
    }
}

/// What an address and a text name together. A text that says the place otherwise, and says so, is a contradiction.
fn both(address: Named, text: Named) -> Named {
    let (Some(asked), Some(said)) = (address.region, text.region) else {
        return if address.region.is_some() { address } else { text };
    };
    if asked.has(said) {
        Named { stated: true, agrees: Some(asked).filter(|_| asked != said).or(text.agrees), ..text }
    } else if said.has(asked) {
        Named { stated: true, agrees: Some(said), ..address }
    } else if text.stated {
        Named { against: address.against.or(Some(said)), ..address }
    } else {
        address
    }
}

fn named(region: &Region) -> Area {
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
