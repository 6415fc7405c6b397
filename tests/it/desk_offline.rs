//! The walk-in desk on a bad network, in a real browser: a proxy before the gateway refuses, cuts and comes back.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::time::Duration;

use fantoccini::{Locator, wd::NewWindowType};
use muara_normalizer::Reference;
use muara_tests::{chaos::ChaosProxy, consume::drain, gateway::Gateway, rabbitmq::RabbitNode};
use serde_json::{Value, json};

use crate::{
    desk::{
        office::{self, Office, PASSWORD},
        today,
    },
    desk_browser::{Chromium, SCREEN},
};

const PATIENCE: Duration = Duration::from_secs(20);

/// An officer at the desk, and the line to the gateway.
struct Hall {
    office: Office,
    line: ChaosProxy,
    url: String,
    chromium: Chromium,
}

impl Hall {
    /// Signed in, and the browser has kept what it needs without a network.
    async fn open() -> Self {
        let office = Office::open().await;
        let line = ChaosProxy::start(office.url.trim_start_matches("http://").parse().unwrap()).await;
        let url = format!("http://{}/desk/kelurahan", line.addr());
        let chromium = Chromium::open(SCREEN, true).await;
        chromium.sign_in(&url, PASSWORD).await;
        let hall = Self { office, line, url, chromium };
        hall.appears("html[data-offline=ready]").await;
        hall
    }

    async fn appears(&self, css: &str) {
        self.chromium.client.wait().at_most(PATIENCE).for_element(Locator::Css(css)).await.unwrap();
    }

    async fn cut(&self) {
        self.line.refuse().await;
        self.line.cut();
    }

    /// An entry that gets no further than the browser; its local number.
    async fn enter(&self, description: &str) -> String {
        self.chromium.fill(description).await;
        self.slip().await
    }

    async fn slip(&self) -> String {
        self.chromium.click("#entry button.main").await;
        self.appears("#slip:not([hidden])").await;
        let number = self.chromium.text("#local").await;
        assert!(number.starts_with("L-") && number.len() == 8, "{number}");
        let code = self.chromium.script("return document.getElementById('local-qr').outerHTML").await;
        assert_eq!(today::read(code.as_str().unwrap()), number, "its code");
        number
    }

    async fn counts(&self, waiting: u32) {
        self.chromium
            .client
            .wait()
            .at_most(PATIENCE)
            .for_element(Locator::XPath(&format!(
                "//section[@id='waiting' and not(@hidden)]//span[text()='{waiting}']"
            )))
            .await
            .unwrap();
    }

    /// The references of what was sent after it had waited, by their local numbers, in order.
    async fn sent(&self, count: usize) -> Vec<(String, String)> {
        self.appears(&format!("#sent-list li:nth-child({count})")).await;
        let mut sent = Vec::new();
        for line in self.chromium.client.find_all(Locator::Css("#sent-list li")).await.unwrap() {
            let text = line.text().await.unwrap();
            let (local, reference) = text.split_once(" → ").unwrap();
            assert!(reference.parse::<Reference>().is_ok(), "{text}");
            sent.push((local.to_owned(), reference.to_owned()));
        }
        sent
    }

    fn texts(&self) -> Vec<String> {
        self.office.drafts().into_iter().map(|draft| draft.text).collect()
    }
}

