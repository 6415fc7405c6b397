//! Who is signed in.

use axum::http::{HeaderMap, HeaderValue};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Console, guard::Fault};
use crate::{
    config::{OpenId, Role, User},
    web::account::{
        request::{self, cookies},
        seal,
    },
};

const SESSION: &str = "muara_console";
const VISITOR: &str = "muara_console_visitor";

/// What a session cookie says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Session {
    user: String,
    issued: Timestamp,
    expires: Timestamp,
    /// Of what let them in: a changed password, or another provider, ends the sessions made with the old one.
    proof: String,
    nonce: String,
    /// Of those who are no users of the configuration: what their provider said of them when they signed in.
    told: Option<Told>,
}

/// What a provider said of somebody.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Told {
    pub(super) name: String,
    pub(super) role: Role,
}

/// A user whose session was checked against the configuration.
#[derive(Clone, Debug)]
pub(super) struct SignedIn {
    pub(super) user: String,
    pub(super) name: String,
    pub(super) role: Role,
    pub(super) csrf: String,
    pub(super) expires: Timestamp,
    /// Whether a provider said who they are.
    pub(super) told: bool,
}

/// Why nobody is signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoSession {
    /// No cookie, or not one of ours.
    Absent,
    /// It was good once: its time is over, or the user's password or account has changed.
    Ended,
}

impl SignedIn {
    /// # Errors
    /// The role is not enough.
    pub(super) fn may(&self, role: Role) -> Result<(), Fault> {
        if self.role >= role { Ok(()) } else { Err(Fault::NotAllowed { needs: role }) }
    }

    pub(super) fn operates(&self) -> bool {
        self.role >= Role::Operator
    }

    pub(super) fn administers(&self) -> bool {
        self.role >= Role::Admin
    }
}

impl Console {
    pub(super) fn begin(&self, name: &str, user: &User) -> Result<Session, getrandom::Error> {
        self.begin_with(name, self.proof_of(user), None)
    }

    /// A session of somebody whom a provider knows.
    pub(super) fn begin_told(
        &self,
        who: &str,
        openid: &OpenId,
        told: Told,
    ) -> Result<Session, getrandom::Error> {
        self.begin_with(who, self.proof_by(openid), Some(told))
    }

    fn begin_with(&self, user: &str, proof: String, told: Option<Told>) -> Result<Session, getrandom::Error> {
        let now = self.now();
        let lasts = SignedDuration::from_hours(self.state.settings.session_hours.into());
        let expires = now.checked_add(lasts).unwrap_or(now);
        Ok(Session { user: user.to_owned(), issued: now, expires, proof, nonce: seal::nonce()?, told })
    }

    fn proof_of(&self, user: &User) -> String {
        self.seal.mark("password", user.password_hash.expose())
    }

    fn proof_by(&self, openid: &OpenId) -> String {
        let OpenId { issuer, client_id, roles_claim, roles, .. } = openid;
        self.seal.mark("openid", &format!("{issuer} {client_id} {roles_claim} {roles:?}"))
    }

    pub(super) fn signed_in(&self, headers: &HeaderMap) -> Result<SignedIn, NoSession> {
        let session: Session = cookies(headers, SESSION)
            .find_map(|cookie| self.seal.open(SESSION, cookie))
            .ok_or(NoSession::Absent)?;
        self.recognise(&session)
    }

    /// Checks a session against the clock and the configuration.
    pub(super) fn recognise(&self, session: &Session) -> Result<SignedIn, NoSession> {
        let now = self.now();
        if now >= session.expires || now < session.issued {
            return Err(NoSession::Ended);
        }
        let (name, role, proof) = match (&session.told, &self.state.settings.openid) {
            (Some(told), Some(openid)) => (told.name.clone(), told.role, self.proof_by(openid)),
            (Some(_), None) => return Err(NoSession::Ended),
            (None, _) => {
                let user = self.users().get(&session.user).ok_or(NoSession::Ended)?;
                (user.name.clone(), user.role, self.proof_of(user))
            }
        };
        if proof != session.proof {
            return Err(NoSession::Ended);
        }
        Ok(SignedIn {
            user: session.user.clone(),
            name,
            role,
            csrf: self.seal.mark("csrf", &session.nonce),
            expires: session.expires,
            told: session.told.is_some(),
        })
    }

    /// Whether a form's token is that of the session which comes with it.
    pub(super) fn csrf_fits(&self, headers: &HeaderMap, token: &str) -> bool {
        let session: Option<Session> =
            cookies(headers, SESSION).find_map(|cookie| self.seal.open(SESSION, cookie));
        session.is_some_and(|session| self.seal.fits("csrf", &session.nonce, token))
    }

    pub(super) fn session_cookie(&self, session: &Session, headers: &HeaderMap) -> Option<HeaderValue> {
        let seconds = self.state.settings.session_hours.saturating_mul(3600);
        let sealed = self.seal.close(SESSION, session);
        request::cookie((SESSION, &sealed), "/", Some(seconds), self.secure(headers))
    }

    pub(super) fn ended_cookie(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        request::cookie((SESSION, ""), "/", Some(0), self.secure(headers))
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
        let sealed = self.seal.close(VISITOR, &nonce);
        let cookie = request::cookie((VISITOR, &sealed), "/sign-in", None, self.secure(headers));
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
}
