//! Who reported, without saying who: keyed references in place of ids.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::{complaint::Reporter, contact, draft::DraftReporter, ids::ChannelId, phone, text};

/// The gateway's secret for keyed references: without it nobody can test a guessed NIK or phone number.
#[derive(Clone)]
pub struct PrivacyKey(Vec<u8>);

/// Why a key is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the privacy key needs at least 32 bytes (64 hexadecimal digits); remove the file to have one made")]
pub struct WeakPrivacyKey;

impl PrivacyKey {
    /// Takes the key as configured: hexadecimal digits, or any text of at least 32 bytes.
    ///
    /// # Errors
    /// [`WeakPrivacyKey`] for fewer than 32 bytes.
    pub fn new(configured: &str) -> Result<Self, WeakPrivacyKey> {
        let configured = configured.trim();
        let bytes = hex::decode(configured).unwrap_or_else(|_| configured.as_bytes().to_vec());
        if bytes.len() < 32 { Err(WeakPrivacyKey) } else { Ok(Self(bytes)) }
    }

    /// A key that everybody knows, for trials whose results are never kept.
    #[must_use]
    pub fn throw_away() -> Self {
        Self(vec![0; 32])
    }

    /// A keyed hash for one purpose (`label`), over parts that cannot run into each other.
    #[must_use]
    pub fn keyed(&self, label: &str, parts: &[&str]) -> [u8; 32] {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else { return [0; 32] };
        for part in std::iter::once(&label).chain(parts) {
            mac.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            mac.update(part.as_bytes());
        }
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for PrivacyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivacyKey(..)")
    }
}

/// What identifies this person on this channel best: the account, else phone, e-mail or NIK, in one spelling each.
#[must_use]
pub fn sender(reporter: &DraftReporter) -> Option<String> {
    let given =
        |value: &Option<String>| value.as_deref().map(str::trim).filter(|v| !v.is_empty()).map(str::to_owned);
    given(&reporter.id)
        .map(|id| format!("id:{id}"))
        .or_else(|| {
            given(&reporter.phone).map(|phone| format!("tel:{}", phone::to_e164(&phone).unwrap_or(phone)))
        })
        .or_else(|| given(&reporter.email).map(|email| format!("mailto:{}", email.to_lowercase())))
        .or_else(|| given(&reporter.nik).map(|nik| format!("nik:{nik}")))
}

/// A person on a channel, known by a keyed hash of their id: 16 bytes, the first half of an HMAC-SHA256.
pub type PersonRef = [u8; 16];

/// The references of a person on a channel: of what identifies them best, then of the other ids that the channel proves.
#[must_use]
pub fn references(channel: &ChannelId, draft: &DraftReporter, key: &PrivacyKey) -> Vec<PersonRef> {
    let also = draft.also.iter().map(|id| format!("id:{}", id.trim()));
    let of = |sender: String| {
        let mut reference = [0; 16];
        let keyed = key.keyed("reporter", &[channel.as_str(), &sender]);
        reference.iter_mut().zip(keyed).for_each(|(to, from)| *to = from);
        reference
    };
    sender(draft).into_iter().chain(also).map(of).collect()
}

/// The reporter as the core CRM may see them.
#[must_use]
pub fn reporter(channel: &ChannelId, draft: &DraftReporter, key: &PrivacyKey) -> Reporter {
    Reporter {
        reference: references(channel, draft, key).first().map(hex::encode),
        display_name: if draft.anonymous {
            None
        } else {
            draft.name.as_deref().and_then(text::clean_line).as_deref().map(contact::masked)
        },
        anonymous: draft.anonymous,
        private: draft.private,
    }
}
