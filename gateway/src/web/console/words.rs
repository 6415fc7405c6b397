//! Times and numbers as operators read them.

use std::time::Duration;

use askama::Template;
use jiff::{Timestamp, tz::TimeZone};
use muara_connectors::quota::Left;
use muara_normalizer::time::WIB;

/// Words in which commands and names stand between backticks; they are shown as code.
#[derive(Template)]
#[template(path = "console/text.html")]
pub(super) struct Text<'a> {
    parts: Vec<(bool, &'a str)>,
}

/// Words to be shown as HTML.
pub(super) fn told(text: &str) -> Text<'_> {
    // one that is not closed is a backtick
    let parts = if text.matches('`').count().is_multiple_of(2) {
        text.split('`').enumerate().map(|(place, part)| (place % 2 == 1, part)).collect()
    } else {
        vec![(false, text)]
    };
    Text { parts }
}

/// `24 Nov 2026, 10:15:03` by Jakarta's clock.
pub(super) fn time(at: Timestamp) -> String {
    at.to_zoned(TimeZone::fixed(WIB)).strftime("%-d %b %Y, %H:%M:%S").to_string()
}

/// `37 %, refills 14:00 (as of 2 min ago)`, with the day where it is not today.
pub(super) fn left(left: &Left, now: Timestamp) -> String {
    // rounded down: what is left must not look like more
    let percent = (left.fraction * 100.0).floor();
    let refills = left.refills_at.map(|at| {
        let [at, now] = [at, now].map(|time| time.to_zoned(TimeZone::fixed(WIB)));
        let form = if at.date() == now.date() { "%H:%M" } else { "%-d %b, %H:%M" };
        format!(", refills {}", at.strftime(form))
    });
    format!("{percent} %{} (as of {} ago)", refills.unwrap_or_default(), age(left.as_of, now))
}

/// How long ago it was: `3 min`.
pub(super) fn age(at: Timestamp, now: Timestamp) -> String {
    duration(Duration::try_from(now.duration_since(at)).unwrap_or_default())
}

/// `45 s`, `3 min`, `5 h`, `2 days`.
pub(super) fn duration(long: Duration) -> String {
    match long.as_secs() {
        seconds @ ..60 => format!("{seconds} s"),
        seconds @ 60..3600 => format!("{} min", seconds / 60),
        seconds @ 3600..172_800 => format!("{} h", seconds / 3600),
        seconds => format!("{} days", seconds / 86_400),
    }
}

/// `12 345`, with narrow spaces that do not break.
pub(super) fn number(count: u64) -> String {
    let digits = count.to_string();
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}

/// `3.4 MiB`.
pub(super) fn bytes(count: u64) -> String {
    const UNITS: [&str; 4] = ["B", "KiB", "MiB", "GiB"];
    let (mut scaled, mut unit) = (count.saturating_mul(10), 0);
    while scaled >= 10_240 && unit + 1 < UNITS.len() {
        scaled /= 1024;
        unit += 1;
    }
    let name = UNITS.get(unit).unwrap_or(&"");
    if unit == 0 { format!("{count} {name}") } else { format!("{}.{} {name}", scaled / 10, scaled % 10) }
}

/// `1 row`, `2 rows`.
pub(super) fn rows(count: usize) -> String {
    format!("{count} row{}", if count == 1 { "" } else { "s" })
}
