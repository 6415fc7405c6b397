//! `/open311/{channel}`: the paths of a GeoReport v2 server. What is written and read there is the connector's; here it is
//! stored and looked up.

use std::{sync::Arc, time::Instant};

use axum::{
    Router,
    extract::{Path, Query, State},
    response::Response,
};
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use muara_connectors::{
    Reject, Reply,
    open311::{
        self, Settings, Shows, UNKNOWN_SERVICE,
        document::{self, Format, Shown},
    },
    verify,
};
use muara_normalizer::{Reference, draft::SourceTime, reply::Answered, time::WIB};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::ingress::{self, IngressState};
use crate::{
    channel::Channel,
    intake::Refusal,
    metrics,
    store::{Store, StoreError, reply::Correspondence},
};

/// What the routes need.
#[derive(Clone, Debug)]
pub struct Open311State {
    /// What every way in needs.
    pub ingress: IngressState,
    /// Where requests are looked up.
    pub store: Store,
}

/// The most requests of a list, and the longest time it spans (GeoReport v2).
const MOST: usize = 1000;
const LONGEST_SPAN: SignedDuration = SignedDuration::from_hours(90 * 24);

/// The routes.
pub fn router(state: Open311State) -> Router {
    described().with_state(state).into()
}

/// The routes with what is published about them.
pub(crate) fn described() -> OpenApiRouter<Open311State> {
    OpenApiRouter::new().routes(routes!(list, submit)).routes(routes!(one))
}

/// An answer before its time, in the specification's form.
struct Refused(u16, String);

impl Refused {
    fn not_found(what: &str) -> Self {
        Self(404, format!("{what} was not found"))
    }

    /// What fails inside is for the log, not for the client.
    fn store(error: &StoreError) -> Self {
        tracing::error!(%error, "Open311 requests cannot be looked up.");
        Self(503, "the requests cannot be read now; please ask again later".to_owned())
    }
}

fn respond(format: Format, answer: Result<Reply, Refused>) -> Response {
    let reply = answer.unwrap_or_else(|Refused(status, text)| document::error(format, status, &text));
    ingress::into_response(reply)
}

/// The channel of a path, if it is one of ours and on.
fn channel(state: &Open311State, name: &str) -> Result<Arc<Channel>, Refused> {
    let channels = state.ingress.channels.load();
    let channel = channels.get(name).filter(|channel| channel.connector_name == "open311");
    let channel = channel.ok_or_else(|| Refused::not_found("the channel"))?;
    match &channel.disabled {
        Some(_) => Err(Refused(503, "this channel is switched off".to_owned())),
        None => Ok(Arc::clone(channel)),
    }
}

fn settings(channel: &Channel) -> Result<&Settings, Refused> {
    channel.settings.own().ok_or_else(|| Refused(503, "this channel is switched off".to_owned()))
}

/// The parameters of a GET.
#[derive(Default)]
struct Asked {
    jurisdiction_id: Option<String>,
    api_key: Option<String>,
    service_request_id: Option<String>,
    service_code: Option<String>,
    start_date: Option<String>,
    end_date: Option<String>,
    status: Option<String>,
}

impl Asked {
    /// What is given more than once is the same as a list with commas.
    fn read(pairs: Vec<(String, String)>) -> Self {
        let mut asked = Self::default();
        for (name, text) in pairs {
            let place = match name.as_str() {
                "jurisdiction_id" => &mut asked.jurisdiction_id,
                "api_key" => &mut asked.api_key,
                "service_request_id" => &mut asked.service_request_id,
                "service_code" => &mut asked.service_code,
                "start_date" => &mut asked.start_date,
                "end_date" => &mut asked.end_date,
                "status" => &mut asked.status,
                _ => continue,
            };
            *place = Some(match place.take() {
                None => text,
                Some(before) => format!("{before},{text}"),
            });
        }
        asked
    }

    /// The channel of the path, if it serves the jurisdiction that is asked for.
    fn of(&self, state: &Open311State, name: &str) -> Result<Arc<Channel>, Refused> {
        let channel = channel(state, name)?;
        match (&self.jurisdiction_id, &settings(&channel)?.jurisdiction_id) {
            (Some(asked), Some(own)) if !asked.is_empty() && asked != own => {
                Err(Refused::not_found("the jurisdiction_id"))
            }
            _ => Ok(channel),
        }
    }
}

/// A last segment without an ending is read as JSON's, so that an error has a form.
fn named(document: &str) -> (&str, Format) {
    Format::of(document).unwrap_or(("", Format::Json))
}

