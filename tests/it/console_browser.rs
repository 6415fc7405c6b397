//! The operators' console in a real browser: live without a reload, usable on a phone, light and dark.
//!
//! Pictures of every page are written to `target/screenshots/` for people to look at.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{fs, path::PathBuf, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use fantoccini::Locator;
use muara_tests::{
    callbacks::Callbacks,
    consume::drain,
    gateway::{self, Gateway},
    rabbitmq::RabbitNode,
};
use serde_json::json;

use crate::{
    axe,
    console::{config, sign_in::with_clock, signed, visitor::PASSWORD},
    desk_browser::{Chromium, SCREEN},
};

const PATIENCE: Duration = Duration::from_secs(20);
const PAGES: [(&str, &str); 12] = [
    ("channels", "/"),
    ("flow", "/flow"),
    ("quarantine", "/lists/quarantine"),
    ("held", "/lists/held"),
    ("dead", "/lists/dead"),
    ("aside", "/lists/aside"),
    ("replies", "/lists/replies"),
    ("overdue", "/overdue"),
    ("search", "/complaints"),
    ("report", "/report"),
    ("audit", "/audit"),
    ("release-all", "/lists/held/all?do=release"),
];

async fn picture(chromium: &Chromium, name: &str) {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/screenshots");
    fs::create_dir_all(&folder).unwrap();
    let shot = chromium.devtools("Page.captureScreenshot", json!({ "captureBeyondViewport": true })).await;
    let png = BASE64_STANDARD.decode(shot["data"].as_str().unwrap()).unwrap();
    fs::write(folder.join(format!("console-{name}.png")), png).unwrap();
}

async fn appears(chromium: &Chromium, xpath: &str) {
    let found = chromium.client.wait().at_most(PATIENCE).for_element(Locator::XPath(xpath)).await;
    assert!(found.is_ok(), "{xpath} does not appear: {}", chromium.client.source().await.unwrap());
}

/// A gateway with something to see in every room.
async fn busy() -> (Gateway, Callbacks, String) {
    let vendor = Callbacks::listen().await;
    vendor.will(400, None);
    let callback = format!("[channels.web.callback]\nurl = \"{}\"\n", vendor.url("/status"));
    let quiet = "[channels.qlue]\nconnector = \"qlue\"\ntitle = \"Qlue\"\nsecret = \"s\"\n\
                 [channels.off]\nconnector = \"telegram\"\ntitle = \"Telegram\"\nenabled = false\nsecret = \"x\"\n";
    let limits = "limits = { sender = { per_minute = 1, burst = 1 } }";
    let gateway = Gateway::launch(&(config("\"$.body\"", limits) + &callback + quiet)).await;
    let words = [
        json!({"id": 1, "from": "a", "body": "Jalan berlubang besar di Jl. Teuku Umar No. 10, Menteng. Telepon 0812-3456-7890"}),
        json!({"id": 2, "from": "a", "body": "Lampu jalan mati di Tebet Barat"}),
        json!({"id": 3, "from": "b", "body": "Terima kasih banyak pak"}),
        json!({"id": 4, "isi": "Pohon tumbang"}),
    ];
    let answer = gateway.accepted("web", &signed(&words)).await;
    gateway.waiting("set_aside", 1).await;
    gateway.waiting("held", 1).await;
    gateway.log().line(0, "will not arrive").await;
    (gateway, vendor, answer["accepted"][0]["id"].as_str().unwrap().to_owned())
}

async fn types_password(chromium: &Chromium, password: &str) {
    chromium.write("user", "adi").await;
    chromium.write("password", password).await;
    chromium.click("#sign-in").await;
}

async fn signed_in(chromium: &Chromium, gateway: &Gateway) {
    chromium.client.goto(&gateway.internal_url("/")).await.unwrap();
    types_password(chromium, PASSWORD).await;
    appears(chromium, "//span[@id='live' and text()='live']").await;
}

