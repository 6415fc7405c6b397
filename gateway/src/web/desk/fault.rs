//! Why a request gets no receipt, for a browser as a page and for a program as problem details (RFC 9457).

use std::time::Duration;

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use muara_connectors::{
    Reject,
    desk::{BadEntry, FieldError},
};
use serde_json::json;
use uuid::Uuid;

use super::{session::NoSession, words};
use crate::{
    intake::Refusal,
    web::{account::request::CrossSite, problem::Problem},
};

/// Why a request gets no receipt. Nothing of it was stored, but for [`Fault::Quarantined`].
#[derive(Debug)]
pub(super) enum Fault {
    /// No such channel, or none with a desk.
    NoChannel,
    /// The channel is off. The operator's to mend.
    Disabled,
    /// Sent by a page of another site.
    CrossSite,
    /// Nobody is signed in.
    SignedOut,
    /// The session has ended.
    SessionEnded,
    /// Signed in at another channel.
    OtherChannel,
    /// The form's token is missing or not the session's.
    Csrf,
    /// The browser keeps no cookies, or drops ours since they are for HTTPS only.
    NoCookies,
    /// Wrong user name or password.
    WrongPassword,
    /// Too many failures.
    LockedOut { wait: Duration },
    /// Not the media type that is taken here.
    MediaType { wanted: &'static str },
    /// More bytes than the channel allows.
    TooLarge { limit: usize },
    /// It did not come in whole in time.
    SlowBody,
    /// Broken JSON or form.
    Syntax { detail: String },
    /// No idempotency key.
    NoKey,
    /// The header's key is not the body's.
    TwoKeys,
    /// Wrong fields.
    Fields(Vec<FieldError>),
    /// Over the channel's or the citizen's limit.
    Limited { wait: Duration },
    /// The gateway cannot take it now.
    Busy { wait: Duration },
    /// Kept in quarantine: a fault of ours, since fields are checked before.
    Quarantined { id: Option<Uuid> },
    /// The system gives no random numbers.
    Random,
    /// The receipt cannot be shown here.
    NoReceipt,
    /// The store cannot be read.
    Unreadable,
}

impl From<getrandom::Error> for Fault {
    fn from(_: getrandom::Error) -> Self {
        Self::Random
    }
}

impl From<NoSession> for Fault {
    fn from(none: NoSession) -> Self {
        match none {
            NoSession::Absent => Self::SignedOut,
            NoSession::Ended => Self::SessionEnded,
            NoSession::Elsewhere => Self::OtherChannel,
        }
    }
}

impl From<CrossSite> for Fault {
    fn from(_: CrossSite) -> Self {
        Self::CrossSite
    }
}

impl From<BadEntry> for Fault {
    fn from(error: BadEntry) -> Self {
        match error {
            BadEntry::Fields(fields) => Self::Fields(fields),
            BadEntry::Syntax(Reject::Syntax { detail, .. }) => Self::Syntax { detail },
            BadEntry::Syntax(other) => Self::Syntax { detail: other.to_string() },
        }
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Undecodable { quarantine, .. } => Self::Quarantined { id: Some(quarantine) },
            Refusal::Limited { retry_after, .. } => Self::Limited { wait: retry_after },
            Refusal::Full { retry_after, .. }
            | Refusal::StoreFailing { retry_after, .. }
            | Refusal::Paused { retry_after } => Self::Busy { wait: retry_after },
            Refusal::Disabled { .. } => Self::Disabled,
        }
    }
}

impl Fault {
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Syntax { .. } | Self::NoKey | Self::TwoKeys => StatusCode::BAD_REQUEST,
            Self::SignedOut | Self::SessionEnded | Self::WrongPassword => StatusCode::UNAUTHORIZED,
            Self::CrossSite | Self::OtherChannel | Self::Csrf | Self::NoCookies => StatusCode::FORBIDDEN,
            Self::NoChannel | Self::NoReceipt => StatusCode::NOT_FOUND,
            Self::SlowBody => StatusCode::REQUEST_TIMEOUT,
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::MediaType { .. } => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Fields(_) | Self::Quarantined { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            Self::LockedOut { .. } | Self::Limited { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Disabled | Self::Busy { .. } | Self::Random | Self::Unreadable => {
                StatusCode::SERVICE_UNAVAILABLE
            }
        }
    }

    fn wait(&self) -> Option<Duration> {
        match self {
            Self::LockedOut { wait } | Self::Limited { wait } | Self::Busy { wait } => Some(*wait),
            _ => None,
        }
    }

    /// Problem details for a program.
    pub(super) fn problem(&self) -> Response {
        let (title, detail) = words::fault(self);
        let mut problem = Problem::new(self.status(), detail).with("title", title.into());
        if let Self::Fields(fields) = self {
            let errors =
                fields.iter().map(|error| json!({ "field": error.field, "detail": words::field(error) }));
            problem = problem.with("errors", errors.collect());
        }
        if let Self::Quarantined { id: Some(id) } = self {
            problem = problem.quarantine(*id);
        }
        match self.wait() {
            Some(wait) => problem.retry_after(wait).into_response(),
            None => problem.into_response(),
        }
    }

    pub(super) fn with_retry_after(&self, mut response: Response) -> Response {
        if let Some(wait) = self.wait() {
            response.headers_mut().insert(header::RETRY_AFTER, words::whole_seconds(wait).into());
        }
        response
    }
}
