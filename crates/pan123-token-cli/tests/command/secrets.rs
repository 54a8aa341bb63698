//! Where the client secret and the token come out, over TLS: on stdout where they belong, and nowhere else.

#[cfg(target_os = "linux")]
use std::fs;
use std::path::Path;
use std::process::Command;
#[cfg(target_os = "linux")]
use std::time::Duration;

use pan123_emulator::{Emulator, Fault};
use pan123_token_tests::pieces::Pieces;

use super::{command, file, folder, run};

const ID: &str = "sentinel-client-id";
const LONG_SECRET: &str = "zQ7vX2mB9kR4wT6yJ3nH8cL5dF1gP0sA";

fn emulator(ca_file: &str) -> (Emulator, String) {
    let emulator = Emulator::builder().client(ID, LONG_SECRET).tls();
    let emulator = emulator.start().unwrap();
    let ca = file(ca_file, emulator.ca_pem().unwrap().as_bytes());
    (emulator, ca.to_str().unwrap().to_owned())
}

/// With whatever makes other programs say more.
fn talkative(arguments: &[&str], emulator: &Emulator, ca: &str, store: &Path) -> Command {
    let mut command = command(arguments);
    command
        .args(["--base-url", &emulator.url(), "--ca-file", ca])
        .env("PAN123_CLIENT_ID", ID)
        .env("PAN123_CLIENT_SECRET", LONG_SECRET)
        .env("PAN123_TOKEN_STORE", format!("file:{}", store.display()))
        .env("RUST_LOG", "trace")
        .env("RUST_BACKTRACE", "full");
    command
}

#[test]
fn the_token_comes_out_on_stdout_where_it_was_asked_for_and_nowhere_else() {
    let (emulator, ca) = emulator("secrets-stdout-ca.pem");
    let store = folder("secrets-store");
    let with = |arguments: &[&str]| run(&mut talkative(arguments, &emulator, &ca, &store));
    let mut silent = Vec::new();
    for fault in [Fault::Echo, Fault::Reset, Fault::NoExpiry] {
        emulator.inject(fault);
        let said = with(&["get", "--timeout", "3", "--store", "none"]);
        silent.extend([said.stdout, said.stderr]);
    }
    let mut tokens = Vec::new();
    for format in ["raw", "header", "json"] {
        let said = with(&["get", "--format", format]);
        assert_eq!(said.exit, 0, "{}", said.stderr);
        tokens = emulator.live_tokens(ID);
        assert!(said.stdout.contains(tokens.last().unwrap()));
        assert_eq!(Pieces::of([LONG_SECRET]).find(said.stdout.as_bytes()), None);
        silent.push(said.stderr);
    }
    let rest: [&[&str]; 3] = [
        &["status"],
        &["api", "/api/v1/user/info"],
        &["status", "--format", "json"],
    ];
    for arguments in rest {
        let said = with(arguments);
        silent.extend([said.stdout, said.stderr]);
    }
    // A call that is refused and sent once more.
    assert!(emulator.evict(tokens.last().unwrap()));
    let said = with(&["api", "/api/v1/user/info"]);
    silent.extend([said.stdout, said.stderr]);
    tokens.extend(emulator.live_tokens(ID));
    let secrets = tokens.iter().map(String::as_str).chain([LONG_SECRET]);
    let secrets = Pieces::of(secrets);
    for text in silent {
        assert_eq!(secrets.find(text.as_bytes()), None, "{text}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_secret_in_a_file_is_neither_among_the_arguments_nor_in_the_environment() {
    let (emulator, ca) = emulator("secrets-arguments-ca.pem");
    let secret = file("secrets-secret", LONG_SECRET.as_bytes());
    emulator.inject(Fault::Delay(Duration::from_secs(60)));
    let mut get = talkative(&["get", "--store", "none"], &emulator, &ca, Path::new("/"));
    get.env_remove("PAN123_CLIENT_SECRET")
        .env("PAN123_CLIENT_SECRET_FILE", secret);
    let mut child = get.spawn().unwrap();
    // It has read the secret by the time that it asks.
    while emulator.token_requests() == 0 {
        assert!(child.try_wait().unwrap().is_none(), "it asked for no token");
        std::thread::sleep(Duration::from_millis(10));
    }
    let of_process = |name: &str| fs::read(format!("/proc/{}/{name}", child.id()));
    let secrets = Pieces::of([LONG_SECRET]);
    let arguments = of_process("cmdline").unwrap();
    assert!(!arguments.is_empty(), "nothing was looked at");
    assert_eq!(secrets.find(&arguments), None);
    // Root alone may look into it: the command is not dumpable.
    if let Ok(environment) = of_process("environ") {
        assert_eq!(secrets.find(&environment), None);
    }
    child.kill().unwrap();
    child.wait().unwrap();
}
