//! The operators' console of the running program, by HTTP: who may look, who may act, and what comes of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod bulk;
mod lists;
mod openid;
mod pause;
mod sight;
pub(crate) mod sign_in;
pub(crate) mod visitor;

use muara::store::{audit::Audited, rooms::Page};
use muara_tests::{gateway::Gateway, postgres::store_of, reports::Signed};
use serde_json::{Value, json};

use visitor::USERS;

const SECRET: &str = "a secret of the console's tests";

/// A channel with a field map, whose vendor does not deliver again, and the console's users. `more` goes into its table.
pub(crate) fn config(text: &str, more: &str) -> String {
    format!(
        "{}[channels.web]\nconnector = \"webhook\"\ntitle = \"Aspirasi Warga\"\nsecret = \"{SECRET}\"\nitems = \"$.data[*]\"\n{more}\n\
         [channels.web.auth]\nscheme = \"hmac\"\nheader = \"X-Qlue-Signature\"\nprefix = \"sha256=\"\n\
         [channels.web.fields]\nexternal_id = \"$.id\"\ntext = {text}\n\
         reporter_id = {{ path = \"$.from\", required = false }}\n",
        *USERS
    )
}

/// A signed body for that channel.
pub(crate) fn signed(items: &[Value]) -> Signed {
    Signed::new(SECRET, Vec::new(), json!({ "data": items }).to_string().into_bytes())
}

/// Puts one message that is not understood into quarantine; the row's id.
async fn quarantined(gateway: &Gateway, item: Value) -> String {
    let answer = gateway.post("web", &signed(&[item])).await.unwrap();
    let answer: Value = answer.json().await.unwrap();
    answer["quarantine"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
}

/// The lines of the audit log but those of signing in, oldest first: who, what, to what, why, with what outcome.
async fn audited(gateway: &Gateway) -> Vec<[String; 5]> {
    let store = store_of(gateway);
    let lines = store.audited(String::new(), Page { after: 0, most: 1000 }).await.unwrap();
    store.close().await;
    let lines = lines.into_iter().rev().filter(|line| !matches!(line.what.as_str(), "sign in" | "sign out"));
    let line = |line: Audited| {
        [line.who, line.what, line.target, line.reason.unwrap_or_default(), line.outcome.unwrap_or_default()]
    };
    lines.map(line).collect()
}

/// A line of the audit log as it is expected.
fn line(parts: [&str; 5]) -> [String; 5] {
    parts.map(str::to_owned)
}
