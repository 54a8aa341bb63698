//! The admin API as a test in Python uses it, with nothing but Python's own library.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::process::Command;

use pan123_emulator::Emulator;

const README: &str = include_str!("../README.md");

/// The first block of code in this language that the README has.
fn block(language: &str) -> &'static str {
    let (_, rest) = README.split_once(&format!("```{language}\n")).unwrap();
    rest.split_once("```").unwrap().0
}

/// Runs a program with an emulator's address, and with nothing of this process's environment but where programs are.
#[track_caller]
fn run(program: &mut Command, emulator: &Emulator) {
    let path = std::env::var_os("PATH").expect("where programs are");
    let home = std::env::var_os("HOME").unwrap_or_default();
    let output = program
        .env_clear()
        .env("PATH", path)
        .env("HOME", home)
        .env("PAN123_BASE_URL", emulator.url())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
#[ignore = "needs python3; tests/run provides it"]
fn a_test_in_python_drives_everything() {
    let emulator = Emulator::builder().slice_size(4).start().unwrap();
    run(
        Command::new("python3").args(["-I", "tests/admin.py", &emulator.url()]),
        &emulator,
    );
    // It ended with a reset.
    assert_eq!((emulator.requests().len(), emulator.issued()), (0, 0));
}

#[test]
#[ignore = "needs python3; tests/run provides it"]
fn the_readmes_python_runs() {
    let emulator = Emulator::builder().start().unwrap();
    run(
        Command::new("python3").args(["-I", "-c", block("python")]),
        &emulator,
    );
    assert_eq!(emulator.token_requests(), 2);
}

#[test]
#[ignore = "needs curl; tests/run provides it"]
fn the_readmes_curl_lines_run() {
    let emulator = Emulator::builder().start().unwrap();
    // A line that fails ends it; curl fails where the status says so.
    let script = format!(
        "set -eu; curl() {{ command curl --fail --silent --show-error --noproxy '*' \"$@\"; }}\n{}",
        block("sh")
    );
    run(Command::new("bash").args(["-c", &script]), &emulator);
    // They end with a reset.
    assert_eq!((emulator.requests().len(), emulator.issued()), (0, 0));
}
