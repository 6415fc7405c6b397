//! SP4N-LAPOR!, the national complaint system.
//!
//! Its present API is documented only for accounts of the role "developer" (<https://blog.lapor.go.id/integrasi>),
//! so what it sends today is known from its older public pages. Two bodies are taken:
//!
//! The shape of `POST /api/stream/addstream` (2018). One `pelapor`, one or more `laporan`; what is not given an
//! id is told apart by its content:
//! ```xml
//! <lapor token="…">
//!   <pelapor><email>budi@example.id</email><telpon>081234567890</telpon>
//!     <namadepan>Budi</namadepan><namabelakang>Santoso</namabelakang></pelapor>
//!   <laporan rahasia="1" anonim="1"><isi>Jalan berlubang di depan pasar</isi></laporan>
//! </lapor>
//! ```
//! JSON with the fields that a report has there; one may come without the list around it, with the token beside its own members:
//! ```json
//! {"token": "…", "laporan": [{"trackingid": 1916449, "class": "pengaduan", "rahasia": 0, "anonim": 1,
//!   "category": "Infrastruktur", "title": "Jalan berlubang", "text": "Di depan pasar", "created_at": "2026-11-03 10:10:00",
//!   "url": "https://www.lapor.go.id/pengaduan/1916449", "location": {"lat": -6.2, "lng": 106.8, "address": "Jl. Senen Raya"},
//!   "lampiran": ["https://lapor.example/1.jpg"], "pelapor": {"id": 12, "namadepan": "Budi"}}]}
//! ```
//! * The token is the channel's secret. Nothing else is read before it; in JSON it should be the first member, so that a
//!   body that broke off can still be told from a forged one.
//! * `class`: pengaduan, aspirasi, permintaan informasi, or whistle blowing, which is always kept private.
//! * `rahasia`: not shown in public. `anonim`: the name is not read.
//! * Times without an offset are WIB.
//!
//! Follow-ups are posted to `callback.url`: `{"token": "…", "trackingid": "1916449", "status": "Proses", "tindaklanjut": "…"}`.
//! LAPOR!'s own clocks are three working days to pass a report on and five for the agency; it closes a report ten working
//! days after an answer that nobody replied to.
//!
//! Reports can be pulled as well: `lapor/pull.rs` says how.

mod pull;

use std::{borrow::Cow, sync::Arc};

use muara_normalizer::{
    Draft, ExternalId,
    complaint::Kind,
    draft::{DraftPlace, DraftReporter},
    text,
};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use crate::{
    answer::Answer,
    callback::{self, Callback, Defaults},
    connector::{Connector, Decoded},
    fields::{self, Fields},
    reject::Reject,
    settings::{OwnSettings, SettingsError},
    value,
    verify::{Auth, Verified},
    xml,
};

/// The connector.
pub static CONNECTOR: Connector = Connector {
    title: "SP4N-LAPOR!",
    docs: "connectors/src/lapor.rs",
    auth: Auth::BodyToken { name: Cow::Borrowed("token") },
    media_types: &["application/json", "application/xml", "text/xml"],
    answer: Answer::Receipts,
    settings,
    decode,
    pull: Some(pull::open),
    deliver: Some(|channel| Some(channel.own::<Settings>()?.callback.as_ref()?.open(channel))),
    ..Connector::WEBHOOK
};

/// What is taken.
const SHAPES: &str =
    "<lapor> with <laporan>, an object with a list `laporan`, or one report with `trackingid`";

/// How LAPOR! hears of a report: a follow-up (tindak lanjut) with the token in its body.
const CALLBACK: Defaults = Defaults {
    fields: &[("trackingid", "{id}"), ("status", "{status}"), ("tindaklanjut", "{text}")],
    sign: None,
    token: Some("token"),
};

/// The connector's own keys.
#[derive(Deserialize)]
struct Settings {
    /// The feed to ask; absent where LAPOR! only pushes.
    pull: Option<pull::PullSettings>,
    /// Where follow-ups are posted; absent where they are not.
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
    let body = value::without_mark(verified.body());
    if xml::is_xml(body) {
        return addstream(&xml::parse(body, "lapor", SHAPES)?);
    }
    let reports = reports(body)?;
    if reports.is_empty() {
        return Ok(Decoded::ignored("an empty list of reports"));
    }
    Ok(Decoded::batch(reports, json_report))
}