#[tokio::test]
async fn entries_made_without_a_network_outlive_the_tab_and_are_sent_in_order_once() {
    let hall = Hall::open().await;
    let Hall { chromium, line, url, .. } = &hall;
    hall.cut().await;
    let first = hall.enter("Lampu jalan mati.").await;
    chromium.look("offline-receipt").await;
    chromium.click("#next").await;
    hall.counts(1).await;
    let folder = tempfile::tempdir().unwrap();
    chromium.attach(&folder.path().join("got.png"), (400, 300)).await;
    let second = hall.enter("Got mampet.").await;
    hall.counts(2).await;
    assert_ne!(first, second);

    // the tab is closed, and another one opened
    let window = chromium.client.new_window(true).await.unwrap();
    assert!(matches!(window.typ, NewWindowType::Tab));
    chromium.client.close_window().await.unwrap();
    chromium.client.switch_to_window(window.handle).await.unwrap();
    chromium.client.goto(url).await.unwrap();
    hall.counts(2).await;
    assert!(chromium.text(".lead").await.contains("Kelurahan Menteng"), "the officer's office is known");
    chromium.look("offline-form").await;
    chromium.client.refresh().await.unwrap();
    hall.counts(2).await;
    let third = hall.enter("Pohon tumbang.").await;
    assert!(hall.texts().is_empty());

    line.restore().await;
    chromium.click("#waiting-send").await;
    let sent = hall.sent(3).await;
    let locals: Vec<_> = sent.iter().map(|(local, _)| local.as_str()).collect();
    assert_eq!(locals, [first, second, third]);
    assert_eq!(hall.texts(), ["Lampu jalan mati.", "Got mampet.", "Pohon tumbang."]);
    assert_eq!(hall.office.drafts()[1].attachments.len(), 1);
    assert_eq!(hall.office.files().len(), 1, "its photo has waited with it");
    assert!(chromium.text("#slip-note").await.contains(&sent[2].1), "the open receipt has its number");
    chromium.look("offline-sent").await;

    // what is sent is not sent again, and its receipt can be printed
    chromium.client.goto(url).await.unwrap();
    assert_eq!(hall.sent(3).await, sent);
    assert_eq!(hall.texts().len(), 3);
    chromium.click("#sent-list a").await;
    assert_eq!(chromium.text("#reference").await, sent[0].1);
}

#[tokio::test]
async fn an_entry_whose_answer_is_lost_is_one_complaint() {
    let hall = Hall::open().await;
    hall.chromium.fill("Air keruh.").await;
    // the gateway takes it, and the line breaks within its answer
    hall.line.cut_after_bytes_from_upstream(20);
    let local = hall.slip().await;
    assert_eq!(hall.texts(), ["Air keruh."]);
    hall.chromium.click("#waiting-send").await;
    assert_eq!(hall.sent(1).await[0].0, local);
    assert_eq!(hall.texts(), ["Air keruh."]);
}

#[tokio::test]
async fn entries_wait_for_an_officer_whose_session_ended_to_sign_in() {
    let hall = Hall::open().await;
    let Hall { chromium, office, line, url, .. } = &hall;
    hall.cut().await;
    let local = hall.enter("Kabel menjuntai.").await;
    office.pass(48 * 3600);
    line.restore().await;
    chromium.click("#waiting-send").await;
    hall.chromium
        .client
        .wait()
        .at_most(PATIENCE)
        .for_element(Locator::XPath("//p[@id='waiting-state' and contains(., 'Masuk lagi')]"))
        .await
        .unwrap();
    chromium.client.goto(url).await.unwrap();
    hall.counts(1).await;
    chromium.look("sign-in-waiting").await;
    assert!(hall.texts().is_empty());
    chromium.sign_in(url, PASSWORD).await;
    assert_eq!(hall.sent(1).await[0].0, local);
    assert_eq!(hall.texts(), ["Kabel menjuntai."]);
}

