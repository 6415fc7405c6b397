//! JAKI, the city's app: reports of JakLapor (Laporan Warga).
//!
//! JAKI publishes no API. This contract is ours, over what the app asks of a citizen; the app's backend posts it,
//! signed by `X-Jaki-Signature: sha256=<hex HMAC-SHA256 of the raw body>`, and again until it is answered 2xx:
//!
//! ```json
//! {"reports": [{"id": "JK2611030001", "description": "Lampu jalan mati sejak Senin", "category": "Penerangan Jalan",
//!   "visibility": "private", "created_at": "2026-11-03T10:10:00+07:00", "dukungan": 12,
//!   "photos": ["https://jaki.example/1.jpg", {"url": "https://jaki.example/2", "format": "image/jpeg"}],
//!   "location": {"lat": -6.2088, "lng": 106.8456, "source": "device", "address": "Jl. Teuku Umar No. 10",
//!     "patokan": "depan masjid"},
//!   "reporter": {"id": "u-778"}, "url": "https://jaki.example/laporan/JK2611030001"}]}
//! ```
//! One report may come without the list around it. Required are the id, and words or a photo. Numbers may be
//! written as text and unknown members are passed over. What the members mean:
//!
//! * `visibility`: `private` (`privat`) or `public` (`publik`). Absent is private, as the app's switch stands since July 2021.
//! * `category`: one of the app's 118 categories, by its name; passed on as the channel's label.
//! * `photo` or `photos`: an address or an object with `url` and `format`, one or a list.
//! * `location.source`: `device` where phone or photo gave the point, `chosen` (or absent) where the citizen set the pin.
//! * `location.patokan`: the landmark; it joins the address.
//! * `dukungan`: how many others support the report.
//! * `reporter`: an account's id. Officers never learn who reports: every report is anonymous and a name is not read.
//!
//! Status and words go back to `callback.url`, signed in the same way, for the reporter's eyes only; of `text` and
//! `files` (addresses, one a line) that which there is:
//! `{"id": "JK2611030001", "reference": "7K3M-9QXW-C", "status": "Proses", "text": "…", "files": "https://…"}`.

use std::sync::Arc;

use muara_normalizer::{
    Draft,
    draft::{DraftPlace, DraftReporter},
};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    answer::Answer,
    callback::{self, Callback, Defaults},
    connector::{Connector, Decoded},
    fields::{self, Fields},
    reject::Reject,
    settings::{OwnSettings, SettingsError},
    verify::{Auth, HmacScheme, Verified},
};

/// The header with the signature, both ways.
const SIGNATURE: &str = "X-Jaki-Signature";

/// How JAKI hears of a report: the CRM's status and the words below it.
const CALLBACK: Defaults = Defaults {
    fields: &[
        ("id", "{id}"),
        ("reference", "{reference}"),
        ("status", "{status}"),
        ("text", "{words}"),
        ("files", "{files}"),
    ],
    sign: Some(SIGNATURE),
    token: None,
};

/// The connector.
pub static CONNECTOR: Connector = Connector {
    title: "JAKI",
    docs: "connectors/src/jaki.rs",
    auth: Auth::Hmac(HmacScheme::sha256_hex(SIGNATURE)),
    redelivers: true,
    answer: Answer::Receipts,
    settings,
    decode,
    deliver: Some(|channel| Some(channel.own::<Option<Arc<Callback>>>()?.as_ref()?.open(channel))),
    ..Connector::WEBHOOK
};

/// The connector's own key is `callback`.
#[derive(Deserialize)]
struct NoMore {}

fn settings(table: toml::Table) -> Result<OwnSettings, Vec<SettingsError>> {
    callback::settings(table, &CALLBACK, |NoMore {}, callback| Ok(callback))
}

fn decode(verified: &Verified<'_>) -> Result<Decoded, Reject> {
    let expected = "an object with a list `reports`, or one report with `id`";
    let reports = fields::items(verified.body(), "reports", "id", expected)?;
    if reports.is_empty() {
        return Ok(Decoded::ignored("an empty list of reports"));
    }
    Ok(Decoded::batch(reports, draft))
}

fn draft(raw: &RawValue) -> Result<Draft, Reject> {
    let report = fields::object(raw)?;
    let report = Fields(&report);
    let account = report.reporter("reporter")?;
    let image = Some("image");
    let mut attachments = report.files("photo", image)?;
    attachments.extend(report.files("photos", image)?);
    let draft = Draft {
        external_id: Some(report.id("id")?),
        url: report.text("url")?,
        text: report.text("description")?.unwrap_or_default(),
        category: report.name("category")?,
        supports: report.count("dukungan")?,
        place: place(&report)?,
        reporter: DraftReporter {
            id: account.id,
            anonymous: true,
            private: is_private(&report)?,
            ..DraftReporter::default()
        },
        attachments,
        sent_at: report.time("created_at")?,
        ..Draft::default()
    };
    if draft.is_empty() {
        Err(Reject::missing("description or photos"))
    } else {
        Ok(callback::answerable(draft))
    }
}

/// A switch that cannot be read must not publish anything, so it is an error and not a default.
fn is_private(report: &Fields<'_>) -> Result<bool, Reject> {
    const FIELD: &str = "visibility";
    let Some(written) = report.text(FIELD)? else { return Ok(true) };
    match written.trim().to_lowercase().as_str() {
        "private" | "privat" => Ok(true),
        "public" | "publik" => Ok(false),
        _ => Err(Reject::Field { field: FIELD.to_owned(), detail: "expected private or public".to_owned() }),
    }
}

fn place(report: &Fields<'_>) -> Result<DraftPlace, Reject> {
    let landmark = report.text("location.patokan")?;
    let address = match (report.text("location.address")?, landmark) {
        (Some(address), Some(landmark)) => Some(format!("{}, patokan: {}", address.trim(), landmark.trim())),
        (address, landmark) => address.or(landmark),
    };
    let source = report.text("location.source")?;
    Ok(DraftPlace {
        lat: report.number("location.lat")?,
        lon: report.number("location.lng")?,
        device: source.is_some_and(|source| source.trim().eq_ignore_ascii_case("device")),
        address,
        ..DraftPlace::default()
    })
}
