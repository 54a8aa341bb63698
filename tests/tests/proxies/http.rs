//! What an HTTP proxy is asked.

use crate::emulator;
use crate::exchange::Exchange;
use crate::test_proxy::TestProxy;
use crate::{BASIC, LOGIN};

#[test]
fn an_http_proxy_is_asked_for_a_tunnel() {
    let emulator = emulator();
    let proxy = TestProxy::to(&emulator);
    let target = format!("CONNECT localhost:{} HTTP/1.1", emulator.addr().port());
    for value in [
        proxy.url("http"),
        proxy.url("HTTP"),
        // A proxy without a scheme is an http one.
        proxy.address.to_string(),
        format!("{}/", proxy.url("http")),
    ] {
        let exchange = Exchange::with(&emulator).variable("HTTPS_PROXY", value);
        exchange.run(|ended| {
            ended.assert_token(&emulator);
            assert_eq!(proxy.asked(), [&*target], "{}", ended.whose);
        });
    }
}

#[test]
fn an_http_proxy_is_told_the_password_decoded() {
    let emulator = emulator();
    let proxy = TestProxy::to(&emulator);
    let address = proxy.address;
    for (value, authorization) in [
        (proxy.url_with_login("http"), BASIC),
        (format!("{LOGIN}@{address}"), BASIC),
        // No password: `user:`.
        (format!("http://user@{address}"), "Basic dXNlcjo="),
        // An @ that should have been encoded: `user:p@ss`.
        (format!("http://user:p@ss@{address}"), "Basic dXNlcjpwQHNz"),
    ] {
        let exchange = Exchange::with(&emulator).variable("HTTPS_PROXY", value);
        exchange.run(|ended| {
            ended.assert_token(&emulator);
            let asked = proxy.asked();
            assert!(asked[0].starts_with("CONNECT localhost:"), "{asked:?}");
            let header = format!("Proxy-Authorization: {authorization}");
            assert_eq!(asked[1..], [header], "{}", ended.whose);
        });
    }
}
