//! Proxies that fail, and what comes out.

use std::time::Duration;

use crate::exchange::{Ended, Exchange};
use crate::test_proxy::{Answer, TestProxy};
use crate::{LOGIN, dead_address, emulator};

#[test]
fn the_error_says_with_which_status_a_proxy_refuses() {
    let emulator = emulator();
    for status in [
        "401 Unauthorized",
        "403 Forbidden",
        "407 Proxy Authentication Required",
    ] {
        let proxy = TestProxy::start(Answer::Status(status));
        let exchange = Exchange::with(&emulator).variable("ALL_PROXY", proxy.url("http"));
        exchange.run(|ended| {
            ended.assert_kind("connect");
            let Ended { whose, text, .. } = ended;
            assert!(text.contains(&status[..3]), "{whose}: {text}");
        });
    }
}

#[test]
fn a_proxy_that_fails_is_a_connect_error() {
    let emulator = emulator();
    for answer in [Answer::Refusal, Answer::Close, Answer::Noise] {
        let proxy = TestProxy::start(answer.clone());
        for scheme in ["http", "socks5h", "socks5", "socks4a", "socks4"] {
            let value = proxy.url_with_login(scheme);
            let exchange = Exchange::with(&emulator).variable("ALL_PROXY", value);
            exchange.run(|ended| {
                ended.assert_kind("connect");
                assert!(!proxy.asked().is_empty(), "{answer:?} {}", ended.whose);
            });
        }
    }
    assert!(emulator.requests().is_empty());
}

#[test]
fn a_proxy_that_is_not_there_is_a_connect_error() {
    let emulator = emulator();
    for scheme in ["http", "https", "socks5h", "socks5", "socks4a", "socks4"] {
        let dead = format!("{scheme}://{LOGIN}@{}", dead_address());
        let exchange = Exchange::with(&emulator).variable("ALL_PROXY", dead);
        exchange.run(|ended| ended.assert_kind("connect"));
    }
    assert!(emulator.requests().is_empty());
}

#[test]
fn the_error_says_that_there_is_a_proxy() {
    let emulator = emulator();
    let proxy = TestProxy::start(Answer::Refusal);
    let exchange = Exchange::with(&emulator).variable("ALL_PROXY", proxy.url_with_login("http"));
    exchange.run(|ended| {
        let Ended { whose, text, .. } = ended;
        let cause = text.strip_suffix("; check the network, the base URL and any proxy");
        assert!(cause.unwrap().contains("proxy"), "{whose}: {text}");
    });
}

#[test]
fn a_proxy_that_says_nothing_is_a_timeout() {
    let emulator = emulator();
    let proxy = TestProxy::start(Answer::Silence);
    for scheme in ["http", "socks5h", "socks4a"] {
        let value = proxy.url(scheme);
        let mut exchange = Exchange::with(&emulator).variable("ALL_PROXY", value);
        exchange.timeout = Duration::from_millis(300);
        exchange.run(|ended| ended.assert_kind("timeout"));
    }
}

#[test]
fn an_https_proxy_that_speaks_no_tls_is_a_tls_error() {
    let emulator = emulator();
    let proxy = TestProxy::start(Answer::Refusal);
    let exchange = Exchange::with(&emulator).variable("ALL_PROXY", proxy.url("https"));
    exchange.run(|ended| {
        ended.assert_kind("tls");
        // The first byte of a TLS handshake.
        assert_eq!(proxy.asked(), ["something that begins with 22"]);
    });
}
