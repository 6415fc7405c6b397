//! The demonstration: what a newcomer sees first.

use std::process::Stdio;

use muara_tests::{gateway::program, rabbitmq::RabbitNode};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};

use super::{ended, qlue};
use crate::console::visitor::Visitor;

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

#[tokio::test]
async fn the_demonstration_that_stays_up_has_a_console_worth_looking_at() {
    let mut child = tokio::process::Command::new(program())
        .args(["demo", "--reports", "20"])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut words = Vec::new();
    while !words.last().is_some_and(|line: &String| line.starts_with("Ctrl-C ends it")) {
        words.push(lines.next_line().await.unwrap().expect("it ended by itself"));
    }
    assert!(
        words.iter().any(|line| line.contains("/desk/kelurahan ") && line.contains("password")),
        "{words:?}"
    );
    let console = words.iter().find(|line| line.contains("the console: user operator, password muara-demo"));
    let base = console.unwrap().split_whitespace().next().unwrap();
    let mut visitor = Visitor::at(base);
    assert_eq!(visitor.sign_in("operator", "muara-demo").await, 303, "{}", visitor.html);
    let csv = visitor.read("/report.csv").await;
    assert!(csv.lines().count() > 40, "a year of four channels: {csv}");
    let report = visitor.read("/report").await;
    assert!(report.contains("class=\"fortnight\"") && report.contains("class=\"longer\""), "{report}");
    assert!(!visitor.read("/overdue").await.contains("Nothing is overdue"));
    assert!(visitor.read("/lists/quarantine").await.contains("name=\"row\""), "nothing in quarantine");
    let pid = child.id().unwrap().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    assert!(child.wait().await.unwrap().success());
}
