//! Support for the integration tests: real peers, and ways to break them on purpose.

pub mod callbacks;
pub mod chaos;
pub mod consume;
pub mod fake_broker;
pub mod gateway;
pub mod rabbitmq;
pub mod reports;
pub mod telegram;
pub mod vendors;

/// Installs the one TLS provider that `main()` installs in the program. Safe to call by every test.
pub fn install_tls_provider() {
    // an error means that another test was first
    rustls::crypto::ring::default_provider().install_default().ok();
}
