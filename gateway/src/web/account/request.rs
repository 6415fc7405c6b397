//! What a request says of its sender: cookies, address, and whether a page of ours made it.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use axum::{
    body::{Body, Bytes},
    extract::ConnectInfo,
    http::{HeaderMap, HeaderValue, header, request::Parts},
    response::Response,
};
use http_body_util::{BodyExt, LengthLimitError, Limited};

/// How long a form may take to come in.
const BODY_DEADLINE: Duration = Duration::from_secs(30);

/// Where a request came from, if a proxy in front is trusted to say so. Without it the peer's address counts.
#[derive(Clone, Copy, Debug)]
pub struct ClientAddress(pub IpAddr);

/// Sent by a page of another site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::web) struct CrossSite;

/// Why a body was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::web) enum BadBody {
    /// More bytes than are allowed.
    TooLarge,
    /// The client is gone, or never finished.
    Slow,
}

pub(in crate::web) fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

pub(in crate::web) fn client_address(parts: &Parts) -> Option<IpAddr> {
    let told = parts.extensions.get::<ClientAddress>().map(|address| address.0);
    told.or_else(|| parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip()))
}

/// Whether the media type is the wanted one, whatever its parameters.
pub(in crate::web) fn is_media_type(headers: &HeaderMap, wanted: &str) -> bool {
    let given = text(headers, header::CONTENT_TYPE.as_str()).and_then(|value| value.split(';').next());
    given.is_some_and(|given| given.trim().eq_ignore_ascii_case(wanted))
}

pub(in crate::web) async fn read_body(body: Body, limit: usize) -> Result<Bytes, BadBody> {
    let collected = tokio::time::timeout(BODY_DEADLINE, Limited::new(body, limit).collect()).await;
    match collected {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(BadBody::TooLarge),
        Ok(Err(_)) | Err(_) => Err(BadBody::Slow),
    }
}

/// Every cookie of a name; browsers may send several.
pub(in crate::web) fn cookies<'a>(headers: &'a HeaderMap, name: &'a str) -> impl Iterator<Item = &'a str> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter_map(move |(given, value)| (given == name).then_some(value))
}

/// A cookie that no script reads and no other site sends.
pub(in crate::web) fn cookie(
    (name, value): (&str, &str),
    path: &str,
    seconds: Option<u32>,
    secure: bool,
) -> Option<HeaderValue> {
    made((name, value), path, seconds, secure, "Strict")
}

/// The same, but sent along when another site leads the browser here, as the provider of a sign-in does.
pub(in crate::web) fn returning_cookie(
    named: (&str, &str),
    path: &str,
    seconds: u32,
    secure: bool,
) -> Option<HeaderValue> {
    made(named, path, Some(seconds), secure, "Lax")
}

fn made(
    (name, value): (&str, &str),
    path: &str,
    seconds: Option<u32>,
    secure: bool,
    same_site: &str,
) -> Option<HeaderValue> {
    let age = seconds.map(|seconds| format!("; Max-Age={seconds}")).unwrap_or_default();
    let secure = if secure { "; Secure" } else { "" };
    let cookie = format!("{name}={value}; Path={path}{age}; HttpOnly; SameSite={same_site}{secure}");
    HeaderValue::try_from(cookie).ok()
}

pub(in crate::web) fn set_cookie(response: &mut Response, cookie: Option<HeaderValue>) {
    if let Some(cookie) = cookie {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}

/// Refuses what a page of another site sends in somebody's name.
///
/// Browsers tell it by `Sec-Fetch-Site`; older ones, and all on plain HTTP, by `Origin`. Scripts send neither.
pub(in crate::web) fn same_origin(headers: &HeaderMap) -> Result<(), CrossSite> {
    let meant = match text(headers, "sec-fetch-site") {
        Some(site) => matches!(site, "same-origin" | "none"),
        None => match text(headers, header::ORIGIN.as_str()) {
            None => !headers.contains_key(header::ORIGIN),
            Some(origin) => {
                let authority = origin.split_once("://").map(|(_, authority)| authority);
                authority.is_some_and(|authority| {
                    text(headers, header::HOST.as_str())
                        .is_some_and(|host| host.eq_ignore_ascii_case(authority))
                })
            }
        },
    };
    if meant { Ok(()) } else { Err(CrossSite) }
}