/// The services, the discovery document, or requests and how they stand.
#[utoipa::path(
    get, path = "/open311/{channel}/{document}", tag = "open311", operation_id = "open311_list",
    params(
        ("channel" = String, Path, description = "The channel's id."),
        ("document" = String, Path, description = "`services`, `discovery` or `requests`, with `.json` or `.xml`.",
            pattern = r"^(services|discovery|requests)\.(json|xml)$"),
        ("jurisdiction_id" = Option<String>, Query, description = "The city's, if it is given."),
        ("api_key" = Option<String>, Query, description = "Shows the words of the requests that this client handed in."),
        ("service_request_id" = Option<String>, Query, description = "References, separated by commas."),
        ("service_code" = Option<String>, Query, description = "Codes of services, separated by commas."),
        ("start_date" = Option<String>, Query, description = "ISO 8601. A list spans at most 90 days."),
        ("end_date" = Option<String>, Query, description = "ISO 8601."),
        ("status" = Option<String>, Query, description = "`open`, `closed`, or both."),
    ),
    responses(
        (status = 200, description = "The document; as XML with the same content.",
            body = ref("#/components/schemas/Open311Document")),
        (status = 400, description = "A parameter cannot be read.", body = ref("#/components/schemas/Open311Errors")),
        (status = 404, description = "There is no such channel, document or jurisdiction.",
            body = ref("#/components/schemas/Open311Errors")),
        (status = 503, description = "It cannot be read now, or the channel is off.",
            body = ref("#/components/schemas/Open311Errors")),
    )
)]
async fn list(
    State(state): State<Open311State>,
    Path((name, document)): Path<(String, String)>,
    Query(asked): Query<Vec<(String, String)>>,
) -> Response {
    let asked = Asked::read(asked);
    let (document, format) = named(&document);
    let answer = async {
        let channel = asked.of(&state, &name)?;
        let settings = settings(&channel)?;
        match document {
            "services" => Ok(document::service_list(format)),
            "discovery" => Ok(document::discovery(format, &name, settings)),
            "requests" => requests(&state.store, &channel, settings, &asked, format).await,
            _ => Err(Refused::not_found("the document")),
        }
    };
    respond(format, answer.await)
}

/// A service's definition, or one request and how it stands.
#[utoipa::path(
    get, path = "/open311/{channel}/{collection}/{document}", tag = "open311", operation_id = "open311_one",
    params(
        ("channel" = String, Path, description = "The channel's id."),
        ("collection" = String, Path, description = "What is asked for.", pattern = "^(services|requests)$"),
        ("document" = String, Path, description = "A service's code or a request's reference, with `.json` or `.xml`.",
            pattern = r"^.+\.(json|xml)$"),
        ("jurisdiction_id" = Option<String>, Query, description = "The city's, if it is given."),
        ("api_key" = Option<String>, Query, description = "Shows the words of the requests that this client handed in."),
    ),
    responses(
        (status = 200, description = "The document; as XML with the same content.",
            body = ref("#/components/schemas/Open311Document")),
        (status = 404, description = "There is no such thing.", body = ref("#/components/schemas/Open311Errors")),
        (status = 503, description = "It cannot be read now, or the channel is off.",
            body = ref("#/components/schemas/Open311Errors")),
    )
)]
async fn one(
    State(state): State<Open311State>,
    Path((name, collection, document)): Path<(String, String, String)>,
    Query(asked): Query<Vec<(String, String)>>,
) -> Response {
    let asked = Asked::read(asked);
    let (id, format) = named(&document);
    let answer = async {
        let channel = asked.of(&state, &name)?;
        let settings = settings(&channel)?;
        match collection.as_str() {
            "services" => {
                document::definition(format, id).ok_or_else(|| Refused::not_found("the service_code"))
            }
            "requests" => {
                let reader = Reader::new(&channel, settings, &asked);
                let shown = reader.by_reference(&state.store, id).await?;
                let shown = shown.ok_or_else(|| Refused::not_found("the service_request_id"))?;
                Ok(document::requests(format, &[shown]))
            }
            _ => Err(Refused::not_found("the document")),
        }
    };
    respond(format, answer.await)
}

/// Who reads: what a request says is shown to the client that handed it in, or to all.
#[derive(Clone)]
struct Reader {
    channel: String,
    client: Option<String>,
    all: bool,
}

impl Reader {
    fn new(channel: &Channel, settings: &Settings, asked: &Asked) -> Self {
        let client = asked.api_key.as_deref().and_then(|key| open311::client(&channel.settings, key));
        Self {
            channel: channel.id.to_string(),
            client: client.map(str::to_owned),
            all: settings.public_details,
        }
    }

