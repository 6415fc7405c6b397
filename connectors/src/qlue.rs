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
//! A report's state goes back to `callback.url`, signed in the same way:
//! `{"id": "90210", "status": "wait" | "process" | "complete", "comment": "…"}`. The comment is for the reporter's eyes only.

mod pull;

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use muara_normalizer::{Draft, draft::DraftPlace};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    answer::Answer,
    callback::{self, Callback, Defaults},
    connector::{Connector, Decoded},
    fields::{self, Fields},
    reject::Reject,
    settings::{OwnSettings, SettingsError},
    value,
    verify::{Auth, HmacScheme, Verified},
};

/// The header with the signature, both ways.
const SIGNATURE: &str = "X-Qlue-Signature";

/// How Qlue hears of a report: the three states its app shows, and a comment.
const CALLBACK: Defaults = Defaults {
    fields: &[("id", "{id}"), ("status", "{state}"), ("comment", "{text}")],
    sign: Some(SIGNATURE),
    token: None,
};

/// The connector.
pub static CONNECTOR: Connector = Connector {
    title: "Qlue",
    docs: "connectors/src/qlue.rs",
    auth: Auth::Hmac(HmacScheme::sha256_hex(SIGNATURE)),
    redelivers: true,
    answer: Answer::Receipts,
    settings,
    decode,
    pull: Some(pull::open),
    deliver: Some(|channel| Some(channel.own::<Settings>()?.callback.as_ref()?.open(channel))),
    ..Connector::WEBHOOK
};

/// The connector's own keys.
#[derive(Deserialize)]
struct Settings {
    /// The feed to ask; absent where Qlue only pushes.
    pull: Option<pull::PullSettings>,
    /// Where Qlue hears of a report; absent where it does not.
    #[serde(skip)]
    callback: Option<Arc<Callback>>,
}

fn settings(table: toml::Table) -> Result<OwnSettings, Vec<SettingsError>> {
    callback::settings(table, &CALLBACK, |read: Settings, callback| {
        let errors: Vec<_> = read.pull.iter().flat_map(pull::PullSettings::check).collect();
        if errors.is_empty() { Ok(Settings { callback, ..read }) } else { Err(errors) }
    })
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
        let report = fields::object(self.raw)?;
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
        Ok(callback::answerable(draft))
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
