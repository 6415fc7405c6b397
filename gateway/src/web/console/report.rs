//! What each channel brought, by month, and how long it took: the tables of the city's evaluation.

use std::{cmp::Reverse, collections::BTreeMap, sync::Arc};

use askama::Template;
use axum::{
    Extension,
    extract::{Path, Query, State},
    http::header,
    response::{IntoResponse, Response},
};
use jiff::{Timestamp, ToSpan, civil::Date, tz::TimeZone};
use muara_normalizer::time::WIB;
use serde::Deserialize;

use super::{Console, Shared, frame::shown_once, guard::Fault, session::SignedIn, words};
use crate::store::{
    StoreError,
    monthly::{Brought, Spread},
};

/// Months that are shown.
const MONTHS: i32 = 12;
/// Height of the highest bar of the months.
const HEIGHT: u64 = 60;
/// Width of each bar with its gap.
const WIDTH: usize = 20;

#[derive(Deserialize)]
pub(super) struct Asked {
    /// `2026-11`; the latest without it.
    #[serde(default)]
    month: String,
}

/// What channels brought in a month.
type Month = (Date, BTreeMap<String, Brought>);

#[derive(Template)]
#[template(path = "console/report.html")]
struct Report {
    /// `2026-11`, how it is called, and whether it is shown.
    months: Vec<(String, String, bool)>,
    bars: Vec<Bar>,
    /// What the bars say, for those who do not see them.
    trend: String,
    name: String,
    key: String,
    lines: Vec<Line>,
}

/// A bar of the months.
struct Bar {
    x: usize,
    y: u64,
    height: u64,
    title: String,
    shown: bool,
}

/// A channel's line of each table, or all channels' at the end.
struct Line {
    id: String,
    title: String,
    received: String,
    share: String,
    share_bar: Vec<Part>,
    duplicates: String,
    answered: String,
    answered_share: String,
    first: Vec<Cell>,
    first_mean: String,
    first_bar: Vec<Part>,
    done: Vec<Cell>,
    done_mean: String,
    done_bar: Vec<Part>,
}

/// A number with its share of what was received.
struct Cell {
    count: String,
    share: String,
}

/// A piece of a line's bar, in thousandths of its width.
struct Part {
    class: &'static str,
    x: u64,
    width: u64,
}

pub(super) async fn page(
    State(console): Shared,
    Extension(who): Extension<SignedIn>,
    Query(asked): Query<Asked>,
) -> Result<Response, Fault> {
    let months = months(&console).await?;
    let shown = months.iter().find(|(first, _)| key(*first) == asked.month).or(months.first());
    let chosen = shown.map(|(first, _)| *first);
    let bars = bars(&months, chosen);
    let trend = bars.iter().map(|bar| bar.title.clone()).collect::<Vec<_>>().join(", ");
    let part = Report {
        months: months.iter().map(|(first, _)| (key(*first), name(*first), Some(*first) == chosen)).collect(),
        bars,
        trend,
        name: chosen.map(name).unwrap_or_default(),
        key: chosen.map(key).unwrap_or_default(),
        lines: shown.map(|(_, brought)| lines(&console, brought)).unwrap_or_default(),
    };
    shown_once(&console, &who, ("Report", "/report"), &part).await
}

/// Channels by how much they brought, then all of them.
fn lines(console: &Console, brought: &BTreeMap<String, Brought>) -> Vec<Line> {
    let all: Brought = brought.values().copied().sum();
    let mut channels: Vec<_> = brought.iter().collect();
    channels.sort_by_key(|(id, one)| (Reverse(one.received), (*id).clone()));
    let each = channels.into_iter().map(|(id, one)| line(id, console.title(id), one, &all));
    each.chain([line("", "All channels".to_owned(), &all, &all)]).collect()
}

fn line(id: &str, title: String, one: &Brought, all: &Brought) -> Line {
    let of = one.received;
    let cell = |count: u64| Cell { count: words::number(count), share: format!("{} %", percent(count, of)) };
    let (first, done) = (one.first, one.done);
    Line {
        id: id.to_owned(),
        title,
        received: words::number(of),
        share: format!("{} %", percent(of, all.received)),
        share_bar: parts(all.received, &[("share", of)]),
        duplicates: words::number(one.duplicates),
        answered: words::number(one.answered),
        answered_share: format!("{} %", percent(one.answered, of)),
        first: [first.week, first.fortnight, first.longer, one.silent()].map(cell).into(),
        first_mean: mean(&first),
        first_bar: parts(of, &classes(&first)),
        done: [done.week, done.fortnight, done.longer, one.refused, one.open()].map(cell).into(),
        done_mean: mean(&done),
        done_bar: parts(of, &[classes(&done).as_slice(), &[("refused", one.refused)]].concat()),
    }
}

