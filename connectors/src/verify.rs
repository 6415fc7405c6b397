//! Proof of origin: the only maker of [`Verified`], and the only place where secrets are compared.
//!
//! What is not verified cannot be read. Comparisons take the same time wherever the difference is.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use sha1::Sha1;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::{request::Request, settings::ChannelSettings, value, xml};

/// How a vendor's requests prove where they come from.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "scheme", rename_all = "snake_case", deny_unknown_fields)]
pub enum Auth {
    /// An HMAC over the raw body in a header.
    Hmac(HmacScheme),
    /// A shared token in a header, compared as it is.
    HeaderToken {
        /// The header.
        header: Cow<'static, str>,
        /// What stands before the token, e.g. `Bearer `.
        #[serde(default)]
        prefix: Cow<'static, str>,
    },
    /// A shared token inside the body: an attribute of an XML body's root element, or a member of a JSON object.
    /// Nothing of the body is read but what stands before it.
    BodyToken {
        /// The attribute or member.
        name: Cow<'static, str>,
    },
    /// An HMAC-SHA1 in base64 over the public address and the sorted form (Twilio). A proxy hides that address
    /// from the request, so the connector reads it from the channel's table ([`PublicUrl`]).
    #[serde(skip)]
    UrlSigned {
        /// The header with the signature.
        header: Cow<'static, str>,
    },
    /// One of several clients' keys in a field of a form; the connector reads them from the channel's table
    /// ([`ApiKeys`]).
    #[serde(skip)]
    ApiKeys {
        /// The field.
        field: Cow<'static, str>,
    },
    /// A shared secret as the last segment of the path: `/in/{channel}/{secret}`.
    PathSecret,
    /// A signed-in desk officer.
    Session,
    /// The vendor is asked and never calls: a request is refused.
    Pull,
    /// Nothing is checked. Must be spelled out.
    Open,
    /// The channel's table must choose (`[channels.<id>.auth]`).
    #[serde(skip)]
    Configured,
}

/// An HMAC over the raw body, optionally with a timestamp before it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HmacScheme {
    /// The header with the signature.
    pub header: Cow<'static, str>,
    /// The hash.
    #[serde(default)]
    pub algorithm: Algorithm,
    /// How the signature is written.
    #[serde(default)]
    pub encoding: Encoding,
    /// What stands before it, e.g. `sha256=`.
    #[serde(default)]
    pub prefix: Cow<'static, str>,
    /// The header with the time of signing, if the vendor signs `<time>.<body>`.
    #[serde(default)]
    pub timestamp: Option<TimestampScheme>,
}

/// A signed time that limits replay.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimestampScheme {
    /// The header with the time in seconds since 1970.
    pub header: Cow<'static, str>,
    /// What stands between time and body in what is signed.
    #[serde(default = "dot")]
    pub separator: Cow<'static, str>,
    /// How far the time may be off, in seconds.
    #[serde(default = "five_minutes")]
    pub window_seconds: u32,
}

fn dot() -> Cow<'static, str> {
    Cow::Borrowed(".")
}

fn five_minutes() -> u32 {
    300
}

/// The hash of an HMAC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Algorithm {
    /// SHA-256.
    #[default]
    Sha256,
    /// SHA-1, where a vendor still uses it: an HMAC does not need its collision resistance.
    Sha1,
}

/// How a signature is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// Hexadecimal digits.
    #[default]
    Hex,
    /// Base64 (RFC 4648 §4).
    Base64,
}

/// Why a request is refused with 401. Nothing of it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Forged {
    /// No signature, token or secret, or more than one.
    #[error("no signature")]
    Unsigned,
    /// It does not fit the body, or is written in another form than the channel's.
    #[error("the signature does not fit")]
    Mismatch,
    /// Signed too long ago, or for the future: a replay, or a wrong clock.
    #[error("the signature's time is outside the window")]
    Stale,
}

