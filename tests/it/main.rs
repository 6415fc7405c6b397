//! The integration tests: one binary, one module for each promise.

mod broker;
mod fixtures;
mod qlue_feed;
mod webhook_map;
