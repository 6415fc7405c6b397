//! The files of complaints: fetched before their vendor forgets them, kept by us, and named in the events by an address
//! of ours (Enterprise Integration Patterns: claim check).
//!
//! Intake opens a row for each attachment in the transaction that stores its message ([`Files`]). [`run`] fetches what
//! is due, in a queue of its own: a file that does not come holds up neither its neighbours nor its message, whose event
//! waits at most `media.wait_seconds`. What settles later is told by a `complaint.amended.v1`. The vendor's own address
//! is not in the events: it may expire, and it may hold a key.

mod fetch;
mod guard;
mod queue;
pub mod sniff;
mod vault;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwap;
use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::{SignedDuration, Timestamp};
use muara_connectors::{MediaSource, media::MediaError};
use muara_normalizer::{
    AttachmentRef, Draft,
    complaint::AttachmentState,
    draft::{Amendment, Attachment, Change},
};
use sha2::{Digest, Sha256};

use tokio::sync::{OwnedRwLockReadGuard, RwLock};

use crate::{
    channel::{Channel, Channels},
    config,
    health::Health,
    metrics,
    store::{
        Store, StoreError,
        media::{Fetched, File, NewFile, NewFiles},
    },
};

pub use fetch::{FetchError, Fetcher};
pub use guard::{Forbidden, Guard};
pub use queue::run;
pub use vault::{Vault, VaultError};

/// Files also come due without a wake-up: after a pause, or by a command of another process.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// The longest pause between two attempts at one file.
const LONGEST_PAUSE: Duration = Duration::from_hours(1);
/// After refused credentials: some vendors lock an account that keeps knocking.
const REFUSED_PAUSE: Duration = Duration::from_mins(5);
/// A vendor may not put us off for longer.
const LONGEST_RETRY_AFTER: Duration = Duration::from_hours(24);

/// What intake must know of files.
#[derive(Clone, Copy, Debug)]
pub struct Files {
    fetch: bool,
    wait: SignedDuration,
    most: u64,
}

impl Files {
    /// As configured.
    #[must_use]
    pub fn new(settings: &config::Media) -> Self {
        Self {
            fetch: settings.fetch,
            wait: SignedDuration::from_secs(settings.wait_seconds.into()),
            most: most(settings),
        }
    }

    /// The files of a message. What came inside the message is taken out of it, so that it is kept once.
    #[must_use]
    pub fn of(&self, draft: &mut Draft, received_at: Timestamp) -> NewFiles {
        let inline = |attachment: &Attachment| matches!(attachment, Attachment::Inline { .. });
        if !self.fetch && !draft.attachments.iter().any(inline) {
            return NewFiles::default();
        }
        let files = draft.attachments.iter_mut().map(|attachment| self.file(attachment));
        let wait_until =
            (!self.wait.is_zero()).then(|| received_at.saturating_add(self.wait).unwrap_or(received_at));
        NewFiles { files: files.collect(), wait_until }
    }

    /// The files of a message that was written anew.
    #[must_use]
    pub fn of_amendment(&self, amendment: &mut Amendment, received_at: Timestamp) -> NewFiles {
        match &mut amendment.change {
            Change::Edited { draft } => self.of(draft, received_at),
            Change::Reworded { .. } | Change::Deleted => NewFiles::default(),
        }
    }

    fn file(&self, attachment: &mut Attachment) -> NewFile {
        let Attachment::Inline { data, .. } = attachment else {
            return NewFile { source: attachment.clone(), content: None, refused: None, left: !self.fetch };
        };
        let content = STANDARD.decode(std::mem::take(data));
        let (content, refused) = match content {
            Err(_) => (None, Some("what came with the message is not base64".to_owned())),
            Ok(content) if content.is_empty() => (None, Some("the file is empty".to_owned())),
            Ok(content) if u64::try_from(content.len()).unwrap_or(u64::MAX) > self.most => {
                (None, Some(FetchError::TooLarge { limit: self.most }.to_string()))
            }
            Ok(content) => (Some(content), None),
        };
        NewFile { source: attachment.clone(), content, refused, left: false }
    }
}

