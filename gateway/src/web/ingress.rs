//! `/in/{channel}`: a vendor's request is read within bounds, verified, taken in, and answered in the vendor's own form.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use axum::{
    Router,
    body::Body,
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header, request::Parts};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use jiff::Timestamp;
use muara_connectors::{Auth, Reply, Request, answer::Outcome, verify};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::problem::{Problem, refusals};
use crate::{
    channel::{Channel, Channels},
    health::Health,
    intake::{Intake, Refusal, Submitted},
    metrics,
};

/// What the routes need.
#[derive(Clone, Debug)]
pub struct IngressState {
    /// The configured channels, as of the last reload.
    pub channels: Arc<ArcSwap<Channels>>,
    /// Where requests become rows.
    pub intake: Intake,
    /// Where forgeries are counted.
    pub health: Arc<Health>,
    /// How long a vendor may take for its body.
    pub body_timeout: Duration,
}

/// The routes of the vendors.
pub fn router(state: IngressState) -> Router {
    described().with_state(state).into()
}

/// The routes with what is published about them.
pub(crate) fn described() -> OpenApiRouter<IngressState> {
    OpenApiRouter::new()
        .routes(routes!(challenge, receive))
        .routes(routes!(challenge_with_secret, receive_with_secret))
}

refusals!(Refusals {
    400 "The body broke off.";
    401 "The signature, token or secret is missing or wrong. Nothing of it was stored.";
    404 "There is no such channel, or it is a desk.";
    408 "The body did not arrive in time.";
    413 "The body is larger than the channel takes.";
    415 "The body has another media type than the connector reads.";
    422 "Nothing in the body could be understood. Its bytes are kept: member `quarantine`.";
    429 "Over a limit of the channel or the sender: deliver again after `Retry-After`. Only for vendors that do.";
    503 "Nothing can be taken in now, the channel is paused or off: deliver again after `Retry-After`.";
});

refusals!(ChallengeRefusals {
    403 "The challenge does not fit this channel.";
    404 "There is no such channel, or it is a desk.";
    405 "This channel's vendor has no challenge.";
});

/// A vendor delivers messages.
///
/// What the body is, how it is signed and what a 2xx says is the vendor's own, see the connector's documentation. A 2xx
/// means that everything is on disk; the same delivery again changes nothing and gets the same answer.
#[utoipa::path(
    post, path = "/in/{channel}", tag = "vendors",
    params(("channel" = String, Path, description = "The channel's id.")),
    request_body(content_type = "*/*", description = "As the vendor writes it."),
    responses(
        (status = 200, description = "Stored; the body is as the vendor expects it."),
        (status = 202, description = "Stored, where the connector's protocol is our own.",
            body = ref("#/components/schemas/Receipts")),
        Refusals,
    )
)]
async fn receive(
    State(state): State<IngressState>,
    Path(channel): Path<String>,
    request: axum::extract::Request,
) -> Response {
    answer(&state, &channel, None, request).await
}

/// A vendor that cannot sign delivers messages: the last part of the path is a secret.
#[utoipa::path(
    post, path = "/in/{channel}/{secret}", tag = "vendors",
    params(
        ("channel" = String, Path, description = "The channel's id."),
        ("secret" = String, Path, description = "The channel's secret."),
    ),
    request_body(content_type = "*/*", description = "As the vendor writes it."),
    responses(
        (status = 200, description = "Stored; the body is as the vendor expects it."),
        (status = 202, description = "Stored, where the connector's protocol is our own.",
            body = ref("#/components/schemas/Receipts")),
        Refusals,
    )
)]
async fn receive_with_secret(
    State(state): State<IngressState>,
    Path((channel, secret)): Path<(String, String)>,
    request: axum::extract::Request,
) -> Response {
    answer(&state, &channel, Some(&secret), request).await
}

