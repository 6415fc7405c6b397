//! What the core CRM wants said: from a message on the queue of replies to a row that will be sent.

use muara_normalizer::{ReplyRequest, reply::BadReply};

use crate::{
    broker::Handled,
    metrics,
    store::{Store, reply::Requested},
};

/// Takes one message of the queue. Settled only when it is on disk, or can never be.
pub async fn take(store: &Store, body: &[u8]) -> Handled {
    let (handled, result) = match ReplyRequest::parse(body).and_then(|request| {
        let answered = request.answered()?;
        Ok((request, answered))
    }) {
        Err(error) => (Handled::Dead { code: code(&error), reason: error.to_string() }, code(&error)),
        Ok((request, answered)) => match store.request_reply(request, answered).await {
            Ok(Requested::Queued) => (Handled::Done, "queued"),
            Ok(Requested::Known) => (Handled::Done, "known"),
            Ok(Requested::NoComplaint) => {
                let reason = "there is no complaint of this id or reference in this gateway".to_owned();
                (Handled::Dead { code: "unknown_complaint", reason }, "unknown_complaint")
            }
            Err(error) => {
                tracing::error!(%error, "A reply of the core CRM was not stored; it is tried again.");
                (Handled::Again, "store_failing")
            }
        },
    };
    metrics::requested(result);
    handled
}

fn code(error: &BadReply) -> &'static str {
    match error {
        BadReply::TooLarge => "too_large",
        BadReply::Syntax { .. } | BadReply::Envelope { .. } | BadReply::Member { .. } => "malformed",
    }
}
