//! The walk-in desk of a kelurahan, kecamatan, mayor's office, city hall or inspectorate.
//!
//! The protocol is our own: the gateway's page at `/desk/{channel}` and the JSON API behind it. An entry:
//! ```json
//! { "idempotency_key": "0197a9c2-5f6e-7d31-8a40-9b1c2d3e4f50",
//!   "reporter": { "name": "Budi Santoso", "phone": "0812-3456-7890" },
//!   "kind": "complaint", "category": "Jalan", "description": "Jalan berlubang di depan sekolah.",
//!   "place": { "address": "Jl. Teuku Umar No. 10", "rt": "3", "rw": "5", "region": "31.71.06.1001" },
//!   "photos": [{ "name": "lubang.jpg", "data": "/9j/4AAQSkZJRg…" }],
//!   "consent": true, "entered_at": "2026-11-03T02:55:00Z",
//!   "taken": { "officer": "siti", "office": "menteng", "at": "2026-11-03T03:10:00Z" } }
//! ```
//! The gateway writes `taken` from the officer's session, over whatever a client may have sent there.

use std::borrow::Cow;

use jiff::{SignedDuration, Timestamp};
use muara_normalizer::{
    Draft, ExternalId,
    complaint::Kind,
    draft::{DraftPlace, DraftReporter, ReturnAddress, SourceTime},
    phone, place, text, time,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    answer::Answer,
    connector::{Connector, Decoded, Limits, Rate},
    reject::Reject,
    verify::{Auth, Verified},
};

pub mod area;
mod photo;
mod settings;
mod shows;

pub use photo::Photo;
pub use settings::{Office, Officer, Settings};
pub use shows::Shows;

/// The walk-in desk.
pub static CONNECTOR: Connector = Connector {
    title: "Walk-in desk",
    docs: "gateway/ARCHITECTURE.md",
    auth: Auth::Session,
    // an officer sees the refusal at once and sends again
    redelivers: true,
    limits: Limits {
        // a whole family may complain at one desk, but nobody types faster than this
        sender: Rate { per_minute: 10, burst: 20 },
        // a browser that runs our script makes photos small, another one sends them as the camera made them
        body_bytes: 12 * 1024 * 1024,
        ..Limits::DEFAULT
    },
    answer: Answer::Receipts,
    settings: settings::settings,
    decode,
    ..Connector::WEBHOOK
};

/// What an officer takes down. Empty texts count as absent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct Entry {
    /// Made by the client, a UUID: the same entry sent twice has the same one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub idempotency_key: String,
    /// Who complains.
    pub reporter: Reporter,
    /// What kind of message; a complaint if not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// One of the city's categories, or the officer's own word.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub category: String,
    /// Headline.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// The citizen's words.
    pub description: String,
    /// Where it is.
    pub place: Place,
    /// When it happened: RFC 3339, or Jakarta's clock without an offset.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub occurred_at: String,
    /// What the matter looks like.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub photos: Vec<Photo>,
    /// When it was taken down, RFC 3339, where it had to wait for a network; the client's clock, so no more than a hint.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub entered_at: String,
    /// The citizen agrees that the report and these personal data are processed (UU 27/2022).
    pub consent: bool,
    /// The officer sees danger in waiting.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub urgent: bool,
    /// Who took it down, where and when: written by the gateway, never taken from the client.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    pub taken: Option<Taken>,
}

/// The citizen at the desk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct Reporter {
    /// Name; may be absent if the citizen stays unnamed.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Phone as written.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub phone: String,
    /// Nomor Induk Kependudukan: 16 digits.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub nik: String,
    /// E-mail address.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub email: String,
    /// The citizen asks not to be named.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub anonymous: bool,
}

/// Where the matter is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct Place {
    /// Street, number, landmark.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub address: String,
    /// Rukun tetangga.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub rt: String,
    /// Rukun warga.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub rw: String,
    /// Kemendagri code of the kelurahan or kecamatan, where it is not the office's own; or a kelurahan's name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub region: String,
}

