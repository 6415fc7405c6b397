//! Telegram both ways, with a Bot API that forgets only what was confirmed.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::{collections::BTreeSet, time::Duration};

use jiff::Timestamp;
use muara_connectors::{
    ChannelSettings, Connector, Cursor, Deliver, DeliverError, Item, Pull, PullError,
    deliver::{Occasion, Outgoing},
};
use muara_normalizer::draft::{Attachment, ReturnAddress};
use muara_tests::{
    gateway::Gateway,
    telegram::{BotApi, TOKEN},
};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::callback::{Expected, message};

fn connector() -> &'static Connector {
    muara_connectors::find("telegram").unwrap()
}

fn channel(api: &BotApi, token: &str) -> ChannelSettings {
    muara_tests::install_tls_provider();
    let table =
        format!("bot_token = \"{token}\"\napi_url = \"{}\"\npoll = {{ timeout_seconds = 1 }}\n", api.url());
    ChannelSettings {
        id: "telegram".parse().unwrap(),
        secret: None,
        auth: connector().auth.clone(),
        own: (connector().settings)(table.parse().unwrap()).unwrap(),
    }
}

fn pull(api: &BotApi) -> Box<dyn Pull> {
    (connector().pull.unwrap())(&channel(api, TOKEN)).unwrap()
}

fn config(api: &BotApi) -> String {
    format!(
        "[channels.telegram]\nconnector = \"telegram\"\nbot_token = \"{TOKEN}\"\napi_url = \"{}\"\n\
         [channels.telegram.poll]\ntimeout_seconds = 2\n[log]\nfilter = \"debug\"\n",
        api.url()
    )
}

#[tokio::test]
async fn what_was_asked_for_and_not_stored_comes_again() {
    let api = BotApi::listen().await;
    api.writes("Satu");
    api.writes("Dua");
    let mut first = pull(&api);
    let page = first.next(&Cursor::default()).await.unwrap();
    assert_eq!(page.items.len(), 2);
    // the gateway dies here: the cursor was never stored
    let again = pull(&api).next(&Cursor::default()).await.unwrap();
    assert_eq!(again.items.len(), 2);
    assert_eq!(again.cursor, page.cursor);
    // and now it is: only what is newer comes, and the vendor forgets the rest
    api.writes("Tiga");
    let next = first.next(&page.cursor).await.unwrap();
    assert_eq!(next.items.len(), 1);
    assert_eq!(api.pending(), 1);
}

#[tokio::test]
async fn updates_that_are_numbered_anew_are_not_forgotten_unseen() {
    let api = BotApi::listen().await;
    api.numbers_anew(900);
    api.writes("Satu");
    let mut asking = pull(&api);
    let page = asking.next(&Cursor::default()).await.unwrap();
    let quiet = asking.next(&page.cursor).await.unwrap();
    assert!(quiet.items.is_empty());
    assert_eq!(api.pending(), 0, "what is stored is confirmed");
    api.numbers_anew(5);
    api.writes("Dua");
    assert_eq!(asking.next(&quiet.cursor).await.unwrap().items.len(), 1);
    // another bot of the same channel, too, numbers its updates as it likes
    let of_another = Cursor("99:900".to_owned());
    assert_eq!(asking.next(&of_another).await.unwrap().items.len(), 1);
}

#[tokio::test]
async fn a_vendor_that_does_not_move_on_is_an_error_and_no_flood() {
    let api = BotApi::listen().await;
    let mut asking = pull(&api);
    api.refuses("getUpdates", 200, json!({ "ok": true, "result": [{ "message": {} }] }));
    let error = asking.next(&Cursor::default()).await.unwrap_err();
    assert!(matches!(error, PullError::Page(_)), "{error}");
}

