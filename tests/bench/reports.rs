//! Signed Qlue posts, all distinct, made before the clock starts.

use std::fmt::Write;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use uuid::{Builder, Uuid};

/// What the channel's secret is in a run.
pub(crate) const SECRET: &str = "a secret that only the benchmark knows";
/// Bytes of a body.
const BODY: usize = 600;

const TITLES: [&str; 4] =
    ["Lubang di tengah jalan", "Sampah menumpuk di kali", "Lampu jalan padam", "Banjir setinggi lutut"];
const CATEGORIES: [&str; 4] = ["Jalan rusak", "Sampah", "Lampu jalan rusak", "Banjir"];
const WORDS: [&str; 24] = [
    "warga",
    "sudah",
    "tiga",
    "hari",
    "menunggu",
    "petugas",
    "di",
    "dekat",
    "pasar",
    "jembatan",
    "gang",
    "sempit",
    "mohon",
    "segera",
    "ditindaklanjuti",
    "karena",
    "berbahaya",
    "bagi",
    "anak",
    "sekolah",
    "dan",
    "pengendara",
    "motor",
    "terutama",
];

/// Where the vendor's ids come from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ids {
    /// A counter, as Qlue has it: neighbours in the index.
    Ascending(u64),
    /// Random UUIDs: a new place in the index each time.
    Random,
}

/// A small generator of well spread numbers (splitmix64): the same reports in every run.
#[derive(Clone, Debug)]
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut number = self.0;
        number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        number ^ (number >> 31)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    pub(crate) fn uuid(&mut self) -> Uuid {
        let bytes = (u128::from(self.next()) << 64 | u128::from(self.next())).to_be_bytes();
        Builder::from_random_bytes(bytes).into_uuid()
    }

    fn pick(&mut self, from: &[&'static str]) -> &'static str {
        let place = usize::try_from(self.next() % 1024).unwrap_or(0);
        from[place % from.len()]
    }
}

/// Bodies of `count` reports.
pub(crate) fn bodies(count: usize, ids: Ids, numbers: &mut Numbers) -> Vec<String> {
    (0_u64..).take(count).map(|place| body(place, ids, numbers)).collect()
}

fn body(place: u64, ids: Ids, numbers: &mut Numbers) -> String {
    let id = match ids {
        Ids::Ascending(first) => (first + place).to_string(),
        Ids::Random => format!("\"{}\"", numbers.uuid()),
    };
    let mut body = format!(
        r#"{{"data":[{{"id":{id},"title":"{}","category":"{}","timestamp":"2026-11-03 {:02}:{:02}:{:02}","file":{{"format":"image","url":"https:\/\/cdn.qlue.example\/photos\/{:016x}.jpg"}},"location":{{"lat":-6.{:06},"lng":106.{:06}}},"user":{{"id":{},"name":"Warga {}"}},"description":""#,
        numbers.pick(&TITLES),
        numbers.pick(&CATEGORIES),
        numbers.below(24),
        numbers.below(60),
        numbers.below(60),
        numbers.next(),
        120_000 + numbers.below(200_000),
        700_000 + numbers.below(250_000),
        1_000_000 + numbers.below(8_000_000),
        numbers.below(1_000_000),
    );
    const END: &str = ".\"}]}";
    while body.len() + END.len() + 16 < BODY {
        body.push_str(numbers.pick(&WORDS));
        body.push(' ');
    }
    while body.len() + END.len() < BODY {
        body.push('a');
    }
    body.push_str(END);
    body
}

/// Whole HTTP requests, ready to be written.
#[derive(Debug)]
pub(crate) struct Posts {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Posts {
    pub(crate) fn new(bodies: &[String]) -> Self {
        let mut posts = Self { bytes: Vec::new(), ends: Vec::with_capacity(bodies.len()) };
        let mut head = String::new();
        for body in bodies {
            head.clear();
            write!(
                head,
                "POST /in/qlue HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
                 X-Qlue-Signature: sha256={}\r\n\r\n",
                body.len(),
                signature(body)
            )
            .unwrap();
            posts.bytes.extend_from_slice(head.as_bytes());
            posts.bytes.extend_from_slice(body.as_bytes());
            posts.ends.push(posts.bytes.len());
        }
        posts
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn get(&self, place: usize) -> Option<&[u8]> {
        let end = *self.ends.get(place)?;
        let start = place.checked_sub(1).map_or(0, |before| self.ends[before]);
        Some(&self.bytes[start..end])
    }
}

fn signature(body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(body.as_bytes());
    hex::encode(mac.finalize().into_bytes())
}
