//! Open311: a civic app hands a request in and reads how it stands, by the specification.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::process::Stdio;

use muara_normalizer::{Reference, ReplyRequest, reply::Answered};
use muara_tests::{
    gateway::{Gateway, PATIENCE},
    postgres::store_of,
};
use reqwest::Response;
use serde_json::{Value, json};

const KEY: &str = "kunci-aplikasi-warga-1";
const OTHER_KEY: &str = "kunci-kota-tetangga-2";

fn config(more: &str) -> String {
    format!(
        "[channels.apps]\nconnector = \"open311\"\njurisdiction_id = \"jakarta.go.id\"\n\
         public_url = \"https://pengaduan.example/\"\n{more}\n\
         [channels.apps.keys]\nwarga = \"{KEY}\"\ntetangga = \"{OTHER_KEY}\"\n"
    )
}

async fn launch(more: &str) -> Gateway {
    Gateway::launch(&config(more)).await
}

/// What a citizen reports, with changes.
fn report<'a>(changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let usual = [
        ("api_key", KEY),
        ("service_code", "jalan"),
        ("lat", "-6.2088"),
        ("long", "106.8456"),
        ("description", "Lubang <besar> & dalam"),
        ("email", "budi@contoh.example"),
        ("first_name", "Budi"),
        ("phone", "081234567890"),
    ];
    let mut fields: Vec<_> =
        usual.into_iter().filter(|(name, _)| changes.iter().all(|(changed, _)| changed != name)).collect();
    fields.extend(changes.iter().filter(|(_, text)| !text.is_empty()));
    fields
}

async fn post(gateway: &Gateway, format: &str, changes: &[(&str, &str)]) -> Response {
    let url = gateway.url(&format!("/open311/apps/requests.{format}"));
    gateway.http.post(url).form(&report(changes)).send().await.unwrap()
}

/// Hands a request in; its id.
async fn submitted(gateway: &Gateway, changes: &[(&str, &str)]) -> String {
    let response = post(gateway, "json", changes).await;
    assert_eq!(response.status(), 201);
    let body: Value = response.json().await.unwrap();
    body[0]["service_request_id"].as_str().unwrap().to_owned()
}

async fn get(gateway: &Gateway, path: &str) -> (u16, Value) {
    let response = gateway.http.get(gateway.url(&format!("/open311/apps/{path}"))).send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/json; charset=utf-8");
    (response.status().as_u16(), response.json().await.unwrap())
}

/// The ids of a list.
async fn ids(gateway: &Gateway, query: &str) -> Vec<String> {
    let (status, list) = get(gateway, &format!("requests.json{query}")).await;
    assert_eq!(status, 200, "{list}");
    let list = list.as_array().unwrap();
    list.iter().map(|request| request["service_request_id"].as_str().unwrap().to_owned()).collect()
}

/// The core CRM sets a status: written as its reply would be, beside the running gateway.
async fn status(gateway: &Gateway, id: &str, reply_id: &str, status: &str) {
    let reference: Reference = id.parse().unwrap();
    let body = json!({ "reply_id": reply_id, "reference": id, "status": status, "text": "Rahasia petugas" });
    let request = ReplyRequest::parse(body.to_string().as_bytes()).unwrap();
    let store = store_of(gateway);
    store.request_reply(request, Answered::Reference(reference)).await.unwrap();
    store.close().await;
}

#[tokio::test]
async fn a_request_is_handed_in_and_followed_until_it_is_closed() {
    let gateway = launch("").await;
    let id = submitted(&gateway, &[("account_id", "akun-7")]).await;
    gateway.waiting("outbox", 1).await;
    let event = &gateway.rows(&["outbox", "tail"]).await[0]["data"];
    assert_eq!(event["reference"], *id);
    assert_eq!(event["description"], "Lubang <besar> & dalam");
    assert_eq!(event["category"][0]["code"], "jalan");
    assert_eq!(event["location"]["lat"], -6.2088);

    // a client that was not answered sends it again
    assert_eq!(submitted(&gateway, &[("account_id", "akun-7")]).await, id);
    assert_eq!(gateway.health().await["store"]["waiting"]["outbox"], 1);
    // who walks along a street reports the next hole in the same words
    assert_ne!(submitted(&gateway, &[("account_id", "akun-7"), ("lat", "-6.2091")]).await, id);

    let (code, shown) = get(&gateway, &format!("requests/{id}.json?api_key={KEY}")).await;
    assert_eq!(code, 200);
    let shown = &shown[0];
    assert_eq!(shown["status"], "open");
    assert_eq!(shown["service_code"], "jalan");
    assert_eq!(shown["service_name"], "Jalan");
    assert_eq!(shown["description"], "Lubang <besar> & dalam");
    assert_eq!((&shown["lat"], &shown["long"]), (&json!(-6.2088), &json!(106.8456)));
    let requested = shown["requested_datetime"].as_str().unwrap();
    assert!(requested.ends_with("+07:00") && requested.parse::<jiff::Timestamp>().is_ok(), "{requested}");
    assert_eq!(shown["updated_datetime"], requested);
    assert!(shown["status_notes"].as_str().unwrap().contains("sudah kami terima"));

    status(&gateway, &id, "r1", "Proses").await;
    let (_, shown) = get(&gateway, &format!("requests/{id}.json")).await;
    assert_eq!(shown[0]["status"], "open");
    status(&gateway, &id, "r2", "Selesai").await;
    let (_, shown) = get(&gateway, &format!("requests/{id}.json")).await;
    assert_eq!(shown[0]["status"], "closed");
    assert_eq!(shown[0]["status_notes"], format!("Laporan {id} sudah selesai ditindaklanjuti."));
    assert!(!shown.to_string().contains("Rahasia"), "words for the citizen alone are shown: {shown}");
}

