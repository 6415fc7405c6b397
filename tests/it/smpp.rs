//! An SMS centre that is not ours: what citizens write is taken once and whole, and answers reach them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod centre;
mod send;
mod with_gateway;

use centre::{Centre, PASSWORD};
use muara_connectors::{
    ChannelSettings, Cursor, DeliveryReport, DeliveryState, Item, Page, Pull, PullError, Request,
    SettingsError, Verified, connector::Connector,
};
use proptest::{collection::vec, option, prelude::*, sample::select};
use serde_json::{Value, json};

fn smpp() -> &'static Connector {
    muara_connectors::find("smpp").unwrap()
}

fn channel(port: u16, more: &str) -> ChannelSettings {
    let table = format!(
        "host = \"127.0.0.1\"\nport = {port}\nsystem_id = \"muara\"\npassword = \"{PASSWORD}\"\n{more}"
    );
    ChannelSettings {
        id: "sms".parse().unwrap(),
        secret: None,
        auth: smpp().auth.clone(),
        own: (smpp().settings)(table.parse().unwrap()).unwrap(),
    }
}

/// A poller: what it has is the channel, and the cursor that is on disk.
struct Poller {
    pull: Box<dyn Pull>,
    cursor: Cursor,
}

impl Poller {
    fn new(channel: &ChannelSettings, cursor: Cursor) -> Self {
        Self { pull: (smpp().pull.unwrap())(channel).unwrap(), cursor }
    }

    /// With a session that stands.
    async fn bound(channel: &ChannelSettings, centre: &mut Centre, cursor: Cursor) -> Self {
        let mut poller = Self::new(channel, cursor);
        let page = poller.next().await.unwrap();
        assert!(page.items.is_empty() && page.cursor == poller.cursor, "the session stands, that is all");
        let bound = centre.event("bound").await;
        assert_eq!((&bound["system_id"], &bound["version"]), (&json!("muara"), &json!(0x34)));
        poller
    }

    async fn next(&mut self) -> Result<Page, PullError> {
        self.pull.next(&self.cursor).await
    }

    /// The next page that says something new, not stored yet.
    async fn page(&mut self) -> Page {
        loop {
            let page = self.next().await.unwrap();
            if !page.items.is_empty() || !page.rejects.is_empty() || page.cursor != self.cursor {
                return page;
            }
            self.pull.stored().await.unwrap();
        }
    }

    async fn store(&mut self, page: Page) -> Vec<String> {
        let texts = texts(&page);
        self.cursor = page.cursor;
        self.pull.stored().await.unwrap();
        texts
    }

    /// Takes and stores the next page.
    async fn take(&mut self) -> Vec<String> {
        let page = self.page().await;
        self.store(page).await
    }
}

fn texts(page: &Page) -> Vec<String> {
    page.drafts().map(|draft| draft.text.clone()).collect()
}

fn part(number: u8, total: u8, text: &str) -> Value {
    json!({ "udh": format!("0500032a{total:02x}{number:02x}"), "hex": hex::encode(text) })
}

#[test]
fn every_wrong_setting_is_named() {
    let wrong =
        "host = \"\"\nsystem_id = \"sangat-panjang-sekali\"\npassword = \"lebih dari delapan\"\nwindow = 0";
    let errors = (smpp().settings)(wrong.parse().unwrap()).err().unwrap();
    let keys: Vec<_> = errors
        .iter()
        .map(|error| match error {
            SettingsError::UnknownKey { key } | SettingsError::Value { key, .. } => key.as_str(),
        })
        .collect();
    assert_eq!(keys, ["window", "host", "system_id", "password"]);
    assert!(!format!("{errors:?}").contains("delapan\""), "a password is not repeated: {errors:?}");
}

