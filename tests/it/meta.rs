//! Facebook, Instagram and WhatsApp: answers by the Graph API, files, and what Meta is answered.
//!
//! The signatures in `tests/fixtures/{facebook,instagram,whatsapp}` were checked with `pywa`'s own validator: those of
//! `forged`, `unsigned`, `signature_of_another_scheme` and `written_anew` do not fit, all others do.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod graph;
mod inbound;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use muara_connectors::{
    ChannelSettings, Contact, DeliverError, Outgoing, Sent,
    deliver::{Occasion, OutgoingFile},
    media::MediaError,
};
use muara_normalizer::{
    draft::{Attachment, ReturnAddress},
    ids::ReferenceKey,
};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use uuid::Uuid;

use self::graph::{Call, Graph, SECRET, TOKEN};

const NOW: &str = "2026-11-03T03:15:00Z";
const TEMPLATE: &str = "template = { name = \"kabar_laporan\", language = \"id\" }\n";

/// A channel that answers by the fake, with more keys.
fn channel(connector: &str, graph: &Graph, more: &str) -> ChannelSettings {
    let own = match connector {
        "whatsapp" => "phone_number_id = \"1065\"\n",
        "facebook" => "page_id = \"1045\"\n",
        _ => "account_id = \"1784\"\n",
    };
    configured(connector, &format!("access_token = \"{TOKEN}\"\napi_url = \"{}\"\n{own}{more}", graph.url))
}

fn configured(connector: &str, keys: &str) -> ChannelSettings {
    let table = format!("verify_token = \"muara-jakarta\"\n{keys}").parse().unwrap();
    let known = muara_connectors::find(connector).unwrap();
    ChannelSettings {
        id: connector.parse().unwrap(),
        secret: Some(SECRET.to_owned().into()),
        auth: known.auth.clone(),
        own: (known.settings)(table).unwrap(),
    }
}

fn message(text: &str, heard_before: SignedDuration) -> Outgoing {
    let now: Timestamp = NOW.parse().unwrap();
    Outgoing {
        id: Uuid::now_v7(),
        complaint: None,
        reference: Some(ReferenceKey::new([7; 16]).reference(1)),
        occasion: Occasion::Reply,
        status: None,
        words: None,
        text: text.to_owned(),
        public_text: None,
        attachments: Vec::new(),
        last_heard_at: now - heard_before,
        now,
    }
}

fn hour() -> SignedDuration {
    SignedDuration::from_hours(1)
}

fn hours(hours: i64) -> SignedDuration {
    SignedDuration::from_hours(hours)
}

async fn send(channel: &ChannelSettings, to: Value, message: &Outgoing) -> Result<Sent, DeliverError> {
    let connector = muara_connectors::find(channel.id.as_str()).unwrap();
    let deliver = (connector.deliver.unwrap())(channel).expect("a channel that answers");
    deliver.deliver(&ReturnAddress(to), message).await
}

fn ids(ids: &[&str]) -> Sent {
    Sent { vendor_ids: ids.iter().map(|id| (*id).to_owned()).collect() }
}

fn siti() -> Value {
    json!({ "to": "6281234567890", "message": "wamid.in1" })
}

/// A text of so many words of ten characters, each with its number.
fn words(count: usize) -> String {
    (0..count).map(|number| format!("kata{number:05} ")).collect()
}

#[tokio::test]
async fn whatsapp_answers_within_the_window_and_quotes_what_it_answers() {
    let graph = Graph::start().await;
    let channel = channel("whatsapp", &graph, TEMPLATE);
    let mut answer = message("Laporan Anda\nsedang dikerjakan", hours(24));
    answer.attachments =
        vec![OutgoingFile { url: "https://muara.example/1.jpg".to_owned(), content_type: None }];
    let sent = send(&channel, siti(), &answer).await.unwrap();
    assert_eq!(sent, ids(&["wamid.out1"]));
    let body = json!({
        "messaging_product": "whatsapp", "recipient_type": "individual", "to": "6281234567890", "type": "text",
        "text": { "body": "Laporan Anda\nsedang dikerjakan\nhttps://muara.example/1.jpg", "preview_url": false },
        "context": { "message_id": "wamid.in1" }, "biz_opaque_callback_data": answer.id,
    });
    assert_eq!(graph.calls(), [Call { path: "1065/messages".to_owned(), body }]);
}

