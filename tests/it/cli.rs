//! The commands that touch no running gateway: what they print, how they end, and that they list everything at once.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod city;
mod configuration;
mod demo;
mod rows;
mod stages;

use std::process::Output;

use muara_tests::gateway::Gateway;

const SECRET: &str = "a secret that only Qlue knows";

/// A folder with one Qlue channel, in which nothing runs.
fn qlue() -> Gateway {
    Gateway::new(&format!("[channels.qlue]\nconnector = \"qlue\"\nsecret = \"{SECRET}\"\n"))
}

/// Standard output and standard error of a command that ends with this code.
fn ended(output: &Output, code: i32) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "stdout: {stdout}\nstderr: {stderr}");
    (stdout, stderr)
}
