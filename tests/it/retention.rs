//! What is done is removed when it was kept long enough, and nothing of what is still under way.
#![allow(clippy::unwrap_used)]

use std::{path::Path, sync::Arc};

use arc_swap::ArcSwap;
use axum::http::Method;
use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::{SignedDuration, Timestamp};
use muara::{
    channel::Channels,
    config::{self, Retention},
    media::Media,
    retention::{self, Cursors, Removed},
    store::{
        audit::NewAudit,
        media::Fetched,
        outbox::{Settled, Settlement},
    },
};
use muara_connectors::Item;
use muara_normalizer::{
    ComplaintId, Draft, ExternalId,
    draft::{Amendment, Attachment, Change},
    reply::Answered,
};
use muara_tests::s3::{self, S3};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::egress::{Office, Vendor, channel, draft};

const PHOTO: &[u8] = b"\x89PNG\r\n\x1a\n a photo of a hole";

fn days(days: i64) -> Timestamp {
    Timestamp::now() + SignedDuration::from_hours(24 * days)
}

fn with_photo(id: &str) -> Draft {
    let photo = Attachment::Inline { name: None, content_type: None, data: STANDARD.encode(PHOTO) };
    Draft { attachments: vec![photo], text: "Nomor saya 0812-3456-7890, jalan rusak".to_owned(), ..draft(id) }
}

async fn arrives(office: &Office, channel: &str, draft: Draft) -> String {
    office.takes(channel, vec![Item::Draft(Box::new(draft))]).await.remove(0)
}

async fn done(office: &Office, complaint: &str) {
    let reply = json!({"reply_id": complaint, "complaint_id": complaint, "status": "Selesai", "text": "Sudah diperbaiki"});
    office.asks(reply).await;
}

/// What a complaint has to say is said: it is done, so many messages came to the vendor, the broker took all events.
async fn answered(office: &mut Office, vendor: &Vendor, complaint: &str, messages: usize) {
    office.refines(days(1)).await;
    done(office, complaint).await;
    office.sends();
    vendor.has(messages).await;
    office.finishes().await;
    settles(office, "").await;
}

/// The broker takes all events, but refuses those of one complaint for good.
async fn settles(office: &Office, but: &str) {
    let queued = office.store.queued(0, 1000).await.unwrap();
    let settled = queued.iter().map(|event| {
        let dead = event.complaint.to_string() == but;
        let said = if dead { Settlement::Dead { reason: "no".to_owned() } } else { Settlement::Confirmed };
        Settled::new(event, said)
    });
    office.store.settle(settled.collect()).await.unwrap();
}

/// All that is removed at a time, in as many rounds as it takes.
async fn removed(office: &Office, settings: &Retention, now: Timestamp) -> Removed {
    let (mut cursors, mut all) = (Cursors::default(), Removed::default());
    for _ in 0..3 {
        let one = retention::round(&office.store, settings, &mut cursors, now).await.unwrap();
        all.complaints += one.complaints;
        all.published += one.published;
        all.media += one.media;
        all.persons += one.persons;
        all.audit += one.audit;
    }
    all
}

async fn known(office: &Office, complaint: &str) -> bool {
    let id = ComplaintId(complaint.parse().unwrap());
    let known = office.store.correspondence(Answered::Complaint(id)).await.unwrap().is_some();
    let words = !office.store.originals(id).await.unwrap().is_empty();
    assert!(known || !words, "the words outlive the complaint");
    known
}

fn media_of(office: &Office, folder: &Path) -> Media {
    media_in(office, folder, config::Media::default())
}

fn media_in(office: &Office, folder: &Path, settings: config::Media) -> Media {
    muara_tests::install_tls_provider();
    let channels = Arc::new(ArcSwap::from_pointee(Channels::default()));
    let shared = (Arc::clone(&office.health), channels);
    let settings = config::Media { fetch: false, ..settings };
    Media::open(&settings, folder, "http://files/".to_owned(), shared).unwrap()
}

/// Keeps every file that is to be kept.
async fn keeps(office: &Office, media: &Media) {
    for file in office.store.files_due(Vec::new(), 100).await.unwrap() {
        let content = office.store.inline(file.complaint, file.number).await.unwrap().unwrap();
        let sha256 = hash();
        media.vault().keep(&sha256, content.into()).await.unwrap();
        let stored = Fetched::Stored { sha256, bytes: 10, content_type: "image/png".to_owned() };
        assert!(office.store.fetched(file, stored, String::new()).await.unwrap());
    }
}

