//! Traces: a complaint's steps reach a collector as one trace, and the consumer of its event goes on with it.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use axum::{Router, body::Bytes, extract::State, http::StatusCode, routing::post};
use lapin::types::AMQPValue;
use muara_tests::{
    chaos::ChaosProxy,
    consume,
    gateway::{Gateway, PATIENCE},
    rabbitmq::RabbitNode,
    reports::Reports,
    telegram::{BotApi, TOKEN},
};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value::Value},
    trace::v1::Span,
};
use prost::Message;
use serde_json::json;
use tokio::{net::TcpListener, sync::watch, time::timeout};

use crate::desk::office;

const QLUE: &str = "[channels.qlue]\nconnector = \"qlue\"\nsecret = \"s\"\n";
const CALLER: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// An OTLP receiver on loopback.
struct Collector {
    url: String,
    spans: Arc<Mutex<Vec<Span>>>,
    services: Arc<Mutex<Vec<String>>>,
    count: watch::Sender<usize>,
}

type Shared = (Arc<Mutex<Vec<Span>>>, Arc<Mutex<Vec<String>>>, watch::Sender<usize>);

async fn take(State((spans, services, count)): State<Shared>, body: Bytes) -> StatusCode {
    let request = ExportTraceServiceRequest::decode(body).unwrap();
    for part in request.resource_spans {
        services.lock().unwrap().push(text(&part.resource.unwrap().attributes, "service.name"));
        spans.lock().unwrap().extend(part.scope_spans.into_iter().flat_map(|scope| scope.spans));
    }
    count.send_replace(spans.lock().unwrap().len());
    StatusCode::OK
}

/// An attribute's text.
fn text(attributes: &[KeyValue], name: &str) -> String {
    let found = attributes.iter().find(|attribute| attribute.key == name);
    match found.and_then(|attribute| attribute.value.clone()?.value) {
        Some(Value::StringValue(text)) => text,
        other => panic!("{name}: {other:?}"),
    }
}

impl Collector {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let collector =
            Self { url, spans: Arc::default(), services: Arc::default(), count: watch::Sender::new(0) };
        let shared = (collector.spans.clone(), collector.services.clone(), collector.count.clone());
        let routes = Router::new().route("/v1/traces", post(take)).with_state(shared);
        tokio::spawn(async { axum::serve(listener, routes).await });
        collector
    }

    /// The spans of one trace by name, once there are as many.
    async fn trace(&self, id: &str, count: usize) -> BTreeMap<String, Span> {
        let of = || {
            let spans = self.spans.lock().unwrap();
            let spans = spans.iter().filter(|span| hex::encode(&span.trace_id) == id);
            spans.map(|span| (span.name.clone(), span.clone())).collect::<BTreeMap<_, _>>()
        };
        let mut seen = self.count.subscribe();
        let whole = seen.wait_for(|_| of().len() >= count);
        let came = timeout(PATIENCE, whole).await.is_ok();
        assert!(came, "spans of {id}: {:?}", of().keys());
        of()
    }

    /// The spans of one trace that came from its first step to the broker's confirm, held against the event's header.
    async fn whole(&self, trace: &str, first: &str, header: &str) -> BTreeMap<String, Span> {
        let spans = self.trace(trace, 5).await;
        let mut steps = [first, "inbox", "refine", "outbox", "publish"];
        let order = ["refine", "publish"].map(|name| spans[name].start_time_unix_nano);
        assert!(spans[first].start_time_unix_nano <= order[0] && order.is_sorted(), "{order:?}");
        assert!(spans[first].parent_span_id.is_empty(), "the first span of the trace");
        for name in &steps[1..] {
            assert_eq!(spans[*name].parent_span_id, spans[first].span_id, "{name}");
        }
        let (outbox, publish) = (&spans["outbox"], &spans["publish"]);
        assert_eq!(outbox.end_time_unix_nano, publish.start_time_unix_nano, "it waits until it is published");
        assert_eq!(text(&publish.attributes, "muara.result"), "confirmed");
        assert_eq!(header, format!("00-{trace}-{}-01", hex::encode(&publish.span_id)));
        steps.sort_unstable();
        assert_eq!(spans.keys().map(String::as_str).collect::<Vec<_>>(), steps);
        spans
    }
}

