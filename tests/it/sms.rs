//! Sending by Twilio and Infobip: what they are asked, and what their answers and codes mean.
#![allow(clippy::unwrap_used)]

use muara_connectors::{
    ChannelSettings, Contact, Deliver,
    deliver::{DeliverError, Verdict},
};
use muara_normalizer::draft::{Attachment, ReturnAddress};
use muara_tests::callbacks::{Call, Callbacks};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::callback::{Expected, message};

fn channel(connector: &str, table: &str) -> ChannelSettings {
    muara_tests::install_tls_provider();
    let connector = muara_connectors::find(connector).unwrap();
    ChannelSettings {
        id: "sms".parse().unwrap(),
        secret: Some("auth-token".into()),
        auth: connector.auth.clone(),
        own: (connector.settings)(table.parse().unwrap()).unwrap(),
    }
}

fn twilio(vendor: &Callbacks, more: &str) -> ChannelSettings {
    let table = format!(
        "public_url = \"https://pengaduan.example\"\n[send]\naccount_sid = \"AC01\"\napi_url = \"{}\"\n{more}",
        vendor.url("")
    );
    channel("twilio", &table)
}

fn open(connector: &str, channel: &ChannelSettings) -> Box<dyn Deliver> {
    (muara_connectors::find(connector).unwrap().deliver.unwrap())(channel).unwrap()
}

fn form(call: &Call) -> Vec<(String, String)> {
    serde_urlencoded::from_bytes(&call.body).unwrap()
}

fn pair(name: &str, text: &str) -> (String, String) {
    (name.to_owned(), text.to_owned())
}

/// The address that an incoming message gives.
fn to() -> ReturnAddress {
    ReturnAddress(json!({ "to": "whatsapp:+6281234567890", "from": "whatsapp:+6281100001111" }))
}

#[tokio::test]
async fn twilio_answers_from_the_number_the_citizen_wrote_to() {
    let vendor = Callbacks::listen().await;
    let callback = "status_callback = \"https://pengaduan.example/in/sms\"\nfrom = \"+6221500\"";
    let sms = open("twilio", &twilio(&vendor, callback));
    vendor.will_say(201, &json!({"sid": "SM1", "status": "queued"}));
    let sent = sms.deliver(&to(), &message(None, "Baik")).await.unwrap();
    assert_eq!(sent.vendor_ids, ["SM1"]);
    let call = vendor.calls().remove(0);
    assert_eq!(call.path, "/2010-04-01/Accounts/AC01/Messages.json");
    // AC01:auth-token
    assert_eq!(call.header("authorization"), "Basic QUMwMTphdXRoLXRva2Vu");
    let expected = [
        pair("To", "whatsapp:+6281234567890"),
        pair("Body", "Laporan Anda: Baik"),
        pair("From", "whatsapp:+6281100001111"),
        pair("StatusCallback", "https://pengaduan.example/in/sms"),
    ];
    assert_eq!(form(&call), expected);
    // as a way that stands in, only the citizen's number is known
    let contact = Contact { phone: Some("+6281234567890".to_owned()), email: None };
    let address = muara_connectors::find("twilio").unwrap().address.unwrap();
    let address = address(&contact, &twilio(&vendor, callback)).unwrap();
    vendor.will_say(201, &json!({"sid": "SM2"}));
    sms.deliver(&address, &message(None, "Baik")).await.unwrap();
    assert_eq!(form(&vendor.calls()[1])[2], pair("From", "+6221500"));
    let whatsapp = twilio(&vendor, "from = \"whatsapp:+6221500\"");
    let stands_in = muara_connectors::find("twilio").unwrap().address.unwrap();
    let address = stands_in(&contact, &whatsapp).unwrap();
    assert_eq!(address.0["to"], "whatsapp:+6281234567890", "WhatsApp writes to WhatsApp");
}

#[tokio::test]
async fn a_long_text_goes_to_twilio_in_parts_in_order() {
    let vendor = Callbacks::listen().await;
    let sms = open("twilio", &twilio(&vendor, ""));
    let words: Vec<_> = (0..600).map(|number| format!("kata{number}")).collect();
    for part in ["SM1", "SM2", "SM3"] {
        vendor.will_say(201, &json!({ "sid": part }));
    }
    let sent = sms.deliver(&to(), &message(None, &words.join(" "))).await.unwrap();
    assert_eq!(sent.vendor_ids, ["SM1", "SM2", "SM3"]);
    let bodies: Vec<_> = vendor.calls().iter().map(|call| form(call)[1].1.clone()).collect();
    assert!(bodies.iter().all(|body| body.chars().count() <= 1600));
    assert_eq!(bodies.join(" "), format!("Laporan Anda: {}", words.join(" ")), "no word is lost or cut");
}

