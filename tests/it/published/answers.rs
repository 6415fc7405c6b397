//! Real answers of the program are as OpenAPI says.

use muara_tests::{gateway::Gateway, reports::Reports};
use reqwest::{Method, RequestBuilder, header};
use serde_json::{Map, Value, json};

use super::{document, errors, validator};
use crate::desk::office::{self, PASSWORD, entry};

/// The program with the document that it published.
struct Described {
    gateway: Gateway,
    api: Value,
    /// Operations and statuses that were seen.
    seen: Vec<String>,
}

const OPEN311: &str =
    "[channels.apps]\nconnector = \"open311\"\n[channels.apps.keys]\nwarga = \"kunci-aplikasi-warga-1\"\n";
const LETTERS: &str = "[channels.surat]\nconnector = \"webhook\"\nsecret = \"rahasia\"\nauth = { scheme = \"path_secret\" }\n\
                       fields = { text = \"$.text\" }\n";

impl Described {
    async fn launch() -> Self {
        let config = office::configuration("[desk]\nsecure_cookies = false\n", office::hash());
        let gateway =
            Gateway::launch(&format!("{config}limits = {{ body_kb = 4 }}\n{OPEN311}{LETTERS}")).await;
        Self { gateway, api: document("openapi.json"), seen: Vec::new() }
    }

    fn public(&self, method: Method, path: &str) -> RequestBuilder {
        self.gateway.http.request(method, self.gateway.url(path))
    }

    fn internal(&self, path: &str) -> RequestBuilder {
        self.gateway.http.get(self.gateway.internal_url(path))
    }

    /// Sends it; status, media type and body of the answer must be described. Returns the body and its cookie.
    async fn send(&mut self, request: RequestBuilder, status: u16) -> (Value, String) {
        let request = request.build().unwrap();
        let (method, path) = (request.method().as_str().to_lowercase(), request.url().path().to_owned());
        let response = self.gateway.http.execute(request).await.unwrap();
        let headers = response.headers().clone();
        let text = |name: header::HeaderName| {
            headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
        };
        let got = response.status().as_u16();
        let body = response.text().await.unwrap();
        assert_eq!(got, status, "{method} {path}: {body}");

        let template = self.template(&path);
        let described = &self.api["paths"][&template][&method]["responses"][got.to_string()];
        assert!(described.is_object(), "{method} {template} {got} is not described");
        self.seen.push(format!("{method} {template} {got}"));
        let content_type = text(header::CONTENT_TYPE);
        let media = content_type.split(';').next().unwrap();
        let body = serde_json::from_str(&body).unwrap_or(Value::String(body));
        if let Some(content) = described.get("content") {
            let pointer = content.as_object().unwrap().contains_key(media).then(|| &content[media]["schema"]);
            let schema =
                pointer.unwrap_or_else(|| panic!("{method} {template} {got}: {media} is not described"));
            if let Some(name) = schema["$ref"].as_str() {
                let place = name.strip_prefix("#/components/").unwrap();
                let wrong = errors(&validator(&self.api, place), &body);
                assert_eq!(wrong, "", "{method} {template} {got}: {body}");
            }
        }
        if [429, 503].contains(&got) && media == "application/problem+json" {
            assert!(headers.contains_key(header::RETRY_AFTER), "{method} {template}");
        }
        let cookie = text(header::SET_COOKIE);
        (body, cookie.split(';').next().unwrap().to_owned())
    }

    /// The path that describes this one: of several, that with the fewest variables.
    fn template(&self, path: &str) -> String {
        let fits = |template: &&String| {
            let (a, b): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
            a.len() == b.len() && a.iter().zip(&b).all(|(a, b)| a.starts_with('{') || a == b)
        };
        let paths = self.api["paths"].as_object().unwrap().keys().filter(fits);
        let found = paths.min_by_key(|template| template.matches('{').count());
        found.unwrap_or_else(|| panic!("{path} is not described")).clone()
    }
}

#[tokio::test]
async fn vendors_get_the_answers_that_are_described() {
    let mut muara = Described::launch().await;
    let reports = Reports::new("s");
    let signed = |muara: &Described, channel: &str, report: &muara_tests::reports::Signed| {
        let request = muara.public(Method::POST, &format!("/in/{channel}"));
        let request = request.header("content-type", "application/json");
        request.header("x-qlue-signature", &report.signature).body(report.body.clone())
    };
    let good = reports.next();
    muara.send(signed(&muara, "qlue", &good), 202).await;
    muara.send(signed(&muara, "qlue", &good), 202).await;
    let half =
        json!({"data": [{"id": 1, "description": "Lampu mati"}, {"description": "tanpa nomor"}, {"id": []}]});
    let (body, _) = muara.send(signed(&muara, "qlue", &reports.sign(Vec::new(), &half)), 202).await;
    assert!(body["quarantined"].is_string(), "{body}");
    muara.send(signed(&muara, "qlue", &reports.sign(Vec::new(), &json!("bukan laporan"))), 422).await;
    muara.send(signed(&muara, "qlue", &Reports::new("lain").next()), 401).await;
    muara.send(signed(&muara, "tiada", &good), 404).await;
    muara.send(signed(&muara, "kelurahan", &good), 404).await;
    muara.send(muara.public(Method::POST, "/in/qlue").body("a=b"), 415).await;
    let large = muara.public(Method::POST, "/in/qlue").header("content-type", "application/json");
    muara.send(large.body(vec![b' '; 5000]), 413).await;
    muara.send(muara.public(Method::GET, "/in/qlue"), 405).await;
    muara
        .send(muara.public(Method::POST, "/in/surat/rahasia").json(&json!({"text": "Got mampet"})), 202)
        .await;
    muara
        .send(muara.public(Method::POST, "/in/surat/tebakan").json(&json!({"text": "Got mampet"})), 401)
        .await;
    muara.gateway.terminate().await;
}

