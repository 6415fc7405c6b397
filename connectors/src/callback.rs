//! Answers by an HTTP request to an address of the vendor: for sources that have no messages of their own, but want to
//! hear how their report stands. The request is put together by a template, so that no code is needed for it:
//!
//! ```toml
//! [channels.balai_warga.callback]
//! url = "https://vendor.example/reports/{id}/status"
//! method = "POST"                                 # or "PUT", "PATCH"
//! headers = { Authorization = "Bearer ${env:BALAI_WARGA_TOKEN}" }
//! body = "json"                                   # or "form"
//! fields = { nomor = "{reference}", status = "{status}", keterangan = "{text}" }
//! sign = { header = "X-Signature", prefix = "sha256=" }   # hex HMAC-SHA256 of the body by the channel's secret
//! ```
//! Variables: `{id}` the vendor's id of the report, `{reference}`, `{status}` as the core CRM names it, `{state}` one of
//! `wait`, `process` and `complete`, `{words}` the core CRM's own words, `{text}` the whole message with its files' addresses
//! below it, `{files}` these alone, one a line. A field that comes out empty is left out.
//! `Idempotency-Key` names the reply: the same one in every attempt. All of it is for the reporter's eyes; nothing here is
//! said where everybody reads it.

use std::{collections::BTreeMap, sync::Arc};

use futures_util::future::BoxFuture;
use hmac::{Hmac, KeyInit, Mac};
use muara_normalizer::{Draft, Status, draft::ReturnAddress};
use reqwest::{Method, StatusCode, Url, header};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};
use sha2::Sha256;

use crate::{
    client,
    deliver::{Deliver, DeliverError, Occasion, Outgoing, Sent},
    quota::Quota,
    settings::{self, ChannelSettings, OwnSettings, SettingsError},
    value,
};

/// What a connector's callback is, where its table says nothing else.
pub(crate) struct Defaults {
    /// The body's members.
    pub(crate) fields: &'static [(&'static str, &'static str)],
    /// The header with the body's signature, which is written as `sha256=<hex>`.
    pub(crate) sign: Option<&'static str>,
    /// The member that holds the channel's secret, where the vendor wants it in the body.
    pub(crate) token: Option<&'static str>,
}

/// A channel's callback, read and checked.
pub(crate) struct Callback {
    url: String,
    method: Method,
    headers: Vec<(header::HeaderName, SecretString)>,
    body: Body,
    fields: Vec<(String, String)>,
    sign: Option<Sign>,
    token: Option<&'static str>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Body {
    #[default]
    Json,
    Form,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Verb {
    #[default]
    Post,
    Put,
    Patch,
}

#[derive(Clone, Deserialize)]
struct Sign {
    header: String,
    #[serde(default)]
    prefix: String,
}

#[derive(Deserialize)]
struct Written {
    url: String,
    #[serde(default)]
    method: Verb,
    #[serde(default)]
    headers: BTreeMap<String, SecretString>,
    #[serde(default)]
    body: Body,
    fields: Option<BTreeMap<String, String>>,
    sign: Option<Sign>,
}

const VARIABLES: [&str; 7] = ["id", "reference", "status", "state", "words", "text", "files"];

impl Callback {
    /// Takes `callback` out of a channel's table.
    pub(crate) fn take(
        table: &mut toml::Table,
        defaults: &Defaults,
        errors: &mut Vec<SettingsError>,
    ) -> Option<Self> {
        let written = match table.remove("callback")? {
            toml::Value::Table(written) => written,
            _ => {
                errors.push(SettingsError::value("callback", "expected a table with `url`"));
                return None;
            }
        };
        let written: Written = match settings::read(written) {
            Ok(written) => written,
            Err(found) => {
                errors.extend(found.into_iter().map(|error| error.under("callback")));
                return None;
            }
        };
        let before = errors.len();
        errors.extend(client::check_address("callback.url", &filled(&written.url, |_| "x".to_owned())));
        errors.extend(unknown_variable("callback.url", &written.url));
        let mut headers = Vec::new();
        for (name, text) in written.headers {
            let readable = header::HeaderValue::from_str(text.expose_secret()).is_ok();
            match name.parse() {
                Ok(parsed) if readable => headers.push((parsed, text)),
                _ => {
                    errors.push(SettingsError::value(format!("callback.headers.{name}"), "is no HTTP header"))
                }
            }
        }
        let fields: Vec<_> = match written.fields {
            Some(fields) => fields.into_iter().collect(),
            None => {
                defaults.fields.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
            }
        };
        for (name, text) in &fields {
            errors.extend(unknown_variable(&format!("callback.fields.{name}"), text));
        }
        let usual = defaults.sign.map(|name| Sign { header: name.to_owned(), prefix: "sha256=".to_owned() });
        let sign = written.sign.or(usual);
        if sign.as_ref().is_some_and(|sign| sign.header.parse::<header::HeaderName>().is_err()) {
            errors.push(SettingsError::value("callback.sign.header", "is no HTTP header"));
        }
        (errors.len() == before).then_some(Self {
            url: written.url,
            method: match written.method {
                Verb::Post => Method::POST,
                Verb::Put => Method::PUT,
                Verb::Patch => Method::PATCH,
            },
            headers,
            body: written.body,
            fields,
            sign,
            token: defaults.token,
        })
    }

