//! Connecting and binding.

use std::{str::FromStr, sync::Arc};

use rusmpp::{
    CommandStatus, Pdu,
    pdus::{BindReceiver, BindTransceiver},
    types::COctetString,
    values::InterfaceVersion,
};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use secrecy::ExposeSecret;
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::TlsConnector;
use tokio_util::codec::{FramedRead, LengthDelimitedCodec};

use super::{ENQUIRE_LINK, GENERIC_NACK, Line, Reader, Stream, broken, frame, header, io};
use crate::{
    connector::PullError,
    deliver::Unreachable,
    smpp::{
        pdu::LONGEST,
        settings::{Bind, Settings},
    },
};

const BIND_RECEIVER_RESP: u32 = 0x8000_0001;
const BIND_TRANSCEIVER_RESP: u32 = 0x8000_0009;
const BIND_SEQUENCE: u32 = 1;

/// A bound connection.
pub(super) async fn bind(settings: &Settings) -> Result<(Reader, Line), PullError> {
    let limit = settings.response();
    let late = |_| PullError::from(Unreachable::Timeout(limit));
    let stream = timeout(limit, connect(settings)).await.map_err(late)??;
    let (reader, writer) = tokio::io::split(stream);
    let codec = LengthDelimitedCodec::builder()
        .length_field_length(4)
        .num_skip(0)
        .max_frame_length(LONGEST)
        .new_codec();
    let mut reader = FramedRead::new(reader, codec);
    let mut line = Line { writer, response: limit, next: BIND_SEQUENCE };
    line.ask(request(settings)?).await?;
    timeout(limit, answer(&mut reader, &mut line)).await.map_err(late)??;
    Ok((reader, line))
}

async fn connect(settings: &Settings) -> Result<Stream, PullError> {
    let tcp = TcpStream::connect((settings.host.as_str(), settings.port)).await.map_err(io)?;
    // an answer must not wait for the next one
    tcp.set_nodelay(true).map_err(io)?;
    if !settings.tls {
        return Ok(Box::pin(tcp));
    }
    let name =
        ServerName::try_from(settings.host.clone()).map_err(|_| broken("`host` is no name for TLS"))?;
    let tls = TlsConnector::from(Arc::new(tls(settings)?));
    Ok(Box::pin(tls.connect(name, tcp).await.map_err(io)?))
}

fn tls(settings: &Settings) -> Result<ClientConfig, PullError> {
    let mut roots = RootCertStore::empty();
    match &settings.ca_file {
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        Some(file) => {
            let unreadable = |_| broken("`ca_file` holds no certificates in PEM that can be read");
            for certificate in CertificateDer::pem_file_iter(file).map_err(unreadable)? {
                roots.add(certificate.map_err(unreadable)?).map_err(|_| broken("`ca_file` holds no root"))?;
            }
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| broken("no version of TLS is available"))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

fn request(settings: &Settings) -> Result<Pdu, PullError> {
    let system_id = field(&settings.system_id)?;
    let password = field(settings.password.expose_secret())?;
    let system_type = field(&settings.system_type)?;
    let version = InterfaceVersion::Smpp3_4;
    Ok(match settings.bind {
        Bind::Transceiver => BindTransceiver::builder()
            .system_id(system_id)
            .password(password)
            .system_type(system_type)
            .interface_version(version)
            .build()
            .into(),
        Bind::Receiver => BindReceiver::builder()
            .system_id(system_id)
            .password(password)
            .system_type(system_type)
            .interface_version(version)
            .build()
            .into(),
    })
}

/// The settings are checked at start, so this does not fail.
fn field<const MAX: usize>(text: &str) -> Result<COctetString<1, MAX>, PullError> {
    COctetString::from_str(text).map_err(|_| broken("a setting is too long for its field"))
}

async fn answer(reader: &mut Reader, line: &mut Line) -> Result<(), PullError> {
    loop {
        let frame = frame(reader).await?;
        match header(&frame) {
            Some((BIND_TRANSCEIVER_RESP | BIND_RECEIVER_RESP | GENERIC_NACK, status, BIND_SEQUENCE)) => {
                return verdict(status);
            }
            Some((ENQUIRE_LINK, _, sequence)) => {
                line.answer(sequence, CommandStatus::EsmeRok, Pdu::EnquireLinkResp).await?;
            }
            _ => {}
        }
    }
}

fn verdict(status: u32) -> Result<(), PullError> {
    let answer = |words: &str| format!("bind refused: 0x{status:02X} {words}");
    Err(match status {
        0 => return Ok(()),
        0x0D => PullError::Refused { answer: answer("bind failed") },
        0x0E => PullError::Refused { answer: answer("invalid password") },
        0x0F => PullError::Refused { answer: answer("invalid system_id") },
        0x53 => PullError::Refused { answer: answer("invalid system_type") },
        0x58 | 0x14 => PullError::Throttled { retry_after: None },
        // a session of ours that broke may stand there for a while
        0x05 => PullError::Vendor { answer: answer("already bound") },
        _ => PullError::Vendor { answer: answer("error of the SMSC") },
    })
}