#[tokio::test]
async fn what_the_server_refuses_stays_with_its_reason_until_it_is_mended_or_thrown_away() {
    let hall = Hall::open().await;
    let Hall { chromium, line, .. } = &hall;
    hall.cut().await;
    for description in ["Jalan rusak.", "Dua kali."] {
        chromium.fill(description).await;
        // a slip that only the server sees
        chromium.write("email", "budi@").await;
        hall.slip().await;
        chromium.click("#next").await;
        hall.appears("#entry:not([hidden])").await;
    }
    line.restore().await;
    hall.counts(2).await;
    chromium.click("#waiting-send").await;
    hall.appears("#waiting-list li:nth-child(2) [data-mend]:not([hidden])").await;
    assert!(chromium.text("#waiting-list [data-why]").await.contains("Alamat surel tidak benar"));
    let hidden = "return ['waiting-send', 'no-network'].map((id) => document.getElementById(id).hidden)";
    assert_eq!(chromium.script(hidden).await, json!([true, true]), "nothing to send, and a network");
    chromium.look("offline-refused").await;
    assert!(hall.texts().is_empty());

    chromium.click("#waiting-list li:first-child [data-mend]").await;
    hall.appears("#email[aria-invalid=true]").await;
    hall.counts(1).await;
    chromium.write("email", "budi@contoh.id").await;
    chromium.click("#entry button.main").await;
    chromium.text("#reference").await;
    assert_eq!(hall.texts(), ["Jalan rusak."]);

    hall.counts(1).await;
    chromium.click("[data-discard]").await;
    chromium.client.dismiss_alert().await.unwrap();
    hall.counts(1).await;
    chromium.click("[data-discard]").await;
    chromium.client.accept_alert().await.unwrap();
    hall.appears("#waiting[hidden]").await;
    assert_eq!(hall.texts(), ["Jalan rusak."]);
}

#[tokio::test]
async fn after_signing_out_nothing_can_be_entered_without_a_network() {
    let hall = Hall::open().await;
    let Hall { chromium, url, .. } = &hall;
    chromium.click("header button").await;
    hall.appears("#password").await;
    assert_eq!(chromium.text("h1").await, "Masuk");
    hall.cut().await;
    chromium.client.goto(url).await.unwrap();
    assert!(chromium.text("#nobody").await.contains("Belum ada petugas"));
    chromium.look("offline-nobody").await;
    let form = chromium.client.find(Locator::Id("entry")).await.unwrap();
    assert!(!form.is_displayed().await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_outlives_the_whole_browser_and_becomes_one_event() {
    let node = RabbitNode::shared().await;
    let vhost = node.vhost("desk").await;
    let broker = format!("[broker]\nurl = \"{}\"\n", vhost.url());
    let gateway = Gateway::launch(&office::configuration(&broker, office::hash())).await;
    gateway.broker_is("connected").await;
    let line = ChaosProxy::start(gateway.address()).await;
    let url = format!("http://{}/desk/kelurahan", line.addr());
    let chromium = Chromium::open(SCREEN, true).await;
    chromium.sign_in(&url, PASSWORD).await;
    chromium.text("html[data-offline=ready] #entry").await;
    line.refuse().await;
    line.cut();
    chromium.fill("Lampu jalan mati.").await;
    chromium.click("#entry button.main").await;
    chromium.text("#slip:not([hidden]) h1").await;
    let local = chromium.text("#local").await;

    let chromium = chromium.killed_and_opened_again(SCREEN).await;
    chromium.client.goto(&url).await.unwrap();
    assert_eq!(chromium.text("#waiting:not([hidden]) [data-local]").await, local);
    assert_eq!(chromium.text("#waiting-count").await, "1");
    assert!(chromium.text(".lead").await.contains("Kelurahan Menteng"), "the next citizen can be served");
    chromium.look("offline-after-kill").await;

    // a browser writes its cookies down now and then: who was signed in just before may have to do so again
    chromium.devtools("Network.clearBrowserCookies", json!({})).await;
    line.restore().await;
    chromium.sign_in(&url, PASSWORD).await;
    let sent = chromium.text("#sent-list li").await;
    let (number, reference) = sent.split_once(" → ").unwrap();
    assert_eq!(number, local);
    chromium.client.refresh().await.unwrap();
    assert_eq!(chromium.text("#sent-list li").await, sent);
    gateway.waiting("outbox", 0).await;
    let events = drain(&vhost.url(), "crm.complaints", 2, Duration::from_secs(3)).await;
    assert_eq!(events.len(), 1);
    let event: Value = serde_json::from_slice(&events[0].body).unwrap();
    assert_eq!(event["data"]["reference"], reference);
}