fn classes(spread: &Spread) -> [(&'static str, u64); 3] {
    [("week", spread.week), ("fortnight", spread.fortnight), ("longer", spread.longer)]
}

fn parts(whole: u64, counts: &[(&'static str, u64)]) -> Vec<Part> {
    let mut before = 0;
    let each = counts.iter().map(|(class, count)| {
        let x = thousandths(before, whole);
        before += count;
        Part { class, x, width: thousandths(before, whole) - x }
    });
    each.filter(|part| part.width > 0).collect()
}

fn mean(spread: &Spread) -> String {
    spread.mean_tenths().map_or_else(|| "–".to_owned(), |tenths| format!("{} h", decimal(tenths)))
}

/// The earliest month on the left.
fn bars(months: &[Month], chosen: Option<Date>) -> Vec<Bar> {
    let counts: Vec<_> = months
        .iter()
        .rev()
        .map(|(first, brought)| (*first, brought.values().map(|one| one.received).sum::<u64>()))
        .collect();
    let most = counts.iter().map(|(_, count)| *count).max().unwrap_or_default().max(1);
    let bar = |(place, (first, count)): (usize, (Date, u64))| {
        let height = (count * HEIGHT).div_ceil(most);
        Bar {
            x: place * WIDTH,
            y: HEIGHT - height,
            height,
            title: format!("{}: {}", name(first), words::number(count)),
            shown: Some(first) == chosen,
        }
    };
    counts.into_iter().enumerate().map(bar).collect()
}

/// All of it as a file: one row for each month and channel.
pub(super) async fn csv(State(console): Shared) -> Result<Response, Fault> {
    let mut text = "month,channel,title,received,share,duplicates,answered,\
                    first_reply_0_7_days,first_reply_8_14_days,first_reply_over_14_days,no_reply,first_reply_mean_hours,\
                    done_0_7_days,done_8_14_days,done_over_14_days,refused,open,done_mean_hours\r\n"
        .to_owned();
    for (first, brought) in months(&console).await? {
        let all: Brought = brought.values().copied().sum();
        for (id, one) in &brought {
            let numbers = [
                one.received.to_string(),
                format!("{}%", percent(one.received, all.received)),
                one.duplicates.to_string(),
                one.answered.to_string(),
                one.first.week.to_string(),
                one.first.fortnight.to_string(),
                one.first.longer.to_string(),
                one.silent().to_string(),
                one.first.mean_tenths().map(decimal).unwrap_or_default(),
                one.done.week.to_string(),
                one.done.fortnight.to_string(),
                one.done.longer.to_string(),
                one.refused.to_string(),
                one.open().to_string(),
                one.done.mean_tenths().map(decimal).unwrap_or_default(),
            ];
            let row = [key(first), id.clone(), quoted(&console.title(id))];
            text += &(row.into_iter().chain(numbers).collect::<Vec<_>>().join(",") + "\r\n");
        }
    }
    Ok(file("muara-report.csv", text))
}

/// One of the two tables of the city's evaluation, of one month: `share.csv` or `completion.csv`.
pub(super) async fn table(
    State(console): Shared,
    Path(table): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Fault> {
    let months = months(&console).await?;
    let chosen = months.iter().find(|(first, _)| key(*first) == asked.month).or(months.first());
    let (first, brought) = chosen.ok_or(Fault::NotFound)?;
    let all: Brought = brought.values().copied().sum();
    let mut channels: Vec<_> =
        brought.iter().map(|(id, one)| (id.clone(), console.title(id), *one)).collect();
    channels.sort_by_key(|(id, _, one)| (Reverse(one.received), id.clone()));
    channels.push((String::new(), "All channels".to_owned(), all));
    let mut text = match table.as_str() {
        "share.csv" => "channel,title,received,share\r\n",
        "completion.csv" => "channel,title,received,days,done,share\r\n",
        _ => return Err(Fault::NotFound),
    }
    .to_owned();
    for (id, title, one) in &channels {
        let head = format!("{id},{},{}", quoted(title), one.received);
        let rows = if table == "share.csv" {
            vec![format!("{head},{}%", percent(one.received, all.received))]
        } else {
            let done = [("0-7", one.done.week), ("8-14", one.done.fortnight), (">14", one.done.longer)];
            let open = [("refused", one.refused), ("open", one.open())];
            let row = |(days, count)| format!("{head},{days},{count},{}%", percent(count, one.received));
            done.into_iter().chain(open).map(row).collect()
        };
        for row in rows {
            text += &(row + "\r\n");
        }
    }
    Ok(file(&format!("muara-{}-{table}", key(*first)), text))
}

/// A title in quotes. A formula of a title would run in the reader's spreadsheet.
fn quoted(title: &str) -> String {
    format!("\"{}\"", title.replace('"', "\"\"").trim_start_matches(['=', '+', '-', '@']))
}

fn file(name: &str, text: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
    ];
    (headers, text).into_response()
}

/// What channels brought in each of the last months that brought anything, latest first.
async fn months(console: &Arc<Console>) -> Result<Vec<Month>, StoreError> {
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

/// `2026-11`.
fn key(month: Date) -> String {
    month.strftime("%Y-%m").to_string()
}

/// `November 2026`.
fn name(month: Date) -> String {
    month.strftime("%B %Y").to_string()
}

/// Rounded.
fn thousandths(part: u64, whole: u64) -> u64 {
    (part * 2000 + whole).checked_div(whole * 2).unwrap_or_default()
}

/// `94.8`.
fn percent(part: u64, whole: u64) -> String {
    decimal(thousandths(part, whole))
}

fn decimal(tenths: u64) -> String {
    format!("{}.{}", tenths / 10, tenths % 10)
}
