//! How a failed exchange is reported, whatever carried it out.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::error::Error;
use std::fmt;
use std::io;
use std::time::Duration;

use pan123_token::http::Response;
use pan123_token::{Credentials, FetchError, GetAccessToken};

fn operation() -> GetAccessToken {
    GetAccessToken::new(Credentials::new("my-id", "SENTINEL-secret").unwrap())
}

fn reply(status: u16, body: &str) -> FetchError {
    let response = Response::builder().status(status).body(body).unwrap();
    operation().parse_response(&response).unwrap_err().into()
}

#[test]
fn every_failure_has_its_kind_its_advice_and_its_line() {
    for (error, kind, retryable, may_have_issued, line) in [
        (
            FetchError::Connect("why".into()),
            "connect",
            true,
            false,
            "no connection: why; check the network, the base URL and any proxy",
        ),
        (
            FetchError::Tls("why".into()),
            "tls",
            false,
            false,
            "TLS failed: why; check the base URL, any proxy and the trusted certificates",
        ),
        (
            FetchError::Timeout(Duration::from_millis(1500)),
            "timeout",
            true,
            true,
            "no whole reply within 1.5s; try again later, or allow more time",
        ),
        (
            FetchError::Body("why".into()),
            "body",
            true,
            true,
            "no whole reply: why; try again later, or check the base URL",
        ),
        (
            FetchError::Panicked("why".into()),
            "internal",
            true,
            true,
            "the HTTP client panicked: why; mend the client, or how it is set up",
        ),
        (
            reply(503, ""),
            "unavailable",
            true,
            false,
            "the platform is unavailable (HTTP 503); try again later",
        ),
    ] {
        assert_eq!(error.kind(), kind);
        assert_eq!(error.is_retryable(), retryable, "{kind}");
        assert_eq!(error.may_have_issued(), may_have_issued, "{kind}");
        assert_eq!(error.to_string(), line);
        assert!(error.source().is_none());
        assert_eq!(error.response().is_some(), kind == "unavailable");
        assert_eq!(error.retry_after(), None);
    }
    let limited = Response::builder()
        .status(429)
        .header("retry-after", "7")
        .body("")
        .unwrap();
    let limited: FetchError = operation().parse_response(&limited).unwrap_err().into();
    assert_eq!(limited.retry_after(), Some(Duration::from_secs(7)));
}

#[test]
fn what_tls_says_becomes_advice() {
    for (says, advice) in [
        (
            "received fatal alert: CertificateRequired",
            "the server demands a client certificate: ",
        ),
        (
            "tlsv13 alert certificate required",
            "the server demands a client certificate: ",
        ),
        (
            "certificate expired: it is not valid after 1609372800",
            "the server's certificate has expired, or the clock ",
        ),
        (
            "certificate has expired",
            "the server's certificate has expired, or the clock ",
        ),
        (
            "certificate not valid for name \"localhost\"",
            "the server's certificate is for another host: ",
        ),
        (
            "hostname mismatch",
            "the server's certificate is for another host: ",
        ),
        (
            "Other(OtherError(CaUsedAsEndEntity))",
            "the server's certificate is self-signed: ",
        ),
        (
            "invalid peer certificate: UnknownIssuer",
            "the server's certificate is self-signed, or its CA ",
        ),
    ] {
        let line = FetchError::Tls(says.into()).to_string();
        let start = format!("TLS failed: {says}; {advice}");
        assert!(line.starts_with(&start), "{line}");
    }
}

