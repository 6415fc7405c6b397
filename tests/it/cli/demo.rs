//! The demonstration: what a newcomer sees first.

use muara_tests::rabbitmq::RabbitNode;
use serde_json::Value;

use super::{ended, qlue};

/// Plays it to its end: the row of totals by column, and the finished complaints.
async fn play(arguments: &[&str], last_column: &str) -> (Vec<u64>, Vec<Value>) {
    let arguments: Vec<_> = ["demo", "--exit", "--reports", "80"].iter().chain(arguments).copied().collect();
    let (words, _) = ended(&qlue().muara(&arguments).await, 0);
    let (table, complaints) = words.split_once("as the core CRM reads them:\n").unwrap();
    assert!(table.lines().any(|line| line.starts_with("channel ") && line.ends_with(last_column)), "{table}");
    for channel in ["kelurahan", "media_massa", "qlue", "sms"] {
        assert!(
            table.lines().any(|line| line.starts_with(channel)),
            "{channel} is not in the table: {table}"
        );
    }
    let totals = table.lines().find_map(|line| line.strip_prefix("together")).unwrap();
    let totals = totals.split_whitespace().map(|count| count.parse().unwrap());
    let events = serde_json::Deserializer::from_str(complaints).into_iter::<Value>();
    (totals.collect(), events.map(Result::unwrap).collect())
}

/// Every kind of message is among them, and none is lost: what was received is passed on.
fn complete((totals, complaints): (Vec<u64>, Vec<Value>)) {
    let [received, duplicates, held, refused, quarantined, passed_on] = totals.try_into().unwrap();
    assert_eq!(received, passed_on);
    assert!(received + held >= 80, "{received} received, {held} held");
    assert!(duplicates > 0 && refused > 0 && quarantined > 0);
    assert_eq!(complaints.len(), 3);
    assert!(complaints.iter().all(|event| event["data"]["reference"].is_string()));
}

#[tokio::test]
async fn the_demonstration_plays_everything_on_embedded_defaults() {
    complete(play(&[], "in outbox").await);
}

#[tokio::test]
async fn the_demonstration_publishes_to_a_broker_that_is_named() {
    let vhost = RabbitNode::shared().await.vhost("demo").await;
    complete(play(&["--broker", &vhost.url()], "published").await);
}
