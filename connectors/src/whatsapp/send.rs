//! Answers: text while the window is open, else the channel's template.
//!
//! Documented at <https://developers.facebook.com/docs/whatsapp/cloud-api/guides/send-messages>.

use futures_util::future::BoxFuture;
use muara_normalizer::{draft::ReturnAddress, phone};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    deliver::{Contact, Deliver, DeliverError, Outgoing, Sent},
    meta::{
        conversation::{day, heard_within},
        graph::{self, Graph},
        text,
    },
    parts::{self, Limit, Progress},
    settings::{self, ChannelSettings, OwnSettings, SettingsError},
};

/// Longest text message in characters.
const TEXT: Limit = Limit::Chars(4096);

/// The connector's own keys.
#[derive(Clone, Deserialize)]
pub(super) struct Settings {
    /// The word that Meta repeats when the endpoint is set up.
    pub(super) verify_token: SecretString,
    /// The number's id: what comes for another one is kept apart.
    pub(super) phone_number_id: Option<String>,
    /// The token of the business. Without it nothing is answered and no file is fetched.
    pub(super) access_token: Option<SecretString>,
    /// The Graph API with its version.
    #[serde(default = "graph::api_url")]
    pub(super) api_url: String,
    /// Hours after the citizen's last message in which any text may be sent.
    #[serde(default = "day")]
    window_hours: u32,
    /// What may be sent at any time.
    template: Option<Template>,
}

/// An approved template.
#[derive(Clone, Deserialize)]
struct Template {
    name: String,
    language: String,
    /// What stands for `{{1}}`, `{{2}}` … of its body.
    #[serde(default = "text_alone")]
    parameters: Vec<Parameter>,
    /// Longest text in one parameter, in characters: a body has 1024 of them, its own words included.
    #[serde(default = "most_of_a_body")]
    text_limit: usize,
}

/// What stands for a number in a template.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Parameter {
    /// The message.
    Text,
    /// The complaint's reference.
    Reference,
}

fn text_alone() -> Vec<Parameter> {
    vec![Parameter::Text]
}

fn most_of_a_body() -> usize {
    900
}

/// Reads and checks the keys.
pub(super) fn settings(table: toml::Table) -> Result<OwnSettings, Vec<SettingsError>> {
    let read: Settings = settings::read(table)?;
    let mut errors: Vec<_> = graph::check_api_url(&read.api_url).into_iter().collect();
    if read.access_token.is_some() && read.phone_number_id.is_none() {
        errors.push(SettingsError::value("phone_number_id", "needed for answers (access_token is set)"));
    }
    if read.template.as_ref().is_some_and(|template| template.text_limit == 0) {
        errors.push(SettingsError::value("template.text_limit", "must be at least 1"));
    }
    if errors.is_empty() { Ok(OwnSettings::new(read)) } else { Err(errors) }
}

/// Where an answer goes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Address {
    /// The number without a plus.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) to: Option<String>,
    /// The citizen's id at this business, where the number is hidden.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) recipient: Option<String>,
    /// The message that is answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) message: Option<String>,
    /// Whether the citizen never wrote here: no window is open.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) unheard: bool,
}

impl From<Address> for ReturnAddress {
    fn from(address: Address) -> Self {
        let mut members = serde_json::Map::new();
        for (name, value) in
            [("to", address.to), ("recipient", address.recipient), ("message", address.message)]
        {
            members.extend(value.map(|value| (name.to_owned(), value.into())));
        }
        if address.unheard {
            members.insert("unheard".to_owned(), true.into());
        }
        Self(members.into())
    }
}

/// The address of a number that wrote by another channel: only a template gets there.
pub(super) fn address(contact: &Contact, channel: &ChannelSettings) -> Option<ReturnAddress> {
    let settings = channel.own::<Settings>()?;
    settings.access_token.as_ref().and(settings.template.as_ref())?;
    let number = phone::to_e164(contact.phone.as_deref()?)?;
    let to = Some(number.trim_start_matches('+').to_owned());
    Some(Address { to, recipient: None, message: None, unheard: true }.into())
}

