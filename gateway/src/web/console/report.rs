//! What each channel brought, by month: for the city's evaluation.

use std::{collections::BTreeMap, sync::Arc};

use askama::Template;
use axum::{
    Extension,
    extract::State,
    http::{HeaderMap, Uri, header},
    response::{IntoResponse, Response},
};
use jiff::{Timestamp, ToSpan, civil::Date, tz::TimeZone};
use muara_normalizer::time::WIB;

use super::{Console, Shared, frame::shown, guard::Fault, session::SignedIn, words};
use crate::store::{StoreError, monthly::Brought};

/// Months that are shown.
const MONTHS: i32 = 12;

#[derive(Template)]
#[template(path = "console/report.html")]
struct Report {
    months: Vec<Month>,
}

struct Month {
    name: String,
    total: Line,
    lines: Vec<Line>,
}

struct Line {
    id: String,
    title: String,
    received: String,
    share: String,
    /// In hundredths, for the bar.
    part: u64,
    duplicates: String,
    answered: String,
    answered_share: String,
}

pub(super) async fn page(
    State(console): Shared,
    Extension(who): Extension<SignedIn>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Fault> {
    let months = months(&console).await?;
    let months = months.into_iter().map(|(first, brought)| {
        let all = sum(brought.values());
        let mut lines: Vec<_> = brought.iter().collect();
        lines.sort_by_key(|(id, brought)| (std::cmp::Reverse(brought.received), (*id).clone()));
        let lines = lines.into_iter().map(|(id, brought)| line(id, console.title(id), brought, &all));
        Month {
            name: first.strftime("%B %Y").to_string(),
            total: line("", "All channels".to_owned(), &all, &all),
            lines: lines.collect(),
        }
    });
    let part = Report { months: months.collect() };
    shown(&console, &who, ("Report", "/report"), (&headers, &uri), &part).await
}

/// The same as a file: one row for each month and channel.
pub(super) async fn csv(State(console): Shared) -> Result<Response, Fault> {
    let mut text = "month,channel,title,received,share,duplicates,answered\r\n".to_owned();
    for (first, brought) in months(&console).await? {
        let all = sum(brought.values());
        for (id, one) in &brought {
            // a formula of a title would run in the reader's spreadsheet
            let title = console.title(id).replace('"', "\"\"");
            let title = title.trim_start_matches(['=', '+', '-', '@']);
            let (month, tenths) = (first.strftime("%Y-%m"), tenths(one.received, all.received));
            text += &format!(
                "{month},{id},\"{title}\",{},{}.{}%,{},{}\r\n",
                one.received,
                tenths / 10,
                tenths % 10,
                one.duplicates,
                one.answered
            );
        }
    }
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"muara-report.csv\""),
    ];
    Ok((headers, text).into_response())
}

/// What channels brought in each of the last months that brought anything, latest first.
async fn months(console: &Arc<Console>) -> Result<Vec<(Date, BTreeMap<String, Brought>)>, StoreError> {
    let now = console.now();
    let this = now.to_zoned(TimeZone::fixed(WIB)).date().first_of_month();
    let start = |month: i32| {
        let first = this.saturating_sub(month.months());
        // every day begins in Jakarta
        (first, first.to_zoned(TimeZone::fixed(WIB)).map_or(now, |zoned| zoned.timestamp()))
    };
    let mut found = Vec::new();
    for month in 0..MONTHS {
        let (first, from) = start(month);
        let to = if month == 0 { Timestamp::MAX } else { start(month - 1).1 };
        let brought = console.state.store.brought(from, to).await?;
        if !brought.is_empty() {
            found.push((first, brought));
        }
    }
    Ok(found)
}

fn sum<'a>(all: impl Iterator<Item = &'a Brought>) -> Brought {
    all.fold(Brought::default(), |sum, one| Brought {
        received: sum.received + one.received,
        duplicates: sum.duplicates + one.duplicates,
        answered: sum.answered + one.answered,
    })
}

fn line(id: &str, title: String, one: &Brought, all: &Brought) -> Line {
    let share = tenths(one.received, all.received);
    let answered = tenths(one.answered, one.received);
    Line {
        id: id.to_owned(),
        title,
        received: words::number(one.received),
        share: format!("{}.{} %", share / 10, share % 10),
        part: share / 10,
        duplicates: words::number(one.duplicates),
        answered: words::number(one.answered),
        answered_share: format!("{}.{} %", answered / 10, answered % 10),
    }
}

/// In thousandths, rounded.
fn tenths(part: u64, whole: u64) -> u64 {
    (part * 2000 + whole).checked_div(whole * 2).unwrap_or_default()
}
