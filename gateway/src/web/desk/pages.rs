//! The pages, filled in.

use std::{borrow::Cow, collections::BTreeMap};

use askama::Template;
use axum::{
    http::StatusCode,
    response::{Html, IntoResponse, Response},
};
use muara_connectors::desk::FieldError;
use muara_normalizer::{
    category,
    region::{self, Level, Region, RegionCode},
};

use super::{
    Desk, SCRIPT, STYLE,
    entry::EntryForm,
    fault::Fault,
    session::{ReceiptNote, SignedIn},
    words,
};

/// What every page has.
pub(super) struct Frame<'a> {
    channel: &'a str,
    channel_title: &'a str,
    style: String,
    script: String,
    /// Who is signed in: officer, office, CSRF token.
    signed_in: Option<(&'a str, &'a str, &'a str)>,
}

impl<'a> Frame<'a> {
    pub(super) fn new(desk: Option<&'a Desk>, signed_in: Option<&'a SignedIn<'a>>) -> Self {
        Self {
            channel: desk.map_or("", Desk::id),
            channel_title: desk.map_or("Loket pengaduan", |desk| &desk.channel.title),
            style: STYLE.path(),
            script: SCRIPT.path(),
            signed_in: signed_in.map(|s| (&*s.officer.name, &*s.office.name, &*s.csrf)),
        }
    }
}

/// The form.
#[derive(Template)]
#[template(path = "desk/form.html")]
pub(super) struct FormPage<'a> {
    frame: Frame<'a>,
    form: &'a EntryForm,
    csrf: &'a str,
    office: &'a str,
    notice: Option<String>,
    /// What is wrong by the name of the input, in the order of the form.
    errors: Vec<(&'static str, String)>,
    categories: Vec<&'static str>,
    regions: Vec<RegionGroup>,
}

/// The kelurahan of one kecamatan.
struct RegionGroup {
    kecamatan: &'static str,
    kota: &'static str,
    kelurahan: Vec<&'static Region>,
}

/// One input with its label, hint and message.
#[derive(Template)]
#[template(path = "desk/field.html")]
struct Field<'a> {
    name: &'a str,
    label: &'a str,
    hint: &'a str,
    kind: &'a str,
    mode: &'a str,
    list: &'a str,
    value: &'a str,
    error: Option<&'a str>,
    focus: bool,
    required: bool,
}

impl<'a> FormPage<'a> {
    pub(super) fn new(desk: &'a Desk, signed_in: &'a SignedIn<'a>, form: &'a EntryForm) -> Self {
        Self {
            frame: Frame::new(Some(desk), Some(signed_in)),
            form,
            csrf: &signed_in.csrf,
            office: &signed_in.office.name,
            notice: None,
            errors: Vec::new(),
            categories: category::names().collect(),
            regions: regions(&signed_in.office.region),
        }
    }

    /// The same words again, with what is wrong beside them.
    pub(super) fn after(mut self, fault: &Fault) -> Self {
        self.notice = Some(words::fault(fault).1);
        if let Fault::Fields(fields) = fault {
            self.errors = fields.iter().map(|error| (input(error), words::field(error))).collect();
        }
        self
    }

    /// An entry that waited for its officer to sign in again.
    pub(super) fn resumed(mut self) -> Self {
        self.notice = Some("Isian Anda masih ada dan belum tersimpan. Periksa, lalu kirim.".to_owned());
        self
    }

    fn error(&self, name: &str) -> Option<&str> {
        self.errors.iter().find(|(field, _)| *field == name).map(|(_, message)| message.as_str())
    }

    /// The first wrong field, else the first of all.
    fn focus(&self, name: &str) -> bool {
        self.errors.first().map_or("name", |(field, _)| *field) == name
    }

