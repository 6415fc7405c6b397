//! The internal listener: liveness, readiness, health and metrics. Probes read memory and never write.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::get,
};
use http::{StatusCode, header};
use jiff::Timestamp;
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::json;
use tokio::sync::watch;

use super::media;
use crate::{
    alarms::Alarms,
    broker::{Broker, BrokerState},
    health::{Health, State as ChannelState},
    intake::Intake,
    media::Media,
    store::Store,
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
    Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route("/health", get(health))
        .route("/metrics", get(metrics))
        .route("/media/{complaint}/{number}", get(media::file))
        .with_state(state)
}

/// Readiness follows the store, not the broker: without a broker messages are still taken in and kept.
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
        None => ("absent", "replies of the core CRM are not read".to_owned()),
        Some(consumer) => {
            let now = consumer.borrow().clone();
            (broker_word(&now), now.to_string())
        }
    };
    let alarms = state.alarms.raised();
    let well = failing.is_none()
        && alarms.is_empty()
        && files_failing.is_none()
        && unrouted == 0
        && full.is_none()
        && matches!(broker_state, "absent" | "connected")
        && matches!(replies_state, "absent" | "connected")
        && channels.iter().all(|channel| {
            !matches!(channel.state, ChannelState::Failing | ChannelState::Degraded | ChannelState::Silent)
        });
    let body = json!({
        "status": if failing.is_some() || full.is_some() { "failing" } else if well { "healthy" } else { "degraded" },
        "version": env!("CARGO_PKG_VERSION"),
        "started_at": state.started_at,
        "store": {
            "state": if failing.is_some() { "failing" } else if full.is_some() { "full" } else { "healthy" },
            "error": failing.map(|error| error.to_string()),
            "full": full,
            "waiting": state.store.levels(),
        },
        "broker": { "state": broker_state, "detail": broker_detail, "unrouted": unrouted },
        "media": { "state": if files_failing.is_some() { "failing" } else { "healthy" }, "error": files_failing },
        "replies": { "state": replies_state, "detail": replies_detail },
        "alarms": alarms,
        "channels": channels,
    });
    Json(body).into_response()
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

async fn metrics(State(state): State<InternalState>) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], state.metrics.render())
        .into_response()
}
