//! Captured requests of every connector: one folder for each case under `tests/fixtures/<connector>/<case>/`.
//!
//! * `request.http`: the request as it came in, signature and all.
//! * `expected.json`: key, complaint or reason of each item, and the answer; or
//! * `expected.reject`: status and reason of a request that is refused as a whole.
//! * `channel.toml`, here or in the connector's folder: the channel's table with its test secret.
//!
//! `BLESS=1` writes what is expected from what is; read the difference before it is committed.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use muara_connectors::{
    Auth, CONNECTORS, ChannelSettings, Connector, Request, Verified,
    answer::Outcome,
    connector::Item,
    verify::{self, OfficerSession},
};
use muara_normalizer::{
    ChannelId, Complaint, ComplaintId, Draft, IdempotencyKey, Normalizer, Receipt, Reference,
    identity::PrivacyKey, ids::ReferenceKey,
};
use serde_json::{Value, json};

/// When all captured requests came in: 2026-11-03 10:15 WIB.
const NOW: &str = "2026-11-03T03:15:00Z";
/// What every webhook can meet.
const CASES: &[&str] = &["ok", "redelivered", "forged", "malformed", "batch", "irrelevant"];
/// An entry is made by a signed-in officer: one at a time, never by somebody else, always for us.
const SESSION_CASES: &[&str] = &["ok", "redelivered", "malformed"];
/// What is asked for is never somebody else's; it comes as one message or page, as `decode` reads it out of quarantine.
const PULL_CASES: &[&str] = &["ok", "redelivered", "malformed", "irrelevant"];

pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