fn most(settings: &config::Media) -> u64 {
    u64::from(settings.max_mb) * 1024 * 1024
}

/// How many of a message's files are settled; none if it has no files.
#[must_use]
pub fn settled(files: &[File]) -> Option<u32> {
    let settled = files.iter().filter(|file| file.state != Some(AttachmentState::Pending)).count();
    if files.is_empty() { None } else { u32::try_from(settled).ok() }
}

/// A message's files as they stand in an event.
#[must_use]
pub fn describe(files: &[File], base_url: &str) -> Vec<AttachmentRef> {
    files.iter().map(|file| file.describe(base_url)).collect()
}

/// Why files cannot be fetched and kept at all.
#[derive(Debug, thiserror::Error)]
pub enum MediaStartError {
    /// Where they are to be kept.
    #[error("{0}")]
    Vault(#[from] VaultError),
    /// The HTTP client.
    #[error("the HTTP client cannot be made: {0}")]
    Client(#[from] reqwest::Error),
}

/// Why an unwanted file is still there.
#[derive(Debug, thiserror::Error)]
pub enum RemoveError {
    /// Where it is kept.
    #[error("{0}")]
    Vault(#[from] VaultError),
    /// The store.
    #[error("{0}")]
    Store(#[from] StoreError),
}

/// Everything that fetching, keeping and showing files needs.
#[derive(Debug)]
pub struct Media {
    vault: Vault,
    fetcher: Fetcher,
    health: Arc<Health>,
    channels: Arc<ArcSwap<Channels>>,
    settings: config::Media,
    base_url: String,
    sources: Sources,
    failing: Mutex<Option<String>>,
    /// Held by who keeps a file until its row says so, so that nobody removes it as unwanted in between.
    keeping: Arc<RwLock<()>>,
}

/// The vendors' media APIs, opened once for each configured channel.
#[derive(Default)]
struct Sources(Mutex<BTreeMap<String, Opened>>);

/// A channel as it was when its media API was opened, if it has one.
type Opened = (Arc<Channel>, Option<Arc<dyn MediaSource>>);

impl std::fmt::Debug for Sources {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sources")
    }
}

impl Sources {
    fn of(&self, channel: &Arc<Channel>) -> Option<Arc<dyn MediaSource>> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, source)) = open.get(channel.id.as_str())
            && Arc::ptr_eq(known, channel)
        {
            return source.clone();
        }
        // new, or configured anew since
        let source: Option<Arc<dyn MediaSource>> = channel
            .connector
            .media
            .filter(|_| channel.disabled.is_none())
            .and_then(|open| open(&channel.settings))
            .map(Arc::from);
        open.insert(channel.id.to_string(), (Arc::clone(channel), source.clone()));
        source
    }
}

/// What is to be done after an attempt.
struct Verdict {
    fetched: Fetched,
    /// As metrics name it.
    result: &'static str,
    /// Nothing of this channel is fetched for so long.
    pause: Option<Duration>,
    /// Let go when it is written down.
    _keeping: Option<OwnedRwLockReadGuard<()>>,
}

impl Media {
    /// Opens the place where files are kept.
    ///
    /// # Errors
    /// What the operator must mend first.
    pub fn open(
        settings: &config::Media,
        base: &std::path::Path,
        base_url: String,
        (health, channels): (Arc<Health>, Arc<ArcSwap<Channels>>),
    ) -> Result<Self, MediaStartError> {
        // the configuration was checked
        let guard = Guard::new(&settings.allow_private).unwrap_or_default();
        let timeout = Duration::from_secs(settings.timeout_seconds.into());
        Ok(Self {
            vault: Vault::open(settings, base)?,
            fetcher: Fetcher::new(guard, most(settings), timeout)?,
            settings: settings.clone(),
            health,
            channels,
            base_url,
            sources: Sources::default(),
            failing: Mutex::new(None),
            keeping: Arc::default(),
        })
    }

    /// What a file's address in the events begins with.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Where files are kept.
    #[must_use]
    pub fn vault(&self) -> &Vault {
        &self.vault
    }

