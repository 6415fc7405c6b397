//! placeholder
pub mod broker;
