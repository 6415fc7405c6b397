//! E-mail: a real Dovecot that hangs, dies and is renumbered loses nothing and brings nothing twice; answers go by a real
//! SMTP server.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod dovecot;
mod smtp;

use std::{net::SocketAddr, time::Duration};

use muara_connectors::{
    ChannelSettings, Connector, Cursor, Decoded, Page, Pull, PullError, Reject, Request, Verified,
};
use muara_normalizer::Draft;
use muara_tests::{
    chaos::ChaosProxy,
    gateway::{Gateway, PATIENCE},
};
use tokio::time::timeout;

use dovecot::{Dovecot, PASSWORD, USER};

fn email() -> &'static Connector {
    muara_connectors::find("email").unwrap()
}

fn channel(table: &str) -> ChannelSettings {
    ChannelSettings {
        id: "email".parse().unwrap(),
        secret: None,
        auth: email().auth.clone(),
        own: (email().settings)(table.parse().unwrap()).unwrap(),
    }
}

fn decoded(connector: &Connector, table: &str, raw: &[u8]) -> Result<Decoded, Reject> {
    let request = Request::from_body(Some("message/rfc822"), raw.to_vec().into());
    (connector.decode)(&Verified::before(&request, &channel(table)))
}

/// `[imap]` for a server, with other keys below. What is not told is polled after ten minutes only.
fn table(address: SocketAddr, more: &str) -> String {
    let mut table = format!(
        "host = \"127.0.0.1\"\nport = {}\ntls = \"none\"\nuser = \"{USER}\"\npoll_seconds = 600\n{more}\n",
        address.port()
    );
    if !more.contains("password") {
        table += &format!("password = \"{PASSWORD}\"\n");
    }
    if !more.contains("idle_seconds") {
        table += "idle_seconds = 300\n";
    }
    table
}

/// A channel's pull with its cursor, as the poller keeps it.
struct Poller {
    pull: Box<dyn Pull>,
    cursor: Cursor,
}

impl Poller {
    fn new(address: SocketAddr, more: &str) -> Self {
        let channel = channel(&format!("[imap]\n{}", table(address, more)));
        Self { pull: (email().pull.unwrap())(&channel).unwrap(), cursor: Cursor::default() }
    }

    /// The next page, stored.
    async fn next(&mut self) -> Result<Page, PullError> {
        let page = self.fetched().await?;
        self.cursor = page.cursor.clone();
        self.pull.stored().await?;
        Ok(page)
    }

    /// The next page, not stored yet.
    async fn fetched(&mut self) -> Result<Page, PullError> {
        timeout(PATIENCE, self.pull.next(&self.cursor)).await.expect("the pull hangs")
    }

    /// Pages until there is nothing more now.
    async fn rest(&mut self) -> Vec<Draft> {
        let mut drafts = Vec::new();
        loop {
            let page = self.next().await.unwrap();
            drafts.extend(page.drafts().cloned());
            if !page.more {
                return drafts;
            }
        }
    }
}

fn ids(drafts: &[Draft]) -> Vec<String> {
    drafts.iter().map(|draft| draft.external_id.as_ref().unwrap().as_str().to_owned()).collect()
}

fn letter(number: u32) -> Vec<u8> {
    format!(
        "From: Warga {number} <warga{number}@warga.example>\r\nTo: {USER}\r\nSubject: Lampu {number} mati\r\nDate: Tue, 3 Nov 2026 10:10:00 +0700\r\nMessage-ID: <m{number}@warga.example>\r\n\r\nLampu jalan nomor {number} mati.\r\n"
    )
    .into_bytes()
}

