//! One complete message, out of one or several `deliver_sm`: the body that `decode` reads, and what it becomes.

use bytes::Bytes;
use muara_normalizer::{
    Draft,
    draft::{DraftReporter, ReturnAddress},
    phone,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    pdu::{self, NATIONAL, Short, Sort},
    report,
    settings::Settings,
    text::{self, Alphabet},
};
use crate::{connector::Item, reject::Reject};

/// Stands where a part never came.
const GAP: &str = " […] ";

/// `{"pdus": ["000000…"]}`: the PDUs of one message in hexadecimal, headers included, in any order.
#[derive(Serialize, Deserialize)]
struct Body {
    pdus: Vec<String>,
}

/// The body of a message, which `decode` reads.
pub(super) fn body<T: AsRef<[u8]>>(frames: &[T]) -> Bytes {
    let pdus = frames.iter().map(hex::encode).collect();
    // text in a list is always JSON
    serde_json::to_vec(&Body { pdus }).unwrap_or_default().into()
}

/// Reads a body.
pub(super) fn read_body(body: &[u8], settings: &Settings) -> Result<Item, Reject> {
    let body: Body = serde_json::from_slice(body).map_err(|error| Reject::json(&error))?;
    let frames: Vec<_> = body
        .pdus
        .iter()
        .map(|pdu| {
            hex::decode(pdu).map_err(|_| Reject::Syntax { syntax: "hexadecimal", detail: "in `pdus`".into() })
        })
        .collect::<Result<_, _>>()?;
    read(&frames, settings)
}

/// What a message's PDUs become.
pub(super) fn read<T: AsRef<[u8]>>(frames: &[T], settings: &Settings) -> Result<Item, Reject> {
    let mut parts: Vec<_> =
        frames.iter().map(|frame| pdu::short(frame.as_ref())).collect::<Result<_, _>>()?;
    let number = |part: &Short| part.segment.map_or(1, |segment| segment.number);
    parts.sort_by_key(number);
    parts.dedup_by_key(|part| number(part));
    let Some(first) = parts.first() else { return Err(Reject::missing("pdus")) };
    match first.sort {
        Sort::Receipt => report::read(first, settings),
        Sort::Notice => Ok(Item::Ignored("a handset's or the network's own notice")),
        Sort::Message => draft(first, &parts, settings).map(|draft| Item::Draft(Box::new(draft))),
    }
}

fn draft(first: &Short, parts: &[Short], settings: &Settings) -> Result<Draft, Reject> {
    let national = first.national.then(|| format!("0{}", first.from));
    let reporter = reporter(national.as_ref().unwrap_or(&first.from));
    let named = first.from.bytes().any(|byte| !byte.is_ascii_digit() && byte != b'+');
    let mut answer = json!({ "to": first.from, "from": first.to });
    if first.national {
        answer["ton"] = NATIONAL.into();
    }
    let draft = Draft {
        text: words(parts, settings)?,
        // nobody can write to a name
        return_address: (!named && !first.from.is_empty()).then_some(ReturnAddress(answer)),
        // short codes and names are machines
        automatic: reporter.id.is_some(),
        reporter,
        ..Draft::default()
    };
    if draft.is_empty() { Err(Reject::missing("short_message")) } else { Ok(draft) }
}

/// The words of all parts. Parts that follow each other are read as one, since a character may lie across two.
fn words(parts: &[Short], settings: &Settings) -> Result<String, Reject> {
    let total = parts.iter().filter_map(|part| part.segment).map(|segment| segment.total).max().unwrap_or(1);
    let mut words = String::new();
    let mut run: Option<(Alphabet, Vec<u8>)> = None;
    for number in 1..=total {
        let part = parts.iter().find(|part| part.segment.map_or(1, |segment| segment.number) == number);
        let Some(part) = part else {
            end(&mut words, run.take())?;
            if !words.ends_with(GAP) {
                words.push_str(GAP);
            }
            continue;
        };
        let alphabet = text::alphabet(part.coding, settings.default_alphabet)?;
        let octets = match alphabet {
            Alphabet::Gsm7Packed => text::unpack(&part.body, part.header),
            _ => part.body.clone(),
        };
        match &mut run {
            Some((same, before)) if *same == alphabet => before.extend(octets),
            other => end(&mut words, other.replace((alphabet, octets)))?,
        }
    }
    end(&mut words, run)?;
    Ok(words)
}

fn end(words: &mut String, run: Option<(Alphabet, Vec<u8>)>) -> Result<(), Reject> {
    if let Some((alphabet, octets)) = run {
        words.push_str(&text::read(alphabet, &octets)?);
    }
    Ok(())
}

/// Numbers come without the plus. What is no number (a short code, a name) is an account, and stays as written.
fn reporter(from: &str) -> DraftReporter {
    if from.is_empty() {
        return DraftReporter::default();
    }
    let digits = from.strip_prefix('+').unwrap_or(from);
    // a number of the own country may come as people dial it
    let number = if digits.starts_with('0') { from.to_owned() } else { format!("+{digits}") };
    if digits.bytes().all(|byte| byte.is_ascii_digit()) && phone::to_e164(&number).is_some() {
        return DraftReporter { phone: Some(number), ..DraftReporter::default() };
    }
    DraftReporter { id: Some(from.to_owned()), ..DraftReporter::default() }
}
