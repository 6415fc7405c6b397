//! What Meta is answered: its challenge, and whatever it signed.
#![allow(clippy::unwrap_used)]

use muara_connectors::{Request, Verified};
use muara_tests::gateway::Gateway;
use serde_json::{Value, json};

use super::{configured, graph::SECRET};

#[test]
fn the_endpoint_proves_that_it_knows_the_word() {
    let challenge = |connector: &str, query: &str| {
        let known = muara_connectors::find(connector).unwrap();
        let path = format!("/in/{connector}{query}");
        let request = Request::new(reqwest::Method::GET, path, Default::default(), Default::default());
        (known.challenge.unwrap())(&request, &configured(connector, ""))
            .map(|reply| (reply.status, reply.body))
    };
    let good = "?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=muara-jakarta";
    for connector in ["facebook", "instagram", "whatsapp"] {
        assert_eq!(challenge(connector, good), Some((200, "1158201444".to_owned())));
        for bad in [
            "",
            "?hub.mode=subscribe&hub.challenge=1&hub.verify_token=muara",
            "?hub.mode=subscribe&hub.challenge=1&hub.verify_token=",
            "?hub.mode=subscribe&hub.challenge=1",
            "?hub.mode=unsubscribe&hub.challenge=1&hub.verify_token=muara-jakarta",
            "?hub.mode=subscribe&hub.challenge=1&hub.verify_token=x&hub.verify_token=muara-jakarta",
            "?hub.mode=subscribe&hub.verify_token=muara-jakarta",
        ] {
            assert_eq!(challenge(connector, bad), None, "{bad}");
        }
    }
}

/// Meta switches off an endpoint that fails, so what is kept is answered like the rest.
#[tokio::test]
async fn meta_is_answered_200_for_all_that_it_signed_and_nothing_of_it_is_lost() {
    let table = format!("secret = \"{SECRET}\"\nverify_token = \"muara-jakarta\"\n");
    let gateway = Gateway::launch(&format!("[channels.whatsapp]\nconnector = \"whatsapp\"\n{table}")).await;
    let url = gateway.url("/in/whatsapp");
    let get = |query: &str| gateway.http.get(format!("{url}?{query}")).send();
    let known = get("hub.mode=subscribe&hub.challenge=42&hub.verify_token=muara-jakarta").await.unwrap();
    assert_eq!((known.status().as_u16(), known.text().await.unwrap()), (200, "42".to_owned()));
    let unknown = get("hub.mode=subscribe&hub.challenge=42&hub.verify_token=another").await.unwrap();
    assert_eq!(unknown.status(), 403);

    let captured = |case: &str| {
        let file = crate::fixtures::folder().join("whatsapp").join(case).join("request.http");
        let bytes = std::fs::read(file).unwrap();
        let head = bytes.windows(2).position(|pair| pair == b"\n\n").unwrap();
        let request = muara::request_file::parse(&bytes).unwrap();
        gateway.http.post(&url).headers(request.headers).body(bytes[head + 2..].to_vec()).send()
    };
    for case in ["ok", "ok", "redelivered", "malformed", "another_object", "batch", "statuses", "irrelevant"]
    {
        let answer = captured(case).await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.text().await.unwrap()), (200, String::new()), "{case}");
    }
    assert_eq!(captured("forged").await.unwrap().status(), 401);
    // one message of `ok`, however often it comes, and three of `batch`
    gateway.waiting("outbox", 4).await;
    // two bodies, one message of `batch` and one report of `statuses`
    gateway.waiting("quarantined", 4).await;
}

/// Whatever Meta puts where, something is said of it: taken, ignored with a reason, or kept.
#[test]
fn a_value_of_another_type_anywhere_is_never_passed_over() {
    let odd = [
        json!(null),
        json!(5),
        json!(-1.5),
        json!(""),
        json!("x"),
        json!([]),
        json!([null]),
        json!({}),
        json!(true),
    ];
    for connector in ["facebook", "instagram", "whatsapp"] {
        let known = muara_connectors::find(connector).unwrap();
        let channel = configured(connector, "");
        let decode = |body: &Value| {
            let request = Request::from_body(Some("application/json"), body.to_string().into());
            (known.decode)(&Verified::before(&request, &channel))
        };
        for case in std::fs::read_dir(crate::fixtures::folder().join(connector)).unwrap() {
            let Ok(bytes) = std::fs::read(case.unwrap().path().join("request.http")) else { continue };
            let head = bytes.windows(2).position(|pair| pair == b"\n\n").unwrap();
            let Ok(body) = serde_json::from_slice::<Value>(&bytes[head + 2..]) else { continue };
            for pointer in pointers(&body, String::new()) {
                for value in &odd {
                    let mut changed = body.clone();
                    *changed.pointer_mut(&pointer).unwrap() = value.clone();
                    let decoded = decode(&changed);
                    assert!(decoded.is_err() || !decoded.unwrap().items.is_empty(), "{pointer} in {body}");
                }
            }
        }
    }
}

/// The place of every value in another one.
fn pointers(value: &Value, at: String) -> Vec<String> {
    let below: Vec<_> = match value {
        Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), value)).collect(),
        Value::Array(list) => {
            list.iter().enumerate().map(|(index, value)| (index.to_string(), value)).collect()
        }
        _ => Vec::new(),
    };
    let below = below.into_iter().flat_map(|(name, value)| pointers(value, format!("{at}/{name}")));
    std::iter::once(at.clone()).chain(below.collect::<Vec<_>>()).collect()
}
