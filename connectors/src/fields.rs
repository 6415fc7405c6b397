//! The members of a report in JSON by dotted path, in the lenient reading that vendors need.

use std::{borrow::Cow, collections::BTreeMap};

use muara_normalizer::{
    ExternalId,
    draft::{Attachment, DraftReporter, SourceTime},
};
use serde_json::{Value, value::RawValue};

use crate::{reject::Reject, value};

/// The items of a body, not read yet: those of the list `list`, or the body itself where it has the member `own`.
/// The list may be one item without brackets, or null.
pub(crate) fn items<'a>(
    body: &'a [u8],
    list: &str,
    own: &str,
    expected: &'static str,
) -> Result<Vec<&'a RawValue>, Reject> {
    let whole: &RawValue = value::split(value::without_mark(body))?;
    if !whole.get().starts_with('{') {
        return Err(Reject::Shape { expected });
    }
    let members: BTreeMap<Cow<'_, str>, &RawValue> = value::split(whole.get().as_bytes())?;
    match members.get(list) {
        Some(list) if list.get() == "null" => Ok(Vec::new()),
        Some(list) if list.get().starts_with('[') => value::split(list.get().as_bytes()),
        Some(one) => Ok(vec![one]),
        None if members.contains_key(own) => Ok(vec![whole]),
        None => Err(Reject::Shape { expected }),
    }
}

/// One item, which must be an object.
pub(crate) fn object(raw: &RawValue) -> Result<Value, Reject> {
    let report = value::parse(raw.get().as_bytes())?;
    if report.is_object() {
        return Ok(report);
    }
    let detail = format!("expected an object, found {}", value::kind(&report));
    Err(Reject::Field { field: "report".to_owned(), detail })
}

/// The members of a report by dotted path. Absent, null, blank and `[]` (an empty PHP object) are the same.
pub(crate) struct Fields<'a>(pub(crate) &'a Value);

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

    pub(crate) fn text(&self, path: &str) -> Result<Option<String>, Reject> {
        self.get(path)?.map(|value| text(path, value)).transpose()
    }

    pub(crate) fn id(&self, path: &str) -> Result<ExternalId, Reject> {
        self.optional_id(path)?.ok_or_else(|| Reject::missing(path))
    }

    pub(crate) fn optional_id(&self, path: &str) -> Result<Option<ExternalId>, Reject> {
        match self.get(path)? {
            // a fraction, or a whole number too long to be read exactly
            Some(Value::Number(number)) if number.is_f64() => {
                let detail = "expected a whole number below 2^64 or text".to_owned();
                Err(Reject::Field { field: path.to_owned(), detail })
            }
            Some(value) => Ok(ExternalId::new(text(path, value)?.trim())),
            None => Ok(None),
        }
    }

    pub(crate) fn number(&self, path: &str) -> Result<Option<f64>, Reject> {
        let Some(value) = self.get(path)? else { return Ok(None) };
        let number = match value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => value::number(text),
            _ => None,
        };
        number.map(Some).ok_or_else(|| wrong(path, "a number", value))
    }

    pub(crate) fn time(&self, path: &str) -> Result<Option<SourceTime>, Reject> {
        Ok(match self.get(path)? {
            None => None,
            Some(Value::Number(number)) => Some(value::unix_time(number)),
            Some(Value::String(text)) => Some(SourceTime::parse(text)),
            Some(other) => return Err(wrong(path, "a time", other)),
        })
    }

    /// A whole number that is not negative.
    pub(crate) fn count(&self, path: &str) -> Result<Option<u32>, Reject> {
        let Some(value) = self.get(path)? else { return Ok(None) };
        let number = match value {
            Value::Number(number) => number.as_u64().and_then(|number| number.try_into().ok()),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        number.map(Some).ok_or_else(|| wrong(path, "a whole number from 0 to 4294967295", value))
    }

    /// Yes or no. A wish for privacy must not be overlooked: what is neither is an error.
    pub(crate) fn flag(&self, path: &str) -> Result<Option<bool>, Reject> {
        let flag = match self.get(path)? {
            None => return Ok(None),
            Some(Value::Bool(flag)) => Some(*flag),
            Some(value) => value::flag(&text(path, value)?),
        };
        flag.map(Some).ok_or_else(|| Reject::Field {
            field: path.to_owned(),
            detail: "expected true or false, 1 or 0".to_owned(),
        })
    }

    /// A name by itself, or the `name` of an object.
    pub(crate) fn name(&self, path: &str) -> Result<Option<String>, Reject> {
        match self.get(path)? {
            Some(Value::Object(_)) => self.text(&format!("{path}.name")),
            _ => self.text(path),
        }
    }

    /// An account's id by itself, or an object with `id` and `name`.
    pub(crate) fn reporter(&self, path: &str) -> Result<DraftReporter, Reject> {
        let (id, name) = match self.get(path)? {
            Some(Value::Object(_)) => {
                (self.text(&format!("{path}.id"))?, self.text(&format!("{path}.name"))?)
            }
            _ => (self.text(path)?, None),
        };
        Ok(DraftReporter { id, name, ..DraftReporter::default() })
    }

    /// One file or a list of them: an address, or an object with `url` and `format`.
    pub(crate) fn files(&self, path: &str, content_type: Option<&str>) -> Result<Vec<Attachment>, Reject> {
        let files = match self.get(path)? {
            None => return Ok(Vec::new()),
            Some(Value::Array(list)) => list.as_slice(),
            Some(one) => std::slice::from_ref(one),
        };
        let mut attachments = Vec::with_capacity(files.len());
        for file in files {
            let (url, format) = match file {
                Value::Null => continue,
                Value::String(text) if text.trim().is_empty() => continue,
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
