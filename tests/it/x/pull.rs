//! Mentions by asking.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use muara_connectors::{ChannelSettings, Cursor, Page, Pull, PullError};
use serde_json::json;

use super::{
    channel,
    fake::{BEARER, CONSUMER_KEY, Fake, OWN, TOKEN, TOKEN_SECRET},
    x,
};

fn mentions(fake: &Fake, more: &str) -> Box<dyn Pull> {
    (x().pull.unwrap())(&settings(fake, more)).unwrap()
}

fn settings(fake: &Fake, more: &str) -> ChannelSettings {
    let url = &fake.url;
    let table =
        format!("user_id = \"{OWN}\"\napi_url = \"{url}/\"\n[pull]\nbearer_token = \"{BEARER}\"\n{more}");
    channel(&table)
}

/// One call by a poller that was just started: all that is remembered is the cursor.
async fn next(fake: &Fake, cursor: &Cursor) -> Result<Page, PullError> {
    mentions(fake, "").next(cursor).await
}

fn ids(page: &Page) -> Vec<u64> {
    page.drafts().map(|draft| draft.external_id.as_ref().unwrap().as_str().parse().unwrap()).collect()
}

/// Calls until there is nothing more; the ids, sorted.
async fn poll(fake: &Fake, cursor: &mut Cursor) -> Vec<u64> {
    let mut taken = Vec::new();
    loop {
        let page = next(fake, cursor).await.unwrap();
        taken.extend(ids(&page));
        *cursor = page.cursor;
        if !page.more {
            taken.sort_unstable();
            return taken;
        }
    }
}

fn asked(fake: &Fake, name: &str) -> Vec<Option<String>> {
    fake.with(|x| x.asked.drain(..).map(|query| query.get(name).cloned()).collect())
}

#[tokio::test]
async fn all_pages_are_taken_and_known_posts_are_not_asked_for_again() {
    let fake = Fake::start().await;
    fake.with(|x| x.page_posts = 10);
    fake.mentioned(101..=125);
    let mut cursor = Cursor::default();
    assert_eq!(poll(&fake, &mut cursor).await, (101..=125).collect::<Vec<_>>());
    assert_eq!(asked(&fake, "since_id"), [None, None, None]);

    assert!(poll(&fake, &mut cursor).await.is_empty());
    fake.mentioned(126..=150);
    assert_eq!(poll(&fake, &mut cursor).await, (126..=150).collect::<Vec<_>>());
    assert!(asked(&fake, "since_id").iter().all(|since| since.as_deref() == Some("125")));

    // the author comes from what X sends beside the posts, and a page is in the order in which it was written
    fake.mentioned(151..=153);
    let page = next(&fake, &cursor).await.unwrap();
    assert_eq!(ids(&page), [151, 152, 153]);
    assert!(page.drafts().all(|draft| draft.reporter.name.as_deref() == Some("Budi")));
}

#[tokio::test]
async fn what_comes_in_during_a_walk_or_after_it_broke_off_is_not_skipped() {
    let fake = Fake::start().await;
    fake.with(|x| x.page_posts = 10);
    fake.mentioned(101..=110);
    let mut cursor = Cursor::default();
    poll(&fake, &mut cursor).await;

    fake.mentioned(111..=135);
    let first = next(&fake, &cursor).await.unwrap();
    assert_eq!(ids(&first), (126..=135).collect::<Vec<_>>());
    // a restart in the middle: only the cursor is left
    fake.mentioned(136..=138);
    cursor = first.cursor;
    assert_eq!(poll(&fake, &mut cursor).await, (111..=125).collect::<Vec<_>>());
    assert_eq!(poll(&fake, &mut cursor).await, (136..=138).collect::<Vec<_>>());

    // X does not know the page any more: the walk begins again, at the next poll
    fake.mentioned(139..=165);
    cursor = next(&fake, &cursor).await.unwrap().cursor;
    fake.with(|x| x.forgets_tokens = true);
    let page = next(&fake, &cursor).await.unwrap();
    assert!(page.items.is_empty() && !page.more);
    fake.with(|x| x.forgets_tokens = false);
    cursor = page.cursor;
    assert_eq!(poll(&fake, &mut cursor).await, (139..=165).collect::<Vec<_>>());

    // an unreadable cursor begins anew
    let mut cursor = Cursor("rusak".to_owned());
    assert_eq!(poll(&fake, &mut cursor).await, (101..=165).collect::<Vec<_>>());
}

