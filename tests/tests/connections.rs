//! Connections that fail: at each stage, through each adapter, and what comes out.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::error::Error as _;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::time::{Duration, Instant};

use pan123_emulator::Emulator;
use pan123_token::{BaseUrl, Credentials, ErrorKind, FetchError, GetAccessToken, Grant};
use pan123_token_support::scripted_server::{Script, ScriptedServer};
use pan123_token_tests::adapters;

const LONG: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(300);

fn operation(base_url: &str) -> GetAccessToken {
    GetAccessToken::new(Credentials::new("id", "SENTINEL-secret").unwrap())
        .with_base_url(base_url.parse().unwrap())
}

/// Runs a script through each adapter and checks what is the same for all: bounded time, one line, no secret.
fn through_all(
    script: &Script,
    timeout: Duration,
    check: impl Fn(&str, Result<Grant, FetchError>),
) {
    for (adapter, fetch) in adapters::ALL {
        let server = ScriptedServer::start([script.clone()]);
        let started = Instant::now();
        let result = fetch(&operation(&server.url()), timeout);
        assert!(
            started.elapsed() < timeout + Duration::from_secs(5),
            "{adapter} took {:?}",
            started.elapsed()
        );
        if let Err(error) = &result {
            for text in [
                error.to_string(),
                format!("{error:?}"),
                format!("{error:#?}"),
            ] {
                assert!(!text.contains("SENTINEL"), "{adapter}: {text}");
            }
            assert!(!error.to_string().contains(char::is_control), "{adapter}");
        }
        check(adapter, result);
        assert!(server.received().len() <= 1, "{adapter} asked again");
    }
}

fn reply(head: &str, body: impl AsRef<[u8]>) -> Script {
    Script::Reply([head.as_bytes(), b"\r\n\r\n", body.as_ref()].concat())
}

#[test]
fn a_refused_connection_is_a_connect_error() {
    // Bound and dropped: nothing listens there now.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    for (adapter, fetch) in adapters::ALL {
        let error = fetch(&operation(&url), LONG).unwrap_err();
        assert_eq!(error.kind(), "connect", "{adapter}: {error}");
        assert!(error.is_retryable());
        assert!(error.to_string().contains("onnection refused"), "{error}");
        // A program that walks the chain finds the I/O error.
        let source = error.source().and_then(|it| it.downcast_ref::<io::Error>());
        let kind = source.map(io::Error::kind);
        assert_eq!(kind, Some(io::ErrorKind::ConnectionRefused), "{adapter}");
    }
}

#[test]
fn a_name_that_does_not_resolve_is_a_connect_error() {
    for (adapter, fetch) in adapters::ALL {
        let error = fetch(&operation("https://no-such-host.invalid"), LONG).unwrap_err();
        assert_eq!(error.kind(), "connect", "{adapter}: {error}");
    }
}

#[test]
fn a_server_that_speaks_no_tls_is_a_tls_error() {
    for (adapter, fetch) in adapters::ALL {
        // It answers the client's hello as a plain HTTP server does.
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let server = std::thread::spawn(move || {
            use std::io::{Read, Write};
            let (mut connection, _) = listener.accept().unwrap();
            let _ = connection.read(&mut [0; 4096]);
            let _ = connection.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
            let _ = connection.read(&mut [0; 4096]);
        });
        let error = fetch(&operation(&url), LONG).unwrap_err();
        server.join().unwrap();
        assert_eq!(error.kind(), "tls", "{adapter}: {error}");
        assert!(!error.is_retryable());
    }
}

#[test]
fn a_certificate_that_is_not_trusted_is_a_tls_error() {
    let emulator = Emulator::builder().tls().start().unwrap();
    for (adapter, fetch) in adapters::ALL {
        let error = fetch(&operation(&emulator.url()), LONG).unwrap_err();
        assert_eq!(error.kind(), "tls", "{adapter}: {error}");
        assert!(error.to_string().contains("UnknownIssuer"), "{error}");
    }
    assert_eq!(emulator.token_requests(), 0);
}

