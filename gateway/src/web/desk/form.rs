//! The form as browsers send it, with files or without.

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, header},
};
use futures_util::stream;
use muara_connectors::desk::{Entry, FieldError, Photo, Place, Problem, Reporter};
use multer::Multipart;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{Desk, fault::Fault, read_body};
use crate::web::account::request::{is_media_type, same_origin, text};

/// What somebody may send who is not signed in and never was: words, no photos.
const STRANGERS_BYTES: usize = 64 * 1024;

/// The form as browsers send it: an unticked box is absent.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct EntryForm {
    #[serde(skip_serializing)]
    pub(super) csrf: String,
    /// Files come beside the words, and are not carried through a sign-in.
    #[serde(skip)]
    photos: Vec<Photo>,
    pub(super) idempotency_key: String,
    name: String,
    phone: String,
    nik: String,
    email: String,
    anonymous: String,
    kind: String,
    category: String,
    title: String,
    description: String,
    address: String,
    rt: String,
    rw: String,
    region: String,
    occurred_at: String,
    consent: String,
    urgent: String,
}

impl EntryForm {
    /// An empty form with a key of its own.
    pub(super) fn empty() -> Self {
        Self { idempotency_key: Uuid::now_v7().to_string(), ..Self::default() }
    }

    /// Whether photos came with the words: a browser does not put them into a form again.
    pub(super) fn has_photos(&self) -> bool {
        !self.photos.is_empty()
    }

    /// What has to be said of them, where a form comes back.
    pub(super) fn choose_photos_again(&self) -> &'static str {
        if self.has_photos() { " Pilih fotonya sekali lagi." } else { "" }
    }

    /// What an input holds.
    pub(super) fn value(&self, name: &str) -> &str {
        match name {
            "name" => &self.name,
            "phone" => &self.phone,
            "nik" => &self.nik,
            "email" => &self.email,
            "anonymous" => &self.anonymous,
            "kind" => &self.kind,
            "category" => &self.category,
            "title" => &self.title,
            "description" => &self.description,
            "address" => &self.address,
            "rt" => &self.rt,
            "rw" => &self.rw,
            "region" => &self.region,
            "occurred_at" => &self.occurred_at,
            "consent" => &self.consent,
            "urgent" => &self.urgent,
            _ => "",
        }
    }

    /// The entry it stands for.
    ///
    /// Its idempotency key is made of the form's and of what was written: sending the same form twice is one
    /// entry, but going back, changing a word and sending again is another one, whose words must not be lost.
    pub(super) fn entry(&self) -> Result<Entry, FieldError> {
        let kind = match self.kind.as_str() {
            "" => None,
            word => Some(
                serde_json::from_value(word.into())
                    .map_err(|_| FieldError { field: "kind".into(), problem: Problem::WrongType })?,
            ),
        };
        let mut entry = Entry {
            idempotency_key: String::new(),
            reporter: Reporter {
                name: self.name.clone(),
                phone: self.phone.clone(),
                nik: self.nik.clone(),
                email: self.email.clone(),
                anonymous: !self.anonymous.is_empty(),
            },
            kind,
            category: self.category.clone(),
            title: self.title.clone(),
            // browsers send the line ends of HTTP forms
            description: self.description.replace("\r\n", "\n"),
            place: Place {
                address: self.address.replace("\r\n", "\n"),
                rt: self.rt.clone(),
                rw: self.rw.clone(),
                region: self.region.clone(),
            },
            occurred_at: self.occurred_at.clone(),
            photos: self.photos.clone(),
            entered_at: String::new(),
            consent: !self.consent.is_empty(),
            urgent: !self.urgent.is_empty(),
            taken: None,
        };
        let form = Uuid::parse_str(&self.idempotency_key)
            .map_err(|_| FieldError { field: "idempotency_key".into(), problem: Problem::NotUuid })?;
        let written = serde_json::to_vec(&entry).unwrap_or_default();
        entry.idempotency_key = Uuid::new_v5(&form, &Sha256::digest(written)).to_string();
        Ok(entry)
    }
}

/// Reads the form of a request. `known` tells whether the browser brings a session of ours, be it one that has ended.
pub(super) async fn read(
    desk: &Desk,
    headers: &HeaderMap,
    body: Body,
    known: bool,
) -> Result<EntryForm, Fault> {
    same_origin(headers)?;
    let limit = desk.channel.limits.body_bytes;
    let limit = if known { limit } else { limit.min(STRANGERS_BYTES) };
    if is_media_type(headers, "multipart/form-data") {
        return parts(headers, read_body(body, limit).await?).await;
    }
    super::require_media_type(headers, "application/x-www-form-urlencoded")?;
    parse(&read_body(body, limit).await?)
}

/// Reads an urlencoded form.
pub(super) fn parse<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, Fault> {
    serde_urlencoded::from_bytes(body).map_err(|error| Fault::Syntax { detail: error.to_string() })
}

async fn parts(headers: &HeaderMap, body: Bytes) -> Result<EntryForm, Fault> {
    let syntax = |error: multer::Error| Fault::Syntax { detail: error.to_string() };
    let boundary = multer::parse_boundary(text(headers, header::CONTENT_TYPE.as_str()).unwrap_or_default())
        .map_err(syntax)?;
    let mut multipart = Multipart::new(stream::iter([Ok::<_, std::io::Error>(body)]), boundary);
    let mut words: Vec<(String, String)> = Vec::new();
    let mut photos = Vec::new();
    while let Some(part) = multipart.next_field().await.map_err(syntax)? {
        let name = part.name().unwrap_or_default().to_owned();
        if name == "photos" {
            let file = part.file_name().unwrap_or_default().to_owned();
            let content = part.bytes().await.map_err(syntax)?;
            // an input without a file sends an empty one
            if !content.is_empty() {
                photos.push(Photo::new(file, &content));
            }
        } else {
            words.push((name, part.text().await.map_err(syntax)?));
        }
    }
    let words =
        serde_urlencoded::to_string(words).map_err(|error| Fault::Syntax { detail: error.to_string() })?;
    let form: EntryForm = parse(words.as_bytes())?;
    Ok(EntryForm { photos, ..form })
}
