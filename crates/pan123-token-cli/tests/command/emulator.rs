//! The emulator, from inside of `get` and as a command of its own.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::Child;

use pan123_emulator::{CLIENT_ID, CLIENT_SECRET, Emulator};

use super::{command, file, run};

#[test]
fn get_emulate_needs_nothing_and_prints_a_token() {
    let said = run(command(&["get", "--emulate"])
        // Not for this one, and so not looked at.
        .env("PAN123_BASE_URL", "nonsense")
        .env("PAN123_TOKEN_STORE", "nonsense")
        .env("ALL_PROXY", "http://127.0.0.1:1"));
    assert_eq!(said.exit, 0, "{}", said.stderr);
    assert_eq!(said.stderr, "");
    let token = said.stdout.strip_suffix('\n').unwrap();
    assert_eq!(token.split('.').count(), 3, "a JWT has three parts");
    assert!(token.starts_with("eyJ"));
    // What has nothing to do there does no harm.
    let said = run(&mut command(&[
        "get",
        "--emulate",
        "--store",
        "none",
        "--insecure-http",
    ]));
    assert_eq!(said.exit, 0, "{}", said.stderr);
}

#[test]
fn a_token_comes_over_tls_with_a_certificate_of_ones_own() {
    let emulator = Emulator::builder().tls().start().unwrap();
    let ca = file("ca.pem", emulator.ca_pem().unwrap().as_bytes());
    let url = emulator.url();
    let get = |arguments: &[&str]| {
        run(command(&[&["get", "--base-url", &url], arguments].concat())
            .env("PAN123_CLIENT_ID", CLIENT_ID)
            .env("PAN123_CLIENT_SECRET", CLIENT_SECRET))
    };
    let said = get(&["--ca-file", ca.to_str().unwrap()]);
    assert_eq!(said.exit, 0, "{}", said.stderr);
    assert_eq!(said.stdout.trim(), emulator.live_tokens(CLIENT_ID)[0]);

    let said = get(&[]);
    assert_eq!(said.exit, 69);
    assert!(
        said.one_line().starts_with("TLS failed: "),
        "{}",
        said.stderr
    );
    let said = get(&["--format", "json"]);
    assert_eq!(said.json()["error"]["kind"], "tls");
    assert_eq!(emulator.token_requests(), 1);
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_without_end_is_64() {
    for (option, says) in [
        ("--ca-file", "it has more than 1 MiB"),
        ("--client-secret-file", "it has more than 1024 bytes"),
    ] {
        let said = run(command(&["get", option, "/dev/zero"])
            .env("PAN123_CLIENT_ID", "x")
            .env("PAN123_CLIENT_SECRET", "x"));
        assert_eq!(said.exit, 64);
        assert!(said.one_line().contains(says), "{}", said.stderr);
    }
}

#[test]
fn a_file_without_a_certificate_is_64() {
    let noise = file("noise.pem", b"no certificate");
    let said = run(command(&["get", "--ca-file", noise.to_str().unwrap()])
        .env("PAN123_CLIENT_ID", "x")
        .env("PAN123_CLIENT_SECRET", "x"));
    assert_eq!(said.exit, 64);
    assert!(
        said.one_line()
            .contains("there is no certificate in the PEM"),
        "{}",
        said.stderr
    );
}

/// `emulate`, until it is dropped.
struct Running {
    child: Child,
    url: String,
}

impl Running {
    fn start(arguments: &[&str]) -> Self {
        let mut child = command(&[&["emulate"], arguments].concat())
            .spawn()
            .unwrap();
        let mut url = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut url)
            .unwrap();
        Self {
            child,
            url: url.trim_end().to_owned(),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn emulate_serves_until_it_is_killed_and_plays_its_faults() {
    let emulator = Running::start(&[
        "--rate",
        "0",
        "--fault",
        "code:429",
        "--fault",
        "status:503",
        "--fault",
        "null-data",
    ]);
    let get = || {
        run(command(&["get", "--base-url", &emulator.url])
            .env("PAN123_CLIENT_ID", CLIENT_ID)
            .env("PAN123_CLIENT_SECRET", CLIENT_SECRET))
    };
    assert_eq!(get().exit, 75);
    assert_eq!(get().exit, 69);
    assert_eq!(get().exit, 76);
    let said = get();
    assert_eq!(said.exit, 0, "{}", said.stderr);
    assert!(said.stdout.starts_with("eyJ"));
}

#[test]
fn an_address_that_is_taken_is_74() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let said = run(&mut command(&["emulate", "--listen", &address]));
    assert_eq!(said.exit, 74);
    assert!(
        said.one_line().contains("can't start the emulator"),
        "{}",
        said.stderr
    );
}
