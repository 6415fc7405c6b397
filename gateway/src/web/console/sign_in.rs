//! Signing in with a password of the configuration.

use std::sync::Arc;

use axum::{
    extract::{Query, Request, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Redirect, Response},
};
use secrecy::SecretString;
use serde::Deserialize;

use super::{
    Console, Shared,
    frame::{NobodyPage, SignInPage, page},
    guard::{Fault, read_form},
    session::{Session, SignedIn},
};
use crate::{
    store::audit::NewAudit,
    web::account::{
        door::{Door, Knock, Shut},
        request::{client_address, set_cookie},
    },
};

#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    next: String,
    #[serde(default)]
    ended: String,
    /// Signed out here, but not at the provider.
    #[serde(default)]
    out: String,
    /// `out` where the provider leads back to after signing out there, too.
    #[serde(default)]
    state: String,
}

pub(super) async fn form(State(console): Shared, Query(asked): Query<Asked>, headers: HeaderMap) -> Response {
    if console.nobody() {
        return page(StatusCode::OK, &NobodyPage::new());
    }
    let notice = match (asked.ended.as_str(), asked.out.as_str()) {
        ("", "") if asked.state == "out" => {
            Some("You are signed out, here and at the provider of your sign-in.".to_owned())
        }
        ("", "") => None,
        ("", _) => Some("You are signed out here, but not at the provider of your sign-in.".to_owned()),
        _ => Some(Fault::SignedOut.words()),
    };
    console.sign_in_page(&headers, notice, "", &asked.next, StatusCode::OK)
}

pub(super) async fn post_form(State(console): Shared, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let headers = &parts.headers;
    let form = match read_form(headers, body).await {
        Ok(form) => form,
        Err(fault) => return fault.into_response(),
    };
    let address = client_address(&parts).map(|address| address.to_string());
    let session = match console.check_visitor(headers, form.get("csrf")) {
        Ok(()) => console.authenticate(form.get("user"), form.get("password").into(), address).await,
        Err(fault) => Err(fault),
    };
    match session {
        Ok(session) => {
            let mut response = Redirect::to(&back(form.get("next"))).into_response();
            set_cookie(&mut response, console.session_cookie(&session, headers));
            response
        }
        Err(fault @ (Fault::WrongPassword | Fault::LockedOut { .. } | Fault::NoCookies | Fault::Csrf)) => {
            let (words, status) = (fault.words(), fault.status());
            console.sign_in_page(headers, Some(words), form.get("user"), form.get("next"), status)
        }
        Err(fault) => fault.into_response(),
    }
}

/// A path of our own; anything else would lead a user away.
pub(super) fn back(next: &str) -> String {
    let own = next.starts_with('/') && !next.starts_with("//") && !next.contains(['\\', '\r', '\n']);
    if own && !next.starts_with("/sign-in") { next.to_owned() } else { "/".to_owned() }
}

impl Console {
    fn sign_in_page(
        &self,
        headers: &HeaderMap,
        notice: Option<String>,
        user: &str,
        next: &str,
        status: StatusCode,
    ) -> Response {
        let (csrf, cookie) = match self.visitor(headers) {
            Ok(visitor) => visitor,
            Err(error) => return Fault::from(error).into_response(),
        };
        let mut response = page(status, &SignInPage::new(self, &csrf, user, next, notice));
        set_cookie(&mut response, cookie);
        response
    }

    async fn authenticate(
        self: &Arc<Self>,
        typed: &str,
        password: SecretString,
        address: Option<String>,
    ) -> Result<Session, Fault> {
        let name = Door::name(typed);
        let user = self.users().get(&name);
        let knock = Knock {
            who: name.clone(),
            address,
            password,
            hash: user.or_else(|| self.users().values().next()).map(|user| user.password_hash.0.clone()),
            known: user.is_some(),
        };
        match (self.door.knock(knock, self.now()).await, user) {
            (Ok(()), Some(user)) => {
                let session = self.begin(&name, user)?;
                let line = NewAudit {
                    who: name.clone(),
                    role: user.role.as_str(),
                    what: "sign in",
                    targets: vec![name],
                    reason: None,
                    outcome: None,
                };
                self.state.store.audit(line).await?;
                Ok(session)
            }
            (Err(Shut::LockedOut { wait }), _) => Err(Fault::LockedOut { wait }),
            (Err(Shut::Busy { .. }), _) => Err(Fault::Busy),
            (Ok(()) | Err(Shut::Wrong), known) => {
                // a name that is nobody's is not logged: people type passwords there by mistake
                let user = known.map_or("(unknown)", |_| name.as_str());
                tracing::warn!(user, "A sign-in at the console failed.");
                Err(Fault::WrongPassword)
            }
        }
    }

    /// Writes down what somebody is about to do; the numbers of the lines.
    pub(super) async fn note(
        &self,
        who: &SignedIn,
        what: &'static str,
        targets: Vec<String>,
        reason: Option<String>,
    ) -> Result<Vec<i64>, Fault> {
        let line =
            NewAudit { who: who.user.clone(), role: who.role.as_str(), what, targets, reason, outcome: None };
        Ok(self.state.store.audit(line).await?)
    }
}
