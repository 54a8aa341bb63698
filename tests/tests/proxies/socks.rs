//! What a SOCKS proxy is told, and who resolves names.

use crate::emulator;
use crate::exchange::Exchange;
use crate::test_proxy::TestProxy;
use crate::{PASSWORD, USER};

#[test]
fn a_socks_proxy_is_told_the_name_or_the_address() {
    let emulator = emulator();
    let port = emulator.addr().port();
    let proxy = TestProxy::to(&emulator);
    for (scheme, target) in [
        ("socks5h", "SOCKS5 localhost"),
        ("socks4a", "SOCKS4a localhost"),
        // These two have the name resolved here.
        ("socks5", "SOCKS5 127.0.0.1"),
        ("socks4", "SOCKS4 127.0.0.1"),
        ("socks", "SOCKS5 127.0.0.1"),
        ("SOCKS5H", "SOCKS5 localhost"),
    ] {
        let exchange = Exchange::with(&emulator).variable("ALL_PROXY", proxy.url(scheme));
        exchange.run(|ended| {
            ended.assert_token(&emulator);
            assert_eq!(
                proxy.asked(),
                [format!("{target}:{port}")],
                "{}",
                ended.whose
            );
        });
    }
}

#[test]
fn a_socks_proxy_is_told_an_address_as_one() {
    let emulator = emulator();
    let port = emulator.addr().port();
    let proxy = TestProxy::to(&emulator);
    for (scheme, version) in [
        ("socks5h", "SOCKS5"),
        ("socks5", "SOCKS5"),
        ("socks4a", "SOCKS4"),
        ("socks4", "SOCKS4"),
    ] {
        let mut exchange = Exchange::with(&emulator).variable("ALL_PROXY", proxy.url(scheme));
        exchange.base_url = format!("https://127.0.0.1:{port}");
        exchange.run(|ended| {
            ended.assert_token(&emulator);
            let target = format!("{version} 127.0.0.1:{port}");
            assert_eq!(proxy.asked(), [target], "{}", ended.whose);
        });
    }
}

#[test]
fn a_socks5_proxy_is_told_the_password_decoded() {
    let emulator = emulator();
    let proxy = TestProxy::to(&emulator);
    let target = format!("SOCKS5 localhost:{}", emulator.addr().port());
    let login = format!("{USER}:{PASSWORD}");
    let exchange =
        Exchange::with(&emulator).variable("HTTPS_PROXY", proxy.url_with_login("socks5h"));
    exchange.run(|ended| {
        ended.assert_token(&emulator);
        assert_eq!(proxy.asked(), [&*login, &*target], "{}", ended.whose);
    });
}

#[test]
fn the_proxy_resolves_the_name() {
    let emulator = emulator();
    let proxy = TestProxy::to(&emulator);
    for (scheme, target) in [
        ("http", "CONNECT no-such-host.invalid:443 HTTP/1.1"),
        ("socks5h", "SOCKS5 no-such-host.invalid:443"),
        ("socks4a", "SOCKS4a no-such-host.invalid:443"),
    ] {
        let mut exchange = Exchange::with(&emulator).variable("ALL_PROXY", proxy.url(scheme));
        exchange.base_url = "https://no-such-host.invalid".to_owned();
        exchange.run(|ended| {
            // At the end of the tunnel is the emulator, whose certificate is for another name.
            ended.assert_kind("tls");
            assert_eq!(proxy.asked(), [target], "{}", ended.whose);
        });
    }
}

#[test]
fn a_name_that_does_not_resolve_here_is_a_connect_error() {
    let emulator = emulator();
    let proxy = TestProxy::to(&emulator);
    for scheme in ["socks5", "socks4"] {
        let mut exchange = Exchange::with(&emulator).variable("ALL_PROXY", proxy.url(scheme));
        exchange.base_url = "https://no-such-host.invalid".to_owned();
        exchange.run(|ended| {
            ended.assert_kind("connect");
            assert!(proxy.asked().is_empty(), "{}", ended.whose);
        });
    }
}
