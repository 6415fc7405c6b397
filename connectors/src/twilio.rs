//! Twilio: SMS, MMS and WhatsApp by the incoming message webhook.
//!
//! Documented at <https://www.twilio.com/docs/messaging/guides/webhook-request>, the signature at
//! <https://www.twilio.com/docs/usage/webhooks/webhooks-security>. A message is a form:
//!
//! ```text
//! ToCountry=ID&MessageSid=SM0123456789abcdef0123456789abcdef&NumSegments=2&AccountSid=AC…&SmsStatus=received
//!   &From=%2B6281234567890&To=%2B6281100001111&Body=Lampu+jalan+mati&NumMedia=1
//!   &MediaContentType0=image%2Fjpeg&MediaUrl0=https%3A%2F%2Fapi.twilio.com%2F2010-04-01%2F…%2FMedia%2FME01
//! ```
//! WhatsApp writes `From=whatsapp:+62…` and adds `ProfileName`, `Latitude`, `Longitude`, `Address`, `Label`, and
//! `ExternalUserId` where the citizen hides the number. A flow of Twilio Studio may send the same names as JSON,
//! which is signed by `bodySHA256` in the query. Nowhere does it say when the message was sent.
//!
//! ```toml
//! [channels.sms]
//! connector = "twilio"
//! secret = "${env:TWILIO_AUTH_TOKEN}"
//! public_url = "https://pengaduan.example"   # what Twilio calls, before `/in/sms`
//!
//! [channels.sms.send]                       # absent where the channel only takes messages in
//! account_sid = "${env:TWILIO_ACCOUNT_SID}"
//! from = "+6281100001111"
//! status_callback = "https://pengaduan.example/in/sms"
//! ```

mod deliver;

use std::borrow::Cow;

use muara_normalizer::{
    Draft, ExternalId,
    draft::{Attachment, DraftPlace, DraftReporter, ReturnAddress},
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    answer::{Answer, Reply},
    connector::{Connector, Decoded, DeliveryReport, Item},
    reject::Reject,
    settings::{self, ChannelSettings, OwnSettings, SettingsError},
    value,
    verify::{Auth, PublicUrl, Verified},
};

/// The connector.
pub static CONNECTOR: Connector = Connector {
    title: "Twilio (SMS, WhatsApp)",
    docs: "https://www.twilio.com/docs/messaging/guides/webhook-request",
    auth: Auth::UrlSigned { header: Cow::Borrowed("X-Twilio-Signature") },
    // it tries again only where it could not connect, unless the address says `#rp=all`
    redelivers: false,
    media_types: &[value::FORM, "application/json"],
    answer: Answer::Own(|_| Reply {
        status: 200,
        content_type: Some("text/xml"),
        // no <Message>: Twilio would send it to the citizen
        body: r#"<?xml version="1.0" encoding="UTF-8"?><Response></Response>"#.to_owned(),
    }),
    settings,
    decode,
    deliver: Some(|channel| Some(Box::new(account(channel)?))),
    address: Some(|contact, channel| {
        deliver::address(contact, channel.own::<Option<deliver::SendSettings>>()?.as_ref()?)
    }),
    media: Some(|channel| Some(Box::new(account(channel)?))),
    reports: true,
    chat: true,
    ..Connector::WEBHOOK
};

fn account(channel: &ChannelSettings) -> Option<deliver::Account> {
    deliver::Account::of(channel.own::<Option<deliver::SendSettings>>()?.as_ref()?, channel)
}

/// The connector's own keys.
#[derive(Deserialize)]
struct Settings {
    /// The public address that Twilio calls and signs.
    public_url: PublicUrl,
    /// The account to send by.
    send: Option<deliver::SendSettings>,
}

fn settings(table: toml::Table) -> Result<OwnSettings, Vec<SettingsError>> {
    let Settings { public_url, send } = settings::read(table)?;
    let errors: Vec<_> = send.iter().flat_map(deliver::SendSettings::check).collect();
    if errors.is_empty() { Ok(OwnSettings::new(send).with_public_url(public_url)) } else { Err(errors) }
}

/// What becomes of a message that we sent. In such a report `From` is our own number.
const SENT_STATES: &[&str] = &[
    "accepted",
    "canceled",
    "delivered",
    "failed",
    "partially_delivered",
    "queued",
    "read",
    "scheduled",
    "sending",
    "sent",
    "undelivered",
];

fn decode(verified: &Verified<'_>) -> Result<Decoded, Reject> {
    let message = match verified.request().media_type().as_deref() {
        Some("application/json") => value::parse(value::without_mark(verified.body()))?,
        _ => value::form(verified.body())?,
    };
    if !message.is_object() {
        return Err(Reject::Shape { expected: "an object with `MessageSid`, `From` and `Body`" });
    }
    let message = Message(message);
    if let Some(report) = message.report()? {
        return Ok(Decoded { items: vec![report] });
    }
    match message.not_for_us()? {
        Some(reason) => Ok(Decoded::ignored(reason)),
        None => message.draft().map(Decoded::draft),
    }
}

