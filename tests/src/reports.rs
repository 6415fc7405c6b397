//! Signed reports as Qlue sends them, each one distinct.

#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicU64, Ordering};

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

/// A body with its signature.
#[derive(Clone, Debug)]
pub struct Signed {
    /// The ids of the reports in it, as the vendor numbers them.
    pub ids: Vec<String>,
    /// The raw body.
    pub body: Vec<u8>,
    /// `X-Qlue-Signature`.
    pub signature: String,
}

impl Signed {
    /// Signs a body with a secret.
    ///
    /// # Panics
    /// Never: an HMAC takes keys of any length.
    pub fn new(secret: &str, ids: Vec<String>, body: Vec<u8>) -> Self {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(&body);
        let signature = format!("sha256={}", hex::encode(mac.finalize().into_bytes()));
        Self { ids, body, signature }
    }

    /// Posts it.
    ///
    /// # Errors
    /// As a vendor would see them.
    pub async fn post(&self, http: &reqwest::Client, url: &str) -> reqwest::Result<reqwest::Response> {
        http.post(url)
            .header("content-type", "application/json")
            .header("x-qlue-signature", &self.signature)
            .body(self.body.clone())
            .send()
            .await
    }
}

/// A vendor's reports: numbered from 1, in both of its shapes by turns, single and in its list.
#[derive(Debug)]
pub struct Reports {
    secret: String,
    next: AtomicU64,
}

impl Reports {
    /// A vendor that signs with this secret.
    pub fn new(secret: &str) -> Self {
        Self { secret: secret.to_owned(), next: AtomicU64::new(1) }
    }

    /// The next report.
    pub fn next(&self) -> Signed {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let body = match number % 4 {
            0 => json!({"result": [first_shape(number)]}),
            1 => second_shape(number),
            2 => first_shape(number),
            _ => json!({"data": [second_shape(number)]}),
        };
        self.sign(vec![number.to_string()], &body)
    }

    /// The next reports as one batch.
    pub fn batch(&self, count: u64) -> Signed {
        let first = self.next.fetch_add(count, Ordering::Relaxed);
        let numbers = first..first + count;
        let ids = numbers.clone().map(|number| number.to_string()).collect();
        self.sign(ids, &json!({"data": numbers.map(second_shape).collect::<Vec<_>>()}))
    }

    /// Signs any body.
    pub fn sign(&self, ids: Vec<String>, body: &Value) -> Signed {
        Signed::new(&self.secret, ids, body.to_string().into_bytes())
    }
}

/// A report as Qlue's feed had them in 2015. Each has a sender of its own.
pub fn first_shape(number: u64) -> Value {
    json!({
        "contributionId": number,
        "title": format!("Banjir nomor {number}"),
        "content": "Air setinggi lutut sejak subuh, selokan di depan rumah tersumbat sampah.",
        "url": format!("https://qlue.example/{number}"),
        "files": {"photo": format!("https://qlue.example/{number}.jpg")},
        "date": {"create": {"sec": 1_793_675_400_u64 + number}},
        "location": {"geospatial": {"longitude": 106.8456, "latitude": -6.2088}},
        "user": {"creator": {"id": number}},
    })
}

/// A report as Qlue's feed had them from 2017.
pub fn second_shape(number: u64) -> Value {
    json!({
        "id": number,
        "title": format!("Lubang nomor {number}"),
        "description": "Lubang besar di tengah jalan, sudah ada pengendara yang jatuh.",
        "category": "Jalan rusak",
        "timestamp": "2026-11-03 10:10:00",
        "file": {"format": "image", "url": format!("https://qlue.example/{number}.jpg")},
        "location": {"lat": -6.2088, "lng": 106.8456},
    })
}