#[test]
fn a_server_that_is_silent_or_drips_is_a_timeout() {
    let drip =
        |first: &[u8]| Script::Drip(first.to_vec(), vec![b' '; 100], Duration::from_millis(50));
    for script in [
        Script::Silence,
        drip(b"HTTP/1.1 200"),
        drip(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n"),
    ] {
        through_all(&script, SHORT, |adapter, result| {
            let error = result.unwrap_err();
            assert_eq!(error, FetchError::Timeout(SHORT), "{adapter}: {error}");
            assert!(error.is_retryable());
        });
    }
}

#[test]
fn a_timeout_of_nothing_is_a_timeout() {
    through_all(&Script::Silence, Duration::ZERO, |adapter, result| {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), "timeout", "{adapter}: {error}");
    });
}

#[test]
fn the_longest_timeout_there_is_does_not_overflow() {
    let script = reply("HTTP/1.1 204 No Content", "");
    for (adapter, fetch) in adapters::ALL {
        let server = ScriptedServer::start([script.clone()]);
        let error = fetch(&operation(&server.url()), Duration::MAX).unwrap_err();
        assert_eq!(error.kind(), "not_api", "{adapter}: {error}");
    }
}

#[test]
fn a_body_that_breaks_off_under_a_good_status_is_a_body_error() {
    let script = reply("HTTP/1.1 200 OK\r\ncontent-length: 100", r#"{"code":0"#);
    through_all(&script, LONG, |adapter, result| {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), "body", "{adapter}: {error}");
        assert!(error.is_retryable());
    });
}

#[test]
fn a_body_that_breaks_off_under_a_bad_status_is_judged_by_the_status() {
    for (status, kind) in [
        ("429 Too Many Requests", ErrorKind::RateLimited),
        ("503 Service Unavailable", ErrorKind::Unavailable),
        ("403 Forbidden", ErrorKind::NotApi),
    ] {
        let head = format!("HTTP/1.1 {status}\r\nretry-after: 7\r\ncontent-length: 100");
        let script = reply(&head, r#"{"code":0"#);
        through_all(&script, LONG, |adapter, result| {
            let error = result.unwrap_err();
            let verdict = error
                .response()
                .unwrap_or_else(|| panic!("{adapter}: {error}"));
            assert_eq!(verdict.kind(), kind, "{adapter}");
            assert_eq!(
                verdict.retry_after(),
                Some(Duration::from_secs(7)),
                "{adapter}"
            );
        });
    }
}

#[test]
fn a_body_that_drips_under_a_bad_status_is_judged_by_the_status() {
    let script = Script::Drip(
        b"HTTP/1.1 429 Too Many Requests\r\nretry-after: 7\r\ncontent-length: 100\r\n\r\n".to_vec(),
        vec![b' '; 100],
        Duration::from_millis(50),
    );
    through_all(&script, SHORT, |adapter, result| {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), "rate_limited", "{adapter}: {error}");
        assert_eq!(
            error.retry_after(),
            Some(Duration::from_secs(7)),
            "{adapter}"
        );
    });
}

#[test]
fn a_chunked_body_that_breaks_off_is_a_body_error() {
    let script = reply(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked",
        "9\r\n{\"code\":0\r\n",
    );
    through_all(&script, LONG, |adapter, result| {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), "body", "{adapter}: {error}");
    });
}

#[test]
fn a_connection_that_closes_before_any_reply_is_a_body_error() {
    through_all(&Script::Reply(Vec::new()), LONG, |adapter, result| {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), "body", "{adapter}: {error}");
    });
}

#[test]
fn a_connection_that_is_reset_is_a_body_error() {
    through_all(&Script::Reset(Vec::new()), LONG, |adapter, result| {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), "body", "{adapter}: {error}");
    });
}

#[test]
fn what_is_no_http_is_a_body_error() {
    for bytes in [
        &b"SSH-2.0-OpenSSH_9.2\r\n"[..],
        b"\x15\x03\x01\x00\x02\x02\x28",
        b"HTTP/1.1 xyz OK\r\n\r\n",
    ] {
        through_all(&Script::Reply(bytes.to_vec()), LONG, |adapter, result| {
            let error = result.unwrap_err();
            assert_eq!(error.kind(), "body", "{adapter}: {error}");
        });
    }
}

#[test]
fn a_head_without_end_is_a_body_error() {
    let head = format!("HTTP/1.1 200 OK\r\nx: {}", "x".repeat(1 << 20));
    through_all(&reply(&head, "{}"), LONG, |adapter, result| {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), "body", "{adapter}: {error}");
    });
}

