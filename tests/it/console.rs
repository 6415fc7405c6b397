//! The operators' console of the running program, by HTTP: who may look, who may act, and what comes of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod bulk;
mod lists;
mod openid;
mod pause;
mod sight;
pub(crate) mod sign_in;
pub(crate) mod visitor;

use muara_tests::{gateway::Gateway, reports::Signed};
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
    let database = rusqlite::Connection::open(gateway.database()).unwrap();
    let sql = "SELECT who, what, target, coalesce(reason, ''), coalesce(outcome, '') FROM audit
               WHERE what NOT IN ('sign in', 'sign out') ORDER BY seq";
    let mut lines = database.prepare(sql).unwrap();
    let lines =
        lines.query_map((), |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?]));
    lines.unwrap().map(Result::unwrap).collect()
}

/// A line of the audit log as it is expected.
fn line(parts: [&str; 5]) -> [String; 5] {
    parts.map(str::to_owned)
}
