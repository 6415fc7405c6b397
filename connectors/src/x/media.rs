//! Photos and videos. Those of posts are public; those of direct messages are given only to who is in the conversation,
//! and a file that a post only names must be asked for by its key.

use futures_util::future::BoxFuture;
use http::header::AUTHORIZATION;
use jiff::Timestamp;
use muara_normalizer::draft::Attachment;
use reqwest::Url;
use secrecy::SecretString;
use serde_json::Value;

use crate::{
    media::{MediaError, MediaRequest, MediaSource},
    quota::Quota,
    settings::ChannelSettings,
    x::{
        Settings,
        api::{self, Failure},
        deliver::User,
        post::included,
    },
};

/// The hosts that give the files of direct messages, and only to who signs.
const PRIVATE_HOSTS: &[&str] = &["ton.twitter.com", "ton.x.com"];

/// The files of a post of either shape.
pub(super) fn of_post(post: &Value, includes: Option<&Value>) -> Vec<Attachment> {
    let lists = ["/extended_tweet/extended_entities/media", "/extended_entities/media", "/entities/media"];
    let first = lists.iter().find_map(|path| post.pointer(path)?.as_array());
    let mut files: Vec<_> = first.into_iter().flatten().filter_map(file).collect();
    files.extend(of_keys(post, includes));
    files
}

/// The files that `attachments.media_keys` names.
pub(super) fn of_keys(message: &Value, includes: Option<&Value>) -> Vec<Attachment> {
    let keys = message.pointer("/attachments/media_keys").and_then(Value::as_array);
    let keys = keys.into_iter().flatten().filter_map(Value::as_str);
    keys.map(|key| {
        let known = included(includes, "media", "media_key", key).and_then(file);
        known.unwrap_or_else(|| Attachment::Handle { handle: key.to_owned(), content_type: None })
    })
    .collect()
}

/// A file of either API: a photo's address, or the best of a video's.
pub(super) fn file(media: &Value) -> Option<Attachment> {
    let text = |name: &str| media.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let variants = media.pointer("/video_info/variants").or_else(|| media.get("variants"));
    let variants = variants.and_then(Value::as_array).into_iter().flatten();
    // an entry without a bit rate is a playlist
    let rate =
        |variant: &&Value| variant.get("bit_rate").or_else(|| variant.get("bitrate")).and_then(Value::as_u64);
    let best = variants.filter(|variant| rate(variant).is_some()).max_by_key(|variant| rate(variant));
    if let Some(url) = best.and_then(|variant| variant.get("url")?.as_str()) {
        return Some(located(url, Some("video/mp4")));
    }
    let url = ["media_url_https", "url", "preview_image_url", "media_url"].into_iter().find_map(text)?;
    // in API v1.1 `url` is the short address of the page, not of the file
    if url.starts_with("https://t.co/") {
        return None;
    }
    Some(located(url, Some("image")))
}

fn located(url: &str, content_type: Option<&str>) -> Attachment {
    let content_type = content_type.map(str::to_owned);
    let host = Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned));
    if host.is_some_and(|host| PRIVATE_HOSTS.contains(&host.as_str())) {
        Attachment::Handle { handle: url.to_owned(), content_type }
    } else {
        Attachment::Url { url: url.to_owned(), content_type }
    }
}

/// Opens the files of a channel; without the account's own credentials they cannot be fetched.
pub(super) fn open(channel: &ChannelSettings) -> Option<Box<dyn MediaSource>> {
    let settings = channel.own::<Settings>()?;
    let user = User::new(settings.send.as_ref()?, channel)?;
    Some(Box::new(Files { api_url: settings.api_url.clone(), user, quota: channel.quota().clone() }))
}

struct Files {
    api_url: String,
    user: User,
    quota: Quota,
}

impl MediaSource for Files {
    fn locate<'a>(&'a self, attachment: &'a Attachment) -> BoxFuture<'a, Result<MediaRequest, MediaError>> {
        Box::pin(async move {
            match attachment {
                Attachment::Handle { handle, .. } if handle.starts_with("https://") => self.signed(handle),
                Attachment::Handle { handle, .. } => self.of_key(handle).await,
                Attachment::Url { url, .. } => Ok(open_to_all(url)),
                Attachment::Inline { .. } => Err(gone("the file is in the message")),
            }
        })
    }
}

fn open_to_all(url: &str) -> MediaRequest {
    MediaRequest { url: url.to_owned().into(), headers: Vec::new(), configured: false }
}

fn gone(answer: &str) -> MediaError {
    MediaError::Gone { answer: answer.to_owned() }
}

impl Files {
    /// The account's signature goes to no host but X's own.
    fn signed(&self, url: &str) -> Result<MediaRequest, MediaError> {
        let host = Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned));
        if !host.is_some_and(|host| PRIVATE_HOSTS.contains(&host.as_str())) {
            return Err(gone("its address is not one of X's"));
        }
        let authorization = self.user.authorization("GET", url, Timestamp::now());
        Ok(MediaRequest {
            url: url.to_owned().into(),
            headers: vec![(AUTHORIZATION, authorization)],
            configured: false,
        })
    }

    async fn of_key(&self, key: &str) -> Result<MediaRequest, MediaError> {
        if !key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return Err(gone("its key is not one of X's"));
        }
        let url = format!("{}/2/media/{key}?media.fields=url,variants,preview_image_url", self.api_url);
        let authorization: SecretString = self.user.authorization("GET", &url, Timestamp::now());
        let answer = api::get(&url, &authorization, &self.quota).await?;
        let found = answer.get("data").and_then(file);
        match found {
            Some(Attachment::Url { url, .. }) => Ok(open_to_all(&url)),
            Some(Attachment::Handle { handle, .. }) => self.signed(&handle),
            _ => Err(gone("it names no file")),
        }
    }
}

impl From<Failure> for MediaError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Unreachable(error) => Self::Unreachable(error),
            Failure::Throttled(retry_after) => Self::Throttled { retry_after },
            Failure::Body(error) => Self::Vendor { answer: error.to_string() },
            Failure::Answer(answer) => match answer.status {
                401..=403 => Self::Refused { answer: answer.to_string() },
                404 | 410 => Self::Gone { answer: answer.to_string() },
                _ => Self::Vendor { answer: answer.to_string() },
            },
        }
    }
}
