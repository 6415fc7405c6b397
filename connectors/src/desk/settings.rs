//! The desk's own keys of a channel's table: its offices and who may sign in.

use std::collections::{BTreeMap, BTreeSet};

use muara_normalizer::region::{self, Level, RegionCode};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::settings::{OwnSettings, SettingsError, read};

/// The offices and officers of one channel.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Offices by their key.
    pub offices: BTreeMap<String, Office>,
    /// Officers by their user name, which is lower case.
    pub officers: BTreeMap<String, Officer>,
}

/// One office with a desk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Office {
    /// What citizens call it, e.g. `Kelurahan Menteng`.
    pub name: String,
    /// The area it is responsible for: a kelurahan, a kecamatan, a kota, or the whole province.
    pub region: RegionCode,
}

/// Somebody who may enter reports.
#[derive(Clone, Debug)]
pub struct Officer {
    /// The person's name.
    pub name: String,
    /// argon2id hash in PHC form; `muara hash-password` makes it.
    pub password_hash: SecretString,
    /// The key of the office at whose desk the officer sits.
    pub office: String,
}

#[derive(Deserialize)]
struct Tables {
    /// One office for each region of a level, by its name: `kelurahan` has 267.
    offices_of: Option<OfficeLevel>,
    #[serde(default)]
    offices: BTreeMap<String, toml::Value>,
    #[serde(default)]
    officers: BTreeMap<String, toml::Value>,
}

/// A level of regions each of which has an office with a desk.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum OfficeLevel {
    Kelurahan,
    Kecamatan,
    Kota,
}

impl OfficeLevel {
    /// The office of every region of this level: its key is the region's name, e.g. `kebon_jeruk`. No two regions of
    /// one level have the same name in Jakarta.
    fn offices(self) -> impl Iterator<Item = (String, Office)> {
        let (level, title) = match self {
            Self::Kelurahan => (Level::Kelurahan, "Kelurahan "),
            Self::Kecamatan => (Level::Kecamatan, "Kecamatan "),
            // the names of these regions say themselves what they are
            Self::Kota => (Level::Kota, "Kantor "),
        };
        region::all().filter(move |region| region.level == level).map(move |region| {
            let key = region.name.to_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), "_");
            (key, Office { name: format!("{title}{}", region.name), region: region.code.clone() })
        })
    }
}

#[derive(Deserialize)]
struct OfficeTable {
    name: Option<String>,
    region: Option<String>,
}

#[derive(Deserialize)]
struct OfficerTable {
    name: Option<String>,
    password_hash: Option<SecretString>,
    office: Option<String>,
}

/// Reads and checks `offices_of` and the tables `offices` and `officers`.
pub(super) fn settings(table: toml::Table) -> Result<OwnSettings, Vec<SettingsError>> {
    let tables: Tables = read(table)?;
    let mut errors = Vec::new();
    let mut settings = Settings::default();
    settings.offices.extend(tables.offices_of.into_iter().flat_map(OfficeLevel::offices));
    // an office with a fault of its own is still there for those who sit in it
    let known: BTreeSet<String> = settings.offices.keys().chain(tables.offices.keys()).cloned().collect();
    if known.is_empty() {
        errors.push(SettingsError::value(
            "offices",
            "name at least one office, e.g. [channels.<id>.offices.menteng] name = \"Kelurahan Menteng\", \
             region = \"31.71.06.1001\"; or offices_of = \"kelurahan\", \"kecamatan\" or \"kota\" for all of a level",
        ));
    }
    if tables.officers.is_empty() {
        errors.push(SettingsError::value(
            "officers",
            "nobody could sign in; name at least one officer, e.g. [channels.<id>.officers.siti] name, \
             password_hash (made by `muara hash-password`), office",
        ));
    }
    for (key, value) in tables.offices {
        let at = format!("offices.{key}");
        errors.extend(bad_key(&at, &key));
        let Some(table) = inner::<OfficeTable>(&at, value, &mut errors) else { continue };
        let name = required(&at, "name", table.name, &mut errors);
        let region = required(&at, "region", table.region, &mut errors)
            .and_then(|code| area(&code).map_err(|e| errors.push(e.at(&at))).ok());
        if let (Some(name), Some(region)) = (name, region) {
            settings.offices.insert(key, Office { name, region });
        }
    }
    for (key, value) in tables.officers {
        let at = format!("officers.{key}");
        errors.extend(bad_key(&at, &key));
        let Some(table) = inner::<OfficerTable>(&at, value, &mut errors) else { continue };
        let name = required(&at, "name", table.name, &mut errors);
        let office = required(&at, "office", table.office, &mut errors);
        if let Some(office) = office.as_ref().filter(|office| !known.contains(*office)) {
            let detail = format!("there is no office `{office}`; the offices are: {}", listed(&known));
            errors.push(SettingsError::value(format!("{at}.office"), detail));
        }
        match (&table.password_hash, name, office) {
            (None, ..) => errors.push(missing(&at, "password_hash")),
            (Some(hash), ..) if !argon2id(hash.expose_secret()) => errors.push(SettingsError::value(
                format!("{at}.password_hash"),
                "this is not an argon2id hash ($argon2id$v=19$m=…,t=…,p=…$salt$hash); \
                 make one with `muara hash-password`",
            )),
            (Some(hash), Some(name), Some(office)) => {
                settings.officers.insert(key, Officer { name, password_hash: hash.clone(), office });
            }
            _ => {}
        }
    }
    if errors.is_empty() { Ok(OwnSettings::new(settings)) } else { Err(errors) }
}

