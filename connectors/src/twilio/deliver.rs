//! Sending by Twilio's Messages API (<https://www.twilio.com/docs/messaging/api/message-resource>), and what its status
//! callbacks say (<https://www.twilio.com/docs/messaging/guides/track-outbound-message-status>).

use futures_util::future::BoxFuture;
use http::header;
use muara_normalizer::draft::{Attachment, ReturnAddress};
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    client,
    connector::DeliveryState,
    deliver::{Contact, Deliver, DeliverError, Outgoing, Sent},
    media::{MediaError, MediaRequest, MediaSource},
    parts::{Limit, parts},
    quota::Quota,
    settings::{ChannelSettings, SettingsError},
    value,
};

/// `[channels.<id>.send]`; the auth token is the channel's secret.
#[derive(Clone, Deserialize)]
pub(super) struct SendSettings {
    /// The account (`AC…`) whose auth token the secret is.
    account_sid: String,
    /// Our number or name, where the citizen's message does not say which of ours it came to.
    from: Option<String>,
    /// A pool of our numbers that chooses instead.
    messaging_service_sid: Option<String>,
    /// Where reports of what became of a message are posted: this channel's public address.
    status_callback: Option<String>,
    /// The API.
    #[serde(default = "api")]
    api_url: String,
}

fn api() -> String {
    "https://api.twilio.com".to_owned()
}

/// Twilio takes texts of this many characters; it splits them into parts itself.
const MOST_CHARACTERS: usize = 1600;

impl SendSettings {
    pub(super) fn check(&self) -> Vec<SettingsError> {
        let mut errors: Vec<_> = client::check_address("send.api_url", &self.api_url).into_iter().collect();
        if let Some(url) = &self.status_callback {
            errors.extend(client::check_address("send.status_callback", url));
        }
        if self.account_sid.trim().is_empty() {
            errors.push(SettingsError::value("send.account_sid", "is empty"));
        }
        errors
    }
}

/// The account with its token.
pub(super) struct Account {
    settings: SendSettings,
    token: SecretString,
    quota: Quota,
}

impl Account {
    pub(super) fn of(settings: &SendSettings, channel: &ChannelSettings) -> Option<Self> {
        let token = channel.secret.clone()?;
        Some(Self { settings: settings.clone(), token, quota: channel.quota().clone() })
    }
}

/// A citizen's number as this channel writes to it.
pub(super) fn address(contact: &Contact, settings: &SendSettings) -> Option<ReturnAddress> {
    let phone = contact.phone.as_ref()?;
    let whatsapp = settings.from.as_ref().is_some_and(|from| from.starts_with("whatsapp:"));
    let to = if whatsapp { format!("whatsapp:{phone}") } else { phone.clone() };
    Some(ReturnAddress(json!({ "to": to })))
}

impl Deliver for Account {
    fn deliver<'a>(
        &'a self,
        to: &'a ReturnAddress,
        message: &'a Outgoing,
    ) -> BoxFuture<'a, Result<Sent, DeliverError>> {
        Box::pin(async move {
            let mut vendor_ids = Vec::new();
            for part in parts(&message.text_with_files(), Limit::Chars(MOST_CHARACTERS))? {
                vendor_ids.extend(self.send(to, part).await?);
            }
            Ok(Sent { vendor_ids })
        })
    }
}

