//! Idempotency keys, references, and the file itself.

use std::{collections::BTreeSet, time::Duration};

use futures_util::future::join_all;
use jiff::SignedDuration;
use muara::{
    config,
    health::Health,
    intake::Intake,
    store::{Settings, Store, StoreError},
};
use muara_normalizer::{IdempotencyKey, ids::ReferenceKey};
use rusqlite::Connection;
use tokio::time::{Instant, timeout};

use super::{Fresh, ago, bytes, intake, keyed, take};

on_both! {
    a_neighbour_in_the_same_commit_that_fails_harms_nobody,
    a_key_without_a_vendors_id_is_known_for_its_window,
    old_keys_are_forgotten_and_young_ones_never,
    a_reference_stands_for_its_receipt_for_ever,
    a_replay_hours_later_takes_only_what_was_not_taken_then,
}

async fn a_neighbour_in_the_same_commit_that_fails_harms_nobody(fresh: Fresh) {
    let kept = bytes("first");
    fresh.store.take(intake(vec![], vec![kept.clone()])).await.unwrap();
    // the same row id for other bytes cannot be stored
    let mut impossible = bytes("second");
    impossible.id = kept.id;
    let work = (0..100).map(|number| {
        let quarantine = if number % 10 == 3 { vec![impossible.clone()] } else { vec![] };
        fresh.store.take(intake(vec![keyed(&format!("{number}"))], quarantine))
    });
    let taken = join_all(work).await;
    for (number, taken) in taken.iter().enumerate() {
        assert_eq!(taken.is_err(), number % 10 == 3, "{number}: {taken:?}");
    }
    let levels = fresh.levels();
    assert_eq!((levels.inbox, levels.quarantined), (90, 1));
    let serials: BTreeSet<i64> =
        taken.iter().flatten().flat_map(|taken| &taken.receipts).map(|receipt| receipt.serial).collect();
    assert_eq!(serials, (1..=90).collect());
    // of the intakes that failed nothing is known: they can come again
    assert!(take(&fresh.store, "3").await.receipts[0].fresh);
    assert!(fresh.store.failing().is_none());
}

async fn a_key_without_a_vendors_id_is_known_for_its_window(fresh: Fresh) {
    let at = |minutes: i64| {
        let mut said = keyed("said");
        said.key =
            IdempotencyKey { text: "web//said:1".to_owned(), window: Some(SignedDuration::from_mins(5)) };
        let mut intake = intake(vec![said], vec![]);
        intake.received_at = ago(SignedDuration::from_mins(60 - minutes));
        fresh.store.take(intake)
    };
    let first = at(0).await.unwrap().receipts[0];
    let again = at(4).await.unwrap().receipts[0];
    assert!(first.fresh && !again.fresh);
    assert_eq!((again.id, again.serial, again.received_at), (first.id, first.serial, first.received_at));
    let later = at(6).await.unwrap().receipts[0];
    assert!(later.fresh && later.id != first.id);
    assert_eq!(at(7).await.unwrap().receipts[0].id, later.id);
    assert_eq!(fresh.levels().inbox, 2);
}

async fn old_keys_are_forgotten_and_young_ones_never(fresh: Fresh) {
    for day in 0..10 {
        let mut old = intake(vec![keyed(&format!("{day}"))], vec![]);
        old.received_at = ago(SignedDuration::from_hours(24 * day));
        fresh.store.take(old).await.unwrap();
    }
    let before = ago(SignedDuration::from_hours(24 * 5 + 1));
    let (mut after, mut rounds) = (String::new(), 0);
    while let Some(last) = fresh.store.forget_keys(after, 3, before).await.unwrap() {
        after = last;
        rounds += 1;
    }
    assert_eq!(rounds, 4, "ten keys, three at a time");
    let keys = (0..10).map(|day| keyed(&format!("{day}")).key).collect();
    let known = fresh.store.known(keys, ago(SignedDuration::ZERO)).await.unwrap();
    let kept: Vec<_> = known.iter().map(Option::is_some).collect();
    assert_eq!(kept, [true, true, true, true, true, true, false, false, false, false]);
    // forgetting a key takes no message away
    assert_eq!(fresh.levels().inbox, 10);
}

async fn a_reference_stands_for_its_receipt_for_ever(fresh: Fresh) {
    let mut references = BTreeSet::new();
    for number in 0..50 {
        let receipt = take(&fresh.store, &format!("{number}")).await.receipts[0];
        let reference = fresh.store.reference(receipt.serial);
        assert_eq!(reference, reference.to_string().parse().unwrap());
        references.insert(reference.to_string());
    }
    assert_eq!(references.len(), 50);
    let first = fresh.store.reference(1);
    fresh.store.close().await;
    let again = fresh.beside();
    assert_eq!(again.reference(1), first);
    assert_eq!(take(&again, "50").await.receipts[0].serial, 51, "a serial number was used twice");
    // the key is the store's own
    assert_ne!(fresh.another().await.store.reference(1), first);
    assert_ne!(ReferenceKey::new([0; 16]).reference(1), first);
}

