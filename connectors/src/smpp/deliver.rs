//! Sending: `submit_sm` by the session that receives, a long text in parts.

use std::{
    collections::HashMap,
    str::FromStr,
    sync::{Arc, Mutex, PoisonError},
};

use futures_util::future::BoxFuture;
use muara_normalizer::{draft::ReturnAddress, phone};
use rusmpp::{
    pdus::SubmitSm,
    tlvs::MessageSubmissionRequestTlvValue as Tlv,
    types::{AnyOctetString, COctetString, OctetString},
    values::{DataCoding, EsmClass, MessagePayload, Npi, RegisteredDelivery, Ton},
};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::{
    session::{Answer, Submit},
    settings::{Bind, LongMessages, Settings},
    text,
};
use crate::{
    deliver::{Contact, Deliver, DeliverError, Outgoing, Sent, Unreachable},
    settings::ChannelSettings,
};

/// Messages of which some parts were taken, at once; beyond it they are forgotten, and whole messages are sent again.
const HALF_SENT: usize = 1000;
/// Octets in a `message_payload`.
const LONGEST: usize = 64 * 1024 - 1;
/// `esm_class`: a user data header stands before the text.
const USER_DATA_HEADER: u8 = 0x40;

/// Opens the way back of a channel.
pub(super) fn open(channel: &ChannelSettings) -> Option<Box<dyn Deliver>> {
    let settings = channel.own::<Arc<Settings>>()?.clone();
    (settings.bind == Bind::Transceiver)
        .then(|| Box::new(Sender { settings, taken: Mutex::default() }) as Box<dyn Deliver>)
}

/// The return address of a phone number.
pub(super) fn address(contact: &Contact, channel: &ChannelSettings) -> Option<ReturnAddress> {
    let settings = channel.own::<Arc<Settings>>()?;
    let from = settings.source_addr.as_ref().filter(|_| settings.bind == Bind::Transceiver)?;
    let number = contact.phone.as_deref()?.trim_start_matches('+');
    Some(ReturnAddress(json!({ "to": number, "from": from })))
}

/// Where an answer goes: the citizen's number and the one they wrote to, as the centre writes them.
#[derive(Deserialize)]
struct Address {
    to: String,
    from: String,
    /// The type of the citizen's number, where it does not show by itself.
    ton: Option<u8>,
}

struct Sender {
    settings: Arc<Settings>,
    /// The ids of the parts that were taken before the centre refused one.
    taken: Mutex<HashMap<Uuid, Vec<String>>>,
}

impl Deliver for Sender {
    fn deliver<'a>(
        &'a self,
        to: &'a ReturnAddress,
        message: &'a Outgoing,
    ) -> BoxFuture<'a, Result<Sent, DeliverError>> {
        Box::pin(self.send(to, message))
    }
}

impl Sender {
    async fn send(&self, to: &ReturnAddress, message: &Outgoing) -> Result<Sent, DeliverError> {
        let address: Address = serde_json::from_value(to.0.clone()).map_err(|_| DeliverError::Address)?;
        let parts = self.parts(&address, &message.text_with_files(), message.id)?;
        let link = self.settings.link.sender();
        let link =
            link.ok_or_else(|| Unreachable::Protocol("there is no session with the SMSC now".into()))?;
        let mut ids = self.remembered(message.id);
        for part in parts.into_iter().skip(ids.len()) {
            let (answer, answered) = oneshot::channel();
            let submit = Submit { message: Box::new(part), answer };
            let result = match link.send(submit).await {
                Ok(()) => self.taken(answered.await.ok()),
                Err(_) => Err(gone()),
            };
            match result {
                Ok(id) => ids.push(self.settings.receipt_ids.of_answer(&id)),
                Err(error) => {
                    self.remember(message.id, ids);
                    return Err(error);
                }
            }
        }
        // one that came without an id has no reports
        ids.retain(|id| !id.is_empty());
        Ok(Sent { vendor_ids: ids })
    }

