//! Signing in and out.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, Request, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Redirect, Response},
};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::json;

use super::{
    Desk, Desks, Shared, Visit,
    fault::Fault,
    form::{self, EntryForm},
    pages::{FormPage, Frame, SignInPage, fault_page, page},
    read_body, require_media_type,
    session::Session,
};
use crate::web::{
    account::{
        door::{Door, Knock, Shut},
        request::{client_address, same_origin, set_cookie},
    },
    problem::refusals,
};

/// A sign-in form may carry an entry that waits for it.
const FORM_BYTES: usize = 512 * 1024;
const JSON_BYTES: usize = 8 * 1024;

#[derive(Deserialize)]
struct SignInForm {
    #[serde(default)]
    csrf: String,
    #[serde(default)]
    user: String,
    password: SecretString,
    #[serde(default)]
    carried: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignInJson {
    user: String,
    password: SecretString,
}

#[derive(Deserialize)]
struct SignOutForm {
    #[serde(default)]
    csrf: String,
}

/// The address of a form that was reloaded: back to the desk.
pub(super) async fn back(State(desks): Shared, Path(channel): Path<String>) -> Response {
    match desks.desk(&channel) {
        Ok(desk) => Redirect::to(&format!("/desk/{}", desk.id())).into_response(),
        Err(fault) => fault_page(&fault, None),
    }
}

pub(super) async fn post_form(
    State(desks): Shared,
    Path(channel): Path<String>,
    request: Request,
) -> Response {
    let visit = Visit::from(request);
    let desk = match desks.desk(&channel) {
        Ok(desk) => desk,
        Err(fault) => return fault_page(&fault, None),
    };
    let headers = &visit.parts.headers;
    let form = match read_form(headers, visit.body).await {
        Ok(form) => form,
        Err(fault) => return fault_page(&fault, Some(&desk)),
    };
    let carried: Option<EntryForm> = Some(&form.carried)
        .filter(|text| !text.is_empty())
        .and_then(|text| form::parse(text.as_bytes()).ok());
    let session = match desks.check_visitor(headers, &form.csrf) {
        Ok(()) => {
            let address = client_address(&visit.parts).map(|address| address.to_string());
            desks.authenticate(&desk, &form.user, form.password, address).await
        }
        Err(fault) => Err(fault),
    };
    match session {
        Err(fault) => {
            let status = fault.status();
            desks.sign_in_page(&desk, headers, Some(&fault), &form.user, carried.as_ref(), status)
        }
        Ok(session) => desks.welcome(&desk, headers, &session, carried),
    }
}

async fn read_form(headers: &HeaderMap, body: axum::body::Body) -> Result<SignInForm, Fault> {
    same_origin(headers)?;
    require_media_type(headers, "application/x-www-form-urlencoded")?;
    form::parse(&read_body(body, FORM_BYTES).await?)
}

refusals!(Refusals {
    400 "The body is broken.";
    401 "Wrong user name or password.";
    403 "Sent by a page of another site.";
    404 "There is no such channel, or it is no desk.";
    408 "The body did not arrive in time.";
    413 "The body is too large.";
    415 "The body is not JSON.";
    429 "Too many failures: try again after `Retry-After`.";
    503 "The channel is off, or too many sign in at once.";
});

/// Signs a program in: the answer sets the session's cookie.
#[utoipa::path(
    post, path = "/desk/{channel}/api/session", tag = "desk", operation_id = "desk_sign_in",
    params(("channel" = String, Path, description = "The channel's id.")),
    request_body = ref("#/components/schemas/SignIn"),
    responses(
        (status = 200, description = "Signed in.", body = ref("#/components/schemas/Session")),
        Refusals,
    )
)]
pub(super) async fn post_json(
    State(desks): Shared,
    Path(channel): Path<String>,
    request: Request,
) -> Response {
    match sign_in_json(&desks, &channel, request.into()).await {
        Ok(response) => response,
        Err(fault) => fault.problem(),
    }
}

async fn sign_in_json(desks: &Arc<Desks>, channel: &str, visit: Visit) -> Result<Response, Fault> {
    let desk = desks.desk(channel)?;
    let headers = &visit.parts.headers;
    same_origin(headers)?;
    require_media_type(headers, "application/json")?;
    let body = read_body(visit.body, JSON_BYTES).await?;
    let given: SignInJson = serde_json::from_slice(&body).map_err(|error| Fault::Syntax {
        detail: format!("{:?}, baris {} kolom {}", error.classify(), error.line(), error.column()),
    })?;
    let address = client_address(&visit.parts).map(|address| address.to_string());
    let session = desks.authenticate(&desk, &given.user, given.password, address).await?;
    let body = json!({
        "csrf_token": desks.csrf(&session),
        "officer": session.officer,
        "office": session.office,
        "expires_at": session.expires,
    });
    let mut response = Json(body).into_response();
    set_cookie(&mut response, desks.session_cookie(&session, headers));
    Ok(response)
}

