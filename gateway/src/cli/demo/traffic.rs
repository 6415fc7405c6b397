//! What the vendors and an officer send in the demonstration, signed as they sign; some of it wrong on purpose.

use std::net::SocketAddr;

use hmac::{Hmac, KeyInit, Mac};
use http::header;
use jiff::{SignedDuration, Timestamp, fmt::strtime, tz::TimeZone};
use muara_normalizer::{
    region::{self, Level, Region},
    time::WIB,
};
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};
use sha2::Sha256;

use super::{DemoError, OFFICER, PASSWORD};

/// How many requests were sent, and how many of them on purpose not as they should be.
#[derive(Debug, Default)]
pub(super) struct Sent {
    pub(super) requests: u32,
    pub(super) again: u32,
    pub(super) forged: u32,
    pub(super) malformed: u32,
    pub(super) batches: u32,
    pub(super) pings: u32,
}

/// Plays so many reports, spread over all channels.
pub(super) async fn play(public: SocketAddr, reports: u32) -> Result<Sent, DemoError> {
    let vendors = Vendors::new(public).await?;
    let mut sent = Sent::default();
    for number in 0..reports {
        // most of a day's reports come by app, as in the city's figures
        match number % 10 {
            0 => vendors.letter(number, &mut sent).await?,
            1 | 2 => vendors.sms(number, &mut sent).await?,
            3 => vendors.desk(number, &mut sent).await?,
            _ => vendors.qlue(number, &mut sent).await?,
        }
    }
    Ok(sent)
}

struct Vendors {
    client: Client,
    base: String,
    reports: Vec<(&'static str, &'static str)>,
    kelurahan: Vec<&'static Region>,
    session: Session,
    now: Timestamp,
}

struct Session {
    cookie: String,
    csrf: String,
}

impl Vendors {
    async fn new(public: SocketAddr) -> Result<Self, DemoError> {
        let (client, base) = (Client::new(), format!("http://{public}"));
        let session = sign_in(&client, &base).await?;
        let reports =
            include_str!("../../../demo/reports.txt").lines().filter_map(|line| line.split_once('|'));
        let kelurahan = region::all().filter(|region| region.level == Level::Kelurahan);
        Ok(Self {
            client,
            base,
            reports: reports.collect(),
            kelurahan: kelurahan.collect(),
            session,
            now: Timestamp::now(),
        })
    }

    /// A category, a text with a place in it, and the minute it was written: the same for the same number.
    fn report(&self, number: u32) -> (&'static str, String, Timestamp) {
        let n = usize::try_from(number).unwrap_or(0);
        let (category, text) = self.reports[n % self.reports.len()];
        let kelurahan = &self.kelurahan[(n * 37) % self.kelurahan.len()].name;
        let text = format!("{text}. RT {} RW {}, Kel. {kelurahan}", 1 + n % 12, 1 + n % 7);
        let at =
            self.now.saturating_sub(SignedDuration::from_mins(i64::from(number) + 1)).unwrap_or(self.now);
        (category, text, at)
    }

    async fn send(
        &self,
        what: &'static str,
        expected: u16,
        request: RequestBuilder,
        sent: &mut Sent,
    ) -> Result<(), DemoError> {
        sent.requests += 1;
        let got = request.send().await?.status().as_u16();
        if got == expected { Ok(()) } else { Err(DemoError::Answer { what, got, expected }) }
    }

    fn post(&self, path: &str, body: String) -> RequestBuilder {
        self.client
            .post(format!("{}{path}", self.base))
            .header(header::CONTENT_TYPE, "application/json")
            .body(body)
    }

    fn signed(&self, body: String) -> RequestBuilder {
        let signature = format!("sha256={}", hmac(b"demo-qlue", body.as_bytes()));
        self.post("/in/qlue", body).header("X-Qlue-Signature", signature)
    }

    fn qlue_report(&self, number: u32) -> Value {
        let (category, text, at) = self.report(number);
        let place = f64::from(number % 50) / 1000.0;
        let mut report = json!({
            "id": 700_000 + number, "title": category, "description": text, "timestamp": wib("%Y-%m-%d %H:%M:%S", at),
            "file": { "format": "image", "url": format!("https://img.qlue.example/{number}.jpg") },
            "location": { "lat": -6.2 - place, "lng": 106.82 + place },
        });
        if number.is_multiple_of(17) {
            report["location"] = json!({ "lat": 0, "lng": 0 });
        }
        report
    }