    /// Opens the callback of a channel for sending.
    pub(crate) fn open(self: &Arc<Self>, channel: &ChannelSettings) -> Box<dyn Deliver> {
        let (secret, quota) = (channel.secret.clone(), channel.quota().clone());
        Box::new(Caller { callback: Arc::clone(self), secret, quota })
    }
}

/// Reads a channel's table with a `callback` in it; all that is wrong is listed at once.
pub(crate) fn settings<S: DeserializeOwned, T: Send + Sync + 'static>(
    mut table: toml::Table,
    defaults: &Defaults,
    check: impl FnOnce(S, Option<Arc<Callback>>) -> Result<T, Vec<SettingsError>>,
) -> Result<OwnSettings, Vec<SettingsError>> {
    let mut errors = Vec::new();
    let callback = Callback::take(&mut table, defaults, &mut errors).map(Arc::new);
    match settings::read(table).and_then(|read| check(read, callback)) {
        Err(found) => errors.extend(found),
        Ok(checked) if errors.is_empty() => return Ok(OwnSettings::new(checked)),
        Ok(_) => {}
    }
    Err(errors)
}

/// The draft with the address by which its callback knows it.
pub(crate) fn answerable(draft: Draft) -> Draft {
    let address = draft.external_id.as_ref().map(|id| ReturnAddress(json!({ "id": id.as_str() })));
    Draft { return_address: address, ..draft }
}

/// Replaces every `{name}`; what is none of the variables stays, which the check does not let pass.
fn filled(template: &str, variable: impl Fn(&str) -> String) -> String {
    let mut out = template.to_owned();
    for name in VARIABLES {
        let written = format!("{{{name}}}");
        if out.contains(&written) {
            out = out.replace(&written, &variable(name));
        }
    }
    out
}

fn unknown_variable(key: &str, template: &str) -> Option<SettingsError> {
    let rest = filled(template, |_| String::new());
    let braces = rest.contains('{') || rest.contains('}');
    let detail =
        format!("`{template}` has a variable that nobody fills; there are {{{}}}", VARIABLES.join("}, {"));
    braces.then(|| SettingsError::value(key, detail))
}

struct Caller {
    callback: Arc<Callback>,
    secret: Option<SecretString>,
    quota: Quota,
}

impl Deliver for Caller {
    fn deliver<'a>(
        &'a self,
        to: &'a ReturnAddress,
        message: &'a Outgoing,
    ) -> BoxFuture<'a, Result<Sent, DeliverError>> {
        Box::pin(async move {
            let id = value::member(&to.0, "id").ok().flatten().ok_or(DeliverError::Address)?;
            let request = self.request(&id, message)?;
            let response = client::send(request, &self.quota, "callback").await?;
            match response.status() {
                // the vendor knows this reply already: it was taken by an attempt whose answer was lost
                StatusCode::CONFLICT => Ok(Sent::default()),
                StatusCode::NOT_FOUND | StatusCode::GONE => {
                    let answer = format!("HTTP {}", response.status().as_u16());
                    Err(DeliverError::NoRecipient { answer })
                }
                _ => client::taken(response).map(|_| Sent::default()),
            }
        })
    }
}