/// The reports of a JSON body.
fn reports(body: &[u8]) -> Result<Vec<&RawValue>, Reject> {
    fields::items(body, "laporan", "trackingid", SHAPES)
}

fn json_report(raw: &RawValue) -> Result<Draft, Reject> {
    let report = fields::object(raw)?;
    let report = Fields(&report);
    if tracking_id(&report)?.is_none() {
        return Err(Reject::missing("trackingid"));
    }
    draft(&report, "text", &report)
}

fn addstream(lapor: &Value) -> Result<Decoded, Reject> {
    let reports = match lapor.get("laporan") {
        None => return Err(Reject::Shape { expected: SHAPES }),
        Some(Value::Array(list)) => list.as_slice(),
        Some(one) => std::slice::from_ref(one),
    };
    Ok(Decoded::batch(reports, |report| {
        if !report.is_object() {
            return Err(Reject::missing("isi"));
        }
        draft(&Fields(report), "isi", &Fields(lapor))
    }))
}

/// One report; `words` is the member with what the citizen says, and `pelapor` stands in `around`.
fn draft(report: &Fields<'_>, words: &str, around: &Fields<'_>) -> Result<Draft, Reject> {
    let (kind, confidential) = class(report)?;
    let anonymous = report.flag("anonim")?.unwrap_or(false);
    let private = report.flag("rahasia")?.unwrap_or(false) || confidential;
    let draft = Draft {
        external_id: tracking_id(report)?,
        url: report.text("url")?,
        kind,
        title: report.text("title")?,
        text: report.text(words)?.unwrap_or_default(),
        category: report.name("category")?,
        place: DraftPlace {
            lat: report.number("location.lat")?,
            lon: report.number("location.lng")?,
            address: report.text("location.address")?,
            ..DraftPlace::default()
        },
        reporter: DraftReporter { anonymous, private, ..reporter(around, anonymous)? },
        attachments: report.files("lampiran", None)?,
        sent_at: report.time("created_at")?,
        ..Draft::default()
    };
    if draft.is_empty() { Err(Reject::missing(words)) } else { Ok(callback::answerable(draft)) }
}

/// The number of a report, also written as citizens see it: `#1916449`.
fn tracking_id(report: &Fields<'_>) -> Result<Option<ExternalId>, Reject> {
    let id = report.optional_id("trackingid")?;
    Ok(id.and_then(|id| ExternalId::new(id.as_str().trim_start_matches('#'))))
}

/// The class, and whether it is confidential by itself.
fn class(report: &Fields<'_>) -> Result<(Option<Kind>, bool), Reject> {
    const FIELD: &str = "class";
    let Some(written) = report.name(FIELD)? else { return Ok((None, false)) };
    match value::class(&written) {
        Some(kind) => Ok((Some(kind), false)),
        None if matches!(text::fold(&written).as_str(), "whistle-blowing" | "whistleblowing") => {
            Ok((Some(Kind::Complaint), true))
        }
        None => {
            let detail = "expected pengaduan, aspirasi, permintaan informasi or whistle blowing".to_owned();
            Err(Reject::Field { field: FIELD.to_owned(), detail })
        }
    }
}

/// The reporter; without a name where they asked not to be named.
fn reporter(around: &Fields<'_>, anonymous: bool) -> Result<DraftReporter, Reject> {
    let mut names = Vec::new();
    if !anonymous {
        for path in ["pelapor.namadepan", "pelapor.namabelakang"] {
            names.extend(around.text(path)?.map(|name| name.trim().to_owned()));
        }
    }
    Ok(DraftReporter {
        id: around.text("pelapor.id")?,
        name: Some(names.join(" ")).filter(|name| !name.is_empty()),
        phone: around.text("pelapor.telpon")?,
        email: around.text("pelapor.email")?,
        ..DraftReporter::default()
    })
}