fn hash() -> [u8; 32] {
    Sha256::digest(PHOTO).into()
}

#[tokio::test]
async fn what_is_done_goes_when_its_time_has_come_and_nothing_that_is_under_way() {
    let vendor = Vendor::new();
    let mut office = Office::open([channel("jaki", Some(&vendor)), channel("web", None)]);
    let mut two_ids = draft("over");
    two_ids.reporter.also = vec!["orang-lain".to_owned()];
    let over = arrives(&office, "jaki", two_ids).await;
    let unanswered = arrives(&office, "jaki", draft("unanswered")).await;
    let waiting = arrives(&office, "web", draft("waiting")).await;
    let dead = arrives(&office, "jaki", draft("dead")).await;
    // its event waits for its photo
    arrives(&office, "jaki", with_photo("pending")).await;
    let changed = arrives(&office, "jaki", draft("changed")).await;
    for complaint in [&over, &dead, &changed] {
        done(&office, complaint).await;
    }
    office.sends();
    vendor.has(3).await;
    office.finishes().await;
    done(&office, &waiting).await;
    settles(&office, &dead).await;
    // a change of it waits for the broker
    let amendment = Amendment {
        external_id: ExternalId::new("changed").unwrap(),
        revision: "2".to_owned(),
        at: None,
        change: Change::Edited {
            draft: Box::new(Draft { text: "Jalan rusak berat".to_owned(), ..draft("changed") }),
        },
    };
    office.takes("jaki", vec![Item::Amendment(Box::new(amendment))]).await;

    let settings = Retention::default();
    assert_eq!(removed(&office, &settings, days(399)).await, Removed::default());
    let all = removed(&office, &settings, days(401)).await;
    assert_eq!((all.complaints, all.published, all.media, all.persons), (1, 1, 0, 2));
    assert!(!known(&office, &over).await);
    for complaint in [&unanswered, &waiting, &dead, &changed] {
        assert!(known(&office, complaint).await);
        assert!(!office.store.dossier(complaint).await.unwrap().unwrap().events.is_empty());
    }
    assert_eq!(office.store.files_due(Vec::new(), 10).await.unwrap().len(), 1);
    let replies = office.store.replies(None, 100).await.unwrap();
    assert!(!replies.iter().any(|reply| reply.id.contains(&over)) && replies.len() == 3, "{replies:?}");
    // as soon as nothing of it waits, it may go, too
    office.store.retry(None).await.unwrap();
    settles(&office, "").await;
    assert_eq!(removed(&office, &settings, days(402)).await.complaints, 2);
    assert!(!known(&office, &dead).await && !known(&office, &changed).await);
}

#[tokio::test]
async fn what_is_set_aside_waits_for_somebody_however_long_and_goes_when_it_was_let_through_and_is_done() {
    let vendor = Vendor::new();
    let mut office = Office::open([channel("jaki", Some(&vendor))]);
    let folder = tempfile::tempdir().unwrap();
    let media = media_of(&office, folder.path());
    let thanks = Draft { text: "Terima kasih banyak pak".to_owned(), ..with_photo("thanks") };
    let aside = arrives(&office, "jaki", thanks).await;
    keeps(&office, &media).await;
    office.refines(days(1)).await;
    assert_eq!(office.store.levels().set_aside, 1);
    let settings = Retention::default();
    assert_eq!(removed(&office, &settings, days(9999)).await, Removed::default());
    assert_eq!(office.store.levels().set_aside, 1);
    assert_eq!(office.store.set_aside(None, None, 10).await.unwrap().len(), 1);

    assert_eq!(office.store.let_through(None, None).await.unwrap(), 1);
    answered(&mut office, &vendor, &aside, 1).await;
    assert_eq!(office.store.levels().set_aside, 0);
    assert_eq!(removed(&office, &settings, days(399)).await, Removed::default());
    let all = removed(&office, &settings, days(401)).await;
    assert_eq!((all.media, all.published, all.complaints), (1, 1, 1));
    assert!(!known(&office, &aside).await);
}