#[tokio::test]
async fn an_edit_and_a_business_chat_come_by_asking_too() {
    let api = BotApi::listen().await;
    let person = json!({ "id": 77, "is_bot": false, "first_name": "Budi" });
    let message = |words: &str| {
        json!({ "message_id": 1, "date": 1_793_675_400, "text": words,
            "from": person, "chat": { "id": 77, "type": "private" } })
    };
    let mut edited = message("Lampu mati di RT 3");
    edited["edit_date"] = json!(1_793_675_460);
    let mut business = message("Jalan rusak");
    business["business_connection_id"] = json!("b1");
    api.happens(|_| json!({ "message": message("Lampu mati") }));
    api.happens(|_| json!({ "edited_message": edited }));
    api.happens(|_| json!({ "business_message": business }));
    api.happens(|_| json!({ "poll": { "id": "1" } }));
    let page = pull(&api).next(&Cursor::default()).await.unwrap();
    let [Item::Draft(first), Item::Amendment(edit), Item::Draft(other)] = page.items.as_slice() else {
        panic!("{:?}", page.items);
    };
    assert_eq!(first.external_id.as_ref(), Some(&edit.external_id));
    assert_ne!(first.external_id, other.external_id, "each account numbers its messages by itself");
    let to = other.return_address.as_ref().unwrap();
    let sent = open(&api).deliver(to, &reply()).await.unwrap();
    assert_eq!(api.sent(1).await[0]["business_connection_id"], "b1");
    assert_eq!(sent.vendor_ids, ["b1:77:1"]);
}

#[tokio::test]
async fn trouble_is_told_apart_and_never_shows_the_token() {
    let api = BotApi::listen().await;
    let settings = channel(&api, TOKEN);
    let mut asking = (connector().pull.unwrap())(&settings).unwrap();
    let mut errors = Vec::new();
    api.refuses("getUpdates", 429, json!({"parameters": {"retry_after": 7}}));
    let error = asking.next(&Cursor::default()).await.unwrap_err();
    assert!(
        matches!(error, PullError::Throttled { retry_after: Some(pause) } if pause == Duration::from_secs(7))
    );
    let left = settings.quota().left(Timestamp::now()).unwrap();
    let wait = left.refills_at.unwrap().duration_since(Timestamp::now()).as_secs();
    assert!(left.fraction == 0.0 && (5..=7).contains(&wait), "{left:?}");
    api.webhook(true);
    let error = asking.next(&Cursor::default()).await.unwrap_err();
    assert!(error.to_string().contains("webhook"), "{error}");
    errors.push(format!("{error} {error:?}"));
    api.webhook(false);
    let mut wrong = (connector().pull.unwrap())(&channel(&api, "1:wrong-canary")).unwrap();
    let error = wrong.next(&Cursor::default()).await.unwrap_err();
    assert!(matches!(error, PullError::Refused { .. }), "{error}");
    errors.push(format!("{error} {error:?}"));
    drop(api);
    let error = asking.next(&Cursor::default()).await.unwrap_err();
    assert!(matches!(error, PullError::Unreachable(_)));
    errors.push(format!("{error} {error:?}"));
    assert!(errors.iter().all(|error| !error.contains("canary")), "{errors:?}");
}

#[tokio::test]
async fn a_killed_gateway_takes_every_message_once_and_answers_it_with_its_reference() {
    let api = BotApi::listen().await;
    for number in 0..20 {
        api.writes(&format!("Lubang nomor {number} di jalan"));
    }
    let mut gateway = Gateway::launch(&config(&api)).await;
    api.sent(3).await;
    gateway.kill9().await;
    for number in 20..25 {
        api.writes(&format!("Lubang nomor {number} di jalan"));
    }
    gateway.start().await;
    gateway.waiting("outbox", 25).await;
    gateway.waiting("replies", 0).await;
    let sent = api.sent(25).await;
    let texts: BTreeSet<&str> = sent.iter().map(|message| message["text"].as_str().unwrap()).collect();
    assert_eq!(texts.len(), 25, "each complaint has a reference of its own, and each citizen got theirs");
    assert!(sent.len() <= 26, "at most the one under way when it was killed is sent twice: {}", sent.len());
    let health = gateway.channel_is("telegram", "healthy").await;
    assert_eq!(health["quarantined"], 0);
    assert!(!gateway.log().text().contains("canary"), "the token is in the log");
    assert!(!gateway.log().text().contains("Lubang"), "a citizen's words are in the log");
}

#[tokio::test]
async fn a_question_is_answered_by_the_gateway_itself() {
    let api = BotApi::listen().await;
    let gateway = Gateway::launch(&config(&api)).await;
    // without a secret it is only asked: nobody can call it
    let update = r#"{"update_id": 1, "message": {}}"#;
    let call = muara_tests::gateway::client().post(gateway.url("/in/telegram"));
    let answer = call.header("content-type", "application/json").body(update).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 401);
    api.writes("Got mampet di RT 3 RW 5");
    let receipt = api.sent(1).await.remove(0);
    assert_eq!(receipt["chat_id"], 77);
    assert_eq!(receipt["reply_parameters"]["message_id"], 1);
    let text = receipt["text"].as_str().unwrap();
    let reference = text.split_whitespace().find(|word| word.len() == 12 && word.contains('-')).unwrap();
    let reference = reference.trim_end_matches('.').to_owned();
    api.writes(&format!("/status {}", reference.to_lowercase()));
    let answer = api.sent(2).await.remove(1);
    let text = answer["text"].as_str().unwrap();
    assert!(
        text.contains(&reference) && text.contains("sudah kami terima") && !text.contains("mampet"),
        "{text}"
    );
    gateway.channel_is("telegram", "healthy").await;
}

