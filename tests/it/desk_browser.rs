//! The walk-in desk in a real browser: headless Chromium, with JavaScript and without.
//!
//! Pictures of every page are written to `target/screenshots/` for people to look at.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::let_underscore_must_use)]

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    str::FromStr,
    sync::Arc,
    time::{Duration, Instant},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use fantoccini::{
    Client, ClientBuilder, Locator,
    error::CmdError,
    wd::{Capabilities, TimeoutConfiguration, WebDriverCompatibleCommand},
};
use hyper_util::client::legacy::connect::HttpConnector;
use muara_normalizer::Reference;
use reqwest::{Method, Url};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    axe,
    desk::office::{Office, PASSWORD},
};

const PATIENCE: Duration = Duration::from_secs(20);

/// Where the desk is served, and what keeps it running. The one place to put another server in.
async fn serve() -> (Office, String) {
    let office = Office::open().await;
    let url = format!("{}/desk/kelurahan", office.url);
    (office, url)
}

/// A Chromium of our own with its driver; both end with it.
pub(crate) struct Chromium {
    driver: Child,
    /// Ends the session, and with it the browser.
    farewell: (u16, String),
    pub(crate) client: Client,
    /// What the browser keeps on disk.
    profile: Arc<TempDir>,
}

/// A window of a desk's screen, and of a small phone.
pub(crate) const SCREEN: (u32, u32) = (1100, 900);
const PHONE: (u32, u32) = (360, 740);

impl Chromium {
    pub(crate) async fn open(size: (u32, u32), javascript: bool) -> Self {
        Self::open_with(Arc::new(tempfile::tempdir().unwrap()), size, javascript).await
    }

    async fn open_with(profile: Arc<TempDir>, size: (u32, u32), javascript: bool) -> Self {
        let (driver, port) = driver();
        let mut options = json!({ "args": [
            "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            "--disable-dev-shm-usage", "--hide-scrollbars", "--lang=id",
            format!("--user-data-dir={}", profile.path().display()),
        ] });
        if !javascript {
            options["prefs"] = json!({ "profile.managed_default_content_settings.javascript": 2 });
        }
        if size == PHONE {
            // a desktop window cannot be this narrow
            options["mobileEmulation"] =
                json!({ "deviceMetrics": { "width": size.0, "height": size.1, "pixelRatio": 2.0 } });
        }
        let mut capabilities = Capabilities::new();
        capabilities.insert("browserName".to_owned(), json!("chrome"));
        capabilities.insert("goog:chromeOptions".to_owned(), options);
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities)
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .expect("Chromium does not start; ./tests/run installs it");
        let timeouts = TimeoutConfiguration::new(None, Some(PATIENCE), Some(Duration::ZERO));
        client.update_timeouts(timeouts).await.unwrap();
        if size != PHONE {
            client.set_window_size(size.0, size.1).await.unwrap();
        }
        let session = client.session_id().await.unwrap().unwrap();
        let farewell =
            format!("DELETE /session/{session} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
        Self { driver, farewell: (port, farewell), client, profile }
    }

    /// kill -9 of the browser with all its processes, and a new one on what is on disk of it.
    pub(crate) async fn killed_and_opened_again(self, size: (u32, u32)) -> Self {
        let profile = Arc::clone(&self.profile);
        let all: Vec<_> = descendants(self.driver.id()).iter().map(ToString::to_string).collect();
        assert!(all.len() > 2, "a browser has several processes: {all:?}");
        assert!(Command::new("kill").arg("-KILL").args(&all).status().unwrap().success());
        drop(self);
        Self::open_with(profile, size, true).await
    }

    pub(crate) async fn write(&self, id: &str, words: &str) {
        let field = self.client.wait().at_most(PATIENCE).for_element(Locator::Id(id)).await.unwrap();
        field.clear().await.unwrap();
        field.send_keys(words).await.unwrap();
    }

