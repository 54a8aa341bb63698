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
mod shared;
mod signals;
mod status;
mod store;
mod trust;
mod usage;
mod vectors;

use std::io::Write;
use std::path::PathBuf;
#[cfg(target_os = "linux")]
use std::process::Child;
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;

/// A client secret that must come out nowhere.
const SECRET: &str = "SENTINEL-secret";

/// Empty when the tests begin.
static HOME: LazyLock<PathBuf> = LazyLock::new(|| folder("home"));

/// The command with these arguments, and with nothing of this process's environment.
fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pan123-token"));
    command
        .args(arguments)
        .env_clear()
        // Nothing is to be found in the home of the user who runs the tests, and nothing left there: a host keeps a copy of what
        // is in Redis.
        .env("HOME", &*HOME)
        .env("PAN123_TOKEN_STORE", "none")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    if cfg!(windows) {
        // Without them no program finds the system's libraries.
        let needed = ["PATH", "SYSTEMROOT"];
        command.envs(
            needed
                .into_iter()
                .filter_map(|name| Some((name, std::env::var_os(name)?))),
        );
    }
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

/// Has a shell send a signal: not every machine has another `kill`.
#[cfg(unix)]
#[track_caller]
fn kill(pid: u32, signal: &str) {
    let kill = format!("kill -{signal} {pid}");
    let status = Command::new("sh").args(["-c", &kill]).status();
    assert!(status.unwrap().success());
}

/// The same, run as PID 1 of a namespace, as in a container: such a process ignores signals that it doesn't handle. `None`
/// where that isn't permitted.
#[cfg(target_os = "linux")]
fn as_pid_1(command: &Command) -> Option<Command> {
    // As a user who isn't root, a user namespace is needed as well.
    let ways: [&[&str]; 2] = [
        &["--pid", "--fork"],
        &["--user", "--map-root-user", "--pid", "--fork"],
    ];
    let works = |way: &&&[&str]| {
        let tried = Command::new("unshare").args(**way).arg("true").output();
        tried.is_ok_and(|output| output.status.success())
    };
    let Some(way) = ways.iter().find(works) else {
        eprintln!("SKIPPED: `unshare --pid` isn't permitted here, so nothing was tested as PID 1");
        return None;
    };
    let mut unshare = Command::new("unshare");
    unshare
        .args(*way)
        // A test that is killed must not leave it behind.
        .arg("--kill-child")
        .arg(command.get_program())
        .args(command.get_args())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => unshare.env(name, value),
            None => unshare.env_remove(name),
        };
    }
    Some(unshare)
}

/// The process that `unshare` has started.
#[cfg(target_os = "linux")]
#[track_caller]
fn child_of(unshare: &Child) -> u32 {
    let parent = unshare.id();
    let children = format!("/proc/{parent}/task/{parent}/children");
    let begun = std::time::Instant::now();
    loop {
        let children = std::fs::read_to_string(&children).unwrap();
        if let Ok(child) = children.trim().parse() {
            return child;
        }
        assert!(begun.elapsed() < std::time::Duration::from_secs(5));
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
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
