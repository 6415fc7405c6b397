//! A post in both of its shapes: that of API v1.1 (`id_str`, `user`, `extended_entities`) and that of API v2
//! (`author_id`, and beside it `includes` with users, media and places).

use jiff::fmt::strtime;
use muara_normalizer::{
    Amendment, Draft, ExternalId,
    draft::{Change, DraftPlace, DraftReporter, ReturnAddress, SourceTime},
};
use serde_json::{Value, json};

use crate::{connector::Item, fields::Fields, reject::Reject, x::media};

/// A post as an item: a message, a changed message, or nothing for us.
pub(super) fn item(post: &Value, includes: Option<&Value>, own: &str) -> Result<Item, Reject> {
    if !post.is_object() {
        return Err(Reject::Field { field: "post".to_owned(), detail: "expected an object".to_owned() });
    }
    let fields = Fields(post);
    let id = any_id(&fields, &["id_str", "id"])?.ok_or_else(|| Reject::missing("id"))?;
    let author = any_id(&fields, &["author_id", "user.id_str", "user.id"])?;
    if author.as_ref().is_some_and(|author| author.as_str() == own) {
        return Ok(Item::Ignored("a post of our own"));
    }
    if post.get("retweeted_status").is_some_and(Value::is_object) || referenced(post, "retweeted").is_some() {
        return Ok(Item::Ignored("a repost of somebody's words"));
    }
    let Some(first) = first_version(post).filter(|first| *first != id) else {
        return draft(post, includes, id, author).map(|draft| Item::Draft(Box::new(draft)));
    };
    // it is one message however often it is edited, and the last version is the one that is answered
    let mut draft = draft(post, includes, id.clone(), author)?;
    draft.external_id = Some(first.clone());
    if draft.thread.as_deref() == Some(id.as_str()) {
        draft.thread = Some(first.as_str().to_owned());
    }
    Ok(Item::Amendment(Box::new(Amendment {
        external_id: first,
        revision: id.as_str().to_owned(),
        at: draft.sent_at.clone(),
        change: Change::Edited { draft: Box::new(draft) },
    })))
}

fn draft(
    post: &Value,
    includes: Option<&Value>,
    id: ExternalId,
    author: Option<ExternalId>,
) -> Result<Draft, Reject> {
    let fields = Fields(post);
    let user = author.as_ref().and_then(|author| included(includes, "users", "id", author.as_str()));
    let user = Fields(user.or_else(|| post.get("user")).unwrap_or(&Value::Null));
    let (name, screen_name) = match user.0 {
        Value::Object(_) => (user.text("name")?, either(&user, "username", "screen_name")?),
        _ => (None, None),
    };
    let handle = screen_name.as_deref().filter(|name| is_handle(name));
    let replies_to = match referenced(post, "replied_to") {
        Some(id) => Some(id),
        None => {
            any_id(&fields, &["in_reply_to_tweet_id", "in_reply_to_status_id_str", "in_reply_to_status_id"])?
        }
    };
    let thread = match any_id(&fields, &["conversation_id", "conversation_id_str"])? {
        // who answers nobody begins a conversation that has the post's own id
        None if replies_to.is_none() => Some(id.clone()),
        thread => thread,
    };
    let draft = Draft {
        url: Some(format!("https://x.com/{}/status/{}", handle.unwrap_or("i"), id.as_str())),
        thread: thread.map(|thread| thread.as_str().to_owned()),
        text: text(post)?,
        place: place(post, includes)?,
        reporter: DraftReporter {
            id: author.as_ref().map(|author| author.as_str().to_owned()),
            name: name.or_else(|| handle.map(|handle| format!("@{handle}"))),
            ..DraftReporter::default()
        },
        attachments: media::of_post(post, includes),
        sent_at: fields.text("created_at")?.map(|time| self::time(&time)),
        public: true,
        replies_to: replies_to.into_iter().map(|id| id.as_str().to_owned()).collect(),
        return_address: author.map(|author| {
            ReturnAddress(json!({ "kind": "post", "post": id.as_str(), "user": author.as_str() }))
        }),
        external_id: Some(id),
        ..Draft::default()
    };
    if draft.is_empty() { Err(Reject::missing("text")) } else { Ok(draft) }
}

/// The first of these members that is there, as an id.
pub(super) fn any_id(fields: &Fields<'_>, names: &[&str]) -> Result<Option<ExternalId>, Reject> {
    for name in names {
        if let Some(id) = fields.optional_id(name)? {
            return Ok(Some(id));
        }
    }
    Ok(None)
}

pub(super) fn either(fields: &Fields<'_>, first: &str, second: &str) -> Result<Option<String>, Reject> {
    match fields.text(first)? {
        None => fields.text(second),
        text => Ok(text),
    }
}

