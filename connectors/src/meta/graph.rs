//! Meta's Graph API: one place for its credentials and for what its error codes mean.
//!
//! Documented at <https://developers.facebook.com/docs/graph-api/guides/error-handling>. An error is
//! `{"error": {"code": 131047, "error_subcode": …, "is_transient": false, "message": "…"}}`.

use std::{fmt, time::Duration};

use hmac::{Hmac, KeyInit, Mac};
use reqwest::{Method, StatusCode, Url, header::HeaderMap};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use sha2::Sha256;

use crate::{
    client,
    deliver::{DeliverError, Unreachable},
    quota::{self, Quota},
    settings::{ChannelSettings, SettingsError},
};

/// The largest answer that is read.
const ANSWER_BYTES: usize = 1024 * 1024;

/// The vendor's own address. A version serves for two years.
pub(crate) fn api_url() -> String {
    "https://graph.facebook.com/v23.0".to_owned()
}

/// What is wrong with an `api_url`.
pub(crate) fn check_api_url(url: &str) -> Option<SettingsError> {
    match Url::parse(url) {
        Ok(parsed) if matches!(parsed.scheme(), "http" | "https") && parsed.query().is_none() => None,
        _ => Some(SettingsError::value(
            "api_url",
            "expected the Graph API's address, e.g. \"https://host/v23.0\"",
        )),
    }
}

/// The Graph API with an account's credentials.
pub(crate) struct Graph {
    base: Url,
    token: SecretString,
    /// Proves that the token is used by its own app.
    proof: Option<SecretString>,
    quota: Quota,
}

impl fmt::Debug for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Graph").finish_non_exhaustive()
    }
}

/// Why a request was not taken.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The vendor's error code; 0 where it gave none.
    pub(crate) code: i64,
    /// What is to be done.
    pub(crate) error: DeliverError,
}

impl From<Unreachable> for Failure {
    fn from(error: Unreachable) -> Self {
        Self { code: 0, error: error.into() }
    }
}

impl Graph {
    /// With the account's token and the app's secret, which is the channel's; nothing where the address is none.
    pub(crate) fn new(api_url: &str, token: &SecretString, channel: &ChannelSettings) -> Option<Self> {
        let base = Url::parse(api_url).ok()?;
        let proof = channel.secret.as_ref().and_then(|secret| proof(token, secret));
        Some(Self { base, token: token.clone(), proof, quota: channel.quota().clone() })
    }

    /// The token as a header's value.
    pub(crate) fn bearer(&self) -> SecretString {
        format!("Bearer {}", self.token.expose_secret()).into()
    }

    /// Whether an address is on the host that the operator configured.
    pub(crate) fn is_own_host(&self, url: &str) -> bool {
        Url::parse(url).is_ok_and(|url| url.origin() == self.base.origin())
    }

    /// Posts to an object's edge. An answer that cannot be read is still a yes: the vendor has taken it.
    pub(crate) async fn post(&self, path: &[&str], body: &Value) -> Result<Value, Failure> {
        self.call(Method::POST, path, Some(body)).await
    }

    /// Reads an object.
    pub(crate) async fn get(&self, path: &[&str]) -> Result<Value, Failure> {
        self.call(Method::GET, path, None).await
    }

    async fn call(&self, method: Method, path: &[&str], body: Option<&Value>) -> Result<Value, Failure> {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            // an id is one segment, whatever is in it
            segments.pop_if_empty().extend(path);
        }
        if let Some(proof) = &self.proof {
            url.query_pairs_mut().append_pair("appsecret_proof", proof.expose_secret());
        }
        let request = client::sending()?.request(method, url);
        let request = request.bearer_auth(self.token.expose_secret());
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        let response = client::send(request, &self.quota, "graph").await?;
        let status = response.status();
        let retry_after = pause(response.headers());
        // whatever goes wrong while it is read, the status has said enough
        let answer = client::body(response, ANSWER_BYTES).await.unwrap_or_default();
        let answer: Value = serde_json::from_slice(&answer).unwrap_or_default();
        if status.is_success() && answer.get("error").is_none() {
            return Ok(answer);
        }
        Err(failure(status, &answer["error"], retry_after))
    }
}

fn proof(token: &SecretString, app_secret: &SecretString) -> Option<SecretString> {
    let mut mac = Hmac::<Sha256>::new_from_slice(app_secret.expose_secret().as_bytes()).ok()?;
    mac.update(token.expose_secret().as_bytes());
    Some(hex::encode(mac.finalize().into_bytes()).into())
}

/// How long to wait: Retry-After, or else the longest time until a quota of the business is free again.
fn pause(headers: &HeaderMap) -> Option<Duration> {
    client::retry_after(headers)
        .or_else(|| quota::business_usage(headers).filter_map(|usage| quota::regains_in(&usage)).max())
}

