//! What stands around every page, and the pages for those who are not inside.

use std::sync::Arc;

use askama::Template;
use axum::{
    Extension,
    extract::{Query, State},
    http::{HeaderMap, StatusCode, Uri},
    response::{Html, IntoResponse, Response},
};
use serde::Deserialize;

use super::{
    Console, Shared,
    assets::{HTMX, OWN, PICO, STYLE},
    guard::Fault,
    session::SignedIn,
    words,
};

/// The files that every page links to.
struct Linked {
    pico: String,
    style: String,
    htmx: String,
    own: String,
}

impl Linked {
    fn new() -> Self {
        Self { pico: PICO.path(), style: STYLE.path(), htmx: HTMX.path(), own: OWN.path() }
    }
}

/// An entry of the menu.
struct Entry {
    path: &'static str,
    name: &'static str,
    /// How many stand there; of a place where nothing should stand.
    count: Option<String>,
    here: bool,
}

/// A page with its menu around it.
#[derive(Template)]
#[template(path = "console/shell.html")]
struct Shell<'a> {
    linked: Linked,
    title: &'a str,
    menu: Menu,
    who: &'a SignedIn,
    /// Where the part of the page is asked for again.
    again: String,
    part: String,
}

#[derive(Template)]
#[template(path = "console/menu.html")]
struct Menu {
    at: String,
    entries: Vec<Entry>,
}

/// Renders a page; for the script that asks for it again only its part.
pub(super) async fn shown(
    console: &Arc<Console>,
    who: &SignedIn,
    (title, place): (&str, &'static str),
    (headers, uri): (&HeaderMap, &Uri),
    part: &impl Template,
) -> Result<Response, Fault> {
    if headers.contains_key("hx-request") {
        return Ok(page(StatusCode::OK, part));
    }
    let Ok(part) = part.render() else { return Ok(page(StatusCode::INTERNAL_SERVER_ERROR, part)) };
    let again = uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string);
    let menu = Menu::new(console, who, place).await?;
    let shell = Shell { linked: Linked::new(), title, menu, who, again, part };
    Ok(page(StatusCode::OK, &shell))
}

/// The same for what must not be asked for again by itself.
pub(super) async fn shown_once(
    console: &Arc<Console>,
    who: &SignedIn,
    (title, place): (&str, &'static str),
    part: &impl Template,
) -> Result<Response, Fault> {
    let Ok(part) = part.render() else { return Ok(page(StatusCode::INTERNAL_SERVER_ERROR, part)) };
    let menu = Menu::new(console, who, place).await?;
    let shell = Shell { linked: Linked::new(), title, menu, who, again: String::new(), part };
    Ok(page(StatusCode::OK, &shell))
}

impl Menu {
    async fn new(console: &Arc<Console>, who: &SignedIn, place: &str) -> Result<Self, Fault> {
        let levels = console.state.store.levels();
        let failed = console.state.store.failed_replies().await?;
        let overdue = console.state.store.overdue_counts().await?.iter().map(|(_, count)| count).sum();
        let counted = |count: u64| (count > 0).then(|| words::number(count));
        let mut entries = vec![
            ("/", "Channels", None),
            ("/flow", "Flow", None),
            ("/lists/quarantine", "Quarantine", counted(levels.quarantined)),
            ("/lists/held", "Held", counted(levels.held)),
            ("/lists/dead", "Dead letters", counted(levels.dead)),
            ("/lists/aside", "Not a complaint", counted(levels.set_aside)),
            ("/lists/replies", "Failed replies", counted(failed)),
            ("/overdue", "Overdue", counted(overdue)),
            ("/complaints", "One complaint", None),
            ("/report", "Report", None),
        ];
        if who.administers() {
            entries.push(("/audit", "Audit log", None));
        }
        let entries =
            entries.into_iter().map(|(path, name, count)| Entry { path, name, count, here: path == place });
        Ok(Self { at: place.to_owned(), entries: entries.collect() })
    }
}

#[derive(Deserialize)]
pub(super) struct Place {
    #[serde(default)]
    at: String,
}

/// The menu again, with the counts of now.
pub(super) async fn badges(
    State(console): Shared,
    Extension(who): Extension<SignedIn>,
    Query(place): Query<Place>,
) -> Result<Response, Fault> {
    Ok(page(StatusCode::OK, &Menu::new(&console, &who, &place.at).await?))
}

/// The sign-in.
#[derive(Template)]
#[template(path = "console/sign_in.html")]
pub(super) struct SignInPage<'a> {
    linked: Linked,
    csrf: &'a str,
    user: &'a str,
    next: &'a str,
    notice: Option<String>,
    /// Whether there are users of the configuration.
    passwords: bool,
    /// What the provider is called.
    provider: Option<&'a str>,
}

impl<'a> SignInPage<'a> {
    pub(super) fn new(
        console: &'a Console,
        csrf: &'a str,
        user: &'a str,
        next: &'a str,
        notice: Option<String>,
    ) -> Self {
        let provider = console.state.settings.openid.as_ref().map(|openid| openid.title.as_str());
        Self {
            linked: Linked::new(),
            csrf,
            user,
            next,
            notice,
            passwords: !console.users().is_empty(),
            provider,
        }
    }
}

/// Signed in at the provider. The session's cookie goes along only from a page of ours, so this one leads on.
#[derive(Template)]
#[template(path = "console/welcome.html")]
pub(super) struct WelcomePage<'a> {
    linked: Linked,
    name: &'a str,
    next: &'a str,
}

impl<'a> WelcomePage<'a> {
    pub(super) fn new(name: &'a str, next: &'a str) -> Self {
        Self { linked: Linked::new(), name, next }
    }
}

/// Signed out here; leads on to the provider, where the session there ends.
#[derive(Template)]
#[template(path = "console/farewell.html")]
pub(super) struct FarewellPage<'a> {
    linked: Linked,
    next: &'a str,
}

impl<'a> FarewellPage<'a> {
    pub(super) fn new(next: &'a str) -> Self {
        Self { linked: Linked::new(), next }
    }
}

/// What is wrong, and what to do.
#[derive(Template)]
#[template(path = "console/fault.html")]
pub(super) struct FaultPage {
    linked: Linked,
    words: String,
    signed_out: bool,
}

impl FaultPage {
    pub(super) fn new(fault: &Fault) -> Self {
        let signed_out = matches!(fault, Fault::SignedOut | Fault::OpenId(_));
        Self { linked: Linked::new(), words: fault.words(), signed_out }
    }
}

/// No user is configured: how to add one.
#[derive(Template)]
#[template(path = "console/nobody.html")]
pub(super) struct NobodyPage {
    linked: Linked,
}

impl NobodyPage {
    pub(super) fn new() -> Self {
        Self { linked: Linked::new() }
    }
}

pub(super) fn page(status: StatusCode, template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(error) => {
            tracing::error!(%error, "A page of the console could not be rendered: a fault in Muara.");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