    async fn by_reference(&self, store: &Store, id: &str) -> Result<Option<Shown>, Refused> {
        let Ok(reference) = id.trim().parse::<Reference>() else { return Ok(None) };
        let known = store.correspondence(Answered::Reference(reference)).await;
        Ok(known.map_err(|error| Refused::store(&error))?.and_then(|known| self.shown(known)))
    }

    fn shown(&self, known: Correspondence) -> Option<Shown> {
        if known.channel != self.channel {
            return None;
        }
        let shows = Shows::read(known.address.as_ref()?)?;
        let own = self.client.as_ref() == Some(&shows.client);
        Some(Shown {
            id: known.reference.to_string(),
            requested_at: received_at(&known),
            status: known.status,
            shows: if own || self.all {
                shows
            } else {
                Shows { service_code: shows.service_code, ..Shows::default() }
            },
        })
    }
}

/// An id tells when it was given (UUIDv7).
fn received_at(known: &Correspondence) -> Timestamp {
    let at = known.complaint.0.get_timestamp().map(|time| time.to_unix());
    at.and_then(|(seconds, nanoseconds)| {
        let (seconds, nanoseconds) = (i64::try_from(seconds).ok()?, i32::try_from(nanoseconds).ok()?);
        Timestamp::new(seconds, nanoseconds).ok()
    })
    .unwrap_or(known.heard_at)
}

async fn requests(
    store: &Store,
    channel: &Channel,
    settings: &Settings,
    asked: &Asked,
    format: Format,
) -> Result<Reply, Refused> {
    let reader = Reader::new(channel, settings, asked);
    let listed = |text: &Option<String>| -> Vec<String> {
        let names = text.iter().flat_map(|text| text.split(','));
        names.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect()
    };
    let ids = listed(&asked.service_request_id);
    if !ids.is_empty() {
        let mut shown = Vec::new();
        for id in ids.iter().take(MOST) {
            shown.extend(reader.by_reference(store, id).await?);
        }
        return Ok(document::requests(format, &shown));
    }
    let (from, to) = span(asked, Timestamp::now())?;
    let (codes, states) = (listed(&asked.service_code), listed(&asked.status));
    if let Some(other) = states.iter().find(|state| !matches!(state.as_str(), "open" | "closed")) {
        return Err(Refused(400, format!("status: expected open or closed, found {other}")));
    }
    let wanted = move |known: Correspondence| {
        let shown = reader.shown(known)?;
        let state = if shown.is_closed() { "closed" } else { "open" };
        let fits = (codes.is_empty() || codes.contains(&shown.shows.service_code))
            && (states.is_empty() || states.iter().any(|wanted| wanted == state));
        fits.then_some(shown)
    };
    let shown = store.correspondences(channel.id.clone(), from, to, MOST, wanted).await;
    Ok(document::requests(format, &shown.map_err(|error| Refused::store(&error))?))
}

/// The time that a list spans: the last 90 days, or up to 90 days that the client chose.
fn span(asked: &Asked, now: Timestamp) -> Result<(Timestamp, Timestamp), Refused> {
    let read = |name: &str, written: &Option<String>| {
        let Some(written) = written.as_deref().filter(|written| !written.trim().is_empty()) else {
            return Ok(None);
        };
        let time = match SourceTime::parse(written) {
            // a plus that was not encoded arrives as a space
            SourceTime::Unreadable(text) => SourceTime::parse(&text.replace(' ', "+")),
            time => time,
        };
        let at = match time {
            SourceTime::Instant(at) => Some(at),
            SourceTime::Naive(civil) => WIB.to_timestamp(civil).ok(),
            SourceTime::Unreadable(_) => None,
        };
        let example = "expected a time of ISO 8601, e.g. 2026-11-03T00:00:00+07:00";
        at.map(Some).ok_or_else(|| Refused(400, format!("{name}: {example}")))
    };
    let (start, end) = (read("start_date", &asked.start_date)?, read("end_date", &asked.end_date)?);
    let within = |at: Timestamp, span: SignedDuration| at.saturating_add(span).unwrap_or(now);
    let (from, to) = match (start, end) {
        (None, end) => (within(end.unwrap_or(now), -LONGEST_SPAN), end.unwrap_or(now)),
        (Some(start), None) => (start, within(start, LONGEST_SPAN).min(now)),
        (Some(start), Some(end)) => (start, end),
    };
    if to.duration_since(from) > LONGEST_SPAN {
        return Err(Refused(400, "start_date and end_date: a list spans at most 90 days".to_owned()));
    }
    Ok((from, to))
}

