//! Names of things: channel, complaint, vendor's message, and the reference a citizen can read aloud.

use std::{fmt, str::FromStr};

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use uuid::Uuid;

/// The id of one configured official channel: the key of its `[channels.<id>]` table.
///
/// Lower-case ASCII letters, digits, `_` and `-`, at most 64 of them, starting with a letter or digit:
/// it becomes a URL segment, an AMQP routing-key word and a metric label.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct ChannelId(#[schemars(regex(pattern = r"^[a-z0-9][a-z0-9_-]{0,63}$"))] String);

/// Why a text is not a channel id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a channel id has 1 to 64 characters of a-z, 0-9, `_` and `-`, and starts with a letter or digit")]
pub struct BadChannelId;

impl ChannelId {
    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ChannelId {
    type Err = BadChannelId;

    fn from_str(text: &str) -> Result<Self, BadChannelId> {
        let tail = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-');
        let bytes = text.as_bytes();
        match bytes {
            [first, ..] if bytes.len() <= 64 && tail(first) && first.is_ascii_alphanumeric() => {
                if bytes.iter().all(tail) { Ok(Self(text.to_owned())) } else { Err(BadChannelId) }
            }
            _ => Err(BadChannelId),
        }
    }
}

impl<'de> Deserialize<'de> for ChannelId {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        String::deserialize(input)?.parse().map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for ChannelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The vendor's own id of a message or report, opaque to everyone but its connector.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct ExternalId(String);

impl ExternalId {
    /// Takes the vendor's id; a blank one is no id.
    #[must_use]
    pub fn new(id: impl Into<String>) -> Option<Self> {
        let id = id.into();
        if id.trim().is_empty() { None } else { Some(Self(id)) }
    }

    /// The id as the vendor wrote it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The canonical id of a complaint: a UUIDv7 (RFC 9562), so ids sort by the time they were received.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct ComplaintId(pub Uuid);

impl ComplaintId {
    /// Builds the id from the receipt time and ten random bytes (their version and variant bits are overwritten).
    #[must_use]
    pub fn from_parts(received_at: Timestamp, random: &[u8; 10]) -> Self {
        let millis = u64::try_from(received_at.as_millisecond()).unwrap_or(0);
        Self(uuid::Builder::from_unix_timestamp_millis(millis, random).into_uuid())
    }

    /// The id of an event about this complaint: a function of the complaint, the event's type and its
    /// number, so a crash publishes the same id again (UUIDv5).
    #[must_use]
    pub fn event_id(self, event_type: &str, number: u32) -> Uuid {
        self.event_id_of(event_type, &number.to_string())
    }

    /// The same for events that are told apart by something else than a number.
    #[must_use]
    pub fn event_id_of(self, event_type: &str, which: &str) -> Uuid {
        Uuid::new_v5(&self.0, format!("{event_type}#{which}").as_bytes())
    }
}

impl fmt::Display for ComplaintId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Crockford's base32 digits, then the five extra check symbols (<https://www.crockford.com/base32.html>).
const SYMBOLS: &[u8; 37] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ*~$=U";
/// A reference carries 40 bits: eight digits, 1.1 million million complaints for each store.
const SERIAL_BITS: u32 = 40;
/// The first 32 of the 37 check symbols are letters and digits.
const SPEAKABLE: u64 = 32;

/// The code a citizen reads over the phone: eight Crockford base32 digits and a check symbol, `7K3M-9QXW-C`.
///
/// It stands for the serial number of the receipt in its store, scrambled by [`ReferenceKey`]; so it is
/// unique without a table, can be turned back into the serial, and does not tell how many people complained.
/// Serials whose check symbol would be one of `*~$=` are walked past: nobody has to say "tilde" aloud.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct Reference(
    #[schemars(regex(pattern = r"^[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]$"))] String,
);

impl Reference {
    /// The references that a text quotes, each once: written with their hyphens, or as nine symbols in a row. Whether
    /// there is a complaint of that reference only its store knows.
    #[must_use]
    pub fn quoted(text: &str) -> Vec<Self> {
        let mut quoted: Vec<Self> = Vec::new();
        for word in text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-')) {
            let word = word.trim_matches('-');
            let symbols = word.bytes().filter(|b| *b != b'-').count();
            // a row of nine letters is a word, unless it is parted as a reference is
            let parted = word.len() == 11 && word.match_indices('-').map(|(place, _)| place).eq([4, 9]);
            if symbols != 9 || !(parted || word.bytes().any(|b| b.is_ascii_digit())) {
                continue;
            }
            if let Ok(reference) = word.parse::<Self>()
                && !quoted.contains(&reference)
            {
                quoted.push(reference);
            }
        }
        quoted
    }
}

/// Why a text is not a reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadReference {
    /// Not nine symbols of the alphabet.
    #[error("a reference has eight letters or digits and a check symbol, like 7K3M-9QXW-C")]
    Form,
    /// The check symbol does not fit: a slip in reading or typing.
    #[error("the last symbol does not fit the others; please read the reference again")]
    Check,
}

