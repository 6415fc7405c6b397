//! A consumer in another language reads what Muara publishes.

use std::{
    fs,
    path::Path,
    process::{Output, Stdio},
};

use muara::broker::Outgoing;
use muara_tests::rabbitmq::RabbitNode;
use serde_json::json;
use tokio::io::AsyncWriteExt;
use uuid::Uuid;

use super::{confirmed, connected, settings};

/// Runs the consumer.
pub(crate) async fn consume(url: &str, schemas: &str, count: usize) -> Output {
    let count = count.to_string();
    let arguments = ["--url", url, "--schemas", schemas, "--count", &count, "--timeout", "10"];
    python("consumer.py", &arguments, b"").await
}

/// Runs a script beside this with the Python of `MUARA_TEST_PYTHON`, which has pika and jsonschema (`tests/run` makes it).
pub(crate) async fn python(script: &str, arguments: &[&str], input: &[u8]) -> Output {
    let python = std::env::var("MUARA_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let modules = tokio::process::Command::new(&python)
        .args(["-c", "import pika, jsonschema"])
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap_or_else(|error| panic!("{python} does not run ({error}): run ./tests/run"));
    assert!(
        modules.status.success(),
        "{python} lacks pika or jsonschema: run ./tests/run, which makes an environment that has them, \
         or point MUARA_TEST_PYTHON to one\n{}",
        String::from_utf8_lossy(&modules.stderr)
    );
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("it").join(script);
    let mut child = tokio::process::Command::new(&python)
        .arg(script)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // a script that does not read its input closes the pipe
    child.stdin.take().unwrap().write_all(input).await.ok();
    child.wait_with_output().await.unwrap()
}

fn event(data: serde_json::Value) -> Outgoing {
    let id = Uuid::now_v7();
    let body = json!({
        "specversion": "1.0",
        "id": id,
        "source": "/muara/qlue",
        "type": "complaint.received.v1",
        "time": "2026-11-24T01:02:03Z",
        "datacontenttype": "application/json",
        "data": data,
    });
    Outgoing::new(id, "complaint.received.v1.qlue", body.to_string())
}

#[tokio::test]
async fn a_python_consumer_finds_every_message_valid_and_notices_one_that_is_not() {
    let schemas = tempfile::tempdir().unwrap();
    let complaint = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "required": ["description"],
        "properties": {"description": {"type": "string", "minLength": 1}},
    });
    let envelope = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "required": ["specversion", "id", "source", "type", "time", "data"],
        "properties": {
            "specversion": {"const": "1.0"},
            "id": {"type": "string", "format": "uuid"},
            "time": {"type": "string", "format": "date-time"},
            "data": {"$ref": "complaint.json"},
        },
    });
    fs::write(schemas.path().join("complaint.json"), complaint.to_string()).unwrap();
    fs::write(schemas.path().join("event.json"), envelope.to_string()).unwrap();
    let schemas = schemas.path().to_str().unwrap();

    let vhost = RabbitNode::shared().await.vhost("python").await;
    let (broker, _guard) = connected(settings(&vhost.url())).await;
    let events =
        (0..50).map(|number| event(json!({"description": format!("Jalan rusak {number}")}))).collect();
    assert!(broker.publish(events).await.iter().all(confirmed));
    let output = consume(&vhost.url(), schemas, 50).await;
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(summary["checked"], 50);
    assert_eq!(summary["types"]["complaint.received.v1"], 50);

    let bad = event(json!({"description": ""}));
    let id = bad.event_id.to_string();
    assert!(broker.publish(vec![bad]).await.iter().all(confirmed));
    let output = consume(&vhost.url(), schemas, 1).await;
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains(&id) && stderr.contains("$.data.description"), "{stderr}");
}
