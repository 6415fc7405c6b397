//! What became of a reply: every step in one transaction with the event that tells the core CRM of it.

use jiff::Timestamp;
use muara_normalizer::{
    ChannelId, ComplaintId, Event,
    draft::ReturnAddress,
    event::{ReplyProgress, ReplyReason, ReplyState},
};

use super::{
    super::{
        Db, Store, StoreError,
        inbox::instant,
        now_ms,
        outbox::{self, NewEvent},
        report,
        sql::{self, OptionalExtension},
    },
    json,
};

/// What became of an attempt.
#[derive(Clone, Debug)]
pub enum Attempt {
    /// The vendor took it, under these ids.
    Sent(Vec<String>),
    /// Tried again later.
    Later {
        /// When.
        due_at: Timestamp,
        /// Why.
        reason: ReplyReason,
    },
    /// The channel pauses, which is no attempt of this reply's.
    Paused {
        /// Not before then, so that another complaint's reply is the next to try the door; at any time without it.
        due_at: Option<Timestamp>,
        /// Why.
        reason: ReplyReason,
    },
    /// It goes by another channel.
    Moved {
        /// Which.
        channel: ChannelId,
        /// Where to.
        address: ReturnAddress,
    },
    /// It will not arrive.
    Failed(ReplyReason),
}

impl Store {
    /// Writes down what became of an attempt, and what the core CRM hears of it. What was settled before stays.
    ///
    /// # Errors
    /// Nothing was changed.
    pub async fn settle_reply(&self, seq: i64, attempt: Attempt) -> Result<(), StoreError> {
        let other = match &attempt {
            Attempt::Moved { channel, .. } => Some(channel.clone()),
            _ => None,
        };
        self.write(move |db| settle(db, seq, &attempt)).await?;
        self.shared.refined.notify_one();
        if let Some(other) = other {
            self.shared.replies.wake(other.as_str());
        }
        Ok(())
    }

    /// Lets failed replies be sent again: the named one, or all. Returns how many. Their attempts are counted anew, but
    /// told together.
    ///
    /// # Errors
    /// Nothing was changed.
    pub async fn retry_replies(&self, only: Option<String>) -> Result<usize, StoreError> {
        let moved = self
            .write(move |db| {
                let moved = db.execute(
                    "UPDATE reply SET state = 'waiting', before = attempts, due_at = 0, code = NULL, detail = NULL,
                     changed_at = ?2 WHERE state = 'failed' AND (?1 IS NULL OR id = ?1)",
                    (&only, now_ms()),
                )?;
                db.count(|change| change.replies += i64::try_from(moved).unwrap_or(i64::MAX));
                Ok(moved)
            })
            .await?;
        self.shared.replies.wake_all();
        Ok(moved)
    }
}

fn settle(db: &Db<'_>, seq: i64, attempt: &Attempt) -> sql::Result<()> {
    let now = now_ms();
    let waits = "WHERE seq = ?1 AND state = 'waiting'";
    match attempt {
        Attempt::Paused { due_at, reason } => {
            let sql = format!("UPDATE reply SET due_at = ?2, code = ?3, detail = ?4 {waits}");
            let due_at = due_at.map_or(0, Timestamp::as_millisecond);
            db.execute(&sql, (seq, due_at, &reason.code, &reason.detail)).map(drop)
        }
        Attempt::Later { due_at, reason } => {
            let sql = format!(
                "UPDATE reply SET attempts = attempts + 1, due_at = ?2, code = ?3, detail = ?4 {waits}"
            );
            db.execute(&sql, (seq, due_at.as_millisecond(), &reason.code, &reason.detail)).map(drop)
        }
        Attempt::Moved { channel, address } => {
            let sql = format!(
                "UPDATE reply SET channel = ?2, address = ?3, before = attempts, due_at = 0, code = NULL,
                 detail = NULL {waits}"
            );
            db.execute(&sql, (seq, channel.as_str(), json(address))).map(drop)
        }
        Attempt::Failed(reason) => {
            let sql = format!("UPDATE reply SET attempts = attempts + 1 {waits}");
            if db.execute(&sql, [seq])? == 1 {
                advance(db, seq, ReplyState::Failed, Some(reason), now)?;
            }
            Ok(())
        }
        Attempt::Sent(vendor_ids) => {
            let sql = format!("UPDATE reply SET attempts = attempts + 1, code = NULL, detail = NULL {waits}");
            if db.execute(&sql, [seq])? == 0 {
                return Ok(());
            }
            advance(db, seq, ReplyState::Sent, None, now)?;
            let channel: String =
                db.prepare("SELECT channel FROM reply WHERE seq = ?1")?.query_row([seq], |row| row.get(0))?;
            // what was sent before by another way, or failed, says nothing of this sending
            db.execute("DELETE FROM reply_part WHERE seq = ?1", [seq])?;
            for vendor_id in vendor_ids {
                // a vendor that numbers anew names a later message by this id
                db.execute(
                    "INSERT INTO reply_part (channel, vendor_id, seq) VALUES (?1, ?2, ?3)
                     ON CONFLICT (channel, vendor_id) DO UPDATE SET seq = ?3, state = 'sent'",
                    (&channel, vendor_id, seq),
                )?;
            }
            vendor_ids.iter().try_for_each(|vendor_id| report::catch_up(db, &channel, vendor_id, seq))
        }
    }
}

/// Moves a reply's state, and tells the core CRM of one that it asked for.
pub(in crate::store) fn advance(
    db: &Db<'_>,
    seq: i64,
    state: ReplyState,
    reason: Option<&ReplyReason>,
    at: i64,
) -> sql::Result<()> {
    let before: String =
        db.prepare("SELECT state FROM reply WHERE seq = ?1")?.query_row([seq], |row| row.get(0))?;
    db.execute(
        "UPDATE reply SET state = ?2, code = ?3, detail = ?4, changed_at = ?5 WHERE seq = ?1",
        (seq, state.as_str(), reason.map(|r| &r.code), reason.map(|r| &r.detail), at),
    )?;
    if before == "waiting" {
        db.count(|change| change.replies -= 1);
    }
    let told = db
        .prepare(
            "SELECT r.id, r.channel, r.attempts, c.complaint, c.serial FROM reply r
             JOIN correspondence c ON c.serial = r.serial WHERE seq = ?1 AND occasion = 'reply'",
        )?
        .query_row([seq], |row| {
            Ok((
                row.get::<String>(0)?,
                row.get::<String>(1)?,
                row.get::<u32>(2)?,
                row.get::<uuid::Uuid>(3)?,
                row.get::<i64>(4)?,
            ))
        })
        .optional()?;
    let Some((id, channel, attempts, complaint, serial)) = told else { return Ok(()) };
    let Ok(channel) = channel.parse::<ChannelId>() else { return Ok(()) };
    let event = Event::reply(ReplyProgress {
        reply_id: id.strip_prefix("reply:").unwrap_or(&id).to_owned(),
        complaint_id: ComplaintId(complaint),
        reference: db.reference(serial),
        channel,
        state,
        at: instant(at),
        attempts,
        reason: reason.cloned(),
    });
    let new = NewEvent { id: event.id, routing_key: event.routing_key(), body: json(&event) };
    outbox::put(db, ComplaintId(complaint), &new)
}
