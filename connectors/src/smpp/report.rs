//! Delivery receipts: what became of a message of ours.
//!
//! Centres say it in TLVs (`receipted_message_id`, `message_state`), in the text of appendix B of SMPP 3.4, or both:
//! `id:0123456789 sub:001 dlvrd:001 submit date:2611031010 done date:2611031011 stat:DELIVRD err:000 text:Laporan`

use jiff::civil::DateTime;
use muara_normalizer::draft::SourceTime;

use super::{
    pdu::Short,
    settings::{ReceiptIds, Settings},
    text,
};
use crate::{
    connector::{DeliveryReport, DeliveryState, Item},
    reject::Reject,
};

/// Reads a receipt.
pub(super) fn read(short: &Short, settings: &Settings) -> Result<Item, Reject> {
    // whatever alphabet it claims, what is read of it is ASCII
    let text: String = match text::alphabet(short.coding, settings.default_alphabet) {
        Ok(text::Alphabet::Ucs2) => text::read(text::Alphabet::Ucs2, &short.body)?,
        _ => short.body.iter().map(|&octet| char::from(octet)).collect(),
    };
    let id = match (&short.receipted_id, field(&text, "id")) {
        (Some(id), _) => settings.receipt_ids.of_answer(id),
        (None, Some(id)) => settings.receipt_ids.of_receipt(id),
        (None, None) => return Err(Reject::missing("receipted_message_id or id")),
    };
    let word = field(&text, "stat").map(str::to_ascii_uppercase);
    let Some(word) = short.state.and_then(state_name).map(str::to_owned).or(word) else {
        return Err(Reject::missing("message_state or stat"));
    };
    let state = match word.as_str() {
        "DELIVRD" | "DELIVERED" => DeliveryState::Delivered,
        "ENROUTE" | "SCHEDULED" | "ACCEPTD" | "ACCEPTED" | "BUFFERED" => DeliveryState::Sent,
        "EXPIRED" | "DELETED" | "UNDELIV" | "UNDELIVERABLE" | "REJECTD" | "REJECTED" | "SKIPPED"
        | "FAILED" => {
            let error = field(&text, "err").filter(|error| error.bytes().any(|byte| byte != b'0'));
            let detail = error.map_or(word.clone(), |error| format!("{word}, error {error}"));
            DeliveryState::Failed { detail, other_way: true }
        }
        // UNKNOWN, or a word of the centre's own
        _ => return Ok(Item::Ignored("a delivery receipt that does not say what became of the message")),
    };
    Ok(Item::Report(DeliveryReport { vendor_id: id, state, at: field(&text, "done date").map(time) }))
}

/// A field's word; names are in any case.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let mut from = 0;
    // the citizen's words are quoted behind `text:`, and say nothing about the message
    let end = text.to_ascii_lowercase().find("text:").unwrap_or(text.len());
    let text = text.get(..end)?;
    let lower = text.to_ascii_lowercase();
    let name = format!("{name}:");
    while let Some(at) = lower.get(from..)?.find(&name).map(|at| at + from) {
        let starts = at == 0 || lower.as_bytes().get(at - 1).is_some_and(u8::is_ascii_whitespace);
        from = at + name.len();
        if starts {
            let word = text.get(from..)?.split_whitespace().next()?;
            return (!word.is_empty()).then_some(word);
        }
    }
    None
}

/// `YYMMDDhhmm`, with seconds at some centres, by the centre's clock.
fn time(written: &str) -> SourceTime {
    let read =
        DateTime::strptime("%y%m%d%H%M%S", written).or_else(|_| DateTime::strptime("%y%m%d%H%M", written));
    read.map_or_else(|_| SourceTime::Unreadable(written.to_owned()), SourceTime::Naive)
}

/// `message_state` by its name in the text.
fn state_name(state: u8) -> Option<&'static str> {
    const NAMES: [&str; 10] = [
        "SCHEDULED",
        "ENROUTE",
        "DELIVRD",
        "EXPIRED",
        "DELETED",
        "UNDELIV",
        "ACCEPTD",
        "UNKNOWN",
        "REJECTD",
        "SKIPPED",
    ];
    NAMES.get(usize::from(state)).copied()
}

impl ReceiptIds {
    /// The id of `submit_sm_resp`, in the form in which both sides can be compared.
    pub(super) fn of_answer(self, id: &str) -> String {
        match self {
            Self::Same => id.to_owned(),
            Self::Decimal => number(id, 16),
            Self::Hex => number(id, 10),
        }
    }

    fn of_receipt(self, id: &str) -> String {
        match self {
            Self::Same => id.to_owned(),
            Self::Decimal => number(id, 10),
            Self::Hex => number(id, 16),
        }
    }
}

fn number(id: &str, radix: u32) -> String {
    u128::from_str_radix(id, radix).map_or_else(|_| id.to_owned(), |number| number.to_string())
}
