//! A browser of the console without a screen: cookies, forms, the page that is open.

use std::{collections::BTreeMap, sync::LazyLock};

use muara::web::account::hash_password;
use reqwest::{Client, RequestBuilder, StatusCode, header, redirect};

/// What all users of the tests type.
pub(crate) const PASSWORD: &str = "rahasia-konsol-42";

static HASH: LazyLock<String> = LazyLock::new(|| hash_password(PASSWORD).unwrap());

/// A user of each role.
pub(crate) static USERS: LazyLock<String> = LazyLock::new(|| users(&HASH));

/// The same with another password's hash.
pub(crate) fn users(hash: &str) -> String {
    let user = |name: &str, role: &str| {
        format!(
            "[console.users.{name}]\nname = \"{name} of the tests\"\nrole = \"{role}\"\npassword_hash = \"{hash}\"\n"
        )
    };
    "[console]\nsecure_cookies = false\n".to_owned()
        + &user("vina", "viewer")
        + &user("oki", "operator")
        + &user("adi", "admin")
}

/// What a browser remembers.
#[derive(Clone)]
pub(crate) struct Visitor {
    base: String,
    client: Client,
    pub(crate) cookies: BTreeMap<String, String>,
    /// The page that is open.
    pub(crate) html: String,
    /// Where the last answer sent it.
    pub(crate) location: String,
}

impl Visitor {
    /// Nobody yet, at the console of an address.
    pub(crate) fn at(base: &str) -> Self {
        muara_tests::install_tls_provider();
        let client = Client::builder().redirect(redirect::Policy::none()).build().unwrap();
        let base = base.trim_end_matches('/').to_owned();
        Self { base, client, cookies: BTreeMap::new(), html: String::new(), location: String::new() }
    }

    /// Somebody who is signed in.
    pub(crate) async fn signed_in(base: &str, user: &str) -> Self {
        let mut visitor = Self::at(base);
        assert_eq!(visitor.sign_in(user, PASSWORD).await, StatusCode::SEE_OTHER, "{}", visitor.html);
        visitor
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("{}{path}", self.base))
    }

    pub(crate) fn post(&self, path: &str) -> RequestBuilder {
        self.client.post(format!("{}{path}", self.base))
    }

    /// Sends a request and remembers cookies, page and where it leads.
    pub(crate) async fn send(&mut self, request: RequestBuilder) -> StatusCode {
        let line: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let response = request.header(header::COOKIE, line.join("; ")).send().await.unwrap();
        for cookie in response.headers().get_all(header::SET_COOKIE) {
            let cookie = cookie.to_str().unwrap();
            let (name, value) = cookie.split_once(';').unwrap().0.split_once('=').unwrap();
            if cookie.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        let status = response.status();
        let location = response.headers().get(header::LOCATION);
        self.location = location.map(|to| to.to_str().unwrap().to_owned()).unwrap_or_default();
        self.html = response.text().await.unwrap();
        status
    }

    pub(crate) async fn open(&mut self, path: &str) -> StatusCode {
        let request = self.get(path);
        self.send(request).await
    }

    /// Opens a page that must be there.
    pub(crate) async fn read(&mut self, path: &str) -> &str {
        assert_eq!(self.open(path).await, StatusCode::OK, "{path}: {} {}", self.location, self.html);
        &self.html
    }

    /// The token of the open page.
    pub(crate) fn csrf(&self) -> String {
        let mark = "name=\"csrf\" value=\"";
        let at = self.html.find(mark).unwrap_or_else(|| panic!("no token in {}", self.html)) + mark.len();
        self.html[at..].split('"').next().unwrap().to_owned()
    }

    pub(crate) async fn sign_in(&mut self, user: &str, password: &str) -> StatusCode {
        self.open("/sign-in").await;
        let csrf = self.csrf();
        let form = [("csrf", csrf.as_str()), ("user", user), ("password", password)];
        let request = self.post("/sign-in").form(&form);
        self.send(request).await
    }

    /// Sends a form with the token of the page `/`.
    pub(crate) async fn does(&mut self, path: &str, fields: &[(&str, &str)]) -> StatusCode {
        self.read("/").await;
        let csrf = self.csrf();
        let form: Vec<_> = std::iter::once(("csrf", csrf.as_str())).chain(fields.iter().copied()).collect();
        let request = self.post(path).form(&form);
        self.send(request).await
    }

    /// Acts on rows and follows to the list; its page.
    pub(crate) async fn acts(&mut self, room: &str, what: &str, rows: &[&str], reason: &str) -> &str {
        let mut fields = vec![("do", what), ("reason", reason)];
        fields.extend(rows.iter().map(|row| ("row", *row)));
        let status = self.does(&format!("/lists/{room}/act"), &fields).await;
        assert_eq!(status, StatusCode::SEE_OTHER, "{}", self.html);
        let to = self.location.clone();
        self.read(&to).await
    }
}
