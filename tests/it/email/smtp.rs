//! Answers by a real SMTP server (aiosmtpd).

use std::{
    fs,
    io::{BufRead, BufReader},
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
};

use muara_connectors::{
    Connector, Contact, Deliver, DeliverError, Item, Outgoing, Sent,
    deliver::{Occasion, OutgoingFile, Verdict},
};
use muara_normalizer::{Draft, draft::ReturnAddress};
use serde_json::json;
use tempfile::TempDir;
use uuid::Uuid;

use super::{channel, decoded, email};

/// The server; it ends with its standard input.
struct Smtpd {
    folder: TempDir,
    port: u16,
    child: Child,
}

impl Smtpd {
    fn launch() -> Self {
        let python = std::env::var("MUARA_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("it/email/smtpd.py");
        let folder = tempfile::Builder::new().prefix("muara-smtpd-").tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new(python);
        command.args(["-W", "ignore"]).arg(script).arg(folder.path()).arg(port.to_string());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(
            line.trim(),
            "ready",
            "aiosmtpd is needed: ./tests/run installs it, MUARA_TEST_PYTHON points to it"
        );
        Self { folder, port, child }
    }

    fn sender(&self, more: &str) -> Box<dyn Deliver> {
        let channel = channel(&self.table(more));
        (email().deliver.unwrap())(&channel).unwrap()
    }

    fn table(&self, more: &str) -> String {
        let password = if more.contains("password") { "" } else { "password = \"rahasia sekali\"" };
        format!(
            "[smtp]\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"\nuser = \"dki@jakarta.example\"\n{password}\nfrom = \"Pemprov DKI Jakarta <dki@jakarta.example>\"\n{more}",
            self.port
        )
    }

    /// What was taken, in its order.
    fn letters(&self) -> Vec<Vec<u8>> {
        let files = fs::read_dir(self.folder.path()).unwrap().map(|file| file.unwrap().path());
        let mut files: Vec<_> = files.filter(|path| path.extension().is_some_and(|e| e == "eml")).collect();
        files.sort();
        files.iter().map(|path| fs::read(path).unwrap()).collect()
    }
}

impl Drop for Smtpd {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        self.child.wait().ok();
    }
}

fn outgoing(text: &str) -> Outgoing {
    Outgoing {
        id: Uuid::from_u128(0x0192_f0c4_0000_7000_8000_0000_0000_0001),
        complaint: None,
        reference: Some("RCSD-T3G0-1".parse().unwrap()),
        occasion: Occasion::Receipt,
        status: None,
        words: None,
        text: text.to_owned(),
        public_text: None,
        attachments: Vec::new(),
        last_heard_at: "2026-11-03T03:10:00Z".parse().unwrap(),
        now: "2026-11-03T03:15:00Z".parse().unwrap(),
    }
}

fn to(address: &str) -> ReturnAddress {
    ReturnAddress(json!({ "to": address }))
}

fn draft(connector: &Connector, table: &str, raw: &[u8]) -> Draft {
    match decoded(connector, table, raw).unwrap().items.remove(0) {
        Item::Draft(draft) => *draft,
        other => panic!("{other:?}"),
    }
}

async fn sent(sender: &dyn Deliver, to: &ReturnAddress, message: &Outgoing) -> Result<Sent, DeliverError> {
    sender.deliver(to, message).await
}

/// The value of a header on one line.
fn header(letter: &[u8], name: &str) -> Option<String> {
    let text = String::from_utf8(letter.to_vec()).unwrap();
    let (head, _) = text.split_once("\r\n\r\n").unwrap();
    let head = head.replace("\r\n ", " ");
    head.lines().find_map(|line| Some(line.strip_prefix(&format!("{name}: "))?.trim().to_owned()))
}