#[tokio::test]
async fn the_first_poll_takes_so_many_pages_and_the_next_goes_on_from_there() {
    let fake = Fake::start().await;
    fake.with(|x| x.page_posts = 10);
    fake.mentioned(101..=150);
    let mut pull = mentions(&fake, "backfill_pages = 2");
    let first = pull.next(&Cursor::default()).await.unwrap();
    let second = pull.next(&first.cursor).await.unwrap();
    assert!(first.more && !second.more);
    assert_eq!(ids(&second), (131..=140).collect::<Vec<_>>());
    fake.mentioned(151..=151);
    assert_eq!(ids(&pull.next(&second.cursor).await.unwrap()), [151]);
}

#[tokio::test]
async fn a_post_that_is_not_understood_harms_no_neighbour() {
    let fake = Fake::start().await;
    fake.mentioned(101..=103);
    fake.with(|x| x.posts.get_mut(&102).unwrap()["text"] = json!({ "rusak": true }));
    let page = next(&fake, &Cursor::default()).await.unwrap();
    assert_eq!(ids(&page), [101, 103]);
    let (bytes, _) = &page.rejects[0];
    let request = muara_connectors::Request::from_body(Some("application/json"), bytes.clone());
    let channel = channel(&format!("user_id = \"{OWN}\""));
    let decoded = (x().decode)(&muara_connectors::Verified::before(&request, &channel)).unwrap();
    assert!(matches!(decoded.items[..], [muara_connectors::Item::Rejected { .. }]));
}

#[tokio::test]
async fn a_window_that_is_used_up_is_waited_for_without_knocking() {
    let fake = Fake::start().await;
    fake.mentioned(101..=103);
    let reset = Timestamp::now() + SignedDuration::from_secs(600);
    let throttled = |error: PullError| match error {
        PullError::Throttled { retry_after: Some(wait) } => {
            assert!(wait > Duration::from_secs(500) && wait <= Duration::from_secs(600), "{wait:?}");
        }
        other => panic!("{other}"),
    };
    fake.with(|x| x.left = Some((1, reset)));
    let mut pull = mentions(&fake, "");
    let page = pull.next(&Cursor::default()).await.unwrap();
    assert_eq!(ids(&page), [101, 102, 103]);
    throttled(pull.next(&page.cursor).await.unwrap_err());
    assert_eq!(fake.with(|x| x.asked.len()), 1);

    // one that knows nothing of it is told by 429
    throttled(next(&fake, &page.cursor).await.unwrap_err());
    assert_eq!(fake.with(|x| x.asked.len()), 2);
    fake.with(|x| x.left = Some((91, reset)));
    let settings = settings(&fake, "");
    let quota = settings.quota().clone();
    let mut pull = (x().pull.unwrap())(&settings).unwrap();
    assert_eq!(quota.left(Timestamp::now()), None);
    pull.next(&page.cursor).await.unwrap();
    let left = quota.left(Timestamp::now()).unwrap();
    assert_eq!((left.fraction, left.refills_at.unwrap().as_second()), (0.5, reset.as_second()));
}

