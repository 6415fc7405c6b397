//! Muara: the channel integration gateway of a city's citizen-complaint system. See `ARCHITECTURE.md`.

pub mod app;
pub mod broker;
pub mod channel;
pub mod cli;
pub mod config;
pub mod contract;
pub mod egress;
pub mod gather;
pub mod health;
pub mod intake;
pub mod limits;
pub mod media;
pub mod metrics;
pub mod poller;
pub mod refine;
pub mod relay;
pub mod replies;
pub mod request_file;
pub mod store;
pub mod telemetry;
pub mod traces;
pub mod upkeep;
pub mod watch;
pub mod web;
