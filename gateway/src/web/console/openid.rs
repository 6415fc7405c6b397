//! Sign-in with an OpenID Connect provider: authorization code, PKCE, state and nonce (OpenID Connect Core 1.0, RFC 7636).
//!
//! What must be known when the browser comes back is sealed in a cookie of that browser, so a restart in between loses
//! nothing and nobody can bring another one's answer. The ID token is checked by `openidconnect`: signature by the provider's
//! keys, issuer, audience, time and nonce.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use axum::{
    extract::{Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use jiff::{SignedDuration, Timestamp};
use openidconnect::{
    AdditionalClaims, AuthenticationFlow, AuthorizationCode, Client, ClientId, ClientSecret, CsrfToken,
    EmptyExtraTokenFields, EndpointMaybeSet, EndpointNotSet, EndpointSet, HttpRequest, HttpResponse, IdToken,
    IdTokenFields, IssuerUrl, Nonce, PkceCodeChallenge, PkceCodeVerifier, ProviderMetadataWithLogout,
    RedirectUrl, Scope, StandardErrorResponse, StandardTokenResponse, TokenResponse,
    core::{
        CoreAuthDisplay, CoreAuthPrompt, CoreErrorResponseType, CoreGenderClaim, CoreJsonWebKey,
        CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm, CoreResponseType, CoreRevocableToken,
        CoreRevocationErrorResponse, CoreTokenIntrospectionResponse, CoreTokenType,
    },
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use subtle::ConstantTimeEq;
use tokio::sync::Mutex;

use super::{
    Console, Shared,
    frame::{WelcomePage, page},
    guard::Fault,
    session::Told,
    sign_in::back,
};
use crate::{
    config::{OpenId, Role},
    store::audit::NewAudit,
    web::account::request::{cookies, returning_cookie, set_cookie},
};

/// The cookie of a browser that is at the provider's.
const AWAY: &str = "muara_console_openid";
const PATH: &str = "/sign-in/openid";
/// So long somebody may take there.
const AWAY_SECONDS: u32 = 600;
/// The provider's document and keys are read again after so long.
const READ_AGAIN: SignedDuration = SignedDuration::from_secs(60);
/// How long the provider may take for an answer, and how long that may be in bytes.
const PATIENCE: Duration = Duration::from_secs(10);
const ANSWER_BYTES: usize = 1024 * 1024;
/// Characters of a name.
const NAME_LENGTH: usize = 100;

/// Why somebody is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// There is no `[console.openid]`.
    Off,
    /// The provider cannot be reached, or its answer is no answer.
    Unreachable,
    /// This browser did not begin this sign-in, or took too long.
    NotBegun,
    /// The provider did not let them in.
    Provider,
    /// The ID token is not for us, not of this sign-in, or not of the provider.
    Token,
    /// None of their roles is one here.
    NoRole,
}

impl Refused {
    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::Off => StatusCode::NOT_FOUND,
            Self::Unreachable => StatusCode::BAD_GATEWAY,
            Self::NotBegun | Self::Provider | Self::Token | Self::NoRole => StatusCode::FORBIDDEN,
        }
    }

    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Off => "Sign-in with OpenID Connect is not configured: see [console.openid].",
            Self::Unreachable => {
                "The provider of the sign-in does not answer as it should. Try again; the log says what is wrong."
            }
            Self::NotBegun => {
                "This sign-in was not begun in this browser, or it took more than ten minutes. Sign in again."
            }
            Self::Provider => "The provider of the sign-in did not let you in.",
            Self::Token => {
                "What the provider of the sign-in said of you could not be trusted. Nobody was signed in; the log says why."
            }
            Self::NoRole => {
                "You are known to the provider of the sign-in, but you have no role for this console. Ask whoever gives them: see roles in [console.openid]."
            }
        }
    }
}

/// Claims beside the standard ones, for the roles.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Claims(BTreeMap<String, Value>);

impl AdditionalClaims for Claims {}

type Fields = IdTokenFields<
    Claims,
    EmptyExtraTokenFields,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm,
>;

/// An ID token with its claims.
pub(super) type Token =
    IdToken<Claims, CoreGenderClaim, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm>;

type Relying = Client<
    Claims,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    StandardTokenResponse<Fields, CoreTokenType>,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// What the provider says of itself, as it was last read.
#[derive(Default)]
pub(super) struct Provider(Mutex<Option<(Timestamp, Arc<ProviderMetadataWithLogout>)>>);

/// What a browser keeps while it is away.
#[derive(Serialize, Deserialize)]
struct Away {
    state: String,
    nonce: String,
    verifier: String,
    next: String,
    until: Timestamp,
}

