//! The named transforms of a field map: a closed list, each a pure function over the values that a path found.

use std::collections::BTreeMap;

use jiff::{civil, fmt::strtime::BrokenDownTime};
use muara_normalizer::{draft::SourceTime, phone};
use serde::Deserialize;
use serde_json::{Number, Value};

use crate::{html, value};

/// A value on its way from the body to the draft.
#[derive(Clone, Debug)]
pub(super) enum Datum {
    Text(String),
    Number(Number),
    Flag(bool),
    Time(SourceTime),
}

impl Datum {
    /// Nothing for null and blank text.
    pub(super) fn read(value: &Value) -> Result<Option<Self>, String> {
        Ok(match value {
            Value::Null => None,
            Value::String(text) if text.trim().is_empty() => None,
            Value::String(text) => Some(Self::Text(text.clone())),
            Value::Number(number) => Some(Self::Number(number.clone())),
            Value::Bool(flag) => Some(Self::Flag(*flag)),
            other => {
                return Err(format!("expected text, a number or true/false, found {}", value::kind(other)));
            }
        })
    }

    pub(super) fn into_text(self) -> String {
        match self {
            Self::Text(text) | Self::Time(SourceTime::Unreadable(text)) => text,
            Self::Number(number) => number.to_string(),
            Self::Flag(flag) => flag.to_string(),
            Self::Time(SourceTime::Instant(instant)) => instant.to_string(),
            Self::Time(SourceTime::Naive(civil)) => civil.to_string(),
        }
    }
}

/// One step between a path and its field.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Transform {
    /// Without white space around it.
    Trim,
    /// In lower case.
    Lower,
    /// The words of an HTML text, without its marks.
    HtmlToText,
    /// Seconds or milliseconds since 1970.
    UnixTime,
    /// A local time (WIB) in a strftime form; month names may be Indonesian.
    LocalTime(String),
    /// A number written as text, with a decimal point or comma.
    Number,
    /// A phone number in E.164; what is none stays as it is.
    Phone,
    /// All values as one text with this between them.
    Join(String),
    /// The parts of a text between these.
    Split(String),
    /// The first value.
    First,
    /// This before the value.
    Prefix(String),
    /// Other words for some values; the others stay as they are.
    Map(BTreeMap<String, String>),
    /// This where there is no value.
    Default(String),
    /// This, whatever there is.
    Constant(String),
}

impl Transform {
    /// What is wrong with its argument.
    pub(super) fn check(&self) -> Result<(), String> {
        match self {
            Self::LocalTime(format) => {
                // an hour without an offset is what every form can be written from
                let sample = BrokenDownTime::from(civil::datetime(2026, 11, 3, 10, 10, 0, 0));
                let written = sample.to_string(format).or_else(|_| {
                    let zoned = civil::datetime(2026, 11, 3, 10, 10, 0, 0)
                        .to_zoned(jiff::tz::TimeZone::fixed(muara_normalizer::time::WIB))?;
                    BrokenDownTime::from(&zoned).to_string(format)
                });
                let readable = written.and_then(|text| local_time(format, &text));
                readable.map(drop).map_err(|error| {
                    format!("local_time = \"{format}\" cannot read a date and time ({error}); write it like \"%d/%m/%Y %H.%M\"")
                })
            }
            Self::Split(separator) if separator.is_empty() => {
                Err("split needs the characters to split at".to_owned())
            }
            _ => Ok(()),
        }
    }

    /// Whether it gives a value where the path found none.
    pub(super) fn provides(&self) -> bool {
        matches!(self, Self::Default(_) | Self::Constant(_))
    }

