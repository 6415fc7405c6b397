//! HTTP: the public listener with webhooks and desks, the internal one with health and metrics.

pub mod account;
pub mod console;
pub mod desk;
pub mod ingress;
pub mod internal;
mod media;
pub mod open311;
pub mod problem;
pub mod server;
