//! Several reports of one matter: linked, continued or known again, never merged and never lost.
#![allow(clippy::unwrap_used)]

use muara::{channel::Channel, limits::Limiter};
use muara_connectors::{Item, Limits};
use muara_normalizer::{
    Draft, ExternalId,
    draft::{Attachment, DraftPlace, DraftReporter},
};
use serde_json::{Value, json};

use crate::egress::{self, Office};

/// A channel whose senders are not limited.
fn channel(id: &str) -> Channel {
    let limits = Limits::DEFAULT;
    Channel { limiter: Limiter::new(&limits), limits, ..egress::channel(id, None) }
}

const RECEIVED: &str = "complaint.received.v1";
const FOLLOWED_UP: &str = "complaint.followed_up.v1";
const HOLE: &str =
    "Aspal ambles membentuk lubang di tikungan Jl. Pahlawan Revolusi dekat apotek, Kel. Pondok Bambu";
const SAME_HOLE: &str =
    "jalanan deket apotek pahlawan revolusi pondok bambu bolong dalem bgt, motor ane ban nya pecah td";

fn draft(who: &str, id: &str, words: &str) -> Draft {
    Draft {
        external_id: ExternalId::new(id),
        text: words.to_owned(),
        reporter: DraftReporter { id: Some(who.to_owned()), ..DraftReporter::default() },
        ..Draft::default()
    }
}

fn says(who: &str, id: &str, words: &str) -> Item {
    Item::Draft(Box::new(draft(who, id, words)))
}

fn link(event: &Value) -> &Value {
    &event["links"]["duplicate_of"]
}

#[tokio::test]
async fn another_persons_report_by_another_channel_is_linked_and_both_are_published() {
    let office = Office::open([channel("jaki"), channel("whatsapp")]);
    let first = office.takes("jaki", vec![says("budi", "1", HOLE)]).await.remove(0);
    // what is known of it is in the store
    let office = office.restarts().await;
    office.takes("whatsapp", vec![says("siti", "1", SAME_HOLE)]).await;
    let elsewhere = "Lubang di tikungan Jl. Raya Cilincing dekat apotek, Kel. Semper Barat";
    office.takes("whatsapp", vec![says("tono", "2", elsewhere)]).await;
    let events = office.events(RECEIVED).await;
    assert_eq!(events.len(), 3);
    assert_eq!(link(&events[1]), &json!(first));
    assert!(events[1]["links"]["score"].as_f64().unwrap() >= 0.5);
    assert!(!events[1]["links"]["reasons"].as_array().unwrap().is_empty(), "an officer sees why");
    assert_eq!((link(&events[0]), link(&events[2])), (&Value::Null, &Value::Null));
}

#[tokio::test]
async fn reports_of_one_request_see_each_other() {
    let office = Office::open([channel("jaki")]);
    let ids = office.takes("jaki", vec![says("budi", "1", HOLE), says("siti", "2", SAME_HOLE)]).await;
    let events = office.events(RECEIVED).await;
    assert_eq!(link(&events[1]), &json!(ids[0]));
}

