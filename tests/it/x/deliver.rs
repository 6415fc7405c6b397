//! Answers, and the files of direct messages.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use muara_connectors::{
    Deliver, DeliverError, Outgoing, Sent,
    deliver::{Occasion, OutgoingFile},
    media::{MediaError, MediaSource},
};
use muara_normalizer::{
    Reference,
    draft::{Attachment, ReturnAddress},
    ids::ReferenceKey,
};
use secrecy::ExposeSecret;
use serde_json::json;
use uuid::Uuid;

use super::{
    channel,
    fake::{CONSUMER_KEY, Fake, OWN, TOKEN, TOKEN_SECRET},
    x,
};

fn table(fake: &Fake, more: &str) -> String {
    format!(
        "user_id = \"{OWN}\"\napi_url = \"{}\"\n[send]\nconsumer_key = \"{CONSUMER_KEY}\"\n\
         access_token = \"{TOKEN}\"\naccess_token_secret = \"{TOKEN_SECRET}\"\n{more}",
        fake.url
    )
}

fn account(fake: &Fake, more: &str) -> Box<dyn Deliver> {
    (x().deliver.unwrap())(&channel(&table(fake, more))).unwrap()
}

fn reference() -> Reference {
    ReferenceKey::new([7; 16]).reference(1)
}

fn outgoing(text: &str, public: Option<&str>) -> Outgoing {
    let now = Timestamp::now();
    Outgoing {
        id: Uuid::now_v7(),
        complaint: None,
        reference: Some(reference()),
        occasion: Occasion::Reply,
        status: None,
        words: None,
        text: text.to_owned(),
        public_text: public.map(str::to_owned),
        attachments: Vec::new(),
        last_heard_at: now,
        now,
    }
}

fn below(post: &str) -> ReturnAddress {
    ReturnAddress(json!({ "kind": "post", "post": post, "user": "77001234" }))
}

fn privately() -> ReturnAddress {
    ReturnAddress(json!({ "kind": "dm", "post": null, "user": "77001234" }))
}

fn closed(fake: &Fake, answer: serde_json::Value) {
    fake.with(|x| x.closed.insert("77001234".to_owned(), answer));
}

fn not_allowed() -> serde_json::Value {
    json!({ "title": "Forbidden", "type": "about:blank", "status": 403,
        "detail": "You do not have permission to DM one or more participants." })
}

#[tokio::test]
async fn a_post_is_answered_privately_unless_the_citizen_takes_no_messages() {
    let fake = Fake::start().await;
    let account = account(&fake, "");
    let message = outgoing("Yth. Budi, laporan Anda selesai", Some("Laporan selesai"));
    assert_eq!(account.deliver(&below("1001"), &message).await.unwrap(), Sent::one("dm-1"));
    assert_eq!(account.deliver(&privately(), &message).await.unwrap(), Sent::one("dm-2"));
    let words = ("77001234".to_owned(), "Yth. Budi, laporan Anda selesai".to_owned());
    assert_eq!(fake.with(|x| x.messages.clone()), [words.clone(), words]);

    let old = json!({ "errors": [{ "code": 349, "message": "You cannot send messages to this user." }] });
    for (post, answer) in [("1001", not_allowed()), ("1002", old)] {
        closed(&fake, answer);
        // in public goes only what may be said there
        let public = format!("Laporan {post} selesai");
        account.deliver(&below(post), &outgoing("Yth. Budi", Some(&public))).await.unwrap();
        assert_eq!(fake.with(|x| x.replies.last().cloned()), Some((post.to_owned(), public)));
        let error = account.deliver(&below(post), &outgoing("Yth. Budi", None)).await.unwrap_err();
        assert!(matches!(error, DeliverError::OnlyPublic), "{error}");
        let error = account.deliver(&privately(), &message).await.unwrap_err();
        assert!(matches!(error, DeliverError::Blocked { .. }), "{error}");
    }
}

#[tokio::test]
async fn the_channel_decides_whether_answers_are_public() {
    let fake = Fake::start().await;
    let public = account(&fake, "reply_by = \"post\"");
    let message = outgoing("Yth. Budi", Some("Laporan selesai"));
    assert_eq!(public.deliver(&below("1001"), &message).await.unwrap(), Sent::one("post-1"));
    // where nothing may be said in public, and in a conversation that is private
    public.deliver(&below("1001"), &outgoing("Yth. Budi", None)).await.unwrap();
    public.deliver(&privately(), &message).await.unwrap();
    assert_eq!(fake.with(|x| (x.replies.len(), x.messages.len())), (1, 2));

    closed(&fake, not_allowed());
    let private = account(&fake, "reply_by = \"dm\"");
    let error = private.deliver(&below("1001"), &message).await.unwrap_err();
    assert!(matches!(error, DeliverError::OnlyPublic), "{error}");
    assert_eq!(fake.with(|x| x.replies.len()), 1);
}

#[tokio::test]
async fn a_public_answer_that_was_posted_before_counts_as_posted() {
    let fake = Fake::start().await;
    let account = account(&fake, "reply_by = \"post\"");
    let text = format!("Laporan {} selesai", reference().as_str());
    account.deliver(&below("1001"), &outgoing("Yth.", Some(&text))).await.unwrap();
    assert_eq!(
        account.deliver(&below("1001"), &outgoing("Yth.", Some(&text))).await.unwrap(),
        Sent::default()
    );
    // words that fit any citizen may have been said to another
    account.deliver(&below("1001"), &outgoing("Yth.", Some("Selesai"))).await.unwrap();
    let error = account.deliver(&below("1002"), &outgoing("Yth.", Some("Selesai"))).await.unwrap_err();
    assert!(matches!(error, DeliverError::Rejected { .. }), "{error}");
}