#[test]
fn a_body_of_10_mib_is_refused_after_64_kib() {
    for (head, kind) in [
        ("HTTP/1.1 200 OK\r\ncontent-length: 10485760", "too_large"),
        // No length, so the end of the connection is the end of the body.
        ("HTTP/1.1 200 OK", "too_large"),
        (
            "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 10485760",
            "unavailable",
        ),
        (
            "HTTP/1.1 404 Not Found\r\ncontent-length: 10485760",
            "not_api",
        ),
    ] {
        through_all(
            &reply(head, vec![b' '; 10 << 20]),
            LONG,
            |adapter, result| {
                let error = result.unwrap_err();
                assert_eq!(error.kind(), kind, "{adapter}: {error}");
            },
        );
    }
}

#[test]
fn a_content_length_that_lies_is_not_trusted() {
    let script = reply(
        "HTTP/1.1 200 OK\r\ncontent-length: 18446744073709551615",
        "{}",
    );
    through_all(&script, LONG, |adapter, result| {
        let error = result.unwrap_err();
        assert!(
            ["body", "not_api"].contains(&error.kind()),
            "{adapter}: {error}"
        );
    });
}

#[test]
fn a_redirect_is_reported_and_not_followed() {
    let target = ScriptedServer::reply("HTTP/1.1 200 OK\r\n\r\n");
    for status in [301, 302, 303, 307, 308] {
        let head = format!(
            "HTTP/1.1 {status} Moved\r\nlocation: {}/elsewhere\r\ncontent-length: 0",
            target.url()
        );
        through_all(&reply(&head, ""), LONG, |adapter, result| {
            let error = result.unwrap_err();
            let verdict = error
                .response()
                .unwrap_or_else(|| panic!("{adapter}: {error}"));
            assert_eq!(verdict.kind(), ErrorKind::NotApi, "{adapter}");
            assert_eq!(verdict.status(), status, "{adapter}");
            assert!(
                error.to_string().contains("a redirect"),
                "{adapter}: {error}"
            );
        });
    }
    assert!(target.received().is_empty(), "the secret went elsewhere");
}

#[test]
fn an_interim_response_is_passed_over() {
    let script = reply(
        "HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 42",
        r#"{"code":5,"message":"no","x-traceID":"t1"}"#,
    );
    through_all(&script, LONG, |adapter, result| {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), "refused", "{adapter}: {error}");
    });
}

#[test]
fn both_adapters_get_a_token_over_tls_with_a_certificate_of_their_own() {
    let emulator = Emulator::builder().tls().start().unwrap();
    let pem = emulator.ca_pem().unwrap().as_bytes();
    let base_url: BaseUrl = emulator.url().parse().unwrap();
    let credentials =
        Credentials::new(pan123_emulator::CLIENT_ID, pan123_emulator::CLIENT_SECRET).unwrap();
    let operation = GetAccessToken::new(credentials).with_base_url(base_url);

    let client = pan123_token_hyper::Client::builder()
        .no_proxy()
        .ca_pem(pem)
        .unwrap()
        .build()
        .unwrap();
    let grant = adapters::block_on(pan123_token_hyper::fetch(&client, &operation, LONG)).unwrap();
    assert!(grant.lifetime().is_some());

    let agent = pan123_token_ureq::AgentBuilder::default()
        .no_proxy()
        .ca_pem(pem)
        .unwrap()
        .build()
        .unwrap();
    pan123_token_ureq::fetch(&agent, &operation, LONG).unwrap();

    let live = emulator.live_tokens(pan123_emulator::CLIENT_ID);
    assert_eq!(live[0], grant.token.secret());
    assert_eq!(live.len(), 2);
}

#[test]
fn a_pem_without_a_certificate_is_refused() {
    let key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    let noise = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for pem in ["", "no PEM", key, noise, "-----BEGIN CERTIFICATE-----\n"] {
        let pem = pem.as_bytes();
        pan123_token_hyper::Client::builder()
            .ca_pem(pem)
            .unwrap_err();
        pan123_token_ureq::AgentBuilder::default()
            .ca_pem(pem)
            .unwrap_err();
    }
}
