//! Instagram: private messages to an account and comments on its posts.
//!
//! Documented at <https://developers.facebook.com/docs/instagram-platform/webhooks>. A message is as in [`crate::meta`];
//! a comment, which has no time of its own:
//!
//! ```json
//! {"object": "instagram", "entry": [{"id": "<account>", "time": 1793675400, "changes": [{"field": "comments", "value": {
//!   "id": "1789", "text": "Lampu jalan mati", "from": {"id": "<citizen>", "username": "siti.aminah"},
//!   "media": {"id": "1788", "media_product_type": "FEED"}, "parent_id": "1787"}}]}]}
//! ```
//! Instagram tells neither of changed nor of deleted comments. The keys are those of [`crate::facebook`], with
//! `account_id` instead of `page_id`; an app with Instagram's own sign-in sets
//! `api_url = "https://graph.instagram.com/v23.0"`.

use muara_normalizer::{Draft, ExternalId, draft::DraftReporter};
use serde_json::Value;

use crate::{
    connector::{Connector, Decoded, Item},
    meta::{
        self, Entry, Happening,
        conversation::{self, Address, Rules, Settings},
        messaging, text,
    },
    parts::Limit,
    reject::Reject,
    value,
    verify::Verified,
};

/// The connector.
pub static CONNECTOR: Connector = Connector {
    title: "Instagram (messages, comments)",
    docs: "https://developers.facebook.com/docs/instagram-platform/webhooks",
    challenge: Some(|request, channel| meta::challenge(request, &channel.own::<Settings>()?.verify_token)),
    settings: conversation::settings,
    decode,
    deliver: Some(|channel| conversation::open(channel, &RULES)),
    reports: true,
    ..meta::WEBHOOK
};

static RULES: Rules =
    Rules { message: Limit::Bytes(1000), comment: Limit::Chars(2200), comments: "replies", by_id: false };

fn decode(verified: &Verified<'_>) -> Result<Decoded, Reject> {
    let account = verified.settings().own::<Settings>().and_then(|settings| settings.account_id.as_deref());
    let shape = "an object `instagram` with a list `entry`";
    meta::decode(verified.body(), "instagram", shape, |entry, happening| {
        if account.is_some() && !entry.is(account) {
            return vec![Err(meta::of_another_account("account_id"))];
        }
        match happening {
            Happening::Messaging(event) => messaging::items(entry, event),
            Happening::Change { field: "comments" | "live_comments", value } => vec![comment(entry, value)],
            Happening::Change { field: "mentions", .. } => {
                let detail =
                    "a mention comes without its words; look at the account's notifications".to_owned();
                vec![Err(Reject::Field { field: "text".to_owned(), detail })]
            }
            // an app with Instagram's own sign-in, and the test button, bring messages as changes
            Happening::Change { field, value } if field.starts_with("messag") => {
                messaging::items(entry, value)
            }
            Happening::Change { .. } => vec![Ok(Item::Ignored("a change of something else than comments"))],
        }
    })
}

fn comment(entry: &Entry<'_>, comment: &Value) -> Result<Item, Reject> {
    let from = text(comment, &["from", "id"])?;
    if entry.is(from.as_deref()) {
        return Ok(Item::Ignored("written by the account itself"));
    }
    let id = value::member(comment, "id")?.and_then(ExternalId::new).ok_or_else(|| Reject::missing("id"))?;
    let words = value::member(comment, "text")?.ok_or_else(|| Reject::missing("text"))?;
    let draft = Draft {
        thread: text(comment, &["media", "id"])?,
        text: words,
        reporter: DraftReporter {
            id: from,
            name: text(comment, &["from", "username"])?,
            ..DraftReporter::default()
        },
        sent_at: entry.time(),
        public: true,
        replies_to: value::member(comment, "parent_id")?.into_iter().collect(),
        return_address: Some(Address::Comment(id.as_str().to_owned()).into()),
        external_id: Some(id),
        ..Draft::default()
    };
    Ok(Item::Draft(Box::new(draft)))
}
