//! What X's API answers, beside what was asked for: limits in headers, errors in three forms.

use std::{fmt, time::Duration};

use http::header::AUTHORIZATION;
use jiff::Timestamp;
use reqwest::{RequestBuilder, Response};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::{
    client,
    connector::PullError,
    deliver::Unreachable,
    quota::{self, Quota},
};

/// No answer but a page of posts is larger.
const ANSWER_BYTES: usize = 1024 * 1024;
/// A wait is never shorter: clocks differ.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);

/// Why X did not do what was asked.
pub(super) enum Failure {
    Unreachable(Unreachable),
    /// Until its limit is reset, if it says.
    Throttled(Option<Duration>),
    Answer(Answer),
    /// Its body broke off or is too large.
    Body(PullError),
}

/// An error as X writes it.
pub(super) struct Answer {
    pub(super) status: u16,
    /// `errors[0].code` of API v1.1.
    pub(super) code: Option<u64>,
    /// The last part of `type`, e.g. `usage-capped`.
    kind: String,
    title: String,
    detail: String,
}

impl Answer {
    fn read(status: u16, body: &[u8]) -> Self {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let first = body.pointer("/errors/0");
        let text = |name: &str| {
            let text = body.get(name).or_else(|| first?.get(name)).and_then(Value::as_str);
            text.unwrap_or_default().to_owned()
        };
        let kind = text("type").rsplit('/').next().unwrap_or_default().to_owned();
        let message = first.and_then(|error| error.get("message")?.as_str()).unwrap_or_default();
        let detail = match text("detail") {
            detail if detail.is_empty() => message.to_owned(),
            detail => detail,
        };
        let code = first.and_then(|error| error.get("code")?.as_u64());
        Self { status, code, kind, title: text("title"), detail }
    }

    /// Whether X's words say this.
    pub(super) fn says(&self, words: &str) -> bool {
        self.detail.to_ascii_lowercase().contains(words)
    }

    /// Whether the posts or credits that were paid for are used up: no pause of minutes helps.
    fn is_used_up(&self) -> bool {
        self.status == 402
            || self.kind == "usage-capped"
            || self.title.eq_ignore_ascii_case("UsageCapExceeded")
            || self.title.eq_ignore_ascii_case("CreditsDepleted")
    }
}

/// Status and code; X's own sentences may repeat what was sent.
impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HTTP {}", self.status)?;
        if let Some(code) = self.code {
            write!(f, ", code {code}")?;
        }
        if self.is_used_up() {
            write!(f, ": the posts or credits of X's plan are used up")?;
        } else if !matches!(self.kind.as_str(), "" | "about:blank") {
            write!(f, ", {}", self.kind)?;
        }
        Ok(())
    }
}

/// The limit of a window, as the last answer told it.
pub(super) struct Limit {
    /// None is left until then.
    pub(super) exhausted_until: Option<Timestamp>,
}

/// Sends a request; the answer with what is left of the limit.
pub(super) async fn send(
    request: RequestBuilder,
    authorization: &SecretString,
    (quota, what): (&Quota, &'static str),
) -> Result<(Response, Limit), Failure> {
    let request = request.header(AUTHORIZATION, authorization.expose_secret());
    let response = client::send(request, quota, what).await.map_err(Failure::Unreachable)?;
    // a day's limit of the app or the account may be met before that of the quarter of an hour
    let now = Timestamp::now();
    let windows =
        || quota::WINDOWS.iter().filter_map(|window| quota::of_window(response.headers(), window, now));
    let spent = windows().filter(|left| left.fraction <= 0.0);
    let exhausted_until = spent.filter_map(|left| left.refills_at).max();
    if response.status().is_success() {
        return Ok((response, Limit { exhausted_until }));
    }
    let reset = exhausted_until.or_else(|| windows().find_map(|left| left.refills_at));
    let wait = client::retry_after(response.headers()).or_else(|| reset.map(until));
    let status = response.status().as_u16();
    let body = client::body(response, ANSWER_BYTES).await.unwrap_or_default();
    let answer = Answer::read(status, &body);
    if status == 429 && !answer.is_used_up() {
        Err(Failure::Throttled(wait))
    } else {
        Err(Failure::Answer(answer))
    }
}

/// How long it is until then.
pub(super) fn until(then: Timestamp) -> Duration {
    Duration::try_from(then.duration_since(Timestamp::now())).unwrap_or_default().max(SHORTEST_WAIT)
}

/// Asks for one object.
pub(super) async fn get(url: &str, authorization: &SecretString, quota: &Quota) -> Result<Value, Failure> {
    let client = client::shared().map_err(unreachable)?;
    let (response, _) = send(client.get(url), authorization, (quota, "files")).await?;
    json(response).await
}

/// The JSON of an answer.
pub(super) async fn json(response: Response) -> Result<Value, Failure> {
    let broken = || Failure::Unreachable(Unreachable::Protocol("the answer is not JSON".into()));
    let body = client::body(response, ANSWER_BYTES).await.map_err(Failure::Body)?;
    serde_json::from_slice(&body).map_err(|_| broken())
}

pub(super) fn unreachable(error: reqwest::Error) -> Failure {
    Failure::Unreachable(client::unreachable(error))
}
