//! The queue: AsyncAPI 3.0 (<https://www.asyncapi.com/docs/reference/specification/v3.0.0>), made of the topology that
//! Muara declares, the events' types and their JSON Schemas.

use lapin::{
    ExchangeKind,
    types::{AMQPValue, FieldTable},
};
use muara_normalizer::{event::EventType, schema};
use serde_json::{Map, Value, json};

use crate::broker::{
    Topology, consumer,
    publisher::{self, APP_ID, CONTENT_TYPE},
    topology::COMPLAINT_BINDINGS,
};

const DESCRIPTION: &str = "\
Muara publishes events to a topic exchange with publisher confirms and reads the core CRM's replies from a queue. Every \
event is a CloudEvents 1.0 envelope in structured JSON. There is no CloudEvents binding for AMQP 0-9-1; Muara's: the body \
is the envelope, `content_type` is `application/cloudevents+json`, `message_id` is the event's id, `delivery_mode` is 2, \
`timestamp` is when it was published, and the routing key is `<type>.<channel>`. Delivery is at least once: a consumer \
drops a `message_id` that it has seen. Additions are allowed within a version; nothing is renamed, removed or retyped.";
const REPLY: &str = "reply.requested.v1";

pub(super) fn document() -> Value {
    let names = Topology { consumes: true, ..Topology::default() };
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Muara",
            "version": env!("CARGO_PKG_VERSION"),
            "description": DESCRIPTION,
            "license": { "name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0" },
        },
        "defaultContentType": CONTENT_TYPE,
        "servers": {
            "broker": {
                "host": "127.0.0.1:5672",
                "protocol": "amqp",
                "protocolVersion": "0-9-1",
                "description": "The RabbitMQ of `broker.url`; `amqps` with TLS.",
            },
        },
        "channels": channels(&names),
        "operations": operations(&names),
        "components": { "messages": messages(), "schemas": schemas() },
    })
}

fn channels(names: &Topology) -> Value {
    let definition = names.definition();
    let types = EventType::ALL.map(EventType::as_str);
    let mut channels = Map::new();
    for exchange in &definition.exchanges {
        let events = exchange.name == names.events;
        let mut channel = json!({
            "title": format!("Exchange {}", exchange.name),
            "description": meaning(names, exchange.name),
            "address": if events { "{type}.{channel}".into() } else { Value::Null },
            "messages": refs("components/messages", carried(names, exchange.name)),
            "bindings": { "amqp": {
                "is": "routingKey",
                "exchange": {
                    "name": exchange.name,
                    "type": kind(&exchange.kind),
                    "durable": true,
                    "autoDelete": false,
                },
                "bindingVersion": "0.3.0",
            } },
            "x-arguments": arguments(&exchange.arguments),
        });
        if events {
            channel["parameters"] = json!({
                "type": { "description": "What happened.", "enum": types },
                "channel": { "description": "The channel's id, e.g. `qlue`." },
            });
        }
        channels.insert(format!("exchange.{}", exchange.name), channel);
    }
    for queue in &definition.queues {
        let bound = definition.bindings.iter().filter(|binding| binding.queue == queue.name);
        let bound: Vec<_> =
            bound.map(|binding| json!({ "exchange": binding.exchange, "key": binding.key })).collect();
        channels.insert(
            format!("queue.{}", queue.name),
            json!({
                "title": format!("Queue {}", queue.name),
                "description": meaning(names, queue.name),
                "address": queue.name,
                "messages": refs("components/messages", carried(names, queue.name)),
                "bindings": { "amqp": {
                    "is": "queue",
                    "queue": { "name": queue.name, "durable": true, "exclusive": false, "autoDelete": false },
                    "bindingVersion": "0.3.0",
                } },
                "x-arguments": arguments(&queue.arguments),
                "x-bindings": bound,
            }),
        );
    }
    channels.into()
}

fn kind(kind: &ExchangeKind) -> &str {
    match kind {
        ExchangeKind::Custom(name) => name,
        ExchangeKind::Direct => "direct",
        ExchangeKind::Fanout => "fanout",
        ExchangeKind::Headers => "headers",
        ExchangeKind::Topic => "topic",
    }
}

fn meaning(names: &Topology, name: &str) -> String {
    if name == names.events {
        let families = COMPLAINT_BINDINGS.map(|key| format!("`{key}`")).join(" and ");
        format!(
            "Where Muara publishes. Bind a queue of your own by type or channel; `{}` takes {families}.",
            names.complaints
        )
    } else if name == names.complaints {
        "What the core CRM consumes.".to_owned()
    } else if name == names.replies {
        "What the core CRM wants said to citizens: publish to the default exchange with this routing key."
            .to_owned()
    } else if name == names.unrouted {
        "Events that no queue wanted: they are safe, but nobody reads them. Its depth is an alarm.".to_owned()
    } else if name == names.dead {
        "Events that the core CRM rejected or failed on too often.".to_owned()
    } else {
        "Replies that can never be said, each with the reason in its headers.".to_owned()
    }
}

fn carried(names: &Topology, name: &str) -> Vec<&'static str> {
    if name == names.replies {
        vec![REPLY]
    } else if name == names.replies_dead {
        vec!["reply.dead"]
    } else {
        EventType::ALL.map(EventType::as_str).to_vec()
    }
}

