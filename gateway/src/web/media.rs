//! The files of complaints, for the core CRM: `GET /media/{complaint}/{number}` on the internal listener.
//!
//! 200 with the content; 409 with `Retry-After` while it is still to be fetched (no 2xx, so that nobody keeps the words
//! of the answer for the file); 410 with the reason where it will not come; 404 where there was never such a file.

use axum::{
    body::Body,
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use muara_normalizer::{ComplaintId, complaint::AttachmentState};
use uuid::Uuid;

use super::{
    internal::InternalState,
    problem::{Problem, refusals},
};
use crate::{
    media::{VaultError, sniff},
    store::media::File,
};

refusals!(FileRefusals {
    404 "There was never such a file, or it is at its vendor's.";
    409 "It is still to be fetched: ask again after `Retry-After`. Member `state` is `pending`.";
    410 "It will not come, and why. Member `state` says how it ended.";
    503 "It cannot be read now.";
});

/// How long to wait before asking again for a file that is still to be fetched.
const ASK_AGAIN: std::time::Duration = std::time::Duration::from_secs(10);

/// A complaint's file.
#[utoipa::path(
    get, path = "/media/{complaint}/{number}", tag = "internal",
    params(
        ("complaint" = String, Path, description = "The complaint's id."),
        ("number" = u32, Path, description = "The file's number in the complaint: `attachments[].id`."),
    ),
    responses(
        (status = 200, description = "The file, as its vendor gave it.", content_type = "*/*", body = Vec<u8>),
        (status = 400, description = "Not an id, or not a number.", body = String, content_type = "text/plain"),
        FileRefusals,
    )
)]
pub(super) async fn file(
    State(state): State<InternalState>,
    Path((complaint, number)): Path<(Uuid, u32)>,
) -> Response {
    let found = match state.store.file_of(ComplaintId(complaint), number).await {
        Ok(found) => found,
        Err(error) => {
            return Problem::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string()).into_response();
        }
    };
    let Some(file) = found else {
        return Problem::new(StatusCode::NOT_FOUND, "there is no such file").into_response();
    };
    match (file.state, &file.sha256) {
        (Some(AttachmentState::Stored), Some(sha256)) => match state.media.vault().read(sha256).await {
            Ok((size, content)) => {
                let mut response = Body::from_stream(content).into_response();
                describe(response.headers_mut(), &file, size);
                response
            }
            Err(error @ VaultError::Missing) => {
                tracing::error!(id = %file.complaint, number, "File {number} of {} was kept and is not there any more.", file.complaint);
                Problem::new(StatusCode::GONE, error.to_string()).into_response()
            }
            Err(error) => {
                tracing::error!(%error, "A file could not be read.");
                Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the file cannot be read now")
                    .retry_after(ASK_AGAIN)
                    .into_response()
            }
        },
        (Some(AttachmentState::Pending), _) => {
            Problem::new(StatusCode::CONFLICT, "the file is still to be fetched from its vendor")
                .retry_after(ASK_AGAIN)
                .with("state", "pending".into())
                .into_response()
        }
        (Some(state), _) => {
            let reason = file.reason.unwrap_or_else(|| "the file is not kept".to_owned());
            Problem::new(StatusCode::GONE, reason).with("state", state.as_str().into()).into_response()
        }
        (None, _) => Problem::new(StatusCode::NOT_FOUND, "the file is at its vendor's").into_response(),
    }
}

/// A citizen's file is never run by a browser that shows the console beside it.
fn describe(headers: &mut HeaderMap, file: &File, size: u64) {
    let kind = file.content_type.as_deref().unwrap_or("application/octet-stream");
    let place = if kind.starts_with("image/") { "inline" } else { "attachment" };
    let name = format!("{place}; filename=\"{}-{}.{}\"", file.complaint, file.number, sniff::ending(kind));
    let mut set = |name: header::HeaderName, text: &str| {
        if let Ok(value) = HeaderValue::from_str(text) {
            headers.insert(name, value);
        }
    };
    set(header::CONTENT_TYPE, kind);
    set(header::CONTENT_LENGTH, &size.to_string());
    set(header::CONTENT_DISPOSITION, &name);
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox");
    set(header::CACHE_CONTROL, "private, no-cache");
    if let Some(sha256) = file.sha256 {
        set(header::ETAG, &format!("\"{}\"", hex::encode(sha256)));
    }
}
