//! What no type can say: values that are well formed and would still stop the gateway or surprise its operator.

use std::path::Path;

use muara_connectors::SettingsError;
use tracing_subscriber::EnvFilter;

use super::{Broker, Desk, Duplicates, Intake, Log, Media, Store, Telemetry};
use crate::store;

/// Every table with what is wrong in it.
pub(super) fn tables(
    (store, broker, intake, desk, media, duplicates, log): (
        &Store,
        Option<&Broker>,
        &Intake,
        &Desk,
        &Media,
        &Duplicates,
        &Log,
    ),
    base: &Path,
) -> Vec<(&'static str, SettingsError)> {
    let found = [
        ("store", store.wrong(base)),
        ("broker", broker.map(Broker::wrong).unwrap_or_default()),
        ("intake", zeros(&[("body_timeout_seconds", intake.body_timeout_seconds.into())])),
        ("desk", zeros(&[("session_hours", desk.session_hours.into())])),
        ("media", media.wrong()),
        ("duplicates", duplicates.wrong()),
        ("log", log.wrong()),
    ];
    found.into_iter().flat_map(|(table, wrong)| wrong.into_iter().map(move |error| (table, error))).collect()
}

pub(super) fn zeros(values: &[(&str, u64)]) -> Vec<SettingsError> {
    let zeros = values.iter().filter(|(_, value)| *value == 0);
    zeros.map(|(key, _)| SettingsError::value(*key, "must be at least 1")).collect()
}

impl Duplicates {
    fn wrong(&self) -> Vec<SettingsError> {
        let mut wrong = zeros(&[("days", self.days.into()), ("radius_m", self.radius_m.into())]);
        let unknown = |name| SettingsError::value("radii", format!("`{name}` is no kind of trouble"));
        wrong.extend(self.unknown().map(unknown));
        wrong
    }
}

impl Telemetry {
    pub(super) fn wrong(&self) -> Vec<SettingsError> {
        let mut wrong = Vec::new();
        let endpoint = self.otlp_endpoint.trim();
        let address = endpoint.parse::<http::Uri>().ok().filter(|address| address.host().is_some());
        if !endpoint.is_empty()
            && !address.is_some_and(|address| matches!(address.scheme_str(), Some("http" | "https")))
        {
            wrong
                .push(SettingsError::value("otlp_endpoint", "must be an address like http://127.0.0.1:4318"));
        }
        if !(0.0..=1.0).contains(&self.sample_ratio) {
            wrong.push(SettingsError::value("sample_ratio", "must be from 0 to 1"));
        }
        wrong
    }
}

impl Store {
    fn wrong(&self, base: &Path) -> Vec<SettingsError> {
        let mut wrong = zeros(&[
            ("high_water_rows", self.high_water_rows),
            ("high_water_mb", self.high_water_mb),
            ("keep_keys_days", self.keep_keys_days.into()),
        ]);
        if let Err(error) = store::Settings::from_url(&self.url, base) {
            wrong.push(SettingsError::value("url", error.to_string()));
        }
        wrong
    }
}

impl Broker {
    fn wrong(&self) -> Vec<SettingsError> {
        let mut wrong = zeros(&[
            ("batch", self.batch.into()),
            ("attempts", self.attempts.into()),
            ("confirm_timeout_seconds", self.confirm_timeout_seconds.into()),
        ]);
        let url = self.url.expose();
        // one that is not set is told of already
        let known = ["amqp://", "amqps://", "${"].iter().any(|start| url.starts_with(start));
        if url.is_empty() {
            let detail = "missing; write url = \"${env:MUARA_BROKER_URL}\", or remove [broker]";
            wrong.push(SettingsError::value("url", detail));
        } else if !known {
            // the value is not repeated: a password may stand in it
            wrong.push(SettingsError::value("url", "must begin with amqp:// or amqps://"));
        }
        wrong
    }
}

impl Log {
    fn wrong(&self) -> Vec<SettingsError> {
        let filter = EnvFilter::try_new(&self.filter).map(drop);
        filter.err().map(|error| SettingsError::value("filter", error.to_string())).into_iter().collect()
    }
}
