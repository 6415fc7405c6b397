//! OpenTelemetry traces of each complaint's way, by OTLP over HTTP; off unless `telemetry.otlp_endpoint` is set.
//!
//! A complaint's trace has the complaint's id: a UUIDv7 is 16 bytes of which the last are random, as W3C Trace Context
//! asks of a trace id. So its steps belong together however long they lie apart, through restarts and repetitions, and
//! nothing has to be stored; and whoever knows a complaint finds its trace. The first span's id is the id's second half,
//! and all other spans are its children. A `traceparent` that a request brings is a link of that first span: one request
//! may hold many complaints. While traces are off each step costs one look at whether they are on.

use std::{
    sync::OnceLock,
    time::{Duration, SystemTime},
};

use http::HeaderMap;
use jiff::Timestamp;
use muara_normalizer::ComplaintId;
use opentelemetry::{
    InstrumentationScope, KeyValue,
    propagation::{Extractor, TextMapPropagator},
    trace::{Link, SpanContext, SpanId, SpanKind, Status, TraceContextExt, TraceFlags, TraceId, TraceState},
};
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithExportConfig};
use opentelemetry_sdk::{
    Resource,
    propagation::TraceContextPropagator,
    trace::{BatchConfigBuilder, BatchSpanProcessor, SpanData, SpanEvents, SpanLinks, SpanProcessor},
};
use uuid::Uuid;

use crate::{
    config::Telemetry,
    store::{inbox::Taken, outbox::Queued},
};

/// Spans that wait to be sent: a refined batch and the events of it, a few times over.
const WAITING: usize = 16_384;
/// How long the collector may take at the end.
const LAST_WORD: Duration = Duration::from_secs(3);

static TRACES: OnceLock<Traces> = OnceLock::new();

#[derive(Debug)]
struct Traces {
    processor: BatchSpanProcessor,
    scope: InstrumentationScope,
    /// A complaint is traced whose randomness is at least this.
    threshold: u64,
}

/// Starts sending traces, if the configuration says where to. Does nothing the second time.
///
/// # Errors
/// The address is none, or the client cannot be made. The operator's to mend.
pub fn start(settings: &Telemetry) -> Result<(), ExporterBuildError> {
    let endpoint = settings.otlp_endpoint.trim().trim_end_matches('/');
    if endpoint.is_empty() || TRACES.get().is_some() {
        return Ok(());
    }
    let exporter =
        SpanExporter::builder().with_http().with_endpoint(format!("{endpoint}/v1/traces")).build()?;
    let batches = BatchConfigBuilder::default().with_max_queue_size(WAITING).build();
    let mut processor = BatchSpanProcessor::builder(exporter).with_batch_config(batches).build();
    let version = env!("CARGO_PKG_VERSION");
    let resource = Resource::builder()
        .with_service_name("muara")
        .with_attribute(KeyValue::new("service.version", version))
        .build();
    processor.set_resource(&resource);
    let scope = InstrumentationScope::builder("muara").with_version(version).build();
    // an error means that it is started already
    drop(TRACES.set(Traces { processor, scope, threshold: threshold(settings.sample_ratio) }));
    Ok(())
}

/// Sends what waits, and nothing after it.
pub async fn stop() {
    if TRACES.get().is_none() {
        return;
    }
    let last = || TRACES.get().map(|traces| traces.processor.shutdown_with_timeout(LAST_WORD));
    if let Ok(Some(Err(error))) = tokio::task::spawn_blocking(last).await {
        tracing::warn!(%error, "The last traces were not sent.");
    }
}

/// The randomness of an id has 56 bits: from 0 for all complaints to 2^56 for none.
fn threshold(ratio: f64) -> u64 {
    (72_057_594_037_927_936.0 * (1.0 - ratio.clamp(0.0, 1.0))) as u64
}

/// The beginning of a step; nothing while traces are off.
#[must_use]
pub fn begin() -> Option<Step> {
    TRACES.get().map(|traces| Step { traces, begin: SystemTime::now() })
}

/// A step that was begun; each complaint that takes it has a span of its own.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    traces: &'static Traces,
    begin: SystemTime,
}

/// What asked for a step.
#[derive(Clone, Debug)]
pub enum Cause {
    /// A request to the gateway, with the trace that it brought.
    Request(Option<SpanContext>),
    /// The gateway asked the vendor.
    Pull,
}

impl Cause {
    /// A request with these headers.
    #[must_use]
    pub fn request(headers: &HeaderMap) -> Self {
        let context = TraceContextPropagator::new().extract(&Headers(headers));
        let caller = context.span().span_context().clone();
        Self::Request(Some(caller).filter(SpanContext::is_valid))
    }
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(|value| value.to_str().ok())
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}

/// A publish that is under way.
#[derive(Clone, Debug)]
pub struct Publish {
    step: Step,
    id: ComplaintId,
    context: SpanContext,
}

/// What is told of one span.
struct Told {
    name: &'static str,
    kind: SpanKind,
    parent: SpanId,
    time: (SystemTime, SystemTime),
    attributes: Vec<KeyValue>,
    link: Option<SpanContext>,
    failed: bool,
}

