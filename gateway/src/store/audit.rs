//! What operators did: written before it is done, so that nothing is done unseen.

use jiff::Timestamp;

use super::{
    Store, StoreError,
    inbox::instant,
    now_ms,
    rooms::Page,
    sql::{self, OptionalExtension},
};

/// What somebody is about to do.
#[derive(Clone, Debug)]
pub struct NewAudit {
    /// Who.
    pub who: String,
    /// In which role.
    pub role: &'static str,
    /// What, in a word or two.
    pub what: &'static str,
    /// To which rows or channels; a line for each.
    pub targets: Vec<String>,
    /// Why.
    pub reason: Option<String>,
    /// What is said of it until it has ended: [`UNDER_WAY`], where an end is to be written down.
    pub outcome: Option<&'static str>,
}

/// How the outcome of what has not ended begins.
pub const UNDER_WAY: &str = "under way";

/// A line of the audit log.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Audited {
    /// Its number.
    pub seq: i64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub who: String,
    /// In which role.
    pub role: String,
    /// What.
    pub what: String,
    /// To what.
    pub target: String,
    /// Why.
    pub reason: Option<String>,
    /// What came of it.
    pub outcome: Option<String>,
}

impl Store {
    /// Writes down what is about to be done. The numbers of the lines, in the order of the targets.
    ///
    /// # Errors
    /// Nothing was written, and nothing may be done.
    pub async fn audit(&self, new: NewAudit) -> Result<Vec<i64>, StoreError> {
        let process = self.shared.process;
        self.write(move |db| {
            let sql = "INSERT INTO audit (at, who, role, what, target, reason, outcome, process)
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) RETURNING seq";
            let mut insert = db.prepare(sql)?;
            let at = now_ms();
            let each = new.targets.iter().map(|target| {
                let row = (at, &new.who, new.role, new.what, target, &new.reason, new.outcome, process);
                insert.query_row(row, |row| row.get(0))
            });
            each.collect()
        })
        .await
    }

    /// Writes down what came of it.
    ///
    /// # Errors
    /// The lines stay without an outcome.
    pub async fn audit_outcome(&self, outcomes: Vec<(i64, String)>) -> Result<(), StoreError> {
        self.write(move |db| {
            outcomes.iter().try_for_each(|(seq, outcome)| {
                db.execute("UPDATE audit SET outcome = ?2 WHERE seq = ?1", (seq, outcome)).map(drop)
            })
        })
        .await
    }

    /// Calls interrupted what was under way in a process that is at its end; how far it came stays. Returns how many lines.
    /// On a file, what a command does at this moment is called so, too, until that writes down what came of it.
    ///
    /// # Errors
    /// The lines stay as they are.
    pub async fn interrupted(&self) -> Result<usize, StoreError> {
        let own = self.shared.process;
        self.write(move |db| {
            let sql = "SELECT DISTINCT process FROM audit WHERE substr(outcome, 1, length(?1)) = ?1";
            let doing: Vec<i64> =
                db.prepare(sql)?.query_map([UNDER_WAY], |row| row.get(0))?.collect::<sql::Result<_>>()?;
            let mut lines = 0;
            for process in doing {
                if process == i64::from(own) || db.lives(process)? {
                    continue;
                }
                let sql = "UPDATE audit SET outcome = 'interrupted' || substr(outcome, length(?1) + 1)
                           WHERE substr(outcome, 1, length(?1)) = ?1 AND process = ?2";
                lines += db.execute(sql, (UNDER_WAY, process))?;
            }
            Ok(lines)
        })
        .await
    }

    /// The line of a number.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn audit_line(&self, seq: i64) -> Result<Option<Audited>, StoreError> {
        self.read(move |connection| {
            let sql = "SELECT seq, at, who, role, what, target, reason, outcome FROM audit WHERE seq = ?1";
            connection.prepare_cached(sql)?.query_row([seq], audited).optional()
        })
        .await
    }

    /// Lines in which a text stands as who, what, target or reason, newest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn audited(&self, text: String, page: Page) -> Result<Vec<Audited>, StoreError> {
        self.read(move |connection| {
            let sql = "SELECT seq, at, who, role, what, target, reason, outcome FROM audit
                       WHERE ?1 = '' OR instr(lower(who || ' ' || what || ' ' || target || ' ' || coalesce(reason, '')), lower(?1)) > 0
                       ORDER BY seq DESC LIMIT ?2 OFFSET ?3";
            let rows = (text, page.most, page.after);
            connection.prepare_cached(sql)?.query_map(rows, audited)?.collect()
        })
        .await
    }
}

fn audited(row: &sql::Row<'_>) -> sql::Result<Audited> {
    Ok(Audited {
        seq: row.get(0)?,
        at: instant(row.get(1)?),
        who: row.get(2)?,
        role: row.get(3)?,
        what: row.get(4)?,
        target: row.get(5)?,
        reason: row.get(6)?,
        outcome: row.get(7)?,
    })
}