impl Account {
    async fn send(&self, address: &ReturnAddress, text: &str) -> Result<Option<String>, DeliverError> {
        let member = |name: &str| value::member(&address.0, name).ok().flatten();
        let to = member("to").ok_or(DeliverError::Address)?;
        let mut form = vec![("To", to), ("Body", text.to_owned())];
        // the number the citizen wrote to answers; by another way the channel's own
        match (&self.settings.messaging_service_sid, member("from").or_else(|| self.settings.from.clone())) {
            (Some(service), _) => form.push(("MessagingServiceSid", service.clone())),
            (None, Some(from)) => form.push(("From", from)),
            (None, None) => {
                let answer = "no number of ours to send from: set send.from or send.messaging_service_sid";
                return Err(DeliverError::Refused { answer: answer.to_owned() });
            }
        }
        form.extend(self.settings.status_callback.clone().map(|url| ("StatusCallback", url)));
        let base = self.settings.api_url.trim_end_matches('/');
        let url = format!("{base}/2010-04-01/Accounts/{}/Messages.json", self.settings.account_sid);
        let request = client::sending()?
            .post(url)
            .basic_auth(&self.settings.account_sid, Some(self.token.expose_secret()))
            .form(&form);
        let response = client::send(request, &self.quota, "messages").await?;
        let (status, retry_after) = (response.status(), client::retry_after(response.headers()));
        if status.is_success() {
            // the message is taken, whatever can be read of the answer: sent again it would come twice
            let body = client::answer(response).await.unwrap_or_default();
            return Ok(value::member(&body, "sid").ok().flatten());
        }
        if status.as_u16() == 401 {
            return Err(DeliverError::Refused { answer: "HTTP 401".to_owned() });
        }
        let body = client::answer(response).await.unwrap_or_default();
        let code = body.get("code").and_then(Value::as_u64);
        Err(match code {
            Some(code) => refusal(code, retry_after),
            None if status.as_u16() == 429 => DeliverError::Throttled { retry_after },
            None if status.is_server_error() || status.is_redirection() => {
                DeliverError::Vendor { answer: format!("HTTP {}", status.as_u16()) }
            }
            None => DeliverError::Rejected { answer: format!("HTTP {}", status.as_u16()) },
        })
    }
}

/// Error codes by <https://www.twilio.com/docs/api/errors>.
fn refusal(code: u64, retry_after: Option<std::time::Duration>) -> DeliverError {
    let answer = format!("error {code}");
    match code {
        // opted out; blocked on the carrier's side; the citizen of WhatsApp does not take messages of businesses
        21610 | 30004 | 63024 => DeliverError::Blocked { answer },
        // no valid number; not a mobile one; unknown, unreachable or a landline
        21211 | 21217 | 21614 | 30003 | 30005 | 30006 | 63003 => DeliverError::NoRecipient { answer },
        63016 => DeliverError::WindowClosed,
        20429 | 14107 | 30001 | 63018 | 63038 => DeliverError::Throttled { retry_after },
        20003 | 20404 | 21212 | 21606 | 21608 => DeliverError::Refused { answer },
        20500 | 20503 | 30008 => DeliverError::Vendor { answer },
        _ => DeliverError::Rejected { answer },
    }
}

/// What a status callback's state says; nothing for those on the way.
pub(super) fn state(state: &str, code: Option<&str>) -> Option<DeliveryState> {
    let code = code.unwrap_or("none");
    Some(match state {
        "sent" => DeliveryState::Sent,
        "delivered" => DeliveryState::Delivered,
        "read" => DeliveryState::Read,
        "failed" | "undelivered" | "canceled" => DeliveryState::Failed {
            detail: format!("{state}, error {code}"),
            other_way: code.parse().is_ok_and(|code| {
                let error = refusal(code, None);
                error.verdict() == crate::deliver::Verdict::OtherWay
            }),
        },
        _ => return None,
    })
}

/// Files of MMS lie behind the account's credentials; the answer leads to an address that needs none.
impl MediaSource for Account {
    fn locate<'a>(&'a self, attachment: &'a Attachment) -> BoxFuture<'a, Result<MediaRequest, MediaError>> {
        Box::pin(async move {
            let gone = |answer: &str| MediaError::Gone { answer: answer.to_owned() };
            let Attachment::Url { url, .. } = attachment else { return Err(gone("no address")) };
            let parsed = Url::parse(url).map_err(|_| gone("no address"))?;
            let api = Url::parse(&self.settings.api_url).ok();
            // credentials are for Twilio alone
            let own = api.is_some_and(|api| api.origin() == parsed.origin());
            let pair = format!("{}:{}", self.settings.account_sid, self.token.expose_secret());
            let basic = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, pair);
            let headers = if own {
                vec![(header::AUTHORIZATION, SecretString::from(format!("Basic {basic}")))]
            } else {
                Vec::new()
            };
            Ok(MediaRequest { url: SecretString::from(url.clone()), headers, configured: own })
        })
    }
}
