//! Several gateways on one PostgreSQL: all take messages in, one does the rest, and whoever is killed, nothing is lost and
//! nothing is there under two ids.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{collections::BTreeMap, time::Duration};

use muara_normalizer::ComplaintId;
use muara_tests::{
    gateway::{Gateway, PATIENCE, client},
    postgres::{Database, PostgresServer},
    rabbitmq::RabbitNode,
    reports::Reports,
    vendors::{Vendors, all_arrive},
};
use tokio::time::{Instant, sleep};

const SECRET: &str = "a secret that only Qlue knows";

/// One Qlue channel, a broker and a store that several share.
fn config(broker: &str, store: &str) -> String {
    let key = "k".repeat(64);
    format!(
        "[store]\nurl = \"{store}\"\n[broker]\nurl = \"{broker}\"\nbatch = 20\n[privacy]\nkey = \"{key}\"\n
         [channels.qlue]\nconnector = \"qlue\"\nsecret = \"{SECRET}\"\n"
    )
}

/// The place of the one that leads, once there is one.
async fn leader(gateways: &[Gateway]) -> usize {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut leading = Vec::new();
        for (place, gateway) in gateways.iter().enumerate() {
            if gateway.health().await["leads"] == true {
                leading.push(place);
            }
        }
        assert!(leading.len() < 2, "two lead");
        if let Some(place) = leading.first() {
            return *place;
        }
        assert!(Instant::now() < deadline, "nobody leads: {}", gateways[0].log().text());
        sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until nothing waits: by the database itself, of which a gateway hears a moment later what others wrote.
async fn worked_off(database: &Database<'_>) {
    let deadline = Instant::now() + PATIENCE;
    while database.number("SELECT inbox + outbox FROM level") > 0 {
        assert!(Instant::now() < deadline, "it is never worked off: {}", database.run("SELECT * FROM level"));
        sleep(Duration::from_millis(50)).await;
    }
}

/// What was answered by any of them: to a report that came to two of them both must have said the same.
async fn answered(vendors: Vec<Vendors>) -> BTreeMap<String, ComplaintId> {
    let mut answered = Vec::new();
    for vendors in vendors {
        answered.push(vendors.finish().await);
    }
    agreed(answered)
}

/// What all of these say, who must not contradict one another.
fn agreed(answered: Vec<BTreeMap<String, ComplaintId>>) -> BTreeMap<String, ComplaintId> {
    let mut all = BTreeMap::new();
    for (report, complaint) in answered.into_iter().flatten() {
        assert_eq!(*all.entry(report.clone()).or_insert(complaint), complaint, "report {report}");
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_is_killed_under_load_is_replaced_and_loses_nothing() {
    let vhost = RabbitNode::shared().await.vhost("replicas").await;
    let database = PostgresServer::shared().await.database();
    let config = config(&vhost.url(), &database.url());
    let mut gateways = [Gateway::launch(&config).await, Gateway::launch(&config).await];
    // the same reports come to both
    let vendors: Vec<_> = gateways.iter().map(|gateway| Vendors::start(gateway, "qlue", SECRET, 3)).collect();
    for _ in 0..4 {
        let leader = leader(&gateways).await;
        for vendors in &vendors {
            vendors.answers(30).await;
        }
        gateways[leader].kill9().await;
        let other = 1 - leader;
        let killed = Instant::now();
        gateways[other].healthy_when("leading", |health| health["leads"] == true).await;
        assert!(killed.elapsed() < Duration::from_secs(5), "it took {:?}", killed.elapsed());
        // it goes on alone
        vendors[other].answers(30).await;
        gateways[leader].start().await;
    }
    for vendors in &vendors {
        vendors.answers(10).await;
    }
    let answered = answered(vendors).await;
    worked_off(&database).await;
    all_arrive(&gateways[0], &vhost.url(), &answered).await;
    println!("4 kills, {} reports answered", answered.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_and_comes_back_loses_nothing() {
    let vhost = RabbitNode::shared().await.vhost("server").await;
    let server = PostgresServer::launch().await;
    let database = server.database();
    let config = config(&vhost.url(), &database.url());
    let gateways = [Gateway::launch(&config).await, Gateway::launch(&config).await];
    let vendors: Vec<_> = gateways.iter().map(|gateway| Vendors::start(gateway, "qlue", SECRET, 3)).collect();
    for _ in 0..3 {
        leader(&gateways).await;
        for vendors in &vendors {
            vendors.answers(30).await;
        }
        server.kill9();
        for gateway in &gateways {
            gateway.healthy_when("failing", |health| health["store"]["state"] == "failing").await;
            assert_eq!(gateway.get("/readyz").await.0, 503);
        }
        server.start().await;
        for gateway in &gateways {
            gateway.healthy_when("well again", |health| health["store"]["state"] == "healthy").await;
        }
    }
    for vendors in &vendors {
        vendors.answers(10).await;
    }
    let refused: Vec<_> = vendors.iter().map(Vendors::refused).collect();
    let answered = answered(vendors).await;
    worked_off(&database).await;
    all_arrive(&gateways[0], &vhost.url(), &answered).await;
    println!("3 kills of the server, {} reports answered, refused: {refused:?}", answered.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_stands_still_is_replaced_and_does_nothing_when_it_goes_on() {
    let vhost = RabbitNode::shared().await.vhost("still").await;
    let database = PostgresServer::shared().await.database();
    let config = config(&vhost.url(), &database.url());
    let mut gateways = [Gateway::launch(&config).await, Gateway::launch(&config).await];
    let old = leader(&gateways).await;
    let vendors = Vendors::start(&gateways[1 - old], "qlue", SECRET, 3);
    vendors.answers(30).await;
    gateways[old].signal("STOP").await;
    vendors.answers(30).await;
    // ten seconds of load would be more than is worked off in the time of a test
    let mut before = vec![vendors.finish().await];
    gateways[1 - old].healthy_when("leading", |health| health["leads"] == true).await;
    let vendors = Vendors::start(&gateways[1 - old], "qlue", SECRET, 3);
    vendors.answers(90).await;
    gateways[old].signal("CONT").await;
    // connections from before have outlived their time
    gateways[old].http = client();
    gateways[old].healthy_when("following", |health| health["leads"] == false).await;
    assert_eq!(leader(&gateways).await, 1 - old);
    before.push(vendors.finish().await);
    worked_off(&database).await;
    all_arrive(&gateways[old], &vhost.url(), &agreed(before)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_stops_hands_over_and_what_an_operator_says_to_one_all_hear() {
    let vhost = RabbitNode::shared().await.vhost("hands").await;
    let database = PostgresServer::shared().await.database();
    let config = config(&vhost.url(), &database.url());
    let mut gateways = [Gateway::launch(&config).await, Gateway::launch(&config).await];
    let old = leader(&gateways).await;
    // a pause that is written by a command reaches both
    gateways[old].prints(&["pause", "qlue", "--reason", "a flood"]).await;
    for gateway in &gateways {
        gateway.channel_is("qlue", "paused").await;
        let refused = gateway.post("qlue", &Reports::new(SECRET).next()).await.unwrap();
        assert_eq!(refused.status(), 503);
    }
    gateways[1 - old].prints(&["resume", "qlue"]).await;
    for gateway in &gateways {
        gateway.healthy_when("resumed", |health| health["channels"][0]["state"] != "paused").await;
    }
    let vendors = vec![Vendors::start(&gateways[1 - old], "qlue", SECRET, 3)];
    vendors[0].answers(30).await;
    let (status, took) = gateways[old].terminate().await;
    assert!(status.success());
    println!("it stopped in {took:?}");
    gateways[1 - old].healthy_when("leading", |health| health["leads"] == true).await;
    vendors[0].answers(30).await;
    let answered = answered(vendors).await;
    worked_off(&database).await;
    all_arrive(&gateways[1 - old], &vhost.url(), &answered).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_with_another_privacy_key_does_not_start() {
    let database = PostgresServer::shared().await.database();
    let alone = |key: &str| {
        let store = database.url();
        format!(
            "[store]\nurl = \"{store}\"\n[privacy]\nkey = \"{}\"\n[channels.qlue]\nconnector = \"qlue\"\nsecret = \"s\"\n",
            key.repeat(64)
        )
    };
    let _first = Gateway::launch(&alone("a")).await;
    let (status, said) = Gateway::new(&alone("b")).fails_to_start().await;
    assert!(!status.success());
    assert!(said.contains("another privacy key"), "{said}");
    // the password stands nowhere
    assert!(!said.contains("rahasia"), "{said}");
}

/// One gateway whose configuration names nothing but its store.
fn on(store: &str) -> String {
    format!("[store]\nurl = \"{store}\"\n[channels.qlue]\nconnector = \"qlue\"\nsecret = \"{SECRET}\"\n")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_certificate_of_a_server_is_checked_unless_tls_is_declined() {
    let (server, certificate) = PostgresServer::encrypted().await;
    let database = server.database();
    for tls in ["sslmode=require", "sslmode=prefer", "connect_timeout=5"] {
        let (status, said) = Gateway::new(&on(&database.url_with(tls))).fails_to_start().await;
        assert!(!status.success());
        assert!(said.contains("certificate"), "{tls}: {said}");
    }
    let mut trusting = Gateway::new(&on(&database.url_with("sslmode=require")))
        .env("SSL_CERT_FILE", certificate.to_str().unwrap());
    trusting.start().await;
    trusting.accepted("qlue", &Reports::new(SECRET).next()).await;
    let encrypted = "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
                     WHERE ssl AND application_name = 'muara'";
    assert!(database.number(encrypted) > 0);
    // a server without TLS is no server for who insists on it
    let plain = PostgresServer::shared().await.database();
    let (status, said) = Gateway::new(&on(&plain.url_with("sslmode=require"))).fails_to_start().await;
    assert!(!status.success());
    assert!(said.contains("does not support TLS"), "{said}");
}
