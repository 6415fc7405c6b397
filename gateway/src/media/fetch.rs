//! One attempt at one file: where it is, whether that may be asked, and its bytes, no more than allowed.

use std::{sync::Arc, time::Duration};

use jiff::{Timestamp, fmt::rfc2822};
use muara_connectors::{
    MediaSource,
    deliver::chain,
    media::{MediaError, MediaRequest},
};
use muara_normalizer::draft::Attachment;
use reqwest::{Client, Response, StatusCode, Url, header};
use secrecy::ExposeSecret;

use super::guard::{Forbidden, Guard, GuardedResolver, forbids};

/// So often a vendor may send us on.
const MOST_REDIRECTS: usize = 3;

/// Why a file was not fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The vendor's media API does not say where it is.
    #[error("{0}")]
    Locate(#[from] MediaError),
    /// It has a handle, and the channel has no way to ask for it.
    #[error("the channel has no access to the vendor's files: set its credentials")]
    NoSource,
    /// The address is none.
    #[error("the file's address is not an http or https address")]
    Address,
    /// The address is a private one.
    #[error("{0}")]
    Private(#[from] Forbidden),
    /// The vendor sends us from one address to the next.
    #[error("the vendor redirects more than {MOST_REDIRECTS} times")]
    Redirects,
    /// The file is too large.
    #[error("the file is larger than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// The vendor asks for a pause.
    #[error("the vendor limits the rate of requests (429)")]
    Throttled {
        /// Its Retry-After, if it gave one.
        retry_after: Option<Duration>,
    },
    /// The vendor refuses.
    #[error("the vendor refuses access to the file (HTTP {status})")]
    Refused {
        /// 401 or 403.
        status: u16,
        /// Whether the channel's credentials were sent along: then they are to blame.
        credentials: bool,
    },
    /// The vendor says that there is no such file, for good.
    #[error("the vendor removed the file (HTTP 410)")]
    Removed,
    /// The vendor says that there is no such file; it may come yet.
    #[error("the vendor does not have the file ({answer})")]
    Absent {
        /// Its answer in short.
        answer: String,
    },
    /// The vendor fails.
    #[error("the vendor fails (HTTP {status})")]
    Vendor {
        /// Its answer.
        status: u16,
        /// Its Retry-After, if it gave one.
        retry_after: Option<Duration>,
    },
    /// Network trouble. Without the address, which may hold a key.
    #[error("the file cannot be fetched: {}", chain(.0))]
    Http(#[source] reqwest::Error),
    /// It takes too long.
    #[error("the file did not come within {} s", .0.as_secs())]
    Timeout(Duration),
}

/// Fetches files. A cheap handle.
#[derive(Clone, Debug)]
pub struct Fetcher {
    guard: Arc<Guard>,
    guarded: Client,
    configured: Client,
    most: u64,
    timeout: Duration,
}

impl Fetcher {
    /// A fetcher with its limits.
    ///
    /// # Errors
    /// The system's certificates cannot be read.
    pub fn new(guard: Guard, most: u64, timeout: Duration) -> reqwest::Result<Self> {
        let guard = Arc::new(guard);
        let client = || {
            Client::builder()
                .user_agent(concat!("muara/", env!("CARGO_PKG_VERSION")))
                // each step is looked at here
                .redirect(reqwest::redirect::Policy::none())
                // a proxy would resolve names itself, and unchecked
                .no_proxy()
                .referer(false)
                .connect_timeout(Duration::from_secs(10))
                .read_timeout(Duration::from_secs(30))
        };
        let guarded = client().dns_resolver(GuardedResolver(Arc::clone(&guard))).build()?;
        Ok(Self { guard, guarded, configured: client().build()?, most, timeout })
    }

    /// Fetches a file.
    ///
    /// # Errors
    /// [`FetchError`].
    pub async fn fetch(
        &self,
        source: Option<&dyn MediaSource>,
        attachment: &Attachment,
    ) -> Result<Vec<u8>, FetchError> {
        let fetching = async {
            let request = match (source, attachment) {
                (Some(source), _) => source.locate(attachment).await?,
                (None, Attachment::Url { url, .. }) => {
                    MediaRequest { url: url.clone().into(), headers: Vec::new(), configured: false }
                }
                (None, _) => return Err(FetchError::NoSource),
            };
            let response = self.follow(&request).await?;
            self.read(response).await
        };
        tokio::time::timeout(self.timeout, fetching).await.unwrap_or(Err(FetchError::Timeout(self.timeout)))
    }

    /// Asks, and goes where the vendor sends us, looking at each step again.
    async fn follow(&self, request: &MediaRequest) -> Result<Response, FetchError> {
        let first = Url::parse(request.url.expose_secret()).map_err(|_| FetchError::Address)?;
        let mut url = first.clone();
        for _ in 0..=MOST_REDIRECTS {
            if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
                return Err(FetchError::Address);
            }
            let home = url.origin() == first.origin();
            let client = if request.configured && home {
                &self.configured
            } else {
                self.guard.check(&url)?;
                &self.guarded
            };
            let mut asking = client.get(url.clone());
            // credentials are for the host that the connector named, and for nobody it sends us to
            for (name, value) in request.headers.iter().filter(|_| home) {
                let Ok(mut value) = header::HeaderValue::from_str(value.expose_secret()) else { continue };
                value.set_sensitive(true);
                asking = asking.header(name, value);
            }
            let response = asking.send().await.map_err(trouble)?;
            if !response.status().is_redirection() {
                return accepted(response, home && !request.headers.is_empty());
            }
            let to = response.headers().get(header::LOCATION).and_then(|to| to.to_str().ok());
            url = to.and_then(|to| url.join(to).ok()).ok_or(FetchError::Address)?;
        }
        Err(FetchError::Redirects)
    }

    async fn read(&self, mut response: Response) -> Result<Vec<u8>, FetchError> {
        let too_large = || FetchError::TooLarge { limit: self.most };
        let said = response.content_length().unwrap_or_default();
        if said > self.most {
            return Err(too_large());
        }
        let mut content = Vec::with_capacity(usize::try_from(said).unwrap_or_default());
        while let Some(chunk) = response.chunk().await.map_err(trouble)? {
            let size = u64::try_from(content.len() + chunk.len()).unwrap_or(u64::MAX);
            if size > self.most {
                return Err(too_large());
            }
            content.extend_from_slice(&chunk);
        }
        if content.is_empty() {
            return Err(FetchError::Absent { answer: "an empty answer".to_owned() });
        }
        Ok(content)
    }
}

fn trouble(error: reqwest::Error) -> FetchError {
    if forbids(&error) { Forbidden.into() } else { FetchError::Http(error.without_url()) }
}

fn accepted(response: Response, credentials: bool) -> Result<Response, FetchError> {
    let status = response.status();
    match status {
        StatusCode::OK => Ok(response),
        StatusCode::TOO_MANY_REQUESTS => Err(FetchError::Throttled { retry_after: retry_after(&response) }),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            Err(FetchError::Refused { status: status.as_u16(), credentials })
        }
        StatusCode::GONE => Err(FetchError::Removed),
        status if status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT => {
            Err(FetchError::Vendor { status: status.as_u16(), retry_after: retry_after(&response) })
        }
        status => Err(FetchError::Absent { answer: format!("HTTP {}", status.as_u16()) }),
    }
}

/// Retry-After as seconds or as a date (RFC 9110 §10.2.3).
fn retry_after(response: &Response) -> Option<Duration> {
    let value = response.headers().get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = rfc2822::parse(value).ok()?.timestamp();
    Some(at.duration_since(Timestamp::now()).try_into().unwrap_or_default())
}
