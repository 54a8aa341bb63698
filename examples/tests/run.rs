//! Each example, as a user would run it, against the emulator.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::process::{Command, Output};

use pan123_emulator::{CLIENT_ID, CLIENT_SECRET, Emulator};

fn run(program: &str, emulator: &Emulator, secret: &str) -> Output {
    Command::new(program)
        .env("PAN123_CLIENT_ID", CLIENT_ID)
        .env("PAN123_CLIENT_SECRET", secret)
        .env("PAN123_BASE_URL", emulator.url())
        .output()
        .unwrap()
}

#[track_caller]
fn gets_a_token(program: &str) {
    let emulator = Emulator::builder().start().unwrap();
    let output = run(program, &emulator, CLIENT_SECRET);
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    assert!(text.contains("a token until 2"), "{text}");
    let tokens = emulator.live_tokens(CLIENT_ID);
    assert_eq!(tokens.len(), 1);
    assert!(!text.contains(&tokens[0]) && !errors.contains(&tokens[0]));
}

#[track_caller]
fn says_why_there_is_none(program: &str) {
    let emulator = Emulator::builder().start().unwrap();
    let output = run(program, &emulator, "not-the-secret");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(errors.contains("the platform refused"), "{errors}");
    assert!(!errors.contains("not-the-secret"), "{errors}");
}

#[test]
fn plain_event_loop() {
    let program = env!("CARGO_BIN_EXE_plain_event_loop");
    gets_a_token(program);
    says_why_there_is_none(program);
}
