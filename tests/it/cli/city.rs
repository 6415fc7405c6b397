//! The shipped configuration of Jakarta's channels, and the table that README shows of it.

use std::{collections::BTreeSet, fs, path::Path};

use muara_tests::gateway::Gateway;
use serde_json::Value;

use super::ended;

const CONFIG: &str = include_str!("../../../gateway/config/jakarta.toml");
const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$Y2FubmVkLWhhc2gtb2Ytbm8tcGFzc3dvcmQ";
/// The 14 channels of 2020 to 2022, and those beside them.
const CHANNELS: [&str; 18] = [
    "balai_kota",
    "balai_warga",
    "email_dki",
    "facebook_dki",
    "inspektorat",
    "instagram",
    "jaki",
    "kecamatan",
    "kelurahan",
    "lapor",
    "media_massa",
    "medsos_gubernur",
    "qlue",
    "sms",
    "telegram",
    "twitter_dki",
    "wali_kota",
    "whatsapp",
];

/// The environment variables that the configuration names.
fn variables() -> BTreeSet<&'static str> {
    let named = CONFIG.split("${env:").skip(1).filter_map(|rest| rest.split(['}', ':']).next());
    // the broker's has a default
    named.filter(|name| *name != "MUARA_BROKER_URL").collect()
}

/// Something of the form that the variable's name promises.
fn value(variable: &str) -> &'static str {
    match variable.rsplit('_').next() {
        Some("URL") => "https://vendor.example/path",
        Some("HASH") => HASH,
        Some("ID") => "1234567890",
        Some("HOST") => "vendor.example",
        // SMPP has room for eight characters
        Some("PASSWORD") => "rahasia1",
        _ => "a-secret-that-is-long-enough-for-every-vendor",
    }
}

fn city(variables: impl IntoIterator<Item = &'static str>) -> Gateway {
    let gateway = Gateway::new("");
    fs::write(gateway.config(), CONFIG).unwrap();
    variables.into_iter().fold(gateway, |gateway, variable| gateway.env(variable, value(variable)))
}

async fn rows(gateway: &Gateway) -> Vec<Value> {
    let (stdout, _) = ended(&gateway.muara(&["channels", "--json"]).await, 0);
    serde_json::from_str(&stdout).unwrap()
}

#[tokio::test]
async fn every_official_channel_is_configured_and_needs_only_its_secrets() {
    let rows = rows(&city(variables())).await;
    let ids: Vec<_> = rows.iter().map(|row| row["id"].as_str().unwrap()).collect();
    assert_eq!(ids, CHANNELS);
    for row in &rows {
        assert_eq!(row["state"], "enabled", "{row}");
    }
}

#[tokio::test]
async fn a_channel_without_its_secrets_is_off_with_the_reason_and_the_others_run() {
    let with_jaki = variables().into_iter().filter(|name| name.starts_with("JAKI"));
    for row in rows(&city(with_jaki)).await {
        let (id, reason) = (row["id"].as_str().unwrap(), row["reason"].as_str().unwrap_or_default());
        match id {
            "jaki" => assert_eq!(row["state"], "enabled", "{row}"),
            _ => {
                assert_eq!(row["state"], "disabled", "{row}");
                assert!(reason.contains("is not set"), "{id}: {reason}");
            }
        }
    }
}

/// The table between the markers of README is what `muara channels` says of the shipped configuration.
#[tokio::test]
async fn the_readme_shows_the_table_of_the_channels() {
    const BEGIN: &str = "<!-- channels: generated, BLESS=1 -->\n";
    const END: &str = "<!-- end -->";
    let config: toml::Table = CONFIG.parse().unwrap();
    let mut table = String::from(
        "| channel | official name | connector | direction | authentication | redelivers | limits |\n\
         |---|---|---|---|---|---|---|\n",
    );
    for row in rows(&city(variables())).await {
        let cell = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
        let redelivers = if row["redelivers"] == true { "yes" } else { "no" };
        table += &format!(
            "| `{}` | {} | {} | {} | {} | {redelivers} | {} |\n",
            cell("id"),
            config["channels"][&cell("id")]["title"].as_str().unwrap(),
            cell("connector"),
            cell("direction"),
            cell("auth"),
            cell("limits"),
        );
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = fs::read_to_string(&file).unwrap();
    let (before, rest) = readme.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let wanted = format!("{before}{BEGIN}{table}{END}{after}");
    if std::env::var_os("BLESS").is_some() {
        fs::write(&file, &wanted).unwrap();
    }
    let shown = fs::read_to_string(&file).unwrap();
    assert!(shown == wanted, "README.md is stale: run BLESS=1 ./tests/run readme");
}
