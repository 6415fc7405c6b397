//! Facebook: private messages to a page (Messenger), comments on it and posts of visitors.
//!
//! Documented at <https://developers.facebook.com/docs/messenger-platform/webhooks> and
//! <https://developers.facebook.com/docs/graph-api/webhooks/reference/page>. A message is as in [`crate::meta`]; a comment:
//!
//! ```json
//! {"object": "page", "entry": [{"id": "<page>", "time": 1793675401, "changes": [{"field": "feed", "value": {
//!   "item": "comment", "verb": "add", "comment_id": "1_3", "post_id": "0_1", "parent_id": "0_1",
//!   "from": {"id": "<citizen>", "name": "Siti Aminah"}, "message": "Lampu jalan mati", "created_time": 1793675400}}]}]}
//! ```
//! `from` is missing where the app may not know who wrote. Changed and deleted comments come with another `verb`.
//!
//! ```toml
//! [channels.facebook_dki]
//! connector = "facebook"
//! secret = "${env:META_APP_SECRET}"              # the app's secret: Meta signs with it
//! verify_token = "${env:META_VERIFY_TOKEN}"      # any word; the same in the app's webhook settings
//! page_id = "1234567890"
//! access_token = "${env:FACEBOOK_PAGE_TOKEN}"    # for answers
//! ```

use muara_normalizer::{
    Amendment, Draft, ExternalId,
    draft::{Attachment, Change, DraftReporter},
};
use serde_json::Value;

use crate::{
    connector::{Connector, Decoded, Item},
    meta::{
        self, Entry, Happening, Items,
        conversation::{self, Address, Rules, Settings},
        list,
        messaging::{self, add_words},
        text, time,
    },
    parts::Limit,
    reject::Reject,
    value,
    verify::Verified,
};

/// The connector.
pub static CONNECTOR: Connector = Connector {
    title: "Facebook (messages, comments)",
    docs: "https://developers.facebook.com/docs/messenger-platform/webhooks",
    challenge: Some(|request, channel| meta::challenge(request, &channel.own::<Settings>()?.verify_token)),
    settings: conversation::settings,
    decode,
    deliver: Some(|channel| conversation::open(channel, &RULES)),
    reports: true,
    ..meta::WEBHOOK
};

static RULES: Rules =
    Rules { message: Limit::Chars(2000), comment: Limit::Chars(8000), comments: "comments", by_id: true };

fn decode(verified: &Verified<'_>) -> Result<Decoded, Reject> {
    let page = verified.settings().own::<Settings>().and_then(|settings| settings.account_id.as_deref());
    let shape = "an object `page` with a list `entry`";
    meta::decode(verified.body(), "page", shape, |entry, happening| {
        if page.is_some() && !entry.is(page) {
            return vec![Err(meta::of_another_account("page_id"))];
        }
        match happening {
            Happening::Messaging(event) => messaging::items(entry, event),
            Happening::Change { field: "feed", value } => one(feed(entry, value)),
            Happening::Change { field: "mention", .. } => {
                let detail = "a mention comes without its words; look at the page's notifications".to_owned();
                one(Err(Reject::Field { field: "message".to_owned(), detail }))
            }
            // the app's test button sends messages as changes
            Happening::Change { field: "messages", value } => messaging::items(entry, value),
            Happening::Change { .. } => one(Ok(Item::Ignored("a change of something else than comments"))),
        }
    })
}

fn one(item: Result<Item, Reject>) -> Items {
    vec![item]
}

/// What a visitor's post can be.
const POSTS: &[&str] = &["post", "status", "photo", "video", "share", "link", "note", "album"];

fn feed(entry: &Entry<'_>, change: &Value) -> Result<Item, Reject> {
    let from = text(change, &["from", "id"])?;
    if entry.is(from.as_deref()) {
        return Ok(Item::Ignored("written by the page itself"));
    }
    let kind = value::member(change, "item")?.ok_or_else(|| Reject::missing("item"))?;
    let name = match kind.as_str() {
        "comment" => "comment_id",
        kind if POSTS.contains(&kind) => "post_id",
        _ => return Ok(Item::Ignored("a reaction or another sign without words")),
    };
    let id = value::member(change, name)?.and_then(ExternalId::new).ok_or_else(|| Reject::missing(name))?;
    let verb = value::member(change, "verb")?.ok_or_else(|| Reject::missing("verb"))?;
    let (change, revision) = match verb.as_str() {
        "add" => {
            let draft = draft(entry, change, &kind, id, from)?;
            return said_something(&draft).map(|()| Item::Draft(Box::new(draft)));
        }
        "edited" | "edit" => {
            let draft = draft(entry, change, &kind, id.clone(), from)?;
            said_something(&draft)?;
            // the change itself has no time: the comment's own stays the same
            let revision = entry.sent()?.ok_or_else(|| Reject::missing("entry.time"))?;
            (Change::Edited { draft: Box::new(draft) }, revision)
        }
        "remove" | "delete" => (Change::Deleted, "deleted".to_owned()),
        _ => return Ok(Item::Ignored("hidden, shown or moved by the page")),
    };
    let amendment = Amendment { external_id: id, revision, at: entry.time(), change };
    Ok(Item::Amendment(Box::new(amendment)))
}

fn said_something(draft: &Draft) -> Result<(), Reject> {
    if draft.is_empty() { Err(Reject::missing("message, photo or video")) } else { Ok(()) }
}

fn draft(
    entry: &Entry<'_>,
    change: &Value,
    kind: &str,
    id: ExternalId,
    from: Option<String>,
) -> Result<Draft, Reject> {
    let mut words = value::member(change, "message")?.unwrap_or_default();
    let mut attachments = Vec::new();
    for (name, content_type) in [("photo", "image"), ("video", "video")] {
        let url = value::member(change, name)?;
        attachments.extend(url.map(|url| file(url, content_type)));
    }
    for photo in list(change, "photos") {
        attachments.extend(photo.as_str().map(|url| file(url.to_owned(), "image")));
    }
    if let Some(link) = value::member(change, "link")? {
        match kind {
            "photo" | "video" => {
                let content_type = if kind == "photo" { "image" } else { "video" };
                let file = file(link, content_type);
                if !attachments.contains(&file) {
                    attachments.push(file);
                }
            }
            _ => add_words(&mut words, &link),
        }
    }
    let post = value::member(change, "post_id")?;
    let comment = kind == "comment";
    let mut replies_to: Vec<String> = value::member(change, "parent_id")?.into_iter().collect();
    if comment {
        replies_to.extend(post.clone().filter(|post| !replies_to.contains(post)));
    }
    replies_to.retain(|parent| parent != id.as_str() && !entry.is(Some(parent)));
    let address = id.as_str().to_owned();
    Ok(Draft {
        url: if comment { None } else { text(change, &["post", "permalink_url"])? },
        thread: post,
        text: words,
        reporter: DraftReporter {
            id: from,
            name: text(change, &["from", "name"])?,
            ..DraftReporter::default()
        },
        attachments,
        sent_at: time(change, "created_time"),
        public: true,
        replies_to,
        return_address: Some(if comment { Address::Comment(address) } else { Address::Post(address) }.into()),
        external_id: Some(id),
        ..Draft::default()
    })
}

fn file(url: String, content_type: &str) -> Attachment {
    Attachment::Url { url, content_type: Some(content_type.to_owned()) }
}
