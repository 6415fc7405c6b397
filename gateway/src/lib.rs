//! Muara: the channel integration gateway of a city's citizen-complaint system. See `ARCHITECTURE.md`.

pub mod channel;
