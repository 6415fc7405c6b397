//! Entries: from the form or from a program, to a reference.

use axum::{
    Json,
    extract::{Path, Query, Request as HttpRequest, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use muara_connectors::{
    Request, Verified,
    desk::{BadEntry, Entry, Taken},
    verify::OfficerSession,
};
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::{
    Desk, Desks, Shared, Visit,
    fault::Fault,
    form::{self, EntryForm},
    pages::{FormPage, ReceiptPage, fault_page, page},
    read_body, require_media_type,
    session::{self, NoSession, SignedIn},
    text,
};
use crate::{intake::Receipt, web::problem::refusals};

/// The form, or the sign-in page.
pub(super) async fn open(State(desks): Shared, Path(channel): Path<String>, headers: HeaderMap) -> Response {
    let desk = match desks.desk(&channel) {
        Ok(desk) => desk,
        Err(fault) => return fault_page(&fault, None),
    };
    match desks.signed_in(&desk, &headers) {
        Ok(signed_in) => page(StatusCode::OK, &FormPage::new(&desk, Some(&signed_in), &EntryForm::empty())),
        Err(none) => desks.sign_in_page(&desk, &headers, ended(none).as_ref(), "", None, StatusCode::OK),
    }
}

/// What to say about a session that is no more.
pub(super) fn ended(none: NoSession) -> Option<Fault> {
    (none == NoSession::Ended).then_some(Fault::SessionEnded)
}

/// An entry by the form: on to the receipt, or the same words again with what is wrong.
pub(super) async fn post_form(
    State(desks): Shared,
    Path(channel): Path<String>,
    request: HttpRequest,
) -> Response {
    let visit = Visit::from(request);
    let desk = match desks.desk(&channel) {
        Ok(desk) => desk,
        Err(fault) => return fault_page(&fault, None),
    };
    let headers = &visit.parts.headers;
    let signed_in = desks.signed_in(&desk, headers);
    let known = !matches!(signed_in, Err(NoSession::Absent));
    let form = match form::read(&desk, headers, visit.body, known).await {
        Ok(form) => form,
        Err(fault) => return fault_page(&fault, Some(&desk)),
    };
    let signed_in = match signed_in {
        Ok(signed_in) => signed_in,
        Err(_) => {
            // the words wait in the page until the officer has signed in again
            let fault = Fault::SessionEnded;
            let status = fault.status();
            return desks.sign_in_page(&desk, headers, Some(&fault), "", Some(&form), status);
        }
    };
    match send_form(&desks, &desk, &signed_in, &form).await {
        Ok(receipt) => {
            let path = session::receipt_path(&desk, receipt.reference.as_str());
            let mut response = StatusCode::SEE_OTHER.into_response();
            let out = response.headers_mut();
            if let Ok(path) = HeaderValue::try_from(path) {
                out.insert(header::LOCATION, path);
            }
            if let Some(cookie) = desks.receipt_cookie(&desk, &signed_in, &receipt, headers) {
                out.append(header::SET_COOKIE, cookie);
            }
            response
        }
        Err(fault) => {
            let mut again = form.clone();
            if Uuid::parse_str(&again.idempotency_key).is_err() {
                again.idempotency_key = EntryForm::empty().idempotency_key;
            }
            let template = FormPage::new(&desk, Some(&signed_in), &again).after(&fault);
            fault.with_retry_after(page(fault.status(), &template))
        }
    }
}

async fn send_form(
    desks: &Desks,
    desk: &Desk,
    signed_in: &SignedIn<'_>,
    form: &EntryForm,
) -> Result<Receipt, Fault> {
    if !desks.csrf_fits(&signed_in.session, &form.csrf) {
        return Err(Fault::Csrf);
    }
    let entry = form.entry().map_err(|error| Fault::Fields(vec![error]))?;
    desks.send(desk, signed_in, entry).await
}

impl Desks {
    /// Checks an entry and takes it in. A slip of typing is told here and does not fill the quarantine.
    async fn send(&self, desk: &Desk, signed_in: &SignedIn<'_>, mut entry: Entry) -> Result<Receipt, Fault> {
        entry.taken = Some(Taken {
            officer: signed_in.session.officer.clone(),
            office: signed_in.session.office.clone(),
            at: self.now(),
        });
        entry.draft(desk.settings()).map_err(BadEntry::Fields)?;
        let body = serde_json::to_vec(&entry).map_err(|error| Fault::Syntax { detail: error.to_string() })?;
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let path = format!("/desk/{}/api/entries", desk.id());
        let request = Request::new(Method::POST, path, headers, body.into());
        let officer = OfficerSession { officer: signed_in.session.officer.clone() };
        let verified = Verified::by_session(&request, &desk.channel.settings, &officer);
        let submitted = self.state.intake.submit(&desk.channel, verified).await?;
        let receipt =
            submitted.receipts.into_iter().next().ok_or(Fault::Quarantined { id: submitted.quarantined })?;
        tracing::info!(
            id = %receipt.id,
            channel = desk.id(),
            office = %signed_in.session.office,
            officer = %signed_in.session.officer,
            fresh = receipt.fresh,
            "Entry {} of the desk is stored.",
            receipt.id
        );
        Ok(receipt)
    }
}

refusals!(Refusals {
    400 "The body is broken, or there is no idempotency key, or two that differ.";
    401 "Nobody is signed in, or the session has ended.";
    403 "Without the session's `X-CSRF-Token`, signed in at another channel, or sent by a page of another site.";
    404 "There is no such channel, or it is no desk.";
    408 "The body did not arrive in time.";
    413 "The body is larger than the channel takes.";
    415 "The body is not JSON.";
    422 "Fields are wrong: all of them are in member `errors`.";
    429 "Over a limit: send it again after `Retry-After`.";
    503 "It cannot be taken now: send it again after `Retry-After`.";
});

/// An entry by a program. The same idempotency key again changes nothing and gets the same reference.
#[utoipa::path(
    post, path = "/desk/{channel}/api/entries", tag = "desk", operation_id = "desk_enter",
    params(
        ("channel" = String, Path, description = "The channel's id."),
        ("X-CSRF-Token" = String, Header, description = "The session's `csrf_token`."),
        ("Idempotency-Key" = Option<String>, Header, description = "A UUID; or `idempotency_key` in the body."),
    ),
    request_body = ref("#/components/schemas/Entry"),
    responses(
        (status = 201, description = "Stored.", body = ref("#/components/schemas/EntryReceipt")),
        (status = 200, description = "It was stored before.", body = ref("#/components/schemas/EntryReceipt")),
        Refusals,
    ),
    security(("desk" = []))
)]
pub(super) async fn post_json(
    State(desks): Shared,
    Path(channel): Path<String>,
    request: HttpRequest,
) -> Response {
    match send_json(&desks, &channel, request.into()).await {
        Ok(response) => response,
        Err(fault) => fault.problem(),
    }
}