#[tokio::test]
async fn details_are_shown_to_the_client_that_handed_them_in_and_identity_to_nobody() {
    let gateway = launch("").await;
    let id = submitted(&gateway, &[]).await;
    gateway.waiting("outbox", 1).await;
    for (key, sees) in [("", false), ("tebakan-yang-salah-00", false), (OTHER_KEY, false), (KEY, true)] {
        for path in [format!("requests/{id}.json?api_key={key}"), format!("requests.json?api_key={key}")] {
            let (_, shown) = get(&gateway, &path).await;
            assert_eq!(shown[0]["service_request_id"], *id);
            assert_eq!(shown[0]["description"].is_string(), sees, "{path}: {shown}");
            assert_eq!(shown[0]["lat"].is_number(), sees);
            let text = shown.to_string();
            assert!(!["Budi", "budi@", "8123", KEY].iter().any(|secret| text.contains(secret)), "{text}");
        }
    }
    let gateway = launch("public_details = true").await;
    let id = submitted(&gateway, &[]).await;
    gateway.waiting("outbox", 1).await;
    let (_, shown) = get(&gateway, &format!("requests/{id}.json")).await;
    assert_eq!(shown[0]["description"], "Lubang <besar> & dalam");
}

#[tokio::test]
async fn lists_are_newest_first_and_chosen_by_id_service_status_and_time() {
    let gateway = launch("").await;
    let road = submitted(&gateway, &[("account_id", "1")]).await;
    let park = submitted(&gateway, &[("account_id", "2"), ("service_code", "batas-wilayah")]).await;
    gateway.waiting("outbox", 2).await;
    assert_eq!(ids(&gateway, "").await, [park.clone(), road.clone()]);
    assert_eq!(ids(&gateway, "?service_code=jalan").await, [road.as_str()]);
    assert_eq!(ids(&gateway, "?service_code=jalan,batas-wilayah").await.len(), 2);
    assert_eq!(
        ids(&gateway, &format!("?service_request_id={road},0000-0000-0,{park}&status=closed")).await,
        [road.clone(), park.clone()]
    );
    status(&gateway, &road, "r1", "Selesai").await;
    assert_eq!(ids(&gateway, "?status=closed").await, [road.as_str()]);
    assert_eq!(ids(&gateway, "?status=open").await, [park.as_str()]);
    assert_eq!(ids(&gateway, "?status=open,closed").await.len(), 2);
    assert_eq!(ids(&gateway, "?status=open&status=closed&zodiak=leo").await.len(), 2);
    assert!(ids(&gateway, "?start_date=2020-01-01T00:00:00Z").await.is_empty());
    assert!(ids(&gateway, "?end_date=2020-03-01").await.is_empty());
    assert_eq!(
        ids(&gateway, "?end_date=2099-01-01T00:00:00+07:00&start_date=2098-12-01%2000:00:00").await.len(),
        0
    );
    let today = jiff::Timestamp::now().strftime("%Y-%m-%dT00:00:00Z").to_string();
    assert_eq!(ids(&gateway, &format!("?start_date={today}")).await.len(), 2);
    for wrong in ["?start_date=kemarin", "?status=batal", "?start_date=2026-01-01&end_date=2026-06-01"] {
        let (code, body) = get(&gateway, &format!("requests.json{wrong}")).await;
        assert_eq!((code, &body[0]["code"]), (400, &json!(400)), "{wrong}: {body}");
    }
}