#[tokio::test]
async fn a_store_of_a_newer_program_is_refused_and_left_as_it_is() {
    let fresh = Fresh::open();
    take(&fresh.store, "kept").await;
    fresh.store.close().await;
    let connection = Connection::open(fresh.file()).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    let error = Store::open(&Settings::new(fresh.file())).unwrap_err();
    assert!(matches!(error, StoreError::Newer { found: 99, .. }), "{error}");
    assert!(error.to_string().contains("newer program"), "{error}");
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert_eq!(version, 99);
    // what is no database is not made into one
    let strange = fresh.file().with_file_name("strange.db");
    std::fs::write(&strange, "this is not a database, but somebody's notes").unwrap();
    assert!(Store::open(&Settings::new(&strange)).is_err());
    assert_eq!(std::fs::read_to_string(strange).unwrap(), "this is not a database, but somebody's notes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_who_wait_on_a_lock_are_told_at_once() {
    let fresh = Fresh::open();
    let other = Connection::open(fresh.file()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let begin = Instant::now();
    let work =
        join_all((0..20).map(|number| fresh.store.take(intake(vec![keyed(&format!("{number}"))], vec![]))));
    let taken = timeout(Duration::from_secs(30), work).await.expect("each waited for the lock in turn");
    assert!(begin.elapsed() > Duration::from_secs(4), "a short lock must not be an error");
    assert!(taken.iter().all(|taken| matches!(taken, Err(StoreError::Locked))), "{taken:?}");
    assert!(matches!(fresh.store.failing(), Some(StoreError::Locked)));
    other.execute_batch("COMMIT").unwrap();
    take(&fresh.store, "0").await;
    assert!(fresh.store.failing().is_none());
    assert_eq!(fresh.levels().inbox, 1);
}

/// Without a vendor's id a neighbour is known only for some minutes; a replay comes hours later.
async fn a_replay_hours_later_takes_only_what_was_not_taken_then(fresh: Fresh) {
    let folder = tempfile::tempdir().unwrap();
    let channel = |text: &str| {
        let fields = format!("[channels.web.fields]\ntext = {text}\nreporter_id = \"$.from\"\n");
        let table =
            "[channels.web]\nconnector = \"webhook\"\nauth = { scheme = \"open\" }\nitems = \"$.data[*]\"\n";
        config::parse(&format!("{table}{fields}"), folder.path(), &|_| None).unwrap()
    };
    let (broken, mended) = (channel("\"$.body\""), channel("{ paths = [\"$.body\", \"$.isi\"] }"));
    let body = r#"{"data": [{"from": 1, "body": "Lampu mati"}, {"from": 2, "isi": "Pohon tumbang"}]}"#;
    let request =
        muara_connectors::Request::from_body(Some("application/json"), body.as_bytes().to_vec().into());
    let store = fresh.store.clone();
    let door = Intake::new(
        store.clone(),
        std::sync::Arc::new(Health::default()),
        &broken.store,
        &broken.intake,
        &broken.media,
    );
    let web = broken.channels.get("web").unwrap();
    let verified = muara_connectors::Verified::before(&request, &web.settings);
    let first = door.submit(web, verified).await.unwrap();
    assert_eq!(first.receipts.len(), 1);
    // three hours pass
    let hours = 3 * 3_600_000;
    fresh.run(&format!("UPDATE receipt SET at = at - {hours}"));
    fresh.run(&format!("UPDATE quarantine SET at = at - {hours}"));

    let row = store.quarantined_row(first.quarantined.unwrap()).await.unwrap().unwrap();
    let still = door.replay(web, &row).await.unwrap();
    assert_eq!(still.quarantined, first.quarantined, "nothing was mended yet");
    let replayed = door.replay(mended.channels.get("web").unwrap(), &row).await.unwrap();
    let fresh_ones: Vec<_> = replayed.receipts.iter().map(|receipt| receipt.fresh).collect();
    assert_eq!(fresh_ones, [false, true]);
    assert_eq!(replayed.receipts[0].id, first.receipts[0].id);
    assert_eq!(
        replayed.receipts[1].received_at, row.at,
        "it was received when it came, not when it was mended"
    );
    let levels = fresh.levels();
    assert_eq!((levels.inbox, levels.quarantined), (2, 0));
}
