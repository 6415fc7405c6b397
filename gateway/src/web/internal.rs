//! The internal listener: liveness, readiness, health and metrics. Probes read memory and never write.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::State,
    response::{IntoResponse, Response},
};
use http::{StatusCode, header};
use jiff::Timestamp;
use metrics_exporter_prometheus::PrometheusHandle;
use schemars::JsonSchema;
use serde::Serialize;
use tokio::sync::watch;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::media;
use crate::{
    alarms::{Alarms, Raised},
    broker::{Broker, BrokerState},
    health::{ChannelHealth, Health, State as ChannelState},
    intake::Intake,
    media::Media,
    store::{Levels, Store},
};

/// What the routes need.
#[derive(Clone)]
pub struct InternalState {
    /// The store.
    pub store: Store,
    /// The intake, which knows the high-water marks.
    pub intake: Intake,
    /// The channels' health.
    pub health: Arc<Health>,
    /// The files of complaints.
    pub media: Arc<Media>,
    /// The broker, if one is configured.
    pub broker: Option<Broker>,
    /// Events that reached the broker but no queue.
    pub unrouted: watch::Receiver<u32>,
    /// The metrics.
    pub metrics: PrometheusHandle,
    /// Where the consumer of replies stands.
    pub consumer: Option<watch::Receiver<BrokerState>>,
    /// True once shutdown has begun.
    pub draining: watch::Receiver<bool>,
    /// What is wrong with what all channels stand on.
    pub alarms: Alarms,
    /// When the process started.
    pub started_at: Timestamp,
}

/// The routes of operators and probes.
pub fn router(state: InternalState) -> Router {
    described().with_state(state).into()
}

/// The routes with what is published about them.
pub(crate) fn described() -> OpenApiRouter<InternalState> {
    OpenApiRouter::new()
        .routes(routes!(livez))
        .routes(routes!(readyz))
        .routes(routes!(health))
        .routes(routes!(metrics))
        .routes(routes!(media::file))
}

/// The process runs.
#[utoipa::path(
    get, path = "/livez", tag = "internal",
    responses((status = 200, description = "It does.", body = String, content_type = "text/plain"))
)]
async fn livez() -> &'static str {
    "ok\n"
}

/// Readiness follows the store, not the broker: without a broker messages are still taken in and kept.
#[utoipa::path(
    get, path = "/readyz", tag = "internal",
    responses(
        (status = 200, description = "Messages are taken in.", body = String, content_type = "text/plain"),
        (status = 503, description = "They are not, and why.", body = String, content_type = "text/plain"),
    )
)]
async fn readyz(State(state): State<InternalState>) -> Response {
    let reason = if *state.draining.borrow() {
        Some("shutting down".to_owned())
    } else {
        state
            .store
            .failing()
            .map(|error| error.to_string())
            .or_else(|| state.intake.full().map(str::to_owned))
    };
    match reason {
        None => "ready\n".into_response(),
        Some(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {reason}\n")).into_response(),
    }
}

/// How the gateway and each channel is, in words with what to do. The answer is 200 however it is.
#[utoipa::path(
    get, path = "/health", tag = "internal",
    responses((status = 200, description = "The report.", body = ref("#/components/schemas/HealthReport")))
)]
async fn health(State(state): State<InternalState>) -> Response {
    let channels = state.health.report();
    let failing = state.store.failing();
    let full = state.intake.full();
    let (broker_state, broker_detail) = match &state.broker {
        None => ("absent", "no [broker] is configured: events wait in the outbox".to_owned()),
        Some(broker) => {
            let now = broker.state().borrow().clone();
            (broker_word(&now), now.to_string())
        }
    };
    let unrouted = *state.unrouted.borrow();
    let files_failing = state.media.failing();
    let (replies_state, replies_detail) = match &state.consumer {
        Some(_) if state.store.leading().is_none() => {
            ("elsewhere", "the gateway that leads reads the replies of the core CRM".to_owned())
        }
        None => ("absent", "replies of the core CRM are not read".to_owned()),
        Some(consumer) => {
            let now = consumer.borrow().clone();
            (broker_word(&now), now.to_string())
        }
    };
    let alarms = state.alarms.raised();
    let leads = state.store.leading().is_some();
    let well = failing.is_none()
        && alarms.is_empty()
        && files_failing.is_none()
        && unrouted == 0
        && full.is_none()
        && matches!(broker_state, "absent" | "connected")
        && matches!(replies_state, "absent" | "connected" | "elsewhere")
        && channels.iter().all(|channel| {
            !matches!(channel.state, ChannelState::Failing | ChannelState::Degraded | ChannelState::Silent)
        });
    let report = HealthReport {
        status: match (failing.is_some() || full.is_some(), well) {
            (true, _) => "failing",
            (false, true) => "healthy",
            (false, false) => "degraded",
        },
        version: env!("CARGO_PKG_VERSION"),
        started_at: state.started_at,
        leads,
        store: StoreReport {
            state: match (&failing, full) {
                (Some(_), _) => "failing",
                (None, Some(_)) => "full",
                (None, None) => "healthy",
            },
            error: failing.map(|error| error.to_string()),
            full,
            waiting: state.store.levels(),
        },
        broker: BrokerReport { state: broker_state, detail: broker_detail, unrouted },
        media: MediaReport {
            state: if files_failing.is_some() { "failing" } else { "healthy" },
            error: files_failing,
        },
        replies: RepliesReport { state: replies_state, detail: replies_detail },
        alarms,
        channels,
    };
    Json(report).into_response()
}

