//! Order, retries, pauses, other ways, and what the core CRM hears of it.

use std::time::Duration;

use muara::store::reply::Requested;
use muara_connectors::{DeliverError, Sent, deliver::Unreachable};
use serde_json::json;

use super::{Office, Vendor, channel, draft};

fn vendor_fails() -> DeliverError {
    DeliverError::Vendor { answer: "HTTP 502".to_owned() }
}

#[tokio::test]
async fn a_reply_goes_to_the_address_the_complaint_came_from_and_is_told_once() {
    let vendor = Vendor::new();
    let mut office = Office::open([channel("wa", Some(&vendor))]);
    let id = office.complaint("wa", draft("a")).await;
    office.sends();
    let request =
        json!({"reply_id": "r1", "complaint_id": id, "status": "Proses", "text": "Petugas berangkat."});
    assert_eq!(office.asks(request.clone()).await, Requested::Queued);
    assert_eq!(office.asks(request.clone()).await, Requested::Known);
    office.all_settled().await;
    assert_eq!(office.asks(request).await, Requested::Known, "also after it was sent");
    let given = vendor.given();
    assert_eq!(given.len(), 1);
    assert_eq!(given[0].0, json!({"chat": "a"}));
    let text = &given[0].1.text;
    assert!(text.contains("sedang dikerjakan") && text.contains("Petugas berangkat."), "{text}");
    let told = office.events("reply.delivered.v1").await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["reply_id"], "r1");
    assert_eq!(told[0]["complaint_id"], id.as_str());
    assert_eq!(told[0]["state"], "sent");
}

#[tokio::test]
async fn a_reference_finds_the_complaint_however_it_is_typed() {
    let vendor = Vendor::new();
    let mut office = Office::open([channel("wa", Some(&vendor))]);
    office.complaint("wa", draft("a")).await;
    let reference = office.events("complaint.received.v1").await[0]["reference"].as_str().unwrap().to_owned();
    let typed = reference.replace('-', " ").to_lowercase();
    assert_eq!(
        office.asks(json!({"reply_id": "1", "reference": typed, "text": "Baik"})).await,
        Requested::Queued
    );
    office.sends();
    assert_eq!(vendor.has(1).await[0].1.reference.as_ref().unwrap().to_string(), reference);
    let unknown = "00000000-0000-7000-8000-000000000000";
    let request = json!({"reply_id": "2", "complaint_id": unknown, "text": "Baik"});
    assert_eq!(office.asks(request).await, Requested::NoComplaint);
}

#[tokio::test]
async fn what_waits_for_its_retry_holds_back_only_its_own_complaint() {
    let vendor = Vendor::new();
    let mut office = Office::open([channel("wa", Some(&vendor))]);
    let (a, b) = (office.complaint("wa", draft("a")).await, office.complaint("wa", draft("b")).await);
    for (reply, complaint) in [("1", &a), ("2", &a), ("3", &b)] {
        office.asks(json!({"reply_id": reply, "complaint_id": complaint, "text": reply})).await;
    }
    vendor.will(Err(vendor_fails()));
    office.sends();
    office.all_settled().await;
    let words: Vec<_> = vendor.given().iter().map(|(_, message)| message.words.clone().unwrap()).collect();
    assert_eq!(words, ["1", "3", "1", "2"], "the failed one, the other complaint's, then again in order");
    let ids: Vec<_> = vendor.given().iter().map(|(_, message)| message.id).collect();
    assert_eq!(ids[0], ids[2], "an attempt again has the same id");
}

#[tokio::test]
async fn a_pause_the_vendor_asks_for_pauses_the_channel_and_keeps_the_order() {
    let (vendor, other) = (Vendor::new(), Vendor::new());
    let mut office = Office::open([channel("wa", Some(&vendor)), channel("tg", Some(&other))]);
    let (a, b) = (office.complaint("wa", draft("a")).await, office.complaint("wa", draft("b")).await);
    let c = office.complaint("tg", draft("c")).await;
    for (reply, complaint) in [("1", &a), ("2", &b), ("3", &c)] {
        office.asks(json!({"reply_id": reply, "complaint_id": complaint, "text": reply})).await;
    }
    vendor.will(Err(DeliverError::Throttled { retry_after: Some(Duration::from_millis(300)) }));
    office.sends();
    other.has(1).await;
    office.all_settled().await;
    let words: Vec<_> = vendor.given().iter().map(|(_, message)| message.words.clone().unwrap()).collect();
    assert_eq!(words, ["1", "1", "2"], "nothing overtakes, and nothing knocks meanwhile");
    assert_eq!(office.reply_is("reply:1", "sent").await.attempts, 1, "a pause is no attempt of the reply's");
}

