//! A channel that is quieter than it usually is at this hour is called silent, and nothing else is.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp, civil::Date};
use muara::{
    channel::{Channel, Channels},
    config::Silence,
    silence::{Hour, Listener, Quiet},
};
use muara_connectors::Item;

use crate::egress::{Office, channel, draft};

const HOUR: u32 = 3600;
/// A Wednesday, midnight in Jakarta.
const WEDNESDAY: &str = "2027-03-02T17:00:00Z";

/// What comes in an hour of the week, counted from Sunday midnight: much on working days, little at night.
fn usual(hour: i64) -> u32 {
    let (day, hour) = (hour.div_euclid(24).rem_euclid(7), hour.rem_euclid(24));
    match (day, hour) {
        (_, ..6) => 1,
        (0, _) => 8,
        (6, _) => 20,
        _ => 40,
    }
}

/// The number of an hour from 1970, as the store counts.
fn number(at: Timestamp) -> i64 {
    at.as_second().div_euclid(3600)
}

/// The hour of Jakarta's week.
fn of_week(number: i64) -> i64 {
    // 1 January 1970, 7 o'clock on a Thursday
    (number + 7 + 4 * 24).rem_euclid(168)
}

/// A gateway with one channel, at a time of its own.
struct City {
    office: Office,
    channels: Channels,
    listener: Listener,
    now: Timestamp,
}

fn sms(silence: Silence) -> Channel {
    Channel { silence, ..channel("sms", None) }
}

impl City {
    /// At a time, knowing so many weeks before it.
    async fn at(now: &str, silence: Silence, holidays: &[&str], weeks: i64, past: fn(i64) -> u32) -> Self {
        let now: Timestamp = now.parse().unwrap();
        let office = Office::open([sms(silence.clone())]);
        let hours = number(now) - weeks * 168..number(now);
        let row = |hour| ("sms".to_owned(), hour, Hour { messages: past(hour), seconds: HOUR });
        office.store.write_traffic(hours.map(row).collect(), BTreeMap::new(), 0).await.unwrap();
        let holidays: BTreeSet<Date> = holidays.iter().map(|day| day.parse().unwrap()).collect();
        let listener = Listener::open(&office.store, &holidays).await.unwrap();
        Self { listener, office, channels: [sms(silence)].into_iter().collect(), now }
    }

    /// An hour with so many messages passes. How quiet it is, if the channel is silent then.
    async fn hour(&mut self, messages: u32) -> Option<String> {
        let count = usize::try_from(messages).unwrap();
        self.office.health.took(&"sms".parse().unwrap(), (count, count), 0);
        self.passes(HOUR).await
    }

    async fn passes(&mut self, seconds: u32) -> Option<String> {
        self.now += SignedDuration::from_secs(seconds.into());
        let gateway = (&self.office.store, &*self.office.health, &self.channels);
        self.listener.look(gateway, self.now, seconds).await.unwrap();
        let told = self.office.health.report().remove(0);
        assert_eq!(told.state.as_str() == "silent", told.silence.is_some() && told.advice.is_some());
        told.silence.map(|quiet| quiet.words)
    }

    /// So many hours of the usual, or of a part of it in hundredths; those of them in which it was called silent.
    async fn hours(&mut self, count: usize, part: u32) -> Vec<usize> {
        let mut silent = Vec::new();
        for hour in 0..count {
            let messages = usual(of_week(number(self.now))) * part / 100;
            if self.hour(messages).await.is_some() {
                silent.push(hour);
            }
        }
        silent
    }
}

/// More and less than usual, as chance will have it, but never the same two weeks.
fn by_chance(hour: i64) -> u32 {
    let usual = usual(of_week(hour));
    let dice = u32::try_from((hour * 7919).rem_euclid(41)).unwrap();
    usual * (80 + dice) / 100
}

fn as_usual(hour: i64) -> u32 {
    usual(of_week(hour))
}

#[tokio::test]
async fn a_usual_week_with_its_nights_and_its_sunday_is_not_silent() {
    let mut city = City::at(WEDNESDAY, Silence::default(), &[], 6, by_chance).await;
    for _ in 0..168 {
        let messages = by_chance(number(city.now));
        let quiet = city.hour(messages).await;
        assert_eq!(quiet, None, "{}", city.now);
    }
}

