//! What cannot be understood is kept, and goes its way after a fix.

use muara_tests::{
    gateway::Gateway,
    reports::{Reports, Signed, second_shape},
};
use serde_json::{Value, json};

use super::{SECRET, for_web, levels, problem, qlue, web};

fn external(events: &[Value]) -> Vec<String> {
    let ids = events.iter().map(|event| event["data"]["external"]["id"].as_str().unwrap().to_owned());
    let mut ids: Vec<_> = ids.collect();
    ids.sort_unstable();
    ids
}

#[tokio::test]
async fn a_body_that_is_not_understood_is_kept_once_with_its_bytes() {
    let gateway = Gateway::launch(&qlue("")).await;
    let malformed = Signed::new(SECRET, vec![], b"{\"data\": [{\"id\": 1, ".to_vec());
    let first = problem(gateway.post("qlue", &malformed).await.unwrap(), 422).await;
    let id = first["quarantine"].as_str().unwrap();
    for _ in 0..2 {
        let again = problem(gateway.post("qlue", &malformed).await.unwrap(), 422).await;
        assert_eq!(again["quarantine"], first["quarantine"]);
    }
    assert_eq!(levels(&gateway).await["quarantined"], 1);
    let rows = gateway.rows(&["quarantine", "list", "--json"]).await;
    assert_eq!(rows.len(), 1);
    assert_eq!(
        (&rows[0]["id"], &rows[0]["seen"], &rows[0]["channel"]),
        (&json!(id), &json!(3), &json!("qlue"))
    );
    let exported = gateway.muara(&["quarantine", "export", id]).await;
    assert_eq!(exported.stdout, malformed.body);

    let shapeless = Signed::new(SECRET, vec![], b"{\"reports\": []}".to_vec());
    let other = problem(gateway.post("qlue", &shapeless).await.unwrap(), 422).await;
    assert_ne!(other["quarantine"], first["quarantine"]);
    assert_eq!(gateway.channel_is("qlue", "degraded").await["quarantined"], 4);
    // nothing is fixed, so everything stays, and asking again is not a delivery
    let replay = gateway.prints(&["quarantine", "replay", "--all"]).await;
    assert!(replay.ends_with("0 rows go their way, 2 stay\n"), "{replay}");
    let rows = gateway.rows(&["quarantine", "list", "--json"]).await;
    assert_eq!(rows.iter().map(|row| row["seen"].as_u64().unwrap()).sum::<u64>(), 4);
}

#[tokio::test]
async fn a_bad_item_does_not_harm_its_neighbours() {
    let gateway = Gateway::launch(&qlue("")).await;
    let reports = Reports::new(SECRET);
    let batch = json!({"data": [second_shape(1), {"description": "tanpa nomor"}, second_shape(3), 17]});
    let batch = reports.sign(vec![], &batch);
    let answer = gateway.accepted("qlue", &batch).await;
    assert_eq!(answer["accepted"].as_array().unwrap().len(), 2);
    let id = answer["quarantined"].as_str().unwrap();
    assert_eq!(gateway.accepted("qlue", &batch).await, answer, "a redelivery");
    gateway.waiting("outbox", 2).await;
    assert_eq!(external(&gateway.rows(&["outbox", "tail"]).await), ["1", "3"]);
    let row: Value = serde_json::from_str(&gateway.prints(&["quarantine", "show", id]).await).unwrap();
    let reason = row["reason"].as_str().unwrap();
    assert!(reason.contains("item 1") && reason.contains("item 3") && reason.contains("`id`"), "{reason}");
    assert_eq!(gateway.muara(&["quarantine", "export", id]).await.stdout, batch.body);
    assert!(!gateway.prints(&["quarantine", "show", id]).await.contains("tanpa nomor"));
    assert!(gateway.prints(&["quarantine", "show", id, "--raw"]).await.contains("tanpa nomor"));
}

#[tokio::test]
async fn after_a_fix_of_the_field_map_a_replay_passes_on_exactly_what_was_missing() {
    let gateway = Gateway::launch(&web("\"$.body\"", "")).await;
    let items = [
        json!({"id": "a", "body": "Lampu jalan mati"}),
        json!({"id": "b", "isi": "Pohon tumbang menutup jalan"}),
        json!({"id": "c", "body": "Sampah menumpuk"}),
    ];
    let answer = gateway.accepted("web", &for_web(&items)).await;
    let id = answer["quarantined"].as_str().unwrap().to_owned();
    gateway.waiting("outbox", 2).await;
    let row: Value = serde_json::from_str(&gateway.prints(&["quarantine", "show", &id]).await).unwrap();
    assert!(row["reason"].as_str().unwrap().contains("`text`"), "the field is not named: {row}");

    gateway.configure(&web("{ paths = [\"$.body\", \"$.isi\"] }", ""));
    let after = gateway.log().len();
    gateway.hangup().await;
    gateway.log().line(after, "The channels are reloaded").await;
    let replay = gateway.prints(&["quarantine", "replay", &id]).await;
    assert!(replay.ends_with("1 rows go their way, 0 stay\n"), "{replay}");
    gateway.waiting("outbox", 3).await;
    let events = gateway.rows(&["outbox", "tail"]).await;
    assert_eq!(external(&events), ["a", "b", "c"]);
    assert!(gateway.rows(&["quarantine", "list", "--json"]).await.is_empty());
    let again = gateway.muara(&["quarantine", "replay", &id]).await;
    assert_eq!(again.status.code(), Some(1), "a row that is gone");
    // the vendor delivers the whole once more: all of it is known now, and the old answers stand
    let whole = gateway.accepted("web", &for_web(&items)).await;
    assert_eq!(whole["accepted"][0], answer["accepted"][0]);
    assert_eq!(whole["accepted"][2], answer["accepted"][1]);
    assert_eq!(whole["quarantined"], Value::Null);
    assert_eq!(gateway.rows(&["outbox", "tail"]).await.len(), 3);
}

#[tokio::test]
async fn a_channel_that_is_gone_keeps_its_quarantine() {
    let gateway = Gateway::launch(&(qlue("") + &web("\"$.body\"", ""))).await;
    let refused = gateway.post("web", &for_web(&[json!({"id": 1})])).await.unwrap();
    let id = problem(refused, 422).await["quarantine"].as_str().unwrap().to_owned();
    gateway.configure(&qlue(""));
    let replay = gateway.prints(&["quarantine", "replay", "--all"]).await;
    assert!(replay.contains(&id) && replay.contains("not configured"), "{replay}");
    assert_eq!(gateway.rows(&["quarantine", "list", "--json"]).await.len(), 1);
}