proptest! {
    #[test]
    fn whatever_a_centre_sends_is_read_or_refused(
        bodies in vec(vec(any::<u8>(), 0..200), 1..4),
        lead in option::of(Just("000101363238313233000000313730380040000000000000")),
        alphabet in select(vec!["gsm7", "gsm7_packed", "latin1", "ucs2", "utf8"]),
    ) {
        let lead = hex::decode(lead.unwrap_or_default()).unwrap();
        let pdu = |body: &Vec<u8>| {
            let mut pdu = u32::try_from(16 + lead.len() + body.len()).unwrap().to_be_bytes().to_vec();
            pdu.extend([0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 1]);
            pdu.extend(lead.iter().chain(body));
            hex::encode(pdu)
        };
        let body = json!({ "pdus": bodies.iter().map(pdu).collect::<Vec<_>>() }).to_string();
        let request = Request::from_body(Some("application/json"), body.into());
        let channel = channel(1, &format!("default_alphabet = \"{alphabet}\""));
        // neither is wrong; what counts is that it comes back
        (smpp().decode)(&Verified::before(&request, &channel)).ok();
    }
}

#[tokio::test]
async fn a_wrong_password_is_said_in_words() {
    let mut centre = Centre::start().await;
    centre.tell(json!({ "do": "password", "is": "lain" })).await;
    let error = Poller::new(&channel(centre.port, ""), Cursor::default()).next().await.unwrap_err();
    assert!(matches!(error, PullError::Refused { .. }), "{error}");
    assert!(error.to_string().contains("0x0E invalid password"), "{error}");
}

#[tokio::test]
async fn a_message_is_answered_only_when_it_is_on_disk() {
    let mut centre = Centre::start().await;
    let channel = channel(centre.port, "");
    let mut poller = Poller::bound(&channel, &mut centre, Cursor::default()).await;
    centre.deliver("satu", json!({ "short_message": "Lampu mati [gang 3]" })).await;
    let page = poller.page().await;
    assert_eq!(texts(&page), ["Lampu mati [gang 3]"]);
    assert!(centre.nothing_is_answered().await);
    // the store failed, and the same page is asked for again
    let again = poller.page().await;
    assert_eq!((texts(&again), &again.cursor), (texts(&page), &page.cursor));
    assert!(centre.nothing_is_answered().await);
    poller.store(again).await;
    assert_eq!(centre.answered("satu").await, 0);
}

#[tokio::test]
async fn parts_in_any_order_make_one_message_over_a_crash() {
    let mut centre = Centre::start().await;
    let channel = channel(centre.port, "");
    let mut poller = Poller::bound(&channel, &mut centre, Cursor::default()).await;
    centre.deliver("tiga", part(3, 3, "di Cikini")).await;
    assert_eq!(poller.take().await, [""; 0]);
    assert_eq!(centre.answered("tiga").await, 0, "a centre with a window of one would wait for ever");
    centre.deliver("satu", part(1, 3, "Pohon ")).await;
    assert_eq!(poller.take().await, [""; 0]);
    assert_eq!(centre.answered("satu").await, 0);

    let disk = poller.cursor.clone();
    drop(poller);
    centre.event("unbind").await;
    let mut poller = Poller::bound(&channel, &mut centre, disk).await;
    centre.deliver("dua", part(2, 3, "tumbang ")).await;
    assert_eq!(poller.take().await, ["Pohon tumbang di Cikini"]);
    assert_eq!(centre.answered("dua").await, 0);
}

#[tokio::test]
async fn a_message_whose_part_never_comes_shows_the_gap() {
    let mut centre = Centre::start().await;
    let channel = channel(centre.port, "parts_seconds = 1");
    let mut poller = Poller::bound(&channel, &mut centre, Cursor::default()).await;
    centre.deliver("dua", part(2, 3, "banjir di Kampung Pulo")).await;
    assert_eq!(poller.take().await, [""; 0]);
    assert_eq!(poller.take().await, [" […] banjir di Kampung Pulo […] "]);
}