/// What the gateway knows from the officer's session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    /// The officer's user name.
    pub officer: String,
    /// The office's key.
    pub office: String,
    /// When it was sent.
    pub at: Timestamp,
}

/// What is wrong with one field. The page puts words for it beside the field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct FieldError {
    /// The field with those above it, e.g. `reporter.phone`.
    pub field: Cow<'static, str>,
    /// What is wrong.
    pub problem: Problem,
}

/// What can be wrong with a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Required and not there.
    #[error("missing or empty")]
    Missing,
    /// The citizen did not agree.
    #[error("must be true: the citizen has to agree")]
    NotGiven,
    /// More than the field may hold.
    #[error("has more than {limit} characters")]
    TooLong {
        /// How many characters it may have.
        limit: usize,
    },
    /// Another JSON type, or a word that is none of the choices.
    #[error("has another type or value than this field takes")]
    WrongType,
    /// No such field: mostly a slip of spelling.
    #[error("there is no such field")]
    Unknown,
    /// Not a UUID.
    #[error("is not a UUID")]
    NotUuid,
    /// Not a telephone number.
    #[error("is not a telephone number")]
    NotPhone,
    /// Not a NIK.
    #[error("is not a NIK: 16 digits with a province and a date of birth in them")]
    NotNik,
    /// Not an e-mail address.
    #[error("is not an e-mail address")]
    NotEmail,
    /// Not the number of an RT or RW.
    #[error("is not a number of one to three digits")]
    NotUnit,
    /// No region of Jakarta.
    #[error("is not the Kemendagri code of a region of Jakarta")]
    NotRegion,
    /// Not a date and time.
    #[error("is not a date and time")]
    NotTime,
    /// Later than now.
    #[error("is in the future")]
    InFuture,
    /// No photo that browsers show.
    #[error("is not a photo (JPEG, PNG or WebP) in base64")]
    NotPhoto,
    /// A photo of too many bytes.
    #[error("is a photo of more than {limit} MiB")]
    PhotoTooLarge {
        /// How many MiB it may have.
        limit: usize,
    },
    /// More photos than an entry may have.
    #[error("are more than {limit}")]
    TooMany {
        /// How many there may be.
        limit: usize,
    },
    /// Not an office of this channel.
    #[error("is not an office of this channel")]
    NotOffice,
}

impl From<&FieldError> for Reject {
    fn from(error: &FieldError) -> Self {
        Self::Field { field: error.field.clone().into_owned(), detail: error.problem.to_string() }
    }
}

/// Why an entry cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadEntry {
    /// Broken JSON. The client's fault.
    #[error(transparent)]
    Syntax(Reject),
    /// Fields that are wrong, all of them.
    #[error("{} wrong field(s)", .0.len())]
    Fields(Vec<FieldError>),
}

impl From<BadEntry> for Reject {
    fn from(error: BadEntry) -> Self {
        match error {
            BadEntry::Syntax(reject) => reject,
            BadEntry::Fields(fields) => {
                fields.first().map_or_else(|| Self::missing("description"), Self::from)
            }
        }
    }
}

fn decode(verified: &Verified<'_>) -> Result<Decoded, Reject> {
    let no_desk = Reject::Shape { expected: "an entry for a channel of the desk" };
    let settings: &Settings = verified.settings().own().ok_or(no_desk)?;
    let entry = Entry::from_json(verified.body())?;
    let draft = entry.draft(settings).map_err(BadEntry::Fields)?;
    Ok(Decoded::draft(draft))
}

