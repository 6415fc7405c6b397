//! The JSON API behind the page.

use muara_normalizer::complaint::Kind;
use reqwest::{StatusCode, header};
use serde_json::{Value, json};

use super::office::{Answer, Office, entry};

const KEY: &str = "0197a9c2-5f6e-7d31-8a40-9b1c2d3e4f51";

#[tokio::test]
async fn an_entry_is_answered_201_and_its_redelivery_200_with_the_same_words() {
    let office = Office::open().await;
    let mut siti = office.program("kelurahan", "siti").await;
    let first = siti.enter(&entry()).await;
    assert_eq!(first.status, StatusCode::CREATED, "{}", first.body);
    let body = first.json();
    let reference = body["reference"].as_str().unwrap();
    assert_eq!(first.header(header::LOCATION), format!("/desk/kelurahan/receipts/{reference}"));
    let members: Vec<_> = body.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["id", "received_at", "reference"]);

    let again = siti.enter(&entry()).await;
    assert_eq!(again.status, StatusCode::OK);
    assert_eq!(again.body, first.body);
    assert_eq!(office.drafts().len(), 1);

    // and its receipt can be opened to be printed
    assert_eq!(siti.browser.open(&format!("/receipts/{reference}")).await, StatusCode::OK);
}

#[tokio::test]
async fn the_key_may_stand_in_the_header() {
    let office = Office::open().await;
    let mut siti = office.program("kelurahan", "siti").await;
    let mut keyless = entry();
    keyless.as_object_mut().unwrap().remove("idempotency_key");
    let mut statuses = Vec::new();
    for key in [KEY.to_owned(), format!("\"{KEY}\""), KEY.to_uppercase()] {
        let request = siti.request().header("idempotency-key", key).json(&keyless);
        statuses.push(siti.send(request).await.status.as_u16());
    }
    assert_eq!(statuses, [201, 200, 200]);
    assert_eq!(office.drafts()[0].external_id.as_ref().unwrap().as_str(), KEY);

    assert_problem(&siti.enter(&keyless).await, 400, "Idempotency-Key");
    let request = siti.request().header("idempotency-key", KEY).json(&entry());
    assert_problem(&siti.send(request).await, 400, "tidak sama");
}

#[tokio::test]
async fn an_entry_that_waited_in_a_browser_says_when_it_was_made_unless_that_clock_is_wrong() {
    let office = Office::open().await;
    let mut siti = office.program("kelurahan", "siti").await;
    let mut waited = entry();
    waited["entered_at"] = json!("2026-11-03T02:55:00Z");
    assert_eq!(siti.enter(&waited).await.status, StatusCode::CREATED);
    waited["entered_at"] = json!("2999-01-01T00:00:00Z");
    waited["idempotency_key"] = json!(KEY);
    assert_eq!(siti.enter(&waited).await.status, StatusCode::CREATED);
    let sent: Vec<_> =
        office.drafts().iter().map(|draft| serde_json::to_string(&draft.sent_at).unwrap()).collect();
    assert!(sent[0].contains("2026-11-03T02:55:00Z") && !sent[1].contains("2999"), "{sent:?}");
}

#[tokio::test]
async fn a_program_asks_who_is_signed_in_and_a_page_of_another_site_may_not() {
    let office = Office::open().await;
    let mut siti = office.program("kelurahan", "siti").await;
    let ask = |browser: &super::office::Browser<'_>| browser.get("/api/session");
    let request = ask(&siti.browser);
    let answer = siti.browser.send(request, "/api/session").await;
    assert_eq!(answer.status, StatusCode::OK);
    let session = answer.json();
    assert_eq!(session["csrf_token"], json!(siti.csrf));
    assert_eq!((&session["office"], &session["officer_name"]), (&json!("menteng"), &json!("Siti Aminah")));
    let request = ask(&siti.browser).header("sec-fetch-site", "cross-site");
    assert_problem(&siti.browser.send(request, "/api/session").await, 403, "situs lain");
    let mut nobody = office.browser("kelurahan");
    let request = ask(&nobody);
    assert_problem(&nobody.send(request, "/api/session").await, 401, "masuk");
    // the page that a browser keeps names nobody and holds no token
    siti.browser.open("/offline").await;
    assert!(siti.browser.html.contains("Uraian laporan"));
    assert!(
        !siti.browser.html.contains("Siti") && !siti.browser.html.contains("csrf"),
        "{}",
        siti.browser.html
    );
}

