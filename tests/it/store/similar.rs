//! What complaints are about is kept, found again, and forgotten in its time.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use muara::store::{
    Store,
    similar::{Before, Search},
};
use muara_normalizer::{
    ComplaintId, Draft, Receipt,
    draft::{DraftReporter, SourceTime},
    similarity::{Kept, Thresholds, sender_key},
};
use rusqlite::Connection;
use uuid::Uuid;

use super::{Fresh, ago};
use crate::normalizer::{normalizer, receipt, said};

on_both! {
    another_process_finds_what_this_one_kept_and_a_batch_sees_itself,
    what_a_person_reported_lately_is_found_newest_first,
    what_is_older_than_the_window_is_forgotten_step_by_step,
    what_is_about_to_be_filed_is_found_in_every_state_and_after_a_crash,
    a_report_is_held_against_all_reports_of_a_matter_wherever_they_are,
    what_memory_has_no_room_for_is_found_in_the_store,
    what_is_kept_while_a_search_is_under_way_is_found_after_it,
}

fn kept(serial: i64, text: &str, sender: &str, at: Timestamp) -> Kept {
    let reporter = DraftReporter { id: Some(sender.to_owned()), ..DraftReporter::default() };
    let draft = Draft { sent_at: Some(SourceTime::Instant(at)), reporter, ..said(text) };
    let id = ComplaintId(Uuid::now_v7());
    let made = normalizer(1).normalize(draft, &Receipt { id, received_at: at, ..receipt() }).unwrap();
    Kept { serial, id, first: serial, matter: made.matter.unwrap().into() }
}

const HOLE: &str = "jalan bolong deket apotek pahlawan revolusi pondok bambu";

/// What each of a batch is alike enough to.
async fn alike(store: &Store, batch: Vec<Kept>) -> Vec<Search> {
    let store = store.clone();
    tokio::task::spawn_blocking(move || store.alike(&batch, &Thresholds::default()).unwrap()).await.unwrap()
}

/// What came before each of a batch of which the store was asked at once.
async fn before(store: &Store, batch: Vec<Kept>) -> Vec<Before> {
    let alike = alike(store, batch.clone()).await;
    store.before(batch.into_iter().zip(alike).collect(), Thresholds::default()).await.unwrap()
}

async fn another_process_finds_what_this_one_kept_and_a_batch_sees_itself(fresh: Fresh) {
    let day = SignedDuration::from_hours(24);
    let first =
        kept(1, "Aspal ambles di Jl. Pahlawan Revolusi dekat apotek, Kel. Pondok Bambu", "a", ago(day * 3));
    fresh.store.keep_matters(vec![first.clone()]).await.unwrap();
    // a second run after a crash that it did not notice
    fresh.store.keep_matters(vec![first.clone()]).await.unwrap();

    let batch = vec![
        first.clone(),
        kept(2, HOLE, "b", ago(day)),
        kept(3, "anjing liar gigit kurir di kel. cibubur rw 8", "b", ago(day)),
        kept(4, "segerombol anjing tanpa pemilik di cibubur rw 08", "c", ago(day)),
        kept(5, "perpustakaan keliling tidak datang di kel. marunda", "c", ago(day)),
    ];
    let links = before(&fresh.beside(), batch).await;
    let serials: Vec<_> = links.iter().map(|link| link.alike.as_ref().map(|link| link.serial)).collect();
    assert_eq!(serials, [None, Some(1), None, Some(3), None], "never itself");
    assert_eq!(links[1].alike.as_ref().unwrap().id, first.id);
}

async fn what_a_person_reported_lately_is_found_newest_first(fresh: Fresh) {
    let hour = SignedDuration::from_hours(1);
    let all = vec![
        kept(2, "banjir di kel. rawa buaya", "a", ago(hour)),
        kept(3, "lampu jalan mati di kel. ancol", "b", ago(hour)),
        kept(4, "banjir di kel. rawa buaya", "a", ago(SignedDuration::from_mins(2))),
    ];
    let new = kept(5, "banjir di kel. rawa buaya", "a", ago(SignedDuration::ZERO));
    fresh.store.keep_matters(all).await.unwrap();
    let before = before(&fresh.store, vec![new.clone()]).await.remove(0);
    assert_eq!(before.own.iter().map(|own| own.serial).collect::<Vec<_>>(), [4, 2]);
    assert_eq!(before.own[0].matter.text, new.matter.text, "the same words");
}