const CITIZEN: &[u8] = b"From: Siti <siti@warga.example>\r\nTo: dki@jakarta.example\r\nSubject: Re: Lampu jalan mati\r\nDate: Tue, 3 Nov 2026 10:10:00 +0700\r\nMessage-ID: <a2@warga.example>\r\nReferences: <a1@warga.example>\r\n\r\nMasih mati.\r\n";

#[tokio::test]
async fn an_answer_arrives_in_the_citizens_thread() {
    let server = Smtpd::launch();
    let sender = server.sender("");
    let back = draft(email(), &server.table(""), CITIZEN).return_address.unwrap();
    let mut message = outgoing("Laporan Anda sudah kami terima – terima kasih.");
    message
        .attachments
        .push(OutgoingFile { url: "https://berkas.example/1.jpg".to_owned(), content_type: None });

    let first = sent(sender.as_ref(), &back, &message).await.unwrap();
    let again = sent(sender.as_ref(), &back, &message).await.unwrap();

    assert_eq!(first, again);
    assert_eq!(first.vendor_ids, [format!("{}@jakarta.example", message.id)]);
    let letters = server.letters();
    assert_eq!(letters.len(), 2);
    let letter = &letters[0];
    assert_eq!(header(letter, "Message-ID").unwrap(), format!("<{}>", first.vendor_ids[0]));
    assert_eq!(header(letter, "Message-ID"), header(&letters[1], "Message-ID"));
    assert_eq!(header(letter, "In-Reply-To").unwrap(), "<a2@warga.example>");
    assert_eq!(header(letter, "References").unwrap(), "<a1@warga.example> <a2@warga.example>");
    assert_eq!(header(letter, "Subject").unwrap(), "Re: Lampu jalan mati [RCSD-T3G0-1]");
    assert_eq!(header(letter, "Auto-Submitted").unwrap(), "auto-replied");
    assert_eq!(header(letter, "To").unwrap(), "siti@warga.example");
    assert!(header(letter, "From").unwrap().ends_with("<dki@jakarta.example>"));

    // and what the citizen answers to it is linked by both, the message and the reference
    let answer = format!(
        "From: siti@warga.example\r\nSubject: Bls: Re: Lampu jalan mati [RCSD-T3G0-1]\r\nMessage-ID: <a3@warga.example>\r\nIn-Reply-To: <{}>\r\n\r\nBaik.\r\n",
        first.vendor_ids[0]
    );
    let answer = draft(email(), &server.table(""), answer.as_bytes());
    assert_eq!(answer.replies_to, ["ref:RCSD-T3G0-1".to_owned(), first.vendor_ids[0].clone()]);
}

#[tokio::test]
async fn the_servers_refusals_say_what_is_to_be_done() {
    let server = Smtpd::launch();
    let sender = server.sender("");
    let message = outgoing("Laporan Anda sudah kami terima.");
    for (address, code, verdict) in [
        ("tidakada@warga.example", "no_recipient", Verdict::OtherWay),
        ("pindah@warga.example", "no_recipient", Verdict::OtherWay),
        ("bukan alamat", "no_recipient", Verdict::OtherWay),
        ("nanti@warga.example", "vendor", Verdict::Retry),
        ("penuh@warga.example", "throttled", Verdict::Pause(None)),
        ("spam@warga.example", "rejected", Verdict::Final),
        ("kotakpenuh@warga.example", "rejected", Verdict::Final),
    ] {
        let error = sent(sender.as_ref(), &to(address), &message).await.unwrap_err();
        assert_eq!((error.code(), error.verdict()), (code, verdict), "{address}: {error}");
        // the operator reads codes, never the citizen's address
        assert!(!error.to_string().contains("warga.example"), "{error}");
    }
    let error = sent(sender.as_ref(), &to("tidakada@warga.example"), &message).await.unwrap_err();
    assert!(error.to_string().contains("SMTP 550 5.1.1"), "{error}");

    let wrong = server.sender("password = \"bukan itu\"");
    let error = sent(wrong.as_ref(), &to("siti@warga.example"), &message).await.unwrap_err();
    assert_eq!(error.code(), "refused", "{error}");
    let foreign = ReturnAddress(json!({ "chat": 5 }));
    assert_eq!(sent(sender.as_ref(), &foreign, &message).await.unwrap_err().code(), "address");
    assert!(server.letters().is_empty());
}