#[test]
fn a_reply_tells_whether_a_token_may_have_been_issued() {
    for (status, body, may_have_issued) in [
        (200, "<html>", true),
        (299, "", true),
        (302, "", false),
        (404, "<html>", false),
        (429, "", false),
        (500, "", false),
        (502, "", true),
        (503, "", false),
        (504, "", true),
        (200, r#"{"code":1}"#, false),
        (200, r#"{"code":429}"#, false),
        (200, r#"{"code":0,"data":null}"#, true),
        // It went well, and came out under another status.
        (302, r#"{"code":0}"#, true),
        (429, r#"{"code":0}"#, true),
        (503, r#"{"code":0}"#, true),
    ] {
        let error = reply(status, body);
        assert_eq!(error.may_have_issued(), may_have_issued, "{error}");
    }
}

/// An error with a cause.
#[derive(Debug)]
struct Outer(&'static str, Option<Box<dyn Error>>);

impl fmt::Display for Outer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Error for Outer {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.1.as_deref()
    }
}

#[test]
fn a_cause_says_the_whole_chain_once_in_one_line_without_the_secret() {
    static LONG: [u8; 1000] = [b'x'; 1000];

    let inner = Outer(
        "sent {\"clientSecret\":\"SENTINEL-secret\"}\nthen reset",
        None,
    );
    let middle = Outer("broken", Some(Box::new(inner)));
    let outer = Outer("request broken", Some(Box::new(middle)));
    let cause = operation().cause(&outer);
    let line = "request broken: sent {\"clientSecret\":\"***\"}\u{fffd}then reset";
    assert_eq!(cause.to_string(), line);
    assert_eq!(format!("{cause:?}"), format!("{line:?}"));

    let long = str::from_utf8(&LONG).unwrap();
    let cause = operation().cause(&Outer(long, None)).to_string();
    assert_eq!(cause.chars().count(), 300);
}

/// The error and its sources, as a program walks them.
fn chain(error: &FetchError) -> Vec<&(dyn Error + 'static)> {
    let mut chain = Vec::new();
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = next {
        chain.push(error);
        next = error.source();
    }
    chain
}

fn io_error(error: &FetchError) -> Option<&io::Error> {
    chain(error).iter().find_map(|it| it.downcast_ref())
}

#[test]
fn the_source_is_the_io_error_at_the_bottom() {
    let refused = io::Error::from_raw_os_error(111);
    let outer = Outer("no way", Some(Box::new(io::Error::other(refused))));
    let error = FetchError::Connect(operation().cause(&outer));
    let found = io_error(&error).unwrap();
    assert_eq!(found.raw_os_error(), Some(111));
    assert_eq!(found.kind(), io::Error::from_raw_os_error(111).kind());

    let reset = io::Error::from(io::ErrorKind::ConnectionReset);
    let error = FetchError::Body(operation().cause(&reset));
    let found = io_error(&error).unwrap();
    assert_eq!(found.kind(), io::ErrorKind::ConnectionReset);
    assert_eq!(found.to_string(), reset.to_string());

    // Clones share it, and equality is that of what is said.
    assert_eq!(error.clone(), error);
    assert!(io_error(&error.clone()).is_some());
}

#[test]
fn without_an_io_error_there_is_no_source() {
    let outer = Outer("outer", Some(Box::new(Outer("inner", None))));
    assert!(
        FetchError::Tls(operation().cause(&outer))
            .source()
            .is_none()
    );
    assert!(FetchError::Connect("why".into()).source().is_none());
    assert!(
        FetchError::Timeout(Duration::from_secs(1))
            .source()
            .is_none()
    );
    assert!(reply(503, "").source().is_none());
}

#[test]
fn nothing_in_the_chain_shows_the_secret() {
    #[derive(Debug)]
    struct Sent(#[allow(dead_code, reason = "for its Debug")] &'static str);

    impl fmt::Display for Sent {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "sent {}", self.0)
        }
    }

    impl Error for Sent {}

    let sent = Sent(r#"{"clientID":"my-id","clientSecret":"SENTINEL-secret"}"#);
    let io = io::Error::new(io::ErrorKind::InvalidData, sent);
    let error = FetchError::Connect(operation().cause(&Outer("outer", Some(Box::new(io)))));
    let found = io_error(&error).unwrap();
    assert_eq!(found.kind(), io::ErrorKind::InvalidData);
    assert_eq!(
        found.to_string(),
        r#"sent {"clientID":"my-id","clientSecret":"***"}"#
    );
    for link in chain(&error) {
        for shown in [format!("{link}"), format!("{link:?}"), format!("{link:#?}")] {
            assert!(!shown.contains("SENTINEL"), "{shown}");
        }
    }
}