#[tokio::test]
async fn pages_show_what_happens_without_a_reload() {
    let (gateway, _vendor, _) = busy().await;
    let chromium = Chromium::open(SCREEN, true).await;
    signed_in(&chromium, &gateway).await;
    // a reload would lose it
    chromium.client.execute("window.notReloaded = true", Vec::new()).await.unwrap();
    appears(&chromium, "//article[@id='channel-qlue']//span[text()='starting']").await;
    let report = muara_tests::reports::Reports::new("s").next();
    gateway.accepted("qlue", &report).await;
    appears(&chromium, "//article[@id='channel-qlue']//span[text()='healthy']").await;
    appears(&chromium, "//nav//a[@href='/lists/quarantine']/span[text()='1']").await;
    let row = signed(&[json!({"id": 9, "isi": "Banjir"})]);
    assert_eq!(gateway.post("web", &row).await.unwrap().status(), 422);
    appears(&chromium, "//nav//a[@href='/lists/quarantine']/span[text()='2']").await;
    let kept = chromium.client.execute("return window.notReloaded", Vec::new()).await.unwrap();
    assert_eq!(kept, json!(true));

    // what somebody is busy with stays: a ticked row is still ticked after the list has grown
    chromium.client.goto(&gateway.internal_url("/lists/quarantine")).await.unwrap();
    appears(&chromium, "//span[@id='live' and text()='live']").await;
    chromium.click("input[name=row]").await;
    let row = signed(&[json!({"id": 10, "isi": "Banjir lagi"})]);
    assert_eq!(gateway.post("web", &row).await.unwrap().status(), 422);
    appears(&chromium, "//nav//a[@href='/lists/quarantine']/span[text()='3']").await;
    let ticked = "return document.querySelectorAll('input[name=row]:checked').length";
    assert_eq!(chromium.client.execute(ticked, Vec::new()).await.unwrap(), json!(1));
}

#[tokio::test]
async fn a_wrong_password_an_ended_session_and_a_forged_form_are_refused_in_words() {
    let (url, ahead, _folder, _stop) = with_clock().await;
    let chromium = Chromium::open(SCREEN, true).await;
    chromium.client.goto(&url).await.unwrap();
    types_password(&chromium, "salah").await;
    appears(&chromium, "//p[@role='alert' and text()='Wrong user name or password.']").await;
    picture(&chromium, "wrong-password").await;
    axe::finds_no_serious_fault(&chromium.client, "wrong password").await;
    types_password(&chromium, PASSWORD).await;
    appears(&chromium, "//h1[text()='Channels']").await;

    let forge = "for (const field of document.querySelectorAll('input[name=csrf]')) field.value = 'forged';
        document.querySelector('.who').requestSubmit();";
    chromium.client.execute(forge, Vec::new()).await.unwrap();
    appears(&chromium, "//p[@role='alert' and contains(text(), 'This page is too old')]").await;
    picture(&chromium, "forged").await;
    axe::finds_no_serious_fault(&chromium.client, "forged").await;

    // still signed in, for ten hours
    chromium.click("main a[role=button]").await;
    appears(&chromium, "//h1[text()='Channels']").await;
    ahead.fetch_add(10 * 3600 + 60, std::sync::atomic::Ordering::Relaxed);
    chromium.click("nav a[href='/report']").await;
    appears(&chromium, "//p[@role='alert' and contains(text(), 'Your session has ended')]").await;
    types_password(&chromium, PASSWORD).await;
    appears(&chromium, "//h1[text()='Report']").await;
}

#[tokio::test]
async fn a_field_map_is_mended_the_row_replayed_and_its_event_is_on_the_queue() {
    let vhost = RabbitNode::shared().await.vhost("console-browser").await;
    let broker = format!("[broker]\nurl = \"{}\"\n", vhost.url());
    let gateway = Gateway::launch(&(broker.clone() + &config("\"$.body\"", ""))).await;
    let row = signed(&[json!({"id": "b", "isi": "Pohon tumbang menutup jalan di Tebet Barat"})]);
    assert_eq!(gateway.post("web", &row).await.unwrap().status(), 422);
    let chromium = Chromium::open(SCREEN, true).await;
    signed_in(&chromium, &gateway).await;
    let replay = async || {
        chromium.client.goto(&gateway.internal_url("/lists/quarantine")).await.unwrap();
        appears(&chromium, "//input[@name='row']").await;
        chromium.click("input[name=row]").await;
        chromium.click("button[value=replay]").await;
    };
    replay().await;
    appears(&chromium, "//p[@role='status' and contains(text(), 'Replayed 0 of 1 row.')]").await;
    gateway.configure(&(broker + &config("{ paths = [\"$.body\", \"$.isi\"] }", "")));
    let seen = gateway.log().len();
    gateway.hangup().await;
    gateway.log().line(seen, "The channels are reloaded").await;
    replay().await;
    appears(&chromium, "//p[@role='status' and contains(text(), 'Replayed 1 of 1 row.')]").await;
    let events = drain(&vhost.url(), "crm.complaints", 1, gateway::PATIENCE).await;
    let event: serde_json::Value = serde_json::from_slice(&events[0].body).unwrap();
    assert_eq!(
        (&event["type"], &event["data"]["external"]["id"]),
        (&json!("complaint.received.v1"), &json!("b"))
    );
    // and its own page says so
    chromium.client.goto(&gateway.internal_url("/complaints")).await.unwrap();
    let reference = chromium.client.find(Locator::Css("main input[name=q]")).await.unwrap();
    reference.send_keys(event["data"]["reference"].as_str().unwrap()).await.unwrap();
    chromium.click("main button").await;
    appears(&chromium, "//li[contains(., 'complaint.received.v1 confirmed by the broker')]").await;
}

