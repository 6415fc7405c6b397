//! kill -9 of the gateway: the clocks go on, and what is usual on a channel is not learned anew.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use muara::silence::Hour;
use muara_tests::{gateway::Gateway, postgres::store_of, reports::Reports};
use serde_json::Value;

use super::{SECRET, config};

#[tokio::test]
async fn clocks_run_on_and_a_silent_channel_stays_silent() {
    let mut gateway = Gateway::new(&config("", ""));
    // six weeks of a hundred messages an hour, and nothing in the last three hours
    let now = Timestamp::now().as_second() / 3600;
    let hour = |hour| {
        let messages = if hour < now - 3 { 100 } else { 0 };
        ("qlue".to_owned(), hour, Hour { messages, seconds: 3600 })
    };
    let store = store_of(&gateway);
    store.write_traffic((now - 6 * 168..=now).map(hour).collect(), BTreeMap::new(), 0).await.unwrap();
    store.close().await;

    gateway.start().await;
    let health = gateway.channel_is("qlue", "silent").await;
    let words = health["silence"]["words"].as_str().unwrap();
    assert!(words.starts_with("nothing in the last ") && words.ends_with(" where 100 are usual"), "{words}");
    assert!(health["advice"].as_str().unwrap().contains("vendor"), "{health}");
    assert_eq!(gateway.health().await["status"], "degraded");
    assert_eq!(gateway.metric("muara_channel_state", &["channel=\"qlue\"", "state=\"silent\""]).await, 1.0);
    let listed: Value = serde_json::from_str(&gateway.prints(&["channels", "--json"]).await).unwrap();
    assert_eq!((&listed[0]["state"], listed[0]["reason"].as_str()), (&"silent".into(), Some(words)));
    let accepted = gateway.accepted("qlue", &Reports::new(SECRET).next()).await;
    gateway.waiting("outbox", 1).await;

    gateway.kill9().await;
    gateway.start().await;
    let again = gateway.channel_is("qlue", "silent").await;
    assert_eq!(again["since"], health["since"]);
    let log = gateway.log().text();
    assert_eq!(log.matches("Channel qlue is silent").count(), 1, "{log}");
    let store = store_of(&gateway);
    let tomorrow = Timestamp::now() + SignedDuration::from_hours(25);
    let late = store.overdue(tomorrow, 10).await.unwrap();
    assert_eq!(late.len(), 1, "{late:?}");
    let reference = late[0].reference.to_string();
    assert!(accepted.to_string().contains(&reference), "{accepted} {reference}");
    store.close().await;
}