    /// Clicks an element; one that the page has put anew meanwhile was not clicked.
    pub(crate) async fn click(&self, css: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let clicked = async { self.client.find(Locator::Css(css)).await?.click().await }.await;
            let anew = clicked.as_ref().is_err_and(CmdError::is_stale_element_reference);
            if !anew || Instant::now() >= deadline {
                return clicked.unwrap();
            }
        }
    }

    /// The text of the first such element, as soon as there is one. A page that is just being left is asked no more.
    pub(crate) async fn text(&self, css: &str) -> String {
        let left =
            |error: &CmdError| matches!(error, CmdError::NotW3C(_)) || error.is_stale_element_reference();
        let deadline = Instant::now() + PATIENCE;
        loop {
            let wait = self.client.wait().at_most(PATIENCE).for_element(Locator::Css(css));
            let text = async { wait.await?.text().await }.await;
            if text.as_ref().is_err_and(left) && Instant::now() < deadline {
                continue;
            }
            return text.unwrap();
        }
    }

    pub(crate) async fn sign_in(&self, url: &str, password: &str) {
        self.client.goto(url).await.unwrap();
        self.write("user", "siti").await;
        self.write("password", password).await;
        self.click("button.main").await;
    }

    /// Fills the form as an officer does and sends it; the reference on the receipt.
    pub(crate) async fn enter(&self, picture: &str) -> String {
        self.fill("Jalan berlubang di depan sekolah, sudah dua motor jatuh minggu ini.").await;
        self.picture(picture).await;
        self.click("#entry button.main").await;
        self.text("#reference").await
    }

    /// Fills the form as an officer does.
    pub(crate) async fn fill(&self, description: &str) {
        self.write("name", "Budi Santoso").await;
        self.write("phone", "0812-3456-7890").await;
        self.write("description", description).await;
        self.write("category", "Jalan").await;
        self.write("address", "Jl. Teuku Umar No. 10, depan SDN 01").await;
        self.write("rt", "3").await;
        self.write("rw", "5").await;
        self.click("#consent").await;
    }

    /// Chooses a photo of such a size, drawn for it, and waits until the page shows it.
    pub(crate) async fn attach(&self, file: &Path, (width, height): (u32, u32)) {
        let draw = "const [width, height] = arguments;
            const canvas = Object.assign(document.createElement('canvas'), { width, height });
            canvas.getContext('2d').fillRect(40, 40, width / 2, height / 2);
            return [canvas.toDataURL('image/png').split(',')[1], document.querySelectorAll('#photos-list li').length]";
        let drawn = self.client.execute(draw, vec![json!(width), json!(height)]).await.unwrap();
        fs::write(file, BASE64_STANDARD.decode(drawn[0].as_str().unwrap()).unwrap()).unwrap();
        let input = self.client.find(Locator::Id("camera")).await.unwrap();
        input.send_keys(file.to_str().unwrap()).await.unwrap();
        self.text(&format!("#photos-list li:nth-child({})", drawn[1].as_u64().unwrap() + 1)).await;
    }

    /// The whole page, however long it is.
    pub(crate) async fn picture(&self, name: &str) {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/screenshots");
        fs::create_dir_all(&folder).unwrap();
        let shot = self.devtools("Page.captureScreenshot", json!({ "captureBeyondViewport": true })).await;
        let png = BASE64_STANDARD.decode(shot["data"].as_str().unwrap()).unwrap();
        fs::write(folder.join(format!("desk-{name}.png")), png).unwrap();
    }

    /// Its picture, and what axe says of it.
    pub(crate) async fn look(&self, name: &str) {
        self.picture(name).await;
        axe::finds_no_serious_fault(&self.client, name).await;
    }

    /// A command of the Chrome DevTools protocol, which works with JavaScript switched off too.
    pub(crate) async fn devtools(&self, command: &'static str, parameters: Value) -> Value {
        self.client.issue_cmd(DevTools { command, parameters }).await.unwrap()
    }

    pub(crate) async fn script(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.unwrap()
    }
}

/// No browser outlives its test, also when that fails.
impl Drop for Chromium {
    fn drop(&mut self) {
        let (port, farewell) = &self.farewell;
        if let Ok(mut driver) = TcpStream::connect(("127.0.0.1", *port)) {
            // the answer comes when the browser has ended; a driver that is gone has none to end
            let _ = driver.set_read_timeout(Some(PATIENCE));
            let _ = driver.write_all(farewell.as_bytes()).and_then(|()| driver.read(&mut [0; 256]));
        }
        let _ = self.driver.kill().and_then(|()| self.driver.wait());
    }
}

#[derive(Debug)]
struct DevTools {
    command: &'static str,
    parameters: Value,
}

