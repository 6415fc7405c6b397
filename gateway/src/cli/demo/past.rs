//! What went before the demonstration: a year of complaints that came, were followed up and ended, and what the core CRM
//! answers today. So that report, usual rates and overdue list show what they show in a city.

use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use muara_normalizer::{ComplaintId, ReplyRequest, event::ClockKind, reply::Answered};
use rusqlite::{Connection, TransactionBehavior};
use serde_json::json;

use super::DemoError;
use crate::{app::Gateway, cli::CliError};

/// Days that are told of, and complaints on each.
const DAYS: i64 = 360;
const EACH_DAY: i64 = 30;
/// Complaints written in one transaction.
const AT_ONCE: usize = 500;
/// Of a hundred complaints: how many came by each channel.
const SHARES: [(&str, u64); 4] = [("qlue", 68), ("sms", 17), ("media_massa", 5), ("kelurahan", 10)];
/// What the core CRM answers to today's complaints, one after the other.
const ANSWERS: [(&str, &str); 4] = [
    ("Menunggu", "Laporan Anda menunggu tindak lanjut dinas terkait."),
    ("Proses", "Petugas sudah di lokasi."),
    ("Selesai", "Sudah ditangani. Terima kasih atas laporannya."),
    ("Ditolak", "Bukan kewenangan Pemprov DKI Jakarta."),
];

/// The past is written into the store, and the core CRM answers some of today's complaints.
pub(super) async fn tell(gateway: &Gateway) -> Result<(), CliError> {
    // the demonstration keeps its messages in a file
    let Some(file) = gateway.store.file().map(Path::to_owned) else { return Ok(()) };
    let written = tokio::task::spawn_blocking(move || write(&file, Timestamp::now())).await;
    let today = written.map_err(std::io::Error::other)?.map_err(DemoError::Past)?;
    for (place, complaint) in today.into_iter().enumerate() {
        // some wait for their first word
        let Some((status, text)) = ANSWERS.get(place % 6) else { continue };
        let request = json!({ "reply_id": format!("demo-{place}"), "complaint_id": complaint, "status": status, "text": text });
        if let Ok(request) = ReplyRequest::parse(request.to_string().as_bytes()) {
            gateway.store.request_reply(request, Answered::Complaint(complaint)).await?;
        }
    }
    Ok(())
}

/// The same numbers each time.
struct Dice(u64);

impl Dice {
    /// From 0 to below.
    fn below(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// Writes the past; complaints of today.
fn write(file: &Path, now: Timestamp) -> rusqlite::Result<Vec<ComplaintId>> {
    let mut connection = Connection::open(file)?;
    connection.busy_timeout(std::time::Duration::from_secs(10))?;
    let today = connection
        .prepare("SELECT complaint FROM correspondence ORDER BY serial")?
        .query_map([], |row| row.get(0).map(ComplaintId))?
        .collect::<rusqlite::Result<_>>()?;
    let mut dice = Dice(1708);
    // the gateway writes, too, and waits for its turn
    for first in (0..DAYS * EACH_DAY).step_by(AT_ONCE) {
        let change = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let numbers = first..(first + AT_ONCE as i64).min(DAYS * EACH_DAY);
        stretch(&change, numbers, now, &mut dice)?;
        change.commit()?;
    }
    Ok(today)
}

/// Writes a part of it.
fn stretch(
    change: &Connection,
    numbers: std::ops::Range<i64>,
    now: Timestamp,
    dice: &mut Dice,
) -> rusqlite::Result<()> {
    let mut serial: i64 = change.query_row("SELECT next_serial FROM level", [], |row| row.get(0))?;
    let mut put = change.prepare(
        "INSERT INTO correspondence (serial, complaint, channel, public, heard_at, status, status_at,
         first_reply_at, closed_at, done_at) VALUES (?1, ?2, ?3, 0, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?;
    let mut say = change.prepare(
        "INSERT INTO reply (id, occasion, serial, channel, body, state, at, changed_at)
         VALUES (?1, 'reply', ?2, ?3, x'7b7d', 'sent', ?4, ?4)",
    )?;
    let mut run = change.prepare("INSERT INTO clock VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, 0)")?;
    for number in numbers {
        let ago = SignedDuration::from_secs(number * 86_400 / EACH_DAY + 3600);
        let at = now.saturating_sub(ago).unwrap_or(now);
        let (id, channel) = (id(at, dice), channel(dice));
        let received = at.as_millisecond();
        // most are done within a week, some take their time, a few are refused
        let hours = match dice.below(100) {
            0..=90 => dice.below(150),
            91..=96 => 190 + dice.below(150),
            _ => 370 + dice.below(300),
        };
        let end = received + i64::try_from(hours).unwrap_or(0) * 3_600_000;
        let first = received + (end - received) / 8;
        let ended = end <= now.as_millisecond() && dice.below(100) < 96;
        let done = ended && dice.below(100) < 95;
        let replied = ended || (first <= now.as_millisecond() && dice.below(10) > 0);
        let status = match (done, ended, replied) {
            (true, ..) => Some("Selesai"),
            (_, true, _) => Some("Ditolak"),
            (.., true) => Some("Proses"),
            _ => None,
        };
        let since = if ended { end } else { first };
        put.execute((
            serial,
            id.0,
            channel,
            received,
            status,
            status.map(|_| since),
            replied.then_some(first),
            ended.then_some(end),
            done.then_some(end),
        ))?;
        if replied {
            say.execute((format!("reply:past-{serial}"), serial, channel, first))?;
        }
        let due = received + 86_400_000;
        if !replied && due < now.as_millisecond() {
            run.execute((serial, ClockKind::FollowUp.as_str(), id.0, channel, received, due))?;
        }
        serial += 1;
    }
    let sql = "UPDATE level SET confirmed = confirmed + ?1 - next_serial, next_serial = ?1";
    change.execute(sql, [serial]).map(drop)
}

fn id(at: Timestamp, dice: &mut Dice) -> ComplaintId {
    let mut random = [0; 10];
    random.fill_with(|| u8::try_from(dice.below(256)).unwrap_or(0));
    ComplaintId::from_parts(at, &random)
}

fn channel(dice: &mut Dice) -> &'static str {
    let mut left = dice.below(100);
    for (channel, share) in SHARES {
        if left < share {
            return channel;
        }
        left -= share;
    }
    "qlue"
}
