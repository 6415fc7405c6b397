//! The operators' console: which channel is ill and why, what waits where, and what to do about it.
//!
//! Pages are made here and work without JavaScript; the script asks for a part of a page again when the gateway says that
//! something has changed. Every page but the sign-in goes through [`guard`], which knows who is there and takes no form that
//! this person's own page did not make.

mod acts;
mod assets;
mod audit;
mod bulk;
mod channels;
mod complaint;
mod deed;
mod flow;
mod frame;
mod guard;
mod lists;
mod live;
mod mask;
mod openid;
mod overdue;
mod report;
mod session;
mod sign_in;
mod sign_out;
mod words;

use std::{collections::BTreeMap, sync::Arc};

use arc_swap::ArcSwap;
use axum::{
    Router,
    extract::State,
    http::{HeaderMap, HeaderValue, header},
    middleware::{from_fn_with_state, map_response},
    response::Response,
    routing::{get, post},
};
use jiff::Timestamp;
use tokio::sync::watch;

use super::account::{door::Door, request, seal::Seal};
use crate::{
    alarms::Alarms, broker::Broker, channel::Channels, config, health::Health, intake::Intake, store::Store,
};

/// What the console needs of the gateway.
#[derive(Clone)]
pub struct ConsoleState {
    /// The configured channels.
    pub channels: Arc<ArcSwap<Channels>>,
    /// How they are.
    pub health: Arc<Health>,
    /// The store.
    pub store: Store,
    /// Where replays go.
    pub intake: Intake,
    /// The broker, if one is configured.
    pub broker: Option<Broker>,
    /// What is wrong with what all channels stand on.
    pub alarms: Alarms,
    /// Who may sign in.
    pub settings: config::Console,
    /// Seals session cookies; the same after a restart, so that users stay signed in.
    pub session_key: [u8; 32],
    /// True once shutdown has begun: pages that listen are let go.
    pub draining: watch::Receiver<bool>,
}

/// The time of day; tests set their own.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

struct Console {
    state: ConsoleState,
    seal: Seal,
    door: Door,
    clock: Clock,
    usual: channels::Usual,
    day: flow::Day,
    works: bulk::Works,
    provider: openid::Provider,
}

type Shared = State<Arc<Console>>;

/// The console's routes.
pub fn router(state: ConsoleState) -> Router {
    router_at(state, Arc::new(Timestamp::now))
}

/// The console's routes with a clock of its own.
pub fn router_at(state: ConsoleState, clock: Clock) -> Router {
    let console = Arc::new(Console {
        seal: Seal::new(state.session_key),
        door: Door::new(),
        usual: channels::Usual::default(),
        day: flow::Day::default(),
        works: bulk::Works::default(),
        provider: openid::Provider::default(),
        state,
        clock,
    });
    let inside = Router::new()
        .route("/", get(channels::page))
        .route("/channels/{channel}/{act}", post(channels::act))
        .route("/flow", get(flow::page))
        .route("/overdue", get(overdue::page))
        .route("/lists/{room}", get(lists::page))
        .route("/lists/{room}/act", post(acts::act))
        .route("/lists/{room}/words", post(acts::words))
        .route("/lists/{room}/all", get(bulk::ask).post(bulk::begin))
        .route("/lists/{room}/all/{work}", get(bulk::progress))
        .route("/complaints", get(complaint::search))
        .route("/complaints/{id}", get(complaint::page))
        .route("/complaints/{id}/words", post(complaint::words))
        .route("/report", get(report::page))
        .route("/report.csv", get(report::csv))
        .route("/report/{table}", get(report::table))
        .route("/audit", get(audit::page))
        .route("/live", get(live::stream))
        .route("/badges", get(frame::badges))
        .route("/sign-out", post(sign_out::sign_out))
        .route_layer(from_fn_with_state(Arc::clone(&console), guard::guard));
    Router::new()
        .route("/sign-in", get(sign_in::form).post(sign_in::post_form))
        .route("/sign-in/openid", get(openid::leave))
        .route("/sign-in/openid/back", get(openid::come_back))
        .route("/static/{file}", get(assets::file))
        .merge(inside)
        .layer(map_response(guarded))
        .with_state(console)
}

impl Console {
    fn now(&self) -> Timestamp {
        (self.clock)()
    }

    fn users(&self) -> &BTreeMap<String, config::User> {
        &self.state.settings.users
    }

    /// Whether nobody could sign in by any way.
    fn nobody(&self) -> bool {
        self.users().is_empty() && self.state.settings.openid.is_none()
    }

    /// Whether a cookie may be sent by HTTPS only.
    fn secure(&self, headers: &HeaderMap) -> bool {
        self.state.settings.secure_cookies || request::text(headers, "x-forwarded-proto") == Some("https")
    }

    /// What a channel is called.
    fn title(&self, id: &str) -> String {
        self.state.channels.load().get(id).map_or_else(|| id.to_owned(), |channel| channel.title.clone())
    }
}

/// Nothing from elsewhere, nothing inline, nothing kept: the pages hold citizens' data.
async fn guarded(mut response: Response) -> Response {
    const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; \
                          connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
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
