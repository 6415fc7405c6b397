//! The `muara` program; see [`muara::cli`].

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    muara::cli::main(muara::cli::Cli::parse())
}