#[tokio::test]
async fn numbers_that_come_round_again_do_not_mix_two_messages() {
    let mut centre = Centre::start().await;
    let channel = channel(centre.port, "");
    let mut poller = Poller::bound(&channel, &mut centre, Cursor::default()).await;
    for (tag, part) in
        [("a", part(1, 2, "Jalan rusak ")), ("b", part(1, 2, "Sampah ")), ("c", part(2, 2, "di Senen"))]
    {
        centre.deliver(tag, part).await;
        let texts = poller.take().await;
        assert_eq!(texts, if tag == "c" { vec!["Sampah di Senen"] } else { vec![] });
        assert_eq!(centre.answered(tag).await, 0);
    }
}

#[tokio::test]
async fn what_was_stored_but_not_answered_is_known_when_it_comes_again() {
    let mut centre = Centre::start().await;
    let channel = channel(centre.port, "");
    let mut poller = Poller::bound(&channel, &mut centre, Cursor::default()).await;
    centre.deliver("pertama", part(1, 2, "Got mampet ")).await;
    poller.take().await;
    assert_eq!(centre.answered("pertama").await, 0);
    centre.deliver("hilang", part(2, 2, "di Tebet")).await;
    let page = poller.page().await;
    assert_eq!(texts(&page), ["Got mampet di Tebet"]);
    poller.cursor = page.cursor;
    // stored, and the connection breaks before the answer
    centre.tell(json!({ "do": "disconnect" })).await;
    centre.event("closed").await;
    while poller.pull.stored().await.is_ok() && poller.next().await.is_ok() {}

    let disk = poller.cursor;
    let mut poller = Poller::bound(&channel, &mut centre, disk).await;
    let before = poller.cursor.clone();
    centre.deliver("lagi", part(2, 2, "di Tebet")).await;
    let page = poller.next().await.unwrap();
    assert_eq!((page.items.len(), page.rejects.len()), (0, 0), "no second complaint, and no half one");
    assert_eq!(page.cursor, before, "nothing waits for its other half");
    poller.store(page).await;
    assert_eq!(centre.answered("lagi").await, 0, "or it would come for ever");
}

#[tokio::test]
async fn what_the_centre_has_read_the_answer_to_is_not_remembered_as_open() {
    let mut centre = Centre::start().await;
    let channel = channel(centre.port, "enquire_link_seconds = 1");
    let mut poller = Poller::bound(&channel, &mut centre, Cursor::default()).await;
    centre.deliver("satu", json!({ "short_message": "Air keruh" })).await;
    poller.take().await;
    assert!(poller.cursor.0.contains("\"answered\":false"), "{:?}", poller.cursor);
    assert_eq!(centre.answered("satu").await, 0);
    centre.forget();
    centre.event("enquired").await;
    centre.deliver("dua", json!({ "short_message": "Air keruh sekali" })).await;
    poller.take().await;
    assert!(poller.cursor.0.contains("\"answered\":true"), "{:?}", poller.cursor);
}

#[tokio::test]
async fn receipts_come_as_reports_and_leave_nothing_behind() {
    let mut centre = Centre::start().await;
    let channel = channel(centre.port, "");
    let mut poller = Poller::bound(&channel, &mut centre, Cursor::default()).await;
    let text = "id:id-1 sub:001 dlvrd:001 submit date:2611031010 done date:2611031011 stat:DELIVRD err:000 text:Laporan";
    centre.deliver("tanda", json!({ "esm_class": 4, "short_message": text })).await;
    let page = poller.page().await;
    let [Item::Report(DeliveryReport { vendor_id, state, at: Some(_) })] = page.items.as_slice() else {
        panic!("{:?}", page.items)
    };
    assert_eq!((vendor_id.as_str(), state), ("id-1", &DeliveryState::Delivered));
    assert_eq!(page.cursor, Cursor::default());
    poller.store(page).await;
    assert_eq!(centre.answered("tanda").await, 0);
}

