//! Support for the integration tests: real peers, and ways to break them on purpose.

pub mod callbacks;
pub mod chaos;
pub mod consume;
pub mod fake_broker;
pub mod gateway;
pub mod guard;
pub mod postgres;
pub mod rabbitmq;
pub mod reports;
pub mod s3;
pub mod telegram;
pub mod vendors;

use std::path::{Path, PathBuf};

/// Installs the one TLS provider that `main()` installs in the program. Safe to call by every test.
pub fn install_tls_provider() {
    // an error means that another test was first
    rustls::crypto::ring::default_provider().install_default().ok();
}

/// Where npm's packages are: in the folder of `MUARA_TEST_NODE_MODULES`, or where `tests/run` puts them.
///
/// # Panics
/// If the package is not there.
#[must_use]
pub fn node_modules(package: &str) -> PathBuf {
    let modules = std::env::var_os("MUARA_TEST_NODE_MODULES").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/node/node_modules"),
        PathBuf::from,
    );
    assert!(
        modules.join(package).is_dir(),
        "npm's {package} is not in {}: run ./tests/run, which installs it, or point MUARA_TEST_NODE_MODULES to it",
        modules.display()
    );
    modules
}
