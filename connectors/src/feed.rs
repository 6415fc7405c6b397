//! News columns by RSS or Atom: *aspirasi publik media massa*, what citizens write to newspapers.
//!
//! ```toml
//! [channels.media_massa]
//! connector = "feed"
//! interval_seconds = 300
//! [[channels.media_massa.feeds]]
//! name = "Surat Pembaca"
//! url = "https://koran.example/surat-pembaca/rss"
//! ```
//! RSS 0.91 to 2.0 (<https://www.rssboard.org/rss-specification>), RSS 1.0, Atom (RFC 4287) and JSON Feed. An entry is known
//! by its guid or id; one without is known by its link and headline. A guid that is no address is told apart by the
//! feed's own address, since many papers simply count. An entry that is written anew later is an amendment. Nothing is
//! filtered here: what is no complaint is for the normalizer to say.

mod pull;

use bytes::Bytes;
use feed_rs::{
    model::{Entry, Feed},
    parser,
};
use jiff::Timestamp;
use muara_normalizer::{
    Draft, ExternalId,
    draft::{Attachment, DraftReporter, SourceTime},
};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::{
    client,
    connector::{Connector, Decoded, Item},
    html,
    reject::Reject,
    settings::{self, OwnSettings, SettingsError},
    verify::{Auth, Verified},
};

/// The connector.
pub static CONNECTOR: Connector = Connector {
    title: "News feed (RSS, Atom)",
    docs: "https://www.rssboard.org/rss-specification",
    auth: Auth::Pull,
    media_types: &[],
    settings,
    decode,
    pull: Some(|channel| Some(Box::new(pull::Reader::new(channel.own::<Settings>()?)))),
    ..Connector::WEBHOOK
};

/// The connector's own keys.
#[derive(Clone, Deserialize)]
struct Settings {
    /// The feeds, asked one after another.
    feeds: Vec<FeedSettings>,
    /// Seconds between two rounds.
    #[serde(default = "minutes")]
    interval_seconds: u64,
    /// The largest feed in MiB.
    #[serde(default = "megabytes")]
    max_mb: usize,
}

#[derive(Clone, Deserialize)]
struct FeedSettings {
    url: String,
    /// What people call the column; it stands where the entry has no author.
    name: Option<String>,
}

fn minutes() -> u64 {
    300
}

fn megabytes() -> usize {
    5
}

fn settings(table: toml::Table) -> Result<OwnSettings, Vec<SettingsError>> {
    let read: Settings = settings::read(table)?;
    let mut errors = client::check_positive(&[
        ("interval_seconds", read.interval_seconds == 0),
        ("max_mb", read.max_mb == 0),
        ("feeds", read.feeds.is_empty()),
    ]);
    for (number, feed) in read.feeds.iter().enumerate() {
        errors.extend(client::check_address(&format!("feeds[{number}].url"), &feed.url));
    }
    if errors.is_empty() { Ok(OwnSettings::new(read)) } else { Err(errors) }
}

/// A whole feed, as quarantine keeps it.
fn decode(verified: &Verified<'_>) -> Result<Decoded, Reject> {
    let entries = entries(verified.body(), None)?;
    if entries.is_empty() {
        return Ok(Decoded::ignored("a feed without entries"));
    }
    let items = entries.into_iter().enumerate().map(|(index, entry)| match entry.draft {
        Ok(draft) => Item::Draft(Box::new(draft)),
        Err(reason) => Item::Rejected { index, reason },
    });
    Ok(Decoded { items: items.collect() })
}

/// An entry that was read.
struct Read {
    id: String,
    /// Of all that it says: another one is an edit.
    hash: String,
    /// When it was written anew, if it says so.
    updated: Option<SourceTime>,
    draft: Result<Draft, Reject>,
}

/// The entries of a feed, oldest first.
fn entries(document: &[u8], name: Option<&str>) -> Result<Vec<Read>, Reject> {
    let parser = parser::Builder::new()
        // an entry without an id would get another one each time
        .id_generator(|_, _, _| String::new())
        .sanitize_content(false)
        .build();
    let feed = parser.parse(document).map_err(|error| Reject::Syntax {
        syntax: "RSS or Atom",
        detail: match error {
            parser::ParseFeedError::ParseError(kind) => format!("{kind:?}").chars().take(100).collect(),
            _ => "the document cannot be read".to_owned(),
        },
    })?;
    let host = host(&feed);
    let mut entries: Vec<_> = feed.entries.iter().map(|entry| read(entry, &host, name)).collect();
    // feeds write the newest first
    entries.reverse();
    Ok(entries)
}