#[tokio::test]
async fn whatsapp_reaches_a_citizen_whose_number_is_hidden() {
    let graph = Graph::start().await;
    let channel = channel("whatsapp", &graph, "");
    send(&channel, json!({ "recipient": "ID.13491208655302741918" }), &message("Selesai", hour()))
        .await
        .unwrap();
    let body = &graph.calls()[0].body;
    assert_eq!(body["recipient"], "ID.13491208655302741918");
    assert_eq!(body.get("to"), None);
}

#[tokio::test]
async fn a_long_text_comes_whole_in_parts_and_a_pause_does_not_repeat_them() {
    let graph = Graph::start().await;
    let text = words(1000);
    for (connector, to, parts) in [
        ("whatsapp", siti(), 3),
        ("facebook", json!({ "user": "67" }), 5),
        ("instagram", json!({ "user": "67" }), 10),
    ] {
        let channel = channel(connector, &graph, "");
        let connector = muara_connectors::find(connector).unwrap();
        let deliver = (connector.deliver.unwrap())(&channel).unwrap();
        let (answer, to) = (message(&text, hour()), ReturnAddress(to));
        graph.lets_one_through();
        graph.answers(429, &[("retry-after", "7")], json!({ "error": { "code": 4 } }));
        let paused = deliver.deliver(&to, &answer).await;
        assert!(matches!(
            paused,
            Err(DeliverError::Throttled { retry_after: Some(after) }) if after == Duration::from_secs(7)
        ));
        let left = channel.quota().left(Timestamp::now()).unwrap();
        assert!(left.fraction == 0.0 && left.refills_at.is_some(), "{left:?}");
        graph.tells(r#"{"call_count":28,"total_time":63,"total_cputime":25}"#);
        let sent = deliver.deliver(&to, &answer).await.unwrap();
        assert_eq!(channel.quota().left(Timestamp::now()).map(|left| left.fraction), Some(0.37));
        assert_eq!(sent.vendor_ids.len(), parts);
        let mut calls = graph.calls();
        // the second one was refused
        calls.remove(1);
        let said: Vec<_> = calls
            .iter()
            .map(|call| call.body["text"]["body"].as_str().or(call.body["message"]["text"].as_str()).unwrap())
            .collect();
        assert_eq!(said.join(" "), text.trim());
        let quoting: Vec<_> = calls.iter().map(|call| call.body.get("context").is_some()).collect();
        assert_eq!(
            quoting.iter().position(|quotes| *quotes),
            (channel.id.as_str() == "whatsapp").then_some(0)
        );
        assert!(!quoting[1..].contains(&true));
    }
}

#[tokio::test]
async fn whatsapp_uses_the_template_once_the_window_is_closed() {
    let graph = Graph::start().await;
    let late = message("Laporan Anda:\n\tselesai      dikerjakan", hours(25));
    let without = channel("whatsapp", &graph, "");
    assert!(matches!(send(&without, siti(), &late).await, Err(DeliverError::WindowClosed)));
    assert_eq!(graph.calls(), []);

    let template =
        "template = { name = \"kabar_laporan\", language = \"id\", parameters = [\"reference\", \"text\"] }";
    let with = channel("whatsapp", &graph, template);
    send(&with, siti(), &late).await.unwrap();
    let body = graph.calls().remove(0).body;
    assert_eq!(body["type"], "template");
    let reference = late.reference.as_ref().unwrap().to_string();
    let parameters = &body["template"]["components"][0]["parameters"];
    assert_eq!(
        *parameters,
        json!([{ "type": "text", "text": reference },
            { "type": "text", "text": "Laporan Anda: selesai dikerjakan" }])
    );
    // longer than a template's body
    let sent = send(&with, siti(), &message(&words(150), hours(25))).await.unwrap();
    assert_eq!(sent.vendor_ids.len(), 2);
}

#[tokio::test]
async fn whatsapp_uses_the_template_where_only_metas_clock_says_that_the_window_is_closed() {
    let graph = Graph::start().await;
    graph.closes_the_window_of("6281234567890");
    let answer = message("Selesai", hour());
    send(&channel("whatsapp", &graph, TEMPLATE), siti(), &answer).await.unwrap();
    let kinds: Vec<_> = graph.calls().iter().map(|call| call.body["type"].clone()).collect();
    assert_eq!(kinds, ["text", "template"]);
    let without = send(&channel("whatsapp", &graph, ""), siti(), &answer).await;
    assert!(matches!(without, Err(DeliverError::WindowClosed)));
}

#[tokio::test]
async fn whatsapp_stands_in_for_another_channel_by_its_template() {
    let graph = Graph::start().await;
    let with = channel("whatsapp", &graph, TEMPLATE);
    let address = muara_connectors::find("whatsapp").unwrap().address.unwrap();
    let contact = Contact { phone: Some("0812-3456-7890".to_owned()), email: None };
    let to = address(&contact, &with).unwrap();
    // heard a moment ago, but by the other channel
    send(&with, to.0, &message("Selesai", hour())).await.unwrap();
    let body = graph.calls().remove(0).body;
    assert_eq!((&body["type"], &body["to"]), (&json!("template"), &json!("6281234567890")));

    assert_eq!(address(&contact, &channel("whatsapp", &graph, "")), None);
    assert_eq!(address(&Contact { phone: None, email: Some("siti@mail.example".to_owned()) }, &with), None);
}

#[tokio::test]
async fn every_error_code_says_what_is_to_be_done() {
    let graph = Graph::start().await;
    let whatsapp: &[(i64, Option<i64>, &str)] = &[
        (4, None, "throttled"),
        (80007, None, "throttled"),
        (130_429, None, "throttled"),
        (131_048, None, "throttled"),
        (131_056, None, "throttled"),
        (131_047, None, "window_closed"),
        (131_026, None, "no_recipient"),
        (131_030, None, "no_recipient"),
        (131_050, None, "blocked"),
        (190, Some(463), "refused"),
        (10, None, "refused"),
        (200, None, "refused"),
        (131_031, None, "refused"),
        (131_000, None, "vendor"),
        (131_016, None, "vendor"),
        (1, None, "vendor"),
        (100, None, "rejected"),
        (131_009, None, "rejected"),
    ];
    let messenger: &[(i64, Option<i64>, &str)] = &[
        (4, None, "throttled"),
        (17, None, "throttled"),
        (32, None, "throttled"),
        (613, None, "throttled"),
        (80_006, None, "throttled"),
        (10, Some(2_018_278), "window_closed"),
        (551, Some(1_545_041), "blocked"),
        (200, Some(2_018_108), "blocked"),
        (100, Some(2_018_001), "no_recipient"),
        (10, None, "refused"),
        (190, None, "refused"),
        (2, None, "vendor"),
        (100, None, "rejected"),
    ];
    let instagram: &[(i64, Option<i64>, &str)] =
        &[(10, Some(2_534_022), "window_closed"), (100, Some(2_534_014), "no_recipient")];
    let user = json!({ "user": "67" });
    for (connector, to, codes) in [
        ("whatsapp", siti(), whatsapp),
        ("facebook", user.clone(), messenger),
        ("instagram", user, instagram),
    ] {
        let channel = channel(connector, &graph, "");
        for (code, subcode, expected) in codes {
            graph.fails(400, *code, *subcode);
            let error = send(&channel, to.clone(), &message("Selesai", hour())).await.unwrap_err();
            assert_eq!(error.code(), *expected, "{connector} {code} {subcode:?}");
        }
    }
}

#[tokio::test]
async fn without_a_code_the_status_says_what_is_to_be_done() {
    let graph = Graph::start().await;
    let channel = channel("whatsapp", &graph, "");
    for (status, expected) in
        [(429, "throttled"), (403, "refused"), (500, "vendor"), (503, "vendor"), (404, "rejected")]
    {
        graph.answers(status, &[], json!("a page of a proxy"));
        let error = send(&channel, siti(), &message("Selesai", hour())).await.unwrap_err();
        assert_eq!(error.code(), expected, "{status}");
    }
    let usage = r#"{"1045":[{"type":"messenger","call_count":100,"estimated_time_to_regain_access":3}]}"#;
    graph.answers(400, &[("x-business-use-case-usage", usage)], json!({ "error": { "code": 80_006 } }));
    let throttled = send(&channel, siti(), &message("Selesai", hour())).await;
    assert!(matches!(
        throttled,
        Err(DeliverError::Throttled { retry_after: Some(after) }) if after == Duration::from_secs(180)
    ));
    // taken is taken, whatever the answer says: a second message would be worse than an unknown id
    graph.answers(200, &[], json!("OK"));
    assert_eq!(send(&channel, siti(), &message("Selesai", hour())).await.unwrap(), Sent::default());
}

#[tokio::test]
async fn revoked_credentials_are_named_and_never_shown() {
    let graph = Graph::start().await;
    let keys =
        format!("access_token = \"EAAG-revoked\"\nphone_number_id = \"1065\"\napi_url = \"{}\"\n", graph.url);
    let error = send(&configured("whatsapp", &keys), siti(), &message("Selesai", hour())).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the vendor refuses the credentials (error 190); renew the channel's secret"
    );

    let mut another_app = channel("whatsapp", &graph, "");
    another_app.secret = Some("another-secret".to_owned().into());
    assert!(send(&another_app, siti(), &message("Selesai", hour())).await.is_err());

    // nobody listens here
    let gone =
        format!("access_token = \"{TOKEN}\"\nphone_number_id = \"1065\"\napi_url = \"http://127.0.0.1:1\"\n");
    let error = send(&configured("whatsapp", &gone), siti(), &message("Selesai", hour())).await.unwrap_err();
    assert_eq!(error.code(), "unreachable");
    assert!(!format!("{error} {error:?}").contains("appsecret_proof"), "{error:?}");
}