#[tokio::test]
async fn a_flood_keeps_its_order_and_sees_what_came_batches_before() {
    const FLOOD: usize = 500;
    let office = Office::open([channel("jaki")]);
    let lamp = |number: usize| {
        let words = format!("Lampu jalan padam di Jl. Kenanga {number}, Kel. Cililitan");
        says(&format!("warga {number}"), &number.to_string(), &words)
    };
    let mut items: Vec<_> = (0..FLOOD).map(lamp).collect();
    items[0] = says("budi", "first", HOLE);
    items[FLOOD - 2] = says("siti", "other", SAME_HOLE);
    items[FLOOD - 1] = says("budi", "again", HOLE);
    let ids = office.runs("jaki", items).await;
    let events = office.events(RECEIVED).await;
    let order: Vec<_> = events.iter().map(|event| event["id"].as_str().unwrap()).collect();
    assert_eq!(order, ids[..FLOOD - 1].iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(link(&events[FLOOD - 2]), &json!(ids[0]));
}

#[tokio::test]
async fn the_same_words_of_one_person_within_minutes_are_one_message() {
    let office = Office::open([channel("jaki")]);
    office.takes("jaki", vec![says("budi", "1", HOLE), says("budi", "2", &HOLE.to_uppercase())]).await;
    office.takes("jaki", vec![says("budi", "3", HOLE)]).await;
    assert_eq!(office.events(RECEIVED).await.len(), 1);
    assert!(office.events(FOLLOWED_UP).await.is_empty());
    // what they answer to the copy is still about the complaint
    let more = Draft { replies_to: vec!["3".to_owned()], ..draft("budi", "4", "Sudah ada yang jatuh lagi") };
    office.takes("jaki", vec![Item::Draft(Box::new(more))]).await;
    assert_eq!(office.events(FOLLOWED_UP).await.len(), 1);

    // the same words of somebody else, about another place, or with a photo are more than that
    office.takes("jaki", vec![says("siti", "5", HOLE)]).await;
    let place = DraftPlace { lat: Some(-6.2), lon: Some(106.8), ..DraftPlace::default() };
    office.takes("jaki", vec![Item::Draft(Box::new(Draft { place, ..draft("budi", "6", HOLE) }))]).await;
    let photo = Attachment::Url { url: "https://files.example/a.jpg".to_owned(), content_type: None };
    let with_photo = Draft { attachments: vec![photo], ..draft("budi", "7", HOLE) };
    office.takes("jaki", vec![Item::Draft(Box::new(with_photo))]).await;
    let told = office.events(RECEIVED).await.len() + office.events(FOLLOWED_UP).await.len();
    assert_eq!(told, 5);
}

#[tokio::test]
async fn the_same_persons_next_words_about_it_continue_it() {
    let office = Office::open([channel("jaki")]);
    let first = office.takes("jaki", vec![says("budi", "1", HOLE)]).await.remove(0);
    office.takes("jaki", vec![says("budi", "2", SAME_HOLE)]).await;
    office
        .takes("jaki", vec![says("budi", "3", "Sampah menumpuk di TPS Kel. Rawasari, sudah seminggu")])
        .await;
    let followed = office.events(FOLLOWED_UP).await;
    assert_eq!(followed.len(), 1);
    assert_eq!(followed[0]["links"]["follow_up_of"], json!(first));
    assert_eq!(office.events(RECEIVED).await.len(), 2, "another matter is another complaint");
}

#[tokio::test]
async fn an_answer_in_a_thread_of_mails_continues_the_first_of_them() {
    let office = Office::open([channel("email")]);
    let mail = |id: &str, answers: &[&str], words: &str| {
        let replies_to = answers.iter().map(|id| (*id).to_owned()).collect();
        Item::Draft(Box::new(Draft { replies_to, ..draft("budi", id, words) }))
    };
    let first = office.takes("email", vec![mail("a@warga.example", &[], HOLE)]).await.remove(0);
    let words = "Mohon kabarnya, sudah dua minggu.";
    office.takes("email", vec![mail("b@warga.example", &["a@warga.example"], words)]).await;
    let both = ["never-here@kota.example", "a@warga.example"];
    office.takes("email", vec![mail("c@warga.example", &both, "Ini foto terbarunya.")]).await;
    let strange = "Lampu jalan mati di Kel. Cililitan";
    office.takes("email", vec![mail("d@warga.example", &["never-here@kota.example"], strange)]).await;
    let followed = office.events(FOLLOWED_UP).await;
    assert_eq!(followed.len(), 2);
    assert!(followed.iter().all(|event| event["links"]["follow_up_of"] == json!(first)));
    assert_eq!(office.events(RECEIVED).await.len(), 2, "an answer to what we never had is a complaint");
}