fn operations(names: &Topology) -> Value {
    let events = format!("channels/exchange.{}/messages", names.events);
    let replies = format!("channels/queue.{}/messages", names.replies);
    let types = EventType::ALL.map(EventType::as_str);
    json!({
        "publishEvent": {
            "action": "send",
            "summary": "Muara tells the core CRM what happened; an event counts as sent when the broker has confirmed it.",
            "channel": { "$ref": format!("#/channels/exchange.{}", names.events) },
            "messages": refs(&events, types.to_vec()).as_object().into_iter().flat_map(Map::values).collect::<Vec<_>>(),
            "bindings": { "amqp": {
                "deliveryMode": publisher::PERSISTENT,
                "mandatory": true,
                "timestamp": true,
                "bindingVersion": "0.3.0",
            } },
        },
        "receiveReply": {
            "action": "receive",
            "summary": "The core CRM has something said to a citizen. The same `reply_id` again is the same reply.",
            "channel": { "$ref": format!("#/channels/queue.{}", names.replies) },
            "messages": [{ "$ref": format!("#/{replies}/{REPLY}") }],
            "bindings": { "amqp": { "ack": true, "bindingVersion": "0.3.0" } },
        },
    })
}

/// References by name.
fn refs(place: &str, names: Vec<&str>) -> Value {
    names.into_iter().map(|name| (name.to_owned(), json!({ "$ref": format!("#/{place}/{name}") }))).collect()
}

fn arguments(table: &FieldTable) -> Value {
    let plain = |value: &AMQPValue| match value {
        AMQPValue::LongString(text) => text.to_string().into(),
        AMQPValue::LongInt(number) => (*number).into(),
        other => format!("{other:?}").into(),
    };
    table.inner().iter().map(|(name, value)| (name.to_string(), plain(value))).collect::<Map<_, _>>().into()
}

fn messages() -> Value {
    let mut messages: Map<_, _> = EventType::ALL
        .into_iter()
        .map(|event| {
            let name = event.as_str();
            let message = json!({
                "name": name,
                "title": name,
                "contentType": CONTENT_TYPE,
                "headers": { "$ref": "#/components/schemas/EventHeaders" },
                "payload": { "$ref": format!("#/components/schemas/{name}") },
                "examples": [{ "name": name, "payload": example(name) }],
                "x-amqp-properties": {
                    "content_type": CONTENT_TYPE,
                    "delivery_mode": publisher::PERSISTENT,
                    "message_id": "The event's id.",
                    "timestamp": "When it was published, in seconds.",
                    "app_id": APP_ID,
                },
            });
            (name.to_owned(), message)
        })
        .collect();
    let reply = json!({
        "name": REPLY,
        "title": REPLY,
        "contentType": "application/json",
        "summary": "The request by itself, or as `data` of a CloudEvents 1.0 envelope of this type.",
        "payload": { "$ref": "#/components/schemas/ReplyRequested" },
        "examples": [{ "name": REPLY, "payload": example(REPLY) }],
    });
    let dead = json!({
        "name": "reply.dead",
        "title": "A reply that can never be said",
        "summary": "The message as it came, whatever it is.",
        "headers": { "$ref": "#/components/schemas/DeadReplyHeaders" },
    });
    messages.insert(REPLY.to_owned(), reply);
    messages.insert("reply.dead".to_owned(), dead);
    messages.into()
}

/// What a message looks like.
fn example(name: &str) -> Value {
    let text = match name {
        "complaint.received.v1" => include_str!("../../contract/examples/complaint.received.v1.json"),
        "complaint.followed_up.v1" => include_str!("../../contract/examples/complaint.followed_up.v1.json"),
        "complaint.amended.v1" => include_str!("../../contract/examples/complaint.amended.v1.json"),
        "complaint.overdue.v1" => include_str!("../../contract/examples/complaint.overdue.v1.json"),
        "reply.delivered.v1" => include_str!("../../contract/examples/reply.delivered.v1.json"),
        "reply.failed.v1" => include_str!("../../contract/examples/reply.failed.v1.json"),
        _ => include_str!("../../contract/examples/reply.requested.v1.json"),
    };
    serde_json::from_str(text).unwrap_or_default()
}

/// The published JSON Schemas with their definitions side by side, since AsyncAPI's references count from the document.
fn schemas() -> Value {
    let mut all = Map::new();
    for (file, schema) in schema::all() {
        let text = schema.as_value().to_string().replace("#/$defs/", "#/components/schemas/");
        let Ok(Value::Object(mut schema)) = serde_json::from_str(&text) else { continue };
        schema.remove("$schema");
        schema.remove("$id");
        if let Some(Value::Object(definitions)) = schema.remove("$defs") {
            all.extend(definitions);
        }
        all.insert(file.trim_end_matches(".json").to_owned(), schema.into());
    }
    let text = |description: &str| json!({ "type": "string", "description": description });
    all.insert(
        "ReplyRequested".to_owned(),
        json!({
            "anyOf": [
                { "$ref": format!("#/components/schemas/{REPLY}") },
                {
                    "type": "object",
                    "required": ["specversion", "type", "data"],
                    "properties": {
                        "specversion": { "const": "1.0" },
                        "type": { "const": REPLY },
                        "data": { "$ref": format!("#/components/schemas/{REPLY}") },
                    },
                },
            ],
        }),
    );
    all.insert(
        "EventHeaders".to_owned(),
        json!({
            "type": "object",
            "properties": {
                "traceparent": {
                    "type": "string",
                    "pattern": "^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$",
                    "description": "W3C Trace Context, where Muara exports traces. The trace is the complaint's: its id is the complaint's id without hyphens.",
                },
            },
        }),
    );
    all.insert(
        "DeadReplyHeaders".to_owned(),
        json!({
            "type": "object",
            "required": [consumer::CODE, consumer::REASON],
            "properties": {
                consumer::CODE: text("Why, as one of a closed set."),
                consumer::REASON: text("Why, in words."),
            },
        }),
    );
    all.into()
}