/// What `/health` says.
#[derive(Serialize, JsonSchema)]
pub(crate) struct HealthReport {
    /// `healthy`, `degraded`: something needs looking after, or `failing`: no message is taken in.
    status: &'static str,
    /// The program's version.
    version: &'static str,
    /// When the process started (UTC).
    started_at: Timestamp,
    /// Whether it refines, publishes, pulls and delivers: of several gateways on one store one does.
    leads: bool,
    /// Where messages are kept.
    store: StoreReport,
    /// Where events go.
    broker: BrokerReport,
    /// The files of complaints.
    media: MediaReport,
    /// The queue of the core CRM's replies.
    replies: RepliesReport,
    /// What somebody must look after.
    alarms: Vec<Raised>,
    /// Each channel.
    channels: Vec<ChannelHealth>,
}

#[derive(Serialize, JsonSchema)]
struct StoreReport {
    /// `healthy`, `full` or `failing`.
    state: &'static str,
    /// Why nothing is written.
    error: Option<String>,
    /// Which high-water mark is reached, in words.
    full: Option<&'static str>,
    /// What waits.
    waiting: Levels,
}

#[derive(Serialize, JsonSchema)]
struct BrokerReport {
    /// `absent`, `connecting`, `connected`, `blocked`, `failed` or `stopped`.
    state: &'static str,
    /// In words.
    detail: String,
    /// Events that reached the broker and no queue.
    unrouted: u32,
}

#[derive(Serialize, JsonSchema)]
struct MediaReport {
    /// `healthy` or `failing`.
    state: &'static str,
    /// Why files cannot be kept.
    error: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct RepliesReport {
    /// As of the broker, or `elsewhere`: another gateway leads.
    state: &'static str,
    /// In words.
    detail: String,
}

fn broker_word(state: &BrokerState) -> &'static str {
    match state {
        BrokerState::Connecting { .. } => "connecting",
        BrokerState::Connected { .. } => "connected",
        BrokerState::Blocked { .. } => "blocked",
        BrokerState::Failed { .. } => "failed",
        BrokerState::Stopped => "stopped",
    }
}

/// Every metric, in Prometheus' text format.
#[utoipa::path(
    get, path = "/metrics", tag = "internal",
    responses((status = 200, description = "The metrics.", body = String, content_type = "text/plain"))
)]
async fn metrics(State(state): State<InternalState>) -> Response {
    state.health.measure_quotas();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], state.metrics.render())
        .into_response()
}
