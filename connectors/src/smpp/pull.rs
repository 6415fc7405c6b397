//! Receiving: pages of `deliver_sm`, answered when they are on disk.

use std::{collections::HashSet, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use tokio::time::{Instant, timeout};

use super::{
    ledger::{self, Ledger},
    session::{Inbound, Session},
    settings::Settings,
};
use crate::{
    connector::{Cursor, Page, Pull, PullError},
    deliver::Unreachable,
    settings::ChannelSettings,
};

/// Messages in one page.
const PAGE: usize = 100;
/// The longest wait for a message; after it the ledger is tidied, and health hears that the session stands.
const IDLE: Duration = Duration::from_secs(15);

/// Opens the session of a channel.
pub(super) fn open(channel: &ChannelSettings) -> Option<Box<dyn Pull>> {
    let settings = channel.own::<Arc<Settings>>()?.clone();
    Some(Box::new(Receiver {
        settings,
        session: None,
        hand: Vec::new(),
        unproved: Vec::new(),
        proved: HashSet::new(),
    }))
}

struct Receiver {
    settings: Arc<Settings>,
    session: Option<Session>,
    /// The page that is out to be stored. It is given out again where it was not.
    hand: Vec<Inbound>,
    /// What was answered, and when, until it is known that the centre has read it.
    unproved: Vec<(String, Instant)>,
    /// What the centre has read our answer to, until the ledger has it.
    proved: HashSet<String>,
}

impl Pull for Receiver {
    fn next<'a>(&'a mut self, after: &'a Cursor) -> BoxFuture<'a, Result<Page, PullError>> {
        Box::pin(self.page(after))
    }

    fn stored(&mut self) -> BoxFuture<'_, Result<(), PullError>> {
        Box::pin(self.answer())
    }

    fn interval(&self) -> Duration {
        Duration::from_secs(1)
    }
}

impl Receiver {
    async fn page(&mut self, after: &Cursor) -> Result<Page, PullError> {
        let ledger = Ledger::read(after)?;
        let Some(session) = &mut self.session else {
            // nobody waits for answers to what an earlier session brought
            self.hand.clear();
            self.unproved.clear();
            self.session = Some(Session::open(&self.settings).await?);
            return Ok(Page { cursor: after.clone(), more: true, ..Page::default() });
        };
        if self.hand.is_empty() {
            match timeout(patience(&ledger, &self.settings), session.inbound.recv()).await {
                Ok(Some(first)) => self.hand.push(first),
                Ok(None) => return Err(self.ended().await),
                Err(_) => {}
            }
        }
        while self.hand.len() < PAGE
            && let Ok(next) = session.inbound.try_recv()
        {
            self.hand.push(next);
        }
        let proved_at = session.proved();
        let read = self.unproved.extract_if(.., |(_, answered)| *answered < proved_at);
        self.proved.extend(read.map(|(hash, _)| hash));
        let frames = self.hand.iter().map(|inbound| &inbound.frame);
        Ok(ledger.page(frames, &self.proved, &self.settings, Timestamp::now().as_second()))
    }

    async fn answer(&mut self) -> Result<(), PullError> {
        self.proved.clear();
        let Some(session) = &self.session else { return Ok(()) };
        let now = Instant::now();
        let mut open = true;
        for inbound in self.hand.drain(..) {
            open &= session.answer(inbound.sequence).await;
            self.unproved.push((ledger::hash(&inbound.frame), now));
        }
        if open { Ok(()) } else { Err(self.ended().await) }
    }

    async fn ended(&mut self) -> PullError {
        match self.session.take() {
            Some(session) => session.end().await,
            None => Unreachable::Protocol("there is no session".into()).into(),
        }
    }
}

/// How long to wait for a message: no longer than another one waits for its missing parts.
fn patience(ledger: &Ledger, settings: &Settings) -> Duration {
    let due = ledger.due(settings).map(|due| due - Timestamp::now().as_second());
    due.map_or(IDLE, |left| Duration::from_secs(left.try_into().unwrap_or_default()).min(IDLE))
}
