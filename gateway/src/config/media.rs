//! `[media]`: where the files of complaints are kept, and what is fetched.

use std::net::IpAddr;

use muara_connectors::SettingsError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Secret, check::zeros};
use crate::media::{Guard, Vault, sniff};

/// The files of complaints: fetched before the vendor forgets them, kept by their content's hash.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Media {
    /// Where files are kept: `file://FOLDER` (relative to this file) or `s3://BUCKET/PREFIX` with `[media.s3]`.
    pub url: String,
    /// What a file's address in the events begins with; empty means the internal listener's `/media/`. Set it if the
    /// core CRM reaches that listener by another name.
    pub public_url: String,
    /// False leaves files at the vendors', with the vendor's address in the event, where it has one. Files that came
    /// inside a message are kept all the same.
    pub fetch: bool,
    /// Seconds after receipt that an event waits for its files at most. What comes later is told by an event of its own.
    pub wait_seconds: u32,
    /// The largest file in MiB. So much memory times `parallel` may be used.
    pub max_mb: u32,
    /// What may be kept, by what the content is and not by what the vendor calls it. `image/*` stands for all images.
    pub types: Vec<String>,
    /// Files fetched at the same time, at most half of them for one channel.
    pub parallel: u32,
    /// Seconds that one file may take.
    pub timeout_seconds: u32,
    /// A file is given up when the vendor said so often that it is not there.
    pub attempts: u32,
    /// A file is given up after so many hours, whatever the trouble is.
    pub give_up_hours: u32,
    /// Hosts, addresses or networks (`10.1.0.0/16`) that may be asked although they are private.
    pub allow_private: Vec<String>,
    /// The S3 of an `s3://` address.
    pub s3: S3,
}

/// The S3 service of `url = "s3://…"`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct S3 {
    /// Its address; empty means Amazon's own of the region.
    pub endpoint: String,
    /// The region.
    pub region: String,
    /// The key's name.
    pub access_key_id: String,
    /// The key.
    pub secret_access_key: Secret,
}

impl Default for S3 {
    fn default() -> Self {
        Self {
            endpoint: String::new(),
            region: "us-east-1".to_owned(),
            access_key_id: String::new(),
            secret_access_key: Secret::default(),
        }
    }
}

impl Default for Media {
    fn default() -> Self {
        Self {
            url: "file://media".to_owned(),
            public_url: String::new(),
            fetch: true,
            wait_seconds: 20,
            max_mb: 25,
            types: sniff::ALLOWED.iter().map(|&name| name.to_owned()).collect(),
            parallel: 8,
            timeout_seconds: 120,
            attempts: 8,
            give_up_hours: 72,
            allow_private: Vec::new(),
            s3: S3::default(),
        }
    }
}

impl Media {
    pub(super) fn wrong(&self) -> Vec<SettingsError> {
        let mut wrong = zeros(&[
            ("max_mb", self.max_mb.into()),
            ("parallel", self.parallel.into()),
            ("timeout_seconds", self.timeout_seconds.into()),
            ("attempts", self.attempts.into()),
            ("give_up_hours", self.give_up_hours.into()),
        ]);
        if let Err(error) = Vault::check(self) {
            wrong.push(SettingsError::value("url", error.to_string()));
        }
        let web = ["http://", "https://"].iter().any(|start| self.public_url.starts_with(start));
        if !self.public_url.is_empty() && !web {
            wrong.push(SettingsError::value("public_url", "must begin with http:// or https://"));
        }
        for name in &self.types {
            if let Some(why) = sniff::never(name) {
                wrong.push(SettingsError::value("types", format!("`{name}`: {why}")));
            }
        }
        if let Err(entry) = Guard::new(&self.allow_private) {
            wrong.push(SettingsError::value(
                "allow_private",
                format!("`{entry}` is neither a host name nor an address nor a network like 10.1.0.0/16"),
            ));
        }
        wrong
    }

    /// What a file's address begins with, with a slash at its end.
    #[must_use]
    pub fn base_url(&self, internal: std::net::SocketAddr) -> String {
        if !self.public_url.is_empty() {
            return format!("{}/", self.public_url.trim_end_matches('/'));
        }
        // an address that means "all of mine" can be listened on, but not asked for
        let host = match internal.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => "localhost".to_owned(),
            IpAddr::V6(ip) if ip.is_unspecified() => "localhost".to_owned(),
            IpAddr::V6(ip) => format!("[{ip}]"),
            IpAddr::V4(ip) => ip.to_string(),
        };
        format!("http://{host}:{}/media/", internal.port())
    }
}
