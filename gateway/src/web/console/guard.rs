//! The one way in: who is there, and whether a form was made by their own page.

use std::{sync::Arc, time::Duration};

use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Redirect, Response},
};

use super::{
    Console,
    frame::{FaultPage, NobodyPage, page},
    openid::Refused,
    session::{NoSession, SignedIn},
};
use crate::{
    config::Role,
    store::StoreError,
    web::account::request::{BadBody, CrossSite, is_media_type, read_body, same_origin},
};

/// A form holds ticked rows and a reason.
const FORM_BYTES: usize = 256 * 1024;

/// Why something is not done or not shown.
#[derive(Debug)]
pub(super) enum Fault {
    /// Sent by a page of another site.
    CrossSite,
    /// The form's token is missing or not the session's.
    Csrf,
    /// The browser keeps no cookies, or drops ours since they are for HTTPS only.
    NoCookies,
    /// Nobody is signed in any more.
    SignedOut,
    /// The user's role is not enough.
    NotAllowed {
        /// The role that is.
        needs: Role,
    },
    /// Wrong user name or password.
    WrongPassword,
    /// Too many failures.
    LockedOut {
        /// How long to wait.
        wait: Duration,
    },
    /// Too many at once.
    Busy,
    /// The provider of the sign-in let them not in, or could not be asked.
    OpenId(Refused),
    /// Broken, too large, or not a form.
    BadForm,
    /// No reason was given where one is asked for.
    NoReason,
    /// No row was ticked.
    NothingChosen,
    /// There is nothing of that name.
    NotFound,
    /// The system gives no random numbers.
    Random,
    /// The store fails.
    Store(StoreError),
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<CrossSite> for Fault {
    fn from(_: CrossSite) -> Self {
        Self::CrossSite
    }
}

impl From<BadBody> for Fault {
    fn from(_: BadBody) -> Self {
        Self::BadForm
    }
}

impl From<Refused> for Fault {
    fn from(refused: Refused) -> Self {
        Self::OpenId(refused)
    }
}

impl From<getrandom::Error> for Fault {
    fn from(_: getrandom::Error) -> Self {
        Self::Random
    }
}

impl Fault {
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::CrossSite | Self::Csrf | Self::NoCookies | Self::NotAllowed { .. } => StatusCode::FORBIDDEN,
            Self::OpenId(refused) => refused.status(),
            Self::SignedOut | Self::WrongPassword => StatusCode::UNAUTHORIZED,
            Self::LockedOut { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::BadForm => StatusCode::BAD_REQUEST,
            Self::NoReason | Self::NothingChosen => StatusCode::UNPROCESSABLE_ENTITY,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Busy | Self::Random | Self::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// What happened, and what to do.
    pub(super) fn words(&self) -> String {
        match self {
            Self::CrossSite => "This was sent by a page of another site. Nothing was done.".to_owned(),
            Self::Csrf => {
                "This page is too old: you have signed in again since. Nothing was done; go back, reload and try again.".to_owned()
            }
            Self::NoCookies => {
                "The browser did not keep our cookie. Open the console by HTTPS, or set secure_cookies = false in [console] where it is reached without TLS.".to_owned()
            }
            Self::SignedOut => "Your session has ended. Nothing was done; sign in and try again.".to_owned(),
            Self::NotAllowed { needs } => {
                format!("Only users with the role {} may do this. Nothing was done.", needs.as_str())
            }
            Self::WrongPassword => "Wrong user name or password.".to_owned(),
            Self::LockedOut { wait } => {
                format!("Too many failed sign-ins. Try again in {}.", super::words::duration(*wait))
            }
            Self::Busy => "Too many sign in at once. Try again in a few seconds.".to_owned(),
            Self::OpenId(refused) => refused.words().to_owned(),
            Self::BadForm => "The form did not come in whole. Nothing was done.".to_owned(),
            Self::NoReason => "Say why: the reason goes into the audit log. Nothing was done.".to_owned(),
            Self::NothingChosen => "No row was ticked. Nothing was done.".to_owned(),
            Self::NotFound => "There is nothing here of that name. It may have gone its way meanwhile.".to_owned(),
            Self::Random => "The system gives no random numbers. Nothing was done.".to_owned(),
            Self::Store(error) => format!("The store fails: {error}"),
        }
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let mut response = page(self.status(), &FaultPage::new(&self));
        if let Self::LockedOut { wait } = self {
            response.headers_mut().insert(header::RETRY_AFTER, (wait.as_secs() + 1).into());
        }
        response
    }
}

/// A form's fields, in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    pub(super) fn get(&self, name: &str) -> &str {
        self.all(name).next().unwrap_or_default()
    }

    pub(super) fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    /// The reason that was given.
    ///
    /// # Errors
    /// There is none.
    pub(super) fn reason(&self) -> Result<String, Fault> {
        let reason: String = self.get("reason").trim().chars().take(500).collect();
        if reason.is_empty() { Err(Fault::NoReason) } else { Ok(reason) }
    }
}

/// Reads a form of this site.
pub(super) async fn read_form(headers: &HeaderMap, body: Body) -> Result<Form, Fault> {
    same_origin(headers)?;
    if !is_media_type(headers, "application/x-www-form-urlencoded") {
        return Err(Fault::BadForm);
    }
    let body = read_body(body, FORM_BYTES).await?;
    serde_urlencoded::from_bytes(&body).map(Form).map_err(|_| Fault::BadForm)
}

/// Lets those in who are signed in, and their own forms.
pub(super) async fn guard(State(console): State<Arc<Console>>, request: Request, next: Next) -> Response {
    if console.nobody() {
        return page(StatusCode::OK, &NobodyPage::new());
    }
    let signed_in = match console.signed_in(request.headers()) {
        Ok(signed_in) => signed_in,
        Err(why) => return outside(&request, why),
    };
    match admit(&console, signed_in, request).await {
        Ok(request) => next.run(request).await,
        Err(fault) => fault.into_response(),
    }
}

async fn admit(console: &Console, signed_in: SignedIn, request: Request) -> Result<Request, Fault> {
    let (mut parts, body) = request.into_parts();
    let reads = matches!(parts.method, Method::GET | Method::HEAD);
    if !reads {
        let form = read_form(&parts.headers, body).await?;
        if !console.csrf_fits(&parts.headers, form.get("csrf")) {
            return Err(Fault::Csrf);
        }
        parts.extensions.insert(form);
        parts.extensions.insert(signed_in);
        return Ok(Request::from_parts(parts, Body::empty()));
    }
    parts.extensions.insert(signed_in);
    Ok(Request::from_parts(parts, body))
}

/// To the sign-in, and back from there; what asks for a part of a page is only told.
fn outside(request: &Request, why: NoSession) -> Response {
    let part = request.headers().contains_key("hx-request")
        || request.headers().get(header::ACCEPT).is_some_and(|accept| accept == "text/event-stream");
    if part || request.method() != Method::GET {
        return Fault::SignedOut.into_response();
    }
    let back = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let ended = if why == NoSession::Ended { "&ended=1" } else { "" };
    let query = serde_urlencoded::to_string([("next", back)]).unwrap_or_default();
    Redirect::to(&format!("/sign-in?{query}{ended}")).into_response()
}
