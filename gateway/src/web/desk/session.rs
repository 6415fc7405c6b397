//! stub
/// s
#[derive(Debug, thiserror::Error)]
#[error("x")]
pub struct HashError;
/// s
pub fn hash_password(_: &str) -> Result<String, HashError> {
    Err(HashError)
}
