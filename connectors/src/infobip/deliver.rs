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
    quota::Quota,
    settings::{ChannelSettings, SettingsError},
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
    /// Where reports of what became of a message are posted: this channel's public address, perhaps with its secret.
    notify_url: Option<SecretString>,
}

impl SendSettings {
    pub(super) fn check(&self) -> Vec<SettingsError> {
        let mut errors: Vec<_> = client::check_address("send.api_url", &self.api_url).into_iter().collect();
        if let Some(url) = &self.notify_url {
            errors.extend(client::check_address("send.notify_url", url.expose_secret()));
        }
        errors
    }
}

/// A citizen's number as this channel writes to it.
pub(super) fn address(contact: &Contact) -> Option<ReturnAddress> {
    contact.phone.as_ref().map(|phone| ReturnAddress(json!({ "to": phone.trim_start_matches('+') })))
}

/// The account.
pub(super) struct Account {
    settings: SendSettings,
    quota: Quota,
}

impl Account {
    /// The channel's account, if it sends.
    pub(super) fn of(channel: &ChannelSettings) -> Option<Self> {
        let settings = channel.own::<Option<SendSettings>>()?.clone()?;
        Some(Self { settings, quota: channel.quota().clone() })
    }
}

impl Deliver for Account {
    fn deliver<'a>(
        &'a self,
        to: &'a ReturnAddress,
        message: &'a Outgoing,
    ) -> BoxFuture<'a, Result<Sent, DeliverError>> {
        Box::pin(async move {
            let settings = &self.settings;
            let member = |name: &str| value::member(&to.0, name).ok().flatten();
            let number = member("to").ok_or(DeliverError::Address)?;
            let Some(from) = member("from").or_else(|| settings.from.clone()) else {
                let answer = "no number of ours to send from: set send.from".to_owned();
                return Err(DeliverError::Refused { answer });
            };
            let mut sms = json!({
                "sender": from,
                // the same in every attempt: Infobip knows by it what it has, and a report names it
                "destinations": [{ "to": number, "messageId": message.id.to_string() }],
                "content": { "text": message.text_with_files() },
            });
            if let Some(url) = &settings.notify_url {
                sms["webhooks"] =
                    json!({ "contentType": "application/json", "delivery": { "url": url.expose_secret() } });
            }
            let url = format!("{}/sms/3/messages", settings.api_url.trim_end_matches('/'));
            let request = client::sending()?
                .post(url)
                .header(header::AUTHORIZATION, format!("App {}", settings.api_key.expose_secret()))
                .json(&json!({ "messages": [sms] }));
            let response = client::send(request, &self.quota, "messages").await?;
            let body = client::answer(client::taken(response)?).await.unwrap_or_default();
            let taken = body.pointer("/messages/0").cloned().unwrap_or_default();
            if let Some(error) = refused(&taken) {
                return Err(error);
            }
            let id = value::member(&taken, "messageId").ok().flatten();
            Ok(Sent::one(id.unwrap_or_else(|| message.id.to_string())))
        })
    }
}

/// What the status within a good answer says against the message.
fn refused(message: &Value) -> Option<DeliverError> {
    let Some(DeliveryState::Failed { detail, other_way }) = state(message) else { return None };
    let answer = detail;
    Some(match message.pointer("/status/name").and_then(Value::as_str).unwrap_or_default() {
        // an earlier attempt, whose answer was lost, has arrived
        "REJECTED_DUPLICATE_MESSAGE_ID" => return None,
        // the account's or the sender's, which the operator mends; messages wait
        "REJECTED_NOT_ENOUGH_CREDITS"
        | "REJECTED_PREPAID_PACKAGE_EXPIRED"
        | "REJECTED_SENDER"
        | "REJECTED_SOURCE" => DeliverError::Refused { answer },
        "REJECTED_FLOODING_FILTER" => DeliverError::Throttled { retry_after: None },
        "REJECTED_SYSTEM_ERROR" => DeliverError::Vendor { answer },
        "REJECTED_DND" => DeliverError::Blocked { answer },
        _ if other_way => DeliverError::NoRecipient { answer },
        _ => DeliverError::Rejected { answer },
    })
}

/// What the `status` of a message says; nothing for those on the way.
pub(super) fn state(message: &Value) -> Option<DeliveryState> {
    let text = |path: &str| message.pointer(path).and_then(Value::as_str).unwrap_or_default();
    let group = text("/status/groupName");
    let detail = || format!("{group}, {}", text("/status/name"));
    Some(match group {
        // where the network tells no more, nobody knows of the phone
        "DELIVERED" if text("/status/name") == "DELIVERED_TO_OPERATOR" => DeliveryState::Sent,
        "DELIVERED" => DeliveryState::Delivered,
        "UNDELIVERABLE" | "EXPIRED" => DeliveryState::Failed { detail: detail(), other_way: true },
        "REJECTED" => {
            // a wrong or blocked destination is the citizen's end, anything else is ours
            let name = text("/status/name");
            let theirs = ["DESTINATION", "BLACKLIST", "DND", "NETWORK", "PREFIX_MISSING", "ROUTE"];
            let other_way = theirs.iter().any(|word| name.contains(word));
            DeliveryState::Failed { detail: detail(), other_way }
        }
        _ => return None,
    })
}