impl WebDriverCompatibleCommand for DevTools {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, <Url as FromStr>::Err> {
        base.join(&format!("session/{}/goog/cdp/execute", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(json!({ "cmd": self.command, "params": self.parameters }).to_string()))
    }
}

/// All processes that a process has started, and that these have started.
fn descendants(of: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let pid: u32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // the name before it may hold anything
        let (_, rest) = stat.rsplit_once(") ")?;
        Some((pid, rest.split(' ').nth(1)?.parse::<u32>().ok()?))
    });
    let processes: Vec<_> = processes.collect();
    let mut found = vec![of];
    let mut next = 0;
    while let Some(&parent) = found.get(next) {
        found.extend(processes.iter().filter(|(_, of)| *of == parent).map(|(pid, _)| *pid));
        next += 1;
    }
    found.split_off(1)
}

/// Starts a driver on a free port of its own choice. It chooses one of IPv4 and ends if that is taken for IPv6, so another
/// one is asked.
fn driver() -> (Child, u16) {
    let mut drivers = (0..5).map(|_| {
        Command::new("chromedriver")
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver is not there; ./tests/run installs chromium and chromium-driver")
    });
    let started = drivers.find_map(|mut driver| {
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = lines.by_ref().map_while(Result::ok).find_map(|line| {
            let (_, port) = line.split_once("successfully on port ")?;
            port.trim_end_matches('.').parse().ok()
        });
        // it goes on writing; a full pipe would stop it
        std::thread::spawn(move || lines.for_each(drop));
        if port.is_none() {
            driver.wait().unwrap();
        }
        Some((driver, port?))
    });
    started.expect("chromedriver ended without a port, five times")
}

fn is_reference(text: &str) {
    assert!(text.parse::<Reference>().is_ok(), "{text:?} is no reference");
}

#[tokio::test]
async fn an_officer_signs_in_enters_a_report_and_prints_the_reference() {
    let (office, url) = serve().await;
    let chromium = Chromium::open(SCREEN, true).await;
    chromium.client.goto(&url).await.unwrap();
    chromium.look("sign-in").await;
    chromium.sign_in(&url, PASSWORD).await;
    chromium.look("form").await;
    let reference = chromium.enter("form-filled").await;
    is_reference(&reference);
    assert_eq!(office.drafts().len(), 1);
    chromium.look("receipt").await;
    chromium.prints("a5", (420, 595), "receipt-a5").await;
    chromium.prints("roll", (227, 425), "receipt-roll").await;

    chromium.client.refresh().await.unwrap();
    assert_eq!(chromium.text("#reference").await, reference, "a reload shows the same receipt");
    chromium.click("a.main").await;
    assert_eq!(chromium.text("#entry h1").await, "Laporan baru");
    assert_eq!(chromium.value("name").await, "", "nothing of the last citizen is left");
    let focused = chromium.client.active_element().await.unwrap();
    assert_eq!(focused.attr("id").await.unwrap().unwrap(), "name", "the next one can be typed at once");
    chromium.client.back().await.unwrap();
    chromium.client.back().await.unwrap();
    assert_eq!(chromium.value("name").await, "", "nor for whoever goes back");
}

#[tokio::test]
async fn all_of_it_works_without_javascript() {
    let (office, url) = serve().await;
    let chromium = Chromium::open(SCREEN, false).await;
    chromium.sign_in(&url, PASSWORD).await;
    let reference = chromium.enter("form-filled-without-script").await;
    is_reference(&reference);
    assert_eq!(office.drafts().len(), 1);
    chromium.click("[data-print=roll]").await;
    assert_eq!(
        chromium.text("html[data-paper=roll] #reference").await,
        reference,
        "a page for the other paper"
    );
    assert!(chromium.text(".actions").await.contains("Ctrl+P"));
    chromium.click("a.main").await;
    assert_eq!(chromium.text("#entry h1").await, "Laporan baru");
    chromium.click("header button").await;
    assert_eq!(chromium.text("h1").await, "Masuk");
}

