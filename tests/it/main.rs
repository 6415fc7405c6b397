//! The integration tests: one binary, one module for each promise.
#![allow(clippy::print_stdout, reason = "a failing test shows what it printed")]

mod broker;
mod callback;
mod cli;
mod desk;
mod desk_browser;
mod egress;
mod email;
mod feed;
mod fixtures;
mod gather;
mod intake;
mod kill;
mod lapor_feed;
mod media;
mod meta;
mod normalizer;
mod normalizer_aggregate;
mod normalizer_any;
mod normalizer_category;
mod normalizer_noise;
mod normalizer_person;
mod normalizer_place;
mod normalizer_polygons;
mod normalizer_similar;
mod open311;
mod qlue_feed;
mod relay;
mod replies;
mod smpp;
mod sms;
mod store;
mod telegram;
mod way;
mod webhook_map;
mod x;