#[tokio::test]
async fn messenger_answers_within_the_window_and_people_for_a_week() {
    let graph = Graph::start().await;
    let (user, plain) = (json!({ "user": "67" }), channel("facebook", &graph, ""));
    let sent = send(&plain, user.clone(), &message("Selesai", hours(23))).await.unwrap();
    assert_eq!(sent, ids(&["m_out1"]));
    let body = json!({ "recipient": { "id": "67" }, "messaging_type": "RESPONSE", "message": { "text": "Selesai" } });
    assert_eq!(graph.calls(), [Call { path: "1045/messages".to_owned(), body }]);
    let late = message("Selesai", hours(25));
    assert!(matches!(send(&plain, user.clone(), &late).await, Err(DeliverError::WindowClosed)));

    let people = channel("facebook", &graph, "human_agent = true");
    send(&people, user.clone(), &late).await.unwrap();
    let body = graph.calls().remove(0).body;
    assert_eq!((&body["messaging_type"], &body["tag"]), (&json!("MESSAGE_TAG"), &json!("HUMAN_AGENT")));
    // a machine wrote it
    let receipt = Outgoing { occasion: Occasion::Receipt, ..late };
    assert!(matches!(send(&people, user.clone(), &receipt).await, Err(DeliverError::WindowClosed)));
    let too_late = message("Selesai", hours(7 * 24 + 1));
    assert!(matches!(send(&people, user, &too_late).await, Err(DeliverError::WindowClosed)));
    assert_eq!(graph.calls(), []);
}

