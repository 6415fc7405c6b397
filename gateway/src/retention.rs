//! What has been kept long enough is removed, a little each minute, and nothing of what is still under way.

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    config::Retention,
    media::Media,
    metrics,
    store::{Store, StoreError, retention::Kept},
};

/// Between two rounds.
const LOOK_AGAIN: Duration = Duration::from_secs(60);
/// Complaints looked at in one round for each of the three: their rows are removed in one commit.
const COMPLAINTS: u32 = 200;
/// Rows of other tables removed in one round.
const ROWS: u32 = 1000;

/// Where each look at the complaints goes on.
#[derive(Debug, Default)]
pub struct Cursors {
    personal: Option<Uuid>,
    published: Option<Uuid>,
    media: Option<Uuid>,
}

/// What one round removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// Complaints with what was said about them.
    pub complaints: u64,
    /// Complaints whose events are not listed any more.
    pub published: u64,
    /// Complaints whose files were removed.
    pub media: u64,
    /// Ids of persons.
    pub persons: u64,
    /// Lines of the audit log.
    pub audit: u64,
}

/// The time that lies so many days back; none if all is kept for ever.
fn before(now: Timestamp, days: u32) -> Option<Timestamp> {
    (days > 0).then(|| {
        now.saturating_sub(SignedDuration::from_hours(24 * i64::from(days))).unwrap_or(Timestamp::MIN)
    })
}

/// One round at a time.
///
/// # Errors
/// What was removed before is removed; the rest is tried again.
pub async fn round(
    store: &Store,
    settings: &Retention,
    cursors: &mut Cursors,
    now: Timestamp,
) -> Result<Removed, StoreError> {
    let mut removed = Removed::default();
    let three = [
        (Kept::Media, settings.media_days, &mut cursors.media, &mut removed.media),
        (Kept::Published, settings.published_days, &mut cursors.published, &mut removed.published),
        (Kept::Personal, settings.personal_days, &mut cursors.personal, &mut removed.complaints),
    ];
    for (kept, days, cursor, count) in three {
        let Some(before) = before(now, days) else { continue };
        let swept = store.forget_complaints(kept, before, *cursor, COMPLAINTS).await?;
        (*cursor, *count) = (swept.last, swept.removed);
    }
    if let Some(before) = before(now, settings.personal_days) {
        removed.persons = store.forget_persons(before, ROWS).await?;
    }
    if let Some(before) = before(now, settings.audit_days) {
        removed.audit = store.forget_audit(before, ROWS).await?;
    }
    Ok(removed)
}

/// Removes until it is cancelled.
pub async fn run(store: Store, media: Arc<Media>, settings: Retention, cancel: CancellationToken) {
    let mut cursors = Cursors::default();
    loop {
        tokio::select! {
            () = cancel.cancelled() => break,
            () = tokio::time::sleep(LOOK_AGAIN) => {}
        }
        match round(&store, &settings, &mut cursors, Timestamp::now()).await {
            Ok(removed) => say(removed),
            Err(error) => {
                tracing::error!(%error, "What was kept long enough could not be removed; it is tried again.");
            }
        }
        match media.remove_unwanted(&store, COMPLAINTS).await {
            Ok(0) => {}
            Ok(files) => {
                metrics::removed("files", files);
                tracing::info!(files, "{files} files that no complaint has any more were removed.");
            }
            Err(error) => tracing::error!(%error, "Unwanted files could not be removed; it is tried again."),
        }
    }
}

fn say(removed: Removed) {
    let Removed { complaints, published, media, persons, audit } = removed;
    let all = [
        ("complaints", complaints),
        ("published", published),
        ("media", media),
        ("persons", persons),
        ("audit", audit),
    ];
    all.into_iter().for_each(|(what, count)| metrics::removed(what, count));
    if removed != Removed::default() {
        tracing::info!(
            complaints,
            published,
            media,
            persons,
            audit,
            "What was kept long enough was removed."
        );
    }
}