#[tokio::test]
async fn officer_and_office_come_from_the_session_whatever_the_client_claims() {
    let office = Office::open().await;
    let mut siti = office.program("kelurahan", "siti").await;
    let mut claim = entry();
    claim["taken"] = json!({ "officer": "joko", "office": "tebet", "at": "2020-01-01T00:00:00Z" });
    claim["kind"] = json!("aspiration");
    assert_eq!(siti.enter(&claim).await.status, StatusCode::CREATED);
    let draft = office.drafts().remove(0);
    assert_eq!(draft.office.as_deref(), Some("Kelurahan Menteng"));
    assert_eq!(draft.kind, Some(Kind::Aspiration));
    let sent = serde_json::to_string(&draft.sent_at).unwrap();
    assert!(!sent.contains("2020"), "{sent}");

    let mut claim = entry();
    claim["office"] = json!("tebet");
    assert_problem(&siti.enter(&claim).await, 422, "Perbaiki isian");
}

#[tokio::test]
async fn what_is_refused_is_told_in_problem_details_and_nothing_is_stored() {
    let office = Office::open().await;
    let mut siti = office.program("kelurahan", "siti").await;

    let mut nobody = office.browser("kelurahan");
    let request = nobody.post("/api/entries").json(&entry());
    assert_problem(&nobody.send(request, "/api/entries").await, 401, "masuk");

    let request = siti.browser.post("/api/entries").json(&entry());
    assert_problem(&siti.send(request).await, 403, "Periksa isian");
    let request = siti.request().json(&entry()).header("origin", "https://jahat.example");
    assert_problem(&siti.send(request).await, 403, "situs lain");
    let mut elsewhere = office.browser("kecamatan");
    elsewhere.cookies = siti.browser.cookies.clone();
    let request = elsewhere.post("/api/entries").header("x-csrf-token", &siti.csrf).json(&entry());
    assert_problem(&elsewhere.send(request, "/api/entries").await, 403, "loket lain");

    let mut unknown = office.browser("tidak_ada");
    let request = unknown.post("/api/entries").json(&entry());
    assert_problem(&unknown.send(request, "/api/entries").await, 404, "Tidak ada loket");

    let request = siti.request().json(&json!({ "description": "a".repeat(13 << 20) }));
    assert_problem(&siti.send(request).await, 413, "12288 KB");
    let request = siti.request().header("content-type", "text/plain").body(entry().to_string());
    assert_problem(&siti.send(request).await, 415, "application/json");
    let request = siti.request().header("content-type", "application/json").body("{\"description\": ");
    assert_problem(&siti.send(request).await, 400, "tidak dapat dibaca");

    assert!(office.drafts().is_empty());
    assert_eq!(office.store.levels().quarantined, 0);
}

#[tokio::test]
async fn wrong_fields_are_named_all_at_once() {
    let office = Office::open().await;
    let mut siti = office.program("kelurahan", "siti").await;
    let mut wrong = entry();
    wrong["consent"] = json!(false);
    wrong["description"] = json!("  ");
    wrong["reporter"]["phone"] = json!("1708");
    let answer = siti.enter(&wrong).await;
    assert_problem(&answer, 422, "Perbaiki isian");
    let problem = answer.json();
    let errors: Vec<(&str, &str)> = problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| (error["field"].as_str().unwrap(), error["detail"].as_str().unwrap()))
        .collect();
    let fields: Vec<_> = errors.iter().map(|(field, _)| *field).collect();
    assert_eq!(fields, ["reporter.phone", "description", "consent"]);
    assert_eq!(errors[2].1, "Laporan hanya dapat dikirim dengan persetujuan pelapor.");

    for (field, value) in [("consent", json!("ya")), ("kind", json!("keluhan")), ("salah_ketik", json!(1))] {
        let mut wrong = entry();
        wrong[field] = value;
        let answer = siti.enter(&wrong).await;
        assert_problem(&answer, 422, "Perbaiki isian");
        assert_eq!(answer.json()["errors"][0]["field"], field);
    }
    assert!(office.drafts().is_empty());
}

#[track_caller]
fn assert_problem(answer: &Answer, status: u16, words: &str) {
    assert_eq!(answer.status.as_u16(), status, "{}", answer.body);
    assert_eq!(answer.header(header::CONTENT_TYPE), "application/problem+json");
    let problem: Value = answer.json();
    assert_eq!(problem["status"], status);
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains(words), "no {words} in {detail}");
    assert!(problem["title"].as_str().is_some_and(|title| !title.is_empty()));
}