impl Auth {
    /// A short name for tables.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Hmac(scheme) if scheme.timestamp.is_some() => "hmac + time",
            Self::Hmac(_) => "hmac",
            Self::HeaderToken { .. } => "header token",
            Self::BodyToken { .. } => "body token",
            Self::UrlSigned { .. } => "signed URL",
            Self::ApiKeys { .. } => "API keys",
            Self::PathSecret => "path secret",
            Self::Session => "session",
            Self::Pull => "own sign-in",
            Self::Open => "open",
            Self::Configured => "configured",
        }
    }

    /// Whether it needs the channel's `secret`.
    #[must_use]
    pub fn needs_secret(&self) -> bool {
        matches!(
            self,
            Self::Hmac(_)
                | Self::HeaderToken { .. }
                | Self::BodyToken { .. }
                | Self::UrlSigned { .. }
                | Self::PathSecret
        )
    }
}

/// A request whose origin is proven; only this module makes one.
#[derive(Clone, Copy, Debug)]
pub struct Verified<'a> {
    request: &'a Request,
    settings: &'a ChannelSettings,
}

impl<'a> Verified<'a> {
    /// The raw body.
    #[must_use]
    pub fn body(&self) -> &'a [u8] {
        &self.request.body
    }

    /// The request around the body.
    #[must_use]
    pub fn request(&self) -> &'a Request {
        self.request
    }

    /// The channel's settings.
    #[must_use]
    pub fn settings(&self) -> &'a ChannelSettings {
        self.settings
    }

    /// A request that was verified before: it comes out of our own quarantine, or out of a vendor's API that we asked.
    #[must_use]
    pub fn before(request: &'a Request, settings: &'a ChannelSettings) -> Self {
        Self { request, settings }
    }

    /// An entry made by a signed-in officer; the desk checked session and CSRF token.
    #[must_use]
    pub fn by_session(
        request: &'a Request,
        settings: &'a ChannelSettings,
        _officer: &OfficerSession,
    ) -> Self {
        Self { request, settings }
    }

    /// A captured request that somebody tries out on purpose without its signature (`muara try --unverified`).
    #[must_use]
    pub fn on_trial(request: &'a Request, settings: &'a ChannelSettings) -> Self {
        Self { request, settings }
    }
}

/// The proof that a session was checked.
#[derive(Clone, Debug)]
pub struct OfficerSession {
    /// The officer's user name.
    pub officer: String,
}

/// Checks a request against its channel's authentication.
///
/// `path_secret` is the last path segment where the channel uses one; `now` limits replay.
///
/// # Errors
/// [`Forged`]: answer 401, store nothing.
pub fn verify<'a>(
    request: &'a Request,
    settings: &'a ChannelSettings,
    path_secret: Option<&str>,
    now: Timestamp,
) -> Result<Verified<'a>, Forged> {
    let secret = settings.secret.as_ref();
    match &settings.auth {
        Auth::Open => Ok(()),
        Auth::Hmac(scheme) => {
            secret.ok_or(Forged::Unsigned).and_then(|secret| scheme.check(request, secret, now))
        }
        Auth::HeaderToken { header, prefix } => {
            let given = request.header(header).ok_or(Forged::Unsigned)?;
            let token = given.strip_prefix(prefix.as_ref()).ok_or(Forged::Mismatch)?;
            equal(token, secret)
        }
        Auth::BodyToken { name } => {
            let token = body_token(&request.body, name).ok_or(Forged::Unsigned)?;
            equal(&token, secret)
        }
        Auth::UrlSigned { header } => {
            let public = settings.own.public_url().ok_or(Forged::Unsigned)?;
            secret.ok_or(Forged::Unsigned).and_then(|secret| public.check(request, header, secret))
        }
        Auth::ApiKeys { field } => {
            let form = value::form(&request.body).map_err(|_| Forged::Unsigned)?;
            let key = form.get(field.as_ref()).and_then(serde_json::Value::as_str).ok_or(Forged::Unsigned)?;
            let keys = settings.own.api_keys().ok_or(Forged::Unsigned)?;
            keys.client(key).map(drop).ok_or(Forged::Mismatch)
        }
        Auth::PathSecret => equal(path_secret.ok_or(Forged::Unsigned)?, secret),
        // a session is proven by the desk; who is only asked never calls; and a channel whose authentication was never
        // chosen takes nothing
        Auth::Session | Auth::Pull | Auth::Configured => Err(Forged::Unsigned),
    }
    .map(|()| Verified { request, settings })
}