#[tokio::test]
async fn an_outage_is_heard_within_an_hour_by_day_and_in_the_morning_if_it_begins_at_night() {
    let mut city = City::at(WEDNESDAY, Silence::default(), &[], 6, by_chance).await;
    assert_eq!(city.hours(10, 100).await, [0_usize; 0]);
    let words = city.hour(0).await.unwrap();
    assert!(words.starts_with("nothing in the last hour, where "), "{words}");
    assert_eq!(city.hours(2, 0).await, [0, 1], "as long as it lasts");
    assert_eq!(city.hours(11, 100).await, [0_usize; 0], "it is over with the first hour that is well");

    // midnight to six: one message in an hour is usual, and none for some hours is nothing
    assert_eq!(city.hours(6, 0).await, [0_usize; 0]);
    assert!(city.hour(0).await.is_some(), "at seven there should be many");
}

#[tokio::test]
async fn a_trickle_is_silence_and_a_quiet_day_is_not() {
    let mut city = City::at("2027-03-03T02:00:00Z", Silence::default(), &[], 6, by_chance).await;
    let words = city.hour(2).await.unwrap();
    assert!(words.starts_with("2 messages in the last hour, where "), "{words}");
    assert_eq!(city.hours(5, 60).await, [0_usize; 0]);
    assert_eq!(city.passes(300).await, None, "five minutes without any");
}

#[tokio::test]
async fn minutes_end_a_silence() {
    let mut city = City::at("2027-03-03T02:00:00Z", Silence::default(), &[], 6, by_chance).await;
    assert_eq!(city.hours(3, 0).await, [0, 1, 2]);
    let mut silent = Vec::new();
    for _ in 0..15 {
        city.office.health.took(&"sms".parse().unwrap(), (1, 1), 0);
        silent.push(city.passes(60).await.is_some());
    }
    assert!(silent[0], "one message does not make it well");
    assert!(!silent[14], "{silent:?}");
}

#[tokio::test]
async fn a_holiday_is_as_quiet_as_a_sunday_and_teaches_nothing() {
    let eid = "2027-03-10";
    let sunday = |city: &City| usual(of_week(number(city.now)) % 24);
    for (holidays, expected) in [(&[eid][..], false), (&[][..], true)] {
        let mut city = City::at("2027-03-09T17:00:00Z", Silence::default(), holidays, 6, as_usual).await;
        let mut silent = false;
        for _ in 0..24 {
            silent |= city.hour(sunday(&city)).await.is_some();
        }
        assert_eq!(silent, expected, "{holidays:?}");
    }
    // nor is nothing at all usual after four Wednesdays in a row on which nobody worked
    let off = ["2027-02-10", "2027-02-17", "2027-02-24", "2027-03-03"];
    let past = |hour: i64| {
        if (72..96).contains(&of_week(hour)) && hour > number("2027-02-05T00:00:00Z".parse().unwrap()) {
            0
        } else {
            usual(of_week(hour))
        }
    };
    let keeps = Silence { weeks: 8, ..Silence::default() };
    for (holidays, expected) in [(&off[..], true), (&[][..], false)] {
        let mut city = City::at("2027-03-10T02:00:00Z", keeps.clone(), holidays, 8, past).await;
        assert_eq!(city.hour(0).await.is_some(), expected, "{holidays:?}");
    }
}

#[tokio::test]
async fn an_outage_of_a_week_ago_is_not_what_is_usual() {
    let past = |hour: i64| {
        let from = |day: &str| number(day.parse().unwrap());
        let outage = from("2027-02-22T00:00:00Z")..from("2027-02-27T00:00:00Z");
        if outage.contains(&hour) { 0 } else { usual(of_week(hour)) }
    };
    let mut city = City::at("2027-03-03T02:00:00Z", Silence::default(), &[], 6, past).await;
    let words = city.hour(0).await.unwrap();
    assert!(words.starts_with("nothing in the last hour"), "{words}");
}

