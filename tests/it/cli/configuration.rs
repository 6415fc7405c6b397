//! `check`, `channels`, `default-config`, `schema`.

use std::{fs, path::Path};

use muara_tests::gateway::Gateway;
use serde_json::{Value, json};

use super::{SECRET, ended, qlue};

const WRONG: &str = r#"
[store]
url = "sqlite://muara.db"
high_water_row = 5
keep_keys_days = "many"
[broker]
topology = "declare"
[weather]
[desk]
session_hours = true
[intake]
body_timeout_seconds = 0
[log]
filter = "muara=loud"
[telemetry]
otlp_endpoint = "collector:4318"
sample_ratio = 2.0
[channels.qlue]
connector = "qlue"
[channels."Not A Name"]
connector = "qlue"
[channels.lapor]
connector = "lapor_sms"
[places]
kelurahan_polygons = "absent.geojson"
[channels.kelurahan]
connector = "webhook"
secret = "s"
auth = { scheme = "open" }
[channels.kelurahan.replies]
receipt_text = "Terima kasih, {nama}"
fallback = ["kelurahan"]
attempts = 0
[channels.web]
connector = "webhook"
secret = "${env:MUARA_TEST_NO_SUCH_SECRET}"
[channels.form]
connector = "webhook"
secret = "s"
auth = { scheme = "open" }
items = "$.["
[channels.form.fields]
text = "data.text"
whatever = "$.x"
"#;

#[tokio::test]
async fn check_lists_everything_that_is_wrong_at_once() {
    let gateway = Gateway::new(WRONG);
    let (stdout, stderr) = ended(&gateway.muara(&["check"]).await, 1);
    assert_eq!(stdout, "");
    for wanted in [
        "high_water_row",
        "keep_keys_days",
        "[broker] url",
        "unknown table [weather]",
        "[desk] session_hours",
        "[intake] body_timeout_seconds: must be at least 1",
        "[places] kelurahan_polygons",
        "[log] filter",
        "[telemetry] otlp_endpoint",
        "[telemetry] sample_ratio: must be from 0 to 1",
        "[channels.qlue] secret is missing",
        "Not A Name",
        "there is no `lapor_sms`; known are: ",
        "[channels.kelurahan] replies.receipt_text: there is no variable {nama}",
        "[channels.kelurahan] replies.fallback: `kelurahan` is this channel itself",
        "[channels.kelurahan] replies.attempts: must be at least 1",
        "[channels.web] auth is missing",
        "[channels.form] items",
        "[channels.form] fields.text",
        "whatever",
    ] {
        assert!(stderr.contains(wanted), "`{wanted}` is not in:\n{stderr}");
    }
    // a start is refused in the same words
    let (status, words) = gateway.fails_to_start().await;
    assert_eq!(status.code(), Some(1));
    assert_eq!(words, stderr);
    assert!(!gateway.database().exists(), "a refused start left a store behind");
}

#[tokio::test]
async fn a_channel_that_stands_in_must_be_there_and_be_able_to() {
    let config = r#"
[channels.form]
connector = "webhook"
secret = "s"
auth = { scheme = "open" }
fields = { text = "$.text" }
replies = { fallback = ["sms", "other"] }
[channels.other]
connector = "webhook"
secret = "s"
auth = { scheme = "open" }
fields = { text = "$.text" }
"#;
    let (_, stderr) = ended(&Gateway::new(config).muara(&["check"]).await, 1);
    assert!(stderr.contains("[channels.form] replies.fallback: there is no channel `sms`"), "{stderr}");
    assert!(stderr.contains("`other` cannot reach anybody"), "{stderr}");
}

#[tokio::test]
async fn check_refuses_addresses_of_an_unknown_kind_without_their_passwords() {
    let wrong = "[store]\nurl = \"mysql://muara:rahasia@db/muara\"\n[broker]\nurl = \"http://muara:rahasia@mq\"\n\
                 [channels.qlue]\nconnector = \"qlue\"\nsecret = \"s\"\n";
    let (_, stderr) = ended(&Gateway::new(wrong).muara(&["check"]).await, 1);
    assert!(stderr.contains("[store] url") && stderr.contains("use sqlite://PATH"), "{stderr}");
    assert!(stderr.contains("[broker] url: must begin with amqp:// or amqps://"), "{stderr}");
    assert!(!stderr.contains("rahasia"), "{stderr}");
}

