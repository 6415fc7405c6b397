//! The Bot API: `POST <api>/bot<token>/<method>`. The token is part of every address, so none is logged or shown.

use std::time::Duration;

use reqwest::StatusCode;
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Settings;
use crate::{client, deliver::Unreachable, quota::Quota, settings::ChannelSettings};

const USUAL: &str = "https://api.telegram.org";

pub(super) fn usual() -> String {
    USUAL.to_owned()
}

/// A bot.
pub(super) struct Bot {
    token: SecretString,
    api_url: String,
    quota: Quota,
}

/// What the API says.
#[derive(serde::Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
struct Said<T> {
    #[serde(default)]
    ok: bool,
    result: Option<T>,
    error_code: Option<u16>,
    description: Option<String>,
    parameters: Option<Parameters>,
}

#[derive(Clone, Default, serde::Deserialize)]
pub(super) struct Parameters {
    retry_after: Option<u64>,
    pub(super) migrate_to_chat_id: Option<i64>,
}

/// Why a method failed.
pub(super) enum Failure {
    Unreachable(Unreachable),
    /// The API refuses, with its code and words, which name no citizen.
    Refused {
        code: u16,
        words: String,
        parameters: Parameters,
    },
    /// What came is not the API's answer.
    Unreadable,
}

/// How a message of a chat is named: the same by webhook, by asking, and where it is answered.
pub(super) fn numbered(business: Option<&str>, chat: &str, number: &str) -> String {
    match business {
        None => format!("{chat}:{number}"),
        Some(business) => format!("{business}:{chat}:{number}"),
    }
}

impl Parameters {
    pub(super) fn retry_after(&self) -> Option<Duration> {
        self.retry_after.map(Duration::from_secs)
    }
}

impl Bot {
    /// The channel's bot, if its token is configured.
    pub(super) fn of(channel: &ChannelSettings) -> Option<Self> {
        let settings = channel.own::<Settings>()?;
        let token = settings.bot_token.clone()?;
        let api_url = settings.api_url.trim_end_matches('/').to_owned();
        Some(Self { token, api_url, quota: channel.quota().clone() })
    }

    /// Its number, which is no secret: all of the token before the colon.
    pub(super) fn id(&self) -> &str {
        self.token.expose_secret().split_once(':').map_or("", |(id, _)| id)
    }

    /// Whether the operator runs the API's server, perhaps at a private address.
    pub(super) fn own_server(&self) -> bool {
        self.api_url != USUAL
    }

    /// The address of a file; it holds the token.
    pub(super) fn file(&self, path: &str) -> SecretString {
        SecretString::from(format!("{}/file/bot{}/{path}", self.api_url, self.token.expose_secret()))
    }

    /// Calls a method. `most` bounds the answer in bytes.
    pub(super) async fn call<T: DeserializeOwned>(
        &self,
        method: &'static str,
        arguments: &Value,
        most: usize,
    ) -> Result<T, Failure> {
        let url = format!("{}/bot{}/{method}", self.api_url, self.token.expose_secret());
        let client = client::sending().map_err(Failure::Unreachable)?;
        let response = client::send(client.post(url).json(arguments), &self.quota, method)
            .await
            .map_err(Failure::Unreachable)?;
        let status = response.status();
        let body = match client::body(response, most).await {
            Ok(body) => body,
            Err(crate::connector::PullError::Unreachable(error)) => return Err(Failure::Unreachable(error)),
            Err(_) => return Err(Failure::Unreadable),
        };
        let said: Said<T> = match serde_json::from_slice(&body) {
            Ok(said) => said,
            Err(_) if status.is_success() => return Err(Failure::Unreadable),
            Err(_) => return Err(refused(status, None, None)),
        };
        match said.result {
            Some(result) if said.ok => Ok(result),
            _ => {
                if let Some(wait) = said.parameters.as_ref().and_then(Parameters::retry_after) {
                    self.quota.spent(method, wait);
                }
                let code = said.error_code.and_then(|code| StatusCode::from_u16(code).ok());
                Err(refused(code.unwrap_or(status), said.description, said.parameters))
            }
        }
    }
}

fn refused(status: StatusCode, words: Option<String>, parameters: Option<Parameters>) -> Failure {
    let words = words.unwrap_or_default().chars().take(200).collect();
    Failure::Refused { code: status.as_u16(), words, parameters: parameters.unwrap_or_default() }
}