#[tokio::test]
async fn wrong_passwords_and_wrong_fields_are_told_beside_what_is_wrong() {
    let (office, url) = serve().await;
    let chromium = Chromium::open(SCREEN, true).await;
    chromium.sign_in(&url, "salah").await;
    assert_eq!(chromium.text("[role=alert]").await, "Nama pengguna atau kata sandi salah.");
    chromium.look("sign-in-wrong").await;
    let focused = chromium.client.active_element().await.unwrap();
    assert_eq!(focused.attr("id").await.unwrap().unwrap(), "password");

    chromium.sign_in(&url, PASSWORD).await;
    chromium.write("name", "Budi Santoso").await;
    chromium.write("phone", "12").await;
    chromium.write("address", "Jl. Teuku Umar No. 10").await;
    chromium.click("#entry button.main").await;
    assert!(chromium.text("[role=alert]").await.contains("belum tersimpan"));
    chromium.look("form-wrong").await;
    assert_eq!(chromium.text("#description-note").await, "Isi uraian laporan.");
    let focused = chromium.client.active_element().await.unwrap();
    assert_eq!(focused.attr("id").await.unwrap().unwrap(), "phone", "the first wrong field has the focus");
    let name = chromium.client.find(Locator::Id("name")).await.unwrap();
    assert_eq!(name.prop("value").await.unwrap().unwrap(), "Budi Santoso", "the words stay");
    assert!(office.drafts().is_empty());
    // what is mended is no longer marked
    chromium.write("description", "Lampu jalan mati.").await;
    let marked = "return [...document.querySelectorAll('[aria-invalid]')].map((field) => field.id)";
    assert_eq!(chromium.script(marked).await, json!(["phone", "consent"]));
    let told = "return [...document.querySelectorAll('#form a')].map((link) => link.hash)";
    assert_eq!(chromium.script(told).await, json!(["#phone", "#consent"]));
}

#[tokio::test]
async fn pages_fit_a_narrow_phone() {
    let (_office, url) = serve().await;
    let chromium = Chromium::open(PHONE, true).await;
    chromium.client.goto(&url).await.unwrap();
    chromium.fits("sign-in").await;
    chromium.sign_in(&url, PASSWORD).await;
    chromium.text("#description").await;
    chromium.fits("form").await;
    chromium.write("phone", "12").await;
    chromium.click("#entry button.main").await;
    chromium.text("#form a").await;
    chromium.fits("form-wrong").await;
    chromium.write("phone", "").await;
    chromium.enter("phone-form-filled").await;
    chromium.fits("receipt").await;
    chromium.click("header a").await;
    assert_eq!(chromium.text("h1").await, "Entri hari ini");
    chromium.fits("today").await;
}

#[tokio::test]
async fn a_place_is_found_by_some_of_its_name_and_identity_is_not_left_to_be_read() {
    let (office, url) = serve().await;
    let chromium = Chromium::open(SCREEN, true).await;
    chromium.sign_in(&url, PASSWORD).await;
    chromium.fill("Lampu jalan mati.").await;
    for (typed, name) in [
        ("ceger 004/002", "Ceger, Kec. Cipayung, Jakarta Timur"),
        ("menteng rt 3 rw 5", "Menteng, Kec. Menteng, Jakarta Pusat"),
    ] {
        chromium.write("region", typed).await;
        chromium.write("nik", "3171061505900001").await;
        assert_eq!(chromium.value("region").await, name);
    }
    assert_eq!((chromium.value("rt").await, chromium.value("rw").await), ("3".to_owned(), "5".to_owned()));
    let hidden = "return getComputedStyle(document.getElementById('nik')).webkitTextSecurity";
    assert_eq!(chromium.script(hidden).await, json!("none"), "what is being typed can be read");
    chromium.write("title", "Lampu").await;
    assert_eq!(chromium.script(hidden).await, json!("disc"));
    chromium.picture("form-masked").await;
    chromium.click("#entry button.main").await;
    chromium.text("#reference").await;
    let draft = office.drafts().remove(0);
    assert_eq!(draft.place.region.unwrap().as_str(), "31.71.06.1001");
    assert_eq!(draft.reporter.nik.as_deref(), Some("3171061505900001"));
}

