//! Pages and APIs for people.

pub mod desk;
