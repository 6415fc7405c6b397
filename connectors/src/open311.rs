//! Open311: a GeoReport v2 server, by which civic apps hand requests in and read how they stand.
//!
//! Specified at <https://wiki.open311.org/GeoReport_v2/>. The gateway serves its paths under `/open311/{channel}`; a
//! request is a form:
//!
//! ```text
//! api_key=…&service_code=jalan&lat=-6.2088&long=106.8456&address_string=Jl.+Teuku+Umar&description=Lubang+besar
//!   &media_url=https%3A%2F%2Fapp.example%2F1.jpg&email=…&first_name=…&last_name=…&phone=…&device_id=…&account_id=…
//! ```
//! * The services are the city's categories; `service_code` is a category's code.
//! * Required are `service_code` and a place: `lat` and `long`, `address_string` or `address_id`.
//! * There is no id by which a request that is sent twice could be known, so equal words from the same reporter within
//!   minutes are one request and get the same `service_request_id`: the citizen's reference.
//! * Everybody may read how a request stands. What it says is shown to the client that handed it in; to all, if
//!   `public_details` says so. Who reported is shown to nobody.
//! * A status of the core CRM is the answer and is read here; its words are not, since everybody could read them.
//!
//! ```toml
//! [channels.open311]
//! connector = "open311"
//! keys = { "aplikasi-warga" = "${env:OPEN311_KEY_WARGA}" }   # a key for each client
//! public_url = "https://pengaduan.example"                   # before `/open311/…`, for the discovery document
//! ```

pub mod document;

use std::collections::BTreeMap;

use futures_util::future::BoxFuture;
use muara_normalizer::{
    Draft, category,
    draft::{Attachment, DraftPlace, DraftReporter, ReturnAddress},
};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    answer::{Answer, Outcome, Reply},
    client,
    connector::{Connector, Decoded},
    deliver::{Deliver, DeliverError, Occasion, Outgoing, Sent},
    fields::Fields,
    open311::document::Format,
    reject::Reject,
    settings::{self, ChannelSettings, OwnSettings, SettingsError},
    value,
    verify::{ApiKeys, Auth, Verified},
};

/// The connector.
pub static CONNECTOR: Connector = Connector {
    title: "Open311",
    docs: "https://wiki.open311.org/GeoReport_v2/",
    auth: Auth::ApiKeys { field: std::borrow::Cow::Borrowed(KEY) },
    media_types: &[value::FORM],
    answer: Answer::Own(answer),
    settings,
    decode,
    deliver: Some(|_| Some(Box::new(Shown))),
    ..Connector::WEBHOOK
};

/// The form's field with the client's key.
const KEY: &str = "api_key";
/// The longest description, by the specification.
const LONGEST_DESCRIPTION: usize = 4000;
/// What a request says whose service there is not: answered by 404.
pub const UNKNOWN_SERVICE: &str = "there is no service of this code";

/// The connector's own keys.
#[derive(Clone, Debug, Deserialize)]
pub struct Settings {
    /// The clients' keys by the clients' names.
    keys: BTreeMap<String, SecretString>,
    /// The public address before `/open311/…`.
    #[serde(default)]
    pub public_url: Option<String>,
    /// Whom developers may ask.
    #[serde(default)]
    pub contact: Option<String>,
    /// The jurisdiction that clients may name.
    #[serde(default)]
    pub jurisdiction_id: Option<String>,
    /// Whether everybody may read what requests say and where they are.
    #[serde(default)]
    pub public_details: bool,
}

