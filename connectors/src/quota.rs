//! What a vendor itself says is left of what it allows us, read from its answers and remembered for each channel.
//!
//! | who | how | documented at |
//! |---|---|---|
//! | X | `x-rate-limit-{limit,remaining,reset}`; of a day `x-app-limit-24hour-…`, `x-user-limit-24hour-…` | <https://docs.x.com/x-api/fundamentals/rate-limits> |
//! | Meta | `X-App-Usage`, `X-Page-Usage`, `X-Business-Use-Case-Usage`: JSON, percent *used* of a rolling hour | <https://developers.facebook.com/docs/graph-api/overview/rate-limiting> |
//! | Telegram | nothing but a refusal with `parameters.retry_after` | <https://core.telegram.org/bots/api#responseparameters> |
//! | others | `RateLimit` with `RateLimit-Policy`, its older forms `RateLimit-{Limit,Remaining,Reset}` and `X-RateLimit-…` | <https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/> |
//! | all | 429 with `Retry-After`: nothing is left until then | RFC 6585 §4, RFC 9110 §10.2.3 |
//!
//! Nothing is made up: what a vendor does not say is not known, and what it said of a window that is over is forgotten. It holds
//! over a restart, too: whoever keeps it asks for what was [`Said`].

use std::{
    borrow::Cow,
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use http::{HeaderMap, StatusCode};
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What was said without an end holds so long: Meta counts a rolling hour.
const ROLLING: SignedDuration = SignedDuration::from_hours(1);
/// A larger number is a point in time (seconds of Unix), a smaller one the seconds until then.
const EPOCH: i64 = 1_000_000_000;

/// The windows of three headers each.
pub(crate) const WINDOWS: [&str; 5] =
    ["x-rate-limit", "x-app-limit-24hour", "x-user-limit-24hour", "x-ratelimit", "ratelimit"];

/// What a vendor says is left.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Left {
    /// The part that is left, 0 to 1.
    pub fraction: f64,
    /// When all of it is there again, if the vendor says (UTC).
    pub refills_at: Option<Timestamp>,
    /// When the vendor said so (UTC).
    pub as_of: Timestamp,
}

impl Left {
    fn new(fraction: f64, refills_at: Option<Timestamp>, as_of: Timestamp) -> Self {
        Self { fraction: fraction.clamp(0.0, 1.0), refills_at, as_of }
    }

    fn holds(&self, now: Timestamp) -> bool {
        match self.refills_at {
            Some(at) => at > now,
            None => now.duration_since(self.as_of) < ROLLING,
        }
    }
}

/// What a vendor last said, by what it was asked for.
pub type Said = BTreeMap<Cow<'static, str>, Vec<Left>>;

/// What the vendor of one channel last said. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Quota(Arc<Mutex<Said>>);

impl Quota {
    /// The least that is left of anything, as far as what the vendor said still holds.
    #[must_use]
    pub fn left(&self, now: Timestamp) -> Option<Left> {
        let heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let holding = heard.values().flatten().filter(|left| left.holds(now)).copied();
        holding.min_by(|a, b| a.fraction.total_cmp(&b.fraction).then_with(|| b.refills_at.cmp(&a.refills_at)))
    }

    /// What the vendor said, as far as it still holds.
    #[must_use]
    pub fn said(&self, now: Timestamp) -> Said {
        let heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let holding = |left: &[Left]| left.iter().filter(|left| left.holds(now)).copied().collect::<Vec<_>>();
        let each = heard.iter().map(|(what, left)| (what.clone(), holding(left)));
        each.filter(|(_, left)| !left.is_empty()).collect()
    }

    /// What the vendor said before a restart; what it has said since counts.
    pub fn remember(&self, before: Said) {
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (what, left) in before {
            heard.entry(what).or_insert(left);
        }
    }

    /// An answer came to what was asked for. What is said now replaces what was said before.
    pub(crate) fn hear(&self, what: &'static str, status: StatusCode, headers: &HeaderMap) {
        let now = Timestamp::now();
        self.set(what, told(status, headers, now));
    }

    /// The vendor takes nothing for so long.
    pub(crate) fn spent(&self, what: &'static str, wait: Duration) {
        let now = Timestamp::now();
        self.set(what, vec![Left::new(0.0, later(now, wait), now)]);
    }

    fn set(&self, what: &'static str, left: Vec<Left>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(Cow::Borrowed(what), left);
    }
}

/// All that an answer says.
fn told(status: StatusCode, headers: &HeaderMap, now: Timestamp) -> Vec<Left> {
    let mut left: Vec<_> = WINDOWS.iter().filter_map(|window| of_window(headers, window, now)).collect();
    left.extend(of_policies(headers, now));
    left.extend(of_usage(headers, now));
    if status == StatusCode::TOO_MANY_REQUESTS {
        // not even a request for something else of what is left elsewhere
        let end = crate::client::retry_after(headers).and_then(|wait| later(now, wait));
        let end = end.or_else(|| left.iter().filter_map(|left| left.refills_at).max());
        left.push(Left::new(0.0, end, now));
    }
    left
}

