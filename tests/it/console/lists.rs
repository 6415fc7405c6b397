//! What stands in the rooms, and how it is sent on its way.

use muara_tests::{consume::drain, gateway::Gateway, gateway::PATIENCE, rabbitmq::RabbitNode};
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{audited, config, line, quarantined, signed, visitor::Visitor};

const BEFORE: &str = "\"$.body\"";
const MENDED: &str = "{ paths = [\"$.body\", \"$.isi\"] }";

#[tokio::test]
async fn quarantine_fix_replay_and_the_event_is_on_the_queue() {
    let vhost = RabbitNode::shared().await.vhost("console").await;
    let broker = format!("[broker]\nurl = \"{}\"\n", vhost.url());
    let gateway = Gateway::launch(&(broker.clone() + &config(BEFORE, ""))).await;
    let row = quarantined(&gateway, json!({"id": "b", "isi": "Pohon tumbang menutup jalan"})).await;
    let other = quarantined(&gateway, json!({"id": "c", "teks": "Sampah menumpuk"})).await;
    let mut oki = Visitor::signed_in(&gateway.internal_url(""), "oki").await;
    let list = oki.read("/lists/quarantine").await;
    assert!(list.contains(&row) && list.contains("<code>text</code>"), "the reason is not named: {list}");
    // nothing is mended, so both stay
    let after = oki.acts("quarantine", "replay", &[&row, &other], "").await;
    assert!(after.contains("Replayed 0 of 2 rows. The other 2: still not understood"), "{after}");

    gateway.configure(&(broker + &config(MENDED, "")));
    let seen = gateway.log().len();
    gateway.hangup().await;
    gateway.log().line(seen, "The channels are reloaded").await;
    let after = oki.acts("quarantine", "replay", &[&row, &other], "field map mended").await;
    assert!(after.contains("Replayed 1 of 2 rows. The other 1: still not understood"), "{after}");
    let events = drain(&vhost.url(), "crm.complaints", 1, PATIENCE).await;
    let event: Value = serde_json::from_slice(&events[0].body).unwrap();
    assert_eq!(event["type"], "complaint.received.v1");
    assert_eq!(event["data"]["external"]["id"], "b");

    // pressed twice
    let after = oki.acts("quarantine", "replay", &[&row], "").await;
    assert!(after.contains("Replayed 0 of 1 row."), "{after}");
    gateway.waiting("quarantined", 1).await;
    gateway.waiting("outbox", 0).await;
    let mut before = [row.as_str(), other.as_str()];
    before.sort_unstable();
    let outcome = |id: &str| if id == row { "done" } else { "stays" };
    assert_eq!(
        audited(&gateway).await,
        [
            line(["oki", "replay", before[0], "", "stays"]),
            line(["oki", "replay", before[1], "", "stays"]),
            line(["oki", "replay", before[0], "field map mended", outcome(before[0])]),
            line(["oki", "replay", before[1], "field map mended", outcome(before[1])]),
            line(["oki", "replay", &row, "", "was gone already"]),
        ]
    );
    // the complaint's own page knows that the broker has it
    let reference = event["data"]["reference"].as_str().unwrap();
    assert_eq!(oki.open(&format!("/complaints?q={reference}")).await, StatusCode::SEE_OTHER);
    let page = oki.location.clone();
    assert_eq!(page, format!("/complaints/{}", event["data"]["id"].as_str().unwrap()));
    let html = oki.read(&page).await;
    for words in [
        "received and stored",
        "complaint.received.v1 confirmed by the broker",
        "with the core CRM",
        reference,
    ] {
        assert!(html.contains(words), "no {words}: {html}");
    }
    let flow = oki.read("/flow").await;
    assert!(flow.contains("<b id=\"confirmed\">1</b>"), "{flow}");
    assert!(flow.contains("1 complaints in the last 24 hours"), "{flow}");
}