/// Who somebody is.
struct Known {
    /// The provider's own id.
    subject: String,
    /// As they are called in the audit log.
    who: String,
    told: Told,
    /// The ID token as it came.
    token: String,
}

#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    next: String,
}

/// To the provider.
pub(super) async fn leave(
    State(console): Shared,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    let openid = console.openid()?;
    let client = console.relying(openid).await?;
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let mut request = client
        .authorize_url(
            AuthenticationFlow::<CoreResponseType>::AuthorizationCode,
            CsrfToken::new_random,
            Nonce::new_random,
        )
        .set_pkce_challenge(challenge);
    for scope in &openid.scopes {
        request = request.add_scope(Scope::new(scope.clone()));
    }
    let (url, state, nonce) = request.url();
    let lasts = SignedDuration::from_secs(AWAY_SECONDS.into());
    let away = Away {
        state: state.into_secret(),
        nonce: nonce.secret().clone(),
        verifier: verifier.into_secret(),
        next: back(&asked.next),
        until: console.now().checked_add(lasts).unwrap_or(Timestamp::MAX),
    };
    let sealed = console.seal.close(AWAY, &away);
    let mut response = Redirect::to(url.as_str()).into_response();
    set_cookie(
        &mut response,
        returning_cookie((AWAY, &sealed), PATH, AWAY_SECONDS, console.secure(&headers)),
    );
    Ok(response)
}

/// What the provider lets the browser bring back.
#[derive(Deserialize)]
pub(super) struct Brought {
    #[serde(default)]
    code: String,
    #[serde(default)]
    state: String,
    #[serde(default)]
    error: String,
}

/// Back from the provider.
pub(super) async fn come_back(
    State(console): Shared,
    Query(brought): Query<Brought>,
    headers: HeaderMap,
) -> Response {
    // whatever comes of it, it is used up
    let used = returning_cookie((AWAY, ""), PATH, 0, console.secure(&headers));
    let mut response = match console.let_in(&headers, brought).await {
        Ok(response) => response,
        Err(fault) => fault.into_response(),
    };
    set_cookie(&mut response, used);
    response
}

impl Console {
    fn openid(&self) -> Result<&OpenId, Refused> {
        self.state.settings.openid.as_ref().ok_or(Refused::Off)
    }

    async fn let_in(self: &Arc<Self>, headers: &HeaderMap, brought: Brought) -> Result<Response, Fault> {
        let openid = self.openid()?;
        let now = self.now();
        let away = cookies(headers, AWAY).find_map(|cookie| self.seal.open::<Away>(AWAY, cookie));
        let away = away
            .filter(|away| now < away.until && away.state.as_bytes().ct_eq(brought.state.as_bytes()).into())
            .ok_or(Refused::NotBegun)?;
        if brought.code.is_empty() {
            let error: String = brought.error.chars().take(NAME_LENGTH).collect();
            tracing::warn!(error, "The provider of the console's sign-in did not let somebody in.");
            return Err(Refused::Provider.into());
        }
        let Known { subject, who, told, token } = self.ask_who(openid, brought.code, &away).await?;
        let session = self.begin_told(&who, openid, told.clone())?;
        let line = NewAudit {
            who: who.clone(),
            role: told.role.as_str(),
            what: "sign in",
            targets: vec![format!("{who} ({subject})")],
            reason: None,
            outcome: None,
        };
        self.state.store.audit(line).await?;
        let mut response = page(StatusCode::OK, &WelcomePage::new(&told.name, &away.next));
        set_cookie(&mut response, self.session_cookie(&session, headers));
        set_cookie(&mut response, self.token_cookie(&token, headers));
        Ok(response)
    }

