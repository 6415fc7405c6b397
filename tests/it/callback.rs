//! Answers by callback: what the vendor hears, signed and escaped, and what its answer means.
#![allow(clippy::unwrap_used)]

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use muara_connectors::{
    ChannelSettings, Deliver, DeliverError, Outgoing, Sent,
    deliver::{Occasion, OutgoingFile, Verdict},
};
use muara_normalizer::{Status, draft::ReturnAddress, ids::ReferenceKey};
use muara_tests::callbacks::Callbacks;
use serde_json::json;
use sha2::Sha256;
use uuid::Uuid;

const SECRET: &str = "callback-test-secret";

fn open(connector: &str, table: &str) -> Box<dyn Deliver> {
    muara_tests::install_tls_provider();
    let connector = muara_connectors::find(connector).unwrap();
    let channel = ChannelSettings {
        id: "kanal".parse().unwrap(),
        secret: Some(SECRET.into()),
        auth: connector.auth.clone(),
        own: (connector.settings)(table.parse().unwrap()).unwrap(),
    };
    (connector.deliver.unwrap())(&channel).unwrap()
}

/// Whether an error is the one that is expected.
pub(crate) type Expected = fn(&DeliverError) -> bool;

pub(crate) fn message(status: Option<&str>, words: &str) -> Outgoing {
    Outgoing {
        id: Uuid::from_u128(7),
        complaint: None,
        reference: Some(ReferenceKey::new([7; 16]).reference(1)),
        occasion: Occasion::Reply,
        status: status.map(|status| Status::from(status.to_owned())),
        words: Some(words.to_owned()),
        text: format!("Laporan Anda: {words}"),
        public_text: None,
        attachments: Vec::new(),
        last_heard_at: Timestamp::now(),
        now: Timestamp::now(),
    }
}

fn to(id: &str) -> ReturnAddress {
    ReturnAddress(json!({ "id": id }))
}