    async fn qlue(&self, number: u32, sent: &mut Sent) -> Result<(), DemoError> {
        let report = self.qlue_report(number);
        let body = match number % 40 {
            4 => {
                sent.batches += 1;
                json!({ "data": [report, { "title": "tanpa id" }, self.qlue_report(number + 100_000)] })
                    .to_string()
            }
            _ => report.to_string(),
        };
        self.send("a signed report", 202, self.signed(body.clone()), sent).await?;
        match number % 20 {
            5 | 16 => {
                sent.again += 1;
                self.send("a redelivery", 202, self.signed(body), sent).await
            }
            7 => {
                sent.forged += 1;
                let forged = self.signed(body.replace("Lubang", "Lobang") + " ");
                let forged = forged.header("X-Qlue-Signature", "sha256=00");
                self.send("a forgery", 401, forged, sent).await
            }
            19 => {
                sent.malformed += 1;
                self.send("a malformed body", 422, self.signed(format!("{{\"id\": {number}, ")), sent).await
            }
            _ => Ok(()),
        }
    }

    async fn letter(&self, number: u32, sent: &mut Sent) -> Result<(), DemoError> {
        let (category, text, at) = self.report(number);
        let body = json!({ "letters": [{
            "no": format!("2026-{number}"), "headline": category, "html": format!("<p>{text}</p>"), "rubric": category,
            "printed": wib("%d/%m/%Y %H.%M", at), "writer": "Pembaca setia", "where": "Jakarta",
        }] });
        let with =
            |body: Value, token: &str| self.post("/in/media_massa", body.to_string()).bearer_auth(token);
        self.send("a letter", 202, with(body.clone(), "demo-media"), sent).await?;
        match number % 60 {
            20 => {
                sent.forged += 1;
                self.send("a wrong token", 401, with(body, "guess"), sent).await
            }
            30 => {
                sent.pings += 1;
                self.send("a ping", 202, with(json!({ "type": "ping" }), "demo-media"), sent).await
            }
            40 => {
                sent.malformed += 1;
                let empty = json!({ "letters": [{ "no": format!("leer-{number}") }] });
                self.send("a letter without text", 422, with(empty, "demo-media"), sent).await
            }
            _ => Ok(()),
        }
    }

    async fn sms(&self, number: u32, sent: &mut Sent) -> Result<(), DemoError> {
        let (_, text, at) = self.report(number);
        // one sender writes all evening: over the limit its messages are held, not lost
        let from =
            if number % 40 < 20 { "0812-0000-1111".to_owned() } else { format!("08130000{number:04}") };
        let form = [
            ("msgid", format!("SM{number:06}")),
            ("from", from),
            ("text", text),
            ("time", at.as_second().to_string()),
        ];
        let to = |secret: &str| self.client.post(format!("{}/in/sms/{secret}", self.base)).form(&form);
        self.send("an SMS", 202, to("demo-sms"), sent).await?;
        if number % 50 == 11 {
            sent.forged += 1;
            self.send("a guessed path", 401, to("guess"), sent).await?;
        }
        Ok(())
    }

    async fn desk(&self, number: u32, sent: &mut Sent) -> Result<(), DemoError> {
        let (category, text, _) = self.report(number);
        let entry = json!({
            "reporter": { "name": format!("Warga {number}"), "phone": format!("08140000{number:04}") },
            "category": category, "description": text, "consent": true,
            "place": { "address": "Jl. Contoh No. 1", "rt": "3", "rw": "5" },
        });
        let key = uuid::Uuid::now_v7().to_string();
        let post = || {
            self.post("/desk/kelurahan/api/entries", entry.to_string())
                .header("Idempotency-Key", &key)
                .header("X-CSRF-Token", &self.session.csrf)
                .header(header::COOKIE, &self.session.cookie)
        };
        self.send("a desk entry", 201, post(), sent).await?;
        if number % 30 == 13 {
            sent.again += 1;
            self.send("the same desk entry", 200, post(), sent).await?;
        }
        Ok(())
    }
}

async fn sign_in(client: &Client, base: &str) -> Result<Session, DemoError> {
    let credentials = json!({ "user": OFFICER, "password": PASSWORD });
    let answer = client.post(format!("{base}/desk/kelurahan/api/session")).json(&credentials).send().await?;
    let status = answer.status().as_u16();
    if status != 200 && status != 201 {
        return Err(DemoError::Answer { what: "the officer's sign-in", got: status, expected: 200 });
    }
    let cookies = answer
        .headers()
        .get_all(header::SET_COOKIE)
        .iter()
        .filter_map(|cookie| cookie.to_str().ok()?.split(';').next());
    let cookie = cookies.collect::<Vec<_>>().join("; ");
    let body: Value = answer.json().await?;
    Ok(Session { cookie, csrf: body["csrf_token"].as_str().unwrap_or_default().to_owned() })
}

fn hmac(secret: &[u8], body: &[u8]) -> String {
    // HMAC takes keys of any length
    Hmac::<Sha256>::new_from_slice(secret).map_or_else(
        |_| String::new(),
        |mut mac| {
            mac.update(body);
            hex::encode(mac.finalize().into_bytes())
        },
    )
}

fn wib(format: &str, at: Timestamp) -> String {
    strtime::format(format, &at.to_zoned(TimeZone::fixed(WIB))).unwrap_or_default()
}
