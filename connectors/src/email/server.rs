//! How a mail server is reached: encryption and trust.

use std::{fmt, io, net::IpAddr, path::Path, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use serde::Deserialize;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

use crate::settings::SettingsError;

/// How the connection is encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Encryption {
    /// From the first byte.
    #[default]
    Tls,
    /// After a command; never without.
    Starttls,
    /// Not at all: only to this machine.
    None,
}

/// What is wrong with a server's host and encryption.
pub(super) fn check(
    table: &str,
    host: &str,
    encryption: Encryption,
    ca_file: Option<&Path>,
) -> Vec<SettingsError> {
    let mut errors = Vec::new();
    let wrong = |key: &str, detail: &str| SettingsError::value(format!("{table}.{key}"), detail);
    if host.trim().is_empty() || host.contains(|c: char| c.is_whitespace() || matches!(c, '/' | '@')) {
        errors.push(wrong("host", "expected a host's name, e.g. \"mail.jakarta.go.id\""));
    } else if encryption == Encryption::None && !is_loopback(host) {
        errors.push(wrong("tls", "\"none\" is allowed only to this machine; use \"tls\" or \"starttls\""));
    }
    if let Some(file) = ca_file
        && let Err(error) = certificates(file)
    {
        errors.push(wrong("ca_file", &format!("{}: {error}", file.display())));
    }
    errors
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The certificates of a PEM file.
pub(super) fn certificates(file: &Path) -> io::Result<Vec<CertificateDer<'static>>> {
    let invalid =
        |error: rustls::pki_types::pem::Error| io::Error::new(io::ErrorKind::InvalidData, error.to_string());
    let found: Result<Vec<_>, _> = CertificateDer::pem_file_iter(file).map_err(invalid)?.collect();
    let found = found.map_err(invalid)?;
    if found.is_empty() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "there is no certificate in it"));
    }
    Ok(found)
}

/// A connection, encrypted or not.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send + Sync + fmt::Debug {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + Sync + fmt::Debug> Stream for T {}

/// Encrypts a connection.
pub(super) async fn encrypt(
    stream: TcpStream,
    host: &str,
    ca_file: Option<&Path>,
) -> io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(file) = ca_file {
        roots.add_parsable_certificates(certificates(file)?);
    }
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let name = ServerName::try_from(host.to_owned()).map_err(|_| {
        io::Error::new(io::ErrorKind::InvalidInput, "the host's name cannot stand in a certificate")
    })?;
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}
