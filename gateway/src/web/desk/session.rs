//! Who is signed in, and whether a request was meant by them.

use axum::http::{HeaderMap, HeaderValue};
use jiff::{SignedDuration, Timestamp};
use muara_connectors::desk::{Office, Officer};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};

use super::{Desk, Desks, fault::Fault};
pub use crate::web::account::{HashError, hash_password};
use crate::web::account::{
    request::{self, cookies},
    seal,
};

/// The session's cookie.
pub(crate) const SESSION: &str = "muara_desk";
const VISITOR: &str = "muara_desk_visitor";
const RECEIPT: &str = "muara_desk_receipt";
/// How long a receipt can be shown again.
const RECEIPT_HOURS: u32 = 12;

/// What a session cookie says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Session {
    channel: String,
    pub(super) officer: String,
    pub(super) office: String,
    issued: Timestamp,
    pub(super) expires: Timestamp,
    /// Of the password's hash: a changed password ends the sessions made with the old one.
    password: String,
    nonce: String,
}

/// A session that was checked against the configuration.
pub(super) struct SignedIn<'a> {
    pub(super) session: Session,
    pub(super) officer: &'a Officer,
    pub(super) office: &'a Office,
    pub(super) csrf: String,
}

/// Why nobody is signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoSession {
    /// No cookie, or not one of ours.
    Absent,
    /// It was good once: its time is over, or the officer's password, office or account has changed.
    Ended,
    /// Of another channel.
    Elsewhere,
}

/// What a receipt's cookie says: all that its page shows.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ReceiptNote {
    channel: String,
    pub(super) reference: String,
    pub(super) office: String,
    pub(super) officer: String,
    pub(super) received_at: Timestamp,
    pub(super) held: bool,
    expires: Timestamp,
}

impl Desks {
    pub(super) fn begin(
        &self,
        desk: &Desk,
        user: &str,
        officer: &Officer,
    ) -> Result<Session, getrandom::Error> {
        let now = self.now();
        let lasts = SignedDuration::from_hours(self.state.session_hours.into());
        Ok(Session {
            channel: desk.id().to_owned(),
            officer: user.to_owned(),
            office: officer.office.clone(),
            issued: now,
            expires: now.checked_add(lasts).unwrap_or(now),
            password: self.fingerprint(officer),
            nonce: seal::nonce()?,
        })
    }

    fn fingerprint(&self, officer: &Officer) -> String {
        self.seal.mark("password", officer.password_hash.expose_secret())
    }

    pub(super) fn signed_in<'a>(
        &self,
        desk: &'a Desk,
        headers: &HeaderMap,
    ) -> Result<SignedIn<'a>, NoSession> {
        let session: Session =
            cookies(headers, SESSION).find_map(|c| self.seal.open(SESSION, c)).ok_or(NoSession::Absent)?;
        if session.channel != desk.id() {
            return Err(NoSession::Elsewhere);
        }
        self.recognise(desk, session)
    }

    /// Checks a session against the clock and the configuration of now.
    pub(super) fn recognise<'a>(&self, desk: &'a Desk, session: Session) -> Result<SignedIn<'a>, NoSession> {
        let now = self.now();
        if now >= session.expires || now < session.issued {
            return Err(NoSession::Ended);
        }
        let officer = desk.settings().officers.get(&session.officer).ok_or(NoSession::Ended)?;
        if officer.office != session.office || self.fingerprint(officer) != session.password {
            return Err(NoSession::Ended);
        }
        let office = desk.office(&session.office).ok_or(NoSession::Ended)?;
        let csrf = self.csrf(&session);
        Ok(SignedIn { session, officer, office, csrf })
    }

    pub(super) fn csrf(&self, session: &Session) -> String {
        self.seal.mark("csrf", &session.nonce)
    }

    pub(super) fn csrf_fits(&self, session: &Session, token: &str) -> bool {
        self.seal.fits("csrf", &session.nonce, token)
    }

    pub(super) fn session_cookie(&self, session: &Session, headers: &HeaderMap) -> Option<HeaderValue> {
        let seconds = self.state.session_hours.saturating_mul(3600);
        self.cookie(SESSION, &self.seal.close(SESSION, session), "/desk", Some(seconds), headers)
    }

    pub(super) fn ended_cookie(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        self.cookie(SESSION, "", "/desk", Some(0), headers)
    }

    /// The token of the sign-in form, and the cookie it is bound to where the browser has none yet.
    pub(super) fn visitor(
        &self,
        headers: &HeaderMap,
    ) -> Result<(String, Option<HeaderValue>), getrandom::Error> {
        if let Some(nonce) = self.visitor_nonce(headers) {
            return Ok((self.seal.mark("visitor-csrf", &nonce), None));
        }
        let nonce = seal::nonce()?;
        let cookie = self.cookie(VISITOR, &self.seal.close(VISITOR, &nonce), "/desk", None, headers);
        Ok((self.seal.mark("visitor-csrf", &nonce), cookie))
    }

    /// Whether a sign-in form comes from the browser that was given it.
    pub(super) fn check_visitor(&self, headers: &HeaderMap, token: &str) -> Result<(), Fault> {
        let nonce = self.visitor_nonce(headers).ok_or(Fault::NoCookies)?;
        if self.seal.fits("visitor-csrf", &nonce, token) { Ok(()) } else { Err(Fault::Csrf) }
    }

    fn visitor_nonce(&self, headers: &HeaderMap) -> Option<String> {
        cookies(headers, VISITOR).find_map(|cookie| self.seal.open(VISITOR, cookie))
    }

    /// A cookie for the receipt's own page: nothing about the citizen is in it, and no other page gets it.
    pub(super) fn receipt_cookie(
        &self,
        desk: &Desk,
        signed_in: &SignedIn<'_>,
        receipt: &crate::intake::Receipt,
        headers: &HeaderMap,
    ) -> Option<HeaderValue> {
        let now = self.now();
        let lasts = SignedDuration::from_hours(RECEIPT_HOURS.into());
        let note = ReceiptNote {
            channel: desk.id().to_owned(),
            reference: receipt.reference.to_string(),
            office: signed_in.session.office.clone(),
            officer: signed_in.session.officer.clone(),
            received_at: receipt.received_at,
            held: receipt.held,
            expires: now.checked_add(lasts).unwrap_or(now),
        };
        let path = receipt_path(desk, receipt.reference.as_str());
        self.cookie(RECEIPT, &self.seal.close(RECEIPT, &note), &path, Some(RECEIPT_HOURS * 3600), headers)
    }

    pub(super) fn receipt_note(
        &self,
        desk: &Desk,
        signed_in: &SignedIn<'_>,
        reference: &str,
        headers: &HeaderMap,
    ) -> Option<ReceiptNote> {
        let notes = cookies(headers, RECEIPT).filter_map(|cookie| self.seal.open(RECEIPT, cookie));
        notes.into_iter().find(|note: &ReceiptNote| {
            note.reference == reference
                && note.channel == desk.id()
                && note.office == signed_in.session.office
                && self.now() < note.expires
        })
    }

    fn cookie(
        &self,
        name: &str,
        value: &str,
        path: &str,
        seconds: Option<u32>,
        headers: &HeaderMap,
    ) -> Option<HeaderValue> {
        request::cookie((name, value), path, seconds, self.secure(headers))
    }
}

pub(super) fn receipt_path(desk: &Desk, reference: &str) -> String {
    format!("/desk/{}/receipts/{reference}", desk.id())
}