/// How a request ended, as metrics name it, with what to answer.
pub(super) type Ended = (&'static str, Response);

async fn answer(
    state: &IngressState,
    name: &str,
    path_secret: Option<&str>,
    request: axum::extract::Request,
) -> Response {
    let start = Instant::now();
    let channel = match known(state, name) {
        Ok(channel) => channel,
        Err(problem) => return problem.into_response(),
    };
    let (result, response) = match take(state, &channel, path_secret, request).await {
        Ok(ended) | Err(ended) => ended,
    };
    metrics::request(name, result, start.elapsed());
    response
}

/// The channel, if it takes requests here.
fn known(state: &IngressState, name: &str) -> Result<Arc<Channel>, Problem> {
    let channels = state.channels.load();
    let Some(channel) = channels.get(name) else {
        return Err(Problem::new(StatusCode::NOT_FOUND, "there is no such channel"));
    };
    if channel.settings.auth == Auth::Session {
        return Err(Problem::new(
            StatusCode::NOT_FOUND,
            format!("this channel is a desk: its page is /desk/{name}"),
        ));
    }
    Ok(Arc::clone(channel))
}

async fn take(
    state: &IngressState,
    channel: &Channel,
    path_secret: Option<&str>,
    request: axum::extract::Request,
) -> Result<Ended, Ended> {
    // without its secret nothing could be verified, and a genuine request must not look forged
    if let Some(reason) = &channel.disabled {
        return Err(refused(Refusal::Disabled { reason: reason.clone() }));
    }
    let request = read(channel, request, state.body_timeout).await?;
    let verified = verify::verify(&request, &channel.settings, path_secret, Timestamp::now()).map_err(|forged| {
        state.health.forged(&channel.id, &forged.to_string());
        tracing::debug!(channel = %channel.id, reason = %forged, "A request to channel {} was refused.", channel.id);
        ("forged", Problem::new(StatusCode::UNAUTHORIZED, forged.to_string()).into_response())
    })?;
    match state.intake.submit(channel, verified).await {
        Ok(submitted) => Ok((result(&submitted), reply(channel, &submitted))),
        Err(Refusal::Undecodable { quarantine, .. }) if channel.connector.lenient => {
            let submitted = Submitted { quarantined: Some(quarantine), ..Submitted::default() };
            Err(("undecodable", reply(channel, &submitted)))
        }
        Err(refusal) => Err(refused(refusal)),
    }
}

pub(super) fn result(submitted: &Submitted) -> &'static str {
    let receipts = &submitted.receipts;
    if receipts.is_empty() {
        "ignored"
    } else if receipts.iter().all(|receipt| !receipt.fresh) {
        "duplicate"
    } else if receipts.iter().all(|receipt| receipt.held) {
        "held"
    } else {
        "accepted"
    }
}

fn reply(channel: &Channel, submitted: &Submitted) -> Response {
    let receipts: Vec<_> =
        submitted.receipts.iter().map(|receipt| (receipt.id, receipt.reference.clone())).collect();
    let quarantined = submitted.quarantined.map(|id| id.to_string());
    let outcome = Outcome { receipts: &receipts, quarantined: quarantined.as_deref() };
    into_response(channel.connector.answer.reply(&outcome))
}

pub(super) fn into_response(reply: Reply) -> Response {
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::OK);
    let mut response = (status, reply.body).into_response();
    match reply.content_type {
        Some(media) => response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media)),
        None => response.headers_mut().remove(header::CONTENT_TYPE),
    };
    response
}

fn refused(refusal: Refusal) -> Ended {
    let detail = refusal.to_string();
    let (result, problem) = match refusal {
        Refusal::Undecodable { quarantine, .. } => {
            ("undecodable", Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail).quarantine(quarantine))
        }
        Refusal::Limited { retry_after, .. } => {
            ("limited", Problem::new(StatusCode::TOO_MANY_REQUESTS, detail).retry_after(retry_after))
        }
        Refusal::Full { retry_after, .. } => {
            ("full", Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).retry_after(retry_after))
        }
        Refusal::Paused { retry_after } => {
            ("paused", Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).retry_after(retry_after))
        }
        // what fails inside is for the log, not for the vendor
        Refusal::StoreFailing { retry_after, .. } => {
            let detail = "the message could not be stored; please deliver it again";
            ("store_failing", Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).retry_after(retry_after))
        }
        Refusal::Disabled { .. } => {
            let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "this channel is switched off");
            ("disabled", problem.retry_after(Duration::from_mins(5)))
        }
    };
    (result, problem.into_response())
}

