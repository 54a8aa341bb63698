//! What may be read and trusted: certificates, secrets in files, plain http, proxies.

#[cfg(all(target_os = "linux", feature = "platform-verifier"))]
use std::path::Path;
use std::process::Command;
#[cfg(unix)]
use std::time::{Duration, Instant};

use pan123_emulator::{CLIENT_ID, CLIENT_SECRET, Emulator};
use pan123_token_tests::scripted::ScriptedServer;

use super::{command, file, folder, run, with_credentials};

const GOOD: &str = "HTTP/1.1 200 OK\r\ndate: Sun, 23 Feb 2025 07:48:37 GMT\r\n\r\n\
    {\"code\":0,\"data\":{\"accessToken\":\"a.b.c\",\"expiredAt\":\"2025-03-23T15:48:37+08:00\"}}";

#[test]
fn the_secret_may_be_in_a_file_that_the_environment_names() {
    let secret = file("named-secret", b"another-secret\n");
    let server = ScriptedServer::reply(GOOD);
    let mut get = command(&["get", "--client-id", "x", "--base-url", &server.url()]);
    let said = run(get.env("PAN123_CLIENT_SECRET_FILE", &secret));
    assert_eq!(
        (said.exit, &*said.stdout),
        (0, "a.b.c\n"),
        "{}",
        said.stderr
    );
    assert_eq!(
        server.received()[0].body,
        br#"{"clientID":"x","clientSecret":"another-secret"}"#
    );
    // An empty one is as good as none.
    let mut get = command(&["get", "--client-id", "x"]);
    let said = run(get.env("PAN123_CLIENT_SECRET_FILE", ""));
    assert_eq!(said.exit, 64);
    assert!(said.one_line().starts_with("no client secret"));
}

#[test]
fn the_secret_itself_stands_before_the_name_of_its_file() {
    let server = ScriptedServer::reply(GOOD);
    let mut get = with_credentials(&["get", "--base-url", &server.url()]);
    let said = run(get.env("PAN123_CLIENT_SECRET_FILE", "/no/such/file"));
    assert_eq!(said.exit, 0, "{}", said.stderr);
}

#[test]
fn certificates_may_be_in_a_file_that_the_environment_names() {
    let emulator = Emulator::builder().tls().start().unwrap();
    let ca = file("named-ca.pem", emulator.ca_pem().unwrap().as_bytes());
    let get = |name: &str| {
        let mut get = command(&["get", "--base-url", &emulator.url()]);
        get.env("PAN123_CLIENT_ID", CLIENT_ID)
            .env("PAN123_CLIENT_SECRET", CLIENT_SECRET)
            .env(name, &ca);
        run(&mut get)
    };
    let said = get("PAN123_CA_FILE");
    assert_eq!(said.exit, 0, "{}", said.stderr);
    // That one is for the store.
    let said = get("PAN123_STORE_CA_FILE");
    assert_eq!(said.exit, 69, "{}", said.stderr);
    assert!(said.one_line().starts_with("TLS failed"));
}

#[cfg(all(target_os = "linux", feature = "platform-verifier"))]
#[test]
fn certificates_that_the_system_trusts_are_trusted() {
    let emulator = Emulator::builder().tls().start().unwrap();
    let ca = file("system-ca.pem", emulator.ca_pem().unwrap().as_bytes());
    let other = Emulator::builder().tls().start().unwrap();
    let other_ca = file("system-other-ca.pem", other.ca_pem().unwrap().as_bytes());
    let get = |system: &Path, arguments: &[&str]| {
        let mut get = command(&["get", "--base-url", &emulator.url()]);
        get.args(arguments)
            .env("PAN123_CLIENT_ID", CLIENT_ID)
            .env("PAN123_CLIENT_SECRET", CLIENT_SECRET)
            .env("SSL_CERT_FILE", system);
        run(&mut get)
    };
    let said = get(&ca, &[]);
    assert_eq!(said.exit, 0, "{}", said.stderr);
    let said = get(&other_ca, &[]);
    assert_eq!(said.exit, 69, "{}", said.stderr);
    assert!(said.one_line().starts_with("TLS failed"));
    // A file that is named to the command stands before the system's.
    let said = get(&ca, &["--ca-file", other_ca.to_str().unwrap()]);
    assert_eq!(said.exit, 69, "{}", said.stderr);
}