#[tokio::test]
async fn held_messages_are_released_one_and_many() {
    let limits = "limits = { sender = { per_minute = 1, burst = 1 } }";
    let gateway = Gateway::launch(&config(BEFORE, limits)).await;
    let words: Vec<_> =
        (1..=4).map(|id| json!({"id": id, "from": "seribu", "body": format!("Lampu {id} mati")})).collect();
    let answer = gateway.accepted("web", &signed(&words)).await;
    gateway.waiting("held", 3).await;
    let held: Vec<&str> =
        answer["accepted"].as_array().unwrap()[1..].iter().map(|one| one["id"].as_str().unwrap()).collect();
    let mut oki = Visitor::signed_in(&gateway.internal_url(""), "oki").await;
    let list = oki.read("/lists/held").await;
    assert!(held.iter().all(|id| list.contains(id)) && list.contains("Lampu 2 mati"), "{list}");
    let reference = answer["accepted"][2]["reference"].as_str().unwrap();
    let found = oki.read(&format!("/lists/held?q={reference}")).await;
    assert!(found.contains(held[1]) && !found.contains(held[0]), "the search by reference: {found}");
    let after = oki.acts("held", "release", &held[..1], "").await;
    assert!(after.contains("Released 1 of 1 row."), "{after}");
    let after = oki.acts("held", "release", &held, "the market is on fire").await;
    assert!(after.contains("Released 2 of 3 rows. The other 1: gone already."), "{after}");
    gateway.waiting("held", 0).await;
    gateway.waiting("outbox", 4).await;
    let lines = audited(&gateway).await;
    assert_eq!(lines[0], line(["oki", "release", held[0], "", "done"]));
    assert_eq!(lines.len(), 4);
    assert!(lines[1..].iter().all(|line| line[3] == "the market is on fire"), "{lines:?}");
}

#[tokio::test]
async fn who_may_only_look_may_not_act_nor_read_words() {
    let gateway = Gateway::launch(&config(BEFORE, "")).await;
    let row = quarantined(&gateway, json!({"id": "b", "isi": "Pohon tumbang", "hp": "081234567890"})).await;
    let mut vina = Visitor::signed_in(&gateway.internal_url(""), "vina").await;
    let list = vina.read("/lists/quarantine").await;
    assert!(list.contains(&row) && list.contains("isi"), "names of fields are shown: {list}");
    for hidden in [
        "Pohon",
        "tumbang",
        "081234567890",
        "/lists/quarantine/act",
        "/lists/quarantine/words",
        "href=\"/audit\"",
    ] {
        assert!(!list.contains(hidden), "{hidden} is shown");
    }
    for (path, fields) in [
        ("/lists/quarantine/act", vec![("do", "replay"), ("row", row.as_str())]),
        ("/lists/quarantine/act", vec![("do", "discard"), ("reason", "x"), ("row", row.as_str())]),
        ("/lists/quarantine/words", vec![("reason", "curious"), ("row", row.as_str())]),
        ("/channels/web/pause", vec![("reason", "x")]),
        ("/channels/web/resume", vec![]),
    ] {
        assert_eq!(vina.does(path, &fields).await, StatusCode::FORBIDDEN, "{path}");
        assert!(vina.html.contains("Nothing was done") && !vina.html.contains("Pohon"), "{}", vina.html);
    }
    assert_eq!(vina.open("/audit").await, StatusCode::FORBIDDEN);
    // an operator may not discard
    let mut oki = Visitor::signed_in(&gateway.internal_url(""), "oki").await;
    let fields = [("do", "discard"), ("reason", "x"), ("row", row.as_str())];
    assert_eq!(oki.does("/lists/quarantine/act", &fields).await, StatusCode::FORBIDDEN);
    assert_eq!(oki.open("/audit").await, StatusCode::FORBIDDEN);
    assert!(audited(&gateway).await.is_empty());
    gateway.waiting("quarantined", 1).await;
}

