//! Qlue, the city's official reporting app of 2014 to 2020.
//!
//! The vendor publishes no specification. The two shapes are those that its feeds had; the webhook's
//! signature is ours: `X-Qlue-Signature: sha256=<hex HMAC-SHA256 of the raw body>`.
//!
//! ```json
//! {"data": [{"id": 90210, "title": "Lubang di jalan", "description": "Besar sekali", "category": "Jalan rusak",
//!   "timestamp": "2026-11-03 10:10:00", "file": {"format": "image", "url": "https://qlue.example/1.jpg"},
//!   "location": {"lat": -6.2088, "lng": 106.8456}}]}
//! {"result": [{"contributionId": 4711, "title": "Banjir", "content": "Selutut", "url": "https://qlue.example/4711",
//!   "files": {"photo": "https://qlue.example/2.jpg"}, "date": {"create": {"sec": 1793675400}},
//!   "location": {"geospatial": {"longitude": 106.8, "latitude": -6.2}}, "user": {"creator": {"id": 12}}}]}
//! ```
//! Each also comes as one report without the list around it. All but the id may be absent or null.

mod pull;

use std::{borrow::Cow, collections::BTreeMap};

use muara_normalizer::{
    Draft, ExternalId,
    draft::{Attachment, DraftPlace, DraftReporter, SourceTime},
};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use crate::{
    answer::Answer,
    connector::{Connector, Decoded},
    reject::Reject,
    settings::{self, OwnSettings, SettingsError},
    value,
    verify::{Algorithm, Auth, Encoding, HmacScheme, Verified},
};

/// The connector.
pub static CONNECTOR: Connector = Connector {
    title: "Qlue",
    docs: "connectors/src/qlue.rs",
    auth: Auth::Hmac(HmacScheme {
        header: Cow::Borrowed("X-Qlue-Signature"),
        algorithm: Algorithm::Sha256,
        encoding: Encoding::Hex,
        prefix: Cow::Borrowed("sha256="),
        timestamp: None,
    }),
    redelivers: true,
    answer: Answer::Receipts,
    settings,
    decode,
    pull: Some(pull::open),
    ..Connector::WEBHOOK
};

/// The connector's own keys.
#[derive(Deserialize)]
struct Settings {
    /// The feed to ask; absent where Qlue only pushes.
    pull: Option<pull::PullSettings>,
}

fn settings(table: toml::Table) -> Result<OwnSettings, Vec<SettingsError>> {
    let read: Settings = settings::read(table)?;
    match read.pull.as_ref().map(pull::PullSettings::check) {
        Some(errors) if !errors.is_empty() => Err(errors),
        _ => Ok(OwnSettings::new(read)),
    }
}

fn decode(verified: &Verified<'_>) -> Result<Decoded, Reject> {
    let reports = reports(verified.body())?;
    if reports.is_empty() {
        return Ok(Decoded::ignored("an empty list of reports"));
    }
    Ok(Decoded::batch(reports, |report| report.draft()))
}

/// One report in a body, not read yet.
struct Report<'a> {
    shape: Shape,
    raw: &'a RawValue,
}

/// The two shapes by the name of their list.
#[derive(Clone, Copy)]
enum Shape {
    /// 2015: `result`.
    Result,
    /// From 2017: `data`.
    Data,
}

/// The reports of a body in their order.
fn reports(body: &[u8]) -> Result<Vec<Report<'_>>, Reject> {
    const EXPECTED: Reject = Reject::Shape {
        expected: "an object with a list `data` or `result`, or one report with `id` or `contributionId`",
    };
    let whole: &RawValue = value::split(value::without_mark(body))?;
    if !whole.get().starts_with('{') {
        return Err(EXPECTED);
    }
    let members: BTreeMap<Cow<'_, str>, &RawValue> = value::split(whole.get().as_bytes())?;
    if members.contains_key("contributionId") {
        return Ok(vec![Report { shape: Shape::Result, raw: whole }]);
    }
    let lists = [("result", Shape::Result), ("data", Shape::Data)];
    let found: Vec<_> =
        lists.iter().filter_map(|(name, shape)| Some((*shape, *members.get(*name)?))).collect();
    if found.is_empty() {
        let bare = members.contains_key("id");
        return if bare { Ok(vec![Report { shape: Shape::Data, raw: whole }]) } else { Err(EXPECTED) };
    }
    let mut reports = Vec::new();
    for (shape, list) in found {
        match list.get().as_bytes() {
            b"null" => {}
            text if text.starts_with(b"[") => {
                let list: Vec<&RawValue> = value::split(text)?;
                reports.extend(list.into_iter().map(|raw| Report { shape, raw }));
            }
            _ => reports.push(Report { shape, raw: list }),
        }
    }
    Ok(reports)
}

impl Report<'_> {
    /// The report as a body of its own, which [`decode`] reads alone.
    fn alone(&self) -> String {
        let list = match self.shape {
            Shape::Result => "result",
            Shape::Data => "data",
        };
        format!("{{\"{list}\":[{}]}}", self.raw.get())
    }

    fn draft(&self) -> Result<Draft, Reject> {
        let report = value::parse(self.raw.get().as_bytes())?;
        if !report.is_object() {
            let detail = format!("expected an object, found {}", value::kind(&report));
            return Err(Reject::Field { field: "report".to_owned(), detail });
        }
        let draft = match self.shape {
            Shape::Result => first_shape(&Fields(&report))?,
            Shape::Data => second_shape(&Fields(&report))?,
        };
        if draft.is_empty() {
            return Err(Reject::missing(match self.shape {
                Shape::Result => "title, content or files.photo",
                Shape::Data => "title, description or file.url",
            }));
        }
        Ok(draft)
    }
}

