//! The field map: compiled once at start, with everything that is wrong in it said at once.

use std::sync::Arc;

use muara_normalizer::{
    Draft, ExternalId,
    complaint::Kind,
    draft::{Attachment, SourceTime},
};
use serde::{
    Deserialize,
    de::{IntoDeserializer, value::StrDeserializer},
};
use serde_json::Value;
use serde_json_path::JsonPath;

use crate::{
    callback::{Callback, Defaults},
    reject::Reject,
    settings::{self, OwnSettings, SettingsError},
    value,
    webhook::transform::{Datum, Transform},
};

/// How a body is written.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Body {
    #[default]
    Json,
    Form,
}

/// A channel's map from bodies to drafts.
pub(super) struct FieldMap {
    pub(super) body: Body,
    items: Option<Path>,
    /// The list itself, where `items` ends in `[*]`: an empty list is nothing, a missing one a change of shape.
    list: Option<Path>,
    guards: Vec<Guard>,
    fields: Vec<FieldEntry>,
    pub(super) callback: Option<Arc<Callback>>,
}

struct FieldEntry {
    field: Field,
    paths: Vec<Path>,
    transforms: Vec<Transform>,
    required: bool,
}

struct Guard {
    path: Path,
    equals: String,
}

struct Path {
    written: String,
    compiled: JsonPath,
}

/// The fields of a draft that a map may fill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Field {
    ExternalId,
    Title,
    Text,
    Category,
    Kind,
    Lat,
    Lon,
    Address,
    Rt,
    Rw,
    Region,
    ReporterId,
    ReporterName,
    Phone,
    Email,
    Anonymous,
    Private,
    SentAt,
    OccurredAt,
    Url,
    Thread,
    Attachments,
}

#[derive(Deserialize)]
struct Top {
    #[serde(default)]
    body: Body,
    items: Option<String>,
}

#[derive(Deserialize)]
struct WrittenField {
    path: Option<String>,
    #[serde(default)]
    paths: Vec<String>,
    #[serde(default)]
    transforms: Vec<toml::Value>,
    required: Option<bool>,
}

#[derive(Deserialize)]
struct WrittenGuard {
    path: String,
    equals: toml::Value,
}

/// What a source hears, where its table says nothing else.
const CALLBACK: Defaults = Defaults {
    fields: &[("id", "{id}"), ("reference", "{reference}"), ("status", "{status}"), ("text", "{text}")],
    sign: None,
    token: None,
};

/// Compiles a channel's table.
///
/// # Errors
/// Everything that is wrong with it.
pub(super) fn settings(mut table: toml::Table) -> Result<OwnSettings, Vec<SettingsError>> {
    let mut errors = Vec::new();
    let callback = Callback::take(&mut table, &CALLBACK, &mut errors).map(Arc::new);
    let fields = fields(table.remove("fields"), &mut errors);
    let guards = guards(table.remove("ignore_when"), &mut errors);
    let top = settings::read::<Top>(table).unwrap_or_else(|found| {
        errors.extend(found);
        Top { body: Body::Json, items: None }
    });
    let list =
        top.items.as_deref().and_then(|items| items.strip_suffix("[*]")).filter(|list| !list.is_empty());
    let items = top.items.as_deref().and_then(|items| path("items", items, &mut errors));
    let list = items.as_ref().and(list).and_then(|list| path("items", list, &mut errors));
    if errors.is_empty() {
        Ok(OwnSettings::new(FieldMap { body: top.body, items, list, guards, fields, callback }))
    } else {
        Err(errors)
    }
}

fn path(key: &str, written: &str, errors: &mut Vec<SettingsError>) -> Option<Path> {
    match JsonPath::parse(written) {
        Ok(compiled) => Some(Path { written: written.to_owned(), compiled }),
        Err(error) => {
            let place = error.position();
            let detail = format!(
                "`{written}` is not a JSONPath (RFC 9535), see character {place}: {}; write it like $.report.text or $['report text']",
                error.message()
            );
            errors.push(SettingsError::value(key, detail));
            None
        }
    }
}

/// Reads a table under a key; its errors get the key before their own.
fn read_under<T: serde::de::DeserializeOwned>(
    key: &str,
    table: toml::Table,
    errors: &mut Vec<SettingsError>,
) -> Option<T> {
    settings::read(table).map_err(|found| errors.extend(found.into_iter().map(|error| error.under(key)))).ok()
}

fn guards(written: Option<toml::Value>, errors: &mut Vec<SettingsError>) -> Vec<Guard> {
    let list = match written {
        None => return Vec::new(),
        Some(toml::Value::Array(list)) => list,
        Some(one) => vec![one],
    };
    let mut guards = Vec::new();
    for guard in list {
        let toml::Value::Table(table) = guard else {
            errors.push(SettingsError::value(
                "ignore_when",
                "expected { path = \"$.type\", equals = \"ping\" }",
            ));
            continue;
        };
        let Some(guard) = read_under::<WrittenGuard>("ignore_when", table, errors) else { continue };
        let Some(path) = path("ignore_when.path", &guard.path, errors) else { continue };
        match guard.equals {
            toml::Value::String(equals) => guards.push(Guard { path, equals }),
            toml::Value::Integer(_) | toml::Value::Float(_) | toml::Value::Boolean(_) => {
                guards.push(Guard { path, equals: guard.equals.to_string() });
            }
            _ => errors
                .push(SettingsError::value("ignore_when.equals", "expected a text, a number, true or false")),
        }
    }
    guards
}

