//! Passwords as they stand in the configuration: argon2id hashes.

use argon2::{
    Argon2,
    password_hash::{self, PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use secrecy::{ExposeSecret, SecretString};

/// A password could not be hashed.
#[derive(Debug, thiserror::Error)]
#[error("the password cannot be hashed: {0}")]
pub struct HashError(password_hash::Error);

/// Hashes a password (argon2id, PHC form) for `password_hash` of an officer's or user's table.
///
/// # Errors
/// [`HashError`]: the system gives no random salt.
pub fn hash_password(password: &str) -> Result<String, HashError> {
    Ok(Argon2::default().hash_password(password.as_bytes()).map_err(HashError)?.to_string())
}

/// Whether a text is a hash of that kind.
pub(crate) fn is_hash(text: &str) -> bool {
    PasswordHash::new(text).is_ok_and(|hash| hash.algorithm.as_str() == "argon2id")
}

/// Takes some 20 ms of one core on purpose: not for the async threads.
pub(super) fn verify(password: &SecretString, hash: &SecretString) -> bool {
    PasswordHash::new(hash.expose_secret()).is_ok_and(|hash| {
        Argon2::default().verify_password(password.expose_secret().as_bytes(), &hash).is_ok()
    })
}