fn open(api: &BotApi) -> Box<dyn Deliver> {
    (connector().deliver.unwrap())(&channel(api, TOKEN)).unwrap()
}

fn reply() -> Outgoing {
    message(None, "Baik")
}

fn to(private: bool) -> ReturnAddress {
    ReturnAddress(json!({ "chat": "77", "message": "42", "private": private }))
}

#[tokio::test]
async fn the_apis_answer_decides_what_becomes_of_a_reply() {
    let api = BotApi::listen().await;
    let bot = open(&api);
    let cases: [(u16, Value, Expected); 6] = [
        (
            429,
            json!({"parameters": {"retry_after": 3}}),
            |error| matches!(error, DeliverError::Throttled { retry_after: Some(pause) } if pause.as_secs() == 3),
        ),
        (403, json!({"description": "Forbidden: bot was blocked by the user"}), |error| {
            matches!(error, DeliverError::Blocked { .. })
        }),
        (400, json!({"description": "Bad Request: chat not found"}), |error| {
            matches!(error, DeliverError::NoRecipient { .. })
        }),
        (400, json!({"description": "Bad Request: message is too long"}), |error| {
            matches!(error, DeliverError::Rejected { .. })
        }),
        (401, json!({}), |error| matches!(error, DeliverError::Refused { .. })),
        (502, json!({}), |error| matches!(error, DeliverError::Vendor { .. })),
    ];
    for (code, more, expected) in cases {
        api.refuses("sendMessage", code, more);
        let error = bot.deliver(&to(true), &message(None, "Baik")).await.unwrap_err();
        assert!(expected(&error), "{code}: {error:?}");
    }
    // a group that became a supergroup is followed
    api.refuses("sendMessage", 400, json!({"parameters": {"migrate_to_chat_id": -1001}}));
    let sent = bot.deliver(&to(true), &message(None, "Baik")).await.unwrap();
    assert_eq!(sent.vendor_ids, ["-1001:1"]);
}

#[tokio::test]
async fn a_group_reads_only_what_is_public_and_long_texts_come_in_parts() {
    let api = BotApi::listen().await;
    let bot = open(&api);
    let mut reply = message(None, "hanya untuk pelapor");
    let error = bot.deliver(&to(false), &reply).await.unwrap_err();
    assert!(matches!(error, DeliverError::OnlyPublic));
    reply.public_text = Some("Laporan sudah ditanggapi.".to_owned());
    bot.deliver(&to(false), &reply).await.unwrap();
    assert_eq!(api.sent(1).await[0]["text"], "Laporan sudah ditanggapi.");
    reply.occasion = Occasion::Answer;
    bot.deliver(&to(false), &reply).await.unwrap();
    assert_eq!(api.sent(2).await[1]["text"], "Laporan Anda: hanya untuk pelapor");
    let long = "😀 kata ".repeat(2000);
    let sent = bot.deliver(&to(true), &message(None, &long)).await.unwrap();
    let parts = api.sent(2 + sent.vendor_ids.len()).await.split_off(2);
    assert!(parts.len() > 2);
    assert!(parts.iter().all(|part| part["text"].as_str().unwrap().encode_utf16().count() <= 4096));
}

#[tokio::test]
async fn files_are_found_by_their_handle() {
    let api = BotApi::listen().await;
    let media = (connector().media.unwrap())(&channel(&api, TOKEN)).unwrap();
    let handle = |handle: &str| Attachment::Handle { handle: handle.to_owned(), content_type: None };
    let found = media.locate(&handle("p1")).await.unwrap();
    assert_eq!(found.url.expose_secret(), format!("{}/file/bot{TOKEN}/photos/file_1.jpg", api.url()));
    assert!(!format!("{found:?}").contains("canary"));
    let error = media.locate(&handle("too-big")).await.unwrap_err();
    assert!(error.to_string().contains("too big"), "{error}");
}
