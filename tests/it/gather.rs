//! What one person says in several messages is one complaint, whatever happens meanwhile.
#![allow(clippy::unwrap_used)]

use jiff::{SignedDuration, Timestamp};
use muara::channel::{Channel, Replies};
use muara_connectors::Item;
use muara_normalizer::{
    Amendment, Draft, ExternalId,
    aggregate::Policy,
    draft::{Attachment, Change, DraftPlace, DraftReporter},
};
use serde_json::{Value, json};

use crate::egress::{Office, Vendor, channel};

const RECEIVED: &str = "complaint.received.v1";
const FOLLOWED_UP: &str = "complaint.followed_up.v1";
const AMENDED: &str = "complaint.amended.v1";

/// A channel on which people chat.
fn chat(id: &str) -> Channel {
    Channel { gather: Some(Policy::default()), ..channel(id, None) }
}

fn says(id: &str, words: &str) -> Item {
    Item::Draft(Box::new(draft("budi", id, words)))
}

fn draft(who: &str, id: &str, words: &str) -> Draft {
    Draft {
        external_id: ExternalId::new(id),
        text: words.to_owned(),
        reporter: DraftReporter { id: Some(who.to_owned()), ..DraftReporter::default() },
        ..Draft::default()
    }
}

fn photo(id: &str) -> Item {
    let url = format!("https://files.example/{id}.jpg");
    let attachments = vec![Attachment::Url { url, content_type: Some("image/jpeg".to_owned()) }];
    Item::Draft(Box::new(Draft { attachments, ..draft("budi", id, "") }))
}

fn point(id: &str) -> Item {
    let place = DraftPlace { lat: Some(-6.2369), lon: Some(106.9012), ..DraftPlace::default() };
    Item::Draft(Box::new(Draft { place, ..draft("budi", id, "") }))
}

fn changes(id: &str, words: Option<&str>) -> Item {
    let change = match words {
        Some(words) => Change::Edited { draft: Box::new(draft("budi", id, words)) },
        None => Change::Deleted,
    };
    let revision = format!("{words:?}");
    Item::Amendment(Box::new(Amendment {
        external_id: ExternalId::new(id).unwrap(),
        revision,
        at: None,
        change,
    }))
}

fn later() -> Timestamp {
    Timestamp::now() + SignedDuration::from_mins(11)
}

fn words(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["description"].as_str().unwrap()).collect()
}

const HOLE: &str = "Jalan berlubang dalam di depan apotek, Kel. Pondok Bambu";

#[tokio::test]
async fn a_photo_the_words_and_the_place_are_one_complaint_also_over_a_restart() {
    let office = Office::open([chat("telegram")]);
    let first = office.takes("telegram", vec![photo("1")]).await.remove(0);
    office.takes("telegram", vec![says("2", HOLE)]).await;
    let office = office.restarts().await;
    office.takes("telegram", vec![point("3")]).await;
    assert!(office.events(RECEIVED).await.is_empty(), "there may be more to come");
    office.refines(later()).await;
    let events = office.events(RECEIVED).await;
    assert_eq!(events.len(), 1);
    let complaint = &events[0];
    assert_eq!(complaint["id"], json!(first), "the first message's receipt is the complaint's");
    assert_eq!(complaint["description"], HOLE);
    assert_eq!(complaint["attachments"].as_array().unwrap().len(), 1);
    assert_eq!(complaint["location"]["lat"], json!(-6.2369));
    assert_eq!(complaint["external"]["parts"], json!(["1", "2", "3"]));
    let levels = office.store.levels();
    assert_eq!((levels.inbox, levels.outbox), (0, 1));
}

#[tokio::test]
async fn a_redelivery_while_it_is_gathered_adds_nothing() {
    let office = Office::open([chat("telegram")]);
    let ids = office.takes("telegram", vec![says("1", HOLE), photo("2")]).await;
    assert_eq!(office.takes("telegram", vec![says("1", HOLE), photo("2")]).await, ids);
    office.refines(later()).await;
    office.takes("telegram", vec![photo("2")]).await;
    office.refines(later()).await;
    let events = office.events(RECEIVED).await;
    assert_eq!(words(&events), [HOLE]);
    assert_eq!(events[0]["attachments"].as_array().unwrap().len(), 1);
    assert!(office.events(FOLLOWED_UP).await.is_empty());
}

#[tokio::test]
async fn the_same_words_sent_twice_are_said_once() {
    let office = Office::open([chat("telegram")]);
    office.takes("telegram", vec![says("1", HOLE), says("2", &HOLE.to_uppercase())]).await;
    office.refines(later()).await;
    let events = office.events(RECEIVED).await;
    assert_eq!(words(&events), [HOLE]);
    assert_eq!(events[0]["external"]["parts"], json!(["1", "2"]));
}

