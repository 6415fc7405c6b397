//! Answers to citizens by `submit_sm`.

use std::time::Duration;

use jiff::Timestamp;
use muara_connectors::{
    ChannelSettings, Contact, Cursor, Deliver, DeliverError, Outgoing, Sent, deliver::Occasion,
};
use muara_normalizer::draft::ReturnAddress;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Poller, centre::Centre, channel, smpp};

/// All that GSM-7 has, more than once.
const GSM7: &str = "@£$¥èéùìòÇ\nØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./09:;<=>?¡AZÄÖÑÜ§¿azäöñüà^{}\\[~]|€";

fn deliver(channel: &ChannelSettings) -> Box<dyn Deliver> {
    (smpp().deliver.unwrap())(channel).unwrap()
}

fn to() -> ReturnAddress {
    ReturnAddress(json!({ "to": "6281234567890", "from": "1708" }))
}

fn message(text: &str) -> Outgoing {
    let now: Timestamp = "2026-11-03T03:15:00Z".parse().unwrap();
    Outgoing {
        id: Uuid::from_u128(0x1234_5678),
        complaint: None,
        reference: None,
        occasion: Occasion::Reply,
        status: None,
        words: None,
        text: text.to_owned(),
        public_text: None,
        attachments: Vec::new(),
        last_heard_at: now,
        now,
    }
}

/// The parts that the centre got of one message, and what it was told.
async fn sent(centre: &mut Centre, channel: &ChannelSettings, text: &str) -> (Vec<Value>, Sent) {
    let sent = deliver(channel).deliver(&to(), &message(text)).await.unwrap();
    let mut parts = Vec::new();
    for _ in &sent.vendor_ids {
        parts.push(centre.event("submit").await);
    }
    (parts, sent)
}

fn whole(parts: &[Value]) -> String {
    parts.iter().map(|part| part["text"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn an_answer_comes_from_the_number_that_was_written_to() {
    let mut centre = Centre::start().await;
    let channel = channel(centre.port, "");
    let _poller = Poller::bound(&channel, &mut centre, Cursor::default()).await;
    let (parts, sent) = sent(&mut centre, &channel, "Laporan Anda sudah kami terima: ABCD-1234").await;
    assert_eq!(sent, Sent::one("id-1"));
    let wanted = json!({
        "source_addr": "1708", "source_addr_ton": 0, "destination_addr": "6281234567890", "dest_addr_ton": 1,
        "dest_addr_npi": 1, "data_coding": 0, "registered_delivery": 1,
        "text": "Laporan Anda sudah kami terima: ABCD-1234",
    });
    for (name, value) in wanted.as_object().unwrap() {
        assert_eq!(&parts[0][name], value, "{name}");
    }
}

#[tokio::test]
async fn long_texts_arrive_whole_in_every_alphabet_and_by_every_way() {
    for (text, coding, parts_wanted) in
        [(GSM7.repeat(6), 0, 4), ("Banjir 🌊 di Kampung Melayu. ".repeat(6), 8, 3)]
    {
        for way in ["udh", "sar", "payload"] {
            let mut centre = Centre::start().await;
            let channel = channel(centre.port, &format!("long_messages = \"{way}\""));
            let _poller = Poller::bound(&channel, &mut centre, Cursor::default()).await;
            let (parts, _) = sent(&mut centre, &channel, &text).await;
            assert!(parts.iter().all(|part| part["data_coding"] == coding));
            if way == "payload" {
                assert_eq!((parts.len(), &parts[0]["payload"]), (1, &json!(text)), "{way}");
                continue;
            }
            assert_eq!((parts.len(), whole(&parts)), (parts_wanted, text.clone()), "{way}");
            for (part, number) in parts.iter().zip(1..) {
                if way == "udh" {
                    let numbers = format!("08045678{parts_wanted:02x}{number:02x}");
                    assert_eq!(part["udh"], json!([numbers]));
                } else {
                    let numbers = ["sar_msg_ref_num", "sar_total_segments", "sar_segment_seqnum"]
                        .map(|name| &part[name]);
                    assert_eq!(numbers, [&json!(0x5678), &json!(parts_wanted), &json!(number)]);
                }
            }
        }
    }
}

#[tokio::test]
async fn what_the_centre_says_decides_what_becomes_of_an_answer() {
    let mut centre = Centre::start().await;
    let channel = channel(centre.port, "throttle_seconds = 7");
    let _poller = Poller::bound(&channel, &mut centre, Cursor::default()).await;
    centre.tell(json!({ "do": "statuses", "give": [0x58, 0x14, 0x0B, 0x45, 0x01] })).await;
    let deliver = deliver(&channel);
    let mut errors = Vec::new();
    for _ in 0..5 {
        errors.push(deliver.deliver(&to(), &message("Terima kasih")).await.unwrap_err());
    }
    for throttled in &errors[..2] {
        let DeliverError::Throttled { retry_after } = throttled else { panic!("{throttled}") };
        assert_eq!(*retry_after, Some(Duration::from_secs(7)));
    }
    let codes: Vec<_> = errors.iter().map(DeliverError::code).collect();
    assert_eq!(codes, ["throttled", "throttled", "no_recipient", "vendor", "rejected"]);
}

#[tokio::test]
async fn parts_that_were_taken_are_not_sent_again() {
    let mut centre = Centre::start().await;
    let channel = channel(centre.port, "");
    let _poller = Poller::bound(&channel, &mut centre, Cursor::default()).await;
    centre.tell(json!({ "do": "statuses", "give": [0, 0x58] })).await;
    let (deliver, text) = (deliver(&channel), "Terima kasih. ".repeat(20));
    deliver.deliver(&to(), &message(&text)).await.unwrap_err();
    let sent = deliver.deliver(&to(), &message(&text)).await.unwrap();
    assert_eq!(sent.vendor_ids, ["id-1", "id-2"]);
    let mut taken = Vec::new();
    while taken.len() < 2 {
        let part = centre.event("submit").await;
        if part["status"] == 0 {
            taken.push(part);
        }
    }
    assert_eq!(whole(&taken), text);
}

#[tokio::test]
async fn no_answer_and_no_session_are_told_apart() {
    let mut centre = Centre::start().await;
    let channel = channel(centre.port, "response_seconds = 1");
    let deliver = deliver(&channel);
    let error = deliver.deliver(&to(), &message("Terima kasih")).await.unwrap_err();
    assert_eq!(error.code(), "unreachable", "nobody bound yet");
    let _poller = Poller::bound(&channel, &mut centre, Cursor::default()).await;
    centre.tell(json!({ "do": "deaf" })).await;
    let error = deliver.deliver(&to(), &message("Terima kasih")).await.unwrap_err();
    assert_eq!(error.code(), "vendor", "{error}");
}

#[test]
fn a_phone_number_is_an_address_only_where_there_is_a_number_to_write_from() {
    let contact = Contact { phone: Some("+6281234567890".to_owned()), email: None };
    let address =
        |more: &str| (smpp().address.unwrap())(&contact, &channel(1, more)).map(|address| address.0);
    assert_eq!(
        address("source_addr = \"JAKARTA\""),
        Some(json!({ "to": "6281234567890", "from": "JAKARTA" }))
    );
    assert_eq!(address(""), None);
    assert_eq!(address("source_addr = \"JAKARTA\"\nbind = \"receiver\""), None);
    assert!((smpp().deliver.unwrap())(&channel(1, "bind = \"receiver\"")).is_none());
}
