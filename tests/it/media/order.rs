//! Files and the order of events: a change does not overtake its message, and nothing settles between two looks.

use jiff::{SignedDuration, Timestamp};
use muara::store::{
    Settings, Store,
    inbox::{Intake, NewAmendment, NewMessage, Refined, Waiting},
    media::{Fetched, NewFile, NewFiles},
    outbox::NewEvent,
};
use muara_normalizer::{ComplaintId, IdempotencyKey, complaint::AttachmentState, draft::Attachment};
use uuid::Uuid;

fn key(text: &str) -> IdempotencyKey {
    IdempotencyKey { text: text.to_owned(), window: None }
}

fn one_file(wait: SignedDuration) -> NewFiles {
    let source = Attachment::Url { url: "https://qlue.example/1.jpg".to_owned(), content_type: None };
    NewFiles {
        files: vec![NewFile { source, content: None, refused: None, left: false }],
        wait_until: Some(Timestamp::now() + wait),
    }
}

fn intake(messages: Vec<NewMessage>, amendments: Vec<NewAmendment>) -> Intake {
    Intake { messages, amendments, ..Intake::new("qlue".parse().unwrap(), Timestamp::now()) }
}

fn message(files: NewFiles) -> NewMessage {
    let id = ComplaintId(Uuid::now_v7());
    NewMessage { key: key("qlue/1"), id, draft: b"{}".to_vec(), hold: None, files, gather: false }
}

fn event(row: &Waiting) -> NewEvent {
    NewEvent {
        id: Uuid::now_v7(),
        routing_key: "complaint.received.v1.qlue".to_owned(),
        body: row.draft.clone(),
    }
}

async fn settle(store: &Store, number: usize) -> bool {
    let file = store.files(None).await.unwrap().remove(number);
    let fetched = Fetched::Stored { sha256: [7; 32], bytes: 3, content_type: "image/jpeg".to_owned() };
    store.fetched(file, fetched, "http://files/".to_owned()).await.unwrap()
}

#[tokio::test]
async fn a_change_waits_as_long_as_the_message_that_it_changes() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&Settings::new(folder.path().join("muara.db"))).unwrap();
    store.take(intake(vec![message(one_file(SignedDuration::from_hours(1)))], vec![])).await.unwrap();
    let change = |name: &str, files: NewFiles| NewAmendment {
        key: key(name),
        target: key("qlue/1"),
        body: name.as_bytes().to_vec(),
        files,
        instead: None,
    };
    let changes = vec![
        change("edited", NewFiles::default()),
        change("with a file", one_file(SignedDuration::from_hours(1))),
    ];
    store.take(intake(vec![], changes)).await.unwrap();
    assert!(store.waiting(10).await.unwrap().rows.is_empty());
    // the change's own file is there first, and the change must wait all the same
    assert_eq!(store.files(None).await.unwrap()[1].number, 2);
    assert!(settle(&store, 1).await);
    assert!(store.waiting(10).await.unwrap().rows.is_empty());
    assert!(settle(&store, 0).await);
    assert!(!settle(&store, 0).await, "a file is settled once");
    let rows = store.waiting(10).await.unwrap().rows;
    let drafts: Vec<_> = rows.iter().map(|row| String::from_utf8_lossy(&row.draft).into_owned()).collect();
    assert_eq!(drafts, ["{}", "edited", "with a file"]);
    store.close().await;
}

#[tokio::test]
async fn a_file_that_settles_while_its_event_is_made_is_in_the_event() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&Settings::new(folder.path().join("muara.db"))).unwrap();
    // its time is over at once
    store.take(intake(vec![message(one_file(SignedDuration::ZERO))], vec![])).await.unwrap();
    let mut row = store.waiting(10).await.unwrap().rows.remove(0);
    row.files_settled = Some(0);
    assert!(settle(&store, 0).await);
    let made = event(&row);
    store.refine(vec![(row, Refined::Change(made, None))]).await.unwrap();
    let levels = store.levels();
    assert_eq!((levels.inbox, levels.outbox), (1, 0), "an event went out that does not know of the file");

    let mut row = store.waiting(10).await.unwrap().rows.remove(0);
    let files = store.files_of(vec![row.serial]).await.unwrap();
    assert_eq!(files[0].state, Some(AttachmentState::Stored));
    row.files_settled = Some(1);
    let made = event(&row);
    store.refine(vec![(row, Refined::Change(made, None))]).await.unwrap();
    let levels = store.levels();
    assert_eq!((levels.inbox, levels.outbox), (0, 1));
    store.close().await;
}
