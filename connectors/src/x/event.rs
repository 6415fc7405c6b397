//! The envelopes: which events are messages to the city, which are none.

use muara_normalizer::{
    Amendment, ExternalId,
    draft::{Change, SourceTime},
};
use serde_json::Value;

use crate::{
    connector::Item,
    fields::Fields,
    reject::Reject,
    x::{message, post},
};

/// An app may have subscribed several accounts at one address. Whose messages they are is the operator's to say, so they
/// are kept.
fn another_account(field: &str) -> Reject {
    let detail = "is not this channel's `user_id`; let X send this account's events to a channel of its own";
    Reject::Field { field: field.to_owned(), detail: detail.to_owned() }
}

/// The items of a body for the account `own`.
pub(super) fn items(body: &Value, own: &str) -> Result<Vec<Item>, Reject> {
    const EXPECTED: Reject = Reject::Shape {
        expected: "an object with `tweet_create_events`, `direct_message_events` or another list of events, or with `data`",
    };
    let members = body.as_object().ok_or(EXPECTED)?;
    match members.get("data") {
        Some(data) if data.get("event_type").is_some() => activity(data, body, own),
        Some(data @ (Value::Object(_) | Value::Array(_))) => Ok(posts(data, body.get("includes"), own)),
        Some(Value::Null) | None => match account(body, own) {
            items if items.is_empty() => match members.get("meta") {
                Some(_) => Ok(vec![Item::Ignored("a page without posts")]),
                None => Err(EXPECTED),
            },
            items => Ok(items),
        },
        Some(_) => Err(EXPECTED),
    }
}

/// The Account Activity API: lists of events by name.
fn account(body: &Value, own: &str) -> Vec<Item> {
    let users = body.get("users").unwrap_or(&Value::Null);
    let mut items = Vec::new();
    for (name, events) in body.as_object().into_iter().flatten() {
        let notice = match name.as_str() {
            "tweet_create_events" | "tweet_delete_events" | "direct_message_events" => None,
            "direct_message_indicate_typing_events" => Some("somebody is typing"),
            "direct_message_mark_read_events" => Some("a message of ours was read"),
            "favorite_events" => Some("a like"),
            "follow_events" | "unfollow_events" => Some("a follower"),
            "block_events" | "unblock_events" | "mute_events" | "unmute_events" => Some("a block or mute"),
            "user_event" => Some("a notice about the subscription"),
            other if other.ends_with("_events") => Some("an event that is no message"),
            _ => continue,
        };
        if let Some(reason) = notice {
            items.push(Item::Ignored(reason));
            continue;
        }
        let events = events.as_array().map_or(std::slice::from_ref(events), Vec::as_slice);
        for event in events {
            let item = match name.as_str() {
                "tweet_create_events" => post::item(event, None, own),
                "tweet_delete_events" => deletion(event, own),
                _ => message::first(event, users, own),
            };
            let index = items.len();
            items.push(item.unwrap_or_else(|reason| Item::Rejected { index, reason }));
        }
    }
    let account = Fields(body).optional_id("for_user_id").ok().flatten();
    if account.is_none_or(|account| account.as_str() == own) {
        return items;
    }
    let kept = items.into_iter().enumerate().map(|(index, item)| match item {
        Item::Ignored(reason) => Item::Ignored(reason),
        _ => Item::Rejected { index, reason: another_account("for_user_id") },
    });
    kept.collect()
}

/// The X Activity API: one event with its type.
fn activity(data: &Value, body: &Value, own: &str) -> Result<Vec<Item>, Reject> {
    let fields = Fields(data);
    let kind = fields.text("event_type")?.unwrap_or_default();
    let reason = match kind.as_str() {
        "post.create"
        | "post.mention.create"
        | "post.reply.create"
        | "post.quote.create"
        | "post.delete"
        | "dm.received"
        | "dm.sent" => None,
        "chat.received" | "chat.sent" => Some("an encrypted chat, which nobody but its people can read"),
        _ => Some("an activity that is no message"),
    };
    if let Some(reason) = reason {
        return Ok(vec![Item::Ignored(reason)]);
    }
    if fields.text("filter.user_id")?.is_some_and(|user| user != own) {
        return Err(another_account("data.filter.user_id"));
    }
    let payload = data.get("payload").filter(|payload| payload.is_object());
    let payload = payload.ok_or_else(|| Reject::missing("data.payload"))?;
    // some activities carry the lists of the API before
    let lists = account(payload, own);
    if !lists.is_empty() {
        return Ok(lists);
    }
    let includes = data.get("includes").or_else(|| body.get("includes"));
    let item = match kind.as_str() {
        "post.delete" => deletion(payload, own),
        "dm.received" | "dm.sent" => message::second(payload, includes, own),
        _ => post::item(payload, includes, own),
    };
    item.map(|item| vec![item])
}

/// One post or a list of them, each by itself.
fn posts(data: &Value, includes: Option<&Value>, own: &str) -> Vec<Item> {
    let posts = data.as_array().map_or(std::slice::from_ref(data), Vec::as_slice);
    if posts.is_empty() {
        return vec![Item::Ignored("a page without posts")];
    }
    let items = posts.iter().enumerate().map(|(index, post)| {
        post::item(post, includes, own).unwrap_or_else(|reason| Item::Rejected { index, reason })
    });
    items.collect()
}

/// A post that was taken back.
fn deletion(event: &Value, own: &str) -> Result<Item, Reject> {
    let event = Fields(event);
    let id = match event.optional_id("status.id")? {
        None => match event.optional_id("id")? {
            None => event.optional_id("post_id")?,
            id => id,
        },
        id => id,
    };
    let id: ExternalId = id.ok_or_else(|| Reject::missing("status.id"))?;
    let author = match event.text("status.user_id")? {
        None => event.text("author_id")?,
        author => author,
    };
    if author.as_deref() == Some(own) {
        return Ok(Item::Ignored("a post of our own was deleted"));
    }
    let at = event.text("timestamp_ms")?.map(|time| SourceTime::parse(&time));
    let revision = "deleted".to_owned();
    Ok(Item::Amendment(Box::new(Amendment { external_id: id, revision, at, change: Change::Deleted })))
}