#[tokio::test]
async fn errors_have_the_form_of_the_specification_and_nothing_is_taken() {
    let gateway = launch("").await;
    for (changes, code, word) in [
        (&[("api_key", "")][..], 403, "api_key"),
        (&[("api_key", "kunci-yang-salah-0000")], 403, "api_key"),
        (&[("service_code", "")], 400, "service_code"),
        (&[("service_code", "kapal-selam")], 404, "service_code"),
        (&[("lat", ""), ("long", "")], 400, "address_string"),
        (&[("lat", "enam")], 400, "lat"),
    ] {
        let response = post(&gateway, "json", changes).await;
        assert_eq!(response.status(), code, "{changes:?}");
        let body: Value = response.json().await.unwrap();
        assert_eq!(body[0]["code"], code);
        assert!(body[0]["description"].as_str().unwrap().contains(word), "{body}");
    }
    let response = post(&gateway, "xml", &[("api_key", "")]).await;
    assert_eq!(response.headers()["content-type"], "text/xml; charset=utf-8");
    let text = response.text().await.unwrap();
    let head = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<errors><error><code>403</code><description>";
    assert!(text.starts_with(head) && text.ends_with("</description></error></errors>"), "{text}");

    let url = gateway.url("/open311/apps/requests.json");
    assert_eq!(gateway.http.post(url).body("{}").send().await.unwrap().status(), 415);
    for missing in [
        "services/kapal-selam.json",
        "requests/7K3M-9QXW-C.json",
        "requests/bukan-nomor.json",
        "services.json?jurisdiction_id=bandung.go.id",
        "parkir.json",
    ] {
        let (code, body) = get(&gateway, missing).await;
        assert_eq!((code, &body[0]["code"]), (404, &json!(404)), "{missing}: {body}");
    }
    let response = gateway.http.get(gateway.url("/open311/lain/services.json")).send().await.unwrap();
    assert_eq!(response.status(), 404);
    assert_eq!(gateway.health().await["store"]["waiting"]["outbox"], 0);
}

#[tokio::test]
async fn another_program_understands_both_formats_and_they_say_the_same() {
    let gateway = launch("public_details = true").await;
    let response = post(&gateway, "xml", &[("address_string", "Jl. \u{b}Teuku Umar")]).await;
    assert_eq!(response.status(), 201);
    let text = response.text().await.unwrap();
    let (_, rest) = text.split_once("<service_request_id>").unwrap();
    let (id, _) = rest.split_once('<').unwrap();
    gateway.waiting("outbox", 1).await;

    let python = std::env::var("MUARA_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/it/open311/client.py");
    let run = tokio::process::Command::new(&python)
        .args([script, &gateway.url("/open311/apps"), id])
        .stdin(Stdio::null())
        .output();
    let output = tokio::time::timeout(PATIENCE, run).await.expect("the client does not end").unwrap();
    assert!(
        output.status.success(),
        "{python} lacks georeport (run ./tests/run, which makes an environment that has it), or the server fails\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let understood: Value = serde_json::from_slice(&output.stdout).unwrap();
    let (by_json, by_xml) = (&understood["json"], &understood["xml"]);
    for part in ["services", "definition", "listed"] {
        assert_eq!(by_json[part], by_xml[part]);
    }
    assert!(by_json["services"].as_array().unwrap().contains(&json!("jalan")));
    let members = by_json["request"].as_object().unwrap();
    assert_eq!(members.len(), by_xml["request"].as_object().unwrap().len());
    for (name, content) in members {
        // XML has no numbers, and cannot hold every sign
        let written = match content {
            Value::String(text) => json!(text.replace('\u{b}', "")),
            Value::Number(number) => json!(number.to_string()),
            other => other.clone(),
        };
        assert_eq!(by_xml["request"][name], written, "{name}");
    }
    assert_eq!(members["description"], "Lubang <besar> & dalam");

    let (_, discovery) = get(&gateway, "discovery.json").await;
    assert_eq!(discovery["endpoints"][0]["url"], "https://pengaduan.example/open311/apps");
    let url = gateway.url("/open311/apps/discovery.xml");
    let text = gateway.http.get(url).send().await.unwrap().text().await.unwrap();
    assert!(text.contains("<formats><format>text/xml</format><format>application/json</format></formats>"));
}

#[tokio::test]
async fn the_channel_s_own_endpoint_takes_the_same_form() {
    let gateway = launch("").await;
    let fields = report(&[("account_id", "akun-7")]);
    let response = gateway.http.post(gateway.url("/in/apps")).form(&fields).send().await.unwrap();
    assert_eq!(response.status(), 201);
    let body: Value = response.json().await.unwrap();
    assert_eq!(submitted(&gateway, &[("account_id", "akun-7")]).await, body[0]["service_request_id"]);
    let fields = report(&[("api_key", "kunci-yang-salah-0000")]);
    let response = gateway.http.post(gateway.url("/in/apps")).form(&fields).send().await.unwrap();
    assert_eq!(response.status(), 401);
}
