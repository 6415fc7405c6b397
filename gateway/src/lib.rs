//! placeholder

pub mod request_file;