    /// Why files cannot be kept, if so it is.
    #[must_use]
    pub fn failing(&self) -> Option<String> {
        self.failing.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Removes files that no complaint has any more, so many at most. Returns how many.
    ///
    /// # Errors
    /// The place or the store fails; what is left is removed later.
    pub async fn remove_unwanted(&self, store: &Store, most: u32) -> Result<u64, RemoveError> {
        let mut removed = 0;
        for sha256 in store.unwanted(most).await? {
            let _nobody_keeps = self.keeping.write().await;
            if !store.is_wanted(sha256).await? {
                self.vault.remove(&sha256).await?;
                removed += 1;
            }
            store.unwanted_is_done(sha256).await?;
        }
        Ok(removed)
    }

    /// One attempt at one file, written down. Returns how long its channel pauses.
    async fn work(&self, store: &Store, file: File) -> Option<Duration> {
        let Verdict { fetched, result, pause, _keeping } = self.attempt(store, &file).await;
        if let Err(error) = store.fetched(file.clone(), fetched.clone(), self.base_url.clone()).await {
            tracing::error!(%error, "What became of a file could not be written down; it is fetched again.");
            return Some(LOOK_AGAIN);
        }
        metrics::media(
            &file.channel,
            result,
            match &fetched {
                Fetched::Stored { bytes, .. } => *bytes,
                _ => 0,
            },
        );
        let (id, number, channel) = (file.complaint, file.number, file.channel.as_str());
        match &fetched {
            Fetched::Stored { .. } => tracing::debug!(%id, number, channel, "File {number} of {id} is kept."),
            Fetched::Refused(reason) => {
                tracing::info!(%id, number, channel, reason, "File {number} of {id} is not kept.");
            }
            Fetched::Gone(reason) => {
                tracing::warn!(%id, number, channel, reason, "File {number} of {id} is given up: see `muara media list --state gone`.");
            }
            Fetched::Later { due_at, reason } => {
                tracing::debug!(%id, number, channel, reason, "File {number} of {id} is tried again at {due_at}.");
            }
        }
        pause
    }

    async fn attempt(&self, store: &Store, file: &File) -> Verdict {
        let channel = self.channels.load().get(&file.channel).cloned();
        let source = channel.as_ref().and_then(|channel| self.sources.of(channel));
        let content = match &file.source {
            Attachment::Inline { .. } => match store.inline(file.complaint, file.number).await {
                Ok(Some(content)) => content,
                Ok(None) => return gone("what came with the message was not kept".to_owned()),
                Err(error) => return self.later(file, "store", error.to_string(), None, None),
            },
            _ => match self.fetcher.fetch(source.as_deref(), &file.source).await {
                Ok(content) => {
                    if let Some(channel) = channel.filter(|_| source.is_some()) {
                        self.health.media_fetched(&channel.id);
                    }
                    content
                }
                Err(error) => {
                    if let (Some(channel), Some(advice)) = (channel, advice(&error)) {
                        self.health.media_failed(&channel.id, &error, advice);
                    }
                    return self.failed(file, &error);
                }
            },
        };
        let Some(kind) = sniff::kind(&content).filter(|kind| sniff::allowed(&self.settings.types, kind))
        else {
            let found = sniff::kind(&content).unwrap_or("of an unknown kind");
            let reason = format!("its content is {found}, which is not among the kinds that are kept");
            return Verdict {
                fetched: Fetched::Refused(reason),
                result: "refused",
                pause: None,
                _keeping: None,
            };
        };
        self.keep(file, kind, content).await
    }

    async fn keep(&self, file: &File, kind: &'static str, content: Vec<u8>) -> Verdict {
        let bytes = u64::try_from(content.len()).unwrap_or(u64::MAX);
        let hashing =
            tokio::task::spawn_blocking(move || (<[u8; 32]>::from(Sha256::digest(&content)), content));
        let Ok((sha256, content)) = hashing.await else {
            return self.later(file, "vault", "the file could not be read".to_owned(), None, None);
        };
        let keeping = Arc::clone(&self.keeping).read_owned().await;
        let kept = self.vault.keep(&sha256, content.into()).await;
        let words = kept.as_ref().err().map(ToString::to_string);
        let before = std::mem::replace(
            &mut *self.failing.lock().unwrap_or_else(PoisonError::into_inner),
            words.clone(),
        );
        match words {
            None => {
                let content_type = kind.to_owned();
                Verdict {
                    fetched: Fetched::Stored { sha256, bytes, content_type },
                    result: "stored",
                    pause: None,
                    _keeping: Some(keeping),
                }
            }
            Some(words) => {
                if before.as_ref() != Some(&words) {
                    tracing::error!(error = words, "Files cannot be kept; they are fetched again.");
                }
                self.later(file, "vault", words, None, None)
            }
        }
    }

    fn failed(&self, file: &File, error: &FetchError) -> Verdict {
        let reason = error.to_string();
        match error {
            FetchError::Private(_) | FetchError::Address | FetchError::TooLarge { .. } => {
                Verdict { fetched: Fetched::Refused(reason), result: "refused", pause: None, _keeping: None }
            }
            FetchError::Removed => gone(reason),
            // a vendor's files may be there some seconds after its message
            FetchError::Absent { .. }
            | FetchError::Redirects
            | FetchError::Refused { credentials: false, .. }
            | FetchError::Locate(MediaError::Gone { .. }) => {
                if file.attempts.saturating_add(1) >= self.settings.attempts {
                    return gone(reason);
                }
                self.later(file, "absent", reason, None, None)
            }
            FetchError::NoSource => {
                self.later(file, "refused_credentials", reason, Some(REFUSED_PAUSE), None)
            }
            FetchError::Refused { .. } | FetchError::Locate(MediaError::Refused { .. }) => {
                self.later(file, "refused_credentials", reason, Some(REFUSED_PAUSE), Some(REFUSED_PAUSE))
            }
            FetchError::Throttled { retry_after }
            | FetchError::Locate(MediaError::Throttled { retry_after }) => {
                let wait = retry_after.unwrap_or_else(|| pause(file.attempts)).min(LONGEST_RETRY_AFTER);
                self.later(file, "throttled", reason, Some(wait), Some(wait))
            }
            FetchError::Vendor { retry_after, .. } => {
                let wait = retry_after.map(|wait| wait.min(LONGEST_RETRY_AFTER));
                self.later(file, "vendor", reason, wait, None)
            }
            FetchError::Locate(MediaError::Vendor { .. }) => self.later(file, "vendor", reason, None, None),
            FetchError::Http(_) | FetchError::Timeout(_) | FetchError::Locate(MediaError::Unreachable(_)) => {
                self.later(file, "unreachable", reason, None, None)
            }
        }
    }

    fn later(
        &self,
        file: &File,
        result: &'static str,
        reason: String,
        wait: Option<Duration>,
        pause: Option<Duration>,
    ) -> Verdict {
        let now = Timestamp::now();
        let hours = i64::from(self.settings.give_up_hours);
        if now.duration_since(file.since) >= SignedDuration::from_hours(hours) {
            return gone(format!("given up after {hours} hours: {reason}"));
        }
        let wait = wait.unwrap_or_else(|| self::pause(file.attempts));
        let wait = SignedDuration::try_from(wait).unwrap_or(SignedDuration::from_hours(1));
        let due_at = now.saturating_add(wait).unwrap_or(Timestamp::MAX);
        Verdict { fetched: Fetched::Later { due_at, reason }, result, pause, _keeping: None }
    }
}

fn gone(reason: String) -> Verdict {
    Verdict { fetched: Fetched::Gone(reason), result: "gone", pause: None, _keeping: None }
}

/// 1, 2, 4 … seconds, at most an hour.
fn pause(attempts: u32) -> Duration {
    Duration::from_secs(1 << attempts.min(12)).min(LONGEST_PAUSE)
}

/// What the operator is to do about a channel whose files are refused.
fn advice(error: &FetchError) -> Option<&'static str> {
    match error {
        FetchError::Refused { credentials: true, .. } | FetchError::Locate(MediaError::Refused { .. }) => {
            Some("renew the channel's credentials at the vendor; files wait and are fetched then")
        }
        FetchError::NoSource => Some("set the channel's credentials; files wait and are fetched then"),
        _ => None,
    }
}