async fn send_json(desks: &Desks, channel: &str, visit: Visit) -> Result<Response, Fault> {
    let desk = desks.desk(channel)?;
    let headers = &visit.parts.headers;
    crate::web::account::request::same_origin(headers)?;
    let signed_in = desks.signed_in(&desk, headers)?;
    let token = text(headers, "x-csrf-token").unwrap_or_default();
    if !desks.csrf_fits(&signed_in.session, token) {
        return Err(Fault::Csrf);
    }
    require_media_type(headers, "application/json")?;
    let body = read_body(visit.body, desk.channel.limits.body_bytes).await?;
    let mut entry = Entry::from_json(&body)?;
    entry.idempotency_key = one_key(headers, &entry.idempotency_key)?;
    let receipt = desks.send(&desk, &signed_in, entry).await?;
    let status = if receipt.fresh { StatusCode::CREATED } else { StatusCode::OK };
    let body = json!({
        "id": receipt.id,
        "reference": receipt.reference,
        "received_at": receipt.received_at,
    });
    let mut response = (status, Json(body)).into_response();
    let path = session::receipt_path(&desk, receipt.reference.as_str());
    if let Ok(path) = HeaderValue::try_from(path) {
        response.headers_mut().insert(header::LOCATION, path);
    }
    if let Some(cookie) = desks.receipt_cookie(&desk, &signed_in, &receipt, headers) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// The key of the header or of the body; both may be there if they are the same.
fn one_key(headers: &HeaderMap, in_body: &str) -> Result<String, Fault> {
    // a structured-field string (draft-ietf-httpapi-idempotency-key-header) or the bare key
    let in_header =
        text(headers, "idempotency-key").map(|key| key.trim().trim_matches('"')).unwrap_or_default();
    match (in_header, in_body.trim()) {
        ("", "") => Err(Fault::NoKey),
        (key, "") | ("", key) => Ok(key.to_owned()),
        (header, body) if header.eq_ignore_ascii_case(body) => Ok(body.to_owned()),
        _ => Err(Fault::TwoKeys),
    }
}

/// The paper of a receipt; a browser without the script asks for it by the address.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Paper {
    paper: String,
}

/// The receipt of an entry that this browser's office has just made.
pub(super) async fn receipt(
    State(desks): Shared,
    Path((channel, reference)): Path<(String, String)>,
    Query(Paper { paper }): Query<Paper>,
    headers: HeaderMap,
) -> Response {
    let desk = match desks.desk(&channel) {
        Ok(desk) => desk,
        Err(fault) => return fault_page(&fault, None),
    };
    let signed_in = match desks.signed_in(&desk, &headers) {
        Ok(signed_in) => signed_in,
        Err(none) => {
            return desks.sign_in_page(&desk, &headers, ended(none).as_ref(), "", None, StatusCode::OK);
        }
    };
    match desks.receipt_note(&desk, &signed_in, &reference, &headers) {
        Some(note) => page(StatusCode::OK, &ReceiptPage::new(&desk, &signed_in, &note, &paper)),
        None => fault_page(&Fault::NoReceipt, Some(&desk)),
    }
}
