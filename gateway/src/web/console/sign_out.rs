//! Signing out: here, and at the provider of the sign-in where it offers that (OpenID Connect RP-Initiated Logout 1.0,
//! <https://openid.net/specs/openid-connect-rpinitiated-1_0.html>).
//!
//! The ID token lies in a cookie that only the address of signing out gets: with it the provider ends the session without
//! asking again. A token too large for a cookie is not kept; then the provider is told who we are, and may ask.

use std::str::FromStr;

use axum::{
    Extension,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode},
    response::{IntoResponse, Redirect, Response},
};
use openidconnect::{ClientId, CsrfToken, LogoutRequest, PostLogoutRedirectUrl};

use super::{
    Console, Shared,
    frame::{FarewellPage, page},
    guard::Fault,
    openid::Token,
    session::SignedIn,
};
use crate::web::account::request::{self, cookies, set_cookie};

const TOKEN: &str = "muara_console_id_token";
const PATH: &str = "/sign-out";
/// Browsers keep cookies of 4096 bytes with their names and attributes.
const LONGEST_TOKEN: usize = 3800;

pub(super) async fn sign_out(
    State(console): Shared,
    Extension(who): Extension<SignedIn>,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    console.note(&who, "sign out", vec![who.user.clone()], None).await?;
    let elsewhere = if who.told { console.end_session(&headers).await } else { None };
    let mut response = match elsewhere {
        // browsers let no form lead to another site, as the page's policy says: this page does
        Some(url) => page(StatusCode::OK, &FarewellPage::new(&url)),
        None => Redirect::to(if who.told { "/sign-in?out=1" } else { "/sign-in" }).into_response(),
    };
    set_cookie(&mut response, console.ended_cookie(&headers));
    if who.told {
        set_cookie(&mut response, console.token_cookie("", &headers));
    }
    Ok(response)
}

impl Console {
    /// Keeps an ID token until its owner signs out; an empty one forgets it.
    pub(super) fn token_cookie(&self, token: &str, headers: &HeaderMap) -> Option<HeaderValue> {
        let kept = !token.is_empty() && token.len() <= LONGEST_TOKEN;
        let seconds = if kept { self.state.settings.session_hours.saturating_mul(3600) } else { 0 };
        let token = if kept { token } else { "" };
        request::cookie((TOKEN, token), PATH, Some(seconds), self.secure(headers))
    }

    /// Where the browser ends the session at the provider; nothing where it offers no such address, or does not answer.
    async fn end_session(&self, headers: &HeaderMap) -> Option<String> {
        let openid = self.state.settings.openid.as_ref()?;
        let metadata = self.about_provider(openid).await.ok()?;
        let endpoint = metadata.additional_metadata().end_session_endpoint.clone()?;
        let mut request = LogoutRequest::from(endpoint)
            .set_client_id(ClientId::new(openid.client_id.clone()))
            .set_post_logout_redirect_uri(PostLogoutRedirectUrl::new(openid.left()).ok()?)
            .set_state(CsrfToken::new("out".to_owned()));
        let token = cookies(headers, TOKEN).find_map(|token| Token::from_str(token).ok());
        if let Some(token) = token {
            request = request.set_id_token_hint(&token);
        }
        Some(request.http_get_url().into())
    }
}
