//! The ways of a row: inbox, held, outbox, dead, quarantine. Counts are exact after each step.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use muara::{
    refine::{self, Rules},
    store::{
        inbox::{Hold, NewMessage, Refined},
        outbox::{Settled, Settlement},
        quarantine::Stage,
    },
};
use muara_connectors::Cursor;
use muara_normalizer::{Normalizer, identity::PrivacyKey};

use super::{Fresh, ago, bytes, event, intake, keyed, take};

on_both! {
    a_draft_becomes_an_event_that_is_settled_retried_or_dead,
    held_messages_are_let_through_once_or_put_off,
    a_draft_that_becomes_nothing_is_quarantined_alone_and_can_be_refined_again,
    equal_bytes_of_a_channel_are_one_row,
    a_cursor_is_stored_with_what_it_covers_or_not_at_all,
}

fn held(key: &str, release_in: i64) -> NewMessage {
    let release_at = ago(SignedDuration::from_secs(-release_in));
    NewMessage { hold: Some(Hold { sender: Some(7), release_at, reason: "a limit" }), ..keyed(key) }
}

async fn a_draft_becomes_an_event_that_is_settled_retried_or_dead(fresh: Fresh) {
    let store = &fresh.store;
    store.take(intake(["a", "b", "c"].map(keyed).into(), vec![])).await.unwrap();
    assert_eq!(fresh.levels().inbox, 3);
    let waiting = store.waiting(10).await.unwrap().rows;
    let refined: Vec<_> =
        waiting.into_iter().map(|row| (row.clone(), Refined::Change(event(&row), None))).collect();
    store.refine(refined.clone()).await.unwrap();
    assert_eq!((fresh.levels().inbox, fresh.levels().outbox), (0, 3));
    // a second run of the same, after a crash that it did not notice
    store.refine(refined).await.unwrap();
    assert_eq!(fresh.levels().outbox, 3);

    let due = store.due(0, 10).await.unwrap();
    let later = ago(SignedDuration::from_secs(-60));
    let said = [
        Settlement::Confirmed,
        Settlement::Retry { due_at: later },
        Settlement::Dead { reason: "no queue takes it".to_owned() },
    ];
    let settled: Vec<_> = due.iter().zip(said).map(|(event, said)| Settled::new(event, said)).collect();
    store.settle(settled.clone()).await.unwrap();
    assert_eq!((fresh.levels().outbox, fresh.levels().dead), (1, 1));
    assert!(store.due(0, 10).await.unwrap().is_empty(), "it is due in a minute");
    let queued = store.queued(0, 10).await.unwrap();
    assert_eq!((queued.len(), queued[0].id, queued[0].attempts), (1, due[1].id, 1));
    // settled twice is settled once
    store.settle(settled).await.unwrap();
    assert_eq!((fresh.levels().outbox, fresh.levels().dead), (1, 1));

    let dead = store.dead(10).await.unwrap();
    assert_eq!((dead[0].id, dead[0].attempts, dead[0].reason.as_str()), (due[2].id, 1, "no queue takes it"));
    assert_eq!(store.retry(Some(due[0].id)).await.unwrap(), 0, "that one was confirmed");
    assert_eq!(store.retry(Some(dead[0].id)).await.unwrap(), 1);
    assert_eq!((fresh.levels().outbox, fresh.levels().dead), (2, 0));
    let again = store.due(0, 10).await.unwrap();
    assert_eq!((again[0].id, again[0].attempts), (due[2].id, 0), "the same event, and tried anew");
    assert_eq!(store.retry(None).await.unwrap(), 0);
}

async fn held_messages_are_let_through_once_or_put_off(fresh: Fresh) {
    let store = &fresh.store;
    store.take(intake(vec![held("a", -1), held("b", 60), held("c", -1), keyed("d")], vec![])).await.unwrap();
    assert_eq!((fresh.levels().held, fresh.levels().inbox), (3, 1));
    let now = ago(SignedDuration::ZERO);
    let due = store.held(Some(now), 10).await.unwrap();
    assert_eq!(due.len(), 2);
    store.put_off(vec![(due[0].serial, ago(SignedDuration::from_secs(-30)))]).await.unwrap();
    assert_eq!(store.held(Some(now), 10).await.unwrap().len(), 1);
    assert_eq!(store.release(vec![due[1].serial, due[1].serial, 999]).await.unwrap(), 1);
    assert_eq!((fresh.levels().held, fresh.levels().inbox), (2, 2));
    let all = store.held(None, 10).await.unwrap();
    assert_eq!(all[0].serial, due[0].serial, "those first that are let through first");
    assert_eq!(store.release(all.iter().map(|held| held.serial).collect()).await.unwrap(), 2);
    assert_eq!((fresh.levels().held, fresh.levels().inbox), (0, 4));
    // in the order in which they came, whenever they were let through
    let keys: Vec<_> = store.waiting(10).await.unwrap().rows.into_iter().map(|row| row.draft).collect();
    assert_eq!(keys, ["a", "b", "c", "d"].map(|key| keyed(key).draft));
    // a redelivery of what was held is what it was
    assert!(take(store, "b").await.receipts[0].held);
}

