//! Nobody forgets a complaint: what is not answered in its time is told, and told again.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use muara::watch::{self, Calendar, Clocks};
use muara_connectors::Item;
use muara_normalizer::event::ClockKind;
use serde_json::{Value, json};

use crate::egress::{Office, channel, draft};

const OVERDUE: &str = "complaint.overdue.v1";

fn clocks() -> Clocks {
    Clocks {
        follow_up_hours: 24,
        response_days: 3,
        finish_days: 7,
        repeat_hours: 24,
        calendar: Calendar::Every,
    }
}

fn hours(hours: i64) -> Timestamp {
    Timestamp::now() + SignedDuration::from_hours(hours)
}

/// What was told, as clock and number of times.
async fn told(office: &Office) -> Vec<(String, u64)> {
    let events = office.events(OVERDUE).await;
    let read =
        |event: &Value| (event["clock"].as_str().unwrap().to_owned(), event["times"].as_u64().unwrap());
    events.iter().map(read).collect()
}

#[tokio::test]
async fn a_complaint_that_nobody_answers_is_told_once_and_then_daily() {
    let office = Office::open([channel("jaki", None)]);
    let id = office.complaint("jaki", draft("a")).await;
    assert_eq!(watch::round(&office.store, &clocks(), hours(23)).await.unwrap(), 0);
    assert_eq!(watch::round(&office.store, &clocks(), hours(25)).await.unwrap(), 1);
    assert_eq!(watch::round(&office.store, &clocks(), hours(26)).await.unwrap(), 0, "once");
    // the clocks are rows: a restart forgets none
    let office = office.restarts().await;
    assert_eq!(watch::round(&office.store, &clocks(), hours(50)).await.unwrap(), 1);
    assert_eq!(told(&office).await, [("follow_up".to_owned(), 1), ("follow_up".to_owned(), 2)]);
    let events = office.events(OVERDUE).await;
    assert!(events.iter().all(|event| event["complaint_id"] == json!(id)));
    let late = office.store.overdue(hours(50), 10).await.unwrap();
    assert_eq!((late.len(), late[0].clock, late[0].told), (1, ClockKind::FollowUp, 2));
    let counts = office.store.overdue_counts().await.unwrap();
    assert_eq!(counts[0], (ClockKind::FollowUp, 1));
}

#[tokio::test]
async fn each_reply_stops_the_clocks_that_it_answers() {
    let office = Office::open([channel("jaki", None)]);
    let mut ids = Vec::new();
    for name in ["a", "b", "c", "d"] {
        ids.push(office.complaint("jaki", draft(name)).await);
    }
    for (id, status) in [(&ids[0], "Koordinasi"), (&ids[1], "Proses"), (&ids[2], "Selesai")] {
        office.asks(json!({"reply_id": id, "complaint_id": id, "status": status})).await;
    }
    watch::round(&office.store, &clocks(), hours(24 * 8)).await.unwrap();
    let events = office.events(OVERDUE).await;
    let of = |id: &String| -> BTreeSet<String> {
        let own = events.iter().filter(|event| event["complaint_id"] == json!(id));
        own.map(|event| event["clock"].as_str().unwrap().to_owned()).collect()
    };
    let expected: [&[&str]; 4] =
        [&["finish", "response"], &["finish"], &[], &["finish", "follow_up", "response"]];
    for (id, expected) in ids.iter().zip(expected) {
        assert_eq!(of(id), expected.iter().map(|clock| (*clock).to_owned()).collect());
    }
}

#[tokio::test]
async fn what_continues_a_complaint_has_no_clock_of_its_own() {
    let office = Office::open([channel("jaki", None)]);
    office.complaint("jaki", draft("a")).await;
    let more = muara_normalizer::Draft { replies_to: vec!["a".to_owned()], ..draft("b") };
    office.takes("jaki", vec![Item::Draft(Box::new(more))]).await;
    assert_eq!(office.events("complaint.followed_up.v1").await.len(), 1);
    assert_eq!(watch::round(&office.store, &clocks(), hours(25)).await.unwrap(), 1);
}

#[test]
fn working_days_leave_out_weekends_and_holidays_by_jakartas_clocks() {
    // Friday, 4 December 2026, 23.30 in Jakarta
    let received: Timestamp = "2026-12-04T16:30:00Z".parse().unwrap();
    let working = |holidays: &[&str]| {
        let holidays = holidays.iter().map(|day| day.parse().unwrap()).collect();
        let clocks = Clocks { calendar: Calendar::Working { holidays }, ..clocks() };
        clocks.start(received).into_iter().map(|(_, due)| due.to_string()).collect::<Vec<_>>()
    };
    let expected = ["2026-12-05T16:30:00Z", "2026-12-09T16:30:00Z", "2026-12-15T16:30:00Z"];
    assert_eq!(working(&[]), expected);
    assert_eq!(working(&["2026-12-09"])[1], "2026-12-10T16:30:00Z");
    let off = Clocks { follow_up_hours: 0, response_days: 0, finish_days: 0, ..clocks() };
    assert!(off.start(received).is_empty());
}
