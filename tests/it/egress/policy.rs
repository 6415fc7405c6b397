//! Receipts, and what may be said where everybody reads it.

use muara::channel::PublicPolicy;
use muara_connectors::{Ask, Inquiry, Item};
use muara_normalizer::{Draft, ExternalId, draft::ReturnAddress};
use serde_json::json;

use super::{Office, Vendor, channel, draft};

#[tokio::test]
async fn a_complaint_is_answered_with_its_reference_once() {
    let vendor = Vendor::new();
    let mut wa = channel("wa", Some(&vendor));
    wa.replies.receipt = true;
    let mut office = Office::open([wa]);
    office.sends();
    office.complaint("wa", draft("a")).await;
    office.complaint("wa", draft("a")).await;
    office.all_settled().await;
    let reference = office.events("complaint.received.v1").await[0]["reference"].as_str().unwrap().to_owned();
    let given = vendor.has(1).await;
    assert_eq!(given.len(), 1, "a redelivery is not answered again");
    assert_eq!(given[0].1.text, format!("Nomor laporan Anda {reference} di Kanal wa."));
    assert!(office.events("reply.delivered.v1").await.is_empty(), "the core CRM asked for nothing");
}

#[tokio::test]
async fn what_is_public_automatic_held_or_without_an_address_gets_no_receipt() {
    let vendor = Vendor::new();
    let mut wa = channel("wa", Some(&vendor));
    wa.replies.receipt = true;
    wa.publish_not_a_complaint = true;
    let mut office = Office::open([wa]);
    let cases = [
        Draft { public: true, ..draft("public") },
        Draft { automatic: true, ..draft("automatic") },
        Draft { return_address: None, ..draft("no address") },
    ];
    for case in cases {
        office.complaint("wa", case).await;
    }
    // one sender's fourth message is over the limit: held, and let through later
    let same = |number: u32| Draft {
        external_id: ExternalId::new(format!("s{number}")),
        text: format!("Jalan rusak nomor {number}"),
        ..draft("same")
    };
    let items = (0..4).map(|number| Item::Draft(Box::new(same(number)))).collect();
    office.takes("wa", items).await;
    let held = office.store.held(None, 10).await.unwrap();
    assert_eq!(held.len(), 1);
    office.store.release(vec![held[0].serial]).await.unwrap();
    office.takes("wa", vec![]).await;
    office.sends();
    office.all_settled().await;
    assert_eq!(office.events("complaint.received.v1").await.len(), 7);
    let given = vendor.given();
    assert_eq!(given.len(), 3, "only the three that were neither: {given:?}");
    assert!(given.iter().all(|(to, _)| *to == json!({"chat": "same"})));
}

#[tokio::test]
async fn nothing_of_a_person_is_said_in_public() {
    let canary = "Budi 0812-3456-7890, NIK 3171012345670001, budi@mail.example, rek. 1570 0098 7654 3210";
    for policy in [PublicPolicy::Nothing, PublicPolicy::Status, PublicPolicy::Text] {
        let vendor = Vendor::new();
        let mut x = channel("x", Some(&vendor));
        x.replies.public = policy;
        let mut office = Office::open([x]);
        let id = office.complaint("x", Draft { public: true, ..draft("a") }).await;
        office.asks(json!({"reply_id": "1", "complaint_id": id, "status": "Selesai", "text": canary})).await;
        office.sends();
        let message = vendor.has(1).await.remove(0).1;
        assert!(message.text.contains(canary), "the citizen alone reads all of it");
        match (policy, message.public_text) {
            (PublicPolicy::Nothing, None) => {}
            (PublicPolicy::Status, Some(text)) => {
                assert!(text.contains("selesai") && !text.contains("Budi"), "{text}");
            }
            (PublicPolicy::Text, Some(text)) => {
                assert!(text.contains("Budi"), "the words are allowed: {text}");
                for secret in ["0812", "7890", "3171", "0001", "mail.example", "1570", "3210"] {
                    assert!(!text.contains(secret), "{secret} in {text}");
                }
            }
            (policy, text) => panic!("{policy:?}: {text:?}"),
        }
    }
}

fn inquiry(id: &str, ask: Ask) -> Item {
    // each from somebody else: who asks too often is not answered
    let return_address = ReturnAddress(json!({ "chat": id }));
    Item::Inquiry(Box::new(Inquiry { external_id: ExternalId::new(id).unwrap(), ask, return_address }))
}

#[tokio::test]
async fn questions_are_answered_by_muara_itself_and_once() {
    let vendor = Vendor::new();
    let mut office = Office::open([channel("tg", Some(&vendor))]);
    let id = office.complaint("tg", draft("a")).await;
    let reference = office.events("complaint.received.v1").await[0]["reference"].as_str().unwrap().to_owned();
    office.sends();
    let answer = async |item: Item| {
        let before = vendor.given().len();
        office.takes("tg", vec![item]).await;
        vendor.has(before + 1).await.pop().unwrap().1.text
    };
    assert!(answer(inquiry("1", Ask::Welcome)).await.contains("/status"));
    let text = answer(inquiry("2", Ask::Status(reference.to_lowercase()))).await;
    assert!(text.contains("sudah kami terima") && !text.contains("Jalan rusak"), "{text}");
    office.asks(json!({"reply_id": "1", "complaint_id": id, "status": "Disposisi"})).await;
    vendor.has(3).await;
    let text = answer(inquiry("3", Ask::Status(reference.clone()))).await;
    assert!(text.contains("sudah didisposisikan"), "{text}");
    let other = if reference.starts_with('Q') { "7" } else { "Q" };
    let slip = format!("{other}{}", &reference[1..]);
    assert!(answer(inquiry("4", Ask::Status(slip))).await.contains("periksa lagi"));
    let before = vendor.given().len();
    office.takes("tg", vec![inquiry("4", Ask::Welcome)]).await;
    office.all_settled().await;
    assert_eq!(vendor.given().len(), before, "a redelivered question is not answered again");
}