async fn a_draft_that_becomes_nothing_is_quarantined_alone_and_can_be_refined_again(fresh: Fresh) {
    let store = &fresh.store;
    let raw = |key: &str, draft: &str| NewMessage { draft: draft.as_bytes().to_vec(), ..keyed(key) };
    let messages = vec![
        keyed("before"),
        raw("nothing", r#"{"text": " \u200b \ufeff "}"#),
        raw("unreadable", "{\"text\": "),
        keyed("after"),
    ];
    store.take(intake(messages, vec![])).await.unwrap();
    let rules = Rules {
        normalizer: Arc::new(Normalizer::new(PrivacyKey::throw_away())),
        channels: Arc::default(),
        files_url: "http://files/".to_owned(),
        duplicates: muara::config::Duplicates::default(),
        clocks: std::sync::Arc::new(muara::watch::Clocks::default()),
    };
    assert_eq!(refine::round(store, &rules, Timestamp::now()).await.unwrap(), 4);
    let levels = fresh.levels();
    assert_eq!((levels.inbox, levels.outbox, levels.quarantined), (0, 2, 2));
    let rows = store.quarantined(None, 10).await.unwrap();
    assert!(
        rows.iter().all(|row| row.stage == Stage::Refine && row.complaint.map(|id| id.0) == Some(row.id))
    );
    assert!(rows.iter().any(|row| row.reason.contains("nothing was said")), "{rows:?}");

    // still nothing: it comes back to where it was
    assert!(store.refine_again(rows[0].id).await.unwrap());
    assert_eq!((fresh.levels().inbox, fresh.levels().quarantined), (1, 1));
    assert!(!store.refine_again(rows[0].id).await.unwrap(), "pressed twice");
    assert_eq!(refine::round(store, &rules, Timestamp::now()).await.unwrap(), 1);
    assert_eq!((fresh.levels().inbox, fresh.levels().quarantined), (0, 2));
    assert_eq!(refine::round(store, &rules, Timestamp::now()).await.unwrap(), 0);
}

async fn equal_bytes_of_a_channel_are_one_row(fresh: Fresh) {
    let store = &fresh.store;
    let first = store.take(intake(vec![], vec![bytes("{"), bytes("[")])).await.unwrap().quarantined;
    let again = store.take(intake(vec![], vec![bytes("["), bytes("{")])).await.unwrap().quarantined;
    assert_eq!((first[0], first[1]), (again[1], again[0]));
    let mut other = intake(vec![], vec![bytes("{")]);
    other.channel = "lapor".parse().unwrap();
    assert_ne!(store.take(other).await.unwrap().quarantined[0], first[0]);
    assert_eq!(fresh.levels().quarantined, 3);
    assert_eq!(store.quarantined(Some("qlue".to_owned()), 10).await.unwrap()[0].seen, 2);
}

async fn a_cursor_is_stored_with_what_it_covers_or_not_at_all(fresh: Fresh) {
    let store = &fresh.store;
    let channel = || "qlue".parse().unwrap();
    assert_eq!(store.cursor(channel()).await.unwrap(), Cursor::default());
    let mut page = intake(vec![keyed("1")], vec![bytes("kept")]);
    page.cursor = Some(Cursor("page 2".to_owned()));
    store.take(page.clone()).await.unwrap();
    assert_eq!(store.cursor(channel()).await.unwrap().0, "page 2");
    // a page that cannot be stored
    let mut impossible = bytes("other bytes under the same id");
    impossible.id = page.quarantine[0].id;
    let mut next = intake(vec![keyed("2")], vec![impossible]);
    next.cursor = Some(Cursor("page 3".to_owned()));
    store.take(next).await.unwrap_err();
    assert_eq!(store.cursor(channel()).await.unwrap().0, "page 2");
    assert_eq!(fresh.levels().inbox, 1);
}
