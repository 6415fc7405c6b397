//! E-mail: IMAP in (RFC 3501, IDLE of RFC 2177), SMTP out (RFC 5321). What `decode` reads is one message (RFC 5322).
//!
//! ```toml
//! [channels.email]
//! connector = "email"
//! addresses = ["dki@jakarta.go.id"]      # ours beside smtp.from and imap.user
//! [channels.email.imap]
//! host = "imap.jakarta.go.id"            # port 993, or 143 without "tls"
//! tls = "tls"                            # or "starttls"; "none" only to this machine
//! user = "dki@jakarta.go.id"
//! password = "${env:EMAIL_PASSWORD}"
//! folders = ["INBOX"]                    # the first one is watched by IDLE, all are polled
//! after = "seen"                         # or "keep", or { move = "Muara" }
//! backlog = "unseen"                     # or "all": which messages the first look of all takes
//! [channels.email.smtp]
//! host = "smtp.jakarta.go.id"            # port 465, 587 with "starttls", 25 with "none"
//! tls = "tls"
//! user = "dki@jakarta.go.id"
//! password = "${env:EMAIL_PASSWORD}"
//! from = "Pemprov DKI Jakarta <dki@jakarta.go.id>"
//! ```
//!
//! ```text
//! From: Siti <siti@example.org>
//! To: dki@jakarta.go.id
//! Subject: Re: [7K3M-9QXW-C] Lampu jalan mati
//! Message-ID: <b@example.org>
//! In-Reply-To: <0192f0c4-0000-7000-8000-000000000001@jakarta.go.id>
//!
//! Sudah tiga malam belum menyala.
//! ```
//!
//! * A message is known by its Message-ID, without one by a hash of its bytes.
//! * `replies_to` holds Message-IDs without their brackets; a reference in the subject stands before them as
//!   `ref:7K3M-9QXW-C`.
//! * Machines (lists, newsletters, absence notes) are heard, but marked: they get no automatic answer. What came from
//!   our own address is not heard at all, so that two systems cannot talk to each other for ever.
//! * Verdicts on SPF, DKIM and spam are the mail server's and are not read.

mod automatic;
mod body;
mod bounce;
mod imap;
mod names;
mod page;
mod quoted;
mod server;
mod smtp;

use std::panic::{AssertUnwindSafe, catch_unwind};

use mail_parser::{Address, Message, MessageParser};
use muara_normalizer::{
    Draft, ExternalId,
    draft::{DraftReporter, ReturnAddress, SourceTime},
    text,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    connector::{Connector, Decoded, Item},
    deliver::Contact,
    reject::Reject,
    settings::{self, ChannelSettings, OwnSettings, SettingsError},
    verify::{Auth, Verified},
};

/// The connector.
pub static CONNECTOR: Connector = Connector {
    title: "E-mail",
    docs: "https://www.rfc-editor.org/rfc/rfc5322",
    auth: Auth::Pull,
    redelivers: true,
    media_types: &["message/rfc822"],
    settings,
    decode,
    pull: Some(imap::open),
    deliver: Some(smtp::open),
    address: Some(address),
    ..Connector::WEBHOOK
};

/// The connector's own keys.
#[derive(Deserialize)]
struct Settings {
    /// More addresses of ours: what comes from them is not heard.
    #[serde(default)]
    addresses: Vec<String>,
    imap: Option<imap::ImapSettings>,
    smtp: Option<smtp::SmtpSettings>,
}

impl Settings {
    /// Our addresses in lower case.
    fn own_addresses(&self) -> impl Iterator<Item = String> + '_ {
        let from = self.smtp.iter().filter_map(smtp::SmtpSettings::address);
        let user = self.imap.iter().map(|imap| imap.user.clone()).filter(|user| user.contains('@'));
        self.addresses.iter().cloned().chain(from).chain(user).map(|address| address.to_lowercase())
    }

    fn is_own(&self, address: &str) -> bool {
        let address = address.trim().to_lowercase();
        self.own_addresses().any(|own| own == address)
    }

    /// Whether this Message-ID is one that we gave: an outgoing id at our domain.
    fn gave(&self, message_id: &str) -> bool {
        let Some((local, domain)) = message_id.rsplit_once('@') else { return false };
        let ours = self.smtp.as_ref().and_then(smtp::SmtpSettings::domain);
        uuid::Uuid::try_parse(local).is_ok() && ours.is_some_and(|ours| ours.eq_ignore_ascii_case(domain))
    }
}

fn settings(table: toml::Table) -> Result<OwnSettings, Vec<SettingsError>> {
    let read: Settings = settings::read(table)?;
    let mut errors = Vec::new();
    errors.extend(read.imap.iter().flat_map(imap::ImapSettings::check));
    errors.extend(read.smtp.iter().flat_map(smtp::SmtpSettings::check));
    let wrong = read.addresses.iter().filter(|address| !names::is_address(address));
    errors.extend(
        wrong.map(|_| SettingsError::value("addresses", "expected addresses like \"dki@jakarta.go.id\"")),
    );
    if errors.is_empty() { Ok(OwnSettings::new(read)) } else { Err(errors) }
}