fn config(broker: &str, telemetry: &str) -> String {
    format!("[broker]\nurl = \"{broker}\"\n[telemetry]\n{telemetry}\n{QLUE}")
}

/// Posts a report within the caller's trace; the complaint's id.
async fn report(gateway: &Gateway, reports: &Reports) -> String {
    // by then there is a queue to read from
    gateway.broker_is("connected").await;
    let report = reports.next();
    let request = gateway.http.post(gateway.url("/in/qlue")).header("content-type", "application/json");
    let request = request.header("x-qlue-signature", &report.signature).header("traceparent", CALLER);
    let answer: serde_json::Value = request.body(report.body).send().await.unwrap().json().await.unwrap();
    answer["accepted"][0]["id"].as_str().unwrap().to_owned()
}

/// The `traceparent` of the next event.
async fn traceparent(url: &str) -> Option<String> {
    let received = consume::drain(url, "crm.complaints", 1, PATIENCE).await;
    let headers = received[0].properties.headers().clone()?;
    match headers.inner().get("traceparent")? {
        AMQPValue::LongString(text) => Some(text.to_string()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_complaints_way_is_one_trace_from_the_request_to_the_confirm() {
    let collector = Collector::start().await;
    let vhost = RabbitNode::shared().await.vhost("traces").await;
    let endpoint = format!("otlp_endpoint = \"{}/\"", collector.url);
    let mut gateway = Gateway::new(&config(&vhost.url(), &endpoint)).env("OTEL_BSP_SCHEDULE_DELAY", "50");
    gateway.start().await;
    let id = report(&gateway, &Reports::new("s")).await;
    let trace = id.replace('-', "");
    let header = traceparent(&vhost.url()).await.unwrap();
    let spans = collector.whole(&trace, "receive", &header).await;
    let receive = &spans["receive"];
    assert_eq!(text(&receive.attributes, "muara.channel"), "qlue");
    let caller = receive.links.iter().map(|link| (hex::encode(&link.trace_id), hex::encode(&link.span_id)));
    let wanted = ("0af7651916cd43dd8448eb211c80319c".to_owned(), "b7ad6b7169203331".to_owned());
    assert_eq!(caller.collect::<Vec<_>>(), [wanted], "the vendor's own trace is found from it");
    assert!(collector.services.lock().unwrap().iter().all(|service| service == "muara"));
    gateway.terminate().await;
}

#[tokio::test]
async fn a_pulled_message_has_one_trace_too_and_its_wait_for_the_broker_is_seen() {
    let collector = Collector::start().await;
    let node = RabbitNode::shared().await;
    let vhost = node.vhost("traces_pull").await;
    let line = ChaosProxy::start(node.address()).await;
    let api = BotApi::listen().await;
    let telegram = format!(
        "[channels.telegram]\nconnector = \"telegram\"\nbot_token = \"{TOKEN}\"\napi_url = \"{}\"\n\
         [channels.telegram.poll]\ntimeout_seconds = 1\n",
        api.url()
    );
    let endpoint = format!("otlp_endpoint = \"{}\"", collector.url);
    let config = config(&vhost.url_by(line.addr()), &endpoint) + &telegram;
    let mut gateway = Gateway::new(&config).env("OTEL_BSP_SCHEDULE_DELAY", "50");
    gateway.start().await;
    gateway.broker_is("connected").await;
    line.refuse().await;
    line.cut();
    gateway.broker_is("connecting").await;
    api.writes("Lampu jalan mati di Tebet Barat");
    gateway.waiting("outbox", 1).await;
    let event = gateway.rows(&["outbox", "tail"]).await.remove(0);
    let trace = event["subject"].as_str().unwrap().replace('-', "");
    let cut_off = Instant::now();
    line.restore().await;
    gateway.broker_is("connected").await;
    let cut_off = cut_off.elapsed();
    let header = traceparent(&vhost.url()).await.unwrap();
    let spans = collector.whole(&trace, "pull", &header).await;
    let outbox = &spans["outbox"];
    let waited = Duration::from_nanos(outbox.end_time_unix_nano - outbox.start_time_unix_nano);
    // while the broker was away, and some time before and after
    assert!(waited >= cut_off / 2, "{waited:?} of {cut_off:?}");
    gateway.terminate().await;
}

#[tokio::test]
async fn an_entry_at_the_desk_has_one_trace_too() {
    let collector = Collector::start().await;
    let vhost = RabbitNode::shared().await.vhost("traces_desk").await;
    let endpoint =
        format!("[broker]\nurl = \"{}\"\n[telemetry]\notlp_endpoint = \"{}\"\n", vhost.url(), collector.url);
    let config = office::configuration(&endpoint, office::hash());
    let mut gateway = Gateway::new(&config).env("OTEL_BSP_SCHEDULE_DELAY", "50");
    gateway.start().await;
    gateway.broker_is("connected").await;
    let desk = gateway.url("/desk/kelurahan/api");
    let officer = json!({ "user": "siti", "password": office::PASSWORD });
    let answer = gateway.http.post(format!("{desk}/session")).json(&officer).send().await.unwrap();
    let cookie = answer.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let session: serde_json::Value = answer.json().await.unwrap();
    let request =
        gateway.http.post(format!("{desk}/entries")).header("cookie", cookie).json(&office::entry());
    let request = request.header("x-csrf-token", session["csrf_token"].as_str().unwrap());
    assert_eq!(request.header("traceparent", CALLER).send().await.unwrap().status(), 201);
    let header = traceparent(&vhost.url()).await.unwrap();
    let trace = header.split('-').nth(1).unwrap();
    let spans = collector.whole(trace, "receive", &header).await;
    assert_eq!(text(&spans["receive"].attributes, "muara.channel"), "kelurahan");
    gateway.terminate().await;
}

#[tokio::test]
async fn what_waits_is_sent_at_the_end() {
    let collector = Collector::start().await;
    let vhost = RabbitNode::shared().await.vhost("traces_end").await;
    let endpoint = format!("otlp_endpoint = \"{}\"", collector.url);
    let mut gateway =
        Gateway::new(&config(&vhost.url(), &endpoint)).env("OTEL_BSP_SCHEDULE_DELAY", "3600000");
    gateway.start().await;
    let id = report(&gateway, &Reports::new("s")).await;
    traceparent(&vhost.url()).await.unwrap();
    gateway.terminate().await;
    assert_eq!(collector.trace(&id.replace('-', ""), 5).await.len(), 5);
}

#[tokio::test]
async fn without_a_collector_events_bear_no_trace_and_one_that_is_away_harms_nothing() {
    let vhost = RabbitNode::shared().await.vhost("traces_off").await;
    let mut gateway = Gateway::launch(&config(&vhost.url(), "")).await;
    let reports = Reports::new("s");
    report(&gateway, &reports).await;
    assert_eq!(traceparent(&vhost.url()).await, None);
    gateway.terminate().await;

    // nobody listens on port 9
    gateway.configure(&config(&vhost.url(), "otlp_endpoint = \"http://127.0.0.1:9\""));
    gateway.start().await;
    report(&gateway, &reports).await;
    assert!(traceparent(&vhost.url()).await.is_some());
    let (status, took) = gateway.terminate().await;
    assert!(status.success() && took < Duration::from_secs(60));
}

#[tokio::test]
async fn a_complaint_that_is_not_chosen_says_so_to_its_consumer() {
    let collector = Collector::start().await;
    let vhost = RabbitNode::shared().await.vhost("traces_none").await;
    let settings = format!("otlp_endpoint = \"{}\"\nsample_ratio = 0.0", collector.url);
    let mut gateway = Gateway::launch(&config(&vhost.url(), &settings)).await;
    report(&gateway, &Reports::new("s")).await;
    let header = traceparent(&vhost.url()).await.unwrap();
    assert!(header.ends_with("-00"), "{header}");
    gateway.terminate().await;
    assert!(collector.spans.lock().unwrap().is_empty());
}
