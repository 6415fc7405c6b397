//! Load: vendors that post distinct signed reports and deliver again what is not answered 2xx.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use muara_normalizer::ComplaintId;
use serde_json::Value;
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep, timeout_at},
};

use crate::{
    consume::{Received, depth, drain},
    gateway::{Gateway, PATIENCE, client},
    reports::{Reports, Signed},
};

/// How long a vendor waits before it delivers again; it also gives up on an answer after two seconds.
const REDELIVER_AFTER: Duration = Duration::from_millis(20);
const GIVES_UP_AFTER: Duration = Duration::from_secs(2);

/// The event of a complaint has an id that follows from the complaint's.
pub fn event_id(complaint: ComplaintId) -> String {
    complaint.event_id("complaint.received.v1", 0).to_string()
}

/// Vendors at work.
pub struct Vendors {
    shared: Arc<Shared>,
    tasks: JoinSet<()>,
}

struct Shared {
    url: String,
    reports: Reports,
    /// Body and answer of every report that was answered 2xx.
    answered: Mutex<BTreeMap<String, (Signed, Value)>>,
    count: watch::Sender<usize>,
    /// Deliveries that failed or were refused, by status (0: no answer).
    refused: Mutex<BTreeMap<u16, usize>>,
    stop: AtomicBool,
}

impl Vendors {
    /// So many vendors that post to a channel. Of what they had answered they deliver every third report once more.
    pub fn start(gateway: &Gateway, channel: &str, secret: &str, count: usize) -> Self {
        let shared = Arc::new(Shared {
            url: gateway.url(&format!("/in/{channel}")),
            reports: Reports::new(secret),
            answered: Mutex::default(),
            count: watch::Sender::new(0),
            refused: Mutex::default(),
            stop: AtomicBool::new(false),
        });
        let mut tasks = JoinSet::new();
        for _ in 0..count {
            tasks.spawn(Arc::clone(&shared).work());
        }
        Self { shared, tasks }
    }

    /// Waits until `more` further reports were answered 2xx.
    ///
    /// # Panics
    /// If they are not.
    pub async fn answers(&self, more: usize) {
        let mut count = self.shared.count.subscribe();
        let goal = *count.borrow_and_update() + more;
        let waiting = count.wait_for(|count| *count >= goal);
        match timeout_at(Instant::now() + PATIENCE, waiting).await {
            Ok(count) => drop(count.unwrap()),
            Err(_) => panic!("{more} more answers never came; refused: {:?}", self.refused()),
        }
    }

    /// Deliveries that were refused, by status (0: no answer).
    pub fn refused(&self) -> BTreeMap<u16, usize> {
        self.shared.refused.lock().unwrap().clone()
    }

    /// What was answered so far: external id and complaint id.
    pub fn answered(&self) -> BTreeMap<String, ComplaintId> {
        let answered = self.shared.answered.lock().unwrap();
        answered.iter().map(|(id, (_, answer))| (id.clone(), complaint(answer))).collect()
    }

    /// Lets every vendor bring its last report to an end, and returns what was answered.
    ///
    /// # Panics
    /// If a redelivery was answered otherwise than the first delivery, or a report is never answered.
    pub async fn finish(mut self) -> BTreeMap<String, ComplaintId> {
        self.shared.stop.store(true, Ordering::Relaxed);
        let deadline = Instant::now() + PATIENCE;
        loop {
            match timeout_at(deadline, self.tasks.join_next()).await {
                Ok(None) => break,
                Ok(Some(ended)) => ended.unwrap(),
                Err(_) => panic!("a report is never answered; refused: {:?}", self.refused()),
            }
        }
        self.answered()
    }
}

impl Shared {
    async fn work(self: Arc<Self>) {
        let http = client();
        let mut turn = 0_usize;
        while !self.stop.load(Ordering::Relaxed) {
            let report = self.reports.next();
            let answer = self.deliver(&http, &report).await;
            self.answered.lock().unwrap().insert(report.ids[0].clone(), (report, answer));
            self.count.send_modify(|count| *count += 1);
            turn += 1;
            if turn.is_multiple_of(3) {
                let (again, first) = self.earlier(turn);
                assert_eq!(self.deliver(&http, &again).await, first, "a redelivery of {:?}", again.ids);
            }
        }
    }

