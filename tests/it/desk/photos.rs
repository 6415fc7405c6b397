//! Photos of an entry: by a plain form, by the API, and in the event.

use muara_normalizer::draft::Attachment;
use muara_tests::gateway::Gateway;
use reqwest::{
    StatusCode, header,
    multipart::{Form, Part},
};
use serde_json::{Value, json};

use super::office::{self, Office, PASSWORD, entry};

/// What counts is the beginning.
const JPEG: &[u8] = b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01 a hole in the road";

#[tokio::test]
async fn a_form_without_script_brings_its_photos() {
    let office = Office::open().await;
    let mut siti = office.signed_in("kelurahan", "siti").await;
    let form = |siti: &office::Browser<'_>, photo: &'static [u8]| {
        let words = siti.filled(&[]).into_iter();
        words
            .fold(Form::new(), |form, (name, value)| form.text(name, value))
            .part("photos", Part::bytes(photo).file_name("lubang.jpg"))
            // an input in which nothing was chosen
            .part("photos", Part::bytes(&b""[..]).file_name(""))
    };
    let request = siti.post("").multipart(form(&siti, b"<svg/>"));
    let answer = siti.send(request, "").await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.body.contains("Ini bukan foto") && answer.body.contains("Pilih fotonya sekali lagi"));
    assert!(answer.body.contains("Jalan berlubang"), "the words stay");

    let request = siti.post("").multipart(form(&siti, JPEG));
    assert!(!siti.send(request, "").await.reference().is_empty());
    assert_eq!(office.files(), [JPEG]);
    let Attachment::Inline { name, content_type, .. } = &office.drafts()[0].attachments[0] else { panic!() };
    assert_eq!((name.as_deref(), content_type.as_deref()), (Some("lubang.jpg"), Some("image/jpeg")));
}

#[tokio::test]
async fn photos_too_many_and_what_is_none_are_refused_beside_the_field() {
    let office = Office::open().await;
    let mut siti = office.program("kelurahan", "siti").await;
    let photo = json!({ "name": "a.jpg", "data": base64(JPEG) });
    for (photos, words) in [
        (vec![photo; 6], "paling banyak 5"),
        (vec![json!({ "data": "bukan base64!" })], "bukan foto"),
        (vec![json!({ "data": base64(b"GIF89a") })], "bukan foto"),
    ] {
        let mut wrong = entry();
        wrong["photos"] = json!(photos);
        let answer = siti.enter(&wrong).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        let error = &answer.json()["errors"][0];
        assert_eq!(error["field"], "photos");
        assert!(error["detail"].as_str().unwrap().contains(words), "{error}");
    }
    assert!(office.drafts().is_empty());
}

#[tokio::test]
async fn a_photo_is_in_the_event_and_the_days_list_says_how_its_entry_stands() {
    let extra = "[desk]\nsecure_cookies = false\n[media]\nwait_seconds = 600\n";
    let gateway = Gateway::launch(&office::configuration(extra, office::hash())).await;
    let url = |path: &str| gateway.url(&format!("/desk/kelurahan{path}"));
    let credentials = json!({ "user": "siti", "password": PASSWORD });
    let session = gateway.http.post(url("/api/session")).json(&credentials).send().await.unwrap();
    let cookie =
        session.headers()[header::SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned();
    let session: Value = session.json().await.unwrap();
    let mut sent = entry();
    sent["category"] = json!("Jalan");
    sent["photos"] = json!([{ "name": "lubang.jpg", "data": base64(JPEG) }]);
    let request = gateway.http.post(url("/api/entries")).json(&sent).header(header::COOKIE, &cookie);
    let request = request.header("x-csrf-token", session["csrf_token"].as_str().unwrap());
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::CREATED);
    let answer: Value = answer.json().await.unwrap();
    let reference = answer["reference"].as_str().unwrap();

    gateway.waiting("outbox", 1).await;
    let event = gateway.rows(&["outbox", "tail"]).await.remove(0);
    let photo = &event["data"]["attachments"][0];
    assert_eq!(
        (&photo["state"], &photo["kind"], &photo["content_type"], &photo["bytes"]),
        (&json!("stored"), &json!("image"), &json!("image/jpeg"), &json!(JPEG.len()))
    );

    let today = gateway.http.get(url("/today")).header(header::COOKIE, &cookie).send().await.unwrap();
    let page = today.text().await.unwrap();
    for words in [reference, "Jalan", "Diteruskan"] {
        assert!(page.contains(words), "no {words} in {page}");
    }
    assert!(!page.contains("Budi") && !page.contains("Teuku Umar"), "nothing of the citizen");
}

fn base64(content: &[u8]) -> String {
    use base64::Engine;
    base64::prelude::BASE64_STANDARD.encode(content)
}
