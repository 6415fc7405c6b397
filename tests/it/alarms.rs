//! What all channels stand on, and what waits too long, raises an alarm that says what to do, and is withdrawn by itself.
#![allow(clippy::unwrap_used)]

use jiff::{SignedDuration, Timestamp};
use muara::{
    alarms::{Alarm, Alarms, Oldest, Sight},
    config,
};
use muara_connectors::Item;
use muara_tests::{
    gateway::Gateway,
    postgres::{PostgresServer, store_of},
};
use serde_json::json;

use crate::{
    console::{config as console, signed, visitor::Visitor},
    egress::{Office, channel, draft},
};

fn minutes(minutes: i64) -> Timestamp {
    "2027-03-03T02:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_mins(minutes)
}

fn raised(alarms: &Alarms) -> Vec<Alarm> {
    alarms.raised().into_iter().map(|raised| raised.alarm).collect()
}

#[test]
fn each_is_raised_at_its_bound_and_withdrawn_when_it_is_well_again() {
    let bounds = config::Alarms::default();
    let alarms = Alarms::default();
    let away = Sight { broker: Some("not connected".to_owned()), ..Sight::default() };
    for minute in [0, 4] {
        alarms.look(&away, &bounds, minutes(minute));
        assert_eq!(raised(&alarms), [], "{minute}");
    }
    // a moment with it, and the time begins anew
    alarms.look(&Sight::default(), &bounds, minutes(5));
    for minute in [6, 10] {
        alarms.look(&away, &bounds, minutes(minute));
        assert_eq!(raised(&alarms), [], "{minute}");
    }
    alarms.look(&away, &bounds, minutes(11));
    let broker = alarms.raised().remove(0);
    assert_eq!(
        (broker.alarm, broker.words.as_str(), broker.since),
        (Alarm::Broker, "not connected", minutes(11))
    );
    alarms.look(&away, &bounds, minutes(99));
    assert_eq!(alarms.raised()[0].since, minutes(11));
    alarms.look(&Sight::default(), &bounds, minutes(100));
    assert_eq!(raised(&alarms), []);

    let since = Some(minutes(0));
    let oldest = Oldest { inbox: since, outbox: since, held: since, quarantine: since };
    let waits = Sight { oldest, ..Sight::default() };
    let after = |minute| {
        alarms.look(&waits, &bounds, minutes(minute));
        raised(&alarms)
    };
    assert_eq!(after(14), []);
    assert_eq!(after(15), [Alarm::Outbox]);
    assert_eq!(after(30), [Alarm::Inbox, Alarm::Outbox]);
    assert_eq!(after(24 * 60), [Alarm::Inbox, Alarm::Outbox, Alarm::Held, Alarm::Quarantine]);
    let rest = Sight {
        store: Some("the disk is full".to_owned()),
        disk_free: Some(1024 * 1024 * 1023),
        ..Sight::default()
    };
    alarms.look(&rest, &bounds, minutes(15));
    assert_eq!(raised(&alarms), [Alarm::Store, Alarm::Disk]);
    assert_eq!(alarms.raised()[1].words, "the store's disk has 1023 MiB free");
    let off = config::Alarms {
        broker_minutes: 0,
        disk_free_mb: 0,
        inbox_minutes: 0,
        outbox_minutes: 0,
        held_hours: 0,
        quarantine_hours: 0,
    };
    alarms.look(&Sight { store: None, broker: away.broker, ..rest }, &off, minutes(9999));
    alarms.look(&waits, &off, minutes(9999));
    assert_eq!(raised(&alarms), []);
}

#[tokio::test]
async fn the_first_of_each_place_is_the_one_that_waits_longest() {
    let office = Office::open([channel("jaki", None)]);
    assert_eq!(office.store.oldest_of_each().await.unwrap(), Oldest::default());
    let one = |id| {
        Item::Draft(Box::new(muara_normalizer::Draft {
            reporter: muara_normalizer::draft::DraftReporter {
                id: Some("satu orang".to_owned()),
                ..Default::default()
            },
            ..draft(id)
        }))
    };
    let before = Timestamp::now() - SignedDuration::from_secs(1);
    // the fourth of a minute is over the sender's limit
    office.takes("jaki", vec![one("a"), one("b"), one("c"), one("d")]).await;
    let oldest = office.store.oldest_of_each().await.unwrap();
    assert_eq!(oldest.inbox, None, "all are refined");
    for since in [oldest.outbox, oldest.held] {
        assert!(since.unwrap() > before, "{oldest:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_away_is_an_alarm() {
    let server = PostgresServer::launch().await;
    let store = format!("[store]\nurl = \"{}\"\n", server.database().url());
    let gateway = Gateway::launch(&(console("\"$.body\"", "") + &store)).await;
    server.kill9();
    gateway.healthy_when("alarmed", |health| health["alarms"][0]["alarm"] == "store").await;
}

#[tokio::test]
async fn an_alarm_is_in_health_on_the_page_and_in_the_metrics() {
    let config = console("\"$.body\"", "") + "[watch.alarms]\ndisk_free_mb = 1000000000000\n";
    let gateway = Gateway::launch(&config).await;
    let health = gateway.healthy_when("alarmed", |health| health["alarms"][0]["alarm"] == "disk").await;
    assert_eq!(health["status"], "degraded");
    assert!(health["alarms"][0]["advice"].as_str().unwrap().contains("enlarge the volume"), "{health}");
    assert_eq!(gateway.metric("muara_alarm", &["alarm=\"disk\""]).await, 1.0);
    assert_eq!(gateway.metric("muara_alarm", &[]).await, 1.0, "no other one");
    assert_eq!(gateway.metric("muara_disk_low_bytes", &[]).await, 1_048_576e12);
    gateway.log().line(0, "Alarm disk: ").await;
    gateway.post("web", &signed(&[json!({"id": "b"})])).await.unwrap();
    let store = store_of(&gateway);
    assert!(store.oldest_of_each().await.unwrap().quarantine.is_some());
    store.close().await;
    let mut vina = Visitor::signed_in(&gateway.internal_url(""), "vina").await;
    let page = vina.read("/flow").await;
    assert!(page.contains("id=\"alarm-disk\"") && page.contains("enlarge the volume"), "{page}");
}
