//! Lenient readings of JSON as vendors write it: numbers as text, marks of byte order, halves of characters.

use std::{borrow::Cow, fmt};

use muara_normalizer::{complaint::Kind, draft::SourceTime, text};
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};
use serde_json::Value;

use crate::reject::Reject;

/// The media type of a form.
pub(crate) const FORM: &str = "application/x-www-form-urlencoded";

/// A body without the byte order mark that some vendors put before it.
pub(crate) fn without_mark(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body)
}

/// Parses JSON. Half a character (a vendor cut a text between the two escapes of an emoji) is read as U+FFFD;
/// for it alone a report must not be lost.
pub(crate) fn parse(text: &[u8]) -> Result<Value, Reject> {
    serde_json::from_slice(text)
        .or_else(|error| serde_json::from_slice(&mended(text)).map_err(|_| Reject::json(&error)))
}

/// Splits JSON without reading what is in it, so that a bad part does not harm its neighbours.
pub(crate) fn split<'a, T: Deserialize<'a>>(text: &'a [u8]) -> Result<T, Reject> {
    serde_json::from_slice(text).map_err(|error| Reject::json(&error))
}

/// The first member of this name of an object, if it is text. Reads no further, so the rest may be broken.
pub(crate) fn first_text(text: &[u8], name: &str) -> Option<String> {
    let mut found = None;
    let seek = Seek { name, found: &mut found };
    // reading is given up on purpose once it is found, which is an error, too
    serde_json::Deserializer::from_slice(text).deserialize_map(seek).ok();
    found
}

struct Seek<'a> {
    name: &'a str,
    found: &'a mut Option<String>,
}

impl<'de> Visitor<'de> for Seek<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            if key == self.name {
                *self.found = Some(map.next_value()?);
                return Ok(());
            }
            map.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }
}

/// The fields of a form as an object.
pub(crate) fn form(body: &[u8]) -> Result<Value, Reject> {
    let pairs: Vec<(String, String)> = serde_urlencoded::from_bytes(body)
        .map_err(|error| Reject::Syntax { syntax: "form", detail: error.to_string() })?;
    let mut members = serde_json::Map::new();
    for (name, text) in pairs {
        match members.get_mut(&name) {
            None => {
                members.insert(name, Value::String(text));
            }
            Some(Value::Array(list)) => list.push(Value::String(text)),
            Some(first) => *first = Value::Array(vec![first.take(), Value::String(text)]),
        }
    }
    Ok(Value::Object(members))
}

/// A member of an object as text; numbers are texts. Absent, null and blank are the same.
pub(crate) fn member(object: &Value, name: &str) -> Result<Option<String>, Reject> {
    match object.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone()).filter(|text| !text.trim().is_empty())),
        // a fraction, or a whole number too long to be read exactly, would be another text than the vendor's
        Some(Value::Number(number)) if !number.is_f64() => Ok(Some(number.to_string())),
        Some(other) => {
            let detail = format!("expected one text, found {}", kind(other));
            Err(Reject::Field { field: name.to_owned(), detail })
        }
    }
}

fn mended(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.iter().position(|&byte| byte == b'\\') {
        let (before, escape) = rest.split_at(at);
        out.extend_from_slice(before);
        let next = escape.get(6..).and_then(unit);
        let (read, written) = match (unit(escape), next) {
            (Some(0xD800..=0xDBFF), Some(0xDC00..=0xDFFF)) => (12, &escape[..12]),
            (Some(0xD800..=0xDFFF), _) => (6, b"\\ufffd".as_slice()),
            _ => (escape.len().min(2), &escape[..escape.len().min(2)]),
        };
        out.extend_from_slice(written);
        rest = &escape[read..];
    }
    out.extend_from_slice(rest);
    out
}

/// The UTF-16 unit of an escape `\uXXXX` at the start of a text.
fn unit(escape: &[u8]) -> Option<u16> {
    let digits = escape.strip_prefix(b"\\u")?.get(..4)?;
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    u16::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()
}

/// What a value is, in words for a reject.
pub(crate) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// A finite number written as text.
pub(crate) fn number(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|number: &f64| number.is_finite())
}

/// Yes or no as vendors write it; nothing where it is neither.
pub(crate) fn flag(text: &str) -> Option<bool> {
    match text.trim().to_lowercase().as_str() {
        "true" | "1" | "yes" | "y" | "on" | "ya" => Some(true),
        "false" | "0" | "no" | "n" | "off" | "tidak" => Some(false),
        _ => None,
    }
}

/// A class of reports as LAPOR! or Muara calls it; nothing where it is none of them.
pub(crate) fn class(written: &str) -> Option<Kind> {
    match text::fold(written).as_str() {
        "complaint" | "pengaduan" => Some(Kind::Complaint),
        "aspiration" | "aspirasi" => Some(Kind::Aspiration),
        "information-request" | "permintaan-informasi" => Some(Kind::InformationRequest),
        _ => None,
    }
}

/// A time written as a number: seconds or milliseconds since 1970, perhaps with a fraction.
pub(crate) fn unix_time(number: &serde_json::Number) -> SourceTime {
    match (number.as_i64(), number.as_f64()) {
        (Some(whole), _) => SourceTime::unix(whole),
        // saturates; what is that far off is no time anyway
        #[allow(clippy::cast_possible_truncation)]
        (None, Some(fraction)) => SourceTime::unix(fraction as i64),
        (None, None) => SourceTime::Unreadable(number.to_string()),
    }
}
