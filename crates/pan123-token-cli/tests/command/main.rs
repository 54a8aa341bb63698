//! The command as a script sees it: arguments, environment and stdin in; stdout, stderr and an exit code out.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a panic is how a test reports"
)]

mod api;
mod emulate;
mod emulator;
mod get;
mod process;
mod processes;
mod readme;
mod secrets;
mod signals;
mod status;
mod store;
mod trust;
mod usage;
mod vectors;

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// A client secret that must come out nowhere.
const SECRET: &str = "SENTINEL-secret";

/// The command with these arguments, and with nothing of this process's environment.
fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pan123-token"));
    command
        .args(arguments)
        .env_clear()
        // Nothing is to be found in the home of the user who runs the tests.
        .env("PAN123_TOKEN_STORE", "none")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// The same with credentials.
fn with_credentials(arguments: &[&str]) -> Command {
    let mut command = command(arguments);
    command
        .env("PAN123_CLIENT_ID", "my-id")
        .env("PAN123_CLIENT_SECRET", SECRET);
    command
}

/// What the command said, and how it ended.
struct Said {
    exit: i32,
    stdout: String,
    stderr: String,
}

impl Said {
    /// Where it failed: exactly one line on stderr, nothing on stdout.
    #[track_caller]
    fn one_line(&self) -> &str {
        assert_eq!(self.stdout, "");
        assert_eq!(self.stderr.matches('\n').count(), 1, "{}", self.stderr);
        let line = self.stderr.strip_suffix('\n').unwrap();
        line.strip_prefix("pan123-token: ").unwrap()
    }

    #[track_caller]
    fn json(&self) -> serde_json::Value {
        assert_eq!(self.stdout.matches('\n').count(), 1, "{}", self.stdout);
        serde_json::from_str(&self.stdout).unwrap()
    }
}

#[track_caller]
fn run(command: &mut Command) -> Said {
    said(command.output().unwrap())
}

#[track_caller]
fn run_with_stdin(command: &mut Command, stdin: &[u8]) -> Said {
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    // It may have ended without reading.
    let _ = child.stdin.take().unwrap().write_all(stdin);
    said(child.wait_with_output().unwrap())
}

#[track_caller]
fn said(output: Output) -> Said {
    let said = Said {
        exit: output.status.code().expect("it ended by itself"),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    };
    for text in [&said.stdout, &said.stderr] {
        assert!(!text.contains(SECRET), "{text}");
        assert!(!text.contains("panicked"), "{text}");
    }
    assert!(
        !said.stderr.contains(|c: char| c.is_control() && c != '\n'),
        "{:?}",
        said.stderr
    );
    said
}

/// An empty folder of this test's own.
fn folder(name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).unwrap();
    path
}

/// A file of this test's own.
fn file(name: &str, content: &[u8]) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, content).unwrap();
    path
}