/// The secret that scrambles serial numbers into references; made once for each store and kept in it.
#[derive(Clone)]
pub struct ReferenceKey([u8; 16]);

impl fmt::Debug for ReferenceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReferenceKey(..)")
    }
}

impl ReferenceKey {
    /// Takes the store's 16 random bytes.
    #[must_use]
    pub fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The reference of a serial number (below 9 × 10^11).
    ///
    /// Walking on from a speakable value until the next one ("cycle walking") keeps the map one to one.
    #[must_use]
    pub fn reference(&self, serial: u64) -> Reference {
        let mut value = (serial / SPEAKABLE * 37 + serial % SPEAKABLE) & mask(SERIAL_BITS);
        loop {
            value = self.permute(value, false);
            if value % 37 < SPEAKABLE {
                return Reference::from_value(value);
            }
        }
    }

    /// The serial number that a reference stands for.
    #[must_use]
    pub fn serial(&self, reference: &Reference) -> u64 {
        let mut value = reference.value();
        loop {
            value = self.permute(value, true);
            if value % 37 < SPEAKABLE {
                return value / 37 * SPEAKABLE + value % 37;
            }
        }
    }

    /// A four-round Feistel network over two halves of 20 bits: a bijection on 40 bits.
    fn permute(&self, value: u64, backwards: bool) -> u64 {
        const HALF: u32 = SERIAL_BITS / 2;
        let (mut left, mut right) = (value >> HALF, value & mask(HALF));
        for step in 0..4u8 {
            let round = if backwards { 3 - step } else { step };
            if backwards {
                (left, right) = (right ^ self.round(round, left), left);
            } else {
                (left, right) = (right, left ^ self.round(round, right));
            }
        }
        left << HALF | right
    }

    fn round(&self, round: u8, half: u64) -> u64 {
        let mac = Hmac::<Sha256>::new_from_slice(&self.0).map(|mut mac| {
            mac.update(&[round]);
            mac.update(&half.to_be_bytes());
            mac.finalize().into_bytes()
        });
        // HMAC takes keys of any length, so there is always a digest.
        let digest = mac.unwrap_or_default();
        u64::from_be_bytes([0, 0, 0, 0, 0, digest[0], digest[1], digest[2]]) & mask(SERIAL_BITS / 2)
    }
}

fn mask(bits: u32) -> u64 {
    (1 << bits) - 1
}

fn check(value: u64) -> usize {
    usize::try_from(value % 37).unwrap_or(0)
}

impl Reference {
    fn from_value(value: u64) -> Self {
        let digit = |shift: u32| char::from(SYMBOLS[usize::try_from(value >> shift & 31).unwrap_or(0)]);
        let mut text = String::with_capacity(11);
        for (place, shift) in (0..SERIAL_BITS / 5).rev().map(|n| n * 5).enumerate() {
            if place == 4 {
                text.push('-');
            }
            text.push(digit(shift));
        }
        text.push('-');
        text.push(char::from(SYMBOLS[check(value)]));
        Self(text)
    }

    fn value(&self) -> u64 {
        digits(&self.0).take(8).fold(0, |value, digit| value << 5 | u64::from(digit))
    }

    /// The reference as it is printed.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Symbols as numbers 0 to 36; `O` reads as 0, `I` and `L` as 1, separators are skipped, anything else is 255.
fn digits(text: &str) -> impl Iterator<Item = u8> {
    text.chars().filter(|c| !matches!(c, '-' | ' ' | '.')).map(|c| {
        let c = match c.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            other => other,
        };
        SYMBOLS.iter().position(|&s| char::from(s) == c).and_then(|n| u8::try_from(n).ok()).unwrap_or(255)
    })
}

impl FromStr for Reference {
    type Err = BadReference;

    fn from_str(text: &str) -> Result<Self, BadReference> {
        let digits: Vec<u8> = digits(text).take(10).collect();
        let [body @ .., sum] = digits.as_slice() else { return Err(BadReference::Form) };
        if body.len() != 8 || body.iter().any(|&d| d > 31) || *sum > 36 {
            return Err(BadReference::Form);
        }
        let value = body.iter().fold(0, |value, &digit| value << 5 | u64::from(digit));
        if check(value) != usize::from(*sum) || *sum > 31 {
            return Err(BadReference::Check);
        }
        Ok(Self::from_value(value))
    }
}

impl<'de> Deserialize<'de> for Reference {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        String::deserialize(input)?.parse().map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
