//! What every page with a sign-in shares: passwords, sealed cookies, slow guessing, and whether a request was meant.

pub(super) mod door;
mod lockout;
mod password;
pub(super) mod request;
pub(super) mod seal;

pub(crate) use password::is_hash;
pub use password::{HashError, hash_password};
pub use request::ClientAddress;