impl Entry {
    /// Reads an entry; a field nobody knows is refused, since its words would be lost.
    ///
    /// # Errors
    /// [`BadEntry`]: broken JSON, a wrong type, an unknown field.
    pub fn from_json(body: &[u8]) -> Result<Self, BadEntry> {
        let mut unknown = Vec::new();
        let mut track = serde_path_to_error::Track::new();
        let mut json = serde_json::Deserializer::from_slice(body);
        let tracked = serde_path_to_error::Deserializer::new(&mut json, &mut track);
        let entry = serde_ignored::deserialize(tracked, |path| {
            unknown.push(FieldError { field: path.to_string().into(), problem: Problem::Unknown });
        });
        let entry: Self = entry.map_err(|error: serde_json::Error| {
            if error.is_data() {
                let field = track.path().to_string();
                BadEntry::Fields(vec![FieldError { field: field.into(), problem: Problem::WrongType }])
            } else {
                BadEntry::Syntax(Reject::json(&error))
            }
        })?;
        json.end().map_err(|error| BadEntry::Syntax(Reject::json(&error)))?;
        if unknown.is_empty() { Ok(entry) } else { Err(BadEntry::Fields(unknown)) }
    }

    /// Checks every field and makes a draft of them.
    ///
    /// # Errors
    /// Everything that is wrong, in the order of the form.
    pub fn draft(&self, settings: &Settings) -> Result<Draft, Vec<FieldError>> {
        let mut check = Check { errors: Vec::new() };
        let key = check.parsed("idempotency_key", &self.idempotency_key, Problem::NotUuid, |text| {
            Uuid::parse_str(text).ok().map(|key| key.hyphenated().to_string())
        });
        if self.idempotency_key.trim().is_empty() {
            check.wrong("idempotency_key", Problem::Missing);
        }
        let reporter = self.reporter.checked(&mut check);
        let category = check.text("category", &self.category, 120);
        let title = check.text("title", &self.title, 200);
        let description = check.required("description", &self.description, 10_000);
        let kind = self.kind.unwrap_or_default();
        let place = self.place.checked(kind, &mut check);
        let taken_at = self.taken.as_ref().map(|taken| taken.at);
        let occurred_at = self.occurred_at(taken_at, &mut check);
        let attachments = check.photos(&self.photos);
        if !self.consent {
            check.wrong("consent", Problem::NotGiven);
        }
        let office = match &self.taken {
            None => {
                check.wrong("taken", Problem::Missing);
                None
            }
            Some(taken) => {
                let office = settings.offices.get(&taken.office);
                if office.is_none() {
                    check.wrong("taken.office", Problem::NotOffice);
                }
                office
            }
        };
        if !check.errors.is_empty() {
            return Err(check.errors);
        }
        let shows = self.taken.as_ref().map(|taken| Shows {
            office: taken.office.clone(),
            category: category.clone(),
            urgent: self.urgent,
        });
        Ok(Draft {
            external_id: key.and_then(ExternalId::new),
            kind: Some(kind),
            title,
            text: description.unwrap_or_default(),
            category,
            place: DraftPlace { office_region: office.map(|office| office.region.clone()), ..place },
            reporter,
            occurred_at,
            sent_at: self.entered_at(taken_at).or(taken_at).map(SourceTime::Instant),
            attachments,
            office: office.map(|office| office.name.clone()),
            urgent: self.urgent,
            return_address: shows.and_then(|shows| serde_json::to_value(shows).ok()).map(ReturnAddress),
            ..Draft::default()
        })
    }

    /// A browser whose clock is wrong must not be able to hold an entry up.
    fn entered_at(&self, now: Option<Timestamp>) -> Option<Timestamp> {
        self.entered_at.parse().ok().filter(|at| now.is_some_and(|now| *at <= now))
    }

    fn occurred_at(&self, now: Option<Timestamp>, check: &mut Check) -> Option<SourceTime> {
        let read = SourceTime::parse(given(&self.occurred_at)?);
        // clocks of desks run ahead by a little
        let horizon =
            now.and_then(|now| now.checked_add(SignedDuration::from_mins(5)).ok()).unwrap_or(Timestamp::MAX);
        match time::credible(&read, horizon) {
            Ok(_) => Some(read),
            Err(muara_normalizer::complaint::Flag::TimeInFuture) => {
                check.wrong("occurred_at", Problem::InFuture);
                None
            }
            Err(_) => {
                check.wrong("occurred_at", Problem::NotTime);
                None
            }
        }
    }
}

