//! Changes of earlier messages: each behind the message that it changes.

use muara_normalizer::IdempotencyKey;
use rusqlite::OptionalExtension;
use uuid::Uuid;

use super::{
    super::{Db, held, media, writer::size},
    Intake, NewAmendment, RECEIPT, Taken, accept, find,
};

/// Puts a change behind the message that it changes. What was never here is not changed: an edited message is taken as
/// it is now, and the deletion of a message that never came changes nothing.
pub(super) fn take(
    db: &Db<'_>,
    intake: &Intake,
    amendment: &NewAmendment,
    at: i64,
    taken: &mut Taken,
) -> rusqlite::Result<()> {
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
    let of = (target.id, serial, target.serial);
    let wait_until = media::open(db, &amendment.files, of, &intake.channel)?;
    taken.amended += 1;
    if held::follow(db, intake, &amendment.body, &target, (serial, wait_until))? {
        return Ok(());
    }
    // a change must not overtake its message
    let sql = "SELECT wait_until FROM inbox WHERE serial = ?1";
    let message: Option<i64> = db.prepare(sql)?.query_row([target.serial], |row| row.get(0)).optional()?;
    let wait_until = wait_until.max(message.unwrap_or_default());
    db.execute(
        "INSERT INTO inbox (serial, id, channel, at, draft, amends, wait_until) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        (serial, target.id.0, intake.channel.as_str(), at, &amendment.body, target.serial, wait_until),
    )?;
    db.count(|change| {
        change.inbox += 1;
        change.bytes += size(&amendment.body);
    });
    Ok(())
}

fn remember(db: &Db<'_>, key: &IdempotencyKey, serial: i64, id: Uuid, at: i64) -> rusqlite::Result<()> {
    let sql = "INSERT INTO receipt VALUES (?1, ?2, ?3, ?4, 0)";
    db.execute(sql, (&key.text, serial, id, at)).map(drop)
}