fn fields(written: Option<toml::Value>, errors: &mut Vec<SettingsError>) -> Vec<FieldEntry> {
    let table = match written {
        Some(toml::Value::Table(table)) => table,
        Some(_) => {
            errors.push(SettingsError::value("fields", "expected a table, one entry for each field"));
            return Vec::new();
        }
        None => toml::Table::new(),
    };
    if !table.contains_key("text") {
        errors.push(SettingsError::value(
            "fields.text",
            "missing: say where the citizen's words are, e.g. text = \"$.message\"",
        ));
    }
    table.into_iter().filter_map(|(name, entry)| field(&name, entry, errors)).collect()
}

fn field(name: &str, entry: toml::Value, errors: &mut Vec<SettingsError>) -> Option<FieldEntry> {
    let key = format!("fields.{name}");
    let known: StrDeserializer<'_, toml::de::Error> = name.into_deserializer();
    let field = Field::deserialize(known)
        .map_err(|error| errors.push(SettingsError::value(&key, error.message().trim())))
        .ok();
    let written = match entry {
        toml::Value::String(path) => {
            WrittenField { path: Some(path), paths: Vec::new(), transforms: Vec::new(), required: None }
        }
        toml::Value::Table(table) => read_under(&key, table, errors)?,
        _ => {
            errors.push(SettingsError::value(
                &key,
                "expected a JSONPath, or a table with `path` and `transforms`",
            ));
            return None;
        }
    };
    let written_paths: Vec<_> = written.path.into_iter().chain(written.paths).collect();
    let paths: Vec<_> = written_paths.iter().filter_map(|text| path(&key, text, errors)).collect();
    let mut transforms = Vec::with_capacity(written.transforms.len());
    for step in written.transforms {
        let read: Result<Transform, toml::de::Error> = step.try_into();
        match read.map_err(|error| error.message().trim().to_owned()).and_then(|t| t.check().map(|()| t)) {
            Ok(transform) => transforms.push(transform),
            Err(detail) => errors.push(SettingsError::value(format!("{key}.transforms"), detail)),
        }
    }
    if written_paths.is_empty() && !transforms.iter().any(Transform::provides) {
        errors.push(SettingsError::value(&key, "needs a `path`, or the transform `constant`"));
    }
    let field = field?;
    let required = written.required.unwrap_or(field == Field::Text);
    Some(FieldEntry { field, paths, transforms, required })
}

impl FieldMap {
    pub(super) fn ignores(&self, value: &Value) -> bool {
        self.guards.iter().any(|guard| guard.holds(value))
    }

    /// The items of a body.
    pub(super) fn items<'a>(&self, body: &'a Value) -> Result<Vec<&'a Value>, Reject> {
        let Some(items) = &self.items else { return Ok(vec![body]) };
        let found = items.compiled.query(body).all();
        let found: Vec<&Value> = if self.list.is_some() {
            found
        } else {
            let (lists, single): (Vec<_>, Vec<_>) = found.into_iter().partition(|node| node.is_array());
            if !lists.is_empty() && single.is_empty() {
                return Ok(lists.into_iter().filter_map(Value::as_array).flatten().collect());
            }
            lists.into_iter().chain(single).collect()
        };
        if !found.is_empty() {
            return Ok(found);
        }
        let empty = |node: &Value| node.as_array().is_some_and(Vec::is_empty);
        if self.list.as_ref().is_some_and(|list| {
            let lists = list.compiled.query(body);
            !lists.is_empty() && lists.iter().all(|node| empty(node))
        }) {
            return Ok(Vec::new());
        }
        Err(Reject::Field { field: "items".to_owned(), detail: format!("nothing at `{}`", items.written) })
    }

    pub(super) fn draft(&self, item: &Value) -> Result<Draft, Reject> {
        let mut draft = Draft::default();
        for entry in &self.fields {
            entry.fill(item, &mut draft)?;
        }
        Ok(draft)
    }
}

impl Guard {
    fn holds(&self, value: &Value) -> bool {
        self.path.compiled.query(value).iter().any(|node| match node {
            Value::String(text) => *text == self.equals,
            Value::Number(_) | Value::Bool(_) => node.to_string() == self.equals,
            _ => false,
        })
    }
}