    fn remembered(&self, id: Uuid) -> Vec<String> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).remove(&id).unwrap_or_default()
    }

    fn remember(&self, id: Uuid, ids: Vec<String>) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.len() >= HALF_SENT {
            taken.clear();
        }
        if !ids.is_empty() {
            taken.insert(id, ids);
        }
    }

    /// What the centre's answer means (SMPP 3.4 §5.1.3): the message's id there.
    fn taken(&self, answer: Option<Answer>) -> Result<String, DeliverError> {
        let (status, id) = match answer {
            Some(Answer::Given(status, id)) => (status, id),
            Some(Answer::Late) => {
                return Err(DeliverError::Vendor { answer: "no submit_sm_resp in time".into() });
            }
            None => return Err(gone()),
        };
        let answer = format!("status 0x{status:02X}");
        Err(match status {
            0 => return Ok(id.unwrap_or_default()),
            0x58 | 0x14 => DeliverError::Throttled { retry_after: Some(self.settings.throttle()) },
            0x0B | 0x50 | 0x51 => DeliverError::NoRecipient { answer },
            0x0E | 0x0F => DeliverError::Refused { answer },
            // the message itself: lengths, flags, addresses of ours, an alphabet, a service that is not ours
            0x01
            | 0x06
            | 0x07
            | 0x0A
            | 0x15
            | 0x43
            | 0x48
            | 0x49
            | 0x54
            | 0x61..=0x63
            | 0x65
            | 0x66
            | 0xC0..=0xC4
            | 0x100..=0x104 => DeliverError::Rejected { answer },
            _ => DeliverError::Vendor { answer },
        })
    }

    fn parts(&self, address: &Address, words: &str, id: Uuid) -> Result<Vec<SubmitSm>, DeliverError> {
        let written = text::write(words, self.settings.default_alphabet);
        let bodies = match self.settings.long_messages {
            LongMessages::Payload => vec![written.units.concat()],
            LongMessages::Udh | LongMessages::Sar => written.parts(),
        };
        if bodies.iter().any(|body| body.len() > LONGEST) {
            return Err(DeliverError::Rejected { answer: format!("longer than {LONGEST} octets") });
        }
        let total = u8::try_from(bodies.len())
            .map_err(|_| DeliverError::Rejected { answer: "longer than 255 short messages".to_owned() })?;
        // the same in every attempt, so that a part that is sent again finds the others
        let [high, low, ..] = *id.as_bytes().last_chunk::<2>().unwrap_or(&[0; 2]);
        let mut messages = Vec::new();
        for (body, number) in bodies.into_iter().zip(1u8..=total) {
            let mut message = self.message(address, written.coding)?;
            match self.settings.long_messages {
                LongMessages::Payload if body.len() > written.alone => {
                    message
                        .push_tlv(Tlv::MessagePayload(MessagePayload::new(AnyOctetString::from_vec(body))));
                }
                LongMessages::Udh if total > 1 => {
                    message.esm_class = EsmClass::from(USER_DATA_HEADER);
                    let header = [6, 0x08, 4, high, low, total, number];
                    message.set_short_message(octets(&[&header[..], &body].concat())?);
                }
                LongMessages::Sar if total > 1 => {
                    message.push_tlv(Tlv::SarMsgRefNum(u16::from_be_bytes([high, low])));
                    message.push_tlv(Tlv::SarTotalSegments(total));
                    message.push_tlv(Tlv::SarSegmentSeqnum(number));
                    message.set_short_message(octets(&body)?);
                }
                _ => message.set_short_message(octets(&body)?),
            }
            messages.push(message);
        }
        Ok(messages)
    }

    fn message(&self, address: &Address, coding: u8) -> Result<SubmitSm, DeliverError> {
        let from = self.settings.source_addr.as_deref().unwrap_or(&address.from);
        let (ton, npi) = plan(from);
        let to = address.to.trim_start_matches('+');
        let (to_ton, to_npi) = plan(to);
        Ok(SubmitSm::builder()
            .source_addr_ton(Ton::from(self.settings.source_ton.unwrap_or(ton)))
            .source_addr_npi(Npi::from(self.settings.source_npi.unwrap_or(npi)))
            .source_addr(COctetString::from_str(from).map_err(|_| DeliverError::Address)?)
            .dest_addr_ton(Ton::from(address.ton.unwrap_or(to_ton)))
            .dest_addr_npi(Npi::from(to_npi))
            .destination_addr(COctetString::from_str(to).map_err(|_| DeliverError::Address)?)
            .registered_delivery(RegisteredDelivery::from(1))
            .data_coding(DataCoding::from(coding))
            .build())
    }
}

fn gone() -> DeliverError {
    Unreachable::Protocol("the session with the SMSC broke".into()).into()
}

fn octets(body: &[u8]) -> Result<OctetString<0, 255>, DeliverError> {
    let long = |_| DeliverError::Rejected { answer: "a part is too long".to_owned() };
    OctetString::from_slice(body).map_err(long)
}

/// Type of number and numbering plan: international, a name, or left to the centre.
fn plan(address: &str) -> (u8, u8) {
    if address.bytes().any(|byte| !byte.is_ascii_digit() && byte != b'+') {
        (5, 0)
    } else if !address.starts_with('0')
        && phone::to_e164(&format!("+{}", address.trim_start_matches('+'))).is_some()
    {
        (1, 1)
    } else {
        (0, 1)
    }
}
