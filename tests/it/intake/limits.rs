//! Over a limit: 429 for vendors that deliver again, held for those that do not.

use muara_tests::{
    gateway::Gateway,
    reports::{Reports, Signed, second_shape},
};
use serde_json::{Value, json};

use super::{SECRET, for_web, levels, problem, qlue, retry_after, web};

/// A report by one sender.
fn by(reports: &Reports, sender: &str, number: u64) -> Signed {
    let mut report = second_shape(number);
    report["user"] = json!({"id": sender});
    reports.sign(vec![number.to_string()], &report)
}

fn words(items: &[(u64, &str)]) -> Vec<Value> {
    items
        .iter()
        .map(|(id, from)| json!({"id": id, "from": from, "text": format!("Lampu {id} mati")}))
        .collect()
}

#[tokio::test]
async fn a_flood_of_one_sender_is_put_off_and_its_redeliveries_are_answered_as_before() {
    let limits = "limits = { sender = { per_minute = 1, burst = 3 } }";
    let gateway = Gateway::launch(&qlue(limits)).await;
    let reports = Reports::new(SECRET);
    let mut first = Value::Null;
    for number in 1..=3 {
        let answer = gateway.accepted("qlue", &by(&reports, "seribu", number)).await;
        if number == 1 {
            first = answer;
        }
    }
    for number in 4..=6 {
        let refused = gateway.post("qlue", &by(&reports, "seribu", number)).await.unwrap();
        assert!((1..=60).contains(&retry_after(&refused)), "{}", retry_after(&refused));
        let problem = problem(refused, 429).await;
        assert!(problem["detail"].as_str().unwrap().contains("sender"));
    }
    assert_eq!(gateway.accepted("qlue", &by(&reports, "seribu", 1)).await, first);
    // nobody else is harmed, nor reports without a sender
    gateway.accepted("qlue", &by(&reports, "lain", 7)).await;
    gateway.accepted("qlue", &reports.sign(vec![], &second_shape(8))).await;
    gateway.waiting("outbox", 5).await;
    assert_eq!(levels(&gateway).await["held"], 0);
    assert_eq!(gateway.metric("muara_requests_total", &["result=\"limited\""]).await, 3.0);
    // a batch in which something is within the limit is taken whole: what is over it is held
    let batch = json!({"data": [
        {"id": 20, "description": "Pohon tumbang", "user": {"id": "seribu"}}, second_shape(21),
    ]});
    let answer = gateway.accepted("qlue", &reports.sign(vec![], &batch)).await;
    assert_eq!(answer["accepted"].as_array().unwrap().len(), 2);
    gateway.waiting("held", 1).await;
}

#[tokio::test]
async fn the_limit_of_a_channel_is_a_fuse_for_all_of_its_senders() {
    let limits = "limits = { channel = { per_minute = 1, burst = 2 } }";
    let gateway = Gateway::launch(&qlue(limits)).await;
    let reports = Reports::new(SECRET);
    gateway.accepted("qlue", &reports.next()).await;
    gateway.accepted("qlue", &reports.next()).await;
    let refused = gateway.post("qlue", &reports.next()).await.unwrap();
    assert!(problem(refused, 429).await["detail"].as_str().unwrap().contains("channel"));
}

#[tokio::test]
async fn what_cannot_come_again_is_held_and_let_through_when_its_time_comes() {
    let limits = "limits = { sender = { per_minute = 60, burst = 1 } }";
    let gateway = Gateway::launch(&web("\"$.text\"", limits)).await;
    let flood = for_web(&words(&[(1, "seribu"), (2, "seribu"), (3, "seribu"), (4, "lain")]));
    let answer = gateway.accepted("web", &flood).await;
    assert_eq!(answer["accepted"].as_array().unwrap().len(), 4);
    assert_eq!(levels(&gateway).await["held"], 2);
    gateway.waiting("outbox", 2).await;
    assert_eq!(gateway.accepted("web", &flood).await, answer);
    // one a second
    gateway.waiting("outbox", 4).await;
    assert_eq!(levels(&gateway).await["held"], 0);
    let events = gateway.rows(&["outbox", "tail"]).await;
    let mut released: Vec<_> = events.iter().map(|event| event["data"]["id"].as_str().unwrap()).collect();
    let mut promised: Vec<_> =
        answer["accepted"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
    released.sort_unstable();
    promised.sort_unstable();
    assert_eq!(released, promised);
}

#[tokio::test]
async fn an_operator_lets_held_messages_through_beside_the_running_gateway() {
    let limits = "limits = { sender = { per_minute = 1, burst = 1 } }";
    let gateway = Gateway::launch(&web("\"$.text\"", limits)).await;
    let all: Vec<_> = (1..=5).map(|id| (id, "seribu")).collect();
    let answer = gateway.accepted("web", &for_web(&words(&all))).await;
    gateway.waiting("held", 4).await;
    let held = gateway.rows(&["held", "list", "--json"]).await;
    assert_eq!(held.len(), 4);
    assert!(held.iter().all(|row| row["channel"] == "web" && row["release_at"].is_string()));
    let listed: Vec<_> = held.iter().map(|row| &row["id"]).collect();
    let promised = answer["accepted"].as_array().unwrap();
    assert!(promised[1..].iter().all(|one| listed.contains(&&one["id"])), "{listed:?}");

    let one = held[0]["id"].as_str().unwrap();
    assert_eq!(gateway.prints(&["held", "release", one]).await, "1 messages are let through\n");
    gateway.waiting("outbox", 2).await;
    let again = gateway.muara(&["held", "release", one]).await;
    assert_eq!(again.status.code(), Some(1));
    assert!(String::from_utf8(again.stderr).unwrap().contains(one));
    assert_eq!(
        gateway.prints(&["held", "release", "--channel", "other"]).await,
        "0 messages are let through\n"
    );
    assert_eq!(gateway.prints(&["held", "release", "--all"]).await, "3 messages are let through\n");
    gateway.waiting("outbox", 5).await;
    assert_eq!(levels(&gateway).await["held"], 0);
    assert!(gateway.rows(&["held", "list", "--json"]).await.is_empty());
}
