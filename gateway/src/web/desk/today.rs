//! The entries of one office since midnight: time, reference, category and where each stands. Nothing of the citizens.

use axum::{
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use jiff::{Timestamp, tz::TimeZone};
use muara_connectors::desk::Shows;
use muara_normalizer::{Reference, time::WIB};

use super::{
    Desk, Desks, Shared,
    entry::ended,
    fault::Fault,
    pages::{TodayPage, fault_page, page},
    session::SignedIn,
    words,
};
use crate::store::monthly::given_at;

/// More than a busy hall takes down in a day.
const MOST: u32 = 500;

/// One entry.
pub(super) struct Line {
    pub(super) at: Timestamp,
    pub(super) time: String,
    pub(super) reference: Reference,
    pub(super) category: String,
    pub(super) urgent: bool,
    pub(super) state: String,
}

impl Line {
    fn new(at: Timestamp, reference: Reference, shows: Shows, state: String) -> Self {
        let category = shows.category.unwrap_or_default();
        Self { at, time: words::clock(at), reference, category, urgent: shows.urgent, state }
    }
}

pub(super) async fn list(State(desks): Shared, Path(channel): Path<String>, headers: HeaderMap) -> Response {
    let desk = match desks.desk(&channel) {
        Ok(desk) => desk,
        Err(fault) => return fault_page(&fault, None),
    };
    let signed_in = match desks.signed_in(&desk, &headers) {
        Ok(signed_in) => signed_in,
        Err(none) => {
            return desks.sign_in_page(&desk, &headers, ended(none).as_ref(), "", None, StatusCode::OK);
        }
    };
    match desks.today(&desk, &signed_in).await {
        Ok(lines) => page(StatusCode::OK, &TodayPage::new(&desk, &signed_in, lines)),
        Err(fault) => fault_page(&fault, Some(&desk)),
    }
}

impl Desks {
    async fn today(&self, desk: &Desk, signed_in: &SignedIn<'_>) -> Result<Vec<Line>, Fault> {
        let now = self.now();
        let midnight =
            now.to_zoned(TimeZone::fixed(WIB)).start_of_day().map_or(now, |midnight| midnight.timestamp());
        let unreadable = |error: crate::store::StoreError| {
            tracing::error!(%error, channel = desk.id(), "The entries of the day cannot be read.");
            Fault::Unreadable
        };
        let channel = &desk.channel.id;
        let store = &self.state.store;
        let waiting = store.not_told(channel.clone(), midnight, MOST).await.map_err(unreadable)?;
        let office = signed_in.session.office.clone();
        let ours = move |shows: &Shows| shows.office == office;
        let mut lines: Vec<_> = waiting
            .into_iter()
            .filter_map(|waits| {
                let shows = Shows::read(waits.draft.return_address.as_ref()?).filter(&ours)?;
                Some(Line::new(waits.at, waits.reference, shows, words::place(waits.place).to_owned()))
            })
            .collect();
        let passed_on = store.correspondences(channel.clone(), midnight, now, MOST as usize, move |known| {
            let shows = Shows::read(known.address.as_ref()?).filter(&ours)?;
            let state = known
                .status
                .map_or_else(|| words::PASSED_ON.to_owned(), |(status, _)| status.name().to_owned());
            Some(Line::new(given_at(known.complaint.0), known.reference, shows, state))
        });
        lines.extend(passed_on.await.map_err(unreadable)?);
        lines.sort_by_key(|line| std::cmp::Reverse(line.at));
        Ok(lines)
    }
}