/// A civic app hands a request in, by the fields of GeoReport v2.
#[utoipa::path(
    post, path = "/open311/{channel}/{document}", tag = "open311", operation_id = "open311_submit",
    params(
        ("channel" = String, Path, description = "The channel's id."),
        ("document" = String, Path, description = "`requests`, with `.json` or `.xml`.",
            pattern = r"^requests\.(json|xml)$"),
    ),
    request_body(content = ref("#/components/schemas/Open311Request"),
        content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 201, description = "Stored.", body = ref("#/components/schemas/Open311Created")),
        (status = 400, description = "A field is wrong.", body = ref("#/components/schemas/Open311Errors")),
        (status = 403, description = "The `api_key` is missing or not known.",
            body = ref("#/components/schemas/Open311Errors")),
        (status = 404, description = "There is no such channel, document or service.",
            body = ref("#/components/schemas/Open311Errors")),
        (status = 408, description = "The body did not arrive in time.",
            body = ref("#/components/schemas/Open311Errors")),
        (status = 413, description = "The body is too large.", body = ref("#/components/schemas/Open311Errors")),
        (status = 415, description = "The body is no form.", body = ref("#/components/schemas/Open311Errors")),
        (status = 429, description = "Over a limit: send it again later.",
            body = ref("#/components/schemas/Open311Errors")),
        (status = 503, description = "It cannot be taken now: send it again later.",
            body = ref("#/components/schemas/Open311Errors")),
    )
)]
async fn submit(
    State(state): State<Open311State>,
    Path((name, document)): Path<(String, String)>,
    request: axum::extract::Request,
) -> Response {
    let start = Instant::now();
    let (document, format) = named(&document);
    let answer = match (document, channel(&state, &name)) {
        (_, Err(refused)) => return respond(format, Err(refused)),
        ("requests", Ok(channel)) => take(&state, &channel, format, request).await,
        _ => Err(("unknown", Refused::not_found("the document"))),
    };
    let (result, answer) = match answer {
        Ok((result, reply)) => (result, Ok(reply)),
        Err((result, refused)) => (result, Err(refused)),
    };
    metrics::request(&name, result, start.elapsed());
    respond(format, answer)
}

async fn take(
    state: &Open311State,
    channel: &Channel,
    format: Format,
    request: axum::extract::Request,
) -> Result<(&'static str, Reply), (&'static str, Refused)> {
    let ingress = &state.ingress;
    let request =
        ingress::read(channel, request, ingress.body_timeout).await.map_err(|(result, response)| {
            let status = response.status();
            let reason = match status {
                StatusCode::UNSUPPORTED_MEDIA_TYPE => "the body must be application/x-www-form-urlencoded",
                StatusCode::PAYLOAD_TOO_LARGE => "the body is too large",
                StatusCode::REQUEST_TIMEOUT => "the body did not arrive in time",
                _ => "the body broke off",
            };
            (result, Refused(status.as_u16(), reason.to_owned()))
        })?;
    let verified = verify::verify(&request, &channel.settings, None, Timestamp::now()).map_err(|forged| {
        ingress.health.forged(&channel.id, &forged.to_string());
        ("forged", Refused(403, "the api_key is missing or not known".to_owned()))
    })?;
    match ingress.intake.submit(channel, verified).await {
        Ok(submitted) => {
            let ids = submitted.receipts.iter().map(|receipt| receipt.reference.as_str());
            Ok((ingress::result(&submitted), document::created(format, ids)))
        }
        Err(refusal) => Err(refused(refusal)),
    }
}

fn refused(refusal: Refusal) -> (&'static str, Refused) {
    let later = "the request cannot be taken now; please send it again later".to_owned();
    match refusal {
        Refusal::Undecodable { reason: Reject::Field { field, detail }, .. } => {
            let status = if detail == UNKNOWN_SERVICE { 404 } else { 400 };
            ("undecodable", Refused(status, format!("{field}: {detail}")))
        }
        Refusal::Undecodable { reason, .. } => ("undecodable", Refused(400, reason.to_string())),
        Refusal::Limited { .. } => ("limited", Refused(429, later)),
        Refusal::Full { .. } => ("full", Refused(503, later)),
        Refusal::Paused { .. } => ("paused", Refused(503, later)),
        Refusal::StoreFailing { .. } => ("store_failing", Refused(503, later)),
        Refusal::Disabled { .. } => ("disabled", Refused(503, "this channel is switched off".to_owned())),
    }
}
