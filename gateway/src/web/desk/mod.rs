//! The walk-in desk: an officer signs in, takes a citizen's report down and hands over a reference.
//!
//! Pages work without JavaScript. With it an entry is kept in the browser first and sent by the JSON API with a key made
//! there, so that neither a lost network nor a lost answer loses it or makes two of it ([`offline`]).

mod assets;
mod entry;
mod fault;
mod form;
mod offline;
mod pages;
mod qr;
pub mod session;
mod sign_in;
mod today;
mod words;

use std::sync::{Arc, LazyLock};

use arc_swap::ArcSwap;
use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, header, request::Parts},
    middleware::map_response,
    response::Response,
    routing::get,
};
use jiff::Timestamp;
use muara_connectors::desk::{Office, Settings};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::account::{
    door::Door,
    request::{self, BadBody, text},
    seal::Seal,
};
use crate::{
    channel::{Channel, Channels},
    intake::Intake,
    store::Store,
};
use fault::Fault;

/// What the desk needs of the gateway.
#[derive(Clone)]
pub struct DeskState {
    /// The configured channels; those with the connector `desk` have a page.
    pub channels: Arc<ArcSwap<Channels>>,
    /// Where entries go.
    pub intake: Intake,
    /// Where the day's entries are looked up.
    pub store: Store,
    /// Seals session cookies; the same after a restart, so that officers stay signed in.
    pub session_key: [u8; 32],
    /// How many hours a session lasts.
    pub session_hours: u32,
    /// Whether browsers always come by HTTPS; else it is told by each request's `X-Forwarded-Proto`.
    pub secure_cookies: bool,
}

/// The time of day; tests set their own.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

pub(crate) struct Desks {
    state: DeskState,
    seal: Seal,
    clock: Clock,
    door: Door,
}

/// One channel's desk.
struct Desk {
    channel: Arc<Channel>,
}

/// The desk's routes, all under `/desk`.
pub fn router(state: DeskState) -> Router {
    router_at(state, Arc::new(Timestamp::now))
}

/// The desk's routes with a clock of its own.
pub fn router_at(state: DeskState, clock: Clock) -> Router {
    let desks = Desks { seal: Seal::new(state.session_key), state, clock, door: Door::new() };
    Router::new()
        .merge(described())
        .route("/desk/{channel}", get(entry::open).post(entry::post_form))
        .route("/desk/{channel}/sign-in", get(sign_in::back).post(sign_in::post_form))
        .route("/desk/{channel}/sign-out", get(sign_in::back).post(sign_in::sign_out))
        .route("/desk/{channel}/receipts/{reference}", get(entry::receipt))
        .route("/desk/{channel}/today", get(today::list))
        .route("/desk/{channel}/offline", get(offline::kept))
        .route("/desk/{channel}/api/session", get(offline::session))
        // no channel's id begins with a hyphen
        .route("/desk/-/{file}", get(assets::serve))
        .layer(map_response(guarded))
        .with_state(Arc::new(desks))
}

/// The routes for programs, with what is published about them.
pub(crate) fn described() -> OpenApiRouter<Arc<Desks>> {
    OpenApiRouter::new().routes(routes!(sign_in::post_json)).routes(routes!(entry::post_json))
}

impl Desks {
    fn now(&self) -> Timestamp {
        (self.clock)()
    }

    fn desk(&self, id: &str) -> Result<Desk, Fault> {
        let channels = self.state.channels.load();
        let channel = channels.get(id).filter(|channel| channel.connector_name == "desk");
        let channel = channel.ok_or(Fault::NoChannel)?;
        if channel.disabled.is_some() || channel.settings.own::<Settings>().is_none() {
            return Err(Fault::Disabled);
        }
        Ok(Desk { channel: Arc::clone(channel) })
    }

    /// Whether a cookie may be sent by HTTPS only.
    fn secure(&self, headers: &HeaderMap) -> bool {
        self.state.secure_cookies || text(headers, "x-forwarded-proto") == Some("https")
    }
}

impl Desk {
    fn id(&self) -> &str {
        self.channel.id.as_str()
    }

    fn settings(&self) -> &Settings {
        static NONE: LazyLock<Settings> = LazyLock::new(Settings::default);
        self.channel.settings.own().unwrap_or(&NONE)
    }

    fn office(&self, key: &str) -> Option<&Office> {
        self.settings().offices.get(key)
    }
}

fn require_media_type(headers: &HeaderMap, wanted: &'static str) -> Result<(), Fault> {
    if request::is_media_type(headers, wanted) { Ok(()) } else { Err(Fault::MediaType { wanted }) }
}

async fn read_body(body: Body, limit: usize) -> Result<Bytes, Fault> {
    request::read_body(body, limit).await.map_err(|bad| match bad {
        BadBody::TooLarge => Fault::TooLarge { limit },
        BadBody::Slow => Fault::SlowBody,
    })
}

/// Nothing from elsewhere, nothing inline, nothing kept: the pages hold citizens' data.
async fn guarded(mut response: Response) -> Response {
    const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; \
                          connect-src 'self'; worker-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        // with `no-referrer` browsers would send `Origin: null` with every form
        (header::REFERRER_POLICY, "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

type Shared = State<Arc<Desks>>;

/// A request taken apart, with its channel's desk.
struct Visit {
    parts: Parts,
    body: Body,
}

impl From<Request> for Visit {
    fn from(request: Request) -> Self {
        let (parts, body) = request.into_parts();
        Self { parts, body }
    }
}
