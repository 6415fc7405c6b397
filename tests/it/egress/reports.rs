//! Delivery reports, which only move a reply forward; and changes of complaints.

use muara_connectors::{DeliveryReport, DeliveryState, Item, Sent};
use muara_normalizer::{Amendment, Draft, ExternalId, draft::Change};
use serde_json::json;

use super::{Office, Vendor, channel, draft};

fn report(vendor_id: &str, state: DeliveryState) -> Item {
    Item::Report(DeliveryReport { vendor_id: vendor_id.to_owned(), state, at: None })
}

async fn states(office: &Office) -> Vec<String> {
    let events = office.events("reply.delivered.v1").await;
    events.iter().map(|event| event["state"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn reports_move_a_reply_forward_only_and_are_told_once_each() {
    let vendor = Vendor::new();
    let mut office = Office::open([channel("wa", Some(&vendor))]);
    let id = office.complaint("wa", draft("a")).await;
    office.asks(json!({"reply_id": "1", "complaint_id": id, "text": "Baik"})).await;
    office.sends();
    office.all_settled().await;
    let failed = DeliveryState::Failed { detail: "error 1".to_owned(), other_way: false };
    for state in
        [DeliveryState::Read, DeliveryState::Delivered, DeliveryState::Sent, DeliveryState::Read, failed]
    {
        office.takes("wa", vec![report("v1", state)]).await;
    }
    assert_eq!(states(&office).await, ["sent", "read"]);
    assert!(office.events("reply.failed.v1").await.is_empty(), "what was read has arrived");
}

#[tokio::test]
async fn a_report_that_is_earlier_than_our_own_note_counts() {
    let vendor = Vendor::new();
    let mut office = Office::open([channel("wa", Some(&vendor))]);
    let id = office.complaint("wa", draft("a")).await;
    office.takes("wa", vec![report("v1", DeliveryState::Delivered), report("v1", DeliveryState::Sent)]).await;
    office.asks(json!({"reply_id": "1", "complaint_id": id, "text": "Baik"})).await;
    office.sends();
    office.all_settled().await;
    assert_eq!(states(&office).await, ["sent", "delivered"]);
}

#[tokio::test]
async fn an_undeliverable_reply_takes_another_way_or_fails() {
    let (wa, sms) = (Vendor::new(), Vendor::new());
    let mut first = channel("wa", Some(&wa));
    first.replies.fallback = vec!["sms".parse().unwrap()];
    let mut office = Office::open([first, channel("sms", Some(&sms))]);
    let id = office.complaint("wa", draft("a")).await;
    office.asks(json!({"reply_id": "1", "complaint_id": id, "text": "Satu"})).await;
    office.sends();
    office.all_settled().await;
    let lost = |other_way| DeliveryState::Failed { detail: "error 131026".to_owned(), other_way };
    office.takes("wa", vec![report("v1", lost(true))]).await;
    assert_eq!(sms.has(1).await[0].1.words.as_deref(), Some("Satu"));
    office.reply_is("reply:1", "sent").await;
    office.takes("sms", vec![report("v1", lost(true))]).await;
    office.reply_is("reply:1", "failed").await;
    let told = office.events("reply.failed.v1").await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["reason"], json!({"code": "undeliverable", "detail": "error 131026"}));
}

#[tokio::test]
async fn half_a_message_is_not_delivered() {
    let vendor = Vendor::new();
    let mut office = Office::open([channel("sms", Some(&vendor))]);
    let id = office.complaint("sms", draft("a")).await;
    office.asks(json!({"reply_id": "1", "complaint_id": id, "text": "Panjang"})).await;
    vendor.will(Ok(Sent { vendor_ids: vec!["p1".to_owned(), "p2".to_owned()] }));
    // the first part's report overtakes our own note
    office.takes("sms", vec![report("p1", DeliveryState::Delivered)]).await;
    office.sends();
    office.all_settled().await;
    office.takes("sms", vec![report("p1", DeliveryState::Read)]).await;
    assert_eq!(states(&office).await, ["sent"]);
    office.takes("sms", vec![report("p2", DeliveryState::Delivered)]).await;
    assert_eq!(states(&office).await, ["sent", "delivered"]);
    office.takes("sms", vec![report("p2", DeliveryState::Read)]).await;
    assert_eq!(states(&office).await, ["sent", "delivered", "read"]);
}

#[tokio::test]
async fn reports_of_a_sending_that_failed_say_nothing_of_the_next_one() {
    let vendor = Vendor::new();
    let mut office = Office::open([channel("wa", Some(&vendor))]);
    let id = office.complaint("wa", draft("a")).await;
    office.asks(json!({"reply_id": "1", "complaint_id": id, "text": "Baik"})).await;
    office.sends();
    office.all_settled().await;
    let failed = || DeliveryState::Failed { detail: "error 1".to_owned(), other_way: false };
    for (vendor_id, times) in [("v1", 1), ("v2", 2)] {
        office.takes("wa", vec![report(vendor_id, failed())]).await;
        assert_eq!(office.reply_is("reply:1", "failed").await.attempts, times);
        office.store.retry_replies(None).await.unwrap();
        office.reply_is("reply:1", "sent").await;
        office.takes("wa", vec![report(vendor_id, DeliveryState::Delivered)]).await;
        office.reply_is("reply:1", "sent").await;
    }
    let queued = office.store.queued(0, 100).await.unwrap();
    let mut ids: Vec<_> = queued.iter().filter(|event| event.routing_key.contains("failed")).collect();
    ids.dedup_by_key(|event| event.id);
    assert_eq!(ids.len(), 2, "each failure is an event of its own");
}

fn amendment(id: &str, revision: &str, change: Change) -> Item {
    Item::Amendment(Box::new(Amendment {
        external_id: ExternalId::new(id).unwrap(),
        revision: revision.to_owned(),
        at: None,
        change,
    }))
}

fn edited(id: &str, revision: &str, text: &str) -> Item {
    let draft = Box::new(Draft { text: text.to_owned(), ..draft(id) });
    amendment(id, revision, Change::Edited { draft })
}

#[tokio::test]
async fn a_change_follows_its_complaint_and_is_told_once() {
    let mut office = Office::open([channel("tg", None)]);
    let first = Item::Draft(Box::new(draft("a")));
    let items = vec![first, edited("a", "1", "Jalan  rusak parah"), edited("a", "1", "Jalan rusak parah")];
    let id = office.takes("tg", items).await.remove(0);
    office
        .takes("tg", vec![amendment("a", "2", Change::Deleted), amendment("a", "2", Change::Deleted)])
        .await;
    let told = office.events("complaint.amended.v1").await;
    assert_eq!(told.len(), 2);
    assert!(told.iter().all(|told| told["complaint_id"] == id.as_str()));
    assert_eq!(
        (&told[0]["change"], &told[0]["description"]),
        (&json!("edited"), &json!("Jalan rusak parah"))
    );
    assert_eq!(told[1]["change"], "deleted");
    assert_eq!(office.store.levels().inbox, 0);
    office.stops().await;
}

/// The types of all events, in order.
async fn told(office: &Office) -> Vec<String> {
    let queued = office.store.queued(0, 100).await.unwrap();
    let name = |key: &str| key.trim_end_matches(".v1.tg").to_owned();
    queued.iter().map(|event| name(&event.routing_key)).collect()
}

#[tokio::test]
async fn a_change_of_a_held_message_waits_until_it_is_let_through() {
    let office = Office::open([channel("tg", None)]);
    let same = |id: &str| {
        let text = format!("Jalan rusak nomor {id}");
        Item::Draft(Box::new(Draft { external_id: ExternalId::new(id), text, ..draft("same") }))
    };
    office.takes("tg", ["1", "2", "3", "4"].map(same).into()).await;
    let held = office.store.held(None, 10).await.unwrap();
    assert_eq!(held.len(), 1, "one sender's fourth message is over the limit");
    let changes = || vec![edited("4", "1", "Jalan rusak parah"), amendment("4", "2", Change::Deleted)];
    office.takes("tg", changes()).await;
    office.takes("tg", changes()).await;
    assert_eq!(told(&office).await, ["complaint.received"; 3], "nobody hears of a change before the message");
    office.store.release(vec![held[0].serial]).await.unwrap();
    office.takes("tg", vec![]).await;
    let last = [&["complaint.received"; 4][..], &["complaint.amended"; 2]].concat();
    assert_eq!(told(&office).await, last);
    let levels = office.store.levels();
    assert_eq!((levels.inbox, levels.held), (0, 0));
}

#[tokio::test]
async fn a_change_of_a_quarantined_message_is_kept_beside_it() {
    let office = Office::open([channel("tg", None)]);
    let nothing = Item::Draft(Box::new(Draft { text: String::new(), ..draft("a") }));
    office.takes("tg", vec![nothing, edited("a", "1", "Jalan rusak")]).await;
    office.takes("tg", vec![edited("a", "2", "Jalan rusak parah")]).await;
    assert_eq!(told(&office).await, [""; 0], "nobody hears of a change before the message");
    let kept = office.store.quarantined(None, 10).await.unwrap();
    let reasons: Vec<_> = kept.iter().map(|row| row.reason.contains("replay that one first")).collect();
    assert_eq!(reasons.len(), 3);
    assert_eq!(reasons.iter().filter(|beside| **beside).count(), 2);
    assert_eq!(office.store.levels().inbox, 0);
}

#[tokio::test]
async fn an_edit_before_its_message_is_the_message_and_the_message_a_redelivery() {
    let office = Office::open([channel("tg", None)]);
    office.takes("tg", vec![edited("a", "1", "Sudah diperbaiki tulisannya")]).await;
    office.complaint("tg", draft("a")).await;
    let received = office.events("complaint.received.v1").await;
    assert_eq!(received.len(), 1);
    assert_eq!(received[0]["description"], "Sudah diperbaiki tulisannya");
    assert!(office.events("complaint.amended.v1").await.is_empty());
}

#[tokio::test]
async fn taking_back_what_never_came_changes_nothing() {
    let office = Office::open([channel("tg", None)]);
    office.takes("tg", vec![amendment("a", "1", Change::Deleted)]).await;
    office.complaint("tg", draft("a")).await;
    assert_eq!(office.events("complaint.received.v1").await.len(), 1);
    assert!(office.events("complaint.amended.v1").await.is_empty());
}
