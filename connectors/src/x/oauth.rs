//! Requests in the name of an account, signed as OAuth 1.0a asks (RFC 5849, HMAC-SHA1): it does not expire, so nothing has
//! to be renewed and kept beside the configuration.

use std::fmt::Write;

use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use sha1::Sha1;

/// Who signs: the app and the account that gave it leave.
pub(super) struct Signer {
    pub(super) consumer_key: String,
    pub(super) consumer_secret: SecretString,
    pub(super) token: SecretString,
    pub(super) token_secret: SecretString,
}

impl Signer {
    /// The `Authorization` header of a request whose body is no form.
    pub(super) fn authorization(&self, method: &str, url: &str, now: Timestamp, nonce: &str) -> SecretString {
        let timestamp = now.as_second().to_string();
        let mut own = vec![
            ("oauth_consumer_key", self.consumer_key.as_str()),
            ("oauth_nonce", nonce),
            ("oauth_signature_method", "HMAC-SHA1"),
            ("oauth_timestamp", &timestamp),
            ("oauth_token", self.token.expose_secret()),
            ("oauth_version", "1.0"),
        ];
        let signature = self.signature(method, url, &own, &[]);
        own.push(("oauth_signature", &signature));
        let fields: Vec<_> = own.iter().map(|(name, text)| format!("{name}=\"{}\"", encoded(text))).collect();
        format!("OAuth {}", fields.join(", ")).into()
    }

    /// The signature over method, address without its query, and all parameters (RFC 5849 §3.4).
    fn signature(&self, method: &str, url: &str, own: &[(&str, &str)], form: &[(&str, &str)]) -> String {
        let parsed = Url::parse(url).ok();
        let query = parsed.iter().flat_map(Url::query_pairs);
        let mut parameters: Vec<(String, String)> =
            query.map(|(name, text)| (encoded(&name), encoded(&text))).collect();
        let others = own.iter().chain(form);
        parameters.extend(others.map(|(name, text)| (encoded(name), encoded(text))));
        parameters.sort_unstable();
        let parameters: Vec<_> = parameters.iter().map(|(name, text)| format!("{name}={text}")).collect();
        let address = url.split(['?', '#']).next().unwrap_or_default();
        let base = format!("{method}&{}&{}", encoded(address), encoded(&parameters.join("&")));
        let key = format!(
            "{}&{}",
            encoded(self.consumer_secret.expose_secret()),
            encoded(self.token_secret.expose_secret())
        );
        // an HMAC takes keys of any length
        let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(key.as_bytes()) else { return String::new() };
        mac.update(base.as_bytes());
        BASE64_STANDARD.encode(mac.finalize().into_bytes())
    }
}

/// Percent-encoding of RFC 5849 §3.6: all but the unreserved.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02X}").unwrap_or_default();
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of X's own documentation, "Creating a signature".
    #[test]
    fn the_documented_request_has_the_documented_signature() {
        let signer = Signer {
            consumer_key: "xvz1evFS4wEEPTGEFPHBog".to_owned(),
            consumer_secret: "kAcSOqF21Fu85e7zjz7ZN2U4ZRhfV3WpwPAoE3Z7kBw".into(),
            token: "370773112-GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb".into(),
            token_secret: "LswwdoUaIvS8ltyTt5jkRh4J50vUPVVHtR2YPi5kE".into(),
        };
        let own = [
            ("oauth_consumer_key", "xvz1evFS4wEEPTGEFPHBog"),
            ("oauth_nonce", "kYjzVBB8Y0ZFabxSWbWovY3uYSQ2pTgmZeNu2VS4cg"),
            ("oauth_signature_method", "HMAC-SHA1"),
            ("oauth_timestamp", "1318622958"),
            ("oauth_token", "370773112-GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb"),
            ("oauth_version", "1.0"),
        ];
        let form = [("status", "Hello Ladies + Gentlemen, a signed OAuth request!")];
        let url = "https://api.twitter.com/1/statuses/update.json?include_entities=true";
        assert_eq!(signer.signature("POST", url, &own, &form), "tnnArxj06cWHq44gCs1OSKk/jLY=");
    }
}
