//! Values that need care: secrets, and references to the environment and to files.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use muara_normalizer::identity::{PrivacyKey, WeakPrivacyKey};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

use super::ConfigError;

/// A secret text: never in `Debug`, never written out again.
#[derive(Clone, Default)]
pub struct Secret(pub SecretString);

/// A value of another type is not repeated in the error, as serde would do: it is a secret all the same.
impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        match toml::Value::deserialize(input) {
            Ok(toml::Value::String(text)) => Ok(Self(text.into())),
            _ => Err(D::Error::custom("expected a text in quotes")),
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, output: S) -> Result<S::Ok, S::Error> {
        output.serialize_str("")
    }
}

impl JsonSchema for Secret {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Secret".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string" })
    }
}

/// Where the privacy key comes from.
#[derive(Clone, Debug)]
pub enum PrivacyKeySource {
    /// It is configured.
    Given(PrivacyKey),
    /// Its file is not there yet: made on the first start, readable only by its owner.
    Made(PathBuf),
}

impl PrivacyKeySource {
    /// The key; makes the file on the first start.
    ///
    /// # Errors
    /// The file cannot be made, or holds too short a key.
    pub fn key(&self) -> Result<PrivacyKey, ConfigError> {
        match self {
            Self::Given(key) => Ok(key.clone()),
            Self::Made(file) => make(file),
        }
    }
}

fn make(file: &Path) -> Result<PrivacyKey, ConfigError> {
    use std::{fs, io::Write, os::unix::fs::OpenOptionsExt};

    let refuse = |source| ConfigError::File { file: file.to_owned(), source };
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| refuse(error.into()))?;
    let text = hex::encode(bytes);
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).map_err(refuse)?;
    }
    let made = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
    match made {
        Ok(mut made) => {
            made.write_all(text.as_bytes()).and_then(|()| made.sync_all()).map_err(refuse)?;
            tracing::info!(file = %file.display(), "Made the privacy key. Keep a copy of it in a safe place: without it no reporter can be recognised again.");
            privacy_key(&text)
        }
        // another start made it a moment ago
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            privacy_key(&fs::read_to_string(file).map_err(refuse)?)
        }
        Err(error) => Err(refuse(error)),
    }
}

pub(super) fn privacy_key(text: &str) -> Result<PrivacyKey, ConfigError> {
    PrivacyKey::new(text).map_err(|WeakPrivacyKey| ConfigError::WeakPrivacyKey)
}

/// A reference that leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unresolved {
    /// The key with the tables above it, joined by dots.
    pub(super) key: String,
    /// What is not there, in words.
    pub(super) what: String,
    /// The file, where a whole value is a file that is not there.
    pub(super) file: Option<PathBuf>,
}

/// Puts the environment and files into every text of a table. What cannot be resolved stays as it is and is returned.
pub(super) fn resolve(
    table: &mut toml::Table,
    base: &Path,
    env: &dyn Fn(&str) -> Option<String>,
) -> Vec<Unresolved> {
    let mut unresolved = Vec::new();
    for (key, value) in table.iter_mut() {
        walk(value, key, base, env, &mut unresolved);
    }
    unresolved
}

fn walk(
    value: &mut toml::Value,
    key: &str,
    base: &Path,
    env: &dyn Fn(&str) -> Option<String>,
    unresolved: &mut Vec<Unresolved>,
) {
    match value {
        toml::Value::String(text) if text.contains("${") => match replace(text, base, env) {
            Ok(resolved) => *text = resolved,
            Err((what, file)) => unresolved.push(Unresolved { key: key.to_owned(), what, file }),
        },
        toml::Value::Table(table) => {
            for (name, value) in table.iter_mut() {
                walk(value, &format!("{key}.{name}"), base, env, unresolved);
            }
        }
        toml::Value::Array(values) => {
            for (place, value) in values.iter_mut().enumerate() {
                walk(value, &format!("{key}[{place}]"), base, env, unresolved);
            }
        }
        _ => {}
    }
}

type Missing = (String, Option<PathBuf>);

fn replace(text: &str, base: &Path, env: &dyn Fn(&str) -> Option<String>) -> Result<String, Missing> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, reference)) = rest.split_once("${") {
        // `$${` stands for `${`
        if let Some(before) = before.strip_suffix('$') {
            out.push_str(before);
            out.push_str("${");
            rest = reference;
            continue;
        }
        let Some((inside, after)) = reference.split_once('}') else {
            return Err((format!("`${{{reference}` has no closing brace"), None));
        };
        out.push_str(before);
        match inside.split_once(':') {
            Some(("env", reference)) => {
                // as in a shell: `NAME:-what stands for it`
                let (name, instead) = match reference.split_once(":-") {
                    Some((name, instead)) => (name, Some(instead)),
                    None => (reference, None),
                };
                match (env(name), instead) {
                    (Some(value), _) if !value.is_empty() => out.push_str(&value),
                    (_, Some(instead)) => out.push_str(instead),
                    _ => return Err((format!("environment variable {name} is not set"), None)),
                }
            }
            Some(("file", path)) => {
                let path = base.join(path);
                let read = std::fs::read_to_string(&path).map_err(|error| {
                    let whole = before.is_empty() && after.is_empty() && out.is_empty();
                    let absent = whole && error.kind() == std::io::ErrorKind::NotFound;
                    (format!("cannot read {}: {error}", path.display()), absent.then(|| path.clone()))
                })?;
                out.push_str(read.trim_end_matches(['\n', '\r']));
            }
            _ => return Err((format!("`${{{inside}}}` is neither ${{env:NAME}} nor ${{file:PATH}}"), None)),
        }
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

/// The text of a secret, for the one place that needs it.
impl Secret {
    /// The secret itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}
