//! `failures`: over its committed corpus, and over errors written by hand.

use std::fs;

use pan123_token_checks::failures::check;

use super::{replay, seeds};

/// Status and secret, `Retry-After`, `Date`, and an error of a client with its sources.
const FAILURES: &[&str] = &[
    "200\n\n\nerror sending request\ndns error\niNXDOMAIN",
    "400\n\n\nerror sending request: dns error\ndns error",
    "404b\n30\n\nconnection reset by \u{4}\no104",
    "429\n\n\nk0",
    "502\n4000\n\n<\u{2}>\n\u{8}\nk2",
    "503c\nSun, 23 Mar 2025 07:49:07 GMT\nSun, 23 Mar 2025 07:48:37 GMT\n\u{b}\ni\u{3}",
    "200d\n\n\nbad \u{1f}\nbad \u{1f}",
    "504\n0\n\n{\"code\":0}",
    "501\n\n\n{\"code\":0}",
    "200\n\n\n{\"code\":429}",
    "599e\n\n\no255\n\n",
    "200\n\n\n\u{7}x\u{7}",
    "200\n\n\ni\u{7}密\u{7}",
    // Whole replies of every kind.
    "200\n\n\n{\"code\":1,\"message\":\"no \u{2}\",\"x-traceID\":\"t-1\"}",
    "200\n5\n\n{\"code\":429,\"message\":\"\",\"x-traceID\":\"\"}",
    "503\n\n\n{\"code\":0,\"message\":\"ok\"}",
    "200\n\n\n{\"code\":0,\"data\":{}}",
    "200\n\n\n\u{6}{\"code\":0}",
    "2000\n\n\n\u{1}",
    "200\n\n\n",
    // What a client says of TLS.
    "200\n\n\nreceived fatal alert: CertificateRequired",
    "200\n\n\ninvalid peer certificate: certificate expired",
    "200\n\n\ncertificate not valid for name \"a\"",
    "200\n\n\niCaUsedAsEndEntity",
    "200\n\n\nunable to get local issuer certificate",
];

#[test]
fn the_corpus_holds() {
    replay("failures", check);
}

#[test]
fn the_failures_hold() {
    for failure in FAILURES {
        println!("{failure:?}");
        check(failure.as_bytes());
    }
}

/// Writes them as inputs of the fuzz target. See `fuzz/README.md`.
#[test]
#[ignore = "writes fuzz/target/seeds/failures"]
fn write_seeds() {
    let folder = seeds("failures");
    for (at, failure) in FAILURES.iter().enumerate() {
        fs::write(folder.join(at.to_string()), failure).unwrap();
    }
}