#[tokio::test]
async fn refused_credentials_show_in_the_channels_health_and_heal() {
    let vendor = Vendor::new();
    let mut office = Office::open([channel("wa", Some(&vendor))]);
    let id = office.complaint("wa", draft("a")).await;
    office.asks(json!({"reply_id": "1", "complaint_id": id, "text": "Baik"})).await;
    vendor.will(Err(DeliverError::Refused { answer: "HTTP 401".to_owned() }));
    office.sends();
    vendor.has(1).await;
    office.reply_is("reply:1", "sent").await;
    let health = office.health.report().remove(0);
    assert!(health.last_error.unwrap().contains("HTTP 401"));
    assert_eq!(health.advice, None, "it is well again");
}

#[tokio::test]
async fn a_vendor_that_fails_too_often_ends_the_reply_and_a_command_sends_it_again() {
    let vendor = Vendor::new();
    let mut office = Office::open([channel("wa", Some(&vendor))]);
    let id = office.complaint("wa", draft("a")).await;
    office.asks(json!({"reply_id": "1", "complaint_id": id, "text": "Baik"})).await;
    for _ in 0..3 {
        vendor.will(Err(vendor_fails()));
    }
    office.sends();
    let failed = office.reply_is("reply:1", "failed").await;
    assert_eq!(failed.attempts, 3);
    assert!(failed.reason.unwrap().contains("HTTP 502"));
    let told = office.events("reply.failed.v1").await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["reason"]["code"], "vendor");
    assert_eq!(office.store.retry_replies(Some("reply:1".to_owned())).await.unwrap(), 1);
    assert_eq!(office.store.retry_replies(None).await.unwrap(), 0, "pressing twice does nothing");
    office.reply_is("reply:1", "sent").await;
    assert_eq!(office.events("reply.delivered.v1").await.len(), 1);
}

#[tokio::test]
async fn where_the_channel_cannot_answer_another_one_stands_in() {
    let (wa, sms) = (Vendor::new(), Vendor::new());
    let mut first = channel("wa", Some(&wa));
    first.replies.fallback = vec!["desk".parse().unwrap(), "sms".parse().unwrap()];
    let mut desk = channel("desk", None);
    desk.replies.fallback = vec!["sms".parse().unwrap()];
    let mut office = Office::open([first, desk, channel("sms", Some(&sms))]);
    let (a, b) = (office.complaint("wa", draft("a")).await, office.complaint("desk", draft("b")).await);
    office.asks(json!({"reply_id": "1", "complaint_id": a, "text": "Satu"})).await;
    office.asks(json!({"reply_id": "2", "complaint_id": b, "text": "Dua"})).await;
    wa.will(Err(DeliverError::WindowClosed));
    office.sends();
    office.all_settled().await;
    let given = sms.given();
    assert_eq!(given.len(), 2);
    assert!(given.iter().all(|(to, _)| *to == json!({"phone": "+6281234567890"})), "{given:?}");
    let told = office.events("reply.delivered.v1").await;
    assert!(told.iter().all(|told| told["channel"] == "sms"), "{told:?}");
}

#[tokio::test]
async fn without_another_way_the_core_crm_hears_why() {
    let wa = Vendor::new();
    let mut first = channel("wa", Some(&wa));
    first.replies.fallback = vec!["sms".parse().unwrap()];
    let mut office = Office::open([first, channel("sms", Some(&Vendor::new()))]);
    let mut nobody = draft("a");
    nobody.reporter.phone = Some("1708".to_owned());
    let id = office.complaint("wa", nobody).await;
    office.asks(json!({"reply_id": "1", "complaint_id": id, "text": "Baik"})).await;
    wa.will(Err(DeliverError::Blocked { answer: "error 131050".to_owned() }));
    office.sends();
    office.reply_is("reply:1", "failed").await;
    assert_eq!(office.events("reply.failed.v1").await[0]["reason"]["code"], "blocked");
}