/// The names in a folder, sorted; none if there is no such folder.
fn names(folder: &Path) -> BTreeSet<String> {
    let Ok(entries) = fs::read_dir(folder) else { return BTreeSet::new() };
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn cases(connector: &str) -> Vec<PathBuf> {
    let folder = folder().join(connector);
    names(&folder).into_iter().map(|name| folder.join(name)).filter(|path| path.is_dir()).collect()
}

/// Compares a file with what it should hold, or writes it (`BLESS=1`); the difference in words.
pub(crate) fn compare(file: &Path, actual: &str) -> Result<(), String> {
    if std::env::var_os("BLESS").is_some() {
        fs::write(file, actual).unwrap();
        return Ok(());
    }
    let expected = fs::read_to_string(file).unwrap_or_default();
    if expected == actual {
        Ok(())
    } else {
        Err(format!("{}\n{}", file.display(), difference(&expected, actual)))
    }
}

/// The lines that differ, without the equal ones around them.
fn difference(expected: &str, actual: &str) -> String {
    let (old, new): (Vec<_>, Vec<_>) = (expected.lines().collect(), actual.lines().collect());
    let head = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let tail = old[head..].iter().rev().zip(new[head..].iter().rev()).take_while(|(a, b)| a == b).count();
    let mut text = format!("  at line {}\n", head + 1);
    for line in &old[head..old.len() - tail] {
        writeln!(text, "  - {line}").unwrap();
    }
    for line in &new[head..new.len() - tail] {
        writeln!(text, "  + {line}").unwrap();
    }
    text
}

/// The channel of a case with its settings, as the configuration would make them.
pub(crate) fn channel(connector: &str, case: &Path) -> ChannelSettings {
    let own = case.join("channel.toml");
    let file = if own.exists() { own } else { folder().join(connector).join("channel.toml") };
    let mut table: toml::Table = fs::read_to_string(&file).unwrap_or_default().parse().unwrap();
    let connector = muara_connectors::find(connector).expect("a folder without a connector");
    let auth = table.remove("auth").map(|auth| auth.try_into().unwrap());
    let secret = table.remove("secret").map(|secret| secret.as_str().unwrap().to_owned().into());
    let own = (connector.settings)(table).unwrap_or_else(|errors| panic!("{}: {errors:?}", file.display()));
    ChannelSettings {
        id: case.parent().unwrap().file_name().unwrap().to_str().unwrap().parse().unwrap(),
        secret,
        auth: auth.unwrap_or_else(|| connector.auth.clone()),
        own,
    }
}

fn verified<'a>(request: &'a Request, settings: &'a ChannelSettings) -> Result<Verified<'a>, String> {
    if matches!(settings.auth, Auth::Session) {
        let officer = OfficerSession { officer: "petugas".to_owned() };
        return Ok(Verified::by_session(request, settings, &officer));
    }
    if matches!(settings.auth, Auth::Pull) {
        return Ok(Verified::before(request, settings));
    }
    let path = request.path_and_query.split('?').next().unwrap_or_default();
    let secret = path.strip_prefix(&format!("/in/{}/", settings.id));
    verify::verify(request, settings, secret, NOW.parse().unwrap()).map_err(|error| format!("401 {error}\n"))
}

/// What a case gives: the content of `expected.json`, or of `expected.reject`.
fn run(name: &str, connector: &Connector, case: &Path) -> Result<String, String> {
    let settings = channel(name, case);
    let bytes = fs::read(case.join("request.http")).unwrap();
    let request =
        muara::request_file::parse(&bytes).unwrap_or_else(|error| panic!("{}: {error}", case.display()));
    let verified = verified(&request, &settings)?;
    let decoded = (connector.decode)(&verified).map_err(|error| format!("422 {error}\n"))?;
    let normalizer = Normalizer::new(PrivacyKey::new(&"5a".repeat(32)).unwrap());
    let mut receipts: Vec<(ComplaintId, Reference)> = Vec::new();
    let mut items = Vec::new();
    for (item, number) in decoded.items.into_iter().zip(0u8..) {
        items.push(match item {
            Item::Ignored(reason) => json!({ "ignored": reason }),
            Item::Amendment(amendment) => json!({
                "key": IdempotencyKey::of_amendment(&settings.id, &amendment).text,
                "amends": IdempotencyKey::of_id(&settings.id, &amendment.external_id).text,
                "amendment": amendment,
            }),
            Item::Report(report) => json!({ "report": format!("{report:?}") }),
            Item::Inquiry(inquiry) => json!({
                "key": IdempotencyKey::of_id(&settings.id, &inquiry.external_id).text,
                "inquiry": format!("{:?}", inquiry.ask),
                "to": inquiry.return_address,
            }),
            Item::Rejected { index, reason } => json!({ "index": index, "rejected": reason.to_string() }),
            Item::Draft(draft) => {
                let receipt = receipt(&settings.id, name, number);
                let key = IdempotencyKey::of(&settings.id, &draft).text;
                let circumstances = circumstances(&draft);
                receipts.push((receipt.id, receipt.reference.clone()));
                let mut item = match normalizer.normalize(*draft, &receipt) {
                    Ok(made) => json!({ "key": key, "complaint": said(&made.complaint) }),
                    Err(error) => json!({ "key": key, "quarantined": error.to_string() }),
                };
                item.as_object_mut().unwrap().extend(circumstances);
                item
            }
        });
    }
    let reply = connector.answer.reply(&Outcome { receipts: &receipts, quarantined: None });
    let body = serde_json::from_str(&reply.body).unwrap_or(Value::String(reply.body));
    let whole = json!({ "items": items, "answer": { "status": reply.status, "body": body } });
    Ok(serde_json::to_string_pretty(&whole).unwrap() + "\n")
}

/// A complaint without what the rules read out of the words: they have tests of their own, and a rule that learns a
/// word is no change of a connector.
fn said(complaint: &Complaint) -> Value {
    let mut said = json!(complaint);
    if let Some(members) = said.as_object_mut() {
        for member in ["language", "language_confidence", "not_a_complaint"] {
            members.remove(member);
        }
    }
    if let Some(place) = said["location"].as_object_mut() {
        for member in ["street", "landmark", "postal_code", "confidence", "reasons"] {
            place.remove(member);
        }
    }
    let keep = |member: &mut Value, wanted: fn(&Value) -> bool| {
        member.as_array_mut().into_iter().for_each(|all| all.retain(wanted));
    };
    keep(&mut said["category"], |suggestion| suggestion["source"] == "channel");
    keep(&mut said["flags"], |flag| !matches!(flag.as_str(), Some("not_a_complaint" | "urgent")));
    said
}

/// What the gateway keeps of a draft beside the complaint: how it is answered, and what it answers itself.
fn circumstances(draft: &Draft) -> serde_json::Map<String, Value> {
    let mut kept = serde_json::Map::new();
    if let Some(address) = &draft.return_address {
        kept.insert("return_address".to_owned(), json!(address));
    }
    if !draft.replies_to.is_empty() {
        kept.insert("replies_to".to_owned(), json!(draft.replies_to));
    }
    for (name, flag) in [("public", draft.public), ("automatic", draft.automatic)] {
        if flag {
            kept.insert(name.to_owned(), json!(true));
        }
    }
    kept
}

fn receipt(channel: &ChannelId, connector: &str, number: u8) -> Receipt {
    let received_at: Timestamp = NOW.parse().unwrap();
    Receipt {
        id: ComplaintId::from_parts(received_at, &[number; 10]),
        reference: ReferenceKey::new([7; 16]).reference(number.into()),
        channel: channel.clone(),
        connector: connector.to_owned(),
        received_at,
    }
}

fn assert_none(failures: &[String]) {
    assert!(failures.is_empty(), "{} failed:\n\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn every_case_gives_what_is_expected() {
    let mut failures = Vec::new();
    for (name, connector) in CONNECTORS {
        for case in cases(name) {
            let (is, other, text) = match run(name, connector, &case) {
                Ok(text) => ("expected.json", "expected.reject", text),
                Err(text) => ("expected.reject", "expected.json", text),
            };
            if case.join(other).exists() {
                failures.push(format!("{}: has {other}, but gives\n{text}", case.display()));
            } else {
                failures.extend(compare(&case.join(is), &text).err());
            }
        }
    }
    assert_none(&failures);
}

#[test]
fn every_connector_has_the_cases_that_all_can_meet() {
    let mut failures = Vec::new();
    for (name, connector) in CONNECTORS {
        let there = names(&folder().join(name));
        let needed = match connector.auth {
            Auth::Session => SESSION_CASES,
            Auth::Pull => PULL_CASES,
            _ => CASES,
        };
        let missing = needed.iter().filter(|case| !there.contains(**case));
        failures.extend(missing.map(|case| format!("fixtures/{name}/{case} is missing")));
    }
    assert_none(&failures);
}

#[test]
fn every_file_and_folder_belongs_to_a_case() {
    // `quality` holds the examples of the normalizer's rules
    let connectors: BTreeSet<_> =
        CONNECTORS.iter().map(|(name, _)| *name).chain(["quality"]).map(str::to_owned).collect();
    let mut failures: Vec<_> = names(&folder())
        .difference(&connectors)
        // labelled complaints and chats
        .filter(|name| *name != "quality")
        .map(|name| format!("fixtures/{name}: no connector has this name"))
        .collect();
    for (name, _) in CONNECTORS {
        for stray in names(&folder().join(name)) {
            let path = folder().join(name).join(&stray);
            if !path.is_dir() && stray != "channel.toml" {
                failures.push(format!("{}: belongs to no case", path.display()));
            }
        }
        for case in cases(name) {
            let files = names(&case);
            let known = ["request.http", "channel.toml", "expected.json", "expected.reject"];
            let strays = files.iter().filter(|file| !known.contains(&file.as_str()));
            failures.extend(strays.map(|file| format!("{}/{file}: nobody reads it", case.display())));
            if !files.contains("request.http") {
                failures.push(format!("{}: no request.http", case.display()));
            }
            if files.contains("expected.json") == files.contains("expected.reject") {
                failures.push(format!("{}: needs expected.json or expected.reject", case.display()));
            }
        }
    }
    assert_none(&failures);
}

#[test]
fn a_redelivery_has_the_keys_of_the_first_delivery() {
    let mut failures = Vec::new();
    for (name, connector) in CONNECTORS {
        let keys: BTreeMap<_, _> = ["ok", "redelivered"]
            .into_iter()
            .map(|case| (case, keys(name, connector, &folder().join(name).join(case))))
            .collect();
        if keys["ok"].is_empty() || keys["ok"] != keys["redelivered"] {
            failures.push(format!("{name}: {keys:?}"));
        }
    }
    assert_none(&failures);
}

fn keys(name: &str, connector: &Connector, case: &Path) -> Vec<String> {
    let text = run(name, connector, case).unwrap_or_default();
    let whole: Value = serde_json::from_str(&text).unwrap_or_default();
    let items = whole["items"].as_array().cloned().unwrap_or_default();
    items.iter().filter_map(|item| item["key"].as_str().map(str::to_owned)).collect()
}
