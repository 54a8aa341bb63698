//! Each example, as a user would run it, against the emulator.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::process::{Command, Output};

use pan123_emulator::{CLIENT_ID, CLIENT_SECRET, Emulator};

fn command(program: &str, emulator: &Emulator, secret: &str) -> Command {
    let mut command = Command::new(program);
    command
        .env("PAN123_CLIENT_ID", CLIENT_ID)
        .env("PAN123_CLIENT_SECRET", secret)
        .env("PAN123_BASE_URL", emulator.url())
        .env_remove("PAN123_UPLOAD_HOST");
    command
}

fn run(program: &str, emulator: &Emulator, secret: &str) -> Output {
    command(program, emulator, secret).output().unwrap()
}

/// What it writes, where it ends well.
#[track_caller]
fn output(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout).unwrap()
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

#[test]
fn smol() {
    let program = env!("CARGO_BIN_EXE_smol");
    gets_a_token(program);
    says_why_there_is_none(program);
}

#[track_caller]
fn uploads_three_slices(program: &str) {
    let emulator = Emulator::builder().slice_size(4).start().unwrap();
    let mut command = command(program, &emulator, CLIENT_SECRET);
    command.env("PAN123_UPLOAD_CONTENT", "ten bytes!");
    command.env("PAN123_UPLOAD_HOST", emulator.upload_url());
    let text = output(&mut command);
    assert!(text.contains("uploaded: {\"completed\":true"), "{text}");

    let uploads = emulator.uploads();
    assert_eq!(uploads.len(), 1);
    assert_eq!(uploads[0].content().unwrap(), b"ten bytes!");
    // Of "ten bytes!" and "s!".
    assert_eq!(uploads[0].etag, "7df74d02c12d70f2b09a1f70a316145e");
    assert_eq!(uploads[0].slices.len(), 3);
    assert_eq!(
        uploads[0].slices[&3].md5,
        "530490af3588a14fb123af08e8bf4b95"
    );
    assert!(uploads[0].file_id.is_some());
    assert_eq!(emulator.token_requests(), 1);
}

/// A reply that names a host doesn't make it one to trust.
#[track_caller]
fn uploads_nothing_to_a_host_that_it_does_not_know(program: &str) {
    let emulator = Emulator::builder().start().unwrap();
    let mut command = command(program, &emulator, CLIENT_SECRET);
    let output = command.env("PAN123_UPLOAD_CONTENT", "x").output().unwrap();
    assert!(!output.status.success());
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        errors.contains("none of the upload hosts is trusted"),
        "{errors}"
    );
    assert!(
        emulator
            .requests()
            .iter()
            .all(|request| !request.upload_host)
    );
}

#[test]
fn uploads() {
    for program in [
        env!("CARGO_BIN_EXE_upload_hyper"),
        env!("CARGO_BIN_EXE_upload_reqwest"),
        env!("CARGO_BIN_EXE_upload_ureq"),
    ] {
        println!("{program}");
        uploads_three_slices(program);
        uploads_nothing_to_a_host_that_it_does_not_know(program);
    }
}

#[test]
fn restic_like() {
    let program = env!("CARGO_BIN_EXE_restic_like");
    let emulator = Emulator::builder().start().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut command = command(program, &emulator, CLIENT_SECRET);
    command.env("PAN123_DATABASE", folder.path().join("cache.db"));
    command.env("PAN123_UPLOAD_HOST", emulator.upload_url());
    let first = output(&mut command);
    assert!(first.contains("a token until 2"), "{first}");
    let uploads = format!("uploads to {}", emulator.upload_url());
    assert!(first.contains(&uploads), "{first}");

    // The token outlives the program.
    assert_eq!(output(&mut command), first);
    assert_eq!(emulator.token_requests(), 1);

    command.env("PAN123_UPLOAD_HOST", "https://upload.example");
    assert!(output(&mut command).contains("no upload host to trust"));
}