impl FieldEntry {
    fn fill(&self, item: &Value, draft: &mut Draft) -> Result<(), Reject> {
        let wrong = |detail| Reject::Field {
            field: self.field.name(),
            detail: format!("{detail} ({})", self.paths()),
        };
        let mut values = Vec::new();
        for path in &self.paths {
            for node in path.compiled.query(item).iter() {
                let nodes = node.as_array().map_or(std::slice::from_ref(*node), Vec::as_slice);
                for node in nodes {
                    values.extend(Datum::read(node).map_err(wrong)?);
                }
            }
        }
        for transform in &self.transforms {
            values = transform.apply(values).map_err(wrong)?;
        }
        if values.is_empty() {
            let field = self.field.name();
            let detail = format!("required, but nothing at {}", self.paths());
            return if self.required { Err(Reject::Field { field, detail }) } else { Ok(()) };
        }
        self.field.set(draft, values).map_err(wrong)
    }

    fn paths(&self) -> String {
        let paths: Vec<_> = self.paths.iter().map(|path| format!("`{}`", path.written)).collect();
        if paths.is_empty() { "a constant".to_owned() } else { paths.join(" and ") }
    }
}

impl Field {
    fn name(self) -> String {
        const NAMES: [&str; 22] = [
            "external_id",
            "title",
            "text",
            "category",
            "kind",
            "lat",
            "lon",
            "address",
            "rt",
            "rw",
            "region",
            "reporter_id",
            "reporter_name",
            "phone",
            "email",
            "anonymous",
            "private",
            "sent_at",
            "occurred_at",
            "url",
            "thread",
            "attachments",
        ];
        NAMES.get(self as usize).copied().unwrap_or_default().to_owned()
    }

    /// Puts values where they belong.
    ///
    /// # Errors
    /// What is wrong, without the value.
    fn set(self, draft: &mut Draft, mut values: Vec<Datum>) -> Result<(), String> {
        if self == Self::Attachments {
            let urls = values.into_iter().map(Datum::into_text);
            draft.attachments.extend(urls.map(|url| Attachment::Url { url, content_type: None }));
            return Ok(());
        }
        if values.len() > 1 {
            return Err(format!(
                "{} values for one field; add the transform `first` or {{ join = \" \" }}",
                values.len()
            ));
        }
        let Some(value) = values.pop() else { return Ok(()) };
        match self {
            Self::ExternalId => draft.external_id = ExternalId::new(id(value)?.trim()),
            Self::Title => draft.title = Some(value.into_text()),
            Self::Text => draft.text = value.into_text(),
            Self::Category => draft.category = Some(value.into_text()),
            Self::Kind => draft.kind = Some(kind(&value.into_text())?),
            Self::Lat => draft.place.lat = Some(number(value)?),
            Self::Lon => draft.place.lon = Some(number(value)?),
            Self::Address => draft.place.address = Some(value.into_text()),
            Self::Rt => draft.place.rt = Some(value.into_text()),
            Self::Rw => draft.place.rw = Some(value.into_text()),
            Self::Region => {
                let code = value.into_text().trim().parse();
                draft.place.region = Some(code.map_err(|error| format!("{error}"))?);
            }
            Self::ReporterId => draft.reporter.id = Some(id(value)?),
            Self::ReporterName => draft.reporter.name = Some(value.into_text()),
            Self::Phone => draft.reporter.phone = Some(value.into_text()),
            Self::Email => draft.reporter.email = Some(value.into_text()),
            Self::Anonymous => draft.reporter.anonymous = flag(value)?,
            Self::Private => draft.reporter.private = flag(value)?,
            Self::SentAt => draft.sent_at = Some(time(value)),
            Self::OccurredAt => draft.occurred_at = Some(time(value)),
            Self::Url => draft.url = Some(value.into_text()),
            Self::Thread => draft.thread = Some(id(value)?),
            Self::Attachments => {}
        }
        Ok(())
    }
}

/// An id. One with a fraction is a whole number too long to be read exactly; two such could seem the same.
fn id(value: Datum) -> Result<String, String> {
    match value {
        Datum::Number(number) if number.is_f64() => {
            Err("expected a whole number below 2^64 or text".to_owned())
        }
        other => Ok(other.into_text()),
    }
}

fn number(value: Datum) -> Result<f64, String> {
    let number = match value {
        Datum::Number(number) => number.as_f64(),
        other => value::number(&other.into_text()),
    };
    number.ok_or_else(|| "expected a number; the transform `number` reads a decimal comma".to_owned())
}

fn time(value: Datum) -> SourceTime {
    match value {
        Datum::Time(time) => time,
        Datum::Number(number) => value::unix_time(&number),
        other => SourceTime::parse(&other.into_text()),
    }
}

/// A wish for privacy must not be overlooked: what is neither yes nor no is an error.
fn flag(value: Datum) -> Result<bool, String> {
    if let Datum::Flag(flag) = value {
        return Ok(flag);
    }
    value::flag(&value.into_text())
        .ok_or_else(|| "expected true or false; the transform `map` translates other words".to_owned())
}

fn kind(written: &str) -> Result<Kind, String> {
    value::class(written).ok_or_else(|| {
        "expected complaint, aspiration or information_request; the transform `map` translates other words"
            .to_owned()
    })
}