fn failure(status: StatusCode, error: &Value, retry_after: Option<Duration>) -> Failure {
    let code = error["code"].as_i64().unwrap_or_default();
    let subcode = error["error_subcode"].as_i64().unwrap_or_default();
    let answer = match (code, subcode) {
        (0, _) => format!("HTTP {}", status.as_u16()),
        (code, 0) => format!("error {code}"),
        (code, subcode) => format!("error {code}/{subcode}"),
    };
    let meaning = match meaning(code, subcode) {
        Some(meaning) => meaning,
        None if error["is_transient"].as_bool() == Some(true) => Meaning::Vendor,
        None => match status {
            StatusCode::TOO_MANY_REQUESTS => Meaning::Throttled,
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Meaning::Refused,
            StatusCode::REQUEST_TIMEOUT => Meaning::Vendor,
            status if status.is_server_error() => Meaning::Vendor,
            _ => Meaning::Rejected,
        },
    };
    let error = match meaning {
        Meaning::Throttled => DeliverError::Throttled { retry_after },
        Meaning::Refused => DeliverError::Refused { answer },
        Meaning::Vendor => DeliverError::Vendor { answer },
        Meaning::Rejected => DeliverError::Rejected { answer },
        Meaning::WindowClosed => DeliverError::WindowClosed,
        Meaning::Blocked => DeliverError::Blocked { answer },
        Meaning::NoRecipient => DeliverError::NoRecipient { answer },
    };
    Failure { code, error }
}

/// What an error code means for a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    Throttled,
    Refused,
    Vendor,
    Rejected,
    WindowClosed,
    Blocked,
    NoRecipient,
}

/// The codes of Messenger, Instagram and WhatsApp; nothing where a code says no more than the HTTP status.
pub(crate) fn meaning(code: i64, subcode: i64) -> Option<Meaning> {
    Some(match (code, subcode) {
        // outside the window: Messenger, Instagram, WhatsApp
        (10 | 200, 2_018_278 | 2_018_065 | 2_534_022) | (131_047, _) => Meaning::WindowClosed,
        // not available, opted out, or spared by Meta's own limits on templates
        (551 | 10 | 200 | 100, 1_545_041 | 2_018_108) | (551 | 131_050 | 131_049 | 130_472, _) => {
            Meaning::Blocked
        }
        (100, 2_018_001 | 2_534_014) | (131_026 | 131_030 | 131_062, _) => Meaning::NoRecipient,
        (4 | 17 | 32 | 613 | 80_000..=80_014, _) | (130_429 | 131_048 | 131_056 | 133_016, _) => {
            Meaning::Throttled
        }
        // token, permission, account: locked, unpaid, not registered
        (3 | 10 | 102 | 190 | 200..=299 | 368, _) | (131_005 | 131_031 | 131_042 | 131_045 | 133_010, _) => {
            Meaning::Refused
        }
        (1 | 2, _) | (131_000 | 131_016 | 131_057 | 133_004, _) => Meaning::Vendor,
        (100, _) => Meaning::Rejected,
        _ => return None,
    })
}

/// Whether another contact of the citizen may do where a message failed with this code after it was taken.
pub(crate) fn another_way(code: i64) -> bool {
    code == 131_051
        || matches!(
            meaning(code, 0),
            Some(Meaning::WindowClosed | Meaning::Blocked | Meaning::NoRecipient | Meaning::Throttled)
        )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use reqwest::{
        StatusCode,
        header::{HeaderMap, HeaderName, HeaderValue},
    };
    use serde_json::json;

    use super::{failure, pause};
    use crate::deliver::DeliverError;

    #[test]
    fn the_longest_quota_decides_how_long_to_wait() {
        let usage = r#"{"10":[{"type":"messenger","estimated_time_to_regain_access":0}],
            "11":[{"type":"pages","estimated_time_to_regain_access":19},{"type":"x"}]}"#;
        let headers = |name: &str, value: &str| {
            let name = HeaderName::try_from(name).unwrap();
            HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())])
        };
        let usage = usage.replace('\n', " ");
        assert_eq!(pause(&headers("X-Business-Use-Case-Usage", &usage)), Some(Duration::from_secs(19 * 60)));
        assert_eq!(pause(&headers("Retry-After", "7")), Some(Duration::from_secs(7)));
        assert_eq!(pause(&headers("X-Business-Use-Case-Usage", "?")), None);
    }

    #[test]
    fn an_unknown_code_says_what_the_status_says() {
        let error = |status, error| failure(status, &error, None).error;
        let (bad, down) = (StatusCode::BAD_REQUEST, StatusCode::BAD_GATEWAY);
        assert!(matches!(error(bad, json!({ "code": 999_999 })), DeliverError::Rejected { .. }));
        assert!(matches!(
            error(bad, json!({ "code": 999_999, "is_transient": true })),
            DeliverError::Vendor { .. }
        ));
        assert!(matches!(error(down, json!(null)), DeliverError::Vendor { .. }));
    }
}
