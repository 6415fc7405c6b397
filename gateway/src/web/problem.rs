//! Refusals in one form: problem details (RFC 9457), with `Retry-After` where waiting helps.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use schemars::JsonSchema;
use serde_json::json;

/// A refusal.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    detail: String,
    retry_after: Option<Duration>,
    members: serde_json::Map<String, serde_json::Value>,
}

impl Problem {
    /// A refusal with its status and what to do.
    #[must_use]
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), retry_after: None, members: serde_json::Map::new() }
    }

    /// When to try again; rounded up to whole seconds.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// Where the bytes are kept.
    #[must_use]
    pub fn quarantine(self, id: uuid::Uuid) -> Self {
        self.with("quarantine", json!(id))
    }

    /// A member of its own, or another `title`.
    #[must_use]
    pub fn with(mut self, member: &str, value: serde_json::Value) -> Self {
        self.members.insert(member.to_owned(), value);
        self
    }
}

/// A refusal as problem details (RFC 9457).
#[derive(JsonSchema)]
#[schemars(rename = "Problem")]
#[expect(dead_code, reason = "what is published about the bodies that `Problem` writes")]
pub(crate) struct ProblemDetails {
    /// Always `about:blank`: the status says what kind of problem it is.
    r#type: String,
    /// In short.
    title: String,
    /// The HTTP status.
    status: u16,
    /// In words, with what to do.
    detail: String,
    /// Where the bytes are kept that could not be understood: `muara quarantine show` shows them.
    #[schemars(skip_serializing_if = "Option::is_none")]
    quarantine: Option<uuid::Uuid>,
    /// How far a file came that is not there.
    #[schemars(skip_serializing_if = "Option::is_none")]
    state: Option<String>,
    /// What is wrong with an entry's fields.
    #[schemars(skip_serializing_if = "Option::is_none")]
    errors: Option<Vec<FieldProblem>>,
}

/// What is wrong with one field.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "what is published about the bodies that a desk writes")]
struct FieldProblem {
    /// The field with those above it, e.g. `reporter.phone`.
    field: String,
    /// What is wrong, for the officer.
    detail: String,
}

/// A response that is a refusal, for what is published about a route.
pub(crate) fn described(text: &str) -> utoipa::openapi::Response {
    use utoipa::openapi::{ContentBuilder, Ref, ResponseBuilder};
    let problem = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    ResponseBuilder::new().description(text).content("application/problem+json", problem).build()
}

/// Names the refusals of a route, each by status and reason.
macro_rules! refusals {
    ($name:ident { $($status:literal $text:literal;)* }) => {
        struct $name;

        impl utoipa::IntoResponses for $name {
            fn responses()
            -> std::collections::BTreeMap<String, utoipa::openapi::RefOr<utoipa::openapi::Response>> {
                let all = [$(($status, $text)),*];
                all.map(|(status, text): (u16, &str)| {
                    (status.to_string(), $crate::web::problem::described(text).into())
                })
                .into()
            }
        }
    };
}
pub(crate) use refusals;

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut body = json!({
            "type": "about:blank",
            "title": self.status.canonical_reason(),
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        for (member, value) in self.members {
            body[member] = value;
        }
        let mut response = (self.status, body.to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(wait) = self.retry_after {
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        response
    }
}