#[tokio::test]
async fn long_texts_are_shortened_in_public_and_parted_in_private() {
    let fake = Fake::start().await;
    let public = account(&fake, "reply_by = \"post\"");
    let said = |text: String| {
        let (fake, public) = (&fake, &public);
        async move {
            public.deliver(&below("1001"), &outgoing("Yth.", Some(&text))).await.unwrap();
            fake.with(|x| x.replies.last().unwrap().1.clone())
        }
    };
    let exact = "a".repeat(280);
    assert_eq!(said(exact.clone()).await, exact);
    // an address counts as 23, however long it is
    let with_address = format!("{} https://{}.example/x", "b".repeat(256), "c".repeat(60));
    assert_eq!(said(with_address.clone()).await, with_address);
    let words = said("laporan ".repeat(50)).await;
    assert_eq!(words, format!("{}…", "laporan ".repeat(33) + "laporan"));
    assert!(words.chars().count() <= 280);
    // signs of which each counts as two
    assert_eq!(said("水".repeat(150)).await, format!("{}…", "水".repeat(139)));

    let private = account(&fake, "");
    let sent =
        private.deliver(&privately(), &outgoing(&format!("{} ", "k".repeat(10_000)), None)).await.unwrap();
    assert_eq!(sent.vendor_ids.len(), 1);
    fake.with(|x| x.messages.clear());
    let mut message = outgoing(&"kata ".repeat(4_000), None);
    message
        .attachments
        .push(OutgoingFile { url: "https://muara.example/f/1".to_owned(), content_type: None });
    let sent = private.deliver(&privately(), &message).await.unwrap();
    assert_eq!(sent.vendor_ids.len(), 3);
    let parts = fake.with(|x| x.messages.clone());
    let whole: String =
        parts.iter().map(|(_, text)| text.split_whitespace().collect::<Vec<_>>().join(" ") + " ").collect();
    assert_eq!(whole.trim(), "kata ".repeat(4_000) + "https://muara.example/f/1");
}

#[tokio::test]
async fn trouble_says_what_is_to_be_done() {
    let fake = Fake::start().await;
    let account = account(&fake, "");
    let message = outgoing("Yth. Budi", Some("Laporan"));
    fake.with(|x| x.left = Some((0, Timestamp::now() + SignedDuration::from_secs(300))));
    match account.deliver(&privately(), &message).await.unwrap_err() {
        DeliverError::Throttled { retry_after: Some(wait) } => assert!(wait > Duration::from_secs(200)),
        other => panic!("{other}"),
    }
    fake.with(|x| x.left = None);
    let permissions =
        json!({ "type": "https://api.twitter.com/2/problems/oauth1-permissions", "status": 403 });
    for (status, body, code) in [
        (403, permissions, "refused"),
        (402, json!({ "title": "CreditsDepleted" }), "refused"),
        (404, json!({}), "no_recipient"),
        (400, json!({}), "rejected"),
        (503, json!({}), "vendor"),
    ] {
        fake.with(|x| x.trouble = Some((status, body)));
        let error = account.deliver(&privately(), &message).await.unwrap_err();
        assert_eq!(error.code(), code, "{error}");
    }
    fake.with(|x| x.trouble = None);
    fake.with(|x| x.gone.insert("1009".to_owned()));
    let public = self::account(&fake, "reply_by = \"post\"");
    let error = public.deliver(&below("1009"), &message).await.unwrap_err();
    assert_eq!(error.code(), "no_recipient");

    // a signature by another secret is refused by X, and another connector's address by us
    let mut wrong = channel(&table(&fake, ""));
    wrong.secret = Some("another secret".into());
    let error = (x().deliver.unwrap())(&wrong).unwrap().deliver(&privately(), &message).await.unwrap_err();
    assert_eq!(error.code(), "refused");
    for address in [json!({ "to": "+62" }), json!({ "user": "../2/tweets", "post": null })] {
        let error = account.deliver(&ReturnAddress(address), &message).await.unwrap_err();
        assert_eq!(error.code(), "address");
    }
    assert!(fake.with(|x| x.messages.is_empty()));
}

#[tokio::test]
async fn files_of_direct_messages_are_asked_for_in_the_account_s_name() {
    let fake = Fake::start().await;
    let files: Box<dyn MediaSource> = (x().media.unwrap())(&channel(&table(&fake, ""))).unwrap();
    let handle = |handle: &str| Attachment::Handle { handle: handle.to_owned(), content_type: None };
    let private = "https://ton.twitter.com/1.1/ton/data/dm/1/2/foto.jpg";
    let request = files.locate(&handle(private)).await.unwrap();
    assert_eq!(request.url.expose_secret(), private);
    let (name, authorization) = &request.headers[0];
    assert_eq!(name, "authorization");
    assert!(authorization.expose_secret().starts_with("OAuth oauth_consumer_key="));

    let request = files.locate(&handle("3_77")).await.unwrap();
    assert_eq!(request.url.expose_secret(), "https://pbs.twimg.com/media/c.jpg");
    assert!(request.headers.is_empty());
    // nobody else gets a signature
    for other in ["https://ton.twitter.com.penipu.example/x", "3_78", "../2/users/me"] {
        let error = files.locate(&handle(other)).await.unwrap_err();
        assert!(matches!(error, MediaError::Gone { .. }), "{error}");
    }
}
