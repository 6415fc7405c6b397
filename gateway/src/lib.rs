//! Muara: the channel integration gateway of a city's citizen-complaint system. See `ARCHITECTURE.md`.

pub mod broker;
pub mod channel;
pub mod config;
pub mod health;
pub mod intake;
pub mod limits;
pub mod metrics;
pub mod refine;
pub mod store;
pub mod web;
