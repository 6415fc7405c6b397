//! Values that leave the gateway and come back: readable by anyone, made only by us.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use serde::{Serialize, de::DeserializeOwned};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// The key of all seals. Each purpose has seals of its own: a receipt's cannot stand for a session's.
pub(in crate::web) struct Seal {
    key: [u8; 32],
}

impl Seal {
    pub(in crate::web) fn new(key: [u8; 32]) -> Self {
        Self { key }
    }

    /// The value with its seal, in characters that a cookie may hold.
    pub(in crate::web) fn close<T: Serialize>(&self, purpose: &str, value: &T) -> String {
        let payload = BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_vec(value).unwrap_or_default());
        let seal = BASE64_URL_SAFE_NO_PAD.encode(self.mac(purpose, payload.as_bytes()));
        format!("{payload}.{seal}")
    }

    /// The value, if the seal is ours and for this purpose.
    pub(in crate::web) fn open<T: DeserializeOwned>(&self, purpose: &str, sealed: &str) -> Option<T> {
        let (payload, seal) = sealed.split_once('.')?;
        let seal = BASE64_URL_SAFE_NO_PAD.decode(seal).ok()?;
        if !bool::from(seal.ct_eq(&self.mac(purpose, payload.as_bytes()))) {
            return None;
        }
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
    }

    /// A short mark of a text for one purpose.
    pub(in crate::web) fn mark(&self, purpose: &str, text: &str) -> String {
        hex::encode(&self.mac(purpose, text.as_bytes())[..16])
    }

    /// Whether a mark is that of the text.
    pub(in crate::web) fn fits(&self, purpose: &str, text: &str, mark: &str) -> bool {
        self.mark(purpose, text).as_bytes().ct_eq(mark.as_bytes()).into()
    }

    fn mac(&self, purpose: &str, text: &[u8]) -> [u8; 32] {
        // HMAC takes keys of any length, so there is always one
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.key) else { return [0; 32] };
        mac.update(purpose.as_bytes());
        mac.update(&[0]);
        mac.update(text);
        mac.finalize().into_bytes().into()
    }
}

/// A random text that nobody can guess.
pub(in crate::web) fn nonce() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    Ok(hex::encode(bytes))
}