/// What may stand in an address as an account's name.
fn is_handle(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// The entry of a list in `includes` whose member `key` is this.
pub(super) fn included<'a>(
    includes: Option<&'a Value>,
    list: &str,
    key: &str,
    wanted: &str,
) -> Option<&'a Value> {
    let entries = includes?.get(list)?.as_array()?;
    entries.iter().find(|entry| entry.get(key).and_then(Value::as_str) == Some(wanted))
}

/// The post that this one answers, quotes or repeats (API v2).
fn referenced(post: &Value, how: &str) -> Option<ExternalId> {
    let posts = post.get("referenced_tweets")?.as_array()?;
    let found = posts.iter().find(|post| post.get("type").and_then(Value::as_str) == Some(how))?;
    ExternalId::new(found.get("id")?.as_str()?)
}

/// The id that an edited post had at first.
fn first_version(post: &Value) -> Option<ExternalId> {
    let paths =
        ["/edit_history_tweet_ids/0", "/edit_history/initial_tweet_id", "/edit_history/edit_tweet_ids/0"];
    let id = paths.iter().find_map(|path| post.pointer(path))?;
    match id {
        Value::String(id) => ExternalId::new(id),
        Value::Number(id) if !id.is_f64() => ExternalId::new(id.to_string()),
        _ => None,
    }
}

/// The words as written. X shortens addresses and puts the address of a photo after the words: the first are written
/// out again, the second is left out, since the photo itself is there.
fn text(post: &Value) -> Result<String, Reject> {
    let (long, paths): (_, &[&str]) = if post.get("note_tweet").is_some_and(Value::is_object) {
        ("note_tweet.text", &["/note_tweet/entities", "/entities"])
    } else if post.get("extended_tweet").is_some_and(Value::is_object) {
        (
            "extended_tweet.full_text",
            &["/extended_tweet/entities", "/extended_tweet/extended_entities", "/entities"],
        )
    } else {
        ("full_text", &["/entities", "/extended_entities"])
    };
    let fields = Fields(post);
    let mut text = match fields.text(long)? {
        None => fields.text("text")?.unwrap_or_default(),
        text => text.unwrap_or_default(),
    };
    for path in paths {
        text = expanded(text, post.pointer(path));
    }
    if let Some(quoted) = post.get("quoted_status_permalink") {
        text = replaced(text, quoted.get("url"), quoted.get("expanded"));
    }
    Ok(unescaped(&text))
}

/// A text with its short addresses written out, by its `entities`.
pub(super) fn expanded(mut text: String, entities: Option<&Value>) -> String {
    let list = |name: &str| {
        entities.and_then(|entities| entities.get(name)?.as_array()).map_or(&[][..], Vec::as_slice)
    };
    for url in list("urls") {
        let to = if url.get("media_key").is_some() { None } else { url.get("expanded_url") };
        text = replaced(text, url.get("url"), to);
    }
    for media in list("media") {
        text = replaced(text, media.get("url"), None);
    }
    text
}

fn replaced(text: String, from: Option<&Value>, to: Option<&Value>) -> String {
    match (from.and_then(Value::as_str), to.and_then(Value::as_str)) {
        (Some(from), Some(to)) if !from.is_empty() => text.replace(from, to),
        (Some(from), None) if !from.is_empty() => text.replace(from, "").trim_end().to_owned(),
        _ => text,
    }
}

/// X escapes these three and no other.
pub(super) fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

/// GeoJSON: longitude first. Only a device gives a point; a place is chosen by its name.
fn place(post: &Value, includes: Option<&Value>) -> Result<DraftPlace, Reject> {
    let point =
        post.pointer("/coordinates/coordinates").or_else(|| post.pointer("/geo/coordinates/coordinates"));
    let (lon, lat) = degrees(point);
    let chosen = post.pointer("/geo/place_id").and_then(Value::as_str);
    let chosen = chosen.and_then(|id| included(includes, "places", "id", id)).or_else(|| post.get("place"));
    let address = match chosen {
        Some(place @ Value::Object(_)) => either(&Fields(place), "full_name", "name")?,
        _ => None,
    };
    Ok(DraftPlace { lat, lon, device: lat.is_some(), address, ..DraftPlace::default() })
}

/// Longitude and latitude of a GeoJSON point; neither where it is not two numbers.
pub(super) fn degrees(point: Option<&Value>) -> (Option<f64>, Option<f64>) {
    let number = |index| point.and_then(|point| point.get(index)?.as_f64());
    match (number(0), number(1)) {
        (Some(lon), Some(lat)) => (Some(lon), Some(lat)),
        _ => (None, None),
    }
}

/// RFC 3339 (v2), milliseconds since 1970 (direct messages), or `Tue Nov 03 03:10:00 +0000 2026` (v1.1).
pub(super) fn time(written: &str) -> SourceTime {
    match SourceTime::parse(written) {
        SourceTime::Unreadable(text) => strtime::parse("%a %b %d %H:%M:%S %z %Y", &text)
            .and_then(|parsed| parsed.to_timestamp())
            .map_or(SourceTime::Unreadable(text), SourceTime::Instant),
        time => time,
    }
}
