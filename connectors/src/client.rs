//! The one HTTP client of all connectors that ask a vendor's API: connections and TLS sessions are shared, and
//! what vendors answer is read in one way.

use std::{sync::OnceLock, time::Duration};

use jiff::{Timestamp, fmt::rfc2822};
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url, header::HeaderMap};

use crate::{
    connector::PullError,
    deliver::{DeliverError, Unreachable},
    quota::Quota,
    settings::SettingsError,
};

static CLIENT: OnceLock<Client> = OnceLock::new();
static SENDING: OnceLock<Client> = OnceLock::new();

/// The shared client.
///
/// # Errors
/// The system's certificates or resolver cannot be read.
pub(crate) fn shared() -> Result<Client, reqwest::Error> {
    if let Some(client) = CLIENT.get() {
        return Ok(client.clone());
    }
    let client = builder().build()?;
    Ok(CLIENT.get_or_init(|| client).clone())
}

/// The shared client for messages to citizens. It follows no redirect: a POST would become a GET without its words, what
/// is at the end would seem to have taken them, and a secret would go to another host.
///
/// # Errors
/// The system's certificates or resolver cannot be read.
pub(crate) fn sending() -> Result<Client, Unreachable> {
    if let Some(client) = SENDING.get() {
        return Ok(client.clone());
    }
    let client = builder().redirect(reqwest::redirect::Policy::none()).build().map_err(unreachable)?;
    Ok(SENDING.get_or_init(|| client).clone())
}

fn builder() -> reqwest::ClientBuilder {
    Client::builder()
        .user_agent(concat!("muara/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(Duration::from_secs(10))
        .read_timeout(Duration::from_secs(30))
        .timeout(Duration::from_secs(120))
}

/// Sends a request, and remembers what its answer says is left of the vendor's quota.
pub(crate) async fn send(
    request: RequestBuilder,
    quota: &Quota,
    what: &'static str,
) -> Result<Response, Unreachable> {
    let response = request.send().await.map_err(unreachable)?;
    quota.hear(what, response.status(), response.headers());
    Ok(response)
}

/// What is wrong with an address in the configuration.
pub(crate) fn check_address(key: &str, url: &str) -> Option<SettingsError> {
    match Url::parse(url) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => None,
        _ => Some(SettingsError::value(key, "expected the feed's address, e.g. \"https://host/path\"")),
    }
}

/// The keys among these that are zero and must not be.
pub(crate) fn check_positive(keys: &[(&str, bool)]) -> Vec<SettingsError> {
    let zero = keys.iter().filter(|(_, zero)| *zero);
    zero.map(|(key, _)| SettingsError::value(*key, "must be at least 1")).collect()
}

/// A response that says that all is well.
pub(crate) fn accepted(response: Response) -> Result<Response, PullError> {
    match response.status() {
        status if status.is_success() => Ok(response),
        StatusCode::TOO_MANY_REQUESTS => {
            Err(PullError::Throttled { retry_after: retry_after(response.headers()) })
        }
        status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
            Err(PullError::Refused { answer: format!("HTTP {}", status.as_u16()) })
        }
        status => Err(PullError::Vendor { answer: format!("HTTP {}", status.as_u16()) }),
    }
}

/// Reads no further than the limit.
pub(crate) async fn body(mut response: Response, limit: usize) -> Result<Vec<u8>, PullError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        if body.len() + chunk.len() > limit {
            return Err(PullError::TooLarge { limit });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The address may hold a key, so it stays out of the error.
pub(crate) fn unreachable(error: reqwest::Error) -> Unreachable {
    Unreachable::Http(error.without_url())
}

/// Retry-After as seconds or as a date (RFC 9110 §10.2.3).
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(reqwest::header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = rfc2822::parse(value).ok()?.timestamp();
    Some(at.duration_since(Timestamp::now()).try_into().unwrap_or_default())
}

/// A response that says that a message was taken. What a status means beyond this a connector knows better: it looks
/// first.
pub(crate) fn taken(response: Response) -> Result<Response, DeliverError> {
    let status = response.status();
    let answer = format!("HTTP {}", status.as_u16());
    match status {
        status if status.is_success() => Ok(response),
        StatusCode::TOO_MANY_REQUESTS => {
            Err(DeliverError::Throttled { retry_after: retry_after(response.headers()) })
        }
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(DeliverError::Refused { answer }),
        status
            if status.is_server_error()
                || status.is_redirection()
                || status == StatusCode::REQUEST_TIMEOUT =>
        {
            Err(DeliverError::Vendor { answer })
        }
        _ => Err(DeliverError::Rejected { answer }),
    }
}

/// The JSON of an answer; what is none is an empty one, since the status has said what matters.
pub(crate) async fn answer(response: Response) -> Result<serde_json::Value, Unreachable> {
    const MOST_BYTES: usize = 256 * 1024;
    let body = match body(response, MOST_BYTES).await {
        Ok(body) => body,
        Err(PullError::Unreachable(error)) => return Err(error),
        Err(_) => Vec::new(),
    };
    Ok(serde_json::from_slice(&body).unwrap_or_default())
}
