//! Where files are kept: a local folder or an S3 service, by the hash of their content, so that the same photo sent
//! ten times is kept once.

use std::{path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::stream::BoxStream;
use object_store::{
    ClientOptions, ObjectStore, ObjectStoreExt, PutMode, RetryConfig, aws::AmazonS3Builder,
    local::LocalFileSystem, path::Path as Key, prefix::PrefixStore,
};

use crate::config;

/// Why files cannot be kept or read. The operator's to mend; the files wait.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The address is of a kind this build does not know.
    #[error("`{0}` is not supported: use file://FOLDER or s3://BUCKET/PREFIX")]
    Url(String),
    /// S3 is named without its keys.
    #[error("s3:// needs [media.s3] with access_key_id and secret_access_key")]
    Keys,
    /// The folder cannot be made.
    #[error("{}: {source}", .folder.display())]
    Folder {
        /// The folder.
        folder: std::path::PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// The folder or the service fails.
    #[error("files cannot be kept or read: {0}")]
    Store(#[from] object_store::Error),
    /// A stored file is not there: somebody removed it.
    #[error("the file is not where it was kept")]
    Missing,
}

/// The place where files are kept. A cheap handle.
#[derive(Clone, Debug)]
pub struct Vault {
    store: Arc<dyn ObjectStore>,
}

/// What `url` says.
enum Place<'a> {
    Folder(&'a str),
    S3 { bucket: &'a str, prefix: &'a str },
}

fn place(url: &str) -> Result<Place<'_>, VaultError> {
    if let Some(folder) = url.strip_prefix("file://").filter(|folder| !folder.is_empty()) {
        return Ok(Place::Folder(folder));
    }
    let rest = url.strip_prefix("s3://").ok_or_else(|| VaultError::Url(url.to_owned()))?;
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    if bucket.is_empty() { Err(VaultError::Url(url.to_owned())) } else { Ok(Place::S3 { bucket, prefix }) }
}

impl Vault {
    /// Looks whether the settings can be meant, and touches nothing.
    ///
    /// # Errors
    /// What is wrong.
    pub fn check(settings: &config::Media) -> Result<(), VaultError> {
        match place(&settings.url)? {
            Place::S3 { .. }
                if settings.s3.access_key_id.is_empty()
                    || settings.s3.secret_access_key.expose().is_empty() =>
            {
                Err(VaultError::Keys)
            }
            _ => Ok(()),
        }
    }

    /// Opens the place; a folder is made. A relative one counts from `base`.
    ///
    /// # Errors
    /// The folder cannot be made, or the settings are wrong.
    pub fn open(settings: &config::Media, base: &Path) -> Result<Self, VaultError> {
        let store: Arc<dyn ObjectStore> = match place(&settings.url)? {
            Place::Folder(folder) => {
                let folder = base.join(folder);
                std::fs::create_dir_all(&folder)
                    .map_err(|source| VaultError::Folder { folder: folder.clone(), source })?;
                sweep(&folder.join("sha256"));
                // an event names a file only when it is on disk, as it is with every commit
                Arc::new(LocalFileSystem::new_with_prefix(&folder)?.with_fsync(true))
            }
            Place::S3 { bucket, prefix } => {
                let s3 = &settings.s3;
                let options = ClientOptions::new()
                    .with_connect_timeout(Duration::from_secs(10))
                    .with_timeout(Duration::from_secs(120))
                    .with_allow_http(s3.endpoint.starts_with("http://"));
                // the queue of files tries again: a service that is away is not to hold a slot
                let retry = RetryConfig {
                    max_retries: 2,
                    retry_timeout: Duration::from_secs(20),
                    ..RetryConfig::default()
                };
                let mut builder = AmazonS3Builder::new()
                    .with_bucket_name(bucket)
                    .with_region(&s3.region)
                    .with_access_key_id(&s3.access_key_id)
                    .with_secret_access_key(s3.secret_access_key.expose())
                    .with_client_options(options)
                    .with_retry(retry)
                    // one file at a time goes: DELETE is known to every service, the bulk of AWS is not
                    .with_disable_bulk_delete(true);
                if !s3.endpoint.is_empty() {
                    builder = builder.with_endpoint(s3.endpoint.trim_end_matches('/'));
                }
                let store = builder.build()?;
                if prefix.is_empty() { Arc::new(store) } else { Arc::new(PrefixStore::new(store, prefix)) }
            }
        };
        Ok(Self { store })
    }

    /// Keeps a content under its hash, whole or not at all. What is there already is not written again.
    ///
    /// # Errors
    /// The folder or the service fails.
    pub async fn keep(&self, sha256: &[u8; 32], content: Bytes) -> Result<(), VaultError> {
        let key = key(sha256);
        let size = u64::try_from(content.len()).unwrap_or(u64::MAX);
        match self.store.head(&key).await {
            Ok(there) if there.size == size => return Ok(()),
            Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        self.store.put_opts(&key, content.into(), PutMode::Overwrite.into()).await?;
        Ok(())
    }

    /// Removes a kept file. One that is not there is removed.
    ///
    /// # Errors
    /// The folder or the service fails.
    pub async fn remove(&self, sha256: &[u8; 32]) -> Result<(), VaultError> {
        match self.store.delete(&key(sha256)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Reads a kept file: its size and its content piece by piece.
    ///
    /// # Errors
    /// It is not there, or the folder or the service fails.
    pub async fn read(
        &self,
        sha256: &[u8; 32],
    ) -> Result<(u64, BoxStream<'static, object_store::Result<Bytes>>), VaultError> {
        match self.store.get(&key(sha256)).await {
            Ok(found) => Ok((found.meta.size, found.into_stream())),
            Err(object_store::Error::NotFound { .. }) => Err(VaultError::Missing),
            Err(error) => Err(error.into()),
        }
    }
}

/// Removes what a crash left half written: it has a `#` and a number behind the name that it was to get.
fn sweep(folder: &Path) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for path in entries.filter_map(Result::ok).map(|entry| entry.path()) {
        let half = path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.contains('#'));
        if path.is_dir() {
            sweep(&path);
        } else if half && let Err(error) = std::fs::remove_file(&path) {
            tracing::warn!(%error, file = %path.display(), "A half written file stays where it is.");
        }
    }
}

/// `sha256/ab/cdef…`
fn key(sha256: &[u8; 32]) -> Key {
    let name = hex::encode(sha256);
    let (folder, rest) = name.split_at(2);
    Key::from(format!("sha256/{folder}/{rest}"))
}
