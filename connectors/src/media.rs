//! Where a vendor keeps the files of its messages. The gateway fetches them; a connector only says how.

use std::{fmt, time::Duration};

use futures_util::future::BoxFuture;
use http::HeaderName;
use muara_normalizer::draft::Attachment;
use secrecy::SecretString;

use crate::{deliver::Unreachable, settings::ChannelSettings};

/// Opens the vendor's media API; nothing where the channel is not configured for it.
pub type OpenMedia = fn(&ChannelSettings) -> Option<Box<dyn MediaSource>>;

/// A vendor that keeps files behind its own handles or behind credentials.
pub trait MediaSource: Send + Sync {
    /// How to fetch one attachment now. May ask the vendor for an address that is good for some minutes.
    fn locate<'a>(&'a self, attachment: &'a Attachment) -> BoxFuture<'a, Result<MediaRequest, MediaError>>;
}

/// A GET that brings the file.
pub struct MediaRequest {
    /// The address; some vendors put a token into it, so it is never logged.
    pub url: SecretString,
    /// Headers with credentials; they are not sent on to another host that the vendor redirects to.
    pub headers: Vec<(HeaderName, SecretString)>,
    /// Whether the operator configured this very host, so that it may be a private address.
    pub configured: bool,
}

impl fmt::Debug for MediaRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MediaRequest").field("configured", &self.configured).finish_non_exhaustive()
    }
}

/// Why a file cannot be located.
#[derive(Debug, thiserror::Error)]
pub enum MediaError {
    /// Network or vendor cannot be reached: tried again.
    #[error("the vendor cannot be reached: {0}")]
    Unreachable(#[from] Unreachable),
    /// The vendor asks for a pause.
    #[error("the vendor limits the rate of requests")]
    Throttled {
        /// Its Retry-After, if it gave one.
        retry_after: Option<Duration>,
    },
    /// Credentials are refused: the operator must renew them.
    #[error("the vendor refuses the credentials ({answer}); renew the channel's secret")]
    Refused {
        /// Its answer in short.
        answer: String,
    },
    /// The vendor fails: tried again.
    #[error("the vendor fails ({answer})")]
    Vendor {
        /// Its answer in short.
        answer: String,
    },
    /// The file is not there any more, or never was.
    #[error("the vendor does not have the file ({answer})")]
    Gone {
        /// Its answer in short.
        answer: String,
    },
}