#[tokio::test]
async fn what_waits_goes_on_after_a_restart() {
    let vendor = Vendor::new();
    let mut office = Office::open([channel("wa", Some(&vendor))]);
    let id = office.complaint("wa", draft("a")).await;
    office.asks(json!({"reply_id": "1", "complaint_id": id, "text": "Satu"})).await;
    office.asks(json!({"reply_id": "2", "complaint_id": id, "text": "Dua"})).await;
    vendor.will(Err(DeliverError::Unreachable(Unreachable::Timeout(Duration::from_secs(1)))));
    office.sends();
    vendor.has(1).await;
    let mut office = office.restarts().await;
    office.sends();
    office.all_settled().await;
    let words: Vec<_> = vendor.given().iter().map(|(_, message)| message.words.clone().unwrap()).collect();
    assert_eq!(words, ["Satu", "Satu", "Dua"]);
    assert_eq!(office.events("reply.delivered.v1").await.len(), 2);
}

#[tokio::test]
async fn several_parts_are_one_reply() {
    let vendor = Vendor::new();
    let mut office = Office::open([channel("sms", Some(&vendor))]);
    let id = office.complaint("sms", draft("a")).await;
    office.asks(json!({"reply_id": "1", "complaint_id": id, "text": "Panjang"})).await;
    vendor.will(Ok(Sent { vendor_ids: vec!["p1".to_owned(), "p2".to_owned()] }));
    office.sends();
    office.all_settled().await;
    assert_eq!(office.events("reply.delivered.v1").await.len(), 1);
}

#[tokio::test]
async fn a_message_that_always_finds_the_vendor_away_lets_others_try() {
    let vendor = Vendor::new();
    let mut office = Office::open([channel("wa", Some(&vendor))]);
    let (a, b) = (office.complaint("wa", draft("a")).await, office.complaint("wa", draft("b")).await);
    for (reply, complaint) in [("1", &a), ("2", &a), ("3", &b)] {
        office.asks(json!({"reply_id": reply, "complaint_id": complaint, "text": reply})).await;
    }
    for _ in 0..2 {
        vendor.will(Err(DeliverError::Unreachable(Unreachable::Timeout(Duration::from_secs(60)))));
    }
    office.sends();
    office.all_settled().await;
    let words: Vec<_> = vendor.given().iter().map(|(_, message)| message.words.clone().unwrap()).collect();
    assert_eq!(words, ["1", "1", "3", "1", "2"]);
    assert_eq!(office.reply_is("reply:1", "sent").await.attempts, 1, "pauses are no attempts");
}

#[tokio::test]
async fn a_gateway_that_stops_sends_what_is_due_and_keeps_what_is_not() {
    let vendor = Vendor::new();
    let mut office = Office::open([channel("wa", Some(&vendor))]);
    let (a, b) = (office.complaint("wa", draft("a")).await, office.complaint("wa", draft("b")).await);
    office.asks(json!({"reply_id": "1", "complaint_id": a, "text": "1"})).await;
    for reply in 2..=60 {
        office.asks(json!({"reply_id": reply.to_string(), "complaint_id": b, "text": "Baik"})).await;
    }
    vendor.will(Err(vendor_fails()));
    office.sends();
    office.finishes().await;
    assert_eq!(vendor.given().len(), 60);
    assert_eq!(office.store.levels().replies, 1);
    office.reply_is("reply:1", "waiting").await;
}

#[tokio::test]
async fn a_reply_that_another_process_puts_back_is_found() {
    let vendor = Vendor::new();
    let mut office = Office::open([channel("wa", Some(&vendor))]);
    let id = office.complaint("wa", draft("a")).await;
    office.asks(json!({"reply_id": "1", "complaint_id": id, "text": "Baik"})).await;
    vendor.will(Err(DeliverError::Rejected { answer: "error 100".to_owned() }));
    office.sends();
    office.reply_is("reply:1", "failed").await;
    let command = office.another_process();
    assert_eq!(command.retry_replies(None).await.unwrap(), 1);
    let backlogs = office.store.look_at_replies().await.unwrap();
    assert_eq!((backlogs[0].channel.as_str(), backlogs[0].waiting), ("wa", 1));
    office.reply_is("reply:1", "sent").await;
}
