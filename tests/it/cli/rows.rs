//! `outbox`: what waits for the broker and what it would not take. (`held` and `quarantine` are in `intake`, beside a
//! running gateway.)

use jiff::Timestamp;
use muara::store::{
    inbox::{Intake, NewMessage, Refined},
    media::NewFiles,
    outbox::{NewEvent, Settled, Settlement},
};
use muara_normalizer::{ComplaintId, IdempotencyKey};
use muara_tests::{gateway::Gateway, postgres::store_of};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{ended, qlue};

/// A store as a gateway would leave it: four events, of which one waits for its next attempt and two are dead.
async fn left_behind(gateway: &Gateway) -> Vec<Uuid> {
    let store = store_of(gateway);
    let messages = (0..4).map(|number| NewMessage {
        key: IdempotencyKey { text: format!("qlue/{number}"), window: None },
        id: ComplaintId(Uuid::now_v7()),
        draft: b"{}".to_vec(),
        hold: None,
        gather: false,
        files: NewFiles::default(),
    });
    let intake =
        Intake { messages: messages.collect(), ..Intake::new("qlue".parse().unwrap(), Timestamp::now()) };
    store.take(intake).await.unwrap();
    let refined = store.waiting(10).await.unwrap().rows.into_iter().zip(0..).map(|(row, number)| {
        let event = NewEvent {
            id: row.id.event_id("complaint.received.v1", 0),
            routing_key: "complaint.received.v1.qlue".to_owned(),
            body: json!({"number": number}).to_string().into_bytes(),
        };
        (row, Refined::Change(event, None))
    });
    store.refine(refined.collect()).await.unwrap();
    let due = store.due(0, 10).await.unwrap();
    let later = Timestamp::now() + jiff::SignedDuration::from_hours(1);
    let dead = || Settlement::Dead { reason: "no queue takes it".to_owned() };
    let said = [Settlement::Retry { due_at: later }, dead(), dead()];
    store
        .settle(due.iter().zip(said).map(|(event, said)| Settled::new(event, said)).collect())
        .await
        .unwrap();
    store.close().await;
    due.into_iter().map(|event| event.id).collect()
}

fn numbers(rows: &[Value]) -> Vec<u64> {
    rows.iter().map(|row| row["number"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn waiting_events_are_counted_and_printed_and_stay() {
    let gateway = qlue();
    left_behind(&gateway).await;
    for _ in 0..2 {
        let stats = gateway.rows(&["outbox", "stats", "--json"]).await;
        assert_eq!(
            (&stats[0]["outbox"], &stats[0]["dead"], &stats[0]["inbox"]),
            (&json!(2), &json!(2), &json!(0))
        );
        // one of them is due in an hour: it waits all the same
        assert_eq!(numbers(&gateway.rows(&["outbox", "tail"]).await), [0, 3]);
    }
    let (words, _) = ended(&gateway.muara(&["outbox", "stats"]).await, 0);
    assert!(words.contains("outbox                2  events that wait for the broker"), "{words}");
}

#[tokio::test]
async fn dead_events_are_listed_and_put_back() {
    let gateway = qlue();
    let ids = left_behind(&gateway).await;
    let dead = gateway.rows(&["outbox", "list-dead", "--json"]).await;
    assert_eq!(dead.len(), 2);
    assert_eq!(dead[0]["id"], json!(ids[1]));
    assert_eq!((&dead[0]["reason"], &dead[0]["attempts"]), (&json!("no queue takes it"), &json!(1)));
    let (words, _) = ended(&gateway.muara(&["outbox", "list-dead"]).await, 0);
    assert!(words.contains(&ids[1].to_string()) && words.contains("no queue takes it"), "{words}");
    assert!(words.contains("  attempts: 1  "), "{words}");

    let one = ids[1].to_string();
    assert_eq!(gateway.prints(&["outbox", "retry", &one]).await, "1 events go again\n");
    let (_, stderr) = ended(&gateway.muara(&["outbox", "retry", &one]).await, 1);
    assert!(stderr.contains(&format!("no dead event {one}")), "{stderr}");
    assert_eq!(numbers(&gateway.rows(&["outbox", "tail"]).await), [0, 1, 3]);
    assert_eq!(gateway.prints(&["outbox", "retry", "--all"]).await, "1 events go again\n");
    assert!(gateway.rows(&["outbox", "list-dead", "--json"]).await.is_empty());
    assert_eq!(numbers(&gateway.rows(&["outbox", "tail"]).await), [0, 1, 2, 3]);
    ended(&gateway.muara(&["outbox", "retry"]).await, 2);
    ended(&gateway.muara(&["outbox", "retry", "not-an-id"]).await, 2);
}

#[tokio::test]
async fn a_command_on_a_store_that_is_not_there_says_so() {
    let gateway = Gateway::new(
        "[store]\nurl = \"sqlite://no/such/folder/muara.db\"\n[channels.qlue]\nconnector = \"qlue\"\nsecret = \"s\"\n",
    );
    let (_, stderr) = ended(&gateway.muara(&["outbox", "stats"]).await, 1);
    assert!(stderr.contains("no/such/folder"), "{stderr}");
    let elsewhere = Gateway::new(
        "[store]\nurl = \"mysql://user:rahasia@host/muara\"\n[channels.qlue]\nconnector = \"qlue\"\nsecret = \"s\"\n",
    );
    let (_, stderr) = ended(&elsewhere.muara(&["quarantine", "list"]).await, 1);
    assert!(stderr.contains("use sqlite://") && !stderr.contains("rahasia"), "{stderr}");
}
