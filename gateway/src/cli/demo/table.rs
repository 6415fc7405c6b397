//! The live table: what the gateway itself counts, read from its `/metrics` like any operator would.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use super::{DemoError, traffic::Sent};
use crate::cli::{CliError, print};

/// Draws the table while the reports are played.
pub(super) struct Board {
    client: reqwest::Client,
    metrics: String,
    published: bool,
    live: bool,
}

/// One channel's figures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Figures {
    received: u64,
    duplicates: u64,
    held: u64,
    refused: u64,
    quarantined: u64,
    done: u64,
}

impl Board {
    pub(super) fn new(internal: SocketAddr, published: bool, live: bool) -> Self {
        let metrics = format!("http://{internal}/metrics");
        Self { client: reqwest::Client::new(), metrics, published, live }
    }

    /// Draws until the figures stand still after something has come.
    pub(super) async fn show_until_quiet(&self, frame: Duration) {
        let (mut last, mut still, mut drawn) = (BTreeMap::new(), 0, 0);
        // held messages stay held: their minute is not waited for
        while still < 4 {
            tokio::time::sleep(frame).await;
            let Ok(figures) = self.figures().await else { return };
            still = if figures == last && !figures.is_empty() { still + 1 } else { 0 };
            if self.live {
                let text = self.draw(&figures);
                let up = if drawn > 0 { format!("\x1b[{drawn}A\x1b[J") } else { String::new() };
                drawn = text.lines().count();
                if print(&format!("{up}{text}")).is_err() {
                    return;
                }
            }
            last = figures;
        }
    }

    /// Draws for the last time, and says what was sent on purpose.
    pub(super) async fn last(&self, sent: &Sent) -> Result<(), CliError> {
        if !self.live {
            print(&self.draw(&self.figures().await?))?;
        }
        print(&format!(
            "\nOn purpose among the {} requests: {} delivered again, {} forged, {} malformed, {} batches with a bad item, {} pings.\n",
            sent.requests, sent.again, sent.forged, sent.malformed, sent.batches, sent.pings
        ))
    }

    async fn figures(&self) -> Result<BTreeMap<String, Figures>, DemoError> {
        let text = self.client.get(&self.metrics).send().await?.text().await?;
        let mut all: BTreeMap<String, Figures> = BTreeMap::new();
        for (name, channel, result, count) in text.lines().filter_map(counter) {
            let figures = all.entry(channel.to_owned()).or_default();
            match (name, result) {
                ("muara_messages_total", "accepted") => figures.received += count,
                ("muara_messages_total", "duplicate") => figures.duplicates += count,
                ("muara_messages_total", "held") => figures.held += count,
                ("muara_messages_total", "quarantined") => figures.quarantined += count,
                ("muara_requests_total", "forged" | "limited" | "wrong_type" | "too_large") => {
                    figures.refused += count
                }
                ("muara_refined_total", "event") if !self.published => figures.done += count,
                ("muara_published_total", "confirmed") if self.published => figures.done += count,
                _ => {}
            }
        }
        Ok(all)
    }

    fn draw(&self, all: &BTreeMap<String, Figures>) -> String {
        let done = if self.published { "published" } else { "in outbox" };
        let mut text = format!(
            "{:<14}{:>10}{:>12}{:>8}{:>10}{:>13}{done:>12}\n",
            "channel", "received", "duplicates", "held", "refused", "quarantined"
        );
        let mut total = Figures::default();
        for (channel, f) in all {
            text += &row(channel, f);
            total.received += f.received;
            total.duplicates += f.duplicates;
            total.held += f.held;
            total.refused += f.refused;
            total.quarantined += f.quarantined;
            total.done += f.done;
        }
        text + &row("together", &total)
    }
}

fn row(name: &str, f: &Figures) -> String {
    format!(
        "{name:<14}{:>10}{:>12}{:>8}{:>10}{:>13}{:>12}\n",
        f.received, f.duplicates, f.held, f.refused, f.quarantined, f.done
    )
}

/// A line like `name{channel="x",result="y"} 3`.
fn counter(line: &str) -> Option<(&str, &str, &str, u64)> {
    let (name, rest) = line.split_once('{')?;
    let (labels, value) = rest.split_once("} ")?;
    let label = |wanted: &str| {
        labels
            .split(',')
            .find_map(|label| label.split_once('=').filter(|(key, _)| *key == wanted))
            .map(|(_, value)| value.trim_matches('"'))
    };
    Some((name, label("channel")?, label("result")?, value.trim().parse().ok()?))
}
