//! SMPP 3.4: a session of our own with an SMS centre (SMSC), both ways.
//!
//! Documented at <https://smpp.org/SMPP_v3_4_Issue1_2.pdf>; texts and headers in 3GPP TS 23.038 and 23.040.
//!
//! ```toml
//! [channels.sms]
//! connector = "smpp"
//! host = "smsc.example"
//! system_id = "muara"
//! password = "${env:SMPP_PASSWORD}"
//! source_addr = "1708"      # else answers come from the number that was written to
//! ```
//! `decode` reads one complete message, as quarantine keeps it: its PDUs in hexadecimal, in any order:
//! ```json
//! {"pdus": ["0000003c00000005000000000000000100…"]}
//! ```
//!
//! # Nothing is lost
//! * A `deliver_sm` is answered only when the page that it is in is on disk. Where the store fails there is no answer, and
//!   the same PDUs are in the next page; where more wait than are stored, the centre is told to come again (0x64).
//! * **Parts of a long message** may come in any order and any number of times. Answering them only when the message is
//!   complete would stall a centre whose window is smaller than the message, and be too late for many others. So each part
//!   is stored at once and then answered: the pull's cursor holds the parts that wait (`smpp/ledger.rs`), and it is written
//!   in the same transaction as the messages. What is still missing after `parts_seconds` is shown as ` […] `; a part that
//!   comes even later is a message of its own, with such gaps around it.
//! * **SMPP has no lasting id** of a citizen's message, so a draft has none either: an equal text of the same number
//!   counts as the same for five minutes, as for every channel without ids. A crash between store and answer may be longer
//!   than that. So the cursor also holds a hash of each PDU until the centre has surely read our answer: it has when it
//!   answers an `enquire_link` that was written after it. Until then (for at most a day) an equal PDU is a redelivery; it
//!   is answered again and changes nothing.
//! * A PDU that cannot be read is quarantined and answered: sent again it would be no better. Requests that are not known,
//!   `data_sm` among them, get a `generic_nack`, so the centre keeps what they hold.
//!
//! # Sending
//! GSM-7 where it holds the whole text, else UCS-2; long texts in parts. Parts that were taken are not sent again when a
//! later one is refused, as long as the process lives. An answer that does not come in time is tried again, so in rare
//! cases a citizen reads the same twice.

mod deliver;
mod ledger;
mod message;
mod pdu;
mod pull;
mod report;
mod session;
mod settings;
mod text;

use std::sync::Arc;

use crate::{
    connector::{Connector, Decoded},
    reject::Reject,
    verify::{Auth, Verified},
};

/// The connector.
pub static CONNECTOR: Connector = Connector {
    title: "SMPP (SMS centre)",
    docs: "https://smpp.org/SMPP_v3_4_Issue1_2.pdf",
    auth: Auth::Pull,
    // what is not answered comes again
    redelivers: true,
    settings: settings::read,
    decode,
    pull: Some(pull::open),
    deliver: Some(deliver::open),
    address: Some(deliver::address),
    reports: true,
    chat: true,
    ..Connector::WEBHOOK
};

fn decode(verified: &Verified<'_>) -> Result<Decoded, Reject> {
    let settings = verified.settings().own::<Arc<settings::Settings>>().ok_or(Reject::Fault)?;
    Ok(Decoded { items: vec![message::read_body(verified.body(), settings)?] })
}
