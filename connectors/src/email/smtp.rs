//! Answers: one message to one citizen by the channel's own SMTP server.
//!
//! The Message-ID is the outgoing id at our domain, the same in every attempt: a server or mail program that got the
//! message before an error sees the same one again. Later bounces name it ([`crate::email::bounce`]).

use std::{borrow::Cow, path::PathBuf, time::Duration};

use futures_util::future::BoxFuture;
use lettre::{
    Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    message::{
        Mailbox,
        header::{ContentType, HeaderName, HeaderValue},
    },
    transport::smtp::{
        authentication::Credentials,
        client::{Certificate, Tls, TlsParameters},
    },
};
use muara_normalizer::draft::ReturnAddress;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::sync::OnceCell;

use crate::{
    deliver::{Deliver, DeliverError, Occasion, Outgoing, Sent, Unreachable},
    email::{self, Settings, automatic::OWN_HEADER, names, server, server::Encryption},
    settings::{ChannelSettings, SettingsError},
};

/// The subject where neither the citizen nor a reference gives one.
const SUBJECT: &str = "Laporan Anda kepada Pemprov DKI Jakarta";

/// `[channels.<id>.smtp]`.
#[derive(Clone, Deserialize)]
pub(super) struct SmtpSettings {
    host: String,
    /// 465, 587 with STARTTLS, 25 without encryption.
    port: Option<u16>,
    #[serde(default)]
    tls: Encryption,
    /// More certificates to trust (PEM).
    ca_file: Option<PathBuf>,
    /// Absent for a server that lets this machine send without.
    user: Option<String>,
    password: Option<SecretString>,
    /// Who writes, e.g. `Pemprov DKI Jakarta <dki@jakarta.go.id>`.
    from: String,
    /// Where answers shall go, if not there.
    reply_to: Option<String>,
    /// How long the server may take for one step.
    #[serde(default = "half_minute")]
    timeout_seconds: u64,
}

fn half_minute() -> u64 {
    30
}

impl SmtpSettings {
    pub(super) fn check(&self) -> Vec<SettingsError> {
        let mut errors = server::check("smtp", &self.host, self.tls, self.ca_file.as_deref());
        let reply_to = self.reply_to.iter().map(|address| ("smtp.reply_to", address));
        for (key, address) in std::iter::once(("smtp.from", &self.from)).chain(reply_to) {
            if address.parse::<Mailbox>().is_err() {
                let detail = "expected an address like \"Pemprov DKI Jakarta <dki@jakarta.go.id>\"";
                errors.push(SettingsError::value(key, detail));
            }
        }
        if self.user.is_some() != self.password.is_some() {
            errors.push(SettingsError::value("smtp", "`user` and `password` go together"));
        }
        if self.timeout_seconds == 0 {
            errors.push(SettingsError::value("smtp.timeout_seconds", "must be at least 1"));
        }
        errors
    }

    /// Our address.
    pub(super) fn address(&self) -> Option<String> {
        self.from.parse::<Mailbox>().ok().map(|mailbox| mailbox.email.to_string())
    }

    /// Our domain, at which our Message-IDs are.
    pub(super) fn domain(&self) -> Option<String> {
        self.from.parse::<Mailbox>().ok().map(|mailbox| mailbox.email.domain().to_owned())
    }

    fn transport(&self) -> Result<AsyncSmtpTransport<Tokio1Executor>, DeliverError> {
        let mut parameters = TlsParameters::builder(self.host.clone());
        if let Some(file) = &self.ca_file {
            for certificate in server::certificates(file).map_err(Unreachable::Io)? {
                parameters = parameters
                    .add_root_certificate(Certificate::from_der(certificate.to_vec()).map_err(failed)?);
            }
        }
        let (tls, port) = match self.tls {
            Encryption::Tls => (Tls::Wrapper(parameters.build_rustls().map_err(failed)?), 465),
            Encryption::Starttls => (Tls::Required(parameters.build_rustls().map_err(failed)?), 587),
            Encryption::None => (Tls::None, 25),
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&self.host)
            .port(self.port.unwrap_or(port))
            .tls(tls)
            .timeout(Some(Duration::from_secs(self.timeout_seconds)));
        if let (Some(user), Some(password)) = (&self.user, &self.password) {
            builder =
                builder.credentials(Credentials::new(user.clone(), password.expose_secret().to_owned()));
        }
        Ok(builder.build())
    }
}

/// Opens the way back of a channel.
pub(super) fn open(channel: &ChannelSettings) -> Option<Box<dyn Deliver>> {
    let settings = channel.own::<Settings>()?.smtp.clone()?;
    Some(Box::new(Sender { settings, transport: OnceCell::new() }))
}

