//! Taking entries down without a network: the page that the browser keeps, and who is signed in when it can send again.
//!
//! The kept page names nobody and holds no token; the browser's own script fills in the officer who was last signed in
//! here. Entries wait in the browser (`static/desk-queue.js`) and are sent by `POST …/api/entries` one after the other.

use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde_json::json;

use super::{
    Desks, Shared,
    fault::Fault,
    form::EntryForm,
    pages::{FormPage, fault_page, page},
};
use crate::web::account::request::same_origin;

/// The form as the browser keeps it.
pub(super) async fn kept(State(desks): Shared, Path(channel): Path<String>) -> Response {
    match desks.desk(&channel) {
        Ok(desk) => page(StatusCode::OK, &FormPage::new(&desk, None, &EntryForm::default())),
        Err(fault) => fault_page(&fault, None),
    }
}

/// Who is signed in, with the token that goes with every entry.
pub(super) async fn session(
    State(desks): Shared,
    Path(channel): Path<String>,
    headers: HeaderMap,
) -> Response {
    who(&desks, &channel, &headers).unwrap_or_else(|fault| fault.problem())
}

fn who(desks: &Desks, channel: &str, headers: &HeaderMap) -> Result<Response, Fault> {
    let desk = desks.desk(channel)?;
    same_origin(headers)?;
    let signed_in = desks.signed_in(&desk, headers)?;
    let body = json!({
        "csrf_token": signed_in.csrf,
        "officer": signed_in.session.officer,
        "office": signed_in.session.office,
        "officer_name": signed_in.officer.name,
        "office_name": signed_in.office.name,
        "expires_at": signed_in.session.expires,
    });
    Ok(Json(body).into_response())
}
