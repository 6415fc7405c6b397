//! What a vendor is told. The first delivery and every redelivery get the same answer.

use muara_normalizer::{ComplaintId, Reference};

/// How a connector answers a request that was stored.
#[derive(Clone, Copy, Debug)]
pub enum Answer {
    /// 200 with an empty body.
    Empty,
    /// 202 with `{"accepted": [{"id", "reference"}], "quarantined": id?}`.
    Receipts,
    /// The vendor's own form.
    Own(fn(&Outcome<'_>) -> Reply),
}

/// What became of a request.
#[derive(Clone, Debug, Default)]
pub struct Outcome<'a> {
    /// One for each draft, in the vendor's order; those of a redelivery are those of the first delivery.
    pub receipts: &'a [(ComplaintId, Reference)],
    /// Where the bytes are kept that could not be decoded.
    pub quarantined: Option<&'a str>,
}

/// An HTTP answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status code.
    pub status: u16,
    /// `Content-Type`, if there is a body.
    pub content_type: Option<&'static str>,
    /// The body.
    pub body: String,
}

impl Reply {
    /// 200 without a body.
    #[must_use]
    pub fn empty() -> Self {
        Self { status: 200, content_type: None, body: String::new() }
    }

    /// A JSON body.
    #[must_use]
    pub fn json(status: u16, body: &serde_json::Value) -> Self {
        Self { status, content_type: Some("application/json"), body: body.to_string() }
    }

    /// A plain text body.
    #[must_use]
    pub fn text(status: u16, body: impl Into<String>) -> Self {
        Self { status, content_type: Some("text/plain; charset=utf-8"), body: body.into() }
    }
}

impl Answer {
    /// The answer to a request that was stored.
    #[must_use]
    pub fn reply(self, outcome: &Outcome<'_>) -> Reply {
        match self {
            Self::Empty => Reply::empty(),
            Self::Own(own) => own(outcome),
            Self::Receipts => {
                let accepted: Vec<_> = outcome
                    .receipts
                    .iter()
                    .map(|(id, reference)| serde_json::json!({ "id": id, "reference": reference }))
                    .collect();
                let mut body = serde_json::json!({ "accepted": accepted });
                if let Some(id) = outcome.quarantined {
                    body["quarantined"] = id.into();
                }
                Reply::json(202, &body)
            }
        }
    }
}