/// Opens the number; nothing where there is no token.
pub(super) fn open(channel: &ChannelSettings) -> Option<Box<dyn Deliver>> {
    let settings = channel.own::<Settings>()?;
    let graph = Graph::new(&settings.api_url, settings.access_token.as_ref()?, channel)?;
    Some(Box::new(Number {
        graph,
        id: settings.phone_number_id.clone()?,
        window_hours: settings.window_hours,
        template: settings.template.clone(),
        progress: Progress::default(),
    }))
}

struct Number {
    graph: Graph,
    id: String,
    window_hours: u32,
    template: Option<Template>,
    progress: Progress,
}

impl Deliver for Number {
    fn deliver<'a>(
        &'a self,
        to: &'a ReturnAddress,
        message: &'a Outgoing,
    ) -> BoxFuture<'a, Result<Sent, DeliverError>> {
        Box::pin(async move {
            let address: Address = serde_json::from_value(to.0.clone()).map_err(|_| DeliverError::Address)?;
            if address.to.is_none() && address.recipient.is_none() {
                return Err(DeliverError::Address);
            }
            if !address.unheard && heard_within(message, self.window_hours) {
                match self.text(&address, message).await {
                    // by Meta's clock it is closed already
                    Err(DeliverError::WindowClosed) => {}
                    sent => return sent,
                }
            }
            let template = self.template.as_ref().ok_or(DeliverError::WindowClosed)?;
            self.template(&address, message, template).await
        })
    }
}

impl Number {
    async fn text(&self, address: &Address, message: &Outgoing) -> Result<Sent, DeliverError> {
        let text = message.text_with_files();
        let parts = parts::parts(&text, TEXT)?;
        for (number, part) in parts.iter().enumerate().skip(self.progress.of(message.id, "text")) {
            let mut body = envelope(address, message, "text");
            body["text"] = json!({ "body": part, "preview_url": false });
            if let (0, Some(answered)) = (number, &address.message) {
                body["context"] = json!({ "message_id": answered });
            }
            self.post(message, "text", &body).await?;
        }
        Ok(self.progress.end(message.id))
    }

    async fn template(
        &self,
        address: &Address,
        message: &Outgoing,
        template: &Template,
    ) -> Result<Sent, DeliverError> {
        let text = in_one_line(&message.text_with_files());
        let reference = message.reference.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
        let parts = if template.parameters.contains(&Parameter::Text) {
            parts::parts(&text, Limit::Chars(template.text_limit))?
        } else {
            vec![text.as_str()]
        };
        for part in parts.into_iter().skip(self.progress.of(message.id, "template")) {
            let parameters: Vec<Value> = template
                .parameters
                .iter()
                .map(|parameter| match parameter {
                    Parameter::Text => json!({ "type": "text", "text": part }),
                    Parameter::Reference => json!({ "type": "text", "text": reference }),
                })
                .collect();
            let mut body = envelope(address, message, "template");
            body["template"] = json!({ "name": template.name, "language": { "code": template.language } });
            if !parameters.is_empty() {
                body["template"]["components"] = json!([{ "type": "body", "parameters": parameters }]);
            }
            self.post(message, "template", &body).await?;
        }
        Ok(self.progress.end(message.id))
    }

    async fn post(&self, message: &Outgoing, form: &'static str, body: &Value) -> Result<(), DeliverError> {
        let taken = self.graph.post(&[&self.id, "messages"], body).await.map_err(|failure| failure.error)?;
        let first = taken.get("messages").and_then(|messages| messages.get(0));
        let id = first.and_then(|first| text(first, &["id"]).ok().flatten());
        self.progress.add(message.id, form, id);
        Ok(())
    }
}

fn envelope(address: &Address, message: &Outgoing, kind: &str) -> Value {
    let mut body = json!({
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "type": kind,
        // comes back with the reports
        "biz_opaque_callback_data": message.id,
    });
    match (&address.to, &address.recipient) {
        (Some(to), _) => body["to"] = to.as_str().into(),
        (None, Some(recipient)) => body["recipient"] = recipient.as_str().into(),
        (None, None) => {}
    }
    body
}

/// A parameter has neither line feeds nor tabs nor many spaces.
fn in_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
