//! Files into tables, tables into settings.

use std::{
    fs,
    path::{Path, PathBuf},
};

use muara_connectors::settings;
use muara_normalizer::polygons::Polygons;
use serde::de::DeserializeOwned;

use super::{
    Broker, Config, ConfigError, ConfigErrors, Console, Places, Secret, Telemetry, Watch, channels, check,
    value::{PrivacyKeySource, Unresolved, privacy_key, resolve},
};

/// Where the privacy key is kept if nothing is said.
const PRIVACY_KEY: &str = "${file:secrets/privacy.key}";

/// Reads a file and `conf.d/*.toml` beside it, and checks everything.
///
/// # Errors
/// All that is wrong.
pub fn load(file: &Path) -> Result<Config, ConfigErrors> {
    let mut errors = Vec::new();
    let mut table = toml::Table::new();
    let base = file.parent().unwrap_or(Path::new(".")).to_owned();
    for part in parts(file, &base, &mut errors) {
        match fs::read_to_string(&part) {
            Err(source) => errors.push(ConfigError::File { file: part, source }),
            Ok(text) => match text.parse::<toml::Table>() {
                Err(error) => errors.push(syntax(part, &text, &error)),
                Ok(more) => merge(&mut table, more, "", &part, &mut errors),
            },
        }
    }
    finish(table, base, errors, &|name| std::env::var(name).ok())
}

/// Checks a configuration given as text; relative paths count from `base`.
///
/// # Errors
/// All that is wrong.
pub fn parse(text: &str, base: &Path, env: &dyn Fn(&str) -> Option<String>) -> Result<Config, ConfigErrors> {
    let table = text
        .parse::<toml::Table>()
        .map_err(|error| ConfigErrors(vec![syntax(PathBuf::from("configuration"), text, &error)]))?;
    finish(table, base.to_owned(), Vec::new(), env)
}

/// Where a file breaks off being TOML. The parser's own words would show the line, and a secret may stand on it.
fn syntax(file: PathBuf, text: &str, error: &toml::de::Error) -> ConfigError {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    ConfigError::Syntax { file, detail: format!("line {line}, column {column}: {}", error.message().trim()) }
}