#[tokio::test]
async fn words_are_masked_until_somebody_says_why_and_that_is_written_down() {
    let gateway = Gateway::launch(&config(BEFORE, "")).await;
    let row = quarantined(&gateway, json!({"id": "b", "isi": "Pohon tumbang", "hp": "081234567890"})).await;
    let mut oki = Visitor::signed_in(&gateway.internal_url(""), "oki").await;
    let list = oki.read("/lists/quarantine").await;
    assert!(
        list.contains("isi") && list.contains("hp") && !list.contains("Pohon"),
        "names, not words: {list}"
    );
    let words = "/lists/quarantine/words";
    assert_eq!(oki.does(words, &[("row", &row), ("reason", "  ")]).await, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(!oki.html.contains("Pohon"));
    assert!(audited(&gateway).await.is_empty());
    assert_eq!(
        oki.does(words, &[("row", &row), ("reason", "which field holds the text?")]).await,
        StatusCode::OK
    );
    assert!(oki.html.contains("Pohon tumbang") && oki.html.contains("081234567890"), "{}", oki.html);
    assert_eq!(
        audited(&gateway).await,
        [line(["oki", "read words", &row, "which field holds the text?", "done"])]
    );
    // the same of a complaint, whose event masks the number
    let text = "Lampu jalan mati di depan rumah saya, hubungi 0812-3456-7890";
    let answer = gateway.accepted("web", &signed(&[json!({"id": "d", "body": text})])).await;
    gateway.waiting("outbox", 1).await;
    let id = answer["accepted"][0]["id"].as_str().unwrap();
    let page = oki.read(&format!("/complaints/{id}")).await;
    assert!(page.contains("Lampu jalan mati") && !page.contains("3456"), "{page}");
    let words = format!("/complaints/{id}/words");
    assert_eq!(oki.does(&words, &[("reason", "the CRM asks")]).await, StatusCode::OK);
    assert!(oki.html.contains("0812-3456-7890"), "{}", oki.html);
    assert_eq!(audited(&gateway).await[1], line(["oki", "read words", id, "the CRM asks", "done"]));

    let mut adi = Visitor::signed_in(&gateway.internal_url(""), "adi").await;
    let log = adi.read("/audit?q=CRM").await;
    assert!(log.contains(id) && log.contains("oki") && !log.contains(&row), "{log}");
    assert!(!gateway.log().text().contains("Pohon"), "no word of a citizen is logged");
}

#[tokio::test]
async fn an_admin_discards_with_a_reason_and_only_what_was_ticked() {
    let gateway = Gateway::launch(&config(BEFORE, "")).await;
    let first = quarantined(&gateway, json!({"id": "a", "isi": "Satu"})).await;
    let second = quarantined(&gateway, json!({"id": "b", "isi": "Dua"})).await;
    let mut adi = Visitor::signed_in(&gateway.internal_url(""), "adi").await;
    let act = "/lists/quarantine/act";
    for fields in [vec![("do", "discard"), ("row", first.as_str())], vec![("do", "replay"), ("reason", "x")]]
    {
        assert_eq!(adi.does(act, &fields).await, StatusCode::UNPROCESSABLE_ENTITY);
    }
    let after = adi.acts("quarantine", "discard", &[&first], "a test of the vendor").await;
    assert!(after.contains("Discarded 1 of 1 row.") && after.contains(&second), "{after}");
    let again = adi.acts("quarantine", "discard", &[&first], "again").await;
    assert!(again.contains("Discarded 0 of 1 row."), "{again}");
    gateway.waiting("quarantined", 1).await;
}

#[tokio::test]
async fn what_is_no_complaint_is_let_through_by_hand() {
    let gateway = Gateway::launch(&config(BEFORE, "")).await;
    let answer =
        gateway.accepted("web", &signed(&[json!({"id": "t", "body": "Terima kasih banyak pak"})])).await;
    gateway.waiting("set_aside", 1).await;
    let id = answer["accepted"][0]["id"].as_str().unwrap();
    let mut oki = Visitor::signed_in(&gateway.internal_url(""), "oki").await;
    assert!(oki.read("/lists/aside").await.contains("Terima kasih"));
    let stands = oki.read(&format!("/complaints/{id}")).await;
    assert!(stands.contains("set aside, as no complaint: thanks"), "{stands}");
    oki.acts("aside", "let-through", &[id], "").await;
    gateway.waiting("outbox", 1).await;
    assert_eq!(audited(&gateway).await, [line(["oki", "let through", id, "", "done"])]);
}