fn signature(body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(body);
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

#[tokio::test]
async fn qlue_jaki_and_lapor_hear_of_a_report_in_their_own_words() {
    let vendor = Callbacks::listen().await;
    let table = format!("[callback]\nurl = \"{}\"\n", vendor.url("/status"));
    let mut message = message(Some("Selesai"), "Lubang sudah ditambal.");
    let file = "https://kota.example/sesudah.jpg";
    message.attachments = vec![OutgoingFile { url: file.to_owned(), content_type: None }];
    let reference = message.reference.as_ref().unwrap().to_string();
    for connector in ["qlue", "jaki", "lapor"] {
        assert_eq!(open(connector, &table).deliver(&to("17"), &message).await.unwrap(), Sent::default());
    }
    let calls = vendor.calls();
    let text = format!("Laporan Anda: Lubang sudah ditambal.\n{file}");
    assert_eq!(calls[0].json(), json!({"id": "17", "status": "complete", "comment": text}));
    assert_eq!(calls[0].header("x-qlue-signature"), signature(&calls[0].body));
    assert_eq!(
        calls[1].json(),
        json!({"id": "17", "reference": reference, "status": "Selesai", "text": "Lubang sudah ditambal.", "files": file})
    );
    assert_eq!(calls[1].header("x-jaki-signature"), signature(&calls[1].body));
    assert_eq!(
        calls[2].json(),
        json!({"token": SECRET, "trackingid": "17", "status": "Selesai", "tindaklanjut": text})
    );
    assert!(calls.iter().all(|call| call.header("idempotency-key") == Uuid::from_u128(7).to_string()));
}

#[tokio::test]
async fn every_status_has_one_of_qlues_three_states() {
    let vendor = Callbacks::listen().await;
    let qlue = open("qlue", &format!("callback = {{ url = \"{}\" }}", vendor.url("/")));
    let states = [
        ("Menunggu", "wait"),
        ("Koordinasi", "wait"),
        ("Disposisi", "wait"),
        ("Proses", "process"),
        ("EWS", "process"),
        ("Menunggu Validasi", "process"),
        ("TL Ditolak", "process"),
        ("Selesai", "complete"),
        ("Ditolak", "complete"),
        ("Tahap Aneh", "process"),
    ];
    for (number, (status, state)) in states.into_iter().enumerate() {
        qlue.deliver(&to("1"), &message(Some(status), "ok")).await.unwrap();
        assert_eq!(vendor.calls()[number].json()["status"], state, "{status}");
    }
}

#[tokio::test]
async fn a_template_is_escaped_where_it_stands_and_empty_fields_are_left_out() {
    let vendor = Callbacks::listen().await;
    let table = format!(
        r#"
        fields = {{ text = "$.t" }}
        [callback]
        url = "{}"
        method = "PUT"
        headers = {{ Authorization = "Bearer rahasia" }}
        body = "form"
        fields = {{ nomor = "{{reference}}", status = "{{status}}", pesan = "{{text}}" }}
        sign = {{ header = "X-Sign", prefix = "sha256=" }}
        "#,
        vendor.url("/laporan/{id}/status")
    );
    let mut message = message(None, "a & b = \"c\"\nd");
    message.attachments =
        vec![OutgoingFile { url: "https://kota.example/1.jpg".to_owned(), content_type: None }];
    open("webhook", &table).deliver(&to("../a b?c#d/é"), &message).await.unwrap();
    let call = vendor.calls().remove(0);
    assert_eq!(call.path, "/laporan/..%2Fa%20b%3Fc%23d%2F%C3%A9/status");
    let form: Vec<(String, String)> = serde_urlencoded::from_bytes(&call.body).unwrap();
    assert_eq!(form.len(), 2, "no status, no field: {form:?}");
    assert_eq!(form[1].1, "Laporan Anda: a & b = \"c\"\nd\nhttps://kota.example/1.jpg");
    assert_eq!(call.method, "PUT");
    assert_eq!(call.header("authorization"), "Bearer rahasia");
    assert_eq!(call.header("x-sign"), signature(&call.body));
}

#[tokio::test]
async fn the_vendors_answer_decides_what_becomes_of_a_reply() {
    let vendor = Callbacks::listen().await;
    let jaki = open("jaki", &format!("callback = {{ url = \"{}\" }}", vendor.url("/")));
    let cases = [
        (429, Some(7), Verdict::Pause(Some(std::time::Duration::from_secs(7)))),
        (401, None, Verdict::Pause(None)),
        (503, None, Verdict::Retry),
        (404, None, Verdict::OtherWay),
        (422, None, Verdict::Final),
    ];
    for (status, retry_after, verdict) in cases {
        vendor.will(status, retry_after);
        let error = jaki.deliver(&to("1"), &message(None, "ok")).await.unwrap_err();
        assert_eq!(error.verdict(), verdict, "{status}: {error}");
    }
    // the words would be left behind on the way, and what is at its end would seem to have taken them
    vendor.leads_to("/elsewhere");
    let error = jaki.deliver(&to("1"), &message(None, "ok")).await.unwrap_err();
    assert_eq!(error.verdict(), Verdict::Retry, "{error}");
    assert!(vendor.calls().iter().all(|call| call.path == "/"));
    vendor.will(409, None);
    assert!(jaki.deliver(&to("1"), &message(None, "ok")).await.is_ok(), "the vendor has it already");
    let wrong = ReturnAddress(json!({ "chat": 1 }));
    let error = jaki.deliver(&wrong, &message(None, "ok")).await.unwrap_err();
    assert!(matches!(error, DeliverError::Address));
    let closed = open("jaki", "callback = { url = \"http://127.0.0.1:9/geheim\" }");
    let error = closed.deliver(&to("1"), &message(None, "ok")).await.unwrap_err();
    assert!(matches!(error, DeliverError::Unreachable(_)));
    assert!(!error.to_string().contains("geheim"), "an address may hold a key: {error}");
}

#[test]
fn what_is_wrong_with_a_callback_is_said_at_start() {
    let table = r#"
        fields = { text = "$.t" }
        [callback]
        url = "ftp://host/{id}/{nomor}"
        headers = { "Not A Header" = "x" }
        fields = { a = "{refference}" }
        "#;
    let connector = muara_connectors::find("webhook").unwrap();
    let errors = (connector.settings)(table.parse().unwrap()).err().unwrap();
    let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
    for part in ["callback.url", "callback.headers.Not A Header", "callback.fields.a", "{reference}"] {
        assert!(errors.iter().any(|error| error.contains(part)), "{part}: {errors:?}");
    }
}