#[tokio::test]
async fn two_people_and_two_matters_are_told_apart() {
    let office = Office::open([chat("telegram")]);
    let tree = "Satu lagi min, pohon tumbang menutup gang di Kel. Cililitan";
    let of_another = "Sampah menumpuk di TPS Kel. Rawasari, bau sekali";
    let by_another = Item::Draft(Box::new(draft("siti", "9", of_another)));
    office.takes("telegram", vec![says("1", HOLE), by_another, says("2", tree)]).await;
    office.refines(later()).await;
    let events = office.events(RECEIVED).await;
    let mut said = words(&events);
    said.sort_unstable();
    assert_eq!(said, [HOLE, of_another, tree]);
}

#[tokio::test]
async fn what_is_changed_before_the_complaint_goes_is_changed_in_it() {
    let office = Office::open([chat("telegram")]);
    office
        .takes("telegram", vec![says("1", "Jalan brlubang di Kel. Pondok Bambu"), photo("2"), photo("3")])
        .await;
    office.takes("telegram", vec![changes("1", Some(HOLE)), changes("2", None)]).await;
    office.takes("telegram", vec![changes("2", None)]).await;
    office.refines(later()).await;
    let events = office.events(RECEIVED).await;
    assert_eq!(words(&events), [HOLE]);
    let files = events[0]["attachments"].as_array().unwrap();
    assert_eq!(files.len(), 1);
    assert_eq!(files[0]["url"], "https://files.example/3.jpg");
    assert!(office.events(AMENDED).await.is_empty());
}

#[tokio::test]
async fn what_is_taken_back_whole_before_it_goes_was_never_said() {
    let office = Office::open([chat("telegram")]);
    office.takes("telegram", vec![says("1", HOLE), photo("2")]).await;
    office.takes("telegram", vec![changes("1", None), changes("2", None)]).await;
    office.refines(later()).await;
    assert!(office.events(RECEIVED).await.is_empty());
    let levels = office.store.levels();
    assert_eq!((levels.inbox, levels.bytes), (0, 0));
    // and the next thing they say is heard
    office.takes("telegram", vec![says("3", HOLE)]).await;
    office.refines(later()).await;
    assert_eq!(words(&office.events(RECEIVED).await), [HOLE]);
}

#[tokio::test]
async fn a_change_after_it_went_tells_all_that_is_said_now() {
    let office = Office::open([chat("telegram")]);
    let id = office
        .takes("telegram", vec![says("1", HOLE), says("2", "eh RT 5 ya pak, bukan RT 4")])
        .await
        .remove(0);
    office.refines(later()).await;
    assert_eq!(words(&office.events(RECEIVED).await), [format!("{HOLE}\neh RT 5 ya pak, bukan RT 4")]);
    office.takes("telegram", vec![changes("2", Some("eh RT 6"))]).await;
    office.takes("telegram", vec![changes("1", None)]).await;
    office.takes("telegram", vec![changes("2", None)]).await;
    let amended = office.events(AMENDED).await;
    assert!(amended.iter().all(|event| event["complaint_id"] == json!(id)));
    let told: Vec<_> = amended.iter().map(|event| (&event["change"], &event["description"])).collect();
    let edited = json!("edited");
    assert_eq!(
        told,
        [
            (&edited, &json!(format!("{HOLE}\neh RT 6"))),
            (&edited, &json!("eh RT 6")),
            (&json!("deleted"), &Value::Null)
        ]
    );
}

#[tokio::test]
async fn what_comes_after_the_complaint_went_continues_it() {
    let vendor = Vendor::new();
    let replies = Replies { receipt: true, ..channel("telegram", Some(&vendor)).replies };
    let telegram = Channel { gather: Some(Policy::default()), replies, ..channel("telegram", Some(&vendor)) };
    let mut office = Office::open([telegram, channel("jaki", None)]);
    let heard = |id: &str, words: &str| Draft {
        return_address: Some(muara_normalizer::draft::ReturnAddress(json!({ "chat": "budi" }))),
        ..draft("budi", id, words)
    };
    let first = office.takes("telegram", vec![Item::Draft(Box::new(heard("1", HOLE)))]).await.remove(0);
    office.refines(later()).await;
    office.sends();
    office.all_settled().await;
    assert_eq!(vendor.given().len(), 1, "one receipt");

    let more = Draft { replies_to: vec!["v1".to_owned()], ..heard("2", "lubangnya makin lebar kena hujan") };
    office.takes("telegram", vec![Item::Draft(Box::new(more))]).await;
    office
        .takes("telegram", vec![Item::Draft(Box::new(heard("3", "sudah sampai mana ya laporannya?")))])
        .await;
    office.refines(later()).await;
    let reference = office.events(RECEIVED).await[0]["reference"].as_str().unwrap().to_owned();
    let quoting = draft("tono", "4", &format!("Mau tanya laporan {reference}, kok belum ada petugas datang"));
    office.takes("jaki", vec![Item::Draft(Box::new(quoting))]).await;
    let followed = office.events(FOLLOWED_UP).await;
    assert_eq!(followed.len(), 3, "{followed:#?}");
    assert!(followed.iter().all(|event| event["links"]["follow_up_of"] == json!(first)));
    assert_eq!(office.events(RECEIVED).await.len(), 1);
    office.finishes().await;
    assert_eq!(vendor.given().len(), 1, "nobody gets a second number for the same matter");
}