#[tokio::test]
async fn a_comment_is_answered_privately_once_and_publicly_only_where_that_is_allowed() {
    let graph = Graph::start().await;
    for (connector, sender, edge) in [("facebook", "1045", "comments"), ("instagram", "me", "replies")] {
        let channel = channel(connector, &graph, "");
        let to = json!({ "comment": format!("{connector}_1") });
        let private = message("Kepada Ibu Siti: lampu di depan rumah Ibu sudah diganti", hour());
        send(&channel, to.clone(), &private).await.unwrap();
        let body = json!({ "recipient": { "comment_id": format!("{connector}_1") }, "message": { "text": private.text } });
        assert_eq!(graph.calls(), [Call { path: format!("{sender}/messages"), body }]);
        // there is no second one
        let again = send(&channel, to.clone(), &message("Terima kasih", hour())).await;
        assert!(matches!(again, Err(DeliverError::OnlyPublic)), "{again:?}");
        graph.calls();

        let mut allowed = message("Kepada Ibu Siti: sudah diganti", hour());
        allowed.public_text = Some("Laporan ini sudah selesai".to_owned());
        assert_eq!(send(&channel, to.clone(), &allowed).await.unwrap().vendor_ids.len(), 1);
        let public = Call {
            path: format!("{connector}_1/{edge}"),
            body: json!({ "message": "Laporan ini sudah selesai" }),
        };
        assert_eq!(graph.calls().pop(), Some(public.clone()));
        // after a week nobody asks for a private one
        let late = Outgoing { last_heard_at: allowed.now - hours(7 * 24 + 1), id: Uuid::now_v7(), ..allowed };
        send(&channel, to.clone(), &late).await.unwrap();
        assert_eq!(graph.calls(), [public]);
        let secret = Outgoing { public_text: None, ..late };
        assert!(matches!(send(&channel, to, &secret).await, Err(DeliverError::OnlyPublic)));
        assert_eq!(graph.calls(), []);
    }
}

