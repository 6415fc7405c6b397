//! stub
pub mod session;
use arc_swap::ArcSwap;
use std::sync::Arc;
/// s
pub struct DeskState {
    /// s
    pub channels: Arc<ArcSwap<crate::channel::Channels>>,
    /// s
    pub intake: crate::intake::Intake,
    /// s
    pub session_key: [u8; 32],
    /// s
    pub session_hours: u32,
    /// s
    pub secure_cookies: bool,
}
/// s
pub fn router(_: DeskState) -> axum::Router {
    axum::Router::new()
}