#[tokio::test]
async fn twilios_codes_decide_what_becomes_of_a_reply() {
    let vendor = Callbacks::listen().await;
    let sms = open("twilio", &twilio(&vendor, ""));
    let cases: [(u16, u64, Expected); 7] = [
        (400, 21610, |error| matches!(error, DeliverError::Blocked { .. })),
        (400, 21211, |error| matches!(error, DeliverError::NoRecipient { .. })),
        (400, 63016, |error| matches!(error, DeliverError::WindowClosed)),
        (429, 20429, |error| matches!(error, DeliverError::Throttled { .. })),
        (401, 20003, |error| matches!(error, DeliverError::Refused { .. })),
        (500, 20500, |error| matches!(error, DeliverError::Vendor { .. })),
        (400, 21617, |error| matches!(error, DeliverError::Rejected { .. })),
    ];
    for (status, code, expected) in cases {
        vendor.will_say(status, &json!({"code": code, "message": "Budi 0812"}));
        let error = sms.deliver(&to(), &message(None, "Baik")).await.unwrap_err();
        assert!(expected(&error), "{code}: {error:?}");
        assert!(!error.to_string().contains("Budi"), "the vendor's words may hold the citizen's: {error}");
    }
    vendor.will(503, None);
    let error = sms.deliver(&to(), &message(None, "Baik")).await.unwrap_err();
    assert_eq!(error.verdict(), Verdict::Retry);
    // taken is taken: sent again it would come twice
    vendor.will(201, None);
    assert!(sms.deliver(&to(), &message(None, "Baik")).await.unwrap().vendor_ids.is_empty());
    vendor.leads_to("/elsewhere");
    let error = sms.deliver(&to(), &message(None, "Baik")).await.unwrap_err();
    assert_eq!(error.verdict(), Verdict::Retry);
    assert!(
        vendor.calls().iter().all(|call| call.path.starts_with("/2010-04-01/")),
        "nothing went elsewhere"
    );
}

#[tokio::test]
async fn files_of_mms_are_asked_for_with_the_accounts_token_and_only_at_twilio() {
    let vendor = Callbacks::listen().await;
    let channel = twilio(&vendor, "");
    let media = (muara_connectors::find("twilio").unwrap().media.unwrap())(&channel).unwrap();
    let at = |url: String| Attachment::Url { url, content_type: None };
    let own = media.locate(&at(vendor.url("/Media/ME1"))).await.unwrap();
    assert!(own.configured);
    assert_eq!(own.headers[0].1.expose_secret(), "Basic QUMwMTphdXRoLXRva2Vu");
    assert!(!format!("{own:?}").contains("QUMw"));
    let strange = media.locate(&at("https://elsewhere.example/x.jpg".to_owned())).await.unwrap();
    assert!(strange.headers.is_empty() && !strange.configured);
}

fn infobip(vendor: &Callbacks) -> ChannelSettings {
    let table = format!(
        "[send]\napi_url = \"{}\"\napi_key = \"kunci\"\nfrom = \"JAKARTA\"\n\
         notify_url = \"https://pengaduan.example/in/sms/rahasia\"\n",
        vendor.url("")
    );
    channel("infobip", &table)
}

fn taken(group: &str, name: &str) -> Value {
    json!({"messages": [{"messageId": "m-1", "to": "6281234567890", "status": {"groupName": group, "name": name}}]})
}

#[tokio::test]
async fn infobip_is_asked_with_an_id_of_ours_and_says_what_it_cannot_send() {
    let vendor = Callbacks::listen().await;
    let sms = open("infobip", &infobip(&vendor));
    let to = ReturnAddress(json!({ "to": "6281234567890", "from": "6281100001111" }));
    vendor.will_say(200, &taken("PENDING", "PENDING_ACCEPTED"));
    let asked = message(None, "Baik");
    assert_eq!(sms.deliver(&to, &asked).await.unwrap().vendor_ids, ["m-1"]);
    let call = vendor.calls().remove(0);
    assert_eq!((call.path.as_str(), call.header("authorization")), ("/sms/3/messages", "App kunci"));
    let sent = &call.json()["messages"][0];
    assert_eq!(sent["sender"], "6281100001111");
    assert_eq!(sent["destinations"], json!([{"to": "6281234567890", "messageId": asked.id.to_string()}]));
    assert_eq!(sent["content"]["text"], "Laporan Anda: Baik");
    assert_eq!(sent["webhooks"]["delivery"]["url"], "https://pengaduan.example/in/sms/rahasia");
    vendor.will_say(200, &taken("REJECTED", "REJECTED_DESTINATION"));
    let error = sms.deliver(&to, &asked).await.unwrap_err();
    assert!(matches!(error, DeliverError::NoRecipient { .. }), "{error}");
    vendor.will_say(200, &taken("REJECTED", "REJECTED_NOT_ENOUGH_CREDITS"));
    let error = sms.deliver(&to, &asked).await.unwrap_err();
    assert_eq!(error.verdict(), Verdict::Pause(None), "replies wait until the account is paid for: {error}");
    vendor.will_say(200, &taken("REJECTED", "REJECTED_MESSAGE_TOO_LONG"));
    assert_eq!(sms.deliver(&to, &asked).await.unwrap_err().verdict(), Verdict::Final);
    vendor.will_say(200, &taken("REJECTED", "REJECTED_DUPLICATE_MESSAGE_ID"));
    assert!(sms.deliver(&to, &asked).await.is_ok(), "an attempt whose answer was lost had arrived");
    vendor.will_say(200, &json!("not what was promised"));
    assert_eq!(sms.deliver(&to, &asked).await.unwrap().vendor_ids, [asked.id.to_string()]);
    vendor.will(401, None);
    assert!(matches!(sms.deliver(&to, &asked).await.unwrap_err(), DeliverError::Refused { .. }));
}