/// The token in a body, whatever comes after it.
fn body_token(body: &[u8], name: &str) -> Option<String> {
    let body = value::without_mark(body);
    if xml::is_xml(body) { xml::root_attribute(body, name) } else { value::first_text(body, name) }
}

fn equal(given: &str, secret: Option<&SecretString>) -> Result<(), Forged> {
    let secret = secret.ok_or(Forged::Unsigned)?.expose_secret();
    if !secret.is_empty() && bool::from(given.as_bytes().ct_eq(secret.as_bytes())) {
        Ok(())
    } else {
        Err(Forged::Mismatch)
    }
}

impl HmacScheme {
    /// `<header>: sha256=<hex HMAC-SHA256 of the raw body>`.
    #[must_use]
    pub const fn sha256_hex(header: &'static str) -> Self {
        Self {
            header: Cow::Borrowed(header),
            algorithm: Algorithm::Sha256,
            encoding: Encoding::Hex,
            prefix: Cow::Borrowed("sha256="),
            timestamp: None,
        }
    }

    fn check(&self, request: &Request, secret: &SecretString, now: Timestamp) -> Result<(), Forged> {
        let given = request.header(&self.header).ok_or(Forged::Unsigned)?;
        let written = given.strip_prefix(self.prefix.as_ref()).ok_or(Forged::Mismatch)?;
        let signature = match self.encoding {
            Encoding::Hex => hex::decode(written).map_err(|_| Forged::Mismatch)?,
            Encoding::Base64 => BASE64_STANDARD.decode(written).map_err(|_| Forged::Mismatch)?,
        };
        let mut signed: Vec<&[u8]> = Vec::with_capacity(3);
        if let Some(scheme) = &self.timestamp {
            let time = request.header(&scheme.header).ok_or(Forged::Unsigned)?;
            let seconds: i64 = time.parse().map_err(|_| Forged::Mismatch)?;
            let at = Timestamp::from_second(seconds).map_err(|_| Forged::Mismatch)?;
            if at.duration_since(now).abs() > SignedDuration::from_secs(scheme.window_seconds.into()) {
                return Err(Forged::Stale);
            }
            signed.extend([time.as_bytes(), scheme.separator.as_bytes()]);
        }
        signed.push(&request.body);
        let key = secret.expose_secret().as_bytes();
        if key.is_empty() {
            return Err(Forged::Unsigned);
        }
        match self.algorithm {
            Algorithm::Sha256 => check_mac::<Hmac<Sha256>>(key, &signed, &signature),
            Algorithm::Sha1 => check_mac::<Hmac<Sha1>>(key, &signed, &signature),
        }
    }
}

/// The keys of a channel's clients.
#[derive(Clone, Debug)]
pub struct ApiKeys(BTreeMap<String, SecretString>);

impl ApiKeys {
    /// Keys by the clients' names.
    #[must_use]
    pub fn new(keys: BTreeMap<String, SecretString>) -> Self {
        Self(keys)
    }

    /// The client whose key this is. Takes as long whichever it is.
    #[must_use]
    pub fn client(&self, given: &str) -> Option<&str> {
        let mut found = None;
        for (client, key) in &self.0 {
            if equal(given, Some(key)).is_ok() {
                found = Some(client.as_str());
            }
        }
        found
    }
}