#[tokio::test]
async fn a_new_message_is_told_by_the_server() {
    let server = Dovecot::launch().await;
    server.deliver("INBOX", &letter(1));
    let mut poller = Poller::new(server.address(), "");
    let first = poller.next().await.unwrap();
    assert_eq!(ids(&first.drafts().cloned().collect::<Vec<_>>()), ["m1@warga.example"]);
    assert_eq!(server.flags("INBOX"), ["S"]);

    // a poll would come after ten minutes only
    let (page, ()) = tokio::join!(poller.next(), async { server.deliver("INBOX", &letter(2)) });
    let drafts: Vec<_> = page.unwrap().drafts().cloned().collect();
    assert_eq!(ids(&drafts), ["m2@warga.example"]);
    assert_eq!(drafts[0].text, "Lampu jalan nomor 2 mati.");
    assert!(poller.pull.interval() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_message_stays_unread_until_it_is_stored() {
    let server = Dovecot::launch().await;
    server.deliver("INBOX", &letter(1));
    let mut poller = Poller::new(server.address(), "");
    poller.fetched().await.unwrap();
    assert_eq!(server.flags("INBOX"), [""]);
    drop(poller);

    let mut again = Poller::new(server.address(), "");
    assert_eq!(ids(&again.next().await.unwrap().drafts().cloned().collect::<Vec<_>>()), ["m1@warga.example"]);
    assert_eq!(server.flags("INBOX"), ["S"]);
}

#[tokio::test]
async fn a_stored_message_is_kept_as_it_is_or_moves() {
    let server = Dovecot::launch().await;
    server.deliver("INBOX", &letter(1));
    server.deliver("Selesai", b"From: a@b.example\r\nSubject: lama\r\n\r\nlama\r\n");
    Poller::new(server.address(), "after = \"keep\"").next().await.unwrap();
    assert_eq!(server.flags("INBOX"), [""]);

    Poller::new(server.address(), "after = { move = \"Selesai\" }").next().await.unwrap();
    assert!(server.flags("INBOX").is_empty());
    assert_eq!(server.flags("Selesai").len(), 2);
}

#[tokio::test]
async fn every_folder_is_read_also_those_that_the_server_does_not_tell_of() {
    let server = Dovecot::launch().await;
    for number in 1..=60 {
        server.deliver("INBOX", &letter(number));
    }
    server.deliver("Laporan", &letter(100));
    let mut poller = Poller::new(server.address(), "folders = [\"INBOX\", \"Laporan\"]\nidle_seconds = 1");
    let mut drafts = poller.rest().await;
    assert_eq!(drafts.len(), 61);

    server.deliver("Laporan", &letter(101));
    drafts = poller.rest().await;
    while drafts.is_empty() {
        drafts = poller.rest().await;
    }
    assert_eq!(ids(&drafts), ["m101@warga.example"]);
}

#[tokio::test]
async fn a_server_without_idle_is_polled() {
    let server = Dovecot::with("imap_capability = IMAP4rev1 UIDPLUS\n").await;
    server.deliver("INBOX", &letter(1));
    let mut poller = Poller::new(server.address(), "");
    assert_eq!(poller.rest().await.len(), 1);
    assert_eq!(poller.pull.interval(), Duration::from_secs(600));
    assert!(poller.rest().await.is_empty());
    server.deliver("INBOX", &letter(2));
    assert_eq!(ids(&poller.rest().await), ["m2@warga.example"]);
}

#[tokio::test]
async fn old_messages_are_taken_only_where_nobody_has_read_them() {
    let server = Dovecot::launch().await;
    for number in 1..=3 {
        server.deliver("INBOX", &letter(number));
    }
    // read by the first channel
    Poller::new(server.address(), "").next().await.unwrap();
    server.deliver("INBOX", &letter(4));
    let fresh = Poller::new(server.address(), "").next().await.unwrap();
    assert_eq!(ids(&fresh.drafts().cloned().collect::<Vec<_>>()), ["m4@warga.example"]);
    let all = Poller::new(server.address(), "backlog = \"all\"").next().await.unwrap();
    assert_eq!(all.drafts().count(), 4);
}

#[tokio::test]
async fn a_renumbered_folder_is_read_anew_under_the_same_keys() {
    let server = Dovecot::launch().await;
    for number in 1..=3 {
        server.deliver("INBOX", &letter(number));
    }
    let mut poller = Poller::new(server.address(), "");
    let before = ids(&poller.next().await.unwrap().drafts().cloned().collect::<Vec<_>>());
    server.renumber().await;
    server.deliver("INBOX", &letter(4));
    assert!(poller.next().await.is_err(), "the connection was cut");
    let after = ids(&poller.next().await.unwrap().drafts().cloned().collect::<Vec<_>>());
    assert_eq!(after[..3], before);
    assert_eq!(after[3], "m4@warga.example");
}

#[tokio::test]
async fn a_message_too_large_keeps_its_words_and_stays_in_the_mailbox() {
    let server = Dovecot::launch().await;
    let head = "From: siti@warga.example\r\nSubject: Video banjir\r\nMessage-ID: <v@warga.example>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nBanjir selutut di Kampung Pulo.\r\n--b\r\nContent-Type: video/mp4; name=banjir.mp4\r\nContent-Transfer-Encoding: base64\r\n\r\n";
    let line = format!("{}\r\n", "A".repeat(76));
    server.deliver("INBOX", format!("{head}{}--b--\r\n", line.repeat(30_000)).as_bytes());
    server.deliver("INBOX", &letter(1));
    let drafts = Poller::new(server.address(), "max_mb = 1\nidle_seconds = 1").rest().await;
    assert_eq!(ids(&drafts), ["v@warga.example", "m1@warga.example"]);
    assert!(
        drafts[0].text.starts_with("Banjir selutut di Kampung Pulo.\n\n[Lampiran tidak diambil"),
        "{}",
        drafts[0].text
    );
    assert!(drafts[0].attachments.is_empty());
    let mut flags = server.flags("INBOX");
    flags.sort();
    assert_eq!(flags, ["", "S"]);
}

#[tokio::test]
async fn a_broken_message_does_not_stop_the_folder() {
    let server = Dovecot::launch().await;
    server.deliver("INBOX", b"tanpa kepala\r\n");
    server.deliver("INBOX", &letter(1));
    let page = Poller::new(server.address(), "").next().await.unwrap();
    assert_eq!(page.rejects.len(), 1);
    assert!(page.rejects[0].0.starts_with(b"tanpa kepala"));
    assert_eq!(page.drafts().count(), 1);
}

#[tokio::test]
async fn a_killed_server_is_an_error_and_then_read_on() {
    let server = Dovecot::launch().await;
    server.deliver("INBOX", &letter(1));
    let mut poller = Poller::new(server.address(), "");
    poller.next().await.unwrap();
    let (page, ()) = tokio::join!(poller.next(), async { server.kill9() });
    let error = page.unwrap_err();
    assert!(matches!(error, PullError::Unreachable(_)), "{error}");
    server.deliver("INBOX", &letter(2));
    server.restart().await;
    assert_eq!(
        ids(&poller.next().await.unwrap().drafts().cloned().collect::<Vec<_>>()),
        ["m2@warga.example"]
    );
}

#[tokio::test]
async fn a_hung_server_is_an_error_in_words() {
    let server = Dovecot::launch().await;
    let proxy = ChaosProxy::start(server.address()).await;
    server.deliver("INBOX", &letter(1));
    let mut poller = Poller::new(proxy.addr(), "idle_seconds = 1\ntimeout_seconds = 1");
    poller.next().await.unwrap();
    proxy.freeze();
    // while it waits for news
    let error = poller.next().await.unwrap_err();
    assert_eq!(error.to_string(), "the vendor cannot be reached: no answer within 1 s");
    // and when it connects anew
    let error = poller.next().await.unwrap_err();
    assert_eq!(error.to_string(), "the vendor cannot be reached: no answer within 1 s");
    proxy.thaw();
    server.deliver("INBOX", &letter(2));
    assert_eq!(ids(&poller.rest().await), ["m2@warga.example"]);
}

#[tokio::test]
async fn never_more_than_one_connection() {
    // the server allows two of a user; each error below would leave one behind
    let server = Dovecot::launch().await;
    let proxy = ChaosProxy::start(server.address()).await;
    let mut poller = Poller::new(proxy.addr(), "");
    poller.next().await.unwrap();
    for number in 1..=8 {
        server.deliver("INBOX", &letter(number));
        let page = poller.next().await.unwrap();
        assert_eq!(ids(&page.drafts().cloned().collect::<Vec<_>>()), [format!("m{number}@warga.example")]);
        proxy.cut();
        assert!(poller.next().await.is_err());
    }
}

#[tokio::test]
async fn an_encrypted_server_is_read_if_its_certificate_is_trusted() {
    muara_tests::install_tls_provider();
    for (implicit, tls) in [(true, "tls"), (false, "starttls")] {
        let (server, certificate) = Dovecot::encrypted(implicit).await;
        server.deliver("INBOX", &letter(1));
        let ca_file = format!("ca_file = \"{}\"\n", certificate.path().join("cert.pem").display());
        let table = |more: &str| {
            let table = table(server.address(), more).replace("127.0.0.1", "localhost");
            table.replace("\"none\"", &format!("\"{tls}\""))
        };
        let open = |table: String| {
            let pull = (email().pull.unwrap())(&channel(&format!("[imap]\n{table}"))).unwrap();
            Poller { pull, cursor: Cursor::default() }
        };
        let page = open(table(&ca_file)).next().await.unwrap();
        assert_eq!(page.drafts().count(), 1, "{tls}");
        let error = open(table("")).next().await.unwrap_err();
        assert!(
            matches!(error, PullError::Unreachable(_)) && error.to_string().contains("certificate"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_wrong_password_is_told_as_such() {
    let server = Dovecot::launch().await;
    let error = Poller::new(server.address(), "password = \"bukan itu\"").next().await.unwrap_err();
    assert!(matches!(&error, PullError::Refused { .. }), "{error}");
    assert!(error.to_string().contains("Authentication failed"), "{error}");
    assert!(!error.to_string().contains("bukan itu"));
}

#[test]
fn settings_say_all_that_is_wrong_at_once() {
    let table = "addresses = [\"bukan alamat\"]\n[imap]\nhost = \"imap.jakarta.example\"\ntls = \"none\"\nuser = \"a\"\npassword = \"b\"\nfolders = []\nidle_seconds = 3600\n[smtp]\nhost = \"\"\nfrom = \"DKI\"\nuser = \"a\"\n";
    let errors = (email().settings)(table.parse().unwrap()).err().unwrap();
    let text = errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    for part in [
        "addresses:",
        "imap.tls:",
        "imap.folders:",
        "imap.idle_seconds:",
        "smtp.host:",
        "smtp.from:",
        "smtp: `user`",
    ] {
        assert!(text.contains(part), "{part} is missing in:\n{text}");
    }
    // inbound alone, and neither
    assert!(
        (email().deliver.unwrap())(&channel("[imap]\nhost = \"h\"\nuser = \"u\"\npassword = \"p\"\n"))
            .is_none()
    );
    assert!((email().pull.unwrap())(&channel("")).is_none());
}

#[test]
fn what_is_nested_without_end_is_read_without_end_of_the_stack() {
    let links: String = (0..20_000).map(|number| format!("<p><a x={number}></p>")).collect();
    for page in [
        "<div>".repeat(50_000),
        "<b></x>".repeat(30_000),
        "<svg>".to_owned() + &"<td>".repeat(60_000),
        "<table><tr><td>".repeat(16_000),
        "<p><button>".repeat(20_000),
        "<blockquote>".repeat(150),
        links,
    ] {
        let head = "From: siti@warga.example\r\nContent-Type: text/html\r\n\r\n";
        let items = decoded(email(), "", format!("{head}{page}Jembatan retak.").as_bytes()).unwrap().items;
        assert_eq!(items.len(), 1);
    }
    let parts: String = (0..20_000)
        .map(|n| format!("Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n"))
        .collect();
    let messages = "Content-Type: message/rfc822\r\n\r\n".repeat(20_000);
    for body in [parts, messages] {
        let raw = format!("From: siti@warga.example\r\nSubject: Jembatan\r\n{body}\r\nJembatan retak.\r\n");
        assert_eq!(decoded(email(), "", raw.as_bytes()).unwrap().items.len(), 1);
    }
}

#[test]
fn a_message_that_is_cut_or_garbled_anywhere_is_still_read_or_refused_in_words() {
    for case in std::fs::read_dir(crate::fixtures::folder().join("email")).unwrap() {
        let case = case.unwrap().path();
        let Ok(captured) = std::fs::read(case.join("request.http")) else { continue };
        let at = captured.windows(2).position(|two| two == b"\n\n").unwrap() + 2;
        let whole = &captured[at..];
        let table = std::fs::read_to_string(case.parent().unwrap().join("channel.toml")).unwrap();
        for end in (0..whole.len().min(4000)).step_by(17) {
            let mut garbled = whole.to_vec();
            garbled[end] ^= 0x2d;
            for raw in [&whole[..end], &garbled] {
                match decoded(email(), &table, raw) {
                    Ok(decoded) => assert_eq!(decoded.items.len(), 1),
                    Err(reason) => assert_ne!(reason, Reject::Fault, "{} at {end}", case.display()),
                }
            }
        }
    }
}

fn config(address: SocketAddr, more: &str) -> String {
    format!("[channels.email]\nconnector = \"email\"\n[channels.email.imap]\n{}", table(address, more))
}

#[tokio::test]
async fn a_gateway_that_is_killed_over_and_over_makes_one_complaint_of_each_message() {
    let server = Dovecot::launch().await;
    let mut gateway = Gateway::new(&config(server.address(), "after = \"keep\""));
    for round in 0..4 {
        for number in 0..50 {
            server.deliver("INBOX", &letter(round * 50 + number));
        }
        gateway.start().await;
        // some of the round are stored, some only fetched, some neither
        gateway
            .healthy_when("some messages of the round are stored", |health| {
                let waiting = &health["store"]["waiting"];
                let stored =
                    ["inbox", "outbox"].iter().filter_map(|place| waiting[place].as_u64()).sum::<u64>();
                stored > u64::from(round) * 50
            })
            .await;
        gateway.kill9().await;
    }
    gateway.start().await;
    gateway.waiting("outbox", 200).await;
    // a message that comes last shows that nothing else was under way
    server.deliver("INBOX", &letter(1000));
    gateway.waiting("outbox", 201).await;
}

#[tokio::test]
async fn the_operator_reads_why_a_mailbox_is_silent() {
    let server = Dovecot::launch().await;
    let gateway = Gateway::launch(&config(server.address(), "password = \"bukan itu\"")).await;
    let health = gateway.channel_is("email", "failing").await;
    assert!(health.to_string().contains("refuses the credentials"), "{health}");
}