#[tokio::test]
async fn check_names_the_file_of_a_slip_and_reads_conf_d() {
    let gateway = qlue();
    let (stdout, _) = ended(&gateway.muara(&["check"]).await, 0);
    assert!(stdout.contains("1 channels") && stdout.contains("no [broker]"), "{stdout}");
    assert!(stdout.contains("words and addresses 400 days"), "{stdout}");
    let more = gateway.folder().join("conf.d");
    fs::create_dir(&more).unwrap();
    fs::write(
        more.join("10-lama.toml"),
        "[channels.lama]\nconnector = \"qlue\"\nsecret = \"${file:lama.secret}\"\n",
    )
    .unwrap();
    fs::write(more.join("notes.txt"), "not ours").unwrap();
    let (stdout, _) = ended(&gateway.muara(&["check"]).await, 0);
    assert!(stdout.contains("2 channels, 1 of them off") && stdout.contains("lama.secret"), "{stdout}");
    fs::write(gateway.folder().join("lama.secret"), "rahasia\n").unwrap();
    let (stdout, _) = ended(&gateway.muara(&["check"]).await, 0);
    assert!(stdout.contains("0 of them off"), "{stdout}");

    fs::write(more.join("20-twice.toml"), "[channels.lama]\nsecret = \"other\"\n").unwrap();
    fs::write(more.join("30-slip.toml"), "[channels.baru]\nconnector = \"qlue\nsecret = \"x\"\n").unwrap();
    let (_, stderr) = ended(&gateway.muara(&["check"]).await, 1);
    assert!(stderr.contains("20-twice.toml: `channels.lama.secret` is set by another file"), "{stderr}");
    assert!(stderr.contains("30-slip.toml: not valid TOML: line 2"), "{stderr}");
    let (_, stderr) = ended(&gateway.muara(&["check", "--config", "nowhere.toml"]).await, 1);
    assert!(stderr.contains("nowhere.toml"), "{stderr}");
    // a word that is no command
    ended(&gateway.muara(&["chek"]).await, 2);
}

#[tokio::test]
async fn channels_prints_what_scripts_rely_on() {
    let gateway = Gateway::new(&format!(
        "[channels.qlue]\nconnector = \"qlue\"\nsecret = \"{SECRET}\"\n\
         [channels.qlue.pull]\nurl = \"http://127.0.0.1:9/feed\"\n\
         [channels.lama]\nconnector = \"qlue\"\nsecret = \"${{env:MUARA_TEST_NO_SUCH_SECRET}}\"\n\
         [channels.web]\nconnector = \"webhook\"\nsecret = \"s\"\nredelivers = true\nenabled = false\n\
         auth = {{ scheme = \"path_secret\" }}\nfields = {{ text = \"$.text\" }}\n"
    ));
    let (stdout, _) = ended(&gateway.muara(&["channels", "--json"]).await, 0);
    let rows: Value = serde_json::from_str(&stdout).unwrap();
    let expected = json!([
        {"id": "lama", "connector": "qlue", "direction": "in", "auth": "hmac", "redelivers": true,
         "state": "disabled", "reason": "environment variable MUARA_TEST_NO_SUCH_SECRET is not set",
         "limits": "30/min a sender, 600/min out"},
        {"id": "qlue", "connector": "qlue", "direction": "in, pull", "auth": "hmac", "redelivers": true,
         "state": "enabled", "reason": null, "limits": "30/min a sender, 600/min out"},
        {"id": "web", "connector": "webhook", "direction": "in", "auth": "path secret", "redelivers": true,
         "state": "disabled", "reason": "switched off (enabled = false)", "limits": "30/min a sender, 600/min out"},
    ]);
    assert_eq!(rows, expected);
    let (table, _) = ended(&gateway.muara(&["channels"]).await, 0);
    assert_eq!(table.lines().count(), 4);
    assert!(table.lines().next().unwrap().starts_with("channel "));
}

#[tokio::test]
async fn the_default_configuration_is_valid_and_the_documented_one() {
    let gateway = qlue();
    let (printed, _) = ended(&gateway.muara(&["default-config"]).await, 0);
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../gateway/config.default.toml");
    if std::env::var_os("BLESS").is_some() {
        fs::write(&golden, &printed).unwrap();
    }
    let documented = fs::read_to_string(&golden).unwrap_or_default();
    assert_eq!(
        printed, documented,
        "gateway/config.default.toml is stale: run BLESS=1 ./tests/run default_config"
    );

    fs::write(gateway.config(), &printed).unwrap();
    let (stdout, _) = ended(&gateway.muara(&["check"]).await, 0);
    assert!(stdout.contains("QLUE_SECRET"), "{stdout}");
    // every key that is commented out has the value it would have
    let uncommented: String = printed
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(rest) if rest.contains(" = ") || rest.starts_with('[') => format!("{rest}\n"),
            _ => format!("{line}\n"),
        })
        .filter(|line| !line.starts_with("key = "))
        .collect();
    let gateway = Gateway::new("")
        .env("QLUE_SECRET", SECRET)
        .env("MUARA_BROKER_URL", "amqp://127.0.0.1")
        .env("MUARA_OPENID_SECRET", SECRET)
        .env("MUARA_S3_SECRET", SECRET);
    fs::write(gateway.config(), uncommented).unwrap();
    let (stdout, _) = ended(&gateway.muara(&["check"]).await, 0);
    assert!(stdout.contains("1 channels, 0 of them off") && !stdout.contains("no [broker]"), "{stdout}");
}

#[tokio::test]
async fn schemas_are_printed_by_name() {
    let gateway = qlue();
    let (names, _) = ended(&gateway.muara(&["schema"]).await, 0);
    assert!(names.lines().any(|name| name == "complaint.received.v1"), "{names}");
    for name in names.lines() {
        let (schema, _) = ended(&gateway.muara(&["schema", name]).await, 0);
        let schema: Value = serde_json::from_str(&schema).unwrap();
        assert!(jsonschema::meta::is_valid(&schema), "{name}");
    }
    let (_, stderr) = ended(&gateway.muara(&["schema", "complain"]).await, 1);
    assert!(stderr.contains("there is no schema `complain`; there are: "), "{stderr}");
}
