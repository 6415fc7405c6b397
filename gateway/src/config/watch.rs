//! `[watch]`: the clocks of a complaint, and when a channel is too quiet.

use std::{collections::BTreeSet, path::Path};

use jiff::civil::Date;
use muara_connectors::SettingsError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::check::zeros;
use crate::watch::{Calendar, Clocks};

/// Nobody forgets a complaint: what is not answered in its time is told to the core CRM by `complaint.overdue.v1`, once and
/// then daily. The clocks run from receipt and stop with the core CRM's replies.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Watch {
    /// Hours to the first word of the core CRM, whatever it is; 0 switches this clock off.
    pub follow_up_hours: u32,
    /// Days to a status that says somebody works on it; 0 switches this clock off.
    pub response_days: u32,
    /// Days to a status that ends it; 0 switches this clock off.
    pub finish_days: u32,
    /// Count working days (Monday to Friday, without holidays) for the two clocks in days.
    pub working_days: bool,
    /// A file with one holiday a line (`2026-12-25`, words after it are remarks), relative to this file; empty means none.
    /// No working days, and as quiet as Sundays.
    pub holidays: String,
    /// Hours until it is told again.
    pub repeat_hours: u32,
    /// When a channel is too quiet.
    pub silence: Silence,
    /// When what all channels stand on is wrong.
    pub alarms: Alarms,
}

impl Default for Watch {
    fn default() -> Self {
        Self {
            follow_up_hours: 24,
            response_days: 3,
            finish_days: 7,
            working_days: true,
            holidays: String::new(),
            repeat_hours: 24,
            silence: Silence::default(),
            alarms: Alarms::default(),
        }
    }
}

/// What all channels stand on, and what waits too long: each raises an alarm in `/health`, the console and the metrics. 0 for
/// no such alarm.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Alarms {
    /// Minutes for which the broker takes no events.
    pub broker_minutes: u32,
    /// MiB that are free on the store's disk.
    pub disk_free_mb: u64,
    /// Minutes for which a message waits to be made a complaint; chats gather for some, see [gather].
    pub inbox_minutes: u32,
    /// Minutes for which an event waits for the broker.
    pub outbox_minutes: u32,
    /// Hours for which a message over a limit waits.
    pub held_hours: u32,
    /// Hours for which nobody looks at what could not be understood.
    pub quarantine_hours: u32,
}

impl Default for Alarms {
    fn default() -> Self {
        Self {
            broker_minutes: 5,
            disk_free_mb: 1024,
            inbox_minutes: 30,
            outbox_minutes: 15,
            held_hours: 24,
            quarantine_hours: 24,
        }
    }
}

impl Alarms {
    /// Bytes that are free on the store's disk, at least.
    #[must_use]
    pub fn disk_free_bytes(&self) -> u64 {
        self.disk_free_mb.saturating_mul(1024 * 1024)
    }
}

/// A channel is silent when so little came by it, compared with the same hours of the weeks before, that it is no chance:
/// then something is wrong on the way, though nothing fails here. Each channel may say otherwise in a table `silence` of
/// its own with the same keys.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Silence {
    /// False never calls it silent.
    pub enabled: bool,
    /// Weeks that tell what is usual; the quieter ones of them count.
    pub weeks: u8,
    /// Weeks that must be known of an hour before anything is said of it.
    pub learn_weeks: u8,
    /// The chance of so little below which it is no chance, 0 to 1.
    pub improbable: f64,
    /// It is silent, too, when nothing at all came for so many hours; 0 for no such bound.
    pub longest_hours: u32,
}

impl Default for Silence {
    fn default() -> Self {
        Self { enabled: true, weeks: 6, learn_weeks: 3, improbable: 0.0001, longest_hours: 168 }
    }
}

impl Silence {
    /// What is wrong with the values.
    pub(super) fn wrong(&self) -> Vec<SettingsError> {
        let weeks = [("weeks", self.weeks.into()), ("learn_weeks", self.learn_weeks.into())];
        let mut wrong = zeros(&weeks);
        if self.learn_weeks > self.weeks {
            wrong.push(SettingsError::value("learn_weeks", "must not be more than `weeks`"));
        }
        if !(self.improbable > 0.0 && self.improbable < 1.0) {
            wrong.push(SettingsError::value("improbable", "must be between 0 and 1"));
        }
        // what is older is forgotten
        if self.longest_hours > u32::from(self.weeks) * 168 {
            wrong.push(SettingsError::value("longest_hours", "must not be longer than `weeks`"));
        }
        wrong
    }
}

impl Watch {
    /// The clocks.
    pub(super) fn clocks(&self, holidays: BTreeSet<Date>) -> Result<Clocks, SettingsError> {
        if self.repeat_hours == 0 {
            return Err(SettingsError::value("repeat_hours", "must be at least 1"));
        }
        Ok(Clocks {
            follow_up_hours: self.follow_up_hours,
            response_days: self.response_days,
            finish_days: self.finish_days,
            repeat_hours: self.repeat_hours,
            calendar: if self.working_days { Calendar::Working { holidays } } else { Calendar::Every },
        })
    }

    /// The holidays of the file.
    pub(super) fn read_holidays(&self, base: &Path) -> Result<BTreeSet<Date>, SettingsError> {
        let name = self.holidays.trim();
        if name.is_empty() {
            return Ok(BTreeSet::new());
        }
        let file = base.join(name);
        let wrong =
            |detail: String| SettingsError::value("holidays", format!("{}: {detail}", file.display()));
        let text = std::fs::read_to_string(&file).map_err(|error| wrong(error.to_string()))?;
        let lines = text.lines().zip(1..).map(|(line, number)| (line.trim(), number));
        let days =
            lines.filter(|(line, _)| !line.is_empty() && !line.starts_with('#')).map(|(line, number)| {
                let day = line.split_whitespace().next().unwrap_or_default();
                day.parse::<Date>()
                    .map_err(|_| wrong(format!("line {number}: `{day}` is no date like 2026-12-25")))
            });
        days.collect()
    }
}