/// Where an answer goes.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Mailbox {
    to: String,
    /// The message that is answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    message_id: Option<String>,
    /// The messages before it, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    references: Vec<String>,
    /// Its subject, without prefixes and references.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
}

impl Mailbox {
    fn write(&self) -> Option<ReturnAddress> {
        serde_json::to_value(self).ok().map(ReturnAddress)
    }
}

fn address(contact: &Contact, _: &ChannelSettings) -> Option<ReturnAddress> {
    let to = contact.email.as_deref().map(str::trim).filter(|email| names::is_address(email))?;
    Mailbox { to: to.to_owned(), ..Mailbox::default() }.write()
}

fn decode(verified: &Verified<'_>) -> Result<Decoded, Reject> {
    let settings = verified.settings().own::<Settings>().ok_or(Reject::Fault)?;
    let raw = verified.body();
    // The parsers of MIME and HTML are made for what anybody may send, and still have panicked on it before: such a
    // message goes into quarantine and does not stop the folder.
    let item = catch_unwind(AssertUnwindSafe(|| read(raw, settings))).unwrap_or(Err(Reject::Fault))?;
    Ok(Decoded { items: vec![item] })
}

/// What is in one message.
fn read(raw: &[u8], settings: &Settings) -> Result<Item, Reject> {
    let message = parse(raw)?;
    if let Some(item) = bounce::read(&message, settings) {
        return Ok(item);
    }
    let from = sender(&message);
    let ours = from.as_ref().is_some_and(|from| settings.is_own(&from.address));
    if ours || message.header_raw(automatic::OWN_HEADER).is_some() {
        return Ok(Item::Ignored("our own mail"));
    }
    let draft = draft(&message, raw, from, settings);
    if draft.is_empty() {
        return Err(Reject::missing("Subject, text or attachment"));
    }
    Ok(Item::Draft(Box::new(draft)))
}

fn parse(raw: &[u8]) -> Result<Message<'_>, Reject> {
    let broken = |detail: &str| Reject::Syntax { syntax: "RFC 5322 message", detail: detail.to_owned() };
    let message = MessageParser::default().parse(raw).ok_or_else(|| broken("there are no headers"))?;
    // a text without headers parses as a message without a sender, a date and a subject
    let headed = message.from().is_some() || message.date().is_some() || message.subject().is_some();
    if headed { Ok(message) } else { Err(broken("there is neither From nor Date nor Subject")) }
}

fn draft(message: &Message<'_>, raw: &[u8], from: Option<Sender>, settings: &Settings) -> Draft {
    let own_id = message.message_id().and_then(names::message_id);
    let references = names::message_ids(message.references());
    let in_reply_to = names::message_ids(message.in_reply_to());
    let subject = names::subject(message.subject().unwrap_or_default());
    let whole = body::text(message);
    let said = quoted::strip(&whole);
    let automatic = automatic::is_automatic(message, from.as_ref().map(|from| from.address.as_str()));

    let mut replies_to: Vec<String> =
        subject.references.iter().map(|reference| format!("ref:{reference}")).collect();
    for id in in_reply_to.iter().chain(references.iter().rev()) {
        if !replies_to.contains(id) {
            replies_to.push(id.clone());
        }
    }
    let thread = references.first().or(in_reply_to.first()).or(own_id.as_ref()).cloned();
    // an answer to ourselves would come back for ever
    let to = reply_to(message).or_else(|| from.as_ref().map(|from| from.address.clone()));
    let to = to.filter(|to| !settings.is_own(to));
    let known = if references.is_empty() { in_reply_to } else { references };
    let return_address = to.and_then(|to| {
        Mailbox {
            to,
            message_id: own_id.clone(),
            references: names::shortened(known),
            subject: subject.title.clone(),
        }
        .write()
    });
    Draft {
        external_id: ExternalId::new(own_id.unwrap_or_else(|| fingerprint(raw))),
        thread,
        title: subject.title,
        original: (said != whole).then_some(whole),
        text: said,
        reporter: from.map(Sender::reporter).unwrap_or_default(),
        attachments: body::attachments(message),
        sent_at: message
            .date()
            .filter(|date| date.is_valid())
            .map(|date| SourceTime::unix(date.to_timestamp())),
        automatic,
        replies_to,
        return_address,
        ..Draft::default()
    }
}

/// What knows a message without a Message-ID again.
fn fingerprint(raw: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(raw)))
}

/// Who wrote.
struct Sender {
    address: String,
    name: Option<String>,
}

impl Sender {
    fn reporter(self) -> DraftReporter {
        DraftReporter { name: self.name, email: Some(self.address), ..DraftReporter::default() }
    }
}

fn sender(message: &Message<'_>) -> Option<Sender> {
    let first = |address: Option<&Address<'_>>| {
        let address = address?.iter().find(|address| address.address().is_some_and(names::is_address))?;
        let name = address.name().filter(|name| text::has_words(name)).map(str::to_owned);
        Some(Sender { address: address.address()?.trim().to_owned(), name })
    };
    first(message.from()).or_else(|| first(message.sender()))
}

fn reply_to(message: &Message<'_>) -> Option<String> {
    let address =
        message.reply_to()?.iter().find_map(|address| address.address().filter(|a| names::is_address(a)))?;
    Some(address.trim().to_owned())
}