fn inner<T: serde::de::DeserializeOwned>(
    at: &str,
    value: toml::Value,
    errors: &mut Vec<SettingsError>,
) -> Option<T> {
    let toml::Value::Table(table) = value else {
        errors.push(SettingsError::value(at, "must be a table"));
        return None;
    };
    match read(table) {
        Ok(value) => Some(value),
        Err(inner) => {
            errors.extend(inner.into_iter().map(|error| error.under(at)));
            None
        }
    }
}

fn required(at: &str, key: &str, value: Option<String>, errors: &mut Vec<SettingsError>) -> Option<String> {
    let value = value.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    if value.is_none() {
        errors.push(missing(at, key));
    }
    value
}

fn missing(at: &str, key: &str) -> SettingsError {
    SettingsError::value(format!("{at}.{key}"), "is missing or empty")
}

/// A key is what an officer types and what a script writes.
fn bad_key(at: &str, key: &str) -> Option<SettingsError> {
    let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-' | b'.');
    let well_formed = (1..=64).contains(&key.len()) && key.bytes().all(good);
    (!well_formed)
        .then(|| SettingsError::value(at, "a key has 1 to 64 characters of a-z, 0-9, `.`, `_` and `-`"))
}

struct BadArea(String);

impl BadArea {
    fn at(self, at: &str) -> SettingsError {
        SettingsError::value(format!("{at}.region"), self.0)
    }
}

fn area(code: &str) -> Result<RegionCode, BadArea> {
    let parsed: RegionCode = code.parse().map_err(|error| BadArea(format!("`{code}`: {error}")))?;
    if region::find(&parsed).is_some() {
        return Ok(parsed);
    }
    Err(BadArea(format!(
        "there is no region `{code}` in Jakarta (Kemendagri codes; BPS codes look alike and mean other regions)"
    )))
}

fn listed(names: &BTreeSet<String>) -> String {
    const SHOWN: usize = 12;
    let shown: Vec<_> = names.iter().take(SHOWN).map(String::as_str).collect();
    match names.len().saturating_sub(SHOWN) {
        _ if shown.is_empty() => "none".to_owned(),
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// Whether it has the form of an argon2id hash; a wrong one would be found out only when its owner cannot sign in.
fn argon2id(hash: &str) -> bool {
    let base64 = |text: &str| {
        text.len() >= 11 && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/'))
    };
    let parameters = |text: &str| {
        let mut names = text.split(',').filter_map(|pair| {
            let (name, value) = pair.split_once('=')?;
            value.parse::<u32>().ok().map(|_| name)
        });
        names.next() == Some("m") && names.next() == Some("t") && names.next() == Some("p")
    };
    match hash.split('$').collect::<Vec<_>>().as_slice() {
        ["", "argon2id", "v=19", numbers, salt, digest] => {
            parameters(numbers) && base64(salt) && base64(digest)
        }
        _ => false,
    }
}
