//! What vendors report of our messages: late, twice, out of order, and sometimes before we wrote down that we sent.

use jiff::Timestamp;
use muara_connectors::{DeliveryReport, DeliveryState};
use muara_normalizer::event::{ReplyReason, ReplyState};

use super::{
    Db, Store, StoreError, reply,
    sql::{self, OptionalExtension},
};

/// Before the reason's code of a reply that waits to take another way.
pub(super) const OTHER_WAY: &str = "other way:";

/// A delivery report on its way in.
#[derive(Clone, Debug)]
pub struct NewReport {
    vendor_id: String,
    state: ReplyState,
    detail: Option<String>,
    other_way: bool,
}

impl From<DeliveryReport> for NewReport {
    fn from(report: DeliveryReport) -> Self {
        let (state, detail, other_way) = match report.state {
            DeliveryState::Sent => (ReplyState::Sent, None, false),
            DeliveryState::Delivered => (ReplyState::Delivered, None, false),
            DeliveryState::Read => (ReplyState::Read, None, false),
            DeliveryState::Failed { detail, other_way } => (ReplyState::Failed, Some(detail), other_way),
        };
        Self { vendor_id: report.vendor_id, state, detail, other_way }
    }
}

impl Store {
    /// Forgets reports of messages that nobody sent.
    ///
    /// # Errors
    /// Nothing was changed.
    pub async fn forget_reports(&self, before: Timestamp) -> Result<(), StoreError> {
        let sql = "DELETE FROM early_report WHERE at < ?1";
        self.write(move |db| db.execute(sql, [before.as_millisecond()]).map(drop)).await
    }
}

/// Takes a report in. False if no message of ours has its id, so far.
pub(super) fn note(db: &Db<'_>, channel: &str, report: &NewReport, at: i64) -> sql::Result<bool> {
    let seq = db
        .prepare("SELECT seq FROM reply_part WHERE channel = ?1 AND vendor_id = ?2")?
        .query_row((channel, &report.vendor_id), |row| row.get(0))
        .optional()?;
    if let Some(seq) = seq {
        apply(db, channel, seq, report, at)?;
        return Ok(true);
    }
    db.execute(
        "INSERT INTO early_report VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING",
        (channel, &report.vendor_id, report.state.as_str(), &report.detail, report.other_way, at),
    )?;
    Ok(false)
}

/// Applies what was reported of a message before its sending was written down.
pub(super) fn catch_up(db: &Db<'_>, channel: &str, vendor_id: &str, seq: i64) -> sql::Result<()> {
    let mut early = db
        .prepare(
            "SELECT state, detail, other_way, at FROM early_report WHERE channel = ?1 AND vendor_id = ?2 ORDER BY at",
        )?
        .query_map((channel, vendor_id), |row| {
            let state = state(&row.get::<String>(0)?);
            let report =
                NewReport { vendor_id: vendor_id.to_owned(), state, detail: row.get(1)?, other_way: row.get(2)? };
            Ok((report, row.get::<i64>(3)?))
        })?
        .collect::<sql::Result<Vec<_>>>()?;
    early.sort_by_key(|(report, _)| report.state);
    for (report, at) in early {
        apply(db, channel, seq, &report, at)?;
    }
    let sql = "DELETE FROM early_report WHERE channel = ?1 AND vendor_id = ?2";
    db.execute(sql, (channel, vendor_id)).map(drop)
}

/// A state as it stands in its column.
fn state(text: &str) -> ReplyState {
    match text {
        "failed" => ReplyState::Failed,
        "read" => ReplyState::Read,
        "delivered" => ReplyState::Delivered,
        _ => ReplyState::Sent,
    }
}

/// Moves a sent reply forward. What is delivered cannot fail any more, and what failed stays so.
fn apply(db: &Db<'_>, channel: &str, seq: i64, report: &NewReport, at: i64) -> sql::Result<()> {
    let now: String =
        db.prepare("SELECT state FROM reply WHERE seq = ?1")?.query_row([seq], |row| row.get(0))?;
    let rank = match now.as_str() {
        "sent" => ReplyState::Sent,
        "delivered" => ReplyState::Delivered,
        // one that waits again takes another way, and old reports of the first do not count
        _ => return Ok(()),
    };
    match report.state {
        ReplyState::Failed if rank > ReplyState::Sent => Ok(()),
        ReplyState::Failed => {
            let detail = report.detail.clone().unwrap_or_default();
            if report.other_way {
                db.execute(
                    "UPDATE reply SET state = 'waiting', due_at = 0, code = ?2, detail = ?3, changed_at = ?4 WHERE seq = ?1",
                    (seq, format!("{OTHER_WAY}undeliverable"), detail, at),
                )?;
                db.count(|change| change.replies += 1);
                return Ok(());
            }
            let reason = ReplyReason { code: "undeliverable".to_owned(), detail };
            reply::advance(db, seq, ReplyState::Failed, Some(&reason), at)
        }
        further => match slowest(db, channel, &report.vendor_id, seq, further)? {
            slowest if slowest > rank => reply::advance(db, seq, slowest, None, at),
            _ => Ok(()),
        },
    }
}

/// Notes how far a part of a reply came, and says how far all of its parts are: nobody has read half a message.
fn slowest(
    db: &Db<'_>,
    channel: &str,
    vendor_id: &str,
    seq: i64,
    further: ReplyState,
) -> sql::Result<ReplyState> {
    let parts = db
        .prepare("SELECT vendor_id, state FROM reply_part WHERE seq = ?1")?
        .query_map([seq], |row| Ok((row.get::<String>(0)?, state(&row.get::<String>(1)?))))?
        .collect::<sql::Result<Vec<_>>>()?;
    let own = parts.iter().find(|(id, _)| id == vendor_id).map_or(further, |(_, own)| further.max(*own));
    db.execute(
        "UPDATE reply_part SET state = ?3 WHERE channel = ?1 AND vendor_id = ?2",
        (channel, vendor_id, own.as_str()),
    )?;
    let others = parts.iter().filter(|(id, _)| id != vendor_id).map(|(_, state)| *state);
    Ok(others.fold(own, std::cmp::min))
}
