//! The `muara` program; see [`muara::cli`].

use std::process::ExitCode;

use clap::Parser;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    muara::cli::main(muara::cli::Cli::parse())
}
