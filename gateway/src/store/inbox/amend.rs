//! Changes of earlier messages: each behind the message that it changes.

use muara_normalizer::{Amendment, ComplaintId, IdempotencyKey, draft::Change};
use uuid::Uuid;

use super::{
    super::{
        Db, aside, gather, held,
        links::{self, As},
        media, original,
        sql::{self, OptionalExtension},
        writer::size,
    },
    Intake, NewAmendment, RECEIPT, Receipt, Taken, accept, find,
};

/// Puts a change behind the message that it changes. What was never here is not changed: an edited message is taken as
/// it is now, and the deletion of a message that never came changes nothing.
pub(super) fn take(
    db: &Db<'_>,
    intake: &Intake,
    amendment: &NewAmendment,
    at: i64,
    taken: &mut Taken,
) -> sql::Result<()> {
    if find(&mut db.prepare(RECEIPT)?, &amendment.key, at)?.is_some() {
        return Ok(());
    }
    let Some(target) = find(&mut db.prepare(RECEIPT)?, &amendment.target, at)? else {
        match &amendment.instead {
            Some(message) => taken.receipts.push(accept(db, intake, message, at)?),
            None => {
                taken.strangers += 1;
                return Ok(());
            }
        }
        return remember(db, &amendment.key, db.next_serial(), Uuid::nil(), at);
    };
    let serial = db.next_serial();
    remember(db, &amendment.key, serial, target.id.0, at)?;
    if unheard(db, intake, amendment, &target)? {
        taken.amended += 1;
        return Ok(());
    }
    let Some((target, body)) = of_complaint(db, amendment, target)? else {
        taken.amended += 1;
        return Ok(());
    };
    let of = (target.id, serial, target.serial);
    let wait_until = media::open(db, &amendment.files, of, &intake.channel)?;
    taken.amended += 1;
    if held::follow(db, intake, &body, &target, (serial, wait_until))? {
        return Ok(());
    }
    // a change must not overtake its message
    let sql = "SELECT wait_until FROM inbox WHERE serial = ?1";
    let message: Option<i64> = db.prepare(sql)?.query_row([target.serial], |row| row.get(0)).optional()?;
    let wait_until = wait_until.max(message.unwrap_or_default());
    db.execute(
        "INSERT INTO inbox (serial, id, channel, at, draft, amends, wait_until) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        (serial, target.id.0, intake.channel.as_str(), at, &body, target.serial, wait_until),
    )?;
    db.count(|change| {
        change.inbox += 1;
        change.bytes += size(&body);
    });
    Ok(())
}

/// Changes a message that nobody has heard of yet where it waits. False if its event has gone.
fn unheard(db: &Db<'_>, intake: &Intake, amendment: &NewAmendment, target: &Receipt) -> sql::Result<bool> {
    let draft = amendment.instead.as_ref().map(|message| message.draft.as_slice());
    if let Some((complaint, id)) = gather::rewrite(db, target.serial, draft)? {
        let until = media::open(db, &amendment.files, (id, target.serial, complaint), &intake.channel)?;
        let sql = "UPDATE inbox SET files_until = ?2 WHERE serial = ?1";
        db.execute(sql, (target.serial, until))?;
        return Ok(true);
    }
    // whoever takes thanks back has not complained either
    match draft {
        Some(draft) => aside::rewrite(db, target.serial, draft),
        None => db
            .prepare("SELECT EXISTS (SELECT 1 FROM set_aside WHERE serial = ?1)")?
            .query_row([target.serial], |row| row.get(0)),
    }
}

/// The complaint that a change is one of, and the change as it is one of that: of a message that is a part, what all of
/// them say now. Nothing if it changes nothing.
fn of_complaint(
    db: &Db<'_>,
    amendment: &NewAmendment,
    target: Receipt,
) -> sql::Result<Option<(Receipt, Vec<u8>)>> {
    let at_once = |(serial, id): (i64, ComplaintId)| Receipt { serial, id, ..target };
    let body = amendment.body.clone();
    let complaint = match links::joined(db, target.serial)? {
        Some((_, As::Repetition)) if amendment.instead.is_none() => return Ok(None),
        Some((complaint, As::Repetition)) => return Ok(Some((at_once(complaint), body))),
        Some((complaint, As::Part)) => complaint,
        None if links::has_parts(db, target.serial)? => (target.serial, target.id),
        None => return Ok(Some((target, body))),
    };
    let Ok(mut change) = serde_json::from_slice::<Amendment>(&body) else { return Ok(Some((target, body))) };
    let text = match &change.change {
        Change::Edited { draft } => Some(draft.text.clone()),
        Change::Reworded { text } => Some(text.clone()),
        Change::Deleted => None,
    };
    let texts = original::rewrite(db, complaint.1, target.serial, text.as_deref())?;
    if !texts.is_empty() {
        change.change = Change::Reworded { text: texts.join("\n") };
    }
    Ok(Some((at_once(complaint), serde_json::to_vec(&change).unwrap_or(body))))
}

fn remember(db: &Db<'_>, key: &IdempotencyKey, serial: i64, id: Uuid, at: i64) -> sql::Result<()> {
    let sql = "INSERT INTO receipt VALUES (?1, ?2, ?3, ?4, 0)";
    db.execute(sql, (&key.text, serial, id, at)).map(drop)
}