#[tokio::test]
async fn what_cannot_be_read_is_kept_and_answered_and_harms_no_other() {
    let mut centre = Centre::start().await;
    let channel = channel(centre.port, "");
    let mut poller = Poller::bound(&channel, &mut centre, Cursor::default()).await;
    let broken = "0000001400000005000000000000004d00010136";
    centre.tell(json!({ "do": "raw", "hex": broken })).await;
    let page = poller.page().await;
    let [(body, _)] = page.rejects.as_slice() else { panic!("{page:?}") };
    assert_eq!(body, &json!({ "pdus": [broken] }).to_string());
    poller.store(page).await;
    // a request that is not for us, and then a message
    centre.tell(json!({ "do": "query" })).await;
    assert_eq!(centre.event("nack").await["status"], 3);
    centre.deliver("baik", json!({ "short_message": "Trotoar rusak" })).await;
    assert_eq!(poller.take().await, ["Trotoar rusak"]);
    assert_eq!(centre.answered("baik").await, 0);
}

#[tokio::test]
async fn a_pdu_beyond_all_measure_ends_the_session() {
    let mut centre = Centre::start().await;
    let channel = channel(centre.port, "");
    let mut poller = Poller::bound(&channel, &mut centre, Cursor::default()).await;
    centre.tell(json!({ "do": "raw", "hex": "7fffffff00000005000000000000004d" })).await;
    let error = poller.next().await.unwrap_err();
    assert!(matches!(error, PullError::TooLarge { .. }), "{error}");
    Poller::bound(&channel, &mut centre, poller.cursor).await;
}

#[tokio::test]
async fn a_centre_that_restarts_is_found_again() {
    let mut centre = Centre::start().await;
    let channel = channel(centre.port, "");
    let mut poller = Poller::bound(&channel, &mut centre, Cursor::default()).await;
    let port = centre.kill().await;
    assert!(matches!(poller.next().await, Err(PullError::Unreachable(_))), "the connection broke");
    assert!(matches!(poller.next().await, Err(PullError::Unreachable(_))), "nobody is there");
    let mut centre = Centre::start_at(port, &[]).await;
    poller.next().await.unwrap();
    centre.event("bound").await;
    centre.deliver("satu", json!({ "short_message": "Macet di Pancoran" })).await;
    assert_eq!(poller.take().await, ["Macet di Pancoran"]);
}

#[tokio::test]
async fn a_session_in_tls_trusts_only_the_authority_that_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let [key, certificate] = ["key.pem", "certificate.pem"].map(|name| folder.path().join(name));
    let status = std::process::Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
        ])
        .args(["-subj", "/CN=smsc", "-addext", "subjectAltName=IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE", "-keyout"])
        .args([key.as_os_str(), "-out".as_ref(), certificate.as_os_str()])
        .status()
        .unwrap();
    assert!(status.success());
    let mut centre = Centre::start_at(0, &[key, certificate.clone()]).await;
    let error = Poller::new(&channel(centre.port, "tls = true"), Cursor::default()).next().await.unwrap_err();
    assert!(error.to_string().contains("certificate"), "{error}");

    let channel = channel(centre.port, &format!("tls = true\nca_file = \"{}\"", certificate.display()));
    let mut poller = Poller::bound(&channel, &mut centre, Cursor::default()).await;
    centre.deliver("satu", json!({ "short_message": "Jembatan retak" })).await;
    assert_eq!(poller.take().await, ["Jembatan retak"]);
    assert_eq!(centre.answered("satu").await, 0);
}

#[tokio::test]
async fn a_centre_that_hangs_is_left() {
    let mut centre = Centre::start().await;
    let channel = channel(centre.port, "enquire_link_seconds = 1\nresponse_seconds = 1");
    let mut poller = Poller::bound(&channel, &mut centre, Cursor::default()).await;
    centre.tell(json!({ "do": "deaf" })).await;
    let error = poller.next().await.unwrap_err();
    assert_eq!(error.to_string(), "the vendor cannot be reached: no answer within 1 s");
}

#[tokio::test]
async fn a_centre_that_ends_the_session_is_answered() {
    let mut centre = Centre::start().await;
    let channel = channel(centre.port, "");
    let mut poller = Poller::bound(&channel, &mut centre, Cursor::default()).await;
    centre.tell(json!({ "do": "unbind" })).await;
    let error = poller.next().await.unwrap_err();
    assert!(error.to_string().contains("ended the session"), "{error}");
    centre.event("unbound").await;
}