/// `<window>-limit`, `<window>-remaining`, `<window>-reset`.
pub(crate) fn of_window(headers: &HeaderMap, window: &str, now: Timestamp) -> Option<Left> {
    let number = |name: &str| leading(text(headers, &format!("{window}-{name}"))?);
    let remaining = number("remaining")?.max(0);
    let fraction = match number("limit") {
        _ if remaining == 0 => 0.0,
        Some(limit) if limit > 0 => ratio(remaining, limit),
        _ => return None,
    };
    Some(Left::new(fraction, number("reset").and_then(|reset| moment(reset, now)), now))
}

/// `RateLimit: "hour";r=50;t=30` with `RateLimit-Policy: "hour";q=100;w=3600`, or `RateLimit: limit=100, remaining=50,
/// reset=30` as some of its drafts had it.
fn of_policies(headers: &HeaderMap, now: Timestamp) -> Vec<Left> {
    let Some(told) = text(headers, "ratelimit") else { return Vec::new() };
    let number = |item: &str, name: &str| {
        let members = item.split(';').map(str::trim);
        let mut values = members.filter_map(|member| member.strip_prefix(name)?.strip_prefix('='));
        values.next().and_then(leading)
    };
    let items = || told.split(',').map(str::trim);
    let plain = |name: &str| items().find_map(|item| number(item, name));
    if let (Some(limit), Some(remaining)) = (plain("limit"), plain("remaining")) {
        let end = plain("reset").and_then(|reset| moment(reset, now));
        let fraction = if limit > 0 { ratio(remaining, limit) } else { 0.0 };
        return vec![Left::new(fraction, end, now)];
    }
    let policies = text(headers, "ratelimit-policy").unwrap_or_default();
    let name = |item: &'_ str| item.split(';').next().unwrap_or_default().trim().to_owned();
    items()
        .filter_map(|item| {
            let remaining = number(item, "r")?;
            let mut policies = policies.split(',').map(str::trim);
            let quota =
                policies.find(|policy| name(policy) == name(item)).and_then(|policy| number(policy, "q"));
            let fraction = match quota {
                _ if remaining <= 0 => 0.0,
                Some(quota) if quota > 0 => ratio(remaining, quota),
                _ => return None,
            };
            Some(Left::new(fraction, number(item, "t").and_then(|seconds| moment(seconds, now)), now))
        })
        .collect()
}

/// Percent used, by Meta: of the app, the page and each use of the business.
fn of_usage(headers: &HeaderMap, now: Timestamp) -> Vec<Left> {
    let whole = ["x-app-usage", "x-page-usage"].into_iter().filter_map(|name| {
        let usage: Value = serde_json::from_str(text(headers, name)?).ok()?;
        used(&usage).map(|used| Left::new(1.0 - used, None, now))
    });
    let business = business_usage(headers).filter_map(|usage| {
        let end = regains_in(&usage).and_then(|wait| later(now, wait));
        let used = used(&usage);
        let used = if end.is_some() { Some(1.0) } else { used };
        used.map(|used| Left::new(1.0 - used, end, now))
    });
    whole.chain(business).collect()
}

/// The most that is used of any of what Meta counts.
fn used(usage: &Value) -> Option<f64> {
    let counts = ["call_count", "total_time", "total_cputime"];
    let percent = counts.iter().filter_map(|name| usage.get(name)?.as_f64());
    percent.reduce(f64::max).map(|percent| percent / 100.0)
}

/// Each use of a business that Meta limits: `{"<business>": [{"type": "pages", "call_count": 28, …}]}`.
pub(crate) fn business_usage(headers: &HeaderMap) -> impl Iterator<Item = Value> {
    let usage = text(headers, "x-business-use-case-usage").and_then(|text| serde_json::from_str(text).ok());
    let businesses = match usage {
        Some(Value::Object(businesses)) => businesses,
        _ => serde_json::Map::new(),
    };
    businesses
        .into_iter()
        .filter_map(|(_, uses)| match uses {
            Value::Array(uses) => Some(uses),
            _ => None,
        })
        .flatten()
}