#[tokio::test]
async fn trouble_is_said_in_words_and_the_cursor_stays() {
    let fake = Fake::start().await;
    let error = |status: u16, body| {
        let fake = fake.clone();
        async move {
            fake.with(|x| x.trouble = Some((status, body)));
            next(&fake, &Cursor::default()).await.unwrap_err()
        }
    };
    let capped =
        json!({ "title": "UsageCapExceeded", "type": "https://api.twitter.com/2/problems/usage-capped" });
    for (status, body) in [(429, capped), (402, json!({ "title": "CreditsDepleted" }))] {
        let error = error(status, body).await;
        assert!(matches!(error, PullError::Vendor { .. }), "{error}");
        assert!(error.to_string().contains("are used up"), "{error}");
    }
    assert!(matches!(error(401, json!({})).await, PullError::Refused { answer } if answer == "HTTP 401"));
    let forbidden = json!({ "type": "https://api.twitter.com/2/problems/client-forbidden" });
    assert!(matches!(
        error(403, forbidden).await, PullError::Refused { answer } if answer == "HTTP 403, client-forbidden"
    ));
    assert!(matches!(error(503, json!(null)).await, PullError::Vendor { answer } if answer == "HTTP 503"));
    assert!(matches!(error(200, json!({ "errors": [] })).await, PullError::Page(_)));
    assert!(matches!(error(400, json!({})).await, PullError::Vendor { answer } if answer == "HTTP 400"));
}

#[tokio::test]
async fn messages_that_a_webhook_missed_are_caught_up_with_beside_the_mentions() {
    let fake = Fake::start().await;
    fake.with(|x| x.page_posts = 10);
    let written = |ids: std::ops::RangeInclusive<u64>| {
        let message = |id: u64| {
            json!({ "id": id.to_string(), "event_type": "MessageCreate", "sender_id": "77001234",
                "dm_conversation_id": format!("{OWN}-77001234"), "text": format!("pesan {id}"),
                "created_at": "2026-11-03T03:10:00.000Z" })
        };
        fake.with(|x| x.inbox.extend(ids.map(|id| (id, message(id)))));
    };
    let messages = "messages = true\nmessages_interval_seconds = 3600";
    let keys = format!(
        "\n[send]\nconsumer_key = \"{CONSUMER_KEY}\"\naccess_token = \"{TOKEN}\"\naccess_token_secret = \"{TOKEN_SECRET}\""
    );
    let open = || mentions(&fake, &format!("{messages}{keys}"));
    let poll = async |pull: &mut dyn Pull, cursor: &mut Cursor| {
        let mut taken = Vec::new();
        loop {
            let page = pull.next(cursor).await.unwrap();
            assert!(page.drafts().all(|draft| draft.reporter.private != draft.public));
            taken.extend(ids(&page));
            *cursor = page.cursor;
            if !page.more {
                taken.sort_unstable();
                return taken;
            }
        }
    };
    let mut cursor = Cursor::default();
    let mut pull = open();
    fake.mentioned(101..=112);
    written(201..=225);
    let all = (101..=112).chain(201..=225).collect::<Vec<_>>();
    assert_eq!(poll(pull.as_mut(), &mut cursor).await, all);
    assert_eq!(fake.with(|x| x.asked_messages.len()), 3);

    // not before it is time again
    fake.mentioned(113..=113);
    written(226..=240);
    assert_eq!(poll(pull.as_mut(), &mut cursor).await, [113]);
    // after a restart it is; what is known ends the walk
    assert_eq!(poll(open().as_mut(), &mut cursor).await, (226..=240).collect::<Vec<_>>());
    assert_eq!(fake.with(|x| x.asked_messages.len()), 5);

    // a limit of the messages alone does not stop the mentions, and the messages come when it is over
    written(241..=241);
    fake.mentioned(114..=114);
    fake.with(|x| x.spares_messages = true);
    let mut pull = open();
    assert_eq!(poll(pull.as_mut(), &mut cursor).await, [114]);
    fake.mentioned(115..=115);
    assert_eq!(poll(pull.as_mut(), &mut cursor).await, [115]);
    fake.with(|x| x.spares_messages = false);
    assert_eq!(poll(open().as_mut(), &mut cursor).await, [241]);
}
