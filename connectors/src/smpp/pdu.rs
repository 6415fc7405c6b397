//! One `deliver_sm` as this connector reads it, and PDUs as they are written.

use bytes::{Bytes, BytesMut};
use rusmpp::{
    Command, CommandStatus, Pdu,
    pdus::DeliverSm,
    tlvs::{Tlv, TlvValue},
    tokio_codec::CommandCodec,
    values::Ton,
};
use tokio_util::codec::{Decoder, Encoder};

use crate::reject::Reject;

/// Octets of length, command, status and sequence number.
pub(super) const HEADER: usize = 16;
/// Longest PDU that is read: a `message_payload` may have 64 KiB.
pub(super) const LONGEST: usize = 70_000;
/// Sequence numbers go from 1 to this, then from 1 again.
pub(super) const LAST_SEQUENCE: u32 = 0x7FFF_FFFF;

/// Type of number: without country code.
pub(super) const NATIONAL: u8 = 2;

/// Bits of `esm_class`: the message's type and whether a header stands before the text.
const TYPE: u8 = 0x3C;
const USER_DATA_HEADER: u8 = 0x40;

/// What a `deliver_sm` is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    /// A citizen's words.
    Message,
    /// What became of a message of ours.
    Receipt,
    /// A handset or the network talks about itself.
    Notice,
}

/// Which part of a longer message this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    /// The sender's number of the whole message.
    pub(super) reference: u16,
    /// How many there are.
    pub(super) total: u8,
    /// Which one, from 1.
    pub(super) number: u8,
}

/// One `deliver_sm`.
#[derive(Clone, Debug)]
pub(super) struct Short {
    pub(super) sort: Sort,
    pub(super) from: String,
    /// The sender's number comes without country code and without the zero that stands for it.
    pub(super) national: bool,
    pub(super) to: String,
    /// `data_coding`.
    pub(super) coding: u8,
    /// The text without its header.
    pub(super) body: Vec<u8>,
    /// Octets of the header that stood before the text.
    pub(super) header: usize,
    pub(super) segment: Option<Segment>,
    pub(super) receipted_id: Option<String>,
    pub(super) state: Option<u8>,
}

/// Decodes a PDU with its header.
pub(super) fn command(frame: &[u8]) -> Result<Command, Reject> {
    let syntax = |detail: String| Reject::Syntax { syntax: "SMPP PDU", detail };
    let mut buffer = BytesMut::from(frame);
    match CommandCodec::new().with_max_length(LONGEST).decode(&mut buffer) {
        Ok(Some(command)) if buffer.is_empty() => Ok(command),
        Ok(Some(_)) => Err(syntax("there is more after its end".to_owned())),
        Ok(None) => Err(syntax("it is cut off".to_owned())),
        Err(_) => Err(syntax("a field has not the length or form that it must have".to_owned())),
    }
}

/// The octets of a PDU.
pub(super) fn octets(status: CommandStatus, sequence: u32, pdu: impl Into<Pdu>) -> Bytes {
    let mut buffer = BytesMut::new();
    // encoding into memory does not fail
    CommandCodec::new().encode(Command::new(status, sequence, pdu), &mut buffer).ok();
    buffer.freeze()
}

/// Reads a `deliver_sm` with its header.
pub(super) fn short(frame: &[u8]) -> Result<Short, Reject> {
    match command(frame)?.pdu() {
        Some(Pdu::DeliverSm(message)) => read(message),
        _ => Err(Reject::Shape { expected: "deliver_sm PDUs" }),
    }
}

fn read(message: &DeliverSm) -> Result<Short, Reject> {
    let class = u8::from(message.esm_class);
    let (mut sar, mut payload, mut receipted_id, mut state) = ((None, None, None), None, None, None);
    for value in message.tlvs().iter().filter_map(Tlv::value) {
        match value {
            TlvValue::MessagePayload(text) => payload = Some(text.value.as_ref()),
            TlvValue::SarMsgRefNum(reference) => sar.0 = Some(*reference),
            TlvValue::SarTotalSegments(total) => sar.1 = Some(*total),
            TlvValue::SarSegmentSeqnum(number) => sar.2 = Some(*number),
            TlvValue::ReceiptedMessageId(id) => receipted_id = Some(id.as_str().to_owned()),
            TlvValue::MessageState(given) => state = Some(u8::from(*given)),
            _ => {}
        }
    }
    let text: &[u8] = match payload {
        Some(payload) if message.short_message().is_empty() => payload,
        _ => message.short_message().as_ref(),
    };
    let (header, body) = if class & USER_DATA_HEADER == 0 { (&[][..], text) } else { split(text)? };
    let sar = match sar {
        (Some(reference), Some(total), Some(number)) => Some(Segment { reference, total, number }),
        _ => None,
    };
    Ok(Short {
        sort: match class & TYPE {
            0x04 | 0x20 => Sort::Receipt,
            // some centres leave the type out
            _ if receipted_id.is_some() && state.is_some() => Sort::Receipt,
            0x08 | 0x18 => Sort::Notice,
            _ => Sort::Message,
        },
        from: message.source_addr.as_str().trim().to_owned(),
        national: message.source_addr_ton == Ton::National
            && !message.source_addr.as_str().starts_with(['0', '+']),
        to: message.destination_addr.as_str().trim().to_owned(),
        coding: u8::from(message.data_coding),
        body: body.to_vec(),
        header: header.len(),
        // numbers that make no sense say that it stands alone
        segment: elements(header)?
            .or(sar)
            .filter(|segment| segment.total > 1 && (1..=segment.total).contains(&segment.number)),
        receipted_id: receipted_id.filter(|id| !id.is_empty()),
        state,
    })
}

fn broken_header() -> Reject {
    let detail = "the user data header is longer than what it stands in".to_owned();
    Reject::Field { field: "short_message".to_owned(), detail }
}

/// The header, its length octet included, and the text.
fn split(text: &[u8]) -> Result<(&[u8], &[u8]), Reject> {
    let length = text.first().ok_or_else(broken_header)?;
    text.split_at_checked(usize::from(*length) + 1).ok_or_else(broken_header)
}

/// The part's numbers, if the header has them (3GPP TS 23.040 §9.2.3.24).
fn elements(header: &[u8]) -> Result<Option<Segment>, Reject> {
    let mut rest = header.get(1..).unwrap_or_default();
    let mut found = None;
    while let [name, length, after @ ..] = rest {
        let (value, next) = after.split_at_checked(usize::from(*length)).ok_or_else(broken_header)?;
        match (name, value) {
            (0x00, &[reference, total, number]) => {
                found = Some(Segment { reference: reference.into(), total, number });
            }
            (0x08, &[high, low, total, number]) => {
                found = Some(Segment { reference: u16::from_be_bytes([high, low]), total, number });
            }
            _ => {}
        }
        rest = next;
    }
    Ok(found)
}