/// The parameters of one message.
struct Message(Value);

impl Message {
    fn text(&self, name: &str) -> Result<Option<String>, Reject> {
        value::member(&self.0, name)
    }

    /// What became of a message of ours.
    fn report(&self) -> Result<Option<Item>, Reject> {
        let Some(state) = self.text("MessageStatus")?.or(self.text("SmsStatus")?) else { return Ok(None) };
        // a state that Twilio has invented since is a report as well, if nobody says anything
        let reported =
            SENT_STATES.contains(&state.as_str()) || (state != "received" && self.0.get("Body").is_none());
        if !reported {
            return Ok(None);
        }
        let code = self.text("ErrorCode")?;
        let (id, state) = (self.text("MessageSid")?, deliver::state(&state, code.as_deref()));
        Ok(Some(match id.zip(state) {
            Some((vendor_id, state)) => Item::Report(DeliveryReport { vendor_id, state, at: None }),
            None => Item::Ignored("a delivery report of a message on its way"),
        }))
    }

    fn not_for_us(&self) -> Result<Option<&'static str>, Reject> {
        let from = self.text("From")?;
        if from.is_some() && from == self.text("To")? {
            return Ok(Some("sent by the channel's own number"));
        }
        // HELP goes on: where somebody is in danger it is no keyword
        Ok(match self.text("OptOutType")?.as_deref() {
            Some("STOP" | "START") => Some("an opt-out keyword that Twilio has answered"),
            _ => None,
        })
    }

    fn draft(&self) -> Result<Draft, Reject> {
        let id = self.text("MessageSid")?.ok_or_else(|| Reject::missing("MessageSid"))?;
        let from = self.text("From")?;
        let place = self.place()?;
        // a location sent by itself says no more than its name
        let text = match self.text("Body")? {
            None => place.address.clone().unwrap_or_default(),
            Some(body) => body,
        };
        let draft = Draft {
            external_id: ExternalId::new(id.trim()),
            text,
            place,
            reporter: self.reporter(from.as_deref())?,
            attachments: self.attachments()?,
            return_address: match from {
                None => None,
                Some(from) => Some(ReturnAddress(json!({ "to": from, "from": self.text("To")? }))),
            },
            ..Draft::default()
        };
        if draft.is_empty() && !draft.has_point() {
            Err(Reject::missing("Body, MediaUrl0 or Latitude"))
        } else {
            Ok(draft)
        }
    }

    /// A number where there is one, so that SMS and WhatsApp of one citizen are one person's; else the account,
    /// or whatever the sender is: a short code, a name.
    fn reporter(&self, from: Option<&str>) -> Result<DraftReporter, Reject> {
        let number = from.map(|from| from.split_once(':').map_or(from, |(_, address)| address));
        let phone = number.filter(|number| {
            number.strip_prefix('+').is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
        });
        let id = match phone {
            Some(_) => None,
            None => self.text("ExternalUserId")?.or_else(|| from.map(str::to_owned)),
        };
        let name = self.text("ProfileName")?;
        Ok(DraftReporter { id, name, phone: phone.map(str::to_owned), ..DraftReporter::default() })
    }

    fn place(&self) -> Result<DraftPlace, Reject> {
        let names: Vec<String> = [self.text("Label")?, self.text("Address")?].into_iter().flatten().collect();
        Ok(DraftPlace {
            lat: self.degrees("Latitude")?,
            lon: self.degrees("Longitude")?,
            address: Some(names.join(", ")).filter(|address| !address.is_empty()),
            ..DraftPlace::default()
        })
    }

    fn degrees(&self, name: &str) -> Result<Option<f64>, Reject> {
        if let Some(Value::Number(number)) = self.0.get(name) {
            return Ok(number.as_f64());
        }
        let Some(text) = self.text(name)? else { return Ok(None) };
        let wrong = || Reject::Field { field: name.to_owned(), detail: "expected a number".to_owned() };
        value::number(&text).map(Some).ok_or_else(wrong)
    }

    /// Whatever `NumMedia` says, no file that is there is left out.
    fn attachments(&self) -> Result<Vec<Attachment>, Reject> {
        let members = self.0.as_object().into_iter().flat_map(|members| members.keys());
        let mut numbers: Vec<u32> =
            members.filter_map(|name| name.strip_prefix("MediaUrl")?.parse().ok()).collect();
        numbers.sort_unstable();
        let mut attachments = Vec::with_capacity(numbers.len());
        for number in numbers {
            let Some(url) = self.text(&format!("MediaUrl{number}"))? else { continue };
            let content_type = self.text(&format!("MediaContentType{number}"))?;
            attachments.push(Attachment::Url { url, content_type });
        }
        Ok(attachments)
    }
}
