//! Getting, keeping and giving up a connection.

use std::time::{Duration, Instant};

use muara::broker::{BrokerState, InvalidMessage, Outcome, UnknownReason};
use muara_tests::{chaos::ChaosProxy, fake_broker::FakeBroker, rabbitmq::RabbitNode};
use tokio::{io::AsyncReadExt, net::TcpListener, time::timeout};
use tokio_util::sync::CancellationToken;

use super::{KEY, PATIENCE, batch, confirmed, connected, failed, ready, settings, start, state};

fn trying_again(state: &BrokerState) -> bool {
    matches!(state, BrokerState::Connecting { last_error: Some(_), .. })
}

#[tokio::test]
async fn a_broker_that_is_down_is_tried_until_it_is_up() {
    let fake = FakeBroker::start(Vec::new()).await;
    let upstream = fake.url().split(['@', '/']).nth(3).unwrap().parse().unwrap();
    let proxy = ChaosProxy::start(upstream).await;
    proxy.refuse().await;
    let url = format!("amqp://guest:hunter2@{}/%2f", proxy.addr());
    let (broker, _guard) = start(settings(&url));
    // the first attempt may still meet the closing listener and be reset
    let refused = |state: &BrokerState| trying_again(state) && state.to_string().contains("refused");
    let words = state(&broker, refused).await;
    assert!(words.contains(&proxy.addr().to_string()), "{words}");
    assert!(!words.contains("hunter2"), "{words}");
    let not_connected = Outcome::Unknown(UnknownReason::NotConnected);
    assert_eq!(broker.publish(batch(1, KEY)).await, [not_connected]);
    assert_eq!(broker.unrouted_depth().await, None);

    proxy.restore().await;
    ready(&broker).await;
    assert_eq!(broker.publish(batch(1, KEY)).await, [Outcome::Confirmed]);
}

#[tokio::test]
async fn a_wrong_password_and_a_missing_virtual_host_are_said_in_words() {
    let node = RabbitNode::shared().await;
    for (url, wanted) in [
        (format!("amqp://guest:hunter2@{}/%2f", node.address()), "user name and password"),
        (format!("amqp://guest:guest@{}/nowhere", node.address()), "virtual host"),
        ("amqp:hunter2".to_owned(), "broker.url is not a URL"),
    ] {
        let (broker, _guard) = start(settings(&url));
        let words = state(&broker, failed).await;
        assert!(words.contains(wanted), "{words}");
        let shown = format!("{words} {:?} {:?}", settings(&url), *broker.state().borrow());
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}

#[tokio::test]
async fn an_attempt_on_a_silent_peer_is_given_up_with_its_socket() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("amqp://guest:guest@{}/%2f", listener.local_addr().unwrap());
    let mut settings = settings(&url);
    settings.connect_timeout = Duration::from_millis(200);
    let (broker, _guard) = start(settings);
    let (mut first, _) = timeout(PATIENCE, listener.accept()).await.unwrap().unwrap();
    let mut greeting = Vec::new();
    timeout(PATIENCE, first.read_to_end(&mut greeting))
        .await
        .expect("the abandoned attempt kept its socket")
        .unwrap();
    assert_eq!(greeting, b"AMQP\x00\x00\x09\x01");
    let words = state(&broker, trying_again).await;
    assert!(words.contains("did not answer within 200ms"), "{words}");
    timeout(PATIENCE, listener.accept()).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_frozen_broker_costs_one_timeout_and_is_reconnected() {
    let node = RabbitNode::shared().await;
    let vhost = node.vhost("frozen").await;
    let proxy = ChaosProxy::start(node.address()).await;
    let mut settings = settings(&vhost.url_by(proxy.addr()));
    settings.confirm_timeout = Duration::from_millis(500);
    settings.connect_timeout = Duration::from_secs(5);
    let (broker, _guard) = connected(settings).await;
    proxy.freeze();
    let begin = Instant::now();
    let outcomes = broker.publish(batch(10, KEY)).await;
    let timed_out = Outcome::Unknown(UnknownReason::Timeout);
    assert!(outcomes.iter().all(|outcome| *outcome == timed_out), "{outcomes:?}");
    assert!(begin.elapsed() < Duration::from_secs(5));
    proxy.thaw();
    timeout(PATIENCE, async {
        loop {
            ready(&broker).await;
            if broker.publish(batch(10, KEY)).await.iter().all(confirmed) {
                break;
            }
        }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn cancellation_closes_within_a_bound_even_when_the_broker_is_frozen() {
    let node = RabbitNode::shared().await;
    let vhost = node.vhost("cancel").await;
    for frozen in [false, true] {
        let proxy = ChaosProxy::start(node.address()).await;
        let cancel = CancellationToken::new();
        let settings = settings(&vhost.url_by(proxy.addr()));
        let broker = muara::broker::Broker::start(settings, cancel.clone());
        ready(&broker).await;
        if frozen {
            proxy.freeze();
        }
        let begin = Instant::now();
        cancel.cancel();
        timeout(PATIENCE, broker.stopped()).await.unwrap();
        assert!(begin.elapsed() < Duration::from_secs(5));
        assert!(broker.ready().await.is_err());
        let stopped = Outcome::Unknown(UnknownReason::Stopped);
        assert_eq!(broker.publish(batch(1, KEY)).await, [stopped]);
        assert_eq!(broker.state().borrow().to_string(), "the broker connection is closed");
    }
}

#[tokio::test]
async fn a_message_amqp_cannot_carry_harms_no_other() {
    let fake = FakeBroker::start(Vec::new()).await;
    let (broker, _guard) = connected(settings(&fake.url())).await;
    let mut events = batch(3, KEY);
    events[1].routing_key = "k".repeat(256);
    let invalid = Outcome::Invalid(InvalidMessage::RoutingKeyTooLong(256));
    assert_eq!(broker.publish(events).await, [Outcome::Confirmed, invalid, Outcome::Confirmed]);
    assert_eq!(broker.publish(Vec::new()).await, []);
}