fn settings(table: toml::Table) -> Result<OwnSettings, Vec<SettingsError>> {
    let read: Settings = settings::read(table)?;
    let mut errors: Vec<_> =
        read.public_url.iter().filter_map(|url| client::check_address("public_url", url)).collect();
    if read.keys.is_empty() {
        errors.push(SettingsError::value("keys", "give each client a key, e.g. { \"app\" = \"…\" }"));
    }
    for (name, key) in &read.keys {
        // a short key could be found by trying
        if key.expose_secret().trim().len() < 16 {
            errors.push(SettingsError::value(format!("keys.{name}"), "must have at least 16 characters"));
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    let keys = ApiKeys::new(read.keys.clone());
    Ok(OwnSettings::new(read).with_api_keys(keys))
}

/// What a request said, as it stands in its return address: all that is shown of it again.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Shows {
    /// The client that handed it in.
    pub client: String,
    /// The service's code.
    pub service_code: String,
    /// What was written.
    pub description: Option<String>,
    /// Degrees north.
    pub lat: Option<f64>,
    /// Degrees east.
    pub long: Option<f64>,
    /// The address as written.
    pub address: Option<String>,
    /// The client's own id of the address.
    pub address_id: Option<String>,
    /// The photo's address.
    pub media_url: Option<String>,
}

impl Shows {
    /// What a return address of this connector says.
    #[must_use]
    pub fn read(address: &ReturnAddress) -> Option<Self> {
        serde_json::from_value(address.0.clone()).ok()
    }
}

/// The city's categories as services: code and name.
pub fn services() -> impl Iterator<Item = (String, &'static str)> {
    category::names().filter_map(|name| Some((category::from_label(name)?.code, name)))
}

/// The name of a service.
#[must_use]
pub fn service_name(code: &str) -> Option<String> {
    category::from_label(code).filter(|service| service.code == code).map(|service| service.name)
}

fn decode(verified: &Verified<'_>) -> Result<Decoded, Reject> {
    let form = value::form(verified.body())?;
    let key = value::member(&form, KEY)?.unwrap_or_default();
    // a request out of quarantine may bear a key that is not in use any more
    let client = verified.settings().own.api_keys().and_then(|keys| keys.client(&key)).unwrap_or_default();
    draft(&form, client).map(Decoded::draft)
}

fn draft(form: &Value, client: &str) -> Result<Draft, Reject> {
    let text = |name: &str| value::member(form, name);
    let wrong =
        |field: &str, detail: &str| Reject::Field { field: field.to_owned(), detail: detail.to_owned() };
    let service_code = text("service_code")?.ok_or_else(|| Reject::missing("service_code"))?;
    let service_code = service_code.trim().to_owned();
    let service = service_name(&service_code).ok_or_else(|| wrong("service_code", UNKNOWN_SERVICE))?;
    let description = text("description")?;
    if description.as_ref().is_some_and(|text| text.chars().count() > LONGEST_DESCRIPTION) {
        return Err(wrong("description", "has more than 4000 characters"));
    }
    let fields = Fields(form);
    let (lat, long) = (fields.number("lat")?, fields.number("long")?);
    if lat.is_some_and(|lat| lat.abs() > 90.0) || long.is_some_and(|long| long.abs() > 180.0) {
        return Err(wrong("lat and long", "expected degrees of WGS 84"));
    }
    if lat.is_some() != long.is_some() {
        return Err(wrong("lat and long", "only one of the two is there"));
    }
    let (address, address_id) = (text("address_string")?, text("address_id")?);
    if lat.is_none() && address.is_none() && address_id.is_none() {
        return Err(Reject::missing("lat and long, address_string or address_id"));
    }
    let media_url = text("media_url")?;
    let name: Vec<_> = [text("first_name")?, text("last_name")?].into_iter().flatten().collect();
    let account = text("account_id")?.or(text("device_id")?);
    let shows = Shows {
        client: client.to_owned(),
        service_code,
        description: description.clone(),
        lat,
        long,
        address: address.clone(),
        address_id: address_id.clone(),
        media_url: media_url.clone(),
    };
    Ok(Draft {
        // without words the service alone says what is wrong
        title: if description.is_none() { Some(service.clone()) } else { None },
        text: with_attributes(description, form)?,
        category: Some(service),
        place: DraftPlace { lat, lon: long, address: address.or(address_id), ..DraftPlace::default() },
        reporter: DraftReporter {
            // accounts are each client's own
            id: account.map(|account| format!("{client}/{account}")),
            name: Some(name.join(" ")).filter(|name| !name.is_empty()),
            phone: text("phone")?,
            email: text("email")?,
            ..DraftReporter::default()
        },
        attachments: media_url.into_iter().map(|url| Attachment::Url { url, content_type: None }).collect(),
        return_address: serde_json::to_value(shows).ok().map(ReturnAddress),
        ..Draft::default()
    })
}

/// No service has attributes here; a client that sends some all the same means them, so they are kept below the words.
fn with_attributes(description: Option<String>, form: &Value) -> Result<String, Reject> {
    let mut text = description.unwrap_or_default();
    for name in form.as_object().into_iter().flat_map(|members| members.keys()) {
        let Some(code) = name.strip_prefix("attribute[").and_then(|rest| rest.split(']').next()) else {
            continue;
        };
        let values = match form.get(name) {
            Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "),
            _ => value::member(form, name)?.unwrap_or_default(),
        };
        if !values.trim().is_empty() {
            text = format!("{text}\n{code}: {values}").trim_start().to_owned();
        }
    }
    Ok(text)
}

fn answer(outcome: &Outcome<'_>) -> Reply {
    let ids = outcome.receipts.iter().map(|(_, reference)| reference.as_str());
    document::created(Format::Json, ids)
}

/// An answer is there for whoever asks: nothing is sent.
struct Shown;

impl Deliver for Shown {
    fn deliver<'a>(
        &'a self,
        to: &'a ReturnAddress,
        message: &'a Outgoing,
    ) -> BoxFuture<'a, Result<Sent, DeliverError>> {
        let answer = if Shows::read(to).is_none() {
            Err(DeliverError::Address)
        } else if message.occasion == Occasion::Receipt || message.status.is_some() {
            Ok(Sent::default())
        } else {
            // words alone would be read by everybody
            Err(DeliverError::OnlyPublic)
        };
        Box::pin(std::future::ready(answer))
    }
}

/// The client whose key this is.
#[must_use]
pub fn client<'a>(channel: &'a ChannelSettings, key: &str) -> Option<&'a str> {
    channel.own.api_keys()?.client(key)
}
