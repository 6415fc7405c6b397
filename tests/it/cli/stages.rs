//! `try` and `normalize`: what would become of a message, without a gateway and without a trace.

use std::{collections::BTreeSet, fs};

use muara_tests::{gateway::Gateway, reports::Signed};
use serde_json::{Value, json};

use super::{SECRET, ended, qlue};

/// Writes a captured request beside the configuration.
fn captured(gateway: &Gateway, signed: &Signed) -> String {
    let head = format!(
        "POST /in/qlue HTTP/1.1\nContent-Type: application/json\nX-Qlue-Signature: {}\n\n",
        signed.signature
    );
    let file = gateway.folder().join("request.http");
    fs::write(&file, [head.as_bytes(), &signed.body].concat()).unwrap();
    file.to_str().unwrap().to_owned()
}

fn files(gateway: &Gateway) -> BTreeSet<String> {
    let entries = fs::read_dir(gateway.folder()).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn signed(secret: &str, body: &Value) -> Signed {
    Signed::new(secret, vec![], body.to_string().into_bytes())
}

#[tokio::test]
async fn try_prints_each_stage_and_touches_nothing() {
    let gateway = qlue();
    let body = json!({"data": [{"id": 1, "description": "Lubang di jalan"}, {"description": "tanpa nomor"}]});
    let file = captured(&gateway, &signed(SECRET, &body));
    let before = files(&gateway);
    let (stdout, _) = ended(&gateway.muara(&["try", "--channel", "qlue", &file]).await, 0);
    for wanted in [
        "verify      passed (hmac)",
        "decode      2 items",
        "idempotency key qlue/1",
        "complaint   {",
        "\"description\": \"Lubang di jalan\"",
        "item 1      quarantined: field `id`",
    ] {
        assert!(stdout.contains(wanted), "`{wanted}` is not in:\n{stdout}");
    }
    assert_eq!(files(&gateway), before);
}

#[tokio::test]
async fn try_ends_with_an_error_where_the_gateway_would_refuse() {
    let gateway = qlue();
    let file = captured(&gateway, &signed("a guess", &json!({"id": 1, "description": "Banjir"})));
    let (stdout, stderr) = ended(&gateway.muara(&["try", "--channel", "qlue", &file]).await, 1);
    assert!(stdout.contains("verify      NOT passed") && stderr.contains("401"), "{stdout}{stderr}");
    assert!(!stdout.contains("Banjir"), "unverified words were read");
    let all_the_same = ["try", "--channel", "qlue", &file, "--unverified"];
    let (stdout, _) = ended(&gateway.muara(&all_the_same).await, 0);
    assert!(stdout.contains("NOT passed") && stdout.contains("\"description\": \"Banjir\""), "{stdout}");

    let file = captured(&gateway, &Signed::new(SECRET, vec![], b"{\"data\": [".to_vec()));
    let (stdout, stderr) = ended(&gateway.muara(&["try", "--channel", "qlue", &file]).await, 1);
    assert!(stdout.contains("decode      quarantined") && stderr.contains("422"), "{stdout}{stderr}");

    let (_, stderr) = ended(&gateway.muara(&["try", "--channel", "kosong", &file]).await, 1);
    assert!(stderr.contains("no channel `kosong`"), "{stderr}");
    fs::write(gateway.folder().join("request.http"), "this is no request").unwrap();
    let (_, stderr) = ended(&gateway.muara(&["try", "--channel", "qlue", &file]).await, 1);
    assert!(stderr.contains("HTTP/1.1"), "{stderr}");
    ended(&gateway.muara(&["try", "--channel", "qlue", "nowhere.http"]).await, 1);
}

#[tokio::test]
async fn normalize_reads_and_writes_one_object_a_line() {
    let gateway = qlue();
    let lines = [
        json!({"id": "k-1", "channel": "qlue", "received_at": "2026-11-03T03:10:00Z", "text": "Lampu jalan mati",
               "lat": -6.2088, "lng": 106.8456, "labels": {"category": "not to be read"}}),
        json!({"id": 2, "channel": "twitter_dki", "received_at": "2026-11-03T03:11:00Z", "text": "  \u{200b}",
               "lat": null, "lng": null}),
        json!({"id": "k-3", "channel": "qlue", "received_at": "2026-11-03T03:12:00Z", "text": "Pohon  tumbang"}),
    ];
    let input: String = lines.iter().map(|line| format!("{line}\n\n")).collect();
    let run = || gateway.muara_with_input(&["normalize", "--jsonl"], input.as_bytes());
    let (stdout, _) = ended(&run().await, 0);
    let made: Vec<Value> = stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        made.iter().map(|made| &made["id"]).collect::<Vec<_>>(),
        [&json!("k-1"), &json!(2), &json!("k-3")]
    );
    assert_eq!(made[0]["complaint"]["description"], "Lampu jalan mati");
    assert_eq!(made[0]["complaint"]["location"]["lat"], -6.2088);
    assert_eq!(made[0]["complaint"]["channel"]["id"], "qlue");
    assert_eq!(made[1]["complaint"], Value::Null);
    assert!(made[1]["error"].as_str().unwrap().contains("nothing was said"));
    assert_eq!(made[2]["complaint"]["description"], "Pohon tumbang");
    assert!(!stdout.contains("not to be read"));
    // the same in, the same out: results can be compared
    assert_eq!(ended(&run().await, 0).0, stdout);

    let output = gateway.muara_with_input(&["normalize", "--jsonl"], b"{\"id\": 1}\n").await;
    let (_, stderr) = ended(&output, 1);
    assert!(stderr.contains("line 1"), "{stderr}");
    ended(&gateway.muara(&["normalize"]).await, 2);
}
