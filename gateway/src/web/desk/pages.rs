//! The pages, filled in.

use std::borrow::Cow;

use askama::Template;
use axum::{
    http::StatusCode,
    response::{Html, IntoResponse, Response},
};
use muara_connectors::desk::{FieldError, Problem, area};
use muara_normalizer::{
    category,
    region::{self, Level, RegionCode},
};

use super::{
    Desk, assets,
    fault::Fault,
    form::EntryForm,
    qr::Qr,
    session::{ReceiptNote, SignedIn},
    today::Line,
    words,
};

/// What every page has.
pub(super) struct Frame<'a> {
    channel: &'a str,
    channel_title: &'a str,
    styles: Vec<String>,
    scripts: Vec<String>,
    signed_in: Option<&'a SignedIn<'a>>,
}

impl<'a> Frame<'a> {
    pub(super) fn new(desk: Option<&'a Desk>, signed_in: Option<&'a SignedIn<'a>>) -> Self {
        Self {
            channel: desk.map_or("", Desk::id),
            channel_title: desk.map_or("Loket pengaduan", |desk| &desk.channel.title),
            styles: assets::styles(),
            scripts: assets::scripts(),
            signed_in,
        }
    }
}

/// The form.
#[derive(Template)]
#[template(path = "desk/form.html")]
pub(super) struct FormPage<'a> {
    frame: Frame<'a>,
    form: &'a EntryForm,
    notice: Option<String>,
    /// What is wrong by the name of the input, in the order of the form.
    errors: Vec<(&'static str, String)>,
    categories: Vec<&'static str>,
    regions: Vec<String>,
    /// What is said above a form with something wrong in it, when the script finds it.
    wrong: String,
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
    /// What the script checks before an entry is kept, and what it says if it does not fit.
    pattern: &'a str,
    message: String,
    /// Nobody behind the officer is to read it.
    secret: bool,
}

impl<'a> FormPage<'a> {
    pub(super) fn new(desk: &'a Desk, signed_in: Option<&'a SignedIn<'a>>, form: &'a EntryForm) -> Self {
        Self {
            frame: Frame::new(Some(desk), signed_in),
            form,
            notice: None,
            errors: Vec::new(),
            categories: category::names().collect(),
            regions: regions(signed_in.map(|signed_in| &signed_in.office.region)),
            wrong: words::fault(&Fault::Fields(Vec::new())).1,
        }
    }

    /// What is said beside a field that is required and empty.
    fn missing(&self, field: &'static str) -> String {
        words::field(&FieldError { field: field.into(), problem: Problem::Missing })
    }

    /// The same words again, with what is wrong beside them.
    pub(super) fn after(mut self, fault: &Fault) -> Self {
        self.notice = Some(words::fault(fault).1 + self.form.choose_photos_again());
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

    fn not_given(&self) -> String {
        words::field(&FieldError { field: "consent".into(), problem: Problem::NotGiven })
    }

    fn error(&self, name: &str) -> Option<&str> {
        self.errors.iter().find(|(field, _)| *field == name).map(|(_, message)| message.as_str())
    }

    /// The first wrong field, else the first of all.
    fn focus(&self, name: &str) -> bool {
        self.errors.first().map_or("name", |(field, _)| *field) == name
    }

    fn field(&'a self, name: &'a str, label: &'a str, hint: &'a str) -> Field<'a> {
        let (pattern, problem) = match name {
            "phone" => (r"[+\(]?(\D{0,3}\d){7,15}\D*", Problem::NotPhone),
            "nik" => (r"\s*(\d[ .\-]*){16}", Problem::NotNik),
            "rt" | "rw" => (r"\s*\d{1,3}\s*", Problem::NotUnit),
            _ => ("", Problem::Missing),
        };
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
            list: match name {
                "category" => "categories",
                "region" => "regions",
                _ => "",
            },
            value: self.form.value(name),
            error: self.error(name),
            focus: self.focus(name),
            required: name == "name",
            pattern,
            message: words::field(&FieldError {
                field: if name == "name" { "reporter.name" } else { name }.to_owned().into(),
                problem,
            }),
            secret: matches!(name, "phone" | "nik"),
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
        "photos" => "photos",
        "consent" => "consent",
        _ => "form",
    }
}

/// All kelurahan, those nearest to the office first.
fn regions(office: Option<&RegionCode>) -> Vec<String> {
    let same = |area: &RegionCode, level| {
        office
            .and_then(|office| region::at(office, level))
            .is_some_and(|of_office| region::at(area, level).is_some_and(|of_area| of_area == of_office))
    };
    let distance =
        |area: &RegionCode| 2 - u8::from(same(area, Level::Kota)) - u8::from(same(area, Level::Kecamatan));
    let mut areas: Vec<_> = area::all().collect();
    areas.sort_by_key(|area| (distance(&area.code), area.code.as_str()));
    areas.into_iter().map(area::label).collect()
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
    /// Whether that entry had photos, which are not carried.
    pub(super) photos_lost: bool,
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
    qr: Option<Qr>,
    /// What it is laid out for, where the script does not choose: `a5` or `roll`.
    paper: &'static str,
}

impl<'a> ReceiptPage<'a> {
    pub(super) fn new(
        desk: &'a Desk,
        signed_in: &'a SignedIn<'a>,
        note: &'a ReceiptNote,
        paper: &str,
    ) -> Self {
        let officer = desk.settings().officers.get(&note.officer);
        Self {
            frame: Frame::new(Some(desk), Some(signed_in)),
            reference: &note.reference,
            office: &signed_in.office.name,
            officer: officer.map_or(&note.officer, |officer| &officer.name),
            time: words::time(note.received_at),
            held: note.held,
            qr: Qr::of(&note.reference),
            paper: if paper == "roll" { "roll" } else { "a5" },
        }
    }
}

/// The day's entries of an office.
#[derive(Template)]
#[template(path = "desk/today.html")]
pub(super) struct TodayPage<'a> {
    frame: Frame<'a>,
    office: &'a str,
    lines: Vec<Line>,
}

impl<'a> TodayPage<'a> {
    pub(super) fn new(desk: &'a Desk, signed_in: &'a SignedIn<'a>, lines: Vec<Line>) -> Self {
        Self { frame: Frame::new(Some(desk), Some(signed_in)), office: &signed_in.office.name, lines }
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