/// Reads the body within the channel's size and time.
pub(super) async fn read(
    channel: &Channel,
    request: axum::extract::Request,
    timeout: Duration,
) -> Result<Request, Ended> {
    let limit = channel.limits.body_bytes;
    let too_large = || {
        let detail = format!("the body has more than {limit} bytes");
        ("too_large", Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail).into_response())
    };
    let (parts, body) = request.into_parts();
    let announced =
        parts.headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: usize| length > limit) {
        return Err(too_large());
    }
    let request = build(parts, Bytes::new());
    let wanted = channel.connector.media_types;
    if !wanted.is_empty() && !request.media_type().is_some_and(|media| wanted.contains(&media.as_str())) {
        let detail = format!("the body must be {}", wanted.join(" or "));
        return Err(("wrong_type", Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail).into_response()));
    }
    let body = tokio::time::timeout(timeout, Limited::new(body, limit).collect()).await;
    match body {
        Err(_) => {
            let detail = format!("the body did not arrive within {} seconds", timeout.as_secs());
            Err(("too_slow", Problem::new(StatusCode::REQUEST_TIMEOUT, detail).into_response()))
        }
        Ok(Err(error)) if error.downcast_ref::<LengthLimitError>().is_some() => Err(too_large()),
        Ok(Err(_)) => {
            Err(("broken", Problem::new(StatusCode::BAD_REQUEST, "the body broke off").into_response()))
        }
        Ok(Ok(body)) => Ok(request.with_body(body.to_bytes())),
    }
}

fn build(parts: Parts, body: Bytes) -> Request {
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    Request::new(parts.method, path, parts.headers, body)
}

/// A vendor asks who owns the endpoint.
#[utoipa::path(
    get, path = "/in/{channel}", tag = "vendors",
    params(("channel" = String, Path, description = "The channel's id.")),
    responses(
        (status = 200, description = "The proof, as the vendor expects it."),
        ChallengeRefusals,
    )
)]
async fn challenge(
    State(state): State<IngressState>,
    Path(channel): Path<String>,
    request: axum::http::Request<Body>,
) -> Response {
    prove(&state, &channel, request)
}

/// A vendor asks who owns the endpoint.
#[utoipa::path(
    get, path = "/in/{channel}/{secret}", tag = "vendors",
    params(
        ("channel" = String, Path, description = "The channel's id."),
        ("secret" = String, Path, description = "The channel's secret."),
    ),
    responses(
        (status = 200, description = "The proof, as the vendor expects it."),
        ChallengeRefusals,
    )
)]
async fn challenge_with_secret(
    State(state): State<IngressState>,
    Path((channel, _)): Path<(String, String)>,
    request: axum::http::Request<Body>,
) -> Response {
    prove(&state, &channel, request)
}

fn prove(state: &IngressState, name: &str, request: axum::http::Request<Body>) -> Response {
    let channel = match known(state, name) {
        Ok(channel) => channel,
        Err(problem) => return problem.into_response(),
    };
    let (parts, _) = request.into_parts();
    let request = build(parts, Bytes::new());
    let Some(challenge) = channel.connector.challenge else {
        let mut response =
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this channel takes POST").into_response();
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
        return response;
    };
    match challenge(&request, &channel.settings) {
        Some(reply) => into_response(reply),
        None => {
            Problem::new(StatusCode::FORBIDDEN, "the challenge does not fit this channel").into_response()
        }
    }
}