#[tokio::test]
async fn a_channel_is_paused_and_let_go_on() {
    let gateway = Gateway::launch(&config("\"$.body\"", "")).await;
    let chromium = Chromium::open(SCREEN, true).await;
    signed_in(&chromium, &gateway).await;
    chromium.click("#channel-web summary").await;
    chromium.click("#channel-web input[name=reason]").await;
    let reason = chromium.client.find(Locator::Css("#channel-web input[name=reason]")).await.unwrap();
    reason.send_keys("everything comes twice").await.unwrap();
    chromium.click("#channel-web details button").await;
    appears(&chromium, "//article[@id='channel-web']//span[text()='paused']").await;
    appears(
        &chromium,
        "//article[@id='channel-web']//p[contains(text(), 'Stopped by adi: everything comes twice.')]",
    )
    .await;
    picture(&chromium, "paused").await;
    let report = signed(&[json!({"id": "c", "body": "Lampu jalan mati"})]);
    assert_eq!(gateway.post("web", &report).await.unwrap().status(), 503);
    chromium.click("#channel-web footer button").await;
    appears(&chromium, "//article[@id='channel-web']//span[text()='starting']").await;
    gateway.accepted("web", &report).await;
    appears(&chromium, "//article[@id='channel-web']//span[text()='healthy']").await;
}

#[tokio::test]
async fn every_page_is_drawn_light_dark_and_on_a_phone_and_breaks_no_policy() {
    let (gateway, _vendor, complaint) = busy().await;
    let chromium = Chromium::open(SCREEN, true).await;
    chromium.client.goto(&gateway.internal_url("/")).await.unwrap();
    picture(&chromium, "sign-in").await;
    axe::finds_no_serious_fault(&chromium.client, "sign-in").await;
    signed_in(&chromium, &gateway).await;
    let complaint = format!("/complaints/{complaint}");
    let pages = PAGES.into_iter().chain([("complaint", complaint.as_str())]);
    for (name, path) in pages {
        chromium.client.goto(&gateway.internal_url(path)).await.unwrap();
        appears(&chromium, "//h1").await;
        picture(&chromium, name).await;
        axe::finds_no_serious_fault(&chromium.client, name).await;
        chromium
            .devtools(
                "Emulation.setEmulatedMedia",
                json!({ "features": [{ "name": "prefers-color-scheme", "value": "dark" }] }),
            )
            .await;
        picture(&chromium, &format!("{name}-dark")).await;
        axe::finds_no_serious_fault(&chromium.client, &format!("{name} in the dark")).await;
        chromium.devtools("Emulation.setEmulatedMedia", json!({ "features": [] })).await;
        let phone = json!({ "width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": true });
        chromium.devtools("Emulation.setDeviceMetricsOverride", phone).await;
        picture(&chromium, &format!("{name}-phone")).await;
        let width =
            chromium.client.execute("return document.documentElement.scrollWidth", Vec::new()).await.unwrap();
        assert!(width.as_u64().unwrap() <= 360, "{name} scrolls sideways: {width}");
        chromium.devtools("Emulation.clearDeviceMetricsOverride", json!({})).await;
    }
    let blocked = gateway.log().text();
    assert!(!blocked.contains("could not be rendered"), "{blocked}");
}