/// The feed's own address without what varies, for ids that are only numbers.
fn host(feed: &Feed) -> String {
    let link = feed.links.iter().find(|link| link.rel.as_deref() != Some("self")).or(feed.links.first());
    let address = link.map_or("", |link| link.href.as_str());
    let host = address.split_once("://").map_or(address, |(_, rest)| rest);
    // with the column's path, since two columns of a paper may both count; an article that stands in two of them comes
    // twice, which is better than not at all
    let host = host.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
    // two papers that say no address are told apart by their names
    let title = || feed.title.as_ref().map(|title| title.content.trim().to_owned()).unwrap_or_default();
    if host.is_empty() { title() } else { host.to_owned() }
}

fn read(entry: &Entry, host: &str, name: Option<&str>) -> Read {
    let link = entry.links.iter().find(|link| !matches!(link.rel.as_deref(), Some("enclosure" | "self")));
    let link = link.map(|link| link.href.clone());
    let title = entry.title.as_ref().map(|title| plain(&title.content));
    let body = entry.content.as_ref().and_then(|content| content.body.as_deref());
    let body = body.or(entry.summary.as_ref().map(|summary| summary.content.as_str()));
    let text = body.map(plain).unwrap_or_default();
    let id = match entry.id.trim() {
        "" => {
            let seen = [link.as_deref().unwrap_or_default(), title.as_deref().unwrap_or_default()];
            format!("{host}#{}", digest(&seen))
        }
        address if address.contains("://") || address.starts_with("tag:") || address.starts_with("urn:") => {
            address.to_owned()
        }
        number => format!("{host}#{number}"),
    };
    let hash = digest(&[title.as_deref().unwrap_or_default(), &text]);
    let draft = draft(entry, &id, link, title, text, name);
    Read { id, hash, updated: entry.updated.and_then(|at| time(at.timestamp_millis())), draft }
}

fn draft(
    entry: &Entry,
    id: &str,
    url: Option<String>,
    title: Option<String>,
    text: String,
    name: Option<&str>,
) -> Result<Draft, Reject> {
    let author = entry.authors.iter().find_map(|author| author.name.clone());
    let written = entry.published.or(entry.updated);
    let draft = Draft {
        external_id: ExternalId::new(id),
        url,
        title,
        text,
        reporter: DraftReporter {
            name: author.or_else(|| name.map(str::to_owned)),
            ..DraftReporter::default()
        },
        attachments: attachments(entry),
        sent_at: written.and_then(|at| time(at.timestamp_millis())),
        public: true,
        ..Draft::default()
    };
    if draft.is_empty() { Err(Reject::missing("title or description")) } else { Ok(draft) }
}

/// Pictures and enclosures, each once.
fn attachments(entry: &Entry) -> Vec<Attachment> {
    let contents = entry.media.iter().flat_map(|media| &media.content).filter_map(|content| {
        let content_type = content.content_type.as_ref().map(ToString::to_string);
        Some((content.url.as_ref()?.to_string(), content_type))
    });
    let enclosures = entry.links.iter().filter(|link| link.rel.as_deref() == Some("enclosure"));
    let enclosures = enclosures.map(|link| (link.href.clone(), link.media_type.clone()));
    let mut files: Vec<(String, Option<String>)> = Vec::new();
    for (url, content_type) in contents.chain(enclosures) {
        if !files.iter().any(|(known, _)| *known == url) {
            files.push((url, content_type));
        }
    }
    files.into_iter().map(|(url, content_type)| Attachment::Url { url, content_type }).collect()
}

fn time(milliseconds: i64) -> Option<SourceTime> {
    Timestamp::from_millisecond(milliseconds).ok().map(SourceTime::Instant)
}

/// HTML as text; what is too large or too deep for that stays as it is written.
fn plain(written: &str) -> String {
    html::to_text(written).unwrap_or_else(|_| written.to_owned())
}

fn digest(parts: &[&str]) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update(part.as_bytes());
        digest.update([0]);
    }
    hex::encode(&digest.finalize()[..12])
}

/// A document that cannot be read, by what is in it.
fn fingerprint(document: &Bytes) -> String {
    hex::encode(&Sha256::digest(document)[..12])
}