#[test]
fn certificates_for_the_store_and_for_the_platform_are_told_apart() {
    let noise = file("store-noise.pem", b"no certificate");
    let noise = noise.to_str().unwrap();
    let store = "rediss://127.0.0.1:1";
    let server = ScriptedServer::reply(GOOD);
    // A file that is no good for the store is named, and one for the platform isn't looked at for the store.
    for (option, exit) in [("--store-ca-file", 64), ("--ca-file", 74)] {
        let status = [
            "status",
            "--client-id",
            "x",
            "--store",
            store,
            option,
            noise,
        ];
        let said = run(command(&status).args(["--timeout", "2", "--base-url", &server.url()]));
        assert_eq!(said.exit, exit, "{option}: {}", said.stderr);
    }
    let mut status = command(&["status", "--client-id", "x", "--store", store]);
    let said = run(status.env("PAN123_STORE_CA_FILE", noise));
    assert_eq!(said.exit, 64, "{}", said.stderr);
    assert!(said.one_line().contains("store-noise.pem"));
}

#[cfg(unix)]
#[test]
fn a_pipe_that_nothing_writes_to_is_waited_for_no_longer_than_the_timeout() {
    let fifo = folder("fifo").join("fifo");
    let made = Command::new("mkfifo").arg(&fifo).status().unwrap();
    assert!(made.success());
    let fifo = fifo.to_str().unwrap();
    for option in ["--ca-file", "--client-secret-file"] {
        let begun = Instant::now();
        let said = run(&mut with_credentials(&[
            "get",
            "--timeout",
            "0.5",
            option,
            fifo,
        ]));
        assert_eq!(said.exit, 64, "{}", said.stderr);
        assert!(
            said.one_line()
                .contains("hasn't come to its end within 500ms"),
            "{}",
            said.stderr
        );
        assert!(begun.elapsed() < Duration::from_secs(5));
    }
}

#[test]
fn http_to_any_host_may_be_allowed_by_the_environment() {
    let get = ["get", "--base-url", "http://emulator.invalid:18081"];
    let with = |value: &str| run(with_credentials(&get).env("PAN123_INSECURE_HTTP", value));
    for value in ["", "0"] {
        let said = with(value);
        assert_eq!(said.exit, 64);
        let line = said.one_line();
        assert!(
            line.contains("--insecure-http") && line.contains("PAN123_INSECURE_HTTP=1"),
            "{line}"
        );
    }
    let said = with("1");
    assert_eq!(said.exit, 69, "{}", said.stderr);
    let said = with("yes");
    assert_eq!(said.exit, 64);
    assert_eq!(said.one_line(), "PAN123_INSECURE_HTTP takes 1, or nothing");
}

#[test]
fn a_proxy_variable_that_can_not_be_read_is_64_and_not_shown() {
    for name in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"] {
        if cfg!(windows) && name == "https_proxy" {
            // There it is the same as the first.
            continue;
        }
        for arguments in [&["get"][..], &["api", "/x"]] {
            let mut command = with_credentials(arguments);
            let said = run(command.env(name, "gopher://SENTINEL-secret@x"));
            assert_eq!(said.exit, 64, "{name}: {}", said.stderr);
            assert!(said.one_line().contains(name), "{}", said.stderr);
        }
    }
}

#[test]
fn a_password_among_the_arguments_is_warned_of() {
    // Nothing listens there, and after a while `get` goes on without it.
    let url = "redis://user:SENTINEL-secret@127.0.0.1:1";
    let warnings = |command: &mut Command| {
        let server = ScriptedServer::reply(GOOD);
        let home = folder("warned-home");
        command.args(["--timeout", "3", "--base-url", &server.url()]);
        let said = run(command.env("HOME", home));
        assert_eq!(said.exit, 0, "{}", said.stderr);
        let lines = said.stderr.lines();
        lines
            .filter(|line| line.contains("(ps shows arguments)"))
            .count()
    };
    assert_eq!(warnings(&mut with_credentials(&["get", "--store", url])), 1);
    let mut get = with_credentials(&["get"]);
    assert_eq!(warnings(get.env("PAN123_TOKEN_STORE", url)), 0);
}