impl Reporter {
    fn checked(&self, check: &mut Check) -> DraftReporter {
        let name = if self.anonymous {
            check.text("reporter.name", &self.name, 120)
        } else {
            check.required("reporter.name", &self.name, 120)
        };
        DraftReporter {
            name,
            phone: check.parsed("reporter.phone", &self.phone, Problem::NotPhone, |text| {
                phone::to_e164(text).map(|_| text.to_owned())
            }),
            nik: check.parsed("reporter.nik", &self.nik, Problem::NotNik, nik),
            email: check.parsed("reporter.email", &self.email, Problem::NotEmail, email),
            anonymous: self.anonymous,
            ..DraftReporter::default()
        }
    }
}

impl Place {
    fn checked(&self, kind: Kind, check: &mut Check) -> DraftPlace {
        // a wish or a question may concern no place at all
        let address = if kind == Kind::Complaint {
            check.required("place.address", &self.address, 500)
        } else {
            check.text("place.address", &self.address, 500)
        };
        DraftPlace {
            address,
            rt: check.parsed("place.rt", &self.rt, Problem::NotUnit, unit),
            rw: check.parsed("place.rw", &self.rw, Problem::NotUnit, unit),
            region: check.parsed("place.region", &self.region, Problem::NotRegion, area::find),
            ..DraftPlace::default()
        }
    }
}

struct Check {
    errors: Vec<FieldError>,
}

impl Check {
    fn wrong(&mut self, field: &'static str, problem: Problem) {
        self.errors.push(FieldError { field: field.into(), problem });
    }

    /// The text as written; a text of invisible characters is none.
    fn text(&mut self, field: &'static str, written: &str, limit: usize) -> Option<String> {
        let words = given(written).filter(|words| !text::clean(words).is_empty())?;
        if words.chars().count() > limit {
            self.wrong(field, Problem::TooLong { limit });
        }
        Some(words.to_owned())
    }

    fn required(&mut self, field: &'static str, written: &str, limit: usize) -> Option<String> {
        let words = self.text(field, written, limit);
        if words.is_none() {
            self.wrong(field, Problem::Missing);
        }
        words
    }

    fn parsed<T>(
        &mut self,
        field: &'static str,
        written: &str,
        problem: Problem,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let parsed = parse(given(written)?);
        if parsed.is_none() {
            self.wrong(field, problem);
        }
        parsed
    }
}

fn given(written: &str) -> Option<&str> {
    Some(written.trim()).filter(|text| !text.is_empty())
}

fn unit(written: &str) -> Option<String> {
    written.bytes().all(|b| b.is_ascii_digit()).then(|| place::unit(written)).flatten()
}

fn email(written: &str) -> Option<String> {
    let (local, domain) = written.split_once('@')?;
    let plain = |text: &str| !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c == '@');
    let well_formed = plain(local)
        && plain(domain)
        && domain.contains('.')
        && domain.split('.').all(|label| !label.is_empty())
        && written.len() <= 254;
    well_formed.then(|| written.to_owned())
}

/// A NIK is `PPKKCC DDMMYY SSSS`; women's day of birth has 40 added; no serial is 0000. Spaces and dots are taken out.
fn nik(written: &str) -> Option<String> {
    let digits: String = written.chars().filter(|c| !matches!(c, ' ' | '.' | '-')).collect();
    if digits.len() != 16 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let number = |range: std::ops::Range<usize>| digits.get(range).and_then(|d| d.parse::<u16>().ok());
    let province = number(0..2)?;
    let day = number(6..8)?;
    let plausible = (11..=99).contains(&province)
        && (1..=31).contains(&(if day > 40 { day - 40 } else { day }))
        && (1..=12).contains(&number(8..10)?)
        && number(12..16)? != 0;
    plausible.then_some(digits)
}