async fn what_is_older_than_the_window_is_forgotten_step_by_step(fresh: Fresh) {
    let day = SignedDuration::from_hours(24);
    let all = (1..=5).map(|serial| kept(serial, HOLE, "a", ago(day * i32::try_from(10 - serial).unwrap())));
    fresh.store.keep_matters(all.collect()).await.unwrap();
    assert_eq!(fresh.store.forget_matters(ago(SignedDuration::ZERO), 5).await.unwrap(), 0, "not filed yet");
    fresh.store.file_matters(Duration::ZERO).await.unwrap();
    // the fourth is six days old
    let before = ago(day * 6 + SignedDuration::from_hours(1));
    assert_eq!(fresh.store.forget_matters(before, 2).await.unwrap(), 2);
    assert_eq!(fresh.store.forget_matters(before, 2).await.unwrap(), 1);
    assert_eq!(fresh.store.forget_matters(before, 2).await.unwrap(), 0);
    let links = self::before(&fresh.store, vec![kept(9, HOLE, "b", ago(SignedDuration::ZERO))]).await;
    assert_eq!(links[0].alike.as_ref().map(|link| link.serial), Some(4), "of equals the oldest that is kept");
    assert_eq!(fresh.number("SELECT count(DISTINCT serial) FROM matter_block"), 2);
}

async fn what_is_about_to_be_filed_is_found_in_every_state_and_after_a_crash(fresh: Fresh) {
    let hour = SignedDuration::from_hours(1);
    // thousands elsewhere, and one that is sought
    let other = kept(1, "lampu jalan mati di kel. ancol rt 3 rw 2", "b", ago(hour));
    let like =
        |kept: &Kept, serial| Kept { serial, first: serial, id: ComplaintId(Uuid::now_v7()), ..kept.clone() };
    let sought =
        kept(1, "Aspal ambles di Jl. Pahlawan Revolusi dekat apotek, Kel. Pondok Bambu", "a", ago(hour));
    let new = kept(10_000, HOLE, "c", ago(SignedDuration::ZERO));
    let found =
        async |store: &Store| alike(store, vec![new.clone()]).await[0].alike.first().map(|link| link.serial);
    let unfiled = || fresh.number("SELECT count(*) FROM matter_unfiled");

    // who refines knows under which blocks something is filed, and looks nowhere else
    fresh.store.recall_matters(4_096).await.unwrap();
    fresh.store.keep_matters(vec![sought]).await.unwrap();
    let mut serial = 1;
    while serial < 6_000 {
        assert_eq!(found(&fresh.store).await, Some(1), "in memory, with {serial} kept");
        let more = (0..128)
            .map(|_| {
                serial += 1;
                like(&other, serial)
            })
            .collect();
        fresh.store.keep_matters(more).await.unwrap();
        let crashed = fresh.beside();
        crashed.recall_matters(4_096).await.unwrap();
        assert_eq!(found(&crashed).await, Some(1), "by another process, with {serial} kept");
        crashed.close().await;
    }
    assert!(unfiled() < 4_400, "thousands at most wait to be filed");
    fresh.store.file_matters(Duration::ZERO).await.unwrap();
    assert_eq!(unfiled(), 0);
    assert_eq!(found(&fresh.store).await, Some(1), "in the store");
    assert_eq!(found(&fresh.beside()).await, Some(1), "in the store, by another process");
    let refines = fresh.beside();
    refines.recall_matters(4_096).await.unwrap();
    assert_eq!(found(&refines).await, Some(1), "in the store, by another process that refines");
}

async fn a_report_is_held_against_all_reports_of_a_matter_wherever_they_are(fresh: Fresh) {
    let hour = SignedDuration::from_hours(1);
    let first = kept(1, "lubang depan masjid kel. ancol rw 5", "a", ago(hour * 4));
    // it says less, and so it is also like what is elsewhere
    let second = kept(2, "lubang besar depan masjid kel. ancol", "b", ago(hour * 3));
    let there = kept(3, "jalan lubang depan masjid rw 5 kel. ancol makin lebar", "c", ago(hour));
    let elsewhere = kept(4, "jalan lubang depan masjid rw 7 kel. ancol makin lebar", "d", ago(hour));
    let found = async |store: &Store, batch: &[&Kept]| -> Vec<Option<(i64, i64)>> {
        let links = before(store, batch.iter().map(|kept| (*kept).clone()).collect()).await;
        links.into_iter().map(|before| before.alike.map(|link| (link.serial, link.first))).collect()
    };
    let all = [&first, &second, &there, &elsewhere];
    let one_batch = [None, Some((1, 1)), Some((1, 1)), None];
    assert_eq!(found(&fresh.store, &all).await, one_batch, "in one batch");
    fresh.store.keep_matters(vec![first, Kept { first: 1, ..second }]).await.unwrap();
    assert_eq!(found(&fresh.store, &[&there, &elsewhere]).await, [Some((1, 1)), None], "in memory");
    fresh.store.file_matters(Duration::ZERO).await.unwrap();
    let other = fresh.beside();
    assert_eq!(found(&other, &[&there, &elsewhere]).await, [Some((1, 1)), None], "in the store");
}