fn first_shape(report: &Fields<'_>) -> Result<Draft, Reject> {
    Ok(Draft {
        external_id: Some(report.id("contributionId")?),
        url: report.text("url")?,
        title: report.text("title")?,
        text: report.text("content")?.unwrap_or_default(),
        category: report.name("category")?,
        place: DraftPlace {
            lat: report.number("location.geospatial.latitude")?,
            lon: report.number("location.geospatial.longitude")?,
            address: report.text("location.address")?,
            ..DraftPlace::default()
        },
        reporter: report.reporter("user.creator")?,
        attachments: report.files("files.photo", Some("image"))?,
        sent_at: report.time("date.create.sec")?,
        ..Draft::default()
    })
}

fn second_shape(report: &Fields<'_>) -> Result<Draft, Reject> {
    let sent_at = match report.time("timestamp")? {
        None => report.time("post_date")?,
        timestamp => timestamp,
    };
    Ok(Draft {
        external_id: Some(report.id("id")?),
        url: report.text("url")?,
        title: report.text("title")?,
        text: report.text("description")?.unwrap_or_default(),
        category: report.name("category")?,
        place: DraftPlace {
            lat: report.number("location.lat")?,
            lon: report.number("location.lng")?,
            address: report.text("location.address")?,
            ..DraftPlace::default()
        },
        reporter: report.reporter("user")?,
        attachments: report.files("file", None)?,
        sent_at,
        ..Draft::default()
    })
}

/// The members of a report by dotted path. Absent, null, blank and `[]` (an empty PHP object) are the same.
struct Fields<'a>(&'a Value);

impl<'a> Fields<'a> {
    fn get(&self, path: &str) -> Result<Option<&'a Value>, Reject> {
        let mut value = self.0;
        for member in path.split('.') {
            value = match value {
                Value::Object(members) => match members.get(member) {
                    Some(value) => value,
                    None => return Ok(None),
                },
                other => return Err(wrong(path, "an object above it", other)),
            };
            match value {
                Value::Null => return Ok(None),
                Value::Array(list) if list.is_empty() => return Ok(None),
                Value::String(text) if text.trim().is_empty() => return Ok(None),
                _ => {}
            }
        }
        Ok(Some(value))
    }

    fn text(&self, path: &str) -> Result<Option<String>, Reject> {
        self.get(path)?.map(|value| text(path, value)).transpose()
    }

    fn id(&self, path: &str) -> Result<ExternalId, Reject> {
        let id = match self.get(path)? {
            // a fraction, or a whole number too long to be read exactly
            Some(Value::Number(number)) if number.is_f64() => {
                let detail = "expected a whole number below 2^64 or text".to_owned();
                return Err(Reject::Field { field: path.to_owned(), detail });
            }
            Some(value) => text(path, value)?,
            None => return Err(Reject::missing(path)),
        };
        ExternalId::new(id.trim()).ok_or_else(|| Reject::missing(path))
    }

    fn number(&self, path: &str) -> Result<Option<f64>, Reject> {
        let Some(value) = self.get(path)? else { return Ok(None) };
        let number = match value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => value::number(text),
            _ => None,
        };
        number.map(Some).ok_or_else(|| wrong(path, "a number", value))
    }

    fn time(&self, path: &str) -> Result<Option<SourceTime>, Reject> {
        Ok(match self.get(path)? {
            None => None,
            Some(Value::Number(number)) => Some(value::unix_time(number)),
            Some(Value::String(text)) => Some(SourceTime::parse(text)),
            Some(other) => return Err(wrong(path, "a time", other)),
        })
    }

    /// A name by itself, or the `name` of an object.
    fn name(&self, path: &str) -> Result<Option<String>, Reject> {
        match self.get(path)? {
            Some(Value::Object(_)) => self.text(&format!("{path}.name")),
            _ => self.text(path),
        }
    }

    /// An account's id by itself, or an object with `id` and `name`.
    fn reporter(&self, path: &str) -> Result<DraftReporter, Reject> {
        let (id, name) = match self.get(path)? {
            Some(Value::Object(_)) => {
                (self.text(&format!("{path}.id"))?, self.text(&format!("{path}.name"))?)
            }
            _ => (self.text(path)?, None),
        };
        Ok(DraftReporter { id, name, ..DraftReporter::default() })
    }

    /// One file or a list of them: an address, or an object with `url` and `format`.
    fn files(&self, path: &str, content_type: Option<&str>) -> Result<Vec<Attachment>, Reject> {
        let files = match self.get(path)? {
            None => return Ok(Vec::new()),
            Some(Value::Array(list)) => list.as_slice(),
            Some(one) => std::slice::from_ref(one),
        };
        let mut attachments = Vec::with_capacity(files.len());
        for file in files {
            let (url, format) = match file {
                Value::Object(_) => (Fields(file).text("url")?, Fields(file).text("format")?),
                other => (Some(text(path, other)?), None),
            };
            let content_type = format.or_else(|| content_type.map(str::to_owned));
            attachments.extend(url.map(|url| Attachment::Url { url, content_type }));
        }
        Ok(attachments)
    }
}

fn text(path: &str, value: &Value) -> Result<String, Reject> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        other => Err(wrong(path, "text", other)),
    }
}

fn wrong(path: &str, expected: &str, found: &Value) -> Reject {
    Reject::Field {
        field: path.to_owned(),
        detail: format!("expected {expected}, found {}", value::kind(found)),
    }
}
