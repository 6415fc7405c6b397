//! Sign-in with OpenID Connect against a provider on the loopback that signs with a key of its own, or badly.

use std::{
    collections::BTreeMap,
    io::Write,
    process::{Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::{
    Json, Router,
    extract::{Form, Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use jiff::Timestamp;
use muara_tests::gateway::Gateway;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tokio::net::TcpListener;

use super::{audited, config, visitor::Visitor};

const CLIENT: &str = "muara";
const SECRET: &str = "a secret that only the two know";
const CONSOLE: &str = "https://console.example";

/// What the provider does wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Twist {
    #[default]
    Nothing,
    Nonce,
    Issuer,
    Audience,
    Expired,
    /// Signed with a key that it does not publish.
    Key,
    /// Not signed at all.
    Unsigned,
    NoToken,
    NoRole,
}

struct Provider {
    issuer: String,
    keys: TempDir,
    twist: Mutex<Twist>,
    /// Whether it offers to end sessions.
    ends_sessions: AtomicBool,
    /// Code to the question that it answers.
    asked: Mutex<BTreeMap<String, BTreeMap<String, String>>>,
}

fn openssl(arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut child = Command::new("openssl")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "openssl {arguments:?}");
    output.stdout
}

fn encoded(value: &Value) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(value.to_string())
}

impl Provider {
    async fn listen() -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}/realms/dki", listener.local_addr().unwrap());
        let keys = tempfile::tempdir().unwrap();
        let (twist, asked, ends_sessions) = Default::default();
        let provider = Arc::new(Self { issuer, keys, twist, asked, ends_sessions });
        for key in ["published", "other"] {
            openssl(&["genrsa", "-out", &provider.key(key), "2048"], b"");
        }
        let routes = Router::new()
            .route("/.well-known/openid-configuration", get(about))
            .route("/keys", get(keys_of))
            .route("/authorize", get(authorize))
            .route("/token", post(token))
            .route("/logout", get(end_session))
            .with_state(Arc::clone(&provider));
        let routes = Router::new().nest("/realms/dki", routes);
        tokio::spawn(async move { axum::serve(listener, routes).await });
        provider
    }

    fn key(&self, name: &str) -> String {
        self.keys.path().join(name).display().to_string()
    }

    fn will(&self, twist: Twist) {
        *self.twist.lock().unwrap() = twist;
    }

    fn config(&self) -> String {
        format!(
            "[console.openid]\nissuer = \"{}\"\nclient_id = \"{CLIENT}\"\nclient_secret = \"{SECRET}\"\n\
             console_url = \"{CONSOLE}/\"\ntitle = \"SSO Pemprov\"\nroles_claim = \"realm_access.roles\"\n\
             roles = {{ viewer = [\"muara-lihat\"], operator = [\"muara-petugas\"] }}\n",
            self.issuer
        )
    }

    fn token(&self, nonce: &str) -> String {
        let twist = *self.twist.lock().unwrap();
        let now = Timestamp::now().as_second();
        let roles = if twist == Twist::NoRole {
            json!(["pegawai"])
        } else {
            json!(["pegawai", "muara-lihat", "muara-petugas"])
        };
        let claims = json!({
            "iss": if twist == Twist::Issuer { "https://evil.example".to_owned() } else { self.issuer.clone() },
            "aud": if twist == Twist::Audience { "another" } else { CLIENT },
            "sub": "4711",
            "nonce": if twist == Twist::Nonce { "another" } else { nonce },
            "iat": now - 7200,
            "exp": if twist == Twist::Expired { now - 3600 } else { now + 300 },
            "preferred_username": "dewi",
            "name": "Dewi <Lestari>",
            "realm_access": { "roles": roles },
        });
        let algorithm = if twist == Twist::Unsigned { "none" } else { "RS256" };
        let signed = format!("{}.{}", encoded(&json!({"alg": algorithm, "kid": "one"})), encoded(&claims));
        let signature = match twist {
            Twist::Unsigned => Vec::new(),
            Twist::Key => openssl(&["dgst", "-sha256", "-sign", &self.key("other")], signed.as_bytes()),
            _ => openssl(&["dgst", "-sha256", "-sign", &self.key("published")], signed.as_bytes()),
        };
        format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
    }
}