#[tokio::test]
async fn a_private_reply_that_one_message_cannot_hold_is_not_cut() {
    let graph = Graph::start().await;
    let channel = channel("facebook", &graph, "");
    let long = message(&words(300), hour());
    let cut = send(&channel, json!({ "post": "7788_1" }), &long).await;
    assert!(matches!(cut, Err(DeliverError::OnlyPublic)));
    assert_eq!(graph.calls(), []);
    // a visitor's post is answered by its own id
    send(&channel, json!({ "post": "7788_1" }), &message("Selesai", hour())).await.unwrap();
    assert_eq!(graph.calls()[0].body["recipient"], json!({ "post_id": "7788_1" }));
}

#[tokio::test]
async fn a_foreign_address_is_no_address() {
    let graph = Graph::start().await;
    for connector in ["facebook", "instagram", "whatsapp"] {
        for address in [json!(null), json!({ "chat": 1 }), json!({})] {
            let sent = send(&channel(connector, &graph, ""), address, &message("Selesai", hour())).await;
            assert!(matches!(sent, Err(DeliverError::Address)), "{connector}: {sent:?}");
        }
    }
    // an id is one segment of a path, whatever is in it
    let mut allowed = message("Selesai", hours(200));
    allowed.public_text = Some("Selesai".to_owned());
    let odd = json!({ "comment": "../1045/feed?x" });
    send(&channel("facebook", &graph, ""), odd, &allowed).await.ok();
    assert!(graph.calls().iter().all(|call| call.path == "..%2F1045%2Ffeed%3Fx/comments"));
}

#[tokio::test]
async fn whatsapp_finds_a_file_by_its_handle() {
    let graph = Graph::start().await;
    let open = muara_connectors::find("whatsapp").unwrap().media.unwrap();
    let media = open(&channel("whatsapp", &graph, "")).unwrap();
    let file = |handle: &str| Attachment::Handle { handle: handle.to_owned(), content_type: None };
    let found = media.locate(&file("1001")).await.unwrap();
    assert_eq!(found.url.expose_secret(), &format!("{}/files/1001", graph.url));
    assert_eq!(found.headers[0].0, "authorization");
    assert_eq!(found.headers[0].1.expose_secret(), &format!("Bearer {TOKEN}"));
    assert!(found.configured);

    assert!(matches!(media.locate(&file("1002")).await, Err(MediaError::Gone { .. })));
    graph.fails(401, 190, None);
    assert!(matches!(media.locate(&file("1001")).await, Err(MediaError::Refused { .. })));
    graph.answers(429, &[("retry-after", "30")], json!({}));
    assert!(matches!(media.locate(&file("1001")).await, Err(MediaError::Throttled { retry_after: Some(_) })));
    graph.answers(503, &[], json!({}));
    assert!(matches!(media.locate(&file("1001")).await, Err(MediaError::Vendor { .. })));
}

#[test]
fn a_channel_that_only_listens_needs_no_token() {
    for connector in ["facebook", "instagram", "whatsapp"] {
        let known = muara_connectors::find(connector).unwrap();
        let channel = configured(connector, "");
        assert!((known.deliver.unwrap())(&channel).is_none());
        assert!(known.media.is_none_or(|open| open(&channel).is_none()));
    }
}

#[test]
fn every_slip_in_a_table_is_named() {
    let errors = |connector: &str, table: &str| -> Vec<String> {
        let read = (muara_connectors::find(connector).unwrap().settings)(table.parse().unwrap());
        read.err().unwrap_or_default().iter().map(ToString::to_string).collect()
    };
    let found = errors("whatsapp", "verify_token = \"x\"\naccess_token = \"y\"\napi_url = \"graph\"");
    assert!(found.iter().any(|error| error.starts_with("api_url: ")), "{found:?}");
    assert!(found.iter().any(|error| error.starts_with("phone_number_id: ")), "{found:?}");
    assert_eq!(
        errors("facebook", "verify_token = \"x\"\nacces_token = \"y\""),
        ["unknown key `acces_token`"]
    );
    assert_eq!(errors("instagram", ""), ["missing field `verify_token`"]);
}
