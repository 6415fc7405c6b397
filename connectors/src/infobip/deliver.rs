//! Sending by Infobip's SMS API (<https://www.infobip.com/docs/api/channels/sms/outbound-sms/send-sms-messages>), and its
//! delivery reports (<https://www.infobip.com/docs/essentials/response-status-and-error-codes>).

use futures_util::future::BoxFuture;
use http::header;
use muara_normalizer::draft::ReturnAddress;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    client,
    connector::DeliveryState,
    deliver::{Contact, Deliver, DeliverError, Outgoing, Sent},
    settings::SettingsError,
    value,
};

/// `[channels.<id>.send]`.
#[derive(Clone, Deserialize)]
pub(super) struct SendSettings {
    /// The account's own address, e.g. `https://xxxxx.api.infobip.com`.
    api_url: String,
    /// The API key.
    api_key: SecretString,
    /// Our number or name, where the citizen's message does not say which of ours it came to.
    from: Option<String>,
    /// Where reports of what became of a message are posted: this channel's public address.
    notify_url: Option<String>,
}

impl SendSettings {
    pub(super) fn check(&self) -> Vec<SettingsError> {
        let mut errors: Vec<_> = client::check_address("send.api_url", &self.api_url).into_iter().collect();
        if let Some(url) = &self.notify_url {
            errors.extend(client::check_address("send.notify_url", url));
        }
        errors
    }
}

/// A citizen's number as this channel writes to it.
pub(super) fn address(contact: &Contact) -> Option<ReturnAddress> {
    contact.phone.as_ref().map(|phone| ReturnAddress(json!({ "to": phone.trim_start_matches('+') })))
}

impl Deliver for SendSettings {
    fn deliver<'a>(
        &'a self,
        to: &'a ReturnAddress,
        message: &'a Outgoing,
    ) -> BoxFuture<'a, Result<Sent, DeliverError>> {
        Box::pin(async move {
            let member = |name: &str| value::member(&to.0, name).ok().flatten();
            let number = member("to").ok_or(DeliverError::Address)?;
            let Some(from) = member("from").or_else(|| self.from.clone()) else {
                let answer = "no number of ours to send from: set send.from".to_owned();
                return Err(DeliverError::Refused { answer });
            };
            let mut sms = json!({
                "from": from,
                // the same in every attempt: a report names it
                "destinations": [{ "to": number, "messageId": message.id.to_string() }],
                "text": message.text_with_files(),
            });
            if let Some(url) = &self.notify_url {
                sms["notifyUrl"] = json!(url);
                sms["notifyContentType"] = json!("application/json");
            }
            let url = format!("{}/sms/2/text/advanced", self.api_url.trim_end_matches('/'));
            let response = client::shared()
                .map_err(client::unreachable)?
                .post(url)
                .header(header::AUTHORIZATION, format!("App {}", self.api_key.expose_secret()))
                .json(&json!({ "messages": [sms] }))
                .send()
                .await
                .map_err(client::unreachable)?;
            let body = client::answer(client::taken(response)?).await?;
            let taken = body.pointer("/messages/0").cloned().unwrap_or_default();
            let id = value::member(&taken, "messageId").ok().flatten();
            match refused(&taken) {
                Some(DeliveryState::Failed { detail, other_way: true }) => {
                    Err(DeliverError::NoRecipient { answer: detail })
                }
                Some(DeliveryState::Failed { detail, .. }) => Err(DeliverError::Rejected { answer: detail }),
                _ => Ok(Sent::one(id.unwrap_or_else(|| message.id.to_string()))),
            }
        })
    }
}

fn refused(message: &Value) -> Option<DeliveryState> {
    state(message).filter(|state| matches!(state, DeliveryState::Failed { .. }))
}

/// What the `status` of a message says; nothing for those on the way.
pub(super) fn state(message: &Value) -> Option<DeliveryState> {
    let text = |path: &str| message.pointer(path).and_then(Value::as_str).unwrap_or_default();
    let group = text("/status/groupName");
    let detail = || format!("{group}, {}", text("/status/name"));
    Some(match group {
        "DELIVERED" => DeliveryState::Delivered,
        "UNDELIVERABLE" | "EXPIRED" => DeliveryState::Failed { detail: detail(), other_way: true },
        "REJECTED" => {
            // a wrong or blocked destination is the citizen's end, anything else is ours
            let name = text("/status/name");
            let other_way =
                name.contains("DESTINATION") || name.contains("BLACKLIST") || name.contains("DND");
            DeliveryState::Failed { detail: detail(), other_way }
        }
        _ => return None,
    })
}