#[tokio::test]
async fn a_new_channel_is_learned_before_anything_is_said_of_it() {
    let mut city = City::at(WEDNESDAY, Silence::default(), &[], 0, |_| 0).await;
    for week in 0..3 {
        assert_eq!(city.hours(168 - 24, 100).await, [0_usize; 0], "week {week}");
        assert_eq!(city.hours(24, if week == 2 { 0 } else { 100 }).await, [0_usize; 0], "week {week}");
    }
    assert_eq!(city.hours(6, 100).await, [0_usize; 0]);
    assert!(city.hour(0).await.is_some());
}

#[tokio::test]
async fn a_channel_that_brings_little_is_silent_after_the_longest_time_it_may_be() {
    let rare = |hour: i64| u32::from(hour % 400 == 0);
    let silence = Silence { longest_hours: 100, ..Silence::default() };
    let mut city = City::at(WEDNESDAY, silence, &[], 6, rare).await;
    city.hour(1).await;
    for hour in 1..=99 {
        assert_eq!(city.hour(0).await, None, "{hour}");
    }
    assert_eq!(city.hour(0).await.unwrap(), "nothing at all for 100 hours");
    assert_eq!(city.hour(1).await, None);
    // one that never brought anything is not called so
    let mut city =
        City::at(WEDNESDAY, Silence { longest_hours: 3, ..Silence::default() }, &[], 1, |_| 0).await;
    assert_eq!(city.hours(6, 0).await, [0_usize; 0]);
}

#[tokio::test]
async fn while_nobody_listens_nothing_is_missed() {
    let mut city = City::at("2027-03-03T02:00:00Z", Silence::default(), &[], 6, as_usual).await;
    let id = "sms".parse().unwrap();
    city.office.store.pause(&id, "oki", "the vendor moves").await.unwrap();
    assert_eq!(city.hours(5, 0).await, [0_usize; 0]);
    city.office.store.resume(&id).await.unwrap();
    city.office.health.paused(&city.office.store.paused());
    assert_eq!(city.passes(60).await, None, "the hours before do not count");
    // nor do those in which the gateway was off
    city.now += SignedDuration::from_hours(5);
    assert_eq!(city.passes(60).await, None);
    assert!(city.hour(0).await.is_some());
    city.channels = [sms(Silence { enabled: false, ..Silence::default() })].into_iter().collect();
    assert_eq!(city.hour(0).await, None, "switched off");
}

#[tokio::test]
async fn a_restart_keeps_what_was_learned_and_since_when_it_is_silent() {
    let mut city = City::at("2027-03-03T02:00:00Z", Silence::default(), &[], 6, by_chance).await;
    city.hour(38).await;
    city.hour(0).await.unwrap();
    let begun = city.now;
    city.hour(0).await.unwrap();
    let (before, _) = city.office.store.traffic().await.unwrap();
    let office = city.office.restarts().await;
    let (traffic, silent) = office.store.traffic().await.unwrap();
    assert_eq!(traffic, before);
    assert_eq!(traffic["sms"][&(number(begun) - 2)], Hour { messages: 38, seconds: HOUR });
    assert_eq!(silent["sms"].since, begun);
    let listener = Listener::open(&office.store, &BTreeSet::new()).await.unwrap();
    let mut city = City { office, listener, ..city };
    assert!(city.passes(0).await.is_some(), "at once");
    let quiet: Quiet = city.office.health.report().remove(0).silence.unwrap();
    assert_eq!(quiet.since, begun);
}

#[tokio::test]
async fn what_comes_again_and_what_is_not_understood_are_counted_for_what_they_are() {
    let office = Office::open([sms(Silence::default())]);
    for _ in 0..3 {
        office.takes("sms", vec![Item::Draft(Box::new(draft("a")))]).await;
    }
    office.takes("sms", vec![Item::Draft(Box::new(draft("b")))]).await;
    let arrived = office.health.arrived();
    assert_eq!(arrived.values().sum::<u32>(), 2, "redeliveries are no news");
    assert_eq!(office.health.arrived().values().sum::<u32>(), 0, "taken once");
}
