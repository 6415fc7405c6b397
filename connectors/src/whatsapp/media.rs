//! Files: a handle becomes an address for some minutes, which wants the token once more.
//!
//! Documented at <https://developers.facebook.com/docs/whatsapp/cloud-api/reference/media>.

use futures_util::future::BoxFuture;
use muara_normalizer::draft::Attachment;

use crate::{
    deliver::DeliverError,
    media::{MediaError, MediaRequest, MediaSource},
    meta::graph::Graph,
    settings::ChannelSettings,
    value,
    whatsapp::send::Settings,
};

/// Opens the media API; nothing where there is no token.
pub(super) fn open(channel: &ChannelSettings) -> Option<Box<dyn MediaSource>> {
    let settings = channel.own::<Settings>()?;
    let graph = Graph::new(&settings.api_url, settings.access_token.as_ref()?, channel)?;
    Some(Box::new(Media(graph)))
}

struct Media(Graph);

impl MediaSource for Media {
    fn locate<'a>(&'a self, attachment: &'a Attachment) -> BoxFuture<'a, Result<MediaRequest, MediaError>> {
        Box::pin(async move {
            let handle = match attachment {
                Attachment::Handle { handle, .. } => handle,
                Attachment::Url { url, .. } => {
                    let url = url.clone().into();
                    return Ok(MediaRequest { url, headers: Vec::new(), configured: false });
                }
                Attachment::Inline { .. } => {
                    return Err(MediaError::Gone { answer: "it came inside the message".to_owned() });
                }
            };
            let file = self.0.get(&[handle]).await.map_err(|failure| error(failure.error))?;
            let gone = || MediaError::Gone { answer: "no address".to_owned() };
            let url = value::member(&file, "url").ok().flatten().ok_or_else(gone)?;
            Ok(MediaRequest {
                configured: self.0.is_own_host(&url),
                url: url.into(),
                headers: vec![(http::header::AUTHORIZATION, self.0.bearer())],
            })
        })
    }
}

fn error(error: DeliverError) -> MediaError {
    match error {
        DeliverError::Unreachable(cause) => cause.into(),
        DeliverError::Throttled { retry_after } => MediaError::Throttled { retry_after },
        DeliverError::Refused { answer } => MediaError::Refused { answer },
        DeliverError::Vendor { answer } => MediaError::Vendor { answer },
        other => MediaError::Gone { answer: other.to_string() },
    }
}