/// How long Meta keeps a use shut, which it gives in minutes; nothing while it is open.
pub(crate) fn regains_in(usage: &Value) -> Option<Duration> {
    let minutes = usage.get("estimated_time_to_regain_access")?.as_u64()?;
    (minutes > 0).then(|| Duration::from_secs(minutes.saturating_mul(60)))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// The number that a value begins with: `100, 100;w=60` is 100.
fn leading(text: &str) -> Option<i64> {
    let end = text.find(|sign: char| !sign.is_ascii_digit() && sign != '-').unwrap_or(text.len());
    text[..end].parse().ok()
}

fn moment(number: i64, now: Timestamp) -> Option<Timestamp> {
    if number >= EPOCH {
        return Timestamp::from_second(number).ok();
    }
    later(now, Duration::from_secs(u64::try_from(number).ok()?))
}

fn later(now: Timestamp, wait: Duration) -> Option<Timestamp> {
    now.checked_add(SignedDuration::try_from(wait).ok()?).ok()
}

#[expect(clippy::cast_precision_loss, reason = "quotas stay far below 2^53")]
fn ratio(part: i64, whole: i64) -> f64 {
    part as f64 / whole as f64
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
    use jiff::Timestamp;

    use super::{Left, Quota, told};

    const NOW: i64 = 1_790_000_000;

    fn now() -> Timestamp {
        Timestamp::from_second(NOW).unwrap()
    }

    fn said(status: u16, headers: &[(&str, &str)]) -> Vec<(i64, Option<i64>)> {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| {
                (HeaderName::try_from(*name).unwrap(), HeaderValue::from_str(value).unwrap())
            })
            .collect();
        let left = told(StatusCode::from_u16(status).unwrap(), &headers, now());
        let percent = |left: &Left| format!("{:.0}", left.fraction * 100.0).parse().unwrap();
        left.iter().map(|left| (percent(left), left.refills_at.map(|at| at.as_second() - NOW))).collect()
    }

    #[test]
    fn x_says_it_by_window() {
        let window = [
            ("x-rate-limit-limit", "450"),
            ("x-rate-limit-remaining", "90"),
            ("x-rate-limit-reset", "1790000600"),
            ("x-app-limit-24hour-limit", "100"),
            ("x-app-limit-24hour-remaining", "0"),
            ("x-app-limit-24hour-reset", "1790050000"),
        ];
        assert_eq!(said(200, &window), [(20, Some(600)), (0, Some(50_000))]);
        // without a limit a number is no part of anything
        assert_eq!(said(200, &[("x-rate-limit-remaining", "90")]), []);
    }

    #[test]
    fn meta_says_what_is_used() {
        let app = r#"{"call_count":28,"total_time":63,"total_cputime":25}"#;
        assert_eq!(said(200, &[("X-App-Usage", app)]), [(37, None)]);
        let business = r#"{"10":[{"type":"pages","call_count":100,"total_cputime":5,"total_time":5,"estimated_time_to_regain_access":19}],"11":[{"type":"messenger","call_count":10,"estimated_time_to_regain_access":0}]}"#;
        assert_eq!(said(400, &[("X-Business-Use-Case-Usage", business)]), [(0, Some(19 * 60)), (90, None)]);
    }

    #[test]
    fn others_say_it_in_each_form_of_the_draft() {
        let newest = [("RateLimit", "\"hour\";r=30;t=40"), ("RateLimit-Policy", "\"hour\";q=120;w=3600")];
        assert_eq!(said(200, &newest), [(25, Some(40))]);
        assert_eq!(said(200, &[("RateLimit", "limit=100, remaining=50, reset=30")]), [(50, Some(30))]);
        let older =
            [("RateLimit-Limit", "100, 100;w=60"), ("RateLimit-Remaining", "75"), ("RateLimit-Reset", "50")];
        assert_eq!(said(200, &older), [(75, Some(50))]);
        let oldest = [
            ("X-RateLimit-Limit", "60"),
            ("X-RateLimit-Remaining", "6"),
            ("X-RateLimit-Reset", "1790000060"),
        ];
        assert_eq!(said(200, &oldest), [(10, Some(60))]);
    }

    #[test]
    fn a_refusal_means_that_nothing_is_left() {
        assert_eq!(said(429, &[("Retry-After", "120")]), [(0, Some(120))]);
        assert_eq!(said(429, &[]), [(0, None)]);
        assert_eq!(said(200, &[("Retry-After", "120")]), []);
    }

    #[test]
    fn the_least_is_told_until_it_is_over() {
        let quota = Quota::default();
        assert_eq!(quota.left(Timestamp::now()), None);
        let mut headers = HeaderMap::new();
        headers.insert("x-app-usage", HeaderValue::from_static(r#"{"call_count":50}"#));
        quota.hear("messages", StatusCode::OK, &headers);
        quota.spent("files", Duration::from_secs(60));
        let heard = Timestamp::now();
        let later = |seconds: i64| heard + jiff::SignedDuration::from_secs(seconds);
        let fraction = |at: Timestamp| quota.left(at).map(|left| left.fraction);
        assert_eq!(fraction(heard), Some(0.0));
        assert_eq!(fraction(later(61)), Some(0.5));
        assert_eq!(fraction(later(3601)), None);
        // after a restart the same is known, but for what is over
        let again = Quota::default();
        again.remember(quota.said(heard));
        assert_eq!(again.left(heard), quota.left(heard));
        assert_eq!(quota.said(later(61)).keys().collect::<Vec<_>>(), ["messages"]);
        // the next answer says nothing any more
        quota.hear("files", StatusCode::OK, &HeaderMap::new());
        assert_eq!(fraction(heard), Some(0.5));
        quota.remember(again.said(heard));
        assert_eq!(fraction(heard), Some(0.5), "what was said since counts");
    }
}