async fn about(State(provider): State<Arc<Provider>>) -> Json<Value> {
    let at = |path: &str| format!("{}/{path}", provider.issuer);
    let mut about = json!({
        "issuer": provider.issuer, "authorization_endpoint": at("authorize"), "token_endpoint": at("token"),
        "jwks_uri": at("keys"), "response_types_supported": ["code"], "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    });
    if provider.ends_sessions.load(Ordering::Relaxed) {
        about["end_session_endpoint"] = at("logout").into();
    }
    Json(about)
}

async fn keys_of(State(provider): State<Arc<Provider>>) -> Json<Value> {
    let modulus = openssl(&["rsa", "-in", &provider.key("published"), "-noout", "-modulus"], b"");
    let modulus = String::from_utf8(modulus).unwrap();
    let modulus = hex::decode(modulus.trim().strip_prefix("Modulus=").unwrap()).unwrap();
    let n = BASE64_URL_SAFE_NO_PAD.encode(modulus);
    Json(
        json!({ "keys": [{ "kty": "RSA", "use": "sig", "alg": "RS256", "kid": "one", "n": n, "e": "AQAB" }] }),
    )
}

type Fields = BTreeMap<String, String>;

/// Lets whoever comes in, and leads them back.
async fn authorize(State(provider): State<Arc<Provider>>, Query(asked): Query<Fields>) -> Redirect {
    assert_eq!(asked["response_type"], "code");
    assert_eq!(asked["client_id"], CLIENT);
    assert_eq!(asked["code_challenge_method"], "S256");
    assert!(asked["scope"].split(' ').any(|scope| scope == "openid"), "{asked:?}");
    let mut all = provider.asked.lock().unwrap();
    let code = format!("code-{}", all.len());
    let query = serde_urlencoded::to_string([("code", &code), ("state", &asked["state"])]).unwrap();
    let to = format!("{}?{query}", asked["redirect_uri"]);
    all.insert(code, asked);
    Redirect::to(&to)
}

async fn token(
    State(provider): State<Arc<Provider>>,
    headers: HeaderMap,
    Form(form): Form<Fields>,
) -> Response {
    let basic = headers[header::AUTHORIZATION].to_str().unwrap().strip_prefix("Basic ").unwrap();
    let known = String::from_utf8(BASE64_STANDARD.decode(basic).unwrap()).unwrap();
    // a code is good once
    let asked = provider.asked.lock().unwrap().remove(&form["code"]);
    let fits = |asked: &Fields| {
        let challenge = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(&form["code_verifier"]));
        challenge == asked["code_challenge"] && form["redirect_uri"] == asked["redirect_uri"]
    };
    let secret = SECRET.replace(' ', "+");
    match asked.filter(fits).filter(|_| known == format!("{CLIENT}:{secret}")) {
        Some(_) if *provider.twist.lock().unwrap() == Twist::NoToken => {
            Json(json!({ "access_token": "x", "token_type": "Bearer" })).into_response()
        }
        Some(asked) => {
            let token = provider.token(&asked["nonce"]);
            Json(json!({ "access_token": "x", "token_type": "Bearer", "id_token": token })).into_response()
        }
        None => (StatusCode::BAD_REQUEST, Json(json!({ "error": "invalid_grant" }))).into_response(),
    }
}

/// Ends the session of whom an ID token of ours names, for the client that it was made for, and leads back.
async fn end_session(State(provider): State<Arc<Provider>>, Query(asked): Query<Fields>) -> Redirect {
    assert_eq!((asked["client_id"].as_str(), asked["state"].as_str()), (CLIENT, "out"), "{asked:?}");
    let (signed, _) = asked["id_token_hint"].rsplit_once('.').unwrap();
    let claims = BASE64_URL_SAFE_NO_PAD.decode(signed.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!((&claims["iss"], &claims["sub"]), (&json!(provider.issuer), &json!("4711")));
    Redirect::to(&format!("{}?state={}", asked["post_logout_redirect_uri"], asked["state"]))
}

/// Goes to the provider and lets it send the browser back; the path that it is sent to.
async fn led_back(visitor: &mut Visitor, next: &str) -> String {
    assert_eq!(visitor.open(&format!("/sign-in/openid?next={next}")).await, 303, "{}", visitor.html);
    let browser = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let answer = browser.get(&visitor.location).send().await.unwrap();
    let to = answer.headers()[header::LOCATION].to_str().unwrap();
    to.strip_prefix(CONSOLE).unwrap_or_else(|| panic!("led to {to}")).to_owned()
}

#[tokio::test]
async fn whom_the_provider_knows_comes_in_with_the_role_it_says() {
    let provider = Provider::listen().await;
    let mut gateway = Gateway::launch(&(config("\"$.body\"", "") + &provider.config())).await;
    let base = gateway.internal_url("");
    let mut dewi = Visitor::at(&base);
    assert!(dewi.read("/sign-in").await.contains("Sign in with SSO Pemprov"));
    let back = led_back(&mut dewi, "/flow").await;
    // the browser sends no cookie of ours along with a request that another site caused, so this page leads on
    let page = dewi.read(&back).await;
    assert!(page.contains("http-equiv=\"refresh\" content=\"0; url=/flow\""), "{page}");
    assert!(page.contains("Dewi &#60;Lestari&#62;"), "{page}");
    assert!(dewi.read("/flow").await.contains("<small>operator</small>"), "the higher of two roles");
    assert_eq!(dewi.does("/channels/web/pause", &[("reason", "a test")]).await, 303);
    assert_eq!(dewi.open("/audit").await, StatusCode::FORBIDDEN);
    assert_eq!(audited(&gateway).await[0][..4], ["openid:dewi", "pause channel", "web", "a test"]);
    let mut adi = Visitor::signed_in(&base, "adi").await;
    let log = adi.read("/audit?q=4711").await;
    assert!(log.contains("openid:dewi (4711)"), "the provider's id is written down: {log}");

    // stays after a restart, but not when the provider's roles mean something else
    gateway.kill9().await;
    gateway.start().await;
    dewi.read("/").await;
    let mut other = dewi.clone();
    assert_eq!(other.does("/sign-out", &[]).await, 303);
    assert_eq!(other.location, "/sign-in?out=1");
    assert!(other.read("/sign-in?out=1").await.contains("not at the provider"));
    assert_eq!(other.open("/").await, 303);
    gateway.terminate().await;
    gateway
        .configure(&(config("\"$.body\"", "") + &provider.config().replace("muara-petugas", "muara-lain")));
    gateway.start().await;
    assert_eq!(dewi.open("/").await, 303);
    assert_eq!(dewi.location, "/sign-in?next=%2F&ended=1");
}

#[tokio::test]
async fn signing_out_ends_the_session_at_the_provider_where_it_offers_that() {
    let provider = Provider::listen().await;
    provider.ends_sessions.store(true, Ordering::Relaxed);
    let gateway = Gateway::launch(&(config("\"$.body\"", "") + &provider.config())).await;
    let mut dewi = Visitor::at(&gateway.internal_url(""));
    let back = led_back(&mut dewi, "/").await;
    dewi.read(&back).await;
    dewi.read("/").await;
    // another page, since browsers let no form lead elsewhere
    assert_eq!(dewi.does("/sign-out", &[]).await, 200);
    let (_, link) = dewi.html.split_once("<a href=\"").unwrap_or_else(|| panic!("{}", dewi.html));
    let link = link.split('"').next().unwrap().replace("&#38;", "&");
    assert!(link.starts_with(&format!("{}/logout?", provider.issuer)), "{link}");
    assert!(dewi.html.contains("http-equiv=\"refresh\""), "{}", dewi.html);
    assert!(
        !dewi.cookies.contains_key("muara_console") && !dewi.cookies.contains_key("muara_console_id_token")
    );
    let browser = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let answer = browser.get(&link).send().await.unwrap();
    let to = answer.headers()[header::LOCATION].to_str().unwrap().strip_prefix(CONSOLE).unwrap();
    assert_eq!(to, "/sign-in?state=out");
    assert!(dewi.read(to).await.contains("signed out, here and at the provider"), "{}", dewi.html);
    assert_eq!(dewi.open("/").await, 303);
}

#[tokio::test]
async fn what_cannot_be_trusted_lets_nobody_in() {
    let provider = Provider::listen().await;
    let gateway = Gateway::launch(&(config("\"$.body\"", "") + &provider.config())).await;
    let base = gateway.internal_url("");
    for twist in [
        Twist::Nonce,
        Twist::Issuer,
        Twist::Audience,
        Twist::Expired,
        Twist::Key,
        Twist::Unsigned,
        Twist::NoToken,
        Twist::NoRole,
    ] {
        provider.will(twist);
        let mut visitor = Visitor::at(&base);
        let back = led_back(&mut visitor, "/").await;
        assert_eq!(visitor.open(&back).await, StatusCode::FORBIDDEN, "{twist:?}: {}", visitor.html);
        let words = if twist == Twist::NoRole { "no role for this console" } else { "could not be trusted" };
        assert!(visitor.html.contains(words), "{twist:?}: {}", visitor.html);
        assert!(!visitor.cookies.contains_key("muara_console"), "{twist:?}");
    }
    provider.will(Twist::Nothing);
    // another browser brings the answer of this one, or this one brings another's
    let mut first = Visitor::at(&base);
    let mut second = Visitor::at(&base);
    let (of_first, of_second) = (led_back(&mut first, "/").await, led_back(&mut second, "/").await);
    let mut nobody = Visitor::at(&base);
    for (visitor, back) in [(&mut nobody, &of_first), (&mut second, &of_first)] {
        assert_eq!(visitor.open(back).await, StatusCode::FORBIDDEN);
        assert!(visitor.html.contains("was not begun in this browser"), "{}", visitor.html);
    }
    // what was tried is used up
    assert_eq!(second.open(&of_second).await, StatusCode::FORBIDDEN);
    first.read(&of_first).await;
    assert!(first.cookies.contains_key("muara_console"));
    assert_eq!(first.open(&of_first).await, StatusCode::FORBIDDEN, "an answer is good once");
    // the provider says no
    led_back(&mut nobody, "/").await;
    let state = nobody.cookies["muara_console_openid"].split('.').next().unwrap().to_owned();
    let away: Value = serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(state).unwrap()).unwrap();
    let no = format!("/sign-in/openid/back?error=access_denied&state={}", away["state"].as_str().unwrap());
    assert_eq!(nobody.open(&no).await, StatusCode::FORBIDDEN);
    assert!(nobody.html.contains("did not let you in"), "{}", nobody.html);
    // elsewhere is no place to go on to
    let back = led_back(&mut nobody, "//evil.example/").await;
    assert!(nobody.read(&back).await.contains("url=/\""), "{}", nobody.html);
    let log = gateway.log().text();
    assert!(!log.contains(SECRET) && !log.contains("code-"), "{log}");
}

#[tokio::test]
async fn a_provider_that_is_away_keeps_nobody_with_a_password_out() {
    let unused = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let provider = Provider::listen().await;
    let away = provider.config().replace(&provider.issuer, &format!("http://{unused}"));
    let gateway = Gateway::launch(&(config("\"$.body\"", "") + &away)).await;
    let base = gateway.internal_url("");
    let mut visitor = Visitor::at(&base);
    assert_eq!(visitor.open("/sign-in/openid").await, StatusCode::BAD_GATEWAY);
    assert!(visitor.html.contains("does not answer as it should"), "{}", visitor.html);
    Visitor::signed_in(&base, "oki").await;
}