#[tokio::test]
async fn a_file_goes_with_the_last_complaint_that_has_it_also_after_a_crash() {
    let vendor = Vendor::new();
    let mut office = Office::open([channel("jaki", Some(&vendor))]);
    let folder = tempfile::tempdir().unwrap();
    let media = media_of(&office, folder.path());
    let first = arrives(&office, "jaki", with_photo("a")).await;
    let second = arrives(&office, "jaki", with_photo("b")).await;
    keeps(&office, &media).await;
    answered(&mut office, &vendor, &first, 1).await;
    let settings = Retention { personal_days: 0, published_days: 0, ..Retention::default() };
    let later = removed(&office, &settings, days(401)).await;
    assert_eq!((later.media, later.complaints, later.published), (1, 0, 0), "0 days are for ever");
    assert_eq!(media.remove_unwanted(&office.store, 10).await.unwrap(), 0, "the second has the same photo");
    assert!(media.vault().read(&hash()).await.is_ok());

    answered(&mut office, &vendor, &second, 2).await;
    assert_eq!(removed(&office, &settings, days(402)).await.media, 1);
    // the process ends before the file is removed; meanwhile the photo comes once more
    let office = office.restarts().await;
    let media = media_of(&office, folder.path());
    assert_eq!(office.store.unwanted(10).await.unwrap(), [hash()]);
    let third = arrives(&office, "jaki", with_photo("c")).await;
    keeps(&office, &media).await;
    assert_eq!(media.remove_unwanted(&office.store, 10).await.unwrap(), 0, "{third} has it");
    assert!(media.vault().read(&hash()).await.is_ok());
    assert!(office.store.unwanted(10).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_file_that_nobody_has_is_removed_once_however_often_it_is_tried() {
    let vendor = Vendor::new();
    let mut office = Office::open([channel("jaki", Some(&vendor))]);
    let folder = tempfile::tempdir().unwrap();
    let media = media_of(&office, folder.path());
    let only = arrives(&office, "jaki", with_photo("a")).await;
    keeps(&office, &media).await;
    answered(&mut office, &vendor, &only, 1).await;
    let settings = Retention::default();
    let all = removed(&office, &settings, days(401)).await;
    assert_eq!((all.media, all.published, all.complaints), (1, 1, 1));
    // a crash after the file went and before that was written down
    media.vault().remove(&hash()).await.unwrap();
    assert_eq!(media.remove_unwanted(&office.store, 10).await.unwrap(), 1);
    assert!(media.vault().read(&hash()).await.is_err());
    assert_eq!(removed(&office, &settings, days(500)).await, Removed::default());
}

#[tokio::test]
async fn a_file_in_s3_is_deleted_there_as_soon_as_the_service_takes_it() {
    let bucket = S3::listen().await;
    let vendor = Vendor::new();
    let mut office = Office::open([channel("jaki", Some(&vendor))]);
    let folder = tempfile::tempdir().unwrap();
    let place = format!(
        "url = \"s3://reports/muara\"\n[s3]\nendpoint = \"{}\"\naccess_key_id = \"{}\"\nsecret_access_key = \"{}\"\n",
        bucket.endpoint(),
        s3::ACCESS_KEY,
        s3::SECRET
    );
    let media = media_in(&office, folder.path(), toml::from_str(&place).unwrap());
    let only = arrives(&office, "jaki", with_photo("a")).await;
    keeps(&office, &media).await;
    let name = hex::encode(hash());
    let object = format!("/reports/muara/sha256/{}/{}", &name[..2], &name[2..]);
    assert_eq!(bucket.objects(), std::slice::from_ref(&object));
    answered(&mut office, &vendor, &only, 1).await;
    assert_eq!(removed(&office, &Retention::default(), days(401)).await.media, 1);

    bucket.close(true);
    assert!(media.remove_unwanted(&office.store, 10).await.is_err());
    assert_eq!(office.store.unwanted(10).await.unwrap(), [hash()], "it is tried again");
    bucket.close(false);
    assert_eq!(media.remove_unwanted(&office.store, 10).await.unwrap(), 1);
    assert_eq!(bucket.done(&Method::DELETE), [object]);
    assert!(bucket.objects().is_empty());
    assert!(media.vault().read(&hash()).await.is_err());
}

#[tokio::test]
async fn old_lines_of_the_audit_log_go_and_young_ones_stay() {
    let office = Office::open([channel("jaki", None)]);
    let line = NewAudit {
        who: "oki".to_owned(),
        role: "operator",
        what: "replay",
        targets: vec!["a".to_owned(), "b".to_owned()],
        reason: None,
        outcome: None,
    };
    office.store.audit(line).await.unwrap();
    let settings = Retention::default();
    assert_eq!(removed(&office, &settings, days(1094)).await.audit, 0);
    assert_eq!(removed(&office, &settings, days(1096)).await.audit, 2);
}