    /// Some report that was answered before, perhaps by a process that is gone.
    fn earlier(&self, turn: usize) -> (Signed, Value) {
        let answered = self.answered.lock().unwrap();
        let place = turn.wrapping_mul(2_654_435_761) % answered.len();
        answered.values().nth(place).unwrap().clone()
    }

    /// Delivers until it is answered 2xx.
    async fn deliver(&self, http: &reqwest::Client, report: &Signed) -> Value {
        loop {
            let delivery = tokio::time::timeout(GIVES_UP_AFTER, async {
                let response = report.post(http, &self.url).await.map_err(|_| 0_u16)?;
                let status = response.status().as_u16();
                let body = response.text().await.map_err(|_| 0_u16)?;
                if (200..300).contains(&status) { Ok(body) } else { Err(status) }
            });
            match delivery.await.unwrap_or(Err(0)) {
                Ok(body) => return serde_json::from_str(&body).unwrap(),
                Err(status) => *self.refused.lock().unwrap().entry(status).or_default() += 1,
            }
            sleep(REDELIVER_AFTER).await;
        }
    }
}

/// The complaint's id in an answer to one report.
fn complaint(answer: &Value) -> ComplaintId {
    let accepted = answer["accepted"].as_array().unwrap();
    assert_eq!(accepted.len(), 1, "{answer}");
    serde_json::from_value(accepted[0]["id"].clone()).unwrap()
}

/// Waits until a gateway has nothing left to pass on, reads the queue empty, and holds what was there against the
/// answers.
///
/// # Panics
/// If a report is missing, if one is there under two ids, or if something is there that nobody was told of.
pub async fn all_arrive(gateway: &Gateway, url: &str, answered: &BTreeMap<String, ComplaintId>) {
    arrive(gateway, url, &["crm.complaints"], answered, BTreeMap::new()).await;
}

/// What lies on the queue now, by external id.
pub type Seen = BTreeMap<String, Value>;

/// As [`all_arrive`], where they lie on several queues, or `seen` was taken off before.
///
/// # Panics
/// As [`all_arrive`].
pub async fn arrive(
    gateway: &Gateway,
    url: &str,
    queues: &[&str],
    answered: &BTreeMap<String, ComplaintId>,
    mut seen: Seen,
) {
    for place in ["inbox", "outbox", "dead", "quarantined"] {
        gateway.waiting(place, 0).await;
    }
    for queue in queues {
        take_off(url, queue, &mut seen).await;
    }
    check(&seen, answered);
}

/// Reads a queue empty.
///
/// # Panics
/// If one report is there under two ids.
pub async fn take_off(url: &str, queue: &str, seen: &mut Seen) {
    for message in drain(url, queue, depth(url, queue).await, PATIENCE).await {
        note(seen, &message);
    }
}

fn note(seen: &mut Seen, message: &Received) {
    let event: Value = serde_json::from_slice(&message.body).unwrap();
    assert_eq!(event["id"], message.message_id.as_str());
    let external = event["data"]["external"]["id"].as_str().unwrap().to_owned();
    let ids = serde_json::json!([event["id"], event["data"]["id"], event["data"]["reference"]]);
    let first = seen.entry(external.clone()).or_insert_with(|| ids.clone());
    assert_eq!(*first, ids, "report {external} is there under two ids");
}

fn check(seen: &Seen, answered: &BTreeMap<String, ComplaintId>) {
    let missing: Vec<_> = answered.keys().filter(|id| !seen.contains_key(*id)).collect();
    assert!(
        missing.is_empty(),
        "{} of {} answered reports never came: {missing:?}",
        missing.len(),
        answered.len()
    );
    let strange: Vec<_> = seen.keys().filter(|id| !answered.contains_key(*id)).collect();
    assert!(strange.is_empty(), "nobody was told that these were taken: {strange:?}");
    for (id, complaint) in answered {
        assert_eq!(seen[id][1], serde_json::json!(complaint), "report {id}");
        assert_eq!(seen[id][0], event_id(*complaint).as_str(), "report {id}");
    }
}