/// The public address before `/in/…`: a vendor signs the address that it calls, not the one behind the proxy.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct PublicUrl {
    /// Without a port, and with the one given or usual: vendors are not of one mind which of them they sign.
    spellings: [String; 2],
}

/// Why an address is not one that a vendor could call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected the public address before `/in/`, e.g. `https://pengaduan.example`, without user, query or fragment"
)]
pub struct NotAPublicUrl;

impl TryFrom<String> for PublicUrl {
    type Error = NotAPublicUrl;

    fn try_from(written: String) -> Result<Self, NotAPublicUrl> {
        let uri: http::Uri = written.trim().parse().map_err(|_| NotAPublicUrl)?;
        let authority = uri.authority().ok_or(NotAPublicUrl)?;
        let (scheme, usual_port) = match uri.scheme_str() {
            Some("https") => ("https", 443),
            Some("http") => ("http", 80),
            _ => return Err(NotAPublicUrl),
        };
        // the parser drops a fragment
        if written.contains('#') || uri.query().is_some() || authority.as_str().contains('@') {
            return Err(NotAPublicUrl);
        }
        let (host, path) = (authority.host(), uri.path().trim_end_matches('/'));
        let port = authority.port_u16().unwrap_or(usual_port);
        Ok(Self {
            spellings: [format!("{scheme}://{host}{path}"), format!("{scheme}://{host}:{port}{path}")],
        })
    }
}

impl PublicUrl {
    fn check(&self, request: &Request, header: &str, secret: &SecretString) -> Result<(), Forged> {
        let given = request.header(header).ok_or(Forged::Unsigned)?;
        let signature = BASE64_STANDARD.decode(given).map_err(|_| Forged::Mismatch)?;
        let key = secret.expose_secret().as_bytes();
        if key.is_empty() {
            return Err(Forged::Unsigned);
        }
        let form = signed_form(request)?;
        let fits = |address: &String| {
            let mut signed = vec![address.as_bytes(), request.path_and_query.as_bytes()];
            signed.extend(form.iter().flat_map(|(name, text)| [name.as_bytes(), text.as_bytes()]));
            check_mac::<Hmac<Sha1>>(key, &signed, &signature).is_ok()
        };
        if self.spellings.iter().any(fits) { Ok(()) } else { Err(Forged::Mismatch) }
    }
}

/// What is signed after the address: a form's names and values, each pair once, sorted by name, then by value.
/// Any other body stands in the signed query by its hash; one that does not is not signed at all.
fn signed_form(request: &Request) -> Result<BTreeSet<(String, String)>, Forged> {
    if request.media_type().as_deref() == Some(value::FORM) {
        return serde_urlencoded::from_bytes(&request.body).map_err(|_| Forged::Mismatch);
    }
    let query = request.path_and_query.split_once('?').map_or("", |(_, query)| query);
    let query: Vec<(String, String)> = serde_urlencoded::from_str(query).map_err(|_| Forged::Mismatch)?;
    let mut hashes = query.iter().filter(|(name, _)| name == "bodySHA256").map(|(_, hash)| hash);
    let (Some(hash), None) = (hashes.next(), hashes.next()) else { return Err(Forged::Mismatch) };
    let expected = hex::encode(Sha256::digest(&request.body));
    if bool::from(hash.as_bytes().ct_eq(expected.as_bytes())) {
        Ok(BTreeSet::new())
    } else {
        Err(Forged::Mismatch)
    }
}

fn check_mac<M: Mac + KeyInit>(key: &[u8], signed: &[&[u8]], signature: &[u8]) -> Result<(), Forged> {
    // an HMAC takes keys of any length
    let mut mac = M::new_from_slice(key).map_err(|_| Forged::Mismatch)?;
    for part in signed {
        mac.update(part);
    }
    mac.verify_slice(signature).map_err(|_| Forged::Mismatch)
}