#[tokio::test]
async fn a_greeting_is_set_aside_and_let_through_by_command() {
    let office = Office::open([chat("telegram")]);
    let id = office.takes("telegram", vec![says("1", "Assalamualaikum, selamat pagi min")]).await.remove(0);
    office.refines(later()).await;
    assert!(office.events(RECEIVED).await.is_empty());
    let aside = office.store.set_aside(None, None, 10).await.unwrap();
    assert_eq!((aside.len(), aside[0].reason.as_str()), (1, "greeting"));
    assert_eq!(office.store.levels().set_aside, 1);

    let beside = office.another_process();
    let id: uuid::Uuid = id.parse().unwrap();
    assert_eq!(beside.let_through(Some(id), None).await.unwrap(), 1);
    assert_eq!(beside.let_through(Some(id), None).await.unwrap(), 0, "pressed twice");
    office.refines(later()).await;
    let events = office.events(RECEIVED).await;
    assert_eq!(events[0]["not_a_complaint"], "greeting");
    assert!(events[0]["flags"].as_array().unwrap().contains(&json!("not_a_complaint")));
    let open = Channel { publish_not_a_complaint: true, ..channel("terbuka", None) };
    let office = Office::open([open]);
    office.takes("terbuka", vec![says("1", "Terima kasih banyak, jalannya sudah bagus")]).await;
    assert_eq!(office.events(RECEIVED).await.len(), 1, "the channel wants it published");
}

#[tokio::test]
async fn what_identifies_a_person_stays_in_the_gateway() {
    let office = Office::open([channel("jaki", None)]);
    let said = format!("{HOLE}. NIK saya 3173085207690919, hp 0819-1100-2205");
    let id = office.takes("jaki", vec![says("1", &said)]).await.remove(0);
    let event = office.events(RECEIVED).await.remove(0);
    let text = event.to_string();
    assert!(
        !text.contains("317308520769") && !text.contains("1100-2205") && !text.contains("11002205"),
        "{text}"
    );
    let kept = office.store.originals(muara_normalizer::ComplaintId(id.parse().unwrap())).await.unwrap();
    assert_eq!(kept[0].text, said);
    let harmless = office.takes("jaki", vec![says("2", HOLE)]).await.remove(0);
    let kept =
        office.store.originals(muara_normalizer::ComplaintId(harmless.parse().unwrap())).await.unwrap();
    assert!(kept.is_empty(), "what is shown as it is need not be kept twice");
}

#[tokio::test]
async fn two_ids_that_the_channel_calls_one_person_are_one_person() {
    let office = Office::open([channel("whatsapp", None)]);
    let by = |id: &str, reporter: DraftReporter| {
        let words = format!("Lampu jalan mati di Kel. Cililitan, tiang nomor {id}");
        Item::Draft(Box::new(Draft { reporter, ..draft("", id, &words) }))
    };
    let number = || DraftReporter { phone: Some("+6281234567890".to_owned()), ..DraftReporter::default() };
    let both = DraftReporter { also: vec!["ID.1349".to_owned()], ..number() };
    let hidden = || DraftReporter { id: Some("ID.1349".to_owned()), ..DraftReporter::default() };
    for (id, reporter) in [("1", number()), ("2", both), ("3", hidden()), ("4", number())] {
        office.takes("whatsapp", vec![by(id, reporter)]).await;
    }
    let mut events = office.events(RECEIVED).await;
    events.extend(office.events(FOLLOWED_UP).await);
    let references: std::collections::BTreeSet<_> =
        events.iter().map(|event| event["reporter"]["ref"].to_string()).collect();
    assert_eq!((events.len(), references.len()), (4, 1));
}
