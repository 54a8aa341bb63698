//! `get` against servers: its output, its options, and every way in which a connection fails.

use std::time::{Duration, Instant};

use pan123_token_tests::scripted::{Script, ScriptedServer};

use super::{file, run, with_credentials};

const GOOD: &str = "HTTP/1.1 200 OK\r\ndate: Sun, 23 Feb 2025 07:48:37 GMT\r\n\r\n\
    {\"code\":0,\"data\":{\"accessToken\":\"a.b.c\",\"expiredAt\":\"2025-03-23T15:48:37+08:00\"}}";

#[test]
fn each_format_has_its_own_output() {
    for (format, stdout) in [
        ("raw", "a.b.c\n"),
        ("header", "Authorization: Bearer a.b.c\n"),
        (
            "json",
            "{\"accessToken\":\"a.b.c\",\"authorization\":\"Bearer a.b.c\",\
             \"expiresAt\":\"2025-03-23T07:48:37Z\",\"source\":\"server\"}\n",
        ),
    ] {
        let server = ScriptedServer::reply(GOOD);
        let said = run(&mut with_credentials(&[
            "get",
            "--format",
            format,
            "--base-url",
            &server.url(),
        ]));
        assert_eq!(said.exit, 0, "{}", said.stderr);
        assert_eq!(said.stdout, stdout);
        assert_eq!(said.stderr, "");
    }
}

#[test]
fn a_token_that_is_already_over_is_printed_with_a_warning() {
    let server = ScriptedServer::reply(GOOD.replace("23 Feb", "24 Mar"));
    let said = run(&mut with_credentials(&["get", "--base-url", &server.url()]));
    assert_eq!(said.exit, 0);
    assert_eq!(said.stdout, "a.b.c\n");
    assert_eq!(
        said.stderr,
        "pan123-token: warning: the token that the server sent has already expired\n"
    );
}

#[test]
fn options_stand_before_the_environment() {
    let server = ScriptedServer::reply(GOOD);
    let secret = file("the-secret", b"another-secret\n");
    let said = run(with_credentials(&[
        "get",
        "--base-url",
        &server.url(),
        "--client-id",
        "another-id",
        "--client-secret-file",
        secret.to_str().unwrap(),
    ])
    .env("PAN123_BASE_URL", "http://127.0.0.1:1"));
    assert_eq!(said.exit, 0, "{}", said.stderr);
    assert_eq!(
        server.received()[0].body,
        br#"{"clientID":"another-id","clientSecret":"another-secret"}"#
    );
}

#[test]
fn http_to_any_host_takes_insistence() {
    // A name that can't resolve: with the option it is asked for, without it isn't.
    let get = ["get", "--base-url", "http://no-such-host.invalid"];
    let said = run(&mut with_credentials(&get));
    assert_eq!(said.exit, 64);
    let said = run(&mut with_credentials(
        &[&get[..], &["--insecure-http"]].concat(),
    ));
    assert_eq!(said.exit, 69, "{}", said.stderr);
    assert!(
        said.one_line().starts_with("no connection: "),
        "{}",
        said.stderr
    );
}

#[test]
fn every_failed_connection_has_its_kind_and_its_exit_code() {
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n".to_vec();
    let cut = [&head[..], br#"{"code":0"#].concat();
    let drip = Script::Drip(head, vec![b' '; 100], Duration::from_millis(50));
    for (script, kind) in [
        (Script::Silence, "timeout"),
        (drip, "timeout"),
        (Script::Reply(cut), "body"),
        (Script::Reply(Vec::new()), "body"),
        (Script::Reset(Vec::new()), "body"),
    ] {
        let server = ScriptedServer::start([script]);
        let started = Instant::now();
        let said = run(&mut with_credentials(&[
            "get",
            "--timeout",
            "0.4",
            "--format",
            "json",
            "--base-url",
            &server.url(),
        ]));
        assert!(started.elapsed() < Duration::from_secs(5));
        assert_eq!(said.exit, 69, "{kind}: {}", said.stderr);
        assert_eq!(said.json()["error"]["kind"], kind);
    }
    let said = run(&mut with_credentials(&[
        "get",
        "--format",
        "json",
        "--base-url",
        "http://127.0.0.1:1",
    ]));
    assert_eq!(said.exit, 69);
    assert_eq!(said.json()["error"]["kind"], "connect");
}

#[test]
fn proxy_variables_do_not_send_a_loopback_request_elsewhere() {
    let server = ScriptedServer::reply(GOOD);
    let said = run(with_credentials(&["get", "--base-url", &server.url()])
        .env("ALL_PROXY", "http://127.0.0.1:1")
        .env("HTTP_PROXY", "http://127.0.0.1:1"));
    assert_eq!(said.exit, 0, "{}", said.stderr);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_under_stdout_is_74() {
    let server = ScriptedServer::reply(GOOD);
    let full = std::fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let said = run(with_credentials(&["get", "--base-url", &server.url()]).stdout(full));
    assert_eq!(said.exit, 74);
    assert!(
        said.one_line().contains("can't write to stdout"),
        "{}",
        said.stderr
    );
}