#[tokio::test]
async fn a_server_that_is_down_pauses_the_channel() {
    let mut server = Smtpd::launch();
    let sender = server.sender("");
    let message = outgoing("Laporan Anda sudah kami terima.");
    sent(sender.as_ref(), &to("siti@warga.example"), &message).await.unwrap();
    server.child.kill().unwrap();
    server.child.wait().unwrap();
    let error = sent(sender.as_ref(), &to("siti@warga.example"), &message).await.unwrap_err();
    assert_eq!((error.code(), error.verdict()), ("unreachable", Verdict::Pause(None)), "{error}");
}

#[tokio::test]
async fn nothing_of_the_citizens_can_add_a_header() {
    let server = Smtpd::launch();
    let sender = server.sender("");
    let back = ReturnAddress(json!({
        "to": "siti@warga.example",
        "message_id": "a@warga.example>\r\nBcc: mata-mata@lain.example",
        "references": ["b@warga.example\r\nBcc: mata-mata@lain.example"],
        "subject": "Lampu\r\nBcc: mata-mata@lain.example\r\n\r\nIsi palsu",
    }));
    sent(sender.as_ref(), &back, &outgoing("Baik.\r\n.\r\nRCPT TO:<lain@lain.example>")).await.unwrap();
    let injected = ReturnAddress(json!({ "to": "siti@warga.example\r\nBcc: mata-mata@lain.example" }));
    assert!(sent(sender.as_ref(), &injected, &outgoing("Baik.")).await.is_err());

    let letters = server.letters();
    assert_eq!(letters.len(), 1);
    assert_eq!(header(&letters[0], "Bcc"), None);
    assert_eq!(header(&letters[0], "In-Reply-To"), None);
    assert_eq!(fs::read_to_string(server.folder.path().join("0001.to")).unwrap(), "siti@warga.example");
}

#[tokio::test]
async fn two_machines_do_not_answer_each_other_for_ever() {
    let server = Smtpd::launch();
    sent(server.sender("").as_ref(), &to("siti@warga.example"), &outgoing("Laporan Anda sudah kami terima."))
        .await
        .unwrap();
    let letter = server.letters().remove(0);

    // another gateway, or our own mailbox by way of a redirection, does not hear it at all
    let other = "[imap]\nhost = \"imap.bogor.example\"\nuser = \"lapor@bogor.example\"\npassword = \"x\"\n";
    let item = decoded(email(), other, &letter).unwrap().items.remove(0);
    assert!(matches!(item, Item::Ignored("our own mail")), "{item:?}");

    // a machine that honours RFC 3834 sees that no person wrote; so do we, of its answer and of ours without our header
    let bare = String::from_utf8(letter).unwrap().replace("X-Muara-Id", "X-Other-Id");
    assert!(draft(email(), other, bare.as_bytes()).automatic);
    let absent = "From: siti@warga.example\r\nSubject: Balasan otomatis: Laporan\r\nMessage-ID: <c@warga.example>\r\n\r\nSaya sedang cuti.\r\n";
    assert!(draft(email(), &server.table(""), absent.as_bytes()).automatic);
}

#[test]
fn a_contact_is_reached_by_its_address_alone() {
    let channel = channel("");
    let address = |email: &str| {
        let contact = Contact { email: Some(email.to_owned()), phone: None };
        (super::email().address.unwrap())(&contact, &channel).map(|address| address.0)
    };
    assert_eq!(address(" siti@warga.example "), Some(json!({ "to": "siti@warga.example" })));
    assert_eq!(address("siti"), None);
}
