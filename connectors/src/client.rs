//! The one HTTP client of all connectors that ask a vendor's API: connections and TLS sessions are shared.

use std::{sync::OnceLock, time::Duration};

use reqwest::Client;

static CLIENT: OnceLock<Client> = OnceLock::new();

/// The shared client.
///
/// # Errors
/// The system's certificates or resolver cannot be read.
pub(crate) fn shared() -> Result<Client, reqwest::Error> {
    if let Some(client) = CLIENT.get() {
        return Ok(client.clone());
    }
    let client = Client::builder()
        .user_agent(concat!("muara/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(Duration::from_secs(10))
        .read_timeout(Duration::from_secs(30))
        .timeout(Duration::from_secs(120))
        .build()?;
    Ok(CLIENT.get_or_init(|| client).clone())
}
