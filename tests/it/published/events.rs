//! Real events and queues are as AsyncAPI says.

use std::time::Duration;

use lapin::{
    Connection, ConnectionProperties, ExchangeKind,
    options::{ExchangeDeclareOptions, QueueDeclareOptions},
    types::{AMQPValue, FieldTable},
};
use muara_tests::{consume, gateway::Gateway, rabbitmq::RabbitNode, reports::Reports};
use serde_json::{Value, json};

use super::{document, errors, validator};

const QLUE: &str = "[channels.qlue]\nconnector = \"qlue\"\nsecret = \"s\"\n";
const PATIENCE: Duration = Duration::from_secs(30);

fn arguments(channel: &Value) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in channel["x-arguments"].as_object().unwrap() {
        let value = match value {
            Value::String(text) => AMQPValue::LongString(text.as_str().into()),
            number => AMQPValue::LongInt(number.as_i64().unwrap().try_into().unwrap()),
        };
        table.insert(name.as_str().into(), value);
    }
    table
}

#[tokio::test]
async fn events_and_queues_are_as_described() {
    let api = document("asyncapi.json");
    let vhost = RabbitNode::shared().await.vhost("asyncapi").await;
    let mut gateway = Gateway::launch(&format!("[broker]\nurl = \"{}\"\n{QLUE}", vhost.url())).await;
    gateway.broker_is("connected").await;
    gateway.healthy_when("replies are read", |health| health["replies"]["state"] == "connected").await;

    // RabbitMQ refuses whoever declares what exists in another way
    let connection = Connection::connect(&vhost.url(), ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    let mut declared = 0;
    for described in api["channels"].as_object().unwrap().values() {
        let amqp = &described["bindings"]["amqp"];
        if let Some(name) = amqp["queue"]["name"].as_str() {
            let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
            channel.queue_declare(name.into(), options, arguments(described)).await.unwrap();
        } else {
            let name = amqp["exchange"]["name"].as_str().unwrap();
            let kind = match amqp["exchange"]["type"].as_str().unwrap() {
                "topic" => ExchangeKind::Topic,
                "fanout" => ExchangeKind::Fanout,
                other => panic!("{other}"),
            };
            let options = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
            channel.exchange_declare(name.into(), kind, options, arguments(described)).await.unwrap();
        }
        declared += 1;
    }
    assert_eq!(declared, 9);
    connection.close(200, "OK".into()).await.unwrap();

    let reports = Reports::new("s");
    gateway.accepted("qlue", &reports.next()).await;
    gateway.accepted("qlue", &reports.batch(3)).await;
    let events = &api["operations"]["publishEvent"];
    let messages = consume::drain(&vhost.url(), "crm.complaints", 4, PATIENCE).await;
    assert_eq!(messages.len(), 4);
    for message in messages {
        let event: Value = serde_json::from_slice(&message.body).unwrap();
        let name = event["type"].as_str().unwrap();
        let described = &api["components"]["messages"][name];
        let place = described["payload"]["$ref"].as_str().unwrap().strip_prefix("#/components/").unwrap();
        assert_eq!(errors(&validator(&api, place), &event), "", "{event}");
        assert_eq!(message.routing_key, format!("{name}.qlue"));
        assert_eq!(message.message_id, event["id"]);
        let properties = &message.properties;
        let content_type = properties.content_type().as_ref().map(ToString::to_string);
        assert_eq!(json!(content_type), described["contentType"]);
        assert_eq!(json!(properties.delivery_mode()), events["bindings"]["amqp"]["deliveryMode"]);
        assert!(properties.timestamp().is_some());
        let traced = properties.headers().as_ref().is_some_and(|headers| headers.contains_key("traceparent"));
        assert!(!traced, "traces are off");
        let app = properties.app_id().as_ref().map(ToString::to_string);
        assert_eq!(json!(app), described["x-amqp-properties"]["app_id"]);
    }
    gateway.terminate().await;
}
