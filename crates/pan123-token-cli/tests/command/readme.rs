//! The commands of the repository's README, and the script among the examples, as a shell runs them.
#![cfg(unix)]

use std::path::Path;
use std::process::Command;

use pan123_emulator::{ApiReply, CLIENT_ID, CLIENT_SECRET, Emulator};

use super::{Said, folder, run};

const README: &str = include_str!("../../../../README.md");

/// The blocks for a shell that call the command.
fn blocks() -> impl Iterator<Item = &'static str> {
    let blocks = README.split("\n```sh\n").skip(1);
    let blocks = blocks.map(|rest| rest.split_once("\n```\n").unwrap().0);
    blocks.filter(|block| block.lines().any(|line| line.starts_with("pan123-token ")))
}

/// Bash, with the command on its path, credentials, and a home of its own.
fn bash(home: &Path, emulator: &Emulator, arguments: &[&str]) -> Said {
    let command = Path::new(env!("CARGO_BIN_EXE_pan123-token"));
    let path = std::env::var("PATH").unwrap();
    let path = format!("{}:{path}", command.parent().unwrap().display());
    run(Command::new("bash")
        .args(arguments)
        .env_clear()
        .env("PATH", path)
        .env("HOME", home)
        .env("PAN123_BASE_URL", emulator.url())
        .env("PAN123_CLIENT_ID", CLIENT_ID)
        .env("PAN123_CLIENT_SECRET", CLIENT_SECRET))
}

#[test]
fn the_readmes_commands_run() {
    let done = |_: &_| ApiReply::data("{}");
    let emulator = Emulator::builder()
        .route("/api/v2/file/list", done)
        .route("/upload/v1/file/mkdir", done)
        .start()
        .unwrap();
    let home = folder("readme");
    let mut count = 0;
    for block in blocks() {
        // What the reader fills in, and where the platform is.
        let lines = block.lines().filter(|line| !line.contains('…'));
        let script = lines.collect::<Vec<_>>().join("\n");
        let script = script.replace("https://open-api.123pan.com", &emulator.url());
        let said = bash(&home, &emulator, &["-euc", &script]);
        assert_eq!(said.exit, 0, "{script}\n{}", said.stderr);
        count += 1;
    }
    assert!(count >= 4, "{count} blocks");
    assert_eq!(emulator.token_requests(), 1);
}

#[test]
fn the_example_script_prints_the_reply_or_says_why_there_is_none() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/user_info.sh");
    let emulator = Emulator::builder().start().unwrap();
    let said = bash(&folder("script"), &emulator, &[script]);
    assert_eq!((said.exit, &*said.stderr), (0, ""));
    assert!(said.stdout.contains("\"code\":0"), "{}", said.stdout);

    // Too many requests will pass; what was refused won't.
    for (fault, exit) in [("code:429", 0), ("code:1", 77)] {
        let fault = fault.parse().unwrap();
        let emulator = Emulator::builder().fault(fault).start().unwrap();
        let said = bash(&folder("script-fault"), &emulator, &[script]);
        assert_eq!((said.exit, &*said.stdout), (exit, ""));
        assert_eq!(said.stderr.lines().count(), 1, "{}", said.stderr);
    }
}