    /// The values after this step.
    ///
    /// # Errors
    /// What is wrong with a value, without the value.
    pub(super) fn apply(&self, values: Vec<Datum>) -> Result<Vec<Datum>, String> {
        let one = |text: &str| Ok(vec![Datum::Text(text.to_owned())]);
        match self {
            Self::Trim => texts(values, |text| Ok(text.trim().to_owned())),
            Self::Lower => texts(values, |text| Ok(text.to_lowercase())),
            Self::HtmlToText => texts(values, |text| html::to_text(&text)),
            Self::Phone => texts(values, |text| Ok(phone::to_e164(&text).unwrap_or(text))),
            Self::Prefix(prefix) => texts(values, |text| Ok(format!("{prefix}{text}"))),
            Self::Map(words) => texts(values, |text| Ok(words.get(text.trim()).cloned().unwrap_or(text))),
            Self::UnixTime => values.into_iter().map(|value| Ok(Datum::Time(unix_time(value)))).collect(),
            Self::LocalTime(format) => {
                let read = |value: Datum| {
                    let text = value.into_text();
                    local_time(format, &text).unwrap_or(SourceTime::Unreadable(text))
                };
                Ok(values.into_iter().map(|value| Datum::Time(read(value))).collect())
            }
            Self::Number => values.into_iter().map(number).collect(),
            Self::Join(_) if values.is_empty() => Ok(values),
            Self::Join(separator) => {
                let texts: Vec<_> = values.into_iter().map(Datum::into_text).collect();
                one(&texts.join(separator))
            }
            Self::Split(separator) => Ok(values
                .into_iter()
                .flat_map(|value| {
                    let text = value.into_text();
                    let parts: Vec<_> =
                        text.split(separator.as_str()).map(str::trim).map(str::to_owned).collect();
                    parts
                })
                .filter(|part| !part.is_empty())
                .map(Datum::Text)
                .collect()),
            Self::First => Ok(values.into_iter().take(1).collect()),
            Self::Default(text) if values.is_empty() => one(text),
            Self::Default(_) => Ok(values),
            Self::Constant(text) => one(text),
        }
    }
}

fn texts(
    values: Vec<Datum>,
    change: impl Fn(String) -> Result<String, String>,
) -> Result<Vec<Datum>, String> {
    let changed = values.into_iter().map(|value| change(value.into_text()));
    changed
        .filter(|text| !text.as_ref().is_ok_and(|text| text.trim().is_empty()))
        .map(|text| text.map(Datum::Text))
        .collect()
}

fn number(value: Datum) -> Result<Datum, String> {
    if matches!(value, Datum::Number(_)) {
        return Ok(value);
    }
    let text = value.into_text();
    let point = if text.contains('.') { text } else { text.replacen(',', ".", 1) };
    let number = value::number(&point).and_then(Number::from_f64);
    number.map(Datum::Number).ok_or_else(|| "expected a number".to_owned())
}

fn unix_time(value: Datum) -> SourceTime {
    match value {
        Datum::Number(number) => value::unix_time(&number),
        other => {
            let text = other.into_text();
            match serde_json::from_str::<Number>(text.trim()) {
                Ok(number) => value::unix_time(&number),
                Err(_) => SourceTime::Unreadable(text),
            }
        }
    }
}

/// Reads a time by its form: with an offset an instant, else local; a date alone is its midnight.
fn local_time(format: &str, text: &str) -> Result<SourceTime, jiff::Error> {
    let text = text.trim();
    let parsed = BrokenDownTime::parse(format, text)
        .or_else(|error| BrokenDownTime::parse(format, english(text)).map_err(|_| error))?;
    if parsed.offset().is_some() {
        return parsed.to_timestamp().map(SourceTime::Instant);
    }
    let date = parsed.to_date()?;
    let time = if parsed.hour().is_some() { parsed.to_time()? } else { civil::Time::midnight() };
    Ok(SourceTime::Naive(date.to_datetime(time)))
}

/// Indonesian names of months and days in English, which strptime knows.
fn english(text: &str) -> String {
    const NAMES: [(&str, &str); 27] = [
        ("januari", "January"),
        ("februari", "February"),
        ("pebruari", "February"),
        ("maret", "March"),
        ("mei", "May"),
        ("juni", "June"),
        ("juli", "July"),
        ("agustus", "August"),
        ("agu", "Aug"),
        ("agt", "Aug"),
        ("ags", "Aug"),
        ("oktober", "October"),
        ("okt", "Oct"),
        ("nopember", "November"),
        ("nop", "Nov"),
        ("desember", "December"),
        ("des", "Dec"),
        ("senin", "Monday"),
        ("selasa", "Tuesday"),
        ("rabu", "Wednesday"),
        ("kamis", "Thursday"),
        ("jumat", "Friday"),
        ("jum'at", "Friday"),
        ("sabtu", "Saturday"),
        ("minggu", "Sunday"),
        ("sen", "Mon"),
        ("sel", "Tue"),
    ];
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let letter = |c: char| c.is_alphabetic() || c == '\'';
        let length = rest.find(|c| !letter(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(length);
        let known = NAMES.iter().find(|(name, _)| word.eq_ignore_ascii_case(name));
        out.push_str(known.map_or(word, |(_, name)| name));
        let length = after.find(letter).unwrap_or(after.len());
        out.push_str(&after[..length]);
        rest = &after[length..];
    }
    out
}