impl Caller {
    fn request(&self, id: &str, message: &Outgoing) -> Result<reqwest::RequestBuilder, DeliverError> {
        let callback = &self.callback;
        let variable = |name: &str| match name {
            "id" => id.to_owned(),
            "reference" => message.reference.as_ref().map(ToString::to_string).unwrap_or_default(),
            "status" => message.status.as_ref().map(|status| status.name().to_owned()).unwrap_or_default(),
            "state" => state(message).to_owned(),
            "words" => message.words.clone().unwrap_or_default(),
            "files" => {
                let files: Vec<_> = message.attachments.iter().map(|file| file.url.as_str()).collect();
                files.join("\n")
            }
            _ => message.text_with_files().into_owned(),
        };
        let url = filled(&callback.url, |name| in_a_path(&variable(name)));
        let url = Url::parse(&url).map_err(|_| DeliverError::Address)?;
        let fields: Vec<(&str, String)> = callback
            .fields
            .iter()
            .map(|(name, template)| (name.as_str(), filled(template, variable)))
            .filter(|(_, text)| !text.is_empty())
            .collect();
        let token = callback.token.zip(self.secret.as_ref());
        let token = token.map(|(name, secret)| (name, secret.expose_secret().to_owned()));
        let fields: Vec<_> = token.into_iter().chain(fields).collect();
        let (content_type, body) = match callback.body {
            Body::Json => {
                let members: Map<_, _> =
                    fields.into_iter().map(|(name, text)| (name.to_owned(), Value::String(text))).collect();
                ("application/json", Value::Object(members).to_string())
            }
            Body::Form => {
                (value::FORM, serde_urlencoded::to_string(fields).map_err(|_| DeliverError::Address)?)
            }
        };
        let mut request = client::sending()?
            .request(callback.method.clone(), url)
            .header(header::CONTENT_TYPE, content_type)
            .header("Idempotency-Key", message.id.to_string());
        for (name, text) in &callback.headers {
            let mut text = header::HeaderValue::from_str(text.expose_secret()).map_err(|_| {
                DeliverError::Rejected { answer: "a header of the callback is none".to_owned() }
            })?;
            text.set_sensitive(true);
            request = request.header(name, text);
        }
        if let Some(sign) = &callback.sign {
            let Some(secret) = &self.secret else {
                let answer = "the channel has no secret to sign with".to_owned();
                return Err(DeliverError::Refused { answer });
            };
            let signature = hex::encode(mac(secret.expose_secret().as_bytes(), body.as_bytes()));
            request = request.header(&sign.header, format!("{}{signature}", sign.prefix));
        }
        Ok(request.body(body))
    }
}

/// A value as one segment of a path, whatever is in it.
fn in_a_path(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_~".contains(&byte) || (byte == b'.' && text.len() > 2) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

fn mac(key: &[u8], body: &[u8]) -> Vec<u8> {
    // an HMAC takes keys of any length
    Hmac::<Sha256>::new_from_slice(key).map_or_else(
        |_| Vec::new(),
        |mut mac| {
            mac.update(body);
            mac.finalize().into_bytes().to_vec()
        },
    )
}

/// The three states that the apps show: red, yellow, green.
fn state(message: &Outgoing) -> &'static str {
    match &message.status {
        Some(Status::Received | Status::Waiting | Status::Coordination | Status::Disposition) => "wait",
        Some(Status::Done | Status::Rejected | Status::Duplicate) => "complete",
        Some(
            Status::InProgress
            | Status::LongerWork
            | Status::AwaitingValidation
            | Status::FollowUpRejected
            | Status::Other(_),
        ) => "process",
        None if message.occasion == Occasion::Receipt => "wait",
        None => "",
    }
}
