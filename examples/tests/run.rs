//! Each example, as a user would run it, against the emulator.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use pan123_emulator::{CLIENT_ID, CLIENT_SECRET, Emulator};
use pan123_token_support::redis_server::RedisServer;

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

/// The README's programs.
const README: [&str; 3] = [
    env!("CARGO_BIN_EXE_blocking_ureq"),
    env!("CARGO_BIN_EXE_tokio_hyper"),
    env!("CARGO_BIN_EXE_tokio_reqwest"),
];

/// Its file store lies in this folder.
fn at_home(program: &str, emulator: &Emulator, secret: &str, home: &Path) -> Command {
    let mut command = command(program, emulator, secret);
    command.env("XDG_STATE_HOME", home);
    command
}

#[test]
fn the_readmes_programs_share_a_token() {
    let emulator = Emulator::builder().start().unwrap();
    let home = tempfile::tempdir().unwrap();
    for program in README {
        let text = output(&mut at_home(program, &emulator, CLIENT_SECRET, home.path()));
        assert!(text.contains("\"code\":0"), "{program}: {text}");
    }
    assert_eq!(emulator.token_requests(), 1);
}

/// The last line on stderr of a program that fails.
#[track_caller]
fn last_error(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let errors = String::from_utf8(output.stderr).unwrap();
    errors.lines().last().unwrap().to_owned()
}

#[test]
fn the_readmes_programs_say_what_to_do_about_an_error() {
    let emulator = Emulator::builder().start().unwrap();
    for program in README {
        let home = tempfile::tempdir().unwrap();
        let mut command = at_home(program, &emulator, "not-the-secret", home.path());
        let line = last_error(&mut command);
        assert!(line.contains("check the client ID and secret"), "{line}");
        assert!(!line.contains("not-the-secret"), "{line}");

        // No server listens there.
        let nowhere = command.env("PAN123_BASE_URL", "http://127.0.0.1:9");
        let line = last_error(nowhere);
        assert!(line.contains("check the network"), "{line}");

        let line = last_error(command.env("PAN123_BASE_URL", "http://example.com"));
        assert!(line.contains("https"), "{line}");

        command.env("PAN123_BASE_URL", emulator.url());
        let line = last_error(command.env_remove("PAN123_CLIENT_ID"));
        assert!(line.contains("PAN123_CLIENT_ID is not set"), "{line}");
    }
}

#[test]
fn own_store() {
    let program = env!("CARGO_BIN_EXE_own_store");
    let emulator = Emulator::builder().start().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut command = command(program, &emulator, CLIENT_SECRET);
    command.env("PAN123_DATABASE", folder.path().join("program.db"));
    let first = output(&mut command);
    assert!(first.contains("a token until 2"), "{first}");
    assert_eq!(output(command.arg("--async")), first);
    assert_eq!(emulator.token_requests(), 1);
}

/// The service's reply to this request.
#[cfg(unix)]
fn ask(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    )
    .unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    reply
}

#[test]
#[cfg(unix)]
fn axum_service() {
    let program = env!("CARGO_BIN_EXE_axum_service");
    let emulator = Emulator::builder().start().unwrap();
    let home = tempfile::tempdir().unwrap();
    let mut command = at_home(program, &emulator, CLIENT_SECRET, home.path());
    let command = command.env("LISTEN", "127.0.0.1:0");
    let mut service = command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(service.stdout.take().unwrap()).lines();
    let line = lines.next().unwrap().unwrap();
    let address = line.strip_prefix("http://").unwrap();

    assert!(ask(address, "/ready").contains("200 OK"));
    let reply = ask(address, "/user");
    assert!(reply.contains("\"code\":0"), "{reply}");

    let pid = service.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(lines.next().unwrap().unwrap(), "ended");
    assert!(service.wait().unwrap().success());
    assert_eq!(emulator.token_requests(), 1);
}

#[test]
#[ignore = "needs redis-server"]
fn fleet() {
    let program = env!("CARGO_BIN_EXE_fleet");
    let emulator = Emulator::builder().start().unwrap();
    let redis = RedisServer::start();
    // Two hosts, that is, two homes.
    for _ in 0..2 {
        let home = tempfile::tempdir().unwrap();
        let mut command = at_home(program, &emulator, CLIENT_SECRET, home.path());
        let text = output(command.env("PAN123_TOKEN_STORE", redis.url()));
        assert!(text.contains("\"code\":0"), "{text}");
    }
    assert_eq!(emulator.token_requests(), 1);
}