    fn field(&'a self, name: &'a str, label: &'a str, hint: &'a str) -> Field<'a> {
        let (kind, mode) = match name {
            "phone" => ("tel", "tel"),
            "email" => ("email", "email"),
            "nik" | "rt" | "rw" => ("text", "numeric"),
            "occurred_at" => ("datetime-local", ""),
            _ => ("text", ""),
        };
        Field {
            name,
            label,
            hint,
            kind,
            mode,
            list: if name == "category" { "categories" } else { "" },
            value: self.form.value(name),
            error: self.error(name),
            focus: self.focus(name),
            required: name == "name",
        }
    }
}

/// The input that stands for a field of the entry.
fn input(error: &FieldError) -> &'static str {
    match error.field.as_ref() {
        "reporter.name" => "name",
        "reporter.phone" => "phone",
        "reporter.nik" => "nik",
        "reporter.email" => "email",
        "kind" => "kind",
        "category" => "category",
        "title" => "title",
        "description" => "description",
        "place.address" => "address",
        "place.rt" => "rt",
        "place.rw" => "rw",
        "place.region" => "region",
        "occurred_at" => "occurred_at",
        "consent" => "consent",
        _ => "form",
    }
}

/// All kelurahan by kecamatan, those nearest to the office first.
fn regions(office: &RegionCode) -> Vec<RegionGroup> {
    let mut groups: BTreeMap<(u8, &str), RegionGroup> = BTreeMap::new();
    for area in region::all().filter(|area| area.level == Level::Kelurahan) {
        let (Some(kecamatan), Some(kota)) =
            (region::at(&area.code, Level::Kecamatan), region::at(&area.code, Level::Kota))
        else {
            continue;
        };
        let same = |level| {
            region::at(office, level).is_some_and(|of_office| {
                region::at(&area.code, level).is_some_and(|of_area| of_area.code == of_office.code)
            })
        };
        let distance = 2 - u8::from(same(Level::Kota)) - u8::from(same(Level::Kecamatan));
        groups
            .entry((distance, kecamatan.code.as_str()))
            .or_insert_with(|| RegionGroup {
                kecamatan: &kecamatan.name,
                kota: kota
                    .name
                    .trim_start_matches("Kota Administrasi ")
                    .trim_start_matches("Kabupaten Administrasi "),
                kelurahan: Vec::new(),
            })
            .kelurahan
            .push(area);
    }
    groups.into_values().collect()
}

/// The sign-in page.
#[derive(Template)]
#[template(path = "desk/sign_in.html")]
pub(super) struct SignInPage<'a> {
    pub(super) frame: Frame<'a>,
    pub(super) csrf: &'a str,
    pub(super) user: &'a str,
    pub(super) notice: Option<String>,
    /// An entry whose session ended before it was sent: it comes back after sign-in.
    pub(super) carried: Option<Cow<'a, str>>,
}

/// What the citizen takes home.
#[derive(Template)]
#[template(path = "desk/receipt.html")]
pub(super) struct ReceiptPage<'a> {
    frame: Frame<'a>,
    reference: &'a str,
    office: &'a str,
    officer: &'a str,
    time: String,
    held: bool,
}

impl<'a> ReceiptPage<'a> {
    pub(super) fn new(desk: &'a Desk, signed_in: &'a SignedIn<'a>, note: &'a ReceiptNote) -> Self {
        let officer = desk.settings().officers.get(&note.officer);
        Self {
            frame: Frame::new(Some(desk), Some(signed_in)),
            reference: &note.reference,
            office: &signed_in.office.name,
            officer: officer.map_or(&note.officer, |officer| &officer.name),
            time: words::time(note.received_at),
            held: note.held,
        }
    }
}

/// A page that only says what is wrong.
#[derive(Template)]
#[template(path = "desk/fault.html")]
struct FaultPage<'a> {
    frame: Frame<'a>,
    title: &'a str,
    detail: String,
}

pub(super) fn page(status: StatusCode, template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(error) => {
            tracing::error!(%error, "A page of the desk could not be rendered: a fault in Muara.");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

pub(super) fn fault_page(fault: &Fault, desk: Option<&Desk>) -> Response {
    let (title, detail) = words::fault(fault);
    let template = FaultPage { frame: Frame::new(desk, None), title, detail };
    fault.with_retry_after(page(fault.status(), &template))
}