#[tokio::test]
async fn a_photo_is_made_small_in_the_browser_and_can_be_taken_out_again() {
    let (office, url) = serve().await;
    let chromium = Chromium::open(SCREEN, true).await;
    chromium.sign_in(&url, PASSWORD).await;
    chromium.fill("Pohon tumbang.").await;
    let folder = tempfile::tempdir().unwrap();
    chromium.attach(&folder.path().join("pohon.png"), (3200, 2400)).await;
    chromium.attach(&folder.path().join("dahan.png"), (900, 600)).await;
    chromium.look("form-photos").await;
    chromium.click("#photos-list li:nth-child(2) button").await;
    chromium
        .client
        .wait()
        .at_most(PATIENCE)
        .for_element(Locator::Css("#photos-list li:only-child"))
        .await
        .unwrap();
    let wrong = folder.path().join("bukan.jpg");
    fs::write(&wrong, "bukan foto").unwrap();
    let input = chromium.client.find(Locator::Id("camera")).await.unwrap();
    input.send_keys(wrong.to_str().unwrap()).await.unwrap();
    assert_eq!(chromium.text("#photos-note strong").await, "bukan.jpg bukan foto yang dapat dibuka.");
    chromium.click("#entry button.main").await;
    chromium.text("#reference").await;

    let files = office.files();
    assert_eq!(files.len(), 1);
    assert!(files[0].starts_with(b"\xff\xd8\xff"), "a JPEG");
    let measure = "const [data, done] = arguments;
        const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
        createImageBitmap(new Blob([bytes])).then(({ width, height }) => done([width, height]))";
    let size = chromium.client.execute_async(measure, vec![json!(BASE64_STANDARD.encode(&files[0]))]).await;
    assert_eq!(size.unwrap(), json!([1600, 1200]));
}

impl Chromium {
    async fn value(&self, id: &str) -> String {
        let field = self.client.find(Locator::Id(id)).await.unwrap();
        field.prop("value").await.unwrap().unwrap_or_default()
    }

    /// The page by its button for this paper: one sheet of so many points, and nothing but the receipt on it.
    async fn prints(&self, paper: &str, size: (u32, u32), picture: &str) {
        self.script("window.print = () => { window.printed = document.documentElement.dataset.paper }").await;
        self.click(&format!("[data-print={paper}]")).await;
        assert_eq!(self.script("return window.printed").await, json!(paper), "the button prints");
        let printed = self.devtools("Page.printToPDF", json!({ "preferCSSPageSize": true })).await;
        let pdf = BASE64_STANDARD.decode(printed["data"].as_str().unwrap()).unwrap();
        let text = String::from_utf8_lossy(&pdf);
        let (_, sheet) = text.split_once("/MediaBox [0 0 ").unwrap();
        let sides: Vec<f64> =
            sheet.split(']').next().unwrap().split_whitespace().map(|side| side.parse().unwrap()).collect();
        for (side, wanted) in sides.iter().zip([size.0, size.1]) {
            assert!((side - f64::from(wanted)).abs() < 1.5, "{paper}: {sides:?}");
        }
        assert_eq!(text.matches("/MediaBox").count(), 1, "{paper} takes one sheet");

        let (width, height) = (size.0 * 4 / 3, size.1 * 4 / 3);
        let sheet = json!({ "width": width, "height": height, "deviceScaleFactor": 2, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", sheet).await;
        self.devtools("Emulation.setEmulatedMedia", json!({ "media": "print" })).await;
        self.picture(picture).await;
        for (css, shown) in [("#reference", true), (".qr", true), (".bar", false), (".actions", false)] {
            let element = self.client.find(Locator::Css(css)).await.unwrap();
            assert_eq!(element.is_displayed().await.unwrap(), shown, "{css} on {paper}");
        }
        let wide = self.script("return document.documentElement.scrollWidth").await;
        assert!(wide.as_u64().unwrap() <= u64::from(width), "{paper} is too narrow: {wide}");
        self.devtools("Emulation.setEmulatedMedia", json!({ "media": "" })).await;
        self.devtools("Emulation.clearDeviceMetricsOverride", json!({})).await;
    }

    /// Nothing is wider than the phone, and what is to be touched is large enough for a thumb.
    async fn fits(&self, name: &str) {
        self.look(&format!("phone-{name}")).await;
        let width = self.script("return [innerWidth, document.documentElement.scrollWidth]").await;
        assert_eq!(width, json!([360, 360]), "{name} scrolls sideways");
        let small = self
            .script(
                "return [...document.querySelectorAll('input:not([type=hidden]), select, textarea, button, a.button')]
                   .map((e) => e.closest('.tick, .segments label, .pick') ?? e)
                   .filter((e) => e.checkVisibility() && e.getBoundingClientRect().height < 44)
                   .map((e) => e.outerHTML)",
            )
            .await;
        assert_eq!(small, json!([]), "{name} has small targets");
    }
}
