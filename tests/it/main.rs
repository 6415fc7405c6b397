//! The integration tests: one binary, one module for each promise.
#![allow(clippy::print_stdout, reason = "a failing test shows what it printed")]

mod broker;
mod cli;
mod desk;
mod desk_browser;
mod email;
mod fixtures;
mod intake;
mod kill;
mod lapor_feed;
mod normalizer;
mod normalizer_any;
mod qlue_feed;
mod relay;
mod store;
mod way;
mod webhook_map;