async fn what_memory_has_no_room_for_is_found_in_the_store(fresh: Fresh) {
    let hour = SignedDuration::from_hours(1);
    let sought =
        kept(1, "Aspal ambles di Jl. Pahlawan Revolusi dekat apotek, Kel. Pondok Bambu", "a", ago(hour));
    let other = kept(2, "lampu jalan mati di kel. ancol rt 3 rw 2", "b", ago(hour));
    let new = kept(100_000, HOLE, "a", ago(SignedDuration::ZERO));
    fresh.store.recall_matters(1_000).await.unwrap();
    fresh.store.keep_matters(vec![sought]).await.unwrap();
    for part in 0..4 {
        let serials = (2..).skip(part * 500).take(500);
        let id = || ComplaintId(Uuid::now_v7());
        let more = serials.map(|serial| Kept { serial, first: serial, id: id(), ..other.clone() });
        fresh.store.keep_matters(more.collect()).await.unwrap();
        fresh.store.file_matters(Duration::ZERO).await.unwrap();
        let found = before(&fresh.store, vec![new.clone()]).await.remove(0);
        assert_eq!(found.alike.map(|link| link.serial), Some(1), "with {part} parts after it");
        assert_eq!(found.own.iter().map(|own| own.serial).collect::<Vec<_>>(), [1], "of its sender");
    }
}

async fn what_is_kept_while_a_search_is_under_way_is_found_after_it(fresh: Fresh) {
    let hour = SignedDuration::from_hours(1);
    let first =
        kept(1, "Aspal ambles di Jl. Pahlawan Revolusi dekat apotek, Kel. Pondok Bambu", "a", ago(hour));
    let new = kept(2, HOLE, "b", ago(SignedDuration::ZERO));
    let searched = alike(&fresh.store, vec![new.clone()]).await.remove(0);
    assert_eq!(searched.alike, [], "there is none yet");
    fresh.store.keep_matters(vec![first]).await.unwrap();
    let before = fresh.store.before(vec![(new, searched)], Thresholds::default()).await.unwrap();
    assert_eq!(before[0].alike.as_ref().map(|link| link.serial), Some(1));
}

#[tokio::test]
async fn what_an_older_release_kept_is_found_after_an_upgrade() {
    let fresh = Fresh::open();
    let hour = SignedDuration::from_hours(1);
    let first = kept(1, "lubang depan masjid kel. ancol rw 5", "a", ago(hour * 4));
    let second = kept(2, "lubang besar depan masjid kel. ancol", "b", ago(hour * 3));
    let elsewhere = kept(4, "jalan lubang depan masjid rw 7 kel. ancol makin lebar", "b", ago(hour));
    let sender = second.matter.sender.unwrap();
    fresh.store.keep_matters(vec![first, Kept { first: 1, ..second }]).await.unwrap();
    fresh.store.file_matters(Duration::ZERO).await.unwrap();
    fresh.store.close().await;
    // as version 11 had it
    let older = Connection::open(fresh.file()).unwrap();
    older
        .execute_batch(
            "CREATE INDEX matter_first ON matter (first, serial) WHERE first IS NOT NULL;
             DELETE FROM matter_block WHERE block = -1; PRAGMA user_version = 11",
        )
        .unwrap();
    let filed = [sender_key(&sender)];
    assert_eq!(older.execute("DELETE FROM matter_block WHERE block = ?1", filed).unwrap(), 1);
    older.execute("UPDATE matter SET sender = ?1 WHERE serial = 2", [sender]).unwrap();
    drop(older);

    let upgraded = fresh.beside();
    upgraded.recall_matters(1_000).await.unwrap();
    let found = before(&upgraded, vec![elsewhere]).await.remove(0);
    assert_eq!(found.own.iter().map(|own| own.serial).collect::<Vec<_>>(), [2], "of its sender");
    assert_eq!(found.alike, None, "held against the first report, too, which is in another RW");
}