/// The file and what lies in `conf.d` beside it, in order of name.
fn parts(file: &Path, base: &Path, errors: &mut Vec<ConfigError>) -> Vec<PathBuf> {
    let folder = base.join("conf.d");
    let mut more = Vec::new();
    match fs::read_dir(&folder) {
        Ok(entries) => {
            let files = entries.filter_map(Result::ok).map(|entry| entry.path());
            more.extend(files.filter(|path| path.extension().is_some_and(|ending| ending == "toml")));
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(source) => errors.push(ConfigError::File { file: folder, source }),
    }
    more.sort();
    std::iter::once(file.to_owned()).chain(more).collect()
}

fn merge(into: &mut toml::Table, from: toml::Table, above: &str, file: &Path, errors: &mut Vec<ConfigError>) {
    for (name, value) in from {
        let key = if above.is_empty() { name.clone() } else { format!("{above}.{name}") };
        match (into.get_mut(&name), value) {
            (None, value) => {
                into.insert(name, value);
            }
            (Some(toml::Value::Table(into)), toml::Value::Table(from)) => {
                merge(into, from, &key, file, errors)
            }
            (Some(_), _) => errors.push(ConfigError::Twice { file: file.to_owned(), key }),
        }
    }
}

fn finish(
    mut table: toml::Table,
    base: PathBuf,
    mut errors: Vec<ConfigError>,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Config, ConfigErrors> {
    let privacy = table.entry("privacy").or_insert_with(|| toml::Value::Table(toml::Table::new()));
    if let Some(privacy) = privacy.as_table_mut() {
        privacy.entry("key").or_insert_with(|| PRIVACY_KEY.into());
    }
    let mut unresolved = resolve(&mut table, &base, env);
    let privacy = privacy_source(&mut table, &mut unresolved, &mut errors);

    let mut tables = Tables { table, errors };
    let listen = tables.take("listen");
    let store = tables.take("store");
    let intake = tables.take("intake");
    let desk = tables.take("desk");
    let console = tables.take("console");
    let media = tables.take("media");
    let gather = tables.take("gather");
    let duplicates = tables.take("duplicates");
    let log = tables.take("log");
    let telemetry: Telemetry = tables.take("telemetry");
    let broker = tables.table.contains_key("broker").then(|| tables.take::<Broker>("broker"));
    let watch: Watch = tables.take("watch");
    let clocks = watch.read_holidays(&base).and_then(|days| Ok((watch.clocks(days.clone())?, days)));
    let clocks = clocks.map_err(|error| {
        tables.errors.push(ConfigError::Setting { table: "watch".to_owned(), error });
    });
    let retention = tables.take("retention");
    let places: Places = tables.take("places");
    let polygons = places.polygons(&base).unwrap_or_else(|error| {
        tables.errors.push(ConfigError::Setting { table: "places".to_owned(), error });
        Polygons::default()
    });
    let wrong = check::tables((&store, broker.as_ref(), &intake, &desk, &media, &duplicates, &log), &base);
    let of_console = Console::wrong(&console).into_iter().map(|error| ("console", error));
    let of_silence = watch.silence.wrong().into_iter().map(|error| ("watch.silence", error));
    let of_telemetry = telemetry.wrong().into_iter().map(|error| ("telemetry", error));
    let wrong = wrong.into_iter().chain(of_console).chain(of_silence).chain(of_telemetry);
    let wrong = wrong.map(|(table, error)| ConfigError::Setting { table: table.to_owned(), error });
    tables.errors.extend(wrong);
    let table = tables.take_table("channels");
    let Tables { table: rest, mut errors } = tables;
    errors.extend(rest.into_iter().map(|(name, _)| ConfigError::UnknownTable { name }));

    let (of_channels, elsewhere): (Vec<_>, Vec<_>) =
        unresolved.into_iter().partition(|missing| missing.key.starts_with("channels."));
    errors.extend(
        elsewhere.into_iter().map(|Unresolved { key, what, .. }| ConfigError::Unresolved { key, what }),
    );
    let channels = channels::read(table, &of_channels, (&gather, &watch.silence), &mut errors);
    match (privacy, clocks) {
        (Some(privacy), Ok((clocks, holidays))) if errors.is_empty() => Ok(Config {
            watch,
            clocks,
            holidays,
            retention,
            listen,
            store,
            broker,
            privacy,
            intake,
            desk,
            console,
            media,
            gather,
            duplicates,
            places,
            polygons,
            log,
            telemetry,
            channels,
            base,
        }),
        _ => Err(ConfigErrors(errors)),
    }
}

/// The one file that may be absent: it is made on the first start.
fn privacy_source(
    table: &mut toml::Table,
    unresolved: &mut Vec<Unresolved>,
    errors: &mut Vec<ConfigError>,
) -> Option<PrivacyKeySource> {
    #[derive(serde::Deserialize)]
    struct Privacy {
        key: Secret,
    }
    let absent = unresolved.iter().position(|missing| missing.key == "privacy.key" && missing.file.is_some());
    let made = absent.and_then(|place| unresolved.remove(place).file);
    let mut tables = Tables { table: std::mem::take(table), errors: Vec::new() };
    let given = tables.take_table("privacy");
    *table = tables.table;
    errors.append(&mut tables.errors);
    match settings::read::<Privacy>(given) {
        Err(wrong) => {
            errors.extend(
                wrong.into_iter().map(|error| ConfigError::Setting { table: "privacy".to_owned(), error }),
            );
            None
        }
        Ok(_) if made.is_some() => made.map(PrivacyKeySource::Made),
        Ok(privacy) => privacy_key(privacy.key.expose())
            .map_err(|error| errors.push(error))
            .ok()
            .map(PrivacyKeySource::Given),
    }
}

struct Tables {
    table: toml::Table,
    errors: Vec<ConfigError>,
}

impl Tables {
    fn take_table(&mut self, name: &str) -> toml::Table {
        match self.table.remove(name) {
            Some(toml::Value::Table(table)) => table,
            None => toml::Table::new(),
            Some(_) => {
                self.errors.push(ConfigError::NotATable { name: name.to_owned() });
                toml::Table::new()
            }
        }
    }

    fn take<T: DeserializeOwned + Default>(&mut self, name: &str) -> T {
        let table = self.take_table(name);
        settings::read(table).unwrap_or_else(|wrong| {
            self.errors.extend(
                wrong.into_iter().map(|error| ConfigError::Setting { table: name.to_owned(), error }),
            );
            T::default()
        })
    }
}
