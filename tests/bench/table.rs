//! What is printed.

use std::time::Duration;

use crate::measure::Used;

/// One run.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) messages: usize,
    /// From the first post to the last answer.
    pub(crate) accepted: Option<Duration>,
    /// From the first post to the last confirm.
    pub(crate) confirmed: Duration,
    pub(crate) p50: Option<Duration>,
    pub(crate) p99: Option<Duration>,
    pub(crate) max: Option<Duration>,
    pub(crate) used: Used,
    /// MiB of the gateway.
    pub(crate) peak: Option<f64>,
}

impl Row {
    pub(crate) fn baseline(name: &str, messages: usize, confirmed: Duration, used: Used) -> Self {
        let name = name.to_owned();
        Self { name, messages, accepted: None, confirmed, p50: None, p99: None, max: None, used, peak: None }
    }

    fn per_second(&self, took: Duration) -> f64 {
        count(self.messages) / took.as_secs_f64()
    }

    /// Messages confirmed in a second.
    pub(crate) fn rate(&self) -> f64 {
        self.per_second(self.confirmed)
    }

    fn cells(&self) -> [String; 11] {
        let ms = |time: Option<Duration>| cell(time.map(|time| time.as_secs_f64() * 1000.0), 1);
        let per_thousand = |seconds: f64| cell(Some(seconds * 1000.0 / count(self.messages)), 3);
        let gateway = self.accepted.map_or_else(|| "-".to_owned(), |_| per_thousand(self.used.gateway));
        [
            self.name.clone(),
            cell(self.accepted.map(|took| self.per_second(took)), 0),
            cell(Some(self.rate()), 0),
            ms(self.p50),
            ms(self.p99),
            ms(self.max),
            gateway,
            per_thousand(self.used.broker),
            per_thousand(self.used.load),
            cell(self.peak, 0),
            cell(Some(self.used.others * 100.0), 0),
        ]
    }
}

fn count(messages: usize) -> f64 {
    f64::from(u32::try_from(messages).unwrap_or(u32::MAX))
}

fn cell(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"))
}

/// The head of the table.
pub(crate) fn print_head() {
    let groups = ["accepted", "confirmed", "answer, ms", "CPU s per 1,000 messages", "peak", "others"];
    let [accepted, confirmed, answer, cpu, peak, others] = groups;
    println!("{:<34} {accepted:>9} {confirmed:>9} {answer:>23} {cpu:>26} {peak:>5} {others:>6}", "");
    let names = ["run", "per s", "per s", "p50", "p99", "max", "gateway", "broker", "load", "MiB", "CPU %"];
    print_cells(&names.map(str::to_owned));
}

/// One line of the table, as soon as its run is over.
pub(crate) fn print(row: Row) -> Row {
    print_cells(&row.cells());
    row
}

fn print_cells(cells: &[String; 11]) {
    let [name, accepted, confirmed, p50, p99, max, gateway, broker, load, peak, others] = cells;
    println!(
        "{name:<34} {accepted:>9} {confirmed:>9} {p50:>7} {p99:>7} {max:>7} {gateway:>8} {broker:>8} {load:>8} {peak:>5} {others:>6}"
    );
}

/// A figure with its target.
pub(crate) struct Verdict {
    what: &'static str,
    value: f64,
    target: f64,
    digits: usize,
    least: bool,
}

impl Verdict {
    /// A figure that must not be smaller.
    pub(crate) fn at_least(what: &'static str, value: f64, target: f64) -> Self {
        Self { what, value, target, digits: 3, least: true }
    }

    /// A figure that must not be larger.
    pub(crate) fn at_most(what: &'static str, value: f64, target: f64) -> Self {
        Self { what, value, target, digits: 1, least: false }
    }

    /// Prints it; returns whether it is met.
    pub(crate) fn print(&self) -> bool {
        let met = if self.least { self.value >= self.target } else { self.value <= self.target };
        let (sign, word) = (if self.least { ">=" } else { "<=" }, if met { "PASS" } else { "MISS" });
        let Self { what, value, target, digits, .. } = self;
        println!("{word}  {what:<66} {value:>8.digits$}  {sign} {target}");
        met
    }
}

/// Milliseconds of the slowest hundredth, if the run has one.
pub(crate) fn p99_ms(row: &Row) -> f64 {
    row.p99.map_or(f64::NAN, |time| time.as_secs_f64() * 1000.0)
}

/// The mean of two runs' rates.
pub(crate) fn mean(rows: [&Row; 2]) -> f64 {
    rows.map(Row::rate).iter().sum::<f64>() / 2.0
}
