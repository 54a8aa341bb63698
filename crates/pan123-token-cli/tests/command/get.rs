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
        (
            "header",
            "Authorization: Bearer a.b.c\nPlatform: open_platform\n",
        ),
        (
            "env",
            "PAN123_ACCESS_TOKEN=a.b.c\nPAN123_EXPIRES_AT=2025-03-23T07:48:37Z\n",
        ),
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

#[cfg(unix)]
#[test]
fn what_a_shell_evaluates_is_the_token_whatever_is_in_it() {
    let token: String = ('!'..='~').collect();
    let reply = GOOD.replace("a.b.c", &token.replace('\\', r"\\").replace('"', "\\\""));
    let server = ScriptedServer::reply(reply);
    let get = ["get", "--format", "env", "--base-url", &server.url()];
    let said = run(&mut with_credentials(&get));
    assert_eq!(said.exit, 0, "{}", said.stderr);
    let shell = std::process::Command::new("sh")
        .args([
            "-c",
            r#"eval "$1"; printf '%s %s' "$PAN123_ACCESS_TOKEN" "$PAN123_EXPIRES_AT""#,
        ])
        .args(["sh", &said.stdout])
        .output()
        .unwrap();
    let evaluated = String::from_utf8(shell.stdout).unwrap();
    assert_eq!(evaluated, format!("{token} 2025-03-23T07:48:37Z"));
}

#[test]
fn a_token_that_has_expired_by_the_servers_clock_is_76() {
    let reply = GOOD.replace("Sun, 23 Feb", "Mon, 24 Mar");
    let server = ScriptedServer::reply(&*reply);
    let said = run(&mut with_credentials(&["get", "--base-url", &server.url()]));
    assert_eq!(said.exit, 76);
    assert_eq!(
        said.one_line(),
        "the platform sent a token that has already expired by its own clock (expires at 2025-03-23T07:48:37Z, sent at \
         2025-03-24T07:48:37Z); report it to the platform's support"
    );
    let server = ScriptedServer::reply(&*reply);
    let get = ["get", "--format", "json", "--base-url", &server.url()];
    let said = run(&mut with_credentials(&get));
    assert_eq!(said.exit, 76);
    assert_eq!(said.json()["error"]["kind"], "malformed");
}

#[test]
fn a_token_that_has_expired_by_this_hosts_clock_alone_is_printed_with_a_warning() {
    // Without a `Date`, or with one that counts for nothing, nothing but this host's clock can tell.
    let no_date = GOOD.replace("date: Sun, 23 Feb 2025 07:48:37 GMT\r\n", "");
    let odd_date = GOOD.replace("Sun, 23 Feb 2025", "Thu, 23 Feb 2023");
    for reply in [no_date, odd_date] {
        let server = ScriptedServer::reply(&*reply);
        let said = run(&mut with_credentials(&["get", "--base-url", &server.url()]));
        assert_eq!((said.exit, &*said.stdout), (0, "a.b.c\n"));
        assert_eq!(
            said.stderr,
            "pan123-token: warning: by this host's clock, the token that the server sent has already expired; set the clock \
             right\n"
        );
        let server = ScriptedServer::reply(&*reply);
        let get = ["get", "--format", "json", "--base-url", &server.url()];
        let said = run(&mut with_credentials(&get));
        assert_eq!(said.exit, 0);
        assert_eq!(said.json()["expired"], true);
    }
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

/// What `>&-` of a shell leaves is opened anew by the standard library, before `main`.
#[cfg(unix)]
#[test]
fn a_closed_stdout_is_74_before_a_token_is_lost() {
    use super::folder;
    use pan123_emulator::{CLIENT_ID, CLIENT_SECRET, Emulator};

    let emulator = Emulator::builder().start().unwrap();
    let get = |script: &str, store: &str| {
        let script = format!("exec \"$0\" get {script}");
        let mut shell = std::process::Command::new("sh");
        shell
            .args(["-c", &script, env!("CARGO_BIN_EXE_pan123-token")])
            .env_clear()
            .env("PAN123_BASE_URL", emulator.url())
            .env("PAN123_CLIENT_ID", CLIENT_ID)
            .env("PAN123_CLIENT_SECRET", CLIENT_SECRET)
            .env("PAN123_TOKEN_STORE", store);
        run(&mut shell)
    };
    for script in [">&-", "--format json >&-", ">&- <&-", "1<>/dev/null"] {
        let said = get(script, "none");
        assert_eq!(said.exit, 74, "{script}: {}", said.stderr);
        assert!(
            said.one_line().starts_with("stdout is closed"),
            "{script}: {}",
            said.stderr
        );
    }
    assert_eq!(emulator.token_requests(), 0);
    // It was closed for a reason, and the next run finds the token.
    let kept = format!("file:{}", folder("closed-stdout").join("x").display());
    for (script, store) in [(">&-", &*kept), ("", &*kept), (">/dev/null", "none")] {
        let said = get(script, store);
        assert_eq!((said.exit, &*said.stderr), (0, ""), "{script}");
    }
    assert_eq!(emulator.token_requests(), 2);
}
