//! The documents of GeoReport v2, each as JSON and as XML with the same content.

use std::fmt::Write;

use jiff::Timestamp;
use muara_normalizer::{Status, time::WIB};
use serde_json::{Value, json};

use crate::{
    answer::Reply,
    open311::{Settings, Shows, service_name, services},
};

/// How a document is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `.json`
    Json,
    /// `.xml`
    Xml,
}

impl Format {
    /// A path's last segment without its ending, and the format that this ending names.
    #[must_use]
    pub fn of(segment: &str) -> Option<(&str, Self)> {
        let (name, ending) = segment.rsplit_once('.')?;
        match ending {
            "json" => Some((name, Self::Json)),
            "xml" => Some((name, Self::Xml)),
            _ => None,
        }
    }
}

/// A request as it is shown.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The citizen's reference.
    pub id: String,
    /// When it came in.
    pub requested_at: Timestamp,
    /// The core CRM's latest status, and since when.
    pub status: Option<(Status, Timestamp)>,
    /// What it says; without its details where they are not for the reader.
    pub shows: Shows,
}

impl Shown {
    /// Whether nothing more is to come.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.status.as_ref().is_some_and(|(status, _)| status.is_closed())
    }

    fn value(&self) -> Value {
        let notes = match &self.status {
            Some((status, _)) => format!("Laporan {} {}.", self.id, status.sentence()),
            None => format!("Laporan {} sudah kami terima dan diteruskan kepada instansi terkait.", self.id),
        };
        let updated_at = self.status.as_ref().map_or(self.requested_at, |(_, since)| *since);
        let shows = &self.shows;
        json!({
            "service_request_id": self.id,
            "status": if self.is_closed() { "closed" } else { "open" },
            "status_notes": notes,
            "service_name": service_name(&shows.service_code),
            "service_code": shows.service_code,
            "description": shows.description,
            "agency_responsible": null,
            "service_notice": null,
            "requested_datetime": time(self.requested_at),
            "updated_datetime": time(updated_at),
            "expected_datetime": null,
            "address": shows.address,
            "address_id": shows.address_id,
            "zipcode": null,
            "lat": shows.lat,
            "long": shows.long,
            "media_url": shows.media_url,
        })
    }
}

/// ISO 8601 with Jakarta's zone.
fn time(at: Timestamp) -> String {
    let whole = Timestamp::from_second(at.as_second()).unwrap_or(at);
    whole.display_with_offset(WIB).to_string()
}

/// All services.
#[must_use]
pub fn service_list(format: Format) -> Reply {
    let services: Vec<_> = services()
        .map(|(code, name)| {
            json!({
                "service_code": code, "service_name": name, "description": name, "metadata": false,
                "type": "realtime", "keywords": "", "group": "",
            })
        })
        .collect();
    reply(format, 200, "services", &Value::Array(services))
}

/// One service, which has no attributes; nothing if there is none of this code.
#[must_use]
pub fn definition(format: Format, code: &str) -> Option<Reply> {
    service_name(code)?;
    Some(reply(format, 200, "service_definition", &json!({ "service_code": code, "attributes": [] })))
}

/// The ids of requests that were taken in.
pub fn created<'a>(format: Format, ids: impl Iterator<Item = &'a str>) -> Reply {
    let notice = "Simpan nomor laporan ini untuk melihat perkembangannya.";
    let requests: Vec<_> = ids
        .map(|id| json!({ "service_request_id": id, "service_notice": notice, "account_id": null }))
        .collect();
    reply(format, 201, "service_requests", &Value::Array(requests))
}

/// Requests and how they stand.
#[must_use]
pub fn requests(format: Format, shown: &[Shown]) -> Reply {
    reply(format, 200, "service_requests", &shown.iter().map(Shown::value).collect())
}

/// Where the server is and what it speaks.
#[must_use]
pub fn discovery(format: Format, channel: &str, settings: &Settings) -> Reply {
    /// When these documents last changed.
    const CHANGED: &str = "2026-11-24T00:00:00+07:00";
    let before = settings.public_url.as_deref().unwrap_or_default().trim_end_matches('/');
    let endpoint = json!({
        "specification": "http://wiki.open311.org/GeoReport_v2",
        "url": format!("{before}/open311/{channel}"),
        "changeset": CHANGED,
        "type": "production",
        "formats": ["text/xml", "application/json"],
    });
    let contact = settings.contact.as_deref().unwrap_or_default();
    let whole =
        json!({ "changeset": CHANGED, "contact": contact, "key_service": contact, "endpoints": [endpoint] });
    reply(format, 200, "discovery", &whole)
}

/// An error in the specification's form.
#[must_use]
pub fn error(format: Format, status: u16, description: &str) -> Reply {
    reply(format, status, "errors", &json!([{ "code": status, "description": description }]))
}

fn reply(format: Format, status: u16, root: &str, content: &Value) -> Reply {
    match format {
        Format::Json => {
            Reply { status, content_type: Some("application/json; charset=utf-8"), body: content.to_string() }
        }
        Format::Xml => {
            let mut body = String::from("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n");
            element(&mut body, root, content);
            Reply { status, content_type: Some("text/xml; charset=utf-8"), body }
        }
    }
}

/// The items of a list are called by the list's singular.
fn singular(list: &str) -> &str {
    match list {
        "service_requests" => "request",
        other => other.strip_suffix('s').unwrap_or("item"),
    }
}

fn element(out: &mut String, name: &str, content: &Value) {
    let text = match content {
        Value::Null => String::new(),
        Value::String(text) => escaped(text),
        Value::Array(items) => items.iter().fold(String::new(), |mut inner, item| {
            element(&mut inner, singular(name), item);
            inner
        }),
        Value::Object(members) => members.iter().fold(String::new(), |mut inner, (name, content)| {
            element(&mut inner, name, content);
            inner
        }),
        plain => plain.to_string(),
    };
    // writing to a text does not fail
    if text.is_empty() {
        write!(out, "<{name}/>").unwrap_or_default();
    } else {
        write!(out, "<{name}>{text}</{name}>").unwrap_or_default();
    }
}

/// Without the characters that XML cannot hold.
fn escaped(text: &str) -> String {
    let holds = |sign: &char| !matches!(sign, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}');
    quick_xml::escape::escape(text.chars().filter(holds).collect::<String>()).into_owned()
}