#[tokio::test]
async fn programs_at_a_desk_get_the_answers_that_are_described() {
    const ENTRIES: &str = "/desk/kelurahan/api/entries";
    const SESSION: &str = "/desk/kelurahan/api/session";
    let mut muara = Described::launch().await;
    let who = |password: &str| json!({"user": "siti", "password": password});
    muara.send(muara.public(Method::POST, SESSION).json(&who("salah")), 401).await;
    muara.send(muara.public(Method::POST, SESSION).body("{}"), 415).await;
    muara.send(muara.public(Method::POST, "/desk/tiada/api/session").json(&who(PASSWORD)), 404).await;
    let (session, cookie) = muara.send(muara.public(Method::POST, SESSION).json(&who(PASSWORD)), 200).await;
    let token = session["csrf_token"].as_str().unwrap().to_owned();
    let post = |muara: &Described, body: &Value| {
        let request = muara.public(Method::POST, ENTRIES).header("cookie", &cookie);
        request.header("x-csrf-token", &token).json(body)
    };
    let wanted = validator(&muara.api, "schemas/Entry");
    assert_eq!(errors(&wanted, &entry()), "", "what a client sends is described, too");
    muara.send(post(&muara, &entry()), 201).await;
    muara.send(post(&muara, &entry()), 200).await;
    let mut wrong = entry();
    wrong["reporter"]["phone"] = json!("12");
    wrong["kantor"] = json!("tebet");
    assert_ne!(errors(&wanted, &wrong), "");
    let (problem, _) = muara.send(post(&muara, &wrong), 422).await;
    assert!(problem["errors"].is_array(), "{problem}");
    muara.send(post(&muara, &json!({})), 400).await;
    muara.send(muara.public(Method::POST, ENTRIES).json(&entry()), 401).await;
    muara.send(muara.public(Method::POST, ENTRIES).header("cookie", &cookie).json(&entry()), 403).await;
    muara.gateway.terminate().await;
}

#[tokio::test]
async fn civic_apps_get_the_answers_that_are_described() {
    let mut muara = Described::launch().await;
    let report = [
        ("api_key", "kunci-aplikasi-warga-1"),
        ("service_code", "jalan"),
        ("lat", "-6.2088"),
        ("long", "106.8456"),
        ("description", "Lubang dalam"),
    ];
    let wanted = validator(&muara.api, "schemas/Open311Request");
    let named: Map<_, _> = report
        .iter()
        .map(|(name, text)| ((*name).to_owned(), text.parse::<f64>().map_or(json!(text), Value::from)))
        .collect();
    assert_eq!(errors(&wanted, &named.into()), "");
    let post = |muara: &Described, format: &str, fields: &[(&str, &str)]| {
        muara.public(Method::POST, &format!("/open311/apps/requests.{format}")).form(fields)
    };
    let (created, _) = muara.send(post(&muara, "json", &report), 201).await;
    let id = created[0]["service_request_id"].as_str().unwrap().to_owned();
    let mut other = report;
    other[4].1 = "Aspal terkelupas di depan pasar";
    muara.send(post(&muara, "xml", &other), 201).await;
    muara.send(post(&muara, "json", &report[..1]), 400).await;
    muara.send(post(&muara, "json", &report[1..]), 403).await;
    muara.gateway.waiting("outbox", 2).await;
    for path in [
        "services.json".to_owned(),
        "services.xml".to_owned(),
        "services/jalan.json".to_owned(),
        "discovery.json".to_owned(),
        "requests.json?api_key=kunci-aplikasi-warga-1".to_owned(),
        format!("requests/{id}.json"),
        format!("requests/{id}.xml"),
    ] {
        muara.send(muara.public(Method::GET, &format!("/open311/apps/{path}")), 200).await;
    }
    muara.send(muara.public(Method::GET, "/open311/apps/requests.json?status=ganjil"), 400).await;
    muara.send(muara.public(Method::GET, "/open311/apps/lain.json"), 404).await;
    muara.send(muara.public(Method::GET, "/open311/apps/requests/0000.json"), 404).await;
    muara.gateway.terminate().await;
}

#[tokio::test]
async fn operators_and_the_core_crm_get_the_answers_that_are_described() {
    let mut muara = Described::launch().await;
    for path in ["/livez", "/readyz", "/metrics"] {
        muara.send(muara.internal(path), 200).await;
    }
    let (health, _) = muara.send(muara.internal("/health"), 200).await;
    assert_eq!(health["channels"].as_array().unwrap().len(), 6, "{health}");
    let report =
        json!({"id": 7, "description": "Lampu mati", "file": {"url": "https://qlue.example/foto.jpg"}});
    let accepted = muara.gateway.accepted("qlue", &Reports::new("s").sign(Vec::new(), &report)).await;
    let id = accepted["accepted"][0]["id"].as_str().unwrap().to_owned();
    muara.gateway.waiting("outbox", 1).await;
    // fetching is off here, so it stays at its vendor
    muara.send(muara.internal(&format!("/media/{id}/1")), 404).await;
    muara.send(muara.internal(&format!("/media/{id}/9")), 404).await;
    muara.send(muara.internal("/media/bukan-id/1"), 400).await;
    muara.gateway.terminate().await;
}