impl Told {
    fn internal(name: &'static str, id: ComplaintId, time: (SystemTime, SystemTime)) -> Self {
        Self {
            name,
            kind: SpanKind::Internal,
            parent: root(id),
            time,
            attributes: Vec::new(),
            link: None,
            failed: false,
        }
    }
}

impl Step {
    /// Messages were taken in: they are on disk. A redelivery has its trace already.
    pub fn received(self, taken: &Taken, channel: &str, cause: &Cause) {
        let (name, kind, link) = match cause {
            Cause::Request(caller) => ("receive", SpanKind::Server, caller.as_ref()),
            Cause::Pull => ("pull", SpanKind::Client, None),
        };
        let time = (self.begin, SystemTime::now());
        for id in taken.receipts.iter().filter(|receipt| receipt.fresh).map(|receipt| receipt.id) {
            let told = Told {
                kind: kind.clone(),
                parent: SpanId::INVALID,
                attributes: vec![KeyValue::new("muara.channel", channel.to_owned())],
                link: link.cloned(),
                ..Told::internal(name, id, time)
            };
            self.traces.send(self.traces.context(id, root(id)), told);
        }
    }

    /// A message was refined: until then it had waited since it was received.
    pub fn refined(self, id: ComplaintId, received_at: Timestamp, channel: &str, result: &'static str) {
        let channel = KeyValue::new("muara.channel", channel.to_owned());
        let waited = (SystemTime::from(received_at).min(self.begin), self.begin);
        let inbox = Told { attributes: vec![channel.clone()], ..Told::internal("inbox", id, waited) };
        self.traces.send(self.traces.context(id, random()), inbox);
        let refine = Told {
            attributes: vec![channel, KeyValue::new("muara.result", result)],
            failed: result == "quarantined",
            ..Told::internal("refine", id, (self.begin, SystemTime::now()))
        };
        self.traces.send(self.traces.context(id, random()), refine);
    }

    /// An event is handed to the broker.
    #[must_use]
    pub fn publish(self, id: ComplaintId) -> Publish {
        Publish { step: self, id, context: self.traces.context(id, random()) }
    }
}

impl Publish {
    /// The header that consumers go on from.
    #[must_use]
    pub fn traceparent(&self) -> String {
        let context = &self.context;
        let flags = context.trace_flags().to_u8();
        format!("00-{}-{}-{flags:02x}", context.trace_id(), context.span_id())
    }

    /// The broker said what became of it. Of what it took is told, too, how long it had waited in the outbox: with all
    /// attempts before this one.
    pub fn end(self, event: &Queued, result: &'static str) {
        let begin = self.step.begin;
        let confirmed = result == "confirmed";
        if confirmed {
            let waited = (SystemTime::from(event.at).min(begin), begin);
            let attributes = vec![
                KeyValue::new("messaging.message.id", event.id.to_string()),
                KeyValue::new("muara.attempts", i64::from(event.attempts) + 1),
            ];
            let outbox = Told { attributes, ..Told::internal("outbox", self.id, waited) };
            self.step.traces.send(self.step.traces.context(self.id, random()), outbox);
        }
        let time = (begin, SystemTime::now());
        let told = Told {
            kind: SpanKind::Producer,
            // OpenTelemetry's semantic conventions for messaging
            attributes: vec![
                KeyValue::new("messaging.system", "rabbitmq"),
                KeyValue::new("messaging.operation.type", "send"),
                KeyValue::new("messaging.message.id", event.id.to_string()),
                KeyValue::new("messaging.rabbitmq.destination.routing_key", event.routing_key.clone()),
                KeyValue::new("muara.result", result),
            ],
            failed: !confirmed,
            ..Told::internal("publish", self.id, time)
        };
        self.step.traces.send(self.context, told);
    }
}

/// The first span of a complaint's trace.
fn root(id: ComplaintId) -> SpanId {
    half(id.0)
}

fn random() -> SpanId {
    half(Uuid::now_v7())
}

/// The second half of an id: never zero, since two bits of it are the UUID's variant.
fn half(id: Uuid) -> SpanId {
    SpanId::from(id.as_u64_pair().1)
}

impl Traces {
    fn context(&self, id: ComplaintId, span: SpanId) -> SpanContext {
        let randomness = id.0.as_u64_pair().1 & 0x00ff_ffff_ffff_ffff;
        let sampled = randomness >= self.threshold;
        let flags = if sampled { TraceFlags::SAMPLED } else { TraceFlags::NOT_SAMPLED };
        SpanContext::new(TraceId::from(id.0.as_u128()), span, flags, false, TraceState::default())
    }

    fn send(&self, context: SpanContext, told: Told) {
        if !context.is_sampled() {
            return;
        }
        let mut links = SpanLinks::default();
        links.links.extend(told.link.map(Link::with_context));
        self.processor.on_end(SpanData {
            span_context: context,
            parent_span_id: told.parent,
            parent_span_is_remote: false,
            span_kind: told.kind,
            name: told.name.into(),
            start_time: told.time.0,
            end_time: told.time.1,
            attributes: told.attributes,
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links,
            status: if told.failed { Status::error("") } else { Status::Unset },
            instrumentation_scope: self.scope.clone(),
        });
    }
}