struct Sender {
    settings: SmtpSettings,
    /// Made at the first message: its pool of connections needs the runtime.
    transport: OnceCell<AsyncSmtpTransport<Tokio1Executor>>,
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
        let to: email::Mailbox = serde_json::from_value(to.0.clone()).map_err(|_| DeliverError::Address)?;
        let domain = self.settings.domain().ok_or(DeliverError::Address)?;
        let id = format!("{}@{domain}", message.id);
        let letter = letter(&self.settings, &to, message, &id)?;
        let transport = self.transport.get_or_try_init(|| async { self.settings.transport() }).await?;
        transport.send(letter).await.map_err(failed)?;
        Ok(Sent::one(id))
    }
}

/// The message. Every text of others in its head is checked or rid of control characters, so that none can add a line.
fn letter(
    settings: &SmtpSettings,
    to: &email::Mailbox,
    out: &Outgoing,
    id: &str,
) -> Result<Message, DeliverError> {
    let mailbox = |written: &str| written.parse::<Mailbox>().map_err(|_| DeliverError::Address);
    let recipient: Address = Some(to.to.trim())
        .filter(|to| names::is_address(to))
        .and_then(|to| to.parse().ok())
        .ok_or_else(|| DeliverError::NoRecipient { answer: "not an e-mail address".to_owned() })?;
    let own_id = to.message_id.as_deref().and_then(names::message_id);
    let before = to.references.iter().filter_map(|id| names::message_id(id));
    let references: Vec<String> = before.chain(own_id.clone()).map(|id| format!("<{id}>")).collect();
    let submitted = match out.occasion {
        Occasion::Receipt => "auto-replied",
        Occasion::Reply | Occasion::Answer => "auto-generated",
    };
    let mut builder = Message::builder()
        .from(mailbox(&settings.from)?)
        .to(Mailbox::new(None, recipient))
        .date(out.now.into())
        .message_id(Some(format!("<{id}>")))
        .subject(subject(to, out))
        .header(ContentType::TEXT_PLAIN);
    if let Some(address) = &settings.reply_to {
        builder = builder.reply_to(mailbox(address)?);
    }
    if let Some(own_id) = own_id {
        builder = builder.in_reply_to(format!("<{own_id}>"));
    }
    if !references.is_empty() {
        builder = builder.references(references.join(" "));
    }
    let headers = [
        ("Auto-Submitted", submitted.to_owned()),
        // Exchange answers nothing by itself then
        ("X-Auto-Response-Suppress", "OOF, AutoReply".to_owned()),
        (OWN_HEADER, out.id.to_string()),
    ];
    for (name, value) in headers {
        builder = builder.raw_header(HeaderValue::new(HeaderName::new_from_ascii_str(name), value));
    }
    let text = out.text_with_files().into_owned();
    builder
        .body(text)
        .map_err(|_| DeliverError::Rejected { answer: "the message cannot be written".to_owned() })
}

/// `Re: Lampu jalan mati [7K3M-9QXW-C]`
fn subject(to: &email::Mailbox, out: &Outgoing) -> String {
    let known = to.subject.as_deref().unwrap_or_default();
    let known: String = known.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect();
    let mut subject = match known.trim() {
        "" => SUBJECT.to_owned(),
        known => format!("Re: {known}"),
    };
    if let Some(reference) = &out.reference {
        subject += &format!(" [{reference}]");
    }
    subject
}

/// What an error of the server's or of the way to it means. The server's words may hold the citizen's address, so only
/// its codes are told.
fn failed(error: lettre::transport::smtp::Error) -> DeliverError {
    let Some(code) = error.status() else {
        return match error.is_timeout() {
            true => DeliverError::Unreachable(Unreachable::Protocol(Cow::Borrowed("no answer in time"))),
            false => DeliverError::Unreachable(Unreachable::Protocol(Cow::Owned(error.to_string()))),
        };
    };
    let code = code.to_string();
    let answer = match enhanced(&error.to_string()) {
        Some(enhanced) => format!("SMTP {code} {enhanced}"),
        None => format!("SMTP {code}"),
    };
    match code.as_str() {
        // closing down, or out of space: nobody's message is taken now
        "421" | "452" => DeliverError::Throttled { retry_after: None },
        "530" | "534" | "535" | "538" => DeliverError::Refused { answer },
        "510" | "511" | "512" | "550" | "551" | "553" | "556" => DeliverError::NoRecipient { answer },
        _ if error.is_transient() => DeliverError::Vendor { answer },
        _ => DeliverError::Rejected { answer },
    }
}

/// The enhanced status code (RFC 3463) in a server's answer, e.g. `5.1.1`.
fn enhanced(answer: &str) -> Option<&str> {
    answer.split([' ', '-', ':', '\n']).find(|word| {
        let parts: Vec<&str> = word.split('.').collect();
        let digits =
            |part: &&str| !part.is_empty() && part.len() <= 3 && part.bytes().all(|b| b.is_ascii_digit());
        parts.len() == 3 && parts.iter().all(digits) && word.starts_with(['4', '5'])
    })
}
