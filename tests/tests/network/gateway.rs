//! nginx as the platform's gateway: its versions of TLS and HTTP, its own pages, its redirect, its gzip.

use std::time::Duration;

use pan123_emulator::Emulator;

use crate::nginx::{Listener, Nginx};
use crate::{ADAPTERS, kind};

const TIMEOUT: Duration = Duration::from_secs(5);

/// The path's first part, the kind of error, and how many requests reach the platform.
const TABLE: [(&str, &str, usize); 8] = [
    ("", "token", 1),
    // As no adapter asks for it, none gets it.
    ("/gzip", "token", 1),
    ("/413", "not_api", 0),
    ("/429", "rate_limited", 0),
    ("/502", "unavailable", 0),
    ("/503", "unavailable", 0),
    ("/504", "unavailable", 0),
    ("/301", "not_api", 0),
];

#[test]
#[ignore = "needs nginx"]
fn each_reply_of_a_gateway_is_told_by_its_kind_and_asked_for_once() {
    let emulator = Emulator::builder().rate(None).start().unwrap();
    let elsewhere = Emulator::builder().start().unwrap();
    let nginx = Nginx::start(&emulator, &elsewhere);
    let listeners = [
        Listener::Plain,
        Listener::Http1Tls13,
        Listener::Http2Tls12,
        Listener::Http2Tls13,
    ];
    for (name, fetch) in ADAPTERS {
        for listener in listeners {
            if name == "reqwest" && listener != Listener::Plain {
                continue;
            }
            for (path, expected, requests) in TABLE {
                let before = emulator.token_requests();
                let base_url = format!("{}{path}", nginx.url(listener));
                let got = kind(fetch, &base_url, Some(nginx.ca_pem()), TIMEOUT);
                assert_eq!(got, expected, "{name}, {listener:?}, {path}");
                let came = emulator.token_requests() - before;
                assert_eq!(came, requests, "{name}, {listener:?}, {path}");
                let line = format!("{} {path}/api/v1/access_token", spoken(name, listener));
                assert_eq!(nginx.requests(), [line], "{name}, {listener:?}, {path}");
            }
        }
    }
    assert!(elsewhere.requests().is_empty(), "the secret went elsewhere");
}

/// As nginx writes it down.
fn spoken(adapter: &str, listener: Listener) -> &'static str {
    match (listener, adapter) {
        (Listener::Plain, _) => "HTTP/1.1 -",
        (Listener::Http2Tls12, "hyper") => "HTTP/2.0 TLSv1.2",
        (Listener::Http2Tls13, "hyper") => "HTTP/2.0 TLSv1.3",
        (Listener::Http2Tls12, _) => "HTTP/1.1 TLSv1.2",
        _ => "HTTP/1.1 TLSv1.3",
    }
}