pub(super) async fn sign_out(
    State(desks): Shared,
    Path(channel): Path<String>,
    request: Request,
) -> Response {
    let visit = Visit::from(request);
    match end(&desks, &channel, visit).await {
        Ok(response) => response,
        Err(fault) => fault_page(&fault, None),
    }
}

async fn end(desks: &Desks, channel: &str, visit: Visit) -> Result<Response, Fault> {
    let desk = desks.desk(channel)?;
    let headers = &visit.parts.headers;
    same_origin(headers)?;
    require_media_type(headers, "application/x-www-form-urlencoded")?;
    let form: SignOutForm = form::parse(&read_body(visit.body, JSON_BYTES).await?)?;
    if let Ok(signed_in) = desks.signed_in(&desk, headers)
        && !desks.csrf_fits(&signed_in.session, &form.csrf)
    {
        return Err(Fault::Csrf);
    }
    let mut response = Redirect::to(&format!("/desk/{}", desk.id())).into_response();
    set_cookie(&mut response, desks.ended_cookie(headers));
    Ok(response)
}

impl Desks {
    pub(super) fn sign_in_page(
        &self,
        desk: &Desk,
        headers: &HeaderMap,
        fault: Option<&Fault>,
        user: &str,
        carried: Option<&EntryForm>,
        status: StatusCode,
    ) -> Response {
        let (csrf, cookie) = match self.visitor(headers) {
            Ok(visitor) => visitor,
            Err(error) => return fault_page(&error.into(), Some(desk)),
        };
        let template = SignInPage {
            frame: Frame::new(Some(desk), None),
            csrf: &csrf,
            user,
            notice: fault.map(|fault| super::words::fault(fault).1),
            photos_lost: carried.is_some_and(EntryForm::has_photos),
            carried: carried.and_then(|form| serde_urlencoded::to_string(form).ok()).map(Into::into),
        };
        let mut response = page(status, &template);
        set_cookie(&mut response, cookie);
        match fault {
            Some(fault) => fault.with_retry_after(response),
            None => response,
        }
    }

    /// On to the form; with the entry that waited for it, the form with its words.
    fn welcome(
        &self,
        desk: &Desk,
        headers: &HeaderMap,
        session: &Session,
        carried: Option<EntryForm>,
    ) -> Response {
        let cookie = self.session_cookie(session, headers);
        let mut response = Redirect::to(&format!("/desk/{}", desk.id())).into_response();
        if let Some(form) = carried
            && let Ok(signed_in) = self.recognise(desk, session.clone())
        {
            let template = FormPage::new(desk, Some(&signed_in), &form).resumed();
            response = page(StatusCode::OK, &template);
        }
        set_cookie(&mut response, cookie);
        response
    }

    async fn authenticate(
        self: &Arc<Self>,
        desk: &Desk,
        user: &str,
        password: SecretString,
        address: Option<String>,
    ) -> Result<Session, Fault> {
        let user = Door::name(user);
        let officers = &desk.settings().officers;
        let officer = officers.get(&user);
        let knock = Knock {
            who: format!("{}/{user}", desk.id()),
            address,
            password,
            hash: officer.or_else(|| officers.values().next()).map(|officer| officer.password_hash.clone()),
            known: officer.is_some(),
        };
        match (self.door.knock(knock, self.now()).await, officer) {
            (Ok(()), Some(officer)) => Ok(self.begin(desk, &user, officer)?),
            (Err(Shut::LockedOut { wait }), _) => Err(Fault::LockedOut { wait }),
            (Err(Shut::Busy { wait }), _) => Err(Fault::Busy { wait }),
            (Ok(()) | Err(Shut::Wrong), known) => {
                self.report_failure(desk, known.map(|_| user.as_str()));
                Err(Fault::WrongPassword)
            }
        }
    }

    /// A name that is nobody's is not logged: people type passwords there by mistake.
    fn report_failure(&self, desk: &Desk, known: Option<&str>) {
        let officer = known.unwrap_or("(unknown)");
        tracing::warn!(channel = desk.id(), officer, "A sign-in at the desk failed.");
    }
}
