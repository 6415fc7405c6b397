//! What vendors are answered, and what becomes of what they sent: the running program, by HTTP.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod limits;
mod pull;
mod quarantine;
mod redelivery;
mod refusals;
mod secrets;

use serde_json::{Value, json};

use muara_tests::{gateway::Gateway, reports::Signed};

const SECRET: &str = "a secret that only Qlue knows";
/// What the webhook channel is signed with.
const WEB_SECRET: &str = "another secret";

/// One Qlue channel; `more` goes into its table.
fn qlue(more: &str) -> String {
    format!("[channels.qlue]\nconnector = \"qlue\"\nsecret = \"{SECRET}\"\n{more}\n")
}

/// A channel with a field map, whose vendor does not deliver again. It signs as Qlue does, by its own secret.
fn web(text: &str, more: &str) -> String {
    format!(
        "[channels.web]\nconnector = \"webhook\"\nsecret = \"{WEB_SECRET}\"\nitems = \"$.data[*]\"\n{more}\n\
         [channels.web.auth]\nscheme = \"hmac\"\nheader = \"X-Qlue-Signature\"\nprefix = \"sha256=\"\n\
         [channels.web.fields]\nexternal_id = \"$.id\"\ntext = {text}\n\
         reporter_id = {{ path = \"$.from\", required = false }}\n"
    )
}

/// A signed body for the webhook channel.
fn for_web(items: &[Value]) -> Signed {
    Signed::new(WEB_SECRET, Vec::new(), json!({ "data": items }).to_string().into_bytes())
}

/// What waits in the store, as the running gateway knows it.
async fn levels(gateway: &Gateway) -> Value {
    gateway.health().await["store"]["waiting"].clone()
}

/// A problem (RFC 9457) with its status, its words and the rest.
async fn problem(response: reqwest::Response, status: u16) -> Value {
    assert_eq!(response.status(), status);
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let problem: Value = response.json().await.unwrap();
    assert_eq!(problem["status"], status);
    assert!(problem["title"].is_string() && problem["detail"].is_string(), "{problem}");
    problem
}

/// `Retry-After` in seconds.
fn retry_after(response: &reqwest::Response) -> u64 {
    response.headers()["retry-after"].to_str().unwrap().parse().unwrap()
}
