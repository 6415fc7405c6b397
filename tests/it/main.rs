//! Integration tests, one binary.

mod broker;
mod kill;
