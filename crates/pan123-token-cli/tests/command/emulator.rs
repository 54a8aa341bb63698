//! The emulator inside of `get`, and one with TLS.

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