    /// Changes the code for an ID token, checks it, and reads who it is.
    async fn ask_who(&self, openid: &OpenId, code: String, away: &Away) -> Result<Known, Refused> {
        let client = self.relying(openid).await?;
        let asked =
            client.exchange_code(AuthorizationCode::new(code)).map_err(|error| unreachable(&error))?;
        let asked = asked.set_pkce_verifier(PkceCodeVerifier::new(away.verifier.clone()));
        let answer = asked.request_async(&ask).await.map_err(|error| unreachable(&error))?;
        let untrusted = |error: &dyn std::fmt::Display| {
            tracing::warn!(%error, "An ID token of the console's sign-in is not trusted.");
            Refused::Token
        };
        let token = answer.id_token().ok_or_else(|| untrusted(&"there is none in the answer"))?;
        let now = self.now();
        let time = move || std::time::SystemTime::from(now).into();
        let verifier = client.id_token_verifier().set_time_fn(time);
        let claims =
            token.claims(&verifier, &Nonce::new(away.nonce.clone())).map_err(|error| untrusted(&error))?;
        let role = role(openid, &claims.additional_claims().0).ok_or(Refused::NoRole);
        let subject = short(claims.subject());
        let called = claims.preferred_username().map(|name| short(name));
        let called =
            called.or_else(|| claims.email().map(|email| short(email))).unwrap_or_else(|| subject.clone());
        let name = claims
            .name()
            .and_then(|names| names.get(None))
            .map_or_else(|| called.clone(), |name| short(name));
        let role = role.inspect_err(|_| {
            tracing::warn!(subject, "Somebody without a role wanted to sign in at the console.");
        })?;
        let (who, token) = (format!("openid:{called}"), token.to_string());
        Ok(Known { subject, who, told: Told { name, role }, token })
    }

    /// What the provider says of itself.
    pub(super) async fn about_provider(
        &self,
        openid: &OpenId,
    ) -> Result<Arc<ProviderMetadataWithLogout>, Refused> {
        let mut known = self.provider.0.lock().await;
        let now = self.now();
        match &*known {
            Some((at, metadata)) if now.duration_since(*at).abs() < READ_AGAIN => Ok(Arc::clone(metadata)),
            _ => {
                let issuer = IssuerUrl::new(openid.issuer.clone()).map_err(|error| unreachable(&error))?;
                let read = ProviderMetadataWithLogout::discover_async(issuer, &ask).await;
                let metadata = Arc::new(read.map_err(|error| unreachable(&error))?);
                *known = Some((now, Arc::clone(&metadata)));
                Ok(metadata)
            }
        }
    }

    /// The provider, and who we are to it.
    async fn relying(&self, openid: &OpenId) -> Result<Relying, Refused> {
        let metadata = self.about_provider(openid).await?;
        let redirect = RedirectUrl::new(openid.back()).map_err(|error| unreachable(&error))?;
        let secret = ClientSecret::new(openid.client_secret.expose().to_owned());
        let client = Client::from_provider_metadata(
            ProviderMetadataWithLogout::clone(&metadata),
            ClientId::new(openid.client_id.clone()),
            Some(secret),
        );
        Ok(client.set_redirect_uri(redirect))
    }
}

/// The highest of somebody's roles here.
fn role(openid: &OpenId, claims: &BTreeMap<String, Value>) -> Option<Role> {
    // a name with dots in it may be a claim of its own, e.g. an address
    let claim = claims.get(&openid.roles_claim).or_else(|| {
        let mut parts = openid.roles_claim.split('.');
        let first = claims.get(parts.next()?)?;
        parts.try_fold(first, |value, part| value.get(part))
    })?;
    let has = |wanted: &String| match claim {
        Value::Array(all) => all.iter().any(|one| one.as_str() == Some(wanted)),
        Value::String(one) => one == wanted,
        _ => false,
    };
    let mine = openid.roles.iter().filter(|(_, wanted)| wanted.iter().any(has));
    mine.map(|(role, _)| *role).max()
}

fn short(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(NAME_LENGTH).collect()
}

/// With what lies under it, which is where the reason stands.
fn unreachable(error: &dyn std::error::Error) -> Refused {
    let mut words = error.to_string();
    let mut under = error.source();
    while let Some(error) = under {
        words += &format!(": {error}");
        under = error.source();
    }
    tracing::error!(error = words, "The provider of the console's sign-in does not answer as it should.");
    Refused::Unreachable
}

/// Why a question to the provider was not answered.
#[derive(Debug, thiserror::Error)]
enum AskError {
    #[error("it cannot be reached")]
    Http(#[from] reqwest::Error),
    #[error("its answer is larger than {ANSWER_BYTES} bytes")]
    TooLarge,
    #[error("its answer cannot be read")]
    Answer(#[from] http::Error),
}

/// Asks the provider. No redirect is followed: it would lead where the configuration did not say.
async fn ask(request: HttpRequest) -> Result<HttpResponse, AskError> {
    let client = reqwest::Client::builder()
        .user_agent(concat!("muara/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .timeout(PATIENCE)
        .build()?;
    let mut answer = client.execute(request.try_into()?).await?;
    let mut response = http::Response::builder().status(answer.status());
    if let Some(media) = answer.headers().get(header::CONTENT_TYPE) {
        response = response.header(header::CONTENT_TYPE, media);
    }
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() > ANSWER_BYTES {
            return Err(AskError::TooLarge);
        }
    }
    Ok(response.body(body)?)
}
