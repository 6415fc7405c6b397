//! Support for the integration tests: real peers, and ways to break them on purpose.

pub mod chaos;
pub mod consume;
pub mod fake_broker;
pub mod gateway;
pub mod rabbitmq;
pub mod reports;
pub mod vendors;
