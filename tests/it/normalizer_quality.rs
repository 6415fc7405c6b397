//! The program reads labelled complaints and chats as well as it has to.
#![allow(clippy::unwrap_used)]

use std::process::Command;

use muara_tests::gateway::program;

#[test]
fn the_shown_complaints_and_chats_are_understood() {
    let script = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("bench/quality");
    let sets = ["--strict", "--errors", "--set", "dev", "--set", "chats"];
    let done = Command::new("python3").arg(script).args(sets).env("MUARA_BIN", program()).output().unwrap();
    let told = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{told}\n{}", String::from_utf8_lossy(&done.stderr));
    assert!(told.contains("conversations_exact"), "{told}");
}
